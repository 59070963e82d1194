//! A classifier as bytes: what it learnt, rounded to a hundred and twenty-eighth of the largest weight.

use super::features::SIZE;
use super::spam::{Classifier, met};

/// Why bytes are no classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelFault {
    #[error("this is no model of LOCKDOWN's")]
    NoModel,
    #[error("the model is of another version: train it anew")]
    OtherVersion,
    #[error("the model is torn: it ends too early or holds numbers that it cannot")]
    Torn,
}

/// The last digit is the version, which changes with what the features mean.
const MAGIC: &[u8; 8] = b"LKDSPAM5";
const HEAD: usize = MAGIC.len() + 8 + 6 * 4;

// === impl Classifier ===

impl Classifier {
    /// As bytes: the head, and for each weight that is not nothing the distance from the one before and two small numbers.
    pub fn to_bytes(&self) -> Vec<u8> {
        let largest = |all: &[f32]| {
            all.iter()
                .fold(f32::MIN_POSITIVE, |most, one| most.max(one.abs()))
        };
        let (scale, reach) = (
            largest(&self.weights) / 127.0,
            largest(&self.moved).sqrt() / 255.0,
        );
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.learnt.to_le_bytes());
        for number in [self.bias, self.slope, self.offset, self.least_known, scale, reach] {
            bytes.extend(number.to_le_bytes());
        }
        let mut last = 0;
        for (feature, (weight, moved)) in self.weights.iter().zip(&self.moved).enumerate() {
            if *moved == 0.0 {
                continue;
            }
            write_gap(&mut bytes, feature - last);
            last = feature;
            bytes.push((weight / scale).round().clamp(-127.0, 127.0) as i8 as u8);
            // At least one step: the feature was met.
            bytes.push((moved.sqrt() / reach).round().clamp(1.0, 255.0) as u8);
        }
        bytes
    }

    /// The classifier that [`Classifier::to_bytes`] made these of.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelFault> {
        let (magic, rest) = bytes.split_at_checked(MAGIC.len()).ok_or(ModelFault::NoModel)?;
        if magic[..7] != MAGIC[..7] {
            return Err(ModelFault::NoModel);
        }
        if magic != MAGIC {
            return Err(ModelFault::OtherVersion);
        }
        let (head, mut rest) = rest
            .split_at_checked(HEAD - MAGIC.len())
            .ok_or(ModelFault::Torn)?;
        let number = |place: usize| {
            let bytes = [head[place], head[place + 1], head[place + 2], head[place + 3]];
            let number = f32::from_le_bytes(bytes);
            number.is_finite().then_some(number).ok_or(ModelFault::Torn)
        };
        let mut learnt = [0; 8];
        learnt.copy_from_slice(&head[..8]);
        let mut model = Self {
            learnt: u64::from_le_bytes(learnt),
            bias: number(8)?,
            slope: number(12)?,
            offset: number(16)?,
            least_known: number(20)?,
            ..Self::default()
        };
        let (scale, reach) = (number(24)?, number(28)?);
        let mut feature = 0_usize;
        while !rest.is_empty() {
            let gap = read_gap(&mut rest)?;
            let [weight, moved, after @ ..] = rest else {
                return Err(ModelFault::Torn);
            };
            rest = after;
            feature += gap;
            if feature >= SIZE {
                return Err(ModelFault::Torn);
            }
            model.weights[feature] = met(f32::from(*weight as i8) * scale);
            model.moved[feature] = (f32::from(*moved) * reach).powi(2);
        }
        Ok(model)
    }
}

/// A number in as few bytes as it needs.
pub(super) fn write_gap(bytes: &mut Vec<u8>, mut gap: usize) {
    while gap >= 0x80 {
        bytes.push(gap as u8 | 0x80);
        gap >>= 7;
    }
    bytes.push(gap as u8);
}

pub(super) fn read_gap(bytes: &mut &[u8]) -> Result<usize, ModelFault> {
    let (mut gap, mut shift) = (0, 0);
    loop {
        let (byte, after) = bytes.split_first().ok_or(ModelFault::Torn)?;
        *bytes = after;
        gap |= usize::from(byte & 0x7F) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Ok(gap);
        }
        if shift > 21 {
            return Err(ModelFault::Torn);
        }
    }
}
