//! `/userinfo`: what is known of somebody.

use super::Commands;
use super::answers::Told;
use super::input::Input;
use crate::case::{Recorded, capital, time};
use crate::words::escape;
use chrono::{DateTime, Utc};
use lockdown_events::Action;
use lockdown_moderation::words::Tongue;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    display_name: Option<String>,
    is_bot: bool,
    last_seen: DateTime<Utc>,
    #[serde(default)]
    member: Option<Member>,
    cases: Vec<Recorded>,
    activity: Vec<Day>,
    labels: Vec<Label>,
    notes: Vec<Note>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    #[serde(default)]
    nick: Option<String>,
    status: String,
    roles: Vec<String>,
    #[serde(default)]
    joined_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Day {
    messages: u64,
    flagged: u64,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

#[derive(Deserialize)]
struct Note {
    body: String,
}

// === impl Commands ===

impl Commands {
    /// What is known of somebody, and what may be done about them.
    pub(super) async fn menu(&self, input: &Input) -> Result<Told, String> {
        let tongue = input.tongue;
        let button = |path: &str, label: String| {
            let style = if path == "ban" { 4 } else { 2 };
            json!({ "type": 2, "style": style, "label": label, "custom_id": input.custom_id(path, &[]) })
        };
        let acts = [
            Action::Note,
            Action::Warn,
            Action::Mute,
            Action::Kick,
            Action::Ban,
        ];
        let acts = acts.map(|action| button(action.as_str(), capital(&tongue.action(action))));
        let more = ["clean", "history"].map(|path| button(path, tongue.say(&format!("menu.{path}"), &[])));
        let rows = json!([{ "type": 1, "components": acts }, { "type": 1, "components": more }]);
        Ok(self.userinfo(input).await?.with_buttons(rows))
    }

    pub(super) async fn userinfo(&self, input: &Input) -> Result<Told, String> {
        let (tongue, user) = (input.tongue, input.user()?);
        let question = self.question(input, "getMember").param("userId", &user);
        let record: Record = self.ask(question, tongue).await?;
        let mention = format!("<@{user}> `{user}`");
        let mut lines = Vec::new();
        let mut add = |name: &str, value: String| {
            lines.push(format!(
                "**{}**: {value}",
                tongue.say(&format!("field.{name}"), &[])
            ));
        };
        let nick = record.member.as_ref().and_then(|member| member.nick.clone());
        let names = [record.username, record.display_name, nick];
        let names: Vec<String> = names.iter().flatten().map(|name| escape(name)).collect();
        if !names.is_empty() {
            add("names", names.join(", "));
        }
        if record.is_bot {
            add("kind", tongue.say("userinfo.bot", &[]));
        }
        if let Ok(id) = user.as_str().parse() {
            add("created", both(crate::read::time_of(id)));
        }
        if let Some(member) = &record.member {
            let status = tongue.find(&format!("status.{}", member.status));
            add("status", status.unwrap_or_else(|| escape(&member.status)));
            if let Some(at) = member.joined_at {
                add("joined", both(at));
            }
            if !member.roles.is_empty() {
                let roles: Vec<String> = member
                    .roles
                    .iter()
                    .take(20)
                    .map(|role| format!("<@&{role}>"))
                    .collect();
                add("roles", roles.join(" "));
            }
        }
        add("seen", both(record.last_seen));
        let (said, flagged) = record.activity.iter().fold((0, 0), |(said, flagged), day| {
            (said + day.messages, flagged + day.flagged)
        });
        add(
            "activity",
            tongue.say("userinfo.activity", &[("messages", &said), ("flagged", &flagged)]),
        );
        let labels: Vec<String> = record.labels.iter().map(|label| escape(&label.name)).collect();
        if !labels.is_empty() {
            add("labels", labels.join(", "));
        }
        add("cases", counted(tongue, &record.cases));
        for note in record.notes.iter().take(5) {
            add("note", escape(&crate::case::shorten(&note.body, 150)));
        }
        Ok(Told::plain(mention).with_lines(lines))
    }
}

fn both(at: DateTime<Utc>) -> String {
    format!("{} ({})", time(at, 'f'), time(at, 'R'))
}

/// `3 × warning, 1 × ban`
fn counted(tongue: &Tongue, cases: &[Recorded]) -> String {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases.iter().filter(|case| case.state != "voided") {
        *kinds.entry(tongue.action(case.action)).or_default() += 1;
    }
    if kinds.is_empty() {
        return tongue.say("userinfo.no_cases", &[]);
    }
    let all: Vec<String> = kinds
        .iter()
        .map(|(kind, many)| format!("{many} × {kind}"))
        .collect();
    all.join(", ")
}
