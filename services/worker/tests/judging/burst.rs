//! What one person does within moments is one thing: one wish, counted once, while every message goes.

use crate::house::House;
use chrono::TimeDelta;
use lockdown_bus::{Glob, Query};
use lockdown_events::{Action, Envelope, Event, ModerationAction, ModerationEvent, Verdict};
use lockdown_store::in_read;
use lockdown_store::policies::PolicyMode;

const RULES: &str = "version: 1
lists:
  slurs: {words: [badword]}
rules:
  - id: slurs
    events: [message]
    when: [text.has_any(slurs)]
    then: [delete, strike 2, timeout 10m, review words]
    limit: {actions: 3, per: 10m, then: pause}
";

impl House {
    /// Every wish so far.
    pub(crate) async fn wishes(&self) -> Vec<ModerationAction> {
        let query = Query {
            types: vec![Glob::new("moderation:action")],
            ..Query::default()
        };
        let page = self.bus.history().page(&query, None, 1_000).await.unwrap();
        let wishes = page.entries.iter().map(|entry| {
            match Envelope::decode(&entry.envelope).unwrap().event().unwrap() {
                Event::Moderation(ModerationEvent::Action(wish)) => wish,
                other => panic!("{other:?}"),
            }
        });
        wishes.collect()
    }

    async fn paused(&self) -> usize {
        let paused = in_read!(self.store, |conn| {
            conn.paused_rules(self.guild.id, self.ctx.clock.now()).await
        });
        paused.unwrap().len()
    }
}

pub(crate) async fn a_burst_is_one_thing(mut house: House) {
    house.change(RULES, 0, PolicyMode::Enforce).await;
    house.hire().await;
    let mut said: Vec<Envelope> = (1..=40)
        .map(|number| house.says("7", "badword", number))
        .collect();
    for envelope in &said {
        house.publish(envelope).await;
    }
    // What comes again belongs where it belonged, the first as well.
    for at in [0, 20] {
        house.publish(&said[at]).await;
    }
    house.judged().await;
    let verdicts = house.verdicts().await;
    assert_eq!(verdicts.len(), 40);
    // The one that was judged first: where a try failed, that need not be the one that was said first.
    let part_of = |verdict: &Verdict| verdict.explanation.as_ref().unwrap().get("partOf").cloned();
    let firsts: Vec<&Verdict> = verdicts
        .iter()
        .filter(|verdict| part_of(verdict).is_none())
        .collect();
    let [first] = firsts[..] else {
        panic!("{} firsts", firsts.len())
    };
    for verdict in &verdicts {
        assert_eq!(verdict.actions[0].act, "delete", "{:?}", verdict.actions);
        if verdict.event_id == first.event_id {
            assert!(verdict.actions.len() > 1);
        } else {
            assert_eq!(verdict.actions.len(), 1, "{:?}", verdict.actions);
            let named = &part_of(verdict).unwrap()[0]["first"];
            assert_eq!(named, &first.event_id.to_string());
        }
    }
    let wishes = house.wishes().await;
    let of = |action: Action| wishes.iter().filter(|wish| wish.action == action).count();
    assert_eq!((of(Action::Warn), of(Action::Mute), wishes.len()), (1, 1, 2));
    // Somebody else is another case, and so are they when they do it again after a while.
    let other = house.says("8", "badword", 50);
    let mut later = house.says("7", "badword", 51);
    later.timestamp += TimeDelta::seconds(20);
    said = vec![other, later];
    for envelope in &said {
        house.publish(envelope).await;
    }
    house.judged().await;
    let wishes = house.wishes().await;
    let of = |user: &str| wishes.iter().filter(|wish| wish.user_id.as_str() == user).count();
    assert_eq!((of("7"), of("8"), wishes.len()), (4, 2, 6));
    assert_eq!(
        house.paused().await,
        0,
        "three things were done, as the limit allows"
    );
    let mut fourth = house.says("9", "badword", 52);
    fourth.timestamp += TimeDelta::seconds(30);
    house.publish(&fourth).await;
    house.judged().await;
    assert_eq!((house.wishes().await.len(), house.paused().await), (6, 1));
    house.stop().await;
}
