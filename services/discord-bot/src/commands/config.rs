//! `/config` and `/rules`.

use super::Commands;
use super::answers::Told;
use super::ask::Question;
use super::input::Input;
use crate::words::{WORDS, escape};
use lockdown_events::ChannelId;
use lockdown_moderation::Settings;
use lockdown_moderation::words::Tongue;
use serde::Deserialize;
use serde_json::{Value, json};

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

// === impl Commands ===

impl Commands {
    pub(super) async fn config_show(&self, input: &Input) -> Result<Told, String> {
        let settings: Settings = self
            .ask(self.question(input, "getSettings"), input.tongue)
            .await?;
        Ok(shown(
            input,
            &settings,
            Told::plain(input.tongue.say("config.title", &[])),
        ))
    }

    pub(super) async fn config_set(&self, input: &Input) -> Result<Told, String> {
        let tongue = input.tongue;
        let now = self.route(self.question(input, "getSettings"), tongue).await?;
        let mut settings: Settings = serde_json::from_value(now.body.unwrap_or_default())
            .map_err(|_| tongue.say("asked.failed", &[]))?;
        let before = settings.clone();
        if let Some(channel) = input.number("log") {
            settings.log_channel = ChannelId::new(&channel.to_string()).ok();
        }
        if let Some(locale) = input.text("language") {
            settings.locale = locale;
        }
        if let Some(timezone) = input.text("timezone") {
            settings.timezone = timezone;
        }
        if let Some(days) = input.number("message_days") {
            settings.message_days = days;
        }
        if settings == before {
            return Ok(shown(
                input,
                &settings,
                Told::nothing(&tongue.say("config.same", &[])),
            ));
        }
        let body = serde_json::to_value(&settings).unwrap_or_default();
        // Two who choose at once: the second is told to look again.
        let question = self.question(input, "putSettings").body(body).seen(now.etag);
        self.route(question, tongue).await?;
        Ok(shown(
            input,
            &settings,
            Told::done(&tongue.say("config.set", &[])),
        ))
    }

    /// What the rules in force are, and what is to be said of them.
    pub(super) async fn rules_list(&self, input: &Input) -> Result<Told, String> {
        let text = self.route(self.question(input, "getRules"), input.tongue).await?;
        let text = text.body.unwrap_or_default();
        let checked = self
            .checked(self.question(input, "checkRules"), text, input)
            .await?;
        if checked.rules.is_empty() {
            return Ok(Told::nothing(&input.tongue.say("rules.none", &[])));
        }
        let said = input.tongue.count("rules.list", checked.rules.len() as u64, &[]);
        let rules = checked.rules.iter().map(|rule| escape(rule));
        let told = Told::plain(said).with_lines([rules.collect::<Vec<_>>().join(", ")]);
        Ok(findings(input, &checked, told))
    }

    /// Of the text of a form; changes nothing.
    pub(super) async fn rules_check(&self, input: &Input) -> Result<Told, String> {
        let text = json!(input.text("rules").unwrap_or_default());
        let checked = self
            .checked(self.question(input, "checkRules"), text, input)
            .await?;
        let count = checked.rules.len() as u64;
        let told = if checked.good {
            Told::done(&input.tongue.count("rules.good", count, &[]))
        } else {
            Told::refused(input.tongue, input.tongue.say("rules.bad", &[]))
        };
        Ok(findings(input, &checked, told))
    }

    async fn checked(&self, question: Question, text: Value, input: &Input) -> Result<Checked, String> {
        self.ask(question.body(text), input.tongue).await
    }
}

fn findings(input: &Input, checked: &Checked, told: Told) -> Told {
    let lines = checked.findings.iter().map(|finding| {
        let hint = finding.hint.as_ref().map(|hint| format!(" ({})", escape(hint)));
        let sign = if finding.severity == "error" {
            "❌"
        } else {
            "⚠️"
        };
        let line = input.tongue.say("rules.line", &[("line", &finding.line)]);
        format!(
            "{sign} {line}: {}{}",
            escape(&finding.message),
            hint.unwrap_or_default()
        )
    });
    told.with_lines(lines)
}

fn shown(input: &Input, settings: &Settings, told: Told) -> Told {
    let tongue = input.tongue;
    let line =
        |name: &str, value: String| format!("**{}**: {value}", tongue.say(&format!("config.{name}"), &[]));
    let log = settings
        .log_channel
        .as_ref()
        .map(|channel| format!("<#{channel}>"));
    let days = match settings.message_days {
        0 => tongue.say("config.never", &[]),
        days => days.to_string(),
    };
    let known = WORDS.tongues().iter().map(Tongue::tag).collect::<Vec<_>>();
    let steps = settings.ladder.as_ref().map_or(0, |ladder| ladder.steps.len());
    told.with_lines([
        line("log", log.unwrap_or_else(|| tongue.say("config.usual_log", &[]))),
        line(
            "language",
            format!("{} ({})", escape(&settings.locale), known.join(", ")),
        ),
        line("timezone", escape(&settings.timezone)),
        line("message_days", days),
        line("ladder", steps.to_string()),
    ])
}
