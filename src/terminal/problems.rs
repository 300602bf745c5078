//! What is wrong with a repository, file by file, with the line and a caret below the column.

use std::fmt::Write;

use super::style::{BOLD, CYAN, DIM, RED, YELLOW, count, paint};
use crate::problem::{Problem, Problems};

/// A line longer than this is cut around the column.
const WIDE: usize = 100;

/// Every problem with its one line, never the lines around it: they may hold a secret.
pub fn problems_text(problems: &Problems) -> String {
    let mut text = String::new();
    for problem in &problems.errors {
        tell(&mut text, &paint(RED, "error"), problem);
    }
    for problem in &problems.warnings {
        tell(&mut text, &paint(YELLOW, "warning"), problem);
    }
    if !problems.errors.is_empty() {
        let errors = count(problems.errors.len(), "error");
        _ = writeln!(text, "{}", paint(BOLD, format!("{errors} in the repository; nothing was touched anywhere.")));
    }
    text
}

fn tell(text: &mut String, word: &str, problem: &Problem) {
    let place = &problem.place;
    _ = writeln!(text, "{word}: {}", paint(BOLD, &problem.message));
    let position = match (place.line, place.column) {
        (0, _) => place.file.clone(),
        (line, 0) => format!("{}:{line}", place.file),
        (line, column) => format!("{}:{line}:{column}", place.file),
    };
    _ = writeln!(text, "  {} {position}", paint(CYAN, "-->"));
    if let Some(line) = &problem.line_text
        && place.column > 0
    {
        let (shown, column) = around(line, place.column - 1);
        let gutter = place.line.to_string();
        let margin = " ".repeat(gutter.len());
        _ = writeln!(text, "{margin} {}", paint(CYAN, "|"));
        _ = writeln!(text, "{} {shown}", paint(CYAN, format!("{gutter} |")));
        _ = writeln!(text, "{margin} {} {}{}", paint(CYAN, "|"), " ".repeat(column), paint(RED, "^"));
    }
    if let Some(hint) = &problem.hint {
        _ = writeln!(text, "  {} {hint}", paint(DIM, "help:"));
    }
    text.push('\n');
}

/// The part of a line around a column, and the column within that part.
fn around(line: &str, column: usize) -> (String, usize) {
    let letters: Vec<char> = line.chars().map(|letter| if letter == '\t' { ' ' } else { letter }).collect();
    if letters.len() <= WIDE {
        return (letters.into_iter().collect(), column);
    }
    let start = column.saturating_sub(WIDE / 2).min(letters.len() - WIDE);
    let part: String = letters[start..start + WIDE].iter().collect();
    (format!("…{part}…"), column - start + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Place;

    #[test]
    fn a_problem_shows_its_line_with_a_caret_and_no_other_line() {
        let place = Place { file: "stacks/queue.yaml".to_owned(), line: 12, column: 3 };
        let problem =
            Problem { line_text: Some("  Paramters:".to_owned()), ..Problem::new(place, "unknown key `Paramters`") };
        let problems = Problems { errors: vec![problem.hint("did you mean `Parameters`?")], warnings: Vec::new() };
        let text = anstream::adapter::strip_str(&problems_text(&problems)).to_string();
        insta::assert_snapshot!(text, @r"
        error: unknown key `Paramters`
          --> stacks/queue.yaml:12:3
           |
        12 |   Paramters:
           |   ^
          help: did you mean `Parameters`?

        1 error in the repository; nothing was touched anywhere.
        ");
    }

    #[test]
    fn a_long_line_is_cut_around_its_column() {
        let line = "x".repeat(300);
        let (shown, column) = around(&line, 250);
        assert_eq!(shown.chars().count(), WIDE + 2);
        assert!(column < WIDE + 1);
    }
}
