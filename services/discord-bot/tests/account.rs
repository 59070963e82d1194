//! What the bot's health says of its account, against a Discord that knows it or not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use lockdown_bus::{Bus, BusOptions, Durability, EmbeddedEngine, Options};
use lockdown_events::Source;
use lockdown_runtime::health::{Report, Status};
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics, MockClock};
use lockdown_testkit::fakes::FakeDiscord;
use std::path::Path;
use std::sync::Arc;

const TOKEN: &str = "MTE3NjUyMzM0MjEyMzQ1Njc4OQ.Gabcde.a-token-of-the-form-that-discord-gives-out";

/// A bus by the wall clock: the test's own is for the looks at the account.
async fn bus() -> Bus {
    let clock = Clock::system();
    let options = Options {
        durability: Durability::Memory,
        ..Options::default()
    };
    let engine = EmbeddedEngine::open(Path::new("unused"), &options, clock.clone()).unwrap();
    let options = BusOptions::new(Source::DiscordBot);
    Bus::start(Arc::new(engine), options, clock.clone(), Ids::system(clock))
        .await
        .unwrap()
}

async fn bot(discord: &FakeDiscord) -> (Context, MockClock) {
    let (clock, mock) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
    let config = Config::from_map([("DISCORD_TOKEN", TOKEN), ("DISCORD_API_URL", &discord.url())]).unwrap();
    let ids = Ids::seeded(clock.clone(), 1);
    let ctx = Context::new("discord-bot", "1.2.3", config, clock, ids, Metrics::local());
    lockdown_discord_bot::run(ctx.clone(), bus().await).await.unwrap();
    (ctx, mock)
}

/// Waits until the account's health is this, and gives the words that go with it.
async fn health(ctx: &Context, status: Status) -> Option<String> {
    let is = |report: &Report| {
        report
            .components
            .iter()
            .any(|part| part.name == "discord" && part.status == status)
    };
    ctx.health.watch().wait_for(is).await.unwrap().components[0]
        .detail
        .clone()
}

#[tokio::test]
async fn a_bot_that_discord_knows_is_up() {
    let discord = FakeDiscord::start().await.unwrap();
    discord.add_bot(TOKEN, "lockdown");
    let (ctx, mock) = bot(&discord).await;
    assert_eq!(health(&ctx, Status::Up).await, None);

    // An outage is noticed at the next look, and so is its end.
    discord.outage(Some(502));
    mock.advance(chrono::TimeDelta::seconds(60));
    assert_eq!(health(&ctx, Status::Down).await.unwrap(), "Discord answers 502");
    assert!(!ctx.health.ready());
    discord.outage(None);
    while mock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    mock.advance(chrono::TimeDelta::seconds(1));
    health(&ctx, Status::Up).await;

    ctx.shutdown.request("test");
    ctx.tasks.all_ended().await;
    assert_eq!(ctx.tasks.failure(), None);
}

#[tokio::test]
async fn a_refused_token_is_said_once_and_never_tried_again() {
    let discord = FakeDiscord::start().await.unwrap();
    let (ctx, mock) = bot(&discord).await;
    let said = health(&ctx, Status::Down).await.unwrap();
    assert!(said.contains("DISCORD_TOKEN") && !said.contains(TOKEN), "{said}");
    mock.advance(chrono::TimeDelta::days(1));
    assert_eq!((discord.requests().len(), mock.sleepers()), (1, 0));

    ctx.shutdown.request("test");
    ctx.tasks.all_ended().await;
    assert_eq!(ctx.tasks.failure(), None);
}

#[tokio::test]
async fn a_discord_that_cannot_be_reached_is_named() {
    let discord = FakeDiscord::start().await.unwrap();
    let config = Config::from_map([("DISCORD_TOKEN", TOKEN), ("DISCORD_API_URL", &discord.url())]).unwrap();
    drop(discord);
    let clock = Clock::system();
    let ctx = Context::new(
        "discord-bot",
        "1.2.3",
        config,
        clock.clone(),
        Ids::system(clock),
        Metrics::local(),
    );
    lockdown_discord_bot::run(ctx.clone(), bus().await).await.unwrap();
    let said = health(&ctx, Status::Down).await.unwrap();
    assert!(
        said.starts_with("Discord cannot be reached: ") && said.contains("refused"),
        "{said}"
    );
}
