//! The identities of RFC 7208 §2.3 and §2.4: from MAIL FROM and HELO to a sender that can be checked, or to the reason
//! why there is none; and the envelopes that are not checked at all. Must not know records or DNS.

use std::sync::Arc;

use super::SpfReason;
use super::macro_string::is_toplabel;
use crate::domain::Domain;
use crate::envelope::{Envelope, is_public};

/// RFC 7208 §2.4, §4.3: the local-part of an identity that has none.
const POSTMASTER: &str = "postmaster";
/// Longest MAIL FROM or HELO in octets that is looked at: four times the longest path (RFC 5321 §4.5.3.1.3), so that
/// macros cannot be made costly.
pub(super) const IDENTITY_OCTET_LIMIT: usize = 1024;
/// RFC 7208 §4.1: the `<sender>`, always with a local-part and a multi-label domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sender {
    pub(super) local_part: String,
    pub(super) domain: Domain,
}

/// Why there is no sender, and the name that stood in its place if it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoSender {
    pub(super) reason: SpfReason,
    pub(super) domain: Option<Domain>,
}

impl NoSender {
    fn new(reason: SpfReason) -> Self {
        Self {
            reason,
            domain: None,
        }
    }

    /// No identity was handed over.
    pub(super) fn unknown() -> Self {
        Self::new(SpfReason::NoEnvelope)
    }

    pub(super) fn domain_text(&self) -> Option<Arc<str>> {
        self.domain.as_ref().map(Domain::to_text)
    }
}

impl Sender {
    /// The MAIL FROM identity; an empty one is the null sender.
    pub(super) fn from_mail_from(mail_from: &str, helo: Option<&str>) -> Result<Self, NoSender> {
        // RFC 7208 §2.4: the null sender is checked as postmaster@HELO.
        if mail_from.is_empty() {
            return Self::from_helo(helo.ok_or(NoSender::unknown())?);
        }
        if mail_from.len() > IDENTITY_OCTET_LIMIT {
            return Err(NoSender::new(SpfReason::InvalidSender));
        }
        let (local_part, domain) = mail_from.rsplit_once('@').unwrap_or(("", mail_from));
        if !is_local_part(local_part) {
            return Err(NoSender::new(SpfReason::InvalidSender));
        }
        // RFC 7208 §4.3: a missing local-part is "postmaster".
        let local_part = if local_part.is_empty() {
            POSTMASTER
        } else {
            local_part
        };
        Ok(Self {
            local_part: local_part.to_owned(),
            // RFC 8616 §4: U-labels become A-labels before the check.
            domain: checkable(Domain::parse_host(domain))?,
        })
    }

    /// The HELO identity.
    pub(super) fn from_helo(helo: &str) -> Result<Self, NoSender> {
        let is_sound_label = |label: &str| !label.starts_with('-') && !label.ends_with('-');
        // RFC 7208 §2.3: literals and malformed names are not checked.
        let domain = (helo.len() <= IDENTITY_OCTET_LIMIT)
            .then(|| Domain::parse_host(helo))
            .flatten()
            .filter(|domain| domain.labels().all(is_sound_label));
        Ok(Self {
            local_part: POSTMASTER.to_owned(),
            domain: checkable(domain)?,
        })
    }
}

/// RFC 7208 §4.3: only a well-formed multi-label name can be checked; an address in the place of a name is none.
fn checkable(domain: Option<Domain>) -> Result<Domain, NoSender> {
    match domain {
        Some(domain) if domain.label_count() > 1 => {
            if domain.labels().next_back().is_some_and(is_toplabel) {
                return Ok(domain);
            }
            Err(NoSender::new(SpfReason::InvalidDomain))
        }
        domain => Err(NoSender {
            reason: SpfReason::InvalidDomain,
            domain,
        }),
    }
}

/// True for what may stand before the "@": a quoted string, or text without specials and controls (RFC 5321 §4.1.2).
///
/// Deviation: spaces and misplaced dots are let through, for they mislead nobody; comments, routes and a second "@" do
/// and make the address no sender at all.
fn is_local_part(text: &str) -> bool {
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    if let Some(inner) = quoted {
        return is_quoted_content(inner);
    }
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.+=".contains(&octet);
    text.bytes().all(is_plain)
        || text
            .chars()
            .all(|character| !character.is_control() && !r#"()<>[]:;\,"@"#.contains(character))
}

/// RFC 5321 §4.1.2: QcontentSMTP.
fn is_quoted_content(inner: &str) -> bool {
    let mut is_escaped = false;
    for character in inner.chars() {
        if character.is_control() || (character == '"' && !is_escaped) {
            return false;
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    !is_escaped
}

/// Why this envelope is not checked, whatever its identities are.
pub(super) fn exemption(envelope: &Envelope) -> Option<SpfReason> {
    if envelope.is_submission() {
        return Some(SpfReason::Submission);
    }
    let client_ip = envelope.client_ip?.to_canonical();
    (envelope.is_client_recovered() && !is_public(client_ip)).then_some(SpfReason::IpUntrusted)
}

#[cfg(test)]
mod tests;
