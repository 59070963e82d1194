//! `lockdown token`: what programs sign in with, made and revoked on the store itself, whether anything runs or not.

use crate::cli::{ALL_SCOPES, Create, TokenCommand};
use anyhow::{Context as _, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use lockdown_backend::{Scope, log_token};
use lockdown_runtime::Context;
use lockdown_runtime::lifecycle::Process;
use lockdown_store::audit::ActorKind;
use lockdown_store::dbx::Json;
use lockdown_store::tokens::{ApiToken, TokenId};
use lockdown_store::{Bearer, Store, StoreError, in_read, in_tx};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::ExitCode;

/// Whoever has a terminal here.
pub(crate) const OPERATOR: (ActorKind, &str) = (ActorKind::System, "operator");
/// How many tokens are read at once.
const PAGE: u64 = 200;

/// A token, and the address of its community.
struct Listed {
    token: ApiToken,
    community: Option<String>,
}

pub(crate) fn run(command: TokenCommand) -> ExitCode {
    Process::command("lockdown", env!("CARGO_PKG_VERSION")).run(|ctx| async move {
        let (store, _) = lockdown_store::open_once(&ctx).await?;
        let done = match command {
            TokenCommand::Create(create) => make(&ctx, &store, create).await,
            TokenCommand::List { json } => list(&ctx, &store, json).await,
            TokenCommand::Revoke { token, json } => revoke(&ctx, &store, &token, json).await,
        };
        store.close().await;
        done
    })
}

async fn make(ctx: &Context, store: &Store, create: Create) -> anyhow::Result<()> {
    let community = match &create.community {
        None => None,
        Some(slug) => {
            let found = in_read!(store, |conn| { conn.community_by_slug(slug).await })?;
            Some(found.with_context(|| format!("there is no community called `{slug}`"))?)
        }
    };
    let all = create.scopes.iter().any(|scope| scope == ALL_SCOPES);
    let scopes: BTreeSet<String> = if all {
        // What concerns every community is for tokens of no community.
        let given = Scope::all().filter(|scope| community.is_none() || *scope != Scope::Operate);
        given.map(|scope| scope.as_str().to_owned()).collect()
    } else {
        create.scopes.into_iter().collect()
    };
    if community.is_some() && scopes.contains(Scope::Operate.as_str()) {
        bail!("a token of one community does not operate: leave `--community` out, or the scope `operate`");
    }
    let secret = Bearer::for_token();
    let token = ApiToken {
        id: TokenId(ctx.ids.next()),
        community_id: community.as_ref().map(|community| community.id),
        name: create.name,
        prefix: secret.prefix(),
        scopes: Json(scopes),
        created_by: None,
        created_at: ctx.clock.now(),
        expires_at: create.expires.at(),
        revoked_at: None,
        last_used_at: None,
    };
    let made = in_tx!(store, |tx| {
        if !tx.insert_token(&token, &secret).await? {
            return Ok(false);
        }
        log_token(tx, OPERATOR, &token, "token:make", token.created_at).await?;
        Ok::<_, StoreError>(true)
    });
    if !made? {
        bail!(
            "there is or was a token called `{}`, and records may mean it: choose another name",
            token.name
        );
    }
    let made = Listed {
        token,
        community: community.map(|community| community.slug),
    };
    if create.json {
        let mut document = made.document(ctx.clock.now());
        document["token"] = secret.expose().into();
        println!("{document}");
        return Ok(());
    }
    println!("{}", secret.expose());
    eprintln!(
        "This is the token `{}`; it is shown this once, and only its hash is kept. It may {}, {}.",
        made.token.name,
        made.scopes(),
        made.token
            .expires_at
            .map_or_else(|| "for ever".into(), |end| format!("until {}", second(end)))
    );
    Ok(())
}

async fn list(ctx: &Context, store: &Store, as_json: bool) -> anyhow::Result<()> {
    let (all, now) = (every(store).await?, ctx.clock.now());
    if as_json {
        let documents: Vec<Value> = all.iter().map(|listed| listed.document(now)).collect();
        println!("{}", json!({ "tokens": documents }));
        return Ok(());
    }
    if all.is_empty() {
        eprintln!("There are no tokens; `lockdown token create NAME` makes one.");
        return Ok(());
    }
    let head = [
        "NAME",
        "BEGINS",
        "STATE",
        "COMMUNITY",
        "EXPIRES",
        "LAST USED",
        "MAY",
    ]
    .map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(head)
        .chain(all.iter().map(|listed| listed.row(now)))
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..6).map(width).collect();
    for row in &rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}  "));
        println!("{}{}", cells.collect::<String>(), row[6]);
    }
    Ok(())
}

async fn revoke(ctx: &Context, store: &Store, wanted: &str, as_json: bool) -> anyhow::Result<()> {
    let mut found: Vec<Listed> = every(store).await?;
    found.retain(|listed| listed.is(wanted));
    let mut listed = match found.len() {
        0 => bail!("there is no token `{wanted}`; `lockdown token list` has them all"),
        1 => found.remove(0),
        _ => {
            let ids: Vec<String> = found.iter().map(|listed| listed.token.id.to_string()).collect();
            bail!(
                "`{wanted}` may be any of {}: say which one by its id",
                ids.join(", ")
            )
        }
    };
    let now = ctx.clock.now();
    let revoked = in_tx!(store, |tx| {
        if !tx.revoke_token(listed.token.id, now).await? {
            return Ok(false);
        }
        log_token(tx, OPERATOR, &listed.token, "token:revoke", now).await?;
        Ok::<_, StoreError>(true)
    });
    if !revoked? {
        bail!("`{wanted}` was revoked before");
    }
    listed.token.revoked_at = Some(now);
    if as_json {
        println!("{}", listed.document(now));
    } else {
        println!("`{}` opens nothing any more.", listed.token.name);
    }
    Ok(())
}

async fn every(store: &Store) -> Result<Vec<Listed>, StoreError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = in_read!(store, |conn| {
            let mut page = Vec::new();
            for token in conn.tokens(None, after, PAGE).await? {
                let community = match token.community_id {
                    Some(id) => conn.community(id).await?.map(|community| community.slug),
                    None => None,
                };
                page.push(Listed { token, community });
            }
            Ok::<_, StoreError>(page)
        })?;
        let Some(last) = page.last() else {
            return Ok(all);
        };
        after = Some(last.token.id);
        all.extend(page);
    }
}

fn second(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

// === impl Listed ===

impl Listed {
    fn is(&self, wanted: &str) -> bool {
        let token = &self.token;
        wanted == token.name || wanted == token.prefix || wanted == token.id.to_string()
    }

    fn scopes(&self) -> String {
        let scopes: Vec<&str> = self.token.scopes.0.iter().map(String::as_str).collect();
        let everything = Scope::all().filter(|scope| self.community.is_none() || *scope != Scope::Operate);
        match (scopes.is_empty(), scopes.len() == everything.count()) {
            (true, _) => "see".into(),
            (_, true) => "do everything".into(),
            _ => scopes.join(", "),
        }
    }

    fn row(&self, now: DateTime<Utc>) -> [String; 7] {
        let token = &self.token;
        let time = |at: Option<DateTime<Utc>>| at.map_or_else(|| "never".into(), second);
        [
            token.name.clone(),
            token.prefix.clone(),
            token.state(now).as_str().into(),
            self.community.clone().unwrap_or_else(|| "all".into()),
            time(token.expires_at),
            time(token.last_used_at),
            self.scopes(),
        ]
    }

    fn document(&self, now: DateTime<Utc>) -> Value {
        let token = &self.token;
        json!({
            "id": token.id.to_string(),
            "name": token.name,
            "prefix": token.prefix,
            "state": token.state(now).as_str(),
            "scopes": token.scopes.0,
            "community": self.community,
            "createdAt": second(token.created_at),
            "expiresAt": token.expires_at.map(second),
            "revokedAt": token.revoked_at.map(second),
            "lastUsedAt": token.last_used_at.map(second),
        })
    }
}
