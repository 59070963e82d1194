//! A thousand communities with rules, and what is said there.

use anyhow::Context as _;
use lockdown_events::{Author, Envelope, Event, EventId, GuildId, Message, MessageEvent, Platform, Source};
use lockdown_runtime::Context;
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{Community, CommunityId, Guild, GuildKey};
use lockdown_store::policies::{Change, Place, Policy, PolicyBinding, PolicyId, PolicyMode, PolicyState};
use lockdown_store::{Store, StoreError, in_tx};
use serde_json::json;
use std::fmt::Write as _;

pub(crate) const COMMUNITIES: usize = 1_000;
pub(crate) const PEOPLE: usize = 100;
const RULES: usize = 50;
const TERMS: usize = 20;

/// A word of letters, of which no two are the same.
fn term(community: usize, rule: usize, number: usize) -> String {
    let mut word = String::from("zq");
    let mut rest = (community * RULES + rule) * TERMS + number;
    for _ in 0..5 {
        word.push(char::from(b'a' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    word
}

fn rules(community: usize) -> String {
    let mut text =
        "version: 1\ndefaults:\n  limit: {actions: 900, per: 10m, then: pause}\nlists:\n".to_owned();
    for rule in 0..RULES {
        let terms: Vec<String> = (0..TERMS).map(|number| term(community, rule, number)).collect();
        writeln!(text, "  list{rule}: {{words: [{}]}}", terms.join(", ")).expect("a text takes all");
    }
    text += "rules:\n";
    for rule in 0..RULES {
        writeln!(
            text,
            "  - {{id: rule-{rule}, events: [message], when: [text.has_any(list{rule})], then: [delete]}}"
        )
        .expect("a text takes all");
    }
    text
}

fn guild_id(community: usize) -> anyhow::Result<GuildId> {
    GuildId::new(&(1_000 + community).to_string()).context("an id")
}

pub(crate) async fn found(ctx: &Context, store: &Store) -> anyhow::Result<()> {
    for number in 0..COMMUNITIES {
        let now = ctx.clock.now();
        let community = Community {
            id: CommunityId(ctx.ids.next()),
            slug: format!("town-{number}"),
            name: format!("Town {number}"),
            settings: Json(json!({})),
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        let guild = Guild {
            id: GuildKey(ctx.ids.next()),
            community_id: community.id,
            platform: Platform::Telegram,
            native_id: guild_id(number)?,
            title: "Square".to_owned(),
            joined_at: now,
            left_at: None,
        };
        let policy = Policy {
            id: PolicyId(ctx.ids.next()),
            community_id: community.id,
            name: "rules".to_owned(),
            head_version: 0,
            state: PolicyState::Active,
            created_at: now,
        };
        let binding = PolicyBinding {
            guild_id: guild.id,
            channel_native_id: Place::Guild,
            policy_id: policy.id,
            version: None,
            shadow_version: None,
            mode: PolicyMode::Enforce,
        };
        let (body, change) = (
            rules(number),
            Change {
                author: "system",
                note: None,
                seen: 0,
                at: now,
            },
        );
        in_tx!(store, |tx| {
            tx.insert_community(&community).await?;
            tx.save_guild(&guild).await?;
            tx.insert_policy(&policy).await?;
            tx.change_policy(policy.id, &body, &change).await?;
            tx.bind_policy(&binding).await?;
            Ok::<_, StoreError>(())
        })?;
    }
    Ok(())
}

/// The message of this number: everybody says something before anybody says something again.
pub(crate) fn says(ctx: &Context, number: usize, hits: bool) -> anyhow::Result<Envelope> {
    let (community, person) = (number % COMMUNITIES, number / COMMUNITIES % PEOPLE);
    let mut content = format!(
        "good morning, has anybody seen where number {number} of our newspaper went? it lay on the table in the hall"
    );
    if hits {
        write!(
            content,
            ", you {}",
            term(community, number % RULES, number % TERMS)
        )
        .expect("a text takes all");
    }
    let message = json!({
        "platform": "telegram", "guildId": guild_id(community)?, "messageId": number.to_string(),
        "channelId": guild_id(community)?.as_str(), "authorId": (100_000 + community * PEOPLE + person).to_string(),
        "author": Author::default(), "content": content,
    });
    let message: Message = serde_json::from_value(message).context("a message")?;
    let event = Event::Message(MessageEvent::Created(Box::new(message)));
    let (id, now) = (EventId(ctx.ids.next()), ctx.clock.now());
    Envelope::new(id, now, Source::TelegramBot, None, &event).context("an envelope")
}
