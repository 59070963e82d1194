//! What the rules said of messages is done.

use crate::town::{Town, until};
use futures_util::future::join_all;
use lockdown_events::{
    ChannelId, Event, EventId, MessageId, MessageRef, ModerationEvent, Platform, TraceId, UserId, Verdict,
    VerdictAct, VerdictMode, VerdictSubject,
};
use lockdown_testkit::fakes::telegram::{Fault, Permissions, Status};
use serde_json::json;
use std::time::Duration;

fn verdict(town: &Town, author: i64, message: i64, mode: VerdictMode) -> Event {
    let act = VerdictAct {
        act: "delete".to_owned(),
        argument: None,
        messages: Vec::new(),
        roles: Vec::new(),
    };
    let verdict = Verdict {
        platform: Platform::Telegram,
        guild_id: town.guild(),
        subject: VerdictSubject::Message,
        event_id: EventId(town.ctx.ids.next()),
        user_id: UserId::new(&author.to_string()).unwrap(),
        channel_id: Some(ChannelId::new(&town.chat.to_string()).unwrap()),
        message_id: Some(MessageId::new(&message.to_string()).unwrap()),
        mode,
        rules: Vec::new(),
        actions: vec![act],
        rule_set_hash: "0".repeat(64),
        trace_id: TraceId(town.ctx.ids.next()),
        explanation: None,
    };
    ModerationEvent::Automod(verdict).into()
}

pub(crate) async fn a_bad_message_goes_and_so_does_its_album(town: Town) {
    let (chat, mallory) = (town.chat, town.mallory);
    let album = town
        .telegram
        .post_album(chat, mallory, &[None, Some("spam"), None]);
    let group = town.telegram.message(chat, album[0]).unwrap()["media_group_id"].clone();
    let kept = town.telegram.say(chat, mallory, "only observed");
    until("all is read", || town.telegram.waiting(town.bot) == 0).await;
    town.publish(&verdict(&town, mallory, kept, VerdictMode::Shadow))
        .await;
    town.publish(&verdict(&town, mallory, album[1], VerdictMode::Live))
        .await;
    until("the album is gone", || {
        album.iter().all(|id| town.telegram.message(chat, *id).is_none())
    })
    .await;
    assert_eq!(
        town.telegram.calls("deleteMessages").len(),
        1,
        "it goes with one call"
    );
    assert!(town.telegram.message(chat, kept).is_some());
    // What still comes of it goes without another verdict.
    let late = json!({ "media_group_id": group, "photo": [{ "file_id": "z", "file_unique_id": "z" }] });
    let late = town.telegram.post(chat, mallory, &late);
    until("the rest of the album is gone", || {
        town.telegram.message(chat, late).is_none()
    })
    .await;
    // Others of the set, which the rules know and Telegram does not.
    let copies: Vec<i64> = (0..3).map(|_| town.telegram.say(chat, mallory, "copy")).collect();
    let Event::Moderation(ModerationEvent::Automod(mut set)) =
        verdict(&town, mallory, copies[0], VerdictMode::Live)
    else {
        panic!("another type")
    };
    set.actions[0].messages = copies
        .iter()
        .map(|id| MessageRef {
            channel_id: None,
            message_id: MessageId::new(&id.to_string()).unwrap(),
        })
        .collect();
    town.publish(&ModerationEvent::Automod(set).into()).await;
    until("the set is gone", || {
        copies.iter().all(|id| town.telegram.message(chat, *id).is_none())
    })
    .await;
    town.stop().await;
}

pub(crate) async fn who_keeps_order_is_left_alone(town: Town) {
    let (chat, mallory) = (town.chat, town.mallory);
    let said = town.telegram.say(chat, mallory, "as a member");
    until("all is read", || town.telegram.waiting(town.bot) == 0).await;
    town.publish(&verdict(&town, mallory, said, VerdictMode::Live))
        .await;
    until("it is gone", || town.telegram.message(chat, said).is_none()).await;
    // Promoted: told by an event, and known from then on.
    let rights = Permissions::administrator();
    town.telegram
        .set_status(chat, town.owner, mallory, Status::administrator(rights));
    let kept = town.telegram.say(chat, mallory, "as an administrator");
    until("all is read", || town.telegram.waiting(town.bot) == 0).await;
    town.publish(&verdict(&town, mallory, kept, VerdictMode::Live))
        .await;
    until("who keeps order is looked at again", || {
        town.telegram.calls("getChatAdministrators").len() == 2
    })
    .await;
    let eve = town.telegram.add_person("Eve", None);
    town.telegram.join(chat, eve);
    let spam = town.telegram.say(chat, eve, "spam");
    // Where nobody can be told apart, nobody is touched, and the verdict waits.
    town.telegram
        .set_status(chat, town.owner, mallory, Status::Member);
    until("all is read", || town.telegram.waiting(town.bot) == 0).await;
    town.telegram
        .fault("getChatAdministrators", 1, Fault::RetryAfter(1));
    town.publish(&verdict(&town, eve, spam, VerdictMode::Live)).await;
    until("it is gone", || town.telegram.message(chat, spam).is_none()).await;
    assert!(town.telegram.message(chat, kept).is_some());
    assert_eq!(town.telegram.impatient(), 0);
    town.stop().await;
}

pub(crate) async fn a_flood_goes_in_few_calls(town: Town) {
    let (chat, mallory) = (town.chat, town.mallory);
    let flood: Vec<i64> = (0..500)
        .map(|_| town.telegram.say(chat, mallory, "spam"))
        .collect();
    until("all is read", || town.telegram.waiting(town.bot) == 0).await;
    // The first call takes its time, and its answer is lost: it is made again, and what is gone is no error.
    town.telegram
        .fault("deleteMessages", 1, Fault::Slow(Duration::from_millis(500)));
    town.telegram.fault("deleteMessages", 1, Fault::Dropped);
    let publishing = flood.iter().map(|message| {
        let verdict = verdict(&town, mallory, *message, VerdictMode::Live);
        let town = &town;
        async move { town.publish(&verdict).await }
    });
    join_all(publishing).await;
    until("the flood is gone", || {
        flood.iter().all(|id| town.telegram.message(chat, *id).is_none())
    })
    .await;
    let calls = town.telegram.calls("deleteMessages").len();
    assert!(calls < 100, "{calls} calls for 500 messages");
    town.stop().await;
}
