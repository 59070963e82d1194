//! What moderators say to each other about a case.

use crate::fixture::Fixture;
use chrono::TimeDelta;
use lockdown_store::audit::ActorKind;
use lockdown_store::cases::Case;
use lockdown_store::threads::{CaseMessage, CaseMessageId};
use lockdown_store::{in_read, in_tx};

async fn add(fixture: &Fixture, case: &Case, body: &str) -> CaseMessage {
    let message = CaseMessage {
        id: CaseMessageId(fixture.ids.next()),
        case_id: case.id,
        actor_kind: ActorKind::Person,
        actor: fixture.alice.to_string(),
        body: body.into(),
        created_at: fixture.now(),
        edited_at: None,
        deleted_at: None,
    };
    in_tx!(fixture.store, |tx| { tx.insert_case_message(&message).await }).unwrap();
    message
}

async fn thread(
    fixture: &Fixture,
    case: &Case,
    after: Option<CaseMessageId>,
    limit: u64,
) -> Vec<CaseMessage> {
    in_read!(fixture.store, |conn| { conn.thread(case.id, after, limit).await }).unwrap()
}

pub(crate) async fn a_thread_is_read_in_pages(fixture: Fixture) {
    let (case, other) = (
        fixture.record(fixture.case(0)).await,
        fixture.record(fixture.case(0)).await,
    );
    let mut said = Vec::new();
    for number in 0..5 {
        said.push(add(&fixture, &case, &format!("{number}\0 is said")).await);
    }
    add(&fixture, &other, "elsewhere").await;
    let first = thread(&fixture, &case, None, 3).await;
    assert_eq!(first[0].body, "0 is said", "what no engine keeps is left out");
    let rest = thread(&fixture, &case, Some(first[2].id), 3).await;
    let found: Vec<_> = first.iter().chain(&rest).map(|message| message.id).collect();
    assert_eq!(found, said.iter().map(|message| message.id).collect::<Vec<_>>());
    let find = async |case: &Case| {
        let (case, id) = (case.id, said[0].id);
        in_read!(fixture.store, |conn| { conn.case_message(case, id).await }).unwrap()
    };
    assert!(find(&case).await.is_some() && find(&other).await.is_none());
}

pub(crate) async fn what_a_message_said_before_is_kept(fixture: Fixture) {
    let case = fixture.record(fixture.case(0)).await;
    let message = add(&fixture, &case, "first").await;
    let edit = async |body: &str| {
        fixture.time.advance(TimeDelta::seconds(1));
        let now = fixture.now();
        in_tx!(fixture.store, |tx| {
            tx.edit_case_message(message.id, body, now).await
        })
        .unwrap()
    };
    let delete = async || {
        fixture.time.advance(TimeDelta::seconds(1));
        let now = fixture.now();
        in_tx!(fixture.store, |tx| {
            tx.delete_case_message(message.id, now).await
        })
        .unwrap()
    };
    assert!(edit("second").await && edit("third").await);
    let edited = fixture.now();
    let now = thread(&fixture, &case, None, 9).await;
    assert_eq!((now[0].body.as_str(), now[0].edited_at), ("third", Some(edited)));
    assert!(delete().await);
    assert!(!delete().await && !edit("fourth").await, "it stays as it is");
    let gone = thread(&fixture, &case, None, 9).await;
    assert!(gone[0].body.is_empty() && gone[0].deleted_at.is_some());
    let kept = in_read!(fixture.store, |conn| {
        conn.case_message_edits(message.id, 9).await
    });
    let kept: Vec<_> = kept.unwrap().into_iter().map(|edit| edit.body).collect();
    assert_eq!(kept, ["first", "second", "third"]);
}
