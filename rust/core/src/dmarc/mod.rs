//! DMARC (RFC 9989, and RFC 7489 for older mail): does an authenticated domain match the author's, and what does the
//! author's domain ask for when none does? A domain publishes its policy as a TXT record below `_dmarc`; names without
//! one inherit that of their organization. What is an organization, a tree walk tells (RFC 9989) or a public suffix
//! list (RFC 7489). SPF and DKIM bring the authenticated domains, the From field brings the author's. The result says
//! what is published and what holds; what is done about it is decided in `disposition`.

mod alignment;
mod destinations;
mod evaluate;
mod policy_discovery;
mod policy_record;
mod public_suffix;
mod report_uri;
mod suffix_editions;
mod tree_walk;

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use crate::author::{Author, AuthorReason};
use crate::dkim::DkimVerdict;
use crate::dns::{Answers, Pending, RecordType};
use crate::domain::Domain;
use crate::policy::{Policy, Rules};
use crate::reason::{LimitWord, reasons, words};
use crate::spf::SpfVerdict;

pub use destinations::{Acceptance, ReportAuthorization, accepts_reports};
pub use policy_discovery::{DiscoveryResult, PolicyDiscovery, discover_policy};
pub use policy_record::{PolicyRecord, PolicyRecords, PublicSuffixFlag};
pub use public_suffix::PublicSuffixList;
pub use report_uri::{REPORT_URI_LIMIT, ReportUri, ReportUris};
pub use suffix_editions::{ReadEdition, SuffixEditions};

/// Author domains of one message that are evaluated (RFC 9989 §11.5): each costs up to eight questions.
pub const AUTHOR_DOMAIN_LIMIT: usize = 4;

words! {
    /// RFC 9989 §9.2, and `unverifiable`.
    DmarcResult {
        None "none";
        Pass "pass";
        Fail "fail";
        TempError "temperror";
        PermError "permerror";
        Unverifiable "unverifiable";
    }
}

words! {
    /// What a domain owner asks for (RFC 9989 §4.7).
    RequestedPolicy {
        None "none";
        Quarantine "quarantine";
        Reject "reject";
    }
}

words! {
    /// RFC 9989 §3.2.10.
    AlignmentMode {
        Relaxed "relaxed";
        Strict "strict";
    }
}

words! {
    /// How a policy or an organizational domain was found.
    DiscoveryMethod {
        TreeWalk "treewalk";
        PublicSuffixList "psl";
    }
}

reasons! {
    /// Why DMARC, a policy discovery or a report destination is what it is.
    DmarcReason of "dmarc" {
        Aligned "aligned" "RFC 9989 §5.3.5" "A domain that SPF or DKIM authenticated is aligned with the author domain.";
        NotAligned "not-aligned" "RFC 9989 §5.3.5" "SPF or DKIM authenticated a domain, but none that is aligned with the author domain.";
        NotAuthenticated "not-authenticated" "RFC 9989 §5.3.5" "Neither SPF nor DKIM authenticated any domain.";
        AuthorDomainRecord "author-domain-record" "RFC 9989 §4.10.1" "The domain itself publishes the policy.";
        OrganizationalDomainRecord "organizational-domain-record" "RFC 9989 §4.10.1" "The domain inherits the policy of its organizational domain.";
        PublicSuffixDomainRecord "public-suffix-domain-record" "RFC 9989 §4.10.1" "The domain inherits the policy of the public suffix above its organization.";
        AssumedNone "assumed-none" "RFC 9989 §4.10.1" "The record holds no valid policy, but a valid report destination: it counts as p=none.";
        NoRecord "no-record" "RFC 9989 §4.10.1" "Neither the author domain nor a domain above it publishes a policy that counts.";
        MultipleRecords "multiple-records" "RFC 9989 §4.10" "A name publishes several policy records, so none of them counts.";
        DuplicateTag "duplicate-tag" "RFC 6376 §3.2" "The policy record names a tag twice, so the whole record is invalid.";
        NoUsablePolicy "no-usable-policy" "RFC 9989 §4.10.1" "The record holds neither a valid policy nor a valid report destination.";
        NoAuthorDomain "no-author-domain" "RFC 9989 §5.3.1" "The From field holds no domain, or there is no From field.";
        MalformedFrom "malformed-from" "RFC 9989 §4.4" "The From field is malformed, so no policy can be told to apply.";
        MultipleFromFields "multiple-from-fields" "RFC 9989 §4.4" "The message has more than one From field.";
        MultipleAuthorDomains "multiple-author-domains" "RFC 9989 §11.5" "The From field names more than one domain.";
        TooManyAuthorDomains "too-many-author-domains" "RFC 9989 §11.5" "The From fields name more domains than are evaluated (4).";
        LimitExceeded "limit-exceeded" "api" "The header section or the From field is larger than what is examined.";
        DnsBudget "dns-budget" "api" "The message needs more DNS questions than one message may ask.";
        DnsError "dns-error" "RFC 9989 §5.3.6" "A question that decides could not be answered.";
        DnsUnknown "dns-unknown" "api" "The DNS store does not know a name that decides.";
        SpfTempError "spf-temperror" "RFC 9989 §5.3.6" "SPF of an aligned domain ended in a temporary error, and nothing else is aligned.";
        DkimTempError "dkim-temperror" "RFC 9989 §5.3.6" "DKIM of an aligned domain ended in a temporary error, and nothing else is aligned.";
        KeyUnavailable "key-unavailable" "api" "An aligned signature could not be verified because its key is lost, and nothing else is aligned.";
        NoEnvelope "no-envelope" "api" "SPF could not be evaluated without an envelope, and nothing else is aligned.";
        IpUntrusted "ip-untrusted" "api" "SPF was not evaluated because the client address is not trusted, and nothing else is aligned.";
        Submission "submission" "api" "SPF was not evaluated because an authenticated user submitted the message, and nothing else is aligned.";
        SameOrganization "same-organization" "RFC 9990 §4" "Destination and policy domain are of one organization, so no consent is needed.";
        Authorized "authorized" "RFC 9990 §4" "The destination publishes its consent.";
        NotAuthorized "not-authorized" "RFC 9990 §4" "The destination publishes no consent.";
        OverrideHost "override-host" "RFC 9990 §4" "The consent names a URI at another host, so no report may be sent.";
        NameTooLong "name-too-long" "RFC 9990 §4" "The name of the consent would be too long for DNS.";
        InvalidDestination "invalid-destination" "RFC 9990 §4" "The destination or the policy domain is no domain name.";
    }
}

impl DmarcReason {
    /// The result of a message with this reason; `None` for reasons that no message has.
    pub const fn result(self) -> Option<DmarcResult> {
        match self {
            Self::Aligned => Some(DmarcResult::Pass),
            Self::NotAligned | Self::NotAuthenticated => Some(DmarcResult::Fail),
            Self::NoRecord
            | Self::MultipleRecords
            | Self::DuplicateTag
            | Self::NoUsablePolicy
            | Self::NoAuthorDomain => Some(DmarcResult::None),
            Self::MalformedFrom
            | Self::MultipleFromFields
            | Self::MultipleAuthorDomains
            | Self::TooManyAuthorDomains
            | Self::LimitExceeded
            | Self::DnsBudget => Some(DmarcResult::PermError),
            Self::DnsError | Self::DnsUnknown | Self::SpfTempError | Self::DkimTempError => {
                Some(DmarcResult::TempError)
            }
            Self::KeyUnavailable | Self::NoEnvelope | Self::IpUntrusted | Self::Submission => {
                Some(DmarcResult::Unverifiable)
            }
            Self::AuthorDomainRecord
            | Self::OrganizationalDomainRecord
            | Self::PublicSuffixDomainRecord
            | Self::AssumedNone
            | Self::SameOrganization
            | Self::Authorized
            | Self::NotAuthorized
            | Self::OverrideHost
            | Self::NameTooLong
            | Self::InvalidDestination => None,
        }
    }

    /// True when a question failed: nothing is said about the domain.
    pub(crate) const fn is_fault(self) -> bool {
        matches!(self, Self::DnsBudget | Self::DnsError | Self::DnsUnknown)
    }

    /// True for a From field that names several authors, whose strictest policy is acted upon.
    pub(crate) const fn has_several_authors(self) -> bool {
        matches!(
            self,
            Self::MalformedFrom
                | Self::MultipleFromFields
                | Self::MultipleAuthorDomains
                | Self::TooManyAuthorDomains
        )
    }
}

impl RequestedPolicy {
    /// What `t=y` makes of it (RFC 9989 §4.7), and what an unselected message gets under `pct` (RFC 7489 §6.6.4).
    pub(crate) const fn one_level_below(self) -> Self {
        match self {
            Self::None | Self::Quarantine => Self::None,
            Self::Reject => Self::Quarantine,
        }
    }

    /// Larger is stricter.
    pub(crate) const fn severity(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Quarantine => 1,
            Self::Reject => 2,
        }
    }
}

impl DiscoveryMethod {
    const fn of(rules: Rules) -> Self {
        match rules {
            Rules::Rfc7489 => Self::PublicSuffixList,
            Rules::Rfc9989 | Rules::Auto => Self::TreeWalk,
        }
    }
}

/// The rule book itself: without a date `auto` means RFC 9989.
const fn resolved(rules: Rules) -> Rules {
    match rules {
        Rules::Rfc7489 => Rules::Rfc7489,
        Rules::Rfc9989 | Rules::Auto => Rules::Rfc9989,
    }
}

/// What is said about DMARC.
#[derive(Clone, Debug, Serialize)]
pub struct DmarcVerdict {
    /// The result word.
    pub result: DmarcResult,
    /// Why.
    pub reason: DmarcReason,
    /// Where the record is published.
    pub policy_domain: Option<Domain>,
    /// The record as published.
    pub record: Option<Arc<str>>,
    /// `p`.
    pub policy: Option<RequestedPolicy>,
    /// `sp`.
    pub subdomain_policy: Option<RequestedPolicy>,
    /// `np`.
    pub nonexistent_policy: Option<RequestedPolicy>,
    /// `adkim`.
    pub dkim_alignment: Option<AlignmentMode>,
    /// `aspf`.
    pub spf_alignment: Option<AlignmentMode>,
    /// `t=y`.
    pub testing: Option<bool>,
    /// `psd`: `y`, `n` or `u`.
    pub psd: Option<&'static str>,
    /// `pct` under RFC 7489.
    pub pct: Option<u32>,
    /// `fo` as written.
    pub fo: Option<Cow<'static, str>>,
    /// Valid URIs of `rua`, in order.
    pub rua: Arc<[String]>,
    /// Valid URIs of `ruf`, in order.
    pub ruf: Arc<[String]>,
    /// What holds for this author domain.
    pub effective_policy: Option<RequestedPolicy>,
    /// A passing MAIL FROM domain is aligned.
    pub spf_aligned: Option<bool>,
    /// A passing signing domain is aligned.
    pub dkim_aligned: Option<bool>,
    /// How the policy was found.
    pub discovery: DiscoveryMethod,
    /// The rule book in force, never `auto`.
    pub rules: Rules,
    /// What holds before `t=y` lowers it: the Domain Owner Assessment Policy (RFC 9989 §3.2.8).
    #[serde(skip)]
    pub assessment_policy: Option<RequestedPolicy>,
    /// The author domain's organizational domain.
    #[serde(skip)]
    pub organizational_domain: Option<Domain>,
    /// Words for the verdict's `limits`.
    #[serde(skip)]
    pub limits: Vec<&'static str>,
}

impl DmarcVerdict {
    /// A verdict of which no policy is part.
    pub(crate) fn without_policy(reason: DmarcReason, rules: Rules) -> Self {
        Self {
            result: DmarcResult::None,
            reason,
            policy_domain: None,
            record: None,
            policy: None,
            subdomain_policy: None,
            nonexistent_policy: None,
            dkim_alignment: None,
            spf_alignment: None,
            testing: None,
            psd: None,
            pct: None,
            fo: None,
            rua: Arc::default(),
            ruf: Arc::default(),
            effective_policy: None,
            spf_aligned: None,
            dkim_aligned: None,
            discovery: DiscoveryMethod::of(rules),
            rules,
            assessment_policy: None,
            organizational_domain: None,
            limits: Vec::new(),
        }
        .because(reason)
    }

    /// A verdict on mail of a domain whose policy was found.
    fn with_policy(found: PolicyDiscovery, reason: DmarcReason) -> Self {
        let limits = found
            .exceeds_uri_limit
            .then_some(LimitWord::ReportUriLimit.code());
        Self {
            policy_domain: found.policy_domain,
            record: found.record,
            policy: found.policy,
            subdomain_policy: found.subdomain_policy,
            nonexistent_policy: found.nonexistent_policy,
            dkim_alignment: found.dkim_alignment,
            spf_alignment: found.spf_alignment,
            testing: found.testing,
            psd: found.psd,
            pct: found.pct,
            fo: found.failure_options,
            rua: found.rua,
            ruf: found.ruf,
            effective_policy: found.effective_policy,
            assessment_policy: found.assessment_policy,
            limits: limits.into_iter().collect(),
            ..Self::without_policy(reason, found.rules)
        }
        .because(reason)
    }

    /// The same facts with another reason and its result.
    fn because(mut self, reason: DmarcReason) -> Self {
        self.reason = reason;
        self.result = reason.result().unwrap_or(DmarcResult::None);
        let is_limit = matches!(
            reason,
            DmarcReason::DnsBudget | DmarcReason::LimitExceeded | DmarcReason::TooManyAuthorDomains
        );
        if is_limit {
            self.limits.push(reason.code());
        }
        self
    }
}

/// Asks ahead for what [`evaluate`] will need whatever SPF and DKIM say: the policy discovery of the author domain.
pub fn expect(answers: &Answers<'_>, author: &Author, policy: &Policy, judged_at: Option<i64>) {
    // A malformed list that shows one domain is judged without a question.
    if author.reason == Some(AuthorReason::MalformedFrom) && author.domains().len() < 2 {
        return;
    }
    let rules = policy.rules_at(judged_at);
    for domain in author.domains().iter().take(AUTHOR_DOMAIN_LIMIT) {
        if rules != Rules::Rfc7489 {
            tree_walk::expect(answers, domain);
            continue;
        }
        let list = &policy.public_suffix_list;
        let organizational_domain = list.organizational_domain(domain, policy.private_suffixes);
        let names = organizational_domain.iter().chain([domain]);
        let names = names.map(Domain::as_str);
        for question in names.filter_map(tree_walk::record_name) {
            answers.expect(&question, RecordType::Txt);
        }
    }
}

/// Evaluates DMARC for a message (RFC 9989 §5.3, RFC 7489 §6.6).
///
/// # Errors
/// [`Pending`] when an answer is missing.
pub fn evaluate(
    answers: &Answers<'_>,
    author: &Author,
    spf: &SpfVerdict,
    dkim: &[DkimVerdict],
    policy: &Policy,
    judged_at: Option<i64>,
) -> Result<DmarcVerdict, Pending> {
    let rules = policy.rules_at(judged_at);
    evaluate::Evaluation::new(answers, spf, dkim, policy, rules).verdict(author)
}

/// The organizational domain of a name: by the public suffix list under RFC 7489 (`None` for a public suffix), by a
/// tree walk under RFC 9989 (nothing found: the name itself). The inner error is a question that failed.
///
/// # Errors
/// [`Pending`] when an answer is missing.
pub fn organizational_domain(
    answers: &Answers<'_>,
    name: &Domain,
    rules: Rules,
    policy: &Policy,
) -> Result<Result<Option<Domain>, DmarcReason>, Pending> {
    let publications = tree_walk::Publications::new(answers);
    alignment::Organizations::new(&publications, policy, resolved(rules)).find(name)
}

#[cfg(test)]
mod tests;
