//! A public-inbox of version 2: git repositories in which each commit holds one message, the file `m`.
//!
//! The `git` program reads them: it lists the commits from the oldest on and gives their octets, one at a time, so
//! memory stays flat. Two processes a repository, both always waited for. No RFC; the form is public-inbox's own.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use bytes::Bytes;
use mailauth_core::verdict::ErrorReason;

use crate::file::{Found, Reading, Source};
use crate::id::text_of;
use crate::problem::SourceProblem;
use crate::store_fault::StoreFault;
use crate::stored_message::StoredMessage;

/// Octets of a line of git's answers: a commit's name and a size are far shorter.
const LINE_OCTET_LIMIT: u64 = 4 << 10;

/// The messages of a folder's repositories, the oldest first.
pub(crate) struct PublicInbox {
    path: PathBuf,
    /// What stands before a repository's name in ids; ends with `/` unless empty.
    id_base: String,
    /// The repositories that are not begun, the last one first.
    epochs: Vec<PathBuf>,
    repository: Option<Repository>,
    is_named: bool,
    /// A message or a problem was found.
    has_found: bool,
}

impl PublicInbox {
    /// The inbox in this folder, which holds `git/0.git` and so on; a named folder may be such a repository itself.
    pub(crate) fn of(path: &Path, id_base: String, is_named: bool) -> Option<Self> {
        let mut epochs = if is_named && is_repository(path) {
            vec![(0, path.to_owned())]
        } else {
            epochs_in(&path.join("git"))
        };
        if epochs.is_empty() {
            return None;
        }
        epochs.sort_unstable_by(|left, right| right.cmp(left));
        Some(Self {
            path: path.to_owned(),
            id_base,
            epochs: epochs.into_iter().map(|(_, path)| path).collect(),
            repository: None,
            is_named,
            has_found: false,
        })
    }

    /// Where a repository's messages stand: its path within the inbox, else its own name.
    fn id_of(&self, epoch: &Path) -> String {
        let relative = epoch.strip_prefix(&self.path).unwrap_or(epoch);
        let name = if relative.as_os_str().is_empty() {
            self.path.file_name().unwrap_or_default()
        } else {
            relative.as_os_str()
        };
        format!("{}{}", self.id_base, text_of(name))
    }

    fn begin(&mut self, epoch: &Path) -> Result<(), SourceProblem> {
        match Repository::open(epoch, self.id_of(epoch)) {
            Ok(repository) => {
                self.repository = Some(repository);
                Ok(())
            }
            Err(error) => {
                let fault = if error.kind() == io::ErrorKind::NotFound {
                    self.epochs.clear();
                    StoreFault::NoGit
                } else {
                    StoreFault::GitFailed
                };
                Err(fault.of(&self.path, self.is_named && !self.has_found))
            }
        }
    }
}

impl Source for PublicInbox {
    fn next_found(&mut self, reading: &Reading) -> Option<Result<Found, SourceProblem>> {
        loop {
            if let Some(repository) = &mut self.repository {
                match repository.next_message(reading) {
                    Ok(Some(message)) => {
                        self.has_found = true;
                        return Some(Ok(Found::Message(message)));
                    }
                    Ok(None) => self.repository = None,
                    Err(_) => {
                        let fault = StoreFault::GitFailed.of(&repository.path, false);
                        self.repository = None;
                        self.has_found = true;
                        return Some(Err(fault));
                    }
                }
                continue;
            }
            let Some(epoch) = self.epochs.pop() else {
                let is_silent = std::mem::replace(&mut self.has_found, true);
                let fault = || StoreFault::NotAnInbox.of(&self.path, self.is_named);
                return (!is_silent).then(|| Err(fault()));
            };
            if let Err(problem) = self.begin(&epoch) {
                self.has_found = true;
                return Some(Err(problem));
            }
        }
    }
}

/// Tells whether a folder is a bare repository.
fn is_repository(path: &Path) -> bool {
    path.join("HEAD").is_file() && path.join("objects").is_dir() && path.join("refs").is_dir()
}

/// The repositories named by numbers in this folder.
fn epochs_in(folder: &Path) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let number = number_of(&entry.file_name())?;
            let path = entry.path();
            is_repository(&path).then_some((number, path))
        })
        .collect()
}

fn number_of(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_suffix(".git")?;
    let is_number = digits.bytes().all(|octet| octet.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

/// One repository and the two processes that read it.
struct Repository {
    path: PathBuf,
    id: String,
    lister: Process,
    commits: BufReader<ChildStdout>,
    /// Ends when its questions are closed, so they are dropped first.
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Held to be stopped and waited for.
    _reader: Process,
}

/// A process that is stopped and waited for when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Repository {
    fn open(path: &Path, id: String) -> io::Result<Self> {
        let mut lister = Process(git(path, &["rev-list", "--reverse", "HEAD", "--"]).spawn()?);
        let mut reader = Process(
            git(path, &["cat-file", "--batch"])
                .stdin(Stdio::piped())
                .spawn()?,
        );
        let missing = || io::Error::other("a pipe of git is missing");
        Ok(Self {
            path: path.to_owned(),
            id,
            commits: BufReader::new(lister.0.stdout.take().ok_or_else(missing)?),
            questions: reader.0.stdin.take().ok_or_else(missing)?,
            answers: BufReader::new(reader.0.stdout.take().ok_or_else(missing)?),
            lister,
            _reader: reader,
        })
    }

    /// The next commit's message; `None` behind the last.
    fn next_message(&mut self, reading: &Reading) -> io::Result<Option<StoredMessage>> {
        loop {
            let commit = read_line(&mut self.commits)?;
            if commit.is_empty() {
                let is_whole = self.lister.0.wait()?.success();
                return if is_whole {
                    Ok(None)
                } else {
                    Err(io::Error::other("git failed"))
                };
            }
            writeln!(self.questions, "{commit}:m")?;
            self.questions.flush()?;
            let answer = read_line(&mut self.answers)?;
            // A commit that deletes a message has `d` in place of `m`.
            if answer.ends_with(" missing") {
                continue;
            }
            let size = answer.split(' ').nth(2).and_then(|size| size.parse().ok());
            let size = size.ok_or_else(|| io::Error::other("git answers in another form"))?;
            let octets = self.read_blob(size, reading.message_octet_limit)?;
            if answer.split(' ').nth(1) != Some("blob") {
                continue;
            }
            return Ok(Some(StoredMessage {
                id: format!("{}:{commit}", self.id),
                size,
                octets,
                is_mbox: false,
                offset: None,
                notes: Vec::new(),
                envelope: None,
            }));
        }
    }

    /// Reads an object and the line end behind it.
    fn read_blob(&mut self, size: u64, limit: u64) -> io::Result<Result<Bytes, ErrorReason>> {
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let mut blob = (&mut self.answers).take(size);
        let octets = if size > limit {
            let skipped = io::copy(&mut blob, &mut io::sink())?;
            (skipped == size).then_some(Err(ErrorReason::MessageTooLarge))
        } else {
            let mut octets = Vec::new();
            blob.read_to_end(&mut octets)?;
            (octets.len() as u64 == size).then(|| Ok(Bytes::from(octets)))
        };
        let octets = octets.ok_or_else(cut)?;
        read_line(&mut self.answers)?;
        Ok(octets)
    }
}

/// A line without its line end; empty at the end of the stream.
fn read_line(reader: &mut BufReader<ChildStdout>) -> io::Result<String> {
    let mut line = Vec::new();
    reader.take(LINE_OCTET_LIMIT).read_until(b'\n', &mut line)?;
    let line = String::from_utf8(line).map_err(io::Error::other)?;
    Ok(line.trim_end().to_owned())
}

/// A git that reads this repository and nothing else: no replaced objects, no questions, nothing fetched.
fn git(repository: &Path, arguments: &[&str]) -> Command {
    let mut folder = OsString::from("--git-dir=");
    folder.push(repository);
    let mut command = Command::new("git");
    command
        .arg(folder)
        .arg("--no-replace-objects")
        .args(arguments)
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env_remove("GIT_OBJECT_DIRECTORY")
        .env_remove("GIT_ALTERNATE_OBJECT_DIRECTORIES")
        // The first interrupt of a run lets the messages in flight be finished.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

#[cfg(test)]
mod tests;
