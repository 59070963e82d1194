//! What is offered while an option is being typed: durations as they would be read, reasons that were given before, cases,
//! rules.

use super::Commands;
use super::input::Input;
use super::rules::Listed;
use crate::case::{Recorded, shorten};
use lockdown_moderation::{Span, Term};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Discord takes no more, and waits no longer than three seconds.
const MOST: usize = 25;
const PATIENCE: Duration = Duration::from_secs(2);
const DURATIONS: [&str; 9] = ["10m", "1h", "6h", "12h", "1d", "3d", "7d", "28d", "forever"];
const SLOW: [&str; 6] = ["off", "5s", "30s", "1m", "5m", "1h"];
const WINDOWS: [&str; 5] = ["1h", "6h", "1d", "3d", "7d"];
/// Reasons and numbers come from so many of the newest cases.
const LOOKED_AT: &str = "50";

#[derive(Deserialize)]
struct Page {
    cases: Vec<Recorded>,
}

// === impl Commands ===

impl Commands {
    /// For the callback of an autocompletion.
    pub(super) async fn offers(&self, input: &Input) -> Vec<Value> {
        let Some((name, typed)) = input.typed() else {
            return Vec::new();
        };
        let mut offers: Vec<(String, Value)> = match name {
            "duration" if input.path == "slowmode" => plain(typed, &SLOW),
            "duration" | "in" => self.durations(input, typed),
            "delete" => plain(typed, &WINDOWS),
            "reason" => self.reasons(input, typed).await,
            "number" => self.numbers(input, typed).await,
            "rule" => self.rules(input, typed).await,
            _ => Vec::new(),
        };
        offers.truncate(MOST);
        let choice = |(name, value)| json!({ "name": name, "value": value });
        offers.into_iter().map(choice).collect()
    }

    /// What is typed as it would be read, or what is usual.
    fn durations(&self, input: &Input, typed: &str) -> Vec<(String, Value)> {
        let now = self.clock.now();
        let read = |text: &str| Term::parse(text, now, &input.zone, Span::LONGEST).ok();
        let said = |text: &str| Some((input.tongue.left(read(text)?, now), json!(text)));
        match said(typed) {
            Some(one) if !typed.trim().is_empty() => vec![one],
            _ => {
                let usual = DURATIONS.iter().filter(|text| text.starts_with(typed.trim()));
                usual.filter_map(|text| said(text)).collect()
            }
        }
    }

    async fn reasons(&self, input: &Input, typed: &str) -> Vec<(String, Value)> {
        let wanted = typed.to_lowercase();
        let mut seen = BTreeSet::new();
        let own = (!typed.trim().is_empty()).then(|| typed.to_owned());
        let cases = self.newest(input).await;
        let given = cases.into_iter().filter_map(|case| case.reason);
        own.into_iter()
            .chain(given.filter(|reason| reason.to_lowercase().contains(&wanted)))
            // What is longer than a choice may be cannot be offered whole.
            .filter(|reason| reason.chars().count() <= 100 && seen.insert(reason.clone()))
            .map(|reason| (reason.clone(), json!(reason)))
            .collect()
    }

    async fn numbers(&self, input: &Input, typed: &str) -> Vec<(String, Value)> {
        let cases = self.newest(input).await.into_iter();
        let fits = cases.filter(|case| case.case_number.to_string().starts_with(typed.trim()));
        fits.map(|case| {
            let act = input.tongue.action(case.action);
            let reason = case.reason.as_deref().unwrap_or("–");
            let line = format!("#{} · {act} · {} · {reason}", case.case_number, case.user_id);
            (shorten(&line, 100), json!(case.case_number))
        })
        .collect()
    }

    async fn rules(&self, input: &Input, typed: &str) -> Vec<(String, Value)> {
        let question = self.question(input, "listRules");
        let listed = tokio::time::timeout(PATIENCE, self.ask::<Listed>(question, input.tongue)).await;
        let Ok(Ok(listed)) = listed else {
            return Vec::new();
        };
        let ids = listed.rules.into_iter().map(|rule| rule.id);
        let fits = ids.filter(|id| id.contains(typed.trim()) && id.chars().count() <= 100);
        fits.map(|id| (id.clone(), json!(id))).collect()
    }

    /// Nothing for those who may not see them.
    async fn newest(&self, input: &Input) -> Vec<Recorded> {
        let question = self.question(input, "listCases").query("limit", &LOOKED_AT);
        let page = tokio::time::timeout(PATIENCE, self.ask::<Page>(question, input.tongue)).await;
        match page {
            Ok(Ok(page)) => page.cases,
            _ => Vec::new(),
        }
    }
}

fn plain(typed: &str, usual: &[&str]) -> Vec<(String, Value)> {
    let fits = usual.iter().filter(|text| text.starts_with(typed.trim()));
    fits.map(|text| ((*text).to_owned(), json!(text))).collect()
}
