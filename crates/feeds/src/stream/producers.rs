//! Idempotent producers (Durable Streams 1.0, 5.2.1): who may append, and what was appended before.
//!
//! | epoch | sequence number | then |
//! |---|---|---|
//! | lower than the producer's | any | [`Fenced`](ProducerError::Fenced) |
//! | higher, or a new producer | 0 | new |
//! | higher | another | [`EpochStart`](ProducerError::EpochStart) |
//! | the same | up to the highest so far | a repeat: nothing is appended |
//! | the same | the next | new |
//! | the same, or a new producer | beyond that | [`Missing`](ProducerError::Missing) |

use std::collections::HashMap;

use thiserror::Error;
use tokio::time::Instant;

/// Who appends, as its headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Producer<'a> {
    pub(crate) id: &'a str,
    pub(crate) epoch: u64,
    pub(crate) sequence: u64,
}

/// Why a producer's append is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProducerError {
    /// Another instance of the producer has begun a later epoch.
    #[error("the producer has begun epoch {current}: this one is over")]
    Fenced {
        /// The epoch that counts.
        current: u64,
    },
    /// The first append of an epoch is not number 0.
    #[error("the first sequence number of an epoch is 0")]
    EpochStart,
    /// An append before this one has not come.
    #[error("the sequence number {expected} comes next, not {received}")]
    Missing {
        /// The next sequence number.
        expected: u64,
        /// The one that came.
        received: u64,
    },
}

/// What a producer is told when its append was taken, or had been before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) epoch: u64,
    /// The highest sequence number so far.
    pub(crate) highest: u64,
    /// It was appended before.
    pub(crate) is_repeat: bool,
}

/// The producers of one stream.
#[derive(Debug, Default)]
pub(crate) struct Producers(HashMap<Box<str>, Known>);

#[derive(Clone, Copy, Debug)]
struct Known {
    epoch: u64,
    highest: u64,
    used: Instant,
}

/// So many are known of one stream. The one that was silent for longest is forgotten, and new when it
/// comes back.
pub(crate) const PRODUCERS_MAX: usize = 1_000;

impl Producers {
    /// Judges an append, and changes nothing yet.
    pub(crate) fn judge(&self, producer: Producer<'_>) -> Result<Accepted, ProducerError> {
        let Producer { id, epoch, sequence } = producer;
        let new = |highest| Accepted { epoch, highest, is_repeat: false };
        let missing = |expected| ProducerError::Missing { expected, received: sequence };
        match self.0.get(id) {
            None if sequence == 0 => Ok(new(0)),
            None => Err(missing(0)),
            Some(known) if epoch < known.epoch => {
                Err(ProducerError::Fenced { current: known.epoch })
            }
            Some(known) if epoch > known.epoch => match sequence {
                0 => Ok(new(0)),
                _ => Err(ProducerError::EpochStart),
            },
            Some(known) if sequence <= known.highest => {
                Ok(Accepted { epoch, highest: known.highest, is_repeat: true })
            }
            Some(known) if sequence == known.highest + 1 => Ok(new(sequence)),
            Some(known) => Err(missing(known.highest + 1)),
        }
    }

    /// Notes an append that was judged to be new.
    pub(crate) fn note(&mut self, producer: Producer<'_>, now: Instant) {
        if self.0.len() >= PRODUCERS_MAX && !self.0.contains_key(producer.id) {
            let silent = self.0.iter().min_by_key(|(_, known)| known.used);
            if let Some(id) = silent.map(|(id, _)| id.clone()) {
                self.0.remove(&id);
            }
        }
        let known = Known { epoch: producer.epoch, highest: producer.sequence, used: now };
        self.0.insert(producer.id.into(), known);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn append(
        producers: &mut Producers,
        id: &str,
        epoch: u64,
        sequence: u64,
    ) -> Result<(u64, bool), ProducerError> {
        let producer = Producer { id, epoch, sequence };
        let accepted = producers.judge(producer)?;
        if !accepted.is_repeat {
            producers.note(producer, Instant::now());
        }
        Ok((accepted.highest, accepted.is_repeat))
    }

    #[test]
    fn every_row_of_the_table() {
        let producers = &mut Producers::default();
        assert_eq!(
            append(producers, "a", 3, 1),
            Err(ProducerError::Missing { expected: 0, received: 1 })
        );
        assert_eq!(append(producers, "a", 3, 0), Ok((0, false)));
        assert_eq!(append(producers, "a", 3, 1), Ok((1, false)));
        assert_eq!(append(producers, "a", 3, 0), Ok((1, true)));
        assert_eq!(
            append(producers, "a", 3, 3),
            Err(ProducerError::Missing { expected: 2, received: 3 })
        );
        assert_eq!(append(producers, "a", 2, 0), Err(ProducerError::Fenced { current: 3 }));
        assert_eq!(append(producers, "a", 4, 1), Err(ProducerError::EpochStart));
        assert_eq!(append(producers, "a", 4, 0), Ok((0, false)));
        assert_eq!(append(producers, "b", 0, 0), Ok((0, false)));
    }

    #[test]
    fn the_most_silent_is_forgotten() {
        let mut producers = Producers::default();
        let now = Instant::now();
        for number in 0..=PRODUCERS_MAX as u64 {
            let id = number.to_string();
            let producer = Producer { id: &id, epoch: 0, sequence: 0 };
            producers.note(producer, now + Duration::from_millis(number));
        }
        assert_eq!(producers.0.len(), PRODUCERS_MAX);
        assert!(!producers.0.contains_key("0") && producers.0.contains_key("1"));
    }
}
