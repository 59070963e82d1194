//! Sign-in with Telegram: what its login widget signs about somebody, with the token of the bot.

use chrono::{DateTime, TimeDelta, Utc};
use lockdown_runtime::Secret;
use ring::hmac;
use sha2::{Digest as _, Sha256};

/// How old what it signed may be, and how far ahead its clock.
const OLDEST: TimeDelta = TimeDelta::minutes(5);
const AHEAD: TimeDelta = TimeDelta::seconds(60);
/// More fields than it sends are somebody else's.
const MOST_FIELDS: usize = 16;
/// Where Telegram asks people.
const ASKS: &str = "https://oauth.telegram.org/auth";

/// Who somebody is, as Telegram signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) user_id: String,
    /// What it is remembered by, and until when it would count.
    pub(crate) hash: Vec<u8>,
    pub(crate) until: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It lacks something, or has it twice.
    Malformed,
    /// Not signed with the token of this bot.
    Forged,
    TooOld,
}

/// Where a browser is sent to be asked who it is.
pub(crate) fn address(token: &Secret, origin: &str, back: &str) -> Option<String> {
    let (bot, _) = token.expose().split_once(':')?;
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("bot_id", bot)
        .append_pair("origin", origin)
        .append_pair("return_to", back)
        .finish();
    Some(format!("{ASKS}?{query}"))
}

/// Reads what came back. `fields` are those that Telegram sent, and no others.
pub(crate) fn read(
    fields: &[(String, String)],
    token: &Secret,
    now: DateTime<Utc>,
) -> Result<Proof, Refused> {
    let find = |name: &str| {
        fields
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    };
    let mut lines: Vec<&(String, String)> = fields.iter().filter(|(name, _)| name != "hash").collect();
    lines.sort();
    let is_twice = lines.windows(2).any(|pair| pair[0].0 == pair[1].0);
    if is_twice || fields.len() > MOST_FIELDS || lines.len() + 1 != fields.len() {
        return Err(Refused::Malformed);
    }
    let hash = find("hash").and_then(unhex).ok_or(Refused::Malformed)?;
    // A line break inside of a value would let one field look like two.
    if fields
        .iter()
        .any(|(name, value)| name.contains(['\n', '=']) || value.contains('\n'))
    {
        return Err(Refused::Malformed);
    }
    let lines: Vec<String> = lines
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &Sha256::digest(token.expose()));
    // Takes the same time whatever differs.
    hmac::verify(&key, lines.join("\n").as_bytes(), &hash).map_err(|_| Refused::Forged)?;
    let seconds = find("auth_date").and_then(|text| text.parse().ok());
    let at = seconds
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .ok_or(Refused::Malformed)?;
    if at < now - OLDEST || at > now + AHEAD {
        return Err(Refused::TooOld);
    }
    let user_id = find("id")
        .filter(|id| id.parse::<i64>().is_ok_and(|id| id > 0))
        .ok_or(Refused::Malformed)?;
    Ok(Proof {
        user_id: user_id.to_owned(),
        hash,
        until: at + OLDEST + AHEAD,
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockdown_runtime::ids::hex;

    fn token() -> Secret {
        Secret::new("123456789:AAH-the-token-of-a-bot")
    }

    fn now() -> DateTime<Utc> {
        "2026-11-20T09:06:00Z".parse().unwrap()
    }

    /// As Telegram signs it.
    fn signed(fields: &[(&str, &str)], token: &Secret) -> Vec<(String, String)> {
        let mut fields: Vec<(String, String)> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        fields.sort();
        let lines: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &Sha256::digest(token.expose()));
        let tag = hmac::sign(&key, lines.join("\n").as_bytes());
        fields.push(("hash".to_owned(), hex(tag.as_ref())));
        fields
    }

    fn date(ago: i64) -> String {
        (now().timestamp() - ago).to_string()
    }

    #[test]
    fn what_telegram_signed_is_read() {
        let date = date(10);
        let fields = [
            ("id", "42"),
            ("first_name", "Ana"),
            ("last_name", "Ó"),
            ("username", "ana"),
            ("auth_date", &date),
        ];
        let proof = read(&signed(&fields, &token()), &token(), now()).unwrap();
        assert_eq!(proof.user_id, "42");
        assert!(proof.until > now());
        // The documented example of the algorithm, worked out once by another program.
        let fixed = signed(&[("auth_date", "1700000000"), ("id", "42")], &Secret::new("1:a"));
        assert_eq!(
            fixed[2].1,
            "6ed868f550a721b6673ea5277c91fc48b252cfce420fe95220e9e5ecd331896a"
        );
    }

    #[test]
    fn what_it_did_not_sign_is_refused() {
        let (fresh, old, ahead) = (date(0), date(301), date(-61));
        let good = signed(&[("id", "42"), ("auth_date", &fresh)], &token());
        assert!(read(&good, &token(), now()).is_ok());
        let change = |at: usize, value: &str| {
            let mut fields = good.clone();
            fields[at].1 = value.to_owned();
            read(&fields, &token(), now()).unwrap_err()
        };
        assert_eq!(change(1, "43"), Refused::Forged);
        assert_eq!(change(0, &old), Refused::Forged);
        assert_eq!(change(2, &"0".repeat(64)), Refused::Forged);
        assert_eq!(change(2, "0"), Refused::Malformed);
        assert_eq!(change(2, ""), Refused::Forged);
        let read_of = |fields: &[(&str, &str)], token: &Secret| {
            read(&signed(fields, token), &self::token(), now()).map(|_| ())
        };
        for (fields, token, refused) in [
            (
                &[("id", "42"), ("auth_date", &*fresh)][..],
                &Secret::new("1:other"),
                Refused::Forged,
            ),
            (&[("id", "42"), ("auth_date", &old)], &token(), Refused::TooOld),
            (&[("id", "42"), ("auth_date", &ahead)], &token(), Refused::TooOld),
            (
                &[("id", "42"), ("auth_date", "soon")],
                &token(),
                Refused::Malformed,
            ),
            (
                &[("id", "-42"), ("auth_date", &fresh)],
                &token(),
                Refused::Malformed,
            ),
            (&[("auth_date", &fresh)], &token(), Refused::Malformed),
            (
                &[("id", "42"), ("id", "43"), ("auth_date", &fresh)],
                &token(),
                Refused::Malformed,
            ),
            (
                &[("id", "42"), ("username", "a\nid=43"), ("auth_date", &fresh)],
                &token(),
                Refused::Malformed,
            ),
        ] {
            assert_eq!(read_of(fields, token), Err(refused), "{fields:?}");
        }
        assert_eq!(
            read(&good[..2], &token(), now()),
            Err(Refused::Malformed),
            "no hash"
        );
        let twice: Vec<_> = good.iter().cloned().chain([good[2].clone()]).collect();
        assert_eq!(read(&twice, &token(), now()), Err(Refused::Malformed));
    }
}
