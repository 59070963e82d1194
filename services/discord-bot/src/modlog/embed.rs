//! What the log's message looks like.

use super::together::Line;
use super::{Proof, Report};
use crate::case::{Recorded, capital, links, shorten, time};
use crate::intake::{Attached, Said};
use crate::words::escape;
use lockdown_events::{Action, DirectMessage, GuildId, MessageFlagged};
use lockdown_moderation::words::{Tongue, With};
use lockdown_moderation::{CaseNumber, Named};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Discord takes 1,024 characters in a field, and escaping may double them.
const REASON: usize = 500;
/// In a description it takes 4,096.
const ARCHIVE: usize = 3_900;
/// Of what AutoMod stopped.
const STOPPED: usize = 200;

/// The whole message about a case.
pub(super) fn body(
    tongue: &Tongue,
    guild: &GuildId,
    case: &Recorded,
    notified: Option<DirectMessage>,
) -> Value {
    let field = |name: &str, value: String, inline: bool| json!({ "name": tongue.say(&format!("field.{name}"), &[]), "value": value, "inline": inline });
    let mut fields = vec![
        field("person", format!("<@{0}> `{0}`", case.user_id), true),
        field("by", case.by(tongue), true),
        field("reason", case.why(tongue, REASON), false),
        field("state", case.fate(tongue), true),
    ];
    if let Some(notified) = notified {
        fields.push(field(
            "told",
            tongue.say(&format!("notified.{notified}"), &[]),
            true,
        ));
    }
    if let Some(lifts) = case.lifts_case_number {
        fields.push(field("lifts", format!("#{lifts}"), true));
    }
    let links = links(guild, &case.evidence);
    if !links.is_empty() {
        let kept: Vec<String> = links.into_iter().take(10).collect();
        fields.push(field("evidence", kept.join(" "), true));
    }
    let act = capital(&tongue.action(case.action));
    let title = tongue.say("log.title", &[("act", &act), ("case", &case.case_number)]);
    let embed = json!({
        "title": title, "color": color(case), "fields": fields, "timestamp": case.created_at.to_rfc3339(),
        "footer": { "text": case.user_id },
    });
    let button = |style: u8, path: &str, able: bool| {
        json!({
            "type": 2, "style": style, "label": tongue.say(&format!("button.{path}"), &[]), "disabled": !able,
            "custom_id": format!("case {path}/number={}", case.case_number),
        })
    };
    let buttons = [
        button(4, "undo", case.stands()),
        button(2, "view", true),
        button(2, "explain", true),
    ];
    json!({
        "content": "", "embeds": [embed], "components": [{ "type": 1, "components": buttons }],
        "allowed_mentions": { "parse": [] },
    })
}

/// The whole message about what was asked for in one go, as the first of the cases says it.
pub(super) fn batch(tongue: &Tongue, case: &Recorded, lines: &[Line]) -> Value {
    let field = |name: &str, value: String, inline: bool| json!({ "name": tongue.say(&format!("field.{name}"), &[]), "value": value, "inline": inline });
    let mut fates: Vec<(&str, Vec<String>)> = Vec::new();
    for line in lines {
        let said = format!("<@{}> #{}", line.user, line.case);
        match fates.iter_mut().find(|(fate, _)| *fate == line.fate) {
            Some((_, people)) => people.push(said),
            None => fates.push((&line.fate, vec![said])),
        }
    }
    // Whatever differs from the most stands first.
    fates.sort_by_key(|(_, people)| people.len());
    let texts = fates
        .iter()
        .map(|(fate, people)| format!("**{}: {fate}**\n{}", people.len(), people.join(", ")));
    let text = shorten(&texts.collect::<Vec<_>>().join("\n"), ARCHIVE);
    let fields = [
        field("by", case.by(tongue), true),
        field("reason", case.why(tongue, REASON), false),
    ];
    let act = capital(&tongue.action(case.action));
    let cases = Named::of(lines.iter().map(|line| CaseNumber(line.case)));
    let with: With<'_> = &[("act", &act), ("cases", &shorten(&cases.numbers(), 100))];
    let title = tongue.count("log.together", lines.len() as u64, with);
    let embed = json!({
        "title": title, "description": text, "color": color(case), "fields": fields,
        "timestamp": case.created_at.to_rfc3339(),
    });
    json!({ "content": "", "embeds": [embed], "allowed_mentions": { "parse": [] } })
}

/// What a reader of the message is told, whether it is one to be sent or one that Discord tells of.
pub(super) fn says(message: &Value) -> Vec<&str> {
    let embed = &message["embeds"][0];
    let fields = embed["fields"].as_array().into_iter().flatten();
    let fields = fields.flat_map(|field| [&field["name"], &field["value"]]);
    let texts = [&embed["title"], &embed["description"]].into_iter().chain(fields);
    // Discord keeps no space at the ends.
    texts.filter_map(Value::as_str).map(str::trim).collect()
}

/// What somebody reported, with what may be done about it.
pub(super) fn report(tongue: &Tongue, report: &Report<'_>) -> Value {
    let field = |name: &str, value: String| json!({ "name": tongue.say(&format!("field.{name}"), &[]), "value": value, "inline": true });
    let reason = report.reason.map(|reason| escape(&shorten(reason, REASON)));
    let mut fields = vec![
        field("person", format!("<@{0}> `{0}`", report.user)),
        field("reporter", format!("<@{0}> `{0}`", report.by)),
        field("channel", format!("<#{}>", report.channel)),
        field(
            "reason",
            reason.unwrap_or_else(|| tongue.say("case.no_reason", &[])),
        ),
    ];
    let links = links(report.guild, report.evidence);
    if !links.is_empty() {
        fields.push(field("evidence", links.join(" ")));
    }
    let kept: Vec<String> = report
        .evidence
        .iter()
        .filter_map(|one| Some(format!("{}-{}", one.channel_id.as_ref()?, one.message_id)))
        .take(1)
        .collect();
    let kept = kept
        .first()
        .map_or_else(String::new, |one| format!("&evidence={one}"));
    let button = |style: u8, path: &str| {
        json!({
            "type": 2, "style": style, "label": capital(&tongue.action(path.parse().unwrap_or(Action::Note))),
            "custom_id": format!("{path}/user={}{kept}", report.user),
        })
    };
    let buttons = [
        button(2, "note"),
        button(2, "warn"),
        button(2, "mute"),
        button(4, "ban"),
    ];
    let embed = json!({ "title": tongue.say("report.title", &[]), "color": 0x9b_59_b6, "fields": fields });
    json!({
        "embeds": [embed], "components": [{ "type": 1, "components": buttons }], "allowed_mentions": { "parse": [] },
    })
}

/// Messages that were taken away.
pub(super) fn archive(tongue: &Tongue, channel: u64, why: &str, said: &[(u64, Option<Said>)]) -> Value {
    let lines = said.iter().map(|(message, said)| match said {
        Some(said) => line(*message, said),
        None => tongue.say("archive.unknown", &[("message", message)]),
    });
    let text = together(tongue, lines);
    let title = tongue.count("archive.title", said.len() as u64, &[]);
    let field = |name: &str, value: String| json!({ "name": tongue.say(&format!("field.{name}"), &[]), "value": value, "inline": true });
    let fields = [
        field("channel", format!("<#{channel}>")),
        field("reason", escape(&shorten(why, REASON))),
    ];
    let embed = json!({ "title": title, "description": text, "color": 0x95_a5_a6, "fields": fields });
    json!({ "embeds": [embed], "allowed_mentions": { "parse": [] } })
}

/// What Discord's AutoMod acted on: who wanted to say what where, and which rule that was against.
pub(super) fn stopped(tongue: &Tongue, stopped: &[(&MessageFlagged, String)]) -> Value {
    let lines = stopped.iter().map(|(flagged, rule)| {
        let (user, none) = (format!("<@{}>", flagged.author_id), || "–".to_owned());
        let channel = flagged.channel_id.as_ref();
        let channel = channel.map_or_else(none, |channel| format!("<#{channel}>"));
        // Without the intent for contents, only the word is told.
        let said = Some(&flagged.content).filter(|said| !said.is_empty());
        let said = said.or(flagged.keyword.as_ref()).map_or_else(none, |said| {
            let words: Vec<&str> = said.split_whitespace().collect();
            escape(&shorten(&words.join(" "), STOPPED))
        });
        let rule = escape(&shorten(rule, 100));
        let with: With<'_> = &[
            ("user", &user),
            ("channel", &channel),
            ("rule", &rule),
            ("text", &said),
        ];
        tongue.say("stopped.line", with)
    });
    let text = together(tongue, lines);
    let title = tongue.count("stopped.title", stopped.len() as u64, &[]);
    let embed = json!({ "title": title, "description": text, "color": 0x95_a5_a6 });
    json!({ "embeds": [embed], "allowed_mentions": { "parse": [] } })
}

/// As many of these lines as fit into a description, and how many there are beside.
fn together(tongue: &Tongue, lines: impl ExactSizeIterator<Item = String>) -> String {
    let (all, mut text, mut shown) = (lines.len(), String::new(), 0);
    for line in lines {
        if text.chars().count() + line.chars().count() >= ARCHIVE {
            break;
        }
        text.push_str(&line);
        text.push('\n');
        shown += 1;
    }
    if shown < all {
        text.push_str(&tongue.say("and_more", &[("count", &(all - shown))]));
    }
    text
}

/// What a moderator attached to a case.
pub(super) fn evidence(tongue: &Tongue, proof: &Proof<'_>) -> Value {
    let field = |name: &str, value: String| json!({ "name": tongue.say(&format!("field.{name}"), &[]), "value": value, "inline": true });
    let mut named = String::new();
    name_file(&mut named, proof.file);
    let fields = [
        field("person", format!("<@{0}> `{0}`", proof.user)),
        field("by", format!("<@{0}>", proof.by)),
        field("evidence", named),
    ];
    let title = tongue.say("evidence.title", &[("case", &proof.case)]);
    let embed = json!({ "title": title, "color": 0x34_98_db, "fields": fields });
    json!({ "embeds": [embed], "allowed_mentions": { "parse": [] } })
}

fn name_file(line: &mut String, file: &Attached) {
    let Attached {
        name, size, sha256, ..
    } = file;
    let _ = write!(line, "📎 {} ({size} B)", escape(&shorten(name, 100)));
    if let Some(sha256) = sha256 {
        let _ = write!(line, " sha256 `{sha256}`");
    }
}

/// Who said what when, and what was attached.
fn line(message: u64, said: &Said) -> String {
    let at = time(crate::read::time_of(message), 'T');
    let mut line = format!(
        "<@{}> {at}: {}",
        said.author,
        escape(&shorten(&said.text, REASON))
    );
    for attached in &said.attachments {
        line.push('\n');
        name_file(&mut line, attached);
    }
    line
}

fn color(case: &Recorded) -> u32 {
    if matches!(case.state.as_str(), "failed" | "voided" | "superseded" | "lifted") {
        return 0x7f_8c_8d;
    }
    match case.action {
        Action::Ban => 0xe7_4c_3c,
        Action::Softban | Action::Kick => 0xe6_7e_22,
        Action::Mute => 0xf3_9c_12,
        Action::Warn => 0xf1_c4_0f,
        Action::Note => 0x34_98_db,
        Action::Unban | Action::Unmute | Action::Unwarn => 0x2e_cc_71,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::WORDS;

    #[test]
    fn a_case_is_shown_and_nothing_in_it_acts() {
        let case: Recorded = serde_json::from_value(json!({
            "caseNumber": 17, "userId": "5", "action": "ban", "state": "applied", "origin": "command",
            "moderatorId": "9", "actor": "9", "reason": "@everyone **x** https://bad.test", "expiresAt": null,
            "createdAt": "2026-11-20T09:06:00Z", "evidence": [{ "channelId": "3", "messageId": "4" }],
        }))
        .unwrap();
        let guild = GuildId::new("7").unwrap();
        let shown = body(WORDS.tongue(None), &guild, &case, Some(DirectMessage::Closed));
        let embed = &shown["embeds"][0];
        assert_eq!(embed["title"], "Ban · Case #17");
        assert_eq!(
            embed["fields"][2]["value"],
            "\\@everyone \\*\\*x\\*\\* https:\u{200b}//bad.test"
        );
        assert_eq!(
            embed["fields"][5]["value"],
            "[1](https://discord.com/channels/7/3/4)"
        );
        assert_eq!(shown["allowed_mentions"], json!({ "parse": [] }));
        let undo = &shown["components"][0]["components"][0];
        assert_eq!(
            (&undo["custom_id"], &undo["disabled"]),
            (&json!("case undo/number=17"), &json!(false))
        );
        let long = Recorded {
            reason: Some("*".repeat(5_000)),
            state: "voided".to_owned(),
            ..case
        };
        let shown = body(WORDS.tongue(None), &guild, &long, None);
        let reason = shown["embeds"][0]["fields"][2]["value"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(reason.chars().count() <= 1_024, "{}", reason.len());
        assert_eq!(shown["components"][0]["components"][0]["disabled"], true);
    }
}
