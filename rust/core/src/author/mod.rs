//! The author domain (RFC 9989 §3.2.2, §5.3.1): what the From field says, read as RFC 5322 and nothing else.
//!
//! Knows the From field alone: Sender, Resent-From and the envelope are never read in its place. Must not know DNS
//! or any policy. Whatever RFC 5322 does not allow is `malformed-from`, never a guess.

mod address_list;
mod display_name;
mod lexer;
mod oddities;

use serde::Serialize;

use crate::domain::Domain;
use crate::message::Message;
use crate::reason::{reasons, words};
use address_list::AddressList;

/// Octets of a From field that is read: a larger one costs time and names no author (`limit-exceeded`).
pub const FROM_OCTET_LIMIT: usize = 1 << 20;
/// Distinct domains that are kept: one more than DMARC evaluates (RFC 9989 §11.5 asks for such a limit); reading
/// stops there, because nothing that follows could change a verdict.
pub const AUTHOR_DOMAINS_KEPT: usize = crate::dmarc::AUTHOR_DOMAIN_LIMIT + 1;

words! {
    /// Oddities of a display name or domain; facts, never a verdict.
    AuthorFlag {
        DisplayNameAddress "display-name-address";
        MixedScript "mixed-script";
        Confusable "confusable";
    }
}

reasons! {
    /// Why a message has no single author domain.
    AuthorReason of "author" {
        LimitExceeded "limit-exceeded" "api" "The header section or the From field is larger than what is examined.";
        MalformedFrom "malformed-from" "RFC 5322 §3.6.2" "The From field is no list of mailboxes, or names what is no domain.";
        MultipleAuthorDomains "multiple-author-domains" "RFC 9989 §5.3.1" "The From field names more than one domain.";
        MultipleFromFields "multiple-from-fields" "RFC 9989 §4.4" "The message has more than one From field.";
        NoAuthorDomain "no-author-domain" "RFC 9989 §5.3.1" "The From field holds no domain, or there is no From field.";
    }
}

/// The verdict's `author` object.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Author {
    /// The author domain, a lower-case A-label name.
    pub domain: Option<Domain>,
    /// Its organizational domain under the rules in force.
    pub organizational_domain: Option<Domain>,
    /// Why `domain` is null.
    pub reason: Option<AuthorReason>,
    /// The display name, encoded words decoded.
    pub display_name: Option<String>,
    /// Oddities.
    pub flags: Vec<AuthorFlag>,
    /// The distinct domains of all From fields in order of appearance, at most [`AUTHOR_DOMAINS_KEPT`], where `domain`
    /// is null.
    #[serde(skip)]
    pub rejected: Vec<Domain>,
}

/// Reads the From fields of a message; linear in their octets.
pub fn author(message: &Message) -> Author {
    let fields = || message.fields_named(b"From");
    let is_too_large = |field: &_| message.raw(field).len() > FROM_OCTET_LIMIT;
    if message.exceeds_limits() || fields().any(is_too_large) {
        return Author::without_domain(AuthorReason::LimitExceeded);
    }
    let mut list = AddressList::default();
    let mut field_count = 0;
    for field in fields() {
        list.read(message.value(field));
        field_count += 1;
    }
    let reason = reason(&list, field_count);
    let display_name = list.display_name.take();
    let flags = oddities::flags(display_name.as_deref(), &list.domains);
    Author {
        domain: match reason {
            None => list.domains.pop(),
            Some(_) => None,
        },
        organizational_domain: None,
        reason,
        flags,
        display_name,
        rejected: list.domains,
    }
}

/// Why the fields give no single domain; the first reason of the table that holds.
fn reason(list: &AddressList, field_count: usize) -> Option<AuthorReason> {
    // A literal is a `domain` of RFC 5322 §3.4.1 too, though no name that could publish a policy.
    let author_count = list.domains.len() + usize::from(list.has_literal);
    if field_count > 1 {
        // RFC 9989 §4.4: a repeated From field leaves no reliable author domain, also when all name the same.
        Some(AuthorReason::MultipleFromFields)
    } else if list.is_malformed {
        Some(AuthorReason::MalformedFrom)
    } else if author_count > 1 {
        Some(AuthorReason::MultipleAuthorDomains)
    } else if list.domains.is_empty() {
        Some(AuthorReason::NoAuthorDomain)
    } else {
        None
    }
}

impl Author {
    /// The distinct domains of all From fields in order of appearance, at most [`AUTHOR_DOMAINS_KEPT`].
    pub fn domains(&self) -> &[Domain] {
        match &self.domain {
            Some(domain) => std::slice::from_ref(domain),
            None => &self.rejected,
        }
    }

    fn without_domain(reason: AuthorReason) -> Self {
        Self {
            domain: None,
            organizational_domain: None,
            reason: Some(reason),
            display_name: None,
            flags: Vec::new(),
            rejected: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
