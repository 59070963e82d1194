//! A backend of its own with a small town in it, for programs that try the API: `cargo xtask check --api`.
//!
//! Prints its address as soon as it answers, and ends with its standard input. The token is that of `LOCKDOWN_ADMIN_TOKEN`.

use anyhow::Context as _;
use lockdown_events::{GuildId, Platform, Source, UserId};
use lockdown_moderation::desk::{Facts, Ranks};
use lockdown_moderation::{Rank, Rights, UserRef};
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{Community, CommunityId, Guild, GuildKey};
use lockdown_store::in_tx;
use serde_json::json;
use std::sync::Arc;

/// In the paths of the requests that are tried.
const GUILD: &str = "100";
const RULES: &str = "version: 1
rules:
  - {id: scam, events: [message], when: [text.length > 900], then: [delete]}
";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::load(&[])?.config;
    let token = config
        .http
        .admin_token
        .clone()
        .context("LOCKDOWN_ADMIN_TOKEN is not set")?;
    let clock = Clock::system();
    let ctx = Context::new(
        "backend",
        "0",
        config,
        clock.clone(),
        Ids::system(clock),
        Metrics::local(),
    );
    let store = lockdown_store::open(&ctx).await?;
    let bus = lockdown_bus::open(&ctx, Source::Backend).await?;
    let community = Community {
        id: CommunityId(ctx.ids.next()),
        slug: "town".to_owned(),
        name: "Town".to_owned(),
        settings: Json(json!({})),
        created_at: ctx.clock.now(),
        updated_at: ctx.clock.now(),
        deleted_at: None,
    };
    let guild = Guild {
        id: GuildKey(ctx.ids.next()),
        community_id: community.id,
        platform: Platform::Discord,
        native_id: GuildId::new(GUILD)?,
        title: "Square".to_owned(),
        joined_at: ctx.clock.now(),
        left_at: None,
    };
    in_tx!(store, |tx| {
        tx.insert_community(&community).await?;
        tx.save_guild(&guild).await
    })?;
    // Everybody is a plain member, and the bot may do everything.
    let facts: Arc<dyn Facts> = Arc::new(Ranks {
        doer: Rank::Unknown,
        doer_grant: None,
        subject: Rank::PLAIN,
        subject_grant: None,
        bot: Some(UserRef::new(Platform::Discord, UserId::new("99")?)),
        bot_rank: Rank::Member {
            position: 9,
            administrator: false,
            rights: Rights::ALL,
        },
    });
    let front = lockdown_backend::start(ctx.clone()).await?;
    front.open(&ctx, store.clone(), bus.clone(), facts).await?;
    lockdown_backend::relay(&ctx, store, bus);

    let base = format!("http://{}", front.addr);
    let client = reqwest::Client::new();
    for (path, body) in [
        ("bans", json!({ "userId": "666", "reason": "spam" })),
        ("warnings", json!({ "userId": "667", "reason": "rude" })),
        ("mutes", json!({ "userId": "668", "duration": "1h" })),
        ("notes", json!({ "userId": "666", "reason": "known elsewhere" })),
        (
            "cases/1/thread",
            json!({ "body": "Seen on the other server too." }),
        ),
    ] {
        let url = format!("{base}/api/v1/guilds/discord/{GUILD}/{path}");
        let made = client
            .post(url)
            .bearer_auth(token.expose())
            .json(&body)
            .send()
            .await?;
        made.error_for_status()
            .with_context(|| format!("could not make {path}"))?;
    }
    client
        .put(format!("{base}/api/v1/guilds/discord/{GUILD}/rules"))
        .bearer_auth(token.expose())
        .header("Content-Type", "application/yaml")
        .body(RULES)
        .send()
        .await?
        .error_for_status()
        .context("could not put rules in force")?;
    println!("{base}");
    let end = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    end.await??;
    ctx.shutdown.request("standard input ended");
    Ok(())
}
