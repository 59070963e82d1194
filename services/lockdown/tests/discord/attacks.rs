//! Much at once, and things that go wrong meanwhile.

use crate::town::{Town, text, who};
use lockdown_testkit::fakes::discord::Fault;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

crate::town::sizes!(
    a_burst_is_gone_while_the_ban_takes_its_time,
    an_answer_that_is_lost_changes_nothing_twice,
    two_moderators_make_one_case,
    what_discord_stops_itself_is_judged_too,
    who_a_message_tells_of_is_not_looked_up,
);

const RULES: &str = "version: 1\nrules:\n  - id: no_scam\n    events: [message]\n    when: [text.has_any(scam)]\n    \
                     then: [delete, ban]\n    limit: {actions: 3, per: 10m, then: pause}\nlists:\n  \
                     scam: {words: [free nitro]}\n";
const FORBIDDEN: &str = "get your free nitro here";

async fn a_burst_is_gone_while_the_ban_takes_its_time(town: Town) {
    let mallory = town.mallory;
    let mut channels = vec![town.channel];
    channels.extend((0..7).map(|number| town.discord.channel(town.guild, &format!("room-{number}"))));
    town.route("putRules", Some(json!(RULES))).await;
    town.until_judged(town.channel, FORBIDDEN).await;
    town.decided(1).await;
    let two_seconds = Fault::Delay(Duration::from_secs(2));
    town.discord.fail("PUT", "guilds/{}/bans/{}", 1, two_seconds);
    let say = |rounds: usize| {
        for _ in 0..rounds {
            for channel in &channels {
                town.discord.say(mallory, *channel, FORBIDDEN);
            }
        }
    };
    let name = mallory.to_string();
    let left = || {
        let messages = channels
            .iter()
            .flat_map(|channel| town.discord.messages(*channel));
        messages
            .filter(|message| message["author"]["id"] == name.as_str())
            .count()
    };
    say(3);
    town.until("the first is gone", || async { left() < 24 }).await;
    say(2);
    town.until("all are gone", || async { left() == 0 }).await;
    town.until("Mallory is banned", || async {
        town.discord.is_banned(town.guild, mallory)
    })
    .await;
    let bans = town.discord.requests_to("PUT guilds/{}/bans/{}");
    let of_mallory = bans
        .iter()
        .filter(|request| request.path.ends_with(&mallory.to_string()));
    assert_eq!(of_mallory.count(), 1);
    let case = town.decided(2).await;
    assert_eq!(
        (&case["action"], &case["userId"], &case["origin"]),
        (&json!("ban"), &json!(mallory.to_string()), &json!("automod"))
    );
    let batches = town.discord.requests_to("POST channels/{}/messages/bulk-delete");
    for batch in &batches {
        let ids: Vec<&str> = batch.body["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_str().unwrap())
            .collect();
        assert!((2..=100).contains(&ids.len()));
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }
    let said = town
        .told(
            town.owner,
            "note",
            json!([who(mallory), text("text", "after it")]),
        )
        .await;
    assert!(said.contains("(Case #3)"), "one case and no more: {said}");
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}

async fn an_answer_that_is_lost_changes_nothing_twice(town: Town) {
    let (owner, mallory) = (town.owner, town.mallory);
    for fault in [Fault::StatusAfter(502), Fault::CutAfter] {
        town.discord.fail("PUT", "guilds/{}/bans/{}", 1, fault);
    }
    let options = json!([who(mallory), text("reason", "spam")]);
    let said = town.told(owner, "ban", options).await;
    assert!(
        said.starts_with("✅ Banned") && said.contains("(Case #1)"),
        "{said}"
    );
    assert_eq!(town.decided(1).await["state"], "applied");
    let audit = town.discord.audit(town.guild);
    let bans = audit.iter().filter(|entry| entry["action_type"] == 22);
    let reasons: Vec<_> = bans.map(|entry| entry["reason"].as_str().unwrap()).collect();
    assert!(
        reasons
            .iter()
            .all(|reason| *reason == format!("{owner}: spam [case 1]")),
        "{reasons:?}"
    );
    assert_eq!(town.discord.direct_messages(mallory).len(), 1);
    let said = town
        .told(owner, "note", json!([who(mallory), text("text", "after it")]))
        .await;
    assert!(said.contains("(Case #2)"), "one case and no more: {said}");
    town.stop().await;
}

async fn two_moderators_make_one_case(town: Town) {
    let mallory = town.mallory;
    let other = town.discord.person("Other");
    town.discord.join(town.guild, other);
    let role = town.discord.role(town.guild, "mods", 40, 1 << 2);
    town.discord.give(town.guild, other, role);
    let ban = |moderator| town.told(moderator, "ban", json!([who(mallory)]));
    let (one, two) = tokio::join!(ban(town.owner), ban(other));
    let mut said = [one, two];
    said.sort();
    assert!(said[0].starts_with("ℹ️ Already so"), "{said:?}");
    assert!(said[1].starts_with("✅ Banned"), "{said:?}");
    assert!(said.iter().all(|said| said.contains("(Case #1)")), "{said:?}");
    assert_eq!(town.discord.requests_to("PUT guilds/{}/bans/{}").len(), 1);
    assert_eq!(town.discord.direct_messages(mallory).len(), 1);
    town.stop().await;
}

async fn what_discord_stops_itself_is_judged_too(town: Town) {
    let rules = "version: 1\nrules:\n  - id: stopped\n    events: [native]\n    \
                 when: [native.action == block]\n    then: [timeout 1h]\n";
    town.route("putRules", Some(json!(rules))).await;
    // Until the rules are known, others may be stopped in vain.
    town.until("somebody is silent", || async {
        let somebody = town.discord.person("Somebody");
        town.discord.join(town.guild, somebody);
        town.discord
            .automod_blocks(town.guild, town.channel, somebody, "free nitro", &[1, 2]);
        let mut muted = false;
        for _ in 0..100 {
            muted = town.discord.muted_until(town.guild, somebody).is_some();
            if muted {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        muted
    })
    .await;
    let case = town.decided(1).await;
    assert_eq!(
        (&case["action"], &case["origin"], &case["actor"]),
        (&json!("mute"), &json!("automod"), &json!("rule:stopped"))
    );
    town.stop().await;
}

/// A message of Discord's tells its author's roles: where many are judged at once, nobody has to be read first.
async fn who_a_message_tells_of_is_not_looked_up(town: Town) {
    let rules = RULES
        .replace("actions: 3,", "actions: 30,")
        .replace("[delete, ban]", "[delete]");
    town.route("putRules", Some(json!(rules))).await;
    town.until_judged(town.channel, FORBIDDEN).await;
    let read = || town.discord.requests_to("GET guilds/{}/members/{}").len();
    let before = read();
    let said: Vec<u64> = (0..5)
        .map(|number| {
            let person = town.discord.person(&format!("Person {number}"));
            town.discord.join(town.guild, person);
            town.discord.say(person, town.channel, FORBIDDEN)
        })
        .collect();
    town.until("all is gone", || async {
        said.iter()
            .all(|message| !town.discord.has_message(town.channel, *message))
    })
    .await;
    assert_eq!(read(), before);
    town.stop().await;
}
