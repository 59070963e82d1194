//! The log chat: what is told there, and what its buttons do.

use crate::town::Town;
use lockdown_events::{
    ChannelId, Event, GuildId, MessageId, ModerationEvent, Platform, RuleHit, Source, UserId, Verdict,
    VerdictAct, VerdictMode, VerdictSubject,
};
use lockdown_testkit::fakes::telegram::{Permissions, Status};
use serde_json::{Value, json};

crate::town::sizes!(
    decisions_are_told_and_undone_in_the_log_chat,
    what_rules_delete_is_shown_before_it_goes,
    raids_are_told_as_they_begin_and_end,
);

impl Town {
    /// A chat for the log, which the bot may write to.
    pub(crate) async fn log(&self) -> i64 {
        let log = self.telegram.add_supergroup("Log", self.owner);
        let rights = Status::administrator(Permissions::administrator());
        self.telegram.set_status(log, self.owner, self.bot, rights);
        self.command(self.owner, &format!("/setlog {log}")).await;
        self.hears("Done. Decisions are told in the chat Log.").await;
        log
    }

    /// What stands in the log chat and begins like this.
    pub(crate) fn told(&self, log: i64, words: &str) -> Option<Value> {
        let message = self.telegram.find(log, self.bot, words)?;
        self.telegram.message(log, message)
    }
}

async fn decisions_are_told_and_undone_in_the_log_chat(town: Town) {
    let (chat, owner, mallory) = (town.chat, town.owner, town.mallory);
    town.command(owner, "/setlog somewhere").await;
    town.hears("Write /setlog and the number or @name of a chat")
        .await;
    town.command(owner, "/setlog -1001").await;
    town.hears("I cannot write there: ").await;
    let log = town.log().await;
    assert!(
        town.told(log, "What is decided in Town is told here from now on.")
            .is_some()
    );
    // Who keeps order in the one chat alone does not learn what happens by it in the other.
    let eve = town.telegram.add_person("Eve", Some("eve"));
    let rights = Permissions::rights(&["can_change_info", "can_restrict_members"]);
    town.telegram
        .set_status(chat, owner, eve, Status::administrator(rights));
    town.command(eve, &format!("/setlog {log}")).await;
    town.hears("You are no administrator of that chat").await;

    town.command(owner, "/ban @mallory 3d spam").await;
    let line = || town.told(log, "#1 · banned: Mallory (");
    town.until("the ban is told", || line().is_some()).await;
    let text = line().unwrap()["text"].as_str().unwrap().to_owned();
    assert!(text.contains("By: Olga\nWhy: spam\nUntil: "), "{text}");
    let buttons = |message: &Value| -> Vec<String> {
        let row = message["reply_markup"]["inline_keyboard"][0].as_array().unwrap();
        let data = row.iter().map(|button| button["callback_data"].as_str().unwrap());
        data.map(str::to_owned).collect()
    };
    let row = buttons(&line().unwrap());
    assert_eq!(row[0], format!("log:undo:1:{chat}"));
    let message = line().unwrap()["message_id"].as_i64().unwrap();
    town.telegram.press(log, message, owner, &row[2]);
    town.until("it is explained below", || {
        town.telegram.messages(log).iter().any(|id| {
            let said = town.telegram.message(log, *id).unwrap_or_default();
            said["reply_to_message"]["message_id"] == message
                && said["text"].as_str().is_some_and(|text| text.contains("spam"))
        })
    })
    .await;
    let nobody = town.telegram.add_person("Nobody", None);
    let query = town.telegram.press(log, message, nobody, &row[0]);
    town.until("nobody is refused", || {
        let answered = town.telegram.answered();
        let answer = answered.iter().find(|(to, _)| *to == query);
        answer.is_some_and(|(_, words)| words.is_some())
    })
    .await;
    assert!(town.status(mallory).is_banned());
    town.telegram.press(log, message, owner, &row[0]);
    town.until("Mallory is free", || !town.status(mallory).is_banned())
        .await;
    town.until("the line says so", || {
        let text = line().unwrap()["text"].as_str().unwrap().to_owned();
        text.ends_with("It is over.") && buttons(&line().unwrap()).len() == 2
    })
    .await;
    town.until("what was done is told, too", || {
        town.told(log, "#2 · unbanned: Mallory").is_some()
    })
    .await;
    // Whoever is punished hears of it aloud, and nobody else.
    let quiet = town.telegram.calls("sendMessage").into_iter().filter(|call| {
        let place = call.params["chat_id"].as_i64();
        place == Some(log) || place == Some(chat)
    });
    let mut quiet = quiet.map(|call| call.params["disable_notification"].clone());
    assert!(quiet.all(|quiet| quiet == true));

    town.command(owner, "/logcategories rules").await;
    town.hears("Done. Told in the log: rules. Left out: sanctions, reports, raids.")
        .await;
    town.command(owner, &format!("/note {mallory} quiet")).await;
    town.decided(3).await;
    town.command(owner, "/logcategories all").await;
    town.hears("Done. Told in the log: sanctions, rules, reports, raids.")
        .await;
    town.command(owner, &format!("/note {mallory} told")).await;
    town.until("the second note is told", || {
        town.told(log, "#4 · noted: Mallory").is_some()
    })
    .await;
    assert!(town.told(log, "#3").is_none());
    town.command(owner, "/unsetlog").await;
    town.hears("Done. Decisions are told in no chat.").await;
    town.stop().await;
}

async fn what_rules_delete_is_shown_before_it_goes(town: Town) {
    let (chat, mallory) = (town.chat, town.mallory);
    let log = town.log().await;
    let spam = town.telegram.say(chat, mallory, "buy now");
    let bus = town.bus.of(Source::Worker);
    let id = json!("0199c2d4-0033-7000-8000-000000000033");
    let verdict = Verdict {
        platform: Platform::Telegram,
        guild_id: GuildId::new(&chat.to_string()).unwrap(),
        subject: VerdictSubject::Message,
        event_id: serde_json::from_value(id.clone()).unwrap(),
        user_id: UserId::new(&mallory.to_string()).unwrap(),
        channel_id: Some(ChannelId::new(&chat.to_string()).unwrap()),
        message_id: Some(MessageId::new(&spam.to_string()).unwrap()),
        mode: VerdictMode::Live,
        rules: vec![RuleHit {
            rule: "no-ads".to_owned(),
            policy: None,
            span: None,
        }],
        actions: vec![VerdictAct {
            act: "delete".to_owned(),
            argument: None,
            messages: Vec::new(),
            roles: Vec::new(),
        }],
        rule_set_hash: "0".repeat(64),
        trace_id: serde_json::from_value(id).unwrap(),
        explanation: None,
    };
    let event: Event = ModerationEvent::Automod(verdict).into();
    bus.publish(&event).await.unwrap();
    town.until("it is gone", || town.telegram.message(chat, spam).is_none())
        .await;
    let calls = town.telegram.requests();
    let at = |method: &str| calls.iter().position(|call| call.method == method).unwrap();
    assert!(at("forwardmessages") < at("deletemessages"));
    let shown = town.told(log, "buy now").unwrap();
    assert_eq!(shown["forward_origin"]["sender_user"]["id"], mallory);
    town.until("it is told why", || {
        town.told(log, "Deleted by no-ads: Mallory").is_some()
    })
    .await;
    // A call for help is told there with the place.
    town.telegram.post(
        chat,
        mallory,
        &json!({ "text": "/report", "reply_to_message": town.telegram.say(chat, mallory, "hm") }),
    );
    town.until("the call is told", || {
        town.told(log, "Mallory called the administrators of Town: https://t.me/c/")
            .is_some()
    })
    .await;
    town.stop().await;
}

async fn raids_are_told_as_they_begin_and_end(town: Town) {
    let log = town.log().await;
    town.command(town.owner, "/raid 6h").await;
    town.until("it is told with its end", || {
        town.told(log, "Raid: begun by Olga, until ").is_some()
    })
    .await;
    town.command(town.owner, "/raid off").await;
    town.until("its end is told", || {
        town.told(log, "Raid: ended by Olga.").is_some()
    })
    .await;
    town.stop().await;
}
