//! What moderators do on Telegram, through everything that stands between a command and what comes of it.
//!
//! What a community expects of the bot, and the stories that show it; those of `bot` are in `services/telegram-bot`.
//!
//! | | shown by |
//! |---|---|
//! | spam goes at once, also among much else | `cargo xtask bench telegram` |
//! | who keeps order, and the linked channel, are never judged; where that cannot be told, nobody is | `judged::who_keeps_order_is_never_judged`, bot `verdicts::who_keeps_order_is_left_alone` |
//! | a channel is banned as a channel | `judged::a_channel_is_judged_as_a_channel` |
//! | people are meant by reply, number, name and mention | `a_person_is_meant_in_many_ways` |
//! | what Telegram cannot end, we end | `what_telegram_cannot_end_we_end`, bot `platform` |
//! | who is kicked may return | `a_command_is_decided_done_and_answered` |
//! | who may not is refused; a demotion counts at once, everywhere | `who_may_not_is_refused_and_a_demotion_counts_at_once`, bot `administrators` |
//! | warnings add up, and are taken back | `chosen::too_many_warnings_have_the_end_that_was_chosen`, `door::warnings_are_shown_and_taken_back`, the desk's tests of ladders |
//! | an edit is judged, and is no copy | `judged::an_edit_is_judged_and_is_no_copy` |
//! | an album is one message | `judged::an_album_is_one_message` |
//! | a purge takes few calls | bot `cleaning` |
//! | a wait is kept to the second; notices hold up nobody | `notices_hold_up_nobody`, bot `client`, `platform` |
//! | what is read twice is done once | bot `intake::what_is_read_twice_is_there_once`, `commands` |
//! | who comes is asked at the door | `door` |
//! | requests are answered; raids begin and end by themselves | `door::who_asks_to_join_is_answered`, `rules::many_who_come_at_once_are_kept_out` |
//! | a disguise hides nothing; the unknown is seen | `judged::a_disguise_hides_nothing`, `rules::each_lock_hits_what_it_says`, bot `reading` |
//! | what was decided is shown before it goes, and undone | `log` |
//! | what moderators call spam is learned, and a mistake is forgiven | `spam` |
//! | copies and reactions go all together | `judged::copies_and_reactions_go_all_together` |
//! | a group that moves is followed; what the bot lacks is said | `a_group_that_moves_keeps_what_it_chose`, bot `platform::a_group_that_moved_is_followed`, `a_dismissed_bot_says_why_it_cannot` |
//! | groups of several owners share bans, by a federation | `federation` |
//! | rules in shadow change nothing and say the same | `judged::rules_in_shadow_only_say_what_they_would_do` |

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod chosen;
mod closed;
mod door;
mod federation;
mod judged;
mod log;
mod rules;
mod spam;
mod town;

use lockdown_testkit::fakes::telegram::{Fault, Permissions, Status};
use serde_json::json;
use town::Town;

town::sizes!(
    a_command_is_decided_done_and_answered,
    a_person_is_meant_in_many_ways,
    who_may_not_is_refused_and_a_demotion_counts_at_once,
    what_is_done_by_hand_is_one_case,
    what_telegram_cannot_end_we_end,
    a_dismissed_bot_says_why_it_cannot,
    notices_hold_up_nobody,
    a_group_that_moves_keeps_what_it_chose,
);

async fn a_command_is_decided_done_and_answered(town: Town) {
    let (chat, mallory) = (town.chat, town.mallory);
    town.command(town.owner, "/ban @Mallory 3d\nspam and scam").await;
    town.until("Mallory is banned", || town.status(mallory).is_banned())
        .await;
    let Status::Banned { until: Some(until) } = town.status(mallory) else {
        panic!("the ban has an end that Telegram keeps")
    };
    let lasts = until - town.telegram.now();
    assert!(lasts.num_hours() == 71 || lasts.num_hours() == 72, "{lasts}");
    town.hears("Banned Mallory for 3 days. Case 1.").await;
    let case = town.case(1).await;
    assert_eq!(
        (&case["state"], &case["reason"]),
        (&json!("applied"), &json!("spam and scam"))
    );
    assert_eq!(case["moderatorId"], town.owner.to_string());
    town.command(town.owner, &format!("!UnBan {mallory} enough"))
        .await;
    town.until("Mallory is free", || !town.status(mallory).is_banned())
        .await;
    town.telegram.join(chat, mallory);
    town.command(town.owner, &format!("/warn {mallory} noise")).await;
    town.command(town.owner, &format!("/kick {mallory}")).await;
    town.until("Mallory is out", || town.status(mallory) == Status::Left)
        .await;
    town.telegram.join(chat, mallory);
    assert!(
        town.status(mallory).is_present(),
        "who was kicked may return at once"
    );
    town.command(mallory, "/kickme").await;
    town.until("Mallory went", || town.status(mallory) == Status::Left)
        .await;
    let case = town.decided(5).await;
    assert_eq!(
        (&case["reason"], &case["moderatorId"]),
        (
            &json!("they asked for it with /kickme"),
            &json!(town.bot.to_string())
        )
    );
    town.command(town.owner, "/case 1").await;
    town.until("the case is told", || {
        town.said()
            .iter()
            .any(|said| said.contains("spam and scam") && !said.starts_with("Banned"))
    })
    .await;
    town.stop().await;
}

async fn a_person_is_meant_in_many_ways(town: Town) {
    let (chat, mallory) = (town.chat, town.mallory);
    let spam = town.telegram.say(chat, mallory, "spam");
    town.telegram.post(
        chat,
        town.owner,
        &json!({ "text": "/dmute 1h spam", "reply_to_message": spam }),
    );
    town.until("Mallory is silent", || !town.may_speak(mallory)).await;
    town.until("the message is gone", || {
        town.telegram.message(chat, spam).is_none()
    })
    .await;
    town.hears("Muted Mallory for 1 hour. Case 1.").await;
    // In a topic, by a mention of somebody without a username, without a word of it in the chat.
    let topic = town.telegram.add_topic(chat, town.owner, "Trade");
    let eve = town.telegram.add_person("Eve Smith", None);
    town.telegram.join(chat, eve);
    let command = town.telegram.post(
        chat,
        town.owner,
        &json!({
            "text": "/sban Eve Smith scam", "message_thread_id": topic, "reply_to_message": topic,
            "entities": [{ "type": "text_mention", "offset": 6, "length": 9, "user": { "id": eve, "first_name": "Eve Smith" } }],
        }),
    );
    town.until("Eve is banned", || town.status(eve).is_banned()).await;
    town.until("the command is gone", || {
        town.telegram.message(chat, command).is_none()
    })
    .await;
    assert_eq!(town.case(2).await["reason"], "scam");
    // What is meant for another bot, or was said elsewhere, is nothing to us.
    town.command(town.owner, &format!("/ban@OtherBot {mallory}"))
        .await;
    let forward = json!({ "type": "hidden_user", "date": 1, "sender_user_name": "x" });
    town.telegram.post(
        chat,
        town.owner,
        &json!({ "text": format!("/ban {mallory}"), "forward_origin": forward }),
    );
    town.command(town.owner, &format!("/unmute@lockdown {mallory}"))
        .await;
    town.until("Mallory may speak", || town.may_speak(mallory)).await;
    assert!(town.status(mallory).is_present());
    town.command(town.owner, "/ban @nobody").await;
    town.hears("I do not know @nobody. Answer one of their messages, or write their number.")
        .await;
    town.stop().await;
}

async fn who_may_not_is_refused_and_a_demotion_counts_at_once(town: Town) {
    let (chat, mallory) = (town.chat, town.mallory);
    let eve = town.telegram.add_person("Eve", Some("eve"));
    town.telegram.join(chat, eve);
    let command = town.command(mallory, "/ban @eve").await;
    town.hears("Only administrators can do that.").await;
    town.until("the command is gone", || {
        town.telegram.message(chat, command).is_none()
    })
    .await;
    let few = Permissions::rights(&["can_delete_messages"]);
    town.telegram
        .set_status(chat, town.owner, mallory, Status::administrator(few));
    town.command(mallory, "/ban @eve").await;
    town.hears("You need the right to ban users for that.").await;
    let enough = Permissions::administrator();
    town.telegram
        .set_status(chat, town.owner, mallory, Status::administrator(enough));
    town.command(mallory, "/mute @eve").await;
    town.until("Eve is silent", || !town.may_speak(eve)).await;
    town.command(mallory, &format!("/ban {}", town.owner)).await;
    town.hears("The owner of a community cannot be punished in it")
        .await;
    town.telegram
        .set_status(chat, town.owner, mallory, Status::Member);
    let before = town.said().len();
    town.command(mallory, "/ban @eve").await;
    town.until("it is refused", || town.said().len() > before).await;
    assert_eq!(town.said().last().unwrap(), "Only administrators can do that.");
    assert!(!town.status(eve).is_banned());
    // Who hides behind the group could be anybody who keeps order there.
    let hidden = Status::Creator { anonymous: true };
    town.telegram.set_status(chat, town.owner, town.owner, hidden);
    let hidden_command = town.command(town.owner, "/ban @eve").await;
    town.hears("Which administrator is this?").await;
    assert!(!town.status(eve).is_banned());
    let asked = town.telegram.find(chat, town.bot, "Which administrator").unwrap();
    town.telegram
        .press(chat, asked, town.owner, &format!("confirm:{hidden_command}"));
    town.until("Eve is banned", || town.status(eve).is_banned()).await;
    assert_eq!(town.case(2).await["moderatorId"], town.owner.to_string());
    town.stop().await;
}

async fn what_is_done_by_hand_is_one_case(town: Town) {
    let mallory = town.mallory;
    let banned = Status::Banned { until: None };
    town.telegram.set_status(town.chat, town.owner, mallory, banned);
    let case = town.decided(1).await;
    assert_eq!(
        (&case["origin"], &case["action"]),
        (&json!("native"), &json!("ban"))
    );
    assert_eq!(
        (&case["state"], &case["userId"]),
        (&json!("applied"), &json!(mallory.to_string()))
    );
    assert!(
        town.telegram.calls("banChatMember").is_empty(),
        "it is done already"
    );
    // What we do comes back from Telegram, and is nobody's doing by hand.
    town.command(town.owner, &format!("/unban {mallory}")).await;
    town.until("Mallory is free", || !town.status(mallory).is_banned())
        .await;
    town.decided(2).await;
    town.telegram.join(town.chat, mallory);
    town.command(town.owner, &format!("/note {mallory} promised to behave"))
        .await;
    let note = town.decided(3).await;
    assert_eq!(note["action"], "note", "no other case came between");
    town.stop().await;
}

async fn what_telegram_cannot_end_we_end(town: Town) {
    let mallory = town.mallory;
    town.command(town.owner, &format!("/tmute {mallory} 2s too loud"))
        .await;
    town.until("Mallory is silent", || !town.may_speak(mallory)).await;
    let Status::Restricted { until, .. } = town.status(mallory) else {
        panic!("a mute is a restriction")
    };
    assert_eq!(until, None, "Telegram would take two seconds for ever");
    town.until("Mallory may speak", || town.may_speak(mallory)).await;
    assert_eq!(town.status(mallory), Status::Member);
    assert_eq!(town.decided(1).await["state"], "lifted");
    town.stop().await;
}

async fn a_dismissed_bot_says_why_it_cannot(town: Town) {
    let few = Permissions::rights(&["can_delete_messages"]);
    town.telegram
        .set_status(town.chat, town.owner, town.bot, Status::administrator(few));
    town.command(town.owner, &format!("/ban {} spam", town.mallory))
        .await;
    town.hears("The bot lacks the right `ban`: give it to the bot's role")
        .await;
    assert!(town.telegram.calls("banChatMember").is_empty());
    town.stop().await;
}

async fn notices_hold_up_nobody(town: Town) {
    let crowd: Vec<i64> = (0..6)
        .map(|number| {
            let who = town.telegram.add_person(&format!("Crowd {number}"), None);
            town.telegram.join(town.chat, who);
            town.telegram.start_bot(who, town.bot);
            town.telegram
                .fault_in(who, "sendMessage", 1, Fault::RetryAfter(6));
            who
        })
        .collect();
    for who in &crowd {
        town.command(town.owner, &format!("/sban {who} spam")).await;
    }
    let told = |who: &i64| town.telegram.said(*who, town.bot).len();
    town.until("all of them are told", || crowd.iter().all(|who| told(who) == 1))
        .await;
    let requests = town.telegram.requests();
    let last_ban = requests.iter().rposition(|call| call.method == "banchatmember");
    let first_notice = requests.iter().position(|call| {
        let to = call.params["chat_id"].as_i64().unwrap_or_default();
        call.method == "sendmessage" && call.status == 200 && crowd.contains(&to)
    });
    assert!(last_ban < first_notice, "{last_ban:?} {first_notice:?}");
    let bans = requests.iter().filter(|call| call.method == "banchatmember");
    assert_eq!(bans.count(), crowd.len());
    assert_eq!(town.telegram.impatient(), 0);
    // What came of each is known, once.
    for number in 1..=6 {
        let notified = async {
            loop {
                let case = town.decided(number).await;
                let history = case["history"].as_array().unwrap().clone();
                let told = history.iter().filter(|line| line["body"]["notified"] == "sent");
                match told.count() {
                    0 => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
                    many => return many,
                }
            }
        };
        let patience = std::time::Duration::from_secs(30);
        let notified = tokio::time::timeout(patience, notified).await;
        assert_eq!(notified.expect("the notice is known"), 1, "case {number}");
    }
    assert!(crowd.iter().all(|who| told(who) == 1), "nobody was told twice");
    town.stop().await;
}

async fn a_group_that_moves_keeps_what_it_chose(mut town: Town) {
    let (owner, mallory) = (town.owner, town.mallory);
    let old = town.telegram.add_group("Village", owner);
    let rights = Status::administrator(Permissions::administrator());
    town.telegram.set_status(old, owner, town.bot, rights);
    town.telegram.add_member(old, owner, mallory);
    town.chat = old;
    town.until_known().await;
    town.command(owner, "/setrules Be kind.").await;
    town.hears("Done. These are the rules from now on.").await;
    town.chat = town.telegram.migrate(old);
    town.until_known().await;
    // Until the records have moved, the new group is one that nothing is known of.
    town.asks(mallory, "/rules", "Be kind.").await;
    let good = town.command(mallory, "good").await;
    // What was commanded in the old group and is read now is done in the new one, but for what is about its messages.
    let late = |number: i64, text: &str| {
        json!({
            "message_id": number, "date": town.telegram.now().timestamp(), "text": text,
            "chat": { "id": old, "type": "group", "title": "Village" },
            "from": { "id": owner, "is_bot": false, "first_name": "Olga" },
            "reply_to_message": { "message_id": good, "from": { "id": mallory, "is_bot": false, "first_name": "Mallory" } },
        })
    };
    town.telegram.deliver(town.bot, "message", late(901, "/del"));
    town.hears("The group has just moved: command that again.").await;
    town.telegram
        .deliver(town.bot, "message", late(902, "/dmute 1h noise"));
    town.until("Mallory is silent", || !town.may_speak(mallory)).await;
    town.hears("Muted Mallory for 1 hour.").await;
    assert!(town.is_there(good), "its number was that of another message");
    town.stop().await;
}
