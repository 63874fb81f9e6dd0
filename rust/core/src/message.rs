//! RFC 5322 framing: header fields and body as ranges over the raw octets.
//!
//! One tokenizer for SPF, DKIM, ARC and DMARC, so that no two checks can read a message differently. Knows where
//! fields begin and end (RFC 5322 §2.2, §3.5; the public contract's rules for odd line ends); must not know what
//! any field means.

use bytes::Bytes;
use memchr::memchr;

use crate::octet_classes::{BLOCK, Classes, LineEnds, classify, padded};
use crate::reason::words;

/// Octets of a message that is held in memory; a larger one is a row with `error` `message-too-large`.
pub const MESSAGE_OCTET_LIMIT: usize = 256 << 20;
/// Octets of a header section that are examined; beyond it every check is `limit-exceeded`.
pub const HEADER_OCTET_LIMIT: usize = 16 << 20;
/// Header fields that are examined; beyond it every check is `limit-exceeded`.
pub const FIELD_LIMIT: usize = 100_000;

words! {
    /// What was odd about the octets and how they were read.
    Repair {
        /// More mail is attached, or lies deeper, than is examined.
        AttachedLimit "attached-limit";
        BareCr "bare-cr";
        /// The Content-Length field leads neither to an mbox border nor to the end of the file.
        ContentLengthIgnored "content-length-ignored";
        /// A line like an mbox border does not follow a blank line, so it was left in the body.
        FromLineInBody "from-line-in-body";
        Lf "lf";
        MboxFromLine "mbox-from-line";
        MboxQuoting "mbox-quoting";
        NoBlankLine "no-blank-line";
        /// The source ends in the middle of the message's last line.
        Truncated "truncated";
    }
}

/// One header field; the ranges are offsets into the message.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub(crate) start: u32,
    name_end: u32,
    pub(crate) colon: u32,
    pub(crate) end: u32,
    name_hash: u32,
}

impl Field {
    /// A hash of the lower-case name: equal names have equal hashes.
    pub fn name_hash(&self) -> u32 {
        self.name_hash
    }
}

/// A message split into header fields and body.
#[derive(Clone, Debug)]
pub struct Message {
    octets: Bytes,
    fields: Vec<Field>,
    header_start: usize,
    body_start: usize,
    repairs: Vec<Repair>,
    header_line_ends: LineEnds,
    exceeds_limits: bool,
}

impl Message {
    /// Splits a message of at most [`MESSAGE_OCTET_LIMIT`] octets; linear, never fails.
    pub fn parse(octets: Bytes) -> Self {
        let header_start = envelope_line_length(&octets);
        let mut message = Self {
            octets: Bytes::new(),
            header_start,
            fields: Vec::with_capacity(64),
            body_start: header_start,
            repairs: Vec::new(),
            header_line_ends: LineEnds::default(),
            exceeds_limits: false,
        };
        message.split_header(&octets);
        message.octets = octets;
        message
    }

    fn split_header(&mut self, octets: &[u8]) {
        let mut lines = Lines::of(octets);
        let mut position = self.header_start;
        if position > 0 {
            lines.next_line_feed();
            self.repairs.push(Repair::MboxFromLine);
        }
        self.body_start = loop {
            let rest = octets.get(position..).unwrap_or_default();
            if rest.is_empty() {
                break position;
            }
            let blank = blank_line_length(rest);
            if blank > 0 {
                break position + blank;
            }
            let Some((name_end, colon)) = field_name(rest) else {
                self.repairs.push(Repair::NoBlankLine);
                break position;
            };
            let end = lines.field_end();
            if self.fields.len() >= FIELD_LIMIT || end - self.header_start > HEADER_OCTET_LIMIT {
                self.exceeds_limits = true;
                break position;
            }
            self.fields.push(Field {
                start: to_u32(position),
                name_end: to_u32(position + name_end),
                colon: to_u32(position + colon),
                end: to_u32(end),
                name_hash: hash_name(rest.get(..name_end).unwrap_or_default()),
            });
            position = end;
        };
        self.header_line_ends = if self.exceeds_limits {
            LineEnds::of(octets.get(..self.body_start).unwrap_or_default())
        } else {
            lines.line_ends_until(self.body_start)
        };
    }

    /// The octets as stored.
    pub fn octets(&self) -> &Bytes {
        &self.octets
    }

    /// All fields from the top.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The fields of this name (compared without case) from the top.
    pub fn fields_named<'a>(
        &'a self,
        name: &'a [u8],
    ) -> impl DoubleEndedIterator<Item = &'a Field> + 'a {
        let hash = hash_name(name);
        self.fields
            .iter()
            .filter(move |field| field.name_hash == hash && is_same_name(self.name(field), name))
    }

    /// The positions among [`Message::fields`] of the fields of this name, from the top.
    pub fn positions_named<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let hash = hash_name(name);
        self.fields
            .iter()
            .enumerate()
            .filter(move |(_, field)| {
                field.name_hash == hash && is_same_name(self.name(field), name)
            })
            .map(|(position, _)| position)
    }

    /// A field's name as written, without white space before the colon.
    pub fn name(&self, field: &Field) -> &[u8] {
        self.slice(field.start, field.name_end)
    }

    /// What stands between the name's colon and the field's last line end, folds included.
    pub fn value(&self, field: &Field) -> &[u8] {
        trim_line_end(self.slice(field.colon + 1, field.end))
    }

    /// The whole field as stored, folds included, without its last line end.
    pub fn raw(&self, field: &Field) -> &[u8] {
        trim_line_end(self.slice(field.start, field.end))
    }

    /// The header section as stored, without the blank line.
    pub fn header(&self) -> &[u8] {
        let end = self
            .fields
            .last()
            .map_or(self.header_start, |field| to_usize(field.end));
        self.octets.get(self.header_start..end).unwrap_or_default()
    }

    /// The body as stored.
    pub fn body(&self) -> &[u8] {
        self.octets.get(self.body_start..).unwrap_or_default()
    }

    /// What was found odd, each once.
    pub fn repairs(&self) -> Vec<Repair> {
        self.repairs_with(LineEnds::of(self.body()))
    }

    /// The same when the line ends of the body are known: RFC 5322 §2.3 allows neither a bare LF nor a bare CR.
    pub(crate) fn repairs_with(&self, body: LineEnds) -> Vec<Repair> {
        let LineEnds {
            has_bare_lf,
            has_bare_cr,
        } = self.header_line_ends.or(body);
        let line_ends = [(has_bare_lf, Repair::Lf), (has_bare_cr, Repair::BareCr)];
        let found = line_ends.into_iter().filter(|(is_found, _)| *is_found);
        let repairs = self.repairs.iter().copied();
        repairs.chain(found.map(|(_, repair)| repair)).collect()
    }

    /// True when the header section is larger than the caps: no check may trust what was read.
    pub fn exceeds_limits(&self) -> bool {
        self.exceeds_limits
    }

    /// Replaces the octets by a copy of their own, so that a buffer they share with others can go.
    pub fn detach(&mut self) {
        self.octets = Bytes::copy_from_slice(&self.octets);
    }

    /// The same header with another body; the ranges stay good, because the body comes last.
    #[must_use]
    pub fn with_body(&self, body: &[u8]) -> Self {
        let header = self.octets.get(..self.body_start).unwrap_or_default();
        Self {
            octets: [header, body].concat().into(),
            ..self.clone()
        }
    }

    fn slice(&self, start: u32, end: u32) -> &[u8] {
        self.octets
            .get(to_usize(start)..to_usize(end))
            .unwrap_or_default()
    }
}

/// Length of a first line `From ` or `>From ` with its end: an mbox line, not mail; 0 without one.
pub(crate) fn envelope_line_length(octets: &[u8]) -> usize {
    let unquoted = octets.strip_prefix(b">").unwrap_or(octets);
    // `From : x` is a field (RFC 5322 §4.5.8): dropping it would hide an author.
    if !unquoted.starts_with(b"From ") || field_name(octets).is_some() {
        return 0;
    }
    memchr(b'\n', octets).map_or(octets.len(), |end| end + 1)
}

fn blank_line_length(rest: &[u8]) -> usize {
    match rest {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => 0,
    }
}

/// Ends of the name and position of the colon; `None` when the line is no field.
///
/// RFC 5322 §2.2: printable octets except the colon; §4.5.8: white space may stand before the colon (no fold here).
pub(crate) fn field_name(line: &[u8]) -> Option<(usize, usize)> {
    let is_name_octet = |octet: u8| matches!(octet, b'!'..=b'9' | b';'..=b'~');
    let name_end = line.iter().position(|octet| !is_name_octet(*octet))?;
    let rest = line.get(name_end..)?;
    if name_end > 0 && rest.first() == Some(&b':') {
        return Some((name_end, name_end));
    }
    let blanks = rest.iter().take_while(|octet| is_wsp(**octet)).count();
    (name_end > 0 && rest.get(blanks) == Some(&b':')).then_some((name_end, name_end + blanks))
}

/// Length of a field with its continuation lines (RFC 5322 §2.2.3) and its last line end.
pub(crate) fn field_length(rest: &[u8]) -> usize {
    Lines::of(rest).field_end()
}

/// A walk over lines that looks at each block once: where they end, and by what.
struct Lines<'a> {
    octets: &'a [u8],
    /// Where the block that is looked at begins.
    block: usize,
    classes: Classes,
    /// Line feeds of the block that were not told yet.
    open: u64,
    /// The octet before the block.
    previous: u8,
    /// Of all blocks before this one.
    line_ends: LineEnds,
}

impl<'a> Lines<'a> {
    fn of(octets: &'a [u8]) -> Self {
        let mut lines = Self {
            octets,
            block: 0,
            classes: Classes::default(),
            open: 0,
            previous: 0,
            line_ends: LineEnds::default(),
        };
        lines.look();
        lines
    }

    fn look(&mut self) {
        let rest = self.octets.get(self.block..).unwrap_or_default();
        self.classes = match rest.first_chunk() {
            Some(block) => classify(block),
            None => classify(&padded(rest)),
        };
        self.open = self.classes.lf;
    }

    /// Position of the next line feed.
    fn next_line_feed(&mut self) -> Option<usize> {
        while self.open == 0 {
            let next = self.block + BLOCK;
            let first = *self.octets.get(next)?;
            self.line_ends.note(self.classes, self.previous, first);
            self.previous = *self.octets.get(next - 1)?;
            self.block = next;
            self.look();
        }
        let position = self.block + to_usize(self.open.trailing_zeros());
        self.open &= self.open - 1;
        Some(position)
    }

    /// Where the field ends that goes on behind the last line feed told (RFC 5322 §2.2.3).
    fn field_end(&mut self) -> usize {
        while let Some(position) = self.next_line_feed() {
            if !self.octets.get(position + 1).copied().is_some_and(is_wsp) {
                return position + 1;
            }
        }
        self.octets.len()
    }

    /// The line ends up to `end`, which lies in this block or right behind it.
    fn line_ends_until(mut self, end: usize) -> LineEnds {
        let rest = self.octets.get(self.block..end).unwrap_or_default();
        let (block, behind) = rest.split_at(rest.len().min(BLOCK));
        let next = behind.first().copied().unwrap_or(0);
        self.line_ends
            .note(classify(&padded(block)), self.previous, next);
        let previous = block.last().copied().unwrap_or(self.previous);
        self.line_ends.note(classify(&padded(behind)), previous, 0);
        self.line_ends
    }
}

/// The octets without one line end at their end.
pub fn trim_line_end(octets: &[u8]) -> &[u8] {
    let Some(rest) = octets.strip_suffix(b"\n") else {
        return octets;
    };
    rest.strip_suffix(b"\r").unwrap_or(rest)
}

/// Space or tab: the WSP of RFC 5234 App. B.1.
pub const fn is_wsp(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// A hash of the lower-case name, eight octets at a time; whoever makes names collide gains nothing, for equal hashes are
/// always followed by [`is_same_name`].
pub fn hash_name(name: &[u8]) -> u32 {
    let step = |hash: u64, word: u64| {
        let hash = (hash ^ lower_case(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^ hash >> 32
    };
    let mut hash = u64::from(to_u32(name.len()));
    for word in name.as_chunks().0 {
        hash = step(hash, u64::from_le_bytes(*word));
    }
    let (_, hash) = halves(step(hash, last_word(name)));
    hash
}

/// Compares field names without case (RFC 5322 §2.2 allows ASCII only).
pub(crate) fn is_same_name(one: &[u8], other: &[u8]) -> bool {
    let is_same = |one: u64, other: u64| lower_case(one) == lower_case(other);
    let words = one.as_chunks().0.iter().zip(other.as_chunks().0);
    one.len() == other.len()
        && words
            .map(|(one, other)| (u64::from_le_bytes(*one), u64::from_le_bytes(*other)))
            .all(|(one, other)| is_same(one, other))
        && is_same(last_word(one), last_word(other))
}

/// The last eight octets, or all of a shorter name.
fn last_word(name: &[u8]) -> u64 {
    match name.last_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => name
            .iter()
            .rev()
            .fold(0, |word, octet| word << 8 | u64::from(*octet)),
    }
}

/// Eight octets with ASCII letters in lower case; no sum crosses an octet, because the highest bits are left out.
const fn lower_case(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let low_bits = word & (ONES * 0x7f);
    let from_a = low_bits + ONES * (0x80 - 0x41);
    let beyond_z = low_bits + ONES * (0x80 - 0x5b);
    let is_upper_case = from_a & !beyond_z & !word & (ONES * 0x80);
    word | is_upper_case >> 2
}

/// The lower and the upper half.
pub(crate) fn halves(word: u64) -> (u32, u32) {
    let half = |word: u64| u32::try_from(word & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    (half(word), half(word >> 32))
}

/// An offset into a message: they end at [`MESSAGE_OCTET_LIMIT`].
pub(crate) fn to_u32(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// The inverse of [`to_u32`].
pub(crate) fn to_usize(position: u32) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Message {
        Message::parse(Bytes::copy_from_slice(text.as_bytes()))
    }

    fn names(message: &Message) -> Vec<String> {
        message
            .fields()
            .iter()
            .map(|field| String::from_utf8_lossy(message.name(field)).into_owned())
            .collect()
    }

    #[test]
    fn rfc5322_2_2_names_are_compared_without_case() {
        let graphic: Vec<u8> = (b'!'..=b'~').collect();
        for one in &graphic {
            for other in &graphic {
                for length in [1, 4, 7, 8, 9, 15, 16, 17] {
                    let (mut first, mut second) = (vec![b'-'; length], vec![b'-'; length]);
                    (first[length / 2], second[length / 2]) = (*one, *other);
                    let is_same = one.eq_ignore_ascii_case(other);
                    assert_eq!(is_same_name(&first, &second), is_same);
                    assert_eq!(hash_name(&first) == hash_name(&second), is_same);
                }
            }
        }
        assert!(!is_same_name(b"a", b"aa") && is_same_name(b"", b""));
        assert!(is_same_name(b"\xff\xc1Aa", b"\xff\xc1aA") && !is_same_name(b"\xc1", b"\xe1"));
    }

    #[test]
    fn rfc5322_2_2_fields_folds_and_body() {
        let message = parse("A: 1\r\n b\r\nFrom : x\r\n\r\nbody\r\n");
        assert_eq!(names(&message), ["A", "From"]);
        assert_eq!(message.value(&message.fields()[0]), b" 1\r\n b");
        assert_eq!(message.raw(&message.fields()[1]), b"From : x");
        assert_eq!(message.body(), b"body\r\n");
        assert!(message.repairs().is_empty());
    }

    #[test]
    fn a_line_that_is_no_field_begins_the_body() {
        for (text, body) in [
            ("A: 1\r\nno field\r\n\r\nx", "no field\r\n\r\nx"),
            (" From: x\r\nA: 1\r\n", " From: x\r\nA: 1\r\n"),
            ("A: 1\r\nFrom\r\n : x\r\n", "From\r\n : x\r\n"),
        ] {
            let message = parse(text);
            assert_eq!(message.body(), body.as_bytes());
            assert_eq!(message.repairs(), [Repair::NoBlankLine]);
        }
    }

    #[test]
    fn odd_line_ends_are_reported() {
        assert_eq!(parse("A: 1\n\nx\ny").repairs(), [Repair::Lf]);
        assert_eq!(parse("A: 1\r\n\r\nx\ry\r\n").repairs(), [Repair::BareCr]);
        assert_eq!(parse("A: 1\r\n\r\nx\r").repairs(), [Repair::BareCr]);
        assert_eq!(
            parse("From x\nA: 1\n\n").repairs(),
            [Repair::MboxFromLine, Repair::Lf]
        );
    }

    #[test]
    fn line_ends_count_wherever_a_block_ends() {
        for length in 0..200 {
            let padding = "x".repeat(length);
            for (end, body, expected) in [
                ("\r\n", "\r\n", &[][..]),
                ("\n", "\r\n", &[Repair::Lf]),
                ("\r\r\n", "\r\n", &[Repair::BareCr]),
                ("\r\n", "\n", &[Repair::Lf]),
                ("\r\n\t\r\n", "\r\ny\r\n", &[]),
            ] {
                let message = parse(&format!("A: {padding}{end}B:\r\n{body}"));
                assert_eq!(message.repairs(), expected, "{length} {end:?} {body:?}");
                assert_eq!(names(&message), ["A", "B"]);
                let header = format!("A: {padding}{end}B:");
                assert_eq!(message.header().len(), header.len() + 2);
                let after = format!("From {padding}{end}A: 1\r\n{body}");
                let repairs = parse(&after).repairs();
                assert_eq!(repairs.first(), Some(&Repair::MboxFromLine));
            }
        }
    }

    #[test]
    fn field_limit_at_n_and_n_plus_1() {
        let fields = |count: usize| parse(&"A: 1\r\n".repeat(count));
        assert!(!fields(FIELD_LIMIT - 1).exceeds_limits());
        assert!(!fields(FIELD_LIMIT).exceeds_limits());
        assert!(fields(FIELD_LIMIT + 1).exceeds_limits());
    }

    #[test]
    fn header_octet_limit_at_n_and_n_plus_1() {
        let header = |octets: usize| parse(&format!("A: {}\r\n", "x".repeat(octets - 5)));
        assert!(!header(HEADER_OCTET_LIMIT - 1).exceeds_limits());
        assert!(!header(HEADER_OCTET_LIMIT).exceeds_limits());
        assert!(header(HEADER_OCTET_LIMIT + 1).exceeds_limits());
    }
}
