//! Sanctions: what a moderator does to somebody, and taking it back. Each becomes a case, or is refused with why.

use super::access::Needs;
use super::input::{Body, Query, text_id};
use super::route::{InGuild, Made, Route};
use crate::desk::follow_up;
use crate::problem::{Code, Problem};
use axum::http::Method;
use chrono::{DateTime, Utc};
use lockdown_events::{Action, ChannelId, MessageId, MessageRef, UserId};
use lockdown_moderation::desk::{Acted, Ask, CaseView, DeskError};
use lockdown_moderation::{Right, UserRef};
use lockdown_runtime::chain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the desk may answer to any of them.
const CODES: &[Code] = &[
    Code::Denied,
    Code::RankUnknown,
    Code::BadId,
    Code::BadReason,
    Code::Overtaken,
    Code::Already,
];

/// A message that shows why.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Evidence")]
pub(super) struct EvidenceBody {
    #[serde(default, deserialize_with = "super::input::text_id_or_none")]
    channel_id: Option<ChannelId>,
    #[serde(deserialize_with = "text_id")]
    message_id: MessageId,
}

macro_rules! sanction {
    ($(#[$doc:meta])* $name:ident, $title:literal { $( $(#[$meta:meta])* $field:ident: $type:ty, )* }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        #[schemars(rename = $title)]
        struct $name {
            /// Whom it is about, by the platform's own id.
            #[serde(deserialize_with = "text_id")]
            user_id: UserId,
            /// Why, in at most 1,000 characters; the person is told, and it is kept.
            reason: Option<String>,
            #[serde(default)]
            #[schemars(length(max = 25))]
            evidence: Vec<EvidenceBody>,
            $( $(#[$meta])* $field: $type, )*
        }
    };
}

sanction! { NewBan, "NewBan" {
    /// How long, as `1h30m`, `3 days`, `2w`, `forever` or a date; for ever without.
    duration: Option<String>,
    /// The end as a time, in place of `duration`.
    expires_at: Option<DateTime<Utc>>,
    /// How far back their messages are removed.
    delete_message_seconds: Option<u32>,
    /// Whether they are told; the community's settings say without.
    notify: Option<bool>,
    /// Said expressly: it may hit an administrator.
    #[serde(default)]
    even_administrators: bool,
} }

sanction! { NewMute, "NewMute" {
    /// How long, as `1h30m`, `3 days`, `2w`, `forever` or a date; for ever without.
    duration: Option<String>,
    /// The end as a time, in place of `duration`.
    expires_at: Option<DateTime<Utc>>,
    /// Whether they are told; the community's settings say without.
    notify: Option<bool>,
    /// Said expressly: it may hit an administrator.
    #[serde(default)]
    even_administrators: bool,
} }

sanction! { NewKick, "NewKick" {
    /// Whether they are told; the community's settings say without.
    notify: Option<bool>,
    /// Said expressly: it may hit an administrator.
    #[serde(default)]
    even_administrators: bool,
} }

sanction! { NewWarning, "NewWarning" {
    /// What it weighs; 1 without.
    #[schemars(range(min = 0, max = 1000))]
    points: Option<u32>,
    /// Whether they are told; the community's settings say without.
    notify: Option<bool>,
    /// Said expressly: it may hit an administrator.
    #[serde(default)]
    even_administrators: bool,
} }

sanction! { NewNote, "NewNote" { } }

/// With what something is taken back.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TakeBack {
    /// Why, in at most 1,000 characters.
    reason: Option<String>,
    /// Whether they are told; the community's settings say without.
    notify: Option<bool>,
}

/// A case, and what followed from it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecordedCase")]
struct Recorded {
    #[serde(flatten)]
    case: CaseView,
    /// The step of the community's ladder that a warning has reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<CaseView>,
}

/// What is the same in all of them.
struct Common {
    action: Action,
    user: UserId,
    reason: Option<String>,
    evidence: Vec<EvidenceBody>,
}

pub(super) fn example(action: &str) -> Value {
    json!({ "id": "0199c2d4-0000-7000-8000-000000000001", "caseNumber": 17, "platform": "discord",
        "guildId": "81384788765712384", "userId": "53110", "action": action, "state": "requested", "origin": "api",
        "moderatorId": null, "actor": "token:trust", "reason": "spam", "expiresAt": null,
        "createdAt": "2026-11-20T09:06:00.123Z", "error": null, "liftsCaseNumber": null, "endedByCaseNumber": null,
        "evidence": [], "hidden": false })
}

pub(super) fn routes() -> Vec<Route> {
    let timed = &[Code::BadDuration][..];
    let needs = Needs::Right;
    vec![
        Route::of_guild(Method::POST, "/bans", "ban", needs(Right::Ban), ban)
            .says("Ban somebody", "For a time or for ever. It stands when the platform has done it: the case says so.")
            .refuses(&[CODES, timed, &[Code::BadDeleteWindow]].concat())
            .sample(json!({ "userId": "53110", "reason": "spam", "duration": "7d", "deleteMessageSeconds": 86400 }))
            .answer(example("ban")),
        Route::of_guild(Method::DELETE, "/bans/{userId}", "unban", needs(Right::Ban), unban)
            .says("Lift a ban", "A case of its own, which ends the one that stands.")
            .refuses(CODES)
            .answer(example("unban")),
        Route::of_guild(Method::POST, "/kicks", "kick", needs(Right::Kick), kick)
            .says("Kick somebody", "They may come back by themselves.")
            .refuses(&[CODES, &[Code::Banned]].concat())
            .sample(json!({ "userId": "53110", "reason": "spam" }))
            .answer(example("kick")),
        Route::of_guild(Method::POST, "/mutes", "mute", needs(Right::Mute), mute)
            .says("Mute somebody", "For a time or for ever.")
            .refuses(&[CODES, timed, &[Code::Banned]].concat())
            .sample(json!({ "userId": "53110", "reason": "shouting", "duration": "1h" }))
            .answer(example("mute")),
        Route::of_guild(Method::DELETE, "/mutes/{userId}", "unmute", needs(Right::Mute), unmute)
            .says("Lift a mute", "A case of its own, which ends the one that stands.")
            .refuses(&[CODES, &[Code::Banned]].concat())
            .answer(example("unmute")),
        Route::of_guild(Method::POST, "/warnings", "warn", needs(Right::Warn), warn)
            .says("Warn somebody", "It counts towards the community's ladder; `step` is what followed at once.")
            .refuses(&[CODES, &[Code::UnknownPerson, Code::BadLadder]].concat())
            .sample(json!({ "userId": "53110", "reason": "off topic, again", "points": 1 }))
            .answer(example("warn")),
        Route::of_guild(Method::DELETE, "/warnings/{caseNumber}", "unwarn", needs(Right::Warn), unwarn)
            .says("Take a warning back", "A case of its own; the warning counts no more.")
            .refuses(&[CODES, &[Code::UnknownCase, Code::UnknownPerson, Code::NoWarning]].concat())
            .answer(example("unwarn")),
        Route::of_guild(Method::POST, "/notes", "note", needs(Right::Note), note)
            .says("Note something", "Kept on somebody's record, and told to nobody.")
            .refuses(&[CODES, &[Code::UnknownPerson]].concat())
            .sample(json!({ "userId": "53110", "reason": "promised to behave" }))
            .answer(example("note")),
    ]
}

async fn ban(asked: InGuild, Body(new): Body<NewBan>) -> Result<Made<Recorded>, Problem> {
    let ends = asked.ends(new.duration.as_deref(), new.expires_at).await?;
    let ask = Ask {
        ends,
        delete_message_seconds: new.delete_message_seconds,
        notify: new.notify,
        even_administrators: new.even_administrators,
        ..asked.ask(Common::new(Action::Ban, new.user_id, new.reason, new.evidence))
    };
    asked.act(ask).await
}

async fn mute(asked: InGuild, Body(new): Body<NewMute>) -> Result<Made<Recorded>, Problem> {
    let ends = asked.ends(new.duration.as_deref(), new.expires_at).await?;
    let ask = Ask {
        ends,
        notify: new.notify,
        even_administrators: new.even_administrators,
        ..asked.ask(Common::new(Action::Mute, new.user_id, new.reason, new.evidence))
    };
    asked.act(ask).await
}

async fn kick(asked: InGuild, Body(new): Body<NewKick>) -> Result<Made<Recorded>, Problem> {
    let ask = Ask {
        notify: new.notify,
        even_administrators: new.even_administrators,
        ..asked.ask(Common::new(Action::Kick, new.user_id, new.reason, new.evidence))
    };
    asked.act(ask).await
}

async fn warn(asked: InGuild, Body(new): Body<NewWarning>) -> Result<Made<Recorded>, Problem> {
    const HEAVIEST: u32 = 1000;
    let points = new.points.unwrap_or(1);
    if points > HEAVIEST {
        let message = format!("A warning weighs at most {HEAVIEST}.");
        return Err(Problem::new(Code::Invalid, message.clone()).at("points", message));
    }
    let ask = Ask {
        points,
        notify: new.notify,
        even_administrators: new.even_administrators,
        ..asked.ask(Common::new(Action::Warn, new.user_id, new.reason, new.evidence))
    };
    asked.act(ask).await
}

async fn note(asked: InGuild, Body(new): Body<NewNote>) -> Result<Made<Recorded>, Problem> {
    if new
        .reason
        .as_deref()
        .is_none_or(|reason| reason.trim().is_empty())
    {
        let message = "A note says something: put it into `reason`.";
        return Err(Problem::new(Code::BadReason, message).at("reason", message));
    }
    let ask = asked.ask(Common::new(Action::Note, new.user_id, new.reason, new.evidence));
    asked.act(ask).await
}

async fn unban(asked: InGuild, Query(back): Query<TakeBack>) -> Result<Made<Recorded>, Problem> {
    lift(asked, Action::Unban, back).await
}

async fn unmute(asked: InGuild, Query(back): Query<TakeBack>) -> Result<Made<Recorded>, Problem> {
    lift(asked, Action::Unmute, back).await
}

async fn lift(asked: InGuild, action: Action, back: TakeBack) -> Result<Made<Recorded>, Problem> {
    let user = asked.user()?;
    let ask = Ask {
        notify: back.notify,
        ..asked.ask(Common::new(action, user, back.reason, Vec::new()))
    };
    asked.act(ask).await
}

async fn unwarn(asked: InGuild, Query(back): Query<TakeBack>) -> Result<Made<Recorded>, Problem> {
    let number = asked.case_number()?;
    let found = asked.call.api.desk.case(&asked.guild_ref(), number).await?;
    let warning = found.ok_or_else(|| InGuild::unknown_case(number))?.case;
    let ask = Ask {
        case: Some(number),
        notify: back.notify,
        ..asked.ask(Common::new(
            Action::Unwarn,
            warning.subject.id,
            back.reason,
            Vec::new(),
        ))
    };
    asked.act(ask).await
}

// === impl Common ===

impl Common {
    fn new(action: Action, user: UserId, reason: Option<String>, evidence: Vec<EvidenceBody>) -> Self {
        Self {
            action,
            user,
            reason,
            evidence,
        }
    }
}

// === impl EvidenceBody ===

impl From<EvidenceBody> for MessageRef {
    fn from(body: EvidenceBody) -> Self {
        Self {
            channel_id: body.channel_id,
            message_id: body.message_id,
        }
    }
}

// === impl InGuild ===

impl InGuild {
    fn ask(&self, common: Common) -> Ask {
        let guild = self.guild_ref();
        let subject = UserRef::new(guild.platform, common.user);
        Ask {
            reason: common.reason,
            evidence: common.evidence.into_iter().map(MessageRef::from).collect(),
            key: self.call.key.clone(),
            chain: Some(self.call.chain.clone()),
            ..Ask::new(
                self.call.actor(),
                guild,
                subject,
                common.action,
                self.call.caller.origin(),
                self.call.now(),
            )
        }
    }

    async fn act(&self, ask: Ask) -> Result<Made<Recorded>, Problem> {
        if ask.evidence.len() > MOST_EVIDENCE {
            let message = format!("At most {MOST_EVIDENCE} messages are evidence.");
            return Err(Problem::new(Code::Invalid, message.clone()).at("evidence", message));
        }
        let (desk, facts) = (&self.call.api.desk, self.facts());
        let acted = desk.act(&ask, &facts).await?;
        let step = match follow_up(desk, &acted, &facts, ask.chain.as_ref()).await {
            Ok(step) => step.as_ref().map(CaseView::from),
            // The warning stands. The next one finds the step as well.
            Err(error) => {
                match &error {
                    DeskError::Refused(refused) => {
                        tracing::info!(code = refused.code(), "Refused a step of the ladder");
                    }
                    other => tracing::error!("Could not do the step after a warning: {}", chain(other)),
                }
                None
            }
        };
        let recorded = |case| Recorded {
            case: CaseView::from(case),
            step,
        };
        match &acted {
            Acted::Recorded(case) => {
                crate::desk::count(&acted);
                Ok(Made::New(recorded(case)))
            }
            // The same key, whose first answer was lost.
            Acted::Again(case) => Ok(Made::New(recorded(case))),
            Acted::Already(Some(case)) => Ok(Made::Known(recorded(case))),
            Acted::Already(None) | Acted::Moot(_) => Err(Problem::of(Code::Already)),
        }
    }
}

pub(super) const MOST_EVIDENCE: usize = 25;
