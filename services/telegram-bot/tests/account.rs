//! What the bot's health says of its account, against a Telegram that knows it or not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use lockdown_runtime::health::{Report, Status};
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics, MockClock};
use lockdown_testkit::fakes::FakeTelegram;

const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0";

async fn bot(telegram: &FakeTelegram) -> (Context, MockClock) {
    let (clock, mock) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
    let config =
        Config::from_map([("TELEGRAM_TOKEN", TOKEN), ("TELEGRAM_API_URL", &telegram.url())]).unwrap();
    let ids = Ids::seeded(clock.clone(), 1);
    let ctx = Context::new("telegram-bot", "1.2.3", config, clock, ids, Metrics::local());
    lockdown_telegram_bot::run(ctx.clone()).await.unwrap();
    (ctx, mock)
}

/// Waits until the account's health is this, and gives the words that go with it.
async fn health(ctx: &Context, status: Status) -> Option<String> {
    let is = |report: &Report| {
        report
            .components
            .iter()
            .any(|part| part.name == "telegram" && part.status == status)
    };
    ctx.health.watch().wait_for(is).await.unwrap().components[0]
        .detail
        .clone()
}

#[tokio::test]
async fn a_bot_that_telegram_knows_is_up() {
    let telegram = FakeTelegram::start().await.unwrap();
    telegram.add_bot(TOKEN, "lockdown");
    let (ctx, _) = bot(&telegram).await;
    assert_eq!(health(&ctx, Status::Up).await, None);
    assert!(ctx.health.ready());

    ctx.shutdown.request("test");
    ctx.tasks.all_ended().await;
    assert_eq!(ctx.tasks.failure(), None);
}

#[tokio::test]
async fn a_refused_token_is_said_once_and_never_tried_again() {
    let telegram = FakeTelegram::start().await.unwrap();
    let (ctx, mock) = bot(&telegram).await;
    let said = health(&ctx, Status::Down).await.unwrap();
    assert!(said.contains("TELEGRAM_TOKEN") && !said.contains(TOKEN), "{said}");
    mock.advance(chrono::TimeDelta::days(1));
    assert_eq!((telegram.requests().len(), mock.sleepers()), (1, 0));

    ctx.shutdown.request("test");
    ctx.tasks.all_ended().await;
    assert_eq!(ctx.tasks.failure(), None);
}

#[tokio::test]
async fn a_telegram_that_cannot_be_reached_is_named() {
    let telegram = FakeTelegram::start().await.unwrap();
    let config =
        Config::from_map([("TELEGRAM_TOKEN", TOKEN), ("TELEGRAM_API_URL", &telegram.url())]).unwrap();
    drop(telegram);
    let clock = Clock::system();
    let ctx = Context::new(
        "telegram-bot",
        "1.2.3",
        config,
        clock.clone(),
        Ids::system(clock),
        Metrics::local(),
    );
    lockdown_telegram_bot::run(ctx.clone()).await.unwrap();
    let said = health(&ctx, Status::Down).await.unwrap();
    assert!(
        said.starts_with("Telegram cannot be reached: ") && said.contains("refused"),
        "{said}"
    );
}
