//! One file: opened, recognised by its content, and read if it is one message.
//!
//! A file is taken as it is when it is opened. What cannot be a mail is refused where a person named it, and passed
//! over in a folder, unless mail may be lost with it.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use mailauth_core::verdict::ErrorReason;
use nix::fcntl::OFlag;

use crate::account::{Account, FileOctets};
use crate::kind::{HEAD_OCTETS, Kind, UnreadKind};
use crate::mbox::Mbox;
use crate::member::{Member, foreign, has_second_message, recognise_file, unread};
use crate::packing::Budget;
use crate::problem::SourceProblem;
use crate::stored_message::StoredMessage;
use crate::stream::{Progress, Stream};
use crate::watched::watch_file;
use crate::window::{Pool, Window};
use crate::zip::Zip;

mod stores;
pub(crate) use stores::is_read_with_body;

/// What all readers of a run share.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(crate) pool: Arc<Pool>,
    pub(crate) progress: Progress,
    pub(crate) message_octet_limit: u64,
    pub(crate) budget: Budget,
}

impl Reading {
    /// Counts a file or member that holds no mail.
    pub(crate) fn pass_over(&self) -> Found {
        self.progress.add_skipped_file();
        Found::Nothing
    }
}

/// Something that gives messages, or further sources within itself.
pub(crate) trait Source: Send {
    /// The next message, inner source or problem; `None` at the end.
    fn next_found(&mut self, reading: &Reading) -> Option<Result<Found, SourceProblem>>;

    /// Begins at a message whose offset an earlier reader gave; false where only reading leads there.
    fn begin_at(&mut self, _offset: u64) -> bool {
        false
    }

    /// True unless it is one message at most.
    fn is_many(&self) -> bool {
        true
    }
}

/// What a source gives.
#[expect(clippy::large_enum_variant, reason = "nearly every value is a message")]
pub(crate) enum Found {
    /// A message.
    Message(StoredMessage),
    /// A source whose messages come next.
    Inner(Box<dyn Source>),
    /// A file that holds no mail.
    Nothing,
}

impl Found {
    /// True for a source that is more than one message.
    pub(crate) fn is_many(&self) -> bool {
        matches!(self, Self::Inner(source) if source.is_many())
    }

    /// A message that still begins with its From line: whoever wrote it may have quoted the body.
    fn out_of_mbox(self) -> Self {
        match self {
            Self::Message(message) => Self::Message(StoredMessage {
                is_mbox: true,
                ..message
            }),
            other => other,
        }
    }
}

/// Where a file was met; it decides what is believed of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A person named it.
    Named,
    /// A stream that a person named: whatever it is, it is meant as mail.
    Stream,
    /// In a folder.
    Folder,
    /// In a folder, under a number, as MH names its messages.
    Numbered,
    /// In `cur` or `new` of a Maildir: one message in any case.
    Maildir,
}

impl Place {
    /// True for what a person named.
    pub(crate) fn is_named(self) -> bool {
        matches!(self, Self::Named | Self::Stream)
    }
}

/// A file that is open.
struct OpenedFile<'a> {
    path: &'a Path,
    file: File,
    metadata: Metadata,
    place: Place,
    reading: &'a Reading,
}

/// Opens a file and gives its message or messages.
///
/// # Errors
/// The system's error when it cannot be opened, within the `Ok` what is wrong with its content.
pub(crate) fn read_file(
    path: &Path,
    id: String,
    place: Place,
    reading: &Reading,
) -> io::Result<Result<Found, SourceProblem>> {
    let file = open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(Ok(Found::Nothing));
    }
    OpenedFile {
        path,
        file,
        metadata,
        place,
        reading,
    }
    .read(id)
}

/// Opens a file; a pipe that took its place must not hang the run.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
        .open(path)
}

impl OpenedFile<'_> {
    fn read(self, id: String) -> io::Result<Result<Found, SourceProblem>> {
        let size = self.metadata.len();
        let mut octets = vec![0; HEAD_OCTETS.min(usize::try_from(size).unwrap_or(HEAD_OCTETS))];
        let read = read_at(&self.file, &mut octets, 0)?;
        octets.truncate(read);
        let found = match Kind::of(&octets) {
            Kind::Unread(UnreadKind::Json) if self.is_mail_by_name() => {
                self.message(id, octets, 0, size)?
            }
            Kind::Unread(kind) => match self.read_store(kind, &id, &octets)? {
                Some(found) => found,
                None => self.refuse_with(unread(self.path, self.place, kind)),
            },
            kind @ (Kind::Compressed(_) | Kind::Tar | Kind::Zip) => return self.unpack(id, kind),
            Kind::Foreign(store) => self.refuse_with(foreign(self.path, self.place, store)),
            Kind::Mbox if self.is_mbox() => self.mbox(id),
            Kind::Mbox => self.message(id, octets, 0, size)?.map(Found::out_of_mbox),
            Kind::Emlx {
                start,
                octets: length,
            } if self.place != Place::Maildir => self.message(id, octets, start, length)?,
            Kind::Mail => self.message(id, octets, 0, size)?,
            Kind::Fields if self.place != Place::Folder => self.message(id, octets, 0, size)?,
            _ if self.is_mail_by_name() => self.message(id, octets, 0, size)?,
            kind => self.refuse(kind),
        };
        Ok(found)
    }

    /// A name that promises a message: then an empty file or one without a header is a message, too.
    fn is_mail_by_name(&self) -> bool {
        self.place == Place::Maildir || self.has_extension("eml")
    }

    fn has_extension(&self, wanted: &str) -> bool {
        self.path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
    }

    /// A file with a single From line is one message, not an mbox, where its name says so.
    fn is_mbox(&self) -> bool {
        match self.place {
            Place::Maildir => false,
            Place::Numbered => self.has_second_message(),
            Place::Named | Place::Stream | Place::Folder => {
                !self.has_extension("eml") || self.has_second_message()
            }
        }
    }

    fn has_second_message(&self) -> bool {
        let quiet = Reading {
            progress: Progress::default(),
            ..self.reading.clone()
        };
        let Ok(mbox) = self.open_mbox(String::new(), &quiet) else {
            return true;
        };
        has_second_message(mbox, &quiet)
    }

    fn mbox(&self, id: String) -> Result<Found, SourceProblem> {
        match self.open_mbox(id, self.reading) {
            Ok(mbox) => Ok(Found::Inner(Box::new(mbox))),
            Err(source) => Err(unreadable(self.path, self.place, source)),
        }
    }

    fn open_mbox(&self, id: String, reading: &Reading) -> io::Result<Mbox> {
        let file = self.file.try_clone()?;
        let stream = Stream::of_file(file, &self.metadata, reading.progress.clone());
        let window = Window::new(stream, Arc::clone(&reading.pool));
        Ok(Mbox::new(self.path.to_owned(), id, window))
    }

    /// The message of `length` octets from `start`; `head` is what was read of the file so far.
    fn message(
        &self,
        id: String,
        head: Vec<u8>,
        start: usize,
        length: u64,
    ) -> io::Result<Result<Found, SourceProblem>> {
        self.reading.progress.add_octets(self.metadata.len());
        let (octets, size) = if length > self.reading.message_octet_limit {
            (Err(ErrorReason::MessageTooLarge), length)
        } else {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let octets = self.read_message(head, start, length)?;
            let size = octets.len();
            let is_whole = size == length;
            let octets = is_whole.then_some(octets).ok_or(ErrorReason::Truncated);
            (octets, size as u64)
        };
        let message = StoredMessage {
            id,
            size,
            octets,
            is_mbox: false,
            offset: None,
            notes: Vec::new(),
            envelope: None,
        };
        Ok(Ok(Found::Message(message)))
    }

    fn read_message(&self, mut head: Vec<u8>, start: usize, length: usize) -> io::Result<Bytes> {
        let end = start.saturating_add(length);
        let read = head.len();
        if read < end && (read as u64) < self.metadata.len() {
            let size = usize::try_from(self.metadata.len()).unwrap_or(usize::MAX);
            head.resize(end.min(size), 0);
            let space = head.get_mut(read..).unwrap_or_default();
            let more = read_at(&self.file, space, read as u64)?;
            head.truncate(read.saturating_add(more));
        }
        let octets = Bytes::from(head);
        let end = end.min(octets.len());
        Ok(octets.slice(start.min(end)..end))
    }

    fn refuse_with(&self, problem: Option<SourceProblem>) -> Result<Found, SourceProblem> {
        problem.map_or_else(|| Ok(self.pass_over()), Err)
    }

    /// Reads what is compressed or a container; a ZIP archive by seeking.
    fn unpack(self, id: String, kind: Kind) -> io::Result<Result<Found, SourceProblem>> {
        let Reading {
            progress, budget, ..
        } = self.reading;
        let account = Account::of_file(self.metadata.len(), progress.clone(), *budget);
        let member = Member {
            path: self.path.to_owned(),
            id,
            position: None,
            place: self.place,
            level: 0,
            account: Arc::clone(&account),
        };
        if kind == Kind::Zip {
            let file = self.file.try_clone()?;
            let zip = Zip::of_file(member.clone(), file, &self.metadata);
            return Ok(zip.map(|zip| watch_file(&member, Box::new(zip), self.file, self.metadata)));
        }
        let file = self.file.try_clone()?;
        let reader = Box::new(FileOctets::new(file, &self.metadata, account));
        let file = Some((self.file, self.metadata));
        Ok(recognise_file(member, reader, self.reading, file))
    }

    fn refuse(&self, kind: Kind) -> Result<Found, SourceProblem> {
        let path = self.path.to_owned();
        match (self.place, kind) {
            (Place::Named, Kind::Empty) => Err(SourceProblem::Empty { path }),
            (Place::Named, _) => Err(SourceProblem::NotMail { path }),
            _ => Ok(self.pass_over()),
        }
    }

    fn pass_over(&self) -> Found {
        self.reading.progress.add_octets(self.metadata.len());
        self.reading.pass_over()
    }
}

/// The problem of a file that the system does not let us read.
pub(crate) fn unreadable(path: &Path, place: Place, source: io::Error) -> SourceProblem {
    let path = path.to_owned();
    match (place, source.kind()) {
        (Place::Named, ErrorKind::NotFound) => SourceProblem::Missing { path, source },
        (Place::Named, _) => SourceProblem::Unreadable {
            path,
            is_whole_input: true,
            source,
        },
        (_, ErrorKind::NotFound) => SourceProblem::Vanished { path, source },
        _ => SourceProblem::Unreadable {
            path,
            is_whole_input: false,
            source,
        },
    }
}

/// Fills the buffer from this offset unless the file ends before.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(space) = buffer.get_mut(filled..).filter(|space| !space.is_empty()) {
        match file.read_at(space, offset.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(octets) => filled = filled.saturating_add(octets),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
