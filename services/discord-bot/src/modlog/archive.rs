//! What the rules took away, as it was: its words, and what hung on it.

use super::{ModLog, embed, of};
use crate::effects::permissions::ATTACH_FILES;
use crate::intake::{Attached, Said};
use crate::rest::{Ask, File, Priority};
use crate::words::WORDS;
use futures_util::future::join_all;
use lockdown_events::GuildId;
use lockdown_runtime::ids::hex;
use serenity::http::Route;
use sha2::{Digest as _, Sha256};

/// Of the attachments of one removal, no more than so many are kept, and no more bytes together.
const KEPT_FILES: usize = 10;
pub(super) const KEPT_BYTES: usize = 8 << 20;

// === impl ModLog ===

impl ModLog {
    /// Reads what hangs on these messages, as long as it is there: with its hash, and within [`KEPT_BYTES`] for the log.
    /// Where there is no log, nothing waits for it.
    pub(crate) async fn keep_files(&self, guild: u64, said: &mut [(u64, Option<Said>)]) -> Vec<File> {
        let messages = said.iter_mut().filter_map(|(_, said)| said.as_mut());
        let mut attached: Vec<&mut Attached> = messages.flat_map(|said| &mut said.attachments).collect();
        if attached.is_empty() {
            return Vec::new();
        }
        let Ok(id) = GuildId::new(&guild.to_string()) else {
            return Vec::new();
        };
        let settings = self.book.of(&of(&id)).await;
        if self
            .channel(guild, &settings)
            .is_none_or(|log| !self.is_open(guild, log))
        {
            return Vec::new();
        }
        attached.truncate(KEPT_FILES);
        let reading = attached.iter().map(|attached| async move {
            let url = attached.url.as_deref()?;
            match self.discord.rest.attachment(url, KEPT_BYTES).await {
                Ok(bytes) => Some(bytes),
                Err(error) => {
                    tracing::info!(guild, "An attachment is not kept: {error}");
                    None
                }
            }
        });
        let read = join_all(reading).await;
        let (mut files, mut room) = (Vec::new(), KEPT_BYTES);
        for (attached, bytes) in attached.into_iter().zip(read) {
            let Some(bytes) = bytes else { continue };
            attached.sha256 = Some(hex(&Sha256::digest(&bytes)));
            if let Some(left) = room.checked_sub(bytes.len()) {
                room = left;
                // Nobody sees it who does not want to.
                let name = format!("SPOILER_{}", attached.name);
                files.push(File { name, bytes });
            }
        }
        // With files that Discord does not take, it would take nothing of it.
        let log = self.channel(guild, &settings);
        files.retain(|_| log.is_some_and(|log| self.takes_files(guild, log)));
        files
    }

    /// Whether we may attach files there.
    pub(super) fn takes_files(&self, guild: u64, channel: u64) -> bool {
        let held = self.discord.guilds.own_permissions_in(guild, channel);
        held.is_none_or(|held| held & ATTACH_FILES != 0)
    }

    /// Shows the moderators what the rules took away, as it was.
    pub(crate) async fn archive(
        &self,
        (guild, channel): (u64, u64),
        why: &str,
        said: &[(u64, Option<Said>)],
        files: &[File],
    ) {
        let Ok(id) = GuildId::new(&guild.to_string()) else {
            return;
        };
        let settings = self.book.of(&of(&id)).await;
        let log = self.channel(guild, &settings);
        // What is taken away there would be told there, and so on.
        let Some(log) = log.filter(|log| *log != channel && self.is_open(guild, *log)) else {
            return;
        };
        let tongue = WORDS.tongue(Some(&settings.locale));
        let mut body = embed::archive(tongue, channel, why, said);
        body["nonce"] = format!("{:x}", said.first().map_or(0, |(message, _)| *message)).into();
        body["enforce_nonce"] = true.into();
        let route = Route::ChannelMessages {
            channel_id: log.into(),
        };
        let ask = Ask::post(route, log)
            .files(&body, files)
            .priority(Priority::Notice);
        if let Err(error) = self.discord.rest.call(ask).await {
            let count = said.len();
            tracing::warn!(
                guild,
                channel,
                "{count} removed messages are not in the moderators' log: {error}"
            );
        }
    }
}
