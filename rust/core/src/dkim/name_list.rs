//! The field names of `h=` (RFC 6376 §3.5), held as one text: every signature has a score of them.

use std::sync::Arc;

use memchr::memchr;
use serde::{Serialize, Serializer};

use crate::dkim::tag_value::colon_list;

/// Names in lower case, in order; a name holds no colon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameList {
    /// The names with a colon between each two; `None` = no name, not even an empty one.
    text: Option<Arc<str>>,
}

impl NameList {
    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.text.as_deref();
        std::iter::from_fn(move || {
            let text = rest?;
            let end = memchr(b':', text.as_bytes());
            let (name, tail) = end.map_or((text, None), |end| {
                (text.get(..end).unwrap_or_default(), text.get(end + 1..))
            });
            rest = tail;
            Some(name)
        })
    }

    /// Reads a colon-separated list (RFC 6376 §2.10, §3.5).
    pub(crate) fn read(value: &[u8]) -> Self {
        let mut octets = Vec::with_capacity(value.len());
        for name in colon_list(value) {
            octets.extend_from_slice(name);
            octets.push(b':');
        }
        octets.pop();
        Self::of_octets(octets)
    }

    fn of_octets(mut octets: Vec<u8>) -> Self {
        octets.make_ascii_lowercase();
        let text = match String::from_utf8(octets) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        Self {
            text: Some(text.into()),
        }
    }

    /// True when each octet of each name is printable (RFC 5322 §2.2).
    pub(crate) fn is_printable(&self) -> bool {
        let octets = self.text.as_ref().map_or(&[][..], |text| text.as_bytes());
        octets
            .iter()
            .fold(true, |all, octet| all & octet.is_ascii_graphic())
    }
}

impl<'a> FromIterator<&'a [u8]> for NameList {
    /// Octets that are not UTF-8 become U+FFFD.
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(names: I) -> Self {
        let mut octets = Vec::new();
        let mut names = names.into_iter();
        let Some(first) = names.next() else {
            return Self::default();
        };
        octets.extend_from_slice(first);
        for name in names {
            octets.push(b':');
            octets.extend_from_slice(name);
        }
        Self::of_octets(octets)
    }
}

impl Serialize for NameList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&[u8]]) -> NameList {
        names.iter().copied().collect()
    }

    #[test]
    fn names_come_back_in_lower_case_and_in_order() {
        let names = list(&[b"From", b"", b"SUBJECT", b"\xff"]);
        let read: Vec<&str> = names.names().collect();
        assert_eq!(read, ["from", "", "subject", "\u{fffd}"]);
    }

    #[test]
    fn rfc6376_3_5_a_list_is_read_without_its_white_space() {
        let read = |value: &[u8]| NameList::read(value);
        assert_eq!(read(b"From :\r\n To::"), list(&[b"from", b"to", b"", b""]));
        assert_eq!(read(b""), list(&[b""]));
        assert!(read(b"a:b").is_printable() && NameList::default().is_printable());
        for value in [&b"a b"[..], b"\xff", b"\x7f"] {
            assert!(!read(value).is_printable());
        }
    }

    #[test]
    fn no_name_and_one_empty_name_are_two_things() {
        assert_eq!(list(&[]).names().count(), 0);
        assert_eq!(list(&[b""]).names().collect::<Vec<_>>(), [""]);
        assert_eq!(
            serde_json::to_string(&list(&[b"a", b"b"])).unwrap(),
            r#"["a","b"]"#
        );
    }
}
