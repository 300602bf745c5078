//! A run as it happens: a tree of units with states and times in a terminal, plain lines elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::style::{CYAN, DIM, GREEN, RED, YELLOW, elapsed, paint};
use crate::apply::{Ending, Event, State, Watch};
use crate::graph::Graph;
use crate::unit::UnitId;

/// Shows a run on standard error, since standard output belongs to the result.
pub struct ProgressView {
    lines: Arc<Mutex<Lines>>,
}

struct Lines {
    bars: Option<MultiProgress>,
    units: BTreeMap<UnitId, Line>,
    /// How deep a unit stands in the graph, for the indent of the tree.
    depths: BTreeMap<UnitId, usize>,
    width: usize,
}

struct Line {
    bar: Option<ProgressBar>,
    began: Instant,
    last: String,
}

impl ProgressView {
    /// A view of the units that a run is about, in an order in which they can run.
    pub fn new(graph: &Graph) -> Self {
        let depths = depths(graph);
        let width = depths.iter().map(|(id, depth)| id.as_str().chars().count() + 2 * depth).max().unwrap_or_default();
        let bars = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self { lines: Arc::new(Mutex::new(Lines { bars, units: BTreeMap::new(), depths, width: width.min(90) })) }
    }

    /// What to hand to the engine.
    pub fn watch(&self) -> Watch {
        let lines = Arc::clone(&self.lines);
        Watch::new(move |event| lines.lock().unwrap_or_else(PoisonError::into_inner).see(event))
    }

    /// Leaves what is shown on the screen.
    pub fn finish(&self) {
        for line in self.lines.lock().unwrap_or_else(PoisonError::into_inner).units.values() {
            if let Some(bar) = &line.bar {
                bar.abandon();
            }
        }
    }
}

impl Lines {
    fn see(&mut self, event: Event) {
        let Event { unit, state } = event;
        if matches!(&state, State::Done(Ending::Unchanged | Ending::Read)) && self.bars.is_none() {
            // In a log, what stays as it is says nothing; its count is in the last line.
            return;
        }
        let (depth, width) = (self.depths.get(&unit).copied().unwrap_or_default(), self.width);
        let bars = &self.bars;
        let line = self.units.entry(unit.clone()).or_insert_with(|| Line {
            bar: bars.as_ref().map(new_bar),
            began: Instant::now(),
            last: String::new(),
        });
        let words = words(&state, line.began.elapsed());
        if words.plain == line.last {
            return;
        }
        match &line.bar {
            Some(bar) => {
                let name = format!("{}{unit}", "  ".repeat(depth));
                bar.set_message(format!("{} {name:width$}  {}", words.sign, words.text));
                if words.last {
                    // From now on the line tells its own time.
                    bar.set_style(ProgressStyle::with_template("{wide_msg}").expect("the template is a constant"));
                    bar.finish();
                }
            }
            None if words.quiet => {}
            None => anstream::eprintln!("{} {unit}  {}", words.sign, words.text),
        }
        line.last = words.plain;
    }
}

fn new_bar(bars: &MultiProgress) -> ProgressBar {
    let bar = bars.add(ProgressBar::new_spinner());
    bar.set_style(ProgressStyle::with_template("{wide_msg} {elapsed}").expect("the template is a constant"));
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// One state in words.
struct Words {
    sign: String,
    text: String,
    /// What tells it from the one before: a line is not said twice.
    plain: String,
    /// Too small for a log.
    quiet: bool,
    last: bool,
}

fn words(state: &State, took: Duration) -> Words {
    let going = |text: &str, quiet| Words {
        sign: paint(CYAN, "▸"),
        text: text.to_owned(),
        plain: text.to_owned(),
        quiet,
        last: false,
    };
    let (sign, text) = match state {
        State::Preparing => return going("asking", true),
        State::Applying => return going("applying", false),
        State::Note(note) => return going(note, false),
        State::Deleting => return going("deleting", false),
        State::Done(ending) => match ending {
            Ending::Unchanged => (paint(DIM, "="), paint(DIM, "unchanged")),
            Ending::Read => (paint(DIM, "="), paint(DIM, "read")),
            Ending::Created => (paint(GREEN, "✔"), "created".to_owned()),
            Ending::Updated => (paint(GREEN, "✔"), "changed".to_owned()),
            Ending::Deleted => (paint(GREEN, "✔"), "deleted".to_owned()),
            Ending::Failed(error) => (paint(RED, "✘"), paint(RED, error)),
            Ending::Unfinished(said) => (paint(YELLOW, "…"), paint(YELLOW, said)),
            Ending::Skipped(by) => (paint(YELLOW, "·"), format!("skipped: waits for {by}")),
            Ending::Stopped => (paint(YELLOW, "·"), "not begun".to_owned()),
        },
    };
    Words {
        sign,
        text: format!("{text} {}", paint(DIM, elapsed(took))),
        plain: "done".to_owned(),
        quiet: false,
        last: true,
    }
}

fn depths(graph: &Graph) -> BTreeMap<UnitId, usize> {
    let mut depths: BTreeMap<UnitId, usize> = BTreeMap::new();
    let mut open: BTreeSet<UnitId> = graph.members().map(|member| member.declared.id.clone()).collect();
    while !open.is_empty() {
        let free: Vec<_> =
            open.iter().filter(|id| graph.upstream(id).iter().all(|up| depths.contains_key(up))).cloned().collect();
        if free.is_empty() {
            break;
        }
        for id in free {
            let depth = graph.upstream(&id).iter().filter_map(|up| depths.get(up)).max().map_or(0, |depth| depth + 1);
            open.remove(&id);
            depths.insert(id, depth);
        }
    }
    depths
}
