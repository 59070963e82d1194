//! What communities taught the classifier.

use crate::fixture::Fixture;
use lockdown_store::lessons::{Lesson, LessonId};
use lockdown_store::{in_read, in_tx};

pub(crate) async fn a_text_is_taught_once_and_forgotten(fixture: Fixture) {
    let lesson = |fingerprint: u8, is_spam: bool| Lesson {
        id: LessonId(fixture.ids.next()),
        guild_id: fixture.guild,
        fingerprint: vec![fingerprint; 8],
        is_spam,
        features: vec![0, 1, fingerprint],
        taught_by: "token:desk".into(),
        taught_at: fixture.now(),
        case_number: None,
    };
    let kept = async || in_read!(fixture.store, |conn| { conn.lessons(fixture.guild).await }).unwrap();
    let save = async |lesson: &Lesson| {
        let saved = in_tx!(fixture.store, |tx| { tx.save_lesson(lesson).await });
        saved.unwrap();
    };
    let (spam, other) = (lesson(1, true), lesson(2, true));
    save(&spam).await;
    save(&other).await;
    assert_eq!(kept().await, [spam.clone(), other.clone()]);
    // Taught otherwise, it is what was said last.
    let ham = Lesson {
        case_number: Some(7),
        ..lesson(1, false)
    };
    save(&ham).await;
    let found = in_read!(fixture.store, |conn| {
        conn.lesson_of(fixture.guild, &ham.fingerprint).await
    });
    assert_eq!(found.unwrap(), Some(ham.clone()));
    let remove = async |id| {
        let removed = in_tx!(fixture.store, |tx| { tx.remove_lesson(fixture.guild, id).await });
        removed.unwrap()
    };
    assert!(!remove(spam.id).await, "another one stands there");
    assert!(remove(ham.id).await);
    assert_eq!(kept().await, [other]);
    let forgotten = in_tx!(fixture.store, |tx| { tx.remove_lessons(fixture.guild).await });
    assert_eq!((forgotten.unwrap(), kept().await), (1, Vec::new()));
}

pub(crate) async fn weights_are_known_by_their_version(fixture: Fixture) {
    let version = async || {
        let found = in_read!(fixture.store, |conn| {
            conn.spam_model_version(fixture.guild).await
        });
        found.unwrap()
    };
    let of = async |version| {
        let found = in_read!(fixture.store, |conn| {
            conn.spam_model(fixture.guild, version).await
        });
        found.unwrap()
    };
    assert_eq!(version().await, None);
    for (number, weights) in [(1, [1, 2].as_slice()), (2, &[3])] {
        in_tx!(fixture.store, |tx| {
            tx.save_spam_model(fixture.guild, weights).await
        })
        .unwrap();
        assert_eq!(version().await, Some(number));
        assert_eq!(of(number).await.as_deref(), Some(weights));
    }
    assert_eq!(of(1).await, None);
}
