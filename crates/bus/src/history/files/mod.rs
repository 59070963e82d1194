//! An archive in plain files: a directory for each stream, in it a file for each day, in it a line of JSON for each entry.
//!
//! ```text
//! mod.2/2026-11-20.jsonl
//! {"id":"1763629560123-0","at":"2026-11-20T09:06:00.123Z","channel":"ban:created","envelope":{…}}
//! ```
//!
//! An envelope that is no JSON, or has line breaks, stands as a text in `text` instead of `envelope`. Many
//! processes may write, each in its turn (`lock`): what one put, the next finds there already. A last line that a crash cut off was never promised to anybody: it is passed over, and cut away by the next writer.

mod day;
mod line;
mod turn;

use super::archive::{Archive, ArchiveError};
use crate::engine::Stored;
use crate::place::{EntryId, Stream};
use async_trait::async_trait;
use day::{away, mend, read_day};
use line::write_line;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use turn::Turn;

/// An archive in files, as the head of this module describes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FileArchive {
    files: Arc<Files>,
}

#[derive(Debug)]
struct Files {
    root: PathBuf,
    /// Who we are among those who write.
    name: String,
    /// What is known of the streams; held while a file is written.
    known: Mutex<HashMap<Stream, Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// The last entry, once the file was looked at by us. Unknown after a failure, or when others wrote.
    last: Option<EntryId>,
    /// Where the last page ended, for whoever reads on.
    mark: Option<Mark>,
}

/// The byte after an entry.
#[derive(Debug, Clone)]
struct Mark {
    after: EntryId,
    file: PathBuf,
    offset: u64,
}

// === impl FileArchive ===

impl FileArchive {
    /// An archive in this directory, which is made when there is something to keep.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let files = Files {
            root: root.into(),
            name: turn::name(),
            known: Mutex::default(),
        };
        Self {
            files: Arc::new(files),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> Result<T, ArchiveError> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        let files = Arc::clone(&self.files);
        tokio::task::spawn_blocking(move || work(&files))
            .await
            .map_err(|panic| ArchiveError::Away(Box::new(panic)))?
    }
}

#[async_trait]
impl Archive for FileArchive {
    async fn put(&self, entries: &[Stored]) -> Result<(), ArchiveError> {
        let mut streams: Vec<(Stream, Vec<Stored>)> = Vec::new();
        for entry in entries {
            let stream = entry.position.stream;
            match streams.iter_mut().find(|(known, _)| *known == stream) {
                Some((_, entries)) => entries.push(entry.clone()),
                None => streams.push((stream, vec![entry.clone()])),
            }
        }
        self.run(move |files| {
            streams
                .iter()
                .try_for_each(|(stream, entries)| files.put(*stream, entries))
        })
        .await
    }

    async fn page(&self, stream: Stream, after: EntryId, max: usize) -> Result<Vec<Stored>, ArchiveError> {
        self.run(move |files| files.page(stream, after, max)).await
    }

    async fn last(&self, stream: Stream) -> Result<EntryId, ArchiveError> {
        self.run(move |files| {
            let mut streams = files.known();
            // Where nothing was ever kept, nothing is made.
            if !files.root.exists() {
                return Ok(EntryId::ZERO);
            }
            let _turn = files.turn(&mut streams)?;
            files.last(streams.entry(stream).or_default(), stream)
        })
        .await
    }
}

// === impl Files ===

impl Files {
    fn known(&self) -> MutexGuard<'_, HashMap<Stream, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn directory(&self, stream: Stream) -> PathBuf {
        self.root.join(stream.to_string())
    }

    /// The files of a stream, oldest first.
    fn days(&self, stream: Stream) -> Result<Vec<PathBuf>, ArchiveError> {
        let directory = match fs::read_dir(self.directory(stream)) {
            Ok(directory) => directory,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(away(error)),
        };
        let mut days = Vec::new();
        for entry in directory {
            let path = entry.map_err(away)?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                days.push(path);
            }
        }
        days.sort();
        Ok(days)
    }

    /// Our turn to write. What was known before others wrote counts no more.
    fn turn(&self, streams: &mut HashMap<Stream, Known>) -> Result<Turn, ArchiveError> {
        let turn = Turn::take(&self.root, &self.name)?;
        if turn.others {
            streams.values_mut().for_each(|known| known.last = None);
        }
        Ok(turn)
    }

    /// The last entry. Before the first answer, what a crash left behind is put in order: a line that was cut off goes,
    /// and what is there is made to last.
    fn last(&self, known: &mut Known, stream: Stream) -> Result<EntryId, ArchiveError> {
        if let Some(last) = known.last {
            return Ok(last);
        }
        let mut last = EntryId::ZERO;
        for day in self.days(stream)?.iter().rev() {
            if let Some(entry) = mend(stream, day)? {
                last = entry.position.id;
                break;
            }
        }
        known.last = Some(last);
        Ok(last)
    }

    fn put(&self, stream: Stream, entries: &[Stored]) -> Result<(), ArchiveError> {
        let mut streams = self.known();
        fs::create_dir_all(&self.root).map_err(away)?;
        let _turn = self.turn(&mut streams)?;
        let known = streams.entry(stream).or_default();
        let mut last = self.last(known, stream)?;
        // Until all of it is safe, nobody knows what is there.
        known.last = None;
        let directory = self.directory(stream);
        let mut newest = self.days(stream)?.pop();
        let mut pages: Vec<(PathBuf, Vec<u8>)> = Vec::new();
        for entry in entries {
            if entry.position.id <= last {
                continue;
            }
            last = entry.position.id;
            let day = directory.join(format!("{}.jsonl", entry.at.format("%Y-%m-%d")));
            // Files are in the order of their entries, whatever the times say.
            let day = newest.take().map_or(day.clone(), |newest| newest.max(day));
            newest = Some(day.clone());
            if pages.last().is_none_or(|(path, _)| *path != day) {
                pages.push((day, Vec::new()));
            }
            let (_, page) = pages.last_mut().expect("pushed above");
            write_line(page, entry);
        }
        if !pages.is_empty() {
            fs::create_dir_all(&directory).map_err(away)?;
        }
        for (day, page) in pages {
            let new = !day.exists();
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(&day)
                .map_err(away)?;
            file.write_all(&page).map_err(away)?;
            file.sync_data().map_err(away)?;
            if new {
                // The file's name has to last as well, and that of its directory.
                for directory in [&directory, &self.root] {
                    File::open(directory).and_then(|it| it.sync_all()).map_err(away)?;
                }
            }
        }
        known.last = Some(last);
        Ok(())
    }

    fn page(&self, stream: Stream, after: EntryId, max: usize) -> Result<Vec<Stored>, ArchiveError> {
        let mark = self.known().get(&stream).and_then(|known| known.mark.clone());
        let days = self.days(stream)?;
        let mark = mark.filter(|mark| mark.after == after && days.contains(&mark.file));
        let (from, mut offset) = match &mark {
            Some(mark) => (
                days.iter().position(|day| *day == mark.file).unwrap_or(0),
                mark.offset,
            ),
            None => (first_file(stream, &days, after)?, 0),
        };
        let mut found = Vec::new();
        for day in &days[from..] {
            if found.len() >= max {
                break;
            }
            let newest = days.last() == Some(day);
            let end = read_day(stream, day, newest, offset, after, max, &mut found)?;
            offset = 0;
            if let Some(last) = found.last() {
                self.known().entry(stream).or_default().mark = Some(Mark {
                    after: last.position.id,
                    file: day.clone(),
                    offset: end,
                });
            }
        }
        Ok(found)
    }
}

/// The file in which the entries after this one begin: the last one that begins before.
fn first_file(stream: Stream, days: &[PathBuf], after: EntryId) -> Result<usize, ArchiveError> {
    let (mut from, mut to) = (0, days.len());
    while from < to {
        let middle = from.midpoint(to);
        let mut first = Vec::new();
        let newest = middle + 1 == days.len();
        read_day(stream, &days[middle], newest, 0, EntryId::ZERO, 1, &mut first)?;
        // One with nothing in it is the last one, made a moment ago.
        if first.first().is_some_and(|entry| entry.position.id <= after) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    Ok(from.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::{Class, Position};
    use chrono::DateTime;
    use std::path::Path;

    fn stream() -> Stream {
        Stream {
            class: Class::Moderation,
            partition: 2,
        }
    }

    /// The `number`th entry, one every six hours.
    fn entry(number: u64, envelope: &str) -> Stored {
        let seconds = i64::try_from(number).unwrap() * 6 * 3600;
        Stored {
            position: Position {
                stream: stream(),
                id: EntryId {
                    major: number,
                    minor: 0,
                },
            },
            at: DateTime::from_timestamp(1_790_000_000 + seconds, 123_456_000).unwrap(),
            channel: "ban:created".into(),
            envelope: envelope.into(),
        }
    }

    fn entries(numbers: std::ops::RangeInclusive<u64>) -> Vec<Stored> {
        numbers
            .map(|number| entry(number, &format!("{{\"n\":{number}}}")))
            .collect()
    }

    async fn all(archive: &FileArchive, page: usize) -> Vec<Stored> {
        let mut found: Vec<Stored> = Vec::new();
        loop {
            let after = found.last().map_or(EntryId::ZERO, |entry| entry.position.id);
            let more = archive.page(stream(), after, page).await.unwrap();
            assert!(more.len() <= page);
            if more.is_empty() {
                return found;
            }
            found.extend(more);
        }
    }

    fn same(found: &[Stored], put: &[Stored]) {
        let content = |entries: &[Stored]| -> Vec<_> {
            entries
                .iter()
                .map(|entry| {
                    (
                        entry.position,
                        entry.at,
                        entry.channel.clone(),
                        entry.envelope.clone(),
                    )
                })
                .collect()
        };
        assert_eq!(content(found), content(put));
    }

    /// The newest file, and what is in it.
    fn newest(directory: &Path) -> (PathBuf, Vec<u8>) {
        let mut days: Vec<_> = fs::read_dir(directory.join("mod.2"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        days.sort();
        let day = days.pop().unwrap();
        let bytes = fs::read(&day).unwrap();
        (day, bytes)
    }

    #[tokio::test]
    async fn what_is_put_comes_back_byte_for_byte() {
        let directory = tempfile::tempdir().unwrap();
        let archive = FileArchive::new(directory.path());
        let odd = [
            "{\"a\" : [1, 2.50 ],\"a\":\"\u{1f980}\"}",
            "",
            " {}",
            "{}\n",
            "{\n}",
            "null",
            "not JSON \"at\" all\r\n",
            "\0\u{2028}",
            "12345678901234567890.10",
        ];
        let put: Vec<_> = odd
            .iter()
            .enumerate()
            .map(|(number, text)| entry(number as u64 + 1, text))
            .collect();
        archive.put(&put).await.unwrap();
        for page in [1, 2, 100] {
            same(&all(&archive, page).await, &put);
            same(&all(&FileArchive::new(directory.path()), page).await, &put);
        }
        let (_, bytes) = newest(directory.path());
        for line in String::from_utf8(bytes).unwrap().lines() {
            serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON");
        }
    }

    #[tokio::test]
    async fn what_is_there_already_is_not_put_again() {
        let directory = tempfile::tempdir().unwrap();
        let archive = FileArchive::new(directory.path());
        archive.put(&entries(1..=10)).await.unwrap();
        archive.put(&entries(1..=10)).await.unwrap();
        archive.put(&entries(7..=15)).await.unwrap();
        // Nor by another process, later.
        let archive = FileArchive::new(directory.path());
        archive.put(&entries(12..=20)).await.unwrap();
        same(&all(&archive, 3).await, &entries(1..=20));
        assert_eq!(archive.last(stream()).await.unwrap().major, 20);
        let other = Stream {
            partition: 1,
            ..stream()
        };
        assert_eq!(archive.last(other).await.unwrap(), EntryId::ZERO);
        assert!(archive.page(other, EntryId::ZERO, 9).await.unwrap().is_empty());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_writers_keep_one_order() {
        let directory = tempfile::tempdir().unwrap();
        let mut writing = tokio::task::JoinSet::new();
        for writer in 1..=4 {
            // As another process would have it.
            let archive = FileArchive::new(directory.path());
            writing.spawn(async move {
                for end in 1..=30 {
                    // What is there, and a little more.
                    archive.put(&entries(1..=end * writer)).await.unwrap();
                    let last = archive.last(stream()).await.unwrap().major;
                    assert!(last >= end * writer);
                }
            });
        }
        writing.join_all().await;
        same(
            &all(&FileArchive::new(directory.path()), 50).await,
            &entries(1..=120),
        );
    }

    #[tokio::test]
    async fn who_does_not_end_its_turn_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let turn = Turn::take(directory.path(), "4711 x").unwrap();
        let refused = FileArchive::new(directory.path()).put(&entries(1..=1)).await;
        let Err(ArchiveError::Busy { holder, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(holder, "4711");
        drop(turn);
        let archive = FileArchive::new(directory.path());
        archive.put(&entries(1..=1)).await.unwrap();
        same(&all(&archive, 9).await, &entries(1..=1));
    }

    #[tokio::test]
    async fn a_page_begins_anywhere() {
        let directory = tempfile::tempdir().unwrap();
        let archive = FileArchive::new(directory.path());
        archive.put(&entries(1..=40)).await.unwrap();
        for after in (0..=40).rev() {
            let after = EntryId {
                major: after,
                minor: 5,
            };
            let found = archive.page(stream(), after, 100).await.unwrap();
            same(&found, &entries(after.major + 1..=40));
        }
    }

    #[tokio::test]
    async fn a_line_that_was_cut_off_never_was() {
        let directory = tempfile::tempdir().unwrap();
        let put = entries(1..=7);
        FileArchive::new(directory.path()).put(&put).await.unwrap();
        let (day, bytes) = newest(directory.path());
        let line = bytes[..bytes.len() - 1]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        // Cut at every byte of the last line, once with a break after it.
        for cut in line..bytes.len() {
            for tail in ["", "\n"] {
                if cut + tail.len() == bytes.len() {
                    continue;
                }
                let mut torn = bytes[..cut].to_vec();
                torn.extend(tail.as_bytes());
                fs::write(&day, &torn).unwrap();
                let archive = FileArchive::new(directory.path());
                same(&all(&archive, 2).await, &put[..6]);
                assert_eq!(archive.last(stream()).await.unwrap().major, 6);
                archive.put(&put).await.unwrap();
                same(&all(&archive, 2).await, &put);
                assert_eq!(fs::read(&day).unwrap(), bytes);
            }
        }
    }

    #[tokio::test]
    async fn damage_in_the_middle_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let archive = FileArchive::new(directory.path());
        archive.put(&entries(1..=3)).await.unwrap();
        let (day, bytes) = newest(directory.path());
        let damaged = String::from_utf8(bytes).unwrap().replacen("\"id\"", "\"di\"", 1);
        fs::write(&day, damaged).unwrap();
        let found = archive.page(stream(), EntryId::ZERO, 10).await;
        assert!(matches!(found, Err(ArchiveError::Unreadable { .. })), "{found:?}");
    }
}
