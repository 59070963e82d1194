//! Tries a rule's examples: each is an event for that rule alone.

use super::{RuleSet, Surroundings};
use crate::catalogue::{Key, Slot};
use crate::counter::InMemory;
use crate::diagnostic::{Code, Sink};
use crate::document::{Document, Example, FactValue, Rule};
use crate::evaluate::Judge;
use crate::event::EventKind;
use crate::facts::Facts;
use lockdown_events::{
    ChannelId, EventId, GuildId, Message, MessageId, Names, Platform, UserId, UserUpdated,
};

/// Beyond this many events of examples in one file, the rest is not tried.
const MOST_EVENTS: u32 = 20_000;

pub(super) fn run(rules: &RuleSet, document: &Document, surroundings: &Surroundings, sink: &mut Sink) {
    let mut left = MOST_EVENTS;
    for (index, rule) in document.rules.iter().enumerate() {
        let cases = rule.hit.iter().map(|example| (example, true));
        for (example, should) in cases.chain(rule.miss.iter().map(|example| (example, false))) {
            let Some(rest) = left.checked_sub(example.times) else {
                sink.warning(
                    Code::TooLarge,
                    example.span,
                    "this and later examples are not tried: there are too many".to_owned(),
                );
                return;
            };
            left = rest;
            let (hits, why) = play(rules, index, rule, example, surroundings);
            if hits == should {
                continue;
            }
            let id = &rule.id.value;
            let message = if should {
                format!("`{id}` misses this example")
            } else {
                format!("`{id}` hits this example")
            };
            sink.error(Code::ExampleFails, example.span, message).hint(why);
        }
    }
}

/// Whether the rule hits at the last repetition, and why.
fn play(
    rules: &RuleSet,
    index: usize,
    rule: &Rule,
    example: &Example,
    surroundings: &Surroundings,
) -> (bool, String) {
    let mut judge = Judge::new(InMemory::new());
    let mut last = (false, String::new());
    for time in 0..example.times {
        let facts = facts(rule, example, surroundings, time);
        last = judge.alone(rules, index, &facts);
    }
    last
}

fn facts(rule: &Rule, example: &Example, surroundings: &Surroundings, time: u32) -> Facts {
    let kind = example
        .event
        .or(rule.events.first().map(|event| event.value))
        .unwrap_or(EventKind::Message);
    let mut here = surroundings.platforms().iter().copied();
    let platform = here
        .find(|platform| rule.platforms.is_empty() || rule.platforms.contains(platform))
        .unwrap_or(Platform::Discord);
    // What a counter tells apart has to differ from one time to the next.
    let distinct = rule
        .count
        .as_ref()
        .and_then(|count| count.distinct.as_ref())
        .map(|key| key.value);
    let number = |key: Key| 1 + if distinct == Some(key) { time } else { 0 };
    let id = EventId(uuid::Uuid::from_u128(u128::from(time) + 1));
    let within = rule.count.as_ref().map_or(1, |count| count.within);
    let at = 1_700_000_000_000 + i64::from(time) * (within / (i64::from(example.times) + 1));
    let (Ok(guild_id), Ok(channel_id), Ok(user_id), Ok(message_id)) = (
        GuildId::new(&format!("{}", number(Key::Guild))),
        ChannelId::new(&format!("{}", number(Key::Channel))),
        UserId::new(&format!("{}", number(Key::Author))),
        MessageId::new(&format!("{}", time + 1)),
    ) else {
        unreachable!("a number is an id")
    };
    let mut facts = if kind == EventKind::Nickname {
        let update = UserUpdated {
            platform,
            guild_id,
            user_id,
            names: Names {
                nick: Some(example.text.clone()),
                ..Names::default()
            },
            previous: None,
            roles: None,
            muted_until: None,
            administrator: None,
            avatar: None,
        };
        Facts::of_names(id, at, &update).unwrap_or_else(|| Facts::new(id, kind, platform, at))
    } else {
        let message = Message {
            platform,
            guild_id,
            channel_id,
            author_id: user_id,
            message_id,
            content: example.text.clone(),
            ..bare()
        };
        Facts::of_message(id, kind, at, &message)
    };
    if kind == EventKind::Join {
        facts.set_number(Slot::AuthorMemberAge, 0);
        facts.set_text(Slot::AuthorNames, example.text.clone());
    }
    for (slot, value) in &example.facts {
        facts.forget(*slot);
        match value {
            FactValue::Number(number) => facts.set_number(*slot, *number),
            FactValue::Words(words) if slot.feature().kind == crate::catalogue::Kind::Text => {
                facts.set_text(*slot, words.join("\n"));
            }
            FactValue::Words(words) => facts.add_words(*slot, words.iter().map(String::as_str)),
        }
    }
    facts
}

fn bare() -> Message {
    let json = r#"{"guildId":"1","messageId":"1","channelId":"1","authorId":"1"}"#;
    serde_json::from_str(json).unwrap_or_else(|error| unreachable!("a message needs no more: {error}"))
}
