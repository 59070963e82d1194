//! Questions to the backend, and its answers in words.

use super::{No, Stop};
use lockdown_bus::{AskError, Bus};
use lockdown_events::{CaseRequest, GuildId, ModerationAction, Platform};
use lockdown_moderation::{Profile, Term};
use lockdown_runtime::{Clock, chain};
use serde::Deserialize;
use std::time::Duration;

/// How long the backend may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long whoever commanded waits for Telegram's answer, and how often we look.
const OUTCOME: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(100);

/// As much of the answer to `request:moderation` as is needed here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wished {
    new: bool,
    case_number: u64,
    step: Option<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    action: lockdown_events::Action,
    case_number: u64,
}

/// As much of the answer to `request:case`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    state: String,
    error: Option<String>,
    explanation: String,
}

/// Wishes for something. What is refused is said as the backend says it.
pub(super) async fn wish(bus: &Bus, wish: &ModerationAction) -> Result<Wished, Stop> {
    bus.requests()
        .ask("moderation", wish, PATIENCE)
        .await
        .map_err(stop)
}

/// What is known of a case, and why it is as it is.
pub(super) async fn case(bus: &Bus, guild: &GuildId, number: u64) -> Result<String, Stop> {
    let told = look(bus, guild, number).await.map_err(stop)?;
    Ok(told.explanation)
}

async fn look(bus: &Bus, guild: &GuildId, case_number: u64) -> Result<Told, AskError> {
    let question = CaseRequest {
        platform: Platform::Telegram,
        guild_id: guild.clone(),
        case_number,
    };
    bus.requests().ask("case", &question, PATIENCE).await
}

fn stop(error: AskError) -> Stop {
    match error {
        AskError::Refused(refused) if refused.code != "unavailable" => {
            let mut words = refused.message;
            if let Some(first) = words.get(..1) {
                let first = first.to_uppercase();
                words.replace_range(..1, &first);
            }
            No::Refused(words).into()
        }
        error => Stop::Again(chain(&error)),
    }
}

/// What came of a wish, in words: nobody is `banned` before Telegram said so.
pub(super) async fn outcome(
    bus: &Bus,
    clock: &Clock,
    wish: &ModerationAction,
    name: &str,
    wished: Wished,
) -> String {
    let number = wished.case_number;
    let (past, action) = (Profile::of(wish.action).past, wish.action);
    if !wished.new {
        return format!("{name} is {past} already: case {number}.");
    }
    let until = clock.now() + OUTCOME;
    let told = loop {
        match look(bus, &wish.guild_id, number).await {
            Ok(told) if told.state != "requested" => break Some(told),
            Ok(_) | Err(_) if clock.now() >= until => break None,
            Ok(_) | Err(_) => clock.sleep(LOOK).await,
        }
    };
    let mut words = match told {
        Some(told) if told.state == "failed" => {
            let why = told
                .error
                .unwrap_or_else(|| "Telegram did not say why".to_owned());
            format!("Could not {action} {name}: {why}. Case {number}.")
        }
        Some(_) => {
            let lasts = match Term::from(wish.expires_at) {
                Term::Forever => String::new(),
                term => format!(" for {}", term.left(clock.now())),
            };
            format!(
                "{}{} {name}{lasts}. Case {number}.",
                past[..1].to_uppercase(),
                &past[1..]
            )
        }
        None => format!("Case {number}: Telegram has not answered yet whether {name} is {past}."),
    };
    if let Some(step) = wished.step {
        let past = Profile::of(step.action).past;
        words.push_str(&format!(
            " That makes it time for more: {past}, case {}.",
            step.case_number
        ));
    }
    words
}
