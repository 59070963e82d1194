//! Lengths of time as rules write them: `30s`, `10m`, `1h30m`, `7d`, `2w`.

/// Milliseconds.
pub type Millis = i64;

pub(crate) const SECOND: Millis = 1000;
pub(crate) const MINUTE: Millis = 60 * SECOND;
pub(crate) const HOUR: Millis = 60 * MINUTE;
pub(crate) const DAY: Millis = 24 * HOUR;
/// Longer is for ever.
const LONGEST: Millis = 100 * 366 * DAY;

const UNITS: &[(&str, Millis)] = &[
    ("w", 7 * DAY),
    ("d", DAY),
    ("h", HOUR),
    ("m", MINUTE),
    ("s", SECOND),
];

/// Reads a length of time; `None` for what is none.
pub(crate) fn parse(text: &str) -> Option<Millis> {
    let mut rest = text;
    let mut total: Millis = 0;
    let mut before = Millis::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: Millis = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = UNITS.iter().find(|(name, _)| *name == &rest[..end])?.1;
        // Each unit once, from the largest down: `1m1h` is more likely a slip than a wish.
        if unit >= before {
            return None;
        }
        before = unit;
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[end..];
    }
    (!text.is_empty() && total <= LONGEST).then_some(total)
}

/// Writes a length of time as the language reads it; what is below a second is not said.
pub fn show(millis: Millis) -> String {
    let mut rest = millis.max(0);
    if rest < SECOND {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, unit) in UNITS {
        // `8d` reads better than `1w1d`.
        if *name == "w" {
            continue;
        }
        if rest >= *unit {
            text += &format!("{}{name}", rest / unit);
            rest %= unit;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_and_written() {
        for (text, millis, shown) in [
            ("30s", 30_000, "30s"),
            ("10m", 600_000, "10m"),
            ("1h30m", 5_400_000, "1h30m"),
            ("7d", 7 * DAY, "7d"),
            ("8d", 8 * DAY, "8d"),
            ("90s", 90_000, "1m30s"),
            ("0s", 0, "0s"),
        ] {
            assert_eq!(parse(text), Some(millis), "{text}");
            assert_eq!(show(millis), shown);
            assert_eq!(parse(shown), Some(millis));
        }
        for wrong in [
            "",
            "7",
            "d",
            "7x",
            "1m1h",
            "1m1m",
            "99999999999999999999d",
            "5000000w",
            "-1d",
            "1 d",
        ] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
