//! SPF records (RFC 7208 §3 to §6): selection among a name's texts, and the complete syntax check of one record.
//!
//! Knows the grammar and nothing of DNS or of the client. What comes out is kept beside the cached answer, so it is
//! small: terms that no evaluation can reach are checked and dropped.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::Arc;

use super::SpfResult;
use super::check_host::DNS_LOOKUP_LIMIT;
use super::macro_string::MacroString;

/// RFC 7208 §4.5: `version`.
const VERSION: &[u8] = b"v=spf1";
/// Characters of a faulty term that are kept for people.
const FAULTY_TERM_CHARACTERS: usize = 200;

/// The SPF record among a name's text records, or why there is none (RFC 7208 §4.5).
#[derive(Clone, Debug)]
pub enum RecordSelection {
    /// Exactly one record, well-formed.
    Record(Arc<Record>),
    /// No text begins with the version.
    NoRecord,
    /// More than one text begins with the version.
    MultipleRecords,
    /// The record is malformed: the first term at fault, shortened.
    SyntaxError(Box<str>),
}

/// A record without syntax errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    text: Box<str>,
    directives: Vec<Directive>,
    redirect: Option<MacroString>,
    explanation: Option<MacroString>,
}

/// RFC 7208 §4.6.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// What a match means.
    pub qualifier: Qualifier,
    /// What is tested.
    pub mechanism: Mechanism,
    span: Range<usize>,
}

/// RFC 7208 §4.6.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qualifier {
    /// `+` or nothing.
    Pass,
    /// `-`
    Fail,
    /// `~`
    SoftFail,
    /// `?`
    Neutral,
}

/// RFC 7208 §5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 7208 §5.1.
    All,
    /// RFC 7208 §5.2.
    Include(MacroString),
    /// RFC 7208 §5.3.
    A(Option<MacroString>, PrefixLengths),
    /// RFC 7208 §5.4.
    Mx(Option<MacroString>, PrefixLengths),
    /// RFC 7208 §5.5.
    Ptr(Option<MacroString>),
    /// RFC 7208 §5.6: network and prefix length.
    Ip4(Ipv4Addr, u8),
    /// RFC 7208 §5.6: network and prefix length.
    Ip6(Ipv6Addr, u8),
    /// RFC 7208 §5.7.
    Exists(MacroString),
}

/// RFC 7208 §5.6: `dual-cidr-length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixLengths {
    /// 0 to 32.
    pub ip4: u8,
    /// 0 to 128.
    pub ip6: u8,
}

impl RecordSelection {
    /// Chooses among the texts of one name.
    pub fn select<'a>(texts: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut records = texts.filter(|octets| has_version(octets));
        match (records.next(), records.next()) {
            (None, _) => Self::NoRecord,
            // RFC 7208 §4.5: more than one record, even an equal one, is an error.
            (Some(_), Some(_)) => Self::MultipleRecords,
            (Some(octets), None) => match Record::parse(octets) {
                Ok(record) => Self::Record(Arc::new(record)),
                Err(term) => Self::SyntaxError(term),
            },
        }
    }
}

impl RecordSelection {
    /// Octets of memory behind the value, about: the text, the names in it once more, and a directive a term.
    pub(crate) fn octets(&self) -> usize {
        match self {
            Self::Record(record) => {
                let directives = record.directives.capacity() * size_of::<Directive>();
                size_of::<Record>() + directives + record.text.len() * 2
            }
            Self::SyntaxError(term) => term.len(),
            Self::NoRecord | Self::MultipleRecords => 0,
        }
    }
}

/// RFC 7208 §4.5: the version ends at a space or with the record; §12: it is compared without case.
fn has_version(octets: &[u8]) -> bool {
    octets
        .split_at_checked(VERSION.len())
        .is_some_and(|(version, rest)| {
            version.eq_ignore_ascii_case(VERSION) && matches!(rest.first(), None | Some(b' '))
        })
}

impl Record {
    /// Reads a record that begins with its version (RFC 7208 §4.6: any syntax error anywhere is an error).
    ///
    /// # Errors
    /// The first term at fault, shortened.
    pub fn parse(octets: &[u8]) -> Result<Self, Box<str>> {
        // RFC 7208 §3.1: a record is US-ASCII.
        let Some(text) = std::str::from_utf8(octets)
            .ok()
            .filter(|text| text.is_ascii())
        else {
            let term = octets
                .split(|octet| *octet == b' ')
                .find(|term| !term.is_ascii())
                .unwrap_or_default();
            return Err(shorten(&String::from_utf8_lossy(term)));
        };
        let mut draft = Draft::default();
        let mut start = VERSION.len();
        for term in text.get(start..).unwrap_or_default().split(' ') {
            let span = start..start.saturating_add(term.len());
            start = span.end.saturating_add(1);
            // RFC 7208 §4.6.1: terms are separated by one or more spaces, and by nothing else.
            if !term.is_empty() && draft.add_term(term, span).is_err() {
                return Err(shorten(term));
            }
        }
        Ok(Self {
            text: text.into(),
            directives: draft.directives,
            redirect: draft.redirect,
            explanation: draft.explanation,
        })
    }

    /// The record as published.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The directives that can be reached, from the left.
    pub fn directives(&self) -> &[Directive] {
        &self.directives
    }

    /// A directive as published, with its qualifier if one is written.
    pub fn directive_text(&self, directive: &Directive) -> &str {
        self.text.get(directive.span.clone()).unwrap_or_default()
    }

    /// RFC 7208 §6.1.
    pub fn redirect(&self) -> Option<&MacroString> {
        self.redirect.as_ref()
    }

    /// RFC 7208 §6.2.
    pub fn explanation(&self) -> Option<&MacroString> {
        self.explanation.as_ref()
    }
}

fn shorten(term: &str) -> Box<str> {
    term.chars().take(FAULTY_TERM_CHARACTERS).collect()
}

/// A term breaks the grammar.
struct SyntaxError;

/// A record while its terms are read.
#[derive(Default)]
struct Draft {
    directives: Vec<Directive>,
    redirect: Option<MacroString>,
    explanation: Option<MacroString>,
    lookup_terms: usize,
    is_end_reached: bool,
}

impl Draft {
    fn add_term(&mut self, term: &str, span: Range<usize>) -> Result<(), SyntaxError> {
        if let Some((name, value)) = split_modifier(term) {
            return self.add_modifier(name, value);
        }
        let (qualifier, rest) = Qualifier::split(term);
        self.add_directive(Directive {
            qualifier,
            mechanism: Mechanism::parse(rest)?,
            span,
        });
        Ok(())
    }

    fn add_directive(&mut self, directive: Directive) {
        if self.is_end_reached {
            return;
        }
        self.lookup_terms += usize::from(directive.mechanism.is_lookup_term());
        // RFC 7208 §5.1: what follows `all` is never tested; §4.6.4: nor what follows the eleventh lookup term.
        self.is_end_reached =
            directive.mechanism == Mechanism::All || self.lookup_terms > DNS_LOOKUP_LIMIT;
        self.directives.push(directive);
    }

    fn add_modifier(&mut self, name: &str, value: &str) -> Result<(), SyntaxError> {
        let known = if name.eq_ignore_ascii_case("redirect") {
            &mut self.redirect
        } else if name.eq_ignore_ascii_case("exp") {
            &mut self.explanation
        } else {
            // RFC 7208 §6: unknown modifiers are ignored wherever and however often they stand, but must be well-formed.
            return if MacroString::is_macro_string(value) {
                Ok(())
            } else {
                Err(SyntaxError)
            };
        };
        // RFC 7208 §6: each of the two at most once.
        if known.is_some() {
            return Err(SyntaxError);
        }
        *known = Some(parse_domain_spec(value)?);
        Ok(())
    }
}

/// RFC 7208 §4.6.1: name "=" value, name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )
fn split_modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let is_name_octet =
        |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(is_name_octet);
    is_name.then_some((name, value))
}

impl Qualifier {
    fn split(term: &str) -> (Self, &str) {
        let mut characters = term.chars();
        let qualifier = match characters.next() {
            Some('+') => Self::Pass,
            Some('-') => Self::Fail,
            Some('~') => Self::SoftFail,
            Some('?') => Self::Neutral,
            // RFC 7208 §4.6.2: the default is "+".
            _ => return (Self::Pass, term),
        };
        (qualifier, characters.as_str())
    }

    /// The result of a match (RFC 7208 §4.6.2).
    pub const fn result(self) -> SpfResult {
        match self {
            Self::Pass => SpfResult::Pass,
            Self::Fail => SpfResult::Fail,
            Self::SoftFail => SpfResult::SoftFail,
            Self::Neutral => SpfResult::Neutral,
        }
    }
}

impl Mechanism {
    /// RFC 7208 §4.6.1: an unknown mechanism is a syntax error.
    fn parse(text: &str) -> Result<Self, SyntaxError> {
        let (name, rest) = text
            .split_at_checked(text.find([':', '/']).unwrap_or(text.len()))
            .ok_or(SyntaxError)?;
        match name.to_ascii_lowercase().as_str() {
            "all" if rest.is_empty() => Ok(Self::All),
            "include" => Ok(Self::Include(required_domain_spec(rest)?)),
            "exists" => Ok(Self::Exists(required_domain_spec(rest)?)),
            "ptr" => Ok(Self::Ptr(optional_domain_spec(rest)?)),
            "a" => {
                let (rest, lengths) = split_prefix_lengths(rest)?;
                Ok(Self::A(optional_domain_spec(rest)?, lengths))
            }
            "mx" => {
                let (rest, lengths) = split_prefix_lengths(rest)?;
                Ok(Self::Mx(optional_domain_spec(rest)?, lengths))
            }
            "ip4" => {
                let (network, length) = split_network(rest, 32)?;
                Ok(Self::Ip4(network.parse().map_err(|_| SyntaxError)?, length))
            }
            "ip6" => {
                let (network, length) = split_network(rest, 128)?;
                Ok(Self::Ip6(network.parse().map_err(|_| SyntaxError)?, length))
            }
            _ => Err(SyntaxError),
        }
    }

    /// True for the mechanisms that cause DNS queries (RFC 7208 §4.6.4).
    pub const fn is_lookup_term(&self) -> bool {
        match self {
            Self::Include(_) | Self::A(..) | Self::Mx(..) | Self::Ptr(_) | Self::Exists(_) => true,
            Self::All | Self::Ip4(..) | Self::Ip6(..) => false,
        }
    }
}

fn parse_domain_spec(text: &str) -> Result<MacroString, SyntaxError> {
    MacroString::parse_domain_spec(text).ok_or(SyntaxError)
}

fn required_domain_spec(rest: &str) -> Result<MacroString, SyntaxError> {
    parse_domain_spec(rest.strip_prefix(':').ok_or(SyntaxError)?)
}

fn optional_domain_spec(rest: &str) -> Result<Option<MacroString>, SyntaxError> {
    if rest.is_empty() {
        return Ok(None);
    }
    required_domain_spec(rest).map(Some)
}

/// Splits `[ ip4-cidr-length ] [ "/" ip6-cidr-length ]` off the end.
///
/// A domain-spec may hold slashes but never ends in "/" and digits, for a toplabel has no slash (RFC 7208 §7.1).
fn split_prefix_lengths(rest: &str) -> Result<(&str, PrefixLengths), SyntaxError> {
    let mut lengths = PrefixLengths { ip4: 32, ip6: 128 };
    let mut rest = rest;
    if let Some((head, digits)) = split_trailing_length(rest)
        && let Some(head) = head.strip_suffix('/')
    {
        lengths.ip6 = parse_length(digits, 128)?;
        rest = head;
    }
    if let Some((head, digits)) = split_trailing_length(rest) {
        lengths.ip4 = parse_length(digits, 32)?;
        rest = head;
    }
    Ok((rest, lengths))
}

fn split_trailing_length(text: &str) -> Option<(&str, &str)> {
    let head = text.trim_end_matches(|last: char| last.is_ascii_digit());
    let digits = text.get(head.len()..).filter(|digits| !digits.is_empty())?;
    Some((head.strip_suffix('/')?, digits))
}

/// RFC 7208 §5.6: "0", or digits without a leading zero; at most `ceiling`.
fn parse_length(digits: &str, ceiling: u8) -> Result<u8, SyntaxError> {
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    match digits.parse() {
        Ok(length) if is_plain && length <= ceiling => Ok(length),
        _ => Err(SyntaxError),
    }
}

/// Splits ":" network [ "/" length ].
fn split_network(rest: &str, ceiling: u8) -> Result<(&str, u8), SyntaxError> {
    let rest = rest.strip_prefix(':').ok_or(SyntaxError)?;
    match rest.split_once('/') {
        Some((network, digits)) => Ok((network, parse_length(digits, ceiling)?)),
        None => Ok((rest, ceiling)),
    }
}

#[cfg(test)]
mod tests;
