//! The ways in: links and proofs that open a session once, what an account has in hand, and the log of all that.

use crate::access::{add_account, add_role, give};
use crate::fixture::Fixture;
use chrono::TimeDelta;
use lockdown_store::access_log::{AccessReport, NewAccess};
use lockdown_store::accounts::AccountId;
use lockdown_store::audit::{ActorKind, Fault};
use lockdown_store::guilds::CommunityId;
use lockdown_store::roles::Subject;
use lockdown_store::sign_in::{SignInLink, SignInLinkId};
use lockdown_store::{Bearer, StoreError, in_read, in_tx};
use serde_json::json;
use std::collections::BTreeSet;

async fn hand_out(fixture: &Fixture, account: AccountId) -> (SignInLink, Bearer) {
    let secret = Bearer::for_session();
    let link = SignInLink {
        id: SignInLinkId(fixture.ids.next()),
        account_id: account,
        created_at: fixture.now(),
        expires_at: fixture.now() + TimeDelta::minutes(15),
    };
    in_tx!(fixture.store, |tx| {
        tx.insert_sign_in_link(&link, &secret).await
    })
    .unwrap();
    (link, secret)
}

async fn use_up(fixture: &Fixture, secret: &Bearer) -> Option<SignInLink> {
    let now = fixture.now();
    in_tx!(fixture.store, |tx| { tx.use_sign_in_link(secret, now).await }).unwrap()
}

pub(crate) async fn a_link_opens_once_of_many_and_not_for_long(fixture: Fixture) {
    let fixture = &fixture;
    let ana = add_account(fixture, "ana").await;
    let (link, secret) = hand_out(fixture, ana.id).await;
    let looked = in_read!(fixture.store, |conn| {
        conn.sign_in_link(&secret, fixture.now()).await
    });
    assert_eq!(looked.unwrap(), Some(link.clone()), "to look does not use it up");
    let tries = (0..8).map(|_| use_up(fixture, &secret));
    let used: Vec<_> = futures_util::future::join_all(tries).await;
    let used: Vec<_> = used.into_iter().flatten().collect();
    assert_eq!(used, [link]);
    assert_eq!(use_up(fixture, &Bearer::sent("")).await, None);

    let (late, secret) = hand_out(fixture, ana.id).await;
    fixture.time.set(late.expires_at);
    assert_eq!(use_up(fixture, &secret).await, None);
    let (_, secret) = hand_out(fixture, ana.id).await;
    let taken = in_tx!(fixture.store, |tx| { tx.take_back_sign_in_links(ana.id).await });
    assert_eq!(taken.unwrap(), 2, "the late one as well");
    assert_eq!(use_up(fixture, &secret).await, None);
}

pub(crate) async fn what_a_platform_signed_counts_once(fixture: Fixture) {
    let until = fixture.now() + TimeDelta::minutes(5);
    let prove =
        async |hash: &[u8]| in_tx!(fixture.store, |tx| { tx.use_sign_in_proof(hash, until).await }).unwrap();
    assert!(prove(b"one").await && prove(b"two").await);
    assert!(!prove(b"one").await);
    hand_out(&fixture, add_account(&fixture, "ana").await.id).await;
    let forget = async |limit| {
        in_tx!(fixture.store, |tx| {
            tx.forget_sign_ins(fixture.now(), limit).await
        })
        .unwrap()
    };
    assert_eq!(forget(10).await, 0);
    fixture.time.advance(TimeDelta::hours(1));
    assert_eq!((forget(2).await, forget(10).await, forget(10).await), (2, 1, 0));
    assert!(prove(b"one").await, "what opens nothing any more is forgotten");
}

pub(crate) async fn an_account_has_its_roles_by_every_door(fixture: Fixture) {
    let ana = add_account(&fixture, "ana").await;
    let (keepers, guests, crew, others) = (
        add_role(&fixture, "keepers", &["ban"], 3).await,
        add_role(&fixture, "guests", &[], 0).await,
        add_role(&fixture, "crew", &["warn"], 1).await,
        add_role(&fixture, "others", &["kick"], 9).await,
    );
    in_tx!(fixture.store, |tx| {
        tx.link_identity(ana.id, fixture.alice, fixture.now()).await
    })
    .unwrap();
    for (role, subject, guild) in [
        (&keepers, Subject::Account(ana.id), None),
        (&guests, Subject::Identity(fixture.alice), Some(fixture.guild)),
        (&crew, Subject::PlatformRole("77".into()), Some(fixture.guild)),
        (&others, Subject::Identity(fixture.mallory), None),
    ] {
        give(&fixture, role, &subject, guild).await.unwrap();
    }
    let held = async || {
        let held = in_read!(fixture.store, |conn| {
            let identities: Vec<_> = conn.identities_of(ana.id).await?;
            let ids: Vec<_> = identities.iter().map(|identity| identity.id).collect();
            conn.roles_of_account(ana.id, &ids).await
        });
        let named = held.unwrap().into_iter().map(|held| (held.name, held.guild_id));
        named.collect::<BTreeSet<_>>()
    };
    let here = Some(fixture.guild);
    let without = BTreeSet::from([("keepers".into(), None), ("guests".into(), here)]);
    assert_eq!(held().await, without);
    let on_server = fixture.store.is_postgres();
    let id = |id: uuid::Uuid| match on_server {
        true => format!("'{id}'"),
        false => format!("X'{}'", id.simple()),
    };
    let seen = if on_server { "now()" } else { "0" };
    let (guild, who) = (id(fixture.guild.0), id(fixture.alice.0));
    fixture
        .behind_its_back(&format!(
            "INSERT INTO memberships (guild_id, identity_id, status, names_folded, roles, last_seen) \
             VALUES ({guild}, {who}, 'member', '', '[\"76\", \"77\"]', {seen})"
        ))
        .await;
    let with = without.iter().cloned().chain([("crew".into(), here)]).collect();
    assert_eq!(held().await, with);
    fixture
        .behind_its_back("UPDATE memberships SET status = 'left'")
        .await;
    assert_eq!(
        held().await,
        without,
        "who has left has none of the platform's roles"
    );
}

pub(crate) async fn an_account_runs_the_installation_while_it_is_said_to(fixture: Fixture) {
    let ana = add_account(&fixture, "ana").await;
    let now = fixture.now();
    let set = async |since| in_tx!(fixture.store, |tx| { tx.set_operator(ana.id, since).await }).unwrap();
    let since = async || {
        let found = in_read!(fixture.store, |conn| { conn.account(ana.id).await });
        found.unwrap().unwrap().operator_since
    };
    assert_eq!(since().await, None);
    assert!(set(Some(now)).await && !set(Some(now + TimeDelta::days(1))).await);
    assert_eq!(since().await, Some(now));
    assert!(set(None).await && !set(None).await);
    assert_eq!(since().await, None);
}

async fn log(fixture: &Fixture, community: Option<CommunityId>, act: &str) -> u64 {
    let body = json!({ "name": "trust" });
    in_tx!(fixture.store, |tx| {
        tx.append_access(&NewAccess {
            at: fixture.now(),
            community,
            actor_kind: ActorKind::Token,
            actor: "first",
            act,
            subject: "token:1",
            body: &body,
        })
        .await
    })
    .unwrap()
}

async fn verify(fixture: &Fixture) -> AccessReport {
    in_read!(fixture.store, |conn| { conn.verify_access_log().await }).unwrap()
}

pub(crate) async fn what_concerns_no_guild_is_in_one_chain(fixture: Fixture) {
    let fixture = &fixture;
    assert_eq!(verify(fixture).await.fault, None);
    let (elsewhere, _) = fixture.add_community("elsewhere").await;
    let (here, there) = (Some(fixture.community.id), Some(elsewhere.id));
    let entries = [here, there, None, here, None, there, here, here];
    let all = entries.map(|community| log(fixture, community, "token:make"));
    let numbers: BTreeSet<u64> = futures_util::future::join_all(all).await.into_iter().collect();
    assert_eq!(numbers, (1..=8).collect(), "without gaps, by many at once");
    let report = verify(fixture).await;
    assert_eq!((report.entries, report.seq, report.fault), (8, 8, None));

    let page = async |communities: Option<&[CommunityId]>, before, limit| {
        let page = in_read!(fixture.store, |conn| {
            conn.access_page(communities, before, limit).await
        });
        let numbers = page
            .unwrap()
            .into_iter()
            .map(|entry| (entry.seq, entry.community_id));
        numbers.collect::<Vec<_>>()
    };
    let first: Vec<u64> = page(None, None, 5)
        .await
        .into_iter()
        .map(|(seq, _)| seq)
        .collect();
    assert_eq!(first, [8, 7, 6, 5, 4]);
    assert_eq!(page(None, Some(4), 5).await.len(), 3);
    let own = page(Some(&[fixture.community.id]), None, 9).await;
    assert!(
        own.len() == 4 && own.iter().all(|(_, community)| *community == here),
        "{own:?}"
    );
    assert_eq!(
        page(Some(&[fixture.community.id, elsewhere.id]), None, 9)
            .await
            .len(),
        6
    );
    assert_eq!(page(Some(&[]), None, 9).await, []);

    // A transaction that comes to nothing leaves no number out.
    let gone = in_tx!(fixture.store, |tx| {
        tx.append_access(&NewAccess {
            at: fixture.now(),
            community: None,
            actor_kind: ActorKind::System,
            actor: "system",
            act: "token:make",
            subject: "token:2",
            body: &json!({}),
        })
        .await?;
        Err::<(), _>(StoreError::Missing { statement: "a test" })
    });
    assert!(gone.is_err());
    assert_eq!(log(fixture, None, "token:revoke").await, 9);
    assert_eq!(verify(fixture).await.fault, None);
}

pub(crate) async fn a_changed_log_of_access_is_found(fixture: Fixture) {
    for _ in 0..4 {
        log(&fixture, None, "token:make").await;
    }
    for refused in ["UPDATE access_log SET act = 'x'", "DELETE FROM access_log"] {
        assert!(fixture.try_behind_its_back(refused).await.is_err());
    }
    for trigger in ["access_log_no_update", "access_log_no_delete"] {
        let on = if fixture.store.is_postgres() {
            " ON access_log"
        } else {
            ""
        };
        fixture
            .behind_its_back(&format!("DROP TRIGGER {trigger}{on}"))
            .await;
    }
    let community = match fixture.store.is_postgres() {
        true => format!("'{}'", fixture.community.id.0),
        false => format!("X'{}'", fixture.community.id.0.simple()),
    };
    let cut = "DELETE FROM access_log WHERE seq = 4".to_owned();
    let hide = format!("UPDATE access_log SET community_id = {community} WHERE seq = 3");
    let change = "UPDATE access_log SET actor = 'nobody' WHERE seq = 2".to_owned();
    let remove = "DELETE FROM access_log WHERE seq = 1".to_owned();
    for (statement, place, fault) in [
        (cut, 4, Fault::Head),
        (hide, 3, Fault::Altered),
        (change, 2, Fault::Altered),
        (remove, 2, Fault::Missing { through: 1 }),
    ] {
        fixture.behind_its_back(&statement).await;
        assert_eq!(verify(&fixture).await.fault, Some((place, fault)), "{statement}");
    }
}
