//! HMAC-SHA-256 (FIPS 198-1): the one keyed function, for pseudonyms.
//!
//! Knows a key and octets. Must not know what is hashed. The key is the only secret of this crate: it is never printed,
//! and its tags are shown, not compared, so nothing here needs constant time either.

use std::fmt;

use aws_lc_rs::hmac;

/// Octets of a tag.
const TAG_LENGTH: usize = 32;

/// A secret under which octets get a tag.
#[derive(Clone)]
pub struct MacKey(hmac::Key);

impl MacKey {
    /// A key of any length; which length is enough is the caller's question.
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The tag of these pieces one after the other.
    pub fn tag(&self, pieces: &[&[u8]]) -> [u8; TAG_LENGTH] {
        let mut context = hmac::Context::with_key(&self.0);
        for piece in pieces {
            context.update(piece);
        }
        let tag = context.sign();
        let mut octets = [0; TAG_LENGTH];
        for (to, from) in octets.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        octets
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MacKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test case 2 of the vectors that were published for HMAC with the SHA-2 family.
    #[test]
    fn a_published_vector_gives_its_tag() {
        let tag = MacKey::new(b"Jefe").tag(&[b"what do ya want ", b"for nothing?"]);
        assert_eq!(tag[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(tag[28..], [0x64, 0xec, 0x38, 0x43]);
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", MacKey::new(b"Jefe")), "MacKey");
    }
}
