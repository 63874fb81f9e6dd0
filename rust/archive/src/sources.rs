//! An ordered list of inputs and the messages they give.
//!
//! An input that cannot be read is one item of the iteration, and the next input goes on. Readers nest: a folder holds
//! files, a file holds messages; containers are further levels of the same stack.

use std::collections::VecDeque;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mailauth_core::message::MESSAGE_OCTET_LIMIT;

use crate::account::{Account, Metered};
use crate::attached::attached_mails;
use crate::file::{Found, Place, Reading, Source, is_read_with_body, read_file, unreadable};
use crate::id::Rivals;
use crate::member::{Member, recognise};
use crate::packing::Budget;
use crate::problem::SourceProblem;
use crate::public_inbox::PublicInbox;
use crate::stored_message::StoredMessage;
use crate::stream::Progress;
use crate::tree::Tree;
use crate::window::Pool;

/// Octets of a window: it holds some hundred messages and is read in one go.
pub const WINDOW_OCTETS: usize = 2 << 20;

/// How inputs are read.
pub struct Options {
    /// The stream that the input `-` stands for; the process's standard input without one.
    pub standard_input: Option<Box<dyn Read + Send>>,
    /// Octets of a window.
    pub window_octets: usize,
    /// Octets of a message that is held; a larger one is only counted.
    pub message_octet_limit: u64,
    /// Mails attached to a mail are messages too, directly behind it.
    pub is_attached: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            standard_input: None,
            window_octets: WINDOW_OCTETS,
            message_octet_limit: MESSAGE_OCTET_LIMIT as u64,
            is_attached: false,
        }
    }
}

/// The messages of an ordered list of inputs.
pub struct Sources {
    inputs: VecDeque<Input>,
    open: Vec<Box<dyn Source>>,
    standard_input: Option<Box<dyn Read + Send>>,
    pub(crate) reading: Reading,
    is_attached: bool,
    attached: VecDeque<StoredMessage>,
    /// Inputs that were opened or passed over.
    opened: usize,
    /// The input being read.
    current: PathBuf,
    position: Position,
    /// What an earlier run has done of the first input.
    done: Option<Position>,
}

/// The last message that was given: enough to go on behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Position {
    /// Number of the input, from 0.
    pub input: usize,
    /// Messages of that input so far.
    pub messages: u64,
    /// The octet at which it begins: in an mbox its offset, else the octets of the messages before it.
    pub octet: u64,
    /// The octet behind it.
    pub end: u64,
}

struct Input {
    path: PathBuf,
    kind: InputKind,
    rivals: Rivals,
}

enum InputKind {
    StandardInput,
    File,
    Folder,
    /// A pipe or a character device.
    Pipe,
    Refused(SourceProblem),
    /// One half of a message in a spool, which is read with the other.
    ReadWithOther,
}

impl Sources {
    /// Takes the inputs in their order; only their kind and size are looked at yet.
    ///
    /// # Errors
    /// No input is named. A fault of one input comes as an item in its place.
    pub fn open(inputs: &[PathBuf], options: Options) -> Result<Self, SourceProblem> {
        if inputs.is_empty() {
            return Err(SourceProblem::NothingNamed);
        }
        let kinds: Vec<InputKind> = inputs
            .iter()
            .enumerate()
            .map(|(index, path)| {
                if is_read_with_body(path, inputs) {
                    return InputKind::ReadWithOther;
                }
                InputKind::of(path, inputs.get(..index).unwrap_or_default())
            })
            .collect();
        let named: Vec<(PathBuf, bool)> = inputs
            .iter()
            .zip(&kinds)
            .map(|(path, kind)| (path.clone(), matches!(kind, InputKind::Folder)))
            .collect();
        let inputs = inputs.iter().zip(kinds).enumerate();
        let inputs = inputs
            .map(|(index, (path, kind))| Input {
                path: path.clone(),
                kind,
                rivals: Rivals::of(index, &named),
            })
            .collect();
        Ok(Self {
            inputs,
            open: Vec::new(),
            standard_input: options.standard_input,
            is_attached: options.is_attached,
            attached: VecDeque::new(),
            reading: Reading {
                pool: Arc::new(Pool::new(options.window_octets)),
                progress: Progress::default(),
                message_octet_limit: options.message_octet_limit,
                budget: Budget::default(),
            },
            opened: 0,
            current: PathBuf::new(),
            position: Position::default(),
            done: None,
        })
    }

    /// Goes on behind the last message of an earlier run over the same inputs.
    ///
    /// An mbox file is entered at that message's octet; every other source is read up to it.
    #[must_use]
    pub fn begin_at(mut self, position: Position) -> Self {
        self.inputs.drain(..position.input.min(self.inputs.len()));
        self.opened = position.input;
        self.done = Some(position).filter(|done| done.messages > 0);
        self
    }

    /// True while mails attached to the last message are still to come.
    pub fn is_within_message(&self) -> bool {
        !self.attached.is_empty()
    }

    /// Number of the input that gave the last message, and how many messages it gave, that one included.
    ///
    /// Mails attached to a message do not count.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Opens the next input.
    fn next_input(&mut self) -> Option<Result<Found, SourceProblem>> {
        if let Some(problem) = self.lost_place() {
            return Some(Err(problem));
        }
        let input = self.inputs.pop_front()?;
        self.position = Position {
            input: self.opened,
            ..Position::default()
        };
        self.opened += 1;
        self.current.clone_from(&input.path);
        Some(self.begin(input))
    }

    /// The input ended before the place where the earlier run stopped.
    fn lost_place(&mut self) -> Option<SourceProblem> {
        self.done.take_if(|done| self.opened > done.input)?;
        let path = self.current.clone();
        Some(SourceProblem::Changed { path })
    }

    /// Enters a resumed mbox at its octet; other sources are read up to the place.
    fn enter(&mut self, source: &mut dyn Source) {
        let Some(done) = self.done.filter(|_| self.open.is_empty()) else {
            return;
        };
        if source.begin_at(done.octet) {
            self.position.messages = done.messages - 1;
        }
    }

    /// Counts a message; true when an earlier run has done it.
    fn is_done(&mut self) -> bool {
        self.position.messages += 1;
        let done = self.done;
        self.done = done.filter(|done| self.position.messages < done.messages);
        done.is_some()
    }

    /// Octets of all inputs not begun yet, for showing progress; `None` when one of them is a stream.
    ///
    /// Looks at every file of every folder, so it is asked only by who shows it.
    pub fn total_octets(&self) -> Option<u64> {
        self.inputs.iter().try_fold(0_u64, |total, input| {
            let octets = match input.kind {
                InputKind::StandardInput | InputKind::Pipe => return None,
                InputKind::File | InputKind::ReadWithOther => {
                    fs::metadata(&input.path).map_or(0, |metadata| metadata.len())
                }
                InputKind::Folder => octets_below(&input.path),
                InputKind::Refused(_) => 0,
            };
            Some(total.saturating_add(octets))
        })
    }

    /// How far the reading is; the handle stays valid on any thread.
    pub fn progress(&self) -> Progress {
        self.reading.progress.clone()
    }

    fn begin(&mut self, input: Input) -> Result<Found, SourceProblem> {
        let Input { path, kind, rivals } = input;
        match kind {
            InputKind::Refused(problem) => Err(problem),
            InputKind::ReadWithOther => {
                let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
                self.reading.progress.add_octets(size);
                Ok(Found::Nothing)
            }
            InputKind::Folder => Ok(Found::Inner(
                match PublicInbox::of(&path, String::new(), true) {
                    Some(inbox) => Box::new(inbox),
                    None => Box::new(Tree::new(path, rivals)),
                },
            )),
            InputKind::File => {
                let id = rivals.id_of_file(&path);
                read_file(&path, id, Place::Named, &self.reading)
                    .unwrap_or_else(|source| Err(unreadable(&path, Place::Named, source)))
            }
            InputKind::Pipe => match File::open(&path) {
                Ok(pipe) => {
                    let id = rivals.id_of_file(&path);
                    self.read_stream(path, id, Box::new(pipe))
                }
                Err(source) => Err(unreadable(&path, Place::Named, source)),
            },
            InputKind::StandardInput => {
                let reader = self.standard_input.take();
                let reader = reader.unwrap_or_else(|| Box::new(io::stdin()));
                self.read_stream(path, "-".to_owned(), reader)
            }
        }
    }

    /// Recognises a stream by its first octets; what is nothing else is one message.
    fn read_stream(
        &self,
        path: PathBuf,
        id: String,
        reader: Box<dyn Read + Send>,
    ) -> Result<Found, SourceProblem> {
        let progress = self.reading.progress.clone();
        let account = Account::of_stream(progress, self.reading.budget);
        let reader = Box::new(Metered::new(reader, Arc::clone(&account)));
        let member = Member {
            path,
            id,
            position: Some(0),
            place: Place::Stream,
            level: 0,
            account,
        };
        recognise(member, reader, &self.reading)
    }
}

impl Iterator for Sources {
    type Item = Result<StoredMessage, SourceProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(mail) = self.attached.pop_front() {
            return Some(Ok(mail));
        }
        loop {
            let found = if let Some(source) = self.open.last_mut() {
                source.next_found(&self.reading)
            } else {
                Some(self.next_input()?)
            };
            match found {
                Some(Ok(Found::Message(mut message))) => {
                    if !self.is_done() {
                        if self.is_attached {
                            self.attached = attached_mails(&mut message);
                        }
                        return Some(Ok(message));
                    }
                }
                Some(Ok(Found::Inner(mut source))) => {
                    self.enter(&mut *source);
                    self.open.push(source);
                }
                Some(Ok(Found::Nothing)) => {}
                Some(Err(_)) if self.done.is_some() => {}
                Some(Err(problem)) => return Some(Err(problem)),
                None => {
                    self.open.pop();
                }
            }
        }
    }
}

impl InputKind {
    fn of(path: &Path, before: &[PathBuf]) -> Self {
        let path_buf = || path.to_owned();
        if before.iter().any(|other| other == path) {
            return Self::Refused(SourceProblem::NamedTwice { path: path_buf() });
        }
        if path == Path::new("-") {
            return Self::StandardInput;
        }
        match fs::metadata(path) {
            Ok(metadata) => Self::of_metadata(path, &metadata),
            Err(source) => Self::Refused(unreadable(path, Place::Named, source)),
        }
    }

    fn of_metadata(path: &Path, metadata: &Metadata) -> Self {
        let kind = metadata.file_type();
        if kind.is_dir() {
            Self::Folder
        } else if kind.is_file() {
            Self::File
        } else if kind.is_fifo() || kind.is_char_device() {
            Self::Pipe
        } else {
            Self::Refused(SourceProblem::NotAFile {
                path: path.to_owned(),
            })
        }
    }
}

/// Octets of the files below a folder, hidden ones left out as far as the walk leaves them out.
fn octets_below(folder: &Path) -> u64 {
    let mut folders = vec![folder.to_owned()];
    let mut octets = 0_u64;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) if metadata.is_file() => {
                    octets = octets.saturating_add(metadata.len());
                }
                _ => {}
            }
        }
    }
    octets
}

#[cfg(test)]
mod resume_tests;
#[cfg(test)]
mod tests;
