//! Macro strings (RFC 7208 §7): the syntax check, and the expansion to a target-name or to explanation text.
//!
//! Knows the grammar and what the letters stand for; must not know terms or DNS: the caller brings every value, also
//! the validated name of `%{p}`. A string is checked once, kept as its text and read again when it is expanded.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;

use crate::domain::{Domain, NAME_OCTET_LIMIT};

/// Longest explanation in octets: two SMTP reply lines (RFC 7208 §6.2 allows a limit, RFC 5321 §4.5.3.1.5 has 512).
pub const EXPLANATION_OCTET_LIMIT: usize = 1024;
/// Octets of an expanded name after which nothing further left can be kept: the longest name and a final dot.
const NAME_TAIL_OCTETS: usize = NAME_OCTET_LIMIT + 1;
/// RFC 7208 §7.1: `delimiter`; a set of them has one bit for each.
const DELIMITERS: &str = ".-+,/_=";
/// RFC 7208 §7.3: the set that holds without delimiters: the dot.
const DEFAULT_DELIMITERS: u8 = 1;
/// Stands for what is not known (RFC 7208 §7.3).
const UNKNOWN: &str = "unknown";

/// Text that obeys the grammar of RFC 7208 §7.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacroString {
    text: Box<str>,
    /// What a domain-spec without macros always comes to.
    name: Option<Domain>,
}

/// What the macro letters stand for in one evaluation (RFC 7208 §7.2).
#[derive(Clone, Copy, Debug)]
pub struct MacroValues<'a> {
    /// `%{l}`.
    pub local_part: &'a str,
    /// `%{o}`.
    pub sender_domain: &'a str,
    /// `%{d}`.
    pub domain: &'a str,
    /// `%{i}`, `%{c}` and `%{v}`.
    pub client_ip: IpAddr,
    /// `%{p}`; `None` = `unknown`.
    pub validated_name: Option<&'a str>,
    /// `%{h}`; `None` = `unknown`.
    pub helo: Option<&'a str>,
    /// `%{r}`; empty = `unknown`.
    pub receiver: &'a str,
    /// `%{t}` in Unix seconds; `None` = `unknown`.
    pub now: Option<i64>,
}

/// An explanation and whether it was cut at [`EXPLANATION_OCTET_LIMIT`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Printable US-ASCII.
    pub text: String,
    /// More text would have followed.
    pub is_truncated: bool,
}

/// RFC 7208 §7.1: `macro-letter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MacroLetter {
    Sender,
    LocalPart,
    SenderDomain,
    Domain,
    Ip,
    ValidatedName,
    Helo,
    ReadableIp,
    Receiver,
    Time,
    IpVersion,
}

impl MacroLetter {
    fn from_char(letter: char) -> Option<Self> {
        match letter.to_ascii_lowercase() {
            's' => Some(Self::Sender),
            'l' => Some(Self::LocalPart),
            'o' => Some(Self::SenderDomain),
            'd' => Some(Self::Domain),
            'i' => Some(Self::Ip),
            'p' => Some(Self::ValidatedName),
            'h' => Some(Self::Helo),
            'c' => Some(Self::ReadableIp),
            'r' => Some(Self::Receiver),
            't' => Some(Self::Time),
            'v' => Some(Self::IpVersion),
            _ => None,
        }
    }

    /// RFC 7208 §7.2: `c`, `r` and `t` are allowed only in the text of an explanation.
    fn is_text_only(self) -> bool {
        matches!(self, Self::ReadableIp | Self::Receiver | Self::Time)
    }
}

/// RFC 7208 §7.1: `macro-expand` with a letter.
#[derive(Clone, Copy, Debug)]
struct Macro {
    letter: MacroLetter,
    is_url_escaped: bool,
    /// Right-hand parts kept; `None` = all.
    part_count: Option<NonZeroUsize>,
    is_reversed: bool,
    /// A set of [`DELIMITERS`], however long the list is written.
    delimiters: u8,
}

#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    Literal(&'a str),
    /// `%%`, `%_` or `%-` with what it stands for.
    Escape(&'static str),
    Macro(Macro),
}

impl MacroString {
    /// Reads a `domain-spec`; `None` is a syntax error.
    pub fn parse_domain_spec(text: &str) -> Option<Self> {
        let is_allowed = |letter: MacroLetter| !letter.is_text_only();
        if !is_well_formed(text, |octet| octet.is_ascii_graphic(), is_allowed) {
            return None;
        }
        let name = (!text.contains('%')).then(|| Domain::parse_expanded(cut_left(text)?));
        let spec = Self {
            text: text.into(),
            name: name.flatten(),
        };
        // RFC 7208 §7.1: domain-end = ( "." toplabel [ "." ] ) / macro-expand
        let is_complete = match spec.parts().last() {
            Some(Part::Literal(literal)) => ends_in_toplabel(literal),
            Some(Part::Escape(_) | Part::Macro(_)) => true,
            None => false,
        };
        is_complete.then_some(spec)
    }

    /// True when this is the `macro-string` of an unknown modifier (RFC 7208 §4.6.1).
    pub fn is_macro_string(text: &str) -> bool {
        is_well_formed(text, |octet| octet.is_ascii_graphic(), |_| true)
    }

    /// Reads an `explain-string`: spaces and all letters are allowed (RFC 7208 §7.1, §7.2).
    pub fn parse_explanation(octets: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(octets).ok()?;
        is_well_formed(text, |octet| matches!(octet, b' '..=b'~'), |_| true).then(|| Self {
            text: text.into(),
            name: None,
        })
    }

    /// The target-name of a domain-spec without macros, whatever is evaluated.
    pub(super) const fn fixed_name(&self) -> Option<&Domain> {
        self.name.as_ref()
    }

    /// The string as published.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let mut rest = &*self.text;
        std::iter::from_fn(move || {
            let (part, tail) = next_part(rest)?;
            rest = tail;
            Some(part)
        })
    }

    fn count_letter(&self, is_counted: fn(MacroLetter) -> bool) -> usize {
        self.parts()
            .filter(|part| matches!(part, Part::Macro(found) if is_counted(found.letter)))
            .count()
    }

    /// True when `%{s}` or `%{l}` occurs (RFC 8616 §4).
    pub fn uses_local_part(&self) -> bool {
        self.count_letter(|letter| matches!(letter, MacroLetter::Sender | MacroLetter::LocalPart))
            > 0
    }

    /// How often `%{p}` occurs.
    pub fn validated_name_count(&self) -> usize {
        self.count_letter(|letter| letter == MacroLetter::ValidatedName)
    }

    /// The target-name; `None` when the expansion is no domain name (RFC 7208 §4.8 leaves open what follows).
    ///
    /// Works from the right and stops where the rest would be cut off, so that long values cost nothing.
    pub fn expand_name(&self, values: &MacroValues<'_>) -> Option<Domain> {
        let parts: Vec<Part<'_>> = self.parts().collect();
        let (mut pieces, mut octets) = (Vec::new(), 0_usize);
        for part in parts.iter().rev() {
            let piece = part.expand(values);
            octets = octets.saturating_add(piece.len());
            pieces.push(piece);
            if octets > NAME_TAIL_OCTETS {
                break;
            }
        }
        pieces.reverse();
        Domain::parse_expanded(cut_left(&pieces.concat())?)
    }

    /// The explanation; `None` when it is not printable US-ASCII (RFC 7208 §6.2).
    pub fn expand_text(&self, values: &MacroValues<'_>) -> Option<Explanation> {
        let mut text = String::new();
        for part in self.parts() {
            text.push_str(&part.expand(values));
            if text.len() > EXPLANATION_OCTET_LIMIT {
                break;
            }
        }
        if !text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
            return None;
        }
        let is_truncated = text.len() > EXPLANATION_OCTET_LIMIT;
        text.truncate(EXPLANATION_OCTET_LIMIT);
        Some(Explanation { text, is_truncated })
    }
}

fn is_well_formed(
    text: &str,
    is_literal_octet: fn(u8) -> bool,
    is_allowed: fn(MacroLetter) -> bool,
) -> bool {
    // RFC 7208 §7.1: macro-literal = %x21-24 / %x26-7E; what stands inside `%{}` is narrower still.
    if !text.bytes().all(is_literal_octet) {
        return false;
    }
    let mut rest = text;
    while !rest.is_empty() {
        rest = match next_part(rest) {
            Some((Part::Macro(found), _)) if !is_allowed(found.letter) => return false,
            Some((_, after)) => after,
            None => return false,
        };
    }
    true
}

/// The first part of a text and what follows it; `None` at the end and for a syntax error.
fn next_part(text: &str) -> Option<(Part<'_>, &str)> {
    let Some(expand) = text.strip_prefix('%') else {
        let end = text.find('%').unwrap_or(text.len());
        let (literal, rest) = text.split_at_checked(end)?;
        return (!literal.is_empty()).then_some((Part::Literal(literal), rest));
    };
    let mut characters = expand.chars();
    // RFC 7208 §7.3: any other character after `%` is a syntax error.
    match characters.next()? {
        '%' => Some((Part::Escape("%"), characters.as_str())),
        '_' => Some((Part::Escape(" "), characters.as_str())),
        '-' => Some((Part::Escape("%20"), characters.as_str())),
        '{' => {
            let (body, rest) = characters.as_str().split_once('}')?;
            Some((Part::Macro(parse_macro(body)?), rest))
        }
        _ => None,
    }
}

/// RFC 7208 §7.1: a letter, digits, an `r` and delimiters, all but the letter optional.
fn parse_macro(body: &str) -> Option<Macro> {
    let mut characters = body.chars();
    let letter = characters.next()?;
    let rest = characters.as_str();
    let digits_end = rest
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(rest.len());
    let (digits, rest) = rest.split_at_checked(digits_end)?;
    let (is_reversed, delimiters) = match rest.strip_prefix(['r', 'R']) {
        Some(delimiters) => (true, delimiters),
        None => (false, rest),
    };
    let part_count = if digits.is_empty() {
        None
    } else {
        Some(parse_part_count(digits)?)
    };
    Some(Macro {
        letter: MacroLetter::from_char(letter)?,
        is_url_escaped: letter.is_ascii_uppercase(),
        part_count,
        is_reversed,
        delimiters: parse_delimiters(delimiters)?,
    })
}

fn parse_delimiters(text: &str) -> Option<u8> {
    text.chars()
        .try_fold(0, |set, character| Some(set | delimiter_bit(character)?))
}

fn delimiter_bit(character: char) -> Option<u8> {
    let position = u32::try_from(DELIMITERS.find(character)?).ok()?;
    1_u8.checked_shl(position)
}

/// RFC 7208 §7.3: the number must not be zero; one beyond the available parts means all of them.
fn parse_part_count(digits: &str) -> Option<NonZeroUsize> {
    NonZeroUsize::new(digits.bytes().fold(0_usize, |count, digit| {
        count
            .saturating_mul(10)
            .saturating_add(usize::from(digit.saturating_sub(b'0')))
    }))
}

/// True for `... "." toplabel [ "." ]`.
fn ends_in_toplabel(literal: &str) -> bool {
    let literal = literal.strip_suffix('.').unwrap_or(literal);
    literal
        .rsplit_once('.')
        .is_some_and(|(_, label)| is_toplabel(label))
}

/// RFC 7208 §7.1: letters, digits and inner hyphens, and not digits alone.
pub(super) fn is_toplabel(label: &str) -> bool {
    let octets = label.as_bytes();
    octets
        .iter()
        .all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
        && octets.first().is_some_and(u8::is_ascii_alphanumeric)
        && octets.last().is_some_and(u8::is_ascii_alphanumeric)
        && !octets.iter().all(u8::is_ascii_digit)
}

/// RFC 7208 §7.3: successive labels are removed from the left until the name has no more than 253 characters.
fn cut_left(name: &str) -> Option<&str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let Some(excess) = name
        .len()
        .checked_sub(NAME_OCTET_LIMIT)
        .filter(|excess| *excess > 0)
    else {
        return Some(name);
    };
    let (dot, _) = name
        .match_indices('.')
        .find(|(dot, _)| dot.saturating_add(1) >= excess)?;
    name.get(dot.saturating_add(1)..)
}

impl Part<'_> {
    fn expand<'v>(&'v self, values: &MacroValues<'v>) -> Cow<'v, str> {
        match self {
            Self::Literal(literal) => Cow::Borrowed(literal),
            Self::Escape(text) => Cow::Borrowed(text),
            Self::Macro(found) => found.expand(values),
        }
    }
}

impl Macro {
    fn expand<'v>(self, values: &MacroValues<'v>) -> Cow<'v, str> {
        let value = self.transform(values.value(self.letter));
        if self.is_url_escaped {
            return Cow::Owned(url_escape(&value));
        }
        value
    }

    /// RFC 7208 §7.3: split, reverse, keep right-hand parts, join with dots; empty parts stay.
    ///
    /// Splits off no more parts than are kept, so that many macros cannot each go through a long value for nothing.
    fn transform(self, value: Cow<'_, str>) -> Cow<'_, str> {
        if self.part_count.is_none() && !self.is_reversed && self.delimiters == 0 {
            return value;
        }
        let delimiters = match self.delimiters {
            0 => DEFAULT_DELIMITERS,
            delimiters => delimiters,
        };
        let is_delimiter = |character| {
            delimiter_bit(character).is_some_and(|delimiter| delimiters & delimiter != 0)
        };
        let kept = self.part_count.map_or(usize::MAX, NonZeroUsize::get);
        // The right-hand parts of the reversed list are the left-hand parts of the value.
        let mut parts: Vec<&str> = if self.is_reversed {
            value.split(is_delimiter).take(kept).collect()
        } else {
            value.rsplit(is_delimiter).take(kept).collect()
        };
        parts.reverse();
        Cow::Owned(parts.join("."))
    }
}

impl<'a> MacroValues<'a> {
    fn value(&self, letter: MacroLetter) -> Cow<'a, str> {
        match letter {
            MacroLetter::Sender => format!("{}@{}", self.local_part, self.sender_domain).into(),
            MacroLetter::LocalPart => self.local_part.into(),
            MacroLetter::SenderDomain => self.sender_domain.into(),
            MacroLetter::Domain => self.domain.into(),
            MacroLetter::Ip => match self.client_ip {
                IpAddr::V4(address) => address.to_string().into(),
                IpAddr::V6(address) => nibbles(address).into(),
            },
            MacroLetter::ValidatedName => self.validated_name.unwrap_or(UNKNOWN).into(),
            MacroLetter::Helo => self.helo.unwrap_or(UNKNOWN).into(),
            MacroLetter::ReadableIp => self.client_ip.to_string().into(),
            MacroLetter::Receiver if self.receiver.is_empty() => UNKNOWN.into(),
            MacroLetter::Receiver => self.receiver.into(),
            MacroLetter::Time => self
                .now
                .map_or(UNKNOWN.into(), |time| time.to_string().into()),
            MacroLetter::IpVersion => match self.client_ip {
                IpAddr::V4(_) => "in-addr".into(),
                IpAddr::V6(_) => "ip6".into(),
            },
        }
    }
}

/// RFC 7208 §7.3: the dot-format of an IPv6 address; upper case as in the published test suite, names are lowered later.
fn nibbles(address: Ipv6Addr) -> String {
    let mut text = String::with_capacity(64);
    for octet in address.octets() {
        let _ = write!(text, "{:X}.{:X}.", octet >> 4, octet & 0xf);
    }
    text.pop();
    text
}

/// RFC 7208 §7.3: everything outside the unreserved set of RFC 3986 becomes `%XX`, octet by octet.
fn url_escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for octet in value.bytes() {
        if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(octet));
        } else {
            let _ = write!(escaped, "%{octet:02X}");
        }
    }
    escaped
}

/// The name to ask for the PTR records of an address (RFC 7208 §5.5).
pub(super) fn reverse_name(address: IpAddr) -> Option<Domain> {
    let (text, zone) = match address {
        IpAddr::V4(address) => (address.to_string(), "in-addr.arpa"),
        IpAddr::V6(address) => (nibbles(address), "ip6.arpa"),
    };
    let reversed: Vec<&str> = text.rsplit('.').collect();
    Domain::parse_ascii(&format!("{}.{zone}", reversed.join(".")))
}

#[cfg(test)]
mod tests;
