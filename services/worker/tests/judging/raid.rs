//! Many come at once: the community goes into another mode, and comes back by itself.

use crate::house::{House, PATIENCE, guild_id};
use chrono::TimeDelta;
use lockdown_bus::Heard;
use lockdown_events::{
    Action, Envelope, Event, EventId, Live, NotificationLevel, Source, UserEvent, UserJoined, Verdict,
};
use lockdown_runtime::{Clock, MockClock};
use lockdown_store::in_read;
use lockdown_store::modes::{GuildMode, Mode};
use lockdown_store::policies::PolicyMode;
use serde_json::json;

const RULES: &str = "version: 1
rules:
  - id: raid
    events: [join]
    when: [join.raid >= 100]
    then: [raise raid 15m, alert mods, appeal 30d]
  - id: closed
    events: [join]
    when: [guild.mode == raid]
    then: [kick]
    limit: {actions: 50, per: 10m, then: pause}
";

impl House {
    async fn joins(&self, user: u64, time: &MockClock) {
        let joined = json!({ "platform": "telegram", "guildId": guild_id(), "userId": user.to_string() });
        let joined: UserJoined = serde_json::from_value(joined).unwrap();
        let event = Event::User(UserEvent::Joined(joined));
        let id = EventId(self.ctx.ids.next());
        let envelope = Envelope::new(id, time.now(), Source::TelegramBot, None, &event).unwrap();
        self.publish(&envelope).await;
        self.judged().await;
    }

    async fn mode(&self) -> Option<GuildMode> {
        in_read!(self.store, |conn| { conn.guild_mode(self.guild.id).await }).unwrap()
    }
}

fn hits<'v>(verdicts: &'v [Verdict], rule: &str) -> Vec<&'v Verdict> {
    let hit = |verdict: &&Verdict| verdict.rules.iter().any(|hit| hit.rule == rule);
    verdicts.iter().filter(hit).collect()
}

pub(crate) async fn a_raid_raises_its_mode_which_ends_by_itself(mut house: House) {
    house.change(RULES, 0, PolicyMode::Enforce).await;
    let (clock, time) = Clock::mock(house.ctx.clock.now());
    house.dismiss().await;
    house.clock = clock;
    house.hire().await;
    let mut told = house.bus.notifications(None).await.unwrap();
    // People come now and then, which is nothing.
    for user in 1..=3 {
        time.advance(TimeDelta::minutes(20));
        house.joins(user, &time).await;
    }
    assert_eq!((house.mode().await, house.verdicts().await.len()), (None, 0));
    // Twelve in a minute are a raid, which shows before the last of them.
    for user in 101..=112 {
        time.advance(TimeDelta::seconds(5));
        house.joins(user, &time).await;
    }
    let mode = house.mode().await.unwrap();
    assert_eq!((mode.mode, mode.raised_by.as_str()), (Mode::Raid, "rule:raid"));
    let verdicts = house.verdicts().await;
    let raised = hits(&verdicts, "raid");
    assert!((2..=9).contains(&raised.len()), "{} of twelve", raised.len());
    let first = raised[0];
    assert_eq!(
        first.explanation.as_ref().unwrap()["notCarriedOut"],
        json!(["appeal 30d"])
    );
    // Whoever comes meanwhile is judged by the rules of that mode, and whoever came before is not.
    let closed = hits(&verdicts, "closed");
    assert_eq!(closed.len(), raised.len() - 1);
    let said = tokio::time::timeout(PATIENCE, told.next()).await.unwrap();
    let Some(Heard::Said(said)) = said else {
        panic!("moderators are not told: {said:?}")
    };
    let Live::Notification(alert) = said.envelope().unwrap().live().unwrap() else {
        panic!("something else is said")
    };
    assert_eq!(alert.level, NotificationLevel::Urgent);
    assert!(
        alert.title.contains("raid") && alert.title.contains("mods"),
        "{}",
        alert.title
    );
    // The end comes by itself, and with it the rules of always.
    time.advance(TimeDelta::minutes(16));
    let ended = async {
        while house.mode().await.is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, ended)
        .await
        .expect("the mode ends");
    time.advance(TimeDelta::hours(1));
    house.joins(200, &time).await;
    assert_eq!(house.verdicts().await.len(), verdicts.len());
    house.stop().await;
}

const DOOR: &str = "version: 1
rules:
  - id: door
    events: [join]
    count: {of: [guild], distinct: author, within: 60s, at_least: 3}
    then: [hold counted]
";

/// Each of them once, however many of those who come count them.
pub(crate) async fn who_is_held_keeps_silent_until_a_moderator_lets_them(mut house: House) {
    house.change(DOOR, 0, PolicyMode::Enforce).await;
    let (clock, time) = Clock::mock(house.ctx.clock.now());
    house.dismiss().await;
    house.clock = clock;
    house.hire().await;
    for user in 1..=5 {
        time.advance(TimeDelta::seconds(1));
        house.joins(user, &time).await;
    }
    let wishes = house.wishes().await;
    let mut people: Vec<&str> = wishes.iter().map(|wish| wish.user_id.as_str()).collect();
    people.sort_unstable();
    assert_eq!(people, ["1", "2", "3", "4", "5"]);
    for wish in &wishes {
        assert_eq!((wish.action, wish.expires_at), (Action::Mute, None));
        assert_eq!(wish.rule.as_deref(), Some("door"));
    }
    let verdicts = house.verdicts().await;
    let left = |verdict: &Verdict| {
        verdict
            .explanation
            .as_ref()
            .unwrap()
            .contains_key("notCarriedOut")
    };
    assert!(verdicts.len() == 3 && !verdicts.iter().any(left), "{verdicts:?}");
    house.stop().await;
}
