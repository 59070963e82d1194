//! Who is on-line, over either engine.

use super::Fixture;
use super::company::{bus, bus_under, said};
use chrono::TimeDelta;
use lockdown_bus::{Bus, ListenOptions, Posted};
use lockdown_events::{Live, PresenceKind, PresenceState};
use lockdown_runtime::{Clock, MockClock};
use std::collections::BTreeSet;
use std::time::Duration;

pub(crate) async fn who_comes_and_goes_is_told_once(fixture: &impl Fixture) {
    let processes = [bus(fixture).await, bus(fixture).await, bus(fixture).await];
    let mut heard = processes[0]
        .live()
        .subscribe(&["presence"], &ListenOptions::default())
        .await
        .unwrap();
    let presence = processes[1].presence();
    let shard = presence
        .online(
            PresenceKind::Shard,
            "discord:3",
            Some("12 communities".to_owned()),
        )
        .await
        .unwrap();
    let Live::Presence(came) = said(&mut heard).await else {
        panic!("not a presence")
    };
    assert_eq!((came.kind, came.id.as_str()), (PresenceKind::Shard, "discord:3"));
    assert_eq!(came.state, PresenceState::Online);

    // Who comes late sees all who are there.
    let moderator = presence
        .online(PresenceKind::Moderator, "42", None)
        .await
        .unwrap();
    let late = bus(fixture).await;
    let there: BTreeSet<String> = late
        .presence()
        .list()
        .await
        .unwrap()
        .into_iter()
        .map(|there| there.id)
        .collect();
    assert_eq!(there, BTreeSet::from(["discord:3".to_owned(), "42".to_owned()]));
    assert!(matches!(said(&mut heard).await, Live::Presence(came) if came.id == "42"));

    // One says goodbye, one falls silent: each goes once, whoever looks.
    moderator.leave().await.unwrap();
    let Live::Presence(gone) = said(&mut heard).await else {
        panic!("not a presence")
    };
    assert_eq!((gone.id.as_str(), gone.state), ("42", PresenceState::Offline));
    drop(shard);
    fixture.advance(fixture.silence() * 2).await;
    let mut swept = 0;
    for process in &processes {
        swept += process.presence().sweep().await.unwrap();
    }
    assert!(swept <= 1);
    let Live::Presence(gone) = said(&mut heard).await else {
        panic!("not a presence")
    };
    assert_eq!(
        (gone.id.as_str(), gone.state),
        ("discord:3", PresenceState::Offline)
    );
    assert!(late.presence().list().await.unwrap().is_empty());
    processes[1]
        .presence()
        .online(PresenceKind::Service, "last", None)
        .await
        .unwrap()
        .leave()
        .await
        .unwrap();
    assert!(
        matches!(said(&mut heard).await, Live::Presence(came) if came.id == "last"),
        "nothing was told twice"
    );
}

pub(crate) async fn a_heartbeat_keeps_one_there(fixture: &impl Fixture) {
    let (there, looking) = (bus(fixture).await, bus(fixture).await);
    let mut heard = looking
        .live()
        .subscribe(&["presence"], &ListenOptions::default())
        .await
        .unwrap();
    let online = there
        .presence()
        .online(PresenceKind::Bot, "discord", None)
        .await
        .unwrap();
    assert!(matches!(said(&mut heard).await, Live::Presence(_)));
    for _ in 0..10 {
        // A step that the heart can follow. It may miss one that comes before it sleeps again, but not two.
        fixture.advance(fixture.silence() / 4).await;
        for _ in 0..100 {
            let posted: Vec<Posted> = looking.engine().posted("presence", 10).await.unwrap();
            assert_eq!(posted.len(), 1);
            if posted[0].due_in > fixture.silence() * 4 / 5 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(looking.presence().sweep().await.unwrap(), 0);
    }
    online.leave().await.unwrap();
    let Live::Presence(gone) = said(&mut heard).await else {
        panic!("not a presence")
    };
    assert_eq!(gone.state, PresenceState::Offline, "it never went before");
}

/// Lets time pass everywhere, in steps that the hearts of those who are there can follow.
async fn pass(fixture: &impl Fixture, mocks: &[MockClock], buses: &[Bus], there: usize) {
    let step = fixture.silence() / 4;
    fixture.advance(step).await;
    for mock in mocks {
        mock.advance(TimeDelta::from_std(step).unwrap());
    }
    for _ in 0..100 {
        let posted = buses[0].engine().posted("presence", 10).await.unwrap();
        let beat = |posted: &&Posted| posted.due_in > fixture.silence() * 3 / 4;
        if posted.iter().filter(beat).count() >= there {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) async fn clocks_that_differ_do_no_harm_to_who_is_there(fixture: &impl Fixture) {
    let skewed = |minutes| Clock::mock(fixture.now() + TimeDelta::minutes(minutes));
    let ((early, early_mock), (late, late_mock)) = (skewed(5), skewed(-5));
    let (right, right_mock) = skewed(0);
    let (clocks, mocks) = ([early, late, right], [early_mock, late_mock, right_mock]);
    let mut buses = Vec::new();
    for clock in &clocks {
        buses.push(bus_under(fixture, clock.clone()).await);
    }
    let mut heard = buses[2]
        .live()
        .subscribe(&["presence"], &ListenOptions::default())
        .await
        .unwrap();
    let mut online = Vec::new();
    for (bus, id) in buses.iter().zip(["early", "late"]) {
        online.push(bus.presence().online(PresenceKind::Bot, id, None).await.unwrap());
        assert!(matches!(said(&mut heard).await, Live::Presence(came) if came.id == id));
    }

    // Nobody's clock ends what another's began, whoever looks.
    for _ in 0..8 {
        pass(fixture, &mocks, &buses, 2).await;
        for (bus, clock) in buses.iter().zip(&clocks) {
            assert_eq!(bus.presence().sweep().await.unwrap(), 0);
            let there = bus.presence().list().await.unwrap();
            let ids: BTreeSet<&str> = there.iter().map(|there| there.id.as_str()).collect();
            assert_eq!(ids, BTreeSet::from(["early", "late"]));
            // Everybody is told in their own time.
            let silence = TimeDelta::from_std(fixture.silence()).unwrap();
            for there in &there {
                let since = clock.now() - there.last_seen;
                assert!(since >= TimeDelta::zero() && since <= silence, "{since}");
            }
        }
    }

    // Who falls silent goes once, and the other stays.
    drop(online.pop());
    for _ in 0..8 {
        pass(fixture, &mocks, &buses, 1).await;
        for bus in &buses {
            bus.presence().sweep().await.unwrap();
        }
    }
    let Live::Presence(gone) = said(&mut heard).await else {
        panic!("not a presence")
    };
    assert_eq!((gone.id.as_str(), gone.state), ("late", PresenceState::Offline));
    for bus in &buses {
        let there = bus.presence().list().await.unwrap();
        assert_eq!(there.len(), 1);
        assert_eq!(there[0].id, "early");
    }
    online.pop().expect("the early one").leave().await.unwrap();
    let Live::Presence(gone) = said(&mut heard).await else {
        panic!("not a presence")
    };
    assert_eq!(
        (gone.id.as_str(), gone.state),
        ("early", PresenceState::Offline),
        "nothing was told twice"
    );
}
