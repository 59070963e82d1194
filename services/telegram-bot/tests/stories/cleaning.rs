//! What moderators clean up, and what everybody may ask for. None of it needs a backend.

use crate::town::{PATIENCE, Town, until};
use lockdown_events::{Event, ModerationEvent};
use lockdown_testkit::fakes::telegram::{Permissions, Status};
use serde_json::json;
use std::time::Duration;

async fn hears(town: &Town, words: &str) {
    until(words, || {
        town.telegram
            .said(town.chat, town.bot)
            .iter()
            .any(|said| said.starts_with(words))
    })
    .await;
}

fn reply(town: &Town, who: i64, to: i64, text: &str) -> i64 {
    town.telegram
        .post(town.chat, who, &json!({ "text": text, "reply_to_message": to }))
}

pub(crate) async fn a_purge_takes_few_calls_and_says_what_stays(mut town: Town) {
    let (chat, mallory, owner) = (town.chat, town.mallory, town.owner);
    let long_ago = town.telegram.now().timestamp() - 49 * 3600;
    let old: Vec<i64> = (0..50)
        .map(|_| {
            let said = json!({ "text": "old", "date": long_ago });
            town.telegram.post(chat, mallory, &said)
        })
        .collect();
    let young: Vec<i64> = (0..200)
        .map(|_| town.telegram.say(chat, mallory, "young"))
        .collect();
    let command = reply(&town, owner, old[0], "/purge");
    hears(
        &town,
        &format!(
            "The messages {} to {command} are gone, but for 50 that are older than 48 hours",
            old[0]
        ),
    )
    .await;
    assert!(town.telegram.calls("deleteMessages").len() <= 3);
    for call in town.telegram.calls("deleteMessages") {
        let ids = call.params["message_ids"].as_array().unwrap();
        assert!(ids.len() <= 100 && ids.iter().all(|id| id.as_i64().unwrap() >= young[0]));
    }
    let left = town.telegram.messages(chat);
    assert!(old.iter().all(|id| left.contains(id)));
    assert!(young.iter().chain([&command]).all(|id| !left.contains(id)));
    let (_, Event::Moderation(ModerationEvent::Deed(deed))) = town.event("moderation:deed").await else {
        panic!("another type")
    };
    assert_eq!((deed.deed.as_str(), deed.count), ("purge", Some(201)));
    assert_eq!(deed.moderator_id.unwrap().as_str(), owner.to_string());
    // So many, without a word of it.
    let more: Vec<i64> = (0..5).map(|_| town.telegram.say(chat, mallory, "more")).collect();
    let said = town.telegram.said(chat, town.bot).len();
    let command = town.telegram.say(chat, owner, "/spurge 3");
    until("three are gone", || {
        let left = town.telegram.messages(chat);
        more[2..].iter().chain([&command]).all(|id| !left.contains(id))
    })
    .await;
    assert!(
        more[..2]
            .iter()
            .all(|id| town.telegram.message(chat, *id).is_some())
    );
    assert_eq!(town.telegram.said(chat, town.bot).len(), said);
    // From one to another, in either order.
    reply(&town, owner, more[1], "/purgeto");
    hears(
        &town,
        "Answer the first message that shall go with /purgefrom before.",
    )
    .await;
    reply(&town, owner, more[1], "/purgefrom");
    hears(&town, "Now answer the last message").await;
    reply(&town, owner, more[0], "/purgeto");
    until("both are gone", || {
        let left = town.telegram.messages(chat);
        more[..2].iter().all(|id| !left.contains(id))
    })
    .await;
    // One, and too many.
    let spam = town.telegram.say(chat, mallory, "spam");
    let command = reply(&town, owner, spam, "/del");
    until("it is gone with its command", || {
        town.telegram.message(chat, spam).is_none() && town.telegram.message(chat, command).is_none()
    })
    .await;
    town.telegram.say(chat, owner, "/purge 5000");
    hears(
        &town,
        "Answer the first message that shall go, or write how many, up to 1000.",
    )
    .await;
    town.stop().await;
}

pub(crate) async fn a_purge_stays_in_its_topic(town: Town) {
    let (chat, mallory, owner) = (town.chat, town.mallory, town.owner);
    let topic = town.telegram.add_topic(chat, owner, "Trade");
    let say = |text: &str, thread: bool| {
        let mut fields = json!({ "text": text });
        if thread {
            fields["message_thread_id"] = topic.into();
        }
        town.telegram.post(chat, mallory, &fields)
    };
    let (inside, outside) = (say("one", true), say("two", false));
    let last = say("three", true);
    let command = json!({ "text": "/purge", "reply_to_message": inside, "message_thread_id": topic });
    town.telegram.post(chat, owner, &command);
    until("the topic is clean", || {
        town.telegram.message(chat, inside).is_none() && town.telegram.message(chat, last).is_none()
    })
    .await;
    assert!(town.telegram.message(chat, outside).is_some());
    town.stop().await;
}

pub(crate) async fn everybody_may_call_for_help(town: Town) {
    let (chat, mallory, owner, bot) = (town.chat, town.mallory, town.owner, town.bot);
    let eve = town.telegram.add_person("Eve", None);
    town.telegram.add_member(chat, owner, eve);
    let spam = town.telegram.say(chat, mallory, "spam");
    reply(&town, eve, spam, "/report");
    hears(&town, "The administrators were called.").await;
    let called = town.telegram.find(chat, bot, "The administrators").unwrap();
    let called = town.telegram.message(chat, called).unwrap();
    assert_eq!(called["reply_to_message"]["message_id"], spam);
    let text = called["text"].as_str().unwrap();
    assert!(text.contains(&format!("tg://user?id={owner}")) && !text.contains(&format!("id={bot}")));
    reply(&town, mallory, spam, "hey @admin, look");
    hears(&town, "The administrators were called for that already.").await;
    // Nobody calls them again and again.
    for _ in 0..5 {
        town.telegram.say(chat, eve, "/report");
    }
    let again = || {
        let said = town.telegram.said(chat, bot);
        let again = said
            .iter()
            .filter(|said| said.contains("called for that already"));
        again.count()
    };
    until("she is told each time", || again() == 6).await;
    let said = town.telegram.said(chat, bot);
    let called = said
        .iter()
        .filter(|said| said.starts_with("The administrators were called.<"));
    assert_eq!(called.count(), 1);
    let kept = town.telegram.say(chat, owner, "be kind");
    reply(&town, mallory, kept, "/report");
    hears(&town, "They keep order here, so nobody was called.").await;
    reply(&town, eve, spam, "/id");
    hears(
        &town,
        &format!("This chat: {chat}\nYou: {eve}\nWho wrote what you answered: {mallory}"),
    )
    .await;
    town.telegram.say(chat, eve, "/adminlist");
    hears(&town, "Who keeps order here:\n· Olga").await;
    town.telegram.say(chat, eve, "/help@lockdown");
    hears(&town, "I keep order.").await;
    // What it said goes again, whichever process lives then.
    let engine = town.bus.engine();
    let said = town.telegram.find(chat, bot, "I keep order.").unwrap();
    // It is said first, and then put down.
    let put_down = async {
        loop {
            let mut due = engine.posted("telegram.due", 64).await.unwrap().into_iter();
            if let Some(item) = due.find(|posted| posted.item.ends_with(&format!("/{said}"))) {
                return item;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let item = tokio::time::timeout(PATIENCE, put_down).await.unwrap();
    engine
        .post("telegram.due", &item.item, &item.text, Duration::ZERO)
        .await
        .unwrap();
    until("it is gone", || town.telegram.message(chat, said).is_none()).await;
    // Alone with the bot.
    town.telegram.start_bot(eve, bot);
    town.telegram.say(eve, eve, "/start");
    until("it answers her alone", || {
        town.telegram
            .said(eve, bot)
            .iter()
            .any(|said| said.starts_with("I keep order."))
    })
    .await;
    town.stop().await;
}

pub(crate) async fn what_is_pinned_and_who_is_who(town: Town) {
    let (chat, mallory, owner) = (town.chat, town.mallory, town.owner);
    let (one, two) = (
        town.telegram.say(chat, mallory, "one"),
        town.telegram.say(chat, mallory, "two"),
    );
    reply(&town, mallory, one, "/pin");
    hears(&town, "Only administrators can do that.").await;
    reply(&town, owner, one, "/pin");
    until("it is pinned", || town.telegram.pinned(chat) == [one]).await;
    let command = reply(&town, owner, two, "/spin");
    until("both are pinned", || town.telegram.pinned(chat) == [one, two]).await;
    until("the command is gone", || {
        town.telegram.message(chat, command).is_none()
    })
    .await;
    reply(&town, owner, one, "/unpin");
    until("one is pinned", || town.telegram.pinned(chat) == [two]).await;
    let few = Permissions::rights(&["can_delete_messages"]);
    town.telegram
        .set_status(chat, owner, mallory, Status::administrator(few));
    town.telegram.say(chat, mallory, "/unpinall");
    hears(&town, "You need the right to pin messages for that.").await;
    town.telegram.say(chat, owner, "/unpinall");
    until("nothing is pinned", || town.telegram.pinned(chat).is_empty()).await;
    town.telegram.say(chat, owner, "/pin");
    hears(&town, "Answer the message that you mean.").await;
    town.telegram.say(chat, owner, "/info @mallory");
    hears(&town, &format!("Mallory\nNumber: {mallory}\nHere: administrator")).await;
    // Who hides behind the group says which of them it is; others cannot.
    town.telegram
        .set_status(chat, owner, owner, Status::Creator { anonymous: true });
    let spam = town.telegram.say(chat, mallory, "spam");
    reply(&town, owner, spam, "/del");
    hears(&town, "Which administrator is this?").await;
    let asked = town.telegram.find(chat, town.bot, "Which administrator").unwrap();
    let button = town.telegram.message(chat, asked).unwrap();
    let data = button["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
        .as_str()
        .unwrap()
        .to_owned();
    let eve = town.telegram.add_person("Eve", None);
    town.telegram.add_member(chat, owner, eve);
    let query = town.telegram.press(chat, asked, eve, &data);
    until("Eve is refused", || {
        let refused = (query.clone(), Some("Only administrators can do that.".to_owned()));
        town.telegram.answered().contains(&refused)
    })
    .await;
    assert!(town.telegram.message(chat, spam).is_some());
    town.telegram.press(chat, asked, owner, &data);
    until("the message and the question are gone", || {
        town.telegram.message(chat, spam).is_none() && town.telegram.message(chat, asked).is_none()
    })
    .await;
    town.stop().await;
}
