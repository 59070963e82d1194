//! What follows from a verdict.

use super::rules::Set;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_bus::{Bus, HandlerError, Received};
use lockdown_events::{
    Action, ChannelId, Envelope, Event, GuildId, MessageId, MessageRef, ModerationAction, ModerationEvent,
    NotificationId, NotificationKind, NotificationLevel, Origin, Platform, Source, TraceId, UserId,
    Verdict as Told, VerdictMode,
};
use lockdown_moderation::desk::{Desk, DeskError, ModeAsk};
use lockdown_moderation::notices::{self, Notice, To};
use lockdown_moderation::{Actor, GuildRef};
use lockdown_policy::counter::First;
use lockdown_policy::{By, Explanation, Facts, Outcome, Planned, RuleSet, Verdict};
use lockdown_runtime::{Clock, Ids, chain};
use lockdown_store::labels::{Label, LabelId};
use lockdown_store::modes::Mode;
use lockdown_store::people::{IdentityId, PersonId, Seen};
use lockdown_store::policies::PolicyMode;
use lockdown_store::{Store, StoreError, in_tx};
use serde_json::{Value, json};

pub(super) struct Follow {
    desk: Desk,
    store: Store,
    bus: Bus,
    clock: Clock,
    ids: Ids,
}

/// A verdict, and why.
pub(super) struct Passed {
    pub(super) verdict: Verdict,
    /// The rules for which the event only goes on with what another began.
    pub(super) bursts: Vec<(usize, First)>,
    pub(super) explanation: Explanation,
    pub(super) trace: TraceId,
}

/// One verdict, and what it is about.
struct Case<'a> {
    received: &'a Received,
    facts: &'a Facts,
    rules: &'a RuleSet,
    trace: TraceId,
    guild: &'a GuildId,
    author: UserId,
}

// === impl Follow ===

impl Follow {
    pub(super) fn new(store: Store, bus: Bus, clock: Clock, ids: Ids) -> Self {
        Self {
            desk: Desk::new(store.clone(), clock.clone(), ids.clone()),
            store,
            bus,
            clock,
            ids,
        }
    }

    /// Tells the verdict, and asks for what concerns the person; says whether it put the community into another mode.
    pub(super) async fn through(
        &self,
        received: &Received,
        facts: &Facts,
        set: &Set,
        passed: &Passed,
    ) -> Result<bool, HandlerError> {
        let Ok(author) = UserId::new(&facts.author) else {
            return Err(HandlerError::Never("the author has no id".to_owned()));
        };
        let Passed {
            verdict,
            bursts,
            explanation,
            trace,
        } = passed;
        let trace = *trace;
        let case = Case {
            received,
            facts,
            rules: &set.rules,
            trace,
            guild: received.event.guild_id(),
            author,
        };
        let shadow = set.mode == PolicyMode::Shadow;
        let left = left(verdict, facts);
        let explanation = match serde_json::to_value(explanation) {
            Ok(Value::Object(mut members)) => {
                if !left.is_empty() {
                    members.insert("notCarriedOut".to_owned(), json!(left));
                }
                if !bursts.is_empty() {
                    let of = |(rule, first): &(usize, First)| {
                        let id = set.rules.ids().nth(*rule).unwrap_or("rule");
                        json!({ "rule": id, "first": first.event_id })
                    };
                    let of: Vec<Value> = bursts.iter().map(of).collect();
                    members.insert("partOf".to_owned(), json!(of));
                }
                members
            }
            other => {
                return Err(HandlerError::Never(format!(
                    "no explanation can be written: {other:?}"
                )));
            }
        };
        for (outcome, mode) in [
            (Outcome::Acts, VerdictMode::Live),
            (Outcome::Shadow, VerdictMode::Shadow),
        ] {
            let rules = verdict.rule_hits(&set.rules, outcome == Outcome::Shadow);
            if rules.is_empty() {
                continue;
            }
            let mode = if shadow { VerdictMode::Shadow } else { mode };
            for hit in &rules {
                let (rule, mode) = (hit.rule.clone(), mode.as_str());
                metrics::counter!("lockdown_rules_hits_total", "rule" => rule, "mode" => mode).increment(1);
            }
            let told = Told {
                platform: facts.platform,
                guild_id: case.guild.clone(),
                subject: facts.kind.subject(),
                event_id: facts.event_id,
                user_id: case.author.clone(),
                channel_id: facts.channel.as_deref().and_then(|id| ChannelId::new(id).ok()),
                message_id: facts.message.as_deref().and_then(|id| MessageId::new(id).ok()),
                mode,
                rules,
                actions: match outcome {
                    Outcome::Acts => verdict.verdict_acts(),
                    _ => Vec::new(),
                },
                rule_set_hash: set.rules.hash().to_owned(),
                trace_id: trace,
                explanation: Some(explanation.clone()),
            };
            let purpose = format!("rules/{}/{}/{}", set.name, set_place(set), mode.as_str());
            self.publish(received, &purpose, ModerationEvent::Automod(told))
                .await?;
        }
        if shadow {
            return Ok(false);
        }
        let mut other_mode = false;
        for act in &left {
            let word = act.split(' ').next().unwrap_or_default().to_owned();
            metrics::counter!("lockdown_rules_not_carried_out_total", "act" => word).increment(1);
        }
        self.sanction(&case, set, verdict).await?;
        for planned in &verdict.acts {
            match planned.act.word() {
                _ if planned.approval > 0 => self.call(&case, planned, NotificationLevel::Warning).await?,
                "label" | "unlabel" => self.label(&case, planned).await?,
                "raise" => other_mode |= self.raise(&case, planned).await?,
                "review" => self.call(&case, planned, NotificationLevel::Info).await?,
                "hold" if case.is_first(planned, bursts) => self.hold(&case, set, planned).await?,
                "alert" => self.call(&case, planned, NotificationLevel::Urgent).await?,
                // What else is carried out is the bot's, or a sanction.
                _ => {}
            }
        }
        Ok(other_mode)
    }

    /// Puts the community into a mode; says whether it was in another.
    async fn raise(&self, case: &Case<'_>, planned: &Planned) -> Result<bool, HandlerError> {
        let Some(mode) = mode_of(planned) else {
            return Ok(false);
        };
        let rule = case.rule(planned);
        let ask = ModeAsk {
            by: Actor::Rule(rule.as_str().into()),
            guild: GuildRef {
                platform: case.facts.platform,
                id: case.guild.clone(),
            },
            mode,
            lasts: planned.act.duration.and_then(TimeDelta::try_milliseconds),
            chain: Some(case.received.envelope.correlation_id.clone()),
        };
        match self.desk.raise_mode(&ask).await {
            Ok(true) => {
                let (guild, mode) = (&ask.guild, mode.as_str());
                metrics::counter!("lockdown_modes_raised_total", "mode" => mode).increment(1);
                tracing::warn!(%guild, rule, "The rule {rule} puts {guild} into the mode {mode}");
                Ok(true)
            }
            Ok(false) => Ok(false),
            Err(DeskError::Store(error)) => Err(super::told(&error)),
            Err(error) => Err(HandlerError::Never(chain(&error))),
        }
    }

    /// Tells those who moderate there: once, however often the event comes.
    async fn call(
        &self,
        case: &Case<'_>,
        planned: &Planned,
        level: NotificationLevel,
    ) -> Result<(), HandlerError> {
        let (rule, act) = (case.rule(planned), &planned.act);
        let purpose = format!("call/{rule}/{act}/{}", planned.approval);
        let name = act.name.as_deref().unwrap_or_default();
        let (kind, title) = match act.word() {
            _ if planned.approval > 0 => (
                NotificationKind::Approval,
                format!("The rule {rule} asks for: {act}"),
            ),
            "review" => (
                NotificationKind::Review,
                format!("The rule {rule} asks for a look ({name})"),
            ),
            "hold" => (
                NotificationKind::Review,
                format!("The rule {rule} holds a message"),
            ),
            _ => (
                NotificationKind::Alert,
                format!("The rule {rule} raises an alert ({name})"),
            ),
        };
        let of = &case.facts;
        let mut body = format!("By {} on {}.", case.author, of.kind.as_str());
        if let (Some(channel), Some(message)) = (&of.channel, &of.message) {
            body = format!("{body} The message is {message} in {channel}.");
        }
        if planned.approval > 0 {
            let needed = planned.approval;
            body = format!("{body} It is not done before a moderator does it: {needed} have to agree.");
        }
        let notice = Notice {
            id: NotificationId(of.event_id.follow_up(&purpose).0),
            level,
            kind,
            title,
            body,
            link: None,
            at: self.clock.now(),
        };
        let to = To::Guild(GuildRef {
            platform: of.platform,
            id: case.guild.clone(),
        });
        let told = notices::tell(&self.store, &self.bus, notice, &to).await;
        told.map(drop).map_err(|error| super::told(&error))
    }

    /// What is held of a message is for moderators to look at. A person who is held keeps silent until one lets them speak:
    /// that is a case of its own, which is made once however many events count them.
    async fn hold(&self, case: &Case<'_>, set: &Set, planned: &Planned) -> Result<(), HandlerError> {
        if case.facts.message.is_some() {
            return self.call(case, planned, NotificationLevel::Info).await;
        }
        let rule = case.rule(planned);
        let purpose = format!("rules/{}/{}/hold/{rule}", set.name, set_place(set));
        let own = (case.facts.event_id, case.author.clone());
        let counted = planned.counted.iter();
        let counted = counted.filter_map(|event| Some((event.event_id, UserId::new(&event.author).ok()?)));
        let mut people = vec![own];
        for (event, user) in counted {
            if people.iter().all(|(_, known)| *known != user) {
                people.push((event, user));
            }
        }
        for (event, user_id) in people {
            let reason = format!("held by the rule {rule} until a moderator lets them speak");
            let wish = Event::Moderation(ModerationEvent::Action(ModerationAction {
                user_id,
                reason: Some(reason),
                ..case.wish(Action::Mute, planned, None)
            }));
            let cause = Some(case.received.envelope.correlation_id.clone());
            let envelope = Envelope::new(
                event.follow_up(&purpose),
                case.received.envelope.timestamp,
                Source::Worker,
                cause,
                &wish,
            );
            let envelope = envelope.map_err(|error| HandlerError::Never(chain(&error)))?;
            let said = self.bus.publish_as_it_is(&envelope, true).await;
            said.map_err(|error| HandlerError::Again(chain(&error)))?;
        }
        Ok(())
    }

    /// The wish for what concerns the person: the gravest sanction, and a warning that weighs as much as the strikes.
    async fn sanction(&self, case: &Case<'_>, set: &Set, verdict: &Verdict) -> Result<(), HandlerError> {
        let at_once = || verdict.acts.iter().filter(|planned| planned.approval == 0);
        let find = |word: &str| at_once().find(|planned| planned.act.word() == word);
        let (strike, warn, notice) = (find("strike"), find("warn"), find("notice"));
        let purpose = |what: &str| format!("rules/{}/{}/{what}", set.name, set_place(set));
        if let Some(planned) = strike.or(warn) {
            let wish = ModerationAction {
                points: strike.and_then(|planned| planned.act.number),
                notify: Some(warn.is_some() || notice.is_some()),
                ..case.wish(Action::Warn, planned, None)
            };
            let event = ModerationEvent::Action(wish);
            self.publish(case.received, &purpose("warn"), event).await?;
        }
        let graver = at_once().find_map(|planned| {
            let action = match planned.act.word() {
                "timeout" => Action::Mute,
                "kick" => Action::Kick,
                "ban" => Action::Ban,
                _ => return None,
            };
            Some((action, planned))
        });
        if let Some((action, planned)) = graver {
            let length = planned.act.duration.and_then(TimeDelta::try_milliseconds);
            let ends = length.and_then(|length| self.clock.now().checked_add_signed(length));
            let event = ModerationEvent::Action(case.wish(action, planned, ends));
            self.publish(case.received, &purpose("sanction"), event).await?;
        }
        Ok(())
    }

    async fn publish(
        &self,
        received: &Received,
        purpose: &str,
        event: ModerationEvent,
    ) -> Result<(), HandlerError> {
        let event = Event::Moderation(event);
        let said = self.bus.publish_after(&received.envelope, purpose, &event).await;
        said.map(drop).map_err(|error| HandlerError::Again(chain(&error)))
    }

    async fn label(&self, case: &Case<'_>, planned: &Planned) -> Result<(), HandlerError> {
        let Some(name) = planned.act.name.as_deref() else {
            return Ok(());
        };
        let now = self.clock.now();
        let length = planned.act.duration.and_then(TimeDelta::try_milliseconds);
        let (platform, author) = (case.facts.platform, &case.author);
        let seen = Seen {
            platform,
            native_id: author.clone(),
            username: None,
            display_name: None,
            is_bot: false,
            at: now,
        };
        let new = (PersonId(self.ids.next()), IdentityId(self.ids.next()));
        let written = in_tx!(self.store, |tx| {
            let Some(guild) = tx.guild(platform, case.guild).await? else {
                return Ok(());
            };
            let identity = match tx.identity(platform, author).await? {
                Some(identity) => identity,
                None => tx.see(&seen, new).await?,
            };
            if planned.act.word() == "unlabel" {
                for label in tx.labels_in_force(guild.id, identity.id, now).await? {
                    if label.name == name {
                        tx.remove_label(label.id).await?;
                    }
                }
                return Ok(());
            }
            let label = Label {
                id: LabelId(self.ids.next()),
                community_id: guild.community_id,
                guild_id: Some(guild.id),
                subject_id: identity.id,
                name: name.to_owned(),
                set_by: format!("rule:{}", case.rule(planned)),
                reason: None,
                set_at: now,
                expires_at: length.and_then(|length| now.checked_add_signed(length)),
            };
            tx.set_label(&label).await?;
            Ok::<_, StoreError>(())
        });
        written.map_err(|error| super::told(&error))
    }
}

/// What nobody can carry out yet, or not on this: it is said and counted instead.
fn left(verdict: &Verdict, facts: &Facts) -> Vec<String> {
    let person = ["warn", "strike", "timeout", "kick", "ban"];
    let at_once = || verdict.acts.iter().filter(|planned| planned.approval == 0);
    let told = at_once().any(|planned| person.contains(&planned.act.word()));
    let carried = |planned: &&Planned| match planned.act.word() {
        "delete" | "hold" | "label" | "unlabel" | "review" | "alert" => true,
        // The bot's.
        "slowmode" | "give" | "take" => planned.act.info.can_be_done_on(facts.platform),
        "raise" => mode_of(planned).is_some(),
        // A person hears of what is done to them.
        "notice" => told,
        word => person.contains(&word),
    };
    at_once()
        .filter(|planned| !carried(planned))
        .map(|planned| planned.act.to_string())
        .collect()
}

fn mode_of(planned: &Planned) -> Option<Mode> {
    let name = planned.act.name.as_deref()?;
    Mode::ALL.iter().copied().find(|mode| mode.as_str() == name)
}

fn set_place(set: &Set) -> &str {
    set.place().map_or("guild", ChannelId::as_str)
}

// === impl Case ===

impl Case<'_> {
    /// Whether it is not what the first of a burst has asked for.
    fn is_first(&self, planned: &Planned, bursts: &[(usize, First)]) -> bool {
        !bursts.iter().any(|(rule, _)| planned.by == By::Rule(*rule))
    }

    /// Who asks for it.
    fn rule(&self, planned: &Planned) -> String {
        match planned.by {
            By::Rule(index) => self.rules.ids().nth(index).unwrap_or("rule").to_owned(),
            By::Step(_) => "ladder".to_owned(),
        }
    }

    fn wish(&self, action: Action, planned: &Planned, ends: Option<DateTime<Utc>>) -> ModerationAction {
        let rule = self.rule(planned);
        let about = match planned.by {
            By::Rule(index) => self.rules.about().nth(index).and_then(|(_, about)| about),
            By::Step(_) => None,
        };
        let reason = about.map_or_else(|| format!("the rule {rule}"), str::to_owned);
        let evidence = self
            .facts
            .message
            .as_deref()
            .and_then(|id| MessageId::new(id).ok());
        let channel = self
            .facts
            .channel
            .as_deref()
            .and_then(|id| ChannelId::new(id).ok());
        let platform: Platform = self.facts.platform;
        ModerationAction {
            platform,
            guild_id: self.guild.clone(),
            action,
            user_id: self.author.clone(),
            moderator_id: None,
            reason: Some(reason),
            expires_at: ends,
            origin: Origin::Automod,
            case_number: None,
            delete_message_seconds: None,
            notify: None,
            points: None,
            native_id: None,
            batch_id: None,
            trace_id: Some(self.trace),
            rule: Some(rule),
            rule_set_hash: Some(self.rules.hash().to_owned()),
            evidence: evidence
                .into_iter()
                .map(|message_id| MessageRef {
                    channel_id: channel.clone(),
                    message_id,
                })
                .collect(),
        }
    }
}
