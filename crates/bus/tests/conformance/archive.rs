//! What outlives the streams.

use super::history::{MOMENT, complete, contents_of, everything, types, writers};
use super::*;
use async_trait::async_trait;
use lockdown_bus::{
    Archive, ArchiveError, FileArchive, History, Projection, Query, archive_news, archive_then_trim,
};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

const FAR: u64 = 1_000_000;

/// Writes down what it is fed.
#[derive(Default)]
struct Diary(Vec<Stored>);

impl Projection for Diary {
    fn apply(&mut self, stored: &Stored) {
        self.0.push(stored.clone());
    }
}

async fn projected(history: &History, archive: &FileArchive, query: &Query) -> Vec<Stored> {
    let mut diary = Diary::default();
    history.project(archive, query, None, &mut diary).await.unwrap();
    diary.0
}

pub(crate) async fn a_projection_sees_all_that_ever_was(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let history = History::new(Arc::clone(&engine));
    let directory = tempfile::tempdir().unwrap();
    let archive = FileArchive::new(directory.path());
    writers(&engine, 300).join_all().await;
    fixture.advance(MOMENT).await;
    let middle = fixture.now();
    fixture.advance(MOMENT).await;
    writers(&engine, 100).join_all().await;
    let all = everything(&engine).await;
    let bans = Query {
        from: Some(middle),
        types: types(&["ban:*"]),
        key: Some(community(3)),
        ..Query::default()
    };
    let before = (
        projected(&history, &archive, &Query::default()).await,
        projected(&history, &archive, &bans).await,
    );
    complete(&before.0, &all);
    assert_eq!(before.1.len(), 50);

    // A crash between the two steps leaves them in both; it is the next try that trims.
    for stream in Stream::all() {
        let kept = super::history(&engine, stream, 1000).await;
        archive.put(&kept[..kept.len() / 4]).await.unwrap();
    }
    complete(&projected(&history, &archive, &Query::default()).await, &all);
    let mut gone = 0;
    for stream in Stream::all() {
        gone += archive_then_trim(&*engine, &archive, stream, middle, 40)
            .await
            .unwrap()
            .entries;
    }
    assert!(gone > 600, "{gone} were trimmed");
    assert_eq!(everything(&engine).await.len() as u64 + gone, all.len() as u64);
    let after = (
        projected(&history, &archive, &Query::default()).await,
        projected(&history, &archive, &bans).await,
    );
    complete(&after.0, &all);
    assert_eq!(contents_of(&after.1), contents_of(&before.1));

    // And while entries come and go.
    let trimmer = {
        let (engine, archive, now) = (Arc::clone(&engine), archive.clone(), fixture.now());
        tokio::spawn(async move {
            for most in [200, 60, 30, 10, 5, 2, 1] {
                for stream in Stream::all() {
                    archive_then_trim(&*engine, &archive, stream, now, most)
                        .await
                        .unwrap();
                }
            }
        })
    };
    let writers = writers(&engine, 100);
    while !trimmer.is_finished() {
        let seen = projected(&history, &archive, &Query::default()).await;
        let distinct: BTreeSet<_> = seen.iter().map(|stored| stored.position).collect();
        assert_eq!(distinct.len(), seen.len(), "something came twice");
        let old: Vec<_> = seen
            .into_iter()
            .filter(|stored| all.iter().any(|known| known.position == stored.position))
            .collect();
        complete(&old, &all);
    }
    trimmer.await.unwrap();
    writers.join_all().await;
    let seen = projected(&history, &archive, &Query::default()).await;
    let distinct: BTreeSet<_> = seen.iter().map(|stored| &stored.envelope).collect();
    assert_eq!((seen.len(), distinct.len()), (2000, 2000));
    // It goes on from where it was.
    let mut diary = Diary::default();
    let cursor = history.project(&archive, &bans, None, &mut diary).await.unwrap();
    append(&engine, &[event("ban:created", 3, "one more")]).await;
    for stream in Stream::all() {
        archive_then_trim(&*engine, &archive, stream, fixture.now(), 0)
            .await
            .unwrap();
    }
    let mut rest = Diary::default();
    history
        .project(&archive, &bans, Some(&cursor), &mut rest)
        .await
        .unwrap();
    assert_eq!(rest.0.len(), 1);
    assert!(rest.0[0].envelope.contains("one more"));
}

pub(crate) async fn history_goes_on_in_the_archive(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let history = History::new(Arc::clone(&engine));
    let directory = tempfile::tempdir().unwrap();
    let archive = FileArchive::new(directory.path());
    writers(&engine, 100).join_all().await;
    let question = Query {
        types: types(&["ban:*"]),
        key: Some(community(3)),
        ..Query::default()
    };
    let mut before = Vec::new();
    let mut cursor = None;
    loop {
        let page = history.page(&question, cursor.as_ref(), 7).await.unwrap();
        before.extend(page.entries.into_iter().map(|entry| entry.envelope));
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert!(before.len() >= 50, "{} were found", before.len());
    // Half is archived and trimmed while somebody pages; the pages go on as if nothing had happened.
    let (mut after, mut cursor, mut most) = (Vec::new(), None, 60);
    loop {
        let page = history
            .page_of_all(&archive, &question, cursor.as_ref(), 7)
            .await
            .unwrap();
        after.extend(page.entries.into_iter().map(|entry| entry.envelope));
        for stream in Stream::all() {
            archive_then_trim(&*engine, &archive, stream, DateTime::UNIX_EPOCH, most)
                .await
                .unwrap();
        }
        most = most.saturating_sub(20);
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(after, before);
    // All is in the archive and nothing in the streams; what comes from now on is in the streams alone.
    append(&engine, &[event("ban:created", 3, "one more")]).await;
    let page = history
        .page_of_all(&archive, &question, cursor.as_ref(), 7)
        .await
        .unwrap();
    assert!(page.entries.last().unwrap().envelope.contains("one more"));
    for stream in Stream::all() {
        archive_news(&*engine, &archive, stream).await.unwrap();
        assert_eq!(archive_news(&*engine, &archive, stream).await.unwrap(), 0);
        assert_eq!(
            archive.last(stream).await.unwrap(),
            engine.last(stream).await.unwrap()
        );
    }
    let page = history
        .page_of_all(&archive, &question, None, 1_000)
        .await
        .unwrap();
    assert_eq!(page.entries.len(), before.len() + 1);
}

/// An archive at whose side things happen in the worst moment.
struct Meddled {
    archive: FileArchive,
    engine: Arc<dyn Engine>,
    /// Once: the stream is trimmed right after it was found that the archive has nothing more of it.
    trims: AtomicBool,
}

#[async_trait]
impl Archive for Meddled {
    /// Events come right after others were archived.
    async fn put(&self, entries: &[Stored]) -> Result<(), ArchiveError> {
        self.archive.put(entries).await?;
        append(&self.engine, &events(10)).await;
        Ok(())
    }

    async fn page(&self, stream: Stream, after: EntryId, max: usize) -> Result<Vec<Stored>, ArchiveError> {
        let found = self.archive.page(stream, after, max).await?;
        if found.is_empty() && self.trims.swap(false, Ordering::SeqCst) {
            archive_then_trim(&*self.engine, &self.archive, stream, DateTime::UNIX_EPOCH, 3)
                .await
                .unwrap();
        }
        Ok(found)
    }

    async fn last(&self, stream: Stream) -> Result<EntryId, ArchiveError> {
        self.archive.last(stream).await
    }
}

pub(crate) async fn nothing_slips_between_archive_and_stream(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let history = History::new(Arc::clone(&engine));
    let directory = tempfile::tempdir().unwrap();
    let meddled = Meddled {
        archive: FileArchive::new(directory.path()),
        engine: Arc::clone(&engine),
        trims: AtomicBool::new(false),
    };
    append(&engine, &events(20)).await;
    let trim = || archive_then_trim(&*engine, &meddled, stream(), DateTime::UNIX_EPOCH, 5);
    // Of thirty at the end only those go that were archived, though fewer were to stay.
    assert_eq!(trim().await.unwrap().entries, 15);
    let all = everything(&engine).await;
    assert_eq!(all.len(), 15);
    let query = Query {
        classes: vec![Class::Message],
        key: Some(community(1)),
        ..Query::default()
    };
    for armed in [false, true] {
        meddled.trims.store(armed, Ordering::SeqCst);
        let mut diary = Diary::default();
        history.project(&meddled, &query, None, &mut diary).await.unwrap();
        assert_eq!(diary.0.len(), 30);
        assert_eq!(contents_of(&diary.0[15..]), contents_of(&all));
    }
    assert!(
        !meddled.trims.load(Ordering::SeqCst),
        "nothing happened meanwhile"
    );
    assert_eq!(engine.length(stream()).await.unwrap(), 3);
}

pub(crate) async fn an_archived_trim_keeps_what_is_not_settled(fixture: &impl Fixture) {
    let engine = fixture.engine().await;
    let directory = tempfile::tempdir().unwrap();
    let archive = FileArchive::new(directory.path());
    let group = open(&engine, "test.slow").await;
    let all = events(20);
    let places = append(&engine, &all).await;
    let me = consumer("me");
    let held = take(&engine, &group, &me, 8).await;
    settle(&engine, &group, &me, &held, &Settlement::Ack).await;
    fixture.advance(MOMENT).await;
    // Nothing goes beyond the end that is given.
    let fifth = places[4].position.id;
    for most in [FAR, 0] {
        let gone = engine
            .trim_until(stream(), fixture.now(), most, fifth)
            .await
            .unwrap();
        assert_eq!(gone.unsettled, 0);
    }
    assert_eq!(engine.length(stream()).await.unwrap(), 15);
    let trim = |most| archive_then_trim(&*engine, &archive, stream(), fixture.now(), most);
    assert_eq!(trim(FAR).await.unwrap().entries, 3);
    let gone = trim(5).await.unwrap();
    assert_eq!((gone.entries, gone.unsettled), (7, 7));
    assert_eq!(engine.length(stream()).await.unwrap(), 5);
    let archived = archive.page(stream(), EntryId::ZERO, 100).await.unwrap();
    assert_eq!(contents_of(&archived)[..10], envelopes(&all[5..15]));
    // An archive that is ahead of the log is not this log's: what it would not take must not go.
    let mut ahead = archived.last().unwrap().clone();
    ahead.position.id.major += 1_000_000_000;
    archive.put(&[ahead]).await.unwrap();
    assert!(trim(0).await.is_err());
    assert_eq!(engine.length(stream()).await.unwrap(), 5);
}
