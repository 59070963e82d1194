//! Every shape of a message that has an id, a channel and something to read is read and judged.

use crate::town::Town;
use lockdown_policy::counter::InMemory;
use lockdown_policy::{EventKind, Facts, Judge, Source, Surroundings, check};
use serde_json::{Value, json};

/// Stands somewhere in each shape, with the shape's number; whoever reads the shape finds it.
const MARK: &str = "free-nitro";
const RULES: &str = "\
version: 1
rules:
  - id: mark
    events: [message]
    exempt: none
    when: [text.has_any(mark) or author.names.has_any(mark) or links.any_in(places)]
    then: [delete]
lists:
  mark: {words: [free nitro]}
  places: {domains: [scam.example]}
";

/// A message that has everything.
fn whole(town: &Town, mark: &str) -> Value {
    json!({
        "channel_id": town.channel.to_string(), "guild_id": town.guild.to_string(), "type": 0, "content": mark,
        "author": {
            "id": town.ana.to_string(), "username": "ana", "discriminator": "0", "global_name": "Ana", "avatar": "a0b1",
            "public_flags": 0, "bot": false,
            "avatar_decoration_data": { "asset": "v2_a0b1", "sku_id": "1" },
            "primary_guild": { "tag": "TAG", "identity_enabled": true }, "collectibles": null,
        },
        "member": { "roles": [], "nick": "nick", "joined_at": "2026-01-01T00:00:00Z", "mute": false, "deaf": false, "flags": 0 },
        "timestamp": "2026-11-20T09:06:00.000000+00:00", "edited_timestamp": null, "tts": false, "mention_everyone": false,
        "mentions": [{ "id": town.owner.to_string(), "username": "owner", "member": { "roles": [] } }],
        "mention_roles": [town.guild.to_string()], "mention_channels": [],
        "attachments": [{ "id": "5", "filename": "a.png", "size": 3, "url": "https://cdn.test/a.png", "proxy_url": "x", "flags": 0 }],
        "embeds": [{ "type": "rich", "title": "t", "description": "d", "fields": [{ "name": "n", "value": "v", "inline": true }] }],
        "reactions": [], "nonce": "1", "pinned": false, "flags": 0, "webhook_id": null, "application_id": null,
        "activity": null, "application": null,
        "message_reference": { "type": 0, "message_id": "1176523342000000001", "channel_id": town.channel.to_string() },
        "referenced_message": null, "interaction_metadata": null, "interaction": null, "thread": null,
        "components": [{ "type": 1, "components": [{ "type": 2, "style": 5, "label": "go", "url": "https://x.test" }] }],
        "sticker_items": [{ "id": "7", "name": "wave", "format_type": 1 }], "position": 0, "role_subscription_data": null,
        "resolved": null, "poll": null, "call": null, "message_snapshots": [],
    })
}

/// What may stand where something else should: of every type, and what a later Discord may send.
fn instead() -> Vec<Value> {
    vec![
        Value::Null,
        json!(42),
        json!(-1.5),
        json!(true),
        json!("text"),
        json!([]),
        json!([null, 7, "x", { "type": 99, "later": {} }]),
        json!({}),
        json!({ "type": 99, "later": [1, { "deep": true }] }),
    ]
}

/// Messages in which the mark stands elsewhere than in the content.
fn elsewhere(town: &Town, mark: &str) -> Vec<Value> {
    let link = format!("https://scam.example/{mark}");
    let with = |over: Value| {
        let mut message = whole(town, "");
        message
            .as_object_mut()
            .unwrap()
            .extend(over.as_object().unwrap().clone());
        message
    };
    vec![
        with(json!({ "embeds": [{ "title": mark }] })),
        with(json!({ "embeds": [{ "description": mark }] })),
        with(json!({ "embeds": [{ "author": { "name": mark } }] })),
        with(json!({ "embeds": [{ "footer": { "text": mark } }] })),
        with(json!({ "embeds": [{ "url": link }] })),
        with(json!({ "embeds": [{ "author": { "name": "x", "url": link } }] })),
        with(json!({ "embeds": [{ "fields": [{ "name": "x", "value": mark }] }] })),
        with(json!({ "embeds": [{ "later": { "text": mark } }] })),
        with(json!({ "embeds": mark })),
        with(json!({ "attachments": [{ "id": "1", "filename": mark }] })),
        with(json!({ "attachments": [{ "id": "1", "filename": "a", "description": mark }] })),
        with(json!({ "attachments": [{ "id": "1", "filename": "a", "title": mark }] })),
        with(json!({ "sticker_items": [{ "id": "1", "name": mark, "format_type": 9 }] })),
        with(json!({ "poll": { "question": { "text": mark }, "answers": [] } })),
        with(
            json!({ "poll": { "question": { "text": "?" }, "answers": [{ "answer_id": 1, "poll_media": { "text": mark } }] } }),
        ),
        with(json!({ "poll": mark })),
        with(
            json!({ "message_reference": { "type": 1 }, "message_snapshots": [{ "message": { "content": mark } }] }),
        ),
        with(json!({ "message_snapshots": [{ "message": { "embeds": [{ "title": mark }] } }] })),
        with(json!({ "message_snapshots": [{ "message": { "attachments": [{ "filename": mark }] } }] })),
        with(json!({ "message_snapshots": [{ "message": {} }, { "message": { "content": mark } }] })),
        with(
            json!({ "message_snapshots": [{ "message": { "components": [{ "type": 10, "content": mark }] } }] }),
        ),
        with(json!({ "flags": 32_768, "components": [{ "type": 10, "content": mark }] })),
        with(
            json!({ "flags": 32_768, "components": [{ "type": 17, "components": [{ "type": 9, "components": [{ "type": 10, "content": mark }],
            "accessory": { "type": 2, "style": 5, "url": "https://x.test" } }] }] }),
        ),
        with(
            json!({ "components": [{ "type": 12, "items": [{ "media": { "url": "x" }, "description": mark }] }] }),
        ),
        with(json!({ "components": [{ "type": 1, "components": [{ "type": 2, "label": mark }] }] })),
        with(
            json!({ "components": [{ "type": 1, "components": [{ "type": 2, "style": 5, "url": link }] }] }),
        ),
        with(
            json!({ "components": [{ "type": 1, "components": [{ "type": 3, "placeholder": mark, "options": [] }] }] }),
        ),
        with(
            json!({ "components": [{ "type": 1, "components": [{ "type": 3, "options": [{ "label": mark, "value": "1" }] }] }] }),
        ),
        with(json!({ "components": [{ "type": 99, "later": [{ "words": mark }] }] })),
        with(json!({ "thread": { "id": "1", "name": mark } })),
        with(json!({ "activity": { "type": 1, "name": mark } })),
        with(json!({ "application": { "id": "1", "name": mark } })),
        with(json!({ "later_surface": { "body": { "text": mark } } })),
        with(json!({ "content": [mark] })),
        with(json!({ "content": { "text": mark } })),
        with(json!({ "author": { "id": town.ana.to_string(), "username": mark } })),
        with(json!({ "author": { "id": town.ana.to_string(), "username": "a", "global_name": mark } })),
        with(
            json!({ "author": { "id": town.ana.to_string(), "username": "a", "primary_guild": { "tag": mark } } }),
        ),
        with(json!({ "member": { "nick": mark } })),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_is_read_and_judged() {
    let town = Town::embedded().await;
    town.start().await;
    let mut shapes = Vec::new();
    let names: Vec<String> = whole(&town, "").as_object().unwrap().keys().cloned().collect();
    let mut mark = |town: &Town, make: &dyn Fn(&Town, &str) -> Value| {
        let text = format!("{MARK}-{}-", shapes.len());
        let shape = make(town, &text);
        shapes.push((text, shape));
    };
    mark(&town, &whole);
    for name in names
        .iter()
        .filter(|name| !matches!(name.as_str(), "content" | "channel_id"))
    {
        mark(&town, &|town, text| {
            let mut shape = whole(town, text);
            shape.as_object_mut().unwrap().remove(name);
            shape
        });
        for value in instead() {
            mark(&town, &|town, text| {
                let mut shape = whole(town, text);
                shape[name] = value.clone();
                shape
            });
        }
    }
    // The same within the author and the member.
    for (place, name) in [
        ("author", "username"),
        ("author", "avatar"),
        ("author", "avatar_decoration_data"),
        ("author", "discriminator"),
        ("author", "primary_guild"),
        ("author", "public_flags"),
        ("author", "bot"),
        ("member", "roles"),
        ("member", "joined_at"),
        ("member", "flags"),
    ] {
        for value in instead() {
            mark(&town, &|town, text| {
                let mut shape = whole(town, text);
                shape[place][name] = value.clone();
                shape
            });
        }
    }
    for kind in 0..=70 {
        mark(&town, &|town, text| {
            let mut shape = whole(town, text);
            shape["type"] = json!(kind);
            shape
        });
    }
    for at in 0..elsewhere(&town, "").len() {
        mark(&town, &|town, text| elsewhere(town, text).swap_remove(at));
    }
    assert!(shapes.len() >= 500, "{}", shapes.len());
    for (at, (_, shape)) in shapes.iter_mut().enumerate() {
        let id = 1_176_523_342_000_000_000 + at as u64;
        shape["id"] = json!(id.to_string());
        town.discord.emit(town.guild, "MESSAGE_CREATE", shape);
    }
    let heard = town.messages(shapes.len()).await;
    for ((mark, shape), message) in shapes.iter().zip(&heard) {
        let text = serde_json::to_string(message).unwrap();
        assert!(text.contains(mark.as_str()), "not read: {shape}\nbut: {text}");
        assert_eq!(message.channel_id.as_str(), town.channel.to_string());
        assert_eq!(message.guild_id.as_str(), town.guild.to_string());
    }
    // Each of them is within the reach of rules, wherever in it the forbidden words stand.
    let rules = check(&Source::new("shapes.yml", RULES), &Surroundings::default());
    let rules = rules.rules.unwrap();
    let mut judge = Judge::new(InMemory::new());
    let (envelopes, mut missed) = (town.events("message:created").await, Vec::new());
    for ((_, shape), (envelope, message)) in shapes.iter().zip(envelopes.iter().zip(&heard)) {
        let at = envelope.timestamp.timestamp_millis();
        let facts = Facts::of_message(envelope.event_id, EventKind::Message, at, message);
        let verdict = judge.judge(&rules, &facts);
        if verdict.hits.is_empty() {
            missed.push(shape);
        }
    }
    assert_eq!(missed, [&Value::Null; 0], "not judged");
    // What was not understood is told.
    let strange = heard
        .iter()
        .filter(|message| !message.unparsed.is_empty())
        .count();
    assert!(strange > 0);
    town.stop().await;
}
