//! What the bot's health says of its account, against a Telegram that knows it or not.

use crate::town::TOKEN;
use lockdown_events::Source;
use lockdown_runtime::health::{Report, Status};
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_testkit::fakes::FakeTelegram;

/// A bot's process, with a data directory of its own for as long as it runs.
pub(crate) async fn bot(url: &str, clock: Clock) -> (Context, tempfile::TempDir) {
    let data = tempfile::tempdir().unwrap();
    let config = Config::from_map([
        ("TELEGRAM_TOKEN", TOKEN),
        ("TELEGRAM_API_URL", url),
        ("LOCKDOWN_DATA_DIR", data.path().to_str().unwrap()),
    ]);
    let ids = Ids::system(Clock::system());
    let ctx = Context::new(
        "telegram-bot",
        "1.2.3",
        config.unwrap(),
        clock,
        ids,
        Metrics::local(),
    );
    let bus = lockdown_bus::open(&ctx, Source::TelegramBot).await.unwrap();
    lockdown_telegram_bot::run(ctx.clone(), bus).await.unwrap();
    (ctx, data)
}

/// Waits until a component's health is this, and gives the words that go with it.
async fn health(ctx: &Context, name: &str, status: Status) -> Option<String> {
    let find = |report: &Report| {
        let mut parts = report.components.iter();
        parts
            .find(|part| part.name == name && part.status == status)
            .cloned()
    };
    let mut watch = ctx.health.watch();
    let report = watch.wait_for(|report| find(report).is_some()).await.unwrap();
    find(&report).unwrap().detail
}

#[tokio::test]
async fn a_bot_that_telegram_knows_is_up() {
    let telegram = FakeTelegram::start().await.unwrap();
    let bot_id = telegram.add_bot(TOKEN, "lockdown");
    let (ctx, _data) = bot(&telegram.url(), Clock::system()).await;
    assert_eq!(health(&ctx, "telegram", Status::Up).await, None);
    let owner = telegram.add_person("Olga", None);
    let chat = telegram.add_supergroup("Town", owner);
    telegram.add_member(chat, owner, bot_id);
    health(&ctx, "updates", Status::Up).await;
    assert!(ctx.health.ready());

    ctx.shutdown.request("test");
    ctx.tasks.all_ended().await;
    assert_eq!(ctx.tasks.failure(), None);
}

#[tokio::test]
async fn a_refused_token_is_said_once_and_never_tried_again() {
    let telegram = FakeTelegram::start().await.unwrap();
    let (clock, mock) = Clock::mock("2026-11-20T09:06:00Z".parse().unwrap());
    let (ctx, _data) = bot(&telegram.url(), clock).await;
    let said = health(&ctx, "telegram", Status::Down).await.unwrap();
    assert!(said.contains("TELEGRAM_TOKEN") && !said.contains(TOKEN), "{said}");
    health(&ctx, "updates", Status::Down).await;
    mock.advance(chrono::TimeDelta::days(1));
    let methods = telegram.requests().into_iter().map(|request| request.method);
    let mut methods: Vec<String> = methods.collect();
    methods.sort();
    assert_eq!(methods, ["deletewebhook", "getme"]);

    ctx.shutdown.request("test");
    ctx.tasks.all_ended().await;
    assert_eq!(ctx.tasks.failure(), None);
}

#[tokio::test]
async fn a_telegram_that_cannot_be_reached_is_named() {
    let telegram = FakeTelegram::start().await.unwrap();
    let url = telegram.url();
    drop(telegram);
    let (ctx, _data) = bot(&url, Clock::system()).await;
    let said = health(&ctx, "telegram", Status::Down).await.unwrap();
    assert!(
        said.starts_with("Telegram cannot be reached: ") && said.contains("refused"),
        "{said}"
    );
}
