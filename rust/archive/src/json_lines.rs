//! JSONL: a message a line, read line by line in bounded memory; what one line says is `json_row`'s.
//!
//! A line that cannot be read is a row with an error, and the next line goes on. A row is counted from 0 over the lines
//! that are not blank; sentences count lines from 1, as editors do.

use std::collections::VecDeque;
use std::path::PathBuf;

use bytes::Bytes;
use mailauth_core::verdict::ErrorReason;
use memchr::{memchr, memmem};

use crate::file::{Found, Reading, Source};
use crate::json_row::JsonRow;
use crate::problem::SourceProblem;
use crate::store_fault::{RowFault, RowFaults, StoreFault};
use crate::stored_message::StoredMessage;
use crate::stream::Ending;
use crate::window::{Window, to_index};

/// Octets of a line beside its message: ids, recipients, columns that are not read.
const LINE_ALLOWANCE: u64 = 64 << 10;

/// What may stand before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// JSON whose form is not that of lines; `head` are its first octets.
pub(crate) fn fault_of_form(head: &[u8]) -> Option<StoreFault> {
    let text = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
    let text = text.trim_ascii_start();
    if text.starts_with(b"[") {
        return Some(StoreFault::JsonArray);
    }
    let line = text.get(..memchr(b'\n', text)?)?;
    (line.trim_ascii() == b"{").then_some(StoreFault::JsonOverLines)
}

/// Tells whether a folder's JSON holds messages: `raw` is a key in its first octets.
pub(crate) fn may_hold_messages(head: &[u8]) -> bool {
    let is_key = |at: usize| {
        let behind = head
            .get(at..)
            .and_then(|rest| rest.strip_prefix(b"\"raw\""));
        behind.is_some_and(|behind| behind.trim_ascii_start().starts_with(b":"))
    };
    fault_of_form(head).is_none() && memmem::find_iter(head, b"\"raw\"").any(is_key)
}

/// The messages of a JSONL stream.
pub(crate) struct JsonLines {
    path: PathBuf,
    id_base: String,
    window: Window,
    /// Where the line begins.
    start: u64,
    /// Everything before it is searched for a line end.
    scan: u64,
    is_too_long: bool,
    lines: u64,
    rows: u64,
    faults: RowFaults,
    problems: VecDeque<SourceProblem>,
    is_done: bool,
}

impl JsonLines {
    /// The JSONL behind `window`, whose beginning may be read already.
    pub(crate) fn new(path: PathBuf, id_base: String, window: Window) -> Self {
        Self {
            path,
            id_base,
            window,
            start: 0,
            scan: 0,
            is_too_long: false,
            lines: 0,
            rows: 0,
            faults: RowFaults::new("line"),
            problems: VecDeque::new(),
            is_done: false,
        }
    }

    /// Reads one line; `None` when it is blank.
    fn next_message(&mut self, limit: u64) -> Option<StoredMessage> {
        let line_limit = (limit / 3)
            .saturating_add(1)
            .saturating_mul(4)
            .saturating_add(LINE_ALLOWANCE);
        loop {
            let octets = self.window.octets_from(self.scan);
            if let Some(found) = memchr(b'\n', octets) {
                let end = self.scan.saturating_add(found as u64);
                let message = self.close(end, None, line_limit, limit);
                self.begin_line(end.saturating_add(1));
                return message;
            }
            self.scan = self.window.end();
            if self.window.has_ended() {
                self.is_done = true;
                let ending = self.window.take_ending();
                let message = self.close(self.scan, Some(&ending), line_limit, limit);
                self.report(ending);
                return message;
            }
            self.is_too_long |= self.scan - self.start > line_limit;
            // Of a line that is too long nothing is kept.
            let keep = if self.is_too_long {
                self.scan
            } else {
                self.start
            };
            let until = self.scan.saturating_add(1);
            self.window
                .read_on(keep, until, line_limit.saturating_add(1));
        }
    }

    fn begin_line(&mut self, start: u64) {
        self.start = start;
        self.scan = start;
        self.is_too_long = false;
    }

    /// The line's message; `ending` when the stream ends behind it.
    fn close(
        &mut self,
        end: u64,
        ending: Option<&Ending>,
        line_limit: u64,
        limit: u64,
    ) -> Option<StoredMessage> {
        let length = end - self.start;
        let is_too_long = self.is_too_long || length > line_limit;
        let octets = self.window.octets_from(self.start);
        let mut line = octets.get(..to_index(length)).unwrap_or(octets);
        if self.start == 0 && !is_too_long {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        let is_blank = !is_too_long && line.trim_ascii().is_empty();
        let row = match ending {
            _ if is_blank => None,
            Some(Ending::Failed(_)) => Some(Err(ErrorReason::Unreadable)),
            Some(Ending::Shrank) => Some(Err(ErrorReason::Truncated)),
            _ if is_too_long => Some(Err(ErrorReason::MessageTooLarge)),
            _ => Some(Ok(JsonRow::read(line))),
        };
        self.lines = self.lines.saturating_add(1);
        Some(match row? {
            Ok(row) => self.message(row, length, limit),
            Err(error) => self.unread(error, length),
        })
    }

    fn next_id(&mut self) -> String {
        let id = format!("{}#{}", self.id_base, self.rows);
        self.rows = self.rows.saturating_add(1);
        id
    }

    fn message(
        &mut self,
        row: Result<JsonRow, RowFault>,
        length: u64,
        limit: u64,
    ) -> StoredMessage {
        let row = match row {
            Ok(row) => row,
            Err(fault) => {
                self.faults.note(fault, self.lines);
                return self.unread(ErrorReason::Unreadable, length);
            }
        };
        for fault in row.faults {
            self.faults.note(fault, self.lines);
        }
        let octets = row.octets.map_err(|fault| {
            self.faults.note(fault, self.lines);
            ErrorReason::Unreadable
        });
        let size = octets.as_ref().map_or(length, |octets| octets.len() as u64);
        let is_too_large = octets.is_ok() && size > limit;
        let own_id = self.next_id();
        StoredMessage {
            id: row.id.unwrap_or(own_id),
            size,
            octets: if is_too_large {
                Err(ErrorReason::MessageTooLarge)
            } else {
                octets
            },
            is_mbox: false,
            offset: None,
            notes: Vec::new(),
            envelope: Some(row.envelope),
        }
    }

    /// A row for a line without a message.
    fn unread(&mut self, error: ErrorReason, size: u64) -> StoredMessage {
        StoredMessage {
            id: self.next_id(),
            size,
            octets: Err::<Bytes, _>(error),
            is_mbox: false,
            offset: None,
            notes: Vec::new(),
            envelope: None,
        }
    }

    fn report(&mut self, ending: Ending) {
        self.problems.extend(self.faults.take(&self.path));
        let path = self.path.clone();
        match ending {
            Ending::Failed(source) => self.problems.push_back(SourceProblem::Unreadable {
                path,
                is_whole_input: false,
                source,
            }),
            Ending::Shrank => self.problems.push_back(SourceProblem::Shrank { path }),
            Ending::End if self.window.stream().has_changed() => {
                self.problems.push_back(SourceProblem::Changed { path });
            }
            Ending::End => {}
        }
    }
}

impl Source for JsonLines {
    fn next_found(&mut self, reading: &Reading) -> Option<Result<Found, SourceProblem>> {
        while !self.is_done {
            if let Some(message) = self.next_message(reading.message_octet_limit) {
                return Some(Ok(Found::Message(message)));
            }
        }
        self.problems.pop_front().map(Err)
    }
}

#[cfg(test)]
mod tests;
