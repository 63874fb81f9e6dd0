//! The first octets of a reader, read to recognise what it gives, and put before the others again.

use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;

use crate::file::Reading;
use crate::kind::{HEAD_OCTETS, Kind};
use crate::mbox::Mbox;
use crate::member::has_second_message;
use crate::stream::{Progress, Stream};
use crate::window::Window;

/// First octets that were read to recognise them, and how to read on.
pub(crate) struct Sniffed {
    head: Vec<u8>,
    /// Why no more could be read.
    pub(crate) failure: Option<io::Error>,
    is_whole: bool,
    reader: Box<dyn Read + Send>,
}

impl Sniffed {
    /// Reads the first octets.
    pub(crate) fn of(mut reader: Box<dyn Read + Send>) -> Self {
        let mut head = Vec::new();
        let limit = HEAD_OCTETS as u64;
        let failure = (&mut reader).take(limit).read_to_end(&mut head).err();
        let is_whole = failure.is_none() && head.len() < HEAD_OCTETS;
        Self {
            head,
            failure,
            is_whole,
            reader,
        }
    }

    /// The octets themselves.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// What they say.
    pub(crate) fn kind(&self) -> Kind {
        Kind::of(&self.head)
    }

    /// Whether a second From line follows, unless that cannot be seen yet.
    pub(crate) fn may_have_second_message(&self, reading: &Reading) -> bool {
        if !self.is_whole {
            return true;
        }
        let reader = Box::new(Cursor::new(self.head.clone()));
        let size = self.head.len() as u64;
        let stream = Stream::of_sized_reader(reader, size, Progress::default());
        let window = Window::new(stream, Arc::clone(&reading.pool));
        has_second_message(Mbox::new(PathBuf::new(), String::new(), window), reading)
    }

    /// The octets from the first on; what failed fails again in its place.
    pub(crate) fn into_reader(self) -> Box<dyn Read + Send> {
        let head = Cursor::new(self.head);
        match self.failure {
            Some(error) => Box::new(head.chain(Failing(Some(error)))),
            None if self.is_whole => Box::new(head),
            None => Box::new(head.chain(self.reader)),
        }
    }

    /// The same as a stream.
    pub(crate) fn into_stream(self) -> Stream {
        let size = self.head.len() as u64;
        if self.is_whole {
            return Stream::of_sized_reader(self.into_reader(), size, Progress::default());
        }
        Stream::of_reader(self.into_reader(), Progress::default())
    }
}

/// A reader that could not be read.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
