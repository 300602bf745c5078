//! What one run cost, and what many runs say together.

use std::collections::BTreeMap;
use std::time::Duration;

/// What one run of one contender cost.
#[derive(Clone, Debug, Default)]
pub(super) struct Cost {
    pub wall: Duration,
    /// Until the last object was written, by the server's clock; nothing where that is the end.
    pub written: Option<Duration>,
    pub tool: Duration,
    pub server: Option<Duration>,
    pub memory: Option<u64>,
    /// By verb or action, as the server counted them.
    pub requests: BTreeMap<String, u64>,
}

/// The middle and the ends of some durations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub least: Duration,
    pub median: Duration,
    pub most: Duration,
}

pub(super) fn spread(durations: impl Iterator<Item = Duration>) -> Option<Spread> {
    let mut sorted: Vec<Duration> = durations.collect();
    sorted.sort();
    let (least, most) = (*sorted.first()?, *sorted.last()?);
    Some(Spread { least, median: sorted[sorted.len() / 2], most })
}

/// So many of a hundred are not above it.
pub(super) fn percentile(durations: &[Duration], percent: usize) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort();
    let last = sorted.len().saturating_sub(1);
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1).min(last)).copied().unwrap_or_default()
}

/// The middle of something that many runs cost.
pub(super) fn middle(costs: &[&Cost], of: impl Fn(&Cost) -> f64) -> Option<f64> {
    let mut sorted: Vec<f64> = costs.iter().map(|cost| of(cost)).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// Whether all of ours are below all of theirs, or the other way round.
pub(super) fn verdict(ours: Spread, theirs: Spread) -> &'static str {
    match (ours.most < theirs.least, theirs.most < ours.least) {
        (true, _) => "faster in every run",
        (_, true) => "slower in every run",
        (false, false) => "not told apart",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seconds: &[u64]) -> Spread {
        spread(seconds.iter().copied().map(Duration::from_secs)).expect("there are some")
    }

    #[test]
    fn a_spread_is_the_middle_and_the_ends() {
        let found = of(&[9, 1, 4]);
        assert_eq!((found.least.as_secs(), found.median.as_secs(), found.most.as_secs()), (1, 4, 9));
    }

    #[test]
    fn a_percentile_is_one_of_the_durations() {
        let all: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!([50, 99, 100].map(|percent| percentile(&all, percent).as_millis()), [100, 198, 200]);
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }

    #[test]
    fn only_what_never_overlaps_is_called_faster() {
        assert_eq!(verdict(of(&[1, 2]), of(&[3, 4])), "faster in every run");
        assert_eq!(verdict(of(&[1, 3]), of(&[3, 4])), "not told apart");
        assert_eq!(verdict(of(&[5]), of(&[3, 4])), "slower in every run");
    }
}
