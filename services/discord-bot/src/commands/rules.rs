//! `/rules`.

use super::Commands;
use super::answers::Told;
use super::input::Input;
use crate::case::time;
use crate::words::escape;
use chrono::{DateTime, Utc};
use lockdown_moderation::hands::Judged;
use lockdown_moderation::words::Tongue;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Checked {
    good: bool,
    rules: Vec<String>,
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    severity: String,
    line: u32,
    message: String,
    #[serde(default)]
    hint: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Listed {
    pub(super) rules: Vec<State>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    pub(super) id: String,
    /// `live`, `shadow` or `disabled`.
    mode: String,
    #[serde(default)]
    paused_until: Option<DateTime<Utc>>,
}

// === impl Commands ===

impl Commands {
    /// What the rules say to the message of a menu or to a text, and why.
    pub(super) async fn rules_why(&self, input: &Input) -> Result<Told, String> {
        let tongue = input.tongue;
        let message = match input.message_of_menu() {
            Some(message) => json!(message),
            None => json!({
                "content": input.text("text").unwrap_or_default(), "channelId": input.channel.id,
            }),
        };
        let question = self.question(input, "judgeMessage").body(message);
        let judged: Option<Judged> = self.ask_unless("no_rules", question, tongue).await?;
        let Some(judged) = judged else {
            return Ok(Told::nothing(&tongue.say("rules.none", &[])));
        };
        let said = if judged.caught {
            "rules.caught"
        } else {
            "rules.not_caught"
        };
        let staff = judged.staff.filter(|staff| *staff);
        let staff = staff.map(|_| tongue.say("rules.by_staff", &[]));
        let lines = judged.rules.iter().map(|rule| {
            let sign = if rule.hit { "❗" } else { "▫️" };
            format!("{sign} **{}**: {}", escape(&rule.rule), escape(&rule.because))
        });
        Ok(Told::plain(tongue.say(said, &[])).with_lines(staff.into_iter().chain(lines)))
    }

    /// The rules in force, and whether each acts.
    pub(super) async fn rules_list(&self, input: &Input) -> Result<Told, String> {
        let tongue = input.tongue;
        let question = self.question(input, "listRules");
        let listed: Option<Listed> = self.ask_unless("no_rules", question, tongue).await?;
        let rules = listed.map(|listed| listed.rules).unwrap_or_default();
        if rules.is_empty() {
            return Ok(Told::nothing(&tongue.say("rules.none", &[])));
        }
        let said = tongue.count("rules.list", rules.len() as u64, &[]);
        let native = self.automod.shown(input.guild.number);
        let lines = rules.iter().map(|rule| {
            let native = native.as_ref().filter(|_| rule.mode == "live");
            match native.and_then(|native| native.of(&rule.id, tongue)) {
                Some(native) => format!("{}; {native}", rule.line(tongue)),
                None => rule.line(tongue),
            }
        });
        Ok(Told::plain(said).with_lines(lines))
    }

    /// Of the text of a form; changes nothing.
    pub(super) async fn rules_check(&self, input: &Input) -> Result<Told, String> {
        let tongue = input.tongue;
        let text = json!(input.text("rules").unwrap_or_default());
        let question = self.question(input, "checkRules").body(text);
        let checked: Checked = self.ask(question, tongue).await?;
        let told = if checked.good {
            Told::done(&tongue.count("rules.good", checked.rules.len() as u64, &[]))
        } else {
            Told::refused(tongue, tongue.say("rules.bad", &[]))
        };
        Ok(told.with_lines(checked.findings.iter().map(|finding| finding.line(tongue))))
    }

    /// Has a rule act, only say what it would do, or do nothing.
    pub(super) async fn rules_mode(&self, input: &Input, mode: &str) -> Result<Told, String> {
        let (tongue, rule) = (input.tongue, input.text("rule").unwrap_or_default());
        let question = self.question(input, "setRuleMode").param("ruleId", &rule);
        self.route(question.body(json!({ "mode": mode })), tongue).await?;
        let mode = tongue.say(&format!("rules.mode.{mode}"), &[]);
        let said = tongue.say("rules.set", &[("rule", &escape(&rule)), ("mode", &mode)]);
        Ok(Told::done(&said))
    }

    /// Has a rule act again that paused since it acted too often.
    pub(super) async fn rules_resume(&self, input: &Input) -> Result<Told, String> {
        let (tongue, rule) = (input.tongue, input.text("rule").unwrap_or_default());
        let question = self.question(input, "resumeRule").param("ruleId", &rule);
        let resumed = self.route_unless("not_paused", question, tongue).await?;
        let name = escape(&rule);
        Ok(match resumed {
            Some(_) => Told::done(&tongue.say("rules.resumed", &[("rule", &name)])),
            None => Told::nothing(&tongue.say("rules.not_paused", &[("rule", &name)])),
        })
    }
}

// === impl State ===

impl State {
    fn line(&self, tongue: &Tongue) -> String {
        let mode = tongue.find(&format!("rules.mode.{}", self.mode));
        let mode = mode.unwrap_or_else(|| escape(&self.mode));
        let line = format!("**{}**: {mode}", escape(&self.id));
        match self.paused_until {
            Some(at) => {
                let paused = tongue.say("rules.paused", &[("at", &time(at, 'R'))]);
                format!("{line}, {paused}")
            }
            None => line,
        }
    }
}

// === impl Finding ===

impl Finding {
    fn line(&self, tongue: &Tongue) -> String {
        let sign = if self.severity == "error" { "❌" } else { "⚠️" };
        let line = tongue.say("rules.line", &[("line", &self.line)]);
        let hint = self.hint.as_ref().map(|hint| format!(" ({})", escape(hint)));
        format!(
            "{sign} {line}: {}{}",
            escape(&self.message),
            hint.unwrap_or_default()
        )
    }
}
