//! What one rule gives to AutoMod, each part of it within Discord's limits.

use crate::effects::permissions::{ADMINISTRATOR, MANAGE_GUILD, STAFF};
use crate::intake::Guild;
use lockdown_policy::Signs;
use std::collections::BTreeSet;

const KEYWORD_LENGTH: usize = 60;
const PATTERN_LENGTH: usize = 260;
const MOST_MENTIONS: u32 = 50;
const EXEMPT_ROLES: usize = 20;
const EXEMPT_CHANNELS: usize = 50;

/// What one rule gives, within the limits of each entry.
pub(super) struct Given {
    pub(super) keywords: BTreeSet<String>,
    pub(super) patterns: BTreeSet<String>,
    pub(super) mentions: Option<u32>,
    pub(super) left: usize,
}

/// Whom it leaves alone, beside those whom AutoMod never touches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Exempt {
    pub(super) roles: BTreeSet<u64>,
    pub(super) channels: BTreeSet<u64>,
}

// === impl Given ===

impl Given {
    pub(super) fn of(signs: &Signs) -> Self {
        let mut given = Self {
            keywords: BTreeSet::new(),
            patterns: BTreeSet::new(),
            mentions: None,
            left: signs.left,
        };
        for word in &signs.words {
            given.keyword(word.to_lowercase());
        }
        for stretch in &signs.stretches {
            given.keyword(format!("*{stretch}*"));
        }
        for domain in &signs.domains {
            // The way behind the host makes sure that the host ends there.
            for start in ["https://", "https://www.", "http://"] {
                given.keyword(format!("{start}{}/*", domain.to_lowercase()));
            }
        }
        for pattern in &signs.patterns {
            if pattern.encode_utf16().count() <= PATTERN_LENGTH {
                given.patterns.insert(pattern.clone());
            } else {
                given.left += 1;
            }
        }
        // AutoMod counts more than a number.
        let most = signs.mentions.and_then(|least| least.checked_sub(1));
        given.mentions = most.filter(|most| (1..=MOST_MENTIONS).contains(most));
        given.left += usize::from(given.mentions.is_none() && signs.mentions.is_some());
        given
    }

    fn keyword(&mut self, keyword: String) {
        if keyword.encode_utf16().count() <= KEYWORD_LENGTH {
            self.keywords.insert(keyword);
        } else {
            self.left += 1;
        }
    }
}

// === impl Exempt ===

impl Exempt {
    /// `None` when there are more than AutoMod can leave alone.
    pub(super) fn of(signs: &Signs, (id, guild): (u64, &Guild), apart: &[u64]) -> Option<Self> {
        let same = |given: &str, id: u64, name: &str, sign: char| {
            given == id.to_string()
                || given.trim_start_matches(sign).to_lowercase()
                    == name.trim_start_matches(sign).to_lowercase()
        };
        let mut roles = BTreeSet::new();
        for (role, known) in &guild.roles {
            let named = signs
                .roles
                .iter()
                .any(|given| same(given, *role, &known.name, '@'));
            // AutoMod leaves these alone by itself.
            let never = known.permissions & (ADMINISTRATOR | MANAGE_GUILD) != 0;
            if (named || signs.staff && known.permissions & STAFF != 0) && !never {
                roles.insert(*role);
            }
        }
        let channels = guild.channels.iter().filter(|(channel, known)| {
            let named = |given: &String| same(given, **channel, &known.name, '#');
            signs.channels.iter().any(named)
        });
        let channels: BTreeSet<u64> = channels
            .map(|(channel, _)| *channel)
            .chain(apart.iter().copied())
            .collect();
        // Whoever has the role of everybody cannot be told apart.
        let fits = roles.len() <= EXEMPT_ROLES && channels.len() <= EXEMPT_CHANNELS && !roles.contains(&id);
        fits.then_some(Self { roles, channels })
    }
}
