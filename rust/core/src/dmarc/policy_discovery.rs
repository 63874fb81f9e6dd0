//! Policy discovery: which record applies to an author domain, and what it asks for there
//! (RFC 9989 §4.10.1 by tree walk, RFC 7489 §6.6.3 by public suffix list).
//!
//! Must not know the message: the same answer serves every mail of a domain, and the door `discover_policy`.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use super::alignment::Organizations;
use super::policy_record::{PolicyRecord, Requests};
use super::report_uri::ReportUri;
use super::tree_walk::{self, Publication, Publications, TreeWalk};
use super::{AlignmentMode, DiscoveryMethod, DmarcReason, RequestedPolicy, resolved};
use crate::dns::{Answers, Outcome, Pending, RecordType};
use crate::domain::Domain;
use crate::policy::{Policy, Rules};
use crate::reason::words;

words! {
    /// What came of a policy discovery.
    DiscoveryResult {
        Found "found";
        None "none";
        TempError "temperror";
        PermError "permerror";
    }
}

/// What a domain publishes and what it means for mail that names the domain as author.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyDiscovery {
    /// The result word.
    pub result: DiscoveryResult,
    /// Where the record is, or why there is none.
    pub reason: DmarcReason,
    /// Where the record is published.
    pub policy_domain: Option<Domain>,
    /// The domain's organizational domain.
    pub organizational_domain: Option<Domain>,
    /// The record as published.
    pub record: Option<Arc<str>>,
    /// `p`.
    pub policy: Option<RequestedPolicy>,
    /// `sp`.
    pub subdomain_policy: Option<RequestedPolicy>,
    /// `np`.
    pub nonexistent_policy: Option<RequestedPolicy>,
    /// What holds for this domain.
    pub effective_policy: Option<RequestedPolicy>,
    /// `adkim`.
    pub dkim_alignment: Option<AlignmentMode>,
    /// `aspf`.
    pub spf_alignment: Option<AlignmentMode>,
    /// `t=y`.
    pub testing: Option<bool>,
    /// `psd`: `y`, `n` or `u`.
    pub psd: Option<&'static str>,
    /// `pct`; 100 under RFC 9989.
    pub pct: Option<u32>,
    /// Valid URIs of `rua`, in order.
    pub rua: Arc<[String]>,
    /// Valid URIs of `ruf`, in order.
    pub ruf: Arc<[String]>,
    /// How the policy was found.
    pub discovery: DiscoveryMethod,
    /// The rule book in force, never `auto`.
    pub rules: Rules,
    /// The names that the rule book's algorithm asks for, in its order.
    pub questions: Vec<Domain>,
    /// Octets that each destination of `rua` takes; null under RFC 9989, where such limits do not bind.
    pub rua_limits: Option<Vec<Option<u64>>>,
    /// `fo` as written.
    #[serde(skip)]
    pub failure_options: Option<Cow<'static, str>>,
    /// What holds before `t=y` lowers it: the Domain Owner Assessment Policy (RFC 9989 §3.2.8).
    #[serde(skip)]
    pub assessment_policy: Option<RequestedPolicy>,
    /// Why `effective_policy` is not known: whether the domain exists could not be asked.
    #[serde(skip)]
    pub existence_fault: Option<DmarcReason>,
    /// More valid URIs are published than are kept.
    #[serde(skip)]
    pub exceeds_uri_limit: bool,
}

/// Discovers the policy of a domain and its organizational domain.
///
/// # Errors
/// [`Pending`] when an answer is missing.
pub fn discover_policy(
    answers: &Answers<'_>,
    domain: &Domain,
    rules: Rules,
    policy: &Policy,
) -> Result<PolicyDiscovery, Pending> {
    let rules = resolved(rules);
    let begin = answers.asked_count();
    let publications = Publications::new(answers);
    let mut discovery = discover(&publications, domain, rules, policy)?;
    if let Some(reason) = discovery.existence_fault {
        (discovery.result, discovery.reason) = (DiscoveryResult::of_fault(reason), reason);
    }
    // The organizational domain needs the rest of the walk; an error there takes nothing from the policy found.
    if !discovery.reason.is_fault() {
        let organization = Organizations::new(&publications, policy, rules).find(domain)?;
        discovery.organizational_domain = organization.ok().flatten();
    }
    let asked = answers.asked().into_iter().skip(begin);
    discovery.questions = asked.map(|question| question.name).collect();
    Ok(discovery)
}

/// Discovers the policy alone, with as few questions as that needs.
pub(super) fn discover(
    publications: &Publications<'_>,
    domain: &Domain,
    rules: Rules,
    policy: &Policy,
) -> Result<PolicyDiscovery, Pending> {
    let selection = match rules {
        Rules::Rfc7489 => select_by_list(publications, domain, policy)?,
        _ => select_by_walk(publications, domain)?,
    };
    let empty = PolicyDiscovery::empty(rules);
    let found = match selection {
        Ok(found) => found,
        Err(reason) => return Ok(empty.because(reason)),
    };
    // RFC 9989 §4.10.1: a record that asks for nothing usable ends the discovery; parents are not asked instead.
    let Some(requests) = found.record.requests(rules) else {
        return Ok(empty.because(DmarcReason::NoUsablePolicy));
    };
    let mut discovery = empty.with_record(&found, requests);
    let assessment = assessment_policy(publications.answers, domain, &found, requests)?;
    discovery.apply(assessment);
    Ok(discovery)
}

/// The record that applies to a domain.
struct Found {
    domain: Domain,
    record: Arc<PolicyRecord>,
    /// Where the record is.
    reason: DmarcReason,
}

/// RFC 9989 §4.10.1: the domain's own record, else that of the organizational domain, else of the public suffix domain.
fn select_by_walk(
    publications: &Publications<'_>,
    domain: &Domain,
) -> Result<Result<Found, DmarcReason>, Pending> {
    match publications.find(domain.as_str())? {
        Publication::Fault(reason) => return Ok(Err(reason)),
        Publication::Record(record) => return Ok(Ok(Found::own(domain, record))),
        Publication::Nothing(_) => {}
    }
    // The walk of the document starts at the parent; ours starts at the domain, whose answer is known, so that
    // `psd=y` at the parent is not taken for the start (RFC 9989 §4.10.2 rule 2).
    let walk = match TreeWalk::run(publications, domain)? {
        Ok(walk) => walk,
        Err(reason) => return Ok(Err(reason)),
    };
    let inherited = walk.inherited().map(|(name, record, reason)| Found {
        domain: name.clone(),
        record: Arc::clone(record),
        reason,
    });
    Ok(inherited.ok_or(walk.discarded.unwrap_or(DmarcReason::NoRecord)))
}

/// RFC 7489 §6.6.3: the domain's own record, else that of its organizational domain.
fn select_by_list(
    publications: &Publications<'_>,
    domain: &Domain,
    policy: &Policy,
) -> Result<Result<Found, DmarcReason>, Pending> {
    let discarded = match publications.find(domain.as_str())? {
        Publication::Record(record) => return Ok(Ok(Found::own(domain, record))),
        // RFC 7489 §6.6.3 step 5: several records end the discovery.
        Publication::Fault(reason)
        | Publication::Nothing(Some(reason @ DmarcReason::MultipleRecords)) => {
            return Ok(Err(reason));
        }
        Publication::Nothing(discarded) => discarded,
    };
    let list = &policy.public_suffix_list;
    let organizational_domain = list
        .organizational_domain(domain, policy.private_suffixes)
        .filter(|organizational_domain| organizational_domain != domain);
    let Some(organizational_domain) = organizational_domain else {
        return Ok(Err(discarded.unwrap_or(DmarcReason::NoRecord)));
    };
    Ok(match publications.find(organizational_domain.as_str())? {
        Publication::Record(record) => Ok(Found {
            domain: organizational_domain,
            record,
            reason: DmarcReason::OrganizationalDomainRecord,
        }),
        Publication::Fault(reason) => Err(reason),
        Publication::Nothing(reason) => Err(discarded.or(reason).unwrap_or(DmarcReason::NoRecord)),
    })
}

/// RFC 9989 §4.10.1: `p` at the domain itself; below it `np` when the domain does not exist, else `sp`, else `p`.
fn assessment_policy(
    answers: &Answers<'_>,
    domain: &Domain,
    found: &Found,
    requests: Requests,
) -> Result<Result<RequestedPolicy, DmarcReason>, Pending> {
    if found.domain == *domain {
        return Ok(Ok(requests.policy));
    }
    let existing = requests.subdomain_policy.unwrap_or(requests.policy);
    match requests.nonexistent_policy {
        // Existence is asked for only where it decides.
        Some(nonexistent) if nonexistent != existing => {
            Ok(exists(answers, domain)?.map(|exists| if exists { existing } else { nonexistent }))
        }
        _ => Ok(Ok(existing)),
    }
}

/// RFC 9989 §3.2.13, A.4: only NXDOMAIN says that a name does not exist; any type serves to ask.
fn exists(answers: &Answers<'_>, domain: &Domain) -> Result<Result<bool, DmarcReason>, Pending> {
    let entry = answers.ask(domain, RecordType::A)?;
    if let Some(reason) = tree_walk::fault(entry.outcome) {
        return Ok(Err(reason));
    }
    // RFC 8020 §2: NXDOMAIN at the end of an alias is about its target.
    Ok(Ok(entry.outcome != Outcome::NxDomain || entry.is_alias))
}

impl Found {
    fn own(domain: &Domain, record: Arc<PolicyRecord>) -> Self {
        Self {
            domain: domain.clone(),
            record,
            reason: DmarcReason::AuthorDomainRecord,
        }
    }
}

impl DiscoveryResult {
    /// The word for a discovery that a fault ended.
    fn of_fault(reason: DmarcReason) -> Self {
        if reason == DmarcReason::DnsBudget {
            Self::PermError
        } else {
            Self::TempError
        }
    }
}

impl PolicyDiscovery {
    fn empty(rules: Rules) -> Self {
        Self {
            result: DiscoveryResult::None,
            reason: DmarcReason::NoRecord,
            policy_domain: None,
            organizational_domain: None,
            record: None,
            policy: None,
            subdomain_policy: None,
            nonexistent_policy: None,
            effective_policy: None,
            dkim_alignment: None,
            spf_alignment: None,
            testing: None,
            psd: None,
            pct: None,
            rua: Arc::default(),
            ruf: Arc::default(),
            discovery: DiscoveryMethod::of(rules),
            rules,
            questions: Vec::new(),
            rua_limits: None,
            failure_options: None,
            assessment_policy: None,
            existence_fault: None,
            exceeds_uri_limit: false,
        }
    }

    fn because(self, reason: DmarcReason) -> Self {
        let result = if reason.is_fault() {
            DiscoveryResult::of_fault(reason)
        } else {
            DiscoveryResult::None
        };
        Self {
            result,
            reason,
            ..self
        }
    }

    fn with_record(self, found: &Found, requests: Requests) -> Self {
        let (rules, record) = (self.rules, &found.record);
        let limit = |uri: &ReportUri| uri.octet_limit;
        Self {
            result: DiscoveryResult::Found,
            reason: if requests.is_assumed {
                DmarcReason::AssumedNone
            } else {
                found.reason
            },
            policy_domain: Some(found.domain.clone()),
            record: Some(Arc::clone(&record.text)),
            policy: Some(requests.policy),
            subdomain_policy: requests.subdomain_policy,
            nonexistent_policy: requests.nonexistent_policy,
            dkim_alignment: Some(record.dkim_alignment),
            spf_alignment: Some(record.spf_alignment),
            testing: Some(record.is_testing(rules)),
            psd: Some(record.psd(rules).as_str()),
            pct: Some(record.percent(rules)),
            rua: Arc::clone(&record.aggregate.texts),
            ruf: Arc::clone(&record.failure.texts),
            rua_limits: (rules == Rules::Rfc7489)
                .then(|| record.aggregate.uris.iter().map(limit).collect()),
            failure_options: Some(record.failure_options(rules)),
            exceeds_uri_limit: record.aggregate.exceeds_limit || record.failure.exceeds_limit,
            ..self
        }
    }

    /// Notes what holds for the domain; `t=y` lowers it by one level (RFC 9989 §4.7).
    fn apply(&mut self, assessment: Result<RequestedPolicy, DmarcReason>) {
        match assessment {
            Err(reason) => self.existence_fault = Some(reason),
            Ok(policy) => {
                self.assessment_policy = Some(policy);
                self.effective_policy = Some(if self.testing == Some(true) {
                    policy.one_level_below()
                } else {
                    policy
                });
            }
        }
    }
}
