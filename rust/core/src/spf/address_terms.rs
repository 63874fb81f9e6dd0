//! The mechanisms that compare addresses (RFC 7208 §5.3 to §5.7), and the validated names of `ptr` and `%{p}` (§5.5).
//!
//! Knows which questions a term asks and what an answer means for it; the order of terms and all counters are in
//! `check_host.rs`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::SpfReason;
use super::check_host::{Check, PTR_ERROR, Stop, check_fault};
use super::macro_string::{MacroString, reverse_name};
use super::record::{Mechanism, PrefixLengths};
use super::target_name::Target;
use crate::dns::{Entry, Outcome, Pending, RecordType};
use crate::domain::Domain;
use crate::reason::LimitWord;

/// MX names whose addresses one `mx` may ask for; more is an error (RFC 7208 §4.6.4).
pub const MX_NAME_LIMIT: usize = 10;
/// PTR names that one `ptr` or `%{p}` looks at; the rest is ignored (RFC 7208 §4.6.4).
pub const PTR_NAME_LIMIT: usize = 10;

impl Check<'_> {
    /// True when the client matches; `include` is none of these mechanisms and never matches here.
    pub(super) fn matches(&mut self, mechanism: &Mechanism, domain: &Domain) -> Result<bool, Stop> {
        match mechanism {
            Mechanism::All | Mechanism::Ip4(..) | Mechanism::Ip6(..) | Mechanism::Include(_) => {
                Ok(self.matches_without_dns(mechanism))
            }
            Mechanism::A(spec, lengths) => self.matches_a(spec.as_ref(), *lengths, domain),
            Mechanism::Mx(spec, lengths) => self.matches_mx(spec.as_ref(), *lengths, domain),
            Mechanism::Ptr(spec) => self.matches_ptr(spec.as_ref(), domain),
            Mechanism::Exists(spec) => self.matches_exists(spec, domain),
        }
    }

    /// True when `all`, `ip4` or `ip6` matches.
    pub(super) fn matches_without_dns(&self, mechanism: &Mechanism) -> bool {
        match (mechanism, self.arguments.client_ip) {
            (Mechanism::All, _) => true,
            (Mechanism::Ip4(network, length), IpAddr::V4(client)) => {
                is_in_ip4_network(client, *network, *length)
            }
            (Mechanism::Ip6(network, length), IpAddr::V6(client)) => {
                is_in_ip6_network(client, *network, *length)
            }
            _ => false,
        }
    }

    /// Asks ahead for the question that this term itself will ask.
    pub(super) fn expect_term(&self, mechanism: &Mechanism, domain: &Domain) {
        let (spec, record_type) = match mechanism {
            Mechanism::All | Mechanism::Ip4(..) | Mechanism::Ip6(..) => return,
            Mechanism::Ptr(_) => {
                if let Some(name) = reverse_name(self.arguments.client_ip) {
                    self.answers.expect(&name, RecordType::Ptr);
                }
                return;
            }
            Mechanism::Include(spec) => (Some(spec), RecordType::Txt),
            Mechanism::Exists(spec) => (Some(spec), RecordType::A),
            Mechanism::A(spec, _) => (spec.as_ref(), self.address_type()),
            Mechanism::Mx(spec, _) => (spec.as_ref(), RecordType::Mx),
        };
        if let Some(name) = self.probable_target(spec, domain) {
            self.answers.expect(&name, record_type);
        }
    }

    /// RFC 7208 §5: A records for an IPv4 client, AAAA records for an IPv6 client.
    fn address_type(&self) -> RecordType {
        match self.arguments.client_ip {
            IpAddr::V4(_) => RecordType::A,
            IpAddr::V6(_) => RecordType::Aaaa,
        }
    }

    /// Asks the question of a term itself: errors end the check, an empty answer is void.
    fn ask_for_term(&mut self, name: &Domain, record_type: RecordType) -> Result<Entry, Stop> {
        let entry = self.answers.ask(name, record_type)?;
        check_fault(entry.outcome)?;
        self.count_void(entry.outcome)?;
        Ok(entry)
    }

    /// Asks for the addresses of a name; while they are awaited, asks ahead for those of the names that follow.
    fn ask_for_addresses(
        &self,
        name: &Domain,
        following: Option<&[Domain]>,
    ) -> Result<Entry, Pending> {
        let answer = self.answers.ask(name, self.address_type());
        if answer.is_err() {
            for name in following.unwrap_or_default() {
                self.answers.expect(name, self.address_type());
            }
        }
        answer
    }

    /// RFC 7208 §5.3.
    fn matches_a(
        &mut self,
        spec: Option<&MacroString>,
        lengths: PrefixLengths,
        domain: &Domain,
    ) -> Result<bool, Stop> {
        let Target::Name(name) = self.target(spec, domain)? else {
            return Ok(false);
        };
        let entry = self.ask_for_term(&name, self.address_type())?;
        Ok(self.has_client(&entry, lengths))
    }

    /// RFC 7208 §5.4: no MX record means no match, never an implicit MX.
    fn matches_mx(
        &mut self,
        spec: Option<&MacroString>,
        lengths: PrefixLengths,
        domain: &Domain,
    ) -> Result<bool, Stop> {
        let Target::Name(name) = self.target(spec, domain)? else {
            return Ok(false);
        };
        let entry = self.ask_for_term(&name, RecordType::Mx)?;
        let mut exchanges: Vec<(u16, Domain)> = entry
            .mx()
            .filter_map(|mx| Some((mx.preference, mx.exchange?)))
            .collect();
        // RFC 7208 §4.6.4. Deviation: an error also where an earlier name would match, for equal preferences have no order.
        if exchanges.len() > MX_NAME_LIMIT {
            return Err(Stop::Verdict(SpfReason::MxLimit));
        }
        exchanges.sort();
        let names: Vec<Domain> = exchanges.into_iter().map(|(_, name)| name).collect();
        for (index, name) in names.iter().enumerate() {
            let entry = self.ask_for_addresses(name, names.get(index + 1..))?;
            check_fault(entry.outcome)?;
            if self.has_client(&entry, lengths) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// RFC 7208 §5.7: always an A question.
    fn matches_exists(&mut self, spec: &MacroString, domain: &Domain) -> Result<bool, Stop> {
        let Target::Name(name) = self.target(Some(spec), domain)? else {
            return Ok(false);
        };
        Ok(self.ask_for_term(&name, RecordType::A)?.ipv4().len() > 0)
    }

    /// RFC 7208 §5.5: a validated name that is the target-name or below it.
    fn matches_ptr(&mut self, spec: Option<&MacroString>, domain: &Domain) -> Result<bool, Stop> {
        let Target::Name(target) = self.target(spec, domain)? else {
            return Ok(false);
        };
        let (outcome, mut names) = self.client_names()?;
        self.count_void(outcome)?;
        // Names elsewhere cannot match: their addresses are not asked for.
        names.retain(|name| name.is_equal_or_below(&target));
        Ok(self.first_validated(&names)?.is_some())
    }

    /// The name of `%{p}` (RFC 7208 §7.3): the domain itself, else one below it, else any.
    pub(super) fn validated_name(&mut self, domain: &Domain) -> Result<Option<Domain>, Stop> {
        let (_, mut names) = self.client_names()?;
        names.sort_by_key(|name| (name != domain, !name.is_equal_or_below(domain)));
        self.first_validated(&names)
    }

    /// The first ten names that the client's address has, in the order of the answer; none after an error.
    fn client_names(&mut self) -> Result<(Outcome, Vec<Domain>), Stop> {
        let Some(question) = reverse_name(self.arguments.client_ip) else {
            return Ok((Outcome::Found, Vec::new()));
        };
        let entry = self.answers.ask(&question, RecordType::Ptr)?;
        self.tolerate_fault(entry.outcome)?;
        let mut all = entry.ptr();
        let names = all.by_ref().take(PTR_NAME_LIMIT).collect();
        if all.next().is_some() {
            self.note(LimitWord::PtrLimit.code());
        }
        Ok((entry.outcome, names))
    }

    /// The first name that has the client among its addresses.
    fn first_validated(&mut self, names: &[Domain]) -> Result<Option<Domain>, Stop> {
        for (index, name) in names.iter().enumerate() {
            let entry = self.ask_for_addresses(name, names.get(index + 1..))?;
            // RFC 7208 §5.5: a name whose addresses cannot be asked for is skipped.
            self.tolerate_fault(entry.outcome)?;
            if self.has_client(&entry, PrefixLengths { ip4: 32, ip6: 128 }) {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }

    /// RFC 7208 §5.5, §7.3: errors of `ptr` and `%{p}` are no match; a message's budget is ours and stays an error.
    fn tolerate_fault(&mut self, outcome: Outcome) -> Result<(), Stop> {
        if outcome == Outcome::OverBudget {
            return check_fault(outcome);
        }
        if outcome.is_fault() {
            self.note(PTR_ERROR);
        }
        Ok(())
    }

    /// True when one of the answer's addresses is the client's up to the prefix length of its family.
    fn has_client(&self, answer: &Entry, lengths: PrefixLengths) -> bool {
        match self.arguments.client_ip {
            IpAddr::V4(client) => answer
                .ipv4()
                .any(|address| is_in_ip4_network(client, address, lengths.ip4)),
            IpAddr::V6(client) => answer
                .ipv6()
                .any(|address| is_in_ip6_network(client, address, lengths.ip6)),
        }
    }
}

/// RFC 7208 §5: the first `length` bits are equal.
fn is_in_ip4_network(client: Ipv4Addr, network: Ipv4Addr, length: u8) -> bool {
    let ignored = 32_u32.saturating_sub(u32::from(length));
    let difference = client.to_bits() ^ network.to_bits();
    difference.checked_shr(ignored).unwrap_or(0) == 0
}

fn is_in_ip6_network(client: Ipv6Addr, network: Ipv6Addr, length: u8) -> bool {
    let ignored = 128_u32.saturating_sub(u32::from(length));
    let difference = client.to_bits() ^ network.to_bits();
    difference.checked_shr(ignored).unwrap_or(0) == 0
}
