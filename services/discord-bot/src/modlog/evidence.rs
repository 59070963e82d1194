//! What a moderator attached to a case: Discord forgets what hangs on a command, so it is kept where the log is.

use super::archive::KEPT_BYTES;
use super::{ModLog, embed, of};
use crate::intake::Attached;
use crate::read;
use crate::rest::{Ask, File, Priority, RestError};
use crate::words::WORDS;
use lockdown_events::{ChannelId, GuildId, MessageId, MessageRef, UserId};
use lockdown_runtime::ids::hex;
use serenity::http::Route;
use sha2::{Digest as _, Sha256};

/// A file that shows why a case was made.
pub(crate) struct Proof<'a> {
    pub(crate) guild: &'a GuildId,
    pub(crate) case: u64,
    pub(crate) user: &'a UserId,
    pub(crate) by: &'a UserId,
    pub(crate) file: &'a Attached,
    /// Of the interaction: kept once.
    pub(crate) id: u64,
}

/// Why a file was not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotKept {
    /// The guild has no log that we may write files into.
    #[error("there is no channel for it")]
    Nowhere,
    #[error("it could not be read: {0}")]
    Unread(#[source] RestError),
    #[error("Discord did not take it: {0}")]
    Unsent(#[source] RestError),
}

// === impl ModLog ===

impl ModLog {
    /// Puts a file where the log is; the message that has it now.
    pub(crate) async fn keep(&self, proof: &Proof<'_>) -> Result<MessageRef, NotKept> {
        let guild: u64 = proof.guild.as_str().parse().map_err(|_| NotKept::Nowhere)?;
        let settings = self.book.of(&of(proof.guild)).await;
        let log = self.channel(guild, &settings);
        let log = log.filter(|log| self.is_open(guild, *log) && self.takes_files(guild, *log));
        let log = log.ok_or(NotKept::Nowhere)?;
        let url = proof.file.url.as_deref().unwrap_or_default();
        let read = self.discord.rest.attachment(url, KEPT_BYTES).await;
        let bytes = read.map_err(NotKept::Unread)?;
        let file = Attached {
            sha256: Some(hex(&Sha256::digest(&bytes))),
            ..proof.file.clone()
        };
        let proof = Proof {
            file: &file,
            ..*proof
        };
        let mut body = embed::evidence(WORDS.tongue(Some(&settings.locale)), &proof);
        // Asked for again after a lost answer, the same is not said twice.
        body["nonce"] = format!("{:x}-f", proof.id).into();
        body["enforce_nonce"] = true.into();
        // Nobody sees it who does not want to.
        let name = format!("SPOILER_{}", file.name);
        let route = Route::ChannelMessages {
            channel_id: log.into(),
        };
        let ask = Ask::post(route, log).files(&body, &[File { name, bytes }]);
        let sent = self.discord.rest.call(ask.priority(Priority::Notice)).await;
        let sent = sent.map_err(NotKept::Unsent)?;
        let message = read::id(&sent["id"]).and_then(|id| MessageId::new(&id.to_string()).ok());
        let message_id = message
            .ok_or_else(|| NotKept::Unsent(RestError::Unavailable("Discord names no message".to_owned())))?;
        Ok(MessageRef {
            channel_id: ChannelId::new(&log.to_string()).ok(),
            message_id,
        })
    }
}
