//! The DMARC policy record (RFC 9989 §4.7, §4.8; RFC 7489 §6.3, §6.4).
//!
//! Read once for both rule books, which differ in the tags they know; must not know where a record was found.

use std::borrow::Cow;
use std::sync::Arc;

use super::report_uri::ReportUris;
use super::{AlignmentMode, RequestedPolicy};
use crate::dns::Entry;
use crate::message::is_wsp;
use crate::policy::Rules;
use crate::reason::words;

/// The policy records among a name's text records (RFC 9989 §4.10 step 2).
#[derive(Clone, Debug)]
pub enum PolicyRecords {
    /// No record starts with the version tag.
    Absent,
    /// Exactly one does.
    One(Arc<PolicyRecord>),
    /// Several do: all are discarded.
    Several,
    /// Exactly one does, and names a tag twice: the whole list is invalid (RFC 6376 §3.2).
    Duplicate,
}

words! {
    /// `psd`: whether the domain is a public suffix domain (RFC 9989 §4.7).
    PublicSuffixFlag {
        Yes "y";
        No "n";
        Unknown "u";
    }
}

/// A tag that asks for a handling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Absent,
    Invalid,
    Valid(RequestedPolicy),
}

/// What a record asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Requests {
    pub(super) policy: RequestedPolicy,
    pub(super) subdomain_policy: Option<RequestedPolicy>,
    pub(super) nonexistent_policy: Option<RequestedPolicy>,
    /// The record asks for nothing usable but names a destination for reports.
    pub(super) is_assumed: bool,
}

/// One policy record.
#[derive(Clone, Debug)]
pub struct PolicyRecord {
    /// As published; octets that are no UTF-8 are replaced.
    pub text: Arc<str>,
    /// `rua`.
    pub aggregate: ReportUris,
    /// `ruf`.
    pub failure: ReportUris,
    /// `adkim`.
    pub dkim_alignment: AlignmentMode,
    /// `aspf`.
    pub spf_alignment: AlignmentMode,
    policy: Request,
    subdomain_policy: Request,
    nonexistent_policy: Request,
    psd: PublicSuffixFlag,
    is_testing: bool,
    percent: u32,
    failure_options: Option<Cow<'static, str>>,
}

impl PolicyRecords {
    /// The records of an answer, selected at first use and kept beside it.
    pub(super) fn of(entry: &Entry) -> &Self {
        entry.dmarc()
    }

    /// The records among the texts of one name.
    pub(crate) fn select<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut candidates = texts.filter(|octets| has_version(octets));
        match (candidates.next(), candidates.next()) {
            (None, _) => Self::Absent,
            (Some(octets), None) => PolicyRecord::parse(octets)
                .map_or(Self::Duplicate, |record| Self::One(Arc::new(record))),
            // RFC 9989 §4.10 step 2: several records for one target are all discarded.
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

impl PolicyRecords {
    /// Octets of memory behind the value, about: the text, and half of it again for the destinations in it.
    pub(crate) fn octets(&self) -> usize {
        match self {
            Self::One(record) => size_of::<PolicyRecord>() + record.text.len() * 3,
            _ => 0,
        }
    }
}

impl PolicyRecord {
    /// Reads a record that starts with the version tag; `None` when a tag occurs twice.
    ///
    /// RFC 9989 §4.7 takes the syntax of DKIM's tag lists, and RFC 6376 §3.2 makes a list with a duplicate invalid.
    pub(super) fn parse(octets: &[u8]) -> Option<Self> {
        let tags = Tags::read(octets)?;
        let request = |name| tags.find(name).map_or(Request::Absent, Request::parse);
        let is_word = |name, word: &str| {
            tags.find(name)
                .is_some_and(|value| value.eq_ignore_ascii_case(word.as_bytes()))
        };
        let alignment = |name| {
            if is_word(name, "s") {
                AlignmentMode::Strict
            } else {
                AlignmentMode::Relaxed
            }
        };
        let uris = |name| tags.find(name).map(ReportUris::parse).unwrap_or_default();
        Some(Self {
            text: String::from_utf8_lossy(octets).into(),
            aggregate: uris("rua"),
            failure: uris("ruf"),
            dkim_alignment: alignment("adkim"),
            spf_alignment: alignment("aspf"),
            policy: request("p"),
            subdomain_policy: request("sp"),
            nonexistent_policy: request("np"),
            psd: if is_word("psd", "y") {
                PublicSuffixFlag::Yes
            } else if is_word("psd", "n") {
                PublicSuffixFlag::No
            } else {
                PublicSuffixFlag::Unknown
            },
            is_testing: is_word("t", "y"),
            percent: tags.find("pct").and_then(percent).unwrap_or(100),
            failure_options: tags
                .find("fo")
                .and_then(|value| std::str::from_utf8(value).ok())
                .map(failure_options),
        })
    }

    /// What the record asks for; `None`: nothing, so DMARC does not apply.
    ///
    /// RFC 9989 §4.10.1, RFC 7489 §6.6.3 step 6: without a valid `p`, or with an invalid `sp` (or `np`), it counts as
    /// `p=none` when it names a valid URI for aggregate reports, and as no record otherwise.
    pub(super) fn requests(&self, rules: Rules) -> Option<Requests> {
        // RFC 7489 §6.3 knows no `np`, and unknown tags are ignored.
        let nonexistent = match rules {
            Rules::Rfc7489 => Request::Absent,
            _ => self.nonexistent_policy,
        };
        let subdomain = self.subdomain_policy;
        if let Request::Valid(policy) = self.policy
            && subdomain != Request::Invalid
            && nonexistent != Request::Invalid
        {
            return Some(Requests {
                policy,
                subdomain_policy: subdomain.value(),
                nonexistent_policy: nonexistent.value(),
                is_assumed: false,
            });
        }
        (!self.aggregate.uris.is_empty()).then_some(Requests {
            policy: RequestedPolicy::None,
            subdomain_policy: None,
            nonexistent_policy: None,
            is_assumed: true,
        })
    }

    /// `psd`; RFC 7489 does not know it.
    pub(super) fn psd(&self, rules: Rules) -> PublicSuffixFlag {
        match rules {
            Rules::Rfc7489 => PublicSuffixFlag::Unknown,
            _ => self.psd,
        }
    }

    /// `t=y`; RFC 7489 does not know it.
    pub(super) fn is_testing(&self, rules: Rules) -> bool {
        self.is_testing && rules != Rules::Rfc7489
    }

    /// `pct`, 100 where it is missing or invalid; RFC 9989 §9.3 makes it historic.
    pub(super) fn percent(&self, rules: Rules) -> u32 {
        match rules {
            Rules::Rfc7489 => self.percent,
            _ => 100,
        }
    }

    /// `fo` as written, `0` where it is missing or invalid under these rules.
    pub(super) fn failure_options(&self, rules: Rules) -> Cow<'static, str> {
        let options = self.failure_options.as_ref();
        options
            .filter(|options| are_failure_options(options, rules))
            .map_or(Cow::Borrowed("0"), Cow::clone)
    }
}

impl Request {
    fn parse(value: &[u8]) -> Self {
        // RFC 5234 §2.3: the words of the grammar are compared without case.
        let word = std::str::from_utf8(value).map(str::to_ascii_lowercase);
        word.ok()
            .and_then(|word| RequestedPolicy::from_word(&word))
            .map_or(Self::Invalid, Self::Valid)
    }

    fn value(self) -> Option<RequestedPolicy> {
        match self {
            Self::Valid(policy) => Some(policy),
            Self::Absent | Self::Invalid => None,
        }
    }
}

/// The tag=value pairs of a record (RFC 9989 §4.8); a part that is no pair is left out.
pub(super) struct Tags<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Tags<'a> {
    /// `None` when a name occurs twice; names are compared without case (RFC 5234 §2.3).
    pub(super) fn read(octets: &'a [u8]) -> Option<Self> {
        let pairs: Vec<_> = octets
            .split(|octet| *octet == b';')
            .filter_map(pair)
            .collect();
        let mut names: Vec<_> = pairs
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .collect();
        names.sort_unstable();
        let is_unique = names.windows(2).all(|pair| pair.first() != pair.last());
        is_unique.then_some(Self(pairs))
    }

    pub(super) fn find(&self, name: &str) -> Option<&'a [u8]> {
        let found = self
            .0
            .iter()
            .find(|(tag, _)| tag.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| *value)
    }
}

/// tag-name of RFC 6376 §3.2, of which the names of RFC 9989 §4.8 are a part, `=`, and a value.
fn pair(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = memchr::memchr(b'=', part)?;
    let (name, value) = (trim(part.get(..equals)?), trim(part.get(equals + 1..)?));
    let is_name = name.first().is_some_and(u8::is_ascii_alphabetic)
        && name
            .iter()
            .all(|octet| octet.is_ascii_alphanumeric() || *octet == b'_');
    is_name.then_some((name, value))
}

/// `"v" *WSP "=" *WSP %s"DMARC1"`, at the very beginning and alone before the first `;`.
///
/// RFC 9989 §4.7: the version is compared with case, and a record that does not start with it is ignored.
pub(super) fn has_version(octets: &[u8]) -> bool {
    let first = octets
        .split(|octet| *octet == b';')
        .next()
        .unwrap_or_default();
    let starts_at_once = first.first().is_some_and(|octet| !is_wsp(*octet));
    starts_at_once
        && pair(first)
            .is_some_and(|(name, value)| name.eq_ignore_ascii_case(b"v") && value == b"DMARC1")
}

fn trim(octets: &[u8]) -> &[u8] {
    let start = octets.iter().take_while(|octet| is_wsp(**octet)).count();
    let rest = octets.get(start..).unwrap_or_default();
    let end = rest
        .iter()
        .rev()
        .take_while(|octet| is_wsp(**octet))
        .count();
    rest.get(..rest.len() - end).unwrap_or_default()
}

/// `1*3DIGIT`, 0 to 100 (RFC 7489 §6.3, §6.4).
fn percent(value: &[u8]) -> Option<u32> {
    let is_number = value.len() <= 3 && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| is_number)?;
    text.parse().ok().filter(|percent| *percent <= 100)
}

/// `fo` as nearly every record has it, so that it needs no room of its own in a row.
const USUAL_FAILURE_OPTIONS: [&str; 6] = ["0", "1", "d", "s", "1:d:s", "0:1:d:s"];

fn failure_options(value: &str) -> Cow<'static, str> {
    let mut usual = USUAL_FAILURE_OPTIONS.into_iter();
    let usual = usual.find(|usual| *usual == value);
    usual.map_or_else(|| Cow::Owned(value.to_owned()), Cow::Borrowed)
}

/// RFC 9989 §4.8: `0` or `1`, `d` and `s`, each at most once; RFC 7489 §6.4: any of them in any number.
fn are_failure_options(options: &str, rules: Rules) -> bool {
    let (mut generals, mut dkim, mut spf) = (0, 0, 0);
    for option in options.split(':') {
        let option = match rules {
            Rules::Rfc7489 => option.trim_matches([' ', '\t']),
            _ => option,
        };
        match option {
            "0" | "1" => generals += 1,
            "d" | "D" => dkim += 1,
            "s" | "S" => spf += 1,
            _ => return false,
        }
    }
    rules == Rules::Rfc7489 || [generals, dkim, spf].iter().all(|count| *count <= 1)
}

#[cfg(test)]
mod tests;
