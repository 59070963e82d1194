//! Who has which username, by what was seen: Telegram tells nobody's number for one.

use lockdown_events::{Names, UserId};
use std::collections::{HashMap, VecDeque};

/// People that are remembered.
const MOST: usize = 50_000;

#[derive(Default)]
pub(super) struct People {
    by_username: HashMap<String, UserId>,
    known: HashMap<UserId, Names>,
    /// The order in which they were first seen.
    seen: VecDeque<UserId>,
}

// === impl People ===

impl People {
    pub(super) fn note(&mut self, user: &UserId, names: &Names) {
        match self.known.get(user) {
            Some(known) if known == names => return,
            Some(known) => {
                let former = known.username.as_ref().map(|name| name.to_lowercase());
                if let Some(former) = former
                    && self.by_username.get(&former) == Some(user)
                {
                    self.by_username.remove(&former);
                }
            }
            None => {
                self.seen.push_back(user.clone());
                if self.seen.len() > MOST
                    && let Some(first) = self.seen.pop_front()
                    && let Some(names) = self.known.remove(&first)
                    && let Some(username) = names.username
                {
                    self.by_username.remove(&username.to_lowercase());
                }
            }
        }
        if let Some(username) = &names.username {
            self.by_username.insert(username.to_lowercase(), user.clone());
        }
        self.known.insert(user.clone(), names.clone());
    }

    /// By a username in small letters.
    pub(super) fn find(&self, username: &str) -> Option<&UserId> {
        self.by_username.get(username)
    }

    pub(super) fn name(&self, user: &UserId) -> Option<&str> {
        let names = self.known.get(user)?;
        names.display_name.as_deref().or(names.username.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(username: &str) -> Names {
        Names {
            username: Some(username.to_owned()),
            display_name: Some("Somebody".to_owned()),
            ..Names::default()
        }
    }

    #[test]
    fn a_username_means_who_has_it_now() {
        let (one, two) = (UserId::new("1").unwrap(), UserId::new("2").unwrap());
        let mut people = People::default();
        people.note(&one, &names("Mallory"));
        assert_eq!(people.find("mallory"), Some(&one));
        people.note(&one, &names("eve"));
        assert_eq!(people.find("mallory"), None);
        people.note(&two, &names("MALLORY"));
        people.note(&one, &names("Eve2"));
        assert_eq!(
            (people.find("mallory"), people.find("eve2")),
            (Some(&two), Some(&one))
        );
        assert_eq!(people.name(&two), Some("Somebody"));
    }
}
