//! From the text of a variable to its type. A refusal is a hint, or nothing where `expects` says it all.

use std::net::SocketAddr;
use std::path::PathBuf;

use tracing_subscriber::EnvFilter;
use url::Url;

use super::{LogFormat, Shards};
use crate::secret::{Secret, SecretUrl};

/// Why a value was refused, when that adds something to what the table expects. It never repeats the value.
pub(super) type Refused = Option<String>;

pub(super) fn path(text: &str) -> Result<PathBuf, Refused> {
    if text.contains('\0') {
        return Err(Some("a path cannot hold a zero byte".into()));
    }
    Ok(PathBuf::from(text))
}

pub(super) fn socket_addr(text: &str) -> Result<SocketAddr, Refused> {
    if let Ok(addr) = text.parse() {
        return Ok(addr);
    }
    let hint = if text.contains("://") {
        "no scheme here; LOCKDOWN_PUBLIC_URL takes a URL"
    } else if text.parse::<u16>().is_ok() {
        "put an address before the port: 127.0.0.1 for this machine only, 0.0.0.0 for every network"
    } else if text.starts_with("localhost") {
        "write localhost as 127.0.0.1"
    } else {
        return Err(None);
    };
    Err(Some(hint.into()))
}

pub(super) fn http_url(text: &str) -> Result<SecretUrl, Refused> {
    url_of(text, &["http", "https"])
}

pub(super) fn postgres_url(text: &str) -> Result<SecretUrl, Refused> {
    url_of(text, &["postgres", "postgresql"])
}

pub(super) fn redis_url(text: &str) -> Result<SecretUrl, Refused> {
    let url = url_of(text, &["redis", "rediss", "redis+unix", "unix"])?;
    let is_socket = matches!(url.scheme(), "redis+unix" | "unix");
    if is_socket && matches!(url.url().path(), "" | "/") {
        return Err(Some(
            "the path of the socket is missing: redis+unix:///run/redis.sock".into(),
        ));
    }
    if !is_socket && url.url().host_str().is_none_or(str::is_empty) {
        return Err(Some("the host is missing".into()));
    }
    Ok(url)
}

fn url_of(text: &str, schemes: &[&str]) -> Result<SecretUrl, Refused> {
    if !text.contains("://") {
        return Err(Some(format!("it must begin with {}://", schemes[0])));
    }
    if text.contains(char::is_whitespace) {
        return Err(Some("there is a blank in it".into()));
    }
    let url = Url::parse(text).map_err(|error| Some(error.to_string()))?;
    if !schemes.contains(&url.scheme()) {
        return Err(None);
    }
    Ok(SecretUrl::new(url))
}

pub(super) fn admin_token(text: &str) -> Result<Secret, Refused> {
    visible(text)?;
    match text.len() {
        0..16 => Err(Some("it is too short to be safe".into())),
        _ => Ok(Secret::new(text)),
    }
}

pub(super) fn count(text: &str) -> Result<u32, Refused> {
    match text.parse() {
        Ok(count @ 1..=1_000_000) => Ok(count),
        _ => Err(None),
    }
}

/// Not shorter than the bus keeps them itself, or history would have a gap.
pub(super) fn decision_days(text: &str) -> Result<u32, Refused> {
    count(text).and_then(|days| if days < 30 { Err(None) } else { Ok(days) })
}

pub(super) fn people_days(text: &str) -> Result<u32, Refused> {
    count(text).and_then(|days| if days < 7 { Err(None) } else { Ok(days) })
}

pub(super) fn yes_or_no(text: &str) -> Result<bool, Refused> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(None),
    }
}

pub(super) fn audit_key(text: &str) -> Result<Secret, Refused> {
    if text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        Ok(Secret::new(text))
    } else {
        Err(None)
    }
}

pub(super) fn discord_token(text: &str) -> Result<Secret, Refused> {
    if text.starts_with("Bot ") {
        return Err(Some("leave out the word Bot".into()));
    }
    visible(text)?;
    Ok(Secret::new(text))
}

pub(super) fn shards(text: &str) -> Result<Shards, Refused> {
    let number = |text: &str| text.parse::<u32>().map_err(|_| None);
    let Some((own, of)) = text.split_once('/') else {
        return count(text).map(Shards::whole);
    };
    let of = count(of)?;
    let (first, last) = own.split_once('-').unwrap_or((own, own));
    let (first, last) = (number(first)?, number(last)?);
    if first <= last && last < of {
        Ok(Shards { first, last, of })
    } else {
        Err(Some(format!(
            "they are counted from 0: of {of} the last is {}",
            of - 1
        )))
    }
}

pub(super) fn discord_client(text: &str) -> Result<String, Refused> {
    let is_id = (1..=20).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    if is_id { Ok(text.to_owned()) } else { Err(None) }
}

pub(super) fn client_secret(text: &str) -> Result<Secret, Refused> {
    visible(text)?;
    Ok(Secret::new(text))
}

pub(super) fn switch(text: &str) -> Result<bool, Refused> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(None),
    }
}

pub(super) fn telegram_token(text: &str) -> Result<Secret, Refused> {
    let Some((bot, key)) = text.split_once(':') else {
        return Err(Some("there is no colon in it".into()));
    };
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let fits = !bot.is_empty()
        && bot.chars().all(|c| c.is_ascii_digit())
        && !key.is_empty()
        && key.chars().all(is_key);
    if fits { Ok(Secret::new(text)) } else { Err(None) }
}

/// A token travels in a header, where only visible ASCII may stand.
fn visible(text: &str) -> Result<(), Refused> {
    if text.chars().all(|c| c.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(Some("it holds a blank or a character outside of ASCII".into()))
    }
}

pub(super) fn log_filter(text: &str) -> Result<String, Refused> {
    // The filter's own message repeats the value, which may have been meant for another variable.
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(Some("levels are error, warn, info, debug, trace and off".into())),
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, Refused> {
    match text.to_ascii_lowercase().as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(None),
    }
}
