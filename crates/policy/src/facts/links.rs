//! Addresses in a text: their hosts, and which of them are invites.

use super::Facts;
use crate::catalogue::Slot;
use std::collections::HashSet;

/// More addresses of one message are not looked at.
const MOST: usize = 200;

/// Endings under which a bare `name.ending` is taken for an address.
const ENDINGS: &[&str] = &[
    "app", "art", "biz", "blog", "br", "by", "ca", "cc", "click", "cloud", "club", "cn", "co", "com", "de",
    "dev", "digital", "es", "eu", "fr", "fun", "gg", "gift", "gifts", "gl", "id", "in", "info", "io", "it",
    "jp", "kr", "lat", "link", "live", "lol", "ly", "me", "mobi", "moe", "mx", "net", "news", "nl", "online",
    "org", "page", "ph", "pl", "pro", "pt", "pw", "ru", "se", "sh", "shop", "site", "space", "store", "su",
    "tech", "to", "top", "tv", "tr", "ua", "uk", "us", "vip", "vn", "ws", "xyz", "zone",
];

pub(super) struct Address<'t> {
    pub(super) host: String,
    path: &'t str,
}

#[derive(Default)]
pub(super) struct Found {
    hosts: Vec<String>,
    invites: Vec<String>,
    count: usize,
    seen: HashSet<String>,
}

// === impl Found ===

impl Found {
    pub(super) fn text(&mut self, text: &str) {
        for address in addresses(text) {
            self.address(&address);
        }
    }

    /// An address that stands in a place of its own.
    pub(super) fn url(&mut self, url: &str) {
        if let Some(address) = address(url, true) {
            self.address(&address);
        }
    }

    fn address(&mut self, address: &Address<'_>) {
        if self.count >= MOST {
            return;
        }
        let path = address
            .path
            .trim_end_matches(['.', ',', '!', ')', '>', '*', '_', '|', '/']);
        // The same address in the text and in its preview is one.
        if !self.seen.insert(format!("{}{path}", address.host)) {
            return;
        }
        self.count += 1;
        if let Some(code) = invite(&address.host, path) {
            self.invites.push(code.to_owned());
        }
        if !self.hosts.contains(&address.host) {
            self.hosts.push(address.host.clone());
        }
    }

    pub(super) fn set(&self, facts: &mut Facts) {
        facts.set_count(Slot::LinksCount, self.count);
        facts.add_words(Slot::Links, self.hosts.iter().map(String::as_str));
        facts.set_count(Slot::InvitesCount, self.invites.len());
        // Whoever knows the community's own invites sets it lower.
        facts.set_count(Slot::InvitesForeign, self.invites.len());
        facts.add_words(Slot::Invites, self.invites.iter().map(String::as_str));
    }
}

/// Every address of a text.
pub(super) fn addresses(text: &str) -> impl Iterator<Item = Address<'_>> {
    let ends = |c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | '"' | '`' | '{' | '}' | '|')
    };
    text.split(ends).filter_map(|word| {
        let word =
            word.trim_matches(|c: char| matches!(c, '*' | '_' | '~' | '\'' | ',' | ';' | ':' | '!' | '?'));
        if !word.contains('.') {
            return None;
        }
        match word.find("://") {
            Some(at) => address(&word[at + 3..], true),
            None => address(word, false),
        }
    })
}

/// Reads a host and what follows it. Without a scheme, only a well-known ending makes it an address.
fn address(text: &str, sure: bool) -> Option<Address<'_>> {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let end = text.find(['/', '?', '#', '\\']).unwrap_or(text.len());
    let (authority, path) = text.split_at(end);
    // What stands before an `@` only pretends to be the host.
    let (pretended, authority) = authority.rsplit_once('@').unwrap_or(("", authority));
    if !sure && !pretended.is_empty() {
        return None;
    }
    let host = authority.split_once(':').map_or(authority, |(host, _)| host);
    let host = host.trim_end_matches('.').to_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let sound = |label: &&str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    if labels.len() < 2 || host.len() > 253 || !labels.iter().all(sound) {
        return None;
    }
    let ending = labels[labels.len() - 1];
    let known = sure || host.starts_with("www.") || ENDINGS.contains(&ending);
    let named = sure || labels[labels.len() - 2].len() > 1 || path.len() > 1;
    (known && named).then_some(Address { host, path })
}

/// The code of an invite to a community.
fn invite<'p>(host: &str, path: &'p str) -> Option<&'p str> {
    let host = host.strip_prefix("www.").unwrap_or(host);
    let path = path.trim_start_matches(['/', '\\']);
    let code = match host {
        "discord.gg" | "dsc.gg" | "discord.me" | "invite.gg" => path,
        "discord.com" | "discordapp.com" | "ptb.discord.com" | "canary.discord.com" => {
            path.strip_prefix("invite/")?
        }
        "t.me" | "telegram.me" | "telegram.dog" => path.strip_prefix("joinchat/").unwrap_or(path),
        _ => return None,
    };
    let code = code.trim_start_matches('+');
    let code = code.split(['/', '?', '#']).next().unwrap_or(code);
    (!code.is_empty()).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str) -> Vec<String> {
        addresses(text).map(|address| address.host).collect()
    }

    #[test]
    fn hosts_are_found() {
        for (text, expected) in [
            (
                "see https://YouTube.com/watch?v=1 and youtu.be/x.",
                &["youtube.com"][..],
            ),
            ("free nitro dlscord-gift.ru/claim!", &["dlscord-gift.ru"]),
            ("<https://a.b.example.org:8080/>", &["a.b.example.org"]),
            ("https://discord.com@evil.ru/x", &["evil.ru"]),
            ("[discord.com](http://evil.xyz)", &["discord.com", "evil.xyz"]),
            ("e.g. this. file.rs v1.2 mail me@example.com", &[]),
            ("**steamcommunlty.com**", &["steamcommunlty.com"]),
        ] {
            assert_eq!(hosts(text), expected, "{text}");
        }
    }

    #[test]
    fn invites_are_known() {
        for (text, code) in [
            ("join discord.gg/abc123", Some("abc123")),
            ("https://discord.com/invite/xyz?x=1", Some("xyz")),
            ("https://t.me/+AbCd", Some("AbCd")),
            ("https://t.me/joinchat/Q1", Some("Q1")),
            ("https://discord.com/channels/1/2", None),
        ] {
            let mut found = Found::default();
            found.text(text);
            assert_eq!(found.invites.first().map(String::as_str), code, "{text}");
        }
    }
}
