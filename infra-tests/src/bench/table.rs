//! Costs as a table in Markdown.

use std::fmt::Write;
use std::time::Duration;

use super::figures::{Cost, Spread, spread, verdict};

/// Whose costs stand in a line.
pub(super) struct Line {
    pub deed: &'static str,
    pub name: &'static str,
    /// 0 the ceiling, 1 the product, 2 the peer, 3 anybody else.
    pub rank: u8,
}

pub(super) struct Table {
    server: &'static str,
    peer: &'static str,
    lines: Vec<(Line, Row)>,
}

/// The middles of many costs.
struct Row {
    wall: Spread,
    written: Option<Spread>,
    tool: Duration,
    server: Option<Duration>,
    memory: Option<u64>,
    requests: String,
}

impl Table {
    pub(super) fn new(server: &'static str, peer: &'static str) -> Self {
        Self { server, peer, lines: Vec::new() }
    }

    /// Adds what one contender's runs cost; a contender without runs has no line.
    pub(super) fn add(&mut self, line: Line, costs: Vec<&Cost>) {
        if let Some(row) = row(&costs) {
            self.lines.push((line, row));
        }
    }

    pub(super) fn text(&self) -> String {
        let (server, peer) = (self.server, self.peer);
        let has_peer = self.lines.iter().any(|(line, _)| line.rank == 2);
        let (against, rule) = if has_peer { (format!(" × {peer} |"), "---|") } else { (String::new(), "") };
        let mut text = format!(
            "| | | wall, s: median (min–max) | × ceiling |{against} requests | CPU of the tool, s | {server}, s | peak memory |\n\
             |---|---|---|---|{rule}---|---|---|---|\n"
        );
        let mut last = "";
        for (line, row) in &self.lines {
            let of_rank = |rank| self.lines.iter().find(|(other, _)| other.deed == line.deed && other.rank == rank);
            let ratio = |rank| of_rank(rank).map_or("–".to_owned(), |(_, other)| times(row.wall, other.wall));
            let deed = if line.deed == last { "" } else { line.deed };
            last = line.deed;
            let against = if has_peer { format!(" {} |", self.against(line, row, ratio(2))) } else { String::new() };
            let _ = writeln!(
                text,
                "| {deed} | {} | {} | {} |{against} {} | {} | {} | {} |",
                line.name,
                wall(row),
                ratio(0),
                row.requests,
                seconds(row.tool),
                row.server.map_or("–".to_owned(), seconds),
                row.memory.map_or("–".to_owned(), |bytes| format!("{} MiB", bytes >> 20)),
            );
        }
        text
    }

    /// The ratio to the peer, and for the product whether chance could have made it.
    fn against(&self, line: &Line, row: &Row, ratio: String) -> String {
        let peer = self.lines.iter().find(|(other, _)| other.deed == line.deed && other.rank == 2);
        match (line.rank, peer) {
            (1, Some((_, peer))) => format!("{ratio}, {}", verdict(row.wall, peer.wall)),
            _ => ratio,
        }
    }
}

fn row(costs: &[&Cost]) -> Option<Row> {
    let middle = |of: fn(&Cost) -> Option<Duration>| spread(costs.iter().filter_map(|cost| of(cost)));
    let written = middle(|cost| cost.written);
    Some(Row {
        wall: spread(costs.iter().map(|cost| cost.wall))?,
        written,
        tool: middle(|cost| Some(cost.tool))?.median,
        server: middle(|cost| cost.server).map(|spread| spread.median),
        memory: costs.iter().filter_map(|cost| cost.memory).max(),
        requests: requests(costs.last()?),
    })
}

fn wall(row: &Row) -> String {
    let Spread { least, median, most } = row.wall;
    let all = format!("{} ({}–{})", seconds(median), seconds(least), seconds(most));
    match row.written {
        // Only where the end comes noticeably later.
        Some(written) if written.median * 10 < median * 9 => format!("{all}; written {}", seconds(written.median)),
        Some(_) | None => all,
    }
}

fn requests(cost: &Cost) -> String {
    let total: u64 = cost.requests.values().sum();
    let parts: Vec<String> = cost.requests.iter().map(|(verb, count)| format!("{verb} {count}")).collect();
    format!("{total}: {}", parts.join(", "))
}

fn times(one: Spread, other: Spread) -> String {
    format!("{:.2}", one.median.as_secs_f64() / other.median.as_secs_f64())
}

fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 { format!("{seconds:.3}") } else { format!("{seconds:.2}") }
}
