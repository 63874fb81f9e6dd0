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
    let [first, second, third, fourth] = text;
    let digit = |octet: u8| u32::from(six_bits(octet));
    let (first, second) = (digit(first), digit(second));
    let (third, fourth) = (digit(third), digit(fourth));
    // A digit beyond six bits spoils the group, which is looked at only when there is none.
    let group = first << 18 | second << 12 | third << 6 | fourth;
    let [_, octets @ ..] = group.to_be_bytes();
    ((first | second | third | fourth) < 64).then_some(octets)
}

/// Octets of a text that room is made for at once: folds may break it anywhere, and room costs.
const RUN_OCTETS: usize = 128;

/// Decodes the quanta at the beginning of a text, at most [`RUN_OCTETS`]; returns how many octets of it were read.
pub(crate) fn decode_quanta(text: &[u8], octets: &mut Vec<u8>) -> usize {
    let text = text.get(..RUN_OCTETS).unwrap_or(text);
    let start = octets.len();
    octets.resize(start + text.len() / 4 * 3, 0);
    let room = octets.get_mut(start..).unwrap_or_default();
    let (threes, fours) = (room.as_chunks_mut().0, text.as_chunks().0);
    let mut pairs = threes.iter_mut().zip(fours);
    let stop = pairs.position(|(three, four)| match quantum(*four) {
        Some(octets) => {
            *three = octets;
            false
        }
        None => true,
    });
    let done = stop.unwrap_or(fours.len());
    octets.truncate(start + done * 3);
    done * 4
}

/// Digits and padding, at least one, and nothing else.
pub(crate) fn is_text(octets: &[u8]) -> bool {
    // Without a table and without a way out in the middle the loop becomes vector code: a text is nearly always good.
    #[expect(
        clippy::needless_bitwise_bool,
        reason = "branches would not become vector code"
    )]
    let is_character = |octet: u8| {
        let is_letter = (octet | 0x20).wrapping_sub(b'a') < 26;
        let is_slash_or_number = octet.wrapping_sub(b'/') < 11;
        is_letter | is_slash_or_number | (octet == b'+') | (octet == b'=')
    };
    let is_good = octets
        .iter()
        .fold(true, |all, octet| all & is_character(*octet));
    !octets.is_empty() && is_good
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
        for octet in 0..=u8::MAX {
            assert_eq!(is_text(&[octet]), octet == b'=' || digit(octet).is_some());
        }
    }
}
