//! The signatures of an archive, gathered by the key that should have made them.
//!
//! Knows when a signature was received and which of many to hold; must not know how a key is computed from them. A
//! name may have had several keys over time, of one length or of several: the length of a signature is that of its
//! modulus (RFC 8017, section 8.2.2), so signatures of different lengths never share a key.

use std::collections::BTreeMap;

use crate::crypto::{Digest, RsaPublicKey};
use crate::dkim::recovery::SignedDigest;
use crate::domain::Domain;

/// Signatures held for one name and length, some 20 MB: beyond it every second is let go, evenly over the archive.
pub const HELD_LIMIT: usize = 65_536;

/// One signature of a key that is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Unix seconds of receipt, if known.
    pub time: Option<i64>,
    /// What the signature signs, if nobody altered the header.
    pub digest: Digest,
    /// The signature.
    pub signature: Box<[u8]>,
    /// The body is as it was signed, or is not covered.
    pub is_intact: bool,
}

/// Signatures by the name of their key and their length in octets.
#[derive(Debug, Default)]
pub struct Evidence {
    groups: BTreeMap<(Domain, usize), Group>,
}

#[derive(Debug)]
struct Group {
    samples: Vec<Sample>,
    found: usize,
    /// Of each so many signatures one is held.
    stride: usize,
}

impl Evidence {
    /// Adds a signature that was received at `time`, Unix seconds.
    pub fn add(&mut self, signed: SignedDigest, time: Option<i64>) {
        self.add_within(HELD_LIMIT, signed, time);
    }

    fn add_within(&mut self, limit: usize, signed: SignedDigest, time: Option<i64>) {
        let key = (signed.key_name, signed.signature.len());
        let group = self.groups.entry(key).or_insert_with(|| Group {
            samples: Vec::new(),
            found: 0,
            stride: 1,
        });
        group.found += 1;
        if !group.found.is_multiple_of(group.stride) {
            return;
        }
        group.samples.push(Sample {
            time,
            digest: signed.digest,
            signature: signed.signature.into(),
            is_intact: signed.is_intact,
        });
        if group.samples.len() > limit {
            let mut place = 0_usize;
            group.samples.retain(|_| {
                place += 1;
                place.is_multiple_of(2)
            });
            group.stride = group.stride.saturating_mul(2);
        }
    }

    /// Orders what was gathered by time, each once: a mail that is stored twice tells nothing more.
    pub fn finish(&mut self) {
        for group in self.groups.values_mut() {
            group.samples.sort_by(|one, other| {
                let key = |sample: &Sample| (sample.time, sample.is_intact);
                key(one)
                    .cmp(&key(other))
                    .then_with(|| one.signature.cmp(&other.signature))
                    .then_with(|| one.digest.as_slice().cmp(other.digest.as_slice()))
            });
            let mut known = std::collections::HashSet::new();
            group
                .samples
                .retain(|sample| known.insert((sample.signature.clone(), sample.digest)));
        }
    }

    /// Every name and length with the number of signatures found.
    pub fn names(&self) -> impl Iterator<Item = (&Domain, usize, usize)> {
        let groups = self.groups.iter();
        groups.map(|((name, length), group)| (name, *length, group.found))
    }

    /// The signatures held of a name and a length.
    pub fn samples(&self, name: &Domain, length: usize) -> &[Sample] {
        let group = self.groups.get(&(name.clone(), length));
        group.map_or(&[], |group| &group.samples)
    }

    /// Which of these signatures a key verifies, as places among [`Evidence::samples`].
    pub fn agreeing(&self, name: &Domain, length: usize, key: &RsaPublicKey) -> Vec<usize> {
        let samples = self.samples(name, length).iter().enumerate();
        let agrees = |sample: &Sample| {
            key.verify(sample.digest.algorithm(), &sample.digest, &sample.signature)
        };
        samples
            .filter(|(_, sample)| agrees(sample))
            .map(|(place, _)| place)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::HashAlgorithm;
    use crate::dkim::tag_value::decode_base64;
    use crate::dkim::testing::TestKey;

    fn name() -> Domain {
        Domain::parse_expanded("s._domainkey.example.com").unwrap()
    }

    fn signed(number: usize) -> SignedDigest {
        SignedDigest {
            key_name: name(),
            digest: Digest::of(HashAlgorithm::Sha256, &number.to_be_bytes()),
            signature: number.to_be_bytes().to_vec(),
            is_intact: true,
        }
    }

    fn held(count: usize, limit: usize) -> Evidence {
        let mut evidence = Evidence::default();
        for number in 1..=count {
            let time = i64::try_from(number).unwrap();
            evidence.add_within(limit, signed(number), Some(time));
        }
        evidence.finish();
        evidence
    }

    #[test]
    fn signatures_held_at_n_minus_1_n_and_n_plus_1() {
        for (count, expected) in [(7, 7), (8, 8), (9, 4), (16, 8), (18, 4), (1000, 7)] {
            let evidence = held(count, 8);
            assert_eq!(evidence.samples(&name(), 8).len(), expected, "{count}");
            assert_eq!(evidence.names().next().unwrap().2, count);
        }
    }

    #[test]
    fn what_is_held_reaches_over_the_whole_archive() {
        let evidence = held(1_000, 8);
        let samples = evidence.samples(&name(), 8).iter();
        let times: Vec<_> = samples.map(|sample| sample.time.unwrap()).collect();
        assert_eq!(times, [128, 256, 384, 512, 640, 768, 896]);
    }

    #[test]
    fn a_mail_stored_twice_counts_once_and_an_altered_copy_apart() {
        let mut evidence = Evidence::default();
        let altered = SignedDigest {
            digest: Digest::of(HashAlgorithm::Sha256, b"altered"),
            ..signed(1)
        };
        for (signed, time) in [(signed(1), 5), (altered, 3), (signed(1), 4), (signed(2), 1)] {
            evidence.add(signed, Some(time));
        }
        evidence.finish();
        let times: Vec<_> = evidence
            .samples(&name(), 8)
            .iter()
            .map(|sample| sample.time)
            .collect();
        assert_eq!(times, [Some(1), Some(3), Some(4)]);
    }

    #[test]
    fn lengths_are_kept_apart_and_the_right_key_agrees() {
        let key = TestKey::small();
        let mut evidence = Evidence::default();
        for number in 0..3_u8 {
            let signature = decode_base64(key.sign(HashAlgorithm::Sha256, &[number]).as_bytes());
            let digest = Digest::of(HashAlgorithm::Sha256, &[number.min(1)]);
            let signature = signature.unwrap();
            evidence.add(
                SignedDigest {
                    digest,
                    signature,
                    ..signed(0)
                },
                None,
            );
        }
        evidence.add(signed(9), None);
        evidence.finish();
        let lengths: Vec<_> = evidence
            .names()
            .map(|(_, length, count)| (length, count))
            .collect();
        assert_eq!(lengths, [(8, 1), (64, 3)]);
        assert_eq!(evidence.agreeing(&name(), 64, &key.public()).len(), 2);
        assert!(evidence.agreeing(&name(), 8, &key.public()).is_empty());
    }
}
