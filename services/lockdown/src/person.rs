//! `lockdown person`: what is kept about somebody, handed over or erased.

use crate::cli::{PersonCommand, PersonErase, User};
use anyhow::bail;
use lockdown_runtime::Context;
use lockdown_runtime::lifecycle::Process;
use lockdown_store::people::PersonId;
use lockdown_store::privacy::{Counts, Eraser, Export, Record};
use lockdown_store::{Store, StoreError, in_read};
use serde_json::{Map, Value, json};
use std::process::ExitCode;

pub(crate) fn run(command: PersonCommand) -> ExitCode {
    Process::command("lockdown", env!("CARGO_PKG_VERSION")).run(|ctx| async move {
        let (store, _) = lockdown_store::open_once(&ctx).await?;
        let done = match command {
            PersonCommand::Export { account, json } => export(&store, &account, json).await,
            PersonCommand::Erase(asked) => erase(&ctx, &store, asked).await,
        };
        store.close().await;
        done
    })
}

async fn person(store: &Store, account: &User) -> Result<Option<PersonId>, StoreError> {
    in_read!(store, |conn| {
        match conn.identity(account.platform, &account.id).await? {
            Some(identity) => conn.person_of(identity.id).await,
            None => Ok(None),
        }
    })
}

async fn export(store: &Store, account: &User, as_lines: bool) -> anyhow::Result<()> {
    let Some(person) = person(store, account).await? else {
        bail!("no account {account} is known here: nothing is kept about it");
    };
    let mut export = Export::of(store.clone(), person).await?;
    let mut counts = Counts::new();
    while let Some(Record { kind, data }) = export.next().await? {
        *counts.entry(kind).or_default() += 1;
        print(kind, &data, as_lines)?;
    }
    // Whoever reads it knows by this that it is whole.
    let counts = counts
        .into_iter()
        .map(|(kind, count)| (kind.to_owned(), count.into()));
    print("end", &counts.collect(), as_lines)
}

fn print(kind: &str, data: &Map<String, Value>, as_lines: bool) -> anyhow::Result<()> {
    let document = json!({ "kind": kind, "data": data });
    if as_lines {
        println!("{document}");
    } else {
        println!("{}", serde_json::to_string_pretty(&document)?);
    }
    Ok(())
}

async fn erase(ctx: &Context, store: &Store, asked: PersonErase) -> anyhow::Result<()> {
    let account = &asked.account;
    let Some(person) = person(store, account).await? else {
        if asked.json {
            println!("{}", json!({ "known": false }));
        } else {
            println!("No account {account} is known here: there is nothing to erase.");
        }
        return Ok(());
    };
    let eraser = Eraser::new(store.clone(), ctx.clock.clone(), ctx.ids.clone());
    if asked.dry_run {
        let counts = eraser.preview(person).await?;
        if asked.json {
            println!("{}", json!({ "known": true, "dryRun": true, "rows": counts }));
        } else {
            counts
                .iter()
                .for_each(|(table, count)| println!("{count:>8}  {table}"));
            println!("This would go; with --yes it does.");
        }
        return Ok(());
    }
    let erased = eraser.erase(person).await?;
    if asked.json {
        println!(
            "{}",
            json!({
                "known": true, "dryRun": false, "rows": erased.counts, "finished": erased.finished,
                "sanctionLives": erased.sanction_lives, "eventWaits": erased.event_waits,
            })
        );
        return Ok(());
    }
    erased
        .counts
        .iter()
        .for_each(|(table, count)| println!("{count:>8}  {table}"));
    if erased.finished {
        println!("Nothing is left about {account}.");
    }
    if erased.sanction_lives {
        println!(
            "A ban or a mute holds: the account's id stays, alone, until it ends, and goes then by itself."
        );
    }
    if erased.event_waits {
        println!(
            "An event is yet to be published, without its text: the account's id goes after it, by itself."
        );
    }
    Ok(())
}
