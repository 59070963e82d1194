//! Whether Telegram knows us.

use anyhow::Context as _;
use lockdown_runtime::probe::{Probe, Seen, innermost};
use lockdown_runtime::{Secret, SecretUrl};
use std::time::Duration;
use teloxide::prelude::{Bot, Requester};
use teloxide::{ApiError, RequestError};

/// Telegram answers within seconds or not at all.
const PATIENCE: Duration = Duration::from_secs(10);

const REFUSED: &str =
    "Telegram refuses the token: set TELEGRAM_TOKEN to the one that BotFather shows and start again";

/// The bot's own account, by its token.
pub(crate) struct Account(Bot);

// === impl Account ===

impl Account {
    pub(crate) fn new(token: &Secret, api_url: Option<&SecretUrl>) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .build()
            .context("could not make an HTTP client")?;
        let bot = Bot::with_client(token.expose(), client);
        Ok(Self(match api_url {
            Some(url) => bot.set_api_url(url.url().clone()),
            None => bot,
        }))
    }
}

impl Probe for Account {
    async fn look(&self) -> Seen {
        match self.0.get_me().await {
            Ok(_) => Seen::Well,
            Err(RequestError::Api(ApiError::InvalidToken)) => Seen::Refused(REFUSED.to_owned()),
            Err(error) => Seen::Away(format!("Telegram cannot be reached: {}", innermost(&error))),
        }
    }
}
