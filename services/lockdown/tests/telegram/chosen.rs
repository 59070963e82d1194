//! What a community chooses by commands, and what comes of it.

use crate::town::Town;
use lockdown_testkit::fakes::telegram::{Permissions, Status};
use serde_json::{Value, json};

crate::town::sizes!(
    what_is_chosen_is_kept_to,
    too_many_warnings_have_the_end_that_was_chosen,
    rights_are_given_and_taken_by_who_has_them,
    a_group_is_looked_after_from_afar,
    the_bot_speaks_in_its_topic,
    what_the_bot_may_not_do_is_shown_as_off,
);

async fn what_is_chosen_is_kept_to(town: Town) {
    let (chat, owner, mallory) = (town.chat, town.owner, town.mallory);
    town.command(owner, "/reports perhaps").await;
    town.hears("Write /reports on or off.").await;
    town.command(owner, "/reports off").await;
    town.hears("Done. Members cannot call the administrators.").await;
    town.command(mallory, "/report").await;
    town.hears("Nobody can be called here.").await;
    town.command(owner, "/disable rules kickme").await;
    town.hears("Done. What members may not command: kickme, rules.")
        .await;
    town.command(mallory, "/kickme").await;
    town.command(owner, "/rules").await;
    town.hears("This group has no rules of its own yet.").await;
    assert!(town.status(mallory).is_present(), "it was said before");
    town.command(owner, "/disable help").await;
    town.hears("What members may not command: ").await;
    // Who may not is told nothing any more, but the command goes.
    town.command(owner, "/adminerror off").await;
    town.hears("Done. Who may not command is told nothing").await;
    let command = town.command(mallory, "/ban @olga").await;
    town.until("the command is gone", || !town.is_there(command))
        .await;
    assert!(
        !town
            .said()
            .iter()
            .any(|said| said.starts_with("Only administrators"))
    );
    town.command(owner, "/cleanservice join leave").await;
    town.hears("Done. What Telegram posts and goes again: join, leave.")
        .await;
    town.command(owner, "/setgoodbye Farewell {name} of {chat}").await;
    town.hears("Done. Of who leaves it says:").await;
    let eve = town.telegram.add_person("Eve t.me/spam", None);
    town.telegram.join(chat, eve);
    let came = *town.telegram.messages(chat).last().unwrap();
    town.until("that Eve came is gone", || !town.is_there(came)).await;
    town.telegram.leave(chat, eve);
    town.hears("Farewell Eve t.\u{2060}me/\u{2060}spam of Town").await;
    town.command(owner, "/antichannelpin on").await;
    town.hears("Done. Posts of the linked channel are unpinned.")
        .await;
    let channel = town.telegram.add_channel("News", owner);
    town.telegram.link(chat, channel);
    let (_, post) = town
        .telegram
        .post_in_channel(channel, owner, json!({ "text": "news" }));
    town.until("it is unpinned", || {
        let unpinned = town.telegram.calls("unpinChatMessage");
        unpinned
            .iter()
            .any(|call| call.params["message_id"] == json!(post))
    })
    .await;
    town.command(owner, "/cleancommand staff others").await;
    town.hears("Done. Whose commands go once they are given: staff, others.")
        .await;
    let (own, others, kept) = (
        town.command(owner, "/warnlimit").await,
        town.command(mallory, "/play@OtherBot now").await,
        town.command(mallory, "/id").await,
    );
    town.until("both are gone", || !town.is_there(own) && !town.is_there(others))
        .await;
    town.hears("This chat: ").await;
    assert!(town.is_there(kept));
    town.command(owner, "/settings").await;
    town.hears("At the door: nothing is asked.").await;
    assert!(
        town.telegram.calls("unbanChatMember").is_empty(),
        "nobody was kicked"
    );
    town.stop().await;
}

async fn too_many_warnings_have_the_end_that_was_chosen(town: Town) {
    let (chat, owner, mallory) = (town.chat, town.owner, town.mallory);
    let log = town.log().await;
    let helper = town.telegram.add_person("Hedda", Some("hedda"));
    town.telegram.join(chat, helper);
    let rights = Status::administrator(Permissions::administrator());
    town.telegram.set_status(chat, owner, helper, rights);
    town.command(owner, "/warnlimit 2").await;
    town.hears("Done. 2 warnings: ban").await;
    town.command(owner, "/warnmode mute 2h").await;
    town.hears("Done. 2 warnings: mute (2 hours)").await;
    town.command(owner, "/warntime 30d").await;
    town.until("it is said", || {
        let said = "Done. 2 warnings: mute (2 hours)\nA warning counts for 30 days.";
        town.said().iter().any(|known| known == said)
    })
    .await;
    // A word alone is a command for who may give it; for others it is a word.
    let eve = town.telegram.add_person("Eve", None);
    town.telegram.join(chat, eve);
    let bad = town.command(mallory, "noise").await;
    let word = |who: i64, text: &str| {
        let answer = json!({ "text": text, "reply_to_message": bad });
        town.telegram.post(chat, who, &answer)
    };
    let of_eve = word(eve, "Ban");
    word(owner, "warn");
    town.hears("Warned Mallory. Case 1.").await;
    // Two at the same time are one too many, once.
    word(owner, " WARN ");
    word(helper, "warn");
    town.until("Mallory is silent", || !town.may_speak(mallory)).await;
    let mut kinds = Vec::new();
    for number in 1..=4 {
        kinds.push(town.decided(number).await["action"].as_str().unwrap().to_owned());
    }
    kinds.sort();
    assert_eq!(kinds, ["mute", "warn", "warn", "warn"]);
    let Status::Restricted {
        until: Some(until), ..
    } = town.status(mallory)
    else {
        panic!("a mute is a restriction with an end")
    };
    let lasts = until - town.telegram.now();
    assert!((115..=120).contains(&lasts.num_minutes()), "{lasts}");
    assert!(town.is_there(of_eve), "nobody told Eve that she may not");
    assert!(
        !town
            .said()
            .iter()
            .any(|said| said.starts_with("Only administrators"))
    );
    town.command(owner, "/resetallwarns").await;
    town.hears("That takes back all warnings of everybody.").await;
    town.command(owner, "/resetallwarns yes").await;
    town.hears("3 warnings were taken back.").await;
    town.until("each is told", || {
        (5..=7).all(|number| {
            town.told(log, &format!("#{number} \u{b7} unwarned: Mallory"))
                .is_some()
        })
    })
    .await;
    town.stop().await;
}

async fn rights_are_given_and_taken_by_who_has_them(town: Town) {
    let (chat, owner, mallory) = (town.chat, town.owner, town.mallory);
    town.command(mallory, "/promote @olga").await;
    town.hears("Only administrators can do that.").await;
    town.command(owner, "/promote @mallory").await;
    town.hears("I can give nobody rights").await;
    let rights = [
        "can_promote_members",
        "can_restrict_members",
        "can_delete_messages",
    ];
    let all = Status::administrator(Permissions::rights(&rights));
    town.telegram.set_status(chat, owner, town.bot, all);
    let helper = town.telegram.add_person("Hedda", Some("hedda"));
    town.telegram.join(chat, helper);
    let helps = Permissions::rights(&["can_promote_members", "can_restrict_members", "can_pin_messages"]);
    town.telegram
        .set_status(chat, owner, helper, Status::administrator(helps));
    town.command(helper, "/promote @mallory").await;
    town.hears("Mallory is an administrator now").await;
    let Status::Administrator { rights, .. } = town.status(mallory) else {
        panic!("Mallory keeps order now")
    };
    assert_eq!(
        rights,
        Permissions::rights(&["can_restrict_members"]),
        "what both have"
    );
    // Who was given rights has them at once, and may not take those of who gave them.
    town.command(mallory, "/demote @hedda").await;
    town.hears("You need the right to add administrators for that.")
        .await;
    town.command(helper, "/demote @olga").await;
    town.hears("Olga has rights that you cannot take away").await;
    town.command(owner, "/demote @mallory").await;
    town.hears("Mallory is no administrator any more.").await;
    assert_eq!(town.status(mallory), Status::Member);
    town.command(owner, "/demote @mallory").await;
    town.hears("Mallory is no administrator.").await;
    town.command(owner, "/admincache").await;
    town.hears("Asked anew: 3 administrators.").await;
    town.stop().await;
}

async fn a_group_is_looked_after_from_afar(town: Town) {
    let (chat, owner, mallory) = (town.chat, town.owner, town.mallory);
    for who in [owner, mallory] {
        town.telegram.start_bot(who, town.bot);
    }
    let write = |who: i64, text: &str| town.telegram.say(who, who, text);
    let heard = |who: i64, words: &str| {
        let said = town.telegram.said(who, town.bot);
        said.iter().any(|said| said.starts_with(words))
    };
    let before = town.command(mallory, "good morning").await;
    write(owner, "/ban @mallory");
    town.until("no group is meant", || heard(owner, "Which group?"))
        .await;
    // Who keeps no order there learns nothing, whether there is such a group or not.
    for number in [chat, -1_001] {
        let asked = town.telegram.said(mallory, town.bot).len();
        write(mallory, &format!("/connect {number}"));
        town.until("it is refused", || {
            town.telegram.said(mallory, town.bot).len() > asked
        })
        .await;
        let said = town.telegram.said(mallory, town.bot);
        assert!(
            said.last().unwrap().starts_with("There is no such group"),
            "{said:?}"
        );
    }
    town.command(owner, "/connect").await;
    town.hears("Write to me alone now").await;
    write(owner, "/setrules Be kind.");
    town.until("it is done", || heard(owner, "Done. These are the rules"))
        .await;
    write(owner, "/lock sticker");
    town.until("it is locked", || heard(owner, "Locked, so that nobody"))
        .await;
    write(owner, "/del");
    town.until("that is for the group", || {
        heard(owner, "That is about a message")
    })
    .await;
    write(owner, "/smute @mallory 1h too loud");
    town.until("Mallory is silent", || !town.may_speak(mallory)).await;
    assert!(
        town.is_there(before),
        "no message of the group was taken for one of here"
    );
    // A copy goes out and comes back.
    write(owner, "/export");
    town.until("the copy is there", || !town.telegram.uploads().is_empty())
        .await;
    let (name, copy) = town.telegram.uploads().remove(0);
    assert_eq!(name, format!("lockdown{chat}.json"));
    let read: Value = serde_json::from_slice(&copy).unwrap();
    assert_eq!(read["settings"]["telegram"]["rules"], "Be kind.");
    assert!(read["rules"].as_str().unwrap().contains("lock-sticker"));
    write(owner, "/reset");
    town.until("nobody does it by accident", || {
        heard(owner, "That takes back all settings")
    })
    .await;
    write(owner, "/reset yes");
    town.until("all is as in the beginning", || {
        heard(owner, "Everything is as it was")
    })
    .await;
    write(owner, "/locks");
    town.until("nothing is locked", || heard(owner, "Nothing is locked."))
        .await;
    town.telegram.send_file(owner, b"{\"platform\":1}", "/import");
    town.until("it is looked at", || heard(owner, "That file cannot be used: "))
        .await;
    town.telegram.send_file(owner, &copy, "/import");
    town.until("it is in force", || {
        heard(owner, "These settings and rules are in force")
    })
    .await;
    town.command(mallory, "hello").await;
    town.command(owner, "/rules").await;
    town.hears("Be kind.").await;
    // Rights are asked for each time.
    let other = town.telegram.add_person("Other", None);
    town.telegram.join(chat, other);
    town.telegram.start_bot(other, town.bot);
    let keeps_order = Status::administrator(Permissions::administrator());
    town.telegram.set_status(chat, owner, other, keeps_order);
    write(other, &format!("/connect {chat}"));
    town.until("it is connected", || {
        heard(other, "What you command here is done in Town")
    })
    .await;
    town.telegram.set_status(chat, owner, other, Status::Member);
    write(other, "/ban @mallory");
    town.until("it is refused", || {
        heard(other, "Only administrators can do that.")
    })
    .await;
    write(owner, "/disconnect");
    town.until("it is over", || {
        heard(owner, "What you command here is not done in Town")
    })
    .await;
    assert!(town.status(mallory).is_present());
    town.stop().await;
}

async fn the_bot_speaks_in_its_topic(town: Town) {
    let (chat, owner) = (town.chat, town.owner);
    let topic = town.telegram.add_topic(chat, owner, "Arrivals");
    town.command(owner, "/setactiontopic").await;
    town.hears("Command that in the topic that you mean.").await;
    let here = |text: &str| {
        let said = json!({ "text": text, "message_thread_id": topic, "reply_to_message": topic });
        town.telegram.post(chat, owner, &said)
    };
    here("/setactiontopic");
    town.hears("Done. The bot speaks of its own accord in the topic")
        .await;
    town.command(owner, "/setwelcome Hi {name}").await;
    town.hears("Done. Who comes is welcomed with:").await;
    let eve = town.telegram.add_person("Eve", None);
    town.telegram.join(chat, eve);
    town.hears("Hi Eve").await;
    let said = town.telegram.find(chat, town.bot, "Hi Eve").unwrap();
    let said = town.telegram.message(chat, said).unwrap();
    assert_eq!(said["message_thread_id"], topic);
    town.command(owner, "/newtopic Trade and barter").await;
    town.hears("The topic Trade and barter is there.").await;
    assert_eq!(town.telegram.open_topics(chat).len(), 2);
    // Where its topic is closed, it is said beside.
    here("/closetopic");
    town.until("the topic is closed", || {
        town.telegram.open_topics(chat).len() == 1
    })
    .await;
    let dan = town.telegram.add_person("Dan", None);
    town.telegram.join(chat, dan);
    town.hears("Hi Dan").await;
    town.stop().await;
}

async fn what_the_bot_may_not_do_is_shown_as_off(town: Town) {
    let (chat, owner, bot) = (town.chat, town.owner, town.bot);
    let may = |rights: Permissions| {
        town.telegram
            .set_status(chat, owner, bot, Status::administrator(rights));
    };
    let told = |words: &str| town.said().iter().filter(|said| said.contains(words)).count();
    let overview = async |number: usize| {
        town.command(owner, "/settings").await;
        let long = |said: &&String| said.lines().count() > 6;
        town.until("what is chosen", || {
            town.said().iter().filter(long).count() == number
        })
        .await;
    };
    overview(1).await;
    assert_eq!(told("⚠️"), 0, "nothing is off: {:?}", town.said());
    may(Permissions::rights(&[
        "can_restrict_members",
        "can_invite_users",
        "can_pin_messages",
    ]));
    town.hears("⚠️ I may not delete messages: rules, filters").await;
    overview(2).await;
    assert_eq!(told("⚠️ I may not delete messages"), 2, "there, too");
    // The rest goes on, and nothing is tried again and again.
    assert_eq!((told("I may not ban"), told("I may not invite")), (0, 0));
    may(Permissions::administrator());
    town.hears("I may delete messages again.").await;
    overview(3).await;
    assert_eq!(told("⚠️"), 2);
    town.stop().await;
}
