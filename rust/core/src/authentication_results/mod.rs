//! Authentication-Results (RFC 8601): what a host found out about a message, said to the hosts behind it. A field names
//! its writer (authserv-id) and then, result by result, a method, its word and the properties it was judged by.
//! It carries no proof of its own: only what the own trust boundary wrote may be believed, so a border host strips what
//! claims to come from there ([`strip`]) before it writes ([`write`]). [`parse`] reads everyone's fields, in the forms
//! that are seen and not only in those that are specified; whom to believe is the caller's question (RFC 8601 §4.1).

mod cursor;
mod findings;
mod header_b;
mod read;
mod strip;
mod write;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use findings::{WriteFault, write_json};
pub(crate) use header_b::shorten;
pub use read::{parse, parse_arc};
pub use strip::strip;
pub use write::write;

use crate::reason::words;

/// Results that are read from one field: ten times what one message can earn here, and a peer died of 16.
pub const RESULT_LIMIT: usize = 1_000;
/// Properties that are read for one result: several times what any registered or seen method has.
pub const PROPERTY_LIMIT: usize = 100;

words! {
    /// Why a field could not be read to its end.
    ReadFault {
        /// Nothing but white space and comments.
        Empty "empty";
        /// Something else stands where a property, a semicolon or the end is expected.
        MalformedProperty "malformed-property";
        /// No method stands after a semicolon.
        MissingMethod "missing-method";
        /// No result word stands after a method.
        MissingResult "missing-result";
        /// Something else than a version or a semicolon stands after the authserv-id.
        MissingSemicolon "missing-semicolon";
        /// Neither a result nor `none` (RFC 8601 §2.2).
        NoResults "no-results";
        /// A result has more than [`PROPERTY_LIMIT`] properties.
        PropertyLimit "property-limit";
        /// The field has more than [`RESULT_LIMIT`] results.
        ResultLimit "result-limit";
        /// A comment has no end.
        UnclosedComment "unclosed-comment";
        /// A quoted string has no end.
        UnclosedQuotedString "unclosed-quoted-string";
        /// The field has a version other than 1 (RFC 8601 §2.6).
        UnsupportedVersion "unsupported-version";
    }
}

/// One field's value as read; serialised, it is the contract's JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuthenticationResults {
    /// Who claims to have written the field (RFC 8601 §2.5), as written; `None` where it is missing.
    pub authserv_id: Option<String>,
    /// The field's version as written; `None` means 1.
    pub version: Option<u32>,
    /// The results, in order; empty for `none`.
    pub results: Vec<MethodResult>,
    /// What stopped the reading; everything before it was kept.
    pub error: Option<ReadFault>,
}

/// One result: RFC 8601 §2.2 `resinfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MethodResult {
    /// `dkim`, `spf`, ..., also unknown ones; lower case.
    pub method: String,
    /// The method's version as written; `None` means 1.
    pub version: Option<u32>,
    /// `pass`, `fail`, ..., also unknown ones; lower case.
    pub result: String,
    /// The text of `reason=`.
    pub reason: Option<String>,
    /// What was judged, in order.
    pub properties: Vec<Property>,
}

/// One property: RFC 8601 §2.2 `propspec`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Property {
    /// `smtp`, `header`, ..., also unknown ones; lower case; `None` for a bare `name=value` (Microsoft's `action=`).
    #[serde(rename = "type")]
    pub ptype: Option<String>,
    /// `mailfrom`, `d`, ..., lower case.
    pub name: String,
    /// The value without quotes, case kept; of an address with a quoted local-part, the address as written.
    pub value: String,
}
