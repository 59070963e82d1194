//! `lockdown sign-in`: who may sign in, as what, by a link that is good once.

use crate::cli::{User, token_name};
use crate::token::OPERATOR;
use anyhow::{Context as _, bail};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use lockdown_backend::{Role, sign_in_link, usual_role};
use lockdown_runtime::Context;
use lockdown_runtime::lifecycle::Process;
use lockdown_store::access_log::NewAccess;
use lockdown_store::accounts::{Account, AccountId};
use lockdown_store::guilds::{Community, CommunityId};
use lockdown_store::people::{IdentityId, PersonId, Seen};
use lockdown_store::roles::Subject;
use lockdown_store::sign_in::{self, SignInLinkId};
use lockdown_store::{Bearer, Retry, Store, StoreError, Tx, in_read, in_tx};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Long enough to hand it over, too short to lie around.
const GOOD_FOR: TimeDelta = TimeDelta::minutes(15);

#[derive(Subcommand)]
pub(crate) enum SignInCommand {
    /// Print a link that signs a browser in: once, within a quarter of an hour, since only a hash of it is kept
    Link(SignInLink),
    /// Sign somebody out everywhere, and let them in no more, by whatever door
    Disable {
        /// Their name here
        login: String,
    },
    /// Let somebody in again who was disabled
    Enable {
        /// Their name here
        login: String,
    },
}

#[derive(Args)]
pub(crate) struct SignInLink {
    /// Who they are here; somebody who is not known yet becomes it
    #[arg(long = "for", value_name = "NAME", value_parser = token_name)]
    login: String,
    /// Give them this role; without one they have what they were given before
    #[arg(long, value_parser = roles())]
    role: Option<String>,
    /// Where they have it, by the community's name in its address; the role `operator` is of none
    #[arg(long, requires = "role")]
    community: Option<String>,
    /// Their account on a platform, with which they can sign in by themselves; may be repeated
    #[arg(long = "account", value_name = "PLATFORM/USER_ID")]
    accounts: Vec<User>,
    /// One JSON document, for programs
    #[arg(long)]
    json: bool,
}

fn roles() -> PossibleValuesParser {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str))
}

/// Why there is no link.
#[derive(Debug)]
enum Refused {
    Store(StoreError),
    Taken(String),
    Disabled,
}

pub(crate) fn run(command: SignInCommand) -> ExitCode {
    Process::command("lockdown", env!("CARGO_PKG_VERSION")).run(|ctx| async move {
        let (store, _) = lockdown_store::open_once(&ctx).await?;
        let done = match command {
            SignInCommand::Link(asked) => link(&ctx, &store, asked).await,
            SignInCommand::Disable { login } => set(&ctx, &store, &login, true).await,
            SignInCommand::Enable { login } => set(&ctx, &store, &login, false).await,
        };
        store.close().await;
        done
    })
}

async fn link(ctx: &Context, store: &Store, asked: SignInLink) -> anyhow::Result<()> {
    let role = match &asked.role {
        None => None,
        Some(name) => {
            let role = Role::ALL.into_iter().find(|role| role.as_str() == name);
            let role = role.context("the word was checked when it was read")?;
            Some((role, community(store, role, asked.community.as_deref()).await?))
        }
    };
    let (now, secret) = (ctx.clock.now(), Bearer::for_session());
    let made = in_tx!(store, |tx| {
        let account = account(tx, ctx, &asked.login, now).await?;
        if account.disabled_at.is_some() {
            return Err(Refused::Disabled);
        }
        for user in &asked.accounts {
            let seen = Seen {
                platform: user.platform,
                native_id: user.id.clone(),
                username: None,
                display_name: None,
                is_bot: false,
                at: now,
            };
            let new = (PersonId(ctx.ids.next()), IdentityId(ctx.ids.next()));
            let identity = tx.see(&seen, new).await?;
            let is_new = tx.link_identity(account.id, identity.id, now).await?;
            let owner = tx.account_of(identity.id).await?;
            if owner.is_none_or(|owner| owner.id != account.id) {
                return Err(Refused::Taken(format!("{}/{}", user.platform, user.id)));
            }
            if is_new {
                let body = json!({ "identity": identity.id.to_string() });
                log(tx, None, "account:link", account.id, &body, now).await?;
            }
        }
        if let Some((role, community)) = &role {
            give(tx, ctx, account.id, *role, community.as_ref(), now).await?;
        }
        let link = sign_in::SignInLink {
            id: SignInLinkId(ctx.ids.next()),
            account_id: account.id,
            created_at: now,
            expires_at: now + GOOD_FOR,
        };
        tx.insert_sign_in_link(&link, &secret).await?;
        log(tx, None, "link:make", account.id, &json!({}), now).await?;
        Ok::<_, Refused>(link)
    });
    let made = match made {
        Ok(made) => made,
        Err(Refused::Store(error)) => return Err(error).context("could not make the link"),
        Err(Refused::Taken(account)) => bail!("{account} belongs to somebody else who signs in here"),
        Err(Refused::Disabled) => {
            let login = &asked.login;
            bail!("`{login}` is disabled: `lockdown sign-in enable {login}` lets them in again")
        }
    };
    let address = sign_in_link(&ctx.config.http.public_url, &secret);
    let until = made.expires_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    if asked.json {
        println!(
            "{}",
            json!({ "for": asked.login, "link": address, "expiresAt": until })
        );
        return Ok(());
    }
    println!("{address}");
    eprintln!(
        "This signs `{}` in, once, until {until}; only its hash is kept.",
        asked.login
    );
    Ok(())
}

async fn community(store: &Store, role: Role, slug: Option<&str>) -> anyhow::Result<Option<Community>> {
    match (role, slug) {
        (Role::Operator, None) => Ok(None),
        (Role::Operator, Some(_)) => bail!("an operator is of no community: leave `--community` out"),
        (_, None) => bail!("say in which `--community` they have the role {}", role.as_str()),
        (_, Some(slug)) => {
            let found = in_read!(store, |conn| { conn.community_by_slug(slug).await })?;
            found
                .with_context(|| format!("there is no community called `{slug}`"))
                .map(Some)
        }
    }
}

async fn account(tx: &mut Tx, ctx: &Context, login: &str, now: DateTime<Utc>) -> Result<Account, StoreError> {
    let new = Account {
        id: AccountId(ctx.ids.next()),
        login: login.to_owned(),
        created_at: now,
        disabled_at: None,
        operator_since: None,
    };
    if tx.insert_account(&new, None).await? {
        log(tx, None, "account:make", new.id, &json!({}), now).await?;
        return Ok(new);
    }
    let known = tx.account_by_login(login).await?;
    known.ok_or(StoreError::Missing {
        statement: "accounts::BY_LOGIN",
    })
}

async fn give(
    tx: &mut Tx,
    ctx: &Context,
    account: AccountId,
    role: Role,
    community: Option<&Community>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let is_new = match community {
        None => tx.set_operator(account, Some(now)).await?,
        Some(community) => {
            let known = usual_role(tx, &ctx.ids, community.id, role, now).await?;
            tx.bind_role(known.id, &Subject::Account(account), None, now)
                .await?
        }
    };
    if is_new {
        let of = community.map(|community| community.id);
        log(
            tx,
            of,
            "role:give",
            account,
            &json!({ "role": role.as_str() }),
            now,
        )
        .await?;
    }
    Ok(())
}

async fn set(ctx: &Context, store: &Store, login: &str, disable: bool) -> anyhow::Result<()> {
    let now = ctx.clock.now();
    let found = in_tx!(store, |tx| {
        let Some(account) = tx.account_by_login(login).await? else {
            return Ok(None);
        };
        let (changed, act) = if disable {
            tx.take_back_sign_in_links(account.id).await?;
            (tx.disable_account(account.id, now).await?, "account:disable")
        } else {
            (tx.enable_account(account.id).await?, "account:enable")
        };
        if changed {
            log(tx, None, act, account.id, &json!({}), now).await?;
        }
        Ok::<_, StoreError>(Some((account, changed)))
    })?;
    let (account, changed) = found.with_context(|| format!("nobody is called `{login}` here"))?;
    let words = match (disable, changed) {
        (true, true) => "is signed out everywhere, and let in no more",
        (true, false) => "was disabled before",
        (false, true) => "may sign in again",
        (false, false) => "was not disabled",
    };
    println!("`{}` {words}.", account.login);
    Ok(())
}

async fn log(
    tx: &mut Tx,
    community: Option<CommunityId>,
    act: &str,
    account: AccountId,
    body: &Value,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.append_access(&NewAccess {
        at,
        community,
        actor_kind: OPERATOR.0,
        actor: OPERATOR.1,
        act,
        subject: &format!("account:{account}"),
        body,
    })
    .await
    .map(drop)
}

// === impl Refused ===

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Retry for Refused {
    fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Taken(_) | Self::Disabled => false,
        }
    }
}
