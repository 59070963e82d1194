//! Heads of chains, signed, to be kept where whoever can change the database cannot reach.
//!
//! Somebody who can write to the database can write a chain anew, every hash included, and cut it. They cannot change what
//! was shown outside before: a [`SignedHead`] says which entry was the newest of a guild at a time, and its signature that
//! this installation said so. [`Conn::shown_fault`](crate::Conn::shown_fault) then finds the chain that does not
//! contain it any more.

use chrono::{DateTime, SecondsFormat, Utc};
use lockdown_events::{GuildId, Platform};
use lockdown_runtime::Context;
use lockdown_runtime::ids::{hex, random_token};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Goes first into what is signed: another form of head gets another name.
const FORM: &[u8] = b"lockdown.audit.head.1";
const SEED_BYTES: usize = 32;

/// What heads are signed with.
pub struct AuditKey(Ed25519KeyPair);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum AuditKeyError {
    #[error("could not read the audit key {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("could not keep a new audit key at {}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error(
        "{} holds no audit key, which is 64 hexadecimal digits: put back the one that was there; \
         removing it makes a new one, which did not sign what was shown before", path.display()
    )]
    Damaged { path: PathBuf },
    #[error("LOCKDOWN_AUDIT_KEY is no audit key, which is 64 hexadecimal digits")]
    Setting,
}

/// The newest entry of a guild's chain at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedHead {
    pub platform: Platform,
    pub guild_id: GuildId,
    pub seq: u64,
    /// In hexadecimal digits, as the two below.
    pub hash: String,
    pub at: DateTime<Utc>,
    /// The public half of what it is signed with.
    pub key: String,
    pub signature: String,
}

/// Why a head says nothing about a chain.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    #[error(
        "this is no signed head: one is a line as `lockdown audit head` prints it, with or without `--json`"
    )]
    Form,
    #[error("it was changed since it was signed")]
    Forged,
    #[error(
        "it is signed by the key {key}, which is not this installation's: if it once was, say so with `--key {key}`"
    )]
    Stranger { key: String },
}

// === impl AuditKey ===

impl AuditKey {
    /// The key that the configuration gives, or the one in the data directory. `None`: there is none yet.
    pub fn find(ctx: &Context) -> Result<Option<Self>, AuditKeyError> {
        if let Some(key) = &ctx.config.store.audit_key {
            return Self::of_seed(key.expose())
                .ok_or(AuditKeyError::Setting)
                .map(Some);
        }
        let path = path(ctx);
        match std::fs::read_to_string(&path) {
            Ok(text) => match Self::of_seed(text.trim()) {
                Some(key) => Ok(Some(key)),
                None => Err(AuditKeyError::Damaged { path }),
            },
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(AuditKeyError::Read { path, source }),
        }
    }

    /// As [`AuditKey::find`]; where there is none, one is made and kept in the data directory.
    pub fn find_or_make(ctx: &Context) -> Result<Self, AuditKeyError> {
        loop {
            if let Some(key) = Self::find(ctx)? {
                return Ok(key);
            }
            let path = path(ctx);
            keep(&path, &random_token(SEED_BYTES)).map_err(|source| AuditKeyError::Write { path, source })?;
        }
    }

    fn of_seed(digits: &str) -> Option<Self> {
        let seed = bytes(digits).filter(|seed| seed.len() == SEED_BYTES)?;
        Ed25519KeyPair::from_seed_unchecked(&seed).ok().map(Self)
    }

    /// The half that others may know.
    pub fn public(&self) -> String {
        hex(self.0.public_key().as_ref())
    }

    pub fn sign(
        &self,
        platform: Platform,
        guild_id: GuildId,
        seq: u64,
        hash: &[u8],
        at: DateTime<Utc>,
    ) -> SignedHead {
        let mut head = SignedHead {
            platform,
            guild_id,
            seq,
            hash: hex(hash),
            at,
            key: self.public(),
            signature: String::new(),
        };
        head.signature = hex(self.0.sign(&head.signed()).as_ref());
        head
    }
}

fn path(ctx: &Context) -> PathBuf {
    ctx.config.data_dir.join("audit.key")
}

/// Whole or not at all, and never in the place of one that is there: another process may be making one.
fn keep(path: &Path, digits: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let fresh = folder.join(format!("audit.key.{}", random_token(8)));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&fresh)?;
    let kept = file
        .write_all(format!("{digits}\n").as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| match std::fs::hard_link(&fresh, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        });
    std::fs::remove_file(&fresh)?;
    kept
}

/// The bytes that hexadecimal digits stand for.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = (0..digits.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
        .collect()
}

// === impl SignedHead ===

impl SignedHead {
    /// Whether one of these keys said so.
    pub fn check(&self, trusted: &[String]) -> Result<(), HeadError> {
        let (Some(key), Some(signature)) = (bytes(&self.key), bytes(&self.signature)) else {
            return Err(HeadError::Form);
        };
        UnparsedPublicKey::new(&ED25519, key)
            .verify(&self.signed(), &signature)
            .map_err(|_| HeadError::Forged)?;
        if trusted.iter().any(|known| known.eq_ignore_ascii_case(&self.key)) {
            return Ok(());
        }
        Err(HeadError::Stranger {
            key: self.key.clone(),
        })
    }

    /// The hash as it stands in the chain.
    pub fn hash(&self) -> Vec<u8> {
        // Digits that are none are the hash of no entry.
        bytes(&self.hash).unwrap_or_default()
    }

    fn signed(&self) -> Vec<u8> {
        let mut signed = Vec::new();
        for part in [
            FORM,
            self.platform.as_str().as_bytes(),
            self.guild_id.as_str().as_bytes(),
            &self.seq.to_be_bytes(),
            self.hash.as_bytes(),
            &self.at.timestamp_micros().to_be_bytes(),
        ] {
            signed.extend((part.len() as u64).to_be_bytes());
            signed.extend(part);
        }
        signed
    }
}

/// One line, to be pasted anywhere.
impl fmt::Display for SignedHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            platform,
            guild_id,
            seq,
            hash,
            at,
            key,
            signature,
        } = self;
        let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
        write!(f, "{platform}/{guild_id} {seq} {hash} {at} {key} {signature}")
    }
}

/// Either form: a line of words, or a JSON document.
impl FromStr for SignedHead {
    type Err = HeadError;

    fn from_str(line: &str) -> Result<Self, HeadError> {
        if line.starts_with('{') {
            return serde_json::from_str(line).map_err(|_| HeadError::Form);
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let [guild, seq, hash, at, key, signature] = words[..] else {
            return Err(HeadError::Form);
        };
        let (platform, guild_id) = guild.split_once('/').ok_or(HeadError::Form)?;
        Ok(Self {
            platform: platform.parse().map_err(|_| HeadError::Form)?,
            guild_id: GuildId::new(guild_id).map_err(|_| HeadError::Form)?,
            seq: seq.parse().map_err(|_| HeadError::Form)?,
            hash: hash.to_owned(),
            at: at.parse().map_err(|_| HeadError::Form)?,
            key: key.to_owned(),
            signature: signature.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digit: &str) -> AuditKey {
        AuditKey::of_seed(&digit.repeat(64)).unwrap()
    }

    fn head(key: &AuditKey) -> SignedHead {
        let at = "2026-11-20T09:06:00.123456Z".parse().unwrap();
        key.sign(
            Platform::Telegram,
            GuildId::new("-100").unwrap(),
            17,
            &[0xab; 32],
            at,
        )
    }

    #[test]
    fn a_head_is_read_back_in_both_forms() {
        let head = head(&key("1"));
        assert_eq!(head.to_string().parse::<SignedHead>().unwrap(), head);
        let json = serde_json::to_string(&head).unwrap();
        assert_eq!(json.parse::<SignedHead>().unwrap(), head);
        head.check(&[key("1").public()]).unwrap();
        assert_eq!(head.hash(), [0xab; 32]);
        for line in [
            "",
            "discord/1 2 3",
            "{}",
            "nowhere/1 1 a 2026-11-20T09:06:00Z b c",
        ] {
            assert!(
                matches!(line.parse::<SignedHead>(), Err(HeadError::Form)),
                "{line}"
            );
        }
    }

    #[test]
    fn a_changed_head_is_forged() {
        let signed = head(&key("1"));
        let trusted = [signed.key.clone()];
        let other = key("2");
        for (what, change) in [
            (
                "platform",
                (|head| head.platform = Platform::Discord) as fn(&mut SignedHead),
            ),
            ("guild", |head| head.guild_id = GuildId::new("-1001").unwrap()),
            ("seq", |head| head.seq = 16),
            ("hash", |head| head.hash = hex(&[0xac; 32])),
            ("at", |head| head.at += chrono::TimeDelta::microseconds(1)),
            ("signature", |head| head.signature = "00".repeat(64)),
        ] {
            let mut changed = signed.clone();
            change(&mut changed);
            assert!(
                matches!(changed.check(&trusted), Err(HeadError::Forged)),
                "{what}"
            );
        }
        let mut claimed = signed.clone();
        claimed.key = other.public();
        assert!(matches!(claimed.check(&[other.public()]), Err(HeadError::Forged)));
        assert!(matches!(
            head(&other).check(&trusted),
            Err(HeadError::Stranger { .. })
        ));
    }
}
