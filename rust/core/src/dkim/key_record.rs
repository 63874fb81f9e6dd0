//! DKIM key records (RFC 6376 §3.6.1, §6.1.2), parsed once a DNS answer into keys that are ready to verify with.
//!
//! Knows the record's tags and which signatures a record may serve; must not know messages, time or policy.

use crate::crypto::{Ed25519PublicKey, HashAlgorithm, KeyProblem, RsaPublicKey};
use crate::dkim::DkimReason;
use crate::dkim::algorithm::{Algorithm, KeyType};
use crate::dkim::tag_value::{colon_list, decode_base64, is_hyphenated_word};
use crate::tag_list::{TagList, is_fws};

/// Keys of one name that are tried: RFC 6376 §3.6.2.2 allows one, a change of keys may need a second, and each costs a
/// public-key operation for each signature.
pub(crate) const KEY_LIMIT: usize = 5;
/// Characters of `p=` that are decoded: an RSA key of 8192 bits needs 1,400.
pub(crate) const KEY_TEXT_LIMIT: usize = 4_096;

/// Octets of the library's structures for a key, about.
const KEY_OCTETS: usize = 512;
/// Numbers of the modulus's size in a key: itself, its encoding, and what is made of it for Montgomery's multiplication.
const KEY_MODULI: usize = 4;

/// The DKIM keys among a name's text records, ready to verify with (RFC 6376 §3.6.2.2).
pub struct KeyRecords {
    records: Box<[KeyRecord]>,
    exceeds_limit: bool,
}

impl KeyRecords {
    /// Reads the records of one answer; their order makes no difference (RFC 6376 §6.1.2 step 4).
    pub(crate) fn parse<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut texts: Vec<(&[u8], usize)> = texts.zip(0..).collect();
        texts.sort_unstable();
        texts.dedup_by_key(|(text, _)| *text);
        let (mut keys, mut others): (Vec<_>, Vec<_>) = texts
            .into_iter()
            .map(|(text, place)| KeyRecord {
                place,
                ..KeyRecord::parse(text)
            })
            .partition(KeyRecord::holds_key);
        let exceeds_limit = keys.len() > KEY_LIMIT;
        keys.truncate(KEY_LIMIT);
        // What refuses with the better word stays: a key that is too long is `policy`, the rest `permerror`.
        others.sort_by_key(|record| record.key.as_ref().err() != Some(&DkimReason::KeySize));
        others.truncate(KEY_LIMIT);
        keys.append(&mut others);
        Self {
            records: keys.into(),
            exceeds_limit,
        }
    }

    /// Octets of memory behind the value, about.
    pub(crate) fn octets(&self) -> usize {
        let of_record = |record: &KeyRecord| size_of::<KeyRecord>() + record.key_octets();
        self.records.iter().map(of_record).sum()
    }

    /// The records, in an order that does not depend on the answer's.
    pub(crate) fn records(&self) -> &[KeyRecord] {
        &self.records
    }

    /// True when there are more keys than are tried.
    pub(crate) fn exceeds_limit(&self) -> bool {
        self.exceeds_limit
    }
}

/// A public key.
#[derive(Debug)]
pub(crate) enum PublicKey {
    Rsa(RsaPublicKey),
    Ed25519(Ed25519PublicKey),
}

impl PublicKey {
    /// Modulus bits; 256 for Ed25519.
    pub(crate) fn bits(&self) -> u32 {
        match self {
            Self::Rsa(key) => key.bits(),
            Self::Ed25519(_) => 256,
        }
    }
}

/// One key record.
#[derive(Debug)]
pub(crate) struct KeyRecord {
    /// Where its text stands in the answer.
    pub(crate) place: usize,
    /// Why the record as a whole is none.
    pub(super) problem: Option<DkimReason>,
    /// `h=` names SHA-1, or is absent.
    pub(super) accepts_sha1: bool,
    /// `h=` names SHA-256, or is absent.
    pub(super) accepts_sha256: bool,
    /// `p=` is empty.
    pub(super) is_revoked: bool,
    /// `k=`; `None` for a type that is not known.
    pub(super) key_type: Option<KeyType>,
    pub(super) key: Result<PublicKey, DkimReason>,
    /// `s=` names email or everything.
    pub(super) serves_email: bool,
    /// `t=y`.
    pub(crate) is_testing: bool,
    /// `t=s`.
    pub(super) forbids_subdomains: bool,
}

impl KeyRecord {
    /// Octets of memory that the library needs for a key: its modulus several times over, and what stands about it.
    fn key_octets(&self) -> usize {
        let modulus = |bits: u32| usize::try_from(bits / 8).unwrap_or_default();
        let of_key = |key: &PublicKey| KEY_OCTETS + modulus(key.bits()) * KEY_MODULI;
        self.key.as_ref().map_or(0, of_key)
    }

    pub(super) fn parse(text: &[u8]) -> Self {
        Self::read(text).unwrap_or_else(|problem| Self {
            place: 0,
            problem: Some(problem),
            accepts_sha1: false,
            accepts_sha256: false,
            is_revoked: false,
            key_type: None,
            key: Err(problem),
            serves_email: false,
            is_testing: false,
            forbids_subdomains: false,
        })
    }

    fn read(text: &[u8]) -> Result<Self, DkimReason> {
        let tags = TagList::parse(text);
        if tags.problem().is_some() {
            return Err(DkimReason::KeyMalformed);
        }
        // RFC 6376 §3.6.1: p= is required; a wildcard's SPF text has none (RFC 6376 §6.1.2).
        let data = tags.value(b"p").ok_or(DkimReason::KeyMalformed)?;
        // RFC 6376 §3.6.1: v= comes first if at all, and is compared as a string.
        match tags.value(b"v") {
            Some(_) if !tags.begins_with(b"v") => return Err(DkimReason::KeyMalformed),
            Some(version) if version != b"DKIM1" => return Err(DkimReason::KeyVersion),
            Some(_) | None => {}
        }
        let hashes = read_words(&tags, b"h")?;
        let services = read_words(&tags, b"s")?;
        let flags = read_words(&tags, b"t")?.unwrap_or_default();
        let key_type = match tags.value(b"k") {
            Some(name) if !is_hyphenated_word(name) => return Err(DkimReason::KeyMalformed),
            Some(name) => KeyType::from_name(name),
            None => Some(KeyType::Rsa),
        };
        let accepts = |name: &[u8]| hashes.as_ref().is_none_or(|names| contains(names, name));
        Ok(Self {
            place: 0,
            problem: None,
            accepts_sha1: accepts(b"sha1"),
            accepts_sha256: accepts(b"sha256"),
            is_revoked: data.is_empty(),
            key_type,
            key: read_key(key_type, data),
            serves_email: services
                .is_none_or(|names| contains(&names, b"*") || contains(&names, b"email")),
            is_testing: contains(&flags, b"y"),
            forbids_subdomains: contains(&flags, b"s"),
        })
    }

    fn holds_key(&self) -> bool {
        self.key.is_ok()
    }

    /// The key, whatever it may serve.
    pub(crate) fn key(&self) -> Option<&PublicKey> {
        self.key.as_ref().ok()
    }

    /// Bits of the key, whatever it may serve.
    pub(crate) fn key_bits(&self) -> Option<u32> {
        self.key().map(PublicKey::bits)
    }

    /// The key, if this record may serve a signature with `algorithm`, whose `i=` lies below `d=` or not.
    ///
    /// # Errors
    /// The first of RFC 6376 §6.1.2's steps that refuses the record; `s=` and `t=s` have no step and come last.
    pub(crate) fn key_for(
        &self,
        algorithm: Algorithm,
        has_auid_below: bool,
    ) -> Result<&PublicKey, DkimReason> {
        // RFC 6376 §6.1.2 step 5.
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        // RFC 6376 §6.1.2 step 6.
        let is_accepted = match algorithm.hash() {
            HashAlgorithm::Sha1 => self.accepts_sha1,
            HashAlgorithm::Sha256 => self.accepts_sha256,
        };
        if !is_accepted {
            return Err(DkimReason::KeyHash);
        }
        // RFC 6376 §6.1.2 step 7.
        if self.is_revoked {
            return Err(DkimReason::KeyRevoked);
        }
        // RFC 6376 §6.1.2 step 8; RFC 8463 §4.1 for k=ed25519.
        if self.key_type != Some(algorithm.key_type()) {
            return Err(DkimReason::KeyType);
        }
        let key = self.key.as_ref().map_err(|reason| *reason)?;
        if !self.serves_email {
            return Err(DkimReason::KeyService);
        }
        if self.forbids_subdomains && has_auid_below {
            return Err(DkimReason::KeyForbidsSubdomain);
        }
        Ok(key)
    }
}

/// The words of a colon-separated tag; `None` when it is absent.
fn read_words<'a>(tags: &TagList<'a>, name: &[u8]) -> Result<Option<Vec<&'a [u8]>>, DkimReason> {
    let Some(value) = tags.value(name) else {
        return Ok(None);
    };
    let words: Vec<&[u8]> = colon_list(value).collect();
    let is_word = |word: &&[u8]| is_hyphenated_word(word) || *word == b"*";
    if words.iter().all(is_word) {
        Ok(Some(words))
    } else {
        Err(DkimReason::KeyMalformed)
    }
}

fn contains(words: &[&[u8]], word: &[u8]) -> bool {
    words.iter().any(|other| other.eq_ignore_ascii_case(word))
}

fn read_key(key_type: Option<KeyType>, data: &[u8]) -> Result<PublicKey, DkimReason> {
    let key_type = key_type.ok_or(DkimReason::KeyType)?;
    // Refused by length alone: no arithmetic for keys of 24,000 bits.
    if key_type == KeyType::Rsa
        && data.iter().filter(|octet| !is_fws(**octet)).count() > KEY_TEXT_LIMIT
    {
        return Err(DkimReason::KeySize);
    }
    let octets = decode_base64(data).ok_or(DkimReason::KeyMalformed)?;
    let key = match key_type {
        // RFC 6376 §3.6.1 says RSAPublicKey, its App. C and all the world SubjectPublicKeyInfo (RFC 6376 EID 3017).
        KeyType::Rsa => RsaPublicKey::parse(&octets).map(PublicKey::Rsa),
        // RFC 8463 §4.2: 32 octets without any wrapping.
        KeyType::Ed25519 => Ed25519PublicKey::parse(&octets).map(PublicKey::Ed25519),
    };
    key.map_err(|problem| match problem {
        KeyProblem::Malformed => DkimReason::KeyMalformed,
        KeyProblem::SmallOrder => DkimReason::KeySmallOrder,
        KeyProblem::Exponent => DkimReason::KeyExponent,
        KeyProblem::TooLarge => DkimReason::KeySize,
    })
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::*;
    use crate::dkim::testing::{TestKey, encode_base64, rsa_data};

    const ED25519: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    fn read(text: &str, algorithm: Algorithm, has_auid_below: bool) -> Result<u32, DkimReason> {
        KeyRecord::parse(text.as_bytes())
            .key_for(algorithm, has_auid_below)
            .map(PublicKey::bits)
    }

    #[test]
    fn rfc6376_3_6_1_every_tag_of_a_record() {
        let good = TestKey::usual().data();
        let folded = format!("{} \r\n\t{}", &good[..9], &good[9..]);
        let unpadded = good.trim_end_matches('=');
        let ok = Ok(1024);
        for (text, expected) in [
            ("p=@", ok),
            ("v=DKIM1; p=@", ok),
            ("v = DKIM1 ;k = RSA; h = sha1 : SHA256 ; p = @ ; ", ok),
            (
                "v=DKIM1; k=rsa; g=; n=any thing, =20; s=email; t=; p=@",
                Err(DkimReason::KeyMalformed),
            ),
            (
                "v=DKIM1; g=jl*; n=any thing, =20; s=x:email; t=z; foo=bar; p=@",
                ok,
            ),
            ("n=; p=@", ok),
            ("s=*; p=@", ok),
            ("t=y:s; p=@", ok),
            ("v=DKIM1; p=", Err(DkimReason::KeyRevoked)),
            ("p=;v=DKIM1", Err(DkimReason::KeyMalformed)),
            ("p=@; v=DKIM1", Err(DkimReason::KeyMalformed)),
            ("v=DKIM2; p=@", Err(DkimReason::KeyVersion)),
            ("v=dkim1; p=@", Err(DkimReason::KeyVersion)),
            ("v=DKIM1.0; p=@", Err(DkimReason::KeyVersion)),
            ("v=; p=@", Err(DkimReason::KeyVersion)),
            ("v=DKIM1; h=sha1; p=@", Err(DkimReason::KeyHash)),
            ("v=DKIM1; h=sha1; p=", Err(DkimReason::KeyHash)),
            ("v=DKIM1; h=sha512:sha256; p=@", ok),
            ("v=DKIM1; h=; p=@", Err(DkimReason::KeyMalformed)),
            ("v=DKIM1; k=ed25519; p=@", Err(DkimReason::KeyType)),
            ("v=DKIM1; k=dsa; p=@", Err(DkimReason::KeyType)),
            ("v=DKIM1; k=; p=@", Err(DkimReason::KeyMalformed)),
            ("v=DKIM1; s=tlsrpt; p=@", Err(DkimReason::KeyService)),
            ("v=DKIM1; s=emailx; p=@", Err(DkimReason::KeyService)),
            ("v=DKIM1; p=@; p=@", Err(DkimReason::KeyMalformed)),
            ("v=DKIM1; k=rsa", Err(DkimReason::KeyMalformed)),
            ("v=DKIM1\\; k=rsa\\; p=@", Err(DkimReason::KeyVersion)),
            (
                "v=DKIM1; k=rsa; p=@=v=DKIM1; k=rsa",
                Err(DkimReason::KeyMalformed),
            ),
            ("v=DKIM1; k=rsa; p=@!", Err(DkimReason::KeyMalformed)),
            (
                "v=spf1 include:example.net -all",
                Err(DkimReason::KeyMalformed),
            ),
            ("", Err(DkimReason::KeyMalformed)),
        ] {
            let text = text.replace('@', &good);
            assert_eq!(read(&text, Algorithm::RsaSha256, false), expected, "{text}");
        }
        for data in [&folded, unpadded] {
            let text = format!("v=DKIM1; p={data}");
            assert_eq!(read(&text, Algorithm::RsaSha256, false), ok);
        }
    }

    #[test]
    fn rfc6376_3_6_1_strict_records_forbid_an_auid_below() {
        let text = format!("t=s; {}", &TestKey::usual().record()[9..]);
        assert_eq!(read(&text, Algorithm::RsaSha256, false), Ok(1024));
        assert_eq!(
            read(&text, Algorithm::RsaSha256, true),
            Err(DkimReason::KeyForbidsSubdomain)
        );
    }

    #[test]
    fn rfc8463_4_ed25519_keys_are_32_octets_and_no_small_order_points() {
        let read = |data: &str, algorithm| read(&format!("k=ed25519; p={data}"), algorithm, false);
        assert_eq!(read(ED25519, Algorithm::Ed25519Sha256), Ok(256));
        assert_eq!(
            read(ED25519, Algorithm::RsaSha256),
            Err(DkimReason::KeyType)
        );
        for length in [0, 31, 33, 44] {
            let expected = if length == 0 {
                DkimReason::KeyRevoked
            } else {
                DkimReason::KeyMalformed
            };
            let data = encode_base64(&vec![7; length]);
            assert_eq!(
                read(&data, Algorithm::Ed25519Sha256),
                Err(expected),
                "{length}"
            );
        }
        let identity = encode_base64(&[&[0][..], &[0; 31]].concat());
        assert_eq!(
            read(&identity, Algorithm::Ed25519Sha256),
            Err(DkimReason::KeySmallOrder)
        );
    }

    #[test]
    fn rsa_exponents_and_sizes() {
        let modulus = (BigUint::from(1_u8) << 1023_u32) + 1_u8;
        for (exponent, expected) in [
            (0, Err(DkimReason::KeyExponent)),
            (1, Err(DkimReason::KeyExponent)),
            (2, Err(DkimReason::KeyExponent)),
            (65_536, Err(DkimReason::KeyExponent)),
            (3, Ok(1024)),
            (65_537, Ok(1024)),
        ] {
            let text = format!("p={}", rsa_data(&modulus, exponent));
            assert_eq!(
                read(&text, Algorithm::RsaSha256, false),
                expected,
                "{exponent}"
            );
        }
        for (length, expected) in [
            (KEY_TEXT_LIMIT - 1, DkimReason::KeyMalformed),
            (KEY_TEXT_LIMIT, DkimReason::KeyMalformed),
            (KEY_TEXT_LIMIT + 1, DkimReason::KeySize),
        ] {
            let text = format!("p= {}", "A".repeat(length));
            assert_eq!(
                read(&text, Algorithm::RsaSha256, false),
                Err(expected),
                "{length}"
            );
        }
    }
}
