//! Timestamps as they stand on the wire. The usual form is read and written here by hand, at a tenth of what a
//! general parser and formatter cost: there is one in every envelope.

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use serde::de;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::RangeInclusive;

/// RFC 3339, or whole milliseconds since 1970 as JavaScript counts them.
pub(crate) struct Timestamp(pub(crate) DateTime<Utc>);

/// What RFC 3339 can say.
const YEARS: RangeInclusive<i32> = 0..=9999;

// === impl Timestamp ===

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimestampVisitor;

        impl de::Visitor<'_> for TimestampVisitor {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as 2026-11-20T09:06:00Z")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                match usual(text.as_bytes()) {
                    Some(time) => Ok(Timestamp(time)),
                    None => match DateTime::parse_from_rfc3339(text) {
                        Ok(time) => Ok(Timestamp(time.to_utc())),
                        Err(_) => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                    },
                }
            }

            fn visit_i64<E: de::Error>(self, millis: i64) -> Result<Timestamp, E> {
                // Beyond the year 9999 a time could be read once and not written so that it can be read again.
                let time =
                    DateTime::from_timestamp_millis(millis).filter(|time| YEARS.contains(&time.year()));
                time.map(Timestamp)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Signed(millis), &self))
            }

            fn visit_u64<E: de::Error>(self, millis: u64) -> Result<Timestamp, E> {
                self.visit_i64(i64::try_from(millis).unwrap_or(i64::MAX))
            }
        }

        deserializer.deserialize_any(TimestampVisitor)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = self.0;
        let micros = time.nanosecond() / 1000;
        if !YEARS.contains(&time.year()) || !time.nanosecond().is_multiple_of(1000) || micros >= 1_000_000 {
            return time.serialize(serializer);
        }
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        digits(&mut text[0..4], time.year().unsigned_abs());
        digits(&mut text[5..7], time.month());
        digits(&mut text[8..10], time.day());
        digits(&mut text[11..13], time.hour());
        digits(&mut text[14..16], time.minute());
        digits(&mut text[17..19], time.second());
        digits(&mut text[20..26], micros);
        let end = match micros {
            0 => 19,
            micros if micros.is_multiple_of(1000) => 23,
            _ => 26,
        };
        text[end] = b'Z';
        serializer.serialize_str(std::str::from_utf8(&text[..=end]).expect("digits are ASCII"))
    }
}

/// `2026-11-20T09:06:00Z`, with or without a fraction of up to nine digits.
fn usual(text: &[u8]) -> Option<DateTime<Utc>> {
    let shape = text.len() >= 20
        && (text[4], text[7], text[10], text[13], text[16]) == (b'-', b'-', b'T', b':', b':')
        && text.last() == Some(&b'Z');
    if !shape {
        return None;
    }
    let fraction = match &text[19..text.len() - 1] {
        [] => 0,
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
            number(digits)? * 10_u32.pow(9 - u32::try_from(digits.len()).ok()?)
        }
        _ => return None,
    };
    let date = NaiveDate::from_ymd_opt(
        i32::try_from(number(&text[0..4])?).ok()?,
        number(&text[5..7])?,
        number(&text[8..10])?,
    )?;
    let time = date.and_hms_nano_opt(
        number(&text[11..13])?,
        number(&text[14..16])?,
        number(&text[17..19])?,
        fraction,
    )?;
    Some(time.and_utc())
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |sum, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0'))
    })
}

fn digits(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).expect("a digit");
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_of_rfc_3339_is_read() {
        for (text, same) in [
            ("2026-11-20T09:06:00Z", "2026-11-20T09:06:00Z"),
            ("2026-11-20T09:06:00.1Z", "2026-11-20T09:06:00.100Z"),
            ("2026-11-20T09:06:00.123456Z", "2026-11-20T09:06:00.123456Z"),
            ("2026-11-20T09:06:00.123456789Z", "2026-11-20T09:06:00.123456789Z"),
            ("2026-11-20T10:06:00+01:00", "2026-11-20T09:06:00Z"),
            ("2026-11-20 09:06:00z", "2026-11-20T09:06:00Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60Z"),
        ] {
            let read: Timestamp = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), format!("\"{same}\""));
        }
        for text in [
            "2026-02-30T00:00:00Z",
            "2026-11-20",
            "2026-11-20T25:00:00Z",
            "2026-11-20T09:06:00.Z",
            "now",
        ] {
            assert!(
                serde_json::from_str::<Timestamp>(&format!("\"{text}\"")).is_err(),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_usual_form_is_what_chrono_reads_and_writes(seconds in -62_167_219_200_i64..253_402_300_799, micros in 0..1_000_000_u32) {
            for nanos in [0, micros * 1000, micros / 1000 * 1_000_000, micros * 1000 + 7] {
                let time = DateTime::from_timestamp(seconds, nanos).unwrap();
                let ours = serde_json::to_string(&Timestamp(time)).unwrap();
                prop_assert_eq!(&ours, &serde_json::to_string(&time).unwrap());
                prop_assert_eq!(serde_json::from_str::<Timestamp>(&ours).unwrap().0, time);
            }
        }
    }
}
