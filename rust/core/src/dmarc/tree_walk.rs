//! The DNS tree walk (RFC 9989 §4.10): which names above a domain publish a policy record.
//!
//! Knows the order of its questions, at most eight, and how they select the organizational domain. What a record asks
//! for is policy_record's; whether a walk is needed at all is its caller's.

use std::cell::RefCell;
use std::sync::Arc;

use super::DmarcReason;
use super::policy_record::{PolicyRecord, PolicyRecords, PublicSuffixFlag};
use crate::dns::{Answers, Outcome, Pending, RecordType};
use crate::domain::Domain;
use crate::policy::Rules;

/// Labels that remain after the first step from a long name (RFC 9989 §4.10 step 4): with the name itself at most
/// eight questions, however many labels an attacker writes.
const LABEL_LIMIT: usize = 7;
/// Labels up to which a whole walk is asked for at once: beyond it most walks end at the two topmost names.
const ASK_AHEAD_LABEL_LIMIT: usize = 4;
/// The label of a record's name (RFC 9989 §4.7).
const RECORD_LABEL: &str = "_dmarc";

/// What one name publishes.
#[derive(Clone)]
pub(super) enum Publication {
    /// One policy record.
    Record(Arc<PolicyRecord>),
    /// None that counts, and why one that is there does not.
    Nothing(Option<DmarcReason>),
    /// The question failed.
    Fault(DmarcReason),
}

/// What the names of one evaluation publish: several walks pass the same ones.
pub(super) struct Publications<'a> {
    pub(super) answers: &'a Answers<'a>,
    /// By the name of the record.
    known: RefCell<Vec<(Domain, Publication)>>,
}

impl<'a> Publications<'a> {
    pub(super) fn new(answers: &'a Answers<'a>) -> Self {
        Self {
            answers,
            known: RefCell::default(),
        }
    }

    /// What a name, or the last labels of one, publishes; asked for once.
    pub(super) fn find(&self, name: &str) -> Result<Publication, Pending> {
        let is_of = |record_name: &Domain| {
            let above = record_name.as_str().strip_suffix(name);
            above.is_some_and(|above| above.len() == RECORD_LABEL.len() + 1)
        };
        let known = self.known.borrow();
        let found = known.iter().find(|(record_name, _)| is_of(record_name));
        if let Some((_, publication)) = found {
            return Ok(publication.clone());
        }
        drop(known);
        // A name that cannot stand in DNS publishes nothing (RFC 1035 §2.3.4).
        let Some(record_name) = record_name(name) else {
            return Ok(Publication::Nothing(None));
        };
        let publication = ask(self.answers, &record_name)?;
        let known = (record_name, publication.clone());
        self.known.borrow_mut().push(known);
        Ok(publication)
    }
}

/// A walk that came to its end.
pub(super) struct TreeWalk {
    start: Domain,
    /// The records found, longest name first.
    found: Vec<(Domain, Arc<PolicyRecord>)>,
    /// Why the first record that does not count was discarded.
    pub(super) discarded: Option<DmarcReason>,
}

impl TreeWalk {
    /// Walks from `start` to the top; a failed question ends the walk, for nothing is known without its answer.
    pub(super) fn run(
        publications: &Publications<'_>,
        start: &Domain,
    ) -> Result<Result<Self, DmarcReason>, Pending> {
        let mut walk = Self {
            start: start.clone(),
            found: Vec::new(),
            discarded: None,
        };
        for (label_count, name) in targets(start) {
            // One that is missing costs a round anyway: it may as well bring the rest of the walk.
            let found = publications.find(name);
            match found.inspect_err(|_| expect(publications.answers, start))? {
                Publication::Fault(reason) => return Ok(Err(reason)),
                Publication::Nothing(reason) => walk.discarded = walk.discarded.or(reason),
                Publication::Record(record) => {
                    let psd = record.psd(Rules::Rfc9989);
                    let name = start.suffix(label_count);
                    walk.found.extend(name.map(|name| (name, record)));
                    // RFC 9989 §4.10 steps 2 and 6: `psd=n` and `psd=y` end the walk.
                    if psd != PublicSuffixFlag::Unknown {
                        break;
                    }
                }
            }
        }
        Ok(Ok(walk))
    }

    /// Selects the organizational domain (RFC 9989 §4.10.2) of the name where the walk started.
    pub(super) fn organizational_domain(&self) -> Domain {
        for (name, record) in &self.found {
            match record.psd(Rules::Rfc9989) {
                // Rule 1.
                PublicSuffixFlag::No => return name.clone(),
                // Rule 2: one label below, on the way to the start, also where the walk skipped that name.
                PublicSuffixFlag::Yes if *name != self.start => {
                    let below = self.start.suffix(name.label_count() + 1);
                    return below.unwrap_or_else(|| self.start.clone());
                }
                PublicSuffixFlag::Yes | PublicSuffixFlag::Unknown => {}
            }
        }
        // Rule 3: the fewest labels; and without any record the start itself.
        let last = self.found.last().map(|(name, _)| name);
        last.unwrap_or(&self.start).clone()
    }

    /// The record that applies to a start that has none (RFC 9989 §4.10.1): the organizational domain's, else the
    /// public suffix domain's, never one in between.
    pub(super) fn inherited(&self) -> Option<(&Domain, &Arc<PolicyRecord>, DmarcReason)> {
        let organizational_domain = self.organizational_domain();
        let at = |wanted: &Domain| self.found.iter().find(|(name, _)| name == wanted);
        if let Some((name, record)) = at(&organizational_domain) {
            return Some((name, record, DmarcReason::OrganizationalDomainRecord));
        }
        let (name, record) = self.found.last()?;
        (record.psd(Rules::Rfc9989) == PublicSuffixFlag::Yes).then_some((
            name,
            record,
            DmarcReason::PublicSuffixDomainRecord,
        ))
    }
}

/// The names of a walk in order (RFC 9989 §4.10 steps 1, 4 and 7), each with its number of labels.
pub(super) fn targets(start: &Domain) -> impl Iterator<Item = (usize, &str)> {
    let labels = start.label_count();
    let next = (labels - 1).min(LABEL_LIMIT);
    let above = (1..=next).rev();
    let above = above.filter_map(|count| Some((count, start.suffix_text(count)?)));
    std::iter::once((labels, start.as_str())).chain(above)
}

/// Where a name's policy record stands; `None` when the name is too long for one.
pub(super) fn record_name(name: &str) -> Option<Domain> {
    Domain::above(RECORD_LABEL, name)
}

/// Asks ahead for a walk: all of it for a short name, the start and the two topmost names of a long one.
pub(super) fn expect(answers: &Answers<'_>, start: &Domain) {
    let names: Vec<_> = targets(start).collect();
    let is_short = start.label_count() <= ASK_AHEAD_LABEL_LIMIT;
    for (index, (_, name)) in names.iter().enumerate() {
        let is_likely = is_short || index == 0 || index + 2 >= names.len();
        if let Some(question) = record_name(name).filter(|_| is_likely) {
            answers.expect(&question, RecordType::Txt);
        }
    }
}

/// Asks what stands at the name of a record.
fn ask(answers: &Answers<'_>, record_name: &Domain) -> Result<Publication, Pending> {
    let entry = answers.txt(record_name)?;
    if let Some(reason) = fault(entry.outcome) {
        return Ok(Publication::Fault(reason));
    }
    Ok(match PolicyRecords::of(&entry) {
        PolicyRecords::One(record) => Publication::Record(Arc::clone(record)),
        PolicyRecords::Absent => Publication::Nothing(None),
        PolicyRecords::Several => Publication::Nothing(Some(DmarcReason::MultipleRecords)),
        PolicyRecords::Duplicate => Publication::Nothing(Some(DmarcReason::DuplicateTag)),
    })
}

/// The reason of an outcome that is no answer (RFC 9989 §5.3.6); an RR that cannot be read counts as absent.
pub(super) fn fault(outcome: Outcome) -> Option<DmarcReason> {
    match outcome {
        Outcome::Found | Outcome::NoData | Outcome::NxDomain | Outcome::Unusable => None,
        Outcome::Unknown => Some(DmarcReason::DnsUnknown),
        Outcome::OverBudget => Some(DmarcReason::DnsBudget),
        Outcome::ServFail
        | Outcome::Refused
        | Outcome::FormErr
        | Outcome::NotImp
        | Outcome::Timeout
        | Outcome::Truncated
        | Outcome::Lame
        | Outcome::ChainTooLong => Some(DmarcReason::DnsError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::StaticZone;

    fn domain(name: &str) -> Domain {
        Domain::parse_ascii(name).unwrap()
    }

    /// The organizational domain of `start` and the names asked for, given records by name.
    fn walk(start: &str, records: &[(&str, &str)]) -> (String, Vec<String>) {
        let entries: Vec<_> = records
            .iter()
            .map(|(name, text)| {
                format!(r#""_dmarc.{name}": {{"TXT": ["v=DMARC1; p=none{text}"]}}"#)
            })
            .collect();
        let zone = StaticZone::from_json(&format!("{{{}}}", entries.join(",")), "test").unwrap();
        let answers = Answers::new(&zone);
        let walk = TreeWalk::run(&Publications::new(&answers), &domain(start))
            .unwrap()
            .unwrap();
        let asked = answers
            .asked()
            .iter()
            .map(|question| question.name.to_string())
            .collect();
        (walk.organizational_domain().to_string(), asked)
    }

    #[test]
    fn rfc9989_4_10_a_long_name_costs_eight_questions() {
        let (_, asked) = walk("a.b.c.d.e.f.g.h.i.j.mail.example.com", &[]);
        assert_eq!(
            asked,
            [
                "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com",
                "_dmarc.g.h.i.j.mail.example.com",
                "_dmarc.h.i.j.mail.example.com",
                "_dmarc.i.j.mail.example.com",
                "_dmarc.j.mail.example.com",
                "_dmarc.mail.example.com",
                "_dmarc.example.com",
                "_dmarc.com",
            ]
        );
    }

    #[test]
    fn rfc9989_4_10_label_limit_at_n_minus_1_n_and_n_plus_1() {
        for labels in [LABEL_LIMIT, LABEL_LIMIT + 1, LABEL_LIMIT + 2, 127] {
            let start = domain(&["a"].repeat(labels).join("."));
            let names: Vec<_> = targets(&start).collect();
            assert_eq!(names.len(), labels.min(LABEL_LIMIT + 1));
            let next = (labels - 1).min(LABEL_LIMIT);
            assert_eq!(names[1], (next, &*["a"].repeat(next).join(".")));
            assert_eq!(names.last().unwrap(), &(1, "a"));
        }
        assert_eq!(targets(&domain("com")).count(), 1);
    }

    #[test]
    fn rfc9989_4_10_2_the_documents_own_examples() {
        for (start, records, expected) in [
            (
                "a.mail.example.com",
                &[("mail.example.com", ""), ("example.com", "")][..],
                "example.com",
            ),
            (
                "a.mail.example.com",
                &[("mail.example.com", "; psd=n"), ("example.com", "")],
                "mail.example.com",
            ),
            ("a.mail.example.com", &[("com", "; psd=y")], "example.com"),
            ("a.mail.example.com", &[], "a.mail.example.com"),
            (
                "signing.example.com",
                &[("signing.example.com", ""), ("example.com", "")],
                "example.com",
            ),
            (
                "mail.mega.bank.example",
                &[("bank.example", "; psd=y")],
                "mega.bank.example",
            ),
            (
                "giant.bank.example",
                &[("giant.bank.example", ""), ("bank.example", "; psd=y")],
                "giant.bank.example",
            ),
        ] {
            assert_eq!(walk(start, records).0, expected, "{start}");
        }
    }

    #[test]
    fn rfc9989_4_10_2_psd_at_the_start_and_below_the_skip() {
        let (at_start, asked) = walk(
            "bank.example",
            &[("bank.example", "; psd=y"), ("example", "")],
        );
        assert_eq!((at_start.as_str(), asked.len()), ("bank.example", 1));
        let deep = "a.b.c.d.e.f.g.h.i";
        assert_eq!(
            walk(deep, &[("c.d.e.f.g.h.i", "; psd=y")]).0,
            "b.c.d.e.f.g.h.i"
        );
        let (top, asked) = walk("a.b", &[("b", "; psd=n")]);
        assert_eq!((top.as_str(), asked.len()), ("b", 2));
    }

    #[test]
    fn rfc9989_4_10_discarded_records_let_the_walk_go_on() {
        let json = r#"{"_dmarc.a.example": {"TXT": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]},
                       "_dmarc.example": {"TXT": ["v=DMARC1; p=reject"]}}"#;
        let zone = StaticZone::from_json(json, "test").unwrap();
        let answers = Answers::new(&zone);
        let walk = TreeWalk::run(&Publications::new(&answers), &domain("a.example"))
            .unwrap()
            .unwrap();
        assert_eq!(walk.organizational_domain().as_str(), "example");
        assert_eq!(walk.discarded, Some(DmarcReason::MultipleRecords));
    }

    #[test]
    fn rfc9989_5_3_6_a_failed_question_ends_the_walk() {
        for (word, reason) in [
            ("SERVFAIL", DmarcReason::DnsError),
            ("TIMEOUT", DmarcReason::DnsError),
        ] {
            let zone = StaticZone::from_json(&format!(r#"{{"_dmarc.example": "{word}"}}"#), "test")
                .unwrap();
            let answers = Answers::new(&zone);
            let publications = Publications::new(&answers);
            let walk = TreeWalk::run(&publications, &domain("a.example")).unwrap();
            assert_eq!(walk.err(), Some(reason));
        }
    }
}
