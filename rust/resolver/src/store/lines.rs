//! Cuts decoded octets into lines and lines into rows. Knows the header and the limit of a line; must not know frames.

use serde::Deserialize;

use super::SCHEMA;
use super::reader::StoredRow;
use super::row::Row;

/// Longest line: the largest answer is 65,535 octets, each at most 5 octets in JSON (`\\255`), and room for the rest.
pub(super) const LINE_OCTET_LIMIT: usize = 512 * 1024;

/// The first line. A store made by joining others has it again in the middle.
#[derive(Deserialize)]
struct Header {
    schema: u64,
}

/// Why reading has to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NoHeader,
    NewerSchema(u64),
}

/// Where the cutting stands; a line may reach from one frame into the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
    is_overlong: bool,
    finished: u64,
    has_header: bool,
}

/// What some octets held.
#[derive(Default)]
pub(super) struct Part {
    pub(super) rows: Vec<StoredRow>,
    pub(super) bad_lines: Vec<(u64, &'static str)>,
}

impl Lines {
    pub(super) const fn has_header(&self) -> bool {
        self.has_header
    }

    /// Takes the next octets.
    ///
    /// # Errors
    /// The first line is no header, or the header is one of the future.
    pub(super) fn feed(&mut self, octets: &[u8], part: &mut Part) -> Result<(), Refusal> {
        let mut pieces = octets.split(|octet| *octet == b'\n');
        let Some(last) = pieces.next_back() else {
            return Ok(());
        };
        for piece in pieces {
            self.keep(piece);
            self.finish_line(part)?;
        }
        self.keep(last);
        Ok(())
    }

    fn keep(&mut self, piece: &[u8]) {
        self.is_overlong |= self.rest.len().saturating_add(piece.len()) > LINE_OCTET_LIMIT;
        if !self.is_overlong {
            self.rest.extend_from_slice(piece);
        }
    }

    fn finish_line(&mut self, part: &mut Part) -> Result<(), Refusal> {
        self.finished += 1;
        let line = std::mem::take(&mut self.rest);
        if std::mem::take(&mut self.is_overlong) {
            if !self.has_header {
                return Err(Refusal::NoHeader);
            }
            part.bad_lines
                .push((self.finished, "longer than any answer"));
            return Ok(());
        }
        self.read_line(&line, part)
    }

    fn read_line(&mut self, line: &[u8], part: &mut Part) -> Result<(), Refusal> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        // Only an object names its fields; serde would take a list for a row as well.
        let is_object = line.trim_ascii_start().first() == Some(&b'{');
        let row = (is_object && self.has_header).then(|| serde_json::from_slice::<Row>(line).ok());
        let Some(row) = row.flatten() else {
            return self.read_header(if is_object { line } else { b"" }, part);
        };
        match row.answer() {
            Ok(answer) => part.rows.push(StoredRow { row, answer }),
            Err(problem) => part.bad_lines.push((self.finished, problem)),
        }
        Ok(())
    }

    fn read_header(&mut self, line: &[u8], part: &mut Part) -> Result<(), Refusal> {
        match serde_json::from_slice::<Header>(line) {
            Ok(Header { schema: 1..=SCHEMA }) => self.has_header = true,
            Ok(Header { schema }) if schema > SCHEMA => return Err(Refusal::NewerSchema(schema)),
            _ if self.has_header => part
                .bad_lines
                .push((self.finished, "no row of a DNS store")),
            _ => return Err(Refusal::NoHeader),
        }
        Ok(())
    }

    /// Takes what stands behind the last line feed: a whole row counts. True when the rest is a torn line.
    ///
    /// # Errors
    /// As [`Lines::feed`].
    pub(super) fn finish(&mut self, part: &mut Part) -> Result<bool, Refusal> {
        if self.rest.is_empty() && !self.is_overlong {
            return Ok(false);
        }
        let known = part.bad_lines.len();
        self.finish_line(part)?;
        Ok(part.bad_lines.len() > known)
    }

    /// Lines so far.
    pub(super) const fn count(&self) -> u64 {
        self.finished
    }

    /// Octets stand behind the last line feed.
    pub(super) const fn is_in_line(&self) -> bool {
        !self.rest.is_empty() || self.is_overlong
    }
}
