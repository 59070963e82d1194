//! Federations, and whom they have banned.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use futures_util::future::join_all;
use lockdown_events::Platform;
use lockdown_store::federations::{Federation, FederationBanId, FederationId, NewBan, SetBan};
use lockdown_store::guilds::GuildKey;
use lockdown_store::people::IdentityId;
use lockdown_store::privacy::{RetentionOptions, Sweeper};
use lockdown_store::{StoreError, in_read, in_tx};

fn federation(fixture: &Fixture, name: &str, owner: IdentityId) -> Federation {
    Federation {
        id: FederationId(fixture.ids.next()),
        platform: Platform::Discord,
        name: name.into(),
        owner_id: owner,
        reasons_required: false,
        owner_told: true,
        version: 0,
        created_at: fixture.now(),
    }
}

async fn found(fixture: &Fixture, federation: &Federation) -> bool {
    in_tx!(fixture.store, |tx| { tx.insert_federation(federation).await }).unwrap()
}

async fn join(fixture: &Fixture, guild: GuildKey, id: FederationId) -> bool {
    in_tx!(fixture.store, |tx| {
        tx.join_federation(guild, id, fixture.now()).await
    })
    .unwrap()
}

async fn ban(fixture: &Fixture, of: FederationId, whom: IdentityId, reason: &str) -> SetBan {
    let new = NewBan {
        id: FederationBanId(fixture.ids.next()),
        federation: of,
        subject: whom,
        reason: Some(reason),
        by: "token:x",
        at: fixture.now(),
    };
    in_tx!(fixture.store, |tx| {
        let version = tx.next_federation_version(of).await?.unwrap();
        tx.set_federation_ban(&new, version).await
    })
    .unwrap()
}

async fn lift(fixture: &Fixture, of: FederationId, whom: IdentityId) -> bool {
    in_tx!(fixture.store, |tx| {
        let version = tx.next_federation_version(of).await?.unwrap();
        tx.lift_federation_ban(of, whom, version, fixture.now()).await
    })
    .unwrap()
}

pub(crate) async fn somebody_owns_one_and_a_guild_is_in_one(fixture: Fixture) {
    let mine = federation(&fixture, "Mine", fixture.alice);
    assert!(found(&fixture, &mine).await);
    assert!(!found(&fixture, &federation(&fixture, "More", fixture.alice)).await);
    let other = federation(&fixture, "Other", fixture.mallory);
    assert!(found(&fixture, &other).await);
    // Two at once, and the guild is in one of them.
    let joined = join_all([mine.id, other.id].map(|id| join(&fixture, fixture.guild, id))).await;
    assert_eq!(joined.iter().filter(|joined| **joined).count(), 1);
    let its = in_read!(fixture.store, |conn| {
        conn.federation_of_guild(fixture.guild).await
    });
    let its = its.unwrap().unwrap();
    let not_its = if its.id == mine.id { other.id } else { mine.id };
    let leave = async |id| {
        in_tx!(fixture.store, |tx| {
            tx.leave_federation(fixture.guild, id).await
        })
        .unwrap()
    };
    assert_eq!(
        (leave(not_its).await, leave(its.id).await, leave(its.id).await),
        (false, true, false)
    );
    // Whoever administers one leads it as its owner does.
    let led = async || {
        let led = in_read!(fixture.store, |conn| {
            conn.federations_led_by(&[fixture.mallory]).await
        });
        led.unwrap().into_iter().map(|led| led.name).collect::<Vec<_>>()
    };
    assert_eq!(led().await, ["Other"]);
    in_tx!(fixture.store, |tx| {
        assert!(
            tx.add_federation_admin(mine.id, fixture.mallory, fixture.now())
                .await?
        );
        assert!(
            !tx.add_federation_admin(mine.id, fixture.mallory, fixture.now())
                .await?
        );
        Ok::<_, StoreError>(())
    })
    .unwrap();
    assert_eq!(led().await, ["Mine", "Other"]);
}

pub(crate) async fn bans_hold_with_those_who_subscribe(fixture: Fixture) {
    let (mine, other) = (
        federation(&fixture, "Mine", fixture.alice),
        federation(&fixture, "Other", fixture.mallory),
    );
    found(&fixture, &mine).await;
    found(&fixture, &other).await;
    let (here, there) = (fixture.guild, fixture.add_guild("200").await.id);
    join(&fixture, here, mine.id).await;
    join(&fixture, there, other.id).await;
    let reach = async |of: FederationId| {
        let guilds = in_read!(fixture.store, |conn| { conn.federation_reach(of).await }).unwrap();
        guilds.into_iter().map(|guild| guild.id).collect::<Vec<_>>()
    };
    assert_eq!(reach(mine.id).await, [here]);
    in_tx!(fixture.store, |tx| {
        tx.subscribe_federation(other.id, mine.id, fixture.now()).await
    })
    .unwrap();
    assert_eq!(reach(mine.id).await, [here, there]);
    assert_eq!(reach(other.id).await, [there]);
    let holds = async |of, guild| {
        in_read!(fixture.store, |conn| {
            conn.federation_holds_in(of, guild).await
        })
        .unwrap()
    };
    assert_eq!(
        (
            holds(mine.id, here).await,
            holds(mine.id, there).await,
            holds(other.id, here).await
        ),
        (true, true, false)
    );
    let places = in_read!(fixture.store, |conn| { conn.federation_places().await }).unwrap();
    let mut places: Vec<_> = places
        .iter()
        .map(|place| (place.guild_native_id.as_str(), place.federation_id))
        .collect();
    places.sort();
    assert_eq!(places, [("100", mine.id), ("200", mine.id), ("200", other.id)]);
}

pub(crate) async fn a_ban_is_told_anew_and_ended_once(fixture: Fixture) {
    let mine = federation(&fixture, "Mine", fixture.alice);
    found(&fixture, &mine).await;
    let first = ban(&fixture, mine.id, fixture.mallory, "spam").await;
    let again = ban(&fixture, mine.id, fixture.mallory, "scam").await;
    assert!(first.new && !again.new);
    assert_eq!(
        (first.ban.id, again.ban.reason.as_deref()),
        (again.ban.id, Some("scam"))
    );
    assert!(again.ban.version > first.ban.version);
    assert!(lift(&fixture, mine.id, fixture.mallory).await);
    assert!(!lift(&fixture, mine.id, fixture.mallory).await);
    let holds = in_read!(fixture.store, |conn| {
        conn.federation_ban(mine.id, fixture.mallory).await
    });
    assert_eq!(holds.unwrap(), None);
    // Who knew the ban has a while to hear of its end.
    let options = RetentionOptions::default();
    let sweeper = Sweeper::new(fixture.store.clone(), fixture.clock.clone(), options);
    for (days, gone) in [(29, 0), (2, 1)] {
        fixture.time.advance(TimeDelta::days(days));
        assert_eq!(sweeper.sweep().await.unwrap()["federation_bans"], gone);
    }
    let anew = ban(&fixture, mine.id, fixture.mallory, "more").await;
    assert!(anew.new && anew.ban.id != first.ban.id, "it is another ban");
    let of_them = in_read!(fixture.store, |conn| {
        conn.federation_bans_of(&[fixture.mallory, fixture.alice]).await
    });
    let of_them = of_them.unwrap();
    assert_eq!(of_them.len(), 1);
    assert_eq!(
        (of_them[0].federation_name.as_str(), of_them[0].ban.id),
        ("Mine", anew.ban.id)
    );
}

pub(crate) async fn who_knows_a_version_reads_what_is_newer(fixture: Fixture) {
    let mine = federation(&fixture, "Mine", fixture.alice);
    found(&fixture, &mine).await;
    let changes = async |after: (u64, FederationBanId)| {
        in_read!(fixture.store, |conn| {
            conn.federation_changes(mine.id, after, 1).await
        })
        .unwrap()
    };
    let nothing = (0, FederationBanId(uuid::Uuid::nil()));
    assert!(changes(nothing).await.is_empty());
    ban(&fixture, mine.id, fixture.mallory, "spam").await;
    ban(&fixture, mine.id, fixture.alice, "spam").await;
    let first = changes(nothing).await.remove(0);
    let second = changes((first.version, first.id)).await.remove(0);
    let known = (second.version, second.id);
    assert!(changes(known).await.is_empty());
    lift(&fixture, mine.id, fixture.mallory).await;
    let ended = changes(known).await.remove(0);
    assert_eq!(
        (&ended.user_native_id, ended.lifted_at.is_some()),
        (&first.user_native_id, true)
    );
    let versions = in_read!(fixture.store, |conn| { conn.federation_versions().await }).unwrap();
    assert_eq!(versions[0].version, ended.version);
}

pub(crate) async fn a_federation_goes_with_all_that_is_its_own(fixture: Fixture) {
    let (mine, other) = (
        federation(&fixture, "Mine", fixture.alice),
        federation(&fixture, "Other", fixture.mallory),
    );
    found(&fixture, &mine).await;
    found(&fixture, &other).await;
    join(&fixture, fixture.guild, mine.id).await;
    ban(&fixture, mine.id, fixture.mallory, "spam").await;
    in_tx!(fixture.store, |tx| {
        tx.subscribe_federation(other.id, mine.id, fixture.now()).await?;
        tx.add_federation_admin(mine.id, fixture.mallory, fixture.now())
            .await
    })
    .unwrap();
    let delete = async || in_tx!(fixture.store, |tx| { tx.delete_federation(mine.id).await }).unwrap();
    assert_eq!((delete().await, delete().await), (true, false));
    assert!(join(&fixture, fixture.guild, other.id).await, "the guild is free");
    for table in ["federation_bans", "federation_subscriptions", "federation_admins"] {
        assert_eq!(fixture.count(table).await, 0, "{table}");
    }
    assert_eq!(fixture.count("federations").await, 1);
}
