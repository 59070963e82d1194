//! Reads durations and times as people write them. What is not understood is an error that says what was.

use super::{DAY, HOUR, MINUTE, MONTH, Span, SpanError, Term, TermError, YEAR};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, SubsecRound, TimeZone, Utc};

const FOREVER: &[&str] = &[
    "forever",
    "for ever",
    "permanently",
    "permanent",
    "perma",
    "perm",
    "indefinitely",
    "indefinite",
    "infinite",
    "inf",
    "never",
    "∞",
];

/// A unit's seconds. `m` is a minute and `mo` a month, whatever the case of the letters.
fn unit(word: &str) -> Option<u64> {
    Some(match word {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => MINUTE,
        "h" | "hr" | "hrs" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "wk" | "wks" | "week" | "weeks" => 7 * DAY,
        "mo" | "mos" | "mon" | "mth" | "mths" | "month" | "months" => MONTH,
        "y" | "yr" | "yrs" | "year" | "years" => YEAR,
        _ => return None,
    })
}

/// Reads a length of time.
pub(super) fn span(text: &str, longest: Span) -> Result<Span, SpanError> {
    let text = text.trim().to_lowercase();
    let text = strip_word(&text, "for").unwrap_or(&text);
    if text.is_empty() {
        return Err(SpanError::Empty);
    }
    let too_long = || SpanError::TooLong { longest };
    let mut total = 0_u64;
    let mut last_unit = None;
    let mut rest = text;
    while !rest.is_empty() {
        let understood = Span::seconds(total).ok();
        let not_understood = || SpanError::NotUnderstood {
            understood: understood.map(|span| span.to_string()),
            rest: rest.to_owned(),
        };
        if let Some(positive) = rest.strip_prefix(['-', '−'])
            && positive.trim_start().starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(SpanError::Negative(rest.to_owned()));
        }
        let (number, after) = number(rest).ok_or_else(not_understood)?;
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (word, after) = after.split_at(end);
        let unit = match (word, last_unit) {
            // A bare number is minutes, alone or after hours: `1h30`. Elsewhere it would be a guess.
            ("", None | Some(HOUR)) if after.is_empty() => MINUTE,
            ("", _) => {
                let Some(understood) = understood.filter(|_| after.is_empty()) else {
                    return Err(not_understood());
                };
                return Err(SpanError::NoUnit {
                    understood,
                    number: number.text.to_owned(),
                });
            }
            (word, _) => unit(word).ok_or_else(not_understood)?,
        };
        let seconds = number.times(unit).ok_or_else(too_long)?;
        total = total.checked_add(seconds).ok_or_else(too_long)?;
        last_unit = Some(unit);
        rest = after.trim_start();
        if let Some(more) = rest
            .strip_prefix(',')
            .map(str::trim_start)
            .or_else(|| strip_word(rest, "and"))
            && !more.is_empty()
        {
            rest = more;
        }
    }
    if total > longest.0 {
        return Err(too_long());
    }
    Span::seconds(total)
}

/// A number as it was written.
struct Number<'a> {
    text: &'a str,
    whole: &'a str,
    /// What stood behind the point.
    fraction: &'a str,
}

// === impl Number ===

impl Number<'_> {
    /// So many units, in whole seconds; `None` when they are too many to count.
    fn times(&self, unit: u64) -> Option<u64> {
        let whole = self.whole.parse::<u64>().ok()?.checked_mul(unit)?;
        // Nine places are finer than a second of any unit.
        let fraction = self.fraction.get(..9).unwrap_or(self.fraction);
        let tenths = fraction.bytes().rev().fold(0, |sum: u128, digit| {
            (sum + u128::from(digit - b'0') * u128::from(unit) * 1_000_000_000) / 10
        });
        whole.checked_add(u64::try_from(tenths / 1_000_000_000).ok()?)
    }
}

/// `12`, `1.5`, or an article: `an hour`.
fn number(text: &str) -> Option<(Number<'_>, &str)> {
    for article in ["a", "an"] {
        if let Some(after) = strip_word(text, article) {
            return Some((
                Number {
                    text: article,
                    whole: "1",
                    fraction: "",
                },
                after,
            ));
        }
    }
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, mut after) = text.split_at(digits(text));
    if whole.is_empty() {
        return None;
    }
    let mut fraction = "";
    if let Some(tail) = after.strip_prefix('.') {
        let (found, behind) = tail.split_at(digits(tail));
        if !found.is_empty() {
            (fraction, after) = (found, behind);
        }
    }
    Some((
        Number {
            text: &text[..text.len() - after.len()],
            whole,
            fraction,
        },
        after,
    ))
}

/// What follows a word, when the text begins with it and it ends there.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let after = text.strip_prefix(word)?;
    after.starts_with(char::is_whitespace).then(|| after.trim_start())
}

/// Reads when something ends; the caller checks that it lies ahead.
pub(super) fn term<Z: TimeZone>(
    text: &str,
    now: DateTime<Utc>,
    zone: &Z,
    longest: Span,
) -> Result<Term, TermError> {
    let text = text.trim();
    let folded = text.to_lowercase();
    if FOREVER.contains(&folded.as_str()) {
        return Ok(Term::Forever);
    }
    if let Some(rest) = FOREVER.iter().find_map(|word| strip_word(&folded, word)) {
        return Err(SpanError::NotUnderstood {
            understood: Some("for ever".to_owned()),
            rest: rest.to_owned(),
        }
        .into());
    }
    let date = strip_word(&folded, "until").or_else(|| strip_word(&folded, "till"));
    if date.is_some() || looks_like_a_date(&folded) {
        return time(date.unwrap_or(&folded), zone).map(Term::Until);
    }
    Ok(Term::after(span(text, longest)?, now))
}

/// Four digits and a dash: no duration begins so.
fn looks_like_a_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 4 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-'
}

/// `2026-12-24`, with or without a time of day, with or without an offset.
fn time<Z: TimeZone>(text: &str, zone: &Z) -> Result<DateTime<Utc>, TermError> {
    let none = || TermError::NoSuchTime(text.to_owned());
    let end = text.find(['t', ' ']).unwrap_or(text.len());
    let date = NaiveDate::parse_from_str(&text[..end], "%Y-%m-%d").map_err(|_| none())?;
    let rest = text[end..].trim_start_matches(['t', ' ']);
    let end = rest
        .find(|c: char| !matches!(c, '0'..='9' | ':' | '.'))
        .unwrap_or(rest.len());
    let (clock, offset) = rest.split_at(end);
    let clock = match clock {
        "" => NaiveTime::MIN,
        clock => ["%H:%M", "%H:%M:%S", "%H:%M:%S%.f"]
            .iter()
            .find_map(|format| NaiveTime::parse_from_str(clock, format).ok())
            .ok_or_else(none)?,
    };
    let local = NaiveDateTime::new(date, clock);
    let at = match offset.trim() {
        // Twice in a night when clocks go back: the earlier, so that nobody is punished an hour longer. In the hour
        // that is skipped when they go forward: there is no such time.
        "" => zone
            .from_local_datetime(&local)
            .earliest()
            .ok_or_else(none)?
            .to_utc(),
        "z" | "utc" | "gmt" => local.and_utc(),
        offset if offset.starts_with(['+', '-']) => offset
            .parse::<FixedOffset>()
            .ok()
            .and_then(|offset| offset.from_local_datetime(&local).single())
            .ok_or_else(none)?
            .to_utc(),
        rest => {
            let understood = Some(local.format("%Y-%m-%d %H:%M").to_string());
            return Err(SpanError::NotUnderstood {
                understood,
                rest: rest.to_owned(),
            }
            .into());
        }
    };
    Ok(at.trunc_subsecs(6))
}
