//! A domain name in the one form that everything compares: lower-case A-labels without final dot.
//!
//! Knows DNS name syntax (RFC 1035 §2.3.4 sizes) and the conversion of U-labels. Must not know any protocol.

use std::fmt;
use std::sync::Arc;

use memchr::{memchr_iter, memrchr_iter};
use serde::{Serialize, Serializer};

/// Longest name in text form without final dot (255 octets on the wire, RFC 1035 §2.3.4).
pub const NAME_OCTET_LIMIT: usize = 253;
/// Longest label (RFC 1035 §2.3.4).
pub const LABEL_OCTET_LIMIT: usize = 63;

/// A syntactically valid domain name: ASCII, lower case, labels of 1 to 63 octets, at most 253 octets, no final dot.
///
/// Labels hold printable ASCII except the dot, because SPF macros and DKIM selectors may produce more than
/// letters, digits and hyphens; [`Domain::parse_host`] is the strict door.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(Arc<str>);

impl Domain {
    /// Reads a name that is already ASCII; one final dot is dropped.
    ///
    /// `None`: an empty or too long label or name, white space, a control or a non-ASCII octet, a backslash.
    pub fn parse_ascii(name: &str) -> Option<Self> {
        Self::parse_labels(name, b'!')
    }

    /// Reads a name that a macro made: as [`Domain::parse_ascii`], but a label may hold spaces (`%_`, RFC 7208 §7.1).
    pub fn parse_expanded(name: &str) -> Option<Self> {
        Self::parse_labels(name, b' ')
    }

    /// Reads a name of printable octets from `least` on.
    fn parse_labels(name: &str, least: u8) -> Option<Self> {
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.len() > NAME_OCTET_LIMIT {
            return None;
        }
        if are_labels(name, least)? {
            return Some(Self(name.to_ascii_lowercase().into()));
        }
        Some(Self(name.into()))
    }

    /// Reads a host or mail domain: letters, digits, hyphens and underscores, U-labels become A-labels (UTS 46,
    /// non-transitional); one final dot is dropped.
    ///
    /// `None` for what is no such name, including `xn--` labels that do not decode (RFC 5890 §2.3.2.1).
    pub fn parse_host(name: &str) -> Option<Self> {
        let is_plain = name
            .bytes()
            .fold(true, |all, octet| all & is_host_octet(octet))
            && !contains_ace_prefix(name);
        if is_plain {
            return Self::parse_ascii(name);
        }
        let ascii = idna::domain_to_ascii(name).ok()?;
        if !ascii.bytes().all(is_host_octet) {
            return None;
        }
        Self::parse_ascii(&ascii)
    }

    /// A name that was a valid one when it was written down.
    pub(crate) fn of_valid(name: &str) -> Self {
        Self(name.into())
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as a text that shares its octets.
    pub(crate) fn to_text(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// Labels from the left.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('.')
    }

    /// Number of labels, at least 1.
    pub fn label_count(&self) -> usize {
        let dots = self.0.bytes().filter(|octet| *octet == b'.');
        dots.count() + 1
    }

    /// The name without its leftmost label; `None` for a single label.
    pub fn parent(&self) -> Option<Self> {
        self.0.split_once('.').map(|(_, rest)| Self(rest.into()))
    }

    /// The rightmost `count` labels; the whole name when it has no more than that. `None` for 0.
    pub fn suffix(&self, count: usize) -> Option<Self> {
        let suffix = self.suffix_text(count)?;
        if suffix.len() == self.0.len() {
            return Some(self.clone());
        }
        Some(Self(suffix.into()))
    }

    /// As [`Domain::suffix`], where no name of its own is needed.
    pub(crate) fn suffix_text(&self, count: usize) -> Option<&str> {
        match memrchr_iter(b'.', self.0.as_bytes()).nth(count.checked_sub(1)?) {
            Some(dot) => self.0.get(dot + 1..),
            None => Some(&self.0),
        }
    }

    /// Each of `prefixes` and a dot before this name; `None` when the result is no valid name.
    pub fn prepend(&self, prefixes: &[&str]) -> Option<Self> {
        Self::join(prefixes, &self.0)
    }

    /// `prefix` and a dot before a name or the last labels of one; `None` when the result is no valid name.
    pub(crate) fn above(prefix: &str, suffix: &str) -> Option<Self> {
        Self::join(&[prefix], suffix)
    }

    /// Each of `prefixes` and a dot before `suffix`, which is known to be a name.
    fn join(prefixes: &[&str], suffix: &str) -> Option<Self> {
        // Nearly every message makes several names: the octets need room of their own only when they are whole.
        let mut name = [0; NAME_OCTET_LIMIT];
        let mut room = name.as_mut_slice();
        let mut has_upper_case = false;
        for prefix in prefixes {
            has_upper_case |= are_labels(prefix, b'!')?;
            room = put(room, prefix)?;
            room = put(room, ".")?;
        }
        let left = put(room, suffix)?.len();
        let name = name.get_mut(..NAME_OCTET_LIMIT - left)?;
        if has_upper_case {
            name.make_ascii_lowercase();
        }
        Some(Self(std::str::from_utf8(name).ok()?.into()))
    }

    /// True when this is `other` or below it.
    pub fn is_equal_or_below(&self, other: &Self) -> bool {
        self.0
            .strip_suffix(&*other.0)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

/// Writes `text` at the beginning of `room`; gives what is left of it, `None` when the text does not fit.
fn put<'a>(room: &'a mut [u8], text: &str) -> Option<&'a mut [u8]> {
    let (place, rest) = room.split_at_mut_checked(text.len())?;
    place.copy_from_slice(text.as_bytes());
    Some(rest)
}

/// Whether `name` has upper case; `None` unless it is labels of printable octets from `least` on, with dots between.
fn are_labels(name: &str, least: u8) -> Option<bool> {
    #[expect(
        clippy::needless_bitwise_bool,
        reason = "branches would not become vector code"
    )]
    let is_allowed = |octet: u8| (octet >= least) & (octet <= b'~') & (octet != b'\\');
    // Without a way out in the middle the loop becomes vector code: nearly every name is good.
    let (is_good, has_upper_case) =
        name.bytes()
            .fold((true, false), |(is_good, has_upper_case), octet| {
                let is_upper_case = octet.is_ascii_uppercase();
                (is_good & is_allowed(octet), has_upper_case | is_upper_case)
            });
    let mut start = 0;
    for end in memchr_iter(b'.', name.as_bytes()).chain([name.len()]) {
        if !(1..=LABEL_OCTET_LIMIT).contains(&(end - start)) {
            return None;
        }
        start = end + 1;
    }
    is_good.then_some(has_upper_case)
}

const fn is_host_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.')
}

fn contains_ace_prefix(name: &str) -> bool {
    let is_prefix = |octets: &[u8]| octets.eq_ignore_ascii_case(b"xn--");
    // Only a label with two hyphens can be one, and hardly any has them.
    let octets = name.as_bytes();
    memchr_iter(b'-', octets).any(|place| octets.get(place + 1) == Some(&b'-'))
        && name
            .split('.')
            .any(|label| label.as_bytes().get(..4).is_some_and(is_prefix))
}

impl fmt::Display for Domain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for Domain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Domain;

    fn host(name: &str) -> Option<String> {
        Domain::parse_host(name).map(|domain| domain.to_string())
    }

    #[test]
    fn hosts_become_lower_case_a_labels() {
        assert_eq!(host("EXAMPLE.com.").as_deref(), Some("example.com"));
        assert_eq!(
            host("bücher.example").as_deref(),
            Some("xn--bcher-kva.example")
        );
        assert_eq!(host("a_b.example").as_deref(), Some("a_b.example"));
    }

    #[test]
    fn broken_hosts_are_refused() {
        for name in [
            "",
            ".",
            "a..b",
            "a b",
            "a\0b",
            "example.org.xn--",
            &"a".repeat(64),
            &"a.".repeat(128),
            "x(y.z",
        ] {
            assert_eq!(host(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_name_below_another_is_as_strict_as_any() {
        let name = Domain::parse_ascii("b.c").unwrap();
        let below = |prefixes: &[&str]| name.prepend(prefixes).map(|name| name.to_string());
        assert_eq!(below(&["A", "x.y"]).as_deref(), Some("a.x.y.b.c"));
        assert_eq!(below(&[]).as_deref(), Some("b.c"));
        for prefix in ["", ".", "a.", "a b", "a..b", "é", "\\", &"a".repeat(64)] {
            assert_eq!(below(&[prefix]), None, "{prefix:?}");
        }
    }

    #[test]
    fn rfc1035_2_3_4_the_name_limit_at_n_minus_1_n_and_n_plus_1() {
        let long = |octets: usize| {
            let name = "a".repeat(50) + "." + &"b".repeat(60) + "." + &"c".repeat(60);
            name + "." + &"d".repeat(octets - 173)
        };
        for (octets, is_valid) in [(234, true), (235, true), (236, false)] {
            let name = Domain::parse_ascii(&long(octets)[..]).unwrap();
            assert_eq!(name.prepend(&["abcdefghijklmnopq"]).is_some(), is_valid);
            assert_eq!(
                Domain::above("abcdefghijklmnopq", name.as_str()).is_some(),
                is_valid
            );
        }
    }

    #[test]
    fn suffixes_and_parents() {
        let name = Domain::parse_ascii("a.b.c").unwrap();
        assert_eq!(name.suffix(2).unwrap().as_str(), "b.c");
        assert_eq!(name.suffix(9).unwrap().as_str(), "a.b.c");
        assert_eq!(name.suffix_text(1), Some("c"));
        assert_eq!(name.suffix(0), None);
        assert_eq!(name.parent().unwrap().as_str(), "b.c");
        assert!(name.is_equal_or_below(&Domain::parse_ascii("b.c").unwrap()));
        assert!(
            !Domain::parse_ascii("xb.c")
                .unwrap()
                .is_equal_or_below(&Domain::parse_ascii("b.c").unwrap())
        );
    }
}
