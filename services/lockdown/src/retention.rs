//! `lockdown retention`: how long things are kept.

use crate::cli::{Days, Guild, RetentionCommand};
use anyhow::bail;
use lockdown_events::EventId;
use lockdown_runtime::Context;
use lockdown_runtime::lifecycle::Process;
use lockdown_store::audit::{ActorKind, NewEntry};
use lockdown_store::privacy::{Keep, Kept, RetentionKind, RetentionOptions, Sweeper};
use lockdown_store::{Store, StoreError, in_read, in_tx};
use serde_json::{Value, json};
use std::process::ExitCode;

pub(crate) fn run(command: RetentionCommand) -> ExitCode {
    Process::command("lockdown", env!("CARGO_PKG_VERSION")).run(|ctx| async move {
        let (store, _) = lockdown_store::open_once(&ctx).await?;
        let done = match command {
            RetentionCommand::List { json } => list(&store, json).await,
            RetentionCommand::Set { guild, kind, days } => set(&ctx, &store, &guild, kind, &days).await,
            RetentionCommand::Sweep { json } => sweep(&ctx, &store, json).await,
        };
        store.close().await;
        done
    })
}

async fn list(store: &Store, as_json: bool) -> anyhow::Result<()> {
    let mut documents = Vec::new();
    let guilds = in_read!(store, |conn| { conn.guilds().await })?;
    if guilds.is_empty() {
        eprintln!("No guild is known yet: they come with the bots.");
    }
    for guild in guilds {
        let name = format!("{}/{}", guild.platform, guild.native_id);
        for Kept {
            kind,
            keep,
            is_chosen,
        } in in_read!(store, |conn| { conn.retention(guild.id).await })?
        {
            if as_json {
                documents
                    .push(json!({ "guild": name, "kind": kind, "days": days(keep), "chosen": is_chosen }));
            } else {
                let chosen = if is_chosen { "" } else { " (default)" };
                println!("{name}  {kind}  {keep}{chosen}");
            }
        }
    }
    if as_json {
        println!("{}", Value::from(documents));
    }
    Ok(())
}

/// No number: for ever.
fn days(keep: Keep) -> Option<u32> {
    match keep {
        Keep::Days(days) => Some(days),
        Keep::Forever => None,
    }
}

async fn set(
    ctx: &Context,
    store: &Store,
    guild: &Guild,
    kind: RetentionKind,
    chosen: &Days,
) -> anyhow::Result<()> {
    let Some(guild) = in_read!(store, |conn| { conn.guild(guild.platform, &guild.id).await })? else {
        bail!("no guild {}/{} is known here", guild.platform, guild.id);
    };
    let keep = chosen.0.unwrap_or(kind.keep());
    let (now, event) = (ctx.clock.now(), EventId(ctx.ids.next()));
    let body = json!({ "days": days(keep), "default": chosen.0.is_none() });
    let entry = NewEntry {
        guild: guild.id,
        at: now,
        actor_kind: ActorKind::System,
        actor: "operator",
        act: "retention:set",
        subject: &format!("retention:{kind}"),
        body: &body,
        personal: None,
    };
    in_tx!(store, |tx| {
        tx.set_retention(guild.id, kind, chosen.0, now).await?;
        tx.record_act(&guild, &entry, event).await?;
        Ok::<_, StoreError>(())
    })?;
    println!("{}/{} keeps {kind} {keep}.", guild.platform, guild.native_id);
    Ok(())
}

async fn sweep(ctx: &Context, store: &Store, as_json: bool) -> anyhow::Result<()> {
    let sweeper = Sweeper::new(
        store.clone(),
        ctx.clock.clone(),
        RetentionOptions::of(&ctx.config),
    );
    let counts = sweeper.sweep().await?;
    if as_json {
        println!("{}", json!(counts));
    } else {
        counts
            .iter()
            .for_each(|(kind, count)| println!("{count:>8}  {kind}"));
    }
    Ok(())
}
