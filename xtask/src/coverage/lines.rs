//! What lcov's form of a report says: how often each line of each file ran.

use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the tests of a file begin: the house's style puts them last.
const TESTS: &str = "#[cfg(test)]\nmod ";

/// By file and line, how often it ran.
pub(super) struct Lines(BTreeMap<PathBuf, BTreeMap<usize, u64>>);

// === impl Lines ===

impl Lines {
    pub(super) fn read(report: &str) -> Result<Self> {
        let mut files: BTreeMap<PathBuf, BTreeMap<usize, u64>> = BTreeMap::new();
        let mut file = None;
        for text in report.lines() {
            if let Some(path) = text.strip_prefix("SF:") {
                file = Some(files.entry(path.into()).or_default());
            } else if let Some(told) = text.strip_prefix("DA:") {
                let (line, times) = told
                    .split_once(',')
                    .and_then(|(line, times)| Some((line.parse().ok()?, times.parse::<u64>().ok()?)))
                    .with_context(|| format!("the report holds `{text}`"))?;
                let file = file.as_mut().context("the report names no file for a line")?;
                *file.entry(line).or_default() += times;
            }
        }
        Ok(Self(files))
    }

    /// Of the files below a folder: how many lines can run, and how many did. Tests are not what is tested.
    pub(super) fn under(&self, folder: &Path) -> Result<(usize, usize)> {
        let (mut all, mut ran) = (0, 0);
        let ours = self.0.iter().filter(|(path, _)| path.starts_with(folder));
        for (path, lines) in ours.filter(|(path, _)| !path.ends_with("tests.rs")) {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("could not read {}", path.display()))?;
            let end = first_of_tests(&text);
            for times in lines.range(..end).map(|(_, times)| *times) {
                all += 1;
                ran += usize::from(times > 0);
            }
        }
        Ok((all, ran))
    }
}

/// The line at which a file's tests begin; past its end when there are none.
fn first_of_tests(text: &str) -> usize {
    let code = text.find(TESTS).map_or(text, |at| &text[..at]);
    code.lines().count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_once_and_tests_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.rs");
        std::fs::write(&path, "fn a() {}\nfn b() {}\n\n#[cfg(test)]\nmod tests {\n}\n").unwrap();
        // The same file in the library and in its tests.
        let one = |a: u64, b: u64| {
            format!(
                "SF:{}\nDA:1,{a}\nDA:2,{b}\nDA:6,1\nend_of_record\n",
                path.display()
            )
        };
        for (report, expected) in [
            (one(0, 0), (2, 0)),
            (one(3, 0), (2, 1)),
            (one(3, 0) + &one(0, 1), (2, 2)),
        ] {
            let lines = Lines::read(&report).unwrap();
            assert_eq!(lines.under(folder.path()).unwrap(), expected, "{report}");
            assert_eq!(lines.under(Path::new("/elsewhere")).unwrap(), (0, 0));
        }
        assert!(Lines::read("DA:1,1").is_err());
        assert!(Lines::read("SF:x\nDA:1").is_err());
    }
}
