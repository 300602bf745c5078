//! How a run ended.

use std::fmt::Write;
use std::time::Duration;

use super::style::{BOLD, DIM, RED, YELLOW, elapsed, paint};
use crate::apply::{Ending, Outcome, Report, Success};
use crate::plan::chain;

pub fn report_text(report: &Report, took: Duration) -> String {
    let mut text = String::new();
    for (unit, error) in report.failures() {
        _ = writeln!(text, "{}: `{unit}` failed: {}", paint(RED, "error"), chain(error));
        if let Some(hint) = error.hint() {
            _ = writeln!(text, "  {} {hint}", paint(DIM, "help:"));
        }
    }
    for (unit, outcome) in &report.outcomes {
        match outcome {
            Outcome::Skipped(by) => {
                _ = writeln!(text, "{}: `{unit}` was left alone: it waits for `{by}`", paint(YELLOW, "skipped"))
            }
            Outcome::Stopped => _ = writeln!(text, "{}: `{unit}` was not begun", paint(YELLOW, "stopped")),
            Outcome::Applied(_) | Outcome::Read | Outcome::Failed(_) => {}
        }
    }
    let headline = match report.success() {
        Success::Whole => "Done",
        Success::Part => "Partly done",
        Success::None => "Failed",
    };
    _ = writeln!(text, "{}: {} in {}.", paint(BOLD, headline), counts(report), elapsed(took));
    text
}

fn counts(report: &Report) -> String {
    let of = |wanted: fn(&Ending) -> bool| report.outcomes.values().filter(|outcome| wanted(&outcome.ending())).count();
    let parts = [
        (of(|ending| matches!(ending, Ending::Created)), "created"),
        (of(|ending| matches!(ending, Ending::Updated)), "changed"),
        (of(|ending| matches!(ending, Ending::Deleted)), "deleted"),
        (of(|ending| matches!(ending, Ending::Failed(_))), "failed"),
        (of(|ending| matches!(ending, Ending::Unfinished(_))), "still under way"),
        (of(|ending| matches!(ending, Ending::Skipped(_))), "skipped"),
        (of(|ending| matches!(ending, Ending::Stopped)), "not begun"),
        (of(|ending| matches!(ending, Ending::Unchanged)), "unchanged"),
    ];
    let told: Vec<_> =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect();
    if told.is_empty() { "nothing to do".to_owned() } else { told.join(", ") }
}
