//! Who came, went, was silenced, freed or given rights.

use super::record::Record;
use super::update::Told;
use super::who::{ANONYMOUS_ADMIN, Place, Who, user_id};
use chrono::{DateTime, Utc};
use lockdown_events::{
    Action, BanObserved, GuildChange, GuildUpdate, ModerationAction, ModerationEvent, Origin, Platform,
    UserEvent, UserJoined, UserLeft, UserUpdated,
};
use lockdown_moderation::{Right, Rights};

/// What somebody is in a chat.
#[derive(Debug, Clone, PartialEq)]
struct Standing {
    status: String,
    present: bool,
    administrator: bool,
    /// Whether they may write.
    speaks: bool,
    until: Option<DateTime<Utc>>,
    /// The names of the rights, as Telegram calls them.
    rights: Vec<&'static str>,
}

/// The rights that concern us, and what they let somebody do with us.
const RIGHTS: [(&str, &[Right]); 5] = [
    ("can_delete_messages", &[Right::Delete]),
    (
        "can_restrict_members",
        &[Right::Warn, Right::Mute, Right::Kick, Right::Ban],
    ),
    ("can_change_info", &[Right::Configure]),
    (
        "can_promote_members",
        &[Right::EditOthers, Right::Void, Right::Undo],
    ),
    ("can_invite_users", &[]),
];

/// What an administrator with these rights may do.
pub(crate) fn rights_of(record: &mut Record) -> Rights {
    let held = RIGHTS.iter().filter(|(name, _)| record.flag(name));
    held.fold(Rights::of(&[Right::Note]), |rights, (_, ours)| {
        rights | Rights::of(ours)
    })
}

// === impl Standing ===

impl Standing {
    fn of(mut record: Record) -> Option<(Self, Who)> {
        let who = Who::of(record.record("user")?).ok()?;
        let status = record.text("status").unwrap_or_default();
        let until = record.time("until_date");
        let restricted = status == "restricted";
        let mut standing = Self {
            present: match status.as_str() {
                "left" | "kicked" => false,
                "restricted" => record.flag("is_member"),
                _ => true,
            },
            administrator: matches!(status.as_str(), "creator" | "administrator"),
            speaks: !restricted || record.flag("can_send_messages"),
            until,
            rights: Vec::new(),
            status,
        };
        if standing.status == "administrator" {
            let named = RIGHTS.iter().map(|(name, _)| *name);
            standing.rights = named.filter(|name| record.flag(name)).collect();
        }
        Some((standing, who))
    }

    fn banned(&self) -> bool {
        self.status == "kicked"
    }

    /// For people.
    fn words(&self) -> String {
        if self.rights.is_empty() {
            return self.status.clone();
        }
        let names = self.rights.iter().map(|name| name.trim_start_matches("can_"));
        format!("{}: {}", self.status, names.collect::<Vec<_>>().join(", "))
    }
}

/// Somebody's standing changed. `own` is the bot, whose own doings come back here.
pub(super) fn changed(mut record: Record, own: i64, native_id: &str) -> Option<Vec<Told>> {
    let chat = Place::of(record.record("chat")?)?;
    let by = Who::of(record.record("from")?).ok()?;
    let at = record.time("date");
    let (before, _) = Standing::of(record.record("old_chat_member")?)?;
    let (after, who) = Standing::of(record.record("new_chat_member")?)?;
    let invite = record
        .record("invite_link")
        .and_then(|mut link| link.text("invite_link"));
    let mut told = Vec::new();
    let mut tell = |purpose, event: UserEvent| {
        told.push(Told {
            purpose,
            at,
            event: event.into(),
        });
    };
    let (platform, guild, user) = (Platform::Telegram, chat.guild(), who.user_id());
    let names = who.names.clone();
    let somebody_else = by.id != who.id;
    let moderator = (somebody_else && by.id != ANONYMOUS_ADMIN).then(|| by.user_id());
    if after.present && !before.present {
        tell(
            "joined",
            UserEvent::Joined(UserJoined {
                platform,
                guild_id: guild.clone(),
                user_id: user.clone(),
                names: names.clone(),
                bot: who.bot,
                account_created_at: None,
                inviter_id: moderator.clone(),
                invite_code: invite,
                rejoined: before.banned() || before.status == "restricted",
                avatar: None,
            }),
        );
    }
    let observed = BanObserved {
        platform,
        guild_id: guild.clone(),
        user_id: user.clone(),
        names: names.clone(),
        moderator_id: moderator.clone(),
        reason: None,
    };
    match (before.banned(), after.banned()) {
        (false, true) => tell("banned", UserEvent::Banned(observed)),
        (true, false) => tell("unbanned", UserEvent::Unbanned(observed)),
        _ => {}
    }
    if before.present && !after.present {
        tell(
            "left",
            UserEvent::Left(UserLeft {
                platform,
                guild_id: guild.clone(),
                user_id: user.clone(),
                names: names.clone(),
            }),
        );
    }
    let rights = before.rights != after.rights || before.administrator != after.administrator;
    let silence = before.speaks != after.speaks || (!after.speaks && before.until != after.until);
    // Who begins or ceases to keep order is told of in any case: others act on it at once.
    let keeps_order = before.administrator != after.administrator;
    if keeps_order || (before.present == after.present && (rights || silence)) {
        tell(
            "updated",
            UserEvent::Updated(UserUpdated {
                platform,
                guild_id: guild.clone(),
                user_id: user.clone(),
                names,
                previous: None,
                roles: None,
                muted_until: after.until.filter(|_| !after.speaks),
                administrator: rights.then_some(after.administrator),
                avatar: None,
            }),
        );
    }
    if somebody_else
        && by.id != own
        && let Some(action) = done(&before, &after)
    {
        let lasts = matches!(action, Action::Ban | Action::Mute);
        told.push(Told {
            purpose: "native",
            at,
            event: ModerationEvent::Action(ModerationAction {
                platform,
                guild_id: guild,
                action,
                user_id: user,
                moderator_id: moderator,
                reason: None,
                expires_at: after.until.filter(|_| lasts),
                origin: Origin::Native,
                case_number: None,
                delete_message_seconds: None,
                notify: None,
                points: None,
                native_id: Some(native_id.to_owned()),
                batch_id: None,
                trace_id: None,
                rule: None,
                rule_set_hash: None,
                evidence: Vec::new(),
            })
            .into(),
        });
    }
    Some(told)
}

/// What somebody did to somebody else by hand, if it was one of our acts.
fn done(before: &Standing, after: &Standing) -> Option<Action> {
    match (before, after) {
        _ if !before.banned() && after.banned() => Some(Action::Ban),
        _ if before.banned() && !after.banned() => Some(Action::Unban),
        _ if before.present && !after.present => Some(Action::Kick),
        _ if before.speaks && !after.speaks => Some(Action::Mute),
        // Promoted out of a restriction is freed of it, too.
        _ if !before.speaks && after.speaks => Some(Action::Unmute),
        // A moved end is a mute or a ban anew.
        _ if after.banned() && before.until != after.until => Some(Action::Ban),
        _ if !after.speaks && before.until != after.until => Some(Action::Mute),
        _ => None,
    }
}

/// Our own standing changed: what we may do there, and whether we are there at all.
pub(super) fn own_changed(mut record: Record) -> Option<Vec<Told>> {
    let chat = Place::of(record.record("chat")?)?;
    if chat.private {
        return Some(Vec::new());
    }
    let at = record.time("date");
    let (before, _) = Standing::of(record.record("old_chat_member")?)?;
    let (after, bot) = Standing::of(record.record("new_chat_member")?)?;
    let change = |what: &str, before: Option<String>, after: Option<String>| GuildChange {
        what: what.to_owned(),
        id: None,
        before,
        after,
    };
    let rights = change("bot_rights", Some(before.words()), Some(after.words()));
    let mut changes = vec![GuildChange {
        id: Some(user_id(bot.id).to_string()),
        ..rights
    }];
    if before.present != after.present {
        let came = if after.present { "joined" } else { "left" };
        changes.push(change("bot", None, Some(came.to_owned())));
    }
    if after.present && !before.present {
        changes.push(change("name", None, chat.title.clone()));
    }
    let update = GuildUpdate {
        platform: Platform::Telegram,
        guild_id: chat.guild(),
        changes,
        migrated_to: None,
    };
    Some(vec![Told {
        purpose: "own",
        at,
        event: lockdown_events::GuildEvent::Update(update).into(),
    }])
}
