//! Why a store cannot be used, and what was found in one that can: one sentence each, with the file's name and what
//! to do. Knows no format.

use std::io;
use std::path::{Path, PathBuf};

use super::SCHEMA;

/// Bad lines that are named; the others are counted.
const NAMED_LINES: usize = 3;

/// Why a file cannot be used as a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The system refuses to read.
    #[error("{path}: the DNS store cannot be read ({found}); check the name and its permissions", path = .0.display(), found = .1)]
    Unreadable(PathBuf, String),
    /// The system refuses to write.
    #[error("{path}: the DNS store cannot be written ({found}); make room or choose another file", path = .0.display(), found = .1)]
    Unwritable(PathBuf, String),
    /// A folder, a pipe, a device.
    #[error("{path}: no file; a DNS store is recorded into a file, name one", path = .0.display())]
    NoFile(PathBuf),
    /// The first line is no header.
    #[error("{path}: no DNS store, its first line is not {{\"schema\": {SCHEMA}}}; give a file that was recorded or imported", path = .0.display())]
    NoStore(PathBuf),
    /// Written by a newer version.
    #[error("{path}: a DNS store of schema {found}, newer than {SCHEMA}; update mailauth-fast", path = .0.display(), found = .1)]
    NewerSchema(PathBuf, u64),
    /// Not even the header is whole.
    #[error("{path}: torn before its first frame ends, so nothing in it can be used; remove it and record again", path = .0.display())]
    TornAtStart(PathBuf),
    /// Whole frames stand behind a damaged one: cutting would lose them.
    #[error("{path}: damaged at octet {found}, with whole frames behind it; restore it, or record into another file", path = .0.display(), found = .1)]
    Damaged(PathBuf, u64),
    /// Not compressed.
    #[error("{path}: not compressed, so nothing can be appended; compress it with zstd or record into another file", path = .0.display())]
    Plain(PathBuf),
    /// Two processes would write over each other.
    #[error("{path}: something else is recording into this DNS store; wait for it or choose another file", path = .0.display())]
    Busy(PathBuf),
    /// Writing the file anew would lose what cannot be read now.
    #[error("{path}: holds lines that cannot be read and would be lost; correct them, or write into another file", path = .0.display())]
    Lossy(PathBuf),
    /// The caller goes on asking.
    #[error("{path}: the recording was closed; open it again to record more", path = .0.display())]
    Closed(PathBuf),
}

impl StoreError {
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::Unreadable(path.to_owned(), words_of(error))
    }

    pub(super) fn unwritable(path: &Path, error: &io::Error) -> Self {
        Self::Unwritable(path.to_owned(), words_of(error))
    }
}

/// The system's words without their number.
fn words_of(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    words.to_lowercase()
}

/// Where the usable part of a file ends before the file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// The last frame, beginning at this octet, is not whole.
    TornFrame(u64),
    /// A frame in the middle, beginning at this octet, cannot be read.
    DamagedFrame(u64),
    /// The last line, of this number, is not whole.
    TornLine(u64),
}

/// What is wrong with a store of which the rest is used.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub(super) broken: Option<Break>,
    bad_count: u64,
    bad_lines: Vec<(u64, &'static str)>,
}

impl Findings {
    pub(super) fn add_bad_line(&mut self, number: u64, problem: &'static str) {
        self.bad_count += 1;
        if self.bad_lines.len() < NAMED_LINES {
            self.bad_lines.push((number, problem));
        }
    }

    /// True when the file holds something that a copy of its rows would not.
    pub(super) const fn is_lossy(&self) -> bool {
        self.bad_count > 0 || matches!(self.broken, Some(Break::DamagedFrame(_)))
    }

    /// One sentence for each kind of finding.
    pub(super) fn sentences(&self, path: &Path) -> Vec<String> {
        let path = path.display();
        let broken = self.broken.map(|broken| match broken {
            Break::TornFrame(octet) => format!(
                "{path}: its last frame, from octet {octet} on, is torn; what stands before it is used; record the rest again"
            ),
            Break::DamagedFrame(octet) => format!(
                "{path}: damaged at octet {octet}; only what stands before it is used; restore the file"
            ),
            Break::TornLine(number) => format!(
                "{path}: its last line, number {number}, is torn; what stands before it is used; record the rest again"
            ),
        });
        broken
            .into_iter()
            .chain(self.bad_lines_sentence(&path.to_string()))
            .collect()
    }

    fn bad_lines_sentence(&self, path: &str) -> Option<String> {
        let named: Vec<String> = self
            .bad_lines
            .iter()
            .map(|(number, problem)| format!("line {number}: {problem}"))
            .collect();
        let more = if self.bad_count > to_u64(named.len()) {
            "; ..."
        } else {
            ""
        };
        let lines = match self.bad_count {
            0 => return None,
            1 => "1 line is unreadable and left out".to_owned(),
            count => format!("{count} lines are unreadable and left out"),
        };
        Some(format!(
            "{path}: {lines} ({}{more}); correct or remove them",
            named.join("; ")
        ))
    }
}

fn to_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
