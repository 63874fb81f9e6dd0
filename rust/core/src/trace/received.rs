//! One Received field (RFC 5321 §4.4), in the forms of the writers that are seen: who wrote it, who came, what for.
//!
//! One tolerant reading, linear in the field. Knows nothing of the other fields and of whom to believe. Everything in it
//! may be missing; a field that is not clear has nothing but its date.

use std::net::IpAddr;

use memchr::{memchr, memchr3};

use super::client::{Client, ClientForm};
use super::stamp::{Clause, Stamp};
use super::{TRACE_OCTET_LIMIT, TRACE_VALUE_LIMIT, Writer};
use crate::date::parse_date_time;
use crate::domain::Domain;
use crate::envelope::protocol_word;
use crate::header_facts::after_last_semicolon;

/// What one Received field says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The client's address as the server saw it.
    pub client_ip: Option<IpAddr>,
    /// The name that the client gave in HELO or EHLO.
    pub helo: Option<String>,
    /// The host that wrote the field, where that is a name.
    pub by: Option<Domain>,
    /// RFC 3848 word, upper case.
    pub protocol: Option<&'static str>,
    /// Postfix's `Authenticated sender`.
    pub auth_id: Option<String>,
    /// The path of the `for` clause.
    pub rcpt_to: Option<String>,
    /// Exim's `envelope-from`; empty is the null sender.
    pub mail_from: Option<String>,
    /// Its date in Unix seconds.
    pub received_at: Option<i64>,
    /// The writers whose form the field has.
    pub writers: Vec<Writer>,
    /// The field tells of a step inside its host, not of a client.
    pub is_handover: bool,
}

impl Received {
    /// Reads a field's value; a value of more than [`TRACE_OCTET_LIMIT`] octets says nothing but its date.
    pub fn read(value: &[u8]) -> Self {
        let received_at = after_last_semicolon(value).and_then(parse_date_time);
        let stamp = Some(value)
            .filter(|value| value.len() <= TRACE_OCTET_LIMIT)
            .and_then(Stamp::read);
        let read = stamp.and_then(|stamp| Self::of(&stamp));
        Self {
            received_at,
            ..read.unwrap_or_default()
        }
    }

    /// True when the field has the form of one of these writers, or when none is asked for.
    pub fn is_in_form(&self, writers: &[Writer]) -> bool {
        writers.is_empty() || writers.iter().any(|writer| self.writers.contains(writer))
    }

    fn of(stamp: &Stamp<'_>) -> Option<Self> {
        let client = stamp.from.as_ref().and_then(Client::read);
        let client = client
            .filter(|client| client.form != ClientForm::LiteralAlone || is_marked(stamp, b"Exim"));
        let form = client.map(|client| client.form);
        let protocol = stamp.with.as_ref().and_then(protocol);
        Some(Self {
            client_ip: client.map(|client| client.address),
            helo: client.and_then(|client| client.helo).and_then(text),
            by: stamp.by.as_ref().and_then(host),
            protocol,
            auth_id: stamp.from.as_ref().and_then(authenticated_sender),
            rcpt_to: stamp.recipient.as_ref().and_then(recipient),
            mail_from: envelope_from(stamp)?,
            received_at: None,
            writers: writers(stamp, form),
            is_handover: is_handover(stamp, client.is_some(), protocol),
        })
    }
}

/// The text of a name or an address, when it is not longer than any can be.
pub(super) fn text(octets: &[u8]) -> Option<String> {
    let is_short = octets.len() <= TRACE_VALUE_LIMIT;
    is_short.then(|| String::from_utf8_lossy(octets).into_owned())
}

/// A path without its brackets and its obsolete source route (RFC 5321 §4.1.1.3: it is to be ignored).
pub(super) fn path(octets: &[u8]) -> Option<String> {
    let octets = octets.trim_ascii();
    let inside = octets
        .strip_prefix(b"<")
        .and_then(|rest| rest.strip_suffix(b">"));
    let path = inside.unwrap_or(octets);
    let is_clean = memchr3(b'<', b'>', b'\r', path).is_none() && memchr(b'\n', path).is_none();
    let colon = || memchr(b':', path);
    let mailbox = match path.first() {
        Some(b'@') => path.get(colon().map_or(0, |position| position + 1)..)?,
        _ => path,
    };
    // Without brackets nothing says that the sender is the null one.
    let is_said = inside.is_some() || !mailbox.is_empty();
    text(mailbox).filter(|_| is_clean && is_said)
}

fn host(clause: &Clause<'_>) -> Option<Domain> {
    Domain::parse_host(str::from_utf8(clause.words.first()?).ok()?)
}

/// RFC 3848 §1: the word behind `with`; other words (`Microsoft SMTP Server`, `mapi`) are none of it.
fn protocol(clause: &Clause<'_>) -> Option<&'static str> {
    protocol_word(str::from_utf8(clause.words.first()?).ok()?)
}

/// RFC 5321 §4.4: the `for` clause has exactly one path; of several nobody knows which is meant.
fn recipient(clause: &Clause<'_>) -> Option<String> {
    match &*clause.words {
        [word] => path(word).filter(|path| path.contains('@')),
        _ => None,
    }
}

/// Postfix writes it beside the client, where it lets no parenthesis of the client through.
fn authenticated_sender(clause: &Clause<'_>) -> Option<String> {
    let mut comments = clause.comments.iter();
    let user = comments.find_map(|comment| after_label(comment, b"authenticated sender:"))?;
    text(user).filter(|user| !user.is_empty())
}

/// Exim's MAIL FROM; the outer `None` is a comment that a quoted local-part with a parenthesis has torn.
#[expect(clippy::option_option, reason = "the outer one leaves the field")]
fn envelope_from(stamp: &Stamp<'_>) -> Option<Option<String>> {
    let mut comments = stamp.later_comments();
    let Some(value) = comments.find_map(|comment| after_label(comment, b"envelope-from")) else {
        return Some(None);
    };
    let is_whole = value.starts_with(b"<") && value.ends_with(b">");
    is_whole.then(|| path(value))
}

/// What follows a label at a comment's start.
fn after_label<'a>(comment: &'a [u8], label: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = comment.trim_ascii().split_at_checked(label.len())?;
    start.eq_ignore_ascii_case(label).then(|| rest.trim_ascii())
}

/// True when a comment behind `by` begins with the program's name.
fn is_marked(stamp: &Stamp<'_>, mark: &[u8]) -> bool {
    let has_mark = |comment: &[u8]| comment.trim_ascii().starts_with(mark);
    stamp.later_comments().any(has_mark)
}

/// A step inside one host: qmail's own lines, and local delivery without an address of the client (a socket).
fn is_handover(stamp: &Stamp<'_>, has_client: bool, protocol: Option<&str>) -> bool {
    let is_local_delivery = protocol.is_some_and(|word| word.contains("LMTP"));
    (is_local_delivery && !has_client) || is_of_qmail_itself(stamp)
}

/// `(qmail 4242 invoked from network)`; one `by uid` tells that a local user handed in all that stands below.
fn is_of_qmail_itself(stamp: &Stamp<'_>) -> bool {
    let is_own = |comment: &&[u8]| {
        let is_step =
            comment.ends_with(b" invoked from network") || comment.ends_with(b" invoked by alias");
        comment.starts_with(b"qmail ") && is_step
    };
    stamp.from.is_none() && stamp.by.is_none() && stamp.start.comments.first().is_some_and(is_own)
}

/// `by 2002:…` is how Google names its own hosts: addresses of 10.0.0.0/8 by way of 6to4.
fn is_of_google(stamp: &Stamp<'_>) -> bool {
    let Some(word) = stamp.by.as_ref().and_then(|clause| clause.words.first()) else {
        return false;
    };
    let name = word.to_ascii_lowercase();
    let is_host = [b".google.com".as_slice(), b".gmail.com"]
        .iter()
        .any(|domain| name.ends_with(domain));
    is_host || (stamp.from.is_none() && name.starts_with(b"2002:a"))
}

/// The writers whose form and mark the field has.
fn writers(stamp: &Stamp<'_>, form: Option<ClientForm>) -> Vec<Writer> {
    let is_form = |forms: &[ClientForm]| form.is_none_or(|form| forms.contains(&form));
    let by_comment = stamp.by.as_ref().and_then(|clause| clause.comments.first());
    let is_microsoft = stamp.with.as_ref().is_some_and(|clause| {
        clause
            .words
            .first()
            .is_some_and(|word| *word == b"Microsoft")
    });
    let is_sendmail = by_comment.is_some_and(|comment| {
        comment.first().is_some_and(u8::is_ascii_digit) && comment.contains(&b'/')
    });
    let has = |writer: &Writer| match writer {
        Writer::Exim => {
            use ClientForm::{Attributes, Literal, LiteralAlone};
            is_form(&[Attributes, Literal, LiteralAlone]) && is_marked(stamp, b"Exim")
        }
        Writer::Google => {
            use ClientForm::{Literal, NameAndLiteral};
            is_form(&[Literal, NameAndLiteral]) && is_of_google(stamp)
        }
        Writer::Microsoft => is_form(&[ClientForm::Bare, ClientForm::Literal]) && is_microsoft,
        Writer::Postfix => {
            let is_marked = by_comment.is_some_and(|comment| comment.starts_with(b"Postfix"));
            is_form(&[ClientForm::NameAndLiteral]) && is_marked
        }
        Writer::Qmail => match form {
            Some(ClientForm::Bare) => !is_microsoft,
            Some(form) => form == ClientForm::HeloAndBare,
            None => is_of_qmail_itself(stamp),
        },
        Writer::Sendmail => {
            use ClientForm::{Literal, NameAndLiteral};
            is_form(&[Literal, NameAndLiteral]) && is_sendmail
        }
        Writer::Zmailer => form == Some(ClientForm::QuotedHelo),
    };
    Writer::ALL.iter().copied().filter(has).collect()
}
