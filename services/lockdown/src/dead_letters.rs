//! `lockdown dead-letters`: events that a group gave up.

use crate::select::moment;
use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use lockdown_bus::{DeadFilter, DeadId, DeadLetter, DeadReason, Engine, GroupName};
use lockdown_runtime::lifecycle::Process;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::Arc;

/// Read at once.
const PAGE: usize = 500;

#[derive(Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// Print them, oldest first
    List {
        #[command(flatten)]
        filter: Filter,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// One JSON document, for programs
        #[arg(long)]
        json: bool,
    },
    /// Print all that is known of one
    Show {
        id: String,
        /// One JSON document, for programs
        #[arg(long)]
        json: bool,
    },
    /// Hand one, or all that the filter takes, to their groups again
    Replay(Which),
    /// Take one, or all that the filter takes, away for good
    Drop(Which),
}

#[derive(Args)]
pub(crate) struct Filter {
    /// Only of this group
    #[arg(long)]
    group: Option<String>,
    /// Only of this type
    #[arg(long = "type", value_name = "TYPE")]
    channel: Option<String>,
    /// Only those given up for this reason
    #[arg(long, value_parser = PossibleValuesParser::new(DeadReason::ALL.map(DeadReason::as_str)))]
    reason: Option<String>,
    /// Only those given up before this time, or so long ago: 2026-11-20T09:00:00Z, 2h
    #[arg(long, value_name = "TIME", value_parser = moment)]
    before: Option<DateTime<Utc>>,
}

#[derive(Args)]
pub(crate) struct Which {
    /// One, by its id
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<String>,
    /// All that the filter takes
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
}

// === impl Filter ===

impl Filter {
    fn read(&self) -> anyhow::Result<DeadFilter> {
        let group = self.group.as_deref().map(GroupName::new).transpose();
        Ok(DeadFilter {
            group: group.context("that is no name of a group")?,
            channel: self.channel.as_deref().map(Into::into),
            reason: self.reason.as_deref().and_then(DeadReason::named),
            before: self.before,
        })
    }
}

pub(crate) fn run(command: DeadLettersCommand) -> ExitCode {
    Process::command("lockdown", env!("CARGO_PKG_VERSION")).run(|ctx| async move {
        let engine = lockdown_bus::open_once(&ctx).await?;
        let done = match command {
            DeadLettersCommand::List { filter, limit, json } => list(&engine, &filter, limit, json).await,
            DeadLettersCommand::Show { id, json } => show(&engine, &id, json).await,
            DeadLettersCommand::Replay(which) => replay(&engine, &which).await,
            DeadLettersCommand::Drop(which) => remove(&engine, &which).await,
        };
        engine.close().await;
        done
    })
}

async fn all(engine: &Arc<dyn Engine>, filter: &DeadFilter, most: usize) -> anyhow::Result<Vec<DeadLetter>> {
    let mut letters: Vec<DeadLetter> = Vec::new();
    while letters.len() < most {
        let after = letters.last().map(|letter| letter.id.clone());
        let page = PAGE.min(most - letters.len());
        let found = engine.dead_letters(filter, after.as_ref(), page).await?;
        let ended = found.len() < page;
        letters.extend(found);
        if ended {
            break;
        }
    }
    Ok(letters)
}

async fn list(engine: &Arc<dyn Engine>, filter: &Filter, limit: usize, as_json: bool) -> anyhow::Result<()> {
    let letters = all(engine, &filter.read()?, limit).await?;
    if as_json {
        println!("{}", Value::from_iter(letters.iter().map(document)));
        return Ok(());
    }
    if letters.is_empty() {
        eprintln!("There are no such dead letters.");
    }
    for letter in &letters {
        let (at, error) = (
            letter.last_failure.format("%F %T"),
            letter.error.replace('\n', " "),
        );
        println!(
            "{}  {at}  {}  {}  {}: {error}",
            letter.id.0,
            letter.group.as_str(),
            letter.channel,
            letter.reason.as_str()
        );
    }
    if letters.len() == limit {
        eprintln!("There may be more: --limit shows them.");
    }
    Ok(())
}

async fn find(engine: &Arc<dyn Engine>, id: &str) -> anyhow::Result<DeadLetter> {
    let letters = all(engine, &DeadFilter::default(), usize::MAX).await?;
    let found = letters.into_iter().find(|letter| letter.id.0 == id);
    found.with_context(|| {
        format!("there is no dead letter {id}: `lockdown dead-letters list` shows those there are")
    })
}

async fn show(engine: &Arc<dyn Engine>, id: &str, as_json: bool) -> anyhow::Result<()> {
    let letter = find(engine, id).await?;
    if as_json {
        println!("{}", document(&letter));
        return Ok(());
    }
    println!("id        {}", letter.id.0);
    println!("type      {}", letter.channel);
    println!(
        "group     {} ({})",
        letter.group.as_str(),
        letter.consumer.as_str()
    );
    println!("lay at    {}", letter.entry);
    println!(
        "reason    {}, after {} attempts",
        letter.reason.as_str(),
        letter.attempts
    );
    println!(
        "failed    {} to {}",
        letter.first_failure.format("%F %T"),
        letter.last_failure.format("%F %T")
    );
    println!("error     {}", letter.error);
    println!("event     {}", letter.envelope);
    Ok(())
}

fn document(letter: &DeadLetter) -> Value {
    // What cannot be read is shown as the text that it is.
    let event: Value =
        serde_json::from_str(&letter.envelope).unwrap_or_else(|_| letter.envelope.as_ref().into());
    json!({
        "id": letter.id.0.as_str(), "type": letter.channel.as_str(), "group": letter.group.as_str(),
        "consumer": letter.consumer.as_str(), "streamId": letter.entry.to_string(),
        "reason": letter.reason.as_str(), "attempts": letter.attempts, "firstFailure": letter.first_failure,
        "lastFailure": letter.last_failure, "error": letter.error, "event": event,
    })
}

async fn replay(engine: &Arc<dyn Engine>, which: &Which) -> anyhow::Result<()> {
    match &which.id {
        Some(id) if engine.replay_dead(&DeadId(id.as_str().into())).await? => {
            println!("{id} was handed to its group again.");
        }
        Some(id) => bail!("there is no dead letter {id}"),
        None => {
            let count = engine.replay_dead_of(&which.filter.read()?).await?;
            println!("{count} dead letters were handed to their groups again.");
        }
    }
    Ok(())
}

async fn remove(engine: &Arc<dyn Engine>, which: &Which) -> anyhow::Result<()> {
    if let Some(id) = &which.id {
        if !engine.drop_dead(&DeadId(id.as_str().into())).await? {
            bail!("there is no dead letter {id}");
        }
        println!("{id} is gone.");
        return Ok(());
    }
    let mut count = 0_u64;
    for letter in all(engine, &which.filter.read()?, usize::MAX).await? {
        count += u64::from(engine.drop_dead(&letter.id).await?);
    }
    println!("{count} dead letters are gone.");
    Ok(())
}
