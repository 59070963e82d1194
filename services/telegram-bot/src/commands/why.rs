//! What the rules say to a message, and why.

use super::parse::answers;
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::ask::{Route, Unanswered};
use crate::speaker::Line;
use lockdown_moderation::hands::Judged;
use lockdown_moderation::words::Tongue;
use serde_json::json;
use std::sync::Arc;

/// Of so many rules it is told what they say; those that hit come first.
const MOST: usize = 25;

// === impl Commands ===

impl Commands {
    pub(super) async fn why(self: &Arc<Self>, said: &Said) -> Result<(), Stop> {
        let message = &said.message;
        let (guild, by) = (&message.guild_id, &message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let replied = answers(message).ok_or(No::WhichMessage)?;
        let mut about = json!({ "messageId": replied });
        if let Some(at) = self.memory.about_when(guild, replied) {
            about["saidAt"] = json!(at);
        }
        let asking = Route {
            body: Some(about),
            ..Route::new(guild, by, "judgeMessage")
        };
        let words = match self.asking.route(asking).await {
            Ok(answer) => {
                let judged = answer.body.and_then(|body| serde_json::from_value(body).ok());
                words(tongue, judged.unwrap_or_default())
            }
            Err(Unanswered::Refused(refused)) if refused.code == "no_rules" => {
                tongue.say("why.no_rules", &[])
            }
            Err(Unanswered::Refused(refused)) if refused.code == "unknown_message" => {
                tongue.say("why.lost", &[])
            }
            Err(why) => return Err(why.into()),
        };
        self.tell_later(message, Line::answer(message, words).staying(LOOK_STAYS));
        Ok(())
    }
}

fn words(tongue: &Tongue, judged: Judged) -> String {
    let caught = if judged.caught {
        "why.caught"
    } else {
        "why.not_caught"
    };
    let staff = judged.staff.filter(|staff| *staff);
    let mut rules = judged.rules;
    rules.sort_by_key(|rule| !rule.hit);
    let rules = rules.iter().take(MOST).map(|rule| {
        let sign = if rule.hit { "❗" } else { "▫️" };
        format!("{sign} {}: {}", rule.rule, rule.because)
    });
    let lines = std::iter::once(tongue.say(caught, &[]))
        .chain(staff.map(|_| tongue.say("why.by_staff", &[])))
        .chain(rules);
    lines.collect::<Vec<_>>().join("\n")
}
