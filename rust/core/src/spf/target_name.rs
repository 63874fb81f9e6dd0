//! Target-names (RFC 7208 §4.8): what the domain-spec of a term comes to in one evaluation.
//!
//! Knows how the values of macros come together; the grammar and the expansion are in `macro_string.rs`, what a term
//! does with its target-name is the term's own affair.

use super::check_host::{Check, Stop};
use super::macro_string::{MacroString, MacroValues};
use crate::domain::Domain;

/// What a domain-spec came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Name(Domain),
    /// The expansion is no domain name.
    Malformed,
    /// The local-part cannot be a label (RFC 8616 §4).
    NonAsciiLocalPart,
}

impl<'a> Check<'a> {
    /// The target-name of a term (RFC 7208 §4.8); without a domain-spec it is `domain`.
    pub(super) fn target(
        &mut self,
        spec: Option<&MacroString>,
        domain: &Domain,
    ) -> Result<Target, Stop> {
        let Some(spec) = spec else {
            return Ok(Target::Name(domain.clone()));
        };
        if let Some(name) = spec.fixed_name() {
            return Ok(Target::Name(name.clone()));
        }
        // RFC 7208 §4.6.4: the PTR question of `%{p}` counts like a term.
        for _ in 0..spec.validated_name_count() {
            self.count_lookup()?;
        }
        self.expand_target(spec, domain)
    }

    pub(super) fn expand_target(
        &mut self,
        spec: &MacroString,
        domain: &Domain,
    ) -> Result<Target, Stop> {
        // RFC 8616 §4: a term with a local-part that is not ASCII matches nothing.
        if spec.uses_local_part() && !self.arguments.sender.local_part.is_ascii() {
            return Ok(Target::NonAsciiLocalPart);
        }
        let validated_name = self.validated_name_for(spec, domain)?;
        let values = self.macro_values(domain, validated_name.as_ref());
        Ok(spec
            .expand_name(&values)
            .map_or(Target::Malformed, Target::Name))
    }

    pub(super) fn validated_name_for(
        &mut self,
        spec: &MacroString,
        domain: &Domain,
    ) -> Result<Option<Domain>, Stop> {
        if spec.validated_name_count() == 0 {
            return Ok(None);
        }
        self.validated_name(domain)
    }

    pub(super) fn macro_values<'v>(
        &self,
        domain: &'v Domain,
        validated_name: Option<&'v Domain>,
    ) -> MacroValues<'v>
    where
        'a: 'v,
    {
        MacroValues {
            local_part: &self.arguments.sender.local_part,
            sender_domain: self.arguments.sender.domain.as_str(),
            domain: domain.as_str(),
            client_ip: self.arguments.client_ip,
            validated_name: validated_name.map(Domain::as_str),
            helo: self.arguments.helo,
            receiver: self.arguments.receiver,
            now: self.arguments.now,
        }
    }

    /// The target-name as far as it needs no DNS.
    pub(super) fn probable_target(
        &self,
        spec: Option<&MacroString>,
        domain: &Domain,
    ) -> Option<Domain> {
        let Some(spec) = spec else {
            return Some(domain.clone());
        };
        if let Some(name) = spec.fixed_name() {
            return Some(name.clone());
        }
        let is_unusable = spec.uses_local_part() && !self.arguments.sender.local_part.is_ascii();
        if is_unusable || spec.validated_name_count() > 0 {
            return None;
        }
        spec.expand_name(&self.macro_values(domain, None))
    }
}
