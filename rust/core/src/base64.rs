//! The alphabet of base64 (RFC 2045 §6.8): what an octet stands for. What may stand between the digits, and whether
//! padding must be there, is the business of whoever reads a text.

/// What stands for no digit: more than six bits.
const NO_DIGIT: u8 = u8::MAX;

/// The alphabet by octet.
static DIGITS: [u8; 256] = digits();

#[expect(
    clippy::indexing_slicing,
    reason = "a digit is below 64, an octet below 256; constants are checked when compiled"
)]
const fn digits() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut digits = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 64 {
        digits[alphabet[digit as usize] as usize] = digit;
        digit += 1;
    }
    digits
}

fn six_bits(octet: u8) -> u8 {
    DIGITS.get(usize::from(octet)).copied().unwrap_or(NO_DIGIT)
}

/// The six bits that a character stands for.
pub fn digit(octet: u8) -> Option<u8> {
    Some(six_bits(octet)).filter(|digit| *digit != NO_DIGIT)
}

/// Three octets out of four digits; `None` when one of them is no digit.
pub(crate) fn quantum(text: [u8; 4]) -> Option<[u8; 3]> {
    let digits = text.map(six_bits);
    let group = digits
        .iter()
        .fold(0, |group, digit| group << 6 | u32::from(*digit & 63));
    let [_, octets @ ..] = group.to_be_bytes();
    (digits.iter().fold(0, |all, digit| all | digit) < 64).then_some(octets)
}

/// Digits and padding, at least one, and nothing else.
pub(crate) fn is_text(octets: &[u8]) -> bool {
    let is_character = |octet: &u8| *octet == b'=' || digit(*octet).is_some();
    !octets.is_empty() && octets.iter().all(is_character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc2045_6_8_the_alphabet() {
        assert_eq!(
            b"AZaz09+/".map(digit),
            [0, 25, 26, 51, 52, 61, 62, 63].map(Some)
        );
        assert_eq!(b"=-_ \n\0\xff".map(digit), [None; 7]);
        let count = (0..=u8::MAX)
            .filter(|octet| digit(*octet).is_some())
            .count();
        assert_eq!(count, 64);
    }

    #[test]
    fn a_quantum_needs_four_digits() {
        assert_eq!(quantum(*b"YWJj"), Some(*b"abc"));
        for text in [b"YWI=", b" YWJ", b"YW\xffj"] {
            assert_eq!(quantum(*text), None);
        }
    }

    #[test]
    fn a_text_has_digits_and_padding_only() {
        assert!(is_text(b"YWI="));
        assert!(!is_text(b"") && !is_text(b"YW I") && !is_text(b"YW-I"));
    }
}
