//! Signing for tests: keys whose private half is known, and messages signed with them.
//!
//! RSA by plain arithmetic, so that tests do not depend on what the crypto library would sign.

use bytes::Bytes;
use num_bigint::BigUint;

use crate::crypto::{HashAlgorithm, Hasher, RsaPublicKey, rsa_public_key_info};
use crate::dkim::canonicalization::{Canonicalization, write_body};
use crate::dkim::header_hash::{CanonicalFields, OwnField};
use crate::dkim::signature::Facts;
use crate::dkim::signatures::Body;
use crate::dkim::verify::Trial;
use crate::dkim::{BodyHashes, DkimReason, DkimVerdict, Signatures};
use crate::dns::{Answers, StaticZone, Value};
use crate::domain::Domain;
use crate::message::Message;
use crate::policy::Policy;
use crate::tag_list::TagList;

pub(crate) const HEADER: &str = "From: Joe <joe@example.com>\r\nTo: a@example.net\r\n\
    Subject: Is dinner  ready?\r\nContent-Type: text/plain\r\n";
pub(crate) const BODY: &str =
    "Hi.\r\n\r\nWe lost the game. \tAre you hungry yet?\r\n\r\nJoe.\r\n\r\n";
pub(crate) const TAGS: &str =
    "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=s1; t=1000; h=from:to:subject:from";

/// A verdict that says nothing but `verified`, for tests of those who read verdicts.
pub(crate) fn blank_verdict() -> DkimVerdict {
    Facts::default().to_verdict(&Trial::without_key(DkimReason::Verified), Body::NOT_CHECKED)
}

/// An RSA key with both halves.
pub(crate) struct TestKey {
    modulus: BigUint,
    exponent: BigUint,
}

impl TestKey {
    /// 1024 bits: the key of RFC 6376 App. C.
    pub(crate) fn usual() -> Self {
        Self::new(
            "f02113ff502dd206c1261aa67d6495b7fc390ca0678b9d08357d69fbff362d2313764a71428f1382286f6fddbe2361f7\
             13361e628d2b2aeb7d6e048b4b6bba1dfaffd1b5d0b65332759564fde3ba91f9171a73681bb68fcd32a2747f37d58c7e\
             0eb8a862b5d63db5fea67301a368d05c593a083263d23c37503cd518724710d9",
            "b9a7f97c1693b6a4be4525a9bf9d3b1c8b07d8b954155f8def3d4dea25c1cf58253dfa04637f9787b497a417ff5fffe8\
             35944c1dca23ac05726ed35897316d2d2d70a657ec5b09bd4cf549b427912e780c9724d4464efc12dae5c9098006086a\
             a940f42d19c0cea2e7c94b94f69d5ffaed1dbee95b378d7191e32ab8cce3ad59",
        )
    }

    /// 512 bits.
    pub(crate) fn small() -> Self {
        Self::new(
            "eb8351bf0dd7529737c6978e72e68fa5c9434fa7f89d2c22c43816c2a531f5e155f4e198a6e660f6a0e95a0b9e072aca\
             93035875308a96196b98ddf6396aca21",
            "257c1643c171371d086c9c6cb8cf07a80c7ba12f0bfc002d5c6bccfb980d76a3e3bee68cb0eaddc6aa8c93de90ce19f3\
             611a6fefe2d5ee957f47e9f9e999257d",
        )
    }

    fn new(modulus: &str, exponent: &str) -> Self {
        let number = |hex: &str| BigUint::parse_bytes(hex.as_bytes(), 16).unwrap();
        Self {
            modulus: number(modulus),
            exponent: number(exponent),
        }
    }

    /// The key record's `p=`.
    pub(crate) fn data(&self) -> String {
        rsa_data(&self.modulus, 65_537)
    }

    /// The public half, ready to verify with.
    pub(crate) fn public(&self) -> RsaPublicKey {
        let der = rsa_public_key_info(&self.modulus.to_bytes_be(), &[1, 0, 1]).unwrap();
        RsaPublicKey::parse(&der).unwrap()
    }

    /// A plain key record.
    pub(crate) fn record(&self) -> String {
        format!("v=DKIM1; k=rsa; p={}", self.data())
    }

    /// PKCS#1 v1.5 over a hash of `octets`.
    pub(crate) fn sign(&self, algorithm: HashAlgorithm, octets: &[u8]) -> String {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(octets);
        let prefix: &[u8] = match algorithm {
            HashAlgorithm::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
            HashAlgorithm::Sha256 => {
                b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
            }
        };
        let info = [prefix, hasher.finish().as_slice()].concat();
        let length = self.modulus.to_bytes_be().len();
        let padding = vec![0xff; length - info.len() - 3];
        let block = [&[0, 1][..], &padding, &[0], &info].concat();
        let signature = BigUint::from_bytes_be(&block).modpow(&self.exponent, &self.modulus);
        let octets = signature.to_bytes_be();
        encode_base64(&[vec![0; length - octets.len()], octets].concat())
    }
}

/// `p=` of an RSA key: RSAPublicKey (RFC 6376 §3.6.1).
pub(crate) fn rsa_data(modulus: &BigUint, exponent: u32) -> String {
    let element = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, length[0], length[1]][..], content].concat()
    };
    let short = |tag: u8, content: &[u8]| {
        let length = content.len();
        match length {
            0..=127 => [&[tag, u8::try_from(length).unwrap()][..], content].concat(),
            128..=255 => [&[tag, 0x81, u8::try_from(length).unwrap()][..], content].concat(),
            _ => element(tag, content),
        }
    };
    let integer = |number: BigUint| {
        let octets = number.to_bytes_be();
        let sign = if octets[0] >= 0x80 { &[0][..] } else { &[] };
        short(2, &[sign, &octets].concat())
    };
    let content = [integer(modulus.clone()), integer(exponent.into())].concat();
    encode_base64(&short(0x30, &content))
}

pub(crate) fn encode_base64(octets: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in octets.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let group = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..=chunk.len() {
            let digit = group >> (18 - 6 * place) & 63;
            text.push(char::from(alphabet[usize::try_from(digit).unwrap()]));
        }
        text.push_str(&"=".repeat(3 - chunk.len()));
    }
    text
}

/// The message with a signature field before it, made by the tags `tags` (all but `bh=` and `b=`).
pub(crate) fn sign_field(key: &TestKey, name: &str, tags: &str, message: &str) -> String {
    let list = TagList::parse(tags.as_bytes());
    let value = |name: &str, default: &'static str| {
        list.value(name.as_bytes())
            .map_or(default.to_owned(), |value| {
                String::from_utf8(value.to_vec()).unwrap()
            })
    };
    let canonicalization = value("c", "simple/simple");
    let (header, body) = canonicalization.split_once('/').unwrap();
    let algorithm = if value("a", "").ends_with("sha1") {
        HashAlgorithm::Sha1
    } else {
        HashAlgorithm::Sha256
    };
    let parsed = Message::parse(Bytes::from(message.to_owned()));
    let mut octets = Vec::new();
    write_body(
        Canonicalization::from_name(body).unwrap(),
        parsed.body(),
        &mut octets,
    );
    if let Some(length) = list.value(b"l") {
        octets.truncate(std::str::from_utf8(length).unwrap().parse().unwrap());
    }
    let mut hasher = Hasher::new(algorithm);
    hasher.update(&octets);
    let body_hash = encode_base64(hasher.finish().as_slice());
    let unsigned = format!("{name}: {tags}; bh={body_hash}; b=");
    let complete = format!("{unsigned}\r\n{message}");
    let names: Vec<String> = value("h", "")
        .split(':')
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let input = header_input(
        &complete,
        &names,
        Canonicalization::from_name(header).unwrap(),
    );
    let signature = key.sign(algorithm, &input);
    format!("{unsigned}{signature}\r\n{message}")
}

/// What the first field, whose signature is still empty, signs.
fn header_input(message: &str, names: &[String], canonicalization: Canonicalization) -> Vec<u8> {
    let message = Message::parse(Bytes::from(message.to_owned()));
    let end = message.value(&message.fields()[0]).len();
    let own = OwnField {
        position: 0,
        signature_span: end..end,
    };
    let mut fields = CanonicalFields::default();
    let names = names.iter().map(String::as_bytes).collect();
    let selection = fields.select(&message, &names, 0);
    let mut input = Vec::new();
    for position in selection.positions.iter().copied() {
        fields.write_field(&message, position, canonicalization, &mut input);
    }
    crate::dkim::header_hash::write_own_field(&message, &own, canonicalization, &mut input);
    input
}

/// A message with a DKIM signature of the usual key.
pub(crate) fn sign(tags: &str, header: &str, body: &str) -> String {
    let message = format!("{header}\r\n{body}");
    sign_field(&TestKey::usual(), "DKIM-Signature", tags, &message)
}

/// Key records by name; several texts are several records.
pub(crate) fn zone(records: &[(&str, &[&str])]) -> StaticZone {
    let mut zone = StaticZone::new("zone");
    for (name, texts) in records {
        let texts = texts.iter().map(|text| Value::Text((*text).to_owned()));
        zone.set(name, "TXT", Value::List(texts.collect())).unwrap();
    }
    zone
}

/// The zone of `s1._domainkey.example.com` with the usual key.
pub(crate) fn usual_zone() -> StaticZone {
    zone(&[("s1._domainkey.example.com", &[&TestKey::usual().record()])])
}

pub(crate) fn evaluate(
    message: &str,
    zone: &StaticZone,
    policy: &Policy,
    judged_at: Option<i64>,
    author: Option<&str>,
) -> Vec<DkimVerdict> {
    let message = Message::parse(Bytes::from(message.to_owned()));
    let author = author.map(|name| Domain::parse_host(name).unwrap());
    Signatures::parse(&message)
        .evaluate(
            &Answers::new(zone),
            &message,
            &mut BodyHashes::default(),
            policy,
            judged_at,
            author.as_ref(),
        )
        .unwrap()
}

/// The only verdict of a message, by the default policy and without a time.
pub(crate) fn verdict(message: &str, zone: &StaticZone) -> DkimVerdict {
    let mut verdicts = evaluate(message, zone, &Policy::default(), None, None);
    assert_eq!(verdicts.len(), 1);
    verdicts.remove(0)
}
