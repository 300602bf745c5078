//! When a rule counts: days of the week, and hours of the day, by the clock of a place.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// `Mon-Fri 08:00-18:00 Europe/London`; UTC where no zone is said.
///
/// Hours that end before they begin go past midnight, and belong to the day on which they began.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Hours {
    text: String,
    days: Vec<Weekday>,
    from: Time,
    to: Time,
    zone: TimeZone,
}

/// Why a text says no hours.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` says no hours: write `Mon-Fri 08:00-18:00 Europe/London`")]
pub struct NoHours(String);

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

impl Hours {
    pub fn parse(text: &str) -> Result<Self, NoHours> {
        let read = || {
            let mut words = text.split_whitespace();
            let days = words.next()?.split(',').map(days).collect::<Option<Vec<_>>>()?.concat();
            let (from, to) = words.next()?.split_once('-')?;
            let zone = TimeZone::get(words.next().unwrap_or("UTC")).ok()?;
            let (from, to) = (time(from)?, time(to)?);
            (words.next().is_none() && from != to).then(|| Self { text: text.to_owned(), days, from, to, zone })
        };
        read().ok_or_else(|| NoHours(text.to_owned()))
    }

    pub fn contain(&self, at: Timestamp) -> bool {
        let now = at.to_zoned(self.zone.clone());
        let (day, time) = (now.weekday(), now.time());
        let began_on = |day: Weekday| self.days.contains(&day);
        match self.from < self.to {
            true => began_on(day) && self.from <= time && time < self.to,
            false => (began_on(day) && self.from <= time) || (began_on(day.previous()) && time < self.to),
        }
    }

    /// As they were written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl TryFrom<String> for Hours {
    type Error = NoHours;

    fn try_from(text: String) -> Result<Self, NoHours> {
        Self::parse(&text)
    }
}

impl JsonSchema for Hours {
    fn schema_name() -> Cow<'static, str> {
        "Hours".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": "Days, hours and a time zone: `Mon-Fri 08:00-18:00 Europe/London`."})
    }
}

/// `Mon`, or `Mon-Fri`.
fn days(text: &str) -> Option<Vec<Weekday>> {
    let named = |name: &str| DAYS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, day)| *day);
    let Some((first, last)) = text.split_once('-') else { return Some(vec![named(text)?]) };
    let (first, last) = (named(first)?, named(last)?);
    let mut days = vec![first];
    while days.last() != Some(&last) {
        days.push(days[days.len() - 1].next());
    }
    Some(days)
}

/// `08:00`, or `8`.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':').unwrap_or((text, "00"));
    if !(1..=2).contains(&hour.len()) || minute.len() != 2 {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contain(hours: &str, at: &str) -> bool {
        Hours::parse(hours).expect("hours").contain(at.parse().expect("a time"))
    }

    #[test]
    fn working_hours_follow_the_clock_of_their_place() {
        let hours = "Mon-Fri 08:00-18:00 Europe/London";
        // In summer London is an hour ahead.
        assert!(contain(hours, "2026-07-01T07:00:00Z"));
        assert!(!contain(hours, "2026-07-01T06:59:59Z"));
        assert!(!contain(hours, "2026-07-01T17:00:00Z"));
        assert!(contain(hours, "2026-12-01T17:59:59Z"));
        assert!(!contain(hours, "2026-12-05T12:00:00Z"), "a Saturday");
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_began_and_days_may_be_a_list() {
        let nights = "Fri 22-6";
        assert!(contain(nights, "2026-11-20T23:00:00Z"));
        assert!(contain(nights, "2026-11-21T05:59:00Z"));
        assert!(!contain(nights, "2026-11-21T22:30:00Z"));
        assert!(!contain(nights, "2026-11-20T05:00:00Z"));
        assert!(contain("Sat-Mon,Wed 00:00-23:59", "2026-11-22T12:00:00Z"));
        assert!(!contain("Sat-Mon,Wed 00:00-23:59", "2026-11-24T12:00:00Z"));
    }

    #[test]
    fn what_says_no_hours_is_refused_with_an_example() {
        for wrong in [
            "",
            "Mon-Fri",
            "Mon-Fri 8",
            "Mon-Fri 8-8",
            "Mon 8-18 Europe/Atlantis",
            "Xyz 8-18",
            "Mon 8-25",
            "Mon 8-18 UTC x",
            "Mon 8:5-18",
        ] {
            assert!(Hours::parse(wrong).is_err_and(|why| why.to_string().contains("Europe/London")), "{wrong}");
        }
    }
}
