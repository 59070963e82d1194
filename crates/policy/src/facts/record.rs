//! What records know about a person and a community, beside the event.

use super::Facts;
use crate::catalogue::Slot;
use crate::duration::Millis;

/// Whoever judges live reads this from the store; each member that is `None` stays unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    pub staff: Option<bool>,
    pub strikes: Option<u32>,
    pub labels: Option<Vec<String>>,
    /// When this installation first saw the account, in milliseconds since 1970.
    pub first_seen: Option<Millis>,
    pub messages: Option<u64>,
    pub guild_mode: Option<String>,
    /// Names of the roles whose ids the event has.
    pub role_names: Vec<String>,
    /// Names of the channel whose id the event has.
    pub channel_names: Vec<String>,
}

// === impl Facts ===

impl Facts {
    pub fn add_record(&mut self, record: &Record) {
        if let Some(staff) = record.staff {
            self.set_flag(Slot::AuthorStaff, staff);
        }
        if let Some(strikes) = record.strikes {
            self.set_number(Slot::AuthorStrikes, i64::from(strikes));
        }
        if let Some(labels) = &record.labels {
            self.add_words(Slot::AuthorLabels, labels.iter().map(String::as_str));
        }
        if let Some(first) = record.first_seen {
            self.set_number(Slot::AuthorFirstSeen, self.at.saturating_sub(first).max(0));
        }
        if let Some(messages) = record.messages {
            self.set_number(Slot::AuthorMessages, i64::try_from(messages).unwrap_or(i64::MAX));
        }
        if let Some(mode) = &record.guild_mode {
            self.set_word(Slot::GuildMode, mode);
        }
        if !record.role_names.is_empty() {
            self.add_words(Slot::AuthorRoles, record.role_names.iter().map(String::as_str));
        }
        if !record.channel_names.is_empty() {
            self.add_words(Slot::Channel, record.channel_names.iter().map(String::as_str));
        }
    }
}
