//! An ordered list of inputs and the messages they give.
//!
//! An input that cannot be read is one item of the iteration, and the next input goes on. Readers nest: a folder holds
//! files, a file holds messages; containers will be further levels of the same stack.

use std::collections::VecDeque;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mailauth_core::message::MESSAGE_OCTET_LIMIT;

use crate::attached::attached_mails;
use crate::file::{Found, Place, Reading, Source, read_file, unreadable};
use crate::id::Rivals;
use crate::kind::{HEAD_OCTETS, Kind};
use crate::mbox::Mbox;
use crate::problem::SourceProblem;
use crate::single::Single;
use crate::stored_message::StoredMessage;
use crate::stream::{Ending, Progress, Stream};
use crate::tree::Tree;
use crate::window::{Pool, Window};

/// Octets of a window: it holds some hundred messages and is read in one go.
pub const WINDOW_OCTETS: usize = 8 << 20;

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
    reading: Reading,
    is_attached: bool,
    attached: VecDeque<StoredMessage>,
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
            .map(|(index, path)| InputKind::of(path, inputs.get(..index).unwrap_or_default()))
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
            },
        })
    }

    /// Octets of all inputs not begun yet, for showing progress; `None` when one of them is a stream.
    ///
    /// Looks at every file of every folder, so it is asked only by who shows it.
    pub fn total_octets(&self) -> Option<u64> {
        self.inputs.iter().try_fold(0_u64, |total, input| {
            let octets = match input.kind {
                InputKind::StandardInput | InputKind::Pipe => return None,
                InputKind::File => fs::metadata(&input.path).map_or(0, |metadata| metadata.len()),
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
            InputKind::Folder => Ok(Found::Inner(Box::new(Tree::new(path, rivals)))),
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
        let stream = Stream::of_reader(reader, self.reading.progress.clone());
        let mut window = Window::new(stream, Arc::clone(&self.reading.pool));
        window.read_on(0, HEAD_OCTETS as u64, u64::MAX);
        let octets = window.octets_from(0);
        let head = octets.get(..HEAD_OCTETS).unwrap_or(octets);
        let is_whole_input = true;
        match Kind::of(head) {
            Kind::Empty => match window.take_ending() {
                Ending::Failed(source) => Err(SourceProblem::Unreadable {
                    path,
                    is_whole_input,
                    source,
                }),
                _ => Err(SourceProblem::Empty { path }),
            },
            Kind::Unread(kind) => Err(SourceProblem::NotReadYet {
                path,
                kind,
                is_whole_input,
            }),
            Kind::Foreign(store) => Err(SourceProblem::Foreign {
                path,
                store,
                is_whole_input,
            }),
            Kind::Mbox => Ok(Found::Inner(Box::new(Mbox::new(path, id, window)))),
            Kind::Mail | Kind::Fields | Kind::Emlx { .. } | Kind::Other => {
                let id = format!("{id}:0");
                Ok(Found::Inner(Box::new(Single::new(path, id, window))))
            }
        }
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
                let input = self.inputs.pop_front()?;
                Some(self.begin(input))
            };
            match found {
                Some(Ok(Found::Message(mut message))) => {
                    if self.is_attached {
                        self.attached = attached_mails(&mut message);
                    }
                    return Some(Ok(message));
                }
                Some(Ok(Found::Inner(source))) => self.open.push(source),
                Some(Ok(Found::Nothing)) => {}
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
mod tests;
