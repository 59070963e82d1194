//! Where events may be sent: to addresses of the public net, unless the configuration says otherwise.
//!
//! What is looked at is the address to which the connection goes, each time: a name may stand for another one by then.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use url::{Host, Url};

const LONGEST: usize = 2_000;

/// Why nothing is sent to an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadTarget {
    #[error("it is no URL: write one such as https://example.org/hook")]
    NoUrl,
    #[error("it has more than {} characters", LONGEST)]
    TooLong,
    #[error("it is not of http or https")]
    Scheme,
    #[error("it has a user or password in it: the signature says who sends")]
    Login,
    #[error(
        "`{0}` is no address of the public net: LOCKDOWN_WEBHOOKS_PRIVATE=true lets events be sent to private and loopback \
         addresses"
    )]
    Private(String),
}

/// Resolves names to addresses of the public net alone, or to any.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guarded {
    pub(super) private: bool,
}

/// A target, as far as it can be judged without asking anybody.
pub(crate) fn target(text: &str, private: bool) -> Result<Url, BadTarget> {
    if text.len() > LONGEST {
        return Err(BadTarget::TooLong);
    }
    let url = Url::parse(text).map_err(|_| BadTarget::NoUrl)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(BadTarget::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadTarget::Login);
    }
    let address = match url.host() {
        None => return Err(BadTarget::NoUrl),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let local = name == "localhost" || name.ends_with(".localhost");
            if local && !private {
                return Err(BadTarget::Private(name.to_owned()));
            }
            return Ok(url);
        }
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
    };
    if private || is_public(address) {
        return Ok(url);
    }
    Err(BadTarget::Private(address.to_string()))
}

pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let reserved = match (a, b, c) {
        // This network; shared by the customers of a provider; protocols; benchmarks; future use and broadcast.
        (0, ..) | (100, 64..=127, _) | (192, 0, 0) | (198, 18..=19, _) | (240..=255, ..) => true,
        // The retired way from one kind of address to the other.
        (192, 88, 99) => true,
        _ => false,
    };
    !(reserved
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let inside = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        // An address of the other kind inside: written so, translated, or tunnelled.
        (0, 0) if (c, d, e, f) == (0, 0, 0, 0xffff) => inside(g, h),
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => inside(g, h),
        (0x2002, _) => inside(b, c),
        // Protocols and tunnels; examples.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => false,
        // All that was ever given out to the public.
        (0x2000..=0x3fff, _) => true,
        _ => false,
    }
}

// === impl Guarded ===

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|found| private || is_public(found.ip())).collect();
            if allowed.is_empty() {
                return Err(BadTarget::Private(name.as_str().to_owned()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_net_is_public() {
        for public in [
            "1.1.1.1",
            "100.63.255.255",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn a_target_is_refused_for_what_it_is() {
        let refused = |text: &str| target(text, false).unwrap_err();
        assert!(target("https://example.org/hook?a=b", false).is_ok());
        assert_eq!(refused("example.org"), BadTarget::NoUrl);
        assert_eq!(
            refused(&format!("https://a/{}", "x".repeat(2_000))),
            BadTarget::TooLong
        );
        assert_eq!(refused("ftp://example.org"), BadTarget::Scheme);
        assert_eq!(refused("https://a:b@example.org"), BadTarget::Login);
        // Written in whatever way.
        for private in [
            "http://127.0.0.1:8080",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://a.localhost/",
        ] {
            assert!(matches!(refused(private), BadTarget::Private(_)), "{private}");
            assert!(target(private, true).is_ok(), "{private}");
        }
    }

    #[tokio::test]
    async fn a_name_of_a_private_address_leads_nowhere() {
        let resolve = async |private| {
            let name = "localhost".parse().unwrap();
            Guarded { private }.resolve(name).await.map(Iterator::count)
        };
        assert!(
            resolve(false)
                .await
                .unwrap_err()
                .to_string()
                .contains("LOCKDOWN_WEBHOOKS_PRIVATE")
        );
        assert!(resolve(true).await.unwrap() > 0);
    }
}
