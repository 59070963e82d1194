//! What is no event that anybody here knows.

use super::bench::{Faulty, told, until};
use super::consume::{GRACE, LEFT, Seen, append, consumer, quick};
use crate::conformance::Fixture;
use lockdown_bus::{Append, DeadReason, Engine, GroupName, Handler};
use lockdown_events::MAX_BYTES;
use std::collections::BTreeSet;

pub(crate) async fn what_cannot_be_read_has_a_defined_end_and_its_neighbours_are_handled(
    fixture: &impl Fixture,
) {
    let log = Faulty::over(fixture).await;
    let good = |number| append(1, number);
    let text = |text: String| Append {
        envelope: text.into(),
        ..good(99)
    };
    let envelope = good(99).envelope;
    let unreadable = [
        text(envelope.replace(
            "\"data\"",
            &format!("\"note\":\"{}\",\"data\"", "x".repeat(MAX_BYTES)),
        )),
        text(String::new()),
        text("{".to_owned()),
        text("[1]".to_owned()),
        text("null".to_owned()),
        text(envelope.replace(
            "\"data\"",
            &format!("\"note\":{}1{},\"data\"", "[".repeat(99), "]".repeat(99)),
        )),
        text(envelope.replace("\"userId\"", "\"person\"")),
        // Wanted here, and not to be understood before this process is a newer one.
        text(envelope.replace("\"version\":1", "\"version\":99")),
    ];
    // What no handler wants is none of this group's business, whatever it is.
    let unwanted = [
        text(envelope.replace("user:left", "user:invented")),
        text(envelope.replace("user:left", "user:joined")),
    ];
    let mut batch = vec![good(0)];
    let mut number = 0;
    for odd in unreadable.iter().chain(&unwanted) {
        assert_ne!(odd.envelope, envelope);
        number += 1;
        batch.extend([odd.clone(), good(number)]);
    }
    for result in log.append(&batch).await.unwrap() {
        result.unwrap();
    }
    let seen = Seen::default();
    let noting = seen.clone();
    let handler = Handler::new("note", LEFT, move |received| {
        noting.note(told(&received.event));
        async { Ok(()) }
    });
    let consumer = consumer(&log, vec![handler], quick()).await;
    let group = GroupName::new("test.layer").unwrap();
    until("nothing is left to do", || async {
        let stats = log.stats().await.unwrap();
        let group = stats.group(&group).unwrap();
        group.lag() == Some(0) && group.pending() == 0 && seen.count() > number as usize
    })
    .await;
    consumer.stop(GRACE).await;
    assert_eq!(
        seen.all(),
        (0..=number).map(|number| (1, number)).collect::<Vec<_>>()
    );
    let dead = log.dead().await;
    assert!(
        dead.iter()
            .all(|letter| letter.reason == DeadReason::Undecodable && letter.attempts == 1),
        "{dead:?}"
    );
    let texts: BTreeSet<_> = dead.iter().map(|letter| &letter.envelope).collect();
    let unreadable: BTreeSet<_> = unreadable.iter().map(|odd| &odd.envelope).collect();
    assert_eq!((texts, dead.len()), (unreadable.clone(), unreadable.len()));
}
