//! One person says the same everywhere before anybody can stop them: what is left of it, and what becomes of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod town;

use lockdown_events::{Event, ModerationEvent};
use lockdown_testkit::fakes::discord::Fault;
use serde_json::json;
use std::time::Duration;
use town::{Town, until};

town::sizes!(a_burst_leaves_nothing_and_is_one_case);

/// The rule hits from the fourth on, and may act on three before it pauses.
const RULES: &str = "version: 1
rules:
  - id: flood
    events: [message]
    when: [text.length >= 8]
    count: {of: [author, text.fingerprint], within: 1m, at_least: 4}
    then: [delete, ban]
    limit: {actions: 3, per: 10m, then: pause}
";

async fn a_burst_leaves_nothing_and_is_one_case(town: Town) {
    town.put_rules(RULES).await;
    let discord = &town.discord;
    discord.fail(
        "PUT",
        "guilds/{}/bans/{}",
        1,
        Fault::Delay(Duration::from_secs(2)),
    );
    let (ana, mallory) = (discord.person("Ana"), discord.person("Mallory"));
    discord.join(town.guild, ana);
    discord.join(town.guild, mallory);
    let fine = discord.say(ana, town.channels[0], "good morning, all of you");
    let said: Vec<(u64, u64)> = (0..40)
        .map(|n| {
            let channel = town.channels[n % town.channels.len()];
            (channel, discord.say(mallory, channel, "free coins for everybody"))
        })
        .collect();
    until("every copy is gone, and who said it", || async {
        said.iter()
            .all(|(channel, id)| !discord.has_message(*channel, *id))
            && discord.is_banned(town.guild, mallory)
    })
    .await;
    town.settled().await;
    until("the case is applied", || async {
        town.cases().await.iter().all(|case| case["state"] == "applied")
    })
    .await;
    let cases = town.cases().await;
    assert_eq!(cases.len(), 1, "{cases:?}");
    assert_eq!(cases[0]["userId"], json!(mallory.to_string()));
    assert_eq!(town.events("moderation:action").await.len(), 1);
    // The rule acted once, so that it goes on.
    let audit = town.events("audit:logged").await;
    let paused = audit.iter().any(|event| {
        matches!(event, Event::Moderation(ModerationEvent::AuditLogged(entry)) if entry.act == "rules:pause")
    });
    assert!(!paused, "a burst paused its rule");
    assert!(discord.has_message(town.channels[0], fine));
    town.stop().await;
}
