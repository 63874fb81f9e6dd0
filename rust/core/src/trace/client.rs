//! Who came, out of the `from` clause: the client's address as the server saw it, and the HELO as the client said it.
//!
//! Knows the forms of the writers whose fields are seen (RFC 5321 §4.4 has one of them); must not know whom to believe.
//! What stands outside the parentheses is the client's own word in most forms, so an address there is taken only where
//! the form says that the server wrote it.

use std::net::{IpAddr, Ipv6Addr};

use super::stamp::Clause;

/// How a writer spells the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientForm {
    /// `HELO (RDNS [IP])`: RFC 5321 §4.4, Postfix, sendmail, Google.
    NameAndLiteral,
    /// `HELO ([IP])`: sendmail, Google and Exim where there is nothing else to say.
    Literal,
    /// `RDNS ([IP] helo=HELO)`, `[IP] (helo=HELO)`: Exim.
    Attributes,
    /// `[IP]`: Exim when the HELO is the same literal; only its own mark tells it from a client's word.
    LiteralAlone,
    /// `HELO (IP)`: Microsoft, and qmail when HELO and RDNS are equal.
    Bare,
    /// `RDNS (HELO x) (IP)`: qmail.
    HeloAndBare,
    /// `RDNS ([IP]:port "EHLO x" flags)`: ZMailer.
    QuotedHelo,
}

/// The client of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client<'a> {
    pub(super) address: IpAddr,
    pub(super) helo: Option<&'a [u8]>,
    pub(super) form: ClientForm,
}

impl<'a> Client<'a> {
    /// The client of a `from` clause; `None` when it is in none of the forms.
    pub(super) fn read(clause: &Clause<'a>) -> Option<Self> {
        // Two words are no HELO name, and what the second one is nobody knows.
        let [word] = &*clause.words else {
            return None;
        };
        let Some((first, others)) = clause.comments.split_first() else {
            return Self::new(ClientForm::LiteralAlone, leading_literal(word)?, word);
        };
        let comment = first.trim_ascii();
        if let Some(helo) = helo_command(comment) {
            let address = user_and_bare(others.first()?.trim_ascii())?;
            return Self::new(ClientForm::HeloAndBare, (address, b""), helo);
        }
        if let Some((address, rest)) = leading_literal(comment) {
            return Self::after_literal(word, address, rest);
        }
        if let Some(address) = user_and_bare(comment) {
            return Self::new(ClientForm::Bare, (address, b""), word);
        }
        if !comment.is_empty() && is_attributes(comment) {
            let helo = attribute(comment, b"helo");
            let (address, rest) = leading_literal(word)?;
            let client = Self::new(ClientForm::Attributes, (address, rest), word)?;
            return Some(Self { helo, ..client });
        }
        Self::name_and_literal(word, comment)
    }

    fn new(form: ClientForm, literal: (IpAddr, &[u8]), helo: &'a [u8]) -> Option<Self> {
        let (address, rest) = literal;
        let helo = Some(helo);
        rest.is_empty().then_some(Self {
            address,
            helo,
            form,
        })
    }

    /// The comment began with the literal: what follows tells the form.
    fn after_literal(word: &'a [u8], address: IpAddr, rest: &'a [u8]) -> Option<Self> {
        let rest = without_nested(rest);
        let literal = (address, b"".as_slice());
        if rest.is_empty() {
            return Self::new(ClientForm::Literal, literal, word);
        }
        if let Some(helo) = quoted_helo(rest) {
            return Self::new(ClientForm::QuotedHelo, literal, helo);
        }
        if !is_attributes(rest) {
            return None;
        }
        let helo = attribute(rest, b"helo").unwrap_or(word);
        Self::new(ClientForm::Attributes, literal, helo)
    }

    /// RFC 5321 §4.4: TCP-info = address-literal / ( Domain FWS address-literal ); sendmail puts `(may be forged)` behind.
    fn name_and_literal(word: &'a [u8], comment: &'a [u8]) -> Option<Self> {
        let mut tokens = words(without_nested(comment));
        let (_name, literal, end) = (tokens.next()?, tokens.next()?, tokens.next());
        let (address, rest) = leading_literal(literal)?;
        if end.is_some() {
            return None;
        }
        Self::new(ClientForm::NameAndLiteral, (address, rest), word)
    }
}

fn words(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    octets
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// The comment without the comment inside it that ends it.
fn without_nested(comment: &[u8]) -> &[u8] {
    let comment = comment.trim_ascii();
    let nested = comment.iter().position(|octet| *octet == b'(');
    match nested.and_then(|position| comment.split_at_checked(position)) {
        Some((before, nested)) if nested.ends_with(b")") => before.trim_ascii_end(),
        _ => comment,
    }
}

/// qmail's `HELO x`.
fn helo_command(comment: &[u8]) -> Option<&[u8]> {
    let (command, name) = comment.split_at_checked(5)?;
    let is_command =
        command.eq_ignore_ascii_case(b"HELO ") || command.eq_ignore_ascii_case(b"EHLO ");
    is_command.then(|| name.trim_ascii())
}

/// ZMailer's `"EHLO x"`, first of what follows the literal.
fn quoted_helo(rest: &[u8]) -> Option<&[u8]> {
    let quoted = rest.strip_prefix(b"\"")?;
    let length = quoted.iter().position(|octet| *octet == b'"')?;
    helo_command(quoted.get(..length)?)
}

/// True when there is nothing but Exim's `key=value` pairs.
fn is_attributes(text: &[u8]) -> bool {
    const KEYS: [&[u8]; 3] = [b"helo", b"ident", b"port"];
    words(text).all(|word| split_once(word, b'=').is_some_and(|(key, _)| KEYS.contains(&key)))
}

fn attribute<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut pairs = words(text).filter_map(|word| split_once(word, b'='));
    pairs.find_map(|(key, value)| (key == name).then_some(value))
}

fn split_once(octets: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let position = octets.iter().position(|octet| *octet == separator)?;
    Some((octets.get(..position)?, octets.get(position + 1..)?))
}

/// qmail's `[user@]IP` and Microsoft's `IP`.
fn user_and_bare(comment: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(comment).ok()?;
    let address = text.rsplit_once('@').map_or(text, |(_, address)| address);
    address.parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

/// An address literal with its port at the start, and what follows it (RFC 5321 §4.1.3; the tag `IPv6:` may be missing).
fn leading_literal(octets: &[u8]) -> Option<(IpAddr, &[u8])> {
    let inside = octets.strip_prefix(b"[")?;
    let length = inside.iter().position(|octet| *octet == b']')?;
    let (text, rest) = (inside.get(..length)?, inside.get(length + 1..)?);
    let rest = match rest.strip_prefix(b":") {
        Some(port) => after_digits(port)?,
        None => rest,
    };
    Some((parse_address(str::from_utf8(text).ok()?)?, rest))
}

/// What follows the digits of a port; `None` without any.
fn after_digits(octets: &[u8]) -> Option<&[u8]> {
    let digits = octets.iter().take_while(|octet| octet.is_ascii_digit());
    octets
        .get(digits.count()..)
        .filter(|rest| rest.len() < octets.len())
}

/// An address, with or without the tag of RFC 5321 §4.1.3; a mapped one counts as IPv4.
pub(super) fn parse_address(text: &str) -> Option<IpAddr> {
    const TAG: &str = "IPv6:";
    let is_tagged = |tag: &str| tag.eq_ignore_ascii_case(TAG);
    let address = match text.split_at_checked(TAG.len()) {
        Some((tag, rest)) if is_tagged(tag) => IpAddr::V6(rest.parse::<Ipv6Addr>().ok()?),
        _ => text.parse().ok()?,
    };
    Some(address.to_canonical())
}
