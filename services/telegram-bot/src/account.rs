//! Whether Telegram knows us.

use lockdown_runtime::probe::{Probe, Seen, innermost};
use teloxide::prelude::{Bot, Requester};
use teloxide::{ApiError, RequestError};

const REFUSED: &str =
    "Telegram refuses the token: set TELEGRAM_TOKEN to the one that BotFather shows and start again";

/// The bot's own account, by its token.
pub(crate) struct Account(Bot);

// === impl Account ===

impl Account {
    pub(crate) fn new(bot: Bot) -> Self {
        Self(bot)
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
