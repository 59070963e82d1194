//! Sign-in with Discord: its authorization codes (OAuth 2), with a state and the proof that whoever brings the code is the
//! one who asked for it (PKCE).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockdown_runtime::config::Discord as Config;
use lockdown_runtime::ids::random_token;
use lockdown_runtime::{Secret, SecretUrl, chain};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

const API: &str = "https://discord.com";
/// Somebody waits with their browser.
const PATIENCE: Duration = Duration::from_secs(10);
/// More is no answer of Discord's.
const LONGEST: usize = 64 * 1024;
const STATE_BYTES: usize = 16;
/// 64 digits, of the 43 to 128 that a verifier has.
const VERIFIER_BYTES: usize = 32;

/// Discord, as it knows this installation.
pub(crate) struct Discord {
    id: String,
    secret: Secret,
    base: SecretUrl,
    client: reqwest::Client,
}

/// What a browser keeps while its owner is at Discord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) state: String,
    verifier: String,
}

/// Who came back.
#[derive(Debug, Deserialize)]
pub(crate) struct Known {
    pub(crate) id: String,
}

#[derive(Debug)]
pub(crate) enum Refused {
    /// Discord does not take the code: it is old, used or somebody else's.
    Code,
    /// Discord could not be asked, or answered with something else.
    Away,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

// === impl Way ===

impl Way {
    pub(crate) fn new() -> Self {
        Self {
            state: random_token(STATE_BYTES),
            verifier: random_token(VERIFIER_BYTES),
        }
    }

    pub(crate) fn of_cookie(text: &str) -> Option<Self> {
        let (state, verifier) = text.split_once('.')?;
        Some(Self {
            state: state.to_owned(),
            verifier: verifier.to_owned(),
        })
    }

    pub(crate) fn cookie(&self) -> String {
        format!("{}.{}", self.state, self.verifier)
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier))
    }
}

// === impl Discord ===

impl Discord {
    /// `None` where this installation is not known to Discord as an application.
    pub(crate) fn of(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some((id, secret)) = &config.application else {
            return Ok(None);
        };
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let base = match &config.api_url {
            Some(url) => url.clone(),
            None => SecretUrl::new(API.parse()?),
        };
        Ok(Some(Self {
            id: id.clone(),
            secret: secret.clone(),
            base,
            client,
        }))
    }

    /// Where a browser is sent to be asked who it is.
    pub(crate) fn address(&self, way: &Way, back: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.id)
            .append_pair("scope", "identify")
            .append_pair("redirect_uri", back)
            .append_pair("state", &way.state)
            .append_pair("code_challenge", &way.challenge())
            .append_pair("code_challenge_method", "S256")
            .append_pair("prompt", "none")
            .finish();
        format!("{}?{query}", self.base.join_path("oauth2/authorize").expose())
    }

    /// Whom a code stands for. It stands for them once.
    pub(crate) async fn who(&self, way: &Way, code: &str, back: &str) -> Result<Known, Refused> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", back)
            .append_pair("code_verifier", &way.verifier)
            .finish();
        let asked = self
            .client
            .post(self.base.join_path("api/v10/oauth2/token").expose())
            .basic_auth(&self.id, Some(self.secret.expose()))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form);
        let token: Token = answered(asked).await?;
        let asked = self
            .client
            .get(self.base.join_path("api/v10/users/@me").expose())
            .bearer_auth(token.access_token);
        // The token is not kept: who they are is all that it is for.
        answered(asked).await
    }
}

async fn answered<T: for<'de> Deserialize<'de>>(asked: reqwest::RequestBuilder) -> Result<T, Refused> {
    let away = |error: &(dyn std::error::Error + 'static)| {
        tracing::warn!("Discord did not say who somebody is: {}", chain(error));
        Refused::Away
    };
    let mut response = asked.send().await.map_err(|error| away(&error.without_url()))?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(piece) = response
        .chunk()
        .await
        .map_err(|error| away(&error.without_url()))?
    {
        body.extend_from_slice(&piece);
        if body.len() > LONGEST {
            return Err(Refused::Away);
        }
    }
    if status.is_client_error() && status != reqwest::StatusCode::TOO_MANY_REQUESTS {
        tracing::info!(%status, "Discord refused a sign-in: {status}");
        return Err(Refused::Code);
    }
    if !status.is_success() {
        tracing::warn!(%status, "Discord did not say who somebody is: {status}");
        return Err(Refused::Away);
    }
    serde_json::from_slice(&body).map_err(|error| away(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_goes_through_a_cookie_and_its_challenge_is_as_the_standard_has_it() {
        let way = Way::new();
        assert_eq!(Way::of_cookie(&way.cookie()), Some(way.clone()));
        assert_ne!(way, Way::new());
        assert_eq!(Way::of_cookie("no-point"), None);
        // RFC 7636, appendix B.
        let known = Way {
            state: String::new(),
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into(),
        };
        assert_eq!(known.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
