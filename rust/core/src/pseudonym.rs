//! Pseudonyms: verdict rows that may be handed on, without the local-parts (RFC 5321 §2.3.11) that name people.
//!
//! Knows which fields of a row can hold one. A local-part becomes the first 16 hex digits of
//! HMAC-SHA-256(key, lower-case local-part + `@` + lower-case domain): the same mailbox has the same pseudonym in every
//! row and run under one key, and another one at another domain. Domains stay, and so does what a domain publishes
//! (records, mechanisms, `rua`, `ruf`); `id` stays too, it names the source. Must not know where rows go.

use crate::authentication_results::{parse, write};
use crate::author::Author;
use crate::crypto::MacKey;
use crate::domain::Domain;
use crate::verdict::{EnvelopeRow, Verdict};

/// Fewest octets of a key: half of what HMAC-SHA-256 can use, and beyond any search.
pub const KEY_OCTET_MINIMUM: usize = 16;
/// Octets of a tag that are shown, as 16 hex digits: two of a billion mailboxes share one with a chance of 3 %.
const SHOWN_OCTETS: usize = 8;
/// Goes before a text that is no mailbox, so that its pseudonym is none of a mailbox.
const TEXT_PREFIX: &[u8] = b"\0text\0";

/// The secret of one set of pseudonyms.
#[derive(Clone, Debug)]
pub struct Pseudonyms(MacKey);

impl Pseudonyms {
    /// `None` for a key of less than [`KEY_OCTET_MINIMUM`] octets.
    pub fn new(key: &[u8]) -> Option<Self> {
        (key.len() >= KEY_OCTET_MINIMUM).then(|| Self(MacKey::new(key)))
    }

    /// The row with a pseudonym in the place of every local-part.
    pub fn replace(&self, verdict: &Verdict) -> Verdict {
        let mut row = verdict.clone();
        row.message_id = row.message_id.map(|text| self.message_id(&text));
        row.author = row.author.map(|author| self.author(author));
        row.envelope = self.envelope(row.envelope);
        if let Some(spf) = &mut row.spf {
            spf.domain = self.name(spf.domain.take());
            // The explanation's macros spell the local-part in parts, reversed or escaped (RFC 7208 §7.3): it goes whole.
            spf.explanation = spf.explanation.take().map(|text| self.text(&text));
        }
        if let Some(spf) = &mut row.spf_helo {
            spf.domain = self.name(spf.domain.take());
        }
        for signature in &mut row.dkim {
            signature.domain = self.name(signature.domain.take());
            signature.selector = self.name(signature.selector.take());
            signature.auid = signature.auid.take().map(|text| self.mailbox(&text).into());
            let names = signature.signed_headers.names();
            let names = names.filter_map(|name| self.name(Some(name.to_owned())));
            let names: Vec<String> = names.collect();
            signature.signed_headers = names.iter().map(String::as_bytes).collect();
        }
        for sealer in row.arc.iter_mut().flat_map(|arc| &mut arc.sealers) {
            sealer.domain = self.name(sealer.domain.take());
            sealer.selector = self.name(sealer.selector.take());
        }
        if let Some(field) = row.authentication_results.take() {
            // Written anew from what is left: the field quotes values of this very row.
            let authserv_id = parse(field.as_bytes()).authserv_id.unwrap_or_default();
            row.authentication_results = Some(write(&row, &authserv_id));
        }
        row
    }

    fn author(&self, author: Author) -> Author {
        Author {
            display_name: author.display_name.map(|name| self.text(&name)),
            ..author
        }
    }

    fn envelope(&self, envelope: EnvelopeRow) -> EnvelopeRow {
        let mailbox = |text: String| self.mailbox(&text);
        EnvelopeRow {
            helo: self.name(envelope.helo),
            mail_from: envelope.mail_from.map(mailbox),
            rcpt_to: envelope.rcpt_to.into_iter().map(mailbox).collect(),
            auth_id: envelope.auth_id.map(mailbox),
            protocol: self.name(envelope.protocol),
            ..envelope
        }
    }

    /// The identifier with its left side replaced; the angle brackets stay.
    fn message_id(&self, text: &str) -> String {
        let inner = text.strip_prefix('<').unwrap_or(text);
        let inner = inner.strip_suffix('>').unwrap_or(inner);
        let hidden = self.mailbox(inner);
        if text.starts_with('<') {
            format!("<{hidden}>")
        } else {
            hidden
        }
    }

    /// A text that should be a name: whoever wrote a mailbox there gets a pseudonym there.
    fn name<T: AsRef<str> + From<String>>(&self, text: Option<T>) -> Option<T> {
        text.map(|text| {
            if text.as_ref().contains('@') {
                self.mailbox(text.as_ref()).into()
            } else {
                text
            }
        })
    }

    /// `local-part@domain` with the local-part replaced; a text that is no such thing is replaced whole.
    ///
    /// Empty texts and local-parts stay empty: there is nobody in them. A text without `@` is taken for a local-part,
    /// because `john.smith` cannot be told from a domain.
    fn mailbox(&self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        match text.rsplit_once('@') {
            Some(("", domain)) if is_mail_domain(domain) => text.to_owned(),
            Some((local_part, domain)) if is_mail_domain(domain) => {
                let pieces = [
                    local_part.to_lowercase(),
                    "@".to_owned(),
                    canonical_domain(domain),
                ];
                let pieces: Vec<&[u8]> = pieces.iter().map(String::as_bytes).collect();
                format!("{}@{domain}", self.shown(&pieces))
            }
            _ => self.text(text),
        }
    }

    fn text(&self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        self.shown(&[TEXT_PREFIX, text.as_bytes()])
    }

    fn shown(&self, pieces: &[&[u8]]) -> String {
        let tag = self.0.tag(pieces);
        let shown = tag
            .first_chunk::<SHOWN_OCTETS>()
            .copied()
            .unwrap_or_default();
        format!("{:016x}", u64::from_be_bytes(shown))
    }
}

/// The domain as everything compares it, an address literal in lower case.
fn canonical_domain(domain: &str) -> String {
    Domain::parse_host(domain).map_or_else(|| domain.to_lowercase(), |name| name.to_string())
}

/// A name or an address literal (RFC 5321 §4.1.3): what stays must not be able to hold a second mailbox or a comment.
fn is_mail_domain(domain: &str) -> bool {
    let literal = domain
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match literal {
        Some(literal) => {
            let address = literal.strip_prefix("IPv6:").unwrap_or(literal);
            address.parse::<std::net::IpAddr>().is_ok()
        }
        None => Domain::parse_host(domain).is_some(),
    }
}

#[cfg(test)]
mod tests;
