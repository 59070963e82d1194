//! `lockdown audit`: whether the chains hold, and what somebody keeps elsewhere to show it later.

use crate::cli::{AuditCommand, AuditHead, AuditVerify, Guild};
use anyhow::{Context as _, bail};
use lockdown_runtime::Context;
use lockdown_runtime::ids::hex;
use lockdown_runtime::lifecycle::Process;
use lockdown_store::access_log::AccessReport;
use lockdown_store::audit::{AuditKey, AuditReport, SignedHead};
use lockdown_store::{Store, StoreError, guilds, in_read, in_tx};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

/// After how many entries there is a word on how far it is.
const WORD: u64 = 50_000;
/// Where heads that this command printed were shown, as the store notes it.
const SINK: &str = "operator";

pub(crate) fn run(command: AuditCommand) -> ExitCode {
    Process::command("lockdown", env!("CARGO_PKG_VERSION")).run(|ctx| async move {
        let (store, _) = lockdown_store::open_once(&ctx).await?;
        let done = match command {
            AuditCommand::Verify(asked) => verify(&ctx, &store, asked).await,
            AuditCommand::Head(asked) => head(&ctx, &store, asked).await,
        };
        store.close().await;
        done
    })
}

/// A chain that was walked over, and what it should have been.
struct Verified {
    guild: String,
    report: AuditReport,
    /// Heads that were signed for it.
    shown: usize,
}

async fn verify(ctx: &Context, store: &Store, asked: AuditVerify) -> anyhow::Result<()> {
    let guilds = selected(store, &asked.guilds).await?;
    let heads = match &asked.heads {
        None => Vec::new(),
        Some(file) => read_heads(ctx, file, &asked.keys)?,
    };
    let is_known = |head: &&SignedHead| !guilds.iter().any(|guild| is_of(head, guild));
    let lost: Vec<String> = heads
        .iter()
        .filter(is_known)
        .filter(|_| asked.guilds.is_empty())
        .map(name)
        .collect();
    let mut verified = Vec::new();
    for guild in &guilds {
        let heads: Vec<&SignedHead> = heads.iter().filter(|head| is_of(head, guild)).collect();
        verified.push(walk(store, guild, &heads).await?);
    }
    // The log of access is of no guild: it is looked at when all are.
    let access = match asked.guilds.is_empty() {
        true => Some(in_read!(store, |conn| { conn.verify_access_log().await })?),
        false => None,
    };
    let cut = access.as_ref().is_some_and(|access| access.fault.is_some());
    let broken = verified.iter().filter(|one| !one.report.holds()).count() + lost.len() + usize::from(cut);
    if asked.json {
        let guilds: Vec<Value> = verified.iter().map(as_json).collect();
        println!(
            "{}",
            json!({ "holds": broken == 0, "guilds": guilds, "lost": lost, "access": access.as_ref().map(access_as_json) })
        );
    } else {
        verified.iter().for_each(print);
        for guild in &lost {
            println!("{guild}: a signed head names it, and there is no such guild any more");
        }
        if let Some(access) = &access {
            match access.fault {
                None => println!("the log of access: the chain of {} entries holds", access.entries),
                Some((seq, fault)) => println!("the log of access: entry {seq}: {fault}"),
            }
        }
        println!("{} chains were verified.", verified.len());
    }
    if broken > 0 {
        bail!("{broken} audit chains do not hold");
    }
    Ok(())
}

/// The guilds that were asked for, or all.
async fn selected(store: &Store, asked: &[Guild]) -> anyhow::Result<Vec<guilds::Guild>> {
    let mut all = in_read!(store, |conn| { conn.guilds().await })?;
    for guild in asked {
        let is_known =
            |known: &guilds::Guild| known.platform == guild.platform && known.native_id == guild.id;
        if !all.iter().any(is_known) {
            bail!("no guild {}/{} is known here", guild.platform, guild.id);
        }
    }
    let is_asked = |known: &guilds::Guild| {
        asked
            .iter()
            .any(|guild| known.platform == guild.platform && known.native_id == guild.id)
    };
    all.retain(|known| asked.is_empty() || is_asked(known));
    Ok(all)
}

/// Every line of a file that somebody kept, with its signature checked.
fn read_heads(ctx: &Context, file: &Path, keys: &[String]) -> anyhow::Result<Vec<SignedHead>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    let mut trusted = keys.to_vec();
    trusted.extend(AuditKey::find(ctx)?.map(|key| key.public()));
    if trusted.is_empty() {
        bail!(
            "this installation has no audit key of its own: name the one that signed the heads with `--key`"
        );
    }
    let mut heads = Vec::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() {
            continue;
        }
        let head = line
            .parse::<SignedHead>()
            .and_then(|head| head.check(&trusted).map(|()| head));
        heads.push(head.with_context(|| format!("{} line {number}", file.display()))?);
    }
    Ok(heads)
}

fn is_of(head: &SignedHead, guild: &guilds::Guild) -> bool {
    head.platform == guild.platform && head.guild_id == guild.native_id
}

fn name(head: &SignedHead) -> String {
    format!("{}/{}", head.platform, head.guild_id)
}

async fn walk(store: &Store, guild: &guilds::Guild, heads: &[&SignedHead]) -> anyhow::Result<Verified> {
    let name = format!("{}/{}", guild.platform, guild.native_id);
    let begun = in_read!(store, |conn| { conn.begin_walk(guild.id).await })?;
    let mut walk = begun.with_context(|| format!("{name} was removed meanwhile"))?;
    let mut told = 0;
    while in_read!(store, |conn| { conn.walk_on(&mut walk).await })? {
        let (entries, of) = walk.progress();
        if entries - told >= WORD {
            told = entries;
            eprintln!("{name}: {entries} of {of} entries");
        }
    }
    let mut report = walk.into_report();
    for head in heads {
        let found = in_read!(store, |conn| {
            conn.shown_fault(guild.id, head.seq, &head.hash()).await
        })?;
        report.faults.extend(found);
    }
    Ok(Verified {
        guild: name,
        report,
        shown: heads.len(),
    })
}

fn as_json(verified: &Verified) -> Value {
    let Verified { guild, report, shown } = verified;
    let faults: Vec<Value> = report
        .faults
        .iter()
        .map(|at| json!({ "seq": at.seq, "fault": at.fault.as_str(), "message": at.fault.to_string() }))
        .collect();
    json!({
        "guild": guild, "holds": report.holds(), "entries": report.entries, "seq": report.seq,
        "hash": hex(&report.head), "heads": shown, "faults": faults, "moreFaults": report.left_off,
    })
}

fn access_as_json(report: &AccessReport) -> Value {
    let fault = report
        .fault
        .map(|(seq, fault)| json!({ "seq": seq, "fault": fault.as_str(), "message": fault.to_string() }));
    json!({ "holds": fault.is_none(), "entries": report.entries, "seq": report.seq, "hash": hex(&report.head), "fault": fault })
}

fn print(verified: &Verified) {
    let Verified { guild, report, shown } = verified;
    let (entries, head) = (report.entries, hex(&report.head));
    for at in &report.faults {
        println!("{guild}: entry {}: {}", at.seq, at.fault);
    }
    if report.left_off > 0 {
        println!("{guild}: and {} faults more", report.left_off);
    }
    if report.holds() {
        let contains = if *shown > 0 {
            format!(", and {shown} signed heads are in it")
        } else {
            String::new()
        };
        println!("{guild}: the chain of {entries} entries holds{contains}; its head is {head}");
    }
}

async fn head(ctx: &Context, store: &Store, asked: AuditHead) -> anyhow::Result<()> {
    let key = AuditKey::find_or_make(ctx)?;
    for guild in selected(store, &asked.guilds).await? {
        let now = ctx.clock.now();
        let head = in_tx!(store, |tx| {
            let head = tx.audit_head(guild.id).await?.filter(|head| head.audit_seq > 0);
            if let Some(head) = &head {
                tx.anchor_audit(guild.id, head.audit_seq, &head.audit_head, SINK, now)
                    .await?;
            }
            Ok::<_, StoreError>(head)
        })?;
        // A chain without an entry has no newest one.
        let Some(head) = head else { continue };
        let signed = key.sign(
            guild.platform,
            guild.native_id,
            head.audit_seq,
            &head.audit_head,
            now,
        );
        if asked.json {
            println!("{}", serde_json::to_string(&signed)?);
        } else {
            println!("{signed}");
        }
    }
    Ok(())
}
