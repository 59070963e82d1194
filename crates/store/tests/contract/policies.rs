//! Rules: their versions, and where they judge.

use crate::fixture::Fixture;
use futures_util::future::join_all;
use lockdown_events::ChannelId;
use lockdown_store::policies::{
    Change, Changed, Place, Policy, PolicyBinding, PolicyId, PolicyMode, PolicyState,
};
use lockdown_store::{StoreError, in_read, in_tx};

async fn add(fixture: &Fixture, name: &str) -> Result<Policy, StoreError> {
    let policy = Policy {
        id: PolicyId(fixture.ids.next()),
        community_id: fixture.community.id,
        name: name.into(),
        head_version: 0,
        state: PolicyState::Active,
        created_at: fixture.now(),
    };
    in_tx!(fixture.store, |tx| { tx.insert_policy(&policy).await })?;
    Ok(policy)
}

fn change(fixture: &Fixture, seen: u64) -> Change<'static> {
    Change {
        author: "system",
        note: Some("because"),
        seen,
        at: fixture.now(),
    }
}

async fn write(fixture: &Fixture, id: PolicyId, body: &str, seen: u64) -> Changed {
    in_tx!(fixture.store, |tx| {
        tx.change_policy(id, body, &change(fixture, seen)).await
    })
    .unwrap()
}

pub(crate) async fn of_two_who_saw_the_same_one_is_told(fixture: Fixture) {
    let id = add(&fixture, "main").await.unwrap().id;
    let texts: Vec<String> = (0..8)
        .map(|writer| format!("version: 1 # by {writer}\n"))
        .collect();
    let outcomes = join_all(texts.iter().map(|text| write(&fixture, id, text, 0))).await;
    let first: Vec<usize> = (0..8)
        .filter(|writer| outcomes[*writer] == Changed::To(1))
        .collect();
    assert_eq!(first.len(), 1, "{outcomes:?}");
    let others = outcomes.iter().filter(|outcome| **outcome != Changed::To(1));
    assert!(
        others
            .clone()
            .all(|outcome| *outcome == Changed::Stale { head: 1 }),
        "{outcomes:?}"
    );
    let kept = in_read!(fixture.store, |conn| { conn.policy_version(id, 1).await })
        .unwrap()
        .unwrap();
    assert_eq!(kept.body, texts[first[0]]);
    assert_eq!(
        (kept.author.as_str(), kept.note.as_deref()),
        ("system", Some("because"))
    );
    assert_eq!(kept.created_at, fixture.now());
    assert_eq!(
        write(&fixture, PolicyId(fixture.ids.next()), "", 0).await,
        Changed::Unknown
    );
    let policy = in_read!(fixture.store, |conn| { conn.policy(id).await })
        .unwrap()
        .unwrap();
    assert_eq!(policy.head_version, 1);
}

pub(crate) async fn an_old_text_comes_back_as_a_new_version(fixture: Fixture) {
    let id = add(&fixture, "main").await.unwrap().id;
    for (seen, body) in [(0, "a: 1 # naïve\n"), (1, "a: 2\n")] {
        assert_eq!(write(&fixture, id, body, seen).await, Changed::To(seen + 1));
    }
    let restore = async |version, seen| {
        in_tx!(fixture.store, |tx| {
            tx.restore_policy(id, version, &change(&fixture, seen)).await
        })
        .unwrap()
    };
    assert_eq!(restore(1, 1).await, Changed::Stale { head: 2 });
    assert_eq!(restore(3, 2).await, Changed::Unknown);
    assert_eq!(restore(u64::MAX, 2).await, Changed::Unknown);
    assert_eq!(restore(1, 2).await, Changed::To(3));
    let (first, third, by_hash) = in_read!(fixture.store, |conn| {
        let first = conn.policy_version(id, 1).await?.unwrap();
        let third = conn.policy_version(id, 3).await?.unwrap();
        let by_hash = conn.policy_version_by_hash(id, &first.sha256).await?.unwrap();
        Ok::<_, StoreError>((first, third, by_hash))
    })
    .unwrap();
    assert_eq!((third.restores, first.restores), (Some(1), None));
    assert_eq!((&third.body, &third.sha256), (&first.body, &first.sha256));
    assert_eq!(first.sha256.len(), 32);
    assert_eq!(by_hash, third, "the newest with this text");

    let page = async |before, limit| {
        let changes = in_read!(fixture.store, |conn| {
            conn.policy_changes(id, before, limit).await
        });
        let versions = changes.unwrap().into_iter().map(|change| change.version);
        versions.collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, [3, 2]);
    assert_eq!(page(Some(2), 2).await, [1]);
    assert_eq!(page(Some(1), 2).await, [0; 0]);
}

pub(crate) async fn versions_cannot_be_changed(fixture: Fixture) {
    let id = add(&fixture, "main").await.unwrap().id;
    write(&fixture, id, "a: 1\n", 0).await;
    for statement in [
        "UPDATE policy_versions SET body = 'a: 2'",
        "DELETE FROM policy_versions",
    ] {
        let refused = fixture.try_behind_its_back(statement).await.unwrap_err();
        assert!(refused.to_string().contains("never changed"), "{refused}");
    }
    let kept = in_read!(fixture.store, |conn| { conn.policy_version(id, 1).await });
    assert_eq!(kept.unwrap().unwrap().body, "a: 1\n");
}

pub(crate) async fn a_name_is_used_once_in_a_community(fixture: Fixture) {
    let main = add(&fixture, "main").await.unwrap();
    let again = add(&fixture, "main").await;
    assert!(matches!(again, Err(StoreError::Duplicate { .. })), "{again:?}");
    add(&fixture, "banned-links").await.unwrap();
    let community = fixture.community.id;
    let (found, none, all) = in_read!(fixture.store, |conn| {
        Ok::<_, StoreError>((
            conn.policy_by_name(community, "main").await?,
            conn.policy_by_name(community, "Main").await?,
            conn.policies(community).await?,
        ))
    })
    .unwrap();
    assert_eq!((found, none), (Some(main.clone()), None));
    let names: Vec<&str> = all.iter().map(|policy| policy.name.as_str()).collect();
    assert_eq!(names, ["banned-links", "main"]);
}

pub(crate) async fn bindings_say_what_judges_where(fixture: Fixture) {
    let (main, extra) = (
        add(&fixture, "main").await.unwrap().id,
        add(&fixture, "extra").await.unwrap().id,
    );
    let square = Place::Channel(ChannelId::new("55").unwrap());
    let binding = |place: &Place, policy_id, version, shadow_version, mode| PolicyBinding {
        guild_id: fixture.guild,
        channel_native_id: place.clone(),
        policy_id,
        version,
        shadow_version,
        mode,
    };
    let bind = async |binding: PolicyBinding| in_tx!(fixture.store, |tx| { tx.bind_policy(&binding).await });
    let in_force = async || {
        let rows = in_read!(fixture.store, |conn| {
            conn.policies_in_force(fixture.guild).await
        });
        rows.unwrap()
            .into_iter()
            .map(|row| {
                format!(
                    "{:?} {} {} {}",
                    row.channel_native_id.as_str(),
                    row.name,
                    row.version,
                    row.mode
                )
            })
            .collect::<Vec<_>>()
    };
    bind(binding(&Place::Guild, main, None, None, PolicyMode::Enforce))
        .await
        .unwrap();
    assert_eq!(
        in_force().await,
        [""; 0],
        "a policy without a text judges nothing"
    );
    write(&fixture, main, "a: 1\n", 0).await;
    write(&fixture, extra, "b: 1\n", 0).await;
    assert_eq!(in_force().await, [r#""" main 1 enforce"#]);

    // A new version is tried out while the old one judges, and off where the channel says so.
    write(&fixture, main, "a: 2\n", 1).await;
    bind(binding(
        &Place::Guild,
        main,
        Some(1),
        Some(2),
        PolicyMode::Enforce,
    ))
    .await
    .unwrap();
    bind(binding(&square, main, None, None, PolicyMode::Off))
        .await
        .unwrap();
    bind(binding(&square, extra, None, None, PolicyMode::Shadow))
        .await
        .unwrap();
    assert_eq!(
        in_force().await,
        [
            r#""" main 1 enforce"#,
            r#""" main 2 shadow"#,
            r#""55" extra 1 shadow"#,
            r#""55" main 2 off"#
        ]
    );
    let bindings = in_read!(fixture.store, |conn| {
        conn.policy_bindings(fixture.guild).await
    });
    assert_eq!(bindings.unwrap().len(), 3, "one of them was replaced");
    let other = fixture.add_guild("200").await.id;
    let bound = in_read!(fixture.store, |conn| {
        Ok::<_, StoreError>((
            conn.guilds_bound_to(main).await?,
            conn.policies_in_force(other).await?,
        ))
    });
    assert_eq!(bound.unwrap(), (vec![fixture.guild], vec![]));

    let nowhere = bind(binding(&Place::Guild, extra, Some(9), None, PolicyMode::Enforce)).await;
    assert!(matches!(nowhere, Err(StoreError::Refused(_))), "{nowhere:?}");
    let unbind = async || {
        in_tx!(fixture.store, |tx| {
            tx.unbind_policy(fixture.guild, &square, main).await
        })
        .unwrap()
    };
    assert_eq!((unbind().await, unbind().await), (true, false));
    let archive = async || {
        in_tx!(fixture.store, |tx| {
            tx.set_policy_state(main, PolicyState::Archived).await
        })
        .unwrap()
    };
    assert_eq!((archive().await, archive().await), (true, false));
    assert_eq!(in_force().await, [r#""55" extra 1 shadow"#]);
}
