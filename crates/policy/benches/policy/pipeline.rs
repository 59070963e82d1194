//! What reading and searching texts costs: each step alone, all of them together, and the worst that a text can cost.

use super::corpus;
use super::{tell, time};
use lockdown_policy::catalogue::ListKind;
use lockdown_policy::detect::spam::{Classifier, Reader};
use lockdown_policy::text::Text;
use lockdown_policy::text::links::{Domains, links};
use lockdown_policy::text::patterns::Patterns;
use lockdown_policy::text::words::{WordList, Words};
use lockdown_policy::{SharedList, Source, Surroundings, check};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;

pub(crate) struct Bench {
    pub(crate) messages: Vec<String>,
    terms: Vec<String>,
    patterns: Vec<String>,
    /// Of a thousand, ten thousand and a hundred thousand terms.
    words: [Words; 3],
    plain: Words,
    set: Patterns,
    domains: Domains,
    spam: Classifier,
}

/// What one message is read into, again and again.
#[derive(Default)]
struct Scratch {
    text: Text,
    reader: Reader,
}

// === impl Bench ===

impl Bench {
    pub(crate) fn new() -> Self {
        let terms = corpus::terms(100_000);
        // Of the sorted words every so many, so that fewer are not all alike.
        let some = |count: usize| -> Vec<&str> {
            terms
                .iter()
                .step_by(terms.len() / count)
                .map(String::as_str)
                .collect()
        };
        let build = |count: usize, disguises: bool| {
            let list = WordList {
                terms: some(count),
                disguises,
                ..WordList::default()
            };
            Words::build(&[list]).0
        };
        let patterns = corpus::patterns(100);
        Self {
            messages: corpus::messages(5_000, &terms),
            words: [build(1_000, true), build(10_000, true), build(100_000, true)],
            plain: build(1_000, false),
            set: Patterns::build(patterns.iter().map(String::as_str)).0,
            domains: Domains::of(corpus::domains(58_000).iter().map(String::as_str)),
            spam: Classifier::base(),
            terms,
            patterns,
        }
    }

    /// The thousand words that peers look for too.
    pub(crate) fn thousand(&self) -> Vec<&str> {
        self.terms
            .iter()
            .step_by(self.terms.len() / 1_000)
            .map(String::as_str)
            .collect()
    }

    /// Nanoseconds a message to look for the thousand words, plain and behind disguises.
    pub(crate) fn thousand_ns(&self) -> [f64; 2] {
        [&self.plain, &self.words[0]].map(|words| {
            let mut text = Text::default();
            self.each(3, |message| {
                black_box(words.find_in(message, &mut text));
            })
        })
    }

    /// Mean nanoseconds over the messages, the least of so many passes.
    fn each(&self, passes: usize, mut one: impl FnMut(&str)) -> f64 {
        let pass = |_| {
            let begun = Instant::now();
            for message in &self.messages {
                one(black_box(message));
            }
            begun.elapsed().as_secs_f64() * 1e9 / self.messages.len() as f64
        };
        (0..passes).map(pass).fold(f64::MAX, f64::min)
    }

    pub(crate) fn round(&self, quick: bool) {
        let passes = if quick { 2 } else { 5 };
        let mut text = Text::default();
        let read = self.each(passes, |message| text.read(message));
        tell("read_us", read / 1e3);
        let [few, some, many] = [0, 1, 2].map(|size: usize| {
            self.each(passes, |message| {
                text.read(message);
                black_box(self.words[size].find(&text));
            })
        });
        tell("words1k_us", few / 1e3);
        tell("words10k_us", some / 1e3);
        tell("words100k_us", many / 1e3);
        tell("words100k_to_1k", many / few);
        let patterns = self.each(passes, |message| {
            text.read(message);
            self.set.scan(&text, |found| {
                black_box(found);
                ControlFlow::Continue(())
            });
        });
        tell("patterns100_us", (patterns - read) / 1e3);
        let mut reader = Reader::default();
        let spam = self.each(passes, |message| {
            text.read(message);
            black_box(self.spam.judge_text(&mut reader, &text));
        });
        tell("spam_us", (spam - read) / 1e3);
        let mut scratch = Scratch::default();
        tell(
            "pipeline_us",
            self.each(passes, |message| self.all(message, &mut scratch)) / 1e3,
        );
        tell("pipeline_p99_us", self.p99(passes, &mut scratch) / 1e3);
        self.worst(&mut scratch);
        self.compile();
    }

    /// Everything that a message is asked.
    fn all(&self, message: &str, scratch: &mut Scratch) {
        let text = &mut scratch.text;
        text.read(message);
        self.words[1].scan(text, |found| {
            black_box(found);
            ControlFlow::Continue(())
        });
        self.set.scan(text, |found| {
            black_box(found);
            ControlFlow::Continue(())
        });
        for link in links(text) {
            black_box(self.domains.contains(&link.host));
        }
        black_box(self.spam.judge_text(&mut scratch.reader, text));
    }

    /// Of the messages' least times.
    fn p99(&self, passes: usize, scratch: &mut Scratch) -> f64 {
        let mut least = vec![f64::MAX; self.messages.len()];
        for _ in 0..passes {
            for (message, least) in self.messages.iter().zip(&mut least) {
                let begun = Instant::now();
                self.all(black_box(message), scratch);
                *least = least.min(begun.elapsed().as_secs_f64() * 1e9);
            }
        }
        least.sort_by(f64::total_cmp);
        least[least.len() * 99 / 100]
    }

    fn worst(&self, scratch: &mut Scratch) {
        let mut worst = (0.0, "");
        for (name, message) in corpus::hostile() {
            let (mean, _) = time(3, 1, || self.all(black_box(&message), scratch));
            if mean > worst.0 {
                worst = (mean, name);
            }
        }
        eprintln!("bench: the dearest text is {}", worst.1);
        tell("worst_ms", worst.0 / 1e6);
    }

    /// Milliseconds of each step for each hostile text.
    pub(crate) fn hostile(&self) {
        let mut scratch = Scratch::default();
        let Scratch { text, reader } = &mut scratch;
        let ms = |one: &mut dyn FnMut()| {
            one();
            time(3, 1, one).0 / 1e6
        };
        for (name, message) in corpus::hostile() {
            let read = ms(&mut || text.read(&message));
            let go_on = |_| ControlFlow::Continue(());
            let words = ms(&mut || self.words[1].scan(text, |found| go_on(black_box(found).term)));
            let patterns = ms(&mut || {
                self.set.scan(text, |found| go_on(black_box(found).pattern));
            });
            let links = ms(&mut || {
                black_box(links(text));
            });
            let spam = ms(&mut || {
                black_box(self.spam.judge_text(reader, text));
            });
            eprintln!(
                "{name:<16} read {read:.2} words {words:.2} patterns {patterns:.2} links {links:.2} spam {spam:.2}"
            );
        }
    }

    fn compile(&self) {
        let build = || {
            let list = WordList {
                terms: self.thousand(),
                disguises: true,
                ..WordList::default()
            };
            let words = Words::build(&[list]).0;
            (words, Patterns::build(self.patterns.iter().map(String::as_str)).0)
        };
        let (mean, _) = time(5, 1, || {
            black_box(build());
        });
        tell("build1k100_ms", mean / 1e6);
    }
}

/// What rule sets hold, told by a process that has nothing else: many of a thousand terms and a hundred patterns, and many
/// communities at rest that share a list.
pub(crate) fn memory(quick: bool) {
    let (sets, communities) = if quick { (50, 500) } else { (200, 2_000) };
    let terms = corpus::terms(20_000);
    let patterns = corpus::patterns(100);
    let build = || {
        let list = WordList {
            terms: terms.iter().step_by(20).map(String::as_str).collect(),
            disguises: true,
            ..WordList::default()
        };
        let words = Words::build(&[list]).0;
        (words, Patterns::build(patterns.iter().map(String::as_str)).0)
    };
    // What building needs for a while is there before it is measured.
    let first = build();
    let (each, kept) = growth(sets, |_| build());
    tell("build1k100_kib", each / 1024.0);
    drop((first, kept));

    let shared = |_| SharedList::new(ListKind::Words, terms.iter().map(String::as_str), true).0;
    let (once, lists) = growth(1, shared);
    let surroundings = Surroundings {
        shared: lists
            .first()
            .map(|list| HashMap::from([("list/words@stable".to_owned(), list.clone())])),
        ..Surroundings::default()
    };
    let one = |number: usize| {
        let text = community(number, &terms, &patterns);
        let checked = check(&Source::new("rules.yml", &text), &surroundings);
        checked.rules.expect("the rules are sound")
    };
    // Those before have left memory behind; only what comes when that is full is measured.
    let filled: Vec<_> = (0..communities).map(one).collect();
    let (each, kept) = growth(communities * 2, |number| one(number + communities));
    tell("idle10k_mib", (each * 10_000.0 + once) / 1024.0 / 1024.0);
    drop((filled, kept));
}

/// Bytes that each of so many things takes, and the things.
fn growth<T>(count: usize, make: impl Fn(usize) -> T) -> (f64, Vec<T>) {
    let before = resident();
    let kept: Vec<T> = (0..count).map(make).collect();
    ((resident() - before) / count as f64, black_box(kept))
}

/// Forty terms and five patterns of its own, and a list that it shares.
fn community(number: usize, terms: &[String], patterns: &[String]) -> String {
    let own = terms.iter().cycle().skip(number * 40 % terms.len()).take(40);
    let own: Vec<&str> = own.map(String::as_str).collect();
    let mut text = format!(
        "version: 1\nlists:\n  words: {{words: [{}], fold: true, subscribe: [list/words@stable]}}\n  patterns:\n    regexes:\n",
        own.join(", ")
    );
    for pattern in patterns.iter().cycle().skip(number % patterns.len()).take(5) {
        writeln!(text, "      - '{pattern}'").expect("a string takes every line");
    }
    text + "rules:\n  - {id: words, events: [message], when: [text.has_any(words)], then: [delete]}\n  \
        - {id: patterns, events: [message], when: [text.matches(patterns)], then: [hold]}\n"
}

/// Bytes of memory that the process has.
fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<f64>().ok());
    pages.unwrap_or(0.0) * 4096.0
}
