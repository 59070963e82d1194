//! What programs sign in with.

use crate::access::{add_role, give, permissions};
use crate::fixture::Fixture;
use chrono::{DateTime, TimeDelta, Utc};
use lockdown_store::dbx::Json;
use lockdown_store::guilds::{CommunityId, GuildKey};
use lockdown_store::roles::{Permissions, Subject};
use lockdown_store::tokens::{ApiToken, TokenId, TokenState};
use lockdown_store::{Bearer, in_read, in_tx};
use std::collections::BTreeSet;

const HOUR: TimeDelta = TimeDelta::hours(1);

fn token(
    fixture: &Fixture,
    name: &str,
    community: Option<CommunityId>,
    expires_at: Option<DateTime<Utc>>,
) -> (ApiToken, Bearer) {
    let secret = Bearer::for_token();
    let token = ApiToken {
        id: TokenId(fixture.ids.next()),
        community_id: community,
        name: name.into(),
        prefix: secret.prefix(),
        scopes: Json(BTreeSet::from(["warn".to_owned()])),
        created_by: None,
        created_at: fixture.now(),
        expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    (token, secret)
}

async fn add(fixture: &Fixture, name: &str, community: Option<CommunityId>) -> (ApiToken, Bearer) {
    let (token, secret) = token(fixture, name, community, Some(fixture.now() + HOUR));
    assert!(in_tx!(fixture.store, |tx| { tx.insert_token(&token, &secret).await }).unwrap());
    (token, secret)
}

async fn token_may(fixture: &Fixture, guild: GuildKey, token: TokenId) -> Permissions {
    in_read!(fixture.store, |conn| {
        conn.token_permissions(guild, token, fixture.now()).await
    })
    .unwrap()
}

async fn opens(fixture: &Fixture, secret: &Bearer) -> Option<ApiToken> {
    in_read!(fixture.store, |conn| {
        conn.token_by_secret(secret, fixture.now()).await
    })
    .unwrap()
}

async fn revoke(fixture: &Fixture, id: TokenId) -> bool {
    in_tx!(fixture.store, |tx| { tx.revoke_token(id, fixture.now()).await }).unwrap()
}

pub(crate) async fn a_token_is_found_by_its_secret_alone(fixture: Fixture) {
    let (first, secret) = add(&fixture, "ci", None).await;
    let (second, other_secret) = add(&fixture, "desk", Some(fixture.community.id)).await;
    assert!(secret.expose().starts_with(&first.prefix) && first.prefix.len() == 12);
    assert_eq!(opens(&fixture, &secret).await, Some(first.clone()));
    assert_eq!(opens(&fixture, &other_secret).await, Some(second.clone()));
    for wrong in [
        "",
        &first.prefix,
        &secret.expose()[..60],
        &format!("{} ", secret.expose()),
        "' OR ''='",
    ] {
        assert_eq!(opens(&fixture, &Bearer::sent(wrong)).await, None, "{wrong:?}");
    }
    // What is kept opens nothing, and is not the secret.
    let column = if fixture.url().is_some() {
        "encode(secret_hash, 'hex')"
    } else {
        "lower(hex(secret_hash))"
    };
    let plain = format!(
        "DELETE FROM api_tokens WHERE {column} = '{}' OR prefix = '{}' OR name = '{}'",
        secret.expose(),
        secret.expose(),
        secret.expose()
    );
    assert_eq!(fixture.try_behind_its_back(&plain).await.unwrap(), 0);

    assert_eq!(first.state(fixture.now()), TokenState::Live);
    assert!(revoke(&fixture, first.id).await);
    assert!(!revoke(&fixture, first.id).await);
    assert!(!revoke(&fixture, TokenId(fixture.ids.next())).await);
    assert_eq!(opens(&fixture, &secret).await, None);
    fixture.time.advance(HOUR);
    assert_eq!(opens(&fixture, &other_secret).await, None);
    let kept = in_read!(fixture.store, |conn| { conn.token(first.id).await })
        .unwrap()
        .unwrap();
    assert_eq!(
        (kept.state(fixture.now()), second.state(fixture.now())),
        (TokenState::Revoked, TokenState::Expired)
    );
}

pub(crate) async fn a_use_is_noted_once_a_minute(fixture: Fixture) {
    let (made, secret) = add(&fixture, "ci", None).await;
    let fixture = &fixture;
    let note = async || {
        let found = opens(fixture, &secret).await.unwrap();
        let news = found.use_is_news(fixture.now());
        let noted = in_tx!(fixture.store, |tx| { tx.use_token(made.id, fixture.now()).await });
        assert_eq!(noted.unwrap(), news, "what the token says of it is so");
        news
    };
    assert!(note().await);
    assert!(!note().await);
    fixture.time.advance(TimeDelta::seconds(59));
    assert!(!note().await);
    fixture.time.advance(TimeDelta::seconds(1));
    let many = (0..8).map(|_| async {
        in_tx!(fixture.store, |tx| { tx.use_token(made.id, fixture.now()).await }).unwrap()
    });
    let noted = futures_util::future::join_all(many).await;
    assert_eq!(noted.into_iter().filter(|noted| *noted).count(), 1);
    assert_eq!(
        opens(fixture, &secret).await.unwrap().last_used_at,
        Some(fixture.now())
    );
}

pub(crate) async fn a_name_is_given_once(fixture: Fixture) {
    let (elsewhere, _) = fixture.add_community("elsewhere").await;
    let fixture = &fixture;
    for community in [None, Some(fixture.community.id), Some(elsewhere.id)] {
        let many = (0..6).map(|_| async move {
            let (token, secret) = token(fixture, "ci", community, None);
            let made = in_tx!(fixture.store, |tx| { tx.insert_token(&token, &secret).await });
            made.unwrap().then_some(token.id)
        });
        let made: Vec<_> = futures_util::future::join_all(many)
            .await
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(made.len(), 1, "{community:?}");
        assert!(revoke(fixture, made[0]).await);
        let (token, secret) = token(fixture, "ci", community, None);
        let again = in_tx!(fixture.store, |tx| { tx.insert_token(&token, &secret).await });
        assert!(!again.unwrap(), "records may mean the one that was revoked");
    }
    assert_eq!(fixture.count("api_tokens").await, 3);
}

pub(crate) async fn a_token_does_what_it_was_given_where_it_belongs(fixture: Fixture) {
    let there = fixture.add_guild("200").await.id;
    let (_, elsewhere) = fixture.add_community("elsewhere").await;
    let (local, _) = add(&fixture, "local", Some(fixture.community.id)).await;
    let (whole, _) = add(&fixture, "whole", None).await;
    let role = add_role(&fixture, "lead", &["ban"], 20).await;
    for token in [&local, &whole] {
        give(&fixture, &role, &Subject::Token(token.id), Some(there))
            .await
            .unwrap();
    }
    let (mine, scopes) = (permissions(&["ban", "warn"], 20), permissions(&["warn"], 0));
    let none = Permissions::default();
    for (token, guild, expected) in [
        (&local, fixture.guild, &scopes),
        (&local, there, &mine),
        (&local, elsewhere.id, &none),
        (&whole, fixture.guild, &scopes),
        (&whole, there, &mine),
        (&whole, elsewhere.id, &scopes),
    ] {
        let found = token_may(&fixture, guild, token.id).await;
        assert_eq!(&found, expected, "{} in {guild}", token.name);
    }
    revoke(&fixture, local.id).await;
    assert_eq!(token_may(&fixture, there, local.id).await, none);
    fixture.time.advance(HOUR);
    assert_eq!(token_may(&fixture, there, whole.id).await, none);
    let unknown = TokenId(fixture.ids.next());
    assert_eq!(token_may(&fixture, there, unknown).await, none);
}

pub(crate) async fn tokens_are_listed_page_by_page(fixture: Fixture) {
    let (elsewhere, _) = fixture.add_community("elsewhere").await;
    for number in 0..7 {
        let community = [None, Some(fixture.community.id), Some(elsewhere.id)][number % 3];
        add(&fixture, &format!("token {number}"), community).await;
        fixture.time.advance(TimeDelta::seconds(1));
    }
    let pages = async |community| {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let page = in_read!(fixture.store, |conn| { conn.tokens(community, after, 2).await }).unwrap();
            let Some(last) = page.last() else {
                return names;
            };
            after = Some(last.id);
            names.extend(page.into_iter().map(|token| token.name));
        }
    };
    let all: Vec<String> = (0..7).map(|number| format!("token {number}")).collect();
    assert_eq!(pages(None).await, all);
    assert_eq!(
        pages(Some(fixture.community.id)).await,
        [all[1].clone(), all[4].clone()]
    );
}
