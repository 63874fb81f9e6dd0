//! The author domain (RFC 9989 §3.2.2, §5.3.1): what the From field says, read as RFC 5322 and nothing else.

use serde::Serialize;

use crate::domain::Domain;
use crate::message::Message;
use crate::reason::{reasons, words};

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
        NoAuthorDomain "no-author-domain" "RFC 9989 §5.3.1" "The From field holds no domain, or there is no From field.";
    }
}

/// The verdict's `author` object.
#[derive(Clone, Debug, Serialize)]
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
    /// Every distinct domain found in every From field, in order of appearance.
    #[serde(skip)]
    pub domains: Vec<Domain>,
}

/// Reads the From fields of a message.
pub fn author(message: &Message) -> Author {
    let _ = message;
    Author {
        domain: None,
        organizational_domain: None,
        reason: Some(AuthorReason::NoAuthorDomain),
        display_name: None,
        flags: Vec::new(),
        domains: Vec::new(),
    }
}
