//! What of a rule file a platform's own filter can do as well.
//!
//! Such a filter looks at a text before anybody sees it. It knows words, patterns and mentions, and nothing of people,
//! counts or time. A rule has something for it when everything that the filter would stop is something that the rule takes
//! away. Where it can do only a part, it is given that part: the rule judges whatever it lets through.
//!
//! To let it do more: an arm in [`Reader::condition`], and what it is given in [`Signs`].

use crate::catalogue::ListKind;
use crate::diagnostic::Sink;
use crate::document::{AtLimit, Document, Exempt, List, Mode, Rule, document};
use crate::event::EventKind;
use crate::expression::{Expr, ExprKind, Literal, Op};
use crate::source::Source;
use crate::text::is_dense;
use lockdown_events::Platform;
use regex_syntax::ParserBuilder;

/// What one rule has for the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Native {
    pub rule: String,
    pub signs: Result<Signs, NotNative>,
}

/// What the filter looks for, and whom it leaves alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    /// Whole words and phrases.
    pub words: Vec<String>,
    /// Found anywhere, also within what looks like one word.
    pub stretches: Vec<String>,
    /// With what is below them.
    pub domains: Vec<String>,
    /// Regular expressions, without regard to case.
    pub patterns: Vec<String>,
    /// So many people and roles together, or more.
    pub mentions: Option<u32>,
    /// What the rule looks for besides, entry by entry: the filter cannot.
    pub left: usize,
    pub staff: bool,
    /// By id or by name, as are the channels.
    pub roles: Vec<String>,
    pub channels: Vec<String>,
}

/// Why a rule has nothing for the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotNative {
    /// It does not act here.
    Quiet,
    /// It judges messages and not edits, or the other way round: the filter judges both.
    Edits,
    /// It does not take the message away.
    Stays,
    /// It leaves people or labels alone of whom the filter does not know.
    People,
    /// It is quiet at its limit and comes back by itself: the filter would not know when.
    Waits,
    /// It counts.
    Counts,
    /// It asks this, which the filter does not know.
    Asks(String),
}

struct Reader<'d> {
    document: &'d Document,
    signs: Signs,
}

/// What each rule of a file has for the filter of a platform, in the order of the file; nothing of a file with faults.
pub fn native(source: &Source, platform: Platform) -> Vec<Native> {
    let mut sink = Sink::new();
    let Some(document) = document(source, &mut sink).filter(|_| !sink.has_errors()) else {
        return Vec::new();
    };
    let of = |rule: &Rule| Native {
        rule: rule.id.value.clone(),
        signs: signs(&document, rule, platform),
    };
    document.rules.iter().map(of).collect()
}

fn signs(document: &Document, rule: &Rule, platform: Platform) -> Result<Signs, NotNative> {
    let mode = rule.mode.or(document.defaults.mode).unwrap_or(Mode::Live);
    let here = rule.platforms.is_empty() || rule.platforms.contains(&platform);
    if mode != Mode::Live || !here {
        return Err(NotNative::Quiet);
    }
    if !rule.then.iter().any(|act| act.value.word() == "delete") {
        return Err(NotNative::Stays);
    }
    if rule.count.is_some() {
        return Err(NotNative::Counts);
    }
    let judges = |kind| rule.events.iter().any(|event| event.value == kind);
    if !judges(EventKind::Message) || !judges(EventKind::Edit) {
        return Err(NotNative::Edits);
    }
    let limit = rule.limit.or(document.defaults.limit);
    if limit.is_some_and(|limit| limit.then == AtLimit::Wait) {
        return Err(NotNative::Waits);
    }
    let exempt = match &rule.exempt {
        _ if rule.exempts_nobody => Exempt::default(),
        Some(own) => own.over(&document.defaults.exempt),
        None => document.defaults.exempt.clone(),
    };
    if !exempt.people.is_empty() || !exempt.labels.is_empty() {
        return Err(NotNative::People);
    }
    let [condition] = &rule.when[..] else {
        let texts: Vec<String> = rule.when.iter().map(ToString::to_string).collect();
        return Err(NotNative::Asks(texts.join(" and ")));
    };
    let names = |names: Vec<crate::source::At<String>>| names.into_iter().map(|name| name.value).collect();
    let mut reader = Reader {
        document,
        signs: Signs {
            staff: exempt.staff == Some(true),
            roles: names(exempt.roles),
            channels: names(exempt.channels),
            ..Signs::default()
        },
    };
    reader.condition(condition);
    if reader.signs.is_empty() {
        return Err(NotNative::Asks(condition.to_string()));
    }
    Ok(reader.signs)
}

// === impl Signs ===

impl Signs {
    fn is_empty(&self) -> bool {
        let lists = [&self.words, &self.stretches, &self.domains, &self.patterns];
        self.mentions.is_none() && lists.iter().all(|list| list.is_empty())
    }
}

// === impl NotNative ===

impl NotNative {
    /// One word for each, as keys of translations are.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Edits => "edits",
            Self::Stays => "stays",
            Self::People => "people",
            Self::Waits => "waits",
            Self::Counts => "counts",
            Self::Asks(_) => "asks",
        }
    }
}

// === impl Reader ===

impl Reader<'_> {
    /// Takes what the filter can find out; of several things, one of which is enough, those that it can.
    fn condition(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Or(items) => items.iter().for_each(|item| self.condition(item)),
            ExprKind::Compare {
                path, op, literal, ..
            } if path.text == "mentions.total" => {
                let least = match (op, literal) {
                    (Op::AtLeast, Literal::Number(number, _)) => u32::try_from(*number).ok(),
                    (Op::More, Literal::Number(number, _)) => u32::try_from(number.saturating_add(1)).ok(),
                    _ => None,
                };
                match least {
                    Some(least) => {
                        self.signs.mentions =
                            Some(self.signs.mentions.map_or(least, |known| known.min(least)));
                    }
                    None => self.signs.left += 1,
                }
            }
            ExprKind::Call {
                path,
                method,
                argument,
            } => {
                let known = self.document.lists.iter();
                let list = known.clone().find(|list| list.name.value == argument.text);
                let list = list.filter(|list| match list.kind {
                    ListKind::Words | ListKind::Regexes => {
                        matches!(path.text.as_str(), "text" | "text.own")
                    }
                    ListKind::Domains => (path.text.as_str(), method.text.as_str()) == ("links", "any_in"),
                    ListKind::Values => false,
                });
                match list {
                    Some(list) => self.list(list, path.text == "text.own"),
                    None => self.signs.left += 1,
                }
            }
            _ => self.signs.left += 1,
        }
    }

    fn list(&mut self, list: &List, own: bool) {
        // What others keep is not in the file.
        self.signs.left += list.subscribe.len();
        for entry in &list.entries {
            let entry = entry.value.trim();
            let into = match list.kind {
                // A wildcard of ours leaves everyday words alone, the filter's does not.
                ListKind::Words if entry.contains(['*', '?']) => None,
                ListKind::Words if is_dense(entry) => Some(&mut self.signs.stretches),
                ListKind::Words => Some(&mut self.signs.words),
                ListKind::Domains => Some(&mut self.signs.domains),
                ListKind::Regexes if own || !is_anchored(entry) => Some(&mut self.signs.patterns),
                ListKind::Regexes | ListKind::Values => None,
            };
            match into {
                Some(into) if into.iter().any(|known| known == entry) => {}
                Some(into) => into.push(entry.to_owned()),
                None => self.signs.left += 1,
            }
        }
    }
}

/// Whether a pattern asks for the beginning or the end of the text: what the filter looks at ends elsewhere than `text`.
fn is_anchored(pattern: &str) -> bool {
    let parsed = ParserBuilder::new()
        .unicode(!pattern.is_ascii())
        .utf8(false)
        .build()
        .parse(pattern);
    parsed.map_or(true, |hir| hir.properties().look_set().contains_anchor())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::InMemory;
    use crate::{Facts, Judge, Surroundings, check};
    use lockdown_events::EventId;

    const LISTS: &str = "lists:\n  bad: {words: [free nitro, 'nitro*', 赌博, Free nitro]}\n  \
                         hosts: {domains: [dlscord-gift.ru], subscribe: [list/antiscam@stable]}\n  \
                         shapes: {regexes: ['fr[e3]{2} gift', '^gift', '\\bgift\\b']}\n  files: {values: [exe]}\n";

    fn of(rule: &str) -> Result<Signs, NotNative> {
        let defaults = "defaults:\n  exempt: {staff: true, roles: [trusted]}\n";
        let text = format!("version: 1\n{defaults}{LISTS}rules:\n  - id: it\n{rule}\n");
        let found = native(&Source::new("rules.yaml", &text), Platform::Discord);
        assert_eq!(found.len(), 1, "{text}");
        found.into_iter().next().map(|native| native.signs).unwrap()
    }

    fn asking(when: &str) -> Result<Signs, NotNative> {
        of(&format!(
            "    events: [message, edit]\n    when: [{when}]\n    then: [delete, strike 1]"
        ))
    }

    #[test]
    fn what_it_can_look_for_is_taken() {
        let signs = asking("text.has_any(bad)").unwrap();
        assert_eq!(signs.words, ["free nitro", "Free nitro"]);
        assert_eq!(
            (signs.stretches.as_slice(), signs.left),
            (&["赌博".to_owned()][..], 1)
        );
        assert_eq!(
            (signs.staff, signs.roles.as_slice()),
            (true, &["trusted".to_owned()][..])
        );
        let signs =
            asking("links.any_in(hosts) or attachments.any_in(files) or author.messages < 5").unwrap();
        assert_eq!(
            (signs.domains.as_slice(), signs.left),
            (&["dlscord-gift.ru".to_owned()][..], 3)
        );
        assert_eq!(asking("mentions.total >= 6").unwrap().mentions, Some(6));
        assert_eq!(asking("mentions.total > 6").unwrap().mentions, Some(7));
    }

    #[test]
    fn a_pattern_that_asks_where_the_text_ends_is_for_what_was_typed_alone() {
        let signs = asking("text.matches(shapes)").unwrap();
        assert_eq!((signs.patterns.len(), signs.left), (2, 1));
        assert_eq!(asking("text.own.matches(shapes)").unwrap().patterns.len(), 3);
    }

    #[test]
    fn what_it_cannot_know_is_named() {
        for (when, asks) in [
            ("author.member_age < 1d", "author.member_age < 1d"),
            (
                "text.has_any(bad) and author.messages < 5",
                "text.has_any(bad) and author.messages < 5",
            ),
            (
                "text.has_any(bad), author.messages < 5",
                "text.has_any(bad) and author.messages < 5",
            ),
            ("not text.has_any(bad)", "not text.has_any(bad)"),
            ("mentions.total < 3", "mentions.total < 3"),
            ("links.all_in(hosts)", "links.all_in(hosts)"),
        ] {
            assert_eq!(asking(when), Err(NotNative::Asks(asks.to_owned())), "{when}");
        }
        let when = "    when: [text.has_any(bad)]\n";
        for (rule, why) in [
            ("    events: [message]\n    then: [delete]", NotNative::Edits),
            ("    events: [message, edit]\n    then: [warn]", NotNative::Stays),
            (
                "    events: [message, edit]\n    then: [delete]\n    mode: shadow",
                NotNative::Quiet,
            ),
            (
                "    events: [message, edit]\n    then: [delete]\n    platforms: [telegram]",
                NotNative::Quiet,
            ),
            (
                "    events: [message, edit]\n    then: [delete]\n    exempt: {people: ['7']}",
                NotNative::People,
            ),
            (
                "    events: [message, edit]\n    then: [delete]\n    limit: {actions: 5, per: 1m, then: wait}",
                NotNative::Waits,
            ),
            (
                "    events: [message, edit]\n    then: [delete]\n    count: {of: [author], within: 8s, at_least: 3}",
                NotNative::Counts,
            ),
        ] {
            assert_eq!(of(&format!("{when}{rule}")), Err(why), "{rule}");
        }
    }

    #[test]
    fn what_the_filter_stops_is_judged_by_the_rules_that_it_was_made_of_alone() {
        let rule = |id: &str, when: &str| {
            format!(
                "  - id: {id}\n    events: [message, edit]\n    when: [{when}]\n    then: [delete, strike 1]\n"
            )
        };
        let text = format!(
            "version: 1\n{LISTS}rules:\n{}{}{}{}{}",
            rule("words", "text.has_any(bad)"),
            rule("hosts", "links.any_in(hosts)"),
            rule("shapes", "text.matches(shapes)"),
            rule("calls", "mentions.total >= 3"),
            rule("all", "text.length > 0"),
        );
        let source = Source::new("rules.yaml", &text);
        let rules = check(&source, &Surroundings::default()).rules.unwrap();
        let found = native(&source, Platform::Discord);
        assert_eq!(found.iter().filter(|native| native.signs.is_ok()).count(), 4);
        let id: EventId = serde_json::from_value("0199c2d4-0041-7000-8000-000000000041".into()).unwrap();
        for (content, of, hits) in [
            ("get your FREE nitro!", "words", true),
            ("线上赌博平台", "words", true),
            ("look: https://www.dlscord-gift.ru/abc", "hosts", true),
            ("look: http://dlscord-gift.ru/abc", "hosts", true),
            ("a fr3e gift", "shapes", true),
            ("<@1> <@!2> <@&3> hi", "calls", true),
            ("<@1> <@!1> <@&1> <@x>", "calls", false),
            ("get your free nitro", "hosts", false),
        ] {
            let body = serde_json::json!({
                "guildId": "1", "channelId": "2", "authorId": "3", "content": content, "ruleId": "4", "act": "block",
                "messageId": "5", "rules": [of],
            });
            let facts = Facts::of_flagged(id, 0, &serde_json::from_value(body).unwrap());
            assert_eq!(facts.message, None, "what was not posted cannot be deleted");
            let verdict = Judge::new(InMemory::default()).judge(&rules, &facts);
            let hit: Vec<&str> = verdict
                .hits
                .iter()
                .filter_map(|hit| rules.ids().nth(hit.rule))
                .collect();
            assert_eq!(hit, if hits { vec![of] } else { vec![] }, "{content}");
        }
    }
}
