//! Leases: what one process does alone, while it lives.

use crate::dbx::query::row;
use crate::dbx::{Conn, Tx, sqls};
use crate::error::StoreError;
use chrono::{DateTime, Utc};

row! {
    pub Lease {
        name: String,
        holder: String,
        held_until: DateTime<Utc>,
        /// Greater with each holder.
        fence: u64,
    }
}

sqls! {
    // The same holder keeps its fence only while it never lost the lease: what it did meanwhile may have been undone.
    TAKE = "INSERT INTO leases (name, holder, held_until, fence) VALUES ($1, $2, $3, 1) \
        ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until, \
            fence = leases.fence + CASE WHEN leases.held_until > $4 THEN 0 ELSE 1 END \
        WHERE leases.held_until <= $4 OR leases.holder = excluded.holder \
        RETURNING fence";
    RELEASE = "UPDATE leases SET held_until = $3 WHERE name = $1 AND fence = $2 AND held_until > $3";
    FIND = "SELECT name, holder, held_until, fence FROM leases WHERE name = $1";
    STANDS =>
        "SELECT fence FROM leases WHERE name = $1 AND fence = $2 FOR SHARE",
        "SELECT fence FROM leases WHERE name = $1 AND fence = $2";
}

// === impl Conn ===

impl Conn {
    pub async fn lease(&mut self, name: &str) -> Result<Option<Lease>, StoreError> {
        self.query(&FIND).bind(name).optional().await
    }
}

// === impl Tx ===

impl Tx {
    /// Takes a lease, or keeps it for longer. Whoever has it gets its fence, to be shown with everything that is done
    /// under it; `None` while somebody else has it. A holder's name is of one start of one process.
    pub async fn take_lease(
        &mut self,
        name: &str,
        holder: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<u64>, StoreError> {
        let query = self.query(&TAKE).bind(name).bind(holder).bind(until).bind(now);
        query.value("fence").await
    }

    /// Leaves a lease to others at once; `false` when it was lost before.
    pub async fn release_lease(
        &mut self,
        name: &str,
        fence: u64,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let query = self.query(&RELEASE).bind(name).bind(fence).bind(now);
        Ok(query.execute().await? == 1)
    }

    /// Whether nobody took the lease since it had this fence; then nobody takes it before this transaction ends. What
    /// must be done by the holder alone asks this first, and is not done on `false`, whatever the clock says.
    pub async fn lease_stands(&mut self, name: &str, fence: u64) -> Result<bool, StoreError> {
        let fence: Option<u64> = self.query(&STANDS).bind(name).bind(fence).value("fence").await?;
        Ok(fence.is_some())
    }
}
