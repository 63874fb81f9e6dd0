//! Reads a store from its first frame to its last whole one, in bounded memory: a frame's rows at a time.
//!
//! A frame counts when it is whole; what is torn, damaged or unreadable is noted and named. Plain JSON lines are read
//! as well. Must not know what the rows are for.

use std::fs::File;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use mailauth_core::dns::{Answer, Question};

use super::frames::{self, CountingFile};
use super::lines::{Lines, Part, Refusal};
use super::problem::{Break, Findings, StoreError};
use super::row::Row;

/// A row and, for the types that checks ask for, what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRow {
    /// The row as written.
    pub row: Row,
    /// The question that it answers.
    pub answer: Option<(Question, Answer)>,
}

/// A store being read.
pub struct StoreReader {
    path: PathBuf,
    file: CountingFile,
    is_plain: bool,
    lines: Lines,
    findings: Findings,
    whole_octets: u64,
    is_finished: bool,
    lacks_line_end: bool,
}

impl StoreReader {
    /// Opens a store; its content tells whether it is compressed.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(|error| StoreError::unreadable(path, &error))?;
        Self::over(path, file)
    }

    pub(super) fn over(path: &Path, file: File) -> Result<Self, StoreError> {
        let mut file = CountingFile::new(file);
        let is_compressed = file
            .begins_with_frame()
            .map_err(|error| StoreError::unreadable(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            is_plain: !is_compressed,
            lines: Lines::default(),
            findings: Findings::default(),
            whole_octets: 0,
            is_finished: false,
            lacks_line_end: false,
        })
    }

    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read, is no store, or one of the future.
    pub fn next_rows(&mut self) -> Result<Option<Vec<StoredRow>>, StoreError> {
        while !self.is_finished {
            let rows = self.next_part()?;
            if !rows.is_empty() {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }

    /// What was found to be wrong so far, one sentence each.
    pub fn problems(&self) -> Vec<String> {
        self.findings.sentences(&self.path)
    }

    pub(super) const fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Octets of the file up to the end of the last whole frame.
    pub(super) const fn whole_octets(&self) -> u64 {
        self.whole_octets
    }

    pub(super) const fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// The last whole line has no line feed: whoever appends must add one.
    pub(super) const fn lacks_line_end(&self) -> bool {
        self.lacks_line_end
    }

    fn next_part(&mut self) -> Result<Vec<StoredRow>, StoreError> {
        let is_at_end = self
            .file
            .is_at_end()
            .map_err(|error| self.unreadable(&error))?;
        if is_at_end {
            return self.finish();
        }
        if self.is_plain {
            self.plain_part()
        } else {
            self.frame()
        }
    }

    fn plain_part(&mut self) -> Result<Vec<StoredRow>, StoreError> {
        let mut part = Part::default();
        let filled = self.file.fill_buf();
        let (fed, length) = match filled {
            Ok(octets) => (self.lines.feed(octets, &mut part), octets.len()),
            Err(error) => return Err(StoreError::unreadable(&self.path, &error)),
        };
        self.file.consume(length);
        fed.map_err(|refusal| self.refused(refusal))?;
        Ok(self.accept(part))
    }

    /// The rows of the next frame if it is whole; otherwise the store ends before it.
    fn frame(&mut self) -> Result<Vec<StoredRow>, StoreError> {
        let (start, mut lines) = (self.file.taken(), self.lines.clone());
        let (mut part, mut refusal) = (Part::default(), None);
        let decoded = frames::decode(&mut self.file, |octets| {
            refusal = lines.feed(octets, &mut part).err();
            refusal.is_none()
        });
        if let Some(refusal) = refusal {
            return Err(self.refused(refusal));
        }
        match decoded {
            Ok(()) => {
                self.lines = lines;
                self.whole_octets = self.file.taken();
                Ok(self.accept(part))
            }
            Err(error) if error.raw_os_error().is_some() => Err(self.unreadable(&error)),
            Err(_) => {
                let is_damaged = frames::has_later_frame(&self.path, start);
                let broken = if is_damaged {
                    Break::DamagedFrame(start)
                } else {
                    Break::TornFrame(start)
                };
                self.findings.broken = Some(broken);
                self.finish()
            }
        }
    }

    fn finish(&mut self) -> Result<Vec<StoredRow>, StoreError> {
        self.is_finished = true;
        self.lacks_line_end = self.lines.is_in_line();
        let mut part = Part::default();
        let is_torn = self
            .lines
            .finish(&mut part)
            .map_err(|refusal| self.refused(refusal))?;
        if !self.lines.has_header() {
            return Err(self.refused(Refusal::NoHeader));
        }
        if is_torn && self.findings.broken.is_none() {
            part.bad_lines.clear();
            self.findings.broken = Some(Break::TornLine(self.lines.count()));
        }
        Ok(self.accept(part))
    }

    fn accept(&mut self, part: Part) -> Vec<StoredRow> {
        for (number, problem) in part.bad_lines {
            self.findings.add_bad_line(number, problem);
        }
        part.rows
    }

    fn refused(&self, refusal: Refusal) -> StoreError {
        let path = self.path.clone();
        match (refusal, self.findings.broken) {
            (Refusal::NewerSchema(schema), _) => StoreError::NewerSchema(path, schema),
            (Refusal::NoHeader, Some(Break::TornFrame(_) | Break::DamagedFrame(_))) => {
                StoreError::TornAtStart(path)
            }
            (Refusal::NoHeader, _) => StoreError::NoStore(path),
        }
    }

    fn unreadable(&self, error: &io::Error) -> StoreError {
        StoreError::unreadable(&self.path, error)
    }
}
