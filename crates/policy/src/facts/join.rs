//! Facts of people coming in and changing their names.

use super::Facts;
use super::compose::Composed;
use super::links::Found;
use crate::catalogue::Slot;
use crate::duration::Millis;
use crate::event::EventKind;
use crate::text::Text;
use lockdown_events::{EventId, Names, Platform, UserJoined, UserUpdated};

pub(super) fn names(names: &Names) -> impl Iterator<Item = &str> {
    let all = [&names.username, &names.display_name, &names.nick, &names.tag];
    all.into_iter().filter_map(|name| name.as_deref())
}

// === impl Facts ===

impl Facts {
    pub fn of_join(event_id: EventId, at: Millis, join: &UserJoined) -> Self {
        let mut facts = Self::new(event_id, EventKind::Join, join.platform, at);
        join.guild_id.as_str().clone_into(&mut facts.guild);
        join.user_id.as_str().clone_into(&mut facts.author);
        facts.set_word(Slot::AuthorKind, if join.bot { "bot" } else { "person" });
        facts.set_flag(Slot::AuthorBot, join.bot);
        facts.set_text(
            Slot::AuthorNames,
            Composed::default().all(names(&join.names)).done(),
        );
        if let Some(created) = join.account_created_at {
            facts.set_age(Slot::AuthorAccountAge, created.timestamp_millis());
        }
        facts.set_number(Slot::AuthorMemberAge, 0);
        facts.set_flag(Slot::JoinInvited, join.inviter_id.is_some());
        facts.set_flag(Slot::JoinReturned, join.rejoined);
        // Telegram does not tell whether somebody has a picture, only which where we know it.
        if join.avatar.is_some() || join.platform == Platform::Discord {
            facts.set_flag(Slot::AuthorAvatar, join.avatar.is_some());
        }
        facts.avatar.clone_from(&join.avatar);
        facts.add_words(Slot::JoinInvite, join.invite_code.as_deref());
        facts
    }

    /// `None` when no name is part of the change.
    pub fn of_names(event_id: EventId, at: Millis, update: &UserUpdated) -> Option<Self> {
        let before: Vec<&str> = update.previous.iter().flat_map(names).collect();
        let new: Vec<&str> = names(&update.names)
            .filter(|name| !before.contains(name))
            .collect();
        if new.is_empty() {
            return None;
        }
        let mut facts = Self::new(event_id, EventKind::Nickname, update.platform, at);
        update.guild_id.as_str().clone_into(&mut facts.guild);
        update.user_id.as_str().clone_into(&mut facts.author);
        if let Some(administrator) = update.administrator {
            facts.set_flag(Slot::AuthorStaff, administrator);
        }
        if let Some(roles) = &update.roles {
            facts.add_words(
                Slot::AuthorRoles,
                roles.iter().map(lockdown_events::RoleId::as_str),
            );
        }
        let text = Composed::default().all(new).done();
        let read = Text::of(&text);
        let mut found = Found::default();
        found.text(&read);
        found.set(&mut facts);
        facts.scan(&read);
        facts.set_text(
            Slot::AuthorNames,
            Composed::default().all(names(&update.names)).done(),
        );
        facts.set_text(Slot::Text, text);
        Some(facts)
    }

    pub(super) fn set_age(&mut self, slot: Slot, since: Millis) {
        self.set_number(slot, self.at.saturating_sub(since).max(0));
    }
}
