//! The few DER forms that an RSA public key has, read strictly.
//!
//! Knows SubjectPublicKeyInfo with the algorithm rsaEncryption (RFC 6376 App. C writes keys so) and the bare RSAPublicKey
//! of PKCS #1 (RFC 6376 §3.6.1); RFC 6376 EID 3017 names both. Must not know which numbers make a good key.
//! One key has one encoding: what a lenient reader would take beside it is a way to smuggle.

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const NULL: u8 = 0x05;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// 1.2.840.113549.1.1.1.
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// An RSAPublicKey as found; the numbers are big-endian without leading zeros, empty for zero.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RsaPublicKeyParts<'a> {
    /// The RSAPublicKey itself, without a SubjectPublicKeyInfo around it.
    pub(super) pkcs1: &'a [u8],
    pub(super) modulus: &'a [u8],
    pub(super) exponent: &'a [u8],
}

/// Reads either form; `None` for anything else, trailing octets included.
pub(super) fn rsa_public_key(der: &[u8]) -> Option<RsaPublicKeyParts<'_>> {
    let content = only_element(der, SEQUENCE)?;
    match content.first()? {
        &SEQUENCE => rsa_public_key_of(bit_string_content(content)?),
        _ => rsa_public_key_of(der),
    }
}

/// SubjectPublicKeyInfo ::= SEQUENCE { algorithm SEQUENCE { OID, NULL }, subjectPublicKey BIT STRING }, past the outer tag.
fn bit_string_content(content: &[u8]) -> Option<&[u8]> {
    let (algorithm, rest) = element(content, SEQUENCE)?;
    let (identifier, parameters) = element(algorithm, OBJECT_IDENTIFIER)?;
    // Deviation: RFC 3279 wants the NULL; keys without it exist and mean the same.
    let has_no_parameters = parameters.is_empty() || parameters == [NULL, 0];
    if identifier != RSA_ENCRYPTION || !has_no_parameters {
        return None;
    }
    // The first octet counts unused bits, and a string of octets has none.
    only_element(rest, BIT_STRING)?.strip_prefix(&[0])
}

/// RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }.
fn rsa_public_key_of(pkcs1: &[u8]) -> Option<RsaPublicKeyParts<'_>> {
    let content = only_element(pkcs1, SEQUENCE)?;
    let (modulus, rest) = element(content, INTEGER)?;
    let exponent = only_element(rest, INTEGER)?;
    Some(RsaPublicKeyParts {
        pkcs1,
        modulus: unsigned(modulus)?,
        exponent: unsigned(exponent)?,
    })
}

fn only_element(octets: &[u8], tag: u8) -> Option<&[u8]> {
    let (content, rest) = element(octets, tag)?;
    rest.is_empty().then_some(content)
}

/// The content of the first element and what follows it; `None` for another tag or a length that is not minimal.
fn element(octets: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = octets.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = match rest {
        [short @ 0..=0x7f, rest @ ..] => (usize::from(*short), rest),
        [0x81, long @ 0x80..=0xff, rest @ ..] => (usize::from(*long), rest),
        [0x82, high @ 1..=0xff, low, rest @ ..] => {
            (usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        // A longer length is beyond any key that is read; 0x80 is BER's open length.
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The magnitude of a non-negative INTEGER in its shortest form.
fn unsigned(integer: &[u8]) -> Option<&[u8]> {
    match integer {
        [0] => Some(&[]),
        [0, magnitude @ ..] if magnitude.first().is_some_and(|octet| *octet >= 0x80) => {
            Some(magnitude)
        }
        [0x01..=0x7f, ..] => Some(integer),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::crypto) fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let mut der = vec![tag];
        match content.len() {
            0..0x80 => der.push(length[1]),
            0x80..0x100 => der.extend([0x81, length[1]]),
            _ => der.extend([0x82, length[0], length[1]]),
        }
        der.extend(content);
        der
    }

    pub(in crate::crypto) fn encode_unsigned(magnitude: &[u8]) -> Vec<u8> {
        match magnitude.first() {
            Some(0..0x80) => encode(INTEGER, magnitude),
            _ => encode(INTEGER, &[&[0], magnitude].concat()),
        }
    }

    pub(in crate::crypto) fn pkcs1(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
        let integers = [encode_unsigned(modulus), encode_unsigned(exponent)].concat();
        encode(SEQUENCE, &integers)
    }

    fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
        let algorithm = encode(SEQUENCE, algorithm);
        let bits = encode(BIT_STRING, &[&[0], key].concat());
        encode(SEQUENCE, &[algorithm, bits].concat())
    }

    fn identifier(octets: &[u8]) -> Vec<u8> {
        encode(OBJECT_IDENTIFIER, octets)
    }

    #[test]
    fn rfc6376_3_6_1_both_forms_give_the_same_key() {
        let key = pkcs1(&[0xff; 300], &[1, 0, 1]);
        let with_null = spki(&[identifier(RSA_ENCRYPTION), vec![NULL, 0]].concat(), &key);
        let without_null = spki(&identifier(RSA_ENCRYPTION), &key);
        for der in [&key, &with_null, &without_null] {
            let parts = rsa_public_key(der).unwrap();
            assert_eq!(parts.pkcs1, key);
            assert_eq!(parts.modulus, [0xff; 300]);
            assert_eq!(parts.exponent, [1, 0, 1]);
        }
    }

    #[test]
    fn other_algorithms_and_parameters_are_refused() {
        let key = pkcs1(&[0xff; 64], &[3]);
        let (pss, sha256_with_rsa) = ([RSA_ENCRYPTION, &[]].concat(), RSA_ENCRYPTION.to_vec());
        let last = |mut identifier: Vec<u8>, octet: u8| {
            *identifier.last_mut().unwrap() = octet;
            identifier
        };
        for algorithm in [
            identifier(&last(pss, 10)),
            identifier(&last(sha256_with_rsa, 11)),
            [identifier(RSA_ENCRYPTION), vec![NULL, 1, 0]].concat(),
            [identifier(RSA_ENCRYPTION), vec![NULL, 0, NULL, 0]].concat(),
            [identifier(RSA_ENCRYPTION), encode(SEQUENCE, &[])].concat(),
            vec![],
        ] {
            assert_eq!(rsa_public_key(&spki(&algorithm, &key)), None);
        }
    }

    #[test]
    fn every_octet_too_many_or_too_few_is_refused() {
        let key = pkcs1(&[0xff; 64], &[3]);
        let whole = spki(&identifier(RSA_ENCRYPTION), &key);
        for der in [&key, &whole] {
            assert!(rsa_public_key(der).is_some());
            assert_eq!(rsa_public_key(&[der.as_slice(), &[0]].concat()), None);
            for length in 0..der.len() {
                assert_eq!(rsa_public_key(&der[..length]), None);
            }
        }
        let inside = [key.as_slice(), &[0]].concat();
        assert_eq!(
            rsa_public_key(&spki(&identifier(RSA_ENCRYPTION), &inside)),
            None
        );
        let third = [
            encode_unsigned(&[5]),
            encode_unsigned(&[3]),
            encode_unsigned(&[3]),
        ]
        .concat();
        assert_eq!(rsa_public_key(&encode(SEQUENCE, &third)), None);
    }

    #[test]
    fn lengths_that_are_not_minimal_are_refused() {
        let element_with = |header: &[u8], length: usize| [header, &vec![0; length]].concat();
        assert!(element(&element_with(&[NULL, 0x7f], 0x7f), NULL).is_some());
        assert!(element(&element_with(&[NULL, 0x81, 0x80], 0x80), NULL).is_some());
        assert!(element(&element_with(&[NULL, 0x82, 1, 0], 0x100), NULL).is_some());
        for header in [
            &[NULL, 0x81, 0x7f][..],
            &[NULL, 0x82, 0, 0xff],
            &[NULL, 0x83, 0, 1, 0],
            &[NULL, 0x80],
            &[NULL, 0xff],
        ] {
            assert_eq!(element(&element_with(header, 0x200), NULL), None);
        }
    }

    #[test]
    fn integers_are_non_negative_and_minimal() {
        assert_eq!(unsigned(&[0]), Some(&[][..]));
        assert_eq!(unsigned(&[0x7f]), Some(&[0x7f][..]));
        assert_eq!(unsigned(&[0, 0x80]), Some(&[0x80][..]));
        for refused in [
            &[][..],
            &[0x80],
            &[0, 0x7f],
            &[0, 0],
            &[0, 0, 0x80],
            &[0xff, 1],
        ] {
            assert_eq!(unsigned(refused), None, "{refused:?}");
        }
    }
}
