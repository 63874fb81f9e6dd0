//! A file that is a table or of a spool: which reader it gets, and the second file that belongs to it.
//!
//! What the octets mean is the readers' business.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use mailauth_core::envelope::Envelope;
use mailauth_core::verdict::ErrorReason;

use super::{Found, OpenedFile, Place, open, read_at, unreadable};
use crate::exim_spool::{Half, HeaderFile};
use crate::id::text_of;
use crate::json_lines::{JsonLines, fault_of_form, may_hold_messages};
use crate::json_row::RECIPIENT_LIMIT;
use crate::kind::UnreadKind;
use crate::parquet_table::ParquetTable;
use crate::postfix_queue::QueueFile;
use crate::problem::{SourceProblem, shown};
use crate::spool::Prepared;
use crate::store_fault::StoreFault;
use crate::stored_message::StoredMessage;
use crate::stream::Stream;
use crate::window::Window;

/// Octets of a spool's file beside its message: envelope, options, lengths of records.
const SPOOL_ALLOWANCE: u64 = 16 << 20;

type Outcome = Result<Found, SourceProblem>;

impl OpenedFile<'_> {
    /// Reads the kinds that have a reader of their own; `None` for the others.
    pub(super) fn read_store(
        &self,
        kind: UnreadKind,
        id: &str,
        head: &[u8],
    ) -> io::Result<Option<Outcome>> {
        Ok(Some(match kind {
            UnreadKind::Json => self.json(id, head)?,
            UnreadKind::Parquet => self.parquet(id)?,
            UnreadKind::PostfixQueue => self.postfix(id, head)?,
            UnreadKind::EximSpool => self.exim(id, head)?,
            _ => return Ok(None),
        }))
    }

    fn json(&self, id: &str, head: &[u8]) -> io::Result<Outcome> {
        if self.place != Place::Named && !may_hold_messages(head) {
            return Ok(Ok(self.pass_over()));
        }
        if let Some(fault) = fault_of_form(head) {
            return Ok(Err(fault.of(self.path, true)));
        }
        let file = self.file.try_clone()?;
        let stream = Stream::of_file(file, &self.metadata, self.reading.progress.clone());
        let window = Window::new(stream, Arc::clone(&self.reading.pool));
        let lines = JsonLines::new(self.path.to_owned(), id.to_owned(), window);
        Ok(Ok(Found::Inner(Box::new(lines))))
    }

    fn parquet(&self, id: &str) -> io::Result<Outcome> {
        let file = self.file.try_clone()?;
        let table = ParquetTable::open(self.path.to_owned(), id.to_owned(), file, &self.metadata);
        Ok(match table {
            Ok(table) => Ok(Found::Inner(Box::new(table))),
            // A folder may hold other tables.
            Err(StoreFault::NoRawColumn) if self.place != Place::Named => Ok(self.pass_over()),
            Err(fault) => Err(fault.of(self.path, self.place == Place::Named)),
        })
    }

    fn postfix(&self, id: &str, head: &[u8]) -> io::Result<Outcome> {
        let limit = self.reading.message_octet_limit;
        let queue_id = self.path.file_name().map(text_of).unwrap_or_default();
        let id = self.spool_id(id, queue_id);
        self.reading.progress.add_octets(self.metadata.len());
        if self.is_too_large() {
            return Ok(Ok(Found::Message(self.spool_message(
                id,
                None,
                Envelope::default(),
            ))));
        }
        let octets = self.read_message(head.to_vec(), 0, self.length())?;
        let file = QueueFile::read(&octets, limit);
        let octets = match &file.fault {
            Some(StoreFault::QueueFileUnfinished) => Some(Err(ErrorReason::Truncated)),
            Some(StoreFault::QueueFileLoop) => Some(Err(ErrorReason::Unreadable)),
            _ if file.is_too_large => None,
            _ => Some(Ok(file.message)),
        };
        let message = self.spool_message(id, octets, file.envelope);
        let problem = file.fault.map(|fault| fault.of(self.path, false));
        Ok(Ok(prepared(message, problem)))
    }

    /// Reads the pair that this file is one half of; in a folder the body stands for both.
    fn exim(&self, id: &str, head: &[u8]) -> io::Result<Outcome> {
        let Some((half, queue_id)) = Half::of(head) else {
            return Ok(Err(StoreFault::SpoolForm.of(self.path, false)));
        };
        self.reading.progress.add_octets(self.metadata.len());
        let id = self.spool_id(id, queue_id.to_owned());
        let other_path = other_half(self.path, half, queue_id);
        let other = match open(&other_path).and_then(|file| Ok((file.metadata()?, file))) {
            Ok((metadata, file)) => OpenedFile {
                path: &other_path,
                file,
                metadata,
                place: self.place,
                reading: self.reading,
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let missing = shown(Path::new(other_path.file_name().unwrap_or_default()));
                let fault = StoreFault::SpoolHalf { missing };
                return Ok(Err(fault.of(self.path, self.place == Place::Named)));
            }
            Err(error) => return Ok(Err(unreadable(&other_path, Place::Folder, error))),
        };
        if half == Half::Header && self.place != Place::Named {
            return Ok(Ok(Found::Nothing));
        }
        let (header, body) = match half {
            Half::Header => (self, &other),
            Half::Body => (&other, self),
        };
        header.exim_pair(id, body)
    }

    fn exim_pair(&self, id: String, body: &OpenedFile<'_>) -> io::Result<Outcome> {
        if self.is_too_large() || body.is_too_large() {
            return Ok(Ok(Found::Message(body.spool_message(
                id,
                None,
                Envelope::default(),
            ))));
        }
        let octets = self.read_message(Vec::new(), 0, self.length())?;
        let Some(mut file) = HeaderFile::read(&octets) else {
            return Ok(Err(
                StoreFault::SpoolForm.of(self.path, self.place == Place::Named)
            ));
        };
        let problem = file.has_too_many_recipients.then(|| {
            let limit = RECIPIENT_LIMIT;
            StoreFault::TooManyRecipients { limit }.of(self.path, false)
        });
        let envelope = std::mem::take(&mut file.envelope);
        let octets = body.read_message(Vec::new(), 0, body.length())?;
        let Some(octets) = file.with_body(&octets) else {
            return Ok(Err(
                StoreFault::SpoolForm.of(body.path, self.place == Place::Named)
            ));
        };
        let is_too_large = octets.len() as u64 > self.reading.message_octet_limit;
        let octets = (!is_too_large).then_some(Ok(octets));
        Ok(Ok(prepared(
            body.spool_message(id, octets, envelope),
            problem,
        )))
    }

    /// The queue id, unless the id had to be the path as typed.
    fn spool_id(&self, id: &str, queue_id: String) -> String {
        let has_folder = self
            .path
            .parent()
            .is_some_and(|parent| parent != Path::new(""));
        if has_folder && text_of(self.path.as_os_str()) == id {
            id.to_owned()
        } else {
            queue_id
        }
    }

    fn length(&self) -> usize {
        usize::try_from(self.metadata.len()).unwrap_or(usize::MAX)
    }

    fn is_too_large(&self) -> bool {
        let limit = self.reading.message_octet_limit;
        // A record of a line costs up to three octets more than its line end.
        self.metadata.len() > limit.saturating_mul(2).saturating_add(SPOOL_ALLOWANCE)
    }

    /// A message of this file; without `octets` it is too large.
    fn spool_message(
        &self,
        id: String,
        octets: Option<Result<Vec<u8>, ErrorReason>>,
        envelope: Envelope,
    ) -> StoredMessage {
        let octets = octets.unwrap_or(Err(ErrorReason::MessageTooLarge));
        let size = match &octets {
            Ok(octets) => octets.len() as u64,
            Err(_) => self.metadata.len(),
        };
        StoredMessage {
            id,
            size,
            octets: octets.map(Bytes::from),
            is_mbox: false,
            offset: None,
            notes: Vec::new(),
            envelope: Some(envelope),
        }
    }
}

fn prepared(message: StoredMessage, problem: Option<SourceProblem>) -> Found {
    let mut found = VecDeque::from([Ok(Found::Message(message))]);
    found.extend(problem.map(Err));
    Found::Inner(Box::new(Prepared(found)))
}

/// Where the other half lies: beside this one, by its name, else by the queue id.
fn other_half(path: &Path, half: Half, queue_id: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let stem = name.strip_suffix(half.suffix().as_bytes());
    let mut other = stem.unwrap_or(queue_id.as_bytes()).to_vec();
    other.extend_from_slice(half.other().suffix().as_bytes());
    path.with_file_name(OsString::from_vec(other))
}

/// True for a header half whose body is named, too: the pair is read in the body's place.
pub(crate) fn is_read_with_body(path: &Path, inputs: &[PathBuf]) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    if !name.ends_with(Half::Header.suffix().as_bytes()) {
        return false;
    }
    let body = other_half(path, Half::Header, "");
    inputs.contains(&body)
        && half_of(path) == Some(Half::Header)
        && half_of(&body) == Some(Half::Body)
}

fn half_of(path: &Path) -> Option<Half> {
    /// Octets of the longest name that a spool file has, and its line end.
    const NAME_OCTETS: usize = 32;
    let mut head = [0; NAME_OCTETS];
    let file: File = open(path).ok()?;
    let read = read_at(&file, &mut head, 0).ok()?;
    let head = head.get(..read)?;
    let kind = crate::kind::Kind::of(head);
    let is_spool = kind == crate::kind::Kind::Unread(UnreadKind::EximSpool);
    Half::of(head).filter(|_| is_spool).map(|(half, _)| half)
}
