//! Vectors of FIPS 180-4, and every path against the others and against aws-lc.

use std::collections::VecDeque;

use aws_lc_rs::digest::{SHA256, digest};
use proptest::prelude::*;

use crate::{Path, Sha256, Source, UnknownPath, digest_all};

/// Messages and digests: those of FIPS 180's examples, and the empty one of the CAVP.
const VECTORS: [(&[u8], &str); 4] = [
    (
        b"",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ),
    (
        b"abc",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ),
    (
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ),
    (
        b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
    ),
];

/// The digest of one million times "a" (FIPS 180's third example).
const MILLION: &str = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

/// A source whose pieces were cut beforehand; none is empty.
#[derive(Clone, Debug)]
struct Pieces(VecDeque<Vec<u8>>);

impl Pieces {
    fn cut(octets: &[u8], lengths: &[usize]) -> Self {
        let mut pieces = VecDeque::new();
        let mut rest = octets;
        let mut lengths = lengths.iter().cycle();
        while !rest.is_empty() {
            let length = lengths.next().copied().unwrap_or(rest.len());
            let (piece, after) = rest.split_at(length.min(rest.len()));
            pieces.push_back(piece.to_vec());
            rest = after;
        }
        Self(pieces)
    }
}

impl Source for Pieces {
    fn piece(&mut self) -> &[u8] {
        self.0.front().map_or(&[], Vec::as_slice)
    }

    fn consume(&mut self, octets: usize) {
        let piece = self.0.front_mut().expect("a piece was shown");
        assert!(octets <= piece.len(), "consumed more than was shown");
        piece.drain(..octets);
        if piece.is_empty() {
            self.0.pop_front();
        }
    }
}

fn hexadecimal(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for octet in digest {
        write!(text, "{octet:02x}").unwrap();
    }
    text
}

fn library(octets: &[u8]) -> [u8; 32] {
    digest(&SHA256, octets).as_ref().try_into().unwrap()
}

fn streamed(path: Path, octets: &[u8], cut: usize) -> [u8; 32] {
    let mut stream = Sha256::new(path);
    octets.chunks(cut).for_each(|chunk| stream.update(chunk));
    stream.finish()
}

/// Octets that differ from place to place and from seed to seed.
fn noise(length: usize, seed: usize) -> Vec<u8> {
    (0..length)
        .map(|place| (place * 167 + seed * 89 + place / 251).to_le_bytes()[0])
        .collect()
}

#[test]
fn fips_180_4_examples_have_their_digests_on_every_path() {
    for path in Path::ALL {
        let mut sources = VECTORS.map(|(octets, _)| octets);
        let mut digests = Vec::new();
        digest_all(path, &mut sources, &mut digests);
        for ((octets, expected), digest) in VECTORS.iter().zip(&digests) {
            assert_eq!(&hexadecimal(digest), expected, "{path}");
            assert_eq!(&hexadecimal(&streamed(path, octets, 7)), expected, "{path}");
        }
    }
}

#[test]
fn fips_180_4_a_million_octets_have_their_digest_on_every_path() {
    let octets = vec![b'a'; 1_000_000];
    for path in Path::ALL {
        assert_eq!(hexadecimal(&streamed(path, &octets, 4096)), MILLION);
        let mut digests = Vec::new();
        digest_all(path, &mut [&*octets, &octets[..3]], &mut digests);
        assert_eq!(hexadecimal(&digests[0]), MILLION);
        assert_eq!(digests[1], library(b"aaa"));
    }
}

#[test]
fn fips_180_4_5_1_1_padding_is_right_at_every_length_around_a_block() {
    // 55 octets leave room for the length, 56 do not; 256 are all that is gathered, 128 a long piece.
    let messages: Vec<Vec<u8>> = (0..=600).map(|length| noise(length, 1)).collect();
    let expected: Vec<_> = messages.iter().map(|octets| library(octets)).collect();
    for path in Path::ALL {
        for cut in [1, 50, 63, 64, 65, 127, 128, 129, 1000] {
            let mut sources: Vec<_> = messages
                .iter()
                .map(|octets| Pieces::cut(octets, &[cut]))
                .collect();
            let mut digests = Vec::new();
            digest_all(path, &mut sources, &mut digests);
            assert_eq!(digests, expected, "{path}, pieces of {cut}");
        }
    }
}

#[test]
fn no_source_has_no_digest_and_old_digests_are_cleared() {
    for path in Path::ALL {
        let mut digests = vec![[7; 32]];
        digest_all::<&[u8]>(path, &mut [], &mut digests);
        assert_eq!(digests, <[[u8; 32]; 0]>::default());
        digest_all(path, &mut [b"abc".as_slice()], &mut digests);
        assert_eq!(digests, [library(b"abc")]);
    }
}

#[test]
fn a_clone_goes_on_by_itself() {
    for path in Path::ALL {
        let mut stream = Sha256::new(path);
        stream.update(&noise(100, 3));
        let before = stream.clone();
        stream.update(b"more");
        assert_eq!(before.finish(), library(&noise(100, 3)));
        assert_eq!(
            stream.finish(),
            library(&[noise(100, 3), b"more".to_vec()].concat())
        );
    }
}

#[test]
fn a_path_is_named_and_read_alike() {
    for path in Path::ALL {
        assert_eq!(path.to_string().parse(), Ok(path));
    }
    assert_eq!("three-lanes".parse::<Path>(), Err(UnknownPath));
}

#[test]
fn the_detected_path_is_there_and_the_fastest() {
    assert!(Path::Portable.is_available());
    assert!(Path::detect().is_available());
    let mut available = Path::ALL.into_iter().filter(|path| path.is_available());
    // One lane is never better than two.
    assert_eq!(available.next_back(), Some(Path::detect()));
    assert_eq!(
        Path::detect().is_for_several(),
        Path::TwoLanes.is_available()
    );
    #[cfg(target_arch = "x86_64")]
    assert_eq!(
        Path::OneLane.is_available(),
        is_x86_feature_detected!("sha")
    );
    #[cfg(target_arch = "x86_64")]
    assert_eq!(
        Path::SixteenLanes.is_available(),
        is_x86_feature_detected!("sha") && is_x86_feature_detected!("avx512bw")
    );
}

proptest! {
    #[test]
    fn any_sources_in_any_pieces_have_the_digests_of_the_library(
        sources in prop::collection::vec((0..3000_usize, prop::collection::vec(1..1200_usize, 1..4)), 0..40),
    ) {
        let messages: Vec<_> = sources.iter().enumerate().map(|(seed, (length, _))| noise(*length, seed)).collect();
        let expected: Vec<_> = messages.iter().map(|octets| library(octets)).collect();
        for path in Path::ALL {
            let mut cut: Vec<_> = messages.iter().zip(&sources).map(|(octets, (_, cuts))| Pieces::cut(octets, cuts)).collect();
            let mut digests = Vec::new();
            digest_all(path, &mut cut, &mut digests);
            prop_assert_eq!(&digests, &expected);
            prop_assert!(cut.iter().all(|source| source.0.is_empty()));
            for (octets, (_, cuts)) in messages.iter().zip(&sources) {
                prop_assert_eq!(streamed(path, octets, cuts[0]), library(octets));
            }
        }
    }
}
