//! The spam and scam classifier: a linear model of fixed size, learnt from decisions, with a calibrated probability.
//!
//! What a community teaches beside is a [`Taught`]. It abstains outside its domain: where less of a text was met in training
//! than of texts like those it learnt from. To learn from a moderator's decision, [`Classifier::learn`]; to learn from many
//! at once, [`Classifier::train`], which calibrates too.

use super::features::{Features, SIZE, STRETCHES, Scratch, WEIGHTS};
use super::taught::Taught;
use crate::text::Text;
use crate::text::tokens::mix;

/// A message and what a moderator thought of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample<'a> {
    pub text: &'a str,
    pub is_spam: bool,
}

/// The classifier, and all that it has learnt.
#[derive(Debug, Clone)]
pub struct Classifier {
    /// What each feature weighs: nothing at all if it was never met.
    pub(super) weights: Box<[f32]>,
    /// How much each was moved: the more, the slower it moves.
    pub(super) moved: Box<[f32]>,
    pub(super) bias: f32,
    /// From a margin to the logarithm of the odds.
    pub(super) slope: f32,
    pub(super) offset: f32,
    /// The share of a text that has to be known.
    pub(super) least_known: f32,
    /// Samples that it learnt from.
    pub(super) learnt: u64,
}

/// What the classifier thinks of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Opinion {
    /// That it is spam, from 0 to 1; never above a tenth where it abstains.
    pub probability: f32,
    /// Share of the stretches of letters that were met in training, from 0 to 1.
    pub known: f32,
    /// Too little of the text is known to say anything.
    pub abstains: bool,
}

/// Reads texts and keeps the space that it takes.
#[derive(Debug, Default)]
pub struct Reader {
    text: Text,
    features: Features,
    scratch: Scratch,
}

/// What a disguise counts for, as the logarithm of odds.
const DISGUISE: f32 = 2.0;
/// How probable anything may be called by a classifier that abstains.
const MOST_ABSTAINING: f32 = 0.1;
const RATE: f32 = 0.15;
const EPOCHS: usize = 12;
/// Draws weights to nothing, so that what was seen once is not believed.
const DECAY: f32 = 2e-4;
/// How often each sample is learnt again as somebody mistypes it, and how much that counts.
const WORN: u64 = 3;
const WORN_WEIGHT: f32 = 0.5;
/// How much of a group's weight belongs to features that were never met.
const ROOM: f32 = 0.3;
/// Parts that the samples are cut into for calibration.
const FOLDS: u64 = 5;

// === impl Classifier ===

impl Default for Classifier {
    fn default() -> Self {
        Self {
            weights: vec![0.0; SIZE].into(),
            moved: vec![0.0; SIZE].into(),
            bias: 0.0,
            slope: 1.0,
            offset: 0.0,
            least_known: 0.0,
            learnt: 0,
        }
    }
}

impl Classifier {
    /// The classifier that LOCKDOWN ships: see `model/README.md`.
    pub fn base() -> Self {
        Self::from_bytes(include_bytes!("../../model/base.bin")).expect("a test reads the shipped model")
    }

    /// A classifier that learnt from these, whatever their order, and nothing else.
    pub fn train(samples: &[Sample<'_>]) -> Self {
        Self::default().trained(samples)
    }

    /// This one, taught these as well, and calibrated anew on them.
    pub fn trained(self, samples: &[Sample<'_>]) -> Self {
        let mut reader = Reader::default();
        let mut read: Vec<Read> = samples.iter().map(|sample| reader.sample(sample)).collect();
        for round in 1..=WORN {
            let worn: Vec<Read> = samples
                .iter()
                .zip(&read)
                .map(|(sample, read)| reader.worn(sample, read.key, round))
                .collect();
            read.extend(worn);
        }
        // What each part looks like to a model that has not seen it.
        let (mut seen, mut known) = (Vec::new(), Vec::new());
        for fold in 0..FOLDS {
            let mut partial = self.clone();
            partial.fit(read.iter().filter(|read| read.key % FOLDS != fold));
            let rest = read
                .iter()
                .filter(|read| read.key % FOLDS == fold && read.importance == 1.0);
            for read in rest {
                let asked = partial.ask(&read.features);
                seen.push((asked.margin, read.is_spam));
                known.push(asked.known);
            }
        }
        let mut whole = self;
        whole.fit(read.iter());
        (whole.slope, whole.offset) = calibration(&seen);
        known.sort_by(f32::total_cmp);
        // Where texts are much alike, one that is a little strange is from elsewhere; where they differ, none is.
        whole.least_known = known.get(known.len() / 20).map_or(0.0, |known| known.powi(3));
        whole
    }

    /// Learns from one decision.
    pub fn learn(&mut self, reader: &mut Reader, sample: &Sample<'_>) {
        let read = reader.sample(sample);
        self.step(&read, 1.0, RATE);
        self.learnt += 1;
    }

    /// What it thinks of a text.
    pub fn judge(&self, reader: &mut Reader, text: &str) -> Opinion {
        self.judge_taught(reader, text, None)
    }

    /// The same where somebody taught it more.
    pub fn judge_taught(&self, reader: &mut Reader, text: &str, taught: Option<&Taught>) -> Opinion {
        let features = reader.features_of(text);
        let own = |feature: u32| self.weights[feature as usize];
        match taught {
            None => self.opinion(features, self.ask(features)),
            Some(taught) => {
                let both = |feature| own(feature) + taught.weight(feature);
                self.opinion(features, self.ask_by(features, both))
            }
        }
    }

    /// What it thinks of a text that was read already.
    pub fn judge_text(&self, reader: &mut Reader, text: &Text) -> Opinion {
        reader.features.read(text, &mut reader.scratch);
        self.opinion(&reader.features, self.ask(&reader.features))
    }

    /// The logarithm of the odds that it is spam.
    pub(super) fn odds(&self, features: &Features) -> f32 {
        self.odds_by(features, self.ask(features).margin)
    }

    fn odds_by(&self, features: &Features, margin: f32) -> f32 {
        self.slope * margin + self.offset + DISGUISE * features.disguise
    }

    fn opinion(&self, features: &Features, asked: Asked) -> Opinion {
        let Asked { margin, known } = asked;
        let abstains = self.learnt == 0 || known < self.least_known;
        let odds = self.odds_by(features, margin);
        let probability = 1.0 / (1.0 + (-odds).exp());
        Opinion {
            // In the same order as the others among themselves.
            probability: if abstains {
                probability * MOST_ABSTAINING
            } else {
                probability
            },
            known,
            abstains,
        }
    }

    /// What the weights say. Features that were never met leave more room to the others of their group, so that mistyping half
    /// of the words does not halve what the rest says.
    fn ask(&self, features: &Features) -> Asked {
        self.ask_by(features, |feature| self.weights[feature as usize])
    }

    fn ask_by(&self, features: &Features, weight_of: impl Fn(u32) -> f32) -> Asked {
        let mut asked = Asked {
            margin: self.bias,
            known: 0.0,
        };
        for (number, (group, weight)) in features.groups().zip(WEIGHTS).enumerate() {
            let (mut sum, mut met) = (0.0, 0_u32);
            for feature in group {
                let weight = weight_of(*feature);
                sum += weight;
                met += u32::from(weight != 0.0);
            }
            let (all, met) = (group.len() as f32, met as f32);
            asked.margin += weight * sum / (ROOM * all + (1.0 - ROOM) * met).max(1.0).sqrt();
            if number == STRETCHES {
                asked.known = met / all.max(1.0);
            }
        }
        asked
    }

    fn fit<'r>(&mut self, samples: impl Iterator<Item = &'r Read>) {
        let mut samples: Vec<&Read> = samples.collect();
        let spam = samples.iter().filter(|read| read.is_spam).count();
        let ham = samples.len() - spam;
        if spam == 0 || ham == 0 {
            return;
        }
        // Both sides weigh the same, within reason.
        let balance = (ham as f32 / spam as f32).sqrt().clamp(0.25, 4.0);
        for epoch in 0..EPOCHS {
            samples.sort_unstable_by_key(|read| mix(read.key ^ (epoch as u64) << 32));
            for read in &samples {
                self.step(
                    read,
                    read.importance * if read.is_spam { balance } else { 1.0 },
                    RATE,
                );
            }
        }
        self.learnt += samples.len() as u64;
    }

    fn step(&mut self, read: &Read, importance: f32, rate: f32) {
        let sums = valued(&read.features).map(|(group, value)| {
            value
                * group
                    .iter()
                    .map(|feature| self.weights[*feature as usize])
                    .sum::<f32>()
        });
        let odds = self.bias + sums.sum::<f32>();
        let probability = 1.0 / (1.0 + (-odds).exp());
        let error = (f32::from(u8::from(read.is_spam)) - probability) * importance;
        self.bias += 0.02 * error;
        self.nudge(&read.features, error, rate);
    }

    /// Moves the weights of these features, so that the error becomes less.
    pub(super) fn nudge(&mut self, features: &Features, error: f32, rate: f32) {
        for (group, value) in valued(features) {
            for feature in group {
                let (weight, moved) = (
                    &mut self.weights[*feature as usize],
                    &mut self.moved[*feature as usize],
                );
                let step = error * value - DECAY * *weight;
                *moved += step * step + 1e-12;
                *weight = met(*weight + rate * step / (moved.sqrt() + 1e-3));
            }
        }
    }
}

/// The groups of features, and what each feature of one counts for.
fn valued(features: &Features) -> impl Iterator<Item = (&[u32], f32)> {
    let groups = features.groups().zip(WEIGHTS);
    groups.map(|(group, weight)| (group, weight / (group.len().max(1) as f32).sqrt()))
}

/// A weight that is never nothing: its feature was met.
pub(super) fn met(weight: f32) -> f32 {
    if weight == 0.0 { f32::MIN_POSITIVE } else { weight }
}

/// What the weights say of a text.
#[derive(Clone, Copy)]
struct Asked {
    margin: f32,
    /// Share of its stretches that were met.
    known: f32,
}

/// A sample as numbers.
struct Read {
    features: Features,
    is_spam: bool,
    /// How much it counts for beside others.
    importance: f32,
    /// Of the text, for an order that is the same everywhere.
    key: u64,
}

// === impl Reader ===

impl Reader {
    pub(super) fn features_of(&mut self, text: &str) -> &Features {
        self.text.read(text);
        self.features.read(&self.text, &mut self.scratch);
        &self.features
    }

    /// Of the text that was read last: the same for all that read the same.
    pub(super) fn key(&self) -> u64 {
        let folded = self.text.folded().as_str().bytes();
        folded.fold(0, |key, byte| mix(key ^ u64::from(byte)))
    }

    fn sample(&mut self, sample: &Sample<'_>) -> Read {
        Read {
            features: self.features_of(sample.text).clone(),
            is_spam: sample.is_spam,
            importance: 1.0,
            key: self.key(),
        }
    }

    /// The sample as somebody writes it who mistypes, or wants to be misread: it counts for less, and stays with its original.
    fn worn(&mut self, sample: &Sample<'_>, key: u64, round: u64) -> Read {
        let worn = wear(sample.text, mix(key ^ round));
        let read = self.sample(&Sample {
            text: &worn,
            is_spam: sample.is_spam,
        });
        Read {
            key,
            importance: WORN_WEIGHT,
            ..read
        }
    }
}

/// Exchanges, leaves out, repeats or parts a letter inside of most longer words.
fn wear(text: &str, seed: u64) -> String {
    let mut worn = String::with_capacity(text.len() + text.len() / 4);
    for (place, word) in (0_u64..).zip(text.split_inclusive(char::is_whitespace)) {
        let mut letters: Vec<char> = word.chars().collect();
        let letter = |c: &&char| c.is_alphabetic();
        let count = letters.iter().take_while(letter).count();
        let draw = mix(seed ^ place << 8);
        if count >= 4 {
            // Neither the first letter nor the last.
            let at = 1 + (draw >> 8) as usize % (count - 2);
            match draw % 5 {
                0 if count > 4 => letters.swap(at, if at + 2 < count { at + 1 } else { at - 1 }),
                0 => letters.swap(1, 2),
                1 => drop(letters.remove(at)),
                2 => letters.splice(at..at, [letters[at]; 2]).for_each(drop),
                3 => letters.insert(at, ' '),
                _ => {}
            }
        }
        worn.extend(letters);
    }
    worn
}

/// Slope and offset by which margins become logarithms of odds: logistic regression in one dimension (Platt), by Newton.
fn calibration(seen: &[(f32, bool)]) -> (f32, f32) {
    let spam = seen.iter().filter(|(_, is_spam)| *is_spam).count() as f64;
    let ham = seen.len() as f64 - spam;
    if spam < 5.0 || ham < 5.0 {
        return (1.0, 0.0);
    }
    // Never quite sure, as Platt has it.
    let (sure_spam, sure_ham) = ((spam + 1.0) / (spam + 2.0), 1.0 / (ham + 2.0));
    let (mut slope, mut offset) = (1.0_f64, 0.0_f64);
    for _ in 0..50 {
        let [mut g0, mut g1, mut h00, mut h01, mut h11] = [0.0, 0.0, 1e-9, 0.0, 1e-9];
        for (margin, is_spam) in seen {
            let margin = f64::from(*margin);
            let probability = 1.0 / (1.0 + (-(slope * margin + offset)).exp());
            let error = if *is_spam { sure_spam } else { sure_ham } - probability;
            let spread = (probability * (1.0 - probability)).max(1e-9);
            g0 += error * margin;
            g1 += error;
            h00 += spread * margin * margin;
            h01 += spread * margin;
            h11 += spread;
        }
        let determinant = h00 * h11 - h01 * h01;
        if determinant.abs() < 1e-12 {
            break;
        }
        let (a, b) = (
            (h11 * g0 - h01 * g1) / determinant,
            (h00 * g1 - h01 * g0) / determinant,
        );
        slope = (slope + a.clamp(-2.0, 2.0)).clamp(0.05, 50.0);
        offset = (offset + b.clamp(-5.0, 5.0)).clamp(-50.0, 50.0);
        if a.abs() + b.abs() < 1e-9 {
            break;
        }
    }
    (slope as f32, offset as f32)
}
