//! The writers' forms, the traps of each, and whom a trust believes.

mod forms;
mod properties;
mod recovery;
mod words;

use bytes::Bytes;

use super::*;
use crate::envelope::Envelope;
use crate::message::Message;
use crate::policy::Policy;

fn message(header: &str) -> Message {
    Message::parse(Bytes::from(format!("{header}\r\nbody\r\n")))
}

fn trusting(entries: &[&str]) -> Policy {
    Policy {
        trust: Trust::parse(entries).unwrap(),
        ..Policy::default()
    }
}

/// The envelope that a header gives to a receiver who believes these entries.
fn recovered(header: &str, trust: &[&str]) -> Envelope {
    completed(Envelope::default(), header, trust)
}

fn completed(mut envelope: Envelope, header: &str, trust: &[&str]) -> Envelope {
    recover(&message(header), &mut envelope, &trusting(trust));
    envelope
}

/// The client as a verdict shows it, and its source.
fn client(envelope: &Envelope) -> (Option<String>, &'static str) {
    let row = envelope.clone().into_row(crate::verdict::Source::Missing);
    (row.client_ip, row.sources.client_ip.as_str())
}
