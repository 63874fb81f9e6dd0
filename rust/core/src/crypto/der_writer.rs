//! An RSA public key as DER, for keys that come as two numbers.
//!
//! Knows the one form that all the world publishes: SubjectPublicKeyInfo (RFC 6376 App. C). The strict reader in `der`
//! takes what is written here. Must not know where the numbers come from.

/// SEQUENCE { OID rsaEncryption, NULL }, complete.
const RSA_ALGORITHM: &[u8] = &[
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// The SubjectPublicKeyInfo of a modulus and an exponent, both big-endian; `None` beyond 65,535 octets.
pub fn rsa_public_key_info(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    let numbers = [unsigned(modulus)?, unsigned(exponent)?].concat();
    let key = element(SEQUENCE, &numbers)?;
    // The first octet counts unused bits.
    let bits = element(BIT_STRING, &[&[0], &*key].concat())?;
    element(SEQUENCE, &[RSA_ALGORITHM, &bits].concat())
}

/// An INTEGER in its shortest form: a leading zero only where the number would else be negative.
fn unsigned(octets: &[u8]) -> Option<Vec<u8>> {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let magnitude = octets.get(zeros..).unwrap_or_default();
    match magnitude.first() {
        Some(0..0x80) => element(INTEGER, magnitude),
        _ => element(INTEGER, &[&[0], magnitude].concat()),
    }
}

fn element(tag: u8, content: &[u8]) -> Option<Vec<u8>> {
    let [high, low] = u16::try_from(content.len()).ok()?.to_be_bytes();
    let mut der = vec![tag];
    match content.len() {
        0..0x80 => der.push(low),
        0x80..0x100 => der.extend([0x81, low]),
        _ => der.extend([0x82, high, low]),
    }
    der.extend(content);
    Some(der)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rsa_numbers;

    #[test]
    fn the_strict_reader_takes_what_is_written() {
        for length in [1, 63, 64, 127, 128, 255, 256, 512] {
            for first in [1, 0x7f, 0x80, 0xff] {
                let mut modulus = vec![0x55; length];
                modulus[0] = first;
                let der = rsa_public_key_info(&[&[0, 0], &*modulus].concat(), &[0, 1, 0, 1]);
                let numbers = rsa_numbers(&der.unwrap()).unwrap();
                assert_eq!(
                    (numbers.modulus, numbers.exponent),
                    (modulus, vec![1, 0, 1])
                );
            }
        }
        assert_eq!(rsa_public_key_info(&vec![1; 1 << 16], &[3]), None);
    }
}
