//! Connections end in every way that there is; what is said is heard once all the same.

use crate::sizes;
use crate::town::{Town, until};
use lockdown_runtime::health::Status;
use lockdown_testkit::fakes::discord::MESSAGE_CONTENT;
use std::time::Duration;

sizes!(
    a_connection_that_ends_costs_nothing,
    a_session_that_is_forgotten_costs_nothing
);

/// Everything that was said, each thing once.
async fn heard_once(town: &Town, said: &[u64]) {
    let mut heard: Vec<u64> = town
        .messages(said.len())
        .await
        .iter()
        .map(|message| message.message_id.as_str().parse().unwrap())
        .collect();
    heard.sort_unstable();
    assert_eq!(heard, said);
}

async fn a_connection_that_ends_costs_nothing(town: Town) {
    town.start().await;
    let mut said = vec![town.discord.say(town.ana, town.channel, "before")];
    let identifies = town.discord.identifies();
    let ends: [&dyn Fn(); 5] = [
        &|| town.discord.drop_gateway(),
        &|| town.discord.close_gateway(Some(4_000)),
        &|| town.discord.close_gateway(None),
        &|| town.discord.ask_to_reconnect(),
        &|| town.discord.invalidate(true),
    ];
    for end in ends {
        let connections = town.discord.connections();
        end();
        for n in 0..20 {
            said.push(
                town.discord
                    .say(town.ana, town.channel, &format!("meanwhile {n}")),
            );
        }
        until("another connection", || async {
            town.discord.connections() > connections && town.discord.connected() == 1
        })
        .await;
        said.push(town.discord.say(town.ana, town.channel, "after"));
        heard_once(&town, &said).await;
    }
    // Each went on with the session that it had, at the address that the session has.
    assert_eq!(town.discord.identifies(), identifies);
    town.stop().await;
}

async fn a_session_that_is_forgotten_costs_nothing(town: Town) {
    town.start().await;
    let mut said = vec![town.discord.say(town.ana, town.channel, "before")];
    town.messages(1).await;
    town.discord.refuse_gateway(true);
    town.discord.forget_sessions();
    town.discord.drop_gateway();
    until("the end", || async { town.discord.connected() == 0 }).await;
    for n in 0..130 {
        said.push(
            town.discord
                .say(town.ana, town.channel, &format!("meanwhile {n}")),
        );
    }
    town.discord
        .ban_by(town.owner, town.guild, town.ana, Some("too much"));
    town.is("gateway", Status::Down).await;
    town.discord.refuse_gateway(false);
    town.is("gateway", Status::Up).await;
    said.push(town.discord.say(town.owner, town.channel, "after"));
    heard_once(&town, &said).await;
    assert_eq!(town.observed(1).await[0].reason.as_deref(), Some("too much"));
    assert_eq!(town.discord.identifies(), 2);
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_answers_no_heartbeat_is_left() {
    let town = Town::embedded().await;
    town.discord.heartbeat_every(Duration::from_millis(200));
    town.start().await;
    town.discord.withhold_acks(true);
    until("another connection", || async { town.discord.connections() >= 2 }).await;
    town.discord.withhold_acks(false);
    town.discord.say(town.ana, town.channel, "still there?");
    town.messages(1).await;
    assert_eq!(town.discord.identifies(), 1);
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_other_try_mends_is_said_once() {
    for (code, word) in [
        (4_004, "DISCORD_TOKEN"),
        (4_010, "shards"),
        (4_013, "newer LOCKDOWN"),
    ] {
        let town = Town::embedded().await;
        town.start().await;
        town.discord.close_gateway(Some(code));
        let said = town.is("gateway", Status::Down).await.unwrap();
        assert!(said.contains(word), "{said}");
        let connections = town.discord.connections();
        town.stop().await;
        assert_eq!(town.discord.connections(), connections);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_is_refused_after_all_is_done_without() {
    let town = Town::embedded().await;
    // The application says that it may have them, the gateway says no.
    town.discord.fail(
        "GET",
        "oauth2/applications/@me",
        9,
        lockdown_testkit::fakes::discord::Fault::Status(500),
    );
    town.discord.grant_intents(town.bot, MESSAGE_CONTENT);
    town.start_bot().await;
    let said = town.is("gateway", Status::Degraded).await.unwrap();
    assert!(said.contains("Server Members Intent"), "{said}");
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_in_time_also_when_the_gateway_is_away() {
    let town = Town::embedded().await;
    town.start().await;
    town.discord.refuse_gateway(true);
    town.discord.drop_gateway();
    town.is("gateway", Status::Down).await;
    town.stop().await;
}
