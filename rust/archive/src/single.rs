//! A stream that is one message: from its first octet to its last, or, as in an .emlx, a range of it.
//!
//! The message is held in a buffer of its own that grows with it, so that a million small members cost what they are.

use std::io::{self, Read};
use std::path::PathBuf;

use bytes::Bytes;
use mailauth_core::verdict::ErrorReason;

use crate::file::{Found, Reading, Source};
use crate::problem::SourceProblem;
use crate::stored_message::StoredMessage;

/// The octets of a stream that are the message.
#[derive(Clone, Copy)]
pub(crate) enum Extent {
    /// All of them.
    Whole,
    /// So many from there on.
    Range { start: u64, octets: u64 },
}

/// The one message of a stream.
pub(crate) struct Single {
    path: PathBuf,
    id: String,
    reader: Box<dyn Read + Send>,
    extent: Extent,
    is_mbox: bool,
    state: State,
}

enum State {
    Unread,
    Failed(SourceProblem),
    Done,
}

impl Single {
    /// The stream that `reader` gives from its first octet on.
    pub(crate) fn new(
        path: PathBuf,
        id: String,
        reader: Box<dyn Read + Send>,
        extent: Extent,
    ) -> Self {
        Self {
            path,
            id,
            reader,
            extent,
            is_mbox: false,
            state: State::Unread,
        }
    }

    /// The message still begins with its From line: whoever wrote it may have quoted the body.
    pub(crate) fn out_of_mbox(self) -> Self {
        Self {
            is_mbox: true,
            ..self
        }
    }

    fn read(&mut self, reading: &Reading) -> StoredMessage {
        let mut octets = Vec::new();
        let mut size = 0;
        let limit = reading.message_octet_limit;
        let octets = match self.read_into(&mut octets, &mut size, limit) {
            Err(source) => {
                let problem = SourceProblem::of_reading(self.path.clone(), false, source);
                self.state = State::Failed(problem);
                Err(ErrorReason::Unreadable)
            }
            Ok(()) if size > limit => Err(ErrorReason::MessageTooLarge),
            Ok(()) if self.is_cut(size) => Err(ErrorReason::Truncated),
            Ok(()) => {
                octets.shrink_to_fit();
                Ok(Bytes::from(octets))
            }
        };
        StoredMessage {
            id: std::mem::take(&mut self.id),
            size,
            octets,
            is_mbox: self.is_mbox,
            offset: None,
            notes: Vec::new(),
            envelope: None,
        }
    }

    /// Reads the message, of one that is too large only its size, and on to the end, where checksums are compared.
    fn read_into(&mut self, octets: &mut Vec<u8>, size: &mut u64, limit: u64) -> io::Result<()> {
        let (start, length) = match self.extent {
            Extent::Whole => (0, u64::MAX),
            Extent::Range { start, octets } => (start, octets),
        };
        let reader = &mut self.reader;
        io::copy(&mut reader.take(start), &mut io::sink())?;
        let most = length.min(limit.saturating_add(1));
        let read = reader.take(most).read_to_end(octets);
        *size = octets.len() as u64;
        read?;
        let left = length.saturating_sub(*size);
        *size = size.saturating_add(io::copy(&mut reader.take(left), &mut io::sink())?);
        io::copy(reader, &mut io::sink())?;
        Ok(())
    }

    fn is_cut(&self, size: u64) -> bool {
        matches!(self.extent, Extent::Range { octets, .. } if size < octets)
    }
}

impl Source for Single {
    fn next_found(&mut self, reading: &Reading) -> Option<Result<Found, SourceProblem>> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Unread => Some(Ok(Found::Message(self.read(reading)))),
            State::Failed(problem) => Some(Err(problem)),
            State::Done => None,
        }
    }

    fn is_many(&self) -> bool {
        false
    }
}
