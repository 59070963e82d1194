//! What the processes wrote down, put together: of each event, who was promised it and what every group did with it.

use anyhow::{Context as _, Result, bail};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Every group must get every event.
pub(super) const GROUPS: [&str; 2] = ["one", "two"];

pub(super) type Id = u128;

/// Grows while the processes write.
pub(super) struct Account {
    folder: PathBuf,
    /// How far each file was read.
    read: HashMap<String, u64>,
    pub(super) events: HashMap<Id, Event>,
    /// Acknowledged to the publisher, and still to be handled, by group.
    pub(super) open: [HashSet<Id>; 2],
    pub(super) acknowledged: u64,
    /// When the youngest event that a group has handled was made, by group.
    pub(super) youngest: [i64; 2],
    /// How many lines said that something was handled: grows as long as there is progress.
    pub(super) handled: u64,
    /// What consumers saw, by the name of their notes: one of these is one process's life.
    pub(super) seats: HashMap<String, Vec<Seen>>,
    /// When consumers stood still by themselves: the notes' name, from, until.
    pub(super) stalls: Vec<(String, i64, i64)>,
    /// When the engine did not answer for a while: from, until.
    pub(super) waits: Vec<(i64, i64)>,
    pub(super) trimmed: u64,
    pub(super) trimmed_unsettled: u64,
    /// Entries that the engine still had open for a group at the end.
    pub(super) left: Vec<(Id, usize)>,
    pub(super) looked: bool,
    /// The runs that can be asked to end.
    pub(super) ready: HashSet<u32>,
}

#[derive(Default)]
pub(super) struct Event {
    /// When it was asked for and acknowledged.
    pub(super) kept: Option<(i64, i64)>,
    /// Written once, whatever becomes of the answer.
    pub(super) once: bool,
    pub(super) fates: [Fate; 2],
}

/// What became of an event in a group.
#[derive(Default)]
pub(super) struct Fate {
    pub(super) handled: Vec<Handled>,
    pub(super) failed: bool,
    /// Its handler said a last word: it should be among the dead.
    pub(super) given_up: bool,
    pub(super) dead: Vec<Letter>,
}

pub(super) struct Handled {
    pub(super) at: i64,
    pub(super) seat: String,
    pub(super) place: String,
}

pub(super) struct Letter {
    /// Where it lay.
    pub(super) place: String,
    pub(super) reason: String,
}

/// An event as a consumer saw it; the row is what one caller published, in the order of its numbers.
pub(super) struct Seen {
    pub(super) id: Id,
    pub(super) row: u64,
    pub(super) number: u64,
    pub(super) at: i64,
}

// === impl Account ===

impl Account {
    pub(super) fn new(folder: &Path) -> Account {
        Account {
            folder: folder.to_owned(),
            read: HashMap::new(),
            events: HashMap::new(),
            open: Default::default(),
            acknowledged: 0,
            youngest: [0; 2],
            handled: 0,
            seats: HashMap::new(),
            stalls: Vec::new(),
            waits: Vec::new(),
            trimmed: 0,
            trimmed_unsettled: 0,
            left: Vec::new(),
            looked: false,
            ready: HashSet::new(),
        }
    }

    /// Reads what was written since the last time.
    pub(super) fn read(&mut self) -> Result<()> {
        let folder = self.folder.clone();
        let list = std::fs::read_dir(&folder).context("could not list the notes")?;
        for entry in list {
            let name = entry.context("could not list the notes")?.file_name();
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("stderr") {
                continue;
            }
            let text = self.news(&folder.join(&name), &name)?;
            for line in text.lines() {
                self.take(&name, line)
                    .with_context(|| format!("{name} has a line that is none: {line:?}"))?;
            }
        }
        Ok(())
    }

    /// The whole lines that are new in a file.
    fn news(&mut self, path: &Path, name: &str) -> Result<String> {
        let from = self.read.entry(name.to_owned()).or_default();
        let mut text = Vec::new();
        let read = File::open(path).and_then(|mut file| {
            file.seek(SeekFrom::Start(*from))?;
            file.read_to_end(&mut text)
        });
        read.with_context(|| format!("could not read {}", path.display()))?;
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        text.truncate(whole);
        *from += whole as u64;
        String::from_utf8(text).with_context(|| format!("{} is not text", path.display()))
    }

    fn take(&mut self, name: &str, line: &str) -> Result<()> {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["k", id, row, _number, asked, answered] => {
                let id = parse_id(id)?;
                let event = self.events.entry(id).or_default();
                event.kept = Some((asked.parse()?, answered.parse()?));
                event.once = row.parse::<u64>()?.is_multiple_of(2);
                self.acknowledged += 1;
                for group in 0..GROUPS.len() {
                    self.look_at(id, group);
                }
            }
            [kind @ ("h" | "f" | "g"), id, row, number, place, _attempt, at] => {
                let (id, at, group) = (parse_id(id)?, at.parse()?, group_of(name)?);
                let row: u64 = row.parse()?;
                let event = self.events.entry(id).or_default();
                event.once = row.is_multiple_of(2);
                let fate = &mut event.fates[group];
                if kind != "h" {
                    fate.failed = true;
                    fate.given_up |= kind == "g";
                    self.look_at(id, group);
                    return Ok(());
                }
                let (seat, place) = (name.to_owned(), place.to_owned());
                fate.handled.push(Handled { at, seat, place });
                let number = number.parse()?;
                let seen = Seen { id, row, number, at };
                self.seats.entry(name.to_owned()).or_default().push(seen);
                self.handled += 1;
                self.youngest[group] = self.youngest[group].max(made_at(id));
                self.look_at(id, group);
            }
            ["s", from, until] => self.stalls.push((name.to_owned(), from.parse()?, until.parse()?)),
            ["w", from, until] => self.waits.push((from.parse()?, until.parse()?)),
            ["t", entries, unsettled] => {
                self.trimmed += entries.parse::<u64>()?;
                self.trimmed_unsettled += unsettled.parse::<u64>()?;
            }
            ["d", id, group, place, reason] => {
                let (id, group) = (parse_id(id)?, group_of(group)?);
                let event = self.events.entry(id).or_default();
                let (place, reason) = (place.to_owned(), reason.to_owned());
                event.fates[group].dead.push(Letter { place, reason });
                self.look_at(id, group);
            }
            ["l", id, group] => self.left.push((parse_id(id)?, group_of(group)?)),
            ["r", run] => {
                self.ready.insert(run.parse()?);
            }
            ["e"] => self.looked = true,
            _ => bail!("unknown"),
        }
        Ok(())
    }

    /// Whether an event is open in a group; its lines come in any order.
    fn look_at(&mut self, id: Id, group: usize) {
        let event = &self.events[&id];
        if event.kept.is_some() && event.fates[group].is_open() {
            self.open[group].insert(id);
        } else {
            self.open[group].remove(&id);
        }
    }
}

// === impl Fate ===

impl Fate {
    /// Whether more is to come of it.
    fn is_open(&self) -> bool {
        self.is_lost() && !self.given_up
    }

    pub(super) fn is_lost(&self) -> bool {
        self.handled.is_empty() && self.dead.is_empty()
    }
}

/// When an event was made, in microseconds, by its id.
pub(super) fn made_at(id: Id) -> i64 {
    i64::try_from(id >> 80).unwrap_or(i64::MAX / 1000) * 1000
}

/// The group in a name such as `one.a.17`.
pub(super) fn group_of(name: &str) -> Result<usize> {
    let group = name.split('.').next().unwrap_or_default();
    let found = GROUPS.iter().position(|known| *known == group);
    found.with_context(|| format!("{group} is no group"))
}

fn parse_id(text: &str) -> Result<Id> {
    u128::from_str_radix(&text.replace('-', ""), 16).context("no event's id")
}
