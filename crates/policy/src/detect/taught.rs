//! What one community taught the classifier, as a difference to the model that all of them share.
//!
//! A lesson keeps what the classifier sees of a text: numbered features, in the order of their numbers. The text is not in
//! it. What lessons change is always made from all of them anew, so that a lesson taken back leaves nothing behind.

use super::features::{Features, SIZE, WEIGHTS};
use super::spam::{Classifier, Reader, met};
use super::store::{ModelFault, read_gap, write_gap};

/// A text that moderators called spam, or not spam, as the classifier sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    features: Features,
    pub is_spam: bool,
}

/// What lessons change about the weights of the shared model.
#[derive(Clone, PartialEq, Eq)]
pub struct Taught {
    /// In units of [`UNIT`]; a feature that is met in a lesson is never nothing.
    weights: Box<[i16]>,
}

/// The last digit is the version, which changes with what the features mean.
const MAGIC: &[u8; 8] = b"LKDLERN3";
const UNIT: f32 = 1.0 / 4_096.0;
/// The odds that a lesson's own text has afterwards: nine to one.
const SURE: f32 = 2.2;
/// How often lessons are gone through at most.
const ROUNDS: usize = 40;
const RATE: f32 = 0.25;
/// What thousands of samples taught, a few lessons can still change.
const STIFFEST: f32 = 0.02;

// === impl Lesson ===

impl Lesson {
    /// The lesson, and a fingerprint that is the same for all texts that read the same.
    pub fn of(reader: &mut Reader, text: &str, is_spam: bool) -> (Self, [u8; 8]) {
        let features = reader.features_of(text).clone().sorted();
        (Self { features, is_spam }, reader.key().to_be_bytes())
    }

    /// As bytes, with the version of the features before them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push((self.features.disguise * 255.0).round() as u8);
        for group in self.features.groups() {
            write_gap(&mut bytes, group.len());
            let mut last = 0;
            for feature in group {
                write_gap(&mut bytes, (*feature - last) as usize);
                last = *feature;
            }
        }
        bytes
    }

    pub fn from_bytes(bytes: &[u8], is_spam: bool) -> Result<Self, ModelFault> {
        let rest = versioned(bytes)?;
        let (disguise, mut rest) = rest.split_first().ok_or(ModelFault::Torn)?;
        let mut groups: [Vec<u32>; WEIGHTS.len()] = Default::default();
        for group in &mut groups {
            let count = read_gap(&mut rest)?;
            let mut last = 0;
            for _ in 0..count {
                last += read_gap(&mut rest)?;
                let feature = u32::try_from(last).ok().filter(|_| last < SIZE);
                group.push(feature.ok_or(ModelFault::Torn)?);
            }
        }
        if !rest.is_empty() {
            return Err(ModelFault::Torn);
        }
        let features = Features::of_groups(&groups, f32::from(*disguise) / 255.0);
        Ok(Self { features, is_spam })
    }
}

// === impl Taught ===

impl Taught {
    /// What these lessons, in their order, change about a model.
    pub fn of(base: &Classifier, lessons: &[Lesson]) -> Self {
        let mut model = base.clone();
        for moved in &mut model.moved {
            *moved = moved.min(STIFFEST);
        }
        for feature in met_by(lessons) {
            model.weights[feature] = met(model.weights[feature]);
        }
        for _ in 0..ROUNDS {
            let mut all_known = true;
            for lesson in lessons {
                let odds = model.odds(&lesson.features);
                let is_known = if lesson.is_spam {
                    odds >= SURE
                } else {
                    odds <= -SURE
                };
                if is_known {
                    continue;
                }
                all_known = false;
                let probability = 1.0 / (1.0 + (-odds).exp());
                let error = f32::from(u8::from(lesson.is_spam)) - probability;
                model.nudge(&lesson.features, error, RATE);
            }
            if all_known {
                break;
            }
        }
        let mut weights = vec![0; SIZE];
        for feature in met_by(lessons) {
            let units = ((model.weights[feature] - base.weights[feature]) / UNIT).round();
            let units = units.clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16;
            weights[feature] = if units == 0 { 1 } else { units };
        }
        Self {
            weights: weights.into(),
        }
    }

    /// What is to be added to the weight of a feature; nothing at all if no lesson has it.
    pub(super) fn weight(&self, feature: u32) -> f32 {
        f32::from(self.weights[feature as usize]) * UNIT
    }

    /// As bytes: for each weight that is not nothing the distance from the one before, and itself.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut last = 0;
        for (feature, weight) in self.weights.iter().enumerate() {
            if *weight != 0 {
                write_gap(&mut bytes, feature - last);
                bytes.extend(weight.to_le_bytes());
                last = feature;
            }
        }
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelFault> {
        let mut rest = versioned(bytes)?;
        let mut weights = vec![0; SIZE];
        let mut feature = 0;
        while !rest.is_empty() {
            feature += read_gap(&mut rest)?;
            let [low, high, after @ ..] = rest else {
                return Err(ModelFault::Torn);
            };
            rest = after;
            let weight = weights.get_mut(feature).ok_or(ModelFault::Torn)?;
            *weight = i16::from_le_bytes([*low, *high]);
        }
        Ok(Self {
            weights: weights.into(),
        })
    }
}

impl std::fmt::Debug for Taught {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let met = self.weights.iter().filter(|weight| **weight != 0);
        f.debug_struct("Taught").field("features", &met.count()).finish()
    }
}

fn met_by(lessons: &[Lesson]) -> impl Iterator<Item = usize> {
    let groups = lessons.iter().flat_map(|lesson| lesson.features.groups());
    groups.flatten().map(|feature| *feature as usize)
}

/// What comes after the version.
fn versioned(bytes: &[u8]) -> Result<&[u8], ModelFault> {
    let (magic, rest) = bytes.split_at_checked(MAGIC.len()).ok_or(ModelFault::NoModel)?;
    if magic[..7] != MAGIC[..7] {
        return Err(ModelFault::NoModel);
    }
    if magic != MAGIC {
        return Err(ModelFault::OtherVersion);
    }
    Ok(rest)
}
