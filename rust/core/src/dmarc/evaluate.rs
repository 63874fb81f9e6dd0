//! DMARC's verdict on one message (RFC 9989 §5.3, RFC 7489 §6.6): discovery, alignment, result.
//!
//! The order of its questions is fixed, for the questions are part of the verdict:
//! 1. the policy discovery of the author domain (§4.10.1), with the question whether the domain exists (`np`);
//! 2. alignment of what passed: equal names first, which ask nothing; then, for SPF and for DKIM apart, from the top,
//!    until one identifier of the kind is aligned;
//! 3. only when nothing passed and is aligned: alignment of what could not be evaluated;
//! 4. the author domain's organizational domain, unless 1 to 3 have told it or an equal name makes it needless.
//!
//! An error counts only where its answer could still change the result: after an aligned pass none does.

use super::alignment::Organizations;
use super::policy_discovery::{self, DiscoveryResult, PolicyDiscovery};
use super::tree_walk::Publications;
use super::{
    AUTHOR_DOMAIN_LIMIT, AlignmentMode, DmarcReason, DmarcResult, DmarcVerdict, RequestedPolicy,
};
use crate::author::{Author, AuthorReason};
use crate::dkim::{DkimResult, DkimVerdict};
use crate::dns::{Answers, Pending};
use crate::domain::Domain;
use crate::policy::{Policy, Rules};
use crate::spf::{SpfResult, SpfVerdict};

/// Which check named an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mechanism {
    Spf,
    Dkim,
}

/// How much a check says about its identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The identifier is authenticated (RFC 9989 §3.2.1).
    Passed,
    /// A DNS error kept it from passing or failing.
    TempError(DmarcReason),
    /// Nothing was known to evaluate it with.
    Unverifiable(DmarcReason),
}

/// A domain that a check was about; `None` when not even that is known.
#[derive(Clone, Debug)]
struct Identifier {
    mechanism: Mechanism,
    domain: Option<Domain>,
    standing: Standing,
}

/// Evaluates what the author says against what the checks found.
pub(super) struct Evaluation<'a> {
    publications: Publications<'a>,
    policy: &'a Policy,
    rules: Rules,
    identifiers: Vec<Identifier>,
}

/// The outcome for one author domain.
struct Judgement {
    reason: DmarcReason,
    spf_aligned: Option<bool>,
    dkim_aligned: Option<bool>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(
        answers: &'a Answers<'a>,
        spf: &SpfVerdict,
        dkim: &[DkimVerdict],
        policy: &'a Policy,
        rules: Rules,
    ) -> Self {
        let signers = dkim.iter().filter_map(dkim_identifier);
        Self {
            publications: Publications::new(answers),
            policy,
            rules,
            identifiers: spf_identifier(spf).into_iter().chain(signers).collect(),
        }
    }

    /// The verdict for the message.
    pub(super) fn verdict(&self, author: &Author) -> Result<DmarcVerdict, Pending> {
        match (author.reason, &author.domain) {
            (None, Some(domain)) => self.of_single(domain),
            (Some(AuthorReason::LimitExceeded), _) => {
                Ok(self.without_policy(DmarcReason::LimitExceeded))
            }
            (Some(AuthorReason::MultipleFromFields), _) => {
                self.of_several(author.domains(), DmarcReason::MultipleFromFields)
            }
            (Some(AuthorReason::MultipleAuthorDomains), _) => {
                self.of_several(author.domains(), DmarcReason::MultipleAuthorDomains)
            }
            // A list that breaks off after several domains has shown them all the same.
            (Some(AuthorReason::MalformedFrom), _) if author.domains().len() > 1 => {
                self.of_several(author.domains(), DmarcReason::MalformedFrom)
            }
            (Some(AuthorReason::MalformedFrom), _) => {
                Ok(self.without_policy(DmarcReason::MalformedFrom))
            }
            (Some(AuthorReason::NoAuthorDomain) | None, _) => {
                Ok(self.without_policy(DmarcReason::NoAuthorDomain))
            }
        }
    }

    fn of_single(&self, author: &Domain) -> Result<DmarcVerdict, Pending> {
        let mut organizations = Organizations::new(&self.publications, self.policy, self.rules);
        let mut verdict = self.of_domain(author, &mut organizations)?;
        let has_own_record = verdict.policy_domain.as_ref() == Some(author);
        let passed = verdict.reason == DmarcReason::Aligned;
        verdict.organizational_domain = match organizations.known(author) {
            Some(organization) => organization.clone().ok().flatten(),
            // RFC 9989 §4.10.2: a name that is author and identifier and has a record is treated as organizational domain.
            None if passed && has_own_record && self.rules != Rules::Rfc7489 => {
                Some(author.clone())
            }
            None => organizations.find(author)?.ok().flatten(),
        };
        Ok(verdict)
    }

    /// RFC 9989 §11.5, RFC 7489 §6.6.1: every author domain is evaluated, and the strictest policy among those that
    /// fail is applied; the result is permerror, because no one domain answers for the message (RFC 9989 §4.4).
    fn of_several(&self, authors: &[Domain], reason: DmarcReason) -> Result<DmarcVerdict, Pending> {
        let is_over = authors.len() > AUTHOR_DOMAIN_LIMIT;
        let reason = if is_over {
            DmarcReason::TooManyAuthorDomains
        } else {
            reason
        };
        let mut strictest: Option<DmarcVerdict> = None;
        for author in authors.iter().take(AUTHOR_DOMAIN_LIMIT) {
            let mut organizations = Organizations::new(&self.publications, self.policy, self.rules);
            let verdict = self.of_domain(author, &mut organizations)?;
            let is_stricter = strictest.as_ref().is_none_or(|other| {
                verdict.effective_policy.map(RequestedPolicy::severity)
                    > other.effective_policy.map(RequestedPolicy::severity)
            });
            if verdict.result == DmarcResult::Fail && is_stricter {
                strictest = Some(verdict);
            }
        }
        Ok(match strictest {
            Some(verdict) => verdict.because(reason),
            None => self.without_policy(reason),
        })
    }

    fn without_policy(&self, reason: DmarcReason) -> DmarcVerdict {
        DmarcVerdict::without_policy(reason, self.rules)
    }

    /// The verdict for one author domain, without its organizational domain.
    fn of_domain(
        &self,
        author: &Domain,
        organizations: &mut Organizations<'_>,
    ) -> Result<DmarcVerdict, Pending> {
        let discovery =
            policy_discovery::discover(&self.publications, author, self.rules, self.policy)?;
        if discovery.result != DiscoveryResult::Found {
            return Ok(self.without_policy(discovery.reason));
        }
        let judgement = self.judge(author, &discovery, organizations)?;
        let mut verdict = DmarcVerdict::with_policy(discovery, judgement.reason);
        verdict.spf_aligned = judgement.spf_aligned;
        verdict.dkim_aligned = judgement.dkim_aligned;
        Ok(verdict)
    }

    /// RFC 9989 §5.3.4, §5.3.5: one aligned pass is a pass; without one the first of error, unverifiable, fail.
    fn judge(
        &self,
        author: &Domain,
        discovery: &PolicyDiscovery,
        organizations: &mut Organizations<'_>,
    ) -> Result<Judgement, Pending> {
        let spf = self.passed_and_aligned(Mechanism::Spf, author, discovery, organizations)?;
        let dkim = self.passed_and_aligned(Mechanism::Dkim, author, discovery, organizations)?;
        let reason = match (spf, dkim) {
            (Ok(true), _) | (_, Ok(true)) => DmarcReason::Aligned,
            (Err(reason), _) | (_, Err(reason)) => reason,
            (Ok(false), Ok(false)) => match discovery.existence_fault {
                Some(reason) => reason,
                None => self.reason_without_pass(author, discovery, organizations)?,
            },
        };
        Ok(Judgement {
            reason,
            spf_aligned: spf.ok(),
            dkim_aligned: dkim.ok(),
        })
    }

    /// Whether an identifier of this kind passed and is aligned; an error where none is known to be and one could be.
    fn passed_and_aligned(
        &self,
        mechanism: Mechanism,
        author: &Domain,
        discovery: &PolicyDiscovery,
        organizations: &mut Organizations<'_>,
    ) -> Result<Result<bool, DmarcReason>, Pending> {
        let mode = mode(discovery, mechanism);
        let passed = || {
            let of_kind = self.identifiers.iter().filter(move |identifier| {
                identifier.mechanism == mechanism && identifier.standing == Standing::Passed
            });
            of_kind.filter_map(|identifier| identifier.domain.as_ref())
        };
        if passed().any(|domain| domain == author) {
            return Ok(Ok(true));
        }
        let mut outcome = Ok(false);
        for domain in passed() {
            let aligned = organizations.are_aligned(author, domain, mode);
            if aligned.is_err() {
                // Another round is needed anyway: it may as well bring what the other identifiers need.
                passed().for_each(|domain| organizations.expect(author, domain, mode));
            }
            match aligned? {
                Ok(true) => return Ok(Ok(true)),
                Ok(false) => {}
                Err(reason) => outcome = outcome.and(Err(reason)),
            }
        }
        Ok(outcome)
    }

    /// RFC 9989 §5.3.6: an error of an aligned identifier wins over what could not be evaluated, and that over fail.
    fn reason_without_pass(
        &self,
        author: &Domain,
        discovery: &PolicyDiscovery,
        organizations: &mut Organizations<'_>,
    ) -> Result<DmarcReason, Pending> {
        let with = |wanted: fn(&Identifier) -> bool| {
            self.identifiers.iter().filter(move |known| wanted(known))
        };
        let is_error = |known: &Identifier| matches!(known.standing, Standing::TempError(_));
        // A lost key says more than a missing envelope, so signatures come first. Errors pass by a second time, but
        // none of them is aligned then.
        let ordered = with(is_error)
            .chain(with(|known| known.mechanism == Mechanism::Dkim))
            .chain(with(|known| known.mechanism == Mechanism::Spf));
        for identifier in ordered {
            let reason = match identifier.standing {
                Standing::Passed => continue,
                Standing::TempError(reason) | Standing::Unverifiable(reason) => reason,
            };
            let mode = mode(discovery, identifier.mechanism);
            let aligned = match &identifier.domain {
                Some(domain) => organizations.are_aligned(author, domain, mode)?,
                // An unknown envelope may have been aligned; an error without domain has nothing to align.
                None => Ok(is_unverifiable(reason)),
            };
            match aligned {
                Ok(false) => {}
                Ok(true) => return Ok(reason),
                Err(fault) => return Ok(fault),
            }
        }
        let is_passed = |known: &Identifier| known.standing == Standing::Passed;
        Ok(if self.identifiers.iter().any(is_passed) {
            DmarcReason::NotAligned
        } else {
            DmarcReason::NotAuthenticated
        })
    }
}

fn is_unverifiable(reason: DmarcReason) -> bool {
    reason.result() == Some(DmarcResult::Unverifiable)
}

fn mode(discovery: &PolicyDiscovery, mechanism: Mechanism) -> AlignmentMode {
    let mode = match mechanism {
        Mechanism::Spf => discovery.spf_alignment,
        Mechanism::Dkim => discovery.dkim_alignment,
    };
    mode.unwrap_or(AlignmentMode::Relaxed)
}

/// The MAIL FROM identity (RFC 9989 §4.4.2: never the HELO identity, but for the null sender, where it stands in).
fn spf_identifier(spf: &SpfVerdict) -> Option<Identifier> {
    let standing = match (spf.result, spf.reason.code()) {
        (SpfResult::Pass, _) => Standing::Passed,
        // An answer that a store lacks is lacking for good: the run is not to be repeated for it.
        (SpfResult::TempError, "dns-unknown") => Standing::TempError(DmarcReason::DnsUnknown),
        (SpfResult::TempError, _) => Standing::TempError(DmarcReason::SpfTempError),
        (SpfResult::NotEvaluated, "ip-untrusted") => {
            Standing::Unverifiable(DmarcReason::IpUntrusted)
        }
        (SpfResult::NotEvaluated, "submission") => Standing::Unverifiable(DmarcReason::Submission),
        (SpfResult::NotEvaluated, _) => Standing::Unverifiable(DmarcReason::NoEnvelope),
        _ => return None,
    };
    Some(Identifier {
        mechanism: Mechanism::Spf,
        domain: spf.domain.as_deref().and_then(Domain::parse_host),
        standing,
    })
}

/// The signing domain of one signature (RFC 9989 §4.4.1).
fn dkim_identifier(dkim: &DkimVerdict) -> Option<Identifier> {
    let standing = match dkim.result {
        DkimResult::Pass => Standing::Passed,
        DkimResult::TempError => Standing::TempError(DmarcReason::DkimTempError),
        DkimResult::Unverifiable => Standing::Unverifiable(DmarcReason::KeyUnavailable),
        DkimResult::Fail | DkimResult::Policy | DkimResult::PermError => return None,
    };
    // A signature without a readable domain can neither be aligned nor have been.
    let domain = dkim.signing_domain.clone()?;
    Some(Identifier {
        mechanism: Mechanism::Dkim,
        domain: Some(domain),
        standing,
    })
}
