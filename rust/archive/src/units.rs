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

/// Where a run stands between two messages: what it needs to go on there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Checkpoint {
    /// The number in the run, from 0, of the unit in progress.
    pub unit: u64,
    /// Messages of that unit that are done.
    pub unit_messages: u64,
    /// Their octets.
    pub unit_octets: u64,
    /// Messages of the run that are done.
    pub messages: u64,
    /// The last of them.
    pub position: Position,
}

/// A unit that is read to its end, or the piece of one between two stops of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// Its number in the run, from 0.
    pub number: u64,
    /// The input in which it begins.
    pub source: String,
    /// False for a piece that others follow.
    pub is_whole: bool,
    /// The octet of that source at which its first message begins.
    pub first_octet: u64,
    /// The last octet of its last message, in the source of that message.
    pub last_octet: u64,
    /// Its messages.
    pub messages: u64,
    /// Where the run goes on, at its end to find that nothing is left.
    pub next: Checkpoint,
}

/// Cuts messages, as they come, into units.
pub struct Cutter {
    inputs: Vec<PathBuf>,
    unit: Option<Unit>,
    /// What is read.
    place: Checkpoint,
}

impl Cutter {
    /// Begins behind what is done.
    pub fn new(inputs: &[PathBuf], place: Checkpoint) -> Self {
        Self {
            inputs: inputs.to_vec(),
            unit: None,
            place,
        }
    }

    /// What is read.
    pub fn place(&self) -> Checkpoint {
        self.place
    }

    /// The unit to which the last message belongs.
    pub fn number(&self) -> u64 {
        self.place.unit
    }

    /// Adds a message; `position` is that of the sources behind it. A mail attached to a message stays in its unit.
    ///
    /// Returns the unit that ended before it.
    pub fn add(&mut self, message: &StoredMessage, position: Position) -> Option<Unit> {
        let done = self.place.position;
        let is_attached = (position.input, position.messages) == (done.input, done.messages);
        let is_full =
            self.place.unit_octets >= UNIT_OCTETS || self.place.unit_messages >= UNIT_MESSAGES;
        let ended = if is_full && !is_attached {
            self.end()
        } else {
            None
        };
        if position.input != done.input {
            self.place.position = Position::default();
        }
        let start = message.offset.unwrap_or(self.place.position.end);
        if !is_attached {
            self.place.position = Position {
                octet: start,
                end: start.saturating_add(message.size),
                ..position
            };
        }
        self.count(message, start);
        ended
    }

    fn count(&mut self, message: &StoredMessage, first: u64) {
        let unit = self.unit.get_or_insert_with(|| Unit {
            number: self.place.unit,
            source: self
                .inputs
                .get(self.place.position.input)
                .map(|path| text_of(path.as_os_str()))
                .unwrap_or_default(),
            is_whole: true,
            first_octet: first,
            last_octet: first,
            messages: 0,
            next: Checkpoint::default(),
        });
        unit.messages += 1;
        unit.last_octet = first.saturating_add(message.size.saturating_sub(1));
        self.place.unit_octets = self.place.unit_octets.saturating_add(message.size);
        self.place.unit_messages += 1;
        self.place.messages += 1;
    }

    /// Ends the unit in progress: the run is at its end.
    pub fn end(&mut self) -> Option<Unit> {
        // A unit whose messages were all done before the stop has no further piece; it ends all the same.
        let unit = self.unit.take();
        if self.place.unit_messages > 0 {
            self.place.unit += 1;
            self.place.unit_messages = 0;
            self.place.unit_octets = 0;
        }
        unit.map(|unit| Unit {
            next: self.place,
            ..unit
        })
    }

    /// The piece of the unit in progress that is read: the run stops here.
    pub fn cut(&mut self) -> Option<Unit> {
        let piece = self.unit.take()?;
        Some(Unit {
            is_whole: false,
            next: self.place,
            ..piece
        })
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
            envelope: None,
            notes: Vec::new(),
        }
    }

    fn at(input: usize, messages: u64) -> Position {
        Position {
            input,
            messages,
            ..Position::default()
        }
    }

    fn cut(sizes: &[u64]) -> Vec<Unit> {
        let mut cutter = Cutter::new(&["a".into()], Checkpoint::default());
        let mut units = Vec::new();
        for (index, size) in (1..).zip(sizes) {
            units.extend(cutter.add(&message(*size, None), at(0, index)));
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
            ..Checkpoint::default()
        };
        let mut cutter = Cutter::new(&inputs, start);
        assert_eq!(cutter.add(&message(10, Some(40)), at(0, 1)), None);
        assert_eq!(cutter.add(&message(UNIT_OCTETS, Some(0)), at(1, 1)), None);
        let ended = cutter.add(&message(5, Some(UNIT_OCTETS + 50)), at(1, 2));
        let next = Checkpoint {
            unit: 8,
            unit_messages: 0,
            unit_octets: 0,
            messages: 102,
            position: Position {
                input: 1,
                messages: 1,
                octet: 0,
                end: UNIT_OCTETS,
            },
        };
        assert_eq!(
            ended,
            Some(Unit {
                number: 7,
                source: "a.mbox".into(),
                is_whole: true,
                first_octet: 40,
                last_octet: UNIT_OCTETS - 1,
                messages: 2,
                next,
            })
        );
        let last = cutter.end().unwrap();
        assert_eq!((last.number, last.messages), (8, 1));
        assert_eq!((last.next.unit, last.next.messages), (9, 103));
        assert_eq!(last.first_octet, UNIT_OCTETS + 50);
    }

    #[test]
    fn a_run_that_was_stopped_cuts_where_an_undisturbed_one_does() {
        let sizes = [UNIT_OCTETS / 2, UNIT_OCTETS / 4, UNIT_OCTETS / 4, 9, 9];
        let whole = cut(&sizes);
        for stop in 1..sizes.len() {
            let mut first = Cutter::new(&["a".into()], Checkpoint::default());
            let mut units = Vec::new();
            for (index, size) in (1..).zip(&sizes[..stop]) {
                units.extend(first.add(&message(*size, None), at(0, index)));
            }
            let piece = first.cut().unwrap();
            assert!(!piece.is_whole);
            let mut second = Cutter::new(&["a".into()], piece.next);
            let mut rest = Vec::new();
            for (index, size) in (1 + stop as u64..).zip(&sizes[stop..]) {
                rest.extend(second.add(&message(*size, None), at(0, index)));
            }
            rest.extend(second.end());
            // A unit may be full at the stop: then the run that goes on gives no piece of it.
            let pieces: Vec<_> = units.iter().chain([&piece]).chain(&rest).collect();
            for unit in &whole {
                let mut own = pieces.iter().filter(|piece| piece.number == unit.number);
                assert_eq!(
                    own.clone().map(|piece| piece.messages).sum::<u64>(),
                    unit.messages
                );
                assert_eq!(own.next_back().unwrap().last_octet, unit.last_octet);
            }
            let last = |units: &[Unit]| units.last().map(|unit| unit.number);
            assert_eq!(last(&rest), last(&whole));
        }
    }

    #[test]
    fn a_mail_attached_to_a_message_stays_in_its_unit() {
        let mut cutter = Cutter::new(&["a".into()], Checkpoint::default());
        assert_eq!(cutter.add(&message(UNIT_OCTETS, Some(7)), at(0, 1)), None);
        assert_eq!(cutter.add(&message(3, None), at(0, 1)), None);
        let place = cutter.place();
        assert_eq!((place.messages, place.position.messages), (2, 1));
        assert_eq!(place.position.octet, 7);
        let ended = cutter.add(&message(1, Some(UNIT_OCTETS + 9)), at(0, 2));
        assert_eq!(ended.unwrap().messages, 2);
    }
}
