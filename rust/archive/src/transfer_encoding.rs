//! Undoing of base64 and quoted-printable (RFC 2045 §6.7, §6.8), as tolerant as readers of mail are.
//!
//! The result is never longer than the input. Knows octets; must not know what they mean.

use mailauth_core::base64::digit;

/// RFC 2045 §6.8: other octets are passed over, the first `=` ends the data.
pub(crate) fn decode_base64(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for octet in text {
        if *octet == b'=' {
            break;
        }
        let Some(digit) = digit(*octet) else {
            continue;
        };
        bits = (bits << 6 | u32::from(digit)) & 0x00ff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push(u8::try_from((bits >> count) & 0xff).unwrap_or_default());
        }
    }
    octets
}

/// RFC 2045 §6.7: `=XX` is an octet, `=` at the end of a line joins lines; a `=` that is neither stays.
pub(crate) fn decode_quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'=', rest) {
        let (before, after) = rest.split_at_checked(at).unwrap_or_default();
        octets.extend_from_slice(before);
        rest = after.get(1..).unwrap_or_default();
        if let Some(octet) = hexadecimal(rest) {
            octets.push(octet);
            rest = rest.get(2..).unwrap_or_default();
        } else if let Some(length) = soft_line_end(rest) {
            rest = rest.get(length..).unwrap_or_default();
        } else {
            octets.push(b'=');
        }
    }
    octets.extend_from_slice(rest);
    octets
}

fn hexadecimal(text: &[u8]) -> Option<u8> {
    let [high, low, ..] = text else { return None };
    let digit = |octet: u8| char::from(octet).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

/// White space that transport added may stand before the line end.
fn soft_line_end(text: &[u8]) -> Option<usize> {
    let padding = text
        .iter()
        .take_while(|octet| matches!(octet, b' ' | b'\t'))
        .count();
    match text.get(padding..)? {
        [b'\n', ..] => Some(padding + 1),
        [b'\r', b'\n', ..] => Some(padding + 2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc2045_6_8_base64_passes_over_what_is_no_digit() {
        for (text, octets) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9v\r\nYm\tF!y", "foobar"),
            ("Zm9vYg", "foob"),
            ("Zm9v====Zm9v", "foo"),
            ("Z", ""),
        ] {
            assert_eq!(decode_base64(text.as_bytes()), octets.as_bytes(), "{text}");
        }
        let all: Vec<u8> = (0..=255).collect();
        assert!(decode_base64(&all).len() <= 48);
    }

    #[test]
    fn rfc2045_6_7_quoted_printable_keeps_what_it_cannot_read() {
        for (text, octets) in [
            ("a=3Db=3dc", "a=b=c"),
            ("soft=\r\nline= \t\nend", "softlineend"),
            ("=", "="),
            ("=4", "=4"),
            ("=xy=\r", "=xy=\r"),
            ("a\r\nb", "a\r\nb"),
        ] {
            let decoded = decode_quoted_printable(text.as_bytes());
            assert_eq!(decoded, octets.as_bytes(), "{text:?}");
        }
    }
}
