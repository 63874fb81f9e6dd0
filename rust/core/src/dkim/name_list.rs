//! The field names of `h=` (RFC 6376 §3.5), held as one text: every signature has a score of them.

use std::sync::Arc;

use serde::{Serialize, Serializer};

/// Names in lower case, in order; a name holds no colon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameList {
    /// The names with a colon between each two; `None` = no name, not even an empty one.
    text: Option<Arc<str>>,
}

impl NameList {
    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.text.iter().flat_map(|text| text.split(':'))
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
        octets.make_ascii_lowercase();
        let text = match String::from_utf8(octets) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        Self {
            text: Some(text.into()),
        }
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
    fn no_name_and_one_empty_name_are_two_things() {
        assert_eq!(list(&[]).names().count(), 0);
        assert_eq!(list(&[b""]).names().collect::<Vec<_>>(), [""]);
        assert_eq!(
            serde_json::to_string(&list(&[b"a", b"b"])).unwrap(),
            r#"["a","b"]"#
        );
    }
}
