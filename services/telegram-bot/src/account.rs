//! Whether Telegram knows us.

use lockdown_runtime::probe::{Probe, Seen, innermost};
use teloxide::prelude::{Bot, Requester};
use teloxide::{ApiError, RequestError};

const REFUSED: &str =
    "Telegram refuses the token: set TELEGRAM_TOKEN to the one that BotFather shows and start again";

const PRIVATE: &str = "Telegram shows the bot only commands in groups where it is no administrator: make it an \
    administrator there, or switch its group privacy off at BotFather (/setprivacy)";

/// What the account lacks, each with what to do about it.
pub(crate) async fn lacking(bot: &Bot) -> Vec<String> {
    match bot.get_me().await {
        Ok(me) if me.can_read_all_group_messages => Vec::new(),
        Ok(_) => vec![PRIVATE.to_owned()],
        Err(error) => vec![told(&error)],
    }
}

fn told(error: &RequestError) -> String {
    match error {
        RequestError::Api(ApiError::InvalidToken) => REFUSED.to_owned(),
        error => format!("Telegram cannot be reached: {}", innermost(error)),
    }
}

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
            Err(error @ RequestError::Api(ApiError::InvalidToken)) => Seen::Refused(told(&error)),
            Err(error) => Seen::Away(told(&error)),
        }
    }
}
