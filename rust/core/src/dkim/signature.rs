//! DKIM-Signature fields (RFC 6376 §3.5, §6.1.1), and ARC-Message-Signature fields, which are of the same form
//! (RFC 8617 §4.1.2).
//!
//! Knows the tags and their grammar; must not know keys, hashes of a message, time or policy. Reads what a verdict
//! shows even from a field that breaks a rule.

use std::borrow::Cow;
use std::sync::Arc;

use memchr::{memchr, memchr_iter};

use crate::crypto::HashAlgorithm;
use crate::dkim::DkimReason;
use crate::dkim::algorithm::Algorithm;
use crate::dkim::canonicalization::Canonicalization;
use crate::dkim::header_hash::OwnField;
use crate::dkim::name_list::NameList;
use crate::dkim::tag_value::{
    base64_text, colon_list, decode_base64, decode_quoted_printable, read_number, to_lower_text,
};
use crate::domain::Domain;
use crate::message::Message;
use crate::tag_list::{TagList, TagListProblem};

/// Names in `h=` that are examined: each costs a search among the message's fields, and 100 is already rare.
pub(crate) const SIGNED_NAME_LIMIT: usize = 1_000;
/// Digits of `l=` (RFC 6376 §3.5).
const LENGTH_DIGIT_LIMIT: usize = 76;
/// Digits of `t=` and `x=` (RFC 6376 §3.5).
const TIME_DIGIT_LIMIT: usize = 12;

/// Whose field it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureKind {
    /// DKIM-Signature.
    Dkim,
    /// ARC-Message-Signature: `v=` is not defined, `i=` is the instance (RFC 8617 §4.1.2).
    ArcMessage,
}

impl SignatureKind {
    /// `c=` where it is absent.
    ///
    /// Deviation: RFC 8617 §4.1.2 leaves the default of RFC 6376 §3.5 in force; the test suite of the authors of ARC
    /// wants relaxed, and no sealer in use leaves `c=` out.
    const fn default_canonicalization(self) -> &'static [u8] {
        match self {
            Self::Dkim => b"simple/simple",
            Self::ArcMessage => b"relaxed/relaxed",
        }
    }
}

/// What a field says of itself, as far as it can be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) domain: Option<Domain>,
    pub(crate) selector: Option<Arc<str>>,
    pub(crate) auid: Option<Arc<str>>,
    pub(crate) algorithm: Option<Cow<'static, str>>,
    pub(crate) canonicalization: Option<Cow<'static, str>>,
    pub(crate) signed_headers: NameList,
    pub(crate) signed_at: Option<i64>,
    pub(crate) expires_at: Option<i64>,
    /// `b=` of a DKIM-Signature without white space, if it is base64.
    pub(crate) signature_text: Option<Arc<str>>,
}

/// A signature over a hash, and where its key is published: what DKIM-Signature, ARC-Message-Signature and ARC-Seal
/// have in common.
#[derive(Clone, Debug)]
pub(crate) struct SignedHash {
    pub(crate) algorithm: Algorithm,
    /// `b=`.
    pub(crate) octets: Vec<u8>,
    /// Where the key record is published (RFC 6376 §3.6.2.1).
    pub(crate) key_name: Domain,
    pub(crate) own: OwnField,
}

/// A signature that may be verified.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub(crate) hash: SignedHash,
    pub(crate) header: Canonicalization,
    pub(crate) body: Canonicalization,
    /// `bh=`.
    pub(crate) body_hash: Vec<u8>,
    /// `l=`.
    pub(crate) body_length: Option<u64>,
    /// The domain of `i=` lies below `d=`.
    pub(crate) has_auid_below: bool,
}

/// Reads the field at `position`: what it says, and whether it may be verified.
pub(crate) fn read(
    message: &Message,
    position: usize,
    kind: SignatureKind,
) -> (Facts, Result<Signature, DkimReason>) {
    let Some(field) = message.fields().get(position) else {
        return (Facts::default(), Err(DkimReason::TagListMalformed));
    };
    read_tags(&TagList::parse(message.value(field)), position, kind)
}

/// The same of tags that have been read.
pub(crate) fn read_tags(
    tags: &TagList<'_>,
    position: usize,
    kind: SignatureKind,
) -> (Facts, Result<Signature, DkimReason>) {
    let signer = Signer::read(tags);
    let facts = Facts::read(tags, &signer, kind);
    let signature = check(tags, &signer, &facts, kind, position);
    (facts, signature)
}

/// `d=` and `s=`, as far as they can be read.
pub(crate) struct Signer<'a> {
    pub(crate) domain: Option<Domain>,
    /// As written, and as a name.
    selector: Option<(&'a [u8], Domain)>,
}

impl<'a> Signer<'a> {
    pub(crate) fn read(tags: &TagList<'a>) -> Self {
        Self {
            domain: tags.value(b"d").and_then(read_domain),
            selector: tags.value(b"s").and_then(read_selector),
        }
    }

    /// `s=` as written.
    pub(crate) fn selector_text(&self) -> Option<Arc<str>> {
        let (text, name) = self.selector.as_ref()?;
        // Nearly always written as it is asked for.
        if *text == name.as_str().as_bytes() {
            return Some(name.to_text());
        }
        Some(String::from_utf8_lossy(text).into())
    }

    /// Where the key is published (RFC 6376 §3.6.2.1); U-labels become A-labels (RFC 8616 §5).
    fn key_name(&self) -> Result<Domain, DkimReason> {
        let domain = self.domain.as_ref().ok_or(DkimReason::DomainInvalid)?;
        let selector = self.selector.as_ref().map(|(_, name)| name.as_str());
        let name = selector.and_then(|selector| domain.prepend(&[selector, "_domainkey"]));
        name.ok_or(DkimReason::SelectorInvalid)
    }
}

impl Facts {
    /// Reads what is unambiguous, also where something else is broken.
    fn read(tags: &TagList<'_>, signer: &Signer<'_>, kind: SignatureKind) -> Self {
        let time = |name: &[u8]| {
            let number = read_number(tags.value(name)?, TIME_DIGIT_LIMIT)?;
            i64::try_from(number).ok()
        };
        let shared = Self {
            domain: signer.domain.clone(),
            signed_headers: tags.value(b"h").map(read_names).unwrap_or_default(),
            signed_at: time(b"t"),
            expires_at: time(b"x"),
            ..Self::default()
        };
        match kind {
            // A row shows nothing more of it.
            SignatureKind::ArcMessage => shared,
            SignatureKind::Dkim => shared.with_shown(tags, signer),
        }
    }

    /// What only a row of `dkim` shows.
    fn with_shown(self, tags: &TagList<'_>, signer: &Signer<'_>) -> Self {
        let is_readable = tags.problem().is_none();
        let auid = match tags.value(b"i") {
            Some(value) => read_auid(value).map(|(auid, _)| auid.into()),
            // RFC 6376 §6.1.1: without i= behave as if it were "@d".
            None if is_readable => signer
                .domain
                .as_ref()
                .map(|domain| ["@", domain.as_str()].concat().into()),
            None => None,
        };
        let default = SignatureKind::Dkim.default_canonicalization();
        Self {
            selector: signer.selector_text(),
            auid,
            algorithm: tags.value(b"a").map(lower_case_name),
            canonicalization: match tags.value(b"c") {
                Some(value) => Some(both_halves(value)),
                None => is_readable.then(|| both_halves(default)),
            },
            signature_text: tags.value(b"b").and_then(base64_text),
            ..self
        }
    }
}

/// RFC 6376 §6.1.1: any inconsistency makes the field useless; the first one found is the reason.
fn check(
    tags: &TagList<'_>,
    signer: &Signer<'_>,
    facts: &Facts,
    kind: SignatureKind,
    position: usize,
) -> Result<Signature, DkimReason> {
    if let Some(problem) = tags.problem() {
        return Err(problem.into());
    }
    if kind == SignatureKind::Dkim && tags.value(b"v").is_some_and(|value| value != b"1") {
        return Err(DkimReason::VersionUnsupported);
    }
    let required: &[&[u8]] = match kind {
        SignatureKind::Dkim => &[b"v", b"a", b"b", b"bh", b"d", b"h", b"s"],
        SignatureKind::ArcMessage => &[b"a", b"b", b"bh", b"d", b"h", b"s"],
    };
    if required.iter().any(|name| tags.value(name).is_none()) {
        return Err(DkimReason::TagMissing);
    }
    let hash = read_signed_hash(tags, signer, position, facts.signature_text.as_deref())?;
    let (header, body) =
        read_canonicalization(tags.value(b"c").unwrap_or(kind.default_canonicalization()))?;
    check_query_methods(tags.value(b"q").unwrap_or(b"dns/txt"))?;
    let body_hash = read_body_hash(tags.value(b"bh").unwrap_or_default(), hash.algorithm)?;
    let has_auid_below = match kind {
        SignatureKind::Dkim => check_auid(tags.value(b"i"), facts)?,
        SignatureKind::ArcMessage => false,
    };
    check_signed_names(tags.value(b"h").unwrap_or_default(), facts, kind)?;
    let body_length = tags
        .value(b"l")
        .map(|value| read_number(value, LENGTH_DIGIT_LIMIT).ok_or(DkimReason::BodyLengthInvalid));
    let body_length = body_length.transpose()?;
    check_times(tags, facts)?;
    Ok(Signature {
        hash,
        header,
        body,
        body_hash,
        body_length,
        has_auid_below,
    })
}

impl From<TagListProblem> for DkimReason {
    fn from(problem: TagListProblem) -> Self {
        match problem {
            TagListProblem::Malformed => Self::TagListMalformed,
            TagListProblem::Duplicate => Self::TagDuplicate,
        }
    }
}

/// Names that nearly every signature has, so that they need no room of their own.
const USUAL_NAMES: [&str; 6] = [
    "rsa-sha256",
    "ed25519-sha256",
    "rsa-sha1",
    "relaxed/relaxed",
    "relaxed/simple",
    "simple/simple",
];

/// A name in lower case.
fn lower_case_name(name: &[u8]) -> Cow<'static, str> {
    let usual = USUAL_NAMES
        .into_iter()
        .find(|usual| usual.as_bytes().eq_ignore_ascii_case(name));
    usual.map_or_else(|| Cow::Owned(to_lower_text(name)), Cow::Borrowed)
}

/// `a=`, `b=`, `d=` and `s=`, which must be present; `signature_text` is `b=` without its white space, if it was read.
pub(crate) fn read_signed_hash(
    tags: &TagList<'_>,
    signer: &Signer<'_>,
    position: usize,
    signature_text: Option<&str>,
) -> Result<SignedHash, DkimReason> {
    let value = |name: &[u8]| tags.value(name).ok_or(DkimReason::TagMissing);
    let signature = tags.tag(b"b").ok_or(DkimReason::TagMissing)?;
    // RFC 6376 §3.3.4: an algorithm that is not known makes the signature unusable.
    let algorithm = Algorithm::from_name(value(b"a")?).ok_or(DkimReason::AlgorithmUnsupported)?;
    let text = signature_text.map_or(signature.value, str::as_bytes);
    let octets = decode_base64(text).ok_or(DkimReason::SignatureEncoding)?;
    if signer.domain.is_some() {
        value(b"s")?;
    }
    Ok(SignedHash {
        algorithm,
        octets,
        key_name: signer.key_name()?,
        own: OwnField {
            position,
            signature_span: signature.span.clone(),
        },
    })
}

/// `d=`: two or more labels of letters, digits and hyphens, no final dot (RFC 6376 §3.5).
pub(crate) fn read_domain(value: &[u8]) -> Option<Domain> {
    if value.ends_with(b".") {
        return None;
    }
    let domain = Domain::parse_host(std::str::from_utf8(value).ok()?)?;
    let name = domain.as_str().as_bytes();
    // A label with a hyphen at an end has it beside a dot or at an end of the name.
    let is_edge = |octet: Option<&u8>| matches!(octet, Some(b'.') | None);
    let has_bare_hyphen = memchr_iter(b'-', name).any(|position| {
        let before = position.checked_sub(1).and_then(|before| name.get(before));
        is_edge(before) || is_edge(name.get(position + 1))
    });
    let is_sub_domains = !has_bare_hyphen && memchr(b'_', name).is_none();
    (is_sub_domains && memchr(b'.', name).is_some()).then_some(domain)
}

/// `s=` as written and as a name (RFC 6376 §3.1).
///
/// Deviation: an underscore is accepted, because published selectors have it (`susede2_ed25519`).
fn read_selector(value: &[u8]) -> Option<(&[u8], Domain)> {
    let text = std::str::from_utf8(value).ok()?;
    let name = Domain::parse_host(text).filter(|_| !value.ends_with(b"."))?;
    Some((value, name))
}

/// `c=` (RFC 6376 §3.5), compared without case.
fn read_canonicalization(value: &[u8]) -> Result<(Canonicalization, Canonicalization), DkimReason> {
    let text = both_halves(value);
    let (header, body) = text.split_once('/').unwrap_or_default();
    Canonicalization::from_name(header)
        .zip(Canonicalization::from_name(body))
        .ok_or(DkimReason::CanonicalizationUnsupported)
}

/// RFC 6376 §3.5: a single name is the header's algorithm, the body's is then simple.
fn both_halves(value: &[u8]) -> Cow<'static, str> {
    let text = lower_case_name(value);
    if text.contains('/') {
        return text;
    }
    lower_case_name(&[text.as_bytes(), b"/simple"].concat())
}

/// `q=`: unknown methods are ignored (RFC 6376 §3.5); where none is left the key cannot be found.
fn check_query_methods(value: &[u8]) -> Result<(), DkimReason> {
    colon_list(value)
        .any(|method| method.eq_ignore_ascii_case(b"dns/txt"))
        .then_some(())
        .ok_or(DkimReason::QueryMethodUnsupported)
}

/// `bh=`: exactly as long as the hash, before anything is compared.
fn read_body_hash(value: &[u8], algorithm: Algorithm) -> Result<Vec<u8>, DkimReason> {
    let length = match algorithm.hash() {
        HashAlgorithm::Sha1 => 20,
        HashAlgorithm::Sha256 => 32,
    };
    decode_base64(value)
        .filter(|octets| octets.len() == length)
        .ok_or(DkimReason::BodyHashEncoding)
}

/// `i=`: the decoded text and its domain; `None` when it is no address (RFC 6376 §3.5).
///
/// Deviation: the local-part may be any text without control characters and without an unquoted `@`; nothing is done
/// with it, and addresses such as `a..b@` exist.
fn read_auid(value: &[u8]) -> Option<(String, Domain)> {
    let text = String::from_utf8(decode_quoted_printable(value)?).ok()?;
    let (local_part, domain) = text.rsplit_once('@')?;
    let is_quoted =
        local_part.len() >= 2 && local_part.starts_with('"') && local_part.ends_with('"');
    let is_local_part =
        !local_part.contains(char::is_control) && (is_quoted || !local_part.contains('@'));
    if !is_local_part || domain.ends_with('.') {
        return None;
    }
    let domain = Domain::parse_host(domain)?;
    Some((text, domain))
}

/// RFC 6376 §6.1.1: the domain of `i=` must be that of `d=` or below it. True when it lies below.
fn check_auid(value: Option<&[u8]>, facts: &Facts) -> Result<bool, DkimReason> {
    let Some(value) = value else {
        return Ok(false);
    };
    let (_, domain) = read_auid(value).ok_or(DkimReason::AuidInvalid)?;
    let signing_domain = facts.domain.as_ref().ok_or(DkimReason::DomainInvalid)?;
    if !domain.is_equal_or_below(signing_domain) {
        return Err(DkimReason::AuidMismatch);
    }
    Ok(domain != *signing_domain)
}

/// The names of `h=` in lower case, in order; none when there are too many.
fn read_names(value: &[u8]) -> NameList {
    if has_too_many_names(value) {
        return NameList::default();
    }
    NameList::read(value)
}

fn has_too_many_names(value: &[u8]) -> bool {
    // One name more than colons.
    memchr_iter(b':', value)
        .nth(SIGNED_NAME_LIMIT - 1)
        .is_some()
}

/// `h=`: field names (RFC 6376 §3.5), one of them From (RFC 6376 §6.1.1).
///
/// Deviation: RFC 8617 §4.1.2 asks the same of ARC-Message-Signature; the test suite of the authors of ARC wants
/// chains to pass whose list is empty or has empty names, so there From and a name in each place are not required.
fn check_signed_names(value: &[u8], facts: &Facts, kind: SignatureKind) -> Result<(), DkimReason> {
    if has_too_many_names(value) {
        return Err(DkimReason::LimitExceeded);
    }
    let names = &facts.signed_headers;
    // RFC 5322 §2.2: a field name is printable ASCII without the colon.
    if !names.is_printable() {
        return Err(DkimReason::SignedHeadersInvalid);
    }
    if kind == SignatureKind::ArcMessage {
        return Ok(());
    }
    if names.names().any(str::is_empty) {
        return Err(DkimReason::SignedHeadersInvalid);
    }
    if !names.names().any(|name| name == "from") {
        return Err(DkimReason::FromUnsigned);
    }
    Ok(())
}

/// `t=` and `x=` (RFC 6376 §3.5): `x=` must be greater than `t=` if both are present.
fn check_times(tags: &TagList<'_>, facts: &Facts) -> Result<(), DkimReason> {
    let is_unreadable =
        |name: &[u8], time: Option<i64>| tags.value(name).is_some() && time.is_none();
    if is_unreadable(b"t", facts.signed_at) || is_unreadable(b"x", facts.expires_at) {
        return Err(DkimReason::TimeInvalid);
    }
    match (facts.signed_at, facts.expires_at) {
        (Some(signed_at), Some(expires_at)) if expires_at <= signed_at => {
            Err(DkimReason::ExpiryBeforeTimestamp)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
