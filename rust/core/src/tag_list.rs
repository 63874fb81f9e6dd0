//! `tag=value` lists of RFC 6376 §3.2: DKIM-Signature fields, ARC fields and key records are all of this form.
//!
//! Knows the list's grammar only; what a tag means is its reader's business. Reads on after a mistake, so that a
//! verdict can show what a broken field says, but never hides that there was one.

use std::ops::Range;

use memchr::{memchr, memchr_iter};

use crate::message::is_wsp;

/// Below this many tags comparing all pairs of names is cheaper than sorting them.
const PAIRWISE_LIMIT: usize = 24;

/// One `name=value` with the white space around both removed (RFC 6376 §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// The name; compared with case (RFC 6376 §3.2).
    pub name: &'a [u8],
    /// The value; may be empty.
    pub value: &'a [u8],
    /// Everything between `=` and the next `;`, as offsets into the list.
    pub span: Range<usize>,
}

/// Why a list is no list of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagListProblem {
    /// A part is no `name=value`, or holds an octet that may not stand there.
    Malformed,
    /// A name occurs twice.
    Duplicate,
}

/// A list of tags in the order of the text.
#[derive(Clone, Debug)]
pub struct TagList<'a> {
    tags: Vec<Tag<'a>>,
    problem: Option<TagListProblem>,
}

impl<'a> TagList<'a> {
    /// Reads a list; parts that are no `name=value` are left out and make it [`TagListProblem::Malformed`].
    pub fn parse(octets: &'a [u8]) -> Self {
        let mut list = Self {
            tags: Vec::with_capacity(16),
            problem: None,
        };
        let mut start = 0;
        loop {
            let rest = octets.get(start..).unwrap_or_default();
            let length = memchr(b';', rest).unwrap_or(rest.len());
            let part = rest.get(..length).unwrap_or_default();
            let is_last = length == rest.len();
            // Deviation: RFC 6376 §3.2 ends a list at its last `;`; white space after it is common and harmless.
            let is_end = is_last && start > 0 && trim_fws(part).is_empty();
            if !is_end {
                match read_tag(part, start) {
                    Some(tag) => list.tags.push(tag),
                    None => list.problem = Some(TagListProblem::Malformed),
                }
            }
            if is_last {
                break;
            }
            start += length + 1;
        }
        // RFC 6376 §3.2: a name that occurs twice makes the entire list invalid.
        if list.problem.is_none() && list.has_duplicate() {
            list.problem = Some(TagListProblem::Duplicate);
        }
        list
    }

    fn has_duplicate(&self) -> bool {
        if self.tags.len() <= PAIRWISE_LIMIT {
            let mut rest = self.tags.as_slice();
            while let Some((first, others)) = rest.split_first() {
                if others.iter().any(|other| other.name == first.name) {
                    return true;
                }
                rest = others;
            }
            return false;
        }
        let mut names: Vec<&[u8]> = self.tags.iter().map(|tag| tag.name).collect();
        names.sort_unstable();
        names
            .iter()
            .zip(names.iter().skip(1))
            .any(|(name, next)| name == next)
    }

    /// Why the whole list is invalid.
    pub fn problem(&self) -> Option<TagListProblem> {
        self.problem
    }

    /// The tag of this name, if it occurs exactly once.
    pub fn tag(&self, name: &[u8]) -> Option<&Tag<'a>> {
        let mut found = self.tags.iter().filter(|tag| tag.name == name);
        let tag = found.next()?;
        found.next().is_none().then_some(tag)
    }

    /// The value of this name, if it occurs exactly once.
    pub fn value(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.tag(name).map(|tag| tag.value)
    }

    /// All tags that could be read, in order.
    pub fn tags(&self) -> &[Tag<'a>] {
        &self.tags
    }
}

/// `tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]` (RFC 6376 §3.2; an empty value: RFC 6376 EID 5070).
fn read_tag(part: &[u8], start: usize) -> Option<Tag<'_>> {
    let equals = memchr(b'=', part)?;
    let (name, value) = part.split_at_checked(equals)?;
    let name = trim_fws(name);
    let is_name = name.first().is_some_and(u8::is_ascii_alphabetic)
        && name
            .iter()
            .all(|octet| octet.is_ascii_alphanumeric() || *octet == b'_');
    if !is_name || !is_text(value) {
        return None;
    }
    Some(Tag {
        name,
        value: trim_fws(value.get(1..)?),
        span: start + equals + 1..start + part.len(),
    })
}

/// VALCHAR and white space (RFC 6376 §3.2), and the octets of UTF-8 that RFC 8616 §5 adds; a bare CR is neither.
fn is_text(octets: &[u8]) -> bool {
    let is_allowed = |octet: &u8| !matches!(octet, 0..=8 | 11 | 12 | 14..=31 | 127);
    // Without a way out in the middle the loop becomes vector code.
    octets
        .iter()
        .fold(true, |all, octet| all & is_allowed(octet))
        && memchr_iter(b'\r', octets).all(|position| octets.get(position + 1) == Some(&b'\n'))
}

/// The octets without folding white space at both ends (RFC 6376 §2.8); a bare LF counts as CRLF.
///
/// Deviation: a line end without white space after it counts too. In a message it cannot occur, in a key record it
/// is a slip that changes no meaning.
pub fn trim_fws(octets: &[u8]) -> &[u8] {
    let mut rest = octets;
    loop {
        rest = match rest {
            [b'\r', b'\n', tail @ ..] | [b' ' | b'\t' | b'\n', tail @ ..] => tail,
            _ => break,
        };
    }
    loop {
        rest = match rest {
            [head @ .., b'\r', b'\n'] | [head @ .., b' ' | b'\t' | b'\n'] => head,
            _ => return rest,
        };
    }
}

/// True for an octet of folding white space inside a value that passed the list's grammar.
pub const fn is_fws(octet: u8) -> bool {
    is_wsp(octet) || matches!(octet, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, TagListProblem> {
        let list = TagList::parse(text.as_bytes());
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        match list.problem() {
            Some(problem) => Err(problem),
            None => Ok(list
                .tags()
                .iter()
                .map(|tag| (text(tag.name), text(tag.value)))
                .collect()),
        }
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn rfc6376_3_2_white_space_around_tags_is_no_part_of_them() {
        assert_eq!(read("a=1"), Ok(pairs(&[("a", "1")])));
        assert_eq!(
            read(" a =\r\n\t1 2 ;\n b_2= ; C==;\r\n "),
            Ok(pairs(&[("a", "1 2"), ("b_2", ""), ("C", "=")]))
        );
        assert_eq!(read("a=\u{fc}"), Ok(pairs(&[("a", "\u{fc}")])));
    }

    #[test]
    fn rfc6376_3_2_what_is_no_tag_list_is_malformed() {
        for text in [
            "",
            " ",
            ";",
            "a",
            "a=1;;",
            "a=1;;b=2",
            "a=1; ;b=2",
            "=1",
            "1a=1",
            "a-b=1",
            "a b=1",
            "a=\0",
            "a=\u{7f}",
            "a=\r1",
            "a\r=1",
            "a=1; b",
            ";a=1",
        ] {
            assert_eq!(read(text), Err(TagListProblem::Malformed), "{text:?}");
        }
    }

    #[test]
    fn rfc6376_3_2_a_name_that_occurs_twice_spoils_the_list() {
        assert_eq!(read("a=1; b=2; a=1"), Err(TagListProblem::Duplicate));
        assert_eq!(read("a=1; A=2"), Ok(pairs(&[("a", "1"), ("A", "2")])));
        for count in [PAIRWISE_LIMIT - 1, PAIRWISE_LIMIT, PAIRWISE_LIMIT + 1] {
            let tags: Vec<String> = (0..count).map(|number| format!("t{number}=;")).collect();
            let mut text = tags.concat();
            assert_eq!(read(&text).map(|tags| tags.len()), Ok(count));
            text.push_str("t0=");
            assert_eq!(read(&text), Err(TagListProblem::Duplicate));
        }
    }

    #[test]
    fn a_broken_list_still_shows_what_is_unambiguous() {
        let list = TagList::parse(b"d=one; ; s=x; s=y");
        assert_eq!(list.value(b"d"), Some(&b"one"[..]));
        assert_eq!(list.value(b"s"), None);
    }

    #[test]
    fn the_span_of_a_value_holds_its_white_space() {
        let text = b"bh=1; b =\r\n 2 ;x=";
        let list = TagList::parse(text);
        assert_eq!(&text[list.tag(b"b").unwrap().span.clone()], b"\r\n 2 ");
    }

    proptest! {
        #[test]
        fn parse_undoes_print(tags in prop::collection::btree_map("[a-z][a-z0-9_]{0,3}", "[!-:<-~]{0,4}", 1..40)) {
            let text: Vec<String> = tags.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            let expected: Vec<_> = tags.into_iter().collect();
            prop_assert_eq!(read(&text.join(" ;")), Ok(expected));
        }

        #[test]
        fn any_octets_are_read_without_panic(octets in prop::collection::vec(any::<u8>(), 0..64)) {
            let list = TagList::parse(&octets);
            for tag in list.tags() {
                prop_assert_eq!(trim_fws(&octets[tag.span.clone()]), tag.value);
            }
        }
    }
}
