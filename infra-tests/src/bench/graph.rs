//! A random graph of stacks that each take their time, the same for the same seed, and how long it
//! takes at least.

use std::time::Duration;

/// What the durations gather around, and where they are cut off.
const MEDIAN: f64 = 9.0;
const SPREAD: f64 = 0.6;
const SHORTEST: f64 = 4.0;
const LONGEST: f64 = 40.0;
/// The first few wait for nothing.
const ROOTS: usize = 8;

/// A stack, how long it takes, and the earlier ones that it waits for.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Step {
    pub takes: Duration,
    pub after: Vec<usize>,
}

/// Durations are log-normal; half of the stacks wait for one other, a quarter for two, a quarter for none.
///
/// `scale` stretches all durations alike.
pub(super) fn graph(count: usize, seed: u64, scale: f64) -> Vec<Step> {
    let mut chance = Chance(seed);
    let mut steps = Vec::new();
    for at in 0..count {
        let takes = Duration::from_secs_f64(chance.duration() * scale);
        let edges = if at < ROOTS { 0 } else { [0, 1, 1, 2][chance.below(4)] };
        let mut after: Vec<usize> = (0..edges).map(|_| chance.below(at)).collect();
        after.sort_unstable();
        after.dedup();
        steps.push(Step { takes, after });
    }
    steps
}

/// The longest way through the graph.
pub(super) fn critical_path(steps: &[Step]) -> Duration {
    let mut ends: Vec<Duration> = Vec::new();
    for step in steps {
        let begins = step.after.iter().map(|before| ends[*before]).max().unwrap_or_default();
        ends.push(begins + step.takes);
    }
    ends.into_iter().max().unwrap_or_default()
}

pub(super) fn work(steps: &[Step]) -> Duration {
    steps.iter().map(|step| step.takes).sum()
}

/// What nobody can be faster than who brings about so many at a time.
pub(super) fn bound(steps: &[Step], slots: u32) -> Duration {
    critical_path(steps).max(work(steps) / slots)
}

/// Numbers that look random and are the same everywhere: Vigna's splitmix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("it is below a usize")
    }

    /// Between 0 and 1, never 0.
    fn part(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 1.0) / (1u64 << 53) as f64
    }

    fn duration(&mut self) -> f64 {
        // Box and Muller's way to a normal distribution.
        let normal = (-2.0 * self.part().ln()).sqrt() * (std::f64::consts::TAU * self.part()).cos();
        (MEDIAN * (SPREAD * normal).exp()).clamp(SHORTEST, LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(seconds: u64, after: &[usize]) -> Step {
        Step { takes: Duration::from_secs(seconds), after: after.to_vec() }
    }

    #[test]
    fn the_bound_is_the_longest_way_or_the_work_over_the_slots() {
        let steps = [step(5, &[]), step(3, &[0]), step(6, &[]), step(1, &[1, 2])];
        assert_eq!(critical_path(&steps), Duration::from_secs(9));
        assert_eq!((bound(&steps, 10), bound(&steps, 1)), (Duration::from_secs(9), Duration::from_secs(15)));
    }

    #[test]
    fn a_seed_always_makes_the_same_graph_and_nobody_waits_for_a_later_one() {
        let steps = graph(200, 1, 1.0);
        assert_eq!(steps, graph(200, 1, 1.0));
        assert_ne!(steps, graph(200, 2, 1.0));
        assert!(steps.iter().enumerate().all(|(at, step)| step.after.iter().all(|before| *before < at)));
        let half = critical_path(&graph(200, 1, 0.5)).as_secs_f64();
        assert!((critical_path(&steps).as_secs_f64() - 2.0 * half).abs() < 0.001);
    }
}
