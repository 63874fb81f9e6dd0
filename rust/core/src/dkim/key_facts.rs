//! What a key record says, for whoever looks after keys rather than after mail.
//!
//! Knows the numbers of a key also where no signature would be verified with it; must not know which of them are good
//! or whose key it is. RFC 6376 §3.6.1.

use serde::Serialize;

use crate::crypto::rsa_numbers;
use crate::dkim::DkimReason;
use crate::dkim::algorithm::KeyType;
use crate::dkim::key_record::{KEY_TEXT_LIMIT, KeyRecord};
use crate::dkim::tag_value::decode_base64;
use crate::tag_list::TagList;

/// One key record, read as far as it can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyFacts {
    /// Why no signature verifies with it; null when one may.
    pub problem: Option<DkimReason>,
    /// `rsa` or `ed25519`; null for a type that is not known, and for a record that is none.
    pub algorithm: Option<&'static str>,
    /// Bits of the modulus, 256 for Ed25519.
    pub bits: Option<u32>,
    /// The modulus in hexadecimal.
    pub modulus: Option<String>,
    /// The public exponent in hexadecimal: it has no largest value.
    pub exponent: Option<String>,
    /// `p=` is empty.
    pub is_revoked: bool,
    /// `t=y`.
    pub is_testing: bool,
    /// `t=s`.
    pub is_strict: bool,
    /// `h=` names SHA-1 and not SHA-256.
    pub is_sha1_alone: bool,
    /// `s=` names neither email nor everything.
    pub is_for_other_services: bool,
}

impl KeyFacts {
    /// Reads the text of one record.
    pub fn read(text: &[u8]) -> Self {
        let record = KeyRecord::parse(text);
        let numbers = record
            .key_type
            .filter(|key_type| *key_type == KeyType::Rsa)
            .and_then(|_| numbers(text));
        let (modulus, exponent) = numbers.unzip();
        // A key whose exponent is beyond bounds is refused before it has bits.
        let bits = modulus.as_deref().map(bit_length);
        let is_readable = record.problem.is_none();
        Self {
            problem: problem(&record),
            algorithm: record.key_type.map(|key_type| match key_type {
                KeyType::Rsa => "rsa",
                KeyType::Ed25519 => "ed25519",
            }),
            bits: record.key_bits().or(bits),
            modulus: modulus.as_deref().map(hexadecimal),
            exponent: exponent.as_deref().map(hexadecimal),
            is_revoked: record.is_revoked,
            is_testing: record.is_testing,
            is_strict: record.forbids_subdomains,
            is_sha1_alone: record.accepts_sha1 && !record.accepts_sha256,
            is_for_other_services: is_readable && !record.serves_email,
        }
    }
}

/// In the order of RFC 6376 §6.1.2.
fn problem(record: &KeyRecord) -> Option<DkimReason> {
    if record.is_revoked {
        return Some(DkimReason::KeyRevoked);
    }
    record.problem.or(record.key.as_ref().err().copied())
}

fn numbers(text: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let tags = TagList::parse(text);
    let data = tags
        .value(b"p")
        .filter(|data| data.len() <= KEY_TEXT_LIMIT)?;
    let numbers = rsa_numbers(&decode_base64(data)?)?;
    Some((numbers.modulus, numbers.exponent))
}

fn bit_length(magnitude: &[u8]) -> u32 {
    let bits = u32::try_from(magnitude.len().saturating_mul(8)).unwrap_or(u32::MAX);
    bits.saturating_sub(magnitude.first().map_or(0, |octet| octet.leading_zeros()))
}

fn hexadecimal(magnitude: &[u8]) -> String {
    let mut text = String::with_capacity(magnitude.len().saturating_mul(2));
    for digit in magnitude.iter().flat_map(|octet| [octet >> 4, octet & 15]) {
        text.extend(char::from_digit(u32::from(digit), 16));
    }
    text
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::*;
    use crate::dkim::testing::{TestKey, rsa_data};

    fn read(text: &str) -> KeyFacts {
        KeyFacts::read(text.replace('@', &TestKey::usual().data()).as_bytes())
    }

    #[test]
    fn rfc6376_3_6_1_what_a_usual_record_says() {
        let facts = read("v=DKIM1; k=rsa; t=y:s; p=@");
        assert_eq!((facts.problem, facts.algorithm), (None, Some("rsa")));
        assert_eq!(
            (facts.bits, facts.exponent.as_deref()),
            (Some(1024), Some("010001"))
        );
        let modulus = facts.modulus.unwrap();
        assert!(modulus.starts_with("f02113ff502d") && modulus.len() == 256);
        assert!(facts.is_testing && facts.is_strict);
        assert!(!facts.is_revoked && !facts.is_sha1_alone && !facts.is_for_other_services);
    }

    #[test]
    fn rfc6376_3_6_1_records_that_serve_nobody_say_why() {
        for (text, problem) in [
            ("v=DKIM1; p=", DkimReason::KeyRevoked),
            ("v=DKIM2; p=@", DkimReason::KeyVersion),
            ("v=DKIM1; k=dsa; p=@", DkimReason::KeyType),
            ("v=DKIM1; p=!", DkimReason::KeyMalformed),
            ("v=spf1 -all", DkimReason::KeyMalformed),
        ] {
            assert_eq!(read(text).problem, Some(problem), "{text}");
        }
        assert!(read("v=DKIM1; h=sha1; p=@").is_sha1_alone);
        assert!(!read("v=DKIM1; h=sha1:sha256; p=@").is_sha1_alone);
        assert!(read("v=DKIM1; s=tlsrpt; p=@").is_for_other_services);
        assert!(!read("v=spf1 -all").is_for_other_services);
    }

    #[test]
    fn numbers_are_read_also_where_nothing_verifies() {
        let modulus = (BigUint::from(1_u8) << 383_u32) + 1_u8;
        for (exponent, text, problem) in [
            (2, "02", Some(DkimReason::KeyExponent)),
            (1, "01", Some(DkimReason::KeyExponent)),
            (3, "03", None),
        ] {
            let facts = read(&format!("p={}", rsa_data(&modulus, exponent)));
            assert_eq!((facts.bits, facts.problem), (Some(384), problem));
            assert_eq!(facts.exponent.as_deref(), Some(text));
        }
    }
}
