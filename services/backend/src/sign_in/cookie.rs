//! The cookies of a browser: the session, and the way that somebody is on while they sign in.
//!
//! Where the public address is https, they are `Secure` and begin with `__Host-`: no other host, and no page that came over
//! plain HTTP, can set one. `SameSite=Lax` and not `Strict`, since whoever comes back from a platform comes from another site.

use axum::http::{HeaderMap, HeaderValue, header};
use chrono::TimeDelta;
use lockdown_runtime::SecretUrl;

/// How a browser is to keep them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookies {
    is_secure: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Session,
    /// What a platform sends back is compared with this.
    Way,
}

// === impl Cookies ===

impl Cookies {
    pub(crate) fn of(public: &SecretUrl) -> Self {
        Self {
            is_secure: public.scheme() == "https",
        }
    }

    pub(crate) fn name(self, kind: Kind) -> &'static str {
        match (kind, self.is_secure) {
            (Kind::Session, true) => "__Host-lockdown",
            (Kind::Session, false) => "lockdown",
            (Kind::Way, true) => "__Host-lockdown-way",
            (Kind::Way, false) => "lockdown-way",
        }
    }

    /// For `Set-Cookie`. The value is hexadecimal, with points between its parts.
    pub(crate) fn set(self, kind: Kind, value: &str, lasts: TimeDelta) -> HeaderValue {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let text = format!(
            "{}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
            self.name(kind),
            lasts.num_seconds()
        );
        HeaderValue::from_str(&text).expect("names and values of our cookies are plain ASCII")
    }

    pub(crate) fn forget(self, kind: Kind) -> HeaderValue {
        self.set(kind, "", TimeDelta::zero())
    }

    /// What a browser sent. Two of one name are none: one of them may be somebody else's.
    pub(crate) fn sent(self, kind: Kind, headers: &HeaderMap) -> Option<&str> {
        let name = self.name(kind);
        let lines = headers.get_all(header::COOKIE).iter();
        let pairs = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'));
        let mut values = pairs.filter_map(|pair| {
            let (found, value) = pair.trim().split_once('=')?;
            (found == name && !value.is_empty()).then_some(value)
        });
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(url: &str) -> Cookies {
        Cookies::of(&SecretUrl::new(url.parse().unwrap()))
    }

    #[test]
    fn a_cookie_says_who_may_see_it() {
        let open = cookies("http://127.0.0.1:8080").set(Kind::Session, "a1", TimeDelta::minutes(1));
        assert_eq!(open, "lockdown=a1; Path=/; Max-Age=60; HttpOnly; SameSite=Lax");
        let secure = cookies("https://mod.example.org").forget(Kind::Way);
        assert_eq!(
            secure,
            "__Host-lockdown-way=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
        );
    }

    #[test]
    fn one_of_a_name_is_read_and_of_two_none() {
        let cookies = cookies("http://a");
        let read = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, line.parse().unwrap());
            }
            cookies.sent(Kind::Session, &headers).map(str::to_owned)
        };
        assert_eq!(read(&["x=1; lockdown=a1;y=2"]), Some("a1".to_owned()));
        for none in [
            &[][..],
            &["lockdown="],
            &["lockdown-way=a"],
            &["lockdown=a", "lockdown=b"],
        ] {
            assert_eq!(read(none), None, "{none:?}");
        }
    }
}
