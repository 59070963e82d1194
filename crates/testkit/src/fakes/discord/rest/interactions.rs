//! Commands and the answers to interactions.

use super::super::world::World;
use super::{Answer, Call, Outcome, Refusal};
use chrono::TimeDelta;
use serde_json::{Value, json};

/// The first answer has to come within this.
const FIRST: TimeDelta = TimeDelta::seconds(3);

pub(super) fn commands(world: &mut World, bot: u64, call: &Call) -> Outcome {
    let Some(wanted) = call.body.as_array() else {
        return Err(Refusal::new(400, 50_035, "Invalid Form Body"));
    };
    let chat = wanted
        .iter()
        .filter(|command| command["type"].as_u64().unwrap_or(1) == 1)
        .count();
    if chat > 100 {
        return Err(Refusal::new(
            400,
            30_032,
            "Maximum number of application commands reached (100)",
        ));
    }
    let mut made = Vec::with_capacity(wanted.len());
    for command in wanted {
        let mut command = command.clone();
        command["id"] = json!(world.id().to_string());
        command["application_id"] = json!(bot.to_string());
        command["version"] = json!(world.id().to_string());
        made.push(command);
    }
    world.commands.insert(bot, made.clone());
    Answer::ok(json!(made))
}

pub(super) fn callback(world: &mut World, id: u64, token: &str, call: &Call) -> Outcome {
    let now = world.now();
    let interaction = world.interactions.get_mut(token).filter(|known| known.id == id);
    let interaction = interaction.ok_or_else(|| Refusal::unknown(10_062))?;
    if interaction.acknowledged.is_some() {
        return Err(Refusal::new(
            400,
            40_060,
            "Interaction has already been acknowledged.",
        ));
    }
    if now - interaction.made > FIRST {
        return Err(Refusal::unknown(10_062));
    }
    let kind = call.body["type"].as_u64().unwrap_or(0);
    if !matches!(kind, 1 | 4..=9) {
        return Err(Refusal::form(
            "type",
            "BASE_TYPE_CHOICES",
            "Value must be one of {4, 5, 6, 7, 8, 9}.",
        ));
    }
    interaction.acknowledged = Some(kind);
    if matches!(kind, 4 | 7 | 8 | 9) {
        interaction.original = Some(call.body["data"].clone());
    }
    Answer::nothing()
}

fn living<'a>(
    world: &'a mut World,
    token: &str,
) -> Result<&'a mut super::super::interactions::Interaction, Refusal> {
    let (now, lasts) = (world.now(), world.interactions_last);
    let known = world
        .interactions
        .get_mut(token)
        .filter(|known| known.acknowledged.is_some());
    let known = known.ok_or_else(|| Refusal::new(404, 10_015, "Unknown Webhook"))?;
    if now - known.made > lasts {
        return Err(Refusal::new(401, 50_027, "Invalid Webhook Token"));
    }
    Ok(known)
}

pub(super) fn follow_up(world: &mut World, token: &str, call: &Call) -> Outcome {
    let id = world.id();
    let interaction = living(world, token)?;
    let mut message = call.body.clone();
    message["id"] = json!(id.to_string());
    interaction.follow_ups.push(message.clone());
    Answer::ok(message)
}

pub(super) fn change(world: &mut World, token: &str, message: &str, method: &str, call: &Call) -> Outcome {
    let interaction = living(world, token)?;
    if message != "@original" {
        let found = interaction
            .follow_ups
            .iter_mut()
            .find(|known| known["id"] == message);
        let found = found.ok_or_else(|| Refusal::unknown(10_008))?;
        if method == "PATCH" {
            *found = call.body.clone();
        }
        return Answer::ok(found.clone());
    }
    match method {
        "PATCH" => {
            interaction.original = Some(call.body.clone());
            Answer::ok(call.body.clone())
        }
        "DELETE" => {
            interaction.original = None;
            Answer::nothing()
        }
        _ => Answer::ok(interaction.original.clone().unwrap_or(Value::Null)),
    }
}
