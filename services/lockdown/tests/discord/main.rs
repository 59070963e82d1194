//! What moderators do on Discord, through everything that stands between a command and what comes of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod attacks;
mod automod;
mod clicks;
mod killed;
mod long;
mod many;
mod modes;
mod town;

use serde_json::json;
use town::{Town, number, place, text, who};

town::sizes!(
    a_command_is_decided_done_and_answered,
    cases_are_looked_at_changed_and_undone,
    who_may_not_is_refused,
    settings_and_rules_are_the_communitys,
    an_attack_is_announced_and_over,
    what_is_done_by_hand_is_one_case,
);

async fn a_command_is_decided_done_and_answered(town: Town) {
    let (owner, mallory) = (town.owner, town.mallory);
    let options = json!([
        who(mallory),
        text("duration", "3d"),
        text("reason", "*spam* and scam")
    ]);
    let said = town.told(owner, "ban", options).await;
    assert!(
        said.starts_with(&format!("✅ Banned <@{mallory}> until <t:")) && said.contains("(Case #1)"),
        "{said}"
    );
    assert!(town.discord.is_banned(town.guild, mallory));
    assert_eq!(
        town.discord.ban_reason(town.guild, mallory).unwrap(),
        format!("{owner}: *spam* and scam [case 1]")
    );
    let case = town.decided(1).await;
    assert_eq!(
        (&case["state"], &case["reason"]),
        (&json!("applied"), &json!("*spam* and scam"))
    );
    // For ever is more than for three days; for ever once more is not.
    let said = town.told(owner, "ban", json!([who(mallory)])).await;
    assert!(
        said.starts_with("✅ Banned") && said.contains("(Case #2)"),
        "{said}"
    );
    assert_eq!(town.decided(1).await["state"], "superseded");
    let said = town.told(owner, "ban", json!([who(mallory)])).await;
    assert!(
        said.starts_with("ℹ️ Already so") && said.contains("(Case #2)"),
        "{said}"
    );
    let said = town.told(owner, "unban", json!([who(mallory)])).await;
    assert!(said.starts_with("✅ Unbanned"), "{said}");
    assert!(!town.discord.is_banned(town.guild, mallory));
    town.stop().await;
}

async fn cases_are_looked_at_changed_and_undone(town: Town) {
    let (owner, mallory) = (town.owner, town.mallory);
    let options = json!([who(mallory), text("duration", "2h"), text("reason", "loud")]);
    town.told(owner, "mute", options).await;
    town.told(owner, "warn", json!([who(mallory), text("reason", "rude")]))
        .await;
    town.decided(1).await;
    town.decided(2).await;
    let case = || number("number", 1);
    let said = town.told(owner, "case view", json!([case()])).await;
    for part in [
        format!("mute of <@{mallory}> (Case #1)"),
        format!("**By**: <@{owner}>"),
        "**Why**: loud".to_owned(),
        "**State**: until <t:".to_owned(),
    ] {
        assert!(said.contains(&part), "{said}");
    }
    let said = town.told(owner, "case explain", json!([case()])).await;
    assert!(said.contains("**How**: by a command"), "{said}");
    let said = town
        .told(owner, "case list", json!([who(mallory), text("type", "warn")]))
        .await;
    assert!(said.starts_with("**#2** ") && !said.contains("#1"), "{said}");
    let said = town.told(owner, "history", json!([who(mallory)])).await;
    assert!(said.contains("**#1**") && said.contains("**#2**"), "{said}");

    let said = town
        .told(owner, "case reason", json!([case(), text("reason", "very loud")]))
        .await;
    assert!(
        said.starts_with("✅ Changed (Case #1)") && said.contains("very loud"),
        "{said}"
    );
    let before = town.discord.muted_until(town.guild, mallory).unwrap();
    let said = town
        .told(owner, "case duration", json!([case(), text("duration", "5d")]))
        .await;
    assert!(said.starts_with("✅ Changed (Case #1)"), "{said}");
    town.until("the mute is longer", || async {
        town.discord.muted_until(town.guild, mallory).unwrap() > before
    })
    .await;
    let link = "https://discord.com/channels/1/8/9";
    let said = town
        .told(owner, "case evidence", json!([case(), text("evidence", link)]))
        .await;
    assert!(said.contains("**Evidence**: [1]("), "{said}");
    let said = town
        .told(owner, "case note", json!([case(), text("text", "asked *twice*")]))
        .await;
    assert_eq!(said, "✅ Noted for the moderators (Case #1)");

    let said = town.told(owner, "userinfo", json!([who(mallory)])).await;
    assert!(said.contains("**Cases**: 1 × mute, 1 × warning"), "{said}");
    let said = town.told(owner, "case undo", json!([case()])).await;
    assert!(
        said.starts_with("Undoing case #1:\n✅ Unmuted") && said.contains("(Case #3)"),
        "{said}"
    );
    assert_eq!(town.discord.muted_until(town.guild, mallory), None);
    let said = town.told(owner, "case undo", json!([case()])).await;
    assert!(
        said.starts_with("ℹ️ There is nothing of case #1 to undo"),
        "{said}"
    );
    let said = town
        .told(
            owner,
            "case void",
            json!([number("number", 2), text("reason", "wrong")]),
        )
        .await;
    assert!(said.starts_with("✅ Declared a mistake (Case #2)"), "{said}");
    assert_eq!(town.decided(2).await["state"], "voided");
    let said = town.told(owner, "case view", json!([number("number", 99)])).await;
    assert!(said.starts_with("❌ Not done: "), "{said}");
    town.stop().await;
}

async fn who_may_not_is_refused(town: Town) {
    let (owner, mallory) = (town.owner, town.mallory);
    for (command, options) in [
        ("ban", json!([who(town.bot)])),
        ("case view", json!([number("number", 1)])),
        ("rules list", json!([])),
        ("config show", json!([])),
        ("config set", json!([text("language", "pt-BR")])),
    ] {
        let said = town.told(mallory, command, options).await;
        assert!(said.starts_with("❌ Not done: "), "{command}: {said}");
    }
    for whom in [owner, town.bot] {
        let said = town.told(owner, "kick", json!([who(whom)])).await;
        assert!(said.starts_with("❌ Not done: "), "{said}");
    }
    assert!(town.discord.is_member(town.guild, town.bot));
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn settings_and_rules_are_the_communitys(town: Town) {
    let owner = town.owner;
    let log = town.discord.channel(town.guild, "staff");
    let said = town.told(owner, "config show", json!([])).await;
    assert!(said.contains("**Language**: en"), "{said}");
    let said = town
        .told(
            owner,
            "config set",
            json!([place("log", log), number("message_days", 30)]),
        )
        .await;
    assert!(
        said.starts_with("✅ Chosen:") && said.contains(&format!("<#{log}>")),
        "{said}"
    );
    let settings = town.route("getSettings", None).await;
    assert_eq!(
        (&settings["logChannel"], &settings["messageDays"]),
        (&json!(log.to_string()), &json!(30))
    );
    let said = town
        .told(owner, "config set", json!([text("timezone", "Nowhere/Land")]))
        .await;
    assert!(said.starts_with("❌ Not done: "), "{said}");

    let said = town.told(owner, "rules list", json!([])).await;
    assert_eq!(said, "ℹ️ This server has no rules");
    let rules = "version: 1\nrules:\n  - id: no_scam\n    events: [message]\n    when: [text.has_any(scam)]\n    \
                 then: [delete]\nlists:\n  scam: {words: [free nitro]}\n";
    let form = town
        .discord
        .command(town.bot, owner, town.channel, "rules check", &json!([]));
    town.until("the form", || async { !town.discord.replies(&form).is_empty() })
        .await;
    let sent = town
        .discord
        .fill_in(town.bot, owner, town.channel, &form, &[("rules", rules)]);
    let said = town.reply(&sent).await;
    assert!(
        said.starts_with("✅ These could be put in force: 1 rule"),
        "{said}"
    );
    let faulty = rules.replace("delete", "deleet");
    let sent = town
        .discord
        .fill_in(town.bot, owner, town.channel, &form, &[("rules", &faulty)]);
    let said = town.reply(&sent).await;
    assert!(
        said.starts_with("❌ Not done: these rules have faults\n❌ line 6: "),
        "{said}"
    );
    town.route("putRules", Some(json!(rules))).await;
    let said = town.told(owner, "rules list", json!([])).await;
    assert_eq!(said, "1 rule is in force:\n**no\\_scam**: acts");
    // Why it is caught, and why not: of a text, and of what was said before the rules were there.
    let said = town
        .told(owner, "rules why", json!([text("text", "free nitro")]))
        .await;
    assert!(
        said.starts_with("The rules catch this:\n❗ **no\\_scam**: "),
        "{said}"
    );
    let innocent = town.discord.say(town.mallory, town.channel, "nitro for free");
    let why = town
        .discord
        .message_menu(town.bot, owner, town.channel, "Why? (rules)", innocent);
    let said = town.reply(&why).await;
    assert!(
        said.starts_with("The rules do not catch this:\n▫️ **no\\_scam**: ") && said.len() > 60,
        "{said}"
    );
    let rule = || json!([text("rule", "no_scam")]);
    let said = town.told(owner, "rules shadow", rule()).await;
    assert!(said.contains("only says what it would do"), "{said}");
    let said = town.told(owner, "rules list", json!([])).await;
    assert!(said.contains("only says what it would do"), "{said}");
    let said = town.told(owner, "rules enable", rule()).await;
    assert!(said.starts_with("✅ The rule no\\_scam acts"), "{said}");
    let said = town.told(owner, "rules resume", rule()).await;
    assert!(said.starts_with("ℹ️ "), "{said}");
    let said = town
        .told(owner, "rules disable", json!([text("rule", "nothing")]))
        .await;
    assert!(said.starts_with("❌ Not done: "), "{said}");
    town.until_judged(town.channel, "get your free nitro here").await;
    town.until("it is told in the log", || async {
        let told = town.discord.messages(log);
        told.iter()
            .any(|message| message.to_string().contains("free nitro"))
    })
    .await;
    town.stop().await;
}

async fn an_attack_is_announced_and_over(town: Town) {
    let (owner, mallory) = (town.owner, town.mallory);
    let duration = json!([text("duration", "15m")]);
    let said = town.told(mallory, "raid on", duration.clone()).await;
    assert!(said.starts_with("❌ Not done: "), "{said}");
    let said = town.told(owner, "raid on", duration).await;
    assert!(
        said.starts_with("✅ The server counts as under attack until <t:"),
        "{said}"
    );
    let said = town.told(owner, "raid status", json!([])).await;
    assert!(said.contains(&format!("<@{owner}> said so <t:")), "{said}");
    let said = town.told(owner, "raid off", json!([])).await;
    assert!(said.starts_with("✅ "), "{said}");
    for command in ["raid off", "raid status"] {
        let said = town.told(owner, command, json!([])).await;
        assert_eq!(said, "ℹ️ The server does not count as under attack");
    }
    let said = town
        .told(owner, "raid on", json!([text("duration", "soon")]))
        .await;
    assert!(said.starts_with("❌ Not done: "), "{said}");
    town.stop().await;
}

async fn what_is_done_by_hand_is_one_case(town: Town) {
    let mallory = town.mallory;
    town.discord
        .ban_by(town.owner, town.guild, mallory, Some("too much"));
    let case = town.decided(1).await;
    assert_eq!(
        (&case["origin"], &case["action"], &case["state"], &case["reason"]),
        (
            &json!("native"),
            &json!("ban"),
            &json!("applied"),
            &json!("too much")
        )
    );
    assert_eq!(case["moderatorId"], town.owner.to_string());
    let bans = town.discord.requests_to("PUT guilds/{}/bans/{}");
    assert!(bans.is_empty(), "it is done already");
    // What we do comes back from Discord, and is nobody's doing by hand.
    let said = town
        .told(
            town.owner,
            "unban",
            json!([who(mallory), text("reason", "enough")]),
        )
        .await;
    assert!(said.contains("(Case #2)"), "{said}");
    town.discord.join(town.guild, mallory);
    let said = town
        .told(
            town.owner,
            "note",
            json!([who(mallory), text("text", "promised")]),
        )
        .await;
    assert!(said.contains("(Case #3)"), "no other case came between: {said}");
    town.stop().await;
}
