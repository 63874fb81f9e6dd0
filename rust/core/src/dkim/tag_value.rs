//! Readers of the value forms that DKIM and ARC share: base64, decimal numbers, colon-separated lists and
//! dkim-quoted-printable (RFC 6376 §2.10, §2.11, §3.5).
//!
//! Knows the forms; must not know which tag they stand in.

use std::sync::Arc;

use crate::base64;
use crate::tag_list::{is_fws, trim_fws};

/// Octets of a `base64string` (RFC 6376 §2.10): white space anywhere, padding optional.
///
/// `None`: nothing before the padding, an octet outside the alphabet, more than two `=`, anything after them, or bits
/// that no encoder leaves behind (otherwise several texts would stand for one signature).
pub(crate) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut group, mut digits, mut padding) = (0_u32, 0_usize, 0_u32);
    let mut rest = text;
    while let Some((octet, tail)) = rest.split_first() {
        let octet = *octet;
        if is_fws(octet) {
            rest = tail;
            continue;
        }
        // Four digits at once wherever a quantum begins: nearly everywhere.
        if digits % 4 == 0 && padding == 0 {
            let done = base64::decode_quanta(rest, &mut octets);
            if done > 0 {
                digits += done;
                rest = rest.get(done..).unwrap_or_default();
                continue;
            }
        }
        rest = tail;
        if octet == b'=' {
            padding += 1;
            continue;
        }
        if padding > 0 {
            return None;
        }
        group = group << 6 | u32::from(base64::digit(octet)?);
        digits += 1;
        if digits % 4 == 0 {
            let [_, first, second, third] = group.to_be_bytes();
            octets.extend_from_slice(&[first, second, third]);
            group = 0;
        }
    }
    let [_, first, second, third] = match digits % 4 {
        2 => group << 12,
        3 => group << 6,
        _ => 0,
    }
    .to_be_bytes();
    let is_complete = match digits % 4 {
        0 => true,
        1 => false,
        2 => {
            octets.push(first);
            second == 0 && third == 0
        }
        _ => {
            octets.extend_from_slice(&[first, second]);
            third == 0
        }
    };
    (digits > 0 && padding <= 2 && is_complete).then_some(octets)
}

/// Octets that are looked at together.
const BLOCK_OCTETS: usize = 16;

/// The characters of a `base64string` without the white space between them; `None` when there are others, or none.
pub(crate) fn base64_text(value: &[u8]) -> Option<Arc<str>> {
    let mut octets = Vec::with_capacity(value.len());
    let (blocks, rest) = value.as_chunks::<BLOCK_OCTETS>();
    for block in blocks {
        // Nothing below a space is a character of base64, so one comparison finds where white space may be.
        let least = block.iter().fold(u8::MAX, |least, octet| least.min(*octet));
        if least > b' ' {
            octets.extend_from_slice(block);
        } else {
            octets.extend(block.iter().filter(|octet| !is_fws(**octet)));
        }
    }
    octets.extend(rest.iter().filter(|octet| !is_fws(**octet)));
    let text = std::str::from_utf8(&octets).ok();
    text.filter(|text| base64::is_text(text.as_bytes()))
        .map(Arc::from)
}

/// A decimal number of at most `digit_limit` digits; beyond 64 bits it stays at the largest value.
pub(crate) fn read_number(text: &[u8], digit_limit: usize) -> Option<u64> {
    if text.is_empty() || text.len() > digit_limit {
        return None;
    }
    text.iter().try_fold(0_u64, |number, octet| {
        let digit = octet.is_ascii_digit().then(|| octet - b'0')?;
        Some(number.saturating_mul(10).saturating_add(u64::from(digit)))
    })
}

/// The items of a colon-separated list without the white space around them; empty items are kept.
pub(crate) fn colon_list(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|octet| *octet == b':').map(trim_fws)
}

/// `hyphenated-word` (RFC 6376 §2.10).
pub(crate) fn is_hyphenated_word(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_alphabetic)
        && text.last().is_some_and(u8::is_ascii_alphanumeric)
        && text
            .iter()
            .all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
}

/// Undoes dkim-quoted-printable (RFC 6376 §2.11); octets of UTF-8 may stand for themselves (RFC 8616 §5).
pub(crate) fn decode_quoted_printable(text: &[u8]) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied().filter(|octet| !is_fws(*octet));
    while let Some(octet) = rest.next() {
        if octet != b'=' {
            octets.push(octet);
            continue;
        }
        let (high, low) = (hex_digit(rest.next()?)?, hex_digit(rest.next()?)?);
        octets.push(high << 4 | low);
    }
    Some(octets)
}

/// RFC 6376 §2.11 permits no lower-case hexadecimal digits.
const fn hex_digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

/// The octets as text for a verdict: what is no UTF-8 becomes U+FFFD.
pub(crate) fn to_text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// The octets as text with ASCII letters in lower case.
pub(crate) fn to_lower_text(octets: &[u8]) -> String {
    let mut text = to_text(octets);
    text.make_ascii_lowercase();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6376_2_10_base64_with_white_space_and_optional_padding() {
        for (text, expected) in [
            ("YQ==", "a"),
            ("YQ", "a"),
            ("YQ=", "a"),
            ("YWI=", "ab"),
            ("YWI", "ab"),
            ("Y\r\n W\tJ j", "abc"),
            ("YWJj", "abc"),
            ("YWJjZA = =", "abcd"),
        ] {
            assert_eq!(
                decode_base64(text.as_bytes()).as_deref(),
                Some(expected.as_bytes()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn rfc6376_2_10_what_is_no_base64_is_refused() {
        for text in [
            "", " ", "=", "==", "Y", "YWJjZ", "YQ===", "Y=Q=", "YQ==YQ==", "YWJj-_", "YR==",
            "YWJ=", "YW\0I=",
        ] {
            assert_eq!(decode_base64(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn numbers_saturate_and_keep_their_digit_limit() {
        assert_eq!(read_number(b"0012", 12), Some(12));
        assert_eq!(read_number(b"999999999999", 12), Some(999_999_999_999));
        assert_eq!(read_number(b"9999999999999", 12), None);
        assert_eq!(read_number(&[b'9'; 76], 76), Some(u64::MAX));
        assert_eq!(read_number(&[b'9'; 77], 76), None);
        for text in ["", "-1", "+1", "1 2", "0x1", "1."] {
            assert_eq!(read_number(text.as_bytes(), 12), None, "{text:?}");
        }
    }

    #[test]
    fn rfc6376_2_11_quoted_printable() {
        assert_eq!(
            decode_quoted_printable(b"a=3D\r\n b=2Bc").as_deref(),
            Some(&b"a=b+c"[..])
        );
        for text in ["=3d", "=", "=4", "=G0"] {
            assert_eq!(decode_quoted_printable(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn colon_lists_keep_empty_items() {
        let items: Vec<&[u8]> = colon_list(b" a : b\r\n :: ").collect();
        assert_eq!(items, [&b"a"[..], b"b", b"", b""]);
    }
}
