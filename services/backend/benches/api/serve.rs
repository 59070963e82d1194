//! The servers, each in a process of its own.

use anyhow::{Context as _, bail};
use axum::Router;
use axum::http::header;
use axum::routing::get;
use lockdown_bus::Bus;
use lockdown_events::{GuildId, Platform, Source, UserId};
use lockdown_moderation::desk::{Facts, Ranks};
use lockdown_moderation::{Rank, Rights, UserRef};
use lockdown_runtime::{Clock, Config, Context, Ids, Metrics};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{Community, CommunityId, Guild, GuildKey};
use lockdown_store::{Store, StoreError, in_tx};
use lockdown_testkit::servers;
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tokio::net::TcpListener;

pub(crate) const TOKEN: &str = "the-token-of-the-bench";
pub(crate) const GUILD: &str = "/api/v1/guilds/discord/100";
pub(crate) const CASE: &str = "/api/v1/guilds/discord/100/cases/1";

/// A server that runs until this is dropped.
pub(crate) struct Served {
    pub(crate) addr: SocketAddr,
    child: Child,
}

// === impl Served ===

impl Served {
    pub(crate) fn start(words: &[&str]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("could not find ourselves")?;
        let mut child = Command::new(program)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start a server")?;
        let said = child.stdout.take().context("the server says nothing")?;
        let mut line = String::new();
        BufReader::new(said)
            .read_line(&mut line)
            .context("could not read what the server says")?;
        match line.trim().parse() {
            Ok(addr) => Ok(Self { addr, child }),
            Err(_) => {
                drop(child.kill());
                bail!("the server did not start")
            }
        }
    }

    /// Its memory, in KiB.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .context("could not look at the server's memory")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
        kib.context("the system does not tell the server's memory")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended, or is ended by this.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits until whoever started this process has gone, and its input has ended with them.
async fn left_alone() {
    let reading = tokio::task::spawn_blocking(|| {
        let mut nothing = String::new();
        while matches!(std::io::stdin().read_line(&mut nothing), Ok(1..)) {}
    });
    // However it ends, nobody is there.
    drop(reading.await);
}

/// The backend over the embedded engines, with one guild.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(servers::directory()).context("could not make a folder")?;
    let config = Config::from_map([
        ("LOCKDOWN_DATA_DIR", folder.path().display().to_string()),
        ("LOCKDOWN_HTTP_ADDR", "127.0.0.1:0".to_owned()),
        ("LOCKDOWN_ADMIN_TOKEN", TOKEN.to_owned()),
        ("LOCKDOWN_API_RATE", "1000000".to_owned()),
        // All who listen are one program.
        ("LOCKDOWN_LIVE_CLIENTS_EACH", "4096".to_owned()),
    ])
    .context("the configuration is wrong")?;
    let clock = Clock::system();
    let ids = Ids::system(clock.clone());
    let ctx = Context::new("backend", "bench", config, clock, ids, Metrics::global());
    ctx.metrics.spawn_upkeep(&tokio::runtime::Handle::current());
    let front = lockdown_backend::start(ctx.clone()).await?;
    let store = lockdown_store::open(&ctx).await?;
    let bus: Bus = lockdown_bus::open(&ctx, Source::Backend).await?;
    found(&ctx, &store).await?;
    front.open(&ctx, store.clone(), bus.clone(), facts()?).await?;
    lockdown_backend::relay(&ctx, store, bus);
    println!("{}", front.addr);
    left_alone().await;
    Ok(())
}

async fn found(ctx: &Context, store: &Store) -> anyhow::Result<()> {
    let now = ctx.clock.now();
    let community = Community {
        id: CommunityId(ctx.ids.next()),
        slug: "town".to_owned(),
        name: "town".to_owned(),
        settings: Json(json!({})),
        created_at: now,
        updated_at: now,
        deleted_at: None,
    };
    let guild = Guild {
        id: GuildKey(ctx.ids.next()),
        community_id: community.id,
        platform: Platform::Discord,
        native_id: GuildId::new("100").context("an id")?,
        title: "Square".to_owned(),
        joined_at: now,
        left_at: None,
    };
    in_tx!(store, |tx| {
        tx.insert_community(&community).await?;
        tx.save_guild(&guild).await?;
        Ok::<_, StoreError>(())
    })?;
    Ok(())
}

/// Everybody is a plain member, and the bot may do everything.
fn facts() -> anyhow::Result<Arc<dyn Facts>> {
    Ok(Arc::new(Ranks {
        doer: Rank::Unknown,
        doer_grant: None,
        subject: Rank::PLAIN,
        subject_grant: None,
        bot: Some(UserRef::new(
            Platform::Discord,
            UserId::new("99").context("an id")?,
        )),
        bot_rank: Rank::Member {
            position: 9,
            administrator: false,
            rights: Rights::ALL,
        },
    }))
}

/// The least that axum does: one route, which answers this.
pub(crate) async fn constant(body: String) -> anyhow::Result<()> {
    let body = bytes::Bytes::from(body);
    let answer = move || {
        let body = body.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], body) }
    };
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("could not listen")?;
    println!("{}", listener.local_addr().context("no address")?);
    let router = Router::new().route("/", get(answer));
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served.context("could not serve"),
        () = left_alone() => Ok(()),
    }
}
