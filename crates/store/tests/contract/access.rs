//! Accounts, sessions, roles and what they permit.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use lockdown_events::{GuildId, Platform, UserId};
use lockdown_runtime::Secret;
use lockdown_store::accounts::{Account, AccountId};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::GuildKey;
use lockdown_store::people::IdentityId;
use lockdown_store::roles::{Permissions, Role, RoleId, Subject};
use lockdown_store::sessions::{Session, SessionId};
use lockdown_store::{Bearer, StoreError, in_read, in_tx};
use std::collections::BTreeSet;

const MINUTE: TimeDelta = TimeDelta::minutes(1);

fn account(fixture: &Fixture, login: &str) -> Account {
    Account {
        id: AccountId(fixture.ids.next()),
        login: login.into(),
        created_at: fixture.now(),
        disabled_at: None,
        operator_since: None,
    }
}

pub(crate) async fn add_account(fixture: &Fixture, login: &str) -> Account {
    let account = account(fixture, login);
    assert!(in_tx!(fixture.store, |tx| { tx.insert_account(&account, None).await }).unwrap());
    account
}

async fn sign_in(fixture: &Fixture, account: AccountId) -> (Session, Bearer) {
    let secret = Bearer::for_session();
    let session = Session {
        id: SessionId(fixture.ids.next()),
        account_id: account,
        created_at: fixture.now(),
        last_seen_at: fixture.now(),
        expires_at: fixture.now() + TimeDelta::hours(1),
        address: Some("192.0.2.1".into()),
        user_agent: Some("a browser".into()),
    };
    in_tx!(fixture.store, |tx| { tx.insert_session(&session, &secret).await }).unwrap();
    (session, secret)
}

async fn signed_in(fixture: &Fixture, secret: &Bearer) -> Option<Session> {
    in_read!(fixture.store, |conn| {
        conn.session_by_secret(secret, fixture.now()).await
    })
    .unwrap()
}

fn words(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

pub(crate) async fn add_role(fixture: &Fixture, name: &str, permissions: &[&str], position: u64) -> Role {
    let role = Role {
        id: RoleId(fixture.ids.next()),
        community_id: fixture.community.id,
        name: name.into(),
        permissions: Json(words(permissions)),
        position,
        created_at: fixture.now(),
    };
    assert!(in_tx!(fixture.store, |tx| { tx.insert_role(&role).await }).unwrap());
    role
}

pub(crate) async fn give(
    fixture: &Fixture,
    role: &Role,
    to: &Subject,
    guild: Option<GuildKey>,
) -> Result<bool, StoreError> {
    in_tx!(fixture.store, |tx| {
        tx.bind_role(role.id, to, guild, fixture.now()).await
    })
}

/// What somebody with these roles on the platform may do in a guild.
async fn may(fixture: &Fixture, guild: GuildKey, who: IdentityId, roles: &[&str]) -> Permissions {
    in_read!(fixture.store, |conn| {
        let guild = conn.guild_by_key(guild).await?.unwrap();
        let who = conn.identities_by_id([who]).await?.remove(0);
        let given = conn.given_in(guild.platform, &guild.native_id).await?;
        let who = conn.one_person(who.platform, &who.native_id).await?;
        Ok::<_, StoreError>(given.to(&who, roles.iter().copied()))
    })
    .unwrap()
}

pub(crate) fn permissions(list: &[&str], position: u64) -> Permissions {
    Permissions {
        words: words(list),
        position,
    }
}

pub(crate) async fn a_login_is_one_persons_in_any_letters(fixture: Fixture) {
    let fixture = &fixture;
    let many = (0..8).map(|number| async move {
        let login = if number % 2 == 0 {
            "Жанна"
        } else {
            "жАННА"
        };
        let account = account(fixture, login);
        let hash = Secret::new(format!("hash {number}"));
        let made = in_tx!(fixture.store, |tx| {
            tx.insert_account(&account, Some(&hash)).await
        });
        made.unwrap().then_some((account, hash))
    });
    let made: Vec<_> = futures_util::future::join_all(many)
        .await
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(made.len(), 1);
    let (account, hash) = &made[0];
    let found = in_read!(fixture.store, |conn| {
        Ok::<_, StoreError>((
            conn.account_by_login("ЖАННА").await?,
            conn.account_by_login("nobody").await?,
            conn.password_hash(account.id).await?,
        ))
    });
    assert_eq!(found.unwrap(), (Some(account.clone()), None, Some(hash.clone())));
    add_account(fixture, "Zoe").await;
    add_account(fixture, "ann").await;
    let page = async |after: Option<String>| {
        let page = in_read!(fixture.store, |conn| { conn.accounts(after.as_deref(), 2).await });
        page.unwrap()
            .into_iter()
            .map(|account| account.login)
            .collect::<Vec<_>>()
    };
    let first = page(None).await;
    assert_eq!(first, ["ann", "Zoe"]);
    assert_eq!(
        page(first.last().cloned()).await,
        std::slice::from_ref(&account.login)
    );
}

pub(crate) async fn an_identity_belongs_to_one_account(fixture: Fixture) {
    let (first, second) = (
        add_account(&fixture, "first").await,
        add_account(&fixture, "second").await,
    );
    let link = async |account: &Account| {
        in_tx!(fixture.store, |tx| {
            tx.link_identity(account.id, fixture.alice, fixture.now()).await
        })
        .unwrap()
    };
    let unlink = async |account: &Account| {
        in_tx!(fixture.store, |tx| {
            tx.unlink_identity(account.id, fixture.alice).await
        })
        .unwrap()
    };
    assert!(link(&first).await);
    assert!(!link(&second).await && !link(&first).await);
    assert!(!unlink(&second).await, "it is not theirs");
    let of = in_read!(fixture.store, |conn| {
        Ok::<_, StoreError>((
            conn.account_of(fixture.alice).await?,
            conn.account_of(fixture.mallory).await?,
            conn.identities_of(first.id).await?,
            conn.identities_of(second.id).await?.len(),
        ))
    });
    let (of_alice, of_mallory, identities, none) = of.unwrap();
    assert_eq!((of_alice, of_mallory, none), (Some(first.clone()), None, 0));
    assert_eq!(identities[0].id, fixture.alice);
    assert!(unlink(&first).await);
    assert!(link(&second).await);
}

pub(crate) async fn a_session_is_opened_by_its_secret_while_it_lasts(fixture: Fixture) {
    let account = add_account(&fixture, "ana").await;
    let (session, secret) = sign_in(&fixture, account.id).await;
    assert_eq!(signed_in(&fixture, &secret).await, Some(session.clone()));
    assert_eq!(signed_in(&fixture, &Bearer::for_session()).await, None);
    assert_eq!(signed_in(&fixture, &Bearer::sent("")).await, None);
    let upper = Bearer::sent(&secret.expose().to_uppercase());
    assert_eq!(signed_in(&fixture, &upper).await, None);
    fixture.time.set(session.expires_at - TimeDelta::microseconds(1));
    assert!(signed_in(&fixture, &secret).await.is_some());
    fixture.time.set(session.expires_at);
    assert_eq!(signed_in(&fixture, &secret).await, None);
    let forgotten = in_tx!(fixture.store, |tx| {
        tx.forget_sessions(fixture.now(), 10).await
    });
    assert_eq!((forgotten.unwrap(), fixture.count("sessions").await), (1, 0));
}

pub(crate) async fn a_session_moves_on_once_a_minute(fixture: Fixture) {
    let account = add_account(&fixture, "ana").await;
    let (session, secret) = sign_in(&fixture, account.id).await;
    let see = async || {
        let now = fixture.now();
        in_tx!(fixture.store, |tx| {
            tx.see_session(session.id, now, now + TimeDelta::hours(1)).await
        })
        .unwrap()
    };
    assert!(!see().await, "it was made this minute");
    fixture.time.advance(MINUTE);
    assert!(see().await);
    assert!(!see().await);
    let seen = signed_in(&fixture, &secret).await.unwrap();
    assert_eq!(
        (seen.last_seen_at, seen.expires_at),
        (fixture.now(), fixture.now() + TimeDelta::hours(1))
    );
}

pub(crate) async fn browsers_are_signed_out(fixture: Fixture) {
    let (ana, other) = (
        add_account(&fixture, "ana").await,
        add_account(&fixture, "other").await,
    );
    let (first, first_secret) = sign_in(&fixture, ana.id).await;
    fixture.time.advance(MINUTE);
    let (second, _) = sign_in(&fixture, ana.id).await;
    let (theirs, their_secret) = sign_in(&fixture, other.id).await;
    let listed = async || {
        let list = in_read!(fixture.store, |conn| {
            conn.sessions_of(ana.id, fixture.now()).await
        });
        list.unwrap()
            .into_iter()
            .map(|session| session.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [second.id, first.id]);
    let ended = in_tx!(fixture.store, |tx| {
        Ok::<_, StoreError>((
            tx.end_session(ana.id, theirs.id).await?,
            tx.end_session(ana.id, second.id).await?,
            tx.end_session(ana.id, second.id).await?,
        ))
    });
    assert_eq!(ended.unwrap(), (false, true, false), "one's own, and once");
    sign_in(&fixture, ana.id).await;
    let others = in_tx!(fixture.store, |tx| {
        tx.end_sessions(ana.id, Some(first.id)).await
    });
    assert_eq!(others.unwrap(), 1);
    assert!(signed_in(&fixture, &first_secret).await.is_some());
    let hash = Secret::new("another password");
    assert!(in_tx!(fixture.store, |tx| { tx.set_password_hash(ana.id, &hash).await }).unwrap());
    assert_eq!(signed_in(&fixture, &first_secret).await, None);
    assert!(signed_in(&fixture, &their_secret).await.is_some());
}

pub(crate) async fn roles_are_given_here_or_everywhere(fixture: Fixture) {
    let there = fixture.add_guild("200").await.id;
    let (_, elsewhere) = fixture.add_community("elsewhere").await;
    let low = add_role(&fixture, "helper", &["warn", "note"], 5).await;
    let high = add_role(&fixture, "lead", &["ban", "note"], 20).await;
    let alice = Subject::Identity(fixture.alice);
    assert!(give(&fixture, &low, &alice, None).await.unwrap());
    assert!(give(&fixture, &high, &alice, Some(there)).await.unwrap());
    let wrong = give(&fixture, &high, &alice, Some(elsewhere.id)).await;
    assert!(matches!(wrong, Err(StoreError::Missing { .. })), "{wrong:?}");
    assert_eq!(
        may(&fixture, fixture.guild, fixture.alice, &[]).await,
        permissions(&["note", "warn"], 5)
    );
    assert_eq!(
        may(&fixture, there, fixture.alice, &[]).await,
        permissions(&["ban", "note", "warn"], 20)
    );
    assert_eq!(
        may(&fixture, elsewhere.id, fixture.alice, &[]).await,
        Permissions::default()
    );
    assert_eq!(
        may(&fixture, there, fixture.mallory, &[]).await,
        Permissions::default()
    );

    // What the role holds is what its holders may.
    let changed = in_tx!(fixture.store, |tx| {
        let known = tx.save_role(low.id, &words(&["mute"]), 7).await?;
        let unknown = tx
            .save_role(RoleId(fixture.ids.next()), &words(&["mute"]), 7)
            .await?;
        Ok::<_, StoreError>((known, unknown, tx.delete_role(high.id).await?))
    });
    assert_eq!(changed.unwrap(), (true, false, true));
    assert_eq!(
        may(&fixture, there, fixture.alice, &[]).await,
        permissions(&["mute"], 7)
    );
    let left = in_read!(fixture.store, |conn| { conn.roles(fixture.community.id).await }).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(
        (left[0].name.as_str(), left[0].position, &left[0].permissions.0),
        ("helper", 7, &words(&["mute"]))
    );
    let again = Role {
        id: RoleId(fixture.ids.next()),
        ..left[0].clone()
    };
    assert!(!in_tx!(fixture.store, |tx| { tx.insert_role(&again).await }).unwrap());
}

pub(crate) async fn a_person_is_one_by_every_door(fixture: Fixture) {
    let account = add_account(&fixture, "ana").await;
    let second = fixture.see("3", Some("Alice's other")).await.id;
    for identity in [fixture.alice, second] {
        in_tx!(fixture.store, |tx| {
            tx.link_identity(account.id, identity, fixture.now()).await
        })
        .unwrap();
    }
    for (position, (word, subject)) in [
        ("mute", Subject::Account(account.id)),
        ("kick", Subject::Identity(fixture.alice)),
        ("ban", Subject::Identity(second)),
    ]
    .into_iter()
    .enumerate()
    {
        let role = add_role(&fixture, word, &[word], position as u64).await;
        give(&fixture, &role, &subject, None).await.unwrap();
    }
    let all = permissions(&["ban", "kick", "mute"], 2);
    for door in [fixture.alice, second] {
        assert_eq!(may(&fixture, fixture.guild, door, &[]).await, all, "{door}");
    }
    in_tx!(fixture.store, |tx| {
        tx.unlink_identity(account.id, second).await
    })
    .unwrap();
    assert_eq!(
        may(&fixture, fixture.guild, fixture.alice, &[]).await,
        permissions(&["kick", "mute"], 1)
    );
    assert_eq!(
        may(&fixture, fixture.guild, second, &[]).await,
        permissions(&["ban"], 2)
    );
    let stranger = UserId::new("404").unwrap();
    let nobody = in_read!(fixture.store, |conn| {
        let given = conn
            .given_in(Platform::Discord, &GuildId::new("100").unwrap())
            .await?;
        let who = conn.one_person(Platform::Discord, &stranger).await?;
        Ok::<_, StoreError>((given.is_empty(), given.to(&who, std::iter::empty())))
    });
    assert_eq!(nobody.unwrap(), (false, Permissions::default()));
}

pub(crate) async fn a_disabled_account_may_do_nothing_by_any_door(fixture: Fixture) {
    let account = add_account(&fixture, "ana").await;
    let (_, secret) = sign_in(&fixture, account.id).await;
    let role = add_role(&fixture, "lead", &["ban"], 20).await;
    in_tx!(fixture.store, |tx| {
        tx.link_identity(account.id, fixture.alice, fixture.now()).await
    })
    .unwrap();
    give(&fixture, &role, &Subject::Identity(fixture.alice), None)
        .await
        .unwrap();
    let platform_role = Subject::PlatformRole("9".to_owned());
    give(&fixture, &role, &platform_role, Some(fixture.guild))
        .await
        .unwrap();
    let disable = async || {
        in_tx!(fixture.store, |tx| {
            tx.disable_account(account.id, fixture.now()).await
        })
        .unwrap()
    };
    assert!(disable().await);
    assert!(!disable().await);
    assert_eq!(signed_in(&fixture, &secret).await, None);
    assert_eq!(
        may(&fixture, fixture.guild, fixture.alice, &["9"]).await,
        Permissions::default()
    );
    assert!(in_tx!(fixture.store, |tx| { tx.enable_account(account.id).await }).unwrap());
    assert_eq!(
        may(&fixture, fixture.guild, fixture.alice, &[]).await,
        permissions(&["ban"], 20)
    );
    assert_eq!(
        signed_in(&fixture, &secret).await,
        None,
        "who was signed out stays so"
    );
}

pub(crate) async fn what_a_platform_calls_a_role_counts_in_its_guild(fixture: Fixture) {
    let there = fixture.add_guild("200").await.id;
    let role = add_role(&fixture, "lead", &["ban"], 20).await;
    let platform = ["admin"];
    let subject = Subject::PlatformRole("admin".to_owned());
    let everywhere = give(&fixture, &role, &subject, None).await;
    assert!(
        matches!(everywhere, Err(StoreError::Refused(_))),
        "{everywhere:?}"
    );
    assert!(
        give(&fixture, &role, &subject, Some(fixture.guild))
            .await
            .unwrap()
    );
    assert_eq!(
        may(&fixture, fixture.guild, fixture.alice, &platform).await,
        permissions(&["ban"], 20)
    );
    assert_eq!(
        may(&fixture, there, fixture.alice, &platform).await,
        Permissions::default()
    );
    // A name is a name, and not an id or a piece of SQL.
    let odd = ["admin' OR '1'='1", "[\"admin\"]"];
    assert_eq!(
        may(&fixture, fixture.guild, fixture.alice, &odd).await,
        Permissions::default()
    );
}

pub(crate) async fn a_role_is_given_once_by_many_and_taken_back(fixture: Fixture) {
    let role = add_role(&fixture, "lead", &["ban"], 20).await;
    let subject = Subject::Identity(fixture.alice);
    for guild in [None, Some(fixture.guild)] {
        let many = (0..8).map(|_| give(&fixture, &role, &subject, guild));
        let given = futures_util::future::join_all(many).await;
        let given = given.into_iter().filter(|given| *given.as_ref().unwrap());
        assert_eq!(given.count(), 1, "{guild:?}");
    }
    let bindings = in_read!(fixture.store, |conn| { conn.role_bindings(role.id).await }).unwrap();
    assert_eq!(bindings.len(), 2);
    assert!(
        bindings
            .iter()
            .all(|binding| binding.subject_id == fixture.alice.to_string())
    );
    let take = async |guild| {
        in_tx!(fixture.store, |tx| {
            tx.unbind_role(role.id, &subject, guild).await
        })
        .unwrap()
    };
    assert!(take(None).await);
    assert!(!take(None).await);
    assert_eq!(
        may(&fixture, fixture.guild, fixture.alice, &[]).await,
        permissions(&["ban"], 20)
    );
    assert!(take(Some(fixture.guild)).await);
    assert_eq!(
        may(&fixture, fixture.guild, fixture.alice, &[]).await,
        Permissions::default()
    );
}
