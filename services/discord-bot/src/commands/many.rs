//! `/massban`: one result for each person, and one summary.

use super::Commands;
use super::acts::Came;
use super::answers::Told;
use super::input::Input;
use crate::intake::Attached;
use crate::read;
use crate::words::escape;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use lockdown_events::{Action, BatchId, EventId, ModerationAction, UserId};
use std::collections::HashSet;

/// As many as one call of Discord's bans.
const MOST: usize = 200;
/// Each of them is looked up before it is decided, and Discord answers fifty questions in a second.
const AT_ONCE: usize = 48;
/// Of a file of ids, in bytes.
const LONGEST: usize = 64 << 10;
/// What was pasted.
#[derive(Debug, PartialEq, Eq)]
struct Pasted {
    users: Vec<UserId>,
    /// What is nobody's id.
    others: Vec<String>,
}

// === impl Commands ===

impl Commands {
    pub(super) async fn massban(&self, input: &Input) -> Result<Told, String> {
        let tongue = input.tongue;
        let mut text = input.text("ids").unwrap_or_default();
        if let Some(file) = input.file() {
            text.push('\n');
            text.push_str(&self.list_of(input, &file).await?);
        }
        let pasted = Pasted::read(&text);
        if pasted.users.is_empty() {
            return Err(tongue.say("massban.nobody", &[]));
        }
        if pasted.users.len() > MOST {
            return Err(tongue.say(
                "massban.too_many",
                &[("most", &MOST), ("count", &pasted.users.len())],
            ));
        }
        let id = input.id.to_string();
        let batch = EventId::observed(read::time_of(input.id), &["massban", &id]);
        let wish = ModerationAction {
            batch_id: Some(BatchId(batch.0)).filter(|_| pasted.users.len() > 1),
            // So many messages to strangers look like spam: they are told only where that is asked for.
            notify: input.flag("notify").or(Some(false)),
            ..self.wish(input, Action::Ban, pasted.users[0].clone())?
        };
        let asked = stream::iter(pasted.users.clone()).map(|user| {
            let wish = ModerationAction {
                user_id: user.clone(),
                ..wish.clone()
            };
            async move { (self.decide(&wish, tongue).await, wish) }
        });
        let decided: Vec<_> = asked.buffered(AT_ONCE).collect().await;
        let results = decided.into_iter().map(|(decided, wish)| async move {
            let came = match decided {
                Ok(case) => self.came_of(&wish, case, tongue).await,
                Err(refused) => refused,
            };
            (wish.user_id, came)
        });
        let results: Vec<(UserId, Came)> = join_all(results).await;
        let all = pasted.users.len() as u64;
        let banned: Vec<u64> = results
            .iter()
            .filter(|(_, came)| matches!(came, Came::Done(..)))
            .filter_map(|(_, came)| came.case().map(|case| case.case_number))
            .collect();
        let mut lines = Vec::new();
        if !banned.is_empty() {
            let span = match (banned.iter().min(), banned.iter().max()) {
                (Some(first), Some(last)) if first != last => format!("#{first}–#{last}"),
                (Some(only), _) => format!("#{only}"),
                _ => String::new(),
            };
            lines.push(tongue.say("massban.cases", &[("cases", &span)]));
        }
        for (user, came) in &results {
            lines.push(format!("<@{user}> `{user}`: {}", came.told(tongue, user).text()));
        }
        let nobodies = pasted
            .others
            .iter()
            .map(|other| format!("❌ {}: {}", escape(other), tongue.say("nobody", &[])));
        lines.extend(nobodies);
        let said = tongue.count("massban.done", all, &[("banned", &banned.len())]);
        Ok(Told::done(&said).with_lines(lines))
    }

    /// What a text file says that was attached.
    async fn list_of(&self, input: &Input, file: &Attached) -> Result<String, String> {
        let url = file.url.as_deref().unwrap_or_default();
        let read = self.rest.attachment(url, LONGEST).await;
        let read = read.map_err(|error| {
            tracing::info!("A list of ids was not read: {error}");
            input.tongue.say("massban.file", &[])
        });
        Ok(String::from_utf8_lossy(&read?).into_owned())
    }
}

// === impl Pasted ===

impl Pasted {
    /// Ids and mentions, with anything that is no digit around them: they come out of logs.
    fn read(text: &str) -> Self {
        let (mut users, mut others, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for word in text.split(|c: char| c.is_whitespace() || c == ',' || c == ';') {
            let digits = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            if digits.is_empty() {
                continue;
            }
            // Discord's ids have 17 to 20 digits; what is shorter is a number of something else.
            let id = digits.parse::<u64>().ok().filter(|_| digits.len() >= 15);
            match id.and_then(|id| UserId::new(&id.to_string()).ok()) {
                Some(user) if seen.insert(user.clone()) => users.push(user),
                Some(_) => {}
                None if others.len() < 20 => others.push(word.chars().take(40).collect()),
                None => {}
            }
        }
        Self { users, others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pasted_from_logs_is_read() {
        let (a, b) = ("175928847299117063", "175928847299117064");
        let pasted = Pasted::read(&format!(
            "<@{a}>, <@!{b}>\n{a};  (175928847299117065) bob 17 ,, <@x>"
        ));
        let users: Vec<&str> = pasted.users.iter().map(UserId::as_str).collect();
        assert_eq!(users, [a, b, "175928847299117065"]);
        assert_eq!(pasted.others, ["bob", "17", "<@x>"]);
    }
}
