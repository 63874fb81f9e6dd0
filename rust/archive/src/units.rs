//! Cuts a run into units of work: (source, first octet, last octet), always between two messages.
//!
//! Where a unit ends depends on the messages alone, never on threads, windows or time, so that a run that goes on, a
//! shard and an undisturbed run cut the same. Knows no file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::id::text_of;
use crate::sources::Position;
use crate::stored_message::StoredMessage;

/// Octets of messages after which a unit ends: some seconds of work, small enough to do again.
pub const UNIT_OCTETS: u64 = 64 << 20;
/// Messages after which a unit ends, so that a part of many small ones stays small in memory.
pub const UNIT_MESSAGES: u64 = 131_072;

/// Where a unit begins: what a run needs to go on there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Checkpoint {
    /// The unit's number in the run, from 0.
    pub unit: u64,
    /// Messages of the run before it.
    pub messages: u64,
    /// Its first message.
    pub position: Position,
}

/// A unit that is read to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// Its number in the run, from 0.
    pub number: u64,
    /// The input in which it begins.
    pub source: String,
    /// The octet of that source at which its first message begins.
    pub first_octet: u64,
    /// The last octet of its last message, in the source of that message.
    pub last_octet: u64,
    /// Its messages.
    pub messages: u64,
    /// Where the next unit begins; `None` at the end of the run.
    pub next: Option<Checkpoint>,
}

/// Cuts messages, as they come, into units.
pub struct Cutter {
    inputs: Vec<PathBuf>,
    unit: Option<Unit>,
    octets: u64,
    /// Where the next message stands.
    place: Checkpoint,
}

impl Cutter {
    /// Begins with the unit that begins at this place.
    pub fn new(inputs: &[PathBuf], place: Checkpoint) -> Self {
        Self {
            inputs: inputs.to_vec(),
            unit: None,
            octets: 0,
            place,
        }
    }

    /// Where the next message stands.
    pub fn place(&self) -> Checkpoint {
        self.place
    }

    /// The unit to which the last message belongs.
    pub fn number(&self) -> u64 {
        self.place.unit
    }

    /// Adds a message of this input.
    ///
    /// Returns the unit that ended before it.
    pub fn add(&mut self, message: &StoredMessage, input: usize) -> Option<Unit> {
        if input != self.place.position.input {
            self.place.position = Position {
                input,
                ..Position::default()
            };
        }
        let octet = &mut self.place.position.octet;
        *octet = message.offset.unwrap_or(*octet);
        let is_full = self.octets >= UNIT_OCTETS
            || self
                .unit
                .as_ref()
                .is_some_and(|unit| unit.messages >= UNIT_MESSAGES);
        let ended = if is_full { self.end() } else { None };
        let ended = ended.map(|unit| Unit {
            next: Some(self.place),
            ..unit
        });
        self.count(message);
        ended
    }

    fn count(&mut self, message: &StoredMessage) {
        let first = self.place.position.octet;
        let unit = self.unit.get_or_insert_with(|| Unit {
            number: self.place.unit,
            source: self
                .inputs
                .get(self.place.position.input)
                .map(|path| text_of(path.as_os_str()))
                .unwrap_or_default(),
            first_octet: first,
            last_octet: first,
            messages: 0,
            next: None,
        });
        unit.messages += 1;
        unit.last_octet = first.saturating_add(message.size.saturating_sub(1));
        self.octets = self.octets.saturating_add(message.size);
        self.place.messages += 1;
        self.place.position.messages += 1;
        self.place.position.octet = first.saturating_add(message.size);
    }

    /// Ends the unit in progress: the run is at its end.
    pub fn end(&mut self) -> Option<Unit> {
        let unit = self.unit.take()?;
        self.place.unit += 1;
        self.octets = 0;
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn message(size: u64, offset: Option<u64>) -> StoredMessage {
        StoredMessage {
            id: String::new(),
            size,
            octets: Ok(Bytes::new()),
            is_mbox: false,
            offset,
            notes: Vec::new(),
        }
    }

    fn cut(sizes: &[u64]) -> Vec<Unit> {
        let mut cutter = Cutter::new(&["a".into()], Checkpoint::default());
        let mut units = Vec::new();
        for size in sizes {
            units.extend(cutter.add(&message(*size, None), 0));
        }
        units.extend(cutter.end());
        units
    }

    #[test]
    fn unit_octets_at_n_minus_1_n_and_n_plus_1() {
        for (first, units) in [(UNIT_OCTETS - 1, 1), (UNIT_OCTETS, 2), (UNIT_OCTETS + 1, 2)] {
            let cut = cut(&[first, 1]);
            assert_eq!(cut.len(), units, "{first}");
            assert_eq!(cut.iter().map(|unit| unit.messages).sum::<u64>(), 2);
        }
        assert!(cut(&[]).is_empty());
    }

    #[test]
    fn unit_messages_at_n_minus_1_n_and_n_plus_1() {
        let count = usize::try_from(UNIT_MESSAGES).unwrap();
        for (messages, units) in [(count - 1, 1), (count, 1), (count + 1, 2)] {
            assert_eq!(cut(&vec![1; messages]).len(), units, "{messages}");
        }
    }

    #[test]
    fn a_unit_tells_where_it_lies_and_where_the_next_begins() {
        let inputs = ["a.mbox".into(), "b.mbox".into()];
        let start = Checkpoint {
            unit: 7,
            messages: 100,
            position: Position::default(),
        };
        let mut cutter = Cutter::new(&inputs, start);
        assert_eq!(cutter.add(&message(10, Some(40)), 0), None);
        assert_eq!(cutter.add(&message(UNIT_OCTETS, Some(0)), 1), None);
        let ended = cutter.add(&message(5, Some(UNIT_OCTETS + 50)), 1);
        let next = Checkpoint {
            unit: 8,
            messages: 102,
            position: Position {
                input: 1,
                messages: 1,
                octet: UNIT_OCTETS + 50,
            },
        };
        assert_eq!(
            ended,
            Some(Unit {
                number: 7,
                source: "a.mbox".into(),
                first_octet: 40,
                last_octet: UNIT_OCTETS - 1,
                messages: 2,
                next: Some(next),
            })
        );
        let last = cutter.end().unwrap();
        assert_eq!((last.number, last.messages, last.next), (8, 1, None));
        assert_eq!(last.first_octet, UNIT_OCTETS + 50);
    }
}
