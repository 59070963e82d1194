//! Which events: the options that several commands share.

use crate::cli::Guild;
use chrono::{DateTime, Utc};
use clap::Args;
use lockdown_bus::{Glob, Key, Query};
use lockdown_moderation::Span;
use lockdown_runtime::{Clock, chain};

#[derive(Args)]
pub(crate) struct Select {
    /// Only of this type; `*` stands for any part: `ban:*`. May be repeated
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// Only of this guild
    #[arg(long, value_name = "PLATFORM/ID")]
    pub(crate) guild: Option<Guild>,
    /// Published at this time or later: 2026-11-20T09:00:00Z, or so long ago: 2h
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) from: Option<DateTime<Utc>>,
    /// Published before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) to: Option<DateTime<Utc>>,
}

// === impl Select ===

impl Select {
    pub(crate) fn query(&self) -> Query {
        Query {
            from: self.from,
            to: self.to,
            types: self.types.iter().map(|text| Glob::new(text)).collect(),
            key: self
                .guild
                .as_ref()
                .map(|guild| Key::community(guild.platform, &guild.id)),
            classes: Vec::new(),
        }
    }
}

/// A time, or how long ago.
pub(crate) fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.with_timezone(&Utc));
    }
    let ago: Span = text.parse().map_err(|error| {
        format!(
            "expected a time such as 2026-11-20T09:00:00Z, or how long ago, such as 2h ({})",
            chain(&error)
        )
    })?;
    Ok(Clock::system().now() - ago.delta())
}
