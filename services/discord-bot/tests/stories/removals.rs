//! What the rules want gone is gone.

use crate::judge::judge;
use crate::sizes;
use crate::town::{Town, until};
use lockdown_events::VerdictMode;
use lockdown_testkit::fakes::discord::Fault;
use lockdown_testkit::fakes::discord::permissions::MANAGE_MESSAGES;
use serde_json::json;
use std::time::Duration;

sizes!(
    a_flood_is_removed_in_batches_and_within_the_limits,
    what_could_not_be_removed_is_removed_by_the_next_process,
);

async fn a_flood_is_removed_in_batches_and_within_the_limits(town: Town) {
    town.discord
        .limit("DELETE channels/{}/messages/{}", 5, Duration::from_secs(5));
    town.discord
        .limit("POST channels/{}/messages/bulk-delete", 5, Duration::from_secs(5));
    judge(&town.bus, VerdictMode::Live).await;
    town.start().await;
    let said: Vec<u64> = (0..100)
        .map(|n| town.discord.say(town.ana, town.channel, &format!("bad {n}")))
        .collect();
    let good = town.discord.say(town.ana, town.channel, "good");
    until("the removal", || async {
        said.iter().all(|id| !town.discord.has_message(town.channel, *id))
    })
    .await;
    assert!(town.discord.has_message(town.channel, good));
    assert!(
        town.discord.limited_requests() <= 2,
        "{}",
        town.discord.limited_requests()
    );
    assert_eq!(town.discord.requests_during_pause(), 0);
    let asked = town.discord.requests_to("POST channels/{}/messages/bulk-delete");
    assert!(
        !asked.is_empty()
            && asked
                .iter()
                .all(|request| request.audit.as_deref() == Some("rules: no-bad-words"))
    );
    town.stop().await;
}

async fn what_could_not_be_removed_is_removed_by_the_next_process(mut town: Town) {
    judge(&town.bus, VerdictMode::Live).await;
    town.start().await;
    town.discord
        .fail("DELETE", "channels/{}/messages/{}", 1_000, Fault::Status(502));
    let bad = town.discord.say(town.ana, town.channel, "bad");
    until("a try", || async {
        !town
            .discord
            .requests_to("DELETE channels/{}/messages/{}")
            .is_empty()
    })
    .await;
    town.heard("moderation:automod", 1).await;
    town.stop().await;
    assert!(town.discord.has_message(town.channel, bad));
    town.discord.fail_no_more();
    town.reopen().await;
    town.start().await;
    until("the removal", || async {
        !town.discord.has_message(town.channel, bad)
    })
    .await;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_bot_may_not_remove_it_does_not_hammer() {
    let town = Town::embedded().await;
    let deny =
        json!({ "id": town.bot.to_string(), "type": 1, "allow": "0", "deny": MANAGE_MESSAGES.to_string() });
    town.discord.overwrite(town.channel, vec![deny]);
    judge(&town.bus, VerdictMode::Live).await;
    town.start().await;
    for _ in 0..60 {
        town.discord.say(town.ana, town.channel, "bad");
    }
    town.heard("moderation:automod", 60).await;
    until("a try", || async { town.discord.invalid_requests() > 0 }).await;
    // Elsewhere it goes on.
    let other = town.discord.channel(town.guild, "other");
    let bad = town.discord.say(town.ana, other, "bad");
    until("the removal", || async { !town.discord.has_message(other, bad) }).await;
    assert!(
        town.discord.invalid_requests() <= 3,
        "{}",
        town.discord.invalid_requests()
    );
    assert_eq!(town.discord.messages(town.channel).len(), 60);
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_rules_would_do_is_not_done() {
    let town = Town::embedded().await;
    judge(&town.bus, VerdictMode::Shadow).await;
    town.start().await;
    town.discord.say(town.ana, town.channel, "bad");
    town.heard("moderation:automod", 1).await;
    town.stop().await;
    assert_eq!(town.discord.messages(town.channel).len(), 1);
    assert!(
        town.discord
            .requests_to("DELETE channels/{}/messages/{}")
            .is_empty()
    );
}
