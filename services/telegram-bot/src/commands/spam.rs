//! What is spam here, and what is not: moderators' word removes, punishes or forgives, and is learned.

use super::deed::Learn;
use super::parse::{Command, answers, is_sure};
use super::{Commands, LOOK_STAYS, No, OUTCOME_STAYS, Said, Stop};
use crate::ask::{Route, Unanswered};
use crate::log::{not_spam, take_back};
use crate::speaker::Line;
use lockdown_events::{Action, MessageId};
use lockdown_moderation::SpamAction;
use lockdown_moderation::words::Tongue;
use serde_json::{Value, json};
use std::sync::Arc;

// === impl Commands ===

impl Commands {
    pub(super) async fn learn(
        self: &Arc<Self>,
        said: &Said,
        command: &Command,
        what: Learn,
    ) -> Result<(), Stop> {
        match what {
            Learn::Spam => self.spam(said, command).await,
            Learn::Ham => self.ham(said, command).await,
            Learn::Forget => self.forget_lessons(said, command).await,
        }
    }

    /// The message is shown in the log and goes, its author is punished as the community chose, and its like is known from
    /// now on.
    async fn spam(self: &Arc<Self>, said: &Said, command: &Command) -> Result<(), Stop> {
        let message = &said.message;
        let guild = &message.guild_id;
        let tongue = self.speaker.tongue(guild).await;
        let replied = answers(message).ok_or(No::WhichMessage)?;
        let author = message.reply_author_id.as_ref().ok_or(No::WhichMessage)?;
        if self.administrators.is_staff(guild, author).await? {
            return Err(No::Words(tongue.say("spam.staff", &[])).into());
        }
        let learned = self.teach(said, replied, "spam").await?;
        let mut messages = self.memory.doom_album(guild, replied);
        if !messages.contains(replied) {
            messages.push(replied.clone());
        }
        self.log.keep_evidence(guild, &messages).await;
        let action = match self.speaker.settings(guild).await.telegram.spam_action {
            SpamAction::Nothing => None,
            SpamAction::Mute => Some(Action::Mute),
            SpamAction::Ban => Some(Action::Ban),
        };
        if let Some(action) = action {
            let mut wish = self.wish(said, action, author, command);
            wish.reason.get_or_insert_with(|| tongue.say("spam.reason", &[]));
            let wished = self.asking.wish(&wish).await?;
            self.follow(message, command.silent, wish, wished);
        }
        for gone in &messages {
            self.sweeper.delete_unasked(guild, gone);
        }
        if !command.silent {
            self.tell_learned(said, tongue, learned.as_ref(), "spam.learned_spam");
        }
        Ok(())
    }

    async fn ham(self: &Arc<Self>, said: &Said, command: &Command) -> Result<(), Stop> {
        let message = &said.message;
        let tongue = self.speaker.tongue(&message.guild_id).await;
        let Some(case) = command.number else {
            let replied = answers(message).ok_or(No::WhichMessage)?;
            let learned = self.teach(said, replied, "ham").await?;
            self.tell_learned(said, tongue, learned.as_ref(), "spam.learned_ham");
            return Ok(());
        };
        let undoing = Route {
            params: &[("caseNumber", case.to_string())],
            body: Some(json!({})),
            key: Some(format!("telegram:ham:{}", said.event)),
            ..Route::new(&message.guild_id, &message.author_id, "notSpam")
        };
        let done = self.asking.route(undoing).await?.body.unwrap_or_default();
        let line = Line::answer(message, not_spam(tongue, &done)).staying(OUTCOME_STAYS);
        self.tell_later(message, line);
        Ok(())
    }

    /// Teaches what a message says; nothing when nobody knows any more what it said.
    async fn teach(&self, said: &Said, about: &MessageId, verdict: &str) -> Result<Option<Value>, Stop> {
        let (guild, by) = (&said.message.guild_id, &said.message.author_id);
        let mut lesson = json!({ "verdict": verdict, "messageId": about });
        if let Some(at) = self.memory.about_when(guild, about) {
            lesson["saidAt"] = json!(at);
        }
        let teaching = Route {
            body: Some(lesson),
            key: Some(format!("telegram:lesson:{}", said.event)),
            ..Route::new(guild, by, "teachSpam")
        };
        match self.asking.route(teaching).await {
            Ok(answer) => Ok(answer.body),
            Err(Unanswered::Refused(refused)) if refused.code == "unknown_message" => Ok(None),
            Err(why) => Err(why.into()),
        }
    }

    fn tell_learned(self: &Arc<Self>, said: &Said, tongue: &Tongue, learned: Option<&Value>, key: &str) {
        let message = &said.message;
        let Some(learned) = learned else {
            let line = Line::answer(message, tongue.say("spam.lost", &[]));
            return self.tell_later(message, line.staying(LOOK_STAYS));
        };
        let percent = |when: &str| learned[when]["percent"].as_u64().unwrap_or_default();
        let moved = tongue.say(
            "spam.moved",
            &[("before", &percent("before")), ("after", &percent("after"))],
        );
        let lesson = learned["lesson"]["id"].as_str().unwrap_or_default();
        let line = Line {
            buttons: vec![vec![take_back(tongue, &message.guild_id, lesson)]],
            ..Line::answer(message, format!("{} {moved}", tongue.say(key, &[]))).staying(OUTCOME_STAYS)
        };
        self.tell_later(message, line);
    }

    /// What was taught goes at once for all, so nobody does it by accident.
    async fn forget_lessons(self: &Arc<Self>, said: &Said, command: &Command) -> Result<(), Stop> {
        let message = &said.message;
        let (guild, by) = (&message.guild_id, &message.author_id);
        let tongue = self.speaker.tongue(guild).await;
        let words = if is_sure(command) {
            let forgotten = self.asking.route(Route::new(guild, by, "forgetLessons")).await?;
            let body = forgotten.body.unwrap_or_default();
            tongue.count("spam.forgotten", body["count"].as_u64().unwrap_or_default(), &[])
        } else {
            let listed = self.asking.route(Route::new(guild, by, "listLessons")).await?;
            let body = listed.body.unwrap_or_default();
            let lessons = body["lessons"].as_array().map_or(0, Vec::len);
            tongue.count("spam.forget_usage", lessons as u64, &[])
        };
        self.tell_later(message, Line::answer(message, words).staying(LOOK_STAYS));
        Ok(())
    }
}
