//! Links, domains and invites in a text, and lists of domains to hold them against.

use super::table::{self, Kind};
use super::tokens::mix;
use super::{Text, lookalikes};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

/// A link in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The host in lower case, with look-alikes as the letters that they stand for, and without `www.`.
    pub host: String,
    /// What follows the host, as it was written.
    pub path: String,
    /// Where it was written in the original.
    pub span: Range<usize>,
    /// The host as it was written, in lower case.
    pub written: String,
    /// The host was written with characters that only look like these: it leads somewhere else.
    pub disguised: bool,
    /// The code, where it is an invite to a community.
    pub invite: Option<String>,
}

/// Hosts whose paths are invites, and how those begin.
const INVITES: &[(&str, &str)] = &[
    ("discord.gg", "/"),
    ("discord.com", "/invite/"),
    ("discordapp.com", "/invite/"),
    ("ptb.discord.com", "/invite/"),
    ("canary.discord.com", "/invite/"),
    ("dsc.gg", "/"),
    ("invite.gg", "/"),
    ("discord.me", "/"),
    ("t.me", "/+"),
    ("t.me", "/joinchat/"),
    ("telegram.me", "/+"),
    ("telegram.me", "/joinchat/"),
    ("telegram.dog", "/joinchat/"),
];

/// Endings of domains that are taken for one without `https://` before: those that people write so, or abuse. Not `rs`, since
/// those are files more often.
const ENDINGS: &str = "com net org info biz edu gov mil int app dev xyz top site online shop store club live life fun pro \
    link click space website tech world today news blog art page pages cloud digital agency group team work works tools \
    gift gifts games game run rocks ninja icu vip win bid loan date racing review stream trade party cam cash money finance \
    fund bet casino poker dating chat email host press media video wiki zone network email company center support services \
    ru su ua by kz uk us de fr it es pt br nl be pl cz sk at ch se no fi dk gr tr ro bg hu hr si lt lv ee il ir in pk \
    cn jp kr tw hk sg th vn id ph my au nz ca mx ar cl pe za ng ke eg ma eu asia tk ml ga cf gq cc ws to tv me io ai co gg \
    ly gl gd sh ac im st la vc pw fm am ag cx lc nu rip lol xxx lat mobi moe рф укр бел рус";

static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| ENDINGS.split_whitespace().collect());

const MOST: usize = 200;
/// Characters of a domain, as DNS has it.
const LONGEST_DOMAIN: usize = 253;
/// How far before an `@` a scheme is looked for.
const LONGEST_NAME: usize = 256;

/// The links of a text, in order; at most 200.
pub fn links(text: &Text) -> Vec<Link> {
    each(text).take(MOST).collect()
}

/// The first link of a text, without looking for others.
pub(crate) fn first(text: &Text) -> Option<Link> {
    each(text).next()
}

fn each(text: &Text) -> impl Iterator<Item = Link> {
    let folded = text.folded().as_str();
    let ascii = folded.is_ascii();
    let next = move |from: usize| {
        let rest = &folded[from..];
        let dot = if ascii {
            rest.find('.')
        } else {
            rest.find(['.', '。', '｡'])
        };
        dot.map(|dot| from + dot)
    };
    let mut end = 0;
    std::iter::from_fn(move || {
        while let Some(dot) = next(end) {
            // All dots of a run of such characters belong to one host, or none does.
            let start = folded[end..dot]
                .char_indices()
                .rev()
                .take_while(|(_, c)| is_host(*c))
                .last()
                .map_or(dot, |(at, _)| end + at);
            let behind = folded[dot..].char_indices().find(|(_, c)| !is_host(*c));
            end = behind.map_or(folded.len(), |(at, _)| dot + at);
            if let Some((link, after)) = link_at(text, folded, start..end) {
                end = end.max(after);
                return Some(link);
            }
        }
        None
    })
}

/// The link of an address that stands in a place of its own, such as a button's.
pub fn address(url: &str) -> Option<Link> {
    let text = if url.contains("://") {
        Text::of(url)
    } else {
        Text::of(&format!("https://{url}"))
    };
    first(&text)
}

fn is_host(c: char) -> bool {
    matches!(c, '-' | '_' | '.' | '。' | '｡') || matches!(table::entry(c).kind, Kind::Letter | Kind::Digit)
}

/// Ends a host with its port, and what pretends to be one before an `@`.
fn ends_authority(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '/' | '\\' | '?' | '#' | '<' | '>' | '"' | '(' | ')' | '[' | ']' | '|'
        )
}

/// The link whose host is this run of characters, and where it ends in the folded view.
fn link_at(text: &Text, folded: &str, run: Range<usize>) -> Option<(Link, usize)> {
    let start = run.start + (run.len() - folded[run.clone()].trim_start_matches(['.', '。', '｡']).len());
    // A full stop ends a sentence, not a host.
    let host_end = start
        + folded[start..run.end.max(start)]
            .trim_end_matches(['.', '。', '｡', '-', '_'])
            .len();
    // Nobody can go there, however it is written.
    if folded[start..host_end].chars().nth(LONGEST_DOMAIN).is_some() {
        return None;
    }
    let before = &folded[..start];
    // A name before the host, and not a path that ran into it.
    let named = before.ends_with('@');
    let scheme_end = if named {
        let from = before.floor_char_boundary(start.saturating_sub(LONGEST_NAME));
        let at = before[from..].rfind("://").map(|at| from + at + 3);
        at.filter(|at| !before[*at..].contains(ends_authority))
    } else {
        before.ends_with("://").then_some(start)
    };
    let schemed = scheme_end.is_some();
    // What stands before an `@` only pretends to be the host.
    let pretends = schemed && {
        let behind = &folded[host_end..folded.floor_char_boundary(host_end + LONGEST_NAME)];
        let authority = behind.find(ends_authority).unwrap_or(behind.len());
        behind[..authority].contains('@')
    };
    let is_mail = named && !schemed;
    let host = folded[start..host_end].replace(['。', '｡'], ".");
    let ending = host.rsplit('.').next()?;
    let labels = host
        .split('.')
        .all(|label| !label.is_empty() && label.chars().count() <= 63);
    let known = KNOWN.contains(ending) || ending.starts_with("xn--");
    let letters = ending.chars().any(char::is_alphabetic) || (schemed && is_address(&host));
    if is_mail || pretends || !labels || !letters || !(schemed || known || host.starts_with("www.")) {
        return None;
    }
    let follows = folded[host_end..].starts_with(['/', '\\', ':', '?', '#']);
    let end = if follows {
        let rest = &folded[host_end..];
        let path = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | ')' | ']' | '|'))
            .unwrap_or(rest.len());
        host_end
            + rest[..path]
                .trim_end_matches(['.', ',', '!', '?', ';', ':', '\'', '*', '_'])
                .len()
    } else {
        host_end
    };
    let scheme = scheme_end.map_or(start, |end| {
        folded[..end - 3]
            .char_indices()
            .rev()
            .take_while(|(_, c)| c.is_ascii_alphanumeric())
            .last()
            .map_or(end, |(at, _)| at)
    });
    let written = |range: Range<usize>| {
        let range = text.folded().original(range);
        (&text.raw()[range.clone()], range)
    };
    let (raw_host, _) = written(start..host_end);
    let (path, _) = written(host_end..end.max(host_end));
    let (_, span) = written(scheme..end.max(host_end));
    let plain = plain_host(&host);
    let disguised = !raw_host.eq_ignore_ascii_case(&plain) && !is_same_in_unicode(raw_host, &plain);
    let host = plain.strip_prefix("www.").unwrap_or(&plain).to_owned();
    let invite = invite(&host, path);
    Some((
        Link {
            invite,
            host,
            written: raw_host.to_lowercase(),
            path: path.to_owned(),
            span,
            disguised,
        },
        end.max(host_end),
    ))
}

/// Four numbers.
fn is_address(host: &str) -> bool {
    host.split('.').count() == 4 && host.split('.').all(|part| part.parse::<u8>().is_ok())
}

/// Punycode decoded, and each label that could be Latin in Latin letters.
fn plain_host(host: &str) -> String {
    let labels: Vec<String> = host
        .split('.')
        .map(|label| {
            let decoded = label.strip_prefix("xn--").and_then(punycode);
            let label = decoded.as_deref().unwrap_or(label);
            let alike = label
                .chars()
                .all(|c| table::entry(c).perfect && table::entry(c).look.is_ascii());
            if alike {
                label.chars().map(|c| table::entry(c).look).collect()
            } else {
                label.to_owned()
            }
        })
        .collect();
    labels.join(".")
}

/// Whether browsers would go there too: width and case do not matter to them.
fn is_same_in_unicode(raw: &str, host: &str) -> bool {
    use unicode_normalization::UnicodeNormalization as _;
    raw.nfkc()
        .flat_map(char::to_lowercase)
        .map(|c| if c == '。' { '.' } else { c })
        .eq(host.chars())
}

fn invite(host: &str, path: &str) -> Option<String> {
    let (_, prefix) = INVITES
        .iter()
        .find(|(known, prefix)| *known == host && path.starts_with(prefix))?;
    let code: String = path[prefix.len()..]
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    (!code.is_empty()).then_some(code)
}

/// Decodes the part after `xn--` (RFC 3492); none where it is not what an encoder makes.
fn punycode(label: &str) -> Option<String> {
    let (basic, encoded) = label.rsplit_once('-').unwrap_or(("", label));
    let mut decoded: Vec<char> = basic.chars().collect();
    let (mut code, mut at, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = encoded.bytes();
    while digits.len() > 0 {
        let (start, mut weight, mut step) = (at, 1_u32, 36_u32);
        loop {
            let digit = match digits.next()? {
                letter @ b'a'..=b'z' => u32::from(letter - b'a'),
                digit @ b'0'..=b'9' => u32::from(digit - b'0') + 26,
                _ => return None,
            };
            at = at.checked_add(digit.checked_mul(weight)?)?;
            let least = step.saturating_sub(bias).clamp(1, 26);
            if digit < least {
                break;
            }
            weight = weight.checked_mul(36 - least)?;
            step += 36;
        }
        let length = decoded.len() as u32 + 1;
        let mut delta = if start == 0 {
            (at - start) / 700
        } else {
            (at - start) / 2
        };
        delta += delta / length;
        bias = 0;
        while delta > 455 {
            delta /= 35;
            bias += 36;
        }
        bias += 36 * delta / (delta + 38);
        code = code.checked_add(at / length)?;
        at %= length;
        if decoded.len() > 63 {
            return None;
        }
        decoded.insert(at as usize, char::from_u32(code)?);
        at += 1;
    }
    Some(decoded.into_iter().collect())
}

/// A list of domains in a few bytes each, to be shared by all who use it.
///
/// A domain stands for all below it: `example.com` holds `a.example.com`, and never the other way round.
#[derive(Debug, Default, Clone)]
pub struct Domains {
    hashes: Box<[u64]>,
}

// === impl Domains ===

impl Domains {
    /// A list of these, written as domains or as addresses: `*.` and `https://` before them, and paths behind, are left out.
    pub fn of<'a>(domains: impl IntoIterator<Item = &'a str>) -> Self {
        let clean = |domain: &str| {
            let domain = domain.trim();
            let domain = domain.split_once("://").map_or(domain, |(_, rest)| rest);
            let domain = domain.split(['/', ':', '?', '#']).next().unwrap_or(domain);
            let domain = domain.trim_start_matches("*.").trim_matches('.');
            let lower = domain.to_lowercase();
            lower.strip_prefix("www.").unwrap_or(&lower).to_owned()
        };
        let mut hashes: Vec<u64> = domains
            .into_iter()
            .map(clean)
            .filter(|domain| !domain.is_empty())
            .map(|domain| hash(&domain))
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        Self {
            hashes: hashes.into(),
        }
    }

    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether the list has this host, or a domain that it is below.
    pub fn contains(&self, host: &str) -> bool {
        parents(host).any(|domain| self.hashes.binary_search(&hash(domain)).is_ok())
    }

    /// Whether the list allows this link: one whose host only looks like an allowed one leads elsewhere.
    pub fn allows(&self, link: &Link) -> bool {
        !link.disguised && self.contains(&link.host)
    }
}

/// A host and the domains that it is below, without those that are longer than a domain can be.
pub(crate) fn parents(host: &str) -> impl Iterator<Item = &str> {
    let short = host.len().saturating_sub(LONGEST_DOMAIN);
    let from = match short.checked_sub(1) {
        Some(before) => host.as_bytes()[before..]
            .iter()
            .position(|byte| *byte == b'.')
            .map(|dot| before + dot + 1),
        None => Some(0),
    };
    let first = from.and_then(|from| host.get(from..));
    std::iter::successors(first, |domain| Some(domain.split_once('.')?.1))
}

fn hash(domain: &str) -> u64 {
    domain
        .bytes()
        .fold(0x646F_6D61_696E, |hash, byte| mix(hash ^ u64::from(byte)))
}

/// Which of these domains a host pretends to be: the same to the eye, or a letter away. None for those domains themselves.
pub fn resembles<'d>(host: &str, domains: &[&'d str]) -> Option<&'d str> {
    let below =
        |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    if domains.iter().any(|domain| below(domain)) {
        return None;
    }
    let said = name(host);
    let shown = shown(said);
    domains.iter().copied().find(|domain| {
        let meant = name(domain);
        said != meant && (shown == self::shown(meant) || (meant.len() >= 6 && one_apart(said, meant)))
    })
}

/// The label of a host that a person reads: `dlscord` of `www.dlscord.gift`.
pub(crate) fn name(host: &str) -> &str {
    host.rsplit('.').nth(1).unwrap_or(host)
}

/// What a label looks like: the same for all that are the same to the eye.
pub(crate) fn shown(name: &str) -> String {
    let name = name.replace(['-', '_'], "");
    let shown: String = name
        .chars()
        .map(|c| {
            let c = table::entry(c).look;
            match lookalikes::leet(c).first() {
                Some('i') => 'l',
                Some(letter) => *letter,
                None if c == 'i' => 'l',
                None => c,
            }
        })
        .collect();
    shown.replace("rn", "m").replace("vv", "w")
}

/// One letter more, less, other, or two neighbours exchanged.
pub(crate) fn one_apart(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let (short, long) = if one.len() <= other.len() {
        (&one, &other)
    } else {
        (&other, &one)
    };
    if long.len() - short.len() > 1 {
        return false;
    }
    let Some(at) = short.iter().zip(long).position(|(a, b)| a != b) else {
        return long.len() > short.len();
    };
    if short.len() < long.len() {
        return short[at..] == long[at + 1..];
    }
    let exchanged = at + 1 < short.len() && short[at] == long[at + 1] && short[at + 1] == long[at];
    short[at + 1..] == long[at + 1..] || (exchanged && short[at + 2..] == long[at + 2..])
}
