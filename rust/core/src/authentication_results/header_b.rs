//! The `header.b` property (RFC 6008): how much of each signature has to be told so that results can be told apart.
//!
//! Knows only the texts of the `b=` tags. Sorting brings the nearest neighbours together, so a thousand signatures with a
//! long common beginning cost no more than reading them.

use std::sync::Arc;

use crate::base64;
use crate::dkim::DkimVerdict;

/// RFC 6008 §4: at least the first eight characters.
const PREFIX_OCTETS: usize = 8;
/// Longest prefix written: a line holds 998 octets (RFC 5322 §2.1.1), a 4096-bit signature has 684 characters.
const PREFIX_OCTET_LIMIT: usize = 900;
/// Signatures up to which the beginnings are compared each with each.
const PAIRWISE_LIMIT: usize = 8;

/// For each `b=` text the shortest beginning, of eight octets or more, that no other one shares; the whole text where it
/// is shorter or another begins with it.
///
/// `None` for what is no base64, and for a beginning beyond 900 octets, which no line would hold.
pub(super) fn unique_prefixes<'a>(signatures: &[Option<&'a str>]) -> Vec<Option<&'a str>> {
    let mut sorted: Vec<(usize, &'a str)> = signatures
        .iter()
        .enumerate()
        .filter_map(|(index, text)| {
            Some((index, text.filter(|text| base64::is_text(text.as_bytes()))?))
        })
        .collect();
    // RFC 6008 §4: compared with case.
    sorted.sort_unstable_by_key(|(_, text)| *text);
    let mut prefixes = vec![None; signatures.len()];
    let mut shared_before = 0;
    for (position, (index, text)) in sorted.iter().enumerate() {
        let next = sorted.get(position + 1);
        let shared_after = next.map_or(0, |(_, next)| shared_octets(text, next));
        // RFC 6008 §4: long enough to be unique, the entire signature where it is shorter.
        let length = PREFIX_OCTETS
            .max(shared_before.max(shared_after) + 1)
            .min(text.len());
        if let Some(prefix) = prefixes.get_mut(*index)
            && length <= PREFIX_OCTET_LIMIT
        {
            *prefix = text.get(..length);
        }
        shared_before = shared_after;
    }
    prefixes
}

/// True when no two of a few signatures begin alike, as nearly always: then each is told by its first eight characters.
fn are_told_apart_soon(signatures: &[DkimVerdict]) -> bool {
    let beginnings = || {
        let texts = signatures
            .iter()
            .filter_map(|signature| signature.header_b.as_deref());
        texts.map(|text| text.get(..PREFIX_OCTETS).unwrap_or(text))
    };
    let is_alone = |(index, one): (usize, &str)| {
        let mut others = beginnings().skip(index + 1);
        others.all(|other| !one.starts_with(other) && !other.starts_with(one))
    };
    signatures.len() <= PAIRWISE_LIMIT && beginnings().enumerate().all(is_alone)
}

/// Leaves of each signature's `b=` what tells it apart from the others: a row needs no more (RFC 6008 §4).
pub(crate) fn shorten(signatures: &mut [DkimVerdict]) {
    if are_told_apart_soon(signatures) {
        for signature in signatures {
            let text = signature.header_b.take();
            signature.header_b = text.map(|text| match text.get(..PREFIX_OCTETS) {
                Some(prefix) if prefix.len() < text.len() => prefix.into(),
                _ => text,
            });
        }
        return;
    }
    let texts: Vec<Option<&str>> = signatures
        .iter()
        .map(|signature| signature.header_b.as_deref())
        .collect();
    let prefixes: Vec<Option<Arc<str>>> = unique_prefixes(&texts)
        .into_iter()
        .map(|prefix| prefix.map(Arc::from))
        .collect();
    for (signature, prefix) in signatures.iter_mut().zip(prefixes) {
        signature.header_b = prefix;
    }
}

fn shared_octets(one: &str, other: &str) -> usize {
    let pairs = one.bytes().zip(other.bytes());
    pairs.take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(texts: &[&str]) -> Vec<Option<String>> {
        let texts: Vec<Option<&str>> = texts.iter().copied().map(Some).collect();
        unique_prefixes(&texts)
            .into_iter()
            .map(|prefix| prefix.map(str::to_owned))
            .collect()
    }

    #[test]
    fn rfc6008_4_eight_characters_or_as_many_as_are_unique() {
        for (texts, expected) in [
            (&["abcdefghij"][..], &["abcdefgh"][..]),
            (&["abcdefg"], &["abcdefg"]),
            (&["abcdefgh"], &["abcdefgh"]),
            (&["abcdefghij", "abcdefghiJ"], &["abcdefghij", "abcdefghiJ"]),
            (&["abcdefghij", "ABCDEFGHIJ"], &["abcdefgh", "ABCDEFGH"]),
            (&["abcdefgX99", "abcdefgY99"], &["abcdefgX", "abcdefgY"]),
            (
                &["abcdefghX9", "zzzz", "abcdefghY9"],
                &["abcdefghX", "zzzz", "abcdefghY"],
            ),
            (
                &["abcdefghi", "abcdefghi99", "abcdefghi"],
                &["abcdefghi", "abcdefghi9", "abcdefghi"],
            ),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|text| Some((*text).to_owned()))
                .collect();
            assert_eq!(prefixes(texts), expected, "{texts:?}");
        }
    }

    #[test]
    fn hostile_40_a_short_signature_and_a_thousand_with_one_beginning() {
        assert_eq!(
            prefixes(&["abcd", "abcdefghijkl"]),
            [Some("abcd".into()), Some("abcdefgh".into())]
        );
        let texts: Vec<String> = (0..1_000)
            .map(|number| format!("{}{number:04}", "A".repeat(170)))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut unique = prefixes(&texts);
        for (prefix, text) in unique.iter().zip(&texts) {
            assert!(text.starts_with(prefix.as_deref().unwrap()));
        }
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), 1_000);
    }

    #[test]
    fn what_is_no_base64_or_too_long_is_left_out() {
        assert_eq!(
            unique_prefixes(&[None, Some(""), Some("a;b"), Some("ü")]),
            [None; 4]
        );
        for (octets, is_written) in [(899, true), (900, true), (901, false)] {
            let text = "A".repeat(octets);
            let written = unique_prefixes(&[Some(&text), Some(&text)]);
            assert_eq!(written, [is_written.then_some(text.as_str()); 2]);
        }
    }
}
