//! RFC 5321 facts about a message that its octets do not hold: client, HELO, MAIL FROM, receipt.

use std::net::IpAddr;

use crate::verdict::{EnvelopeRow, EnvelopeSources, Source};

/// The protocol words of RFC 3848 §1 and, for internationalized mail, RFC 6531.
const PROTOCOL_WORDS: [&str; 17] = [
    "SMTP",
    "ESMTP",
    "ESMTPA",
    "ESMTPS",
    "ESMTPSA",
    "LMTP",
    "LMTPA",
    "LMTPS",
    "LMTPSA",
    "UTF8SMTP",
    "UTF8SMTPA",
    "UTF8SMTPS",
    "UTF8SMTPSA",
    "UTF8LMTP",
    "UTF8LMTPA",
    "UTF8LMTPS",
    "UTF8LMTPSA",
];

/// The registered spelling of a protocol word, compared without case; `None` for what is none.
pub fn protocol_word(text: &str) -> Option<&'static str> {
    let mut words = PROTOCOL_WORDS.iter().copied();
    words.find(|word| word.eq_ignore_ascii_case(text))
}

/// False for private, loopback, link-local and shared addresses: a trace field that names one tells of an inner hop.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let is_shared =
                matches!(address.octets(), [100, second, ..] if (64..=127).contains(&second));
            !(address.is_private() || address.is_loopback() || address.is_link_local() || is_shared)
        }
        IpAddr::V6(address) => {
            !(address.is_loopback() || address.is_unicast_link_local() || address.is_unique_local())
        }
    }
}

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

    /// True for mail that an authenticated client handed in: RFC 3848 §1 marks it by `A`.
    pub fn is_submission(&self) -> bool {
        let is_authenticated = self.auth_id.as_deref().is_some_and(|id| !id.is_empty());
        let word = self.protocol.as_deref().and_then(protocol_word);
        is_authenticated || word.is_some_and(|word| word.ends_with('A'))
    }

    /// True when the client authenticated and its protocol word says that there was no TLS (RFC 3848 §1: `A` without `S`).
    pub fn is_cleartext_submission(&self) -> bool {
        let word = self.protocol.as_deref().and_then(protocol_word);
        word.is_some_and(|word| word.ends_with('A') && !word.ends_with("SA"))
    }

    /// Where each part comes from; without a word about it, what is present was given by the caller.
    pub fn sources_as_given(&self) -> EnvelopeSources {
        let given = |is_present: bool| {
            if is_present {
                Source::Explicit
            } else {
                Source::Missing
            }
        };
        self.sources.unwrap_or_else(|| EnvelopeSources {
            client_ip: given(self.client_ip.is_some()),
            helo: given(self.helo.is_some()),
            mail_from: given(self.mail_from.is_some()),
            rcpt_to: given(!self.rcpt_to.is_empty()),
            received_at: given(self.received_at.is_some()),
        })
    }

    /// The envelope as a verdict shows it; `received_at` came from `received_source`.
    ///
    /// A recovered client that is no public address is not shown: it is an inner hop, not who sent the message.
    pub fn into_row(self, received_source: Source) -> EnvelopeRow {
        let mut sources = self.sources_as_given();
        sources.received_at = received_source;
        let is_recovered = matches!(sources.client_ip, Source::Received | Source::ReceivedSpf);
        let client_ip = self.client_ip.filter(|ip| !is_recovered || is_public(*ip));
        if client_ip.is_none() && is_recovered {
            sources.client_ip = Source::Missing;
        }
        EnvelopeRow {
            client_ip: client_ip.map(|ip| ip.to_canonical().to_string()),
            helo: self.helo,
            mail_from: self.mail_from,
            rcpt_to: self.rcpt_to,
            auth_id: self.auth_id,
            protocol: self.protocol,
            sources,
        }
    }
}
