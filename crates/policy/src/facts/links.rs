//! Addresses of a message: their hosts, and which of them are invites. `text::links` finds them.

use super::Facts;
use crate::catalogue::Slot;
use crate::text::Text;
use crate::text::links::{Link, address, first, links};
use std::collections::HashSet;

/// More addresses of one message are not looked at.
const MOST: usize = 200;
/// Bytes of what stands in `[…](…)`: as much as an address has.
const LONGEST: usize = 512;

#[derive(Default)]
pub(super) struct Found {
    hosts: Vec<String>,
    invites: Vec<String>,
    count: usize,
    seen: HashSet<String>,
}

// === impl Found ===

impl Found {
    pub(super) fn text(&mut self, text: &Text) {
        for link in links(text) {
            self.link(link);
        }
    }

    /// Addresses that stand in places of their own.
    pub(super) fn urls<'u>(&mut self, urls: impl IntoIterator<Item = &'u str>) {
        for url in urls {
            if self.count >= MOST {
                return;
            }
            if let Some(link) = address(url) {
                self.link(link);
            }
        }
    }

    fn link(&mut self, link: Link) {
        let path = link
            .path
            .trim_end_matches(['.', ',', '!', ')', '>', '*', '_', '|', '/']);
        // The same address in the text and in its preview is one.
        if self.count >= MOST || !self.seen.insert(format!("{}{path}", link.written)) {
            return;
        }
        self.count += 1;
        self.invites.extend(link.invite);
        // A host in look-alikes leads elsewhere: it is on a list of bad ones by what it shows, and on none of good ones.
        let written = link.disguised.then_some(link.written);
        for host in written.into_iter().chain([link.host]) {
            if !self.hosts.contains(&host) {
                self.hosts.push(host);
            }
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

/// `[discord.com](https://evil.ru)`: the words look like one host, the address leads to another.
pub(super) fn is_masked(text: &str) -> bool {
    text.match_indices("](").take(50).any(|(at, _)| {
        let before = &text[text.ceil_char_boundary(at.saturating_sub(LONGEST))..at];
        let behind = &text[at + 2..text.floor_char_boundary(at + 2 + LONGEST)];
        let shown = before.rsplit('[').next().unwrap_or_default();
        let behind = behind.split(')').next().unwrap_or_default();
        if !shown.contains('.') {
            return false;
        }
        let host = |text: &str| first(&Text::of(text)).map(|link| link.written);
        match (host(shown), host(behind)) {
            (Some(shown), Some(behind)) => shown != behind && !behind.ends_with(&format!(".{shown}")),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found() {
        for (text, expected) in [
            (
                "see https://YouTube.com/watch?v=1 and youtu.be/x.",
                &["youtube.com", "youtu.be"][..],
            ),
            ("free nitro dlscord-gift.ru/claim!", &["dlscord-gift.ru"]),
            ("<https://a.b.example.org:8080/>", &["a.b.example.org"]),
            ("https://discord.com@evil.ru/x", &["evil.ru"]),
            ("https://me:word@evil.ru/x", &["evil.ru"]),
            ("https://evil.ru\\@discord.com", &["evil.ru"]),
            ("[discord.com](http://evil.xyz)", &["discord.com", "evil.xyz"]),
            ("e.g. this. file.rs v1.2 mail me@example.com", &[]),
            ("**steamcommunlty.com**", &["steamcommunlty.com"]),
            ("dіscord.com", &["dіscord.com", "discord.com"]),
            ("example.com/a example.com/a. EXAMPLE.com/b", &["example.com"]),
        ] {
            let mut found = Found::default();
            found.text(&Text::of(text));
            assert_eq!(found.hosts, expected, "{text}");
        }
    }

    #[test]
    fn addresses_need_no_scheme_in_places_of_their_own() {
        let mut found = Found::default();
        found.urls([
            "evil.example",
            "https://evil.example/",
            "tg://user?id=1",
            "discord.gg/abc",
        ]);
        assert_eq!(found.hosts, ["evil.example", "discord.gg"]);
        assert_eq!(
            (found.count, found.invites.as_slice()),
            (2, &["abc".to_owned()][..])
        );
    }

    #[test]
    fn masks_are_seen() {
        for (text, masked) in [
            ("[discord.com](https://evil.ru/x)", true),
            ("[discord.com](https://cdn.discord.com/x)", false),
            ("[click here](https://evil.ru/x)", false),
            ("[https://discord.com](https://discord.com/y)", false),
        ] {
            assert_eq!(is_masked(text), masked, "{text}");
        }
    }
}
