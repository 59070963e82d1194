//! Accounts by their numbers, as lists name them: sorted, eight bytes each.

/// A set of accounts of one platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts(Box<[u64]>);

// === impl Accounts ===

impl Accounts {
    /// Those of a text that names one a line: alone, or as the first of several columns. Blank lines, and those that begin
    /// with `#`, are none. Says how many lines cannot be used, such as the names of columns.
    pub fn read(text: &str) -> (Self, usize) {
        let mut refused = 0;
        let mut all = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let first = line.split([',', ';', '\t', ' ']).next().unwrap_or_default();
            match first.trim_matches('"').parse() {
                Ok(id) => all.push(id),
                Err(_) => refused += 1,
            }
        }
        (Self::of(all), refused)
    }

    fn of(mut all: Vec<u64>) -> Self {
        all.sort_unstable();
        all.dedup();
        Self(all.into())
    }

    /// These and the others.
    #[must_use]
    pub fn with(&self, others: &Self) -> Self {
        Self::of(self.0.iter().chain(&others.0).copied().collect())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an account of this id is among them. Ids of channels on Telegram are below nothing, and never are.
    pub fn contains(&self, id: &str) -> bool {
        let id = id.parse::<u64>();
        id.is_ok_and(|id| self.0.binary_search(&id).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_from_lists_and_exports() {
        let (accounts, refused) = Accounts::read(
            "user_id,banned_at\n# of last week\n\n7001,2026-11-20\n\"7002\";x\n7003\n7001\n-100123\nnobody\n",
        );
        assert_eq!((accounts.len(), refused), (3, 3));
        assert!(accounts.contains("7002") && !accounts.contains("7004") && !accounts.contains("-7001"));
        let (more, _) = Accounts::read("7004\n7001");
        assert_eq!(accounts.with(&more).len(), 4);
    }
}
