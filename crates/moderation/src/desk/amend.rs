//! Changes to a case: its reason, end or evidence, whether lists have it, or that it was a mistake.

use super::ask::whole;
use super::error::{DeskError, Refused, Stop};
use super::facts::{Facts, scene};
use super::review;
use super::rows::{self, Kept};
use super::tell::{Entry, Extra};
use super::{Desk, guild, held};
use crate::authority::Authorized;
use crate::case::{Amendment, Case, Change, Edit, EditError, Edited};
use crate::reason::Reason;
use crate::sanction::{Effect, Profile};
use crate::who::{Actor, CaseNumber, GuildRef};
use lockdown_events::CorrelationId;
use lockdown_store::cases::CaseEventKind;
use lockdown_store::guilds::Guild;
use lockdown_store::reviews::Verdict;
use lockdown_store::{Tx, in_read, in_tx};
use serde_json::{Value, json};

/// Who wants what changed in which case.
#[derive(Debug, Clone, PartialEq)]
pub struct AmendAsk {
    pub by: Actor,
    pub guild: GuildRef,
    pub case: CaseNumber,
    pub change: Change,
    pub chain: Option<CorrelationId>,
}

/// A case as it is now, and what was changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Amended {
    pub case: Case,
    /// `None` when it was so already.
    pub edit: Option<Edit>,
}

// === impl Desk ===

impl Desk {
    /// Changes a case, and keeps what stood before, who changed it and when. Where the end of what stands on the platform
    /// moved, its event is told again, quietly.
    pub async fn amend(&self, ask: &AmendAsk, facts: &dyn Facts) -> Result<Amended, DeskError> {
        let before = in_read!(self.store, |conn| {
            let guild = guild(conn, &ask.guild).await?;
            find(rows::find(conn, &ask.guild, &guild, ask.case).await?, ask)
        })?;
        let scene = scene(facts, &ask.guild, &ask.by, &before.case.subject, None, false).await;
        let amended = in_tx!(self.store, |tx| {
            let guild = held(tx, &ask.guild).await?;
            let kept = find(rows::find(tx, &ask.guild, &guild, ask.case).await?, ask)?;
            let change = match ask.change.clone() {
                Change::Ends(ends) => Change::Ends(whole(ends)),
                change => change,
            };
            let case = kept.case.clone();
            let proof = scene.authorize(Amendment { case, change })?;
            self.change(tx, &guild, kept, proof, ask).await
        });
        match amended {
            Ok(amended) => Ok(amended),
            // Asked twice, or by two at once: what they want is so.
            Err(Stop::Refused(Refused::Edit(EditError::Same))) => {
                self.store.settled().await.map_err(DeskError::Store)?;
                Ok(Amended {
                    case: before.case,
                    edit: None,
                })
            }
            Err(stop) => Err(stop.into()),
        }
    }

    async fn change(
        &self,
        tx: &mut Tx,
        guild: &Guild,
        kept: Kept,
        proof: Authorized<Amendment>,
        ask: &AmendAsk,
    ) -> Result<Amended, Stop> {
        let now = self.clock.now();
        let (case, edit) = proof.amend(now)?;
        let mut kept = Kept { case, ..kept };
        let by = rows::name(tx, self, &ask.by, now).await?;
        kept.write(now, Some(&by));
        tx.save_case(&kept.row).await?;
        let voided = matches!(edit.what, Edited::Voided { .. });
        let what = edited(&edit.what);
        let kind = if voided {
            CaseEventKind::Voided
        } else {
            CaseEventKind::Edited
        };
        tx.add_case_event(kept.case.id, now, &by.text, kind, what.clone())
            .await?;
        if let (Edited::Ends { new, .. }, Some(lasting)) = (&edit.what, kept.case.live()) {
            let next = rows::next_look(&kept.case, lasting, now);
            for sanction in tx.sanctions_of_case(kept.case.id).await? {
                tx.set_sanction_end(sanction.id, new.at(), next).await?;
            }
        }
        if voided && kept.row.rule.is_some() {
            review::say(tx, &kept, Verdict::Mistaken, &by, now).await?;
        }
        if voided && Profile::of(kept.case.action).effect == Effect::Counts {
            self.take_back_points(tx, &kept, kept.case.id, now).await?;
        }
        if edit.reaches_platform() {
            self.tell(tx, &kept, Extra::QUIET, ask.chain.as_ref(), now)
                .await?;
        }
        let entry = Entry {
            by: &by,
            act: if voided { "case:void" } else { "case:edit" },
            subject: format!("case:{}", kept.case.number.0),
            body: json!({ "what": edit.what.name() }),
            personal: Some((kept.row.subject_id, what)),
        };
        self.audit(tx, guild, entry, ask.chain.as_ref(), now).await?;
        Ok(Amended {
            case: kept.case,
            edit: Some(edit),
        })
    }
}

fn find(kept: Option<Kept>, ask: &AmendAsk) -> Result<Kept, Stop> {
    kept.ok_or_else(|| Refused::UnknownCase(ask.guild.clone(), ask.case).into())
}

/// As the history keeps it.
fn edited(what: &Edited) -> Value {
    match what {
        Edited::Reason { old, new } => {
            let words = |reason: &Option<Reason>| reason.as_ref().map(ToString::to_string);
            json!({ "what": what.name(), "old": words(old), "new": words(new) })
        }
        Edited::Ends { old, new } => json!({ "what": what.name(), "old": old.at(), "new": new.at() }),
        Edited::Evidence { old, new } => json!({ "what": what.name(), "old": old, "new": new }),
        Edited::Hidden { now } => json!({ "what": what.name(), "old": !now, "new": now }),
        Edited::Voided { was, why } => {
            json!({ "what": what.name(), "old": was.name(), "new": why.as_str() })
        }
    }
}

// === impl Edited ===

impl Edited {
    /// What it is about.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reason { .. } => "reason",
            Self::Ends { .. } => "ends",
            Self::Evidence { .. } => "evidence",
            Self::Hidden { .. } => "hidden",
            Self::Voided { .. } => "voided",
        }
    }
}
