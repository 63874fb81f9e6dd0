//! Identifier alignment (RFC 9989 §4.4, §4.10.2; RFC 7489 §3.1) and the organizational domains it rests on.
//!
//! Knows two names and a rule book; must not know which check authenticated a name.

use super::tree_walk::{self, Publications, TreeWalk};
use super::{AlignmentMode, DmarcReason};
use crate::dns::Pending;
use crate::domain::Domain;
use crate::policy::{Policy, Rules};

/// An organizational domain, none (a public suffix), or why it is not known.
pub(super) type Organization = Result<Option<Domain>, DmarcReason>;

/// The organizational domains of one evaluation, each determined once.
pub(super) struct Organizations<'a> {
    publications: &'a Publications<'a>,
    policy: &'a Policy,
    rules: Rules,
    known: Vec<(Domain, Organization)>,
}

impl<'a> Organizations<'a> {
    pub(super) fn new(
        publications: &'a Publications<'a>,
        policy: &'a Policy,
        rules: Rules,
    ) -> Self {
        Self {
            publications,
            policy,
            rules,
            known: Vec::new(),
        }
    }

    /// The organizational domain of `name`: by the public suffix list (RFC 7489 §3.2) or a tree walk (RFC 9989 §4.10.2).
    pub(super) fn find(&mut self, name: &Domain) -> Result<Organization, Pending> {
        if let Some(organization) = self.known(name) {
            return Ok(organization.clone());
        }
        let organization = if self.rules == Rules::Rfc7489 {
            let list = &self.policy.public_suffix_list;
            Ok(list.organizational_domain(name, self.policy.private_suffixes))
        } else {
            TreeWalk::run(self.publications, name)?.map(|walk| Some(walk.organizational_domain()))
        };
        self.known.push((name.clone(), organization.clone()));
        Ok(organization)
    }

    /// The organizational domain of `name` if it was determined before.
    pub(super) fn known(&self, name: &Domain) -> Option<&Organization> {
        let found = self.known.iter().find(|(known, _)| known == name);
        found.map(|(_, organization)| organization)
    }

    /// Whether an identifier is aligned with the author domain; asks only what can still make it so.
    ///
    /// Deviation: RFC 7489 §3.1.1 wants equal organizational domains in relaxed mode, which two equal public suffixes
    /// lack. Equal names are aligned in both modes, for strict mode would pass them.
    pub(super) fn are_aligned(
        &mut self,
        author: &Domain,
        identifier: &Domain,
        mode: AlignmentMode,
    ) -> Result<Result<bool, DmarcReason>, Pending> {
        if identifier == author {
            return Ok(Ok(true));
        }
        // RFC 9989 §4.10.2: strict alignment is a plain comparison. Names without a common label have no common
        // organizational domain, whatever a walk would find.
        if mode == AlignmentMode::Strict || shared_label_count(author, identifier) == 0 {
            return Ok(Ok(false));
        }
        let organization = match self.find(author)? {
            Ok(Some(organization)) => organization,
            Ok(None) => return Ok(Ok(false)),
            Err(reason) => return Ok(Err(reason)),
        };
        if !identifier.is_equal_or_below(&organization) {
            return Ok(Ok(false));
        }
        let found = self.find(identifier)?;
        Ok(found.map(|found| found.as_ref() == Some(&organization)))
    }

    /// Asks ahead for the walks that [`Organizations::are_aligned`] will probably need.
    pub(super) fn expect(&self, author: &Domain, identifier: &Domain, mode: AlignmentMode) {
        // A common last label alone is nearly always a top-level domain.
        let is_likely = identifier != author && shared_label_count(author, identifier) > 1;
        if self.rules != Rules::Rfc7489 && mode == AlignmentMode::Relaxed && is_likely {
            tree_walk::expect(self.publications.answers, author);
            tree_walk::expect(self.publications.answers, identifier);
        }
    }
}

fn shared_label_count(first: &Domain, second: &Domain) -> usize {
    let (first, second) = (first.as_str().as_bytes(), second.as_str().as_bytes());
    let pairs = first.iter().rev().zip(second.iter().rev());
    let common = pairs.take_while(|(one, other)| one == other);
    let (octets, dots) = common.fold((0, 0), |(octets, dots), (octet, _)| {
        (octets + 1, dots + usize::from(*octet == b'.'))
    });
    // The leftmost of the common octets are a label only where both names have a border before them.
    let is_border = |name: &[u8]| match name.len().checked_sub(octets + 1) {
        Some(before) => name.get(before) == Some(&b'.'),
        None => true,
    };
    dots + usize::from(octets > 0 && is_border(first) && is_border(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_shared_from_the_right_as_far_as_they_are_whole() {
        for (first, second, shared) in [
            ("example.com", "example.com", 2),
            ("mail.example.com", "example.com", 2),
            ("example.com", "a.example.com", 2),
            ("xample.com", "example.com", 1),
            ("x.com", "y.com", 1),
            ("a.xb.com", "a.b.com", 1),
            ("com", "xcom", 0),
            ("com", "com", 1),
            ("com", "org", 0),
        ] {
            let name = |text| Domain::parse_ascii(text).unwrap();
            let found = shared_label_count(&name(first), &name(second));
            assert_eq!(found, shared, "{first} {second}");
        }
    }
}
