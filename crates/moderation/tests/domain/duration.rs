//! Durations as people write them, and back.

use chrono::{
    DateTime, FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc,
};
use lockdown_moderation::{Span, SpanError, Term, TermError};
use proptest::prelude::*;

fn now() -> DateTime<Utc> {
    "2026-11-20T09:06:00Z".parse().unwrap()
}

fn parse(text: &str) -> Result<Term, TermError> {
    Term::parse(text, now(), &Utc, Span::LONGEST)
}

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

#[test]
fn durations_are_understood() {
    for (text, seconds) in [
        ("1h30m", HOUR + 1_800),
        ("1h30", HOUR + 1_800),
        ("1H 30 Min", HOUR + 1_800),
        ("an hour and 30 minutes", HOUR + 1_800),
        ("1 hour, 30 minutes", HOUR + 1_800),
        ("  90  ", 5_400),
        ("1.5h", HOUR + 1_800),
        ("0.25 d", 6 * HOUR),
        ("1.123456789123 days", 97_066),
        ("3 days", 3 * DAY),
        ("for a day", DAY),
        ("2w", 14 * DAY),
        ("2 wks", 14 * DAY),
        ("1mo", 30 * DAY),
        ("1MO", 30 * DAY),
        ("1M", 60),
        ("6 months", 180 * DAY),
        ("1y2mo3w4d5h6m7s", (365 + 60 + 21 + 4) * DAY + 5 * HOUR + 367),
        ("45s", 45),
        ("30m 1h", HOUR + 1_800),
        ("100y", 36_500 * DAY),
    ] {
        let expected = Term::Until(now() + TimeDelta::seconds(i64::try_from(seconds).unwrap()));
        assert_eq!(parse(text), Ok(expected), "{text}");
        assert_eq!(text.parse::<Span>().unwrap().as_seconds(), seconds, "{text}");
    }
}

#[test]
fn for_ever_is_understood() {
    for text in [
        "perm",
        "Permanent",
        "forever",
        "for ever",
        "never",
        "INDEFINITELY",
        "∞",
    ] {
        assert_eq!(parse(text), Ok(Term::Forever), "{text}");
    }
    assert_eq!(
        parse("perm spam").unwrap_err().to_string(),
        format!("understood for ever, but not `spam`: {EXAMPLES}")
    );
}

#[test]
fn times_are_understood() {
    let kyiv = FixedOffset::east_opt(7_200).unwrap();
    for (text, utc, local) in [
        ("2026-12-24", "2026-12-24T00:00:00Z", "2026-12-23T22:00:00Z"),
        ("until 2026-12-24", "2026-12-24T00:00:00Z", "2026-12-23T22:00:00Z"),
        (
            "Till 2026-12-24 18:00",
            "2026-12-24T18:00:00Z",
            "2026-12-24T16:00:00Z",
        ),
        (
            "2026-12-24 8:05:30",
            "2026-12-24T08:05:30Z",
            "2026-12-24T06:05:30Z",
        ),
        ("2026-12-24T18:00", "2026-12-24T18:00:00Z", "2026-12-24T16:00:00Z"),
        (
            "2026-12-24T18:00:00Z",
            "2026-12-24T18:00:00Z",
            "2026-12-24T18:00:00Z",
        ),
        (
            "2026-12-24 18:00 UTC",
            "2026-12-24T18:00:00Z",
            "2026-12-24T18:00:00Z",
        ),
        (
            "2026-12-24t18:00:00.123456789+03:00",
            "2026-12-24T15:00:00.123456Z",
            "2026-12-24T15:00:00.123456Z",
        ),
        (
            "2026-12-24 18:00 -0500",
            "2026-12-24T23:00:00Z",
            "2026-12-24T23:00:00Z",
        ),
    ] {
        assert_eq!(parse(text), Ok(Term::Until(utc.parse().unwrap())), "{text}");
        let there = Term::parse(text, now(), &kyiv, Span::LONGEST);
        assert_eq!(there, Ok(Term::Until(local.parse().unwrap())), "{text}");
    }
}

const EXAMPLES: &str = "such are 1h30m, 3 days, 2w, 1mo, forever and 2026-12-24 18:00";

#[test]
fn what_is_not_understood_is_said() {
    for (text, error) in [
        ("", format!("no duration is given: {EXAMPLES}")),
        (" for ", format!("`for` is not understood: {EXAMPLES}")),
        ("soon", format!("`soon` is not understood: {EXAMPLES}")),
        (
            "10mins!",
            format!("understood 10 minutes, but not `!`: {EXAMPLES}"),
        ),
        (
            "3 days please",
            format!("understood 3 days, but not `please`: {EXAMPLES}"),
        ),
        (
            "3 fortnights",
            format!("`3 fortnights` is not understood: {EXAMPLES}"),
        ),
        ("1h and", format!("understood 1 hour, but not `and`: {EXAMPLES}")),
        ("1h, ", format!("understood 1 hour, but not `,`: {EXAMPLES}")),
        ("1h.", format!("understood 1 hour, but not `.`: {EXAMPLES}")),
        ("1.2.3h", format!("`1.2.3h` is not understood: {EXAMPLES}")),
        ("5 10", format!("`5 10` is not understood: {EXAMPLES}")),
        (
            "1h 5 10",
            format!("understood 1 hour, but not `5 10`: {EXAMPLES}"),
        ),
        ("a\u{7}", format!("`a\\u{{7}}` is not understood: {EXAMPLES}")),
        ("2d12", "12 of what, after 2 days? Say 12m, 12h or 12d".to_owned()),
        (
            "-3d",
            format!("a duration runs forwards, so `-3d` cannot be one: {EXAMPLES}"),
        ),
        (
            "1h - 3m",
            format!("a duration runs forwards, so `- 3m` cannot be one: {EXAMPLES}"),
        ),
        (
            "0",
            "it would be over at once: the shortest duration is 1 second".to_owned(),
        ),
        (
            "0.5s",
            "it would be over at once: the shortest duration is 1 second".to_owned(),
        ),
        ("101y", "at most 100 years can be given, or `forever`".to_owned()),
        (
            "99999999999999999999d",
            "at most 100 years can be given, or `forever`".to_owned(),
        ),
        (
            "9999999999999999999d",
            "at most 100 years can be given, or `forever`".to_owned(),
        ),
        (
            "18446744073709551615s 1s",
            "at most 100 years can be given, or `forever`".to_owned(),
        ),
        (
            "2126-12-24",
            "at most 100 years can be given, or `forever`".to_owned(),
        ),
        (
            "2026-11-20 09:06",
            "2026-11-20 09:06:00 UTC is past: it is 2026-11-20 09:06:00 UTC now".to_owned(),
        ),
        ("until 2026-02-30", no_time("2026-02-30")),
        ("until tomorrow", no_time("tomorrow")),
        ("2026-12-24 25:00", no_time("2026-12-24 25:00")),
        ("2026-12-24 18:00 +99:00", no_time("2026-12-24 18:00 +99:00")),
        ("2026-é", no_time("2026-é")),
        (
            "2026-12-24 18:00 or so",
            format!("understood 2026-12-24 18:00, but not `or so`: {EXAMPLES}"),
        ),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), error, "{text}");
    }
}

fn no_time(text: &str) -> String {
    format!("`{text}` is no date and time: such are 2026-12-24, 2026-12-24 18:00 and 2026-12-24T18:00:00Z")
}

/// A place where clocks go forward at 2 o'clock on 28 March 2027 and back at 3 on 31 October.
#[derive(Debug, Clone)]
struct Summer;

impl TimeZone for Summer {
    type Offset = FixedOffset;

    fn from_offset(_: &FixedOffset) -> Self {
        Self
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<FixedOffset> {
        self.offset_from_local_datetime(&local.and_time(NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<FixedOffset> {
        let [winter, summer] = [3_600, 7_200].map(|offset| FixedOffset::east_opt(offset).unwrap());
        let time = |text| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
        if (time("2027-03-28 02:00")..time("2027-03-28 03:00")).contains(local) {
            MappedLocalTime::None
        } else if (time("2027-10-31 02:00")..time("2027-10-31 03:00")).contains(local) {
            MappedLocalTime::Ambiguous(summer, winter)
        } else if (time("2027-03-28 03:00")..time("2027-10-31 02:00")).contains(local) {
            MappedLocalTime::Single(summer)
        } else {
            MappedLocalTime::Single(winter)
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> FixedOffset {
        self.offset_from_utc_datetime(&utc.and_time(NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, _: &NaiveDateTime) -> FixedOffset {
        unreachable!("times are read, not shown")
    }
}

#[test]
fn where_clocks_change_an_hour_is_read_as_its_first_or_refused() {
    let there = |text| Term::parse(text, now(), &Summer, Span::LONGEST);
    for (text, utc) in [
        ("2027-03-28 01:59", "2027-03-28T00:59:00Z"),
        ("2027-03-28 03:00", "2027-03-28T01:00:00Z"),
        ("2027-10-31 02:30", "2027-10-31T00:30:00Z"),
        ("2027-10-31 03:00", "2027-10-31T02:00:00Z"),
    ] {
        assert_eq!(there(text), Ok(Term::Until(utc.parse().unwrap())), "{text}");
    }
    assert_eq!(
        there("2027-03-28 02:30").unwrap_err().to_string(),
        no_time("2027-03-28 02:30")
    );
}

#[test]
fn a_limit_is_named() {
    let week = Span::days(7);
    let limited = |text| Term::parse(text, now(), &Utc, week);
    assert_eq!(limited("7d"), Ok(Term::after(week, now())));
    assert_eq!(limited("7d 1s"), Err(SpanError::TooLong { longest: week }.into()));
    assert_eq!(
        limited("2026-11-28"),
        Err(SpanError::TooLong { longest: week }.into())
    );
    assert_eq!(
        limited("perm").unwrap_err().to_string(),
        "for ever is not possible here: at most 7 days"
    );
}

#[test]
fn what_is_left_is_said_to_the_second() {
    let left = |milliseconds| Term::Until(now() + TimeDelta::milliseconds(milliseconds)).left(now());
    assert_eq!(left(5_399_900), "1 hour 30 minutes");
    assert_eq!(left(86_400_000 * 7), "7 days");
    assert_eq!(left(86_400_000 * 366 + 61_000), "1 year 1 day 1 minute 1 second");
    assert_eq!(left(499), "no time");
    assert_eq!(left(-5_000), "no time");
    assert_eq!(Term::Forever.left(now()), "for ever");
    assert_eq!(Term::from(None), Term::Forever);
    assert!(Term::Until(now()).is_over(now()) && !Term::Forever.is_over(now()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_said_is_understood(seconds in 1..=Span::LONGEST.as_seconds(), upper: bool) {
        let span = Span::seconds(seconds).unwrap();
        let said = if upper { span.to_string().to_uppercase() } else { span.to_string() };
        prop_assert_eq!(said.parse::<Span>(), Ok(span));
        prop_assert_eq!(parse(&Term::after(span, now()).left(now())), Ok(Term::after(span, now())));
    }

    #[test]
    fn a_time_is_understood_as_it_is_written(micros in 1..3_000_000_000_000_000_i64) {
        let at = now() + TimeDelta::microseconds(micros);
        prop_assert_eq!(parse(&at.to_rfc3339()), Ok(Term::Until(at)));
    }

    /// No text does anything else than mean a time ahead, for ever, or an error.
    #[test]
    fn no_text_is_taken_for_what_it_is_not(text in "[0-9a-zA-Z .,:+−∞é-]{0,24}") {
        if let Ok(Term::Until(at)) = parse(&text) {
            prop_assert!(at > now() && at <= now() + Span::LONGEST.delta());
            prop_assert!(text.chars().any(|c| c.is_ascii_digit()) || text.to_lowercase().contains('a'), "{}", text);
        }
    }
}
