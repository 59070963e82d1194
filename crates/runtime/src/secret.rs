//! Values that must not be shown: tokens, and addresses that carry a password.

use std::borrow::Cow;
use std::fmt;

use url::Url;

/// What stands in the place of a hidden part of an address.
const MASK: &str = "***";

/// A token or a password. It compares and clones, but neither `Debug` nor `Display` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// An address that may carry a password: shown with the password masked, whole only through [`SecretUrl::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(Url);

// === impl Secret ===

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one call that needs it. Never log what this returns.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

// === impl SecretUrl ===

impl SecretUrl {
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// The whole address with its password, for the client that connects. Never log what this returns.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// The parsed address, password included. Never log what this returns.
    pub fn url(&self) -> &Url {
        &self.0
    }

    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }

    /// The address joined with a path below it: `http://host/base` and `v1/x` give `http://host/base/v1/x`.
    pub fn join_path(&self, path: &str) -> Self {
        let mut url = self.0.clone();
        let joined = format!(
            "{}/{}",
            url.path().trim_end_matches('/'),
            path.trim_start_matches('/')
        );
        url.set_path(&joined);
        Self(url)
    }

    /// The address as a person may see it: a password, also one given as `?pass=`, is replaced.
    pub fn masked(&self) -> String {
        let mut url = self.0.clone();
        if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
            // Only an address without a host refuses, and that one has no password either.
            return format!("{}://{MASK}", url.scheme());
        }
        let masked_query = url.query().map(|query| {
            let pairs = query.split('&').map(|pair| match pair.split_once('=') {
                Some((name, _)) if names_a_secret(name) => Cow::Owned(format!("{name}={MASK}")),
                _ => Cow::Borrowed(pair),
            });
            pairs.collect::<Vec<_>>().join("&")
        });
        url.set_query(masked_query.as_deref());
        url.into()
    }

    /// Every text in this address that must not reach a log, as written and with `%40` and the like decoded.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let mut found = Vec::new();
        if let Some(password) = self.0.password() {
            found.push(password.to_owned());
            // The form of a query decodes `%xx` too, but would turn `+` into a blank: keep it from doing so.
            let form = format!("p={}", password.replace('+', "%2B").replace('&', "%26"));
            found.extend(url::form_urlencoded::parse(form.as_bytes()).map(|(_, value)| value.into_owned()));
        }
        for pair in self.0.query().unwrap_or_default().split('&') {
            if let Some((name, value)) = pair.split_once('=').filter(|(name, _)| names_a_secret(name)) {
                found.push(value.to_owned());
                let form = format!("{name}={value}");
                found.extend(
                    url::form_urlencoded::parse(form.as_bytes()).map(|(_, value)| value.into_owned()),
                );
            }
        }
        found.retain(|value| !value.is_empty());
        found.sort();
        found.dedup();
        found.into_iter().map(Secret::new).collect()
    }
}

/// Redis takes `?pass=` on a socket path, Postgres `?password=`.
fn names_a_secret(parameter: &str) -> bool {
    let parameter = parameter.to_ascii_lowercase();
    ["pass", "secret", "token"]
        .iter()
        .any(|word| parameter.contains(word))
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({})", self.masked())
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> SecretUrl {
        SecretUrl::new(Url::parse(text).unwrap())
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::new("correct horse");
        assert!(!format!("{secret:?} {secret}").contains("horse"));
        assert_eq!(secret.expose(), "correct horse");
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        let db = url("postgres://app:hunter2@db:5432/lockdown?sslmode=require");
        assert_eq!(
            db.to_string(),
            "postgres://app:***@db:5432/lockdown?sslmode=require"
        );
        assert_eq!(
            db.expose(),
            "postgres://app:hunter2@db:5432/lockdown?sslmode=require"
        );
        let socket = url("redis+unix:///run/redis.sock?db=1&pass=hunter2");
        assert_eq!(socket.to_string(), "redis+unix:///run/redis.sock?db=1&pass=***");
        assert!(!format!("{db:?}{socket:?}").contains("hunter2"));
    }

    #[test]
    fn a_password_is_known_in_every_spelling() {
        let found = url("redis://:p%40ss+word@host/0").secrets();
        let found: Vec<_> = found.iter().map(Secret::expose).collect();
        assert_eq!(found, ["p%40ss+word", "p@ss+word"]);
        assert_eq!(url("redis+unix:///s?pass=a%20b").secrets().len(), 2);
        assert!(url("redis://host/0").secrets().is_empty());
    }

    #[test]
    fn a_path_is_joined_below_the_base() {
        assert_eq!(
            url("http://c:4318").join_path("v1/traces").expose(),
            "http://c:4318/v1/traces"
        );
        assert_eq!(
            url("http://c/otel/").join_path("/v1/traces").expose(),
            "http://c/otel/v1/traces"
        );
    }
}
