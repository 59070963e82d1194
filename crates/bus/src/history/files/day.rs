//! A file: the lines of one day.

use super::super::archive::ArchiveError;
use super::line::{LineError, read_line};
use crate::engine::Stored;
use crate::place::{EntryId, Stream};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// How much of a file's end is read at once in search of its last line.
const TAIL: u64 = 64 * 1024;

/// Reads lines from an offset on; returns where it stopped.
pub(super) fn read_day(
    stream: Stream,
    day: &Path,
    newest: bool,
    mut offset: u64,
    after: EntryId,
    max: usize,
    found: &mut Vec<Stored>,
) -> Result<u64, ArchiveError> {
    let mut file = File::open(day).map_err(away)?;
    file.seek(SeekFrom::Start(offset)).map_err(away)?;
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    while found.len() < max {
        line.clear();
        let length = lines.read_until(b'\n', &mut line).map_err(away)?;
        let whole = line.pop_if(|byte| *byte == b'\n').is_some();
        if length == 0 || (newest && !whole) {
            // The end, or a line that is being written, or was cut off.
            break;
        }
        match read_line(stream, &line) {
            Ok(entry) if entry.position.id > after => found.push(entry),
            Ok(_) => {}
            Err(_) if newest && lines.fill_buf().map_err(away)?.is_empty() => break,
            Err(error) => return Err(unreadable(day, offset, error)),
        }
        offset += length as u64;
    }
    Ok(offset)
}

/// Cuts away what is no whole line at the end, makes the rest last, and returns the last entry.
pub(super) fn mend(stream: Stream, day: &Path) -> Result<Option<Stored>, ArchiveError> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(day)
        .map_err(away)?;
    let mut end = file.metadata().map_err(away)?.len();
    let whole = end;
    // Only the very last line can be one that was cut off.
    let mut may_be_torn = true;
    let last = loop {
        let (begin, line) = last_line(&mut file, end).map_err(away)?;
        let Some(line) = line else {
            end = 0;
            break None;
        };
        match line.strip_suffix(b"\n").map(|line| read_line(stream, line)) {
            Some(Ok(entry)) => break Some(entry),
            Some(Err(error)) if !may_be_torn => return Err(unreadable(day, begin, error)),
            _ => {
                may_be_torn = false;
                end = begin;
            }
        }
    };
    if end < whole {
        tracing::warn!(
            file = %day.display(),
            "Cut off {} bytes of an unfinished line in the archive",
            whole - end
        );
        file.set_len(end).map_err(away)?;
    }
    file.sync_all().map_err(away)?;
    Ok(last)
}

/// The last line before `end`, with its line break where it has one, and where it begins.
fn last_line(file: &mut File, end: u64) -> io::Result<(u64, Option<Vec<u8>>)> {
    if end == 0 {
        return Ok((0, None));
    }
    let mut size = TAIL;
    loop {
        let begin = end.saturating_sub(size);
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(begin))?;
        file.take(end - begin).read_to_end(&mut tail)?;
        // The last byte may be this line's own break.
        let before = &tail[..tail.len().saturating_sub(1)];
        let line = before.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
        if line.is_some() || begin == 0 {
            let at = line.unwrap_or(0);
            return Ok((begin + at as u64, Some(tail.split_off(at))));
        }
        size *= 2;
    }
}

pub(super) fn away(error: io::Error) -> ArchiveError {
    ArchiveError::Away(Box::new(error))
}

fn unreadable(day: &Path, offset: u64, error: LineError) -> ArchiveError {
    ArchiveError::Unreadable {
        place: format!("`{}` at byte {offset}", day.display()),
        source: Box::new(error),
    }
}
