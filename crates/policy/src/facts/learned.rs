//! What detectors see in an event alone: the classifier that has learned, and imitations of well-known hosts.

use super::Facts;
use crate::catalogue::Slot;
use crate::compile::RuleSet;
use crate::detect::spam::{Classifier, Reader};
use crate::text::links::resembles;

/// Hosts that are imitated to get at passwords, money or accounts.
const WELL_KNOWN: &[&str] = &[
    "amazon.com",
    "apple.com",
    "binance.com",
    "coinbase.com",
    "discord.com",
    "discord.gg",
    "discordapp.com",
    "epicgames.com",
    "facebook.com",
    "github.com",
    "google.com",
    "instagram.com",
    "metamask.io",
    "microsoft.com",
    "netflix.com",
    "opensea.io",
    "paypal.com",
    "reddit.com",
    "roblox.com",
    "spotify.com",
    "steamcommunity.com",
    "steampowered.com",
    "telegram.org",
    "tiktok.com",
    "twitch.tv",
    "twitter.com",
    "whatsapp.com",
    "youtube.com",
];

/// Detectors that remember nothing of events.
#[derive(Debug)]
pub struct Learned {
    classifier: Classifier,
    reader: Reader,
}

// === impl Learned ===

impl Learned {
    pub fn new(classifier: Classifier) -> Self {
        Self {
            classifier,
            reader: Reader::default(),
        }
    }

    /// Sets what they make of an event, as far as these rules ask for it.
    pub fn add(&mut self, facts: &mut Facts, rules: &[&RuleSet]) {
        let asked = |slot| rules.iter().any(|rules| rules.asks(slot));
        if asked(Slot::SpamScore)
            && let Some(text) = facts.text(Slot::Text)
        {
            let opinion = self.classifier.judge(&mut self.reader, text);
            if !opinion.abstains {
                facts.set_number(Slot::SpamScore, (opinion.probability * 100.0).round() as i64);
            }
        }
        if asked(Slot::LinksLookalike)
            && let Some(hosts) = facts.words(Slot::Links)
        {
            let imitates = hosts.iter().any(|host| resembles(host, WELL_KNOWN).is_some());
            facts.set_flag(Slot::LinksLookalike, imitates);
        }
    }
}
