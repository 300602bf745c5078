//! What an author wrote that cannot be read: file, line, column, what was found, what to write.
//!
//! Problems are collected, never thrown one at a time: a repository with ten broken files is told
//! about ten, in one run. A problem carries only the one line it points at, never its neighbours,
//! which may hold a secret.

use schemars::JsonSchema;
use serde::Serialize;

/// A place in a file of the repository.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, JsonSchema)]
pub struct Place {
    /// The path from the repository's root, with `/`.
    pub file: String,
    /// Counted from 1; 0 where the whole file is meant.
    pub line: usize,
    /// Counted from 1, in characters; 0 where the whole line or file is meant.
    pub column: usize,
}

impl Place {
    /// The file as a whole.
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into(), line: 0, column: 0 }
    }
}

/// One thing wrong with what an author wrote.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, JsonSchema)]
pub struct Problem {
    #[serde(flatten)]
    pub place: Place,
    /// What was found, as a sentence without a full stop: "there is no template `network.yaml`".
    pub message: String,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
    /// The line the place points at, for a caret excerpt in a terminal.
    #[serde(skip)]
    pub line_text: Option<String>,
}

impl Problem {
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), hint: None, line_text: None }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds "did you mean" where one of `known` is near `found`.
    pub fn did_you_mean<'a>(self, found: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(found, known) {
            Some(near) => self.hint(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}

/// The problems and warnings of one run, in order of file and line.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    pub errors: Vec<Problem>,
    /// Worth saying, and no reason to stop.
    pub warnings: Vec<Problem>,
}

impl Problems {
    pub fn error(&mut self, problem: Problem) {
        self.errors.push(problem);
    }

    pub fn warn(&mut self, problem: Problem) {
        self.warnings.push(problem);
    }

    /// Keeps the value, or the problem that stands in its place.
    pub fn keep<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.error(problem)).ok()
    }

    pub fn sort(&mut self) {
        self.errors.sort();
        self.errors.dedup();
        self.warnings.sort();
        self.warnings.dedup();
    }
}

/// The word among `known` that `found` was probably meant to be.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |word: &str| strsim::damerau_levenshtein(&found.to_lowercase(), &word.to_lowercase());
    let near = known.into_iter().map(|word| (distance(word), word)).min()?;
    (near.0 <= 1 + found.chars().count() / 4).then_some(near.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("Paramters", ["Template", "Parameters"]), Some("Parameters"));
        assert_eq!(nearest("Colour", ["Template", "Parameters"]), None);
    }
}
