//! Commands, and the menus, buttons and forms that are commands by another way: read, asked over the bus, answered so that
//! only the moderator sees it.
//!
//! A command about a person decides nothing: it says what is wished for, as the API and the dashboard do, and tells what
//! came of it. Who may is the desk's to say; what Discord shows in its menus is only a hint. A command about a channel or a
//! role goes by what Discord lets the moderator do there, and is told as a `moderation:deed`. To add one: a row in
//! `list.rs`, its words in the files of words, and its arm in [`Commands::answer`].

mod acts;
mod answers;
mod ask;
mod cases;
mod channels;
mod config;
mod doctor;
mod forms;
mod input;
mod list;
mod many;
mod modes;
mod outcomes;
mod people;
mod purge;
mod records;
mod reports;
mod rights;
mod roles;
mod rules;
mod spoken;
mod typing;

pub(crate) use spoken::addressed;

use crate::automod::AutoMod;
use crate::effects::permissions::STAFF;
use crate::effects::{Discord, LentRoles, Locks};
use crate::modlog::{ModLog, of};
use crate::read;
use crate::rest::{Ask, Priority, Rest, RestError};
use crate::words::WORDS;
use answers::Told;
use anyhow::Context as _;
use input::{Input, Kind};
use lockdown_bus::Bus;
use lockdown_events::Action;
use lockdown_moderation::hands::SettingsBook;
use lockdown_moderation::{Zone, zone};
use lockdown_runtime::{Clock, Context};
use outcomes::Outcomes;
use reports::Reporters;
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
/// Discord's code for an interaction that can be answered no more.
const TOO_LATE: u32 = 50_027;
/// How often it is looked whose time is over.
const SWEEP: Duration = Duration::from_secs(2);

/// Answers commands. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Commands {
    bus: Bus,
    rest: Arc<Rest>,
    clock: Clock,
    outcomes: Outcomes,
    discord: Discord,
    locks: Locks,
    lent: LentRoles,
    log: ModLog,
    book: SettingsBook,
    automod: AutoMod,
    reporters: Reporters,
    /// The application, which has the bot's own id.
    own: u64,
}

/// Something that somebody wants of the bot.
#[derive(Debug)]
pub(crate) enum Request {
    /// By a command, a menu, a button or a form.
    Interaction(Value),
    /// By a message that begins with the bot's name.
    Spoken {
        guild: u64,
        channel: u64,
        message: Value,
    },
}

// === impl Commands ===

impl Commands {
    pub(crate) async fn start(
        bus: Bus,
        discord: Discord,
        clock: Clock,
        log: ModLog,
        book: SettingsBook,
        automod: AutoMod,
    ) -> anyhow::Result<Self> {
        let outcomes = Outcomes::listen(&bus)
            .await
            .context("could not listen to outcomes")?;
        let locks = Locks::open(bus.clone(), discord.clone());
        let locks = locks.await.context("could not read which channels are locked")?;
        Ok(Self {
            lent: LentRoles::new(bus.clone(), discord.clone()),
            bus,
            rest: Arc::clone(&discord.rest),
            clock,
            outcomes,
            own: discord.guilds.own(),
            discord,
            locks,
            log,
            book,
            automod,
            reporters: Reporters::default(),
        })
    }

    /// What is locked, for whoever locks beside moderators.
    pub(crate) fn locks(&self) -> Locks {
        self.locks.clone()
    }

    /// Registers the commands, then answers until the process stops.
    pub(crate) async fn run(self, mut asked: mpsc::Receiver<Request>, ctx: Context) -> anyhow::Result<()> {
        let stopping = ctx.shutdown.soft_token();
        let (registering, stop) = (self.clone(), stopping.clone());
        ctx.tasks.spawn_finite("register", async move {
            stop.run_until_cancelled(registering.register()).await;
            Ok(())
        });
        let (timing, stop) = (self.clone(), stopping.clone());
        ctx.tasks.spawn("locks", async move {
            stop.run_until_cancelled(timing.keep_sweeping()).await;
            Ok(())
        });
        let room = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let Some(Some(request)) = stopping.run_until_cancelled(asked.recv()).await else {
                ctx.shutdown.soft().await;
                return Ok(());
            };
            let Ok(place) = Arc::clone(&room).acquire_owned().await else {
                return Ok(());
            };
            let (commands, stop) = (self.clone(), stopping.clone());
            ctx.tasks.spawn_finite("command", async move {
                stop.run_until_cancelled(commands.take_request(&request)).await;
                drop(place);
                Ok(())
            });
        }
    }

    /// Ends locks whose time is over.
    async fn keep_sweeping(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            for ended in self.locks.sweep().await {
                self.ended(ended).await;
            }
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

    async fn take_request(&self, request: &Request) {
        match request {
            Request::Interaction(interaction) => self.take(interaction).await,
            Request::Spoken {
                guild,
                channel,
                message,
            } => self.take_spoken(*guild, *channel, message).await,
        }
    }

    async fn take(&self, interaction: &Value) {
        let Some(mut input) = Input::read(interaction) else {
            metrics::counter!("lockdown_discord_interactions_unused_total").increment(1);
            self.say_where(interaction).await;
            return;
        };
        // Discord waits three seconds for the first word, and a quarter of an hour for the rest.
        let form = match input.kind {
            Kind::Press => forms::form(&input),
            Kind::Command => forms::of_command(&input),
            Kind::Form | Kind::Typing => None,
        };
        if input.kind == Kind::Typing {
            input.zone = self.zone(&input).await;
        }
        let deferred = match (input.kind, form) {
            (Kind::Typing, _) => json!({ "type": 8, "data": { "choices": self.offers(&input).await } }),
            (_, Some(form)) => json!({ "type": 9, "data": form }),
            _ => json!({ "type": 5, "data": { "flags": seen_by(&input) } }),
        };
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
        if deferred["type"] != 5 {
            return;
        }
        input.zone = self.zone(&input).await;
        let told = self.answer(&input).await;
        let flags = seen_by(&input);
        let said =
            |text: &str| json!({ "content": text, "allowed_mentions": { "parse": [] }, "flags": flags });
        let route = Route::WebhookOriginalInteractionResponse {
            application_id: self.own.into(),
            token: &input.token,
        };
        let mut body = said(&told.text());
        if let Some(buttons) = told.buttons() {
            body["components"] = buttons.clone();
        }
        let ask = Ask::patch(route, self.own)
            .body(&body)
            .exempt()
            .priority(Priority::Sanction);
        match self.rest.call(ask).await {
            // It took longer than Discord waits: all may see the first line of it.
            Err(error) if error.code() == TOO_LATE => {
                let text = told.text();
                let line = text.lines().next().unwrap_or_default();
                let said = format!("<@{}> {line}", input.moderator.id);
                self.say_in_channel(&input, 0, &said, false).await;
                return;
            }
            Err(error) => tracing::warn!("A command's answer did not reach the moderator: {error}"),
            Ok(_) => {}
        }
        for text in told.more() {
            let route = Route::WebhookFollowupMessages {
                application_id: self.own.into(),
                token: &input.token,
            };
            let body = said(&text);
            let ask = Ask::post(route, self.own)
                .body(&body)
                .exempt()
                .priority(Priority::Notice);
            if let Err(error) = self.rest.call(ask).await {
                tracing::warn!("The rest of an answer did not reach the moderator: {error}");
                return;
            }
        }
    }

    /// A command that was used where the bot is alone with somebody: clients may have kept it from somewhere else.
    async fn say_where(&self, interaction: &Value) {
        let (Some(id), Some(token)) = (read::id(&interaction["id"]), interaction["token"].as_str()) else {
            return;
        };
        if interaction["type"] != 2 || interaction["guild_id"].is_string() {
            return;
        }
        let tongue = WORDS.tongue(interaction["locale"].as_str());
        let told = Told::refused(tongue, tongue.say("only_in_servers", &[]));
        let data = json!({ "content": told.text(), "allowed_mentions": { "parse": [] }, "flags": EPHEMERAL });
        let body = json!({ "type": 4, "data": data });
        let route = Route::InteractionResponse {
            interaction_id: id.into(),
            token,
        };
        let ask = Ask::post(route, 0)
            .body(&body)
            .exempt()
            .priority(Priority::Notice);
        if let Err(error) = self.rest.call(ask.within(Duration::from_secs(3))).await {
            tracing::debug!("Somebody was not told where commands work: {error}");
        }
    }

    /// The clock of the community, by which dates are read.
    async fn zone(&self, input: &Input) -> Zone {
        let settings = self.book.of(&of(&input.guild.id)).await;
        zone(&settings.timezone).unwrap_or_default()
    }

    /// What the moderator is told.
    async fn answer(&self, input: &Input) -> Told {
        let told = match input.path.as_str() {
            "ban" => self.act(input, Action::Ban).await,
            "softban" => self.act(input, Action::Softban).await,
            "unban" => self.act(input, Action::Unban).await,
            "kick" => self.act(input, Action::Kick).await,
            "mute" | "timeout" => self.act(input, Action::Mute).await,
            "unmute" => self.unmute(input).await,
            "warn" => self.act(input, Action::Warn).await,
            "note" => self.act(input, Action::Note).await,
            "case view" => self.case_view(input).await,
            "case explain" => self.case_explain(input).await,
            "case list" => self.case_list(input).await,
            "case reason" => self.case_change(input, "reason").await,
            "case duration" => self.case_change(input, "duration").await,
            "case evidence" => self.case_change(input, "evidence").await,
            "case note" => self.case_note(input).await,
            "case hide" => self.case_hide(input, true).await,
            "case unhide" => self.case_hide(input, false).await,
            "case void" => self.case_void(input).await,
            "case undo" => self.case_undo(input).await,
            "menu" => self.menu(input).await,
            "clean" => self.clean(input).await,
            "history" => self.history(input).await,
            "userinfo" => self.userinfo(input).await,
            "report" => self.report(input).await,
            "remove" => self.remove(input).await,
            "rules check" => self.rules_check(input).await,
            "rules list" => self.rules_list(input).await,
            "rules enable" => self.rules_mode(input, "live").await,
            "rules shadow" => self.rules_mode(input, "shadow").await,
            "rules disable" => self.rules_mode(input, "disabled").await,
            "rules why" => self.rules_why(input).await,
            "rules resume" => self.rules_resume(input).await,
            "raid on" => self.raid_on(input).await,
            "raid off" => self.raid_off(input).await,
            "raid status" => self.raid_status(input).await,
            "doctor" => self.doctor(input).await,
            "config show" => self.config_show(input).await,
            "config set" => self.config_set(input).await,
            "massban" => self.massban(input).await,
            "purge" => self.purge(input).await,
            "slowmode" => self.slowmode(input).await,
            "lock" => self.lock(input).await,
            "unlock" => self.unlock(input).await,
            "lockdown start" => self.lockdown_start(input).await,
            "lockdown end" => self.lockdown_end(input).await,
            "role give" => self.role(input, true).await,
            "role take" => self.role(input, false).await,
            other => Err(input.tongue.say("no_command", &[("name", &other)])),
        };
        told.unwrap_or_else(|why| Told::refused(input.tongue, why))
    }
}

/// Who sees the answer: the moderator alone, unless they want all to see it. Who keeps no order shows nothing to all.
fn seen_by(input: &Input) -> u64 {
    let shown = input.flag("show") == Some(true) && input.permissions & STAFF != 0;
    if shown { 0 } else { EPHEMERAL }
}
