//! Links in texts, and lists of domains.

use lockdown_policy::text::Text;
use lockdown_policy::text::links::{Domains, links, resembles};
use proptest::prelude::*;

#[test]
fn links_are_found_where_people_see_them() {
    for (raw, expected) in [
        (
            "see https://Example.com/a?b=c#d, ok",
            vec![("example.com", "/a?b=c#d", false)],
        ),
        ("(www.example.org)", vec![("example.org", "", false)]),
        ("go to sub.example.co.uk.", vec![("sub.example.co.uk", "", false)]),
        (
            "a.com b.net/x",
            vec![("a.com", "", false), ("b.net", "/x", false)],
        ),
        ("http://127.0.0.1:8080/x", vec![("127.0.0.1", ":8080/x", false)]),
        ("<https://example.com/x>", vec![("example.com", "/x", false)]),
        (
            "[free](https://example.com/x)",
            vec![("example.com", "/x", false)],
        ),
        ("ｅｘａｍｐｌｅ．ｃｏｍ", vec![("example.com", "", false)]),
        ("exam\u{200B}ple.com", vec![("example.com", "", true)]),
        ("еxample.com", vec![("example.com", "", true)]),
        ("https://xn--xample-2of.com/", vec![("example.com", "/", true)]),
        ("пример.рф", vec![("пример.рф", "", false)]),
        ("https://münchen.de", vec![("munchen.de", "", true)]),
        ("mail me@example.com", vec![]),
        ("https://discord.com@evil.ru/x", vec![("evil.ru", "/x", false)]),
        ("https://a@b@evil.ru", vec![("evil.ru", "", false)]),
        ("see a.b.c.d.e.f and src/main.rs", vec![]),
        ("e.g. this... or v1.2.3 and 3.14", vec![]),
        ("well.then", vec![]),
        ("...", vec![]),
        ("https://", vec![]),
    ] {
        let found = links(&Text::of(raw));
        let found: Vec<_> = found
            .iter()
            .map(|link| (link.host.as_str(), link.path.as_str(), link.disguised))
            .collect();
        assert_eq!(found, expected, "in {raw:?}");
    }
}

#[test]
fn invites_have_codes() {
    for (raw, code) in [
        ("join discord.gg/aBc-1!", Some("aBc-1")),
        ("https://discord.com/invite/xyz?event=1", Some("xyz")),
        ("https://discord.com/channels/1/2", None),
        ("t.me/+X4_xs", Some("X4_xs")),
        ("https://t.me/joinchat/AAA", Some("AAA")),
        ("https://t.me/somebody", None),
        ("discord.gg/", None),
    ] {
        let found = links(&Text::of(raw));
        assert_eq!(found.len(), 1, "in {raw:?}");
        assert_eq!(found[0].invite.as_deref(), code, "in {raw:?}");
        assert!(raw[found[0].span.clone()].starts_with(['d', 'h', 't']));
    }
}

#[test]
fn what_no_resolver_takes_is_no_link() {
    let deep = |labels| format!("https://{}example.com/x", "a.".repeat(labels));
    assert_eq!(links(&Text::of(&deep(100))).len(), 1);
    assert_eq!(links(&Text::of(&deep(4_000))), []);
}

#[test]
fn a_domain_stands_for_all_below_it() {
    let domains = Domains::of([
        "Example.com",
        "https://*.evil.ru/path",
        "www.site.io",
        "me.host.app",
        "",
    ]);
    assert_eq!(domains.len(), 4);
    for (host, inside) in [
        ("example.com", true),
        ("a.b.example.com", true),
        ("notexample.com", false),
        ("com", false),
        ("x.evil.ru", true),
        ("site.io", true),
        ("me.host.app", true),
        ("you.host.app", false),
        ("host.app", false),
        ("", false),
    ] {
        assert_eq!(domains.contains(host), inside, "{host}");
    }
    let allowed = |raw: &str| domains.allows(&links(&Text::of(raw))[0]);
    assert!(allowed("https://example.com") && allowed("https://EXAMPLE.com"));
    assert!(
        !allowed("https://еxample.com"),
        "a look-alike is not allowed by its model"
    );
}

#[test]
fn pretenders_are_known() {
    let domains = ["discord.com", "steamcommunity.com", "paypal.com", "x.com"];
    for (host, model) in [
        ("discord.com", None),
        ("cdn.discord.com", None),
        ("dlscord.com", Some("discord.com")),
        ("disc0rd.gift", Some("discord.com")),
        ("discorcl.com", None),
        ("discrod.com", Some("discord.com")),
        ("steamcornmunity.com", Some("steamcommunity.com")),
        ("steamcomunity.com", Some("steamcommunity.com")),
        ("paypa1.com", Some("paypal.com")),
        ("y.com", None),
        ("example.com", None),
        ("discord.gg", None),
    ] {
        assert_eq!(resembles(host, &domains), model, "{host}");
    }
}

proptest! {
    #[test]
    fn any_text_has_links_inside_of_it(raw in "([a-zа-я0-9.:/@。-]{0,6}|xn--[a-z0-9-]{0,12}|https://|\\.com|\\PC){0,12}") {
        for link in links(&Text::of(&raw)) {
            prop_assert!(raw.get(link.span.clone()).is_some(), "{:?} of {:?}", link, raw);
            prop_assert!(!link.host.is_empty());
        }
    }
}
