//! What a lost RSA key can be computed from: every signature of a message beside the hash that it signs.
//!
//! Knows which fields sign with a key of DNS (DKIM-Signature, ARC-Message-Signature, ARC-Seal) and the hash over what
//! each of them covers (RFC 6376 §3.7, RFC 8617 §5.1.1); must not know a key, a time or a verdict. An altered body does
//! no harm here: what is signed is the header, and the body's hash as the signer wrote it.

use crate::arc::Chain;
use crate::crypto::Digest;
use crate::dkim::BodyHashes;
use crate::dkim::algorithm::KeyType;
use crate::dkim::canonicalization::Canonicalization;
use crate::dkim::signature::{self, Facts, Signature, SignatureKind};
use crate::dkim::signatures::LISTED_LIMIT;
use crate::domain::Domain;
use crate::message::Message;

/// ARC-Message-Signature fields that are read: as many as a chain may have sets (RFC 8617 §4.2.1).
const MESSAGE_SIGNATURE_LIMIT: usize = 50;

/// One RSA signature and the hash that it signs, if nobody altered the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedDigest {
    /// Where the key was published (RFC 6376 §3.6.2.1).
    pub key_name: Domain,
    /// The hash over what the signature covers, as the message is now.
    pub digest: Digest,
    /// `b=`.
    pub signature: Vec<u8>,
    /// The body is as it was signed, or is not covered: who altered the header mostly altered the body too.
    pub is_intact: bool,
}

/// The RSA signatures of a message; those that break a rule of their syntax are left out.
pub fn signed_digests(message: &Message) -> Vec<SignedDigest> {
    if message.exceeds_limits() {
        return Vec::new();
    }
    let mut bodies = BodyHashes::default();
    let signatures = readable_signatures(message);
    for (_, signature) in &signatures {
        let algorithm = signature.hash.algorithm.hash();
        bodies.request(signature.body, algorithm, signature.body_length);
    }
    bodies.compute(message);
    let mut digests = Vec::with_capacity(signatures.len());
    for (facts, signature) in &signatures {
        digests.push(signed_digest(message, facts, signature, &mut bodies));
    }
    digests.extend(sealed_digests(message, &mut bodies));
    digests
}

fn readable_signatures(message: &Message) -> Vec<(Facts, Signature)> {
    let read = |position, kind| {
        let (facts, signature) = signature::read(message, position, kind);
        Some((facts, signature.ok()?))
    };
    let dkim = message
        .positions_named(b"dkim-signature")
        .take(LISTED_LIMIT);
    let arc = message
        .positions_named(b"arc-message-signature")
        .take(MESSAGE_SIGNATURE_LIMIT);
    dkim.filter_map(|position| read(position, SignatureKind::Dkim))
        .chain(arc.filter_map(|position| read(position, SignatureKind::ArcMessage)))
        .filter(|(_, signature)| signature.hash.algorithm.key_type() == KeyType::Rsa)
        .collect()
}

fn signed_digest(
    message: &Message,
    facts: &Facts,
    signature: &Signature,
    bodies: &mut BodyHashes,
) -> SignedDigest {
    let hash = &signature.hash;
    let algorithm = hash.algorithm.hash();
    let found = bodies.hash(signature.body, algorithm, signature.body_length);
    let is_intact =
        matches!(found, Some(Ok(found)) if found.digest.as_slice() == signature.body_hash);
    let fields = &mut bodies.fields;
    let selection = fields.select(message, &facts.signed_headers, hash.own.position);
    let positions = &selection.positions;
    SignedDigest {
        key_name: hash.key_name.clone(),
        digest: fields.digest(message, positions, &hash.own, signature.header, algorithm),
        signature: hash.octets.clone(),
        is_intact,
    }
}

/// The seals of a chain whose structure is valid; they cover ARC fields alone, which nobody alters on the way.
fn sealed_digests(message: &Message, bodies: &mut BodyHashes) -> Vec<SignedDigest> {
    let chain = Chain::parse(message);
    let seals = chain.seals().zip(chain.seal_hashes());
    let rsa = seals.filter(|(_, seal)| seal.algorithm.key_type() == KeyType::Rsa);
    // RFC 8617 §5.1.1: relaxed, each set's fields in the order of the instances.
    let relaxed = Canonicalization::Relaxed;
    rsa.map(|((positions, own), seal)| SignedDigest {
        key_name: seal.key_name.clone(),
        digest: bodies
            .fields
            .digest(message, &positions, own, relaxed, seal.algorithm.hash()),
        signature: seal.octets.clone(),
        is_intact: true,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::crypto::HashAlgorithm;
    use crate::dkim::testing::{BODY, HEADER, TAGS, TestKey, sign};

    fn digests(octets: &str) -> Vec<SignedDigest> {
        signed_digests(&Message::parse(Bytes::copy_from_slice(octets.as_bytes())))
    }

    #[test]
    fn rfc6376_3_7_the_digest_is_what_the_key_signed() {
        let key = TestKey::usual();
        let message = sign(TAGS, HEADER, BODY);
        let found = digests(&message);
        assert_eq!(found.len(), 1);
        let found = &found[0];
        assert_eq!(found.key_name.as_str(), "s1._domainkey.example.com");
        assert!(found.is_intact);
        assert!(
            key.public()
                .verify(HashAlgorithm::Sha256, &found.digest, &found.signature)
        );
    }

    #[test]
    fn an_altered_body_leaves_the_digest_and_is_told() {
        let message = sign(TAGS, HEADER, BODY);
        let altered = digests(&format!("{message}footer\r\n"));
        assert!(!altered[0].is_intact);
        assert_eq!(altered[0].digest, digests(&message)[0].digest);
    }

    #[test]
    fn what_is_no_rsa_signature_is_left_out() {
        let message = sign(TAGS, HEADER, BODY);
        for (from, to) in [
            ("a=rsa-sha256", "a=ed25519-sha256"),
            ("a=rsa-sha256", "a=rsa-md5"),
            ("v=1", "v=2"),
            ("d=example.com", "d=-"),
        ] {
            assert_eq!(digests(&message.replacen(from, to, 1)), [], "{to}");
        }
    }
}
