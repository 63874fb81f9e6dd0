//! The door for whoever measures: the hot functions of this crate one by one, as the engine itself calls them.
//!
//! Knows which functions are worth a number, and how a message's stages are told apart; has no rule of any protocol
//! and no clock. Nothing of the public contract is in here.

use std::hint::black_box;

use bytes::Bytes;
use mailauth_sha256::{Path, digest_all};

use crate::arc::Chain;
use crate::batch::CHUNK_MESSAGES;
use crate::crypto::{
    self, Digest, Ed25519PublicKey, Ed25519Work, RsaPublicKey, RsaWork, Sha256, Work,
    verify_together,
};
use crate::dkim::canonicalization::{
    CanonicalBody, Canonicalization, Gather, Sink, write_body, write_lines, write_relaxed_field,
};
use crate::dkim::header_hash::{CanonicalFields, OwnField, write_own_field};
use crate::dkim::signature::{self, Facts, Signature, SignatureKind};
use crate::dkim::tag_value;
use crate::message::{Message, field_name, to_usize, trim_line_end};
use crate::tag_list::{Parts, TagList};

const fn canonicalization(is_relaxed: bool) -> Canonicalization {
    if is_relaxed {
        Canonicalization::Relaxed
    } else {
        Canonicalization::Simple
    }
}

/// How RSA signatures of several messages are verified: `eight-lanes` where the CPU has AVX-512 IFMA, else
/// `one-by-one`.
pub fn rsa_path() -> &'static str {
    if crypto::is_worthwhile() {
        "eight-lanes"
    } else {
        "one-by-one"
    }
}

/// The canonical form of a body (RFC 6376 §3.4.3, §3.4.4).
pub fn canonicalize_body(body: &[u8], is_relaxed: bool) -> Vec<u8> {
    let mut form = Vec::with_capacity(body.len().saturating_add(2));
    write_body(canonicalization(is_relaxed), body, &mut form);
    form
}

/// The canonical form of a whole field with its CRLF (RFC 6376 §3.4.1, §3.4.2); what is no field is left as in `simple`.
pub fn canonicalize_field(field: &[u8], is_relaxed: bool) -> Vec<u8> {
    let raw = trim_line_end(field);
    let mut form = Vec::with_capacity(raw.len().saturating_add(2));
    match field_name(raw).filter(|_| is_relaxed) {
        Some((name_end, colon)) => {
            let name = raw.get(..name_end).unwrap_or_default();
            let value = raw.get(colon.saturating_add(1)..).unwrap_or_default();
            write_relaxed_field(name, value, &mut form);
        }
        None => write_lines(raw, &mut form),
    }
    form.extend_from_slice(b"\r\n");
    form
}

impl Sink for Sha256 {
    fn write(&mut self, octets: &[u8]) {
        self.update(octets);
    }
}

/// The SHA-256 of a body's canonical form (RFC 6376 §3.7), which is never held as a whole.
pub fn body_hash(body: &[u8], is_relaxed: bool) -> [u8; 32] {
    let mut sha256 = Sha256::new();
    write_body(canonicalization(is_relaxed), body, &mut sha256);
    sha256.finish()
}

/// The same of many bodies, hashed together as those of a batch are.
pub fn body_hashes(bodies: &[&[u8]], is_relaxed: bool) -> Vec<[u8; 32]> {
    let canonicalization = canonicalization(is_relaxed);
    let (mut hashes, mut digests) = (vec![[0; 32]; bodies.len()], Vec::new());
    for (bodies, hashes) in bodies
        .chunks(CHUNK_MESSAGES)
        .zip(hashes.chunks_mut(CHUNK_MESSAGES))
    {
        let mut work: Vec<_> = bodies.iter().zip(hashes).collect();
        // In the order of `hash_work`: a long one at the end would have nobody beside it.
        work.sort_by_key(|(body, _)| std::cmp::Reverse(body.len()));
        let forms = work.iter();
        let forms = forms.map(|(body, _)| CanonicalBody::new(canonicalization, body));
        let mut forms: Vec<CanonicalBody<'_>> = forms.collect();
        digest_all(Path::detect(), &mut forms, &mut digests);
        for ((_, hash), digest) in work.into_iter().zip(&digests) {
            *hash = *digest;
        }
    }
    hashes
}

/// Whether all these signatures, RSA over digests and Ed25519 over messages, verify; together as those of a batch are.
pub fn verify_all(
    rsa: &[(&RsaPublicKey, &Digest, &[u8])],
    ed25519: &[(&Ed25519PublicKey, &[u8], &[u8])],
) -> bool {
    let rsa = rsa.iter().map(|&(key, digest, signature)| {
        Work::Rsa(RsaWork {
            key,
            digest,
            signature,
        })
    });
    let ed25519 = ed25519.iter().map(|&(key, message, signature)| {
        Work::Ed25519(Ed25519Work {
            key,
            message,
            signature,
        })
    });
    let work: Vec<Work<'_>> = rsa.chain(ed25519).collect();
    let mut chunks = work.chunks(CHUNK_MESSAGES);
    chunks.all(|work| verify_together(work).into_iter().all(|is_valid| is_valid))
}

/// A `base64string` (RFC 6376 §2.10).
pub fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    tag_value::decode_base64(text)
}

/// Names and values of a list of tags (RFC 6376 §3.2); `None` when the list is invalid.
pub fn tag_list(octets: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let pairs = Parts::of(octets).flatten().map(|tag| (tag.name, tag.value));
    let list = TagList::parse(octets);
    list.problem().is_none().then(|| pairs.collect())
}

/// Start, colon and end of each header field; the end lies behind the field's last line end.
pub fn header_index(octets: Bytes) -> Vec<(usize, usize, usize)> {
    let message = Message::parse(octets);
    let bounds = message.fields().iter().map(|field| {
        (
            to_usize(field.start),
            to_usize(field.colon),
            to_usize(field.end),
        )
    });
    bounds.collect()
}

/// A message and what its signatures and ARC sets say: what the stages after parsing begin with.
pub struct SignedMessage {
    message: Message,
    signatures: Vec<(Facts, Signature)>,
    chain: Chain,
}

impl SignedMessage {
    /// Splits the octets and reads the fields that sign; nothing is canonicalized or hashed.
    pub fn parse(octets: Bytes) -> Self {
        let message = Message::parse(octets);
        let signatures = message
            .positions_named(b"dkim-signature")
            .filter_map(|position| {
                let (facts, signature) = signature::read(&message, position, SignatureKind::Dkim);
                Some((facts, signature.ok()?))
            })
            .collect();
        Self {
            signatures,
            chain: Chain::parse(&message),
            message,
        }
    }

    /// Makes every canonical form and drops its octets; returns how many there were.
    pub fn canonicalize(&self) -> u64 {
        let mut octets = 0_u64;
        self.write_forms(|form: Counted| octets = octets.saturating_add(form.0));
        octets
    }

    /// Every canonical form that is hashed: each distinct body once, then what each signature and seal covers.
    pub fn canonical_forms(&self) -> Vec<Vec<u8>> {
        let mut forms = Vec::new();
        self.write_forms(|form| forms.push(form));
        forms
    }

    fn write_forms<S: Sink + Default>(&self, mut finish: impl FnMut(S)) {
        let signatures = || {
            let dkim = self
                .signatures
                .iter()
                .map(|(facts, signature)| (facts, signature));
            dkim.chain(self.chain.message_signatures())
        };
        for canonicalization in [Canonicalization::Simple, Canonicalization::Relaxed] {
            if signatures().any(|(_, signature)| signature.body == canonicalization) {
                let mut form = S::default();
                write_body(canonicalization, self.message.body(), &mut form);
                finish(form);
            }
        }
        // One store of canonical fields for all, as in a verification.
        let mut fields = CanonicalFields::default();
        for (facts, signature) in signatures() {
            let own = &signature.hash.own;
            let selection = fields.select(&self.message, &facts.signed_headers, own.position);
            finish(self.header_form(&mut fields, &selection.positions, own, signature.header));
        }
        for (positions, own) in self.chain.seals() {
            finish(self.header_form(&mut fields, &positions, own, Canonicalization::Relaxed));
        }
    }

    fn header_form<S: Sink + Default>(
        &self,
        fields: &mut CanonicalFields,
        positions: &[usize],
        own: &OwnField,
        canonicalization: Canonicalization,
    ) -> S {
        let mut form = S::default();
        let mut gather = Gather::new(&mut form);
        for position in positions {
            fields.write_field(&self.message, *position, canonicalization, &mut gather);
        }
        write_own_field(&self.message, own, canonicalization, &mut gather);
        drop(gather);
        form
    }
}

/// Counts octets and lets them go, so that only their making is measured.
#[derive(Default)]
struct Counted(u64);

impl Sink for Counted {
    fn write(&mut self, octets: &[u8]) {
        let length = black_box(octets).len();
        self.0 = self
            .0
            .saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Digest, HashAlgorithm};

    #[test]
    fn rfc6376_3_4_5_the_forms_of_the_example() {
        for (field, relaxed) in [
            (&b"A: X\r\n"[..], &b"a:X\r\n"[..]),
            (b"B : Y\t\r\n\tZ  \r\n", b"b:Y Z\r\n"),
        ] {
            assert_eq!(canonicalize_field(field, true), relaxed);
            assert_eq!(canonicalize_field(field, false), field);
        }
        let body = b" C \r\nD \t E\r\n\r\n\r\n";
        assert_eq!(canonicalize_body(body, true), b" C\r\nD E\r\n");
        assert_eq!(canonicalize_body(body, false), b" C \r\nD \t E\r\n");
    }

    #[test]
    fn what_is_no_field_only_has_its_line_ends_repaired() {
        for (octets, form) in [
            ("", "\r\n"),
            ("no field\n", "no field\r\n"),
            (" : x", " : x\r\n"),
        ] {
            assert_eq!(canonicalize_field(octets.as_bytes(), true), form.as_bytes());
        }
    }

    #[test]
    fn a_body_hash_is_the_hash_of_the_form() {
        let body = b"a  b \n\n c\t\r\n\n";
        for is_relaxed in [false, true] {
            let form = canonicalize_body(body, is_relaxed);
            let expected = Digest::of(HashAlgorithm::Sha256, &form);
            assert_eq!(body_hash(body, is_relaxed), expected.as_slice());
            let together = body_hashes(&[body, b"", body], is_relaxed);
            let alone = [&body[..], b"", body].map(|body| body_hash(body, is_relaxed));
            assert_eq!(together, alone);
        }
    }

    #[test]
    fn an_invalid_list_has_no_tags() {
        assert_eq!(tag_list(b"a=1; b = 2 ;").map(|tags| tags.len()), Some(2));
        assert_eq!(tag_list(b"a=1; a=2"), None);
        assert_eq!(tag_list(b"a"), None);
    }

    #[test]
    fn the_index_holds_start_colon_and_end() {
        let octets = Bytes::from_static(b"A: 1\r\nB : 2\r\n 3\r\n\r\nC: 4");
        assert_eq!(header_index(octets), [(0, 1, 6), (6, 8, 17)]);
    }

    const SIGNED: &str = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed; d=example.com; s=s; h=from; bh=\
        47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YQ==\r\nFrom:  a\r\n\r\nx  y \r\n\r\n";

    #[test]
    fn the_forms_are_those_that_a_signature_covers() {
        let message = SignedMessage::parse(Bytes::from_static(SIGNED.as_bytes()));
        let forms = message.canonical_forms();
        // c=relaxed alone means relaxed/simple (RFC 6376 §3.5).
        assert_eq!(forms[0], b"x  y \r\n");
        assert!(forms[1].starts_with(b"from:a\r\ndkim-signature:v=1; "));
        assert!(forms[1].ends_with(b"; b="));
        assert_eq!(forms.len(), 2);
        let octets: usize = forms.iter().map(Vec::len).sum();
        assert_eq!(message.canonicalize(), u64::try_from(octets).unwrap());
    }
}
