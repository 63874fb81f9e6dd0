//! Whom the receiver believes in the trace: the words of `trust`, checked, and what each of them means.
//!
//! Knows hosts, networks and counts; must not know how a field is read. Nothing is believed by default.

use std::net::IpAddr;

use super::TRACE_FIELD_LIMIT;
use super::client::parse_address;
use crate::domain::Domain;
use crate::reason::words;

/// Entries of one trust: each field is compared with all of them.
pub const TRUST_ENTRY_LIMIT: usize = 1_000;

words! {
    /// The programs whose form of the Received field is known.
    Writer {
        Exim "exim";
        Google "google";
        Microsoft "microsoft";
        Postfix "postfix";
        Qmail "qmail";
        Sendmail "sendmail";
        Zmailer "zmailer";
    }
}

impl Writer {
    /// Every writer, in the order of the words.
    pub const ALL: &'static [Self] = &[
        Self::Exim,
        Self::Google,
        Self::Microsoft,
        Self::Postfix,
        Self::Qmail,
        Self::Sendmail,
        Self::Zmailer,
    ];
}

/// Which Received fields the receiver's own hosts wrote.
///
/// Believed are fields in one unbroken run from the top. The run begins with a field of a believed host; it goes on below
/// a field only when that field's client is believed too. The lowest field of the run is the border's.
/// - `by:NAME`: a field whose `by` host is NAME is ours; `by:.NAME` also one below that name.
/// - `hops:N`: the N topmost fields are ours, whoever their clients are, and the N-th is the border's.
/// - `net:CIDR`: clients in this network are hosts of ours, so that the next field down is believed too.
/// - `preset:NAME`: a border field is read only in the form of this writer; several presets allow several forms.
///
/// Without `by` and `hops` the topmost field is believed: who configures the rest says that an own host wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    networks: Vec<Network>,
    hosts: Vec<Host>,
    hops: usize,
    writers: Vec<Writer>,
}

/// An entry that is none of the four forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustFault {
    /// The entry as given; `None` when there are too many of them.
    pub entry: Option<String>,
}

impl std::fmt::Display for TrustFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.entry {
            Some(entry) => write!(
                formatter,
                "trust {entry:?} is not understood; use net:CIDR, by:NAME (by:.NAME with the names below it), hops:N with N \
                 from 1 to {TRACE_FIELD_LIMIT} once, or preset:NAME with one of exim, google, microsoft, postfix, qmail, sendmail, zmailer"
            ),
            None => write!(
                formatter,
                "trust has more than {TRUST_ENTRY_LIMIT} entries; join networks and use by:.NAME"
            ),
        }
    }
}

impl Trust {
    /// Reads the entries, each `net:CIDR`, `by:NAME`, `hops:N` or `preset:NAME`.
    ///
    /// # Errors
    /// The first entry that is none of them; a second `hops`.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, TrustFault> {
        if entries.len() > TRUST_ENTRY_LIMIT {
            return Err(TrustFault { entry: None });
        }
        let mut trust = Self::default();
        for entry in entries.iter().map(AsRef::as_ref) {
            trust.add(entry).ok_or_else(|| TrustFault {
                entry: Some(entry.to_owned()),
            })?;
        }
        Ok(trust)
    }

    fn add(&mut self, entry: &str) -> Option<()> {
        let (word, value) = entry.split_once(':')?;
        match word {
            "net" => self.networks.push(Network::parse(value)?),
            "by" => self.hosts.push(Host::parse(value)?),
            "hops" if self.hops == 0 && value.bytes().all(|octet| octet.is_ascii_digit()) => {
                let is_allowed = |hops: &usize| (1..=TRACE_FIELD_LIMIT).contains(hops);
                self.hops = value.parse().ok().filter(is_allowed)?;
            }
            "preset" => self.writers.push(Writer::from_word(value)?),
            _ => return None,
        }
        Some(())
    }

    /// True when nothing is believed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many of the topmost fields are ours by their number.
    pub(super) fn hops(&self) -> usize {
        self.hops
    }

    /// Whether the topmost field is believed for want of a word about who wrote it.
    pub(super) fn believes_topmost(&self) -> bool {
        !self.is_empty() && self.hosts.is_empty() && self.hops == 0
    }

    /// The forms a border field may have; empty: any.
    pub(super) fn writers(&self) -> &[Writer] {
        &self.writers
    }

    /// True when this host is named as one of ours.
    pub(super) fn names_host(&self, host: &Domain) -> bool {
        self.hosts.iter().any(|own| own.includes(host))
    }

    /// True when this client is a host of ours.
    pub(super) fn holds_client(&self, client: IpAddr) -> bool {
        self.networks.iter().any(|network| network.includes(client))
    }
}

/// A host's name, and whether the names below it count too.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    name: Domain,
    with_below: bool,
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        let below = text.strip_prefix('.');
        Some(Self {
            name: Domain::parse_host(below.unwrap_or(text))?,
            with_below: below.is_some(),
        })
    }

    fn includes(&self, host: &Domain) -> bool {
        *host == self.name || (self.with_below && host.is_equal_or_below(&self.name))
    }
}

/// The addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    first: u128,
    mask: u128,
}

impl Network {
    /// `192.0.2.0/24`, `2001:db8::/32`, or an address alone; bits behind the prefix are not looked at.
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let is_v4 = !address.contains(':');
        let address = parse_address(address)?;
        let longest = if is_v4 { 32 } else { 128 };
        let is_number = |prefix: &&str| prefix.bytes().all(|octet| octet.is_ascii_digit());
        let prefix: u32 = match prefix {
            Some(prefix) => Some(prefix).filter(is_number)?.parse().ok()?,
            None => longest,
        };
        let host_bits = Some(longest).filter(|longest| prefix <= *longest)? - prefix;
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        let mask = if is_v4 { mask | MAPPED_PREFIX } else { mask };
        Some(Self {
            first: bits(address) & mask,
            mask,
        })
    }

    fn includes(self, address: IpAddr) -> bool {
        bits(address) & self.mask == self.first
    }
}

/// The 96 bits before an IPv4 address in its mapped form.
const MAPPED_PREFIX: u128 = u128::MAX << 32;

/// An address as a number; an IPv4 address in its mapped form, so that one comparison serves both kinds.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}
