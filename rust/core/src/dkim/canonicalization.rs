//! The canonical forms of header fields and bodies (RFC 6376 §3.4), as streams of octets into a sink.
//!
//! Knows what each algorithm changes; must not know hashes, signatures or which fields are signed. A bare LF is read
//! as CRLF everywhere (the public contract), a bare CR is an ordinary octet. Nothing is copied but what is short.

use std::cell::RefCell;
use std::ops::Range;

use mailauth_sha256::{SLACK, Source, prefetch};

use crate::dkim::body_blocks::{BodyText, ROOM};
use crate::dkim::body_paths::Path;
use crate::dkim::changes::{Changes, Form, Lines, RelaxedField};
use crate::octet_classes::{BLOCK, LineEnds};
use crate::tag_list::trim_fws;

/// The two algorithms of RFC 6376 §3.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Canonicalization {
    Simple,
    Relaxed,
}

impl Canonicalization {
    /// One half of `c=`, compared without case.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("simple") {
            Some(Self::Simple)
        } else if name.eq_ignore_ascii_case("relaxed") {
            Some(Self::Relaxed)
        } else {
            None
        }
    }
}

/// Takes a stream of octets.
pub(crate) trait Sink {
    /// Appends octets.
    fn write(&mut self, octets: &[u8]);
}

impl Sink for Vec<u8> {
    fn write(&mut self, octets: &[u8]) {
        self.extend_from_slice(octets);
    }
}

/// Octets gathered before they go on: a hash wants long pieces of whole blocks, and this much stays in the nearest cache.
const GATHER_OCTETS: usize = 4096;
/// A stretch of this many octets goes on without a copy.
const DIRECT_OCTETS: usize = 512;

/// Gathers short pieces for a sink that wants long ones.
pub(crate) struct Gather<'a, S: Sink> {
    sink: &'a mut S,
    buffer: Vec<u8>,
}

impl<'a, S: Sink> Gather<'a, S> {
    pub(crate) fn new(sink: &'a mut S) -> Self {
        Self {
            sink,
            buffer: Vec::with_capacity(GATHER_OCTETS),
        }
    }

    fn flush(&mut self) {
        if !self.buffer.is_empty() {
            self.sink.write(&self.buffer);
            self.buffer.clear();
        }
    }
}

impl<S: Sink> Sink for Gather<'_, S> {
    fn write(&mut self, octets: &[u8]) {
        if octets.len() >= DIRECT_OCTETS {
            self.flush();
            self.sink.write(octets);
            return;
        }
        if self.buffer.len() + octets.len() > GATHER_OCTETS {
            self.flush();
        }
        self.buffer.extend_from_slice(octets);
    }
}

impl<S: Sink> Drop for Gather<'_, S> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Writes the canonical form of a whole body; the line ends that it holds as stored fall out of the same pass.
pub(crate) fn write_body<S: Sink>(
    canonicalization: Canonicalization,
    body: &[u8],
    sink: &mut S,
) -> LineEnds {
    write_form(&mut CanonicalBody::new(canonicalization, body), sink)
}

fn write_form(form: &mut CanonicalBody<'_>, sink: &mut impl Sink) -> LineEnds {
    loop {
        let piece = form.piece();
        if piece.is_empty() {
            return form.line_ends();
        }
        sink.write(piece);
        let length = piece.len();
        form.consume(length);
    }
}

/// The canonical form of a body in pieces of `GATHER_OCTETS`, the last one shorter.
pub(crate) struct CanonicalBody<'a> {
    /// Until it is begun.
    body: Option<&'a [u8]>,
    text: BodyText<'a>,
    /// What follows the text.
    ending: &'static [u8],
    /// Empty until something is gathered.
    buffer: Vec<u8>,
    /// The present piece in the buffer.
    piece: Range<usize>,
    /// Octets of the buffer that are in use; those behind the piece belong to the next one.
    gathered: usize,
    octets: u64,
    /// Of what was cut off at the end.
    cut_line_ends: LineEnds,
}

impl<'a> CanonicalBody<'a> {
    pub(crate) fn new(canonicalization: Canonicalization, body: &'a [u8]) -> Self {
        Self::on(Path::detect(), canonicalization, body)
    }

    fn on(path: Path, canonicalization: Canonicalization, body: &'a [u8]) -> Self {
        // They are looked at when this body's turn to be hashed comes.
        prefetch(body.get(..GATHER_OCTETS).unwrap_or(body));
        prefetch(
            body.get(body.len().saturating_sub(BLOCK)..)
                .unwrap_or_default(),
        );
        let is_relaxed = canonicalization == Canonicalization::Relaxed;
        Self {
            body: Some(body),
            text: BodyText::new(b"", is_relaxed, path),
            ending: b"",
            buffer: Vec::new(),
            piece: 0..0,
            gathered: 0,
            octets: 0,
            cut_line_ends: LineEnds::default(),
        }
    }

    /// Cuts the end off.
    fn begin(&mut self, body: &'a [u8]) {
        let content = if self.text.is_relaxed() {
            trim_blank_lines(body)
        } else {
            trim_empty_lines(body)
        };
        self.text.restart(content);
        self.cut_line_ends = LineEnds::of(body.get(content.len()..).unwrap_or_default());
        // RFC 6376 §3.4.3: empty lines at the end become one CRLF, also where there is no body at all.
        // RFC 6376 §3.4.4: a body of nothing but white space and empty lines has no octets.
        if !(self.text.is_relaxed() && content.is_empty()) {
            self.ending = b"\r\n";
        }
    }

    /// Octets consumed so far.
    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }

    /// The line ends of the body as stored, once the form has ended.
    pub(crate) fn line_ends(&self) -> LineEnds {
        self.text.line_ends().or(self.cut_line_ends)
    }

    /// Writes what comes next behind the octets that are filled, the ending too where it fits; tells how many are then.
    fn write_next(&mut self, room: &mut [u8], filled: usize) -> usize {
        let filled = self.text.fill(room, filled);
        let end = filled + self.ending.len();
        match room.get_mut(filled..end).filter(|_| self.text.is_read()) {
            Some(place) => {
                place.copy_from_slice(std::mem::take(&mut self.ending));
                end
            }
            None => filled,
        }
    }

    /// Makes the next piece; an empty one is the end.
    fn refill(&mut self) {
        if let Some(body) = self.body.take() {
            self.begin(body);
        }
        if self.text.is_read() && self.ending.is_empty() && self.piece.end == self.gathered {
            (self.piece, self.gathered) = (0..0, 0);
            put_back(std::mem::take(&mut self.buffer));
            return;
        }
        if self.buffer.is_empty() {
            self.buffer = take_buffer();
        }
        // What the last piece had no room for comes first.
        self.buffer.copy_within(self.piece.end..self.gathered, 0);
        let kept = self.gathered - self.piece.end;
        let mut buffer = std::mem::take(&mut self.buffer);
        self.gathered = self.write_next(&mut buffer, kept);
        self.buffer = buffer;
        self.piece = 0..self.gathered.min(GATHER_OCTETS);
    }
}

impl Drop for CanonicalBody<'_> {
    fn drop(&mut self) {
        put_back(std::mem::take(&mut self.buffer));
    }
}

/// Buffers that a thread keeps: a few more than it hashes bodies at once.
const BUFFER_LIMIT: usize = 4;

thread_local! {
    /// Buffers of bodies that are done. Making a new one costs as much as hashing a short body, and the last one used is
    /// still in the nearest cache.
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

fn take_buffer() -> Vec<u8> {
    let kept = BUFFERS.with_borrow_mut(Vec::pop);
    kept.unwrap_or_else(|| vec![0; GATHER_OCTETS + ROOM])
}

fn put_back(buffer: Vec<u8>) {
    if !buffer.is_empty() {
        BUFFERS.with_borrow_mut(|buffers| {
            if buffers.len() < BUFFER_LIMIT {
                buffers.push(buffer);
            }
        });
    }
}

impl Source for CanonicalBody<'_> {
    fn piece(&mut self) -> &[u8] {
        if self.piece.is_empty() {
            self.refill();
        }
        self.buffer.get(self.piece.clone()).unwrap_or_default()
    }

    fn consume(&mut self, octets: usize) {
        self.octets += u64::try_from(octets).unwrap_or(u64::MAX);
        self.piece.start += octets;
    }

    /// Without a buffer in between; pieces may come after, not before.
    fn fill(&mut self, room: &mut [u8]) -> usize {
        const { assert!(ROOM <= SLACK) };
        if let Some(body) = self.body.take() {
            self.begin(body);
        }
        let filled = self.write_next(room, 0);
        self.octets += u64::try_from(filled).unwrap_or(u64::MAX);
        filled
    }
}

/// The body without the line ends at its end.
fn trim_empty_lines(body: &[u8]) -> &[u8] {
    let mut rest = body;
    while let [head @ .., b'\r', b'\n'] | [head @ .., b'\n'] = rest {
        rest = head;
    }
    rest
}

/// The body without the line ends and the white space at its end.
fn trim_blank_lines(body: &[u8]) -> &[u8] {
    let mut rest = body;
    while let [head @ .., b'\r', b'\n'] | [head @ .., b'\n' | b' ' | b'\t'] = rest {
        rest = head;
    }
    rest
}

/// Writes octets with each bare LF as CRLF.
pub(crate) fn write_lines<S: Sink>(octets: &[u8], sink: &mut S) {
    write_changed::<Lines>(octets, sink);
}

fn write_changed<F: Form>(content: &[u8], sink: &mut impl Sink) {
    for change in Changes::<F>::new(content) {
        sink.write(change.clean);
        sink.write(change.replacement);
    }
}

/// Writes the relaxed form of a field without its final CRLF (RFC 6376 §3.4.2).
pub(crate) fn write_relaxed_field(name: &[u8], value: &[u8], sink: &mut Vec<u8>) {
    sink.extend(name.iter().map(u8::to_ascii_lowercase));
    sink.write(b":");
    write_changed::<RelaxedField>(trim_fws(value), sink);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: [Canonicalization; 2] = [Canonicalization::Simple, Canonicalization::Relaxed];

    /// The form by one path, and the line ends as stored.
    fn body_on(
        path: Path,
        canonicalization: Canonicalization,
        octets: &[u8],
    ) -> (Vec<u8>, LineEnds) {
        let mut form = CanonicalBody::on(path, canonicalization, octets);
        let mut out = Vec::new();
        let line_ends = write_form(&mut form, &mut out);
        (out, line_ends)
    }

    /// The same, some of it filled into rooms of differing sizes and the rest in pieces.
    fn filled(
        path: Path,
        canonicalization: Canonicalization,
        octets: &[u8],
    ) -> (Vec<u8>, LineEnds) {
        let mut form = CanonicalBody::on(path, canonicalization, octets);
        let mut out = Vec::new();
        for length in (SLACK + 1..).take(200) {
            let mut room = vec![0; length];
            let count = form.fill(&mut room);
            assert!(count > 0 || form.piece().is_empty());
            out.extend_from_slice(&room[..count]);
        }
        let line_ends = write_form(&mut form, &mut out);
        assert_eq!(usize::try_from(form.octets()), Ok(out.len()));
        (out, line_ends)
    }

    /// The form, which is the same by every path.
    fn body(canonicalization: Canonicalization, octets: &[u8]) -> Vec<u8> {
        let (form, line_ends) = body_on(Path::Portable, canonicalization, octets);
        assert_eq!(
            line_ends,
            LineEnds::of(octets),
            "{:?}",
            String::from_utf8_lossy(octets)
        );
        for path in Path::available() {
            let other = body_on(path, canonicalization, octets);
            assert_eq!(
                other,
                (form.clone(), line_ends),
                "{path:?} {:?}",
                String::from_utf8_lossy(octets)
            );
            assert_eq!(
                filled(path, canonicalization, octets),
                other,
                "{path:?} {:?}",
                String::from_utf8_lossy(octets)
            );
        }
        form
    }

    fn field(name: &str, value: &str) -> String {
        let mut out = Vec::new();
        write_relaxed_field(name.as_bytes(), value.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    /// RFC 6376 §3.4.3 and §3.4.4 word by word: lines first, then each line, then the end.
    fn reference(canonicalization: Canonicalization, octets: &[u8]) -> Vec<u8> {
        let mut lines = vec![Vec::new()];
        for octet in octets {
            if *octet == b'\n' {
                let line = lines.last_mut().unwrap();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                lines.push(Vec::new());
            } else {
                lines.last_mut().unwrap().push(*octet);
            }
        }
        if canonicalization == Canonicalization::Relaxed {
            for line in &mut lines {
                let mut relaxed: Vec<u8> = Vec::new();
                for octet in line.iter() {
                    let octet = if *octet == b'\t' { b' ' } else { *octet };
                    if octet != b' ' || relaxed.last() != Some(&b' ') {
                        relaxed.push(octet);
                    }
                }
                if relaxed.last() == Some(&b' ') {
                    relaxed.pop();
                }
                *line = relaxed;
            }
        }
        while lines.last().is_some_and(Vec::is_empty) {
            lines.pop();
        }
        let mut out: Vec<u8> = lines
            .iter()
            .flat_map(|line| [line, &b"\r\n"[..]].concat())
            .collect();
        if out.is_empty() && canonicalization == Canonicalization::Simple {
            out.extend_from_slice(b"\r\n");
        }
        out
    }

    #[test]
    fn rfc6376_3_4_all_small_bodies_equal_the_reference() {
        let symbols = b"\r\n \ta";
        for length in 0..=6_u32 {
            for number in 0..5_usize.pow(length) {
                let octets: Vec<u8> = (0..length)
                    .map(|place| symbols[number / 5_usize.pow(place) % 5])
                    .collect();
                for canonicalization in BOTH {
                    assert_eq!(
                        body(canonicalization, &octets),
                        reference(canonicalization, &octets),
                        "{canonicalization:?} {:?}",
                        String::from_utf8_lossy(&octets)
                    );
                }
            }
        }
    }

    #[test]
    fn rfc6376_3_4_5_examples() {
        let octets = b" C \r\nD \t E\r\n\r\n\r\n";
        assert_eq!(body(Canonicalization::Relaxed, octets), b" C\r\nD E\r\n");
        assert_eq!(body(Canonicalization::Simple, octets), b" C \r\nD \t E\r\n");
        assert_eq!(field("A", " X"), "a:X");
        assert_eq!(field("B", " Y\t\r\n\tZ  "), "b:Y Z");
    }

    #[test]
    fn rfc6376_3_4_2_relaxed_fields() {
        for (value, expected) in [
            ("", "x:"),
            (" \t", "x:"),
            ("\r\n \r\n a\r\n \r\n\tb \r\n ", "x:a b"),
            ("a\n b\r c", "x:a b\r c"),
            (" \u{a0}a", "x:\u{a0}a"),
        ] {
            assert_eq!(field("X", value), expected, "{value:?}");
        }
    }

    fn octets() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(b"\r\n\n \tabcdefgh".to_vec()), 0..400)
    }

    proptest! {
        #[test]
        fn longer_bodies_equal_the_reference(octets in octets()) {
            for canonicalization in BOTH {
                prop_assert_eq!(body(canonicalization, &octets), reference(canonicalization, &octets));
            }
        }

        #[test]
        fn canonicalization_is_idempotent(octets in octets()) {
            for canonicalization in BOTH {
                let once = body(canonicalization, &octets);
                prop_assert_eq!(body(canonicalization, &once), once);
            }
        }

        #[test]
        fn line_ends_make_no_difference(octets in prop::collection::vec(prop::sample::select(b"\n \tabc".to_vec()), 0..300)) {
            let crlf = String::from_utf8(octets.clone()).unwrap().replace('\n', "\r\n");
            for canonicalization in BOTH {
                prop_assert_eq!(body(canonicalization, &octets), body(canonicalization, crlf.as_bytes()));
            }
        }
    }

    #[test]
    fn long_stretches_pass_the_gathering_buffer_in_order() {
        let mut octets = Vec::new();
        for number in 0..3_000_usize {
            octets.extend(std::iter::repeat_n(
                b'a' + u8::try_from(number % 26).unwrap(),
                number % 700,
            ));
            octets.extend_from_slice(if number % 3 == 0 { b"\t\n" } else { b"\r\n" });
        }
        for canonicalization in BOTH {
            assert_eq!(
                body(canonicalization, &octets),
                reference(canonicalization, &octets)
            );
        }
    }
}
