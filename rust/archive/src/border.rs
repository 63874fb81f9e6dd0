//! What a border of an mbox file looks like (RFC 4155 App. A, and what writers made of it).
//!
//! A border is a line `From ` that ends like a date (or is bare), follows a blank line, and is followed by a header
//! field. Sees octets only; where messages begin and end is decided in `mbox`.

use memchr::{memchr, memrchr};

/// Octets of a From line that are looked at; an address of 320, a date of 40 and a wide margin.
pub(crate) const FROM_LINE_LIMIT: usize = 1_024;
/// Octets of a field's name that are looked at; RFC 5322 §2.1.1 ends the line at 998, no real name is longer than 80.
pub(crate) const FIELD_NAME_LIMIT: usize = 256;
/// Octets behind the beginning of a From line that decide what it is.
pub(crate) const LOOKAHEAD: usize = FROM_LINE_LIMIT + FIELD_NAME_LIMIT;
/// Octets before a From line that decide what it is: the header of a MIME part.
pub(crate) const LOOKBACK: usize = 4_096;
/// Words at the end of a From line that may belong to its date.
const DATE_WORD_LIMIT: usize = 8;

/// What the rest of a From line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing behind `From `.
    Bare,
    /// It ends like a date.
    Dated,
    /// The first line of a patch as git writes it: an object name and one fixed date.
    GitPatch,
}

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FromLine {
    /// A From line and a header field in the next line, which begins at `message`.
    Line { shape: Shape, message: usize },
    /// Something else.
    No,
    /// Only more octets can tell.
    Undecided,
}

/// What stands above a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Above {
    /// A blank line.
    Blank,
    /// The header of a MIME part and its blank line: what follows is the part.
    PartHeader,
    /// Something else, or nothing.
    Text,
}

/// Reads a From line at the beginning of `octets`; `ended` when nothing follows them.
pub(crate) fn from_line(octets: &[u8], ended: bool) -> FromLine {
    let Some(text) = octets.strip_prefix(b"From ") else {
        return undecided_if(!ended && b"From ".starts_with(octets));
    };
    let near = text.get(..FROM_LINE_LIMIT).unwrap_or(text);
    let Some(end) = memchr(b'\n', near) else {
        return undecided_if(!ended && near.len() < FROM_LINE_LIMIT);
    };
    let Some(shape) = shape(near.get(..end).unwrap_or_default()) else {
        return FromLine::No;
    };
    let message = b"From ".len() + end + 1;
    match begins_with_field(octets.get(message..).unwrap_or_default(), ended) {
        Some(true) => FromLine::Line { shape, message },
        Some(false) => FromLine::No,
        None => FromLine::Undecided,
    }
}

fn undecided_if(condition: bool) -> FromLine {
    if condition {
        FromLine::Undecided
    } else {
        FromLine::No
    }
}

/// Reads the From line at octet 0, the magic of RFC 4155 §4; tells where the message begins and whether git wrote it.
///
/// More is taken than inside the file: any end with a header field below, or a proper end without one.
pub(crate) fn first_from_line(octets: &[u8]) -> Option<(usize, bool)> {
    let text = octets.strip_prefix(b"From ")?;
    let end = memchr(b'\n', text.get(..FROM_LINE_LIMIT).unwrap_or(text))?;
    let shape = shape(text.get(..end)?);
    let message = b"From ".len() + end + 1;
    let has_field = begins_with_field(octets.get(message..)?, true) == Some(true);
    (has_field || shape.is_some()).then_some((message, shape == Some(Shape::GitPatch)))
}

/// Finds the first border that follows a blank line; tells where its From line begins.
pub(crate) fn first_border(octets: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(octets, b"From ").find(|line| {
        above(octets, *line) == Above::Blank
            && matches!(
                from_line(octets.get(*line..).unwrap_or_default(), true),
                FromLine::Line { .. }
            )
    })
}

/// Tells whether a line begins with a header field's name and colon (RFC 5322 §2.2, white space allowed as in §4.5),
/// or is one more quoted From line; `None` when only more octets can tell.
pub(crate) fn begins_with_field(line: &[u8], ended: bool) -> Option<bool> {
    let near = line.get(..FIELD_NAME_LIMIT).unwrap_or(line);
    let name = field_name_length(near);
    let blanks = near.iter().skip(name).take_while(|octet| is_blank(**octet));
    match near.get(name + blanks.count()) {
        Some(b':') => Some(name > 0),
        None if !ended && near.len() < FIELD_NAME_LIMIT => None,
        _ => Some(near.starts_with(b">From ")),
    }
}

/// Length of the printable octets before a colon (RFC 5322 §2.2).
pub(crate) fn field_name_length(line: &[u8]) -> usize {
    line.iter()
        .take_while(|octet| octet.is_ascii_graphic() && **octet != b':')
        .count()
}

/// Tells whether the store itself writes this field on top: then its From line needs no blank line above.
pub(crate) fn is_written_by_store(message: &[u8]) -> bool {
    const NAMES: [&[u8]; 4] = [
        b"X-Mozilla-Status",
        b"X-Mozilla-Keys",
        b"X-GM-THRID",
        b"X-Gmail-Labels",
    ];
    NAMES
        .iter()
        .any(|name| starts_with_ignoring_case(message, name))
}

/// Tells what stands above the line that begins at `line`.
pub(crate) fn above(octets: &[u8], line: usize) -> Above {
    let start = line.saturating_sub(LOOKBACK);
    let Some(before) = octets.get(start..line).and_then(without_line_end) else {
        return Above::Text;
    };
    if !(before.is_empty() || before.ends_with(b"\n")) {
        Above::Text
    } else if without_line_end(before).is_some_and(ends_with_part_header) {
        Above::PartHeader
    } else {
        Above::Blank
    }
}

/// The octets without their last line's end; `None` when they end in the middle of a line.
fn without_line_end(octets: &[u8]) -> Option<&[u8]> {
    let rest = octets.strip_suffix(b"\n")?;
    Some(rest.strip_suffix(b"\r").unwrap_or(rest))
}

/// Tells whether the last lines are a MIME boundary and fields `Content-…` (RFC 2045 §9, RFC 2046 §5.1.1).
fn ends_with_part_header(octets: &[u8]) -> bool {
    let (mut rest, mut has_field) = (octets, false);
    loop {
        let start = memrchr(b'\n', rest).map_or(0, |end| end + 1);
        let line = rest.get(start..).unwrap_or_default();
        if starts_with_ignoring_case(line, b"content-") {
            has_field = true;
        } else if !line.first().copied().is_some_and(is_blank) {
            let is_signature = line == b"--" || line.starts_with(b"-- ");
            return has_field && line.starts_with(b"--") && !is_signature;
        }
        let Some(above) = rest.get(..start).and_then(without_line_end) else {
            return false;
        };
        rest = above;
    }
}

fn shape(text: &[u8]) -> Option<Shape> {
    let text = text.trim_ascii();
    if text.is_empty() {
        Some(Shape::Bare)
    } else if is_git_patch(text) {
        Some(Shape::GitPatch)
    } else {
        ends_like_a_date(text).then_some(Shape::Dated)
    }
}

/// git gives every patch the same date, so that `file` can tell it from mail.
fn is_git_patch(text: &[u8]) -> bool {
    text.strip_suffix(b" Mon Sep 17 00:00:00 2001")
        .is_some_and(|name| matches!(name.len(), 40 | 64) && name.iter().all(u8::is_ascii_hexdigit))
}

/// Tells whether the last words are a date with a time, in any order that writers use.
///
/// ctime (RFC 4155 App. A), with a zone before or behind the year, the order of RFC 5322 §3.3, or ISO 8601; a UUCP
/// `remote from HOST` may follow.
fn ends_like_a_date(text: &[u8]) -> bool {
    let words = || {
        text.rsplit(|octet| is_blank(*octet))
            .filter(|word| !word.is_empty())
    };
    let is_uucp = words().skip(1).take(2).eq([b"from".as_slice(), b"remote"]);
    let mut date = DateWords::default();
    for word in words()
        .skip(if is_uucp { 3 } else { 0 })
        .take(DATE_WORD_LIMIT)
    {
        if !date.takes(word) {
            break;
        }
    }
    date.is_complete()
}

/// Which parts of a date were found.
#[derive(Default)]
struct DateWords {
    has_time: bool,
    has_month: bool,
    has_year: bool,
    small_numbers: u8,
}

impl DateWords {
    /// Takes a word that may stand in a date; false for any other.
    fn takes(&mut self, word: &[u8]) -> bool {
        let word = word.strip_suffix(b",").unwrap_or(word);
        if is_time(word) {
            self.has_time = true;
        } else if is_one_of(word, &MONTHS) {
            self.has_month = true;
        } else if word.iter().all(u8::is_ascii_digit) {
            return self.takes_number(word.len());
        } else if let Some(rest) = iso_date(word) {
            self.has_month = true;
            self.has_year = true;
            self.small_numbers += 1;
            self.has_time |= rest.strip_prefix(b"T").is_some_and(is_time);
        } else {
            return is_one_of(word, &WEEKDAYS) || is_zone(word);
        }
        true
    }

    /// A number of one or two digits is a day (or an old year), three are a year that passed 1999 unprepared.
    fn takes_number(&mut self, digits: usize) -> bool {
        match digits {
            1 | 2 => self.small_numbers += 1,
            3 | 4 => self.has_year = true,
            _ => return false,
        }
        true
    }

    fn is_complete(&self) -> bool {
        let numbers = self.small_numbers + u8::from(self.has_year);
        self.has_time && self.has_month && self.small_numbers > 0 && numbers >= 2
    }
}

const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];
const WEEKDAYS: [&[u8]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];

fn is_one_of(word: &[u8], names: &[&[u8]]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(word))
}

/// `hh:mm` or `hh:mm:ss`, whatever zone or fraction is glued to it.
fn is_time(word: &[u8]) -> bool {
    let digits = |part: &[u8]| {
        part.iter()
            .take_while(|octet| octet.is_ascii_digit())
            .count()
    };
    let hours = digits(word);
    let rest = word.get(hours..).unwrap_or_default();
    matches!(hours, 1 | 2)
        && rest
            .strip_prefix(b":")
            .is_some_and(|minutes| digits(minutes) == 2)
}

/// What follows `YYYY-MM-DD`.
fn iso_date(word: &[u8]) -> Option<&[u8]> {
    let (date, rest) = word.split_at_checked(10)?;
    let fits = date.iter().enumerate().all(|(index, octet)| match index {
        4 | 7 => *octet == b'-',
        _ => octet.is_ascii_digit(),
    });
    fits.then_some(rest)
}

/// `+0100`, `-08:00`, `UTC`, `(CEST)`, `PM`.
fn is_zone(word: &[u8]) -> bool {
    let name = word
        .strip_prefix(b"(")
        .and_then(|word| word.strip_suffix(b")"))
        .unwrap_or(word);
    match word {
        [b'+' | b'-', digits @ ..] => {
            matches!(digits.len(), 4 | 5)
                && digits
                    .iter()
                    .all(|octet| octet.is_ascii_digit() || *octet == b':')
        }
        _ => matches!(name.len(), 1..=5) && name.iter().all(u8::is_ascii_uppercase),
    }
}

const fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

fn starts_with_ignoring_case(octets: &[u8], prefix: &[u8]) -> bool {
    octets
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_border(text: &str) -> bool {
        matches!(from_line(text.as_bytes(), true), FromLine::Line { .. })
    }

    #[test]
    fn from_line_limit_at_n_minus_1_n_and_n_plus_1() {
        const DATE: &str = " Mon Nov 24 08:38:00 2025\n";
        for (octets, expected) in [
            (FROM_LINE_LIMIT - 1, true),
            (FROM_LINE_LIMIT, true),
            (FROM_LINE_LIMIT + 1, false),
        ] {
            let sender = "a".repeat(octets - DATE.len());
            let text = format!("From {sender}{DATE}A: 1\n");
            assert_eq!(is_border(&text), expected, "{octets}");
            let first = first_from_line(text.as_bytes());
            assert_eq!(first.is_some(), expected, "{octets}");
        }
    }

    #[test]
    fn field_name_limit_at_n_minus_1_n_and_n_plus_1() {
        for (octets, expected) in [
            (FIELD_NAME_LIMIT - 1, true),
            (FIELD_NAME_LIMIT, true),
            (FIELD_NAME_LIMIT + 1, false),
        ] {
            let line = format!("{}:", "a".repeat(octets - 1));
            assert_eq!(
                begins_with_field(line.as_bytes(), false),
                Some(expected),
                "{octets}"
            );
        }
    }

    #[test]
    fn lookback_at_n_minus_1_n_and_n_plus_1() {
        for (octets, expected) in [
            (LOOKBACK - 1, Above::PartHeader),
            (LOOKBACK, Above::PartHeader),
            (LOOKBACK + 1, Above::Blank),
        ] {
            let value = "x".repeat(octets - "--b\nContent-X: \n\n".len());
            let text = format!("a\n--b\nContent-X: {value}\n\n");
            assert_eq!(above(text.as_bytes(), text.len()), expected, "{octets}");
        }
    }

    #[test]
    fn date_word_limit_at_n_minus_1_n_and_n_plus_1() {
        for (words, expected) in [
            (DATE_WORD_LIMIT - 1, true),
            (DATE_WORD_LIMIT, true),
            (DATE_WORD_LIMIT + 1, false),
        ] {
            let zones = " UTC".repeat(words - 4);
            let text = format!("a 24 Nov 2025 08:38{zones}");
            assert_eq!(ends_like_a_date(text.as_bytes()), expected, "{words}");
        }
    }

    #[test]
    fn a_place_is_undecided_only_while_more_octets_can_come() {
        let text = b"From a Mon Nov 24 08:38:00 2025\nSubject: x\n";
        let decided = text.len() - ": x\n".len() + 1;
        for end in 0..text.len() {
            let octets = text.get(..end).unwrap();
            let is_decided = from_line(octets, false) != FromLine::Undecided;
            assert_eq!(is_decided, end >= decided, "{end}");
            assert_ne!(from_line(octets, true), FromLine::Undecided);
        }
    }
}
