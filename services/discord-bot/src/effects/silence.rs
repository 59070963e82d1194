//! How a channel falls silent: the overwrites that are put there, and taken back bit for bit.

use super::Discord;
use super::channels::RawOverwrite;
use super::locks::LockError;
use super::rank::permissions::{SEND_MESSAGES, SPEAK, STAFF};
use crate::rest::RestError;
use serde::{Deserialize, Serialize};

/// One overwrite: what stood there, and what we put there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Change {
    before: Option<RawOverwrite>,
    locked: RawOverwrite,
}

// === impl Discord ===

impl Discord {
    /// What has to be written so that nobody may speak there.
    pub(super) async fn silencing(&self, guild: u64, channel: u64) -> Result<Vec<Change>, LockError> {
        let there = self.overwrites(channel).await?;
        let known = self.guilds.get(guild).unwrap_or_default();
        // Discord lets nobody deny what they may not do themselves.
        let held = self
            .guilds
            .own_permissions_in(guild, channel)
            .or(self.guilds.own_permissions(guild));
        let silence = u128::from(SPEAK & held.unwrap_or(SEND_MESSAGES));
        let everybody = guild.to_string();
        let none = RawOverwrite {
            id: everybody.clone(),
            kind: 0,
            allow: "0".to_owned(),
            deny: "0".to_owned(),
        };
        let general = there.iter().find(|one| one.id == everybody);
        let speaks = known.permissions(guild, &[]) & SEND_MESSAGES != 0;
        let mut changes = Vec::new();
        let of_roles = there.iter().filter(|one| one.is_of_role() && one.id != everybody);
        let of_roles = of_roles.filter(|one| {
            let role = one.id.parse().ok().and_then(|id: u64| known.roles.get(&id));
            role.is_none_or(|role| role.permissions & STAFF == 0)
        });
        for one in of_roles {
            let (allow, deny) = one.bits().ok_or(LockError::Unreadable)?;
            if allow & u128::from(SEND_MESSAGES) != 0 {
                let locked = one.with(allow & !silence, deny | silence);
                changes.push(Change {
                    before: Some(one.clone()),
                    locked,
                });
            }
        }
        let (allow, deny) = general.unwrap_or(&none).bits().ok_or(LockError::Unreadable)?;
        let send = u128::from(SEND_MESSAGES);
        if (speaks || allow & send != 0) && deny & send == 0 {
            let locked = general.unwrap_or(&none).with(allow & !silence, deny | silence);
            changes.push(Change {
                before: general.cloned(),
                locked,
            });
        }
        Ok(changes)
    }

    pub(super) async fn put_changes(
        &self,
        channel: u64,
        changes: &[Change],
        audit: &str,
    ) -> Result<(), RestError> {
        let there = self.overwrites(channel).await?;
        for change in changes {
            let now = there.iter().find(|one| one.id == change.locked.id);
            // By hand it may stand otherwise: that is somebody's decision, and not ours to change.
            if same(now, change.before.as_ref()) {
                self.put_overwrite(channel, &change.locked, audit).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn undo_changes(
        &self,
        channel: u64,
        changes: &[Change],
        audit: &str,
    ) -> Result<(), RestError> {
        let there = match self.overwrites(channel).await {
            Ok(there) => there,
            // There is no such channel any more: nothing to open.
            Err(error) if error.code() == 10_003 => return Ok(()),
            Err(error) => return Err(error),
        };
        for change in changes {
            let Some(now) = there.iter().find(|one| one.id == change.locked.id) else {
                continue;
            };
            if !same(Some(now), Some(&change.locked)) {
                let Some(mixed) = change.undone_in(now) else {
                    continue;
                };
                if !same(Some(&mixed), Some(now)) {
                    self.put_overwrite(channel, &mixed, audit).await?;
                }
                continue;
            }
            match &change.before {
                Some(before) => self.put_overwrite(channel, before, audit).await?,
                None => self.drop_overwrite(channel, &change.locked.id, audit).await?,
            }
        }
        Ok(())
    }
}

// === impl Change ===

impl Change {
    /// The bits that we changed as they were, and all others as they are now.
    fn undone_in(&self, now: &RawOverwrite) -> Option<RawOverwrite> {
        let (allow, deny) = now.bits()?;
        let (locked_allow, locked_deny) = self.locked.bits()?;
        let (before_allow, before_deny) = match &self.before {
            Some(before) => before.bits()?,
            None => (0, 0),
        };
        let ours = (locked_allow ^ before_allow) | (locked_deny ^ before_deny);
        Some(now.with(
            allow & !ours | before_allow & ours,
            deny & !ours | before_deny & ours,
        ))
    }
}

/// Whether both say the same, however they write their numbers.
fn same(one: Option<&RawOverwrite>, other: Option<&RawOverwrite>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one
            .bits()
            .zip(other.bits())
            .map_or(one == other, |(one, other)| one == other),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_by_hand_meanwhile_stays() {
        let raw = |allow: u128, deny: u128| RawOverwrite {
            id: "1".to_owned(),
            kind: 0,
            allow: allow.to_string(),
            deny: deny.to_string(),
        };
        let unknown = 1 << 90;
        let change = Change {
            before: Some(raw(0b0001 | unknown, 0b1000)),
            locked: raw(unknown, 0b1001),
        };
        // Somebody allowed the second bit by hand.
        let mixed = change.undone_in(&raw(unknown | 0b0010, 0b1001)).unwrap();
        assert_eq!(mixed, raw(unknown | 0b0011, 0b1000));
    }
}
