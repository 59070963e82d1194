//! Rules that moderators make by commands, and what they judge.

use crate::town::Town;
use lockdown_testkit::fakes::telegram::Status;
use serde_json::{Value, json};
use std::cell::RefCell;

crate::town::sizes!(
    a_lock_is_a_rule_of_the_community,
    each_lock_hits_what_it_says,
    what_is_on_the_blocklist_goes,
    who_floods_is_silenced,
    who_is_approved_is_left_alone,
    the_bot_answers_what_it_was_told_to,
    many_who_come_at_once_are_kept_out,
    who_is_listed_is_kept_out,
);

async fn a_lock_is_a_rule_of_the_community(town: Town) {
    let owner = town.owner;
    let log = town.log().await;
    town.command(owner, "/lock everything").await;
    town.hears("Nothing is called everything. What can be locked: album, arabic,")
        .await;
    town.command(owner, "/locktypes").await;
    town.hears("Write /lock or /unlock and what: album, ").await;
    let said = town.said();
    let types = said.iter().find(|said| said.starts_with("Write /lock")).unwrap();
    let types = types.rsplit(": ").next().unwrap().to_owned();
    assert_eq!(types.split(", ").count(), 34);
    // Each of them is a rule that the backend finds good.
    town.command(owner, &format!("/lock {types}")).await;
    let all = format!("Locked, so that nobody but administrators posts it: {types}");
    town.hears(&all).await;
    town.until("it is told", || town.told(log, "Olga: lock (34)").is_some())
        .await;
    let most = types.strip_prefix("album, ").unwrap();
    town.command(owner, &format!("/unlock {most}")).await;
    town.until("one is left", || {
        let words = "Locked, so that nobody but administrators posts it: album";
        town.said().iter().any(|said| said == words)
    })
    .await;
    town.command(town.mallory, "/locks").await;
    town.hears("Only administrators can do that.").await;
    // Some sites may be linked all the same, and who links others is warned.
    town.command(owner, "/unlock album").await;
    town.hears("Nothing is locked.").await;
    town.command(owner, "/lock url").await;
    town.command(owner, "/allowlist https://www.good.example/a").await;
    town.hears("These sites may be linked in spite of the locks url and hiddenlink:\ngood.example")
        .await;
    town.command(owner, "/lockwarns on").await;
    town.until("it is said", || {
        town.said()
            .iter()
            .any(|said| said.ends_with("Who breaks a lock is warned."))
    })
    .await;
    // It warns a moment after it is said, and whoever was only stopped until then is not warned by the next message at once.
    while town.ask_case(1).await.is_err() {
        let somebody = town.telegram.add_person("Somebody", None);
        town.telegram.join(town.chat, somebody);
        town.goes(somebody, "see https://bad.example").await;
    }
    let good = town.command(town.mallory, "see https://good.example/b").await;
    let bad = town
        .command(town.mallory, "see https://good.example and https://bad.example")
        .await;
    town.until("the other site is gone", || !town.is_there(bad)).await;
    assert!(town.is_there(good));
    assert_eq!(town.decided(1).await["action"], "warn");
    town.stop().await;
}

/// Of each kind something that it is about, and something like it that it is not about.
fn samples() -> Vec<(&'static str, Value, Value)> {
    let text = |text: &str| json!({ "text": text });
    let entity = |text: &str, kind: &str, more: Value| {
        let mut entity = json!({ "type": kind, "offset": 0, "length": text.encode_utf16().count() });
        if let (Some(entity), Value::Object(more)) = (entity.as_object_mut(), more) {
            entity.extend(more);
        }
        json!({ "text": text, "entities": [entity] })
    };
    let file = |kind: &str, name: &str| {
        let file = json!({ "file_id": "f", "file_unique_id": "u", "file_name": name, "mime_type": "application/octet-stream" });
        let mut message = json!({ "caption": "look" });
        message[kind] = file;
        message
    };
    let photo = json!([{ "file_id": "f", "file_unique_id": "u", "width": 9, "height": 9 }]);
    let sticker = json!({ "file_id": "f", "file_unique_id": "u", "type": "regular", "width": 9, "height": 9,
        "is_animated": false, "is_video": false, "emoji": "\u{1f600}", "set_name": "smiles" });
    let option = |text: &str| json!({ "persistent_id": text, "text": text, "voter_count": 0 });
    let poll = json!({ "id": "1", "question": "Tea?", "options": [option("yes"), option("no")], "total_voter_count": 0 });
    let forward = json!({ "type": "hidden_user", "date": 1, "sender_user_name": "x" });
    let via = json!({ "id": 77, "is_bot": true, "first_name": "Gif", "username": "gif" });
    let keys = json!({ "inline_keyboard": [[{ "text": "press", "url": "https://a.example" }]] });
    vec![
        (
            "album",
            json!({ "media_group_id": "1", "photo": photo }),
            json!({ "photo": photo }),
        ),
        (
            "arabic",
            text("\u{645}\u{631}\u{62d}\u{628}\u{627}"),
            text("hello"),
        ),
        ("audio", file("audio", "a.mp3"), file("document", "a.mp3")),
        (
            "button",
            json!({ "text": "a", "reply_markup": keys }),
            text("[press]"),
        ),
        ("caps", text("THIS IS VERY LOUD"), text("This is not loud at all")),
        (
            "cyrillic",
            text("\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}"),
            text("privet"),
        ),
        ("document", file("document", "a.zip"), file("audio", "a.zip")),
        ("emoji", text("nice \u{1f600}"), text("nice :)")),
        (
            "forward",
            json!({ "text": "a", "forward_origin": forward }),
            text("a"),
        ),
        ("greek", text("\u{3ba}\u{3b1}\u{3bb}\u{3ae}"), text("kali")),
        ("hebrew", text("\u{5e9}\u{5dc}\u{5d5}\u{5dd}"), text("shalom")),
        (
            "hiddenlink",
            entity("look here", "text_link", json!({ "url": "https://a.example/b" })),
            entity("https://a.example/b", "url", json!({})),
        ),
        ("inline", json!({ "text": "a", "via_bot": via }), text("@gif a")),
        ("invisible", text("in\u{200b}visible"), text("in visible")),
        (
            "invitelink",
            text("come to https://t.me/+AbCdEfGhIjKlMnOp"),
            text("come to https://example.org"),
        ),
        (
            "latin",
            text("hello"),
            text("\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}"),
        ),
        ("lines", text(&"line\n".repeat(25)), text("one\ntwo")),
        ("long", text(&"word ".repeat(300)), text("word")),
        ("media", json!({ "photo": photo }), text("photo")),
        (
            "mention",
            entity(
                "@eve",
                "text_mention",
                json!({ "user": { "id": 5, "is_bot": false, "first_name": "Eve" } }),
            ),
            text("eve"),
        ),
        ("photo", json!({ "photo": photo }), file("video", "a.mp4")),
        ("poll", json!({ "poll": poll }), text("Tea? yes no")),
        ("repeated", text("noooooooooooooooo"), text("noooo")),
        (
            "reply",
            json!({ "text": "a", "reply_to_message": 1 }),
            text("> a"),
        ),
        (
            "sticker",
            json!({ "sticker": sticker }),
            json!({ "photo": photo }),
        ),
        ("text", text("a"), json!({ "photo": photo })),
        (
            "unknown",
            json!({ "text": "a", "hologram": { "words": "b" } }),
            text("a b"),
        ),
        ("url", text("https://example.org"), text("example dot org")),
        ("video", file("video", "a.mp4"), json!({ "photo": photo })),
        ("voice", file("voice", "a.ogg"), file("audio", "a.ogg")),
        (
            "zalgo",
            text("h\u{300}\u{301}\u{302}\u{303}\u{304}i"),
            text("h\u{301}i"),
        ),
    ]
}

async fn each_lock_hits_what_it_says(town: Town) {
    let (chat, mallory) = (town.chat, town.mallory);
    let samples = samples();
    let names: Vec<&str> = samples.iter().map(|(name, ..)| *name).collect();
    town.command(town.owner, &format!("/lock {}", names.join(" ")))
        .await;
    town.hears("Locked, so that nobody but administrators posts it: album")
        .await;
    town.goes(mallory, "hello").await;
    let answered = town.command(town.owner, "answer me").await;
    let mut posted = Vec::new();
    for (name, hit, miss) in samples {
        let post = |mut fields: Value| {
            if fields.get("reply_to_message").is_some() {
                fields["reply_to_message"] = answered.into();
            }
            town.telegram.post(chat, mallory, &fields)
        };
        posted.push((name, post(hit), post(miss)));
    }
    town.until("all of them are gone", || {
        posted.iter().all(|(_, hit, _)| !town.is_there(*hit))
    })
    .await;
    let hits = town.hits().await;
    let hit_by = |message: &i64, name: &str| {
        let rules = hits.get(message).map_or(&[][..], |rules| &rules[..]);
        rules.contains(&format!("lock-{name}"))
    };
    let mut wrong = Vec::new();
    for (name, hit, miss) in &posted {
        if !hit_by(hit, name) {
            wrong.push(format!("{name} misses: {:?}", hits.get(hit)));
        }
        if hit_by(miss, name) {
            wrong.push(format!("{name} hits {:?}", town.telegram.message(chat, *miss)));
        }
    }
    assert_eq!(wrong, [""; 0]);
    // Who keeps order may.
    assert!(town.is_there(answered));
    town.stop().await;
}

async fn what_is_on_the_blocklist_goes(town: Town) {
    let (owner, mallory) = (town.owner, town.mallory);
    town.command(owner, "/addblocklist").await;
    town.hears("Write /addblocklist or /rmblocklist and words or phrases")
        .await;
    town.command(owner, "/addblocklist Free Nitro\n\"casino*\"").await;
    town.hears("2 entries on the blocklist; the message goes:\nfree nitro\ncasino*")
        .await;
    let clean = town.command(mallory, "a free afternoon").await;
    // In disguise, too.
    town.goes(mallory, "get FR\u{410} fr\u{435}\u{435}  n1tr\u{43e} now")
        .await;
    town.goes(mallory, "best casinos").await;
    assert!(town.is_there(clean));
    assert!(town.may_speak(mallory));
    let own = town.command(owner, "casino").await;
    town.command(owner, "/blocklistmode tban 3d").await;
    town.hears("2 entries on the blocklist; the message goes, and for whoever wrote it: ban 3d")
        .await;
    town.command(owner, "/rmblocklist casino*").await;
    town.hears("1 entry on the blocklist; the message goes, and for whoever wrote it: ban 3d\nfree nitro")
        .await;
    town.command(owner, "/rmblocklist never heard").await;
    town.hears("\u{201c}never heard\u{201d} is not on the blocklist.")
        .await;
    // What somebody does within moments is one thing: so it is somebody else each time.
    let crowd = RefCell::new(Vec::new());
    town.until("somebody is banned", || {
        let who = town.telegram.add_person("Crowd", None);
        town.telegram.join(town.chat, who);
        town.telegram.say(town.chat, who, "free nitro");
        crowd.borrow_mut().push(who);
        crowd.borrow().iter().any(|who| town.status(*who).is_banned())
    })
    .await;
    let case = town.decided(1).await;
    assert_eq!(
        (&case["origin"], &case["reason"]),
        (&json!("automod"), &json!("the rule blocklist"))
    );
    assert!(town.is_there(own));
    town.command(owner, "/unblocklistall").await;
    town.hears("Nothing is on the blocklist.").await;
    let eve = town.telegram.add_person("Eve", Some("eve"));
    town.telegram.join(town.chat, eve);
    town.command(eve, "/addblocklist hello").await;
    town.hears("Only administrators can do that.").await;
    town.stop().await;
}

async fn who_floods_is_silenced(town: Town) {
    let (owner, mallory) = (town.owner, town.mallory);
    town.command(owner, "/flood").await;
    town.hears("Nobody looks for floods.").await;
    town.command(owner, "/setflood 2").await;
    town.hears("Write /setflood 7 or /setfloodtimer 7 10s, from 3 to 100 messages")
        .await;
    town.command(owner, "/setfloodtimer 5 50m").await;
    town.hears("5 messages of one person within 50 minutes are a flood: all of them go. For whoever wrote them: mute 10m.")
        .await;
    town.command(owner, "/floodmode tmute 2h").await;
    town.hears("5 messages of one person within 50 minutes are a flood: all of them go. For whoever wrote them: mute 2h.")
        .await;
    // Another person's messages are another count.
    let eve = town.telegram.add_person("Eve", Some("eve"));
    town.telegram.join(town.chat, eve);
    let clean = town.command(eve, "hello").await;
    let said = RefCell::new(Vec::new());
    town.until("Mallory is silent", || {
        let message = town.telegram.say(town.chat, mallory, "again and again");
        said.borrow_mut().extend((message != 0).then_some(message));
        message == 0
    })
    .await;
    let gone = || {
        said.borrow()
            .iter()
            .filter(|message| !town.is_there(**message))
            .count()
    };
    town.until("the flood is gone", || gone() >= 5).await;
    assert!(town.is_there(clean));
    let Status::Restricted {
        until: Some(until), ..
    } = town.status(mallory)
    else {
        panic!("Mallory is silent for a time")
    };
    let lasts = (until - town.telegram.now()).num_minutes();
    assert!((100..=120).contains(&lasts), "{lasts}");
    assert_eq!(town.decided(1).await["reason"], "the rule flood");
    town.command(owner, "/setflood off").await;
    town.until("it is off", || {
        town.said()
            .iter()
            .filter(|said| *said == "Nobody looks for floods.")
            .count()
            == 2
    })
    .await;
    town.stop().await;
}

async fn who_is_approved_is_left_alone(town: Town) {
    let (owner, mallory) = (town.owner, town.mallory);
    town.command(owner, "/approved").await;
    town.hears("Nobody is approved.").await;
    town.command(owner, "/addblocklist casino").await;
    town.hears("1 entry on the blocklist").await;
    town.goes(mallory, "casino").await;
    town.command(owner, "/unapprove @mallory").await;
    town.hears("Mallory is not approved.").await;
    town.command(owner, "/approve @mallory writes about them").await;
    town.hears("Mallory is approved: locks, the blocklist").await;
    let eve = town.telegram.add_person("Eve", Some("eve"));
    town.telegram.join(town.chat, eve);
    let kept = town.command(mallory, "casino").await;
    // What comes after it is judged after it.
    let gone = town.command(eve, "casino").await;
    town.until("Eve's is gone", || !town.is_there(gone)).await;
    assert!(town.is_there(kept));
    assert!(!town.hits().await.contains_key(&kept));
    town.command(owner, "/approved").await;
    town.hears("Locks, the blocklist and the limit of floods leave these alone:\nMallory (")
        .await;
    town.command(eve, "/approve @eve").await;
    town.hears("Only administrators can do that.").await;
    town.command(owner, "/unapprove @mallory").await;
    town.hears("Mallory is not approved any more.").await;
    for name in ["@mallory", "@eve"] {
        town.command(owner, &format!("/free {name}")).await;
    }
    town.command(owner, "/approval @eve").await;
    town.hears("Eve is approved.").await;
    town.command(owner, "/unapproveall").await;
    town.hears("2 people are approved. Write /unapproveall yes").await;
    town.command(owner, "/unapproveall yes").await;
    town.until("nobody is approved", || {
        let said = town.said();
        said.iter().filter(|said| *said == "Nobody is approved.").count() == 2
    })
    .await;
    town.goes(mallory, "casino").await;
    town.stop().await;
}

async fn many_who_come_at_once_are_kept_out(town: Town) {
    let (chat, owner) = (town.chat, town.owner);
    town.command(owner, "/raid").await;
    town.hears("There is no raid.").await;
    town.command(owner, "/autoraid 2").await;
    town.hears("Write /raid on, off or how long").await;
    town.command(owner, "/autoraid 5").await;
    town.hears(
        "There is no raid.\nFor whoever comes during a raid: ban 1h.\nIt begins by itself when 5 people come",
    )
    .await;
    let come = |name: &str| {
        let who = town.telegram.add_person(name, None);
        town.telegram.join(chat, who);
        who
    };
    // By hand it begins at once.
    town.command(owner, "/raidactiontime 2d").await;
    town.hears("There is no raid.\nFor whoever comes during a raid: ban 2d.")
        .await;
    town.command(owner, "/antiraid 2h").await;
    town.hears("There is a raid, until ").await;
    let late = come("Late");
    town.until("the late one is banned", || {
        town.status(late).is_banned() || {
            town.telegram.leave(chat, late);
            town.telegram.join(chat, late);
            false
        }
    })
    .await;
    town.command(owner, "/raid off").await;
    let over = || {
        let said = town.said();
        let no_raid = said.iter().filter(|said| said.starts_with("There is no raid."));
        no_raid.count() == 4
    };
    town.until("it is over", over).await;
    // By itself it begins with those who come one after the other; who is there stays.
    let crowd = RefCell::new(Vec::new());
    town.until("who comes is banned", || {
        crowd.borrow_mut().push(come("Crowd"));
        crowd.borrow().iter().any(|who| town.status(*who).is_banned())
    })
    .await;
    town.command(owner, "/raid").await;
    town.until("it has begun", || {
        let said = town.said();
        said.iter()
            .filter(|said| said.starts_with("There is a raid, until "))
            .count()
            == 2
    })
    .await;
    assert!(town.status(town.mallory).is_present());
    town.stop().await;
}

async fn the_bot_answers_what_it_was_told_to(town: Town) {
    let (owner, mallory) = (town.owner, town.mallory);
    town.command(owner, "/filter hello").await;
    town.hears("Write /filter, a word or a phrase in quotes").await;
    town.command(owner, "/filter \"opening hours\" From nine to five.")
        .await;
    town.hears("The bot answers to:\nopening hours").await;
    town.command(mallory, "reopening hoursglass").await;
    town.command(mallory, "What are the Opening Hours?").await;
    town.hears("From nine to five.").await;
    town.command(mallory, "opening hours!").await;
    town.command(mallory, "/filters").await;
    town.until("they are listed again", || {
        town.said()
            .iter()
            .filter(|said| said.starts_with("The bot answers to:"))
            .count()
            == 2
    })
    .await;
    let answers = town
        .said()
        .into_iter()
        .filter(|said| said == "From nine to five.");
    assert_eq!(answers.count(), 1, "nobody makes the bot flood");
    town.command(owner, "/stop good night").await;
    town.hears("The bot answers nothing to \u{201c}good night\u{201d}.")
        .await;
    town.command(owner, "/stop Opening hours").await;
    town.hears("The bot answers nothing by itself.").await;
    town.stop().await;
}

async fn who_is_listed_is_kept_out(town: Town) {
    let (chat, owner, listed) = (town.chat, town.owner, town.listed);
    town.command(owner, "/cas").await;
    town.hears("Accounts that are on the lists of banned accounts are let in.")
        .await;
    town.command(owner, "/banlists ban 7d").await;
    town.hears("Whoever is on the lists of banned accounts and comes: ban 7d.")
        .await;
    town.telegram.join(chat, listed);
    town.until("the listed one is banned", || {
        town.status(listed).is_banned() || {
            town.telegram.leave(chat, listed);
            town.telegram.join(chat, listed);
            false
        }
    })
    .await;
    let case = town.decided(1).await;
    assert_eq!(case["actor"], "rule:banlists");
    assert!(town.status(town.mallory).is_present());
    town.stop().await;
}
