//! `/case` and `/history`.

use super::acts::{Came, Case};
use super::answers::Told;
use super::input::Input;
use super::{Commands, OUTCOME};
use crate::case::{Recorded, links, time};
use crate::intake::Attached;
use crate::modlog::{NotKept, Proof};
use crate::words::escape;
use futures_util::future::join_all;
use lockdown_events::{Action, GuildId, MessageRef, Outcome, RequestError, UserId};
use lockdown_moderation::words::Tongue;
use serde::Deserialize;
use serde_json::{Value, json};

/// Cases on a page.
const PAGE: u64 = 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    cases: Vec<Recorded>,
    #[serde(default)]
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Explained {
    case: Recorded,
    #[serde(default)]
    rule_set_hash: Option<String>,
    #[serde(default)]
    follows_case_number: Option<u64>,
    #[serde(default)]
    ended_case_numbers: Vec<u64>,
}

#[derive(Deserialize)]
struct Undone {
    results: Vec<Step>,
    left: Vec<Left>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    user_id: UserId,
    action: Action,
    #[serde(default)]
    case: Option<Case>,
    #[serde(default)]
    already: bool,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    detail: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Left {
    case_number: u64,
    why: String,
}

// === impl Commands ===

impl Commands {
    pub(super) async fn case_view(&self, input: &Input) -> Result<Told, String> {
        let tongue = input.tongue;
        let question = self.of_case(input, "getCase")?;
        let case: Recorded = self.ask(question, tongue).await?;
        Ok(Told::plain(case.headline(tongue)).with_lines(whole(&case, tongue, &input.guild.id)))
    }

    /// Everything that made it so.
    pub(super) async fn case_explain(&self, input: &Input) -> Result<Told, String> {
        let tongue = input.tongue;
        let question = self.of_case(input, "explainCase")?;
        let explained: Explained = self.ask(question, tongue).await?;
        let case = &explained.case;
        let mut lines = whole(case, tongue, &input.guild.id);
        let origin = tongue.find(&format!("origin.{}", case.origin));
        lines.extend(origin.map(|origin| line(tongue, "origin", &origin)));
        if let Some(hash) = &explained.rule_set_hash {
            lines.push(line(tongue, "rules", &format!("`{}`", escape(hash))));
        }
        let follows = explained.follows_case_number;
        if let Some(parent) = follows.filter(|parent| Some(*parent) != case.lifts_case_number) {
            lines.push(line(tongue, "follows", &format!("#{parent}")));
        }
        let ended = explained.ended_case_numbers.iter();
        let others: Vec<String> = ended
            .filter(|ended| Some(**ended) != follows)
            .map(|ended| format!("#{ended}"))
            .collect();
        if !others.is_empty() {
            lines.push(line(tongue, "ended", &others.join(" ")));
        }
        Ok(Told::plain(case.headline(tongue)).with_lines(lines))
    }

    pub(super) async fn case_list(&self, input: &Input) -> Result<Told, String> {
        let mut question = self.question(input, "listCases").query("limit", &PAGE);
        for (option, name) in [
            ("user", "userId"),
            ("moderator", "moderatorId"),
            ("before", "cursor"),
        ] {
            if let Some(id) = input.number(option) {
                question = question.query(name, &id);
            }
        }
        if let Some(action) = input.text("type") {
            question = question.query("type", &action);
        }
        if input.flag("hidden") == Some(true) {
            question = question.query("hidden", &true);
        }
        let page: Page = self.ask(question, input.tongue).await?;
        Ok(listed(input.tongue, &page))
    }

    pub(super) async fn history(&self, input: &Input) -> Result<Told, String> {
        let user = input.user()?;
        let question = self.question(input, "listCases").query("limit", &PAGE);
        let page: Page = self.ask(question.query("userId", &user), input.tongue).await?;
        let headline = input.tongue.say("history.of", &[("user", &format!("<@{user}>"))]);
        Ok(Told::plain(headline).with_lines([listed(input.tongue, &page).text()]))
    }

    pub(super) async fn case_change(&self, input: &Input, what: &str) -> Result<Told, String> {
        let tongue = input.tongue;
        let body = match what {
            "reason" => json!({ "reason": input.text("reason") }),
            "duration" => json!({ "duration": input.text("duration") }),
            _ => self.evidence_of(input).await?,
        };
        let question = self.of_case(input, "changeCase")?.body(body);
        let case: Recorded = self.ask(question, tongue).await?;
        let told = Told::done(&tongue.say("case.changed", &[("case", &case.case_number)]));
        Ok(told.with_lines(whole(&case, tongue, &input.guild.id)))
    }

    /// What is there already, what is named, and what is attached.
    async fn evidence_of(&self, input: &Input) -> Result<Value, String> {
        let mut more = input.evidence()?;
        let file = input.file();
        if more.is_empty() && file.is_none() {
            return Err(input.tongue.say("evidence.wrong", &[]));
        }
        let known: Recorded = self.ask(self.of_case(input, "getCase")?, input.tongue).await?;
        if let Some(file) = file {
            more.push(
                self.put_down(input, known.case_number, &known.user_id, &file)
                    .await?,
            );
        }
        let mut all = known.evidence;
        for message in more {
            if !all.contains(&message) {
                all.push(message);
            }
        }
        Ok(json!({ "evidence": all }))
    }

    /// Makes a file evidence of a case that was just made.
    pub(super) async fn keep_file(
        &self,
        input: &Input,
        case: u64,
        user: &UserId,
        file: &Attached,
    ) -> Result<(), String> {
        let kept = async {
            let message = self.put_down(input, case, user, file).await?;
            let question = |route| self.question(input, route).param("caseNumber", &case);
            let known: Recorded = self.ask(question("getCase"), input.tongue).await?;
            let all: Vec<MessageRef> = known.evidence.into_iter().chain([message]).collect();
            let question = question("changeCase").body(json!({ "evidence": all }));
            self.route(question, input.tongue).await.map(drop)
        };
        kept.await.map_err(|why| format!("❌ {why}"))
    }

    /// Puts a file where the log is.
    async fn put_down(
        &self,
        input: &Input,
        case: u64,
        user: &UserId,
        file: &Attached,
    ) -> Result<MessageRef, String> {
        let proof = Proof {
            guild: &input.guild.id,
            case,
            user,
            by: &input.moderator.id,
            file,
            id: input.id,
        };
        self.log.keep(&proof).await.map_err(|error| {
            tracing::info!(case, "A file is not kept as evidence: {error}");
            let key = match error {
                NotKept::Nowhere => "evidence.nowhere",
                NotKept::Unread(_) => "evidence.unread",
                NotKept::Unsent(_) => "evidence.unsent",
            };
            input.tongue.say(key, &[])
        })
    }

    /// Out of the ordinary lists, or into them again.
    pub(super) async fn case_hide(&self, input: &Input, hidden: bool) -> Result<Told, String> {
        let question = self.of_case(input, "changeCase")?;
        let question = question.body(json!({ "hidden": hidden }));
        let case: Recorded = self.ask(question, input.tongue).await?;
        let key = if hidden { "case.hidden" } else { "case.unhidden" };
        Ok(Told::done(&input.tongue.say(key, &[("case", &case.case_number)])))
    }

    /// For the moderators alone, in the thread of the case.
    pub(super) async fn case_note(&self, input: &Input) -> Result<Told, String> {
        let body = json!({ "body": input.text("text").unwrap_or_default() });
        let question = self.of_case(input, "postToThread")?.body(body);
        self.route(question, input.tongue).await?;
        let number = input.number("number").unwrap_or_default();
        let said = input.tongue.say("case.noted", &[("case", &number)]);
        Ok(Told::done(&said))
    }

    pub(super) async fn case_void(&self, input: &Input) -> Result<Told, String> {
        let reason = input.text("reason").unwrap_or_default();
        let question = self.of_case(input, "voidCase")?.body(json!({ "reason": reason }));
        let case: Recorded = self.ask(question, input.tongue).await?;
        let said = input.tongue.say("case.voided", &[("case", &case.case_number)]);
        Ok(Told::done(&said))
    }

    pub(super) async fn case_undo(&self, input: &Input) -> Result<Told, String> {
        let tongue = input.tongue;
        let question = self
            .of_case(input, "undoCase")?
            .body(json!({ "reason": input.text("reason") }));
        let undone: Undone = self.ask(question, tongue).await?;
        let number = input.number("number").unwrap_or_default();
        let steps = undone.results.into_iter().map(|step| async move {
            let came = match step.case {
                Some(case) if step.already => Came::Already(case),
                Some(case) => {
                    let answered = self.outcomes.of(&input.guild.id, case.case_number, OUTCOME).await;
                    match answered {
                        Some(log) if log.outcome == Outcome::Applied => Came::Done(case, Some(log)),
                        Some(log) if log.outcome == Outcome::Superseded => Came::Superseded(case),
                        Some(log) => Came::Failed(case, log.error.unwrap_or_default()),
                        None if case.state == "applied" => Came::Done(case, None),
                        None => Came::Waiting(case),
                    }
                }
                None => {
                    let code = step.code.unwrap_or_default();
                    let message = step.detail.unwrap_or_else(|| tongue.action(step.action));
                    Came::Refused(escape(&tongue.refusal(&RequestError { code, message })))
                }
            };
            came.told(tongue, &step.user_id).text()
        });
        let mut lines = join_all(steps).await;
        let done = !lines.is_empty();
        lines.extend(undone.left.iter().map(|left| {
            let why = tongue.find(&format!("left.{}", left.why));
            let why = why.unwrap_or_else(|| escape(&left.why));
            let with: &[(&str, &(dyn std::fmt::Display + Sync))] =
                &[("case", &left.case_number), ("why", &why)];
            tongue.say("undo.left", with)
        }));
        let told = if done {
            Told::plain(tongue.say("undo.done", &[("case", &number)]))
        } else {
            Told::nothing(&tongue.say("undo.nothing", &[("case", &number)]))
        };
        Ok(told.with_lines(lines))
    }

    fn of_case(&self, input: &Input, route: &str) -> Result<super::ask::Question, String> {
        let number = input.number("number").filter(|number| *number > 0);
        let number = number.ok_or_else(|| input.tongue.say("case.number", &[]))?;
        Ok(self.question(input, route).param("caseNumber", &number))
    }
}

fn line(tongue: &Tongue, name: &str, value: &str) -> String {
    format!("**{}**: {value}", tongue.say(&format!("field.{name}"), &[]))
}

/// All of a case but its headline.
fn whole(case: &Recorded, tongue: &Tongue, guild: &GuildId) -> Vec<String> {
    let at = format!("{} ({})", time(case.created_at, 'f'), time(case.created_at, 'R'));
    let mut lines = vec![
        line(tongue, "by", &case.by(tongue)),
        line(tongue, "at", &at),
        line(tongue, "reason", &case.why(tongue, 800)),
        line(tongue, "state", &case.fate(tongue)),
    ];
    if case.hidden {
        lines.push(tongue.say("case.is_hidden", &[]));
    }
    if let Some(lifts) = case.lifts_case_number {
        lines.push(line(tongue, "lifts", &format!("#{lifts}")));
    }
    let links = links(guild, &case.evidence);
    if !links.is_empty() {
        lines.push(line(tongue, "evidence", &links.join(" ")));
    }
    lines
}

fn listed(tongue: &Tongue, page: &Page) -> Told {
    if page.cases.is_empty() {
        return Told::nothing(&tongue.say("case.none", &[]));
    }
    let lines: Vec<String> = page
        .cases
        .iter()
        .map(|case| {
            let (act, by) = (tongue.action(case.action), case.by(tongue));
            let (user, at) = (format!("<@{}>", case.user_id), time(case.created_at, 'R'));
            let why = case.why(tongue, 60);
            tongue.say(
                "case.line",
                &[
                    ("case", &case.case_number),
                    ("act", &act),
                    ("user", &user),
                    ("by", &by),
                    ("at", &at),
                    ("why", &why),
                ],
            )
        })
        .collect();
    let more = page.next_cursor.as_ref();
    let more = more.map(|cursor| tongue.say("case.more", &[("cursor", cursor)]));
    Told::plain(String::new()).with_lines(lines.into_iter().chain(more))
}
