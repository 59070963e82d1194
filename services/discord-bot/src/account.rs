//! Whether Discord knows us, and who we are there.

use crate::rest::{Ask, Rest, RestError};
use lockdown_runtime::probe::{Probe, Seen};
use serde_json::Value;
use serenity::http::Route;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const REFUSED: &str = "Discord refuses the token: set DISCORD_TOKEN to the one on the Bot page of the developer \
                       portal and start again";

/// One look, and no longer: the next one comes.
const PATIENCE: Duration = Duration::from_millis(100);

/// The bot's own account, by its token.
pub(crate) struct Account {
    rest: Arc<Rest>,
    /// Its id, once Discord has said it.
    known: watch::Sender<Option<u64>>,
}

// === impl Account ===

impl Account {
    pub(crate) fn new(rest: Arc<Rest>, known: watch::Sender<Option<u64>>) -> Self {
        Self { rest, known }
    }
}

impl Probe for Account {
    async fn look(&self) -> Seen {
        match self.rest.call(Ask::get(Route::UserMe, 0).within(PATIENCE)).await {
            Ok(me) => match id_of(&me) {
                Some(id) => {
                    self.known.send_if_modified(|known| known.replace(id) != Some(id));
                    Seen::Well
                }
                None => Seen::Away("Discord does not say who the bot is".to_owned()),
            },
            Err(RestError::Token) => Seen::Refused(REFUSED.to_owned()),
            Err(RestError::Refused { status, .. }) => Seen::Away(format!("Discord answers {status}")),
            Err(error) => Seen::Away(error.to_string()),
        }
    }
}

fn id_of(me: &Value) -> Option<u64> {
    me["id"].as_str()?.parse().ok()
}
