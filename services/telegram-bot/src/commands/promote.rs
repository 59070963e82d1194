//! Who keeps order: somebody is given rights or loses them. Nobody gives more than they have themselves, nor takes from those
//! who have more.

use super::parse::{Command, Fault};
use super::{Commands, LOOK_STAYS, No, OUTCOME_STAYS, Said, Stop};
use crate::administrators::{GIVEN, Staff};
use crate::client::{Class, Promote};
use crate::speaker::Line;
use lockdown_events::{GuildId, UserId};
use lockdown_moderation::{Platform as _, Right};
use lockdown_runtime::chain;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Who has it could give rights on.
const PROMOTES: &str = "can_promote_members";

// === impl Commands ===

impl Commands {
    pub(super) async fn promote(self: &Arc<Self>, said: &Said, command: &Command) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let subject = self.subject(command)?.ok_or(No::Fault(Fault::Whom))?;
        let name = self.name(&subject);
        let no = |key: &str| Stop::No(No::Words(tongue.say(key, &[("name", &name)])));
        let staff = self.fresh_staff(guild).await?;
        let id = number(&subject);
        if staff.ranks.contains_key(&id) {
            return Err(no("promote.already"));
        }
        let member = self.telegram.member(guild, &subject).await;
        match member.map_err(|error| Stop::Again(chain(&error)))? {
            Some(member) if id > 0 && !member.bot => {}
            _ => return Err(no("promote.absent")),
        }
        let given = given(&staff, number(by), self.client.own());
        if given.is_empty() {
            return Err(no("promote.bot_lacks"));
        }
        self.give(guild, id, &given).await?;
        self.did_to(said, "promote", 1, Some(&subject)).await?;
        self.tell_changed(said, tongue.say("promote.done", &[("name", &name)]));
        Ok(())
    }

    pub(super) async fn demote(self: &Arc<Self>, said: &Said, command: &Command) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let subject = self.subject(command)?.ok_or(No::Fault(Fault::Whom))?;
        let name = self.name(&subject);
        let no = |key: &str| Stop::No(No::Words(tongue.say(key, &[("name", &name)])));
        let staff = self.fresh_staff(guild).await?;
        let id = number(&subject);
        if !staff.ranks.contains_key(&id) {
            return Err(no("demote.none"));
        }
        if !outranks(&staff, number(by), id) {
            return Err(no("demote.above"));
        }
        self.give(guild, id, &[]).await?;
        self.did_to(said, "demote", 1, Some(&subject)).await?;
        self.tell_changed(said, tongue.say("demote.done", &[("name", &name)]));
        Ok(())
    }

    /// Those who keep order, asked for now: rights are given by what is so, not by what was so a while ago.
    async fn fresh_staff(&self, guild: &GuildId) -> Result<Arc<Staff>, Stop> {
        self.administrators.forget(guild);
        Ok(self.administrators.of(guild).await?)
    }

    async fn give(&self, guild: &GuildId, id: i64, given: &[&'static str]) -> Result<(), Stop> {
        let chat = self.client.chat(guild)?;
        let rights: Map<String, Value> = GIVEN
            .iter()
            .map(|right| ((*right).to_owned(), given.contains(right).into()))
            .collect();
        let make = |chat: teloxide::prelude::ChatId| Promote {
            chat_id: chat.0,
            user_id: id,
            rights: rights.clone(),
        };
        let answer = self.client.call(Class::Sanction, chat, make).await;
        self.administrators.forget(guild);
        let Err(error) = answer else {
            return Ok(());
        };
        let error = error.platform(Right::EditOthers);
        Err(if error.is_permanent() {
            let tongue = self.speaker.tongue(guild).await;
            No::Words(tongue.say("promote.refused", &[("why", &chain(&error))])).into()
        } else {
            Stop::Again(chain(&error))
        })
    }

    fn tell_changed(self: &Arc<Self>, said: &Said, words: String) {
        self.tell_later(
            &said.message,
            Line::answer(&said.message, words).staying(OUTCOME_STAYS),
        );
    }

    /// Asks Telegram anew who keeps order.
    pub(super) async fn refresh(self: &Arc<Self>, said: &Said) -> Result<(), Stop> {
        let guild = &said.message.guild_id;
        let staff = self.fresh_staff(guild).await?;
        let tongue = self.speaker.tongue(guild).await;
        let count = u64::try_from(staff.keepers.len()).unwrap_or(u64::MAX);
        let words = tongue.count("admincache", count, &[]);
        self.tell_later(
            &said.message,
            Line::answer(&said.message, words).staying(LOOK_STAYS),
        );
        Ok(())
    }
}

fn number(user: &UserId) -> i64 {
    user.as_str().parse().unwrap_or_default()
}

/// What somebody can give by way of the bot: what both of them have. The right to give rights is given by hand alone.
fn given(staff: &Staff, by: i64, bot: i64) -> Vec<&'static str> {
    if !staff.has(bot, PROMOTES) {
        return Vec::new();
    }
    let both = |right: &&str| **right != *PROMOTES && staff.has(by, right) && staff.has(bot, right);
    GIVEN.into_iter().filter(both).collect()
}

/// Whether somebody may take the rights of another: who has all of them, and more than those.
fn outranks(staff: &Staff, by: i64, subject: i64) -> bool {
    let (Some(by), Some(subject)) = (staff.keeper(by), staff.keeper(subject)) else {
        return false;
    };
    let owner = |id: i64| staff.ranks.get(&id) == Some(&lockdown_moderation::Rank::Owner);
    let has_all = subject.rights.iter().all(|right| by.rights.contains(right));
    by.id != subject.id
        && !owner(subject.id)
        && (owner(by.id) || (has_all && !staff.has(subject.id, PROMOTES)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::administrators::Keeper;
    use lockdown_moderation::Rank;

    fn staff() -> Staff {
        let keeper = |id: i64, rights: &[&'static str]| Keeper {
            id,
            name: id.to_string(),
            bot: id == 9,
            hidden: false,
            rights: rights.to_vec(),
        };
        let (ban, pin, delete) = ("can_restrict_members", "can_pin_messages", "can_delete_messages");
        let keepers = vec![
            keeper(1, &GIVEN),
            keeper(2, &[ban, pin, PROMOTES]),
            keeper(3, &[ban]),
            keeper(4, &[ban, delete]),
            keeper(5, &[PROMOTES]),
            keeper(9, &[ban, delete, PROMOTES]),
        ];
        let rank = |keeper: &Keeper| match keeper.id {
            1 => (1, Rank::Owner),
            id => (id, Rank::PLAIN),
        };
        Staff {
            ranks: keepers.iter().map(rank).collect(),
            keepers,
            ..Staff::default()
        }
    }

    #[test]
    fn nobody_gives_what_they_do_not_have() {
        let staff = staff();
        assert_eq!(
            given(&staff, 1, 9),
            ["can_delete_messages", "can_restrict_members"]
        );
        assert_eq!(given(&staff, 2, 9), ["can_restrict_members"]);
        assert!(
            given(&staff, 5, 9).is_empty(),
            "the right to give is not given on"
        );
        assert!(
            given(&staff, 1, 3).is_empty(),
            "a bot that may not give rights gives none"
        );
        for (by, subject, may) in [
            (1, 2, true),
            (1, 5, true),
            (1, 1, false),
            (2, 1, false),
            (2, 3, true),
            (2, 4, false),
            (2, 5, false),
            (2, 2, false),
            (5, 3, false),
            (2, 77, false),
        ] {
            assert_eq!(outranks(&staff, by, subject), may, "{by} {subject}");
        }
    }
}
