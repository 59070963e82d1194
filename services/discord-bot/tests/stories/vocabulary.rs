//! Words that moderators have in their fingers, beside the usual ones.

use crate::commands::{desk, desk_of_routes, flag, number, outcome, place, reply, text, told, who};
use crate::menus::{first, registered};
use crate::sizes;
use crate::town::{Town, until};
use lockdown_events::Outcome;
use lockdown_testkit::fakes::discord::permissions::{MANAGE_MESSAGES, SEND_MESSAGES};
use serde_json::{Value, json};

sizes!(
    a_kick_takes_away_what_was_said,
    a_file_is_kept_as_evidence,
    a_mute_ends_at_a_time_and_a_case_is_hidden,
    a_lock_says_why,
    a_role_is_lent_and_given_back,
    an_answer_is_shown_to_whom_it_shall,
    many_are_banned_by_a_form_and_a_file,
    the_menu_of_a_person_has_what_may_be_done,
);

fn file(uploaded: &Value) -> Value {
    json!({ "name": "file", "type": 11, "value": uploaded["id"] })
}

fn role(id: u64) -> Value {
    json!({ "name": "role", "type": 8, "value": id.to_string() })
}

async fn a_kick_takes_away_what_was_said(town: Town) {
    let desk = desk(&town).await;
    let other = town.discord.channel(town.guild, "other");
    town.start().await;
    let say = |user, channel| town.discord.say(user, channel, "hello");
    let of_ana = [
        (town.channel, say(town.ana, town.channel)),
        (other, say(town.ana, other)),
    ];
    let of_owner = say(town.owner, other);
    let old = town
        .discord
        .said(town.ana, other, "long ago", chrono::TimeDelta::hours(3));
    outcome(&town, Outcome::Applied, None, None).await;
    let options = json!([who(town.ana), text("delete", "1h"), text("reason", "spam")]);
    let said = told(&town, "kick", options).await;
    assert_eq!(
        said,
        format!(
            "✅ Kicked <@{}> (Case #17)\nRemoved 2 messages in 2 channels",
            town.ana
        )
    );
    for (channel, message) in of_ana {
        assert!(!town.discord.has_message(channel, message));
    }
    assert!(town.discord.has_message(other, of_owner) && town.discord.has_message(other, old));
    assert_eq!(desk.wishes.lock().unwrap()[0].delete_message_seconds, None);
    let said = told(&town, "kick", json!([who(town.ana), text("delete", "8d")])).await;
    assert!(said.contains("7 days"), "{said}");
    assert_eq!(desk.wishes.lock().unwrap().len(), 1);
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn a_file_is_kept_as_evidence(town: Town) {
    let desk = desk(&town).await;
    let ana = town.ana.to_string();
    let routes = desk_of_routes(&town, move |_| {
        json!({
            "caseNumber": 17, "userId": ana, "action": "warn", "state": "applied", "origin": "command", "actor": "9",
            "createdAt": "2026-11-20T09:06:00Z", "evidence": [{ "channelId": "3", "messageId": "4" }],
        })
    })
    .await;
    town.start().await;
    outcome(&town, Outcome::Applied, None, None).await;
    let shot = town.discord.upload("shot @everyone.png", b"a picture");
    let warn = async || {
        let link = format!("https://discord.com/channels/{}/3/4", town.guild);
        let options = [
            who(town.ana),
            text("reason", "rude"),
            text("evidence", &link),
            file(&shot),
        ];
        told(&town, "warn", json!(options)).await
    };
    let said = warn().await;
    let done = format!("✅ Warned <@{}> (Case #17)", town.ana);
    assert!(
        said.starts_with(&done) && said.contains("❌ the file was not kept: the moderators' log is where"),
        "{said}"
    );
    assert_eq!(
        desk.wishes.lock().unwrap()[0].evidence[0].message_id.as_str(),
        "4"
    );
    assert!(routes.questions.lock().unwrap().is_empty());
    let log = town.discord.channel(town.guild, "mod-logs");
    until("the channel", || async {
        town.events("guild:update").await.len() >= 2
    })
    .await;
    assert_eq!(warn().await, done);
    let kept = town.discord.messages(log).pop().unwrap();
    let embed = &kept["embeds"][0];
    assert_eq!(embed["title"], "Evidence · Case #17");
    let named = embed["fields"][2]["value"].as_str().unwrap();
    assert!(named.contains("(9 B) sha256 `"), "{named}");
    assert_eq!(kept["allowed_mentions"], json!({ "parse": [] }));
    let posted = town.discord.requests_to("POST channels/{}/messages");
    assert_eq!(posted.len(), 1);
    let changed = routes.questions.lock().unwrap().pop().unwrap();
    assert_eq!(changed.route, "changeCase");
    let added = json!({ "channelId": log.to_string(), "messageId": kept["id"] });
    assert_eq!(
        changed.body,
        Some(json!({ "evidence": [{ "channelId": "3", "messageId": "4" }, added] }))
    );
    let said = told(&town, "case evidence", json!([number("number", 17), file(&shot)])).await;
    assert!(said.starts_with("✅ Changed (Case #17)"), "{said}");
    assert_eq!(town.discord.messages(log).len(), 2);
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn a_mute_ends_at_a_time_and_a_case_is_hidden(town: Town) {
    let ben = town.discord.person("Ben").to_string();
    let muted = ben.clone();
    let routes = desk_of_routes(&town, move |question| {
        let case = json!({
            "caseNumber": 5, "userId": muted, "action": "mute", "state": "applied", "origin": "command", "actor": "9",
            "createdAt": "2026-11-20T09:06:00Z",
        });
        match question.route.as_str() {
            "listCases" if question.query.get("userId") == Some(&muted) => json!({ "cases": [case] }),
            "listCases" => json!({ "cases": [] }),
            "postToThread" => json!({}),
            _ => case,
        }
    })
    .await;
    town.start().await;
    let unmute = async |user: u64, when: &str| {
        let options = json!([who(user), text("in", when), text("reason", "sorry")]);
        told(&town, "unmute", options).await
    };
    let said = unmute(ben.parse().unwrap(), "2h").await;
    assert!(
        said.starts_with(&format!("✅ <@{ben}> may speak again until <t:"))
            || said.contains("may speak again"),
        "{said}"
    );
    assert!(said.ends_with("(Case #5)"), "{said}");
    let questions = std::mem::take(&mut *routes.questions.lock().unwrap());
    assert_eq!(
        (
            questions[0].query["type"].as_str(),
            questions[0].query["state"].as_str()
        ),
        ("mute", "applied")
    );
    let body = questions[1].body.clone().unwrap();
    let at: chrono::DateTime<chrono::Utc> = body["expiresAt"].as_str().unwrap().parse().unwrap();
    let left = at - town.ctx.clock.now();
    assert!(
        left > chrono::TimeDelta::minutes(100) && left < chrono::TimeDelta::minutes(121),
        "{left}"
    );
    assert_eq!(
        (questions[2].route.as_str(), questions[2].body.clone()),
        ("postToThread", Some(json!({ "body": "sorry" })))
    );
    let said = unmute(town.ana, "2h").await;
    assert_eq!(
        said,
        format!("❌ Not done: <@{}> is not muted by a case", town.ana)
    );
    let said = unmute(town.ana, "forever").await;
    assert!(said.contains("say when the mute is to end"), "{said}");

    let said = told(&town, "case hide", json!([number("number", 5)])).await;
    assert!(said.starts_with("✅ Hidden (Case #5)"), "{said}");
    let said = told(&town, "case unhide", json!([number("number", 5)])).await;
    assert!(said.starts_with("✅ In the lists again"), "{said}");
    told(&town, "case list", json!([flag("hidden")])).await;
    let questions = routes.questions.lock().unwrap().clone();
    let asked = |at: usize| questions[questions.len() - at].clone();
    assert_eq!(asked(3).body, Some(json!({ "hidden": true })));
    assert_eq!(asked(2).body, Some(json!({ "hidden": false })));
    assert_eq!(asked(1).query["hidden"], "true");
    town.stop().await;
}

async fn a_lock_says_why(town: Town) {
    let quiet = town.discord.channel(town.guild, "quiet");
    let deny =
        json!({ "id": town.bot.to_string(), "type": 1, "allow": "0", "deny": SEND_MESSAGES.to_string() });
    town.discord.overwrite(quiet, vec![deny]);
    town.start().await;
    let lock = async |channel: u64| {
        let why = "Back at 18:00. @everyone [look](https://bad.test)";
        told(&town, "lock", json!([place(channel), text("message", why)])).await
    };
    let said = lock(town.channel).await;
    assert_eq!(said, format!("✅ Locked <#{}>", town.channel));
    let told_there = town.discord.messages(town.channel).pop().unwrap();
    assert_eq!(
        told_there["content"],
        "🔒 Back at 18:\u{200b}00. \\@everyone \\[look\\]\\(https:\u{200b}//bad.test\\)"
    );
    assert_eq!(told_there["allowed_mentions"], json!({ "parse": [] }));
    // What is locked already says nothing.
    let said = lock(town.channel).await;
    assert!(said.starts_with("ℹ️"), "{said}");
    assert_eq!(town.discord.messages(town.channel).len(), 1);
    // Where it may not speak, it locks and says so.
    let said = lock(quiet).await;
    assert!(
        said.starts_with(&format!("✅ Locked <#{quiet}>\n❌")) && said.contains("Send Messages"),
        "{said}"
    );
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn a_role_is_lent_and_given_back(mut town: Town) {
    let (reader, writer) = (
        town.discord.role(town.guild, "reader", 2, 0),
        town.discord.role(town.guild, "writer", 2, 0),
    );
    town.discord.give(town.guild, town.ana, writer);
    town.start().await;
    let ana = town.ana;
    let set = async |town: &Town, word: &str, id: u64, lasts: &str| {
        told(town, word, json!([who(ana), role(id), text("duration", lasts)])).await
    };
    let said = set(&town, "role take", reader, "1s").await;
    assert_eq!(
        said,
        format!("❌ Not done: <@{ana}> does not have <@&{reader}>, so it cannot be given back")
    );
    let said = set(&town, "role give", reader, "1s").await;
    assert!(
        said.starts_with(&format!("✅ Gave <@&{reader}> to <@{ana}> until <t:")),
        "{said}"
    );
    set(&town, "role take", writer, "1s").await;
    // Another process ends what this one began.
    town.stop().await;
    town.reopen().await;
    town.start().await;
    until("both as before", || async {
        let has = |role| town.discord.has_role(town.guild, ana, role);
        !has(reader) && has(writer)
    })
    .await;
    // Given for good, it is not taken back by what was to happen before.
    set(&town, "role give", reader, "2s").await;
    told(&town, "role give", json!([who(ana), role(reader)])).await;
    let board = format!("discord/roles/{}", town.bot);
    assert_eq!(town.bus.engine().posted(&board, 9).await.unwrap().len(), 0);
    assert!(town.discord.has_role(town.guild, ana, reader));
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn an_answer_is_shown_to_whom_it_shall(town: Town) {
    let _desk = desk(&town).await;
    town.start().await;
    let note = async |user: u64, shown: bool| {
        let mut options = vec![who(town.ana), text("text", "kind")];
        options.extend(shown.then(|| flag("show")));
        let token = town
            .discord
            .command(town.bot, user, town.channel, "note", &json!(options));
        reply(&town, &token).await;
        town.discord.replies(&token)[0]["flags"].clone()
    };
    assert_eq!(note(town.owner, false).await, 64);
    assert_eq!(note(town.owner, true).await, 0);
    let token = town.discord.private_command(town.bot, town.owner, "note");
    assert_eq!(
        reply(&town, &token).await,
        "❌ Not done: commands work in servers: use it in the one that it is about"
    );
    // Who keeps no order cannot have the bot speak to all.
    assert_eq!(note(town.ana, true).await, 64);
    let first = town.discord.requests_to("POST interactions/{}/{token}/callback");
    let flags: Vec<&Value> = first.iter().map(|asked| &asked.body["data"]["flags"]).collect();
    assert_eq!(flags, [64, 0, 64, 64]);
    town.stop().await;
}

async fn many_are_banned_by_a_form_and_a_file(town: Town) {
    let desk = desk(&town).await;
    town.start().await;
    registered(&town).await;
    let people: Vec<u64> = (0..3).map(|n| town.discord.person(&format!("P{n}"))).collect();
    outcome(&town, Outcome::Applied, None, None).await;
    let long = "a reason that is much too long for the id of a form".repeat(5);
    let token = town.discord.command(
        town.bot,
        town.owner,
        town.channel,
        "massban",
        &json!([text("reason", &long)]),
    );
    let form = first(&town, &token).await;
    assert_eq!(form["custom_id"], "massban");
    let ids = format!("{}\n{} bob", people[0], people[1]);
    let sent = town
        .discord
        .fill_in(town.bot, town.owner, town.channel, &token, &[("ids", &ids)]);
    let said = reply(&town, &sent).await;
    assert!(said.starts_with("✅ Banned 2 of 2 people"), "{said}");
    let list = format!("{},banned for spam\r\n{},too\n", people[1], people[2]);
    let uploaded = town.discord.upload("ids.csv", list.as_bytes());
    let said = told(&town, "massban", json!([file(&uploaded)])).await;
    assert!(said.starts_with("✅ Banned 2 of 2 people"), "{said}");
    {
        let wishes = desk.wishes.lock().unwrap();
        let mut asked: Vec<&str> = wishes.iter().map(|wish| wish.user_id.as_str()).collect();
        asked.sort_unstable();
        let expected = [people[0], people[1], people[1], people[2]].map(|id| id.to_string());
        assert_eq!(asked, expected);
        assert_eq!(wishes[0].reason.as_deref(), Some(&*long));
    }
    let huge = town.discord.upload("huge.txt", &vec![b'1'; 70_000]);
    let said = told(&town, "massban", json!([file(&huge)])).await;
    assert!(said.contains("the file cannot be read"), "{said}");
    town.stop().await;
}

async fn the_menu_of_a_person_has_what_may_be_done(town: Town) {
    let ana = town.ana;
    let _routes = desk_of_routes(&town, move |question| {
        assert_eq!(question.route, "getMember");
        json!({
            "isBot": false, "lastSeen": "2026-11-20T09:06:00Z", "username": "*ana*", "cases": [], "activity": [],
            "labels": [], "notes": [],
        })
    })
    .await;
    let other = town.discord.channel(town.guild, "other");
    let keeper = town.discord.person("Keeper");
    town.discord.join(town.guild, keeper);
    let may = town.discord.role(town.guild, "keeper", 3, MANAGE_MESSAGES);
    town.discord.give(town.guild, keeper, may);
    town.start().await;
    registered(&town).await;
    let token = town
        .discord
        .user_menu(town.bot, town.owner, town.channel, "Moderate", ana);
    let said = reply(&town, &token).await;
    assert!(said.contains("**Names**: \\*ana\\*"), "{said}");
    let rows = town.discord.replies(&token)[0]["components"].clone();
    let ids = |row: usize| -> Vec<String> {
        let buttons = rows[row]["components"].as_array().unwrap();
        buttons
            .iter()
            .map(|one| one["custom_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let expected =
        |paths: &[&str]| -> Vec<String> { paths.iter().map(|path| format!("{path}/user={ana}")).collect() };
    assert_eq!(ids(0), expected(&["note", "warn", "mute", "kick", "ban"]));
    assert_eq!(ids(1), expected(&["clean", "history"]));
    // What somebody said last, wherever the moderator may take it away.
    let said: Vec<(u64, u64)> = [town.channel, other, town.channel]
        .into_iter()
        .map(|channel| (channel, town.discord.say(ana, channel, "hello")))
        .collect();
    let token = town
        .discord
        .message_menu(town.bot, keeper, town.channel, "Clean up", said[0].1);
    let form = first(&town, &token).await;
    assert_eq!(form["components"][0]["components"][0]["value"], "100");
    let clean = async |count: &str| {
        let sent = town
            .discord
            .fill_in(town.bot, keeper, town.channel, &token, &[("count", count)]);
        reply(&town, &sent).await
    };
    assert_eq!(
        clean("many").await,
        "❌ Not done: give a number of messages from 1 to 1000"
    );
    assert_eq!(clean("2").await, "✅ Removed 2 messages in 2 channels");
    let left: Vec<bool> = said
        .iter()
        .map(|(channel, message)| town.discord.has_message(*channel, *message))
        .collect();
    assert_eq!(left, [true, false, false]);
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}
