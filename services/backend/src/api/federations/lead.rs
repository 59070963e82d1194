//! Who asks about federations, and what they are to one. It is looked at where something is changed, in the same transaction:
//! who was an admin a moment ago is none any more.

use super::super::access::Caller;
use super::super::route::Call;
use crate::problem::{Code, Problem};
use lockdown_events::Platform;
use lockdown_store::access_log::NewAccess;
use lockdown_store::audit::ActorKind;
use lockdown_store::federations::{Federation, FederationId};
use lockdown_store::people::IdentityId;
use lockdown_store::{Conn, StoreError, Tx};
use serde_json::Value;

/// What it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Anybody who knows its id.
    Anybody,
    /// Its owner, or an admin.
    Admin,
    Owner,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    kind: ActorKind,
    /// By which the log knows them.
    name: String,
    /// The accounts by which they could lead a federation. A token leads none: it has what its scopes say.
    pub(super) accounts: Vec<(Platform, IdentityId)>,
    /// Whether they run the installation.
    pub(super) operates: bool,
}

/// A federation, with the proof that this asker is as much to it as it takes.
#[derive(Debug)]
pub(super) struct Led {
    by: Asker,
    pub(super) federation: Federation,
}

// === impl Asker ===

impl Asker {
    pub(super) async fn of(call: &Call) -> Result<Self, Problem> {
        let (kind, name, accounts) = match &call.caller {
            Caller::Person(who) => {
                let id = call.api.desk.identity(who).await?;
                (ActorKind::Person, id.to_string(), vec![(who.platform, id)])
            }
            Caller::SignedIn(person) => {
                let accounts = person.identities().iter();
                let accounts = accounts.map(|account| (account.platform, account.id)).collect();
                (ActorKind::Person, person.account.id.to_string(), accounts)
            }
            Caller::Bootstrap | Caller::Token(_) | Caller::Hook(_) => {
                (ActorKind::Token, call.caller.name().to_owned(), Vec::new())
            }
        };
        Ok(Self {
            kind,
            name,
            accounts,
            operates: call.powers.operate,
        })
    }

    pub(super) fn kind(&self) -> ActorKind {
        self.kind
    }

    /// By which rows of a platform know them.
    pub(super) fn in_rows(&self, platform: Platform) -> String {
        match (self.kind, self.account(platform)) {
            (ActorKind::Person, Some(account)) => account.to_string(),
            (ActorKind::Person, None) => self.name.clone(),
            _ => format!("token:{}", self.name),
        }
    }

    /// Their account on a platform.
    pub(super) fn account(&self, platform: Platform) -> Option<IdentityId> {
        let there = self.accounts.iter().find(|(of, _)| *of == platform);
        there.map(|(_, account)| *account)
    }

    pub(super) fn is(&self, account: IdentityId) -> bool {
        self.accounts.iter().any(|(_, own)| *own == account)
    }

    async fn level(&self, conn: &mut Conn, federation: &Federation) -> Result<Level, StoreError> {
        if self.operates || self.is(federation.owner_id) {
            return Ok(Level::Owner);
        }
        for (_, account) in &self.accounts {
            if conn.is_federation_admin(federation.id, *account).await? {
                return Ok(Level::Admin);
            }
        }
        Ok(Level::Anybody)
    }

    /// The federation, if there is one and they are this to it.
    pub(super) async fn lead(
        &self,
        conn: &mut Conn,
        id: FederationId,
        level: Level,
    ) -> Result<Result<Led, Problem>, StoreError> {
        let Some(federation) = conn.federation(id).await? else {
            return Ok(Err(Problem::of(Code::UnknownFederation)));
        };
        let has = match (level, self.level(conn, &federation).await?) {
            (Level::Anybody, _) | (Level::Owner, Level::Owner) => true,
            (Level::Admin, is) => is != Level::Anybody,
            (Level::Owner, _) => false,
        };
        if has {
            let by = self.clone();
            return Ok(Ok(Led { by, federation }));
        }
        Ok(Err(Problem::new(
            Code::NotLead,
            match level {
                Level::Owner => "Only the owner of this federation can do that.",
                _ => "Only the owner and the admins of this federation can do that.",
            },
        )))
    }

    /// Writes down what was done to a federation, in the log of what is of no guild. It comes last in a transaction.
    pub(super) async fn write_down(
        &self,
        tx: &mut Tx,
        call: &Call,
        act: &str,
        id: FederationId,
        body: &Value,
    ) -> Result<(), StoreError> {
        let entry = NewAccess {
            at: call.now(),
            community: None,
            actor_kind: self.kind,
            actor: &self.name,
            act,
            subject: &format!("federation:{id}"),
            body,
        };
        tx.append_access(&entry).await.map(drop)
    }
}

// === impl Led ===

impl Led {
    pub(super) fn id(&self) -> FederationId {
        self.federation.id
    }

    pub(super) fn by(&self) -> &Asker {
        &self.by
    }

    pub(super) async fn write_down(
        &self,
        tx: &mut Tx,
        call: &Call,
        act: &str,
        body: &Value,
    ) -> Result<(), StoreError> {
        self.by.write_down(tx, call, act, self.id(), body).await
    }
}
