//! The report: what each part told, and which targets were missed.

use std::fmt::Write;
use std::process::Command;

use anyhow::Result;

use crate::sandbox::controlplane::{self, Tool};

/// Where a line of text ends at the latest; a table's lines end where they end.
const WIDTH: usize = 132;

/// What one part of the benchmark has to say.
#[derive(Default)]
pub(super) struct Told {
    /// Paragraphs and tables, in Markdown.
    pub text: String,
    pub goals: Vec<Goal>,
}

/// Something that was promised, and what came of it.
pub(super) struct Goal {
    pub what: String,
    pub target: String,
    pub measured: String,
    pub met: bool,
}

impl Goal {
    pub(super) fn new(what: impl Into<String>, target: impl Into<String>, measured: String, met: bool) -> Self {
        Self { what: what.into(), target: target.into(), measured, met }
    }
}

impl Told {
    /// A paragraph that begins with what it is about.
    pub(super) fn paragraph(&mut self, title: &str, text: &str) {
        let title = if title.is_empty() { String::new() } else { format!("**{title}**: ") };
        self.text += &format!("{}\n\n", fill(&format!("{title}{text}")));
    }

    pub(super) fn table(&mut self, text: &str) {
        self.text += &format!("{}\n\n", text.trim_end());
    }
}

/// The whole report, as the README holds it.
pub(super) fn report(command: &str, parts: &[Told]) -> Result<String> {
    let mut text = fill(&format!(
        "`make bench` measures the release binary on real parts of your machine and writes `target/bench.md`, of which this is a \
         copy (`{command}`); `--help` tells its sizes and how to run one part alone. Ratios count, and so do requests, which are \
         counted where they arrive, by the audit log or by the proxy before the emulator; times do not carry over to another \
         machine. *× ceiling* compares with a client that only sends, on the same server in the same minute: below 1 is faster.",
    ));
    text += "\n\n";
    text += &parts.iter().map(|part| part.text.as_str()).collect::<String>();
    let goals: Vec<&Goal> = parts.iter().flat_map(|part| &part.goals).collect();
    if !goals.is_empty() {
        text += &format!("{}\n\n", fill(&losses(&goals)));
        text += "| what | target | measured | |\n|---|---|---|---|\n";
        for Goal { what, target, measured, met } in goals {
            let _ = writeln!(text, "| {what} | {target} | {measured} | {} |", if *met { "met" } else { "**missed**" });
        }
        text.push('\n');
    }
    text += &fill(&machine()?);
    text.push('\n');
    Ok(text)
}

fn losses(goals: &[&Goal]) -> String {
    let missed: Vec<&str> = goals.iter().filter(|goal| !goal.met).map(|goal| goal.what.as_str()).collect();
    match missed.as_slice() {
        [] => "**Where it loses**: nowhere in this run. All targets that were set before it was built:".to_owned(),
        _ => format!(
            "**Where it loses**: {} of {} targets that were set before it was built ({}).",
            missed.len(),
            goals.len(),
            missed.join("; "),
        ),
    }
}

/// What was measured on, and with what.
fn machine() -> Result<String> {
    let kubectl = Command::new(controlplane::path(Tool::Kubectl)?).args(["version", "--client"]).output()?;
    let kubectl = String::from_utf8_lossy(&kubectl.stdout).lines().next().unwrap_or_default().to_owned();
    let processor = std::fs::read_to_string("/proc/cpuinfo")?;
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let processor = processor.map_or("an unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism()?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    Ok(format!(
        "groundplan {}, kubectl and kube-apiserver {}, everything together on {cores} cores of {processor}; load average at the end {load}.",
        env!("CARGO_PKG_VERSION"),
        kubectl.trim_start_matches("Client Version: "),
    ))
}

/// Breaks a paragraph into lines.
fn fill(text: &str) -> String {
    let mut filled = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        match width {
            0 => {}
            _ if width + 1 + length > WIDTH => {
                filled.push('\n');
                width = 0;
            }
            _ => {
                filled.push(' ');
                width += 1;
            }
        }
        filled += word;
        width += length;
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_was_missed_is_named_before_the_table() {
        let goal = |what: &str, met| Goal::new(what, "≤ 1", "2".to_owned(), met);
        let (kept, missed) = (goal("calls", true), goal("memory", false));
        assert!(losses(&[&kept, &missed]).contains("1 of 2 targets") && losses(&[&kept, &missed]).contains("(memory)"));
        assert!(losses(&[&kept]).contains("nowhere in this run"));
    }

    #[test]
    fn lines_end_before_they_are_too_long_and_no_word_is_lost() {
        let words = "word ".repeat(100);
        assert!(fill(&words).lines().all(|line| line.len() <= WIDTH));
        assert_eq!(fill(&words).split_whitespace().count(), 100);
    }
}
