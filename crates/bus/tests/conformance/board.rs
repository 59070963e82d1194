//! Marks and boards: small things with an end.

use super::{Fixture, LIMIT};
use lockdown_bus::Standing;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Longer than a case takes that does not let time pass.
const LONG: Duration = Duration::from_secs(600);

pub(crate) async fn a_mark_has_one_owner(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let contenders = (0..32).map(|number| {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move {
            let name = number.to_string();
            let stands = engine.mark("lease", &name, LONG, Standing::Absent).await.unwrap();
            (name, stands)
        })
    });
    let mut winners = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for contender in contenders.collect::<Vec<_>>() {
        let (name, stands) = contender.await.unwrap();
        match stands {
            None => assert!(winners.insert(name)),
            Some(owner) => {
                seen.insert(owner);
            }
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(winners, seen, "the others were told another owner");
    let owner = winners.pop_first().unwrap();

    // The owner renews and changes it; nobody else does.
    let other = fixture.engine().await;
    let renewed = other
        .mark("lease", &owner, LONG, Standing::AbsentOr(&owner))
        .await;
    assert_eq!(renewed.unwrap(), None);
    let foreign = other
        .mark("lease", "foreign", LONG, Standing::AbsentOr("foreign"))
        .await;
    assert_eq!(foreign.unwrap(), Some(owner.clone()));
    let done = engine.mark("lease", "done", LONG, Standing::Is(&owner)).await;
    assert_eq!(done.unwrap(), None);
    assert!(!engine.unmark("lease", &owner).await.unwrap());
    assert!(engine.unmark("lease", "done").await.unwrap());
    assert!(!engine.unmark("lease", "done").await.unwrap());
    // What must stand there does not.
    let gone = engine.mark("lease", "x", LONG, Standing::Is("done")).await;
    assert_eq!(gone.unwrap(), Some(String::new()));
}

pub(crate) async fn a_mark_ends_by_itself(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let short = Duration::from_millis(300);
    assert_eq!(
        engine.mark("a", "1", short, Standing::Absent).await.unwrap(),
        None
    );
    assert_eq!(engine.mark("b", "1", LONG, Standing::Absent).await.unwrap(), None);
    fixture.advance(short + Duration::from_millis(50)).await;
    assert!(!engine.unmark("a", "1").await.unwrap(), "it had ended");
    assert_eq!(engine.mark("a", "2", LONG, Standing::Absent).await.unwrap(), None);
    let stands = engine.mark("b", "2", LONG, Standing::Absent).await.unwrap();
    assert_eq!(stands.as_deref(), Some("1"));
}

pub(crate) async fn a_board_shows_what_is_due_first(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let other = fixture.engine().await;
    let odd = "ein \"Text\"\n\u{1F512} {}";
    assert!(engine.post("b", "late", odd, LONG * 2).await.unwrap());
    assert!(engine.post("b", "soon", "s", LONG).await.unwrap());
    assert!(engine.post("c", "soon", "of another board", LONG).await.unwrap());
    let posted = other.posted("b", 10).await.unwrap();
    let names: Vec<&str> = posted.iter().map(|posted| posted.item.as_str()).collect();
    assert_eq!(names, ["soon", "late"]);
    assert_eq!(posted[1].text, odd);
    assert!(posted[0].due_in > Duration::ZERO && posted[0].due_in <= LONG);
    assert_eq!(other.posted("b", 1).await.unwrap().len(), 1);
    assert!(
        other.take_due("b", 10).await.unwrap().is_empty(),
        "nothing is due yet"
    );

    // Posted again it is put off, and says what was said last.
    assert!(!engine.post("b", "soon", "later", LONG * 3).await.unwrap());
    let posted = other.posted("b", 10).await.unwrap();
    assert_eq!(posted[1].text, "later");
    assert_eq!(other.unpost("b", "soon").await.unwrap().as_deref(), Some("later"));
    assert_eq!(other.unpost("b", "soon").await.unwrap(), None);
    assert_eq!(engine.posted("c", 10).await.unwrap().len(), 1);
}

pub(crate) async fn what_is_due_is_taken_once(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let short = Duration::from_millis(200);
    for number in 0..100 {
        let due_in = if number % 2 == 0 { short } else { LONG };
        engine
            .post("b", &number.to_string(), "text", due_in)
            .await
            .unwrap();
    }
    fixture.advance(short + Duration::from_millis(50)).await;
    let mut sweepers = Vec::new();
    for _ in 0..3 {
        let sweeper = fixture.engine().await;
        sweepers.push(tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                let found = sweeper.take_due("b", 7).await.unwrap();
                if found.is_empty() {
                    return taken;
                }
                taken.extend(found.into_iter().map(|posted| posted.item));
            }
        }));
    }
    let mut taken = Vec::new();
    for sweeper in sweepers {
        taken.extend(tokio::time::timeout(LIMIT, sweeper).await.unwrap().unwrap());
    }
    assert_eq!(taken.len(), 50, "each once");
    let distinct: BTreeSet<_> = taken.iter().collect();
    assert_eq!(distinct.len(), 50);
    assert_eq!(engine.posted("b", 1000).await.unwrap().len(), 50);
    // Overdue and posted again, it is new.
    engine.post("b", "x", "1", Duration::ZERO).await.unwrap();
    assert!(engine.post("b", "x", "2", LONG).await.unwrap());
}

pub(crate) async fn what_is_put_off_comes_to_another_later(fixture: &impl Fixture) {
    let (engine, other) = (fixture.engine().await, fixture.engine().await);
    let short = Duration::from_millis(200);
    for (item, due_in) in [("1", Duration::ZERO), ("2", Duration::ZERO), ("3", LONG)] {
        engine.post("b", item, "text", due_in).await.unwrap();
    }
    fixture.advance(Duration::from_millis(20)).await;
    let mut held = Vec::new();
    for engine in [&engine, &other] {
        held.extend(engine.put_off_due("b", LONG, 1).await.unwrap());
    }
    let items: Vec<_> = held.iter().map(|held| (&*held.item, &*held.text)).collect();
    assert_eq!(items, [("1", "text"), ("2", "text")], "each by one");
    assert!(other.put_off_due("b", LONG, 10).await.unwrap().is_empty());
    assert!(other.take_due("b", 10).await.unwrap().is_empty());
    assert_eq!(other.posted("b", 10).await.unwrap().len(), 3, "nothing went");
    // Who does what it means takes it off; of who dies it is another's.
    engine.post("b", "4", "again", Duration::ZERO).await.unwrap();
    fixture.advance(Duration::from_millis(20)).await;
    assert_eq!(engine.put_off_due("b", short, 10).await.unwrap().len(), 1);
    fixture.advance(short + Duration::from_millis(50)).await;
    let again = other.put_off_due("b", LONG, 10).await.unwrap();
    assert_eq!((again.len(), &*again[0].text), (1, "again"));
    assert!(other.unpost("b", "4").await.unwrap().is_some());
    assert_eq!(engine.posted("b", 10).await.unwrap().len(), 3);
}

pub(crate) async fn marks_and_boards_survive_a_restart(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    engine.mark("m", "kept", LONG, Standing::Absent).await.unwrap();
    engine.post("b", "item", "kept", LONG).await.unwrap();
    fixture.restart().await;
    let engine = fixture.engine().await;
    let stands = engine.mark("m", "x", LONG, Standing::Absent).await.unwrap();
    assert_eq!(stands.as_deref(), Some("kept"));
    assert_eq!(engine.posted("b", 10).await.unwrap()[0].text, "kept");
}
