//! Whether Discord knows us.

use anyhow::Context as _;
use lockdown_runtime::probe::{Probe, Seen, innermost};
use lockdown_runtime::{Secret, SecretUrl};
use serenity::http::{Http, HttpBuilder, HttpError};
use std::time::Duration;

/// Discord answers within seconds or not at all; the library itself would wait for ever.
const PATIENCE: Duration = Duration::from_secs(10);

const REFUSED: &str = "Discord refuses the token: set DISCORD_TOKEN to the one on the Bot page of the developer \
                       portal and start again";

/// The bot's own account, by its token.
pub(crate) struct Account(Http);

// === impl Account ===

impl Account {
    pub(crate) fn new(token: &Secret, api_url: Option<&SecretUrl>) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .build()
            .context("could not make an HTTP client")?;
        // The library's own limiter ignores the proxy and hides what Discord says of its limits.
        let mut builder = HttpBuilder::new(token.expose())
            .client(client)
            .ratelimiter_disabled(true);
        if let Some(url) = api_url {
            builder = builder.proxy(url.expose().trim_end_matches('/'));
        }
        Ok(Self(builder.build()))
    }
}

impl Probe for Account {
    async fn look(&self) -> Seen {
        match self.0.get_current_user().await {
            Ok(_) => Seen::Well,
            Err(serenity::Error::Http(HttpError::UnsuccessfulRequest(answer))) => {
                match answer.status_code.as_u16() {
                    401 => Seen::Refused(REFUSED.to_owned()),
                    status => Seen::Away(format!("Discord answers {status}")),
                }
            }
            Err(error) => Seen::Away(format!("Discord cannot be reached: {}", innermost(&error))),
        }
    }
}
