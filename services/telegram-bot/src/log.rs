//! The log chat of a community: a line for each decision, which changes as the case does, with buttons that work as long as
//! the message stands. Nobody is called by it.
//!
//! A line is made of what the backend says of the case now, so it does not matter which event asks for it, nor how often.
//! To tell of another kind of event: an arm in [`Log::handle`], and a category if moderators may want to leave it out.

mod say;

use crate::ask::{Asking, Route, Unanswered};
use crate::client::{CallError, Class, Client};
use crate::due::Due;
use crate::speaker::{Line, Speaker};
use crate::updates::Memory;
use anyhow::Context as _;
use chrono::TimeDelta;
use lockdown_bus::{Bus, ConsumerOptions, GroupName, Handler, HandlerError, Received, Start};
use lockdown_events::{
    ButtonPressed, Decision, Event, GuildId, MessageEvent, MessageId, ModerationDeed, ModerationEvent,
    Origin, Outcome, Platform, UserId, Verdict, VerdictMode,
};
use lockdown_moderation::words::{Tongue, With};
use lockdown_moderation::{LogCategory, Settings};
use lockdown_runtime::{Clock, chain};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use teloxide::payloads::ForwardMessages;
use teloxide::prelude::ChatId;
use teloxide::types;

/// The group by which the bot's processes share what is told.
const GROUP: &str = "telegram-bot.log";
/// What the buttons send: `log:` what `:` the number of the case `:` the community.
const PRESS: &str = "log:";
/// How long the line of a case is changed with it.
const CHANGES: Duration = Duration::from_secs(30 * 24 * 3600);
/// A deletion of longer ago is not told: there were more than Telegram lets us tell.
const STALE: TimeDelta = TimeDelta::minutes(2);
/// Verdicts that become a case are told as one.
const CASES: [&str; 5] = ["warn", "strike", "timeout", "kick", "ban"];

const TYPES: [&str; 13] = [
    "moderation:log",
    "moderation:deed",
    "moderation:automod",
    "audit:logged",
    "ban:created",
    "ban:removed",
    "kick:executed",
    "mute:applied",
    "mute:removed",
    "warning:added",
    "warning:removed",
    "note:added",
    "button:pressed",
];

/// Tells what was decided.
pub(crate) struct Log {
    pub(crate) client: Client,
    pub(crate) bus: Bus,
    pub(crate) clock: Clock,
    pub(crate) memory: Arc<Memory>,
    pub(crate) speaker: Speaker,
    pub(crate) due: Due,
    pub(crate) asking: Asking,
}

/// Where a community's log is.
struct Place {
    chat: GuildId,
    settings: Arc<Settings>,
}

// === impl Place ===

impl Place {
    fn tells(&self, category: LogCategory) -> bool {
        self.settings.telegram.log_categories.contains(&category)
    }
}

// === impl Log ===

impl Log {
    /// Tells what is decided until the bus is closed.
    pub(crate) async fn start(self: Arc<Self>) -> anyhow::Result<()> {
        let bus = self.bus.clone();
        let handler = Handler::new("log", TYPES, move |received| {
            let this = Arc::clone(&self);
            async move { this.handle(&received).await }
        });
        let group = GroupName::new(GROUP).context("the group has no name")?;
        bus.consume(group, &Start::Now, vec![handler], ConsumerOptions::default())
            .await
            .context("could not consume what is to be told")
    }

    async fn handle(&self, received: &Received) -> Result<(), HandlerError> {
        if received.event.platform() != Platform::Telegram {
            return Ok(());
        }
        let guild = received.event.guild_id();
        let done = match &received.event {
            Event::Moderation(event) => match event {
                // What was asked of Telegram is told with its answer.
                ModerationEvent::Log(log) if log.outcome != Outcome::Superseded => {
                    self.tell(guild, log.case_number).await
                }
                ModerationEvent::AuditLogged(entry) => {
                    let case = entry.subject.strip_prefix("case:");
                    match case.and_then(|case| case.parse().ok()) {
                        Some(case) => self.tell_again(guild, case).await,
                        None => Ok(()),
                    }
                }
                ModerationEvent::Automod(verdict) => self.tell_verdict(received, verdict).await,
                ModerationEvent::WarningRemoved(decision) | ModerationEvent::NoteAdded(decision) => {
                    self.tell_decision(decision, true).await
                }
                ModerationEvent::BanCreated(decision)
                | ModerationEvent::BanRemoved(decision)
                | ModerationEvent::KickExecuted(decision)
                | ModerationEvent::MuteApplied(decision)
                | ModerationEvent::MuteRemoved(decision)
                | ModerationEvent::WarningAdded(decision) => {
                    let native = decision.origin == Some(Origin::Native);
                    self.tell_decision(decision, native).await
                }
                ModerationEvent::Deed(deed) => self.tell_deed(deed).await,
                ModerationEvent::Log(_) | ModerationEvent::Action(_) => Ok(()),
            },
            Event::Message(MessageEvent::ButtonPressed(pressed)) => self.pressed(pressed).await,
            _ => Ok(()),
        };
        done.map_err(HandlerError::Again)
    }

    /// Where what is decided there is told, if anywhere.
    async fn place(&self, guild: &GuildId) -> Option<Place> {
        let settings = self.speaker.settings(guild).await;
        let chat = settings.log_channel.as_ref()?;
        let chat = GuildId::new(chat.as_str()).ok()?;
        Some(Place { chat, settings })
    }

    async fn tell_decision(&self, decision: &Decision, now: bool) -> Result<(), String> {
        if now {
            self.tell(&decision.guild_id, decision.case_number).await?;
        }
        match decision.lifts_case_number {
            Some(lifted) => self.tell_again(&decision.guild_id, lifted).await,
            None => Ok(()),
        }
    }

    /// Tells of a case as it is now: by a line of its own, or by the one that stands.
    async fn tell(&self, guild: &GuildId, number: u64) -> Result<(), String> {
        match self.place(guild).await {
            Some(place) if place.tells(LogCategory::Sanctions) => {
                self.tell_at(&place, guild, number, true).await
            }
            _ => Ok(()),
        }
    }

    /// The same, but only where it was told of before.
    async fn tell_again(&self, guild: &GuildId, number: u64) -> Result<(), String> {
        match self.place(guild).await {
            Some(place) => self.tell_at(&place, guild, number, false).await,
            None => Ok(()),
        }
    }

    async fn tell_at(&self, place: &Place, guild: &GuildId, number: u64, new: bool) -> Result<(), String> {
        let name = format!("telegram.log/{guild}/{number}");
        let stands = self.due.read(&name).await.map_err(|error| chain(&error))?;
        let stands = stands.and_then(|stands| serde_json::from_str::<(GuildId, MessageId)>(&stands).ok());
        if stands.is_none() && !new {
            return Ok(());
        }
        let case = match self.asking.case(guild, number).await {
            Ok(case) => case,
            Err(Unanswered::Refused(_)) => return Ok(()),
            Err(Unanswered::Away(words)) => return Err(words),
        };
        let tongue = self.speaker.tongue(guild).await;
        let line = self.line(tongue, guild, number, &case.case);
        let done = match &stands {
            Some((chat, message)) => self.speaker.change(chat, message, &line).await.map(|()| None),
            None => self.speaker.say(&place.chat, &line).await,
        };
        match done {
            Ok(Some(message)) => {
                let stands = json!([place.chat, message]).to_string();
                let noted = self.due.note(&name, &stands, CHANGES).await;
                noted.map_err(|error| chain(&error))
            }
            Ok(None) => Ok(()),
            Err(error @ (CallError::Limited(_) | CallError::Away(_))) => Err(chain(&error)),
            Err(error) => {
                tracing::warn!(%guild, chat = %place.chat, "Could not tell of a case: {}", chain(&error));
                Ok(())
            }
        }
    }

    fn line(&self, tongue: &Tongue, guild: &GuildId, number: u64, case: &Value) -> Line {
        let text = |name: &str| case[name].as_str().unwrap_or_default();
        let past = tongue
            .find(&format!("past.{}", text("action")))
            .unwrap_or_else(|| text("action").to_owned());
        let told: With<'_> = &[
            ("case", &number),
            ("what", &past),
            ("name", &self.name(text("userId"))),
            ("id", &text("userId")),
        ];
        let mut lines = vec![tongue.say("log.case", told)];
        let by = match case["moderatorId"].as_str() {
            Some(moderator) => self.name(moderator),
            None => text("actor").to_owned(),
        };
        lines.push(tongue.say("log.by", &[("by", &by)]));
        if let Some(reason) = case["reason"].as_str() {
            lines.push(tongue.say("log.reason", &[("reason", &reason)]));
        }
        if let Some(until) = case["expiresAt"].as_str() {
            let until = until.get(..16).unwrap_or(until).replace('T', " ") + " UTC";
            lines.push(tongue.say("log.until", &[("until", &until)]));
        }
        match text("state") {
            "failed" => {
                let why = case["error"].as_str().unwrap_or_default();
                lines.push(tongue.say("log.state_failed", &[("why", &why)]));
            }
            state => lines.extend(tongue.find(&format!("log.state_{state}"))),
        }
        let button = |key: &str, what: &str| {
            let data = format!("{PRESS}{what}:{number}:{guild}");
            (tongue.say(key, &[]), data)
        };
        let mut row = vec![button("log.show", "case"), button("log.explain", "explain")];
        if matches!(text("state"), "requested" | "applied") {
            row.insert(0, button("log.undo", "undo"));
        }
        Line {
            words: lines.join("\n"),
            buttons: vec![row],
            ..Line::default()
        }
    }

    fn name(&self, user: &str) -> String {
        let known = UserId::new(user).ok().and_then(|user| self.memory.name_of(&user));
        known.unwrap_or_else(|| user.to_owned())
    }

    /// What a moderator did that is nobody's case.
    async fn tell_deed(&self, deed: &ModerationDeed) -> Result<(), String> {
        let tongue = self.speaker.tongue(&deed.guild_id).await;
        let by = deed.moderator_id.as_ref();
        let by = by.map_or_else(String::new, |by| self.name(by.as_str()));
        let count = deed.count.unwrap_or(1);
        let words = tongue.say(
            "log.deed",
            &[("by", &by), ("deed", &deed.deed), ("count", &count)],
        );
        self.note(&deed.guild_id, LogCategory::Sanctions, words).await;
        Ok(())
    }

    /// A verdict that becomes no case: something was deleted.
    async fn tell_verdict(&self, received: &Received, verdict: &Verdict) -> Result<(), String> {
        let acts = |words: &[&str]| {
            verdict
                .actions
                .iter()
                .any(|act| words.contains(&act.act.as_str()))
        };
        let told = verdict.mode == VerdictMode::Live && acts(&["delete"]) && !acts(&CASES);
        if !told || self.clock.now() - received.envelope.timestamp > STALE {
            return Ok(());
        }
        let Some(place) = self.place(&verdict.guild_id).await else {
            return Ok(());
        };
        if !place.tells(LogCategory::Rules) {
            return Ok(());
        }
        let tongue = self.speaker.tongue(&verdict.guild_id).await;
        let rules: Vec<&str> = verdict.rules.iter().map(|hit| hit.rule.as_str()).collect();
        let line = Line {
            words: tongue.say(
                "log.verdict",
                &[
                    ("rules", &rules.join(", ")),
                    ("name", &self.name(verdict.user_id.as_str())),
                    ("id", &verdict.user_id),
                    ("trace", &verdict.trace_id),
                ],
            ),
            ..Line::default()
        };
        match self.speaker.say(&place.chat, &line).await {
            Err(error @ (CallError::Limited(_) | CallError::Away(_))) => Err(chain(&error)),
            Err(error) => {
                tracing::warn!(guild = %verdict.guild_id, "Could not tell of a verdict: {}", chain(&error));
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    /// Shows in the log chat what is about to be deleted. Nobody waits for Telegram to let us: when it is told too much
    /// already, the records have the text all the same.
    pub(crate) async fn keep_evidence(&self, guild: &GuildId, messages: &[MessageId]) {
        let Some(place) = self.place(guild).await else {
            return;
        };
        if !place.tells(LogCategory::Rules) {
            return;
        }
        let (Ok(from), Ok(to)) = (self.client.chat(guild), self.client.chat(&place.chat)) else {
            return;
        };
        let mut numbers: Vec<i32> = messages
            .iter()
            .filter_map(|message| message.as_str().parse().ok())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        for batch in numbers.chunks(crate::sweeper::AT_ONCE) {
            let make = |to: ChatId| {
                let ids = batch.iter().map(|number| types::MessageId(*number));
                let mut forward = ForwardMessages::new(to, from, ids);
                forward.disable_notification = Some(true);
                forward
            };
            if let Err(error) = self.client.call_now(Class::Notice, to, make).await {
                metrics::counter!("lockdown_telegram_evidence_lost_total").increment(1);
                tracing::info!(%guild, "What is deleted was not shown before: {error}");
            }
        }
    }

    /// Tells something else in the log chat, where it is wanted.
    pub(crate) async fn note(&self, guild: &GuildId, category: LogCategory, words: String) {
        let Some(place) = self.place(guild).await else {
            return;
        };
        if !place.tells(category) {
            return;
        }
        let line = Line {
            words,
            ..Line::default()
        };
        if let Err(error) = self.speaker.say(&place.chat, &line).await {
            tracing::warn!(%guild, chat = %place.chat, "Could not tell something: {}", chain(&error));
        }
    }

    async fn pressed(&self, pressed: &ButtonPressed) -> Result<(), String> {
        let Some(data) = pressed.data.strip_prefix(PRESS) else {
            return Ok(());
        };
        let mut parts = data.splitn(3, ':');
        let (Some(what), Some(number), Some(guild)) = (parts.next(), parts.next(), parts.next()) else {
            return Ok(());
        };
        let Ok(guild) = GuildId::new(guild) else {
            return Ok(());
        };
        let tongue = self.speaker.tongue(&guild).await;
        let answered = self.answer(tongue, &guild, pressed, what, number).await;
        let words = match answered {
            Ok(words) => words,
            Err(Unanswered::Away(words)) => return Err(words),
            Err(refused) => refused.words(tongue),
        };
        self.speaker.answer(pressed, &words).await;
        Ok(())
    }

    /// Does what a button says, with the rights that whoever pressed it has in the community.
    async fn answer(
        &self,
        tongue: &Tongue,
        guild: &GuildId,
        pressed: &ButtonPressed,
        what: &str,
        number: &str,
    ) -> Result<String, Unanswered> {
        let params = [("caseNumber", number.to_owned())];
        let route = |name| Route {
            params: &params,
            ..Route::new(guild, &pressed.user_id, name)
        };
        if what == "undo" {
            let undone = self
                .asking
                .route(Route {
                    body: Some(json!({})),
                    // Pressed twice it is one undo.
                    key: Some(format!("telegram:undo:{guild}:{number}:{}", pressed.user_id)),
                    ..route("undoCase")
                })
                .await?;
            let body = undone.body.unwrap_or_default();
            let results = body["results"].as_array().cloned().unwrap_or_default();
            let done = results.iter().filter_map(|step| step["action"].as_str());
            let done: Vec<String> = done
                .map(|action| {
                    tongue
                        .find(&format!("action.{action}"))
                        .unwrap_or(action.to_owned())
                })
                .collect();
            if done.is_empty() {
                return Ok(tongue.say("log.nothing_undone", &[]));
            }
            return Ok(tongue.say("log.undone", &[("what", &done.join(", "))]));
        }
        let shown = self.asking.route(route("explainCase")).await?;
        let body = shown.body.unwrap_or_default();
        let words = body["explanation"].as_str().unwrap_or_default().to_owned();
        if what == "explain" {
            // More than fits into an answer to a press, so it is said below the line.
            let line = Line {
                words,
                answers: Some(pressed.message_id.clone()),
                stays: Some(Duration::from_secs(300)),
                ..Line::default()
            };
            let chat = GuildId::new(pressed.channel_id.as_str());
            if let Ok(chat) = chat
                && let Err(error) = self.speaker.say(&chat, &line).await
            {
                tracing::warn!(%guild, "Could not explain a case: {}", chain(&error));
            }
            return Ok(String::new());
        }
        Ok(words)
    }
}
