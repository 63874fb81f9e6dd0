//! A key's octets: what is read has the size it says, and no signature of noise verifies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailauth_core::crypto::{Digest, Ed25519PublicKey, HashAlgorithm, RsaPublicKey};

fuzz_target!(|key: &[u8]| {
    for hash in [HashAlgorithm::Sha1, HashAlgorithm::Sha256] {
        let digest = Digest::of(hash, key);
        if let Ok(key) = RsaPublicKey::parse(key) {
            let length = key.bits().div_ceil(8) as usize;
            assert!(!key.verify(hash, &digest, &vec![1; length]));
        }
        if let Ok(key) = Ed25519PublicKey::parse(key) {
            assert!(!key.verify(digest.as_slice(), &[1; 64]));
        }
    }
});
