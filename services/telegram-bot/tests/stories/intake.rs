//! From Telegram to the bus.

use crate::town::Town;
use lockdown_events::{
    Action, AuthorKind, Event, GuildEvent, MessageEvent, ModerationEvent, Origin, UserEvent,
};
use lockdown_testkit::fakes::telegram::{Permissions, Status};
use serde_json::json;

pub(crate) async fn what_is_said_becomes_events_with_all_that_is_seen(mut town: Town) {
    let (chat, mallory) = (town.chat, town.mallory);
    let first = town.telegram.say(chat, town.owner, "welcome");
    let topic = town.telegram.add_topic(chat, town.owner, "Trade");
    let message = json!({
        "caption": "see here", "caption_entities": [
            { "type": "text_link", "offset": 4, "length": 4, "url": "https://spam.example" },
            { "type": "shimmer", "offset": 0, "length": 3, "label": "a new kind" },
        ],
        "photo": [{ "file_id": "a", "file_unique_id": "small" }, { "file_id": "b", "file_unique_id": "large", "file_size": 900 }],
        "reply_to_message": first, "message_thread_id": topic,
        "reply_markup": { "inline_keyboard": [[{ "text": "Claim", "url": "https://claim.example" }]] },
        "hologram": { "title": "Free money", "depth": 3 },
    });
    town.telegram.post(chat, mallory, &message);
    let message = loop {
        let (_, Event::Message(MessageEvent::Created(message))) = town.event("message:created").await else {
            panic!("another type")
        };
        if message.content == "see here" {
            break message;
        }
    };
    assert_eq!(message.guild_id, town.guild());
    assert_eq!(message.author_id.as_str(), mallory.to_string());
    assert_eq!(message.author.names.username.as_deref(), Some("mallory"));
    assert_eq!(message.thread_id.as_ref().unwrap().as_str(), topic.to_string());
    assert_eq!(
        message.reply_author_id.as_ref().unwrap().as_str(),
        town.owner.to_string()
    );
    assert_eq!(message.hidden_links, ["https://spam.example"]);
    assert_eq!(message.attachments[0].id, "large");
    assert_eq!(message.buttons[0].label, "Claim");
    assert_eq!(message.unparsed, ["entity:shimmer", "hologram"]);
    let texts: Vec<&str> = message
        .surfaces
        .iter()
        .map(|surface| surface.text.as_str())
        .collect();
    assert_eq!(texts, ["a new kind", "Free money"]);

    let channel = town.telegram.add_channel("Gifts", mallory);
    town.telegram
        .post_as_channel(chat, channel, &json!({ "text": "as a channel" }));
    let (_, Event::Message(MessageEvent::Created(message))) = town.event("message:created").await else {
        panic!("another type")
    };
    assert_eq!(
        (message.author.kind, message.author_id.as_str()),
        (AuthorKind::Channel, channel.to_string().as_str())
    );
    let said = town.telegram.say(chat, mallory, "clean");
    town.telegram.edit(chat, said, &json!({ "text": "spam" }));
    let (_, Event::Message(MessageEvent::Edited(edited))) = town.event("message:edited").await else {
        panic!("another type")
    };
    assert_eq!(
        (edited.content.as_str(), edited.edited_at.is_some()),
        ("spam", true)
    );
    town.telegram.react(chat, mallory, said, &["👎", "🔥"]);
    town.telegram.react(chat, mallory, said, &["🔥"]);
    for _ in 0..2 {
        town.event("reaction:added").await;
    }
    let (_, Event::Message(MessageEvent::ReactionRemoved(gone))) = town.event("reaction:removed").await
    else {
        panic!("another type")
    };
    assert_eq!(gone.emoji, "👎");
    town.stop().await;
}

pub(crate) async fn who_comes_goes_and_changes_is_told(mut town: Town) {
    let (chat, owner) = (town.chat, town.owner);
    let eve = town.telegram.add_person("Eve", None);
    town.telegram
        .ask_to_join(chat, eve, Some("I sell gifts"), Some("q1"));
    let (_, Event::User(UserEvent::JoinRequested(asked))) = town.event("user:join_requested").await else {
        panic!("another type")
    };
    assert_eq!(
        (asked.about.as_deref(), asked.query_id.as_deref()),
        (Some("I sell gifts"), Some("q1"))
    );
    town.telegram.join(chat, eve);
    let (_, Event::User(UserEvent::Joined(joined))) = town.event("user:joined").await else {
        panic!("another type")
    };
    assert_eq!(joined.names.display_name.as_deref(), Some("Eve"));
    assert_eq!(joined.inviter_id, None);
    // By hand: each is one observation with the moderator who did it.
    let silenced = Status::Restricted {
        permissions: Permissions::default(),
        until: None,
        present: true,
    };
    for (status, action) in [
        (silenced, Action::Mute),
        (Status::Member, Action::Unmute),
        (Status::Banned { until: None }, Action::Ban),
        (Status::Left, Action::Unban),
    ] {
        town.telegram.set_status(chat, owner, eve, status);
        let (_, Event::Moderation(ModerationEvent::Action(seen))) = town.event("moderation:action").await
        else {
            panic!("another type")
        };
        assert_eq!((seen.action, seen.origin), (action, Origin::Native));
        assert_eq!(seen.moderator_id.unwrap().as_str(), owner.to_string());
        assert!(seen.native_id.is_some());
    }
    // Our own doings come back, and are not observed as another's.
    town.telegram.join(chat, eve);
    town.telegram
        .set_status(chat, town.bot, eve, Status::Banned { until: None });
    let before = town.all().await.len();
    while !town
        .all()
        .await
        .iter()
        .skip(before - 3)
        .any(|envelope| envelope.event_type() == "user:banned")
    {
        tokio::task::yield_now().await;
    }
    let seen = town.all().await;
    let actions = seen
        .iter()
        .filter(|envelope| envelope.event_type() == "moderation:action");
    assert_eq!(actions.count(), 4);
    // Less than it could: what it lacks is told.
    let rights = Permissions::rights(&["can_delete_messages"]);
    town.telegram
        .set_status(chat, owner, town.bot, Status::administrator(rights));
    let change = loop {
        let (_, Event::Guild(GuildEvent::Update(update))) = town.event("guild:update").await else {
            panic!("another type")
        };
        if update.changes[0].after.as_deref() == Some("administrator: delete_messages") {
            break update.changes[0].clone();
        }
    };
    assert_eq!(change.what, "bot_rights");
    assert_eq!(
        change.before.as_deref(),
        Some("administrator: delete_messages, restrict_members, invite_users")
    );
    town.stop().await;
}

pub(crate) async fn what_is_read_twice_is_there_once(mut town: Town) {
    for number in 0..150 {
        town.telegram
            .say(town.chat, town.mallory, &format!("hello {number}"));
    }
    let said = |town: &Town| {
        let bot = town.bot;
        town.telegram.waiting(bot) == 0
    };
    crate::town::until("all are confirmed", || said(&town)).await;
    let before = town.all_with("hello 149").await;
    town.telegram.give_again(town.bot);
    town.restart().await;
    town.telegram.say(town.chat, town.mallory, "after");
    crate::town::until("all are confirmed again", || said(&town)).await;
    let after = town.all_with("after").await;
    assert_eq!(after.len(), before.len() + 1);
    let ids =
        |all: &[lockdown_events::Envelope]| all.iter().map(|envelope| envelope.event_id).collect::<Vec<_>>();
    assert_eq!(
        ids(&after)[..before.len()],
        ids(&before),
        "in the order in which they happened"
    );
    town.stop().await;
}

/// By webhook: what carries the secret is taken, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn telegram_calls_and_nobody_else_is_heard() {
    let (mut town, url) = Town::with_webhook().await;
    town.telegram.say(town.chat, town.mallory, "by webhook");
    let (_, Event::Message(MessageEvent::Created(message))) = town.event("message:created").await else {
        panic!("another type")
    };
    assert_eq!(message.content, "by webhook");
    crate::town::until("it is confirmed", || town.telegram.waiting(town.bot) == 0).await;
    assert!(town.telegram.calls("getUpdates").is_empty());
    let set = &town.telegram.calls("setWebhook")[0].params;
    let secret = set["secret_token"].as_str().unwrap().to_owned();
    let before = town.all().await.len();
    let client = reqwest::Client::new();
    let update = json!({ "update_id": 9, "message": { "message_id": 99, "date": 1, "text": "forged",
        "chat": { "id": town.chat, "type": "supergroup" } } });
    let call = async |url: &str, secret: Option<&str>, body: String| {
        let mut request = client.post(url).body(body);
        if let Some(secret) = secret {
            request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
        }
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(call(&url, None, update.to_string()).await, 401);
    assert_eq!(call(&url, Some(&secret[1..]), update.to_string()).await, 401);
    assert_eq!(
        call(&url.replace("hook", "other"), Some(&secret), update.to_string()).await,
        404
    );
    assert_eq!(call(&url, Some(&secret), "no JSON".to_owned()).await, 400);
    assert_eq!(call(&url, Some(&secret), "x".repeat(2 << 20)).await, 413);
    assert_eq!(town.all().await.len(), before);
    // The same update by two calls is there once.
    assert_eq!(call(&url, Some(&secret), update.to_string()).await, 200);
    assert_eq!(call(&url, Some(&secret), update.to_string()).await, 200);
    assert_eq!(town.all().await.len(), before + 1);
    town.stop().await;
}
