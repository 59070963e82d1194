//! `lockdown events`: what happened, as it happens, and once more.

use crate::select::Select;
use anyhow::{Context as _, bail};
use clap::Subcommand;
use lockdown_bus::{Class, Engine, Group, GroupName, History, Start, Stored};
use lockdown_events::Envelope;
use lockdown_moderation::StoreArchive;
use lockdown_runtime::Context;
use lockdown_runtime::lifecycle::Process;
use lockdown_store::privacy::RetentionOptions;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

/// Read at once.
const PAGE: usize = 500;

#[derive(Subcommand)]
pub(crate) enum EventsCommand {
    /// Print events as they come, from now on or from a time on, until Ctrl-C
    Tail {
        #[command(flatten)]
        select: Select,
        /// The whole envelope of each on a line, for programs
        #[arg(long)]
        json: bool,
    },
    /// Print the kept events, oldest first, the whole envelope of each on a line
    Export {
        #[command(flatten)]
        select: Select,
    },
    /// Hand kept events to one group of consumers again, and to no other
    Replay {
        /// The group, as `lockdown events groups` names it
        group: String,
        #[command(flatten)]
        select: Select,
    },
    /// Count anew what the archived events say, hour by hour: decisions, verdicts, who came and went
    Recount,
    /// Print who consumes events, and how far each group is
    Groups {
        /// One JSON document, for programs
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(command: EventsCommand) -> ExitCode {
    Process::command("lockdown", env!("CARGO_PKG_VERSION")).run(|ctx| async move {
        let engine = lockdown_bus::open_once(&ctx).await?;
        let done = match command {
            EventsCommand::Tail { select, json } => tail(&ctx, &engine, &select, json).await,
            EventsCommand::Export { select } => export(&engine, &select).await,
            EventsCommand::Replay { group, select } => replay(&engine, &group, &select).await,
            EventsCommand::Groups { json } => groups(&engine, json).await,
            EventsCommand::Recount => recount(&ctx).await,
        };
        engine.close().await;
        done
    })
}

async fn tail(ctx: &Context, engine: &Arc<dyn Engine>, select: &Select, as_json: bool) -> anyhow::Result<()> {
    let history = History::new(Arc::clone(engine));
    let start = select.from.map_or(Start::Now, Start::At);
    let mut follow = history.follow(&select.query(), start).await?;
    loop {
        let stored = tokio::select! {
            stored = follow.next() => stored?,
            () = ctx.shutdown.soft() => return Ok(()),
        };
        if !print(&stored, as_json)? {
            return Ok(());
        }
    }
}

async fn export(engine: &Arc<dyn Engine>, select: &Select) -> anyhow::Result<()> {
    let history = History::new(Arc::clone(engine));
    let (query, mut after) = (select.query(), None);
    loop {
        let page = history.page(&query, after.as_ref(), PAGE).await?;
        for stored in &page.entries {
            if !print(stored, true)? {
                return Ok(());
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// `false` when nobody reads any more.
fn print(stored: &Stored, as_json: bool) -> anyhow::Result<bool> {
    let line = if as_json {
        stored.envelope.to_string()
    } else {
        told(stored)
    };
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("could not print"),
    }
}

/// When, what, where and by whom, then the body.
fn told(stored: &Stored) -> String {
    let at = stored.at.format("%F %T%.3f");
    match Envelope::decode(&stored.envelope) {
        Ok(envelope) => {
            let body = envelope.data().get();
            format!("{at}  {}  {}  {body}", stored.channel, envelope.source)
        }
        Err(error) => format!(
            "{at}  {}  unreadable ({error}): {}",
            stored.channel, stored.envelope
        ),
    }
}

async fn replay(engine: &Arc<dyn Engine>, name: &str, select: &Select) -> anyhow::Result<()> {
    if select.from.is_none() && select.types.is_empty() && select.guild.is_none() {
        bail!("say which events: with --from, --type or --guild");
    }
    let name = GroupName::new(name).with_context(|| format!("`{name}` is no name of a group"))?;
    let stats = engine.stats().await?;
    let Some(known) = stats.group(&name).filter(|group| !group.lanes.is_empty()) else {
        let names: Vec<&str> = stats.groups.iter().map(|group| group.name.as_str()).collect();
        bail!(
            "nobody consumes as {}; there are: {}",
            name.as_str(),
            names.join(", ")
        );
    };
    let classes: BTreeSet<Class> = known.lanes.iter().map(|lane| lane.stream.class).collect();
    let group = Group {
        name,
        classes: classes.into_iter().collect(),
    };
    let history = History::new(Arc::clone(engine));
    let count = history
        .replay(&select.query(), None, &group, |count, _| {
            eprint!("\r{count} events handed over");
        })
        .await?;
    eprint!("\r");
    println!("{count} events were handed to {} again.", group.name.as_str());
    Ok(())
}

/// What is older than the archive keeps stays as it was counted.
async fn recount(ctx: &Context) -> anyhow::Result<()> {
    let (store, _) = lockdown_store::open_once(ctx).await?;
    let archive = StoreArchive::new(store.clone());
    let keep = RetentionOptions::of(&ctx.config);
    let mut events = 0;
    for (class, keep) in [
        (Class::Moderation, keep.archived_decisions),
        (Class::System, keep.archived_people),
    ] {
        events += archive.recount(class, ctx.clock.now() - keep).await?;
    }
    store.close().await;
    println!("{events} events were counted anew.");
    Ok(())
}

async fn groups(engine: &Arc<dyn Engine>, as_json: bool) -> anyhow::Result<()> {
    let stats = engine.stats().await?;
    let mut documents = Vec::new();
    for group in &stats.groups {
        let (name, lag, pending) = (group.name.as_str(), group.lag(), group.pending());
        let consumers = group.consumers.len();
        let oldest = group.oldest().map(|age| age.as_millis());
        if as_json {
            documents.push(json!({
                "group": name, "lag": lag, "pending": pending, "inbox": group.inbox, "retrying": group.retrying,
                "dead": group.dead, "consumers": consumers,
                "oldestMs": oldest.map(|age| u64::try_from(age).unwrap_or(u64::MAX)),
            }));
        } else {
            let lag = lag.map_or("many".to_owned(), |lag| lag.to_string());
            let dead = group.dead;
            println!(
                "{name:<24} waiting {lag:>8}  in hand {pending:>6}  dead {dead:>6}  consumers {consumers}"
            );
        }
    }
    if as_json {
        println!("{}", Value::from(documents));
    } else if stats.groups.is_empty() {
        eprintln!("Nobody consumes events yet.");
    }
    Ok(())
}
