//! `lockdown outbox`: decided and recorded events that the bus refused for good.

use anyhow::bail;
use clap::{Args, Subcommand};
use lockdown_runtime::lifecycle::Process;
use lockdown_store::outbox::Parked;
use lockdown_store::{Store, in_read, in_tx};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Read at once.
const PAGE: u64 = 500;

#[derive(Subcommand)]
pub(crate) enum OutboxCommand {
    /// Print those that were refused, oldest first, with the bus's word
    List {
        /// One JSON document, for programs
        #[arg(long)]
        json: bool,
    },
    /// Offer one, or all of them, to the bus again
    PutBack(Which),
    /// Take one, or all of them, away for good: what was decided stays recorded, but nobody is told
    Drop(Which),
}

#[derive(Args)]
pub(crate) struct Which {
    /// One, by its number
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<i64>,
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(command: OutboxCommand) -> ExitCode {
    Process::command("lockdown", env!("CARGO_PKG_VERSION")).run(|ctx| async move {
        let (store, _) = lockdown_store::open_once(&ctx).await?;
        let done = match command {
            OutboxCommand::List { json } => list(&store, json).await,
            OutboxCommand::PutBack(which) => settle(&store, &which, true).await,
            OutboxCommand::Drop(which) => settle(&store, &which, false).await,
        };
        store.close().await;
        done
    })
}

async fn parked(store: &Store) -> anyhow::Result<Vec<Parked>> {
    let mut all: Vec<Parked> = Vec::new();
    loop {
        let after = all.last().map(|event| event.id);
        let page = in_read!(store, |conn| { conn.parked_events(after, PAGE).await })?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

async fn list(store: &Store, as_json: bool) -> anyhow::Result<()> {
    let all = parked(store).await?;
    if as_json {
        let documents = all.iter().map(|event| {
            json!({
                "id": event.id, "eventId": event.event_id, "type": event.topic, "error": event.last_error,
                "createdAt": event.created_at, "parkedAt": event.parked_at,
            })
        });
        println!("{}", Value::from_iter(documents));
        return Ok(());
    }
    if all.is_empty() {
        eprintln!("The bus has refused nothing.");
    }
    for event in &all {
        let error = event.last_error.as_deref().unwrap_or("it did not say why");
        println!(
            "{:>8}  {}  {}: {error}",
            event.id,
            event.parked_at.format("%F %T"),
            event.topic
        );
    }
    Ok(())
}

async fn settle(store: &Store, which: &Which, back: bool) -> anyhow::Result<()> {
    let ids: Vec<i64> = match which.id {
        Some(id) => vec![id],
        None => parked(store).await?.iter().map(|event| event.id).collect(),
    };
    let mut count = 0_usize;
    for id in ids {
        let done = in_tx!(store, |tx| {
            if back {
                tx.put_back_event(id).await
            } else {
                tx.drop_parked_event(id).await
            }
        })?;
        count += usize::from(done);
    }
    match which.id {
        Some(id) if count == 0 => {
            bail!("no refused event has the number {id}: `lockdown outbox list` shows those there are")
        }
        _ if back => println!("{}", counted(count, "waits", "wait", " for the bus again")),
        _ => println!("{}", counted(count, "is", "are", " gone")),
    }
    Ok(())
}

fn counted(count: usize, one: &str, many: &str, rest: &str) -> String {
    match count {
        1 => format!("1 event {one}{rest}."),
        _ => format!("{count} events {many}{rest}."),
    }
}
