//! Stack files that were renamed: CloudFormation cannot rename a stack, so it keeps the name of its
//! first path for as long as its entry under `moved:` stands.
//!
//! The name follows from Git alone and never from what is found in the account, so that two runs
//! mean the same stack. Its mark still names the old file; it is known by that, and gets the new one
//! together with its next real change.

use std::collections::BTreeMap;

use super::address::{Address, StackPath};
use super::dialect::Dialect;
use crate::problem::Problems;
use crate::unit::Moved;
use crate::yaml::Spanned;

/// Where the stack of a file began, by the file's path now.
#[derive(Default, Debug)]
pub(super) struct Moves(BTreeMap<String, Origin>);

/// The path under which a stack was made.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Origin {
    /// Its name ever since.
    pub(super) name: String,
    /// Every file it was declared by before, the last one first.
    pub(super) files: Vec<String>,
}

impl Moves {
    /// Reads the entries against the stack files that there are. A wrong or stale one is a problem.
    pub(super) fn read(entries: &[Moved], files: &[&str], dialect: Dialect, problems: &mut Problems) -> Self {
        let mut reader = Reader { entries, files, dialect, problems };
        let origins = entries.iter().filter_map(|entry| reader.entry(entry)).collect();
        Self(origins)
    }

    pub(super) fn of(&self, file: &str) -> Option<&Origin> {
        self.0.get(file)
    }
}

struct Reader<'a> {
    entries: &'a [Moved],
    files: &'a [&'a str],
    dialect: Dialect,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn entry(&mut self, entry: &Moved) -> Option<(String, Origin)> {
        let (from, to) = (file_of(&entry.from), file_of(&entry.to));
        let goes_on = self.entries.iter().any(|next| file_of(&next.from) == to);
        let twin = |other: &&Moved| file_of(&other.from) == from || file_of(&other.to) == to;
        if self.entries.iter().filter(twin).count() > 1 {
            self.problems.error(entry.from.problem("the same move stands here twice").hint("keep one of the two"));
            return None;
        }
        if self.files.contains(&from.as_str()) {
            let said = format!("`{}` is still declared, so it was not moved", entry.from.value);
            self.problems.error(entry.from.problem(said).hint("remove the entry, or the old file"));
            return None;
        }
        let (was, is) = (self.address(&entry.from)?, self.address(&entry.to)?);
        if (&was.account, &was.region) != (&is.account, &is.region) {
            let said = "a stack cannot move to another account or region";
            self.problems.error(entry.to.problem(said).hint("declare a new one, and remove the old one"));
            return None;
        }
        match (self.files.contains(&to.as_str()), goes_on) {
            (true, _) => self.origin(&from).map(|origin| (to, origin)),
            // A link of a longer way: whoever stands at its end follows it back.
            (false, true) => None,
            (false, false) => {
                let said = format!("nothing is declared at `{}` any more", entry.to.value);
                let near = self.files.iter().filter_map(|file| file.strip_suffix(".yaml"));
                let problem = entry.to.problem(said).did_you_mean(&entry.to.value, near);
                self.problems.error(match problem.hint {
                    Some(_) => problem,
                    None => problem.hint("remove the entry: it is out of date"),
                });
                None
            }
        }
    }

    fn address(&mut self, id: &Spanned<String>) -> Option<Address> {
        let file = file_of(id);
        let read = StackPath::split(&file).and_then(|path| path.address(self.dialect));
        match read {
            Ok((address, _)) => Some(address),
            Err(problem) => {
                self.problems.error(id.problem(format!("`{}` is no stack file: {}", id.value, problem.message)));
                None
            }
        }
    }

    /// Back to the path that no entry leads to.
    fn origin(&self, from: &str) -> Option<Origin> {
        let mut files = vec![from.to_owned()];
        let before =
            |file: &str| self.entries.iter().find(|entry| file_of(&entry.to) == file).map(|e| file_of(&e.from));
        while let Some(earlier) = files.last().and_then(|file| before(file)) {
            // Round in a circle nothing began; that the old path is declared again is told elsewhere.
            if files.contains(&earlier) {
                return None;
            }
            files.push(earlier);
        }
        let (address, _) = StackPath::split(files.last()?).and_then(|path| path.address(self.dialect)).ok()?;
        Some(Origin { name: address.name, files })
    }
}

fn file_of(id: &Spanned<String>) -> String {
    format!("{}.yaml", id.value.strip_suffix(".yaml").unwrap_or(&id.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "stacks/111122223333/eu-west-1";

    fn moved(pairs: &[(&str, &str)]) -> Vec<Moved> {
        let spanned = |path: &str| Spanned { value: format!("{AT}/{path}"), ..Spanned::default() };
        pairs.iter().map(|(from, to)| Moved { from: spanned(from), to: spanned(to) }).collect()
    }

    fn read(pairs: &[(&str, &str)], files: &[&str]) -> (Moves, Vec<String>) {
        let files: Vec<String> = files.iter().map(|file| format!("{AT}/{file}.yaml")).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let mut problems = Problems::default();
        let moves = Moves::read(&moved(pairs), &files, Dialect::Native, &mut problems);
        (moves, problems.errors.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn a_stack_keeps_the_name_of_its_first_path_however_often_it_moves() {
        let (moves, errors) = read(&[("net", "network/net"), ("network/net", "base/vpc")], &["base/vpc"]);
        assert_eq!(errors, [""; 0]);
        let origin = moves.of(&format!("{AT}/base/vpc.yaml")).expect("it moved");
        assert_eq!(origin.name, "net");
        assert_eq!(origin.files, [format!("{AT}/network/net.yaml"), format!("{AT}/net.yaml")]);
        assert_eq!(moves.of(&format!("{AT}/other.yaml")), None);
    }

    #[test]
    fn an_entry_that_is_wrong_or_out_of_date_is_told() {
        let said = |pairs: &[(&str, &str)], files: &[&str]| read(pairs, files).1.join("; ");
        assert!(
            said(&[("net", "vpc")], &["net", "vpc"]).contains("`stacks/111122223333/eu-west-1/net` is still declared")
        );
        assert!(said(&[("net", "vpc")], &["other"]).contains("nothing is declared at"));
        assert!(said(&[("net", "vpc"), ("net", "other")], &["vpc"]).contains("twice"));
        assert!(said(&[("../eu-west-2/net", "vpc")], &["vpc"]).contains("no stack file"));
        let away = Moved {
            from: Spanned { value: "stacks/111122223333/eu-west-2/net".into(), ..Spanned::default() },
            ..moved(&[("net", "vpc")]).remove(0)
        };
        let (file, mut problems) = (format!("{AT}/vpc.yaml"), Problems::default());
        Moves::read(&[away], &[&file], Dialect::Native, &mut problems);
        assert_eq!(problems.errors[0].message, "a stack cannot move to another account or region");
    }
}
