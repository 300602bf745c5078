//! Fights over a field: whoever puts it right again and again, and is undone each time, stops and says so.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// So many corrections, each within this time of the one before it, are a fight.
const MOST: u32 = 3;
const SOON: SignedDuration = SignedDuration::from_hours(1);
/// After so long it is tried again: the other side may have been mended.
const REST: SignedDuration = SignedDuration::from_hours(24);
/// Of one object; a fight over more than these is one over the object.
const MOST_FIELDS: usize = 20;

/// The corrections of one field that somebody else had written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Fight {
    pub(super) path: String,
    pub(super) manager: String,
    pub(super) count: u32,
    pub(super) last: Timestamp,
}

/// Whether this field is left to this manager for now.
pub(super) fn is_stopped(fights: &[Fight], path: &str, manager: &str, now: Timestamp) -> bool {
    let fight = fights.iter().find(|fight| fight.path == path && fight.manager == manager);
    fight.is_some_and(|fight| fight.count >= MOST && now.duration_since(fight.last) < REST)
}

/// Remembers that a field was put right.
pub(super) fn corrected(fights: &mut Vec<Fight>, path: &str, manager: &str, now: Timestamp) {
    fights.retain(|fight| now.duration_since(fight.last) < REST);
    let is_full = fights.len() >= MOST_FIELDS;
    match fights.iter_mut().find(|fight| fight.path == path && fight.manager == manager) {
        Some(fight) => {
            let is_soon = now.duration_since(fight.last) < SOON;
            (fight.count, fight.last) = (if is_soon { fight.count + 1 } else { 1 }, now);
        }
        None if !is_full => {
            fights.push(Fight { path: path.to_owned(), manager: manager.to_owned(), count: 1, last: now });
        }
        None => {}
    }
}

/// As people are told.
pub(super) fn told(item: &str, path: &str, manager: &str) -> String {
    format!(
        "`{item}`: fighting with `{manager}` over `{path}`: stopped; `leave:` in workload.yaml gives it up for good, a change in Git tries again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn fought(corrections: &[i64]) -> Vec<Fight> {
        let mut fights = Vec::new();
        corrections.iter().for_each(|minutes| corrected(&mut fights, "spec.a", "them", after(*minutes)));
        fights
    }

    #[test]
    fn the_third_correction_in_a_row_is_the_last() {
        assert!(!is_stopped(&fought(&[0, 10]), "spec.a", "them", after(20)));
        assert!(is_stopped(&fought(&[0, 10, 20]), "spec.a", "them", after(30)));
        assert!(!is_stopped(&fought(&[0, 10, 20]), "spec.b", "them", after(30)));
        assert!(!is_stopped(&fought(&[0, 10, 20]), "spec.a", "others", after(30)));
    }

    #[test]
    fn corrections_far_apart_are_no_fight_and_a_fight_is_tried_again_after_a_day() {
        assert!(!is_stopped(&fought(&[0, 70, 140]), "spec.a", "them", after(150)));
        assert!(!is_stopped(&fought(&[0, 10, 20]), "spec.a", "them", after(20 + 24 * 60)));
        assert_eq!(fought(&[0, 10, 20, 20 + 25 * 60])[0].count, 1);
    }
}
