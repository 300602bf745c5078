//! Once a day, what still waits for somebody; nothing where nothing does.

use jiff::{SignedDuration, Timestamp};

use super::look::Scheduled;
use super::{Service, TellError};
use crate::cases::{Case, CaseState};
use crate::store::Notice;

/// The hour in which it is told, by the clock of the environment's schedule.
const HOUR: i8 = 9;
/// A case is in it when it is as old as this.
const OLD: SignedDuration = SignedDuration::from_hours(24);
const MOST_LINES: usize = 20;

impl Service {
    /// Tells the digest of an environment, in the morning hour; later in that hour it is edited.
    pub(super) async fn digest_if_due(&self, scheduled: &Scheduled, now: Timestamp) -> Result<(), TellError> {
        let Scheduled { repository, environment, schedule, alerts } = scheduled;
        let there = now.to_zoned(schedule.zone().clone());
        if there.hour() != HOUR {
            return Ok(());
        }
        let cases = self.store.open_cases(repository, environment).await?;
        let cases: Vec<_> = cases.into_iter().map(|kept| kept.case).collect();
        let Some(text) = digest(environment.as_str(), &cases, now) else { return Ok(()) };
        let notice = Notice { name: format!("daily:{environment}:{}", there.date()), alerts: alerts.clone(), text };
        if self.store.is_said(&notice).await? {
            return Ok(());
        }
        Ok(self.say(notice).await?)
    }
}

/// The cases that are older than a day or whose snooze ends within one.
fn digest(environment: &str, cases: &[Case], now: Timestamp) -> Option<String> {
    let is_old = |case: &&Case| now.duration_since(case.first_seen) >= OLD;
    let ends = |case: &&Case| matches!(case.state, CaseState::Snoozed { until, .. } if until < now + OLD);
    let waking: Vec<_> = cases.iter().filter(ends).collect();
    let is_put_off = |case: &&Case| matches!(case.state, CaseState::Snoozed { .. });
    let old: Vec<_> = cases.iter().filter(is_old).filter(|case| !is_put_off(case)).collect();
    if old.is_empty() && waking.is_empty() {
        return None;
    }
    let mut text = format!("☀️ Drift in {environment}: {} open for more than a day", count(old.len()));
    if !waking.is_empty() {
        text += &format!(", {} put off until today", count(waking.len()));
    }
    for case in old.iter().chain(&waking).take(MOST_LINES) {
        text += &format!("\n{}", line(case, now));
    }
    let more = (old.len() + waking.len()).saturating_sub(MOST_LINES);
    if more > 0 {
        text += &format!("\n… and {more} more: `groundplan case list`");
    }
    Some(text)
}

fn line(case: &Case, now: Timestamp) -> String {
    let units: Vec<_> = case.units.iter().map(|unit| unit.id.as_str()).collect();
    let days = now.duration_since(case.first_seen).as_hours() / 24;
    let age = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    let owners = if case.owners.is_empty() { String::new() } else { format!(" · {}", case.owners.join(", ")) };
    format!("• {} {}: {}, {age}{owners}", case.id, units.join(", "), case.state.word())
}

pub(super) fn count(cases: usize) -> String {
    if cases == 1 { "1 case".to_owned() } else { format!("{cases} cases") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{CaseUnit, open_case};
    use crate::unit::{Coverage, UnitId};

    fn case(id: &str, state: CaseState, hours: i64, now: Timestamp) -> Case {
        let unit = CaseUnit { id: UnitId::new("stacks/queue"), differences: Vec::new(), coverage: Coverage::default() };
        let first_seen = now - SignedDuration::from_hours(hours);
        let owners = vec!["@shop/oncall".to_owned()];
        Case { id: id.to_owned(), state, units: vec![unit], first_seen, owners, ..open_case() }
    }

    #[test]
    fn old_cases_and_snoozes_that_end_are_told_and_young_or_put_off_ones_are_not() {
        let now: Timestamp = "2026-11-21T09:10:00Z".parse().expect("a time");
        let snoozed = |hours| CaseState::Snoozed { by: "U1".into(), until: now + SignedDuration::from_hours(hours) };
        let acknowledged = CaseState::Acknowledged { by: "U1".into(), until: None };
        let cases = [
            case("d_young", CaseState::Open, 23, now),
            case("d_old", CaseState::Open, 24, now),
            case("d_held", acknowledged, 77, now),
            case("d_waking", snoozed(5), 30, now),
            case("d_asleep", snoozed(50), 300, now),
        ];
        insta::assert_snapshot!(digest("production", &cases, now).expect("there is something to tell"));
    }

    #[test]
    fn a_morning_without_old_cases_is_silent() {
        let now: Timestamp = "2026-11-21T09:10:00Z".parse().expect("a time");
        assert_eq!(digest("production", &[case("d_young", CaseState::Open, 3, now)], now), None);
        assert_eq!(digest("production", &[], now), None);
    }
}
