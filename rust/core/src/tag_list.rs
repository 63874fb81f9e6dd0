//! `tag=value` lists of RFC 6376 §3.2: DKIM-Signature fields, ARC fields and key records are all of this form.
//!
//! Knows the list's grammar only; what a tag means is its reader's business. Reads on after a mistake, so that a
//! verdict can show what a broken field says, but never hides that there was one.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use memchr::{memchr, memchr_iter};

use crate::message::is_wsp;

/// Up to this many names comparing all pairs is cheaper than anything else.
const PAIRWISE_LIMIT: usize = 24;
/// Bits of a [`BitSet`] for each name: one name in sixteen shares its bit by chance.
const BITS_A_NAME: usize = 16;
/// A name that occurs more than once, in [`TagList::places`].
const REPEATED: u8 = u8::MAX;

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

/// The tags of a list whose names mean something: of one letter, `bh` and `cv` (RFC 6376 §3.5, §3.6.1; RFC 8617 §4.1).
///
/// Others are ignored (RFC 6376 §3.2), so that a list of a million of them takes no room; they count as duplicates.
#[derive(Clone, Debug)]
pub struct TagList<'a> {
    tags: Vec<Tag<'a>>,
    /// By [`slot`]: the place among `tags` from 1, 0 for a name that does not occur, or [`REPEATED`].
    places: [u8; 64],
    /// Name of the first tag.
    first: &'a [u8],
    problem: Option<TagListProblem>,
}

impl<'a> TagList<'a> {
    /// Reads a list; parts that are no `name=value` are left out and make it [`TagListProblem::Malformed`].
    pub fn parse(octets: &'a [u8]) -> Self {
        let mut list = Self {
            tags: Vec::with_capacity(12),
            places: [0; 64],
            first: &[],
            problem: None,
        };
        let (mut others, mut is_first, mut has_duplicate) = (Vec::new(), true, false);
        for part in Parts::of(octets) {
            let Some(tag) = part else {
                list.problem = Some(TagListProblem::Malformed);
                continue;
            };
            if std::mem::take(&mut is_first) {
                list.first = tag.name;
            }
            match slot(tag.name) {
                Some(slot) => has_duplicate |= !list.add(tag, slot),
                None if list.problem.is_none() && !has_duplicate => others.push(tag.name),
                None => {}
            }
        }
        // RFC 6376 §3.2: a name that occurs twice makes the entire list invalid.
        if list.problem.is_none() && (has_duplicate || has_repetition(&others)) {
            list.problem = Some(TagListProblem::Duplicate);
        }
        list
    }

    /// Adds a tag; false when its name has occurred before.
    fn add(&mut self, tag: Tag<'a>, slot: usize) -> bool {
        let next = u8::try_from(self.tags.len() + 1).unwrap_or(REPEATED);
        let Some(place) = self.places.get_mut(slot) else {
            return true;
        };
        if *place != 0 {
            *place = REPEATED;
            return false;
        }
        *place = next;
        self.tags.push(tag);
        true
    }

    /// Why the whole list is invalid.
    pub fn problem(&self) -> Option<TagListProblem> {
        self.problem
    }

    /// The tag of this name, if it occurs exactly once and means something.
    pub fn tag(&self, name: &[u8]) -> Option<&Tag<'a>> {
        let place = *self.places.get(slot(name)?)?;
        self.tags.get(usize::from(place).checked_sub(1)?)
    }

    /// The value of this name, if it occurs exactly once and means something.
    pub fn value(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.tag(name).map(|tag| tag.value)
    }

    /// True when the first tag of the list has this name.
    pub fn begins_with(&self, name: &[u8]) -> bool {
        self.first == name
    }
}

/// A place of its own for each name that means something; letters differ in their lower six bits.
fn slot(name: &[u8]) -> Option<usize> {
    match name {
        [letter] if letter.is_ascii_alphabetic() => Some(usize::from(letter & 63)),
        b"bh" => Some(0),
        b"cv" => Some(63),
        _ => None,
    }
}

/// The parts of a list in order: a tag, or `None` for what is no `name=value`.
pub struct Parts<'a> {
    octets: &'a [u8],
    /// Where the next part begins; `None` behind the last one.
    start: Option<usize>,
    /// Every octet may stand in a value, so that no part has to be looked at again.
    is_text: bool,
}

impl<'a> Parts<'a> {
    /// The parts of this list.
    pub fn of(octets: &'a [u8]) -> Self {
        Self {
            octets,
            start: Some(0),
            is_text: is_text(octets),
        }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Option<Tag<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.start?;
        let rest = self.octets.get(start..).unwrap_or_default();
        let length = memchr(b';', rest);
        let part = rest.get(..length.unwrap_or(rest.len())).unwrap_or_default();
        self.start = length.map(|length| start + length + 1);
        // Deviation: RFC 6376 §3.2 ends a list at its last `;`; white space after it is common and harmless.
        if length.is_none() && start > 0 && skip_fws(part).is_empty() {
            return None;
        }
        Some(read_tag(part, start, self.is_text))
    }
}

/// `tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]` (RFC 6376 §3.2; an empty value: RFC 6376 EID 5070).
fn read_tag(part: &[u8], start: usize, is_known_text: bool) -> Option<Tag<'_>> {
    let text = skip_fws(part);
    let is_name_octet = |octet: &u8| octet.is_ascii_alphanumeric() || *octet == b'_';
    let length = text.iter().position(|octet| !is_name_octet(octet))?;
    let (name, rest) = text.split_at_checked(length)?;
    let value = skip_fws(rest).strip_prefix(b"=")?;
    let is_name = name.first().is_some_and(u8::is_ascii_alphabetic);
    if !is_name || !(is_known_text || is_text(value)) {
        return None;
    }
    let end = start + part.len();
    Some(Tag {
        name,
        value: trim_fws(value),
        span: end - value.len()..end,
    })
}

#[expect(
    clippy::needless_bitwise_bool,
    reason = "branches would not become vector code"
)]
/// VALCHAR and white space (RFC 6376 §3.2), and the octets of UTF-8 that RFC 8616 §5 adds; a bare CR is neither.
fn is_text(octets: &[u8]) -> bool {
    // Without a way out in the middle and without branches the loop becomes vector code.
    let is_refused = |octet: u8| {
        (octet < b' ') & (octet != b'\t') & (octet != b'\n') & (octet != b'\r') | (octet == 127)
    };
    let refused = octets
        .iter()
        .fold(0, |any, octet| any | u8::from(is_refused(*octet)));
    refused == 0
        && memchr_iter(b'\r', octets).all(|position| octets.get(position + 1) == Some(&b'\n'))
}

/// True when a name occurs twice; linear, whatever the names.
fn has_repetition(names: &[&[u8]]) -> bool {
    if names.len() <= PAIRWISE_LIMIT {
        let mut rest = names;
        while let Some((first, others)) = rest.split_first() {
            if others.contains(first) {
                return true;
            }
            rest = others;
        }
        return false;
    }
    // Nobody knows the key, so nobody can make names share a bit; the outcome does not depend on it.
    let key = RandomState::new().hash_one(names.len());
    let (mut seen, mut shared) = (BitSet::new(names.len()), BitSet::new(names.len()));
    for name in names {
        let hash = hash_name(key, name);
        if seen.insert(hash) {
            shared.insert(hash);
        }
    }
    let is_suspect = |name: &&&[u8]| shared.contains(hash_name(key, name));
    let mut suspects: Vec<&[u8]> = names.iter().filter(is_suspect).copied().collect();
    suspects.sort_unstable();
    let pairs = suspects.iter().zip(suspects.iter().skip(1));
    pairs.into_iter().any(|(name, next)| name == next)
}

/// FNV-1a from a start of one's own, with its high bits spread.
fn hash_name(key: u64, name: &[u8]) -> u64 {
    let hash = name.iter().fold(key, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A set of hashes by their highest bits.
struct BitSet {
    words: Vec<u64>,
    shift: u32,
}

impl BitSet {
    fn new(names: usize) -> Self {
        let bits = (names * BITS_A_NAME).next_power_of_two();
        Self {
            words: vec![0; bits / 64],
            shift: 64 - bits.trailing_zeros(),
        }
    }

    /// Word and bit of a hash.
    fn place(&self, hash: u64) -> (usize, u64) {
        let bit = hash >> self.shift;
        let word = usize::try_from(bit / 64).unwrap_or(usize::MAX);
        (word, 1 << (bit % 64))
    }

    /// Adds a hash; true when its bit was set.
    fn insert(&mut self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        let Some(word) = self.words.get_mut(word) else {
            return true;
        };
        let was_set = *word & bit != 0;
        *word |= bit;
        was_set
    }

    fn contains(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.words.get(word).is_none_or(|word| word & bit != 0)
    }
}

/// The octets behind the folding white space at the beginning; a bare LF counts as CRLF.
fn skip_fws(octets: &[u8]) -> &[u8] {
    let mut rest = octets;
    while let [b'\r', b'\n', tail @ ..] | [b' ' | b'\t' | b'\n', tail @ ..] = rest {
        rest = tail;
    }
    rest
}

/// The octets without folding white space at both ends (RFC 6376 §2.8); a bare LF counts as CRLF.
///
/// Deviation: a line end without white space after it counts too. In a message it cannot occur, in a key record it
/// is a slip that changes no meaning.
pub fn trim_fws(octets: &[u8]) -> &[u8] {
    let mut rest = skip_fws(octets);
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
        let parts: Vec<_> = Parts::of(text.as_bytes()).flatten().collect();
        for tag in &parts {
            let is_lone = parts.iter().filter(|other| other.name == tag.name).count() == 1;
            let expected = Some(tag).filter(|tag| is_lone && slot(tag.name).is_some());
            assert_eq!(list.tag(tag.name), expected, "{text}");
        }
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        match list.problem() {
            Some(problem) => Err(problem),
            None => Ok(parts
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
    fn rfc6376_3_2_every_repetition_is_found_among_many_names() {
        let names: Vec<String> = (0..5_000).map(|number| format!("n{number}")).collect();
        let mut names: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
        assert!(!has_repetition(&names));
        for (from, to) in [(0, 4_999), (4_998, 4_999), (17, 2_500)] {
            let (repeated, replaced) = (names[from], names[to]);
            names[to] = repeated;
            assert!(has_repetition(&names));
            names[to] = replaced;
        }
        assert!(has_repetition(&[&b"same"[..]; 25]));
        assert!(!has_repetition(&[]));
    }

    #[test]
    fn rfc6376_3_2_unknown_tags_are_ignored_but_count() {
        let list = TagList::parse(b"x1=; a=1; bh=2; cv=3; zz=4");
        assert_eq!(list.problem(), None);
        let values = [&b"a"[..], b"bh", b"cv", b"zz", b"x1", b"b"].map(|name| list.value(name));
        assert_eq!(
            values,
            [Some(&b"1"[..]), Some(b"2"), Some(b"3"), None, None, None]
        );
        assert!(list.begins_with(b"x1") && !list.begins_with(b"a"));
        assert_eq!(read("zz=; a=; zz="), Err(TagListProblem::Duplicate));
        assert_eq!(read("bh=; a=; bh="), Err(TagListProblem::Duplicate));
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
            for tag in Parts::of(&octets).flatten() {
                prop_assert_eq!(trim_fws(&octets[tag.span.clone()]), tag.value);
                prop_assert!(list.tag(tag.name).is_none_or(|kept| *kept == tag));
            }
        }
    }
}
