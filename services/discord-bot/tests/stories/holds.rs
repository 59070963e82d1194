//! Mutes by a role, where a guild has chosen one: what somebody had is taken, and given back as it was.

use crate::hands::{backend, decision};
use crate::sizes;
use crate::town::{Town, until};
use lockdown_bus::{Answering, Asked};
use lockdown_events::{
    Action, Decision, Event, GuildConfig, GuildEvent, ModerationEvent, Outcome, Platform, RoleId,
    SettingsRequest,
};
use lockdown_moderation::Settings;
use lockdown_moderation::hands::SettingsTold;
use lockdown_testkit::fakes::discord::permissions::{EVERYBODY, MANAGE_ROLES};
use std::sync::{Arc, Mutex};

sizes!(
    a_mute_takes_all_roles_and_gives_them_back,
    a_mute_by_a_role_outlasts_process_and_departure,
    a_role_out_of_reach_is_no_way_to_mute,
    who_gives_or_takes_the_role_by_hand_mutes_or_unmutes,
);

/// What the guild has chosen, for as long as it is kept.
struct Chosen {
    settings: Arc<Mutex<Settings>>,
    _answering: Answering,
}

async fn choose(town: &Town, role: u64) -> Chosen {
    let settings = Arc::<Mutex<Settings>>::default();
    settings.lock().unwrap().discord.mute_role = RoleId::new(&role.to_string()).ok();
    let known = Arc::clone(&settings);
    let answering = town
        .bus
        .requests()
        .answer("settings", move |_: Asked<SettingsRequest>| {
            let settings = known.lock().unwrap().clone();
            async move {
                Ok(SettingsTold {
                    version: 1,
                    settings,
                    mode: None,
                })
            }
        });
    Chosen {
        settings,
        _answering: answering.await.unwrap(),
    }
}

async fn tell_of_change(town: &Town) {
    let config = GuildConfig {
        platform: Platform::Discord,
        guild_id: town.guild.to_string().parse().unwrap(),
        version: 2,
        rule_set_hash: None,
        changed: vec!["settings".to_owned()],
    };
    town.bus
        .publish(&GuildEvent::Config(config).into())
        .await
        .unwrap();
}

/// What the backend decides of Ana; each is carried out before the next.
fn decisions(town: &Town) -> Vec<Decision> {
    let acts = [
        Action::Mute,
        Action::Mute,
        Action::Unmute,
        Action::Mute,
        Action::Unmute,
    ];
    acts.iter()
        .zip(1..)
        .map(|(act, case)| decision(town, case, town.ana, *act))
        .collect()
}

/// Has a decision carried out, and tells what came of it.
async fn decide(town: &Town, decision: &Decision) -> Outcome {
    let event = match decision.action {
        Some(Action::Mute) => ModerationEvent::MuteApplied(decision.clone()),
        _ => ModerationEvent::MuteRemoved(decision.clone()),
    };
    town.bus.publish(&event.into()).await.unwrap();
    let told = async || {
        let events = town.events("moderation:log").await;
        events
            .iter()
            .find_map(|envelope| match envelope.event().unwrap() {
                Event::Moderation(ModerationEvent::Log(log)) if log.case_number == decision.case_number => {
                    Some(log.outcome)
                }
                _ => None,
            })
    };
    until("an outcome", || async { told().await.is_some() }).await;
    told().await.unwrap()
}

fn sorted(mut roles: Vec<u64>) -> Vec<u64> {
    roles.sort_unstable();
    roles
}

async fn a_mute_takes_all_roles_and_gives_them_back(town: Town) {
    let (discord, guild, ana) = (&town.discord, town.guild, town.ana);
    let quiet = discord.role(guild, "quiet", 1, 0);
    let had = [
        discord.role(guild, "reader", 2, EVERYBODY),
        discord.role(guild, "artist", 3, EVERYBODY),
        discord.managed_role(guild, "booster", 4),
    ];
    let late = discord.role(guild, "late", 5, 0);
    for role in had {
        discord.give(guild, ana, role);
    }
    let before = discord.roles(guild, ana);
    let _chosen = choose(&town, quiet).await;
    let decisions = decisions(&town);
    let _answering = backend(&town, &decisions).await;
    town.start().await;
    assert_eq!(decide(&town, &decisions[0]).await, Outcome::Applied);
    // Nobody but Discord takes what an integration gave.
    assert_eq!(discord.roles(guild, ana), sorted(vec![quiet, had[2]]));
    assert_eq!(discord.muted_until(guild, ana), None);
    // A moderator gives something meanwhile: the next mute takes it too, and forgets nothing.
    discord.give(guild, ana, late);
    assert_eq!(decide(&town, &decisions[1]).await, Outcome::Applied);
    assert_eq!(discord.roles(guild, ana), sorted(vec![quiet, had[2]]));
    assert_eq!(decide(&town, &decisions[2]).await, Outcome::Applied);
    let mut after = before;
    after.push(late);
    assert_eq!(discord.roles(guild, ana), sorted(after));
    assert_eq!(discord.muted_until(guild, ana), None);
    let audit = discord.audit(guild);
    let reasons: Vec<_> = audit.iter().filter(|entry| entry["action_type"] == 25).collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(
        reasons
            .iter()
            .all(|entry| entry["reason"].as_str().unwrap().contains("[case "))
    );
    assert_eq!(discord.invalid_requests(), 0);
    town.stop().await;
}

async fn a_mute_by_a_role_outlasts_process_and_departure(mut town: Town) {
    let (guild, ana) = (town.guild, town.ana);
    let quiet = town.discord.role(guild, "quiet", 1, 0);
    let reader = town.discord.role(guild, "reader", 2, EVERYBODY);
    town.discord.give(guild, ana, reader);
    let decisions = decisions(&town);
    {
        let _chosen = choose(&town, quiet).await;
        let _answering = backend(&town, &decisions).await;
        town.start().await;
        assert_eq!(decide(&town, &decisions[0]).await, Outcome::Applied);
        town.stop().await;
    }
    town.reopen().await;
    let chosen = choose(&town, quiet).await;
    let _answering = backend(&town, &decisions).await;
    town.start().await;
    // To leave is no way out of it.
    town.discord.leave(guild, ana);
    town.discord.join(guild, ana);
    until("the role of somebody who came back", || async {
        town.discord.roles(guild, ana) == [quiet]
    })
    .await;
    // What is chosen anew changes nothing of what was taken.
    chosen.settings.lock().unwrap().discord.mute_role = None;
    tell_of_change(&town).await;
    assert_eq!(decide(&town, &decisions[2]).await, Outcome::Applied);
    assert_eq!(town.discord.roles(guild, ana), [reader]);
    town.stop().await;
}

async fn a_role_out_of_reach_is_no_way_to_mute(town: Town) {
    let (discord, guild, ana) = (&town.discord, town.guild, town.ana);
    let quiet = discord.role(guild, "quiet", 60, 0);
    let reader = discord.role(guild, "reader", 2, EVERYBODY);
    discord.give(guild, ana, reader);
    let chosen = choose(&town, quiet).await;
    let decisions = decisions(&town);
    let _answering = backend(&town, &decisions).await;
    town.start().await;
    // The role stands above the bot's: Discord's own timeout is better than nothing.
    assert_eq!(decide(&town, &decisions[0]).await, Outcome::Applied);
    assert_eq!(discord.roles(guild, ana), [reader]);
    assert!(discord.muted_until(guild, ana).is_some());
    assert_eq!(decide(&town, &decisions[2]).await, Outcome::Applied);
    assert_eq!(discord.muted_until(guild, ana), None);
    // Who has a role above the bot's is out of its reach, and keeps everything.
    let low = discord.role(guild, "low", 1, 0);
    let chief = discord.role(guild, "chief", 70, MANAGE_ROLES);
    discord.give(guild, ana, chief);
    chosen.settings.lock().unwrap().discord.mute_role = RoleId::new(&low.to_string()).ok();
    tell_of_change(&town).await;
    assert_eq!(decide(&town, &decisions[3]).await, Outcome::Failed);
    assert_eq!(discord.roles(guild, ana), sorted(vec![reader, chief]));
    assert_eq!(discord.invalid_requests(), 0);
    town.stop().await;
}

async fn who_gives_or_takes_the_role_by_hand_mutes_or_unmutes(town: Town) {
    let (discord, guild, ana) = (&town.discord, town.guild, town.ana);
    let (quiet, reader) = (
        discord.role(guild, "quiet", 1, 0),
        discord.role(guild, "reader", 2, EVERYBODY),
    );
    discord.give(guild, ana, reader);
    let _chosen = choose(&town, quiet).await;
    let decisions = decisions(&town);
    let _answering = backend(&town, &decisions).await;
    town.start().await;
    assert_eq!(decide(&town, &decisions[0]).await, Outcome::Applied);
    // A role that has nothing to do with it is nobody's mute.
    discord.set_role_by(town.owner, guild, (ana, reader), true);
    discord.set_role_by(town.owner, guild, (ana, quiet), false);
    let seen = town.observed(1).await;
    assert_eq!(
        (seen[0].action, seen[0].moderator_id.as_ref().unwrap().as_str()),
        (Action::Unmute, town.owner.to_string().as_str())
    );
    until("what the mute took", || async {
        discord.roles(guild, ana) == [reader]
    })
    .await;
    discord.set_role_by(town.owner, guild, (ana, quiet), true);
    let seen = town.observed(2).await;
    assert_eq!((seen[1].action, seen[1].expires_at), (Action::Mute, None));
    // What was given by hand is taken by the unmute all the same.
    assert_eq!(decide(&town, &decisions[2]).await, Outcome::Applied);
    assert_eq!(discord.roles(guild, ana), [reader]);
    assert_eq!(discord.invalid_requests(), 0);
    town.stop().await;
}
