//! Sources in pieces, cut by the first octets: every path gives the digest of the library (FIPS 180-4).
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailauth_core::crypto::{Digest, HashAlgorithm};
use mailauth_sha256::{Path, Sha256, Source, digest_all};

/// Octets that are shown so many at a time.
struct Pieces<'a> {
    rest: &'a [u8],
    length: usize,
}

impl Source for Pieces<'_> {
    fn piece(&mut self) -> &[u8] {
        &self.rest[..self.rest.len().min(self.length)]
    }

    fn consume(&mut self, octets: usize) {
        assert!(octets <= self.length, "consumed more than was shown");
        self.rest = &self.rest[octets..];
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&[count, length], octets)) = input.split_first_chunk() else {
        return;
    };
    let length = usize::from(length) + 1;
    let messages: Vec<&[u8]> = octets
        .chunks(octets.len() / (usize::from(count) + 1) + 1)
        .collect();
    let expected: Vec<Digest> = messages
        .iter()
        .map(|octets| Digest::of(HashAlgorithm::Sha256, octets))
        .collect();
    for path in Path::ALL {
        let mut sources: Vec<Pieces<'_>> = messages
            .iter()
            .map(|rest| Pieces { rest, length })
            .collect();
        let mut digests = Vec::new();
        digest_all(path, &mut sources, &mut digests);
        for ((octets, digest), expected) in messages.iter().zip(&digests).zip(&expected) {
            assert_eq!(digest.as_slice(), expected.as_slice());
            let mut stream = Sha256::new(path);
            octets.chunks(length).for_each(|piece| stream.update(piece));
            assert_eq!(&stream.finish(), digest);
        }
    }
});
