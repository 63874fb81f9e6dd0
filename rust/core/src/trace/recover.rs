//! Fills an envelope out of the trace, as far as the receiver's [`Trust`] goes.
//!
//! Order of the sources: what the caller or the spool gave; the border's Received field; a Received-SPF field of the
//! same host right above it; Return-Path. Must not know any check. What none of them says stays missing.

use std::net::IpAddr;
use std::ops::Range;

use super::received::path;
use super::{
    Received, ReceivedSpf, TRACE_FIELD_LIMIT, TRACE_OCTET_LIMIT, Trust, UNROUTABLE_HOP_LIMIT,
    Writer,
};
use crate::authentication_results;
use crate::domain::Domain;
use crate::envelope::{Envelope, is_public};
use crate::message::{Field, Message};
use crate::policy::Policy;
use crate::verdict::{EnvelopeSources, Source};

/// What the believed part of the trace tells besides the envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Clients with addresses that are not routable, each once, from the top, at most [`UNROUTABLE_HOP_LIMIT`].
    pub unroutable_hops: Vec<IpAddr>,
}

/// Fills what is missing of `envelope` and writes down where each part comes from.
pub fn recover(message: &Message, envelope: &mut Envelope, policy: &Policy) -> Recovery {
    let mut sources = envelope.sources_as_given();
    // A header section that is cut off may have lost the field that would contradict (two Return-Path fields).
    let run = if message.exceeds_limits() || policy.trust.is_empty() {
        Run::default()
    } else {
        Run::of(message, &policy.trust)
    };
    // Parts of two sources could be those of two sessions.
    let has_session =
        envelope.client_ip.is_some() || envelope.helo.is_some() || envelope.mail_from.is_some();
    if let Some(last) = &run.last {
        fill_facts(message, envelope, &mut sources, last, policy);
        if last.is_border && !has_session {
            fill_session(message, envelope, &mut sources, last, policy);
        }
    }
    if !has_session && envelope.mail_from.is_none() && !message.exceeds_limits() {
        envelope.mail_from = return_path(message);
        if envelope.mail_from.is_some() {
            sources.mail_from = Source::ReturnPath;
        }
    }
    envelope.sources = Some(sources);
    Recovery {
        unroutable_hops: run.unroutable_hops,
    }
}

/// The lowest field that is believed.
struct Last {
    received: Received,
    /// Its position among the message's fields.
    position: usize,
    /// The fields between the Received field above it and this one.
    above: Range<usize>,
    /// Its client is none of ours, so it tells of the message's entry.
    is_border: bool,
}

/// The unbroken run of believed fields from the top.
#[derive(Default)]
struct Run {
    last: Option<Last>,
    unroutable_hops: Vec<IpAddr>,
}

impl Run {
    fn of(message: &Message, trust: &Trust) -> Self {
        let mut run = Self::default();
        let mut believes_next = trust.believes_topmost();
        let mut start = 0;
        let positions = message.positions_named(b"received");
        for (index, position) in positions.take(TRACE_FIELD_LIMIT).enumerate() {
            let received = Received::read(value_at(message, position));
            let above = std::mem::replace(&mut start, position + 1)..position;
            let is_counted = index < trust.hops();
            let is_named = received.by.as_ref().is_some_and(|by| trust.names_host(by));
            let is_believed = is_counted || is_named || believes_next;
            if is_inside_host(&received, trust) {
                // A step inside the host that wrote the field above or writes the field below says nothing of its own.
                believes_next |= is_counted;
                continue;
            }
            if !is_believed {
                break;
            }
            run.note(received.client_ip);
            if index + 1 < trust.hops() {
                continue;
            }
            if received.is_handover {
                believes_next = true;
                continue;
            }
            if !received.is_in_form(trust.writers()) {
                run.last = None;
                break;
            }
            let is_own = received.client_ip.is_some_and(|ip| trust.holds_client(ip));
            believes_next = is_own;
            run.last = Some(Last {
                received,
                position,
                above,
                is_border: !is_own,
            });
            if !is_own {
                break;
            }
        }
        run
    }

    /// A receiver's view of BCP 84: addresses that cannot have come over the Internet.
    fn note(&mut self, client_ip: Option<IpAddr>) {
        let Some(client_ip) = client_ip.filter(|ip| !is_public(*ip)) else {
            return;
        };
        let has_room = self.unroutable_hops.len() < UNROUTABLE_HOP_LIMIT;
        if has_room && !self.unroutable_hops.contains(&client_ip) {
            self.unroutable_hops.push(client_ip);
        }
    }
}

/// Fields that name no host to be believed: qmail's own, and Google's inner ones where its form is expected.
fn is_inside_host(received: &Received, trust: &Trust) -> bool {
    let is_nameless = received.by.is_none() && received.client_ip.is_none();
    let is_of = |writer: Writer| received.writers.contains(&writer);
    let is_google = is_of(Writer::Google) && trust.writers().contains(&Writer::Google);
    is_nameless && ((is_of(Writer::Qmail) && received.is_handover) || is_google)
}

/// The value of the field at a position.
fn value_at(message: &Message, position: usize) -> &[u8] {
    let field = message.fields().get(position);
    field.map_or(&[], |field| message.value(field))
}

/// Fields of this name within a range of positions.
fn fields_within<'a>(
    message: &'a Message,
    range: Range<usize>,
    name: &'a [u8],
) -> impl Iterator<Item = &'a Field> {
    let fields = message.fields().get(range).unwrap_or_default();
    let is_named = move |field: &&Field| message.name(field).eq_ignore_ascii_case(name);
    fields.iter().filter(is_named).take(TRACE_FIELD_LIMIT)
}

/// What belongs to the message rather than to the identities of its session.
fn fill_facts(
    message: &Message,
    envelope: &mut Envelope,
    sources: &mut EnvelopeSources,
    last: &Last,
    policy: &Policy,
) {
    let received = &last.received;
    if let (true, Some(path)) = (envelope.rcpt_to.is_empty(), &received.rcpt_to) {
        envelope.rcpt_to.push(path.clone());
        sources.rcpt_to = Source::Received;
    }
    if let (None, Some(time)) = (envelope.received_at, received.received_at) {
        envelope.received_at = Some(time);
        sources.received_at = Source::Received;
    }
    if envelope.protocol.is_none() {
        envelope.protocol = received.protocol.map(str::to_owned);
    }
    if envelope.auth_id.is_none() {
        let auth_id = received.auth_id.clone();
        envelope.auth_id = auth_id.or_else(|| authenticated_user(message, last, policy));
    }
}

/// Client, HELO and MAIL FROM of the session that the border's field tells of.
fn fill_session(
    message: &Message,
    envelope: &mut Envelope,
    sources: &mut EnvelopeSources,
    last: &Last,
    policy: &Policy,
) {
    let received = &last.received;
    fill(
        &mut envelope.client_ip,
        &mut sources.client_ip,
        received.client_ip,
        Source::Received,
    );
    fill(
        &mut envelope.helo,
        &mut sources.helo,
        received.helo.clone(),
        Source::Received,
    );
    fill(
        &mut envelope.mail_from,
        &mut sources.mail_from,
        received.mail_from.clone(),
        Source::Received,
    );
    // RFC 7208 §9.1: the field stands above the Received field of the host that checked.
    for field in fields_within(message, last.above.clone(), b"received-spf") {
        let Some(checked) = ReceivedSpf::read(message.value(field)) else {
            continue;
        };
        let is_ours = checked
            .receiver
            .as_ref()
            .is_some_and(|host| is_own_host(host, last, policy));
        let is_same_session = match (checked.client_ip, envelope.client_ip) {
            (Some(checked), Some(known)) => checked == known,
            (Some(checked), None) => !policy.trust.holds_client(checked),
            (None, known) => known.is_some(),
        };
        if is_ours && is_same_session {
            let source = Source::ReceivedSpf;
            fill(
                &mut envelope.client_ip,
                &mut sources.client_ip,
                checked.client_ip,
                source,
            );
            fill(&mut envelope.helo, &mut sources.helo, checked.helo, source);
            fill(
                &mut envelope.mail_from,
                &mut sources.mail_from,
                checked.envelope_from,
                source,
            );
        }
    }
}

fn fill<T>(part: &mut Option<T>, source: &mut Source, value: Option<T>, from: Source) {
    if part.is_none() && value.is_some() {
        *part = value;
        *source = from;
    }
}

/// True for the host that wrote the field, and for those that are named as ours.
fn is_own_host(host: &Domain, last: &Last, policy: &Policy) -> bool {
    last.received.by.as_ref() == Some(host) || policy.trust.names_host(host)
}

/// `auth=pass smtp.auth=` of an Authentication-Results field above the border's (RFC 8601 §2.7.4), by one of our hosts:
/// everything that stands there was put there by them.
fn authenticated_user(message: &Message, last: &Last, policy: &Policy) -> Option<String> {
    let fields = fields_within(message, 0..last.position, b"authentication-results");
    let values = fields.map(|field| message.value(field));
    let read = values
        .filter(|value| value.len() <= TRACE_OCTET_LIMIT)
        .map(authentication_results::parse);
    let is_ours = |field: &authentication_results::AuthenticationResults| {
        let authserv_id = field.authserv_id.as_deref().and_then(Domain::parse_host);
        authserv_id.is_some_and(|id| {
            is_own_host(&id, last, policy) || Domain::parse_host(&policy.receiver) == Some(id)
        })
    };
    let mut results = read.filter(is_ours).flat_map(|field| field.results);
    let passed = results.find(|result| result.method == "auth" && result.result == "pass")?;
    let user = passed
        .properties
        .into_iter()
        .find(|property| property.ptype.as_deref() == Some("smtp") && property.name == "auth")?;
    Some(user.value).filter(|value| !value.is_empty())
}

/// RFC 5321 §4.4: MAIL FROM at the final delivery stands above the time stamps, and once. One further down came with the
/// message, and of two nobody knows which is ours.
fn return_path(message: &Message) -> Option<String> {
    let mut positions = message.positions_named(b"return-path");
    let position = positions.next()?;
    let is_only = positions.next().is_none();
    let mut received = message.positions_named(b"received");
    let is_on_top = received.next().is_none_or(|received| position < received);
    let value = value_at(message, position);
    let is_clear = is_only && is_on_top && value.len() <= TRACE_OCTET_LIMIT;
    is_clear.then(|| path(value)).flatten()
}
