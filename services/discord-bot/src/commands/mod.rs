//! Slash commands: read, asked over the bus, answered in one line that only the moderator sees.
//!
//! A command decides nothing: it says what is wished for, as the API and the dashboard do, and tells what came of it. Who
//! may is the desk's to say; what Discord shows in its menus is only a hint. To add one: a row in `list.rs`, and its arm in
//! [`Commands::answer`].

mod answers;
mod input;
mod list;
mod outcomes;

use crate::rest::{Ask, Priority, Rest, RestError};
use answers::{Told, escape};
use anyhow::Context as _;
use input::{Given, Input};
use lockdown_bus::{AskError, Bus};
use lockdown_events::{Action, CaseRequest, ModerationAction, Origin, Outcome, Platform};
use lockdown_moderation::Term;
use lockdown_runtime::{Clock, Context, chain};
use outcomes::Outcomes;
use serde::Deserialize;
use serde_json::{Value, json};
use serenity::http::Route;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// How long the desk may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it is waited for what Discord says to it, before the answer says that it has said nothing yet.
const OUTCOME: Duration = Duration::from_secs(8);
/// Commands that are answered at the same time.
const AT_ONCE: usize = 64;
/// Only the moderator sees it.
const EPHEMERAL: u64 = 64;

/// Answers commands. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Commands {
    bus: Bus,
    rest: Arc<Rest>,
    clock: Clock,
    outcomes: Outcomes,
    /// The application, which has the bot's own id.
    own: u64,
}

/// What the desk says of a case; more members may come.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    new: Option<bool>,
    case_number: u64,
    action: Action,
    state: String,
    #[serde(default)]
    expires_at: Option<chrono::DateTime<chrono::Utc>>,
    #[serde(default)]
    explanation: Option<String>,
}

// === impl Commands ===

impl Commands {
    pub(crate) async fn start(bus: Bus, rest: Arc<Rest>, clock: Clock, own: u64) -> anyhow::Result<Self> {
        let outcomes = Outcomes::listen(&bus)
            .await
            .context("could not listen to outcomes")?;
        Ok(Self {
            bus,
            rest,
            clock,
            outcomes,
            own,
        })
    }

    /// Registers the commands, then answers until the process stops.
    pub(crate) async fn run(self, mut asked: mpsc::Receiver<Value>, ctx: Context) -> anyhow::Result<()> {
        let stopping = ctx.shutdown.soft_token();
        let (registering, stop) = (self.clone(), stopping.clone());
        ctx.tasks.spawn_finite("register", async move {
            stop.run_until_cancelled(registering.register()).await;
            Ok(())
        });
        let room = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let Some(Some(interaction)) = stopping.run_until_cancelled(asked.recv()).await else {
                ctx.shutdown.soft().await;
                return Ok(());
            };
            let Ok(place) = Arc::clone(&room).acquire_owned().await else {
                return Ok(());
            };
            let (commands, stop) = (self.clone(), stopping.clone());
            ctx.tasks.spawn_finite("command", async move {
                stop.run_until_cancelled(commands.take(&interaction)).await;
                drop(place);
                Ok(())
            });
        }
    }

    /// As often as it takes.
    async fn register(&self) {
        let commands = list::all();
        let mut pause = Duration::from_secs(1);
        loop {
            let route = Route::Commands {
                application_id: self.own.into(),
            };
            match self.rest.call(Ask::put(route, 0).body(&commands)).await {
                Ok(_) => return,
                Err(RestError::Unavailable(why)) => {
                    tracing::debug!("The commands are registered later: {why}");
                }
                Err(RestError::Limited { retry_after }) => pause = pause.max(retry_after),
                Err(error) => {
                    tracing::error!("Discord does not take the bot's commands: {error}");
                    return;
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(300));
        }
    }

    async fn take(&self, interaction: &Value) {
        let Some(input) = Input::read(interaction) else {
            metrics::counter!("lockdown_discord_interactions_unused_total").increment(1);
            return;
        };
        // Discord waits three seconds for the first word, and a quarter of an hour for the rest.
        let deferred = json!({ "type": 5, "data": { "flags": EPHEMERAL } });
        let route = Route::InteractionResponse {
            interaction_id: input.id.into(),
            token: &input.token,
        };
        let first = Ask::post(route, 0)
            .body(&deferred)
            .exempt()
            .priority(Priority::Sanction);
        if let Err(error) = self.rest.call(first.within(Duration::from_secs(3))).await {
            tracing::info!("A command was not acknowledged in time, and is not carried out: {error}");
            return;
        }
        let told = self.answer(&input).await;
        let body = json!({ "content": told.text(), "allowed_mentions": { "parse": [] } });
        let route = Route::WebhookOriginalInteractionResponse {
            application_id: self.own.into(),
            token: &input.token,
        };
        let ask = Ask::patch(route, self.own)
            .body(&body)
            .exempt()
            .priority(Priority::Sanction);
        if let Err(error) = self.rest.call(ask).await {
            tracing::warn!("A command's answer did not reach the moderator: {error}");
        }
    }

    /// What the moderator is told.
    async fn answer(&self, input: &Input) -> Told {
        let action = match input.name.as_str() {
            "ban" => Action::Ban,
            "softban" => Action::Softban,
            "unban" => Action::Unban,
            "kick" => Action::Kick,
            "mute" | "timeout" => Action::Mute,
            "unmute" => Action::Unmute,
            "warn" => Action::Warn,
            "note" => Action::Note,
            "case" => return self.case(input).await,
            other => return Told::refused(format!("`/{}` is no command of this version", escape(other))),
        };
        match self.wish(input, action) {
            Ok(wish) => self.carry_out(&wish).await,
            Err(why) => Told::refused(why),
        }
    }

    fn wish(&self, input: &Input, action: Action) -> Result<ModerationAction, String> {
        let now = self.clock.now();
        let given = Given(input);
        let term = match given.text("duration") {
            Some(text) if matches!(action, Action::Ban | Action::Mute) => {
                let longest = lockdown_moderation::Span::LONGEST;
                Term::parse(&text, now, &chrono::Utc, longest).map_err(|error| error.to_string())?
            }
            _ => Term::Forever,
        };
        let delete = match given.text("delete") {
            Some(text) => {
                let longest = lockdown_moderation::Span::days(7);
                let window =
                    Term::parse(&text, now, &chrono::Utc, longest).map_err(|error| error.to_string())?;
                window
                    .at()
                    .and_then(|at| u32::try_from((at - now).num_seconds()).ok())
            }
            None => None,
        };
        Ok(ModerationAction {
            platform: Platform::Discord,
            guild_id: input.guild.clone(),
            action,
            user_id: given.user("user")?,
            moderator_id: Some(input.moderator.clone()),
            reason: given.text("reason").or_else(|| given.text("text")),
            expires_at: term.at(),
            origin: Origin::Command,
            case_number: None,
            points: None,
            delete_message_seconds: delete,
            notify: given.flag("notify"),
            native_id: None,
            trace_id: None,
            rule: None,
            rule_set_hash: None,
            evidence: Vec::new(),
        })
    }

    async fn carry_out(&self, wish: &ModerationAction) -> Told {
        let case: Case = match self.bus.requests().ask("moderation", wish, PATIENCE).await {
            Ok(case) => case,
            Err(error) => return Told::refused(why(&error)),
        };
        let told = Told::about(case.action, &wish.user_id, case.case_number).until(case.expires_at);
        if case.new == Some(false) {
            return told.already();
        }
        // Nobody is asked and nobody is told: the record is all there is.
        if case.action == Action::Note {
            return told.done(None);
        }
        match self.outcomes.of(&wish.guild_id, case.case_number, OUTCOME).await {
            Some(log) if log.outcome == Outcome::Applied => told.done(log.notified),
            Some(log) if log.outcome == Outcome::Superseded => told.superseded(),
            Some(log) => told.failed(log.error.as_deref().unwrap_or("Discord gave no reason")),
            None => told.waiting(),
        }
    }

    async fn case(&self, input: &Input) -> Told {
        let Some(number) = Given(input).number("number") else {
            return Told::refused("give the number of a case, such as 17");
        };
        let ask = CaseRequest {
            platform: Platform::Discord,
            guild_id: input.guild.clone(),
            case_number: number,
        };
        match self.bus.requests().ask::<_, Case>("case", &ask, PATIENCE).await {
            Ok(case) => {
                let words = case
                    .explanation
                    .unwrap_or_else(|| format!("{}: {}", case.action, case.state));
                Told::plain(format!("Case #{}: {}", case.case_number, escape(&words)))
            }
            Err(error) => Told::refused(why(&error)),
        }
    }
}

/// In words for a moderator.
fn why(error: &AskError) -> String {
    match error {
        AskError::Refused(refused) => refused.message.clone(),
        AskError::NoResponder(_) | AskError::Timeout(_) => {
            "nobody decides at the moment: is the backend running? Try again in a moment".to_owned()
        }
        other => {
            tracing::error!("A command could not be asked: {}", chain(other));
            "it could not be asked: the bot's log says why".to_owned()
        }
    }
}
