//! RFC 5321 facts about a message that its octets do not hold: client, HELO, MAIL FROM, receipt.

use std::net::IpAddr;

use crate::verdict::{EnvelopeRow, EnvelopeSources, Source};

/// What SMTP said about a message; everything may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The client's address; an IPv4-mapped IPv6 address counts as IPv4 (RFC 7208 §5).
    pub client_ip: Option<IpAddr>,
    /// The name of HELO or EHLO; may be empty or a literal.
    pub helo: Option<String>,
    /// The reverse-path without brackets; empty is the null sender.
    pub mail_from: Option<String>,
    /// The forward-paths.
    pub rcpt_to: Vec<String>,
    /// The authenticated user of a submission.
    pub auth_id: Option<String>,
    /// RFC 3848 word.
    pub protocol: Option<String>,
    /// Unix seconds of receipt.
    pub received_at: Option<i64>,
    /// Where each part comes from; `None` = every part that is present was given by the caller.
    pub sources: Option<EnvelopeSources>,
}

impl Envelope {
    /// True when the client address comes from a trace field, so that it must be a public one to be believed.
    pub fn is_client_recovered(&self) -> bool {
        self.sources
            .is_some_and(|sources| !matches!(sources.client_ip, Source::Explicit | Source::Spool))
    }

    /// The envelope as a verdict shows it; `received_at` came from `received_source`.
    pub fn to_row(&self, received_source: Source) -> EnvelopeRow {
        let given = |is_present: bool| {
            if is_present {
                Source::Explicit
            } else {
                Source::Missing
            }
        };
        let sources = self.sources.unwrap_or_else(|| EnvelopeSources {
            client_ip: given(self.client_ip.is_some()),
            helo: given(self.helo.is_some()),
            mail_from: given(self.mail_from.is_some()),
            rcpt_to: given(!self.rcpt_to.is_empty()),
            received_at: received_source,
        });
        EnvelopeRow {
            client_ip: self.client_ip.map(|ip| ip.to_canonical().to_string()),
            helo: self.helo.clone(),
            mail_from: self.mail_from.clone(),
            rcpt_to: self.rcpt_to.clone(),
            auth_id: self.auth_id.clone(),
            protocol: self.protocol.clone(),
            sources: EnvelopeSources {
                received_at: received_source,
                ..sources
            },
        }
    }
}
