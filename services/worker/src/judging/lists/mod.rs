//! The installation's own lists: a text file for each in the folder `lists` of the data directory, read anew when it changes.
//!
//! A line is an entry; blank ones and those that begin with `#` are none. Rules ask a list by its name, and `links.bad` asks
//! `scam_bank`. To add a list: a line in the policy crate's `BANKS`.
//!
//! `banned_telegram.txt` and `banned_discord.txt` name accounts, one a line by its number: rules ask them by `author.listed`. With
//! `TELEGRAM_BANLIST_URL`, `fetch.rs` keeps another list of Telegram's beside them.

mod fetch;

use super::Judging;
use lockdown_events::Platform;
use lockdown_policy::catalogue::{BANKS, ListKind};
use lockdown_policy::text::links::Domains;
use lockdown_policy::{Accounts, SharedList};
use lockdown_runtime::Context;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const FOLDER: &str = "lists";
/// The list by which a link is bad.
const SCAMS: &str = "scam_bank";
const EVERY: Duration = Duration::from_secs(30);
/// Bytes of a file: some two million domains.
const LARGEST: usize = 64 * 1024 * 1024;
/// The lists of accounts, and their platforms; what was fetched has a name of its own.
const BANNED: [(&str, Platform); 3] = [
    ("banned_telegram.txt", Platform::Telegram),
    (FETCHED, Platform::Telegram),
    ("banned_discord.txt", Platform::Discord),
];
const FETCHED: &str = "banned_telegram.fetched.txt";

/// The lists as they were read last.
#[derive(Debug, Default)]
pub(super) struct Lists {
    files: HashMap<&'static str, File>,
    banned: HashMap<&'static str, Banned>,
}

/// A list of accounts.
#[derive(Debug, Clone)]
struct Banned {
    stamp: Stamp,
    accounts: Arc<Accounts>,
}

/// By which a change is seen.
type Stamp = (SystemTime, u64);

#[derive(Debug, Clone)]
struct File {
    stamp: Stamp,
    list: SharedList,
    domains: Option<Arc<Domains>>,
}

/// Reads the lists, and again and again whether they changed, until the process stops.
pub(super) async fn keep(ctx: &Context, judging: Arc<Judging>) -> anyhow::Result<()> {
    let folder = ctx.config.data_dir.join(FOLDER);
    let mut lists = Arc::new(Lists::default());
    take(&folder, &mut lists, &judging).await;
    let (clock, stopping) = (ctx.clock.clone(), ctx.shutdown.soft_token());
    ctx.tasks.spawn("lists", async move {
        let reading = async {
            loop {
                clock.sleep(EVERY).await;
                take(&folder, &mut lists, &judging).await;
            }
        };
        stopping.run_until_cancelled(reading).await;
        Ok(())
    });
    match &ctx.config.telegram.banlist_url {
        Some(url) => fetch::keep(ctx, &ctx.config.data_dir.join(FOLDER).join(FETCHED), url),
        None => Ok(()),
    }
}

async fn take(folder: &Path, lists: &mut Arc<Lists>, judging: &Judging) {
    let (folder, before) = (PathBuf::from(folder), Arc::clone(lists));
    let read = tokio::task::spawn_blocking(move || before.read(&folder)).await;
    let Ok(Some(read)) = read else {
        return;
    };
    *lists = Arc::new(read);
    {
        let mut learned = judging.learned();
        learned.set_bad_links(lists.bad_links());
        learned.set_listed(lists.listed());
    }
    judging.rules.set_lists(Arc::clone(lists));
}

// === impl Lists ===

impl Lists {
    pub(super) fn banks(&self) -> HashMap<String, SharedList> {
        let files = self.files.iter();
        files
            .map(|(name, file)| ((*name).to_owned(), file.list.clone()))
            .collect()
    }

    fn bad_links(&self) -> Option<Arc<Domains>> {
        self.files.get(SCAMS)?.domains.clone()
    }

    /// The accounts that are banned, of each platform that has a list.
    fn listed(&self) -> Vec<(Platform, Arc<Accounts>)> {
        let mut listed: Vec<(Platform, Arc<Accounts>)> = Vec::new();
        for (name, of) in BANNED {
            let Some(banned) = self.banned.get(name) else {
                continue;
            };
            match listed.iter_mut().find(|(known, _)| *known == of) {
                Some((_, all)) => *all = Arc::new(all.with(&banned.accounts)),
                None => listed.push((of, Arc::clone(&banned.accounts))),
            }
        }
        listed
    }

    /// What the folder holds now; none where that is the same. A list that cannot be read stays as it was.
    fn read(&self, folder: &Path) -> Option<Self> {
        let mut lists = Self::default();
        let mut changed = false;
        for (name, kind, _) in BANKS {
            let last = self.files.get(name);
            let path = folder.join(name).with_extension("txt");
            let file = match File::read(&path, *kind, last) {
                Ok(file) => file,
                Err(error) => {
                    tracing::warn!(name, "Could not read the list {}: {error}", path.display());
                    last.cloned()
                }
            };
            changed |= file.as_ref().map(|file| file.stamp) != last.map(|file| file.stamp);
            lists.files.extend(file.map(|file| (*name, file)));
        }
        for (name, _) in BANNED {
            let last = self.banned.get(name);
            let path = folder.join(name);
            let banned = match Banned::read(&path, last) {
                Ok(banned) => banned,
                Err(error) => {
                    tracing::warn!(name, "Could not read the list {}: {error}", path.display());
                    last.cloned()
                }
            };
            changed |= banned.as_ref().map(|banned| banned.stamp) != last.map(|last| last.stamp);
            lists.banned.extend(banned.map(|banned| (name, banned)));
        }
        changed.then_some(lists)
    }
}

// === impl File ===

impl File {
    /// None where there is no such file.
    fn read(path: &Path, kind: ListKind, last: Option<&Self>) -> io::Result<Option<Self>> {
        let Some(stamp) = stamp(path)? else {
            return Ok(None);
        };
        if let Some(last) = last.filter(|last| last.stamp == stamp) {
            return Ok(Some(last.clone()));
        }
        let text = text(path, stamp)?;
        let entries = || {
            let lines = text.lines().map(str::trim);
            lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
        };
        let (list, refused) = SharedList::new(kind, entries(), true);
        if refused > 0 {
            tracing::warn!("{refused} lines of the list {} cannot be used", path.display());
        }
        tracing::info!(
            "Read {} entries of the list {}",
            entries().count(),
            path.display()
        );
        let domains = (kind == ListKind::Domains).then(|| Arc::new(Domains::of(entries())));
        Ok(Some(Self { stamp, list, domains }))
    }
}

// === impl Banned ===

impl Banned {
    /// None where there is no such file.
    fn read(path: &Path, last: Option<&Self>) -> io::Result<Option<Self>> {
        let Some(stamp) = stamp(path)? else {
            return Ok(None);
        };
        if let Some(last) = last.filter(|last| last.stamp == stamp) {
            return Ok(Some(last.clone()));
        }
        let (accounts, refused) = Accounts::read(&text(path, stamp)?);
        tracing::info!(
            "Read {} accounts of the list {}; {refused} lines name none",
            accounts.len(),
            path.display()
        );
        let accounts = Arc::new(accounts);
        Ok(Some(Self { stamp, accounts }))
    }
}

/// None where there is no such file.
fn stamp(path: &Path) -> io::Result<Option<Stamp>> {
    match std::fs::metadata(path) {
        Ok(about) => Ok(Some((about.modified()?, about.len()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn text(path: &Path, (_, size): Stamp) -> io::Result<String> {
    if size > LARGEST as u64 {
        return Err(io::Error::other(format!(
            "it has more than {LARGEST} bytes: split off what is seldom needed"
        )));
    }
    std::fs::read_to_string(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_of_several_files_are_one_list() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("banned_telegram.txt", "7001\n");
        write(FETCHED, "id,since\n7002,2026\n");
        let lists = Lists::default().read(folder.path()).unwrap();
        let [(Platform::Telegram, accounts)] = &lists.listed()[..] else {
            panic!("one platform has lists");
        };
        assert!(accounts.contains("7001") && accounts.contains("7002") && !accounts.contains("7003"));
        assert!(lists.read(folder.path()).is_none());
        write("banned_discord.txt", "9001");
        let lists = lists.read(folder.path()).unwrap();
        assert_eq!(lists.listed().len(), 2);
    }

    #[test]
    fn lists_are_read_when_they_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scam_bank.txt");
        assert!(Lists::default().read(folder.path()).is_none());
        std::fs::write(&path, "# of last week\n\nscam.example\n").unwrap();
        let lists = Lists::default().read(folder.path()).unwrap();
        let bad = lists.bad_links().unwrap();
        assert!(bad.contains("a.scam.example") && !bad.contains("example"));
        assert_eq!(lists.banks().into_keys().collect::<Vec<_>>(), ["scam_bank"]);
        assert!(lists.read(folder.path()).is_none());

        std::fs::write(&path, "scam.example\nother.example\n").unwrap();
        let lists = lists.read(folder.path()).unwrap();
        assert!(lists.bad_links().unwrap().contains("other.example"));

        // What cannot be read stays as it was, and what is taken away is gone.
        std::fs::write(&path, [0xFF, 0xFE]).unwrap();
        assert!(lists.read(folder.path()).is_none());
        std::fs::remove_file(&path).unwrap();
        assert!(lists.read(folder.path()).unwrap().bad_links().is_none());
    }
}
