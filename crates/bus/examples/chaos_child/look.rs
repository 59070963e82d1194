//! What the engine holds when all is over: dead letters, and what was never settled.

use crate::consume::TYPES;
use crate::notes::Notes;
use lockdown_bus::{Class, ConsumerName, DeadFilter, Engine, Group, GroupName};
use lockdown_events::Envelope;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const PAGE: usize = 500;
const GROUPS: [&str; 2] = ["one", "two"];

/// Writes `d <event> <group> <place> <reason>` for each dead letter, `l <event> <group>` for each entry that a group has left,
/// and `e` at the end.
pub(crate) async fn run(engine: Arc<dyn Engine>, notes: Notes) {
    let id = |envelope: &str| Envelope::decode(envelope).unwrap().event_id;
    let mut after = None;
    loop {
        let page = engine
            .dead_letters(&DeadFilter::default(), after.as_ref(), PAGE)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        for letter in &page {
            notes.write(format_args!(
                "d {} {} {} {:?}",
                id(&letter.envelope),
                letter.group,
                letter.entry,
                letter.reason
            ));
        }
    }
    let classes: BTreeSet<_> = TYPES.map(Class::of).into();
    let me = ConsumerName::new("look").unwrap();
    for name in GROUPS {
        let group = Group {
            name: GroupName::new(name).unwrap(),
            classes: classes.iter().copied().collect(),
        };
        loop {
            let mut left = engine
                .read(&group, &me, PAGE, Duration::from_millis(50))
                .await
                .unwrap();
            // What others held for however short: they are all gone.
            left.extend(engine.take_over(&group, &me, Duration::ZERO, PAGE).await.unwrap());
            if left.is_empty() {
                break;
            }
            for delivery in left {
                notes.write(format_args!("l {} {name}", id(&delivery.envelope)));
            }
        }
    }
    notes.write(format_args!("e"));
}
