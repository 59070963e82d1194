//! What detectors see in an event alone: the classifier that has learned, and imitations of well-known hosts.

use super::Facts;
use crate::accounts::Accounts;
use crate::catalogue::Slot;
use crate::compile::RuleSet;
use crate::detect::spam::{Classifier, Reader};
use crate::detect::taught::Taught;
use crate::text::links::{Domains, resembles};
use lockdown_events::Platform;
use std::sync::Arc;

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
    bad_links: Option<Arc<Domains>>,
    listed: Vec<(Platform, Arc<Accounts>)>,
}

// === impl Learned ===

impl Learned {
    pub fn new(classifier: Classifier) -> Self {
        Self {
            classifier,
            reader: Reader::default(),
            bad_links: None,
            listed: Vec::new(),
        }
    }

    /// From now on these are bad; of no list it is not known which are.
    pub fn set_bad_links(&mut self, domains: Option<Arc<Domains>>) {
        self.bad_links = domains;
    }

    /// From now on these accounts are listed; of a platform without a list it is not known which are.
    pub fn set_listed(&mut self, listed: Vec<(Platform, Arc<Accounts>)>) {
        self.listed = listed;
    }

    /// Sets what they make of an event, as far as these rules ask for it, with what the community taught.
    pub fn add(&mut self, facts: &mut Facts, rules: &[&RuleSet], taught: Option<&Taught>) {
        let asked = |slot| rules.iter().any(|rules| rules.asks(slot));
        if asked(Slot::SpamScore)
            && let Some(text) = facts.text(Slot::Text)
        {
            let opinion = self.classifier.judge_taught(&mut self.reader, text, taught);
            if !opinion.abstains {
                facts.set_number(Slot::SpamScore, (opinion.probability * 100.0).round() as i64);
            }
        }
        if asked(Slot::LinksBad)
            && let (Some(bad), Some(hosts)) = (&self.bad_links, facts.words(Slot::Links))
        {
            let is_bad = hosts.iter().any(|host| bad.contains(host));
            facts.set_flag(Slot::LinksBad, is_bad);
        }
        if asked(Slot::AuthorListed)
            && let Some((_, listed)) = self.listed.iter().find(|(of, _)| *of == facts.platform)
        {
            let is_listed = listed.contains(&facts.author);
            facts.set_flag(Slot::AuthorListed, is_listed);
        }
        if asked(Slot::LinksLookalike)
            && let Some(hosts) = facts.words(Slot::Links)
        {
            let imitates = hosts.iter().any(|host| resembles(host, WELL_KNOWN).is_some());
            facts.set_flag(Slot::LinksLookalike, imitates);
        }
    }
}
