//! What moderators do by hand in Discord's own client, from the audit log: there it has its doer and its reason.

use super::ids::event_id;
use super::{Intake, guild_id};
use crate::read::{self, BAN, KICK, UNBAN};
use crate::rest::Ask;
use lockdown_events::{Action, Envelope, ModerationAction, ModerationEvent, Origin, Platform, UserId};
use serde_json::Value;
use serenity::http::Route;
use serenity::model::id as serenity_id;

const MEMBER_UPDATE: u64 = 24;
const MEMBER_ROLES: u64 = 25;
/// A time-out by Discord's own AutoMod.
const AUTO_TIME_OUT: u64 = 145;

/// Something that was done to somebody by hand.
pub(super) struct ByHand {
    action: ModerationAction,
    /// The roles that were given (`true`) and taken: one of them may be that by which the guild mutes.
    roles: Vec<(u64, bool)>,
}

/// What an entry of the audit log says was done to somebody; `None` when it is nothing of that kind, or our own doing.
pub(super) fn by_hand(guild: u64, entry: &Value, own: u64) -> Option<ByHand> {
    let doer = read::id(&entry["user_id"]);
    if doer == Some(own) {
        return None;
    }
    let target = UserId::new(&read::id(&entry["target_id"])?.to_string()).ok()?;
    let mut roles = Vec::new();
    let (action, until) = match entry["action_type"].as_u64()? {
        KICK => (Action::Kick, None),
        BAN => (Action::Ban, None),
        UNBAN => (Action::Unban, None),
        // Its end is the member's to tell.
        AUTO_TIME_OUT => (Action::Mute, None),
        MEMBER_UPDATE => {
            let changes = entry["changes"].as_array().into_iter().flatten();
            let mut time_outs = changes.filter(|change| change["key"] == "communication_disabled_until");
            let change = time_outs.next()?;
            match change["new_value"].as_str().and_then(|text| text.parse().ok()) {
                Some(until) => (Action::Mute, Some(until)),
                None => (Action::Unmute, None),
            }
        }
        MEMBER_ROLES => {
            for change in entry["changes"].as_array().into_iter().flatten() {
                let given = change["key"] == "$add";
                if given || change["key"] == "$remove" {
                    let of = change["new_value"].as_array().into_iter().flatten();
                    roles.extend(of.filter_map(|role| Some((read::id(&role["id"])?, given))));
                }
            }
            // Which of both it is, is said by the role.
            (Action::Mute, None)
        }
        _ => return None,
    };
    let by_rule = entry["action_type"].as_u64() == Some(AUTO_TIME_OUT);
    let rule = entry["options"]["auto_moderation_rule_name"].as_str();
    let action = ModerationAction {
        platform: Platform::Discord,
        guild_id: guild_id(guild),
        action,
        user_id: target,
        moderator_id: doer
            .filter(|_| !by_rule)
            .and_then(|id| UserId::new(&id.to_string()).ok()),
        reason: entry["reason"].as_str().or(rule).map(str::to_owned),
        expires_at: until,
        origin: Origin::Native,
        case_number: None,
        points: None,
        delete_message_seconds: None,
        notify: None,
        native_id: read::id(&entry["id"]).map(|id| id.to_string()),
        batch_id: None,
        trace_id: None,
        rule: None,
        rule_set_hash: None,
        evidence: Vec::new(),
    };
    let is_of_roles = entry["action_type"].as_u64() == Some(MEMBER_ROLES);
    (!is_of_roles || !roles.is_empty()).then_some(ByHand { action, roles })
}

/// A ban that an entry of the audit log tells of, unless it was ours.
pub(crate) fn ban_by_hand(guild: u64, entry: &Value, own: u64) -> Option<ModerationAction> {
    let by_hand = by_hand(guild, entry, own)?;
    Some(by_hand.action).filter(|action| action.action == Action::Ban)
}

// === impl Intake ===

impl Intake {
    /// A time-out without its end is looked up, and of roles whether one of them is that by which the guild mutes; `None`
    /// when it is over already or none of them, or cannot be looked up.
    pub(super) async fn complete(&self, ByHand { action, roles }: ByHand) -> Option<ModerationAction> {
        if !roles.is_empty() {
            let mutes = self.discord.mute_role(&action.guild_id).await?;
            let (_, given) = roles.into_iter().find(|(role, _)| *role == mutes)?;
            return Some(ModerationAction {
                action: if given { Action::Mute } else { Action::Unmute },
                ..action
            });
        }
        if action.action != Action::Mute || action.expires_at.is_some() {
            return Some(action);
        }
        let route = Route::GuildMember {
            guild_id: serenity_id::GuildId::new(action.guild_id.as_str().parse().ok().filter(|id| *id > 0)?),
            user_id: serenity_id::UserId::new(action.user_id.as_str().parse().ok().filter(|id| *id > 0)?),
        };
        let member = self.rest.call(Ask::get(route, 0)).await.ok()?;
        let until = member["communication_disabled_until"].as_str()?.parse().ok()?;
        let expires_at = Some(until).filter(|until| *until > self.clock.now());
        Some(ModerationAction {
            expires_at: Some(expires_at?),
            ..action
        })
    }

    pub(super) fn observed(&self, entry: u64, action: ModerationAction) -> Option<Box<Envelope>> {
        let at = read::time_of(entry);
        self.wrap(
            event_id(at, &format!("audit/{entry}")),
            at,
            ModerationEvent::Action(action),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_entry_is_what_was_done_by_somebody_else() {
        let entry = |kind: u64, changes: Value| json!({ "id": "1176523342000000001", "user_id": "5", "target_id": "6", "action_type": kind, "reason": "spam", "changes": changes });
        let timed = |value: Value| json!([{ "key": "nick", "new_value": "x" }, { "key": "communication_disabled_until", "new_value": value }]);
        for (kind, changes, expected) in [
            (20, Value::Null, Some(Action::Kick)),
            (22, Value::Null, Some(Action::Ban)),
            (23, Value::Null, Some(Action::Unban)),
            (24, timed(json!("2026-11-20T09:06:00+00:00")), Some(Action::Mute)),
            (24, timed(Value::Null), Some(Action::Unmute)),
            (24, json!([{ "key": "nick", "new_value": "x" }]), None),
            (25, Value::Null, None),
            (145, timed(json!("2026-11-20T09:06:00+00:00")), Some(Action::Mute)),
        ] {
            let found = by_hand(8, &entry(kind, changes), 9).map(|found| found.action);
            assert_eq!(found.as_ref().map(|found| found.action), expected, "{kind}");
            if let Some(found) = found {
                assert_eq!(found.native_id.as_deref(), Some("1176523342000000001"));
                assert_eq!(
                    found.expires_at.is_some(),
                    kind == 24 && expected == Some(Action::Mute)
                );
                assert_eq!(found.moderator_id.is_none(), kind == 145);
            }
        }
        assert!(by_hand(8, &entry(22, Value::Null), 5).is_none());
        let roles = json!([{ "key": "$add", "new_value": [{ "id": "3", "name": "a" }] }, { "key": "$remove", "new_value": [{ "id": "4", "name": "b" }] }]);
        let found = by_hand(8, &entry(25, roles), 9).unwrap();
        assert_eq!(found.roles, [(3, true), (4, false)]);
    }
}
