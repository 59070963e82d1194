//! Messages, and what is kept of them as evidence.

use crate::fixture::Fixture;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use lockdown_events::{Attachment, ChannelId, MessageId};
use lockdown_store::evidence::EarlierText;
use lockdown_store::messages::{Edited, Message, MessageKey, MessageQuery, MessagesOf, NewMessage, Saying};
use lockdown_store::{StoreError, in_read, in_tx};
use serde_json::json;

fn key(fixture: &Fixture, channel: &str, message: &str) -> MessageKey {
    MessageKey {
        guild: fixture.guild,
        channel: ChannelId::new(channel).unwrap(),
        message: MessageId::new(message).unwrap(),
    }
}

fn saying(content: &str, keep_text: bool) -> Saying {
    Saying {
        content: content.into(),
        attachments: vec![Attachment {
            id: "a1".into(),
            name: Some("se\0cret \\u0000.png".into()),
            url: Some("https://files.example/secret.png".into()),
            size: Some(17),
            sha256: Some("ab".into()),
            ..Attachment::default()
        }],
        fingerprint: Some(vec![0, 255, 7]),
        features: Some(json!({ "links": 2 })),
        keep_text,
    }
}

fn message(fixture: &Fixture, channel: &str, id: &str, content: &str) -> NewMessage {
    NewMessage {
        key: key(fixture, channel, id),
        author: fixture.mallory,
        at: fixture.now(),
        said: saying(content, true),
        purge_after: fixture.now() + TimeDelta::days(7),
    }
}

async fn keep(fixture: &Fixture, batch: &[NewMessage]) -> u64 {
    in_tx!(fixture.store, |tx| { tx.keep_messages(batch).await }).unwrap()
}

async fn read(fixture: &Fixture, key: &MessageKey) -> Message {
    in_read!(fixture.store, |conn| { conn.message(key).await })
        .unwrap()
        .unwrap()
}

async fn edit(fixture: &Fixture, key: &MessageKey, at: DateTime<Utc>, said: &Saying) -> Edited {
    in_tx!(fixture.store, |tx| { tx.edit_message(key, at, said).await }).unwrap()
}

pub(crate) async fn messages_come_back_as_they_were(fixture: Fixture) {
    let one = message(&fixture, "5", "100", "naïve 'q' \\u0000 \u{1F600}\0");
    let other = NewMessage {
        said: Saying {
            fingerprint: None,
            features: None,
            attachments: vec![],
            ..saying("", true)
        },
        ..message(&fixture, "5", "101", "")
    };
    assert_eq!(
        keep(&fixture, &[one.clone(), other.clone(), one.clone()]).await,
        2
    );
    let kept = read(&fixture, &one.key).await;
    assert_eq!(kept.content.as_deref(), Some("naïve 'q' \\u0000 \u{1F600}"));
    assert_eq!((kept.at, kept.purge_after), (one.at, one.purge_after));
    assert_eq!(
        (kept.identity_id, kept.fingerprint),
        (fixture.mallory, one.said.fingerprint)
    );
    assert_eq!(kept.features.unwrap().0, json!({ "links": 2 }));
    assert_eq!(kept.attachments.0[0].name.as_deref(), Some("secret \\u0000.png"));
    assert_eq!(
        (kept.edited_at, kept.deleted_at, kept.verdict),
        (None, None, None)
    );
    let bare = read(&fixture, &other.key).await;
    assert_eq!(
        (bare.content.as_deref(), bare.fingerprint, bare.features),
        (Some(""), None, None)
    );

    // Told again with other words: what is there stays.
    let again = message(&fixture, "5", "100", "changed");
    assert_eq!(keep(&fixture, &[again]).await, 0);
    assert_eq!(keep(&fixture, &[]).await, 0);
    assert_eq!(read(&fixture, &one.key).await.content, kept.content);
    let none = in_read!(fixture.store, |conn| {
        conn.message(&key(&fixture, "6", "100")).await
    });
    assert_eq!(none.unwrap(), None, "an id counts within its channel");
}

pub(crate) async fn where_no_texts_are_kept_only_hashes_are(fixture: Fixture) {
    let secret = |channel: &str, id: &str, content: &str| NewMessage {
        said: saying(content, false),
        ..message(&fixture, channel, id, "")
    };
    let (one, same, other) = (
        secret("5", "1", "secret"),
        secret("6", "2", "secret"),
        secret("5", "3", "Secret"),
    );
    let mut elsewhere = secret("7", "4", "secret");
    elsewhere.key.guild = fixture.add_guild("200").await.id;
    keep(
        &fixture,
        &[one.clone(), same.clone(), other.clone(), elsewhere.clone()],
    )
    .await;
    let kept = read(&fixture, &one.key).await;
    assert_eq!(kept.content, None);
    let attachment = &kept.attachments.0[0];
    assert_eq!((&attachment.name, &attachment.url), (&None, &None));
    assert_eq!(
        (attachment.size, attachment.sha256.as_deref()),
        (Some(17), Some("ab"))
    );
    assert_eq!(read(&fixture, &same.key).await.content_hash, kept.content_hash);
    assert_ne!(read(&fixture, &other.key).await.content_hash, kept.content_hash);
    assert_ne!(
        read(&fixture, &elsewhere.key).await.content_hash,
        kept.content_hash,
        "guilds are apart"
    );
    let later = fixture.now() + TimeDelta::seconds(1);
    assert_eq!(
        edit(&fixture, &one.key, later, &saying("secret 2", false)).await,
        Edited::Recorded
    );
    let edits = in_read!(fixture.store, |conn| { conn.message_edits(&one.key).await }).unwrap();
    assert_eq!((edits.len(), &edits[0].content), (1, &None));
    assert_eq!(read(&fixture, &one.key).await.content, None);
}

pub(crate) async fn edits_and_deletions_are_recorded(fixture: Fixture) {
    let one = message(&fixture, "5", "1", "first");
    let at = |seconds| one.at + TimeDelta::seconds(seconds);
    keep(
        &fixture,
        &[
            one.clone(),
            message(&fixture, "5", "2", "x"),
            message(&fixture, "5", "3", "y"),
        ],
    )
    .await;
    assert_eq!(
        edit(&fixture, &one.key, at(1), &saying("second", true)).await,
        Edited::Recorded
    );
    assert_eq!(
        edit(&fixture, &one.key, at(1), &saying("second", true)).await,
        Edited::Known
    );
    assert_eq!(
        edit(&fixture, &one.key, at(0), &saying("late", true)).await,
        Edited::Known
    );
    assert_eq!(
        edit(&fixture, &one.key, at(2), &saying("second", true)).await,
        Edited::SameText
    );
    // Many at once: each that is recorded replaces the one before.
    let contents: Vec<String> = (3..9).map(|second| format!("at {second}")).collect();
    let outcomes =
        join_all((3..9).zip(&contents).map(async |(second, content)| {
            edit(&fixture, &one.key, at(second), &saying(content, true)).await
        }));
    let recorded = outcomes
        .await
        .into_iter()
        .filter(|outcome| *outcome == Edited::Recorded)
        .count();
    let kept = read(&fixture, &one.key).await;
    assert_eq!(
        (kept.content.as_deref(), kept.edited_at),
        (Some("at 8"), Some(at(8)))
    );
    let edits = in_read!(fixture.store, |conn| { conn.message_edits(&one.key).await }).unwrap();
    let texts: Vec<&str> = edits
        .iter()
        .map(|edit| edit.content.as_deref().unwrap())
        .collect();
    assert_eq!(
        (texts.len(), &texts[..2]),
        (1 + recorded, &["first", "second"][..])
    );
    assert_eq!(edits[0].at, at(1));
    let missing = key(&fixture, "5", "9");
    assert_eq!(
        edit(&fixture, &missing, at(9), &saying("", true)).await,
        Edited::Unknown
    );

    let delete = async |ids: &[&str], seconds| {
        let ids: Vec<MessageId> = ids.iter().map(|id| MessageId::new(id).unwrap()).collect();
        in_tx!(fixture.store, |tx| {
            tx.delete_messages(
                fixture.guild,
                &one.key.channel,
                &ids,
                at(seconds),
                Some(fixture.alice),
            )
            .await
        })
        .unwrap()
    };
    assert_eq!(
        (delete(&["1", "2", "77"], 10).await, delete(&["2", "3"], 11).await),
        (2, 1)
    );
    assert_eq!(delete(&[], 12).await, 0);
    let gone = read(&fixture, &key(&fixture, "5", "2")).await;
    assert_eq!(
        (gone.deleted_at, gone.deleted_by),
        (Some(at(10)), Some(fixture.alice))
    );
    assert_eq!(
        gone.content.as_deref(),
        Some("x"),
        "moderators still see what was removed"
    );
    let judge = async |key: &MessageKey| {
        in_tx!(fixture.store, |tx| {
            tx.judge_message(key, json!({ "rule": "spam" })).await
        })
        .unwrap()
    };
    assert_eq!((judge(&one.key).await, judge(&missing).await), (true, false));
    assert_eq!(
        read(&fixture, &one.key).await.verdict.unwrap().0,
        json!({ "rule": "spam" })
    );
}

pub(crate) async fn recent_messages_come_in_pages(fixture: Fixture) {
    let mut batch = Vec::new();
    for number in 0..12 {
        let channel = if number % 3 == 0 { "6" } else { "5" };
        let mut one = message(
            &fixture,
            channel,
            &format!("{}", 100 + number),
            &format!("{number}"),
        );
        // Three to a second, as on Telegram.
        one.at += TimeDelta::seconds(number / 3);
        if number % 4 == 0 {
            one.author = fixture.alice;
        }
        batch.push(one);
    }
    batch.reverse();
    keep(&fixture, &batch).await;
    let read = async |query: MessageQuery| {
        let (mut query, mut read) = (query, Vec::new());
        loop {
            let page = in_read!(fixture.store, |conn| {
                conn.messages(fixture.guild, &query, 2).await
            });
            let page = page.unwrap();
            assert!(page.len() <= 2);
            let Some(last) = page.last() else { break read };
            query.before = Some((last.at, last.native_id.clone()));
            read.extend(
                page.into_iter()
                    .map(|message| message.content.unwrap().parse::<i64>().unwrap()),
            );
        }
    };
    let expected =
        |wanted: fn(i64) -> bool| (0..12).rev().filter(|number| wanted(*number)).collect::<Vec<_>>();
    let of = |of| MessageQuery {
        of,
        from: None,
        before: None,
    };
    let channel = ChannelId::new("5").unwrap();
    assert_eq!(
        read(of(MessagesOf::Channel(channel.clone()))).await,
        expected(|number| number % 3 != 0)
    );
    assert_eq!(
        read(of(MessagesOf::Person(fixture.mallory))).await,
        expected(|number| number % 4 != 0)
    );
    let both = MessageQuery {
        from: Some(fixture.now() + TimeDelta::seconds(2)),
        ..of(MessagesOf::PersonIn(fixture.mallory, channel))
    };
    assert_eq!(read(both).await, [11, 10, 7]);
}

pub(crate) async fn messages_go_when_their_time_has_come(fixture: Fixture) {
    let mut batch: Vec<NewMessage> = (1..6)
        .map(|number| message(&fixture, "5", &number.to_string(), "text"))
        .collect();
    batch[4].purge_after += TimeDelta::microseconds(1);
    keep(&fixture, &batch).await;
    let later = fixture.now() + TimeDelta::seconds(1);
    edit(&fixture, &batch[0].key, later, &saying("other", true)).await;
    edit(&fixture, &batch[4].key, later, &saying("other", true)).await;
    let purge = async |days, micros| {
        let now = later + TimeDelta::days(days) - TimeDelta::seconds(1) + TimeDelta::microseconds(micros);
        in_tx!(fixture.store, |tx| { tx.purge_messages(now, 3).await }).unwrap()
    };
    assert_eq!(purge(7, -1).await, 0);
    assert_eq!(
        (purge(7, 0).await, purge(7, 0).await, purge(7, 0).await),
        (3, 1, 0)
    );
    assert_eq!(
        fixture.count("message_edits").await,
        1,
        "what was said before goes too"
    );

    // A guild that keeps texts for less long from now on.
    let forget = async |before| {
        in_tx!(fixture.store, |tx| {
            tx.forget_message_texts(fixture.guild, before, 9).await
        })
        .unwrap()
    };
    assert_eq!(forget(fixture.now()).await, 0);
    let before = later + TimeDelta::seconds(1);
    assert_eq!((forget(before).await, forget(before).await), (2, 0));
    let bare = read(&fixture, &batch[4].key).await;
    assert_eq!((bare.content, bare.attachments.0), (None, vec![]));
    assert!(bare.fingerprint.is_some());
}

pub(crate) async fn evidence_stays_when_messages_go(fixture: Fixture) {
    let case = fixture.record(fixture.case(0)).await.id;
    let (one, two) = (
        message(&fixture, "5", "1", "first"),
        message(&fixture, "6", "1", "two"),
    );
    keep(&fixture, &[one.clone(), two.clone()]).await;
    let later = fixture.now() + TimeDelta::seconds(1);
    edit(&fixture, &one.key, later, &saying("edited", true)).await;
    let expires = fixture.now() + TimeDelta::days(90);
    let capture = async |keys: &[MessageKey], expires| {
        in_tx!(fixture.store, |tx| {
            tx.lock_case(case).await?;
            tx.capture_evidence(case, keys, later, expires).await
        })
        .unwrap()
    };
    let keys = [one.key.clone(), key(&fixture, "5", "99"), two.key.clone()];
    // The same message by many moderators at once is there once.
    let found = join_all((0..4).map(|_| capture(&keys, Some(expires)))).await;
    assert_eq!(found, [2, 2, 2, 2]);
    let at_hand = NewMessage {
        said: saying("never kept", true),
        ..message(&fixture, "5", "50", "")
    };
    let capture_message = async || {
        in_tx!(fixture.store, |tx| {
            tx.lock_case(case).await?;
            tx.capture_message(case, &at_hand, later, None).await
        })
        .unwrap()
    };
    assert_eq!((capture_message().await, capture_message().await), (true, false));

    in_tx!(fixture.store, |tx| { tx.purge_messages(expires, 9).await }).unwrap();
    assert_eq!(fixture.count("messages").await, 0);
    let evidence = async || in_read!(fixture.store, |conn| { conn.evidence(case).await }).unwrap();
    let kept = evidence().await;
    let contents: Vec<(u64, &str)> = kept
        .iter()
        .map(|one| (one.seq, one.content.as_deref().unwrap()))
        .collect();
    assert_eq!(contents, [(1, "edited"), (2, "two"), (3, "never kept")]);
    let first = EarlierText {
        until: later,
        content: Some("first".into()),
    };
    assert_eq!(kept[0].earlier.0, [first]);
    assert_eq!((kept[0].identity_id, kept[0].said_at), (fixture.mallory, one.at));
    assert_eq!(kept[0].attachments.0[0].size, Some(17));
    let forget =
        async |now, limit| in_tx!(fixture.store, |tx| { tx.forget_evidence(now, limit).await }).unwrap();
    assert_eq!(forget(expires - TimeDelta::microseconds(1), 9).await, 0);
    assert_eq!((forget(expires, 1).await, forget(expires, 9).await), (1, 1));
    assert_eq!(evidence().await.len(), 1, "what has no end stays");
    let unknown: Result<bool, StoreError> = in_tx!(fixture.store, |tx| {
        let nowhere = lockdown_events::CaseId(fixture.ids.next());
        tx.capture_message(nowhere, &at_hand, later, None).await
    });
    assert!(matches!(unknown, Err(StoreError::Refused(_))), "{unknown:?}");
}
