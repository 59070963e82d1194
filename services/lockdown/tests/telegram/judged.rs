//! What rules make of what is said on Telegram, from the update to what stands there afterwards.

use crate::town::Town;
use lockdown_testkit::fakes::telegram::{CHANNEL_BOT, Permissions, Status};
use serde_json::json;

crate::town::sizes!(
    who_keeps_order_is_never_judged,
    a_channel_is_judged_as_a_channel,
    an_edit_is_judged_and_is_no_copy,
    an_album_is_one_message,
    a_disguise_hides_nothing,
    copies_and_reactions_go_all_together,
    rules_in_shadow_only_say_what_they_would_do,
    whoever_asks_why_hears_what_each_rule_says,
);

const BANS: &str = "version: 1
lists:
  bad: {words: [badword, free nitro]}
rules:
  - {id: spam, events: [message, edit], when: [text.has_any(bad)], then: [delete, ban]}
";

impl Town {
    /// Somebody who has just come.
    fn somebody(&self, name: &str) -> i64 {
        let who = self.telegram.add_person(name, None);
        self.telegram.join(self.chat, who);
        who
    }

    /// Puts these in force, and waits until they judge what has `badword` in it.
    async fn judges_by(&self, rules: &str) {
        self.put_rules(rules).await;
        let first = self.somebody("First");
        self.goes(first, "badword").await;
    }
}

async fn who_keeps_order_is_never_judged(town: Town) {
    let (chat, owner, mallory) = (town.chat, town.owner, town.mallory);
    town.judges_by(BANS).await;
    let rights = Permissions::administrator();
    town.telegram
        .set_status(chat, owner, mallory, Status::administrator(rights));
    let mut kept = vec![
        town.command(owner, "badword").await,
        town.command(mallory, "badword").await,
    ];
    let hidden = Status::Creator { anonymous: true };
    town.telegram.set_status(chat, owner, owner, hidden);
    kept.push(town.command(owner, "badword").await);
    let channel = town.telegram.add_channel("News", owner);
    town.telegram.link(chat, channel);
    let (_, copy) = town
        .telegram
        .post_in_channel(channel, owner, json!({ "text": "badword" }));
    kept.extend(copy);
    assert_eq!(kept.len(), 4);
    // What comes after them is judged after them.
    let eve = town.somebody("Eve");
    town.command(eve, "badword").await;
    town.until("Eve is banned", || town.status(eve).is_banned()).await;
    assert!(kept.iter().all(|message| town.is_there(*message)));
    assert!(town.status(mallory).is_administrator());
    town.stop().await;
}

async fn a_channel_is_judged_as_a_channel(town: Town) {
    let chat = town.chat;
    town.judges_by(BANS).await;
    let channel = town.telegram.add_channel("Ads", town.mallory);
    let spam = town
        .telegram
        .post_as_channel(chat, channel, &json!({ "text": "free nitro" }));
    town.until("the channel is banned", || {
        town.telegram.is_channel_banned(chat, channel)
    })
    .await;
    town.until("its words are gone", || !town.is_there(spam)).await;
    let others = town.telegram.calls("banChatMember");
    let everybody = |call: &lockdown_testkit::fakes::telegram::Request| call.params["user_id"] == CHANNEL_BOT;
    assert!(!others.iter().any(everybody), "{others:?}");
    assert!(town.status(town.mallory).is_present());
    town.stop().await;
}

async fn an_edit_is_judged_and_is_no_copy(town: Town) {
    let (chat, mallory) = (town.chat, town.mallory);
    let copies = "  - {id: copies, events: [message], when: [text.length > 0], \
        count: {of: [author, text.fingerprint], within: 1h, at_least: 3}, then: [delete counted]}\n";
    town.judges_by(&format!("{BANS}{copies}")).await;
    let calm = town.command(mallory, "what a day").await;
    for _ in 0..10 {
        town.telegram.edit(chat, calm, &json!({ "text": "what a day" }));
    }
    let turned = town.command(mallory, "what a nice day").await;
    town.telegram
        .edit(chat, turned, &json!({ "text": "b\u{430}dword" }));
    town.until("it is gone", || !town.is_there(turned)).await;
    town.until("Mallory is banned", || town.status(mallory).is_banned())
        .await;
    let hits = town.hits().await;
    assert_eq!(hits.get(&turned), Some(&vec!["spam".to_owned()]));
    assert!(!hits.contains_key(&calm), "{hits:?}");
    town.stop().await;
}

async fn an_album_is_one_message(town: Town) {
    let (chat, mallory) = (town.chat, town.mallory);
    let log = town.log().await;
    town.judges_by(BANS).await;
    town.decided(1).await;
    let album = town
        .telegram
        .post_album(chat, mallory, &[None, Some("free nitro"), None]);
    town.until("the album is gone", || {
        album.iter().all(|message| !town.is_there(*message))
    })
    .await;
    assert_eq!(town.decided(2).await["userId"], mallory.to_string());
    let eve = town.somebody("Eve");
    town.command(eve, "badword").await;
    assert_eq!(
        town.decided(3).await["userId"],
        eve.to_string(),
        "one case for the album"
    );
    town.until("Eve's is told", || {
        town.told(log, "#3 \u{b7} banned: Eve").is_some()
    })
    .await;
    let lines = town.telegram.said(log, town.bot);
    let of_mallory = lines.iter().filter(|line| line.contains("banned: Mallory"));
    assert_eq!(of_mallory.count(), 1, "{lines:?}");
    town.stop().await;
}

async fn a_disguise_hides_nothing(town: Town) {
    town.judges_by(BANS).await;
    for (number, text) in [
        "fr\u{435}\u{435} nitr\u{43e}",
        "free ni\u{200b}tro",
        "fr\u{ad}ee nit\u{ad}ro",
        "free\nnitro",
        "f r e e n i t r o",
        "\u{1d41f}\u{1d42b}\u{1d41e}\u{1d41e} \u{1d427}\u{1d422}\u{1d42d}\u{1d42b}\u{1d428}",
        "FR33 N1TR0",
        "\u{ff46}\u{ff52}\u{ff45}\u{ff45} nitro",
    ]
    .into_iter()
    .enumerate()
    {
        let who = town.somebody(&format!("Disguise {number}"));
        let message = town.command(who, text).await;
        town.until(text, || !town.is_there(message) && town.status(who).is_banned())
            .await;
    }
    let calm = town
        .command(town.mallory, "a free afternoon, nitrogen for the tyres")
        .await;
    let last = town.somebody("Last");
    let gone = town.command(last, "badword").await;
    town.until("the last is gone", || !town.is_there(gone)).await;
    assert!(town.is_there(calm));
    town.stop().await;
}

async fn copies_and_reactions_go_all_together(town: Town) {
    let (chat, mallory) = (town.chat, town.mallory);
    let rules = "version: 1
lists:
  bad: {words: [badword]}
rules:
  - {id: spam, events: [message], when: [text.has_any(bad)], then: [delete]}
  - id: copies
    events: [message]
    when: [text.length > 12]
    count: {of: [text.fingerprint], distinct: author, within: 1h, at_least: 3}
    then: [delete counted]
  - id: reactions
    events: [reaction]
    count: {of: [author], within: 1h, at_least: 5}
    then: [delete]
";
    town.judges_by(rules).await;
    let people: Vec<i64> = (0..3)
        .map(|number| town.somebody(&format!("P{number}")))
        .collect();
    let mut copies = Vec::new();
    let kept = town.command(people[0], "a message of one's own").await;
    for who in &people {
        copies.push(town.command(*who, "the very same advertisement").await);
    }
    town.until("all copies are gone", || {
        copies.iter().all(|copy| !town.is_there(*copy))
    })
    .await;
    assert!(town.is_there(kept));
    let mut liked = vec![kept];
    for number in 0..5 {
        liked.push(town.command(town.owner, &format!("note {number}")).await);
    }
    for message in &liked {
        town.telegram.react(chat, mallory, *message, &["\u{1f44e}"]);
    }
    town.until("the reactions are gone", || {
        liked
            .iter()
            .all(|message| town.telegram.reactions(chat, *message, mallory).is_empty())
    })
    .await;
    town.stop().await;
}

async fn rules_in_shadow_only_say_what_they_would_do(town: Town) {
    let mallory = town.mallory;
    let shadow =
        "  - {id: quiet, mode: shadow, events: [message], when: [text.length > 20], then: [delete, ban]}\n";
    town.judges_by(&format!("{BANS}{shadow}")).await;
    let long = town
        .command(mallory, "this is a message of more than twenty letters")
        .await;
    let eve = town.somebody("Eve");
    let gone = town.command(eve, "badword").await;
    town.until("Eve's is gone", || !town.is_there(gone)).await;
    assert!(town.is_there(long) && town.status(mallory).is_present());
    assert_eq!(town.hits().await.get(&long), Some(&vec!["quiet".to_owned()]));
    town.stop().await;
}

async fn whoever_asks_why_hears_what_each_rule_says(town: Town) {
    let owner = town.owner;
    let ask = |about: i64| {
        let body = json!({ "text": "/why", "reply_to_message": about });
        town.telegram.post(town.chat, owner, &body)
    };
    let innocent = town.command(town.mallory, "a word that is good").await;
    ask(innocent);
    town.hears("There are no rules here yet.").await;
    town.judges_by(BANS).await;
    ask(innocent);
    town.hears("The rules do not catch this:\n▫️ spam: ").await;
    let own = town.command(owner, "badword").await;
    ask(own);
    let spared = |said: &String| said.contains("keeps order here") && said.contains("spam: ");
    town.until("the owner is spared", || town.said().iter().any(spared))
        .await;
    town.stop().await;
}
