//! One request of a browser that signs in or out: who it is, what it sent, and the session that it gets.

use super::cookie::{Cookies, Kind};
use super::{HOME, page, seen, shown};
use crate::api::person::{self, Person};
use crate::api::{Api, Door, Peer, address, read_body};
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use lockdown_events::{Platform, UserId};
use lockdown_runtime::chain;
use lockdown_store::access_log::NewAccess;
use lockdown_store::accounts::{Account, AccountId};
use lockdown_store::audit::ActorKind;
use lockdown_store::people::Identity;
use lockdown_store::sessions::{Session, SessionId};
use lockdown_store::{Bearer, Retry, StoreError, Tx, in_tx};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;

/// Enough to recognise a browser by.
const LONGEST_AGENT: usize = 200;

pub(super) struct Visit {
    pub(super) api: Arc<Api>,
    headers: HeaderMap,
    query: Vec<(String, String)>,
    /// The one that limits know.
    network: String,
    peer: Option<String>,
    _slot: OwnedSemaphorePermit,
}

/// Why a page is not what was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    status: StatusCode,
    title: &'static str,
    words: &'static str,
    retry_after: Option<u64>,
}

/// A session that is about to begin.
pub(super) struct Opening {
    session: SessionId,
    secret: Bearer,
    address: Option<String>,
    agent: Option<String>,
    how: &'static str,
    pub(super) now: DateTime<Utc>,
    account: AccountId,
}

/// Why nobody was let in.
#[derive(Debug)]
enum Failed {
    Store(StoreError),
    Stop(Stop),
}

pub(super) fn field<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    let found = fields.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

/// Ends a session, and writes it down.
pub(crate) async fn end_session(
    tx: &mut Tx,
    account: AccountId,
    session: SessionId,
    why: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    if !tx.end_session(account, session).await? {
        return Ok(false);
    }
    tx.append_access(&NewAccess {
        at: now,
        community: None,
        actor_kind: ActorKind::Person,
        actor: &account.to_string(),
        act: "session:end",
        subject: &format!("session:{session}"),
        body: &json!({ "by": why }),
    })
    .await?;
    Ok(true)
}

// === impl Visit ===

impl Visit {
    pub(super) async fn begin(door: &Door, request: Request) -> Result<(Self, Body), Stop> {
        let api = door.get().ok_or(Stop::STARTING)?;
        let slot = Arc::clone(&api.slots).try_acquire_owned();
        let slot = slot.map_err(|_| Stop::OVERLOADED)?;
        let (head, body) = request.into_parts();
        let peer = head.extensions.get::<Peer>().map(|peer| peer.0.ip());
        let query = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
        let visit = Self {
            api: Arc::clone(api),
            query: query.into_owned().collect(),
            headers: head.headers,
            network: address(peer),
            peer: peer.map(|peer| peer.to_canonical().to_string()),
            _slot: slot,
        };
        let standing = visit.api.strangers.look(&visit.network, Instant::now());
        standing.map_err(|wait| Stop::limited(wait.0))?;
        Ok((visit, body))
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.api.ctx.clock.now()
    }

    /// Of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        field(&self.query, name)
    }

    pub(super) fn cookie(&self, kind: Kind) -> Option<&str> {
        self.api.ways.cookies.sent(kind, &self.headers)
    }

    /// Who is signed in already.
    pub(super) async fn person(&self) -> Result<Option<Person>, Stop> {
        match self.cookie(Kind::Session) {
            Some(sent) => Ok(Person::of(&self.api.store, sent, self.now()).await?),
            None => Ok(None),
        }
    }

    pub(super) async fn form(&self, body: Body) -> Result<Vec<(String, String)>, Stop> {
        let body = read_body(body, &self.headers)
            .await
            .map_err(|_| Stop::MALFORMED)?;
        Ok(form_urlencoded::parse(&body).into_owned().collect())
    }

    /// That a page of ours sent it: another site must not sign anybody in, not even as somebody else.
    pub(super) fn is_from_here(&self) -> Result<(), Stop> {
        let is_ours = self.api.ways.is_from_here(&self.headers);
        is_ours.then_some(()).ok_or(Stop::FOREIGN)
    }

    /// A refusal, which takes from what strangers at this address may try.
    pub(super) fn refuse(&self, stop: Stop) -> Stop {
        match self.api.strangers.take(&self.network, Instant::now()) {
            Ok(_) => stop,
            Err(wait) => Stop::limited(wait.0),
        }
    }

    /// Opens a session for whoever a platform vouches for. `proof` counts once.
    pub(super) async fn open_for(
        &self,
        platform: Platform,
        native_id: &str,
        proof: Option<(&[u8], DateTime<Utc>)>,
    ) -> Result<Response, Stop> {
        let Ok(native_id) = UserId::new(native_id) else {
            return Err(self.refuse(Stop::NOBODY));
        };
        let opening = Opening::new(self, platform.as_str());
        let opened = in_tx!(self.api.store, |tx| {
            if let Some((hash, until)) = proof
                && !tx.use_sign_in_proof(hash, until).await?
            {
                return Err(Failed::Stop(Stop::USED));
            }
            let known = tx.identity(platform, &native_id).await?;
            let identity = known.ok_or(Failed::Stop(Stop::NOBODY))?;
            let account = opening.account_of(tx, &identity).await?;
            Ok::<_, Failed>(opening.open(tx, account.id).await?)
        });
        match opened {
            Ok(()) => Ok(opening.answer(&self.api.ways.cookies)),
            Err(Failed::Store(error)) => Err(error.into()),
            Err(Failed::Stop(stop)) => Err(self.refuse(stop)),
        }
    }
}

// === impl Opening ===

impl Opening {
    pub(super) fn new(visit: &Visit, how: &'static str) -> Self {
        let agent = visit
            .headers
            .get(header::USER_AGENT)
            .and_then(|agent| agent.to_str().ok());
        let ids = &visit.api.ctx.ids;
        Self {
            session: SessionId(ids.next()),
            secret: Bearer::for_session(),
            address: visit.peer.clone(),
            agent: agent.map(|agent| agent.chars().take(LONGEST_AGENT).collect()),
            how,
            now: visit.now(),
            account: AccountId(ids.next()),
        }
    }

    pub(super) async fn open(&self, tx: &mut Tx, account: AccountId) -> Result<(), StoreError> {
        let session = Session {
            id: self.session,
            account_id: account,
            created_at: self.now,
            last_seen_at: self.now,
            expires_at: person::ends(self.now, self.now),
            address: self.address.clone(),
            user_agent: self.agent.clone(),
        };
        tx.insert_session(&session, &self.secret).await?;
        tx.append_access(&NewAccess {
            at: self.now,
            community: None,
            actor_kind: ActorKind::Person,
            actor: &account.to_string(),
            act: "session:begin",
            subject: &format!("session:{}", self.session),
            body: &json!({ "by": self.how }),
        })
        .await
        .map(drop)
    }

    /// Whose an identity is. Somebody who has a role here and no account gets one.
    async fn account_of(&self, tx: &mut Tx, identity: &Identity) -> Result<Account, Failed> {
        let may = |account: Account| match account.disabled_at {
            None => Ok(account),
            Some(_) => Err(Failed::Stop(Stop::NOBODY)),
        };
        if let Some(account) = tx.account_of(identity.id).await? {
            return may(account);
        }
        let account = Account {
            id: self.account,
            login: format!("{}:{}", identity.platform, identity.native_id),
            created_at: self.now,
            disabled_at: None,
            operator_since: None,
        };
        if !tx.insert_account(&account, None).await? {
            // Another request of the same person came first, or somebody has this for a name.
            let other = tx.account_of(identity.id).await?;
            return other.map_or(Err(Failed::Stop(Stop::NOBODY)), may);
        }
        tx.link_identity(account.id, identity.id, self.now).await?;
        if tx.roles_of_account(account.id, &[identity.id]).await?.is_empty() {
            // What was written is rolled back.
            return Err(Failed::Stop(Stop::NOBODY));
        }
        Ok(account)
    }

    /// Tells the browser its session.
    pub(super) fn answer(&self, cookies: &Cookies) -> Response {
        tracing::info!(session = %self.session, by = self.how, "Somebody signed in");
        let mut response = seen(HOME);
        let headers = response.headers_mut();
        let session = cookies.set(Kind::Session, self.secret.expose(), person::LONGEST);
        headers.append(header::SET_COOKIE, session);
        headers.append(header::SET_COOKIE, cookies.forget(Kind::Way));
        response
    }
}

// === impl Failed ===

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Retry for Failed {
    fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Stop(_) => false,
        }
    }
}

// === impl Stop ===

impl Stop {
    pub(super) const BAD_LINK: Self = Self::new(
        StatusCode::FORBIDDEN,
        "This link opens nothing",
        "It was used before, or is too old: a link is good once, and for a short time. Ask for another one.",
    );
    pub(super) const NOBODY: Self = Self::new(
        StatusCode::FORBIDDEN,
        "You have no role here",
        "Nobody has given this account a role. Ask an owner of your community for one, and sign in again.",
    );
    pub(super) const USED: Self = Self::new(
        StatusCode::FORBIDDEN,
        "That was used before",
        "What your platform said of you counts once. Begin again.",
    );
    pub(super) const LOST: Self = Self::new(
        StatusCode::FORBIDDEN,
        "You did not begin here",
        "This browser has not asked to sign in, or too long ago. Begin again.",
    );
    pub(super) const DECLINED: Self = Self::new(
        StatusCode::FORBIDDEN,
        "You were not signed in",
        "Your platform did not say who you are. Begin again when you want to.",
    );
    pub(super) const FOREIGN: Self = Self::new(
        StatusCode::FORBIDDEN,
        "That came from elsewhere",
        "Another site sent this. If it was you, go back and try again.",
    );
    pub(super) const AWAY: Self = Self::new(
        StatusCode::BAD_GATEWAY,
        "Your platform does not answer",
        "It could not be asked who you are. Try again in a moment.",
    );
    pub(super) const NO_SUCH_WAY: Self = Self::new(
        StatusCode::NOT_FOUND,
        "There is no such way in",
        "Whoever runs this installation has not set it up.",
    );
    const MALFORMED: Self = Self::new(
        StatusCode::BAD_REQUEST,
        "That was not understood",
        "The form was not sent as it should be. Go back and try again.",
    );
    const UNAVAILABLE: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "Not right now",
        "The store cannot be reached. Try again in a moment.",
    );
    const STARTING: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "It is starting",
        "The store or the bus is not open yet. Try again in a moment.",
    );
    const OVERLOADED: Self = Self::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "Too much at once",
        "Too much is being worked at. Try again in a moment.",
    );

    const fn new(status: StatusCode, title: &'static str, words: &'static str) -> Self {
        Self {
            status,
            title,
            words,
            retry_after: None,
        }
    }

    fn limited(seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many tries",
                "There were too many tries from your network. Wait a moment.",
            )
        }
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        tracing::warn!("A sign-in could not be looked up: {}", chain(&error));
        Self::UNAVAILABLE
    }
}

impl IntoResponse for Stop {
    fn into_response(self) -> Response {
        let mut response = shown(page::stopped(self.title, self.words));
        *response.status_mut() = self.status;
        let retry = self.retry_after.map(HeaderValue::from);
        if let Some(retry) = retry {
            response.headers_mut().insert(header::RETRY_AFTER, retry);
        }
        response
    }
}
