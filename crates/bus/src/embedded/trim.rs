//! Letting old entries go.

use super::error::LogError;
use super::log::{Head, Log};
use super::ranges::Ranges;
use crate::engine::Trimmed;
use crate::place::{EntryId, Stream};
use chrono::{DateTime, Utc};
use rusqlite::params;

/// Rows removed in one transaction: what was trimmed is gone at once, its rows go bit by bit, so that no commit waits
/// for a million of them.
const SWEEP: u64 = 512;

impl Log {
    pub(super) fn trim(
        &mut self,
        stream: Stream,
        before: DateTime<Utc>,
        most: u64,
        until: EntryId,
    ) -> Result<Trimmed, LogError> {
        let at = self.stream(stream);
        let Head { first, last, .. } = self.heads[at];
        let lanes = || self.groups.iter().filter_map(|group| group.lanes[at].as_ref());
        let old = self.place_at(at, before)?;
        let settled = lanes().map(|lane| lane.bounds.floor).min().unwrap_or(last);
        let cut = old.min(settled).max(last.saturating_sub(most)).min(until.major);
        if cut < first {
            return Ok(Trimmed::default());
        }
        // Settled by none but some, or not at all.
        let mut unsettled = Ranges::default();
        for lane in lanes() {
            let from = first.max(lane.bounds.floor + 1);
            if from <= cut {
                lane.bounds
                    .settled
                    .gaps(from..=cut)
                    .for_each(|gap| unsettled.insert(gap));
            }
        }
        for group in 0..self.groups.len() {
            let open = self.groups[group].lanes[at]
                .as_ref()
                .map(|lane| lane.open.up_to(cut))
                .unwrap_or_default();
            for seq in open {
                self.close_entry(group, at, seq)?;
            }
            self.bounds(group, at, |bounds| bounds.forget_to(cut));
        }
        self.heads[at].first = cut + 1;
        self.write()?
            .prepare_cached(
                "INSERT INTO streams (stream, first, last) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (stream) DO UPDATE SET first = ?2, last = ?3",
            )?
            .execute(params![stream.to_string(), cut + 1, last])?;
        Ok(Trimmed {
            entries: cut + 1 - first,
            unsettled: unsettled.count(),
        })
    }

    /// Whether rows of trimmed entries are still there.
    pub(super) fn unswept(&self) -> bool {
        self.heads.iter().any(|head| head.swept + 1 < head.first)
    }

    /// Removes some rows of trimmed entries.
    pub(super) fn sweep(&mut self) -> Result<(), LogError> {
        let Some(at) = self.heads.iter().position(|head| head.swept + 1 < head.first) else {
            return Ok(());
        };
        let Head { first, swept, .. } = self.heads[at];
        let until = (swept + SWEEP).min(first - 1);
        self.write()?;
        self.connection
            .prepare_cached(&self.tables[at].remove)?
            .execute([until])?;
        self.connection
            .prepare_cached("DELETE FROM about WHERE stream = ?1 AND seq <= ?2")?
            .execute(params![self.tables[at].stream.to_string(), until])?;
        self.heads[at].swept = until;
        Ok(())
    }
}
