//! What rules want of channels and roles.

use crate::sizes;
use crate::town::Town;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_events::{
    ChannelId, Event, EventId, GuildId, MessageId, ModerationDeed, ModerationEvent, Platform, RuleHit,
    TraceId, UserId, Verdict, VerdictAct, VerdictMode, VerdictSubject,
};
use uuid::Uuid;

sizes!(
    a_rule_slows_a_channel_down_and_never_up,
    a_rule_gives_a_role_for_a_time_and_takes_another,
    a_rule_locks_the_whole_guild,
);

const SEND_MESSAGES: u64 = 1 << 11;

impl Town {
    /// A worker says so.
    async fn rules_want(&self, user: u64, acts: &[(&str, &str)]) {
        let act = |(act, argument): &(&str, &str)| VerdictAct {
            act: (*act).to_owned(),
            argument: Some((*argument).to_owned()),
            messages: Vec::new(),
            roles: Vec::new(),
        };
        let verdict = ModerationEvent::Automod(Verdict {
            platform: Platform::Discord,
            guild_id: GuildId::new(&self.guild.to_string()).unwrap(),
            subject: VerdictSubject::Message,
            event_id: EventId(self.ctx.ids.next()),
            user_id: UserId::new(&user.to_string()).unwrap(),
            channel_id: ChannelId::new(&self.channel.to_string()).ok(),
            message_id: MessageId::new("1").ok(),
            mode: VerdictMode::Live,
            rules: vec![RuleHit {
                rule: "flood".to_owned(),
                policy: None,
                span: None,
            }],
            actions: acts.iter().map(act).collect(),
            rule_set_hash: "00".to_owned(),
            trace_id: TraceId(Uuid::nil()),
            explanation: None,
        });
        self.bus.publish(&Event::Moderation(verdict)).await.unwrap();
    }

    async fn told(&self, count: usize) -> Vec<ModerationDeed> {
        let deed = |event| match event {
            Event::Moderation(ModerationEvent::Deed(deed)) => deed,
            other => panic!("{other:?}"),
        };
        self.heard("moderation:deed", count)
            .await
            .into_iter()
            .map(deed)
            .collect()
    }
}

async fn a_rule_slows_a_channel_down_and_never_up(town: Town) {
    town.start().await;
    let slowness = || town.discord.channel_json(town.channel).unwrap()["rate_limit_per_user"].as_u64();
    town.rules_want(town.ana, &[("slowmode", "30s")]).await;
    let deeds = town.told(1).await;
    assert_eq!(slowness(), Some(30));
    assert_eq!(
        (deeds[0].deed.as_str(), deeds[0].after.as_deref()),
        ("slowmode", Some("30"))
    );
    assert_eq!(
        (deeds[0].moderator_id.as_ref(), deeds[0].reason.as_deref()),
        (None, Some("rules: flood"))
    );
    // What asks for less changes nothing, and what comes after it is done all the same.
    town.rules_want(town.ana, &[("slowmode", "5s"), ("slowmode", "1m")])
        .await;
    let deeds = town.told(2).await;
    assert_eq!((slowness(), deeds[1].before.as_deref()), (Some(60), Some("30")));
    town.stop().await;
}

async fn a_rule_gives_a_role_for_a_time_and_takes_another(town: Town) {
    let (newcomer, member) = (
        town.discord.role(town.guild, "Newcomer", 1, 0),
        town.discord.role(town.guild, "member", 1, 0),
    );
    town.discord.give(town.guild, town.ana, member);
    town.start().await;
    let acts = [
        ("give", "newcomer 1s"),
        ("take", "member"),
        ("give", "nobody has heard of it"),
    ];
    town.rules_want(town.ana, &acts).await;
    // The last is what the time took back.
    let deeds = town.told(4).await;
    let of = |word: &str, role: u64| {
        let role = Some(role.to_string());
        let of = |deed: &&ModerationDeed| {
            deed.deed == word && deed.role_id.as_ref().map(ToString::to_string) == role
        };
        deeds.iter().filter(of).count()
    };
    assert_eq!(
        (
            of("role_give", newcomer),
            of("role_take", newcomer),
            of("role_take", member)
        ),
        (1, 1, 1)
    );
    let failed = deeds.iter().find(|deed| deed.deed == "role_give_failed");
    let why = failed.unwrap().reason.as_deref().unwrap();
    assert!(
        why.contains("there is no role `nobody has heard of it` here"),
        "{why}"
    );
    let has = |role| town.discord.has_role(town.guild, town.ana, role);
    assert!(!has(newcomer) && !has(member));
    town.stop().await;
}

async fn a_rule_locks_the_whole_guild(town: Town) {
    town.start().await;
    let may = || town.discord.may(town.ana, town.channel, SEND_MESSAGES);
    assert!(may());
    let before = town.ctx.clock.now();
    // Another mode is the worker's alone.
    town.rules_want(town.ana, &[("raise", "raid 1h"), ("raise", "lockdown 1h")])
        .await;
    let deeds = town.told(1).await;
    assert_eq!(deeds[0].deed, "lockdown_start");
    assert!(deeds[0].count >= Some(1), "{:?}", deeds[0].count);
    assert!(!may());
    let until: DateTime<Utc> = deeds[0].after.as_deref().unwrap().parse().unwrap();
    let lasts = until - before;
    assert!(
        lasts >= TimeDelta::minutes(59) && lasts <= TimeDelta::minutes(61),
        "{lasts}"
    );
    // Once more it is closed already.
    town.rules_want(town.ana, &[("raise", "lockdown 2h"), ("slowmode", "9s")])
        .await;
    assert_eq!(town.told(2).await[1].deed, "slowmode");
    town.stop().await;
}
