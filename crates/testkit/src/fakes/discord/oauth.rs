//! Applications through which people sign in: the page that asks them, codes, and tokens (OAuth 2 with PKCE).

use super::http::{Sent, query};
use super::rest::{Answer, Call};
use super::world::World;
use super::{FakeDiscord, lock};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_runtime::ids::random_token;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// A code is good for so long, and once.
const CODE: TimeDelta = TimeDelta::minutes(1);
const TOKEN: TimeDelta = TimeDelta::days(7);

/// What the applications, codes and tokens are.
#[derive(Default)]
pub(super) struct Applications {
    known: Vec<Application>,
    /// Whose browser it is that comes next; `None` declines.
    at_browser: Option<u64>,
    codes: BTreeMap<String, Code>,
    tokens: BTreeMap<String, (u64, DateTime<Utc>)>,
}

struct Application {
    id: u64,
    secret: String,
    /// The only address that is come back to.
    back: String,
}

struct Code {
    application: u64,
    user: u64,
    back: String,
    challenge: String,
    until: DateTime<Utc>,
}

// === impl FakeDiscord ===

impl FakeDiscord {
    /// Makes an application with this secret, which people come back from to this address; returns its id.
    pub fn add_application(&self, secret: &str, back: &str) -> u64 {
        let mut world = lock(&self.world);
        let id = world.id();
        world.applications.known.push(Application {
            id,
            secret: secret.to_owned(),
            back: back.to_owned(),
        });
        id
    }

    /// Whoever is asked from now on is this person and agrees; `None` declines.
    pub fn at_browser(&self, user: Option<u64>) {
        lock(&self.world).applications.at_browser = user;
    }
}

/// The page that asks somebody, answered at once.
pub(super) fn authorize(world: &mut World, asked: &BTreeMap<String, String>) -> Sent {
    let find = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    let application = world
        .applications
        .known
        .iter()
        .find(|known| known.id.to_string() == find("client_id") && known.back == find("redirect_uri"));
    // An address that was not agreed on is never gone to.
    let Some(application) = application.map(|known| known.id) else {
        return Sent::page(400);
    };
    let fits = find("response_type") == "code"
        && find("code_challenge_method") == "S256"
        && find("code_challenge").len() == 43
        && find("scope") == "identify";
    let (back, state) = (find("redirect_uri").to_owned(), find("state"));
    let told = match world.applications.at_browser {
        _ if !fits => "error=invalid_request".to_owned(),
        None => "error=access_denied".to_owned(),
        Some(user) => {
            let code = random_token(15);
            let until = world.now() + CODE;
            let challenge = find("code_challenge").to_owned();
            world.applications.codes.insert(
                code.clone(),
                Code {
                    application,
                    user,
                    back: back.clone(),
                    challenge,
                    until,
                },
            );
            format!("code={code}")
        }
    };
    Sent::elsewhere(format!("{back}?{told}&state={state}"))
}

/// A code for a token.
pub(super) fn token(world: &mut World, call: &Call) -> Answer {
    let form = query(&call.form);
    let find = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let sent = call
        .token
        .as_deref()
        .and_then(|value| value.strip_prefix("Basic "));
    let sent = sent.and_then(|text| STANDARD.decode(text).ok());
    let sent = sent
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default();
    let is_sent = |known: &&Application| format!("{}:{}", known.id, known.secret) == sent;
    let Some(application) = world
        .applications
        .known
        .iter()
        .find(is_sent)
        .map(|known| known.id)
    else {
        return refused(401, "invalid_client");
    };
    // Whatever is wrong with it, a code that came once is not taken again.
    let code = world.applications.codes.remove(find("code"));
    let now = world.now();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(find("code_verifier")));
    let is_good = |code: &Code| {
        code.application == application
            && code.back == find("redirect_uri")
            && code.challenge == challenge
            && code.until > now
            && find("grant_type") == "authorization_code"
    };
    let Some(code) = code.filter(is_good) else {
        return refused(400, "invalid_grant");
    };
    let token = random_token(15);
    world
        .applications
        .tokens
        .insert(token.clone(), (code.user, now + TOKEN));
    let body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": TOKEN.num_seconds(),
        "refresh_token": random_token(15), "scope": "identify" });
    Answer {
        status: 200,
        body: Some(body),
    }
}

/// Whose token it is.
pub(super) fn who(world: &World, call: &Call) -> Option<u64> {
    let sent = call.token.as_deref()?.strip_prefix("Bearer ")?;
    let (user, until) = world.applications.tokens.get(sent)?;
    (*until > world.now()).then_some(*user)
}

fn refused(status: u16, error: &str) -> Answer {
    Answer {
        status,
        body: Some(json!({ "error": error })),
    }
}
