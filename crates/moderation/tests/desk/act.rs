//! From a wish to a case.

use crate::fixture::{ANA, BOB, MALLORY, Town, moderator, rank, refused, user};
use chrono::TimeDelta;
use lockdown_events::{Action, MessageRef, ModerationAction, Origin, Source};
use lockdown_moderation::desk::{Acted, Ask, Ranks, Refused, Seen, SettingsAsk};
use lockdown_moderation::{Actor, CaseNumber, CaseState, Rights, Why};
use lockdown_store::cases::CaseEventKind;
use lockdown_store::in_read;
use lockdown_store::sanctions::SanctionKind;

pub(crate) async fn every_action_becomes_a_case_with_its_event_and_its_entry(town: Town) {
    let actions = [
        (Action::Warn, "warning:added", "applied"),
        (Action::Note, "note:added", "applied"),
        (Action::Kick, "kick:executed", "requested"),
        (Action::Mute, "mute:applied", "requested"),
        (Action::Unmute, "mute:removed", "requested"),
        (Action::Softban, "kick:executed", "requested"),
        (Action::Ban, "ban:created", "requested"),
        (Action::Unban, "ban:removed", "requested"),
        (Action::Unwarn, "warning:removed", "applied"),
    ];
    assert_eq!(actions.len(), Action::ALL.len());
    for (number, (action, channel, state)) in (1..).zip(actions) {
        let case = town.act(action).await;
        assert_eq!(case.number, CaseNumber(number));
        assert_eq!(case.state.name(), state, "{action}");
        let record = town.read(number).await;
        assert_eq!(record.case, case, "it reads back as it was");
        assert_eq!(record.history[0].kind, CaseEventKind::Opened);
        assert_eq!(record.history[0].by, moderator(ANA));
        let (told, decision) = town.decisions().await.pop().unwrap();
        assert_eq!(told, channel);
        assert_eq!((decision.id, decision.action), (case.id, Some(action)));
        assert_eq!(decision.moderator_id, Some(user(ANA).id));
        let rows = town.rows().await;
        assert_eq!(rows, (number as usize, number as usize * 2, number, true));
    }
    town.check().await;
    let entry = in_read!(town.store, |conn| { conn.audit_page(town.key, None, 1).await }).unwrap();
    assert_eq!(
        (entry[0].act.as_str(), entry[0].subject.as_str()),
        ("case:open", "case:9")
    );
    assert!(
        !entry[0].body.contains("spam") && !entry[0].body.contains(MALLORY),
        "what can be erased is not in the chain: {}",
        entry[0].body
    );
    let personal = in_read!(town.store, |conn| { conn.audit_personal(town.key, 9).await }).unwrap();
    assert!(personal.unwrap().contains("spam"));
    let mallory = town.mallory().await.unwrap();
    let notes = in_read!(town.store, |conn| { conn.notes_about(town.key, mallory).await }).unwrap();
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].body, "spam");
}

pub(crate) async fn a_ban_that_is_lifted_makes_room_for_another(town: Town) {
    town.act(Action::Ban).await;
    let unban = town.act(Action::Unban).await;
    assert_eq!(unban.lifts, Some(CaseNumber(1)));
    assert_eq!(town.in_force(SanctionKind::Ban).await, None);
    town.ban_for(TimeDelta::days(1)).await;
    assert_eq!(town.in_force(SanctionKind::Ban).await, Some(3));
    // Another end, a newer decision: it takes the place of the older one.
    town.ban_for(TimeDelta::days(2)).await;
    assert_eq!(town.in_force(SanctionKind::Ban).await, Some(4));
    assert_eq!(
        town.states().await,
        ["lifted", "superseded", "superseded", "requested"],
        "the unban that waits has no say any more"
    );
    let told = town.decisions().await;
    assert_eq!(told[1].1.lifts_case_number, Some(1));
    let record = town.read(4).await;
    assert_eq!(record.ended, [CaseNumber(3)]);
    town.check().await;
}

pub(crate) async fn what_is_so_already_writes_nothing(town: Town) {
    let first = town.act(Action::Ban).await;
    let before = town.rows().await;
    let mut other = town.ask(Action::Ban);
    other.by = moderator(BOB);
    match town.try_act(&other).await.unwrap() {
        Acted::Already(Some(case)) => assert_eq!(case.number, first.number),
        other => panic!("{other:?}"),
    }
    assert_eq!(town.rows().await, before);
    town.act(Action::Unban).await;
    let again = town.try_act(&town.ask(Action::Unban)).await.unwrap();
    assert!(matches!(again, Acted::Already(Some(case)) if case.number == CaseNumber(2)));
}

pub(crate) async fn a_ban_removes_messages_as_the_guild_has_chosen(town: Town) {
    let mut settings = town.desk.settings(&town.guild).await.unwrap().0;
    settings.discord.delete_message_seconds = 700_000;
    assert_eq!(settings.check().unwrap_err().path, "discord.deleteMessageSeconds");
    settings.discord.delete_message_seconds = 3_600;
    settings.check().unwrap();
    let ask = SettingsAsk {
        by: moderator(BOB),
        guild: town.guild.clone(),
        seen: Seen::Whatever,
        chain: None,
    };
    town.desk.change_settings(&ask, &settings).await.unwrap();
    for (action, said) in [
        (Action::Ban, None),
        (Action::Unban, None),
        (Action::Ban, Some(0)),
        (Action::Unban, None),
        (Action::Ban, Some(60)),
        (Action::Unban, None),
        (Action::Softban, None),
        (Action::Mute, None),
    ] {
        let mut ask = town.ask(action);
        ask.delete_message_seconds = said;
        let acted = town.try_act(&ask).await.unwrap();
        assert!(matches!(acted, Acted::Recorded(_)), "{acted:?}");
    }
    let windows: Vec<_> = (town.decisions().await.into_iter())
        .map(|(_, decision)| decision.delete_message_seconds)
        .collect();
    assert_eq!(
        windows,
        [Some(3_600), None, None, None, Some(60), None, None, None]
    );
    town.check().await;
}

pub(crate) async fn what_was_seen_by_hand_needs_no_rank(town: Town) {
    let action = ModerationAction {
        platform: town.guild.platform,
        guild_id: town.guild.id.clone(),
        action: Action::Ban,
        user_id: user(MALLORY).id,
        moderator_id: None,
        reason: Some(format!("\0{}", "x".repeat(5_000))),
        expires_at: None,
        origin: Origin::Native,
        case_number: None,
        delete_message_seconds: None,
        notify: None,
        points: None,
        native_id: Some("audit-17".into()),
        batch_id: None,
        trace_id: None,
        rule: None,
        rule_set_hash: None,
        evidence: vec![],
    };
    let ask = Ask::of(action, None, &Source::DiscordBot, town.now()).unwrap();
    assert_eq!(ask.by, Actor::System);
    let acted = town.desk.act(&ask, &Ranks::UNKNOWN).await.unwrap();
    let Acted::Recorded(case) = acted else {
        panic!("{acted:?}")
    };
    assert!(matches!(case.state, CaseState::Applied { .. }));
    assert_eq!(
        case.reason.unwrap().as_str().len(),
        1_000,
        "what happened is not refused"
    );
    // Another bot saw the same.
    let again = town.desk.act(&ask, &Ranks::UNKNOWN).await.unwrap();
    assert!(matches!(again, Acted::Again(_)), "{again:?}");
    town.check().await;
}

pub(crate) async fn a_rule_does_not_act_on_staff(town: Town) {
    let by_rule = |evidence| Ask {
        by: Actor::Rule("flood".into()),
        origin: Origin::Automod,
        rule_set_hash: Some("9f86".into()),
        evidence,
        ..town.ask(Action::Mute)
    };
    let staff = Ranks {
        subject: rank(1, Rights::MODERATOR),
        ..Ranks::UNKNOWN
    };
    let before = town.rows().await;
    match refused(town.desk.act(&by_rule(vec![]), &staff).await) {
        Refused::Denied(denied) => assert_eq!(denied.why, Why::Staff),
        other => panic!("{other}"),
    }
    assert_eq!(town.rows().await, before);
    let message: MessageRef = serde_json::from_value(serde_json::json!(
        { "channelId": "5", "messageId": "7" }
    ))
    .unwrap();
    let acted = town
        .desk
        .act(&by_rule(vec![message.clone()]), &Ranks::UNKNOWN)
        .await
        .unwrap();
    let case = acted.case().unwrap();
    assert_eq!(
        (&case.by, &case.evidence),
        (&Actor::Rule("flood".into()), &vec![message])
    );
    let (_, told) = town.decisions().await.pop().unwrap();
    assert_eq!(told.rule.as_deref(), Some("flood"));
    assert_eq!(told.rule_set_hash.as_deref(), Some("9f86"));
}

pub(crate) async fn what_was_seen_late_is_history(town: Town) {
    let seen_at = town.now();
    town.act(Action::Ban).await;
    let mut late = town.ask(Action::Unban);
    (late.origin, late.at) = (Origin::Native, seen_at);
    let case = town.record(&late).await;
    assert_eq!(case.state.ended_by(), Some(CaseNumber(1)));
    assert_eq!(town.in_force(SanctionKind::Ban).await, Some(1));
    assert_eq!(town.read(2).await.case, case);
    town.check().await;
}

pub(crate) async fn a_warning_counts_until_it_is_taken_back(town: Town) {
    town.act(Action::Warn).await;
    let mut heavy = town.ask(Action::Warn);
    heavy.points = 3;
    town.record(&heavy).await;
    assert_eq!(town.points().await, 4);
    let mut back = town.ask(Action::Unwarn);
    back.case = Some(CaseNumber(2));
    let case = town.record(&back).await;
    assert_eq!(case.lifts, Some(CaseNumber(2)));
    assert_eq!(town.points().await, 1);
    back.at = town.now();
    let again = town.try_act(&back).await.unwrap();
    assert!(matches!(again, Acted::Already(_)), "{again:?}");
    // Without a number it is the last that counts.
    assert_eq!(town.act(Action::Unwarn).await.lifts, Some(CaseNumber(1)));
    assert_eq!(town.points().await, 0);
    match refused(town.try_act(&town.ask(Action::Unwarn)).await) {
        Refused::Decision(why) => assert_eq!(why.to_string(), "there is no warning to take back"),
        other => panic!("{other}"),
    }
    town.check().await;
}

pub(crate) async fn a_case_says_why_it_stands(town: Town) {
    let mut ask = town.ask(Action::Ban);
    ask.ends = town.until(TimeDelta::hours(3));
    let case = town.record(&ask).await;
    let town = &town;
    let why = |number| async move {
        let explained = town.desk.explain(&town.guild, CaseNumber(number)).await;
        explained.unwrap().unwrap().to_string()
    };
    assert_eq!(
        why(1).await,
        "666 was banned by 11 at 2026-11-20 09:06:01 UTC: spam. It was a command. The platform has not answered yet. \
         It stands until 2026-11-20 12:06:01 UTC, for another 3 hours."
    );
    town.applied(&case).await;
    let mut lift = town.ask(Action::Unban);
    (lift.origin, lift.reason) = (Origin::Appeal, None);
    town.record(&lift).await;
    assert_eq!(
        why(1).await,
        "666 was banned by 11 at 2026-11-20 09:06:01 UTC: spam. It was a command. It was lifted at 2026-11-20 09:06:02 \
         UTC, by case 2."
    );
    assert_eq!(
        why(2).await,
        "666 was unbanned by 11 at 2026-11-20 09:06:02 UTC without a reason. An appeal was granted. It ended case 1. \
         The platform has not answered yet."
    );
    let unknown = town.desk.explain(&town.guild, CaseNumber(u64::MAX)).await;
    assert_eq!(unknown.unwrap(), None);
}
