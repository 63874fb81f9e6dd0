//! Splits an mbox stream into messages; every octet is of one message, of a border, or of a reported gap.
//!
//! The border rule is `border`'s; here it meets Content-Length, the windows and the limits. A message's id carries the
//! offset of its own first octet, the one behind its From line, so that offset and size together cut it out of the
//! file. The From line, and one blank line before the next (RFC 4155 App. A), belong to no message.

use std::collections::VecDeque;
use std::path::PathBuf;

use mailauth_core::message::Repair;
use mailauth_core::verdict::ErrorReason;
use memchr::memmem::Finder;

use crate::border::{self, Above, FromLine, LOOKAHEAD, LOOKBACK, Shape};
use crate::content_length::{Claim, ContentLength, SEPARATOR_LIMIT};
use crate::file::{Found, Reading, Source};
use crate::kind::{HEAD_OCTETS, leading_junk};
use crate::problem::SourceProblem;
use crate::stored_message::StoredMessage;
use crate::stream::Ending;
use crate::window::{Window, to_index};

/// The messages of an mbox stream.
pub(crate) struct Mbox {
    path: PathBuf,
    id_base: String,
    window: Window,
    finder: Finder<'static>,
    section: Section,
    /// Everything before it is searched.
    scan: u64,
    is_git_series: bool,
    state: State,
    problems: VecDeque<SourceProblem>,
    /// Where an earlier reader of this file stopped.
    start: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unread,
    Reading,
    Done,
}

/// What lies between two borders.
struct Section {
    start: u64,
    is_message: bool,
    is_too_large: bool,
    content_length: ContentLength,
    notes: Vec<Repair>,
}

/// What a place with the letters `From ` is.
enum Judgement {
    /// A From line begins at `line`, its message at `message`.
    Border { line: u64, message: u64 },
    /// Part of the message; the search goes on at this offset.
    Content(u64),
    /// Only octets up to this offset can tell.
    More(u64),
}

impl Section {
    fn new(start: u64, is_message: bool) -> Self {
        Self {
            start,
            is_message,
            is_too_large: false,
            content_length: ContentLength::Unread,
            notes: Vec::new(),
        }
    }

    fn note(&mut self, note: Repair) {
        if self.is_message && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

impl Mbox {
    /// The mbox behind `window`, whose beginning may be read already.
    pub(crate) fn new(path: PathBuf, id_base: String, window: Window) -> Self {
        Self {
            path,
            id_base,
            window,
            finder: Finder::new(b"From "),
            section: Section::new(0, true),
            scan: 0,
            is_git_series: false,
            state: State::Unread,
            problems: VecDeque::new(),
            start: None,
        }
    }

    /// Finds the first message: behind a From line, or at octet 0 without one, or behind a gap.
    fn begin(&mut self) {
        self.window.read_on(0, HEAD_OCTETS as u64, u64::MAX);
        let octets = self.window.octets_from(0);
        let head = octets.get(..HEAD_OCTETS).unwrap_or(octets);
        let (junk, rest) = leading_junk(head);
        let start = junk.len() as u64;
        if let Some((message, is_git_series)) = border::first_from_line(rest) {
            self.is_git_series = is_git_series;
            let is_blank = junk
                .iter()
                .all(|octet| matches!(octet, b'\r' | b'\n' | b' '));
            self.section = Section::new(start.saturating_add(message as u64), true);
            if !is_blank {
                self.report_gap(0, start);
            }
        } else {
            let is_message = border::begins_with_field(head, true) == Some(true);
            self.section = Section::new(0, is_message);
        }
        if let Some(offset) = self.start.take() {
            self.window.seek(offset);
            self.section = Section::new(offset, true);
            self.problems.clear();
        }
        self.scan = self.section.start;
        self.state = State::Reading;
    }

    fn report_gap(&mut self, start: u64, end: u64) {
        let path = self.path.clone();
        self.problems
            .push_back(SourceProblem::Gap { path, start, end });
    }

    /// Reads to the end of the section and begins the next one; `None` when the section was a gap.
    fn next_message(&mut self, limit: u64) -> Option<StoredMessage> {
        loop {
            let until = match self.find_border(limit) {
                Judgement::Border { line, message } => {
                    let section = std::mem::replace(&mut self.section, Section::new(message, true));
                    return self.close(section, line, Ending::End, limit);
                }
                Judgement::Content(_) if self.window.has_ended() => {
                    self.state = State::Done;
                    let ending = self.window.take_ending();
                    let section = std::mem::replace(&mut self.section, Section::new(0, true));
                    let end = self.window.end();
                    return self.close(section, end, ending, limit);
                }
                Judgement::Content(end) => end.saturating_add(1),
                Judgement::More(until) => until,
            };
            self.read_on(until, limit);
        }
    }

    fn find_border(&mut self, limit: u64) -> Judgement {
        loop {
            let Some(found) = self.finder.find(self.window.octets_from(self.scan)) else {
                let end = self.window.end();
                self.scan = self.scan.max(end.saturating_sub(b"From".len() as u64));
                return Judgement::Content(end);
            };
            let candidate = self.scan.saturating_add(found as u64);
            self.scan = candidate;
            match self.judge(candidate, limit) {
                Judgement::Content(next) => self.scan = next,
                Judgement::Border { line, message } => {
                    self.scan = message;
                    return Judgement::Border { line, message };
                }
                more @ Judgement::More(_) => return more,
            }
        }
    }

    /// Judges the letters `From ` at this offset.
    fn judge(&mut self, candidate: u64, limit: u64) -> Judgement {
        let content = Judgement::Content(candidate.saturating_add(b"From ".len() as u64));
        let floor = self.section.start.max(self.window.origin());
        let octets = self.window.octets_from(floor);
        let at = to_index(candidate - floor);
        let Some(line) = line_start(octets, at) else {
            return content;
        };
        let from_line = octets.get(at..).unwrap_or_default();
        let (shape, message) = match border::from_line(from_line, self.window.has_ended()) {
            FromLine::Line { shape, message } => (shape, message),
            FromLine::Undecided => {
                return Judgement::More(candidate.saturating_add(LOOKAHEAD as u64));
            }
            FromLine::No => return content,
        };
        let above = border::above(octets, line);
        let is_stores_own = from_line
            .get(message..)
            .is_some_and(border::is_written_by_store);
        let line = floor.saturating_add(line as u64);
        let message = candidate.saturating_add(message as u64);
        self.read_content_length(line);
        let is_border = match (shape, above) {
            _ if self.section.content_length.leads_to(line, &self.window) => true,
            (Shape::GitPatch, _) if !self.is_git_series => false,
            (_, Above::Blank) | (Shape::Bare, Above::Text) => true,
            (_, Above::PartHeader) => false,
            (_, Above::Text) => is_stores_own,
        };
        if !is_border {
            if above == Above::Text {
                self.section.note(Repair::FromLineInBody);
            }
            return content;
        }
        self.weigh(candidate, line, message, limit)
    }

    /// Reads the field once, when the header section is in memory for certain.
    fn read_content_length(&mut self, end: u64) {
        let section = &mut self.section;
        if !matches!(section.content_length, ContentLength::Unread) {
            return;
        }
        let octets = self.window.octets_from(section.start);
        let length = to_index(end.saturating_sub(section.start));
        let octets = octets.get(..length).unwrap_or(octets);
        section.content_length = ContentLength::of(octets, section.start);
    }

    /// What the Content-Length field leaves of a border.
    fn weigh(&mut self, candidate: u64, line: u64, message: u64, limit: u64) -> Judgement {
        let section = &mut self.section;
        match section
            .content_length
            .claim(section.start, line, limit, &self.window)
        {
            Claim::EndsAt(end) if end > candidate => Judgement::Content(end),
            Claim::More(until) => Judgement::More(until),
            Claim::Agrees => Judgement::Border { line, message },
            Claim::EndsAt(_) | Claim::Lies => {
                section.content_length = ContentLength::Ignored;
                section.note(Repair::ContentLengthIgnored);
                Judgement::Border { line, message }
            }
        }
    }

    fn read_on(&mut self, until: u64, limit: u64) {
        let searched = self.scan.saturating_sub(self.section.start);
        if searched > limit.saturating_add(SEPARATOR_LIMIT as u64) {
            self.read_content_length(self.scan);
            self.section.is_too_large = true;
        }
        let keep = if self.section.is_too_large {
            let lookback = 2 * LOOKBACK as u64;
            self.section.start.max(self.scan.saturating_sub(lookback))
        } else {
            self.section.start
        };
        let margin = (2 * (SEPARATOR_LIMIT + LOOKAHEAD)) as u64;
        self.window
            .read_on(keep, until, limit.saturating_add(margin));
    }

    /// Ends the section at a border's line or at the end of the stream.
    fn close(
        &mut self,
        mut section: Section,
        end: u64,
        ending: Ending,
        limit: u64,
    ) -> Option<StoredMessage> {
        let floor = section.start.max(self.window.origin());
        let rest = self.window.octets_from(floor);
        let rest = rest.get(..to_index(end - floor)).unwrap_or(rest);
        let is_cut = !rest.is_empty() && !rest.ends_with(b"\n");
        let end = end - blank_line_length(rest) as u64;
        if !section.is_message {
            if section.is_too_large || rest.iter().any(|octet| !matches!(octet, b'\r' | b'\n')) {
                self.report_gap(section.start, end);
            }
            self.report_ending(ending);
            return None;
        }
        if matches!(ending, Ending::End) && self.state == State::Done {
            self.check_last(&mut section, is_cut);
        }
        let size = end - section.start;
        let octets = match &ending {
            Ending::Failed(_) => Err(ErrorReason::Unreadable),
            Ending::Shrank => Err(ErrorReason::Truncated),
            Ending::End if section.is_too_large || size > limit => {
                Err(ErrorReason::MessageTooLarge)
            }
            Ending::End => Ok(self.window.share(section.start, end)),
        };
        self.report_ending(ending);
        Some(StoredMessage {
            id: [&*self.id_base, &*section.start.to_string()].join(":"),
            size,
            octets,
            is_mbox: true,
            offset: Some(section.start),
            notes: section.notes,
            envelope: None,
        })
    }

    /// Notes what only the last message can have.
    fn check_last(&self, section: &mut Section, is_cut: bool) {
        if is_cut {
            section.note(Repair::Truncated);
        }
        let octets = self.window.octets_from(section.start);
        if let ContentLength::Unread = section.content_length {
            section.content_length = ContentLength::of(octets, section.start);
        }
        let is_ignored = matches!(section.content_length, ContentLength::EndsAt(_))
            && !section
                .content_length
                .leads_to(self.window.end(), &self.window);
        if is_ignored {
            section.note(Repair::ContentLengthIgnored);
        }
    }

    fn report_ending(&mut self, ending: Ending) {
        let path = self.path.clone();
        match ending {
            Ending::Failed(source) => {
                let problem = SourceProblem::of_reading(path, false, source);
                self.problems.push_back(problem);
            }
            Ending::Shrank => self.problems.push_back(SourceProblem::Shrank { path }),
            Ending::End if self.state == State::Done && self.window.stream().has_changed() => {
                self.problems.push_back(SourceProblem::Changed { path });
            }
            Ending::End => {}
        }
    }
}

impl Source for Mbox {
    fn begin_at(&mut self, offset: u64) -> bool {
        let is_file = self.window.stream().size().is_some();
        self.start = is_file.then_some(offset);
        is_file
    }

    fn next_found(&mut self, reading: &Reading) -> Option<Result<Found, SourceProblem>> {
        loop {
            if let Some(problem) = self.problems.pop_front() {
                return Some(Err(problem));
            }
            match self.state {
                State::Unread => self.begin(),
                State::Reading => {
                    if let Some(message) = self.next_message(reading.message_octet_limit) {
                        return Some(Ok(Found::Message(message)));
                    }
                }
                State::Done => return None,
            }
        }
    }
}

/// Where the line with `From ` at `at` begins, if nothing but one space stands before it.
fn line_start(octets: &[u8], at: usize) -> Option<usize> {
    let before = octets.get(..at)?;
    let before = before.strip_suffix(b" ").unwrap_or(before);
    before.ends_with(b"\n").then_some(before.len())
}

/// Length of the last line if it is blank.
fn blank_line_length(octets: &[u8]) -> usize {
    let length = match octets {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] => 1,
        _ => return 0,
    };
    let before = octets.get(..octets.len() - length).unwrap_or_default();
    if before.is_empty() || before.ends_with(b"\n") {
        length
    } else {
        0
    }
}

#[cfg(test)]
mod tests;
