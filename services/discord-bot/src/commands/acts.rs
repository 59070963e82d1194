//! Commands about a person: what is wished for, and what came of it.

use super::answers::{Told, exact, until};
use super::input::Input;
use super::{Commands, OUTCOME, PATIENCE};
use crate::case::Recorded;
use crate::words::escape;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::AskError;
use lockdown_events::{Action, ModerationAction, ModerationLog, Origin, Outcome, Platform, UserId};
use lockdown_moderation::words::{Tongue, With};
use lockdown_moderation::{Limits, Span, Term};
use lockdown_runtime::chain;
use serde::Deserialize;
use serde_json::json;

/// What the desk says of a case; more members may come.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Case {
    new: Option<bool>,
    pub(super) case_number: u64,
    pub(super) action: Action,
    pub(super) state: String,
    #[serde(default)]
    expires_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Newest {
    cases: Vec<Recorded>,
}

/// What came of a wish.
pub(super) enum Came {
    Refused(String),
    Already(Case),
    Done(Case, Option<ModerationLog>),
    Superseded(Case),
    Failed(Case, String),
    Waiting(Case),
}

// === impl Commands ===

impl Commands {
    pub(super) async fn act(&self, input: &Input, action: Action) -> Result<Told, String> {
        let tongue = input.tongue;
        let wish = self.wish(input, action, input.user()?)?;
        let came = self.carry_out(&wish, tongue).await;
        let mut lines = Vec::new();
        if let (Some(case), Some(file)) = (came.case(), input.file()) {
            lines.extend(
                self.keep_file(input, case.case_number, &wish.user_id, &file)
                    .await
                    .err(),
            );
        }
        // A ban takes messages away by itself.
        if let (Action::Kick, Came::Done(..), Some(window)) = (action, &came, self.window(input)?)
            && window > TimeDelta::zero()
        {
            lines.extend(self.clean_up(input, window).await);
        }
        Ok(came.told(tongue, &wish.user_id).with_lines(lines))
    }

    /// At once, or at a time: then it is the mute that ends there.
    pub(super) async fn unmute(&self, input: &Input) -> Result<Told, String> {
        let Some(text) = input.text("in") else {
            return self.act(input, Action::Unmute).await;
        };
        let (tongue, user) = (input.tongue, input.user()?);
        let at = self.until(input, &text)?.at();
        let at = at.ok_or_else(|| tongue.say("unmute.never", &[]))?;
        let question = self.question(input, "listCases").query("userId", &user);
        let question = question.query("type", &Action::Mute).query("state", &"applied");
        let Newest { cases } = self.ask(question.query("limit", &1), tongue).await?;
        let mention = format!("<@{user}>");
        let mute = cases.first().map(|case| case.case_number);
        let mute = mute.ok_or_else(|| tongue.say("unmute.not_muted", &[("user", &mention)]))?;
        let question = self.question(input, "changeCase").param("caseNumber", &mute);
        let body = json!({ "expiresAt": at });
        let _: Case = self.ask(question.body(body), tongue).await?;
        // The case's own reason is that of the mute.
        if let Some(reason) = input.text("reason") {
            let question = self.question(input, "postToThread").param("caseNumber", &mute);
            self.route(question.body(json!({ "body": reason })), tongue)
                .await?;
        }
        let until = until(tongue, at);
        let with: With<'_> = &[("user", &mention), ("until", &until), ("case", &mute)];
        Ok(Told::done(&tongue.say("unmute.in", with)))
    }

    /// Until when, as it was written.
    pub(super) fn until(&self, input: &Input, text: &str) -> Result<Term, String> {
        term(input, text, self.clock.now(), Span::LONGEST, "duration.wrong")
    }

    /// How far back messages are to be deleted.
    fn window(&self, input: &Input) -> Result<Option<TimeDelta>, String> {
        let longest = Limits::of(Platform::Discord).delete_window;
        let Some((text, longest)) = input.text("delete").zip(longest) else {
            return Ok(None);
        };
        // Said expressly, it is none whatever the guild has chosen.
        if text.trim() == "0" {
            return Ok(Some(TimeDelta::zero()));
        }
        let now = self.clock.now();
        let window = term(input, &text, now, longest, "delete.wrong")?;
        Ok(window.at().map(|at| at - now))
    }

    pub(super) fn wish(
        &self,
        input: &Input,
        action: Action,
        user: UserId,
    ) -> Result<ModerationAction, String> {
        let ends = match input.text("duration") {
            Some(text) if matches!(action, Action::Ban | Action::Mute) => self.until(input, &text)?.at(),
            _ => None,
        };
        let window = self.window(input)?.filter(|_| action != Action::Kick);
        let delete = window.and_then(|window| u32::try_from(window.num_seconds()).ok());
        Ok(ModerationAction {
            platform: Platform::Discord,
            guild_id: input.guild.id.clone(),
            action,
            user_id: user,
            moderator_id: Some(input.moderator.id.clone()),
            reason: input.text("reason").or_else(|| input.text("text")),
            expires_at: ends,
            origin: Origin::Command,
            case_number: None,
            points: None,
            delete_message_seconds: delete,
            notify: input.flag("notify"),
            native_id: None,
            batch_id: None,
            trace_id: None,
            rule: None,
            rule_set_hash: None,
            evidence: input.evidence()?,
        })
    }

    pub(super) async fn carry_out(&self, wish: &ModerationAction, tongue: &Tongue) -> Came {
        match self.decide(wish, tongue).await {
            Ok(case) => self.came_of(wish, case, tongue).await,
            Err(refused) => refused,
        }
    }

    /// The case that is made of a wish.
    pub(super) async fn decide(&self, wish: &ModerationAction, tongue: &Tongue) -> Result<Case, Came> {
        let asked = self.bus.requests().ask("moderation", wish, PATIENCE).await;
        asked.map_err(|error| Came::Refused(why(tongue, &error)))
    }

    /// What Discord said to it.
    pub(super) async fn came_of(&self, wish: &ModerationAction, case: Case, tongue: &Tongue) -> Came {
        if case.new == Some(false) {
            return Came::Already(case);
        }
        // Nobody is asked and nobody is told: the record is all there is.
        if case.action == Action::Note {
            return Came::Done(case, None);
        }
        match self.outcomes.of(&wish.guild_id, case.case_number, OUTCOME).await {
            Some(log) if log.outcome == Outcome::Applied => Came::Done(case, Some(log)),
            Some(log) if log.outcome == Outcome::Superseded => Came::Superseded(case),
            Some(log) => Came::Failed(
                case,
                log.error.unwrap_or_else(|| tongue.say("about.no_reason", &[])),
            ),
            None => Came::Waiting(case),
        }
    }
}

// === impl Came ===

impl Came {
    pub(super) fn told(&self, tongue: &'static Tongue, user: &UserId) -> Told {
        let about =
            |case: &Case| Told::about(tongue, case.action, user, case.case_number).until(case.expires_at);
        match self {
            Self::Refused(why) => Told::refused(tongue, why),
            Self::Already(case) => about(case).already(),
            Self::Done(case, log) => about(case).done(log.as_ref().and_then(|log| log.notified)),
            Self::Superseded(case) => about(case).superseded(),
            Self::Failed(case, why) => about(case).failed(why),
            Self::Waiting(case) => about(case).waiting(),
        }
    }

    /// The case that was made of it, or stood already.
    pub(super) fn case(&self) -> Option<&Case> {
        match self {
            Self::Refused(_) => None,
            Self::Already(case)
            | Self::Done(case, _)
            | Self::Superseded(case)
            | Self::Failed(case, _)
            | Self::Waiting(case) => Some(case),
        }
    }
}

fn term(input: &Input, text: &str, now: DateTime<Utc>, longest: Span, wrong: &str) -> Result<Term, String> {
    Term::parse(text, now, &input.zone, longest).map_err(|error| exact(input.tongue, &error, wrong))
}

/// In words for a moderator.
pub(super) fn why(tongue: &Tongue, error: &AskError) -> String {
    match error {
        AskError::Refused(refused) => escape(&tongue.refusal(refused)),
        AskError::NoResponder(_) | AskError::Timeout(_) => tongue.say("asked.nobody", &[]),
        other => {
            tracing::error!("A command could not be asked: {}", chain(other));
            tongue.say("asked.failed", &[])
        }
    }
}
