//! The warnings that count against somebody: looked at, and taken back all together.

use super::parse::{Command, Fault, is_sure};
use super::{Commands, LOOK_STAYS, No, Said, Stop};
use crate::ask::Route;
use crate::speaker::Line;
use lockdown_events::{GuildId, UserId};
use serde::Deserialize;
use std::sync::Arc;

/// As many as one answer can show, and nobody has more.
const MOST: usize = 50;

/// As much of a case as is told.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Warning {
    case_number: u64,
    reason: Option<String>,
    created_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    cases: Vec<Warning>,
    next_cursor: Option<String>,
}

// === impl Commands ===

impl Commands {
    pub(super) async fn warnings(self: &Arc<Self>, said: &Said, command: &Command) -> Result<(), Stop> {
        let guild = &said.message.guild_id;
        let subject = self.subject(command)?;
        let subject = subject.as_ref().unwrap_or(&said.message.author_id);
        let warnings = self.counting(guild, &said.message.author_id, subject).await?;
        let tongue = self.speaker.tongue(guild).await;
        let name = self.name(subject);
        let words = if warnings.is_empty() {
            tongue.say("warnings_none", &[("name", &name)])
        } else {
            let line = |warning: &Warning| {
                let day = warning.created_at.get(..10).unwrap_or_default();
                let reason = warning.reason.as_deref().unwrap_or_default();
                format!("#{} · {day} · {reason}", warning.case_number)
            };
            let list: Vec<String> = warnings.iter().map(line).collect();
            tongue.say("warnings", &[("name", &name), ("list", &list.join("\n"))])
        };
        self.tell_later(
            &said.message,
            Line::answer(&said.message, words).staying(LOOK_STAYS),
        );
        Ok(())
    }

    /// Takes all of them back, each by its case.
    pub(super) async fn forgive(self: &Arc<Self>, said: &Said, command: &Command) -> Result<(), Stop> {
        let guild = &said.message.guild_id;
        let by = &said.message.author_id;
        let subject = self.subject(command)?.ok_or(No::Fault(Fault::Whom))?;
        let warnings = self.counting(guild, by, &subject).await?;
        for warning in &warnings {
            self.take_back(said, warning).await?;
        }
        let (tongue, name) = (self.speaker.tongue(guild).await, self.name(&subject));
        let count = u64::try_from(warnings.len()).unwrap_or(u64::MAX);
        let words = match count {
            0 => tongue.say("warnings_none", &[("name", &name)]),
            count => tongue.count("warnings_gone", count, &[("name", &name)]),
        };
        self.tell_later(
            &said.message,
            Line::answer(&said.message, words).staying(LOOK_STAYS),
        );
        Ok(())
    }

    /// Takes back all warnings of everybody, which nobody does by accident.
    pub(super) async fn forgive_all(self: &Arc<Self>, said: &Said, command: &Command) -> Result<(), Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let words = if is_sure(command) {
            let (mut count, mut after) = (0, None);
            loop {
                let page = self.page(guild, by, None, after.take()).await?;
                for warning in &page.cases {
                    self.take_back(said, warning).await?;
                    count += 1;
                }
                match page.next_cursor {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            self.did(said, "resetallwarns", count).await?;
            tongue.count("warnings_all_gone", count, &[])
        } else {
            tongue.say("warnings_all_usage", &[])
        };
        self.tell_later(
            &said.message,
            Line::answer(&said.message, words).staying(LOOK_STAYS),
        );
        Ok(())
    }

    async fn take_back(&self, said: &Said, warning: &Warning) -> Result<(), Stop> {
        let params = [("caseNumber", warning.case_number.to_string())];
        let route = Route {
            params: &params,
            key: Some(format!("telegram:forgive:{}:{}", said.event, warning.case_number)),
            ..Route::new(&said.message.guild_id, &said.message.author_id, "unwarn")
        };
        Ok(self.asking.route(route).await.map(drop)?)
    }

    /// Those of somebody that count, newest first.
    async fn counting(&self, guild: &GuildId, by: &UserId, subject: &UserId) -> Result<Vec<Warning>, Stop> {
        Ok(self.page(guild, by, Some(subject), None).await?.cases)
    }

    async fn page(
        &self,
        guild: &GuildId,
        by: &UserId,
        subject: Option<&UserId>,
        after: Option<String>,
    ) -> Result<Page, Stop> {
        let mut query = vec![
            ("type", "warn".to_owned()),
            ("state", "applied".to_owned()),
            ("limit", MOST.to_string()),
        ];
        query.extend(subject.map(|subject| ("userId", subject.to_string())));
        query.extend(after.map(|after| ("cursor", after)));
        let route = Route {
            query: &query,
            ..Route::new(guild, by, "listCases")
        };
        let body = self.asking.route(route).await?.body.unwrap_or_default();
        Page::deserialize(&body).map_err(|error| Stop::Again(error.to_string()))
    }
}
