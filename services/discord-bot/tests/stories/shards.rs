//! Guilds that are shared out among several connections, and these among several processes.

use crate::commands::{desk, reply, text, who};
use crate::sizes;
use crate::town::{Town, until};
use lockdown_events::{Event, MessageEvent};
use lockdown_runtime::health::Status;
use serde_json::json;
use std::collections::BTreeSet;

sizes!(connections_share_the_guilds_and_begin_in_turn);

/// A guild of this shard with the bot and Ana in it, and a channel there.
fn guild(town: &Town, shard: u64, of: u64) -> (u64, u64) {
    let guild = town
        .discord
        .guild_of(&format!("Shard {shard}"), town.owner, (shard, of));
    let channel = town.discord.channel(guild, "general");
    town.discord.invite(guild, town.bot);
    town.discord.join(guild, town.ana);
    (guild, channel)
}

/// The guilds in which so many messages were heard.
async fn guilds_heard(town: &Town, messages: usize) -> Vec<String> {
    let heard = town.heard("message:created", messages).await;
    let guild = |event: &Event| match event {
        Event::Message(MessageEvent::Created(message)) => message.guild_id.to_string(),
        other => panic!("{other:?}"),
    };
    heard.iter().map(guild).collect()
}

async fn connections_share_the_guilds_and_begin_in_turn(town: Town) {
    town.discord.recommend_shards(4, 2);
    let guilds: Vec<(u64, u64)> = (0..4).map(|shard| guild(&town, shard, 4)).collect();
    town.start_bot().await;
    town.is("gateway", Status::Up).await;
    assert_eq!(town.discord.shards(), [(0, 4), (1, 4), (2, 4), (3, 4)]);
    for (_, channel) in &guilds {
        town.discord.say(town.ana, *channel, "before");
    }
    let heard: BTreeSet<String> = guilds_heard(&town, 4).await.into_iter().collect();
    assert_eq!(heard.len(), 4);
    // Each goes on with its own session.
    town.discord.drop_gateway();
    for (_, channel) in &guilds {
        town.discord.say(town.ana, *channel, "meanwhile");
    }
    until("all connections", || async {
        town.discord.shards() == [(0, 4), (1, 4), (2, 4), (3, 4)]
    })
    .await;
    let mut heard = guilds_heard(&town, 8).await;
    heard.sort();
    let mut expected: Vec<String> = guilds.iter().map(|(guild, _)| guild.to_string()).collect();
    expected.extend(expected.clone());
    expected.sort();
    assert_eq!(heard, expected);
    assert_eq!(
        (town.discord.identifies(), town.discord.early_identifies()),
        (4, 0)
    );
    town.stop().await;
}

mod several {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn fleet_processes_share_the_connections() {
        let town = Town::fleet_with(&[("DISCORD_SHARDS", "0-1/3")]).await;
        let guilds: Vec<(u64, u64)> = (0..3).map(|shard| guild(&town, shard, 3)).collect();
        let (ctx, bus) = town.another(&[("DISCORD_SHARDS", "2/3")]).await;
        town.start_bot().await;
        lockdown_discord_bot::run(ctx.clone(), bus.clone()).await.unwrap();
        until("all connections", || async {
            town.discord.shards() == [(0, 3), (1, 3), (2, 3)]
        })
        .await;
        assert_eq!(
            (town.discord.identifies(), town.discord.early_identifies()),
            (3, 0)
        );
        for (_, channel) in &guilds {
            town.discord.say(town.ana, *channel, "hello");
        }
        let heard: BTreeSet<String> = guilds_heard(&town, 3).await.into_iter().collect();
        assert_eq!(heard.len(), 3);
        // Whoever hears of a command answers it.
        let desk = desk(&town).await;
        for (_, channel) in &guilds {
            let options = json!([who(town.ana), text("text", "kind")]);
            let token = town
                .discord
                .command(town.bot, town.owner, *channel, "note", &options);
            assert_eq!(
                reply(&town, &token).await,
                format!("✅ Noted about <@{}> (Case #17)", town.ana)
            );
        }
        assert_eq!(desk.wishes.lock().unwrap().len(), 3);
        ctx.shutdown.request("test");
        ctx.tasks.all_ended().await;
        assert_eq!(ctx.tasks.failure(), None);
        until("its connection is gone", || async {
            town.discord.shards() == [(0, 3), (1, 3)]
        })
        .await;
        town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_connections_are_told_of() {
    let town = Town::embedded().await;
    town.discord.require_shards(2);
    town.start_bot().await;
    let said = town.is("gateway", Status::Down).await.unwrap();
    assert!(said.contains("DISCORD_SHARDS"), "{said}");
    town.stop().await;
}
