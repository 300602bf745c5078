//! When an environment is looked at.

use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A cron expression and a time zone: `0 6 * * 1-5 Europe/Berlin`; UTC where no zone is said.
#[derive(Clone, PartialEq, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

/// Why a text says no time.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoSchedule {
    #[error("`{0}` is no schedule: write minute, hour, day of month, month, day of week, and a time zone")]
    Fields(String),
    #[error("`{text}` is no cron expression: {why}")]
    Cron { text: String, why: String },
    #[error("`{0}` is no time zone: write one as `Europe/Berlin` or `UTC`")]
    Zone(String),
    #[error("`{0}` never comes")]
    Never(String),
}

impl Schedule {
    pub fn parse(text: &str) -> Result<Self, NoSchedule> {
        let words: Vec<_> = text.split_whitespace().collect();
        let fields = if words.first().is_some_and(|word| word.starts_with('@')) { 1 } else { 5 };
        let (cron, zone) = match words.len().checked_sub(fields) {
            Some(0) => (words.join(" "), "UTC"),
            Some(1) => (words[..fields].join(" "), words[fields]),
            Some(_) | None => return Err(NoSchedule::Fields(text.to_owned())),
        };
        let zone = TimeZone::get(zone).map_err(|_| NoSchedule::Zone(zone.to_owned()))?;
        let parser = CronParser::builder().seconds(Seconds::Disallowed).build();
        let why = |error: croner::errors::CronError| NoSchedule::Cron { text: cron.clone(), why: error.to_string() };
        let schedule = Self { cron: parser.parse(&cron).map_err(why)?, zone };
        match schedule.next(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(NoSchedule::Never(cron)),
        }
    }

    /// The next time after `after`; where a clock change skips it, the first moment after the gap.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let next = self.cron.find_next_occurrence(&after.to_zoned(self.zone.clone()), false);
        next.ok().map(|next| next.timestamp())
    }

    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn next(schedule: &str, after: &str) -> String {
        let schedule = Schedule::parse(schedule).expect("a schedule");
        schedule.next(at(after)).expect("there is one").to_string()
    }

    #[test]
    fn a_weekday_morning_in_its_own_zone_follows_the_clock_there() {
        // A Friday; then the Monday after the clocks went back.
        assert_eq!(next("0 6 * * 1-5 Europe/Berlin", "2026-10-23T03:59:59Z"), "2026-10-23T04:00:00Z");
        assert_eq!(next("0 6 * * 1-5 Europe/Berlin", "2026-10-23T04:00:00Z"), "2026-10-26T05:00:00Z");
        assert_eq!(next("@hourly", "2026-10-23T04:00:00Z"), "2026-10-23T05:00:00Z");
    }

    #[test]
    fn an_hour_that_the_clocks_skip_is_not_lost_and_one_they_repeat_comes_once() {
        let skipped = next("30 2 * * * Europe/Berlin", "2026-03-28T12:00:00Z");
        assert!(skipped.as_str() < "2026-03-29T12:00:00Z", "{skipped}");
        let first = next("30 2 * * * Europe/Berlin", "2026-10-24T12:00:00Z");
        let second = next("30 2 * * * Europe/Berlin", &first);
        assert!(second.as_str() > "2026-10-25T12:00:00Z", "{first} {second}");
    }

    #[test]
    fn what_is_no_schedule_is_told_with_what_to_write() {
        let wrong = ["0 6 * *", "0 25 * * *", "0 6 * * 1-5 Europe/Atlantis", "0 0 30 2 *", "", "* * * * * * UTC x"];
        let told = wrong.map(|text| Schedule::parse(text).expect_err("wrong").to_string());
        assert!(told[0].contains("is no schedule"), "{}", told[0]);
        assert!(told[1].contains("no cron expression"), "{}", told[1]);
        assert!(told[2].contains("no time zone"), "{}", told[2]);
        assert!(told[3].contains("never comes"), "{}", told[3]);
        assert!(told[4].contains("is no schedule") && told[5].contains("is no schedule"), "{told:?}");
    }
}
