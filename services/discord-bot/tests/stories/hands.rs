//! Decisions that the backend recorded are carried out on Discord, and what came of them is told.

use crate::sizes;
use crate::town::{Town, until};
use lockdown_bus::{Answering, Asked};
use lockdown_events::{
    Action, CaseId, CaseRequest, Decision, DirectMessage, Envelope, Event, EventId, ModerationEvent,
    ModerationLog, Origin, Outcome, Platform, Source,
};
use lockdown_testkit::fakes::discord::Fault;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

sizes!(
    a_decision_is_carried_out_once_and_its_outcome_told,
    a_removal_does_not_wait_for_its_message,
    a_timer_does_not_end_a_ban_of_others,
);

pub(crate) fn decision(town: &Town, case: u64, user: u64, action: Action) -> Decision {
    Decision {
        platform: Platform::Discord,
        guild_id: town.guild.to_string().parse().unwrap(),
        id: CaseId(Uuid::from_u128(case.into())),
        case_number: case,
        action: Some(action),
        user_id: user.to_string().parse().unwrap(),
        moderator_id: Some(town.owner.to_string().parse().unwrap()),
        reason: Some("spam".to_owned()),
        expires_at: None,
        origin: Some(Origin::Command),
        delete_message_seconds: None,
        notify: Some(true),
        lifts_case_number: None,
        batch_id: None,
        rule: None,
        rule_set_hash: None,
        trace_id: None,
    }
}

/// A backend that stands by every decision that it is asked about.
pub(crate) async fn backend(town: &Town, decisions: &[Decision]) -> Answering {
    let decisions = decisions.to_vec();
    let answering = town.bus.requests().answer("case", move |asked: Asked<CaseRequest>| {
        let found = decisions.iter().find(|known| known.case_number == asked.data.case_number).cloned().unwrap();
        async move {
            let told: Value = json!({
                "id": found.id, "userId": found.user_id, "action": found.action, "caseNumber": found.case_number,
                "state": "pending", "lastWord": true,
            });
            Ok(told)
        }
    });
    answering.await.unwrap()
}

async fn outcomes(town: &Town, count: usize) -> Vec<ModerationLog> {
    let events = town.heard("moderation:log", count).await;
    let log = |event| match event {
        Event::Moderation(ModerationEvent::Log(log)) => log,
        other => panic!("{other:?}"),
    };
    events.into_iter().map(log).collect()
}

async fn a_decision_is_carried_out_once_and_its_outcome_told(town: Town) {
    let ben = town.discord.person("Ben");
    town.discord.join(town.guild, ben);
    let decisions = [
        decision(&town, 1, town.ana, Action::Ban),
        decision(&town, 2, ben, Action::Mute),
        decision(&town, 3, town.owner, Action::Kick),
    ];
    let _answering = backend(&town, &decisions).await;
    town.start().await;
    // The ban takes effect, and its answer is lost.
    town.discord.fail("PUT", "bans", 1, Fault::CutAfter);
    let [ban, mute, kick] = decisions;
    let ban = ModerationEvent::BanCreated(ban).into();
    let ban = Envelope::new(
        EventId(town.ctx.ids.next()),
        town.ctx.clock.now(),
        Source::Backend,
        None,
        &ban,
    )
    .unwrap();
    for event in [
        ModerationEvent::MuteApplied(mute),
        ModerationEvent::KickExecuted(kick),
    ] {
        town.bus.publish(&event.into()).await.unwrap();
    }
    // An event may come twice.
    for _ in 0..2 {
        town.bus.publish_as_it_is(&ban, false).await.unwrap();
    }
    until("the outcomes", || async {
        town.events("moderation:log").await.len() >= 3
    })
    .await;
    let mut logs = outcomes(&town, town.events("moderation:log").await.len()).await;
    logs.sort_by_key(|log| log.case_number);
    logs.dedup_by_key(|log| log.case_number);
    let told: Vec<(u64, Outcome)> = logs.iter().map(|log| (log.case_number, log.outcome)).collect();
    assert_eq!(
        told,
        [(1, Outcome::Applied), (2, Outcome::Applied), (3, Outcome::Failed)]
    );
    assert!(
        logs[2].error.as_ref().unwrap().contains("above the bot"),
        "{:?}",
        logs[2].error
    );
    assert!(town.discord.is_banned(town.guild, town.ana));
    assert!(town.discord.muted_until(town.guild, ben).is_some());
    let audit = town.discord.audit(town.guild);
    let bans: Vec<&Value> = audit.iter().filter(|entry| entry["action_type"] == 22).collect();
    assert_eq!(bans.len(), 1);
    assert_eq!(bans[0]["reason"], format!("{}: spam [case 1]", town.owner));
    // What we did ourselves is nobody's doing by hand.
    until("the ban", || async {
        town.events("user:banned").await.len() == 1
    })
    .await;
    assert!(town.events("moderation:action").await.is_empty());
    assert_eq!(town.discord.direct_messages(town.ana).len(), 1);
    town.stop().await;
}

async fn a_removal_does_not_wait_for_its_message(town: Town) {
    let (ben, cara) = (town.discord.person("Ben"), town.discord.person("Cara"));
    town.discord.join(town.guild, ben);
    town.discord.join(town.guild, cara);
    let decisions = [
        decision(&town, 1, ben, Action::Ban),
        decision(&town, 2, cara, Action::Kick),
    ];
    let _answering = backend(&town, &decisions).await;
    town.start().await;
    let [ban, kick] = decisions;
    // It would take minutes.
    let long = Fault::Delay(Duration::from_secs(600));
    town.discord.fail("POST", "users/@me/channels", 1, long);
    town.bus
        .publish(&ModerationEvent::BanCreated(ban).into())
        .await
        .unwrap();
    let first = outcomes(&town, 1).await;
    assert_eq!(
        (first[0].outcome, first[0].notified),
        (Outcome::Applied, Some(DirectMessage::Failed))
    );
    assert!(town.discord.is_banned(town.guild, ben));
    // It fails again and again.
    town.discord
        .fail("POST", "users/@me/channels", 1_000, Fault::Status(503));
    town.bus
        .publish(&ModerationEvent::KickExecuted(kick).into())
        .await
        .unwrap();
    let both = outcomes(&town, 2).await;
    assert_eq!(
        (both[1].outcome, both[1].notified),
        (Outcome::Applied, Some(DirectMessage::Failed))
    );
    assert!(!town.discord.is_member(town.guild, cara));
    town.stop().await;
}

async fn a_timer_does_not_end_a_ban_of_others(town: Town) {
    let (ana, owner, guild) = (town.ana, town.owner, town.guild);
    let ben = town.discord.person("Ben");
    town.discord.join(guild, ben);
    let expiry = |case, user, lifts| Decision {
        origin: Some(Origin::Expiry),
        lifts_case_number: Some(lifts),
        batch_id: None,
        moderator_id: None,
        reason: None,
        ..decision(&town, case, user, Action::Unban)
    };
    let bans = [
        decision(&town, 1, ana, Action::Ban),
        decision(&town, 2, ben, Action::Ban),
    ];
    let ends = [expiry(3, ana, 1), expiry(4, ben, 2)];
    let all: Vec<Decision> = bans.iter().chain(&ends).cloned().collect();
    let _answering = backend(&town, &all).await;
    town.start().await;
    for ban in bans {
        let event = Event::Moderation(ModerationEvent::BanCreated(ban));
        town.bus.publish(&event).await.unwrap();
    }
    outcomes(&town, 2).await;
    // Somebody lets Ana in and bans her anew; whoever keeps our records does not hear of it.
    town.discord.unban_by(owner, guild, ana);
    town.discord.ban_by(owner, guild, ana, Some("came back to scam"));
    for end in ends {
        let event = Event::Moderation(ModerationEvent::BanRemoved(end));
        town.bus.publish(&event).await.unwrap();
    }
    let outcomes = outcomes(&town, 4).await;
    let of = |case| {
        let log = outcomes.iter().find(|log| log.case_number == case);
        log.map(|log| log.outcome)
    };
    assert_eq!(
        (of(3), of(4)),
        (Some(Outcome::Superseded), Some(Outcome::Applied))
    );
    assert!(town.discord.is_banned(guild, ana) && !town.discord.is_banned(guild, ben));
    let observed = town.observed(3).await;
    let told = observed
        .iter()
        .filter(|action| action.reason.as_deref() == Some("came back to scam"));
    // Once as the audit log has it, and once since the timer found that it stands: the first may be history by then.
    let told: Vec<_> = told
        .map(|action| (action.action, action.native_id.is_some()))
        .collect();
    assert_eq!(told.len(), 2, "{observed:?}");
    assert!(
        told.contains(&(Action::Ban, true)) && told.contains(&(Action::Ban, false)),
        "{told:?}"
    );
    assert_eq!(town.discord.invalid_requests(), 0);
    town.stop().await;
}
