//! Times of day, by the clock of a place.

use crate::settings::Zone;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A time of day to the minute, as people write it: `09:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Daytime(NaiveTime);

// === impl Daytime ===

impl Daytime {
    /// On the hour; for defaults.
    pub const fn at(hour: u32) -> Self {
        match NaiveTime::from_hms_opt(hour, 0, 0) {
            Some(time) => Self(time),
            None => panic!("a day has 24 hours"),
        }
    }

    /// The moment on a day. Where clocks skip it, an hour later; where they show it twice, the first.
    pub fn on(self, day: NaiveDate, zone: Zone) -> DateTime<Utc> {
        let local = day.and_time(self.0);
        let found = zone.from_local_datetime(&local).earliest();
        let found = found.or_else(|| {
            zone.from_local_datetime(&(local + TimeDelta::hours(1)))
                .earliest()
        });
        found.map_or_else(|| local.and_utc(), |at| at.to_utc())
    }

    /// The first such moment at a time or after it.
    pub fn next(self, zone: Zone, from: DateTime<Utc>) -> DateTime<Utc> {
        let day = from.with_timezone(&zone).date_naive();
        let days = (0..3).filter_map(|days| day.checked_add_days(Days::new(days)));
        days.map(|day| self.on(day, zone))
            .find(|at| *at >= from)
            .unwrap_or(from)
    }

    /// The time of day at a moment.
    pub fn of(at: DateTime<Utc>, zone: Zone) -> Self {
        Self(at.with_timezone(&zone).time())
    }
}

impl std::fmt::Display for Daytime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.format("%H:%M").fmt(f)
    }
}

impl From<Daytime> for String {
    fn from(time: Daytime) -> Self {
        time.to_string()
    }
}

impl TryFrom<String> for Daytime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let read = NaiveTime::parse_from_str(&text, "%H:%M");
        read.map(Self)
            .map_err(|_| format!("`{}` is no time of day such as 09:00", text.escape_debug()))
    }
}

impl JsonSchema for Daytime {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Daytime".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Daytime {
        Daytime::try_from(text.to_owned()).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_nine_in_the_morning_is_by_the_clock_there() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        for (from, next) in [
            ("2026-11-20T07:59:00Z", "2026-11-20T08:00:00Z"),
            ("2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z"),
            ("2026-11-20T08:00:01Z", "2026-11-21T08:00:00Z"),
            // In summer clocks are an hour ahead.
            ("2026-07-20T06:59:00Z", "2026-07-20T07:00:00Z"),
            ("2026-11-20T23:30:00Z", "2026-11-21T08:00:00Z"),
        ] {
            assert_eq!(Daytime::at(9).next(zone, at(from)), at(next), "{from}");
        }
    }

    #[test]
    fn a_time_that_clocks_skip_or_show_twice_comes_once() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        let half = time("02:30");
        assert_eq!(
            half.next(zone, at("2026-03-28T12:00:00Z")),
            at("2026-03-29T01:30:00Z")
        );
        assert_eq!(
            half.next(zone, at("2026-10-24T12:00:00Z")),
            at("2026-10-25T00:30:00Z")
        );
        assert_eq!(
            half.next(zone, at("2026-10-25T00:31:00Z")),
            at("2026-10-26T01:30:00Z")
        );
    }

    #[test]
    fn a_time_is_written_as_it_is_read() {
        assert_eq!(time("07:05").to_string(), "07:05");
        for text in ["", "25:00", "nine", "9:00:00"] {
            assert!(Daytime::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
