//! What a file is checked against beside the catalogue: the community and the installation.

use crate::catalogue::ListKind;
use crate::compile::list::Values;
use crate::compile::matcher::Matcher;
use lockdown_events::Platform;
use std::collections::HashMap;
use std::sync::Arc;

/// Members that are `None` are not known, so nothing is said about them.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The platforms in scope; all of them when empty.
    pub platforms: Vec<Platform>,
    /// Names and ids of the community's roles and channels.
    pub roles: Option<Vec<String>>,
    pub channels: Option<Vec<String>>,
    /// What the bot may do, such as `ban_members`.
    pub rights: Option<Vec<String>>,
    /// Shared lists, by the names under which lists subscribe to them. `None`: not known here.
    pub shared: Option<HashMap<String, SharedList>>,
    /// The installation's own lists, by name, beside those of [`BANKS`].
    pub banks: HashMap<String, SharedList>,
}

/// Lists that every installation has, and its operator fills.
pub const BANKS: &[(&str, ListKind, &str)] = &[
    (
        "malware_bank",
        ListKind::Values,
        "Hashes of files that were found to be harmful.",
    ),
    (
        "image_bank",
        ListKind::Values,
        "Hashes of pictures that moderators banned.",
    ),
    (
        "scam_bank",
        ListKind::Domains,
        "Domains that were found to be scams.",
    ),
];

/// A list that many communities use: compiled once.
#[derive(Debug, Clone)]
pub struct SharedList {
    pub(crate) kind: ListKind,
    pub(crate) holds: SharedHolds,
    /// What it holds, as a hash: part of the version of whoever uses it.
    pub(crate) hash: Arc<str>,
}

#[derive(Debug, Clone)]
pub(crate) enum SharedHolds {
    Values(Arc<Values>),
    Text(Arc<Matcher>),
}

// === impl SharedList ===

impl SharedList {
    /// Entries that cannot be used are left out; their number is told.
    pub fn new<'e>(kind: ListKind, entries: impl IntoIterator<Item = &'e str>, fold: bool) -> (Self, usize) {
        let entries: Vec<&str> = entries.into_iter().collect();
        let hash = super::hash::of_entries(kind, &entries);
        let (holds, refused) = match kind {
            ListKind::Values | ListKind::Domains => {
                let values = Values::of(kind, entries.iter().copied());
                (SharedHolds::Values(Arc::new(values)), 0)
            }
            ListKind::Words => {
                let (matcher, refused) = Matcher::words(&entries, fold);
                (SharedHolds::Text(Arc::new(matcher)), refused)
            }
            ListKind::Regexes => {
                let (matcher, refused) = Matcher::regexes(&entries);
                (SharedHolds::Text(Arc::new(matcher)), refused)
            }
        };
        (Self { kind, holds, hash }, refused)
    }
}

// === impl Surroundings ===

impl Surroundings {
    pub(crate) fn platforms(&self) -> &[Platform] {
        if self.platforms.is_empty() {
            Platform::ALL
        } else {
            &self.platforms
        }
    }
}
