//! The check_host() function (RFC 7208 §4): records, includes and redirects in the order of the RFC, and its limits.
//!
//! Knows the flow of control, its stack and counters; how a term finds addresses is in `address_terms.rs`. Must not
//! know envelopes or verdicts. Includes wait on an explicit stack that the lookup limit bounds.

use std::mem;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::identity::Sender;
use super::macro_string::MacroString;
use super::record::{Directive, Mechanism, Qualifier, Record, RecordSelection};
use super::target_name::Target;
use super::{SpfReason, SpfResult};
use crate::dns::{Answers, Entry, Outcome, Pending};
use crate::domain::Domain;
use crate::reason::LimitWord;

/// Terms that may cause DNS queries in one check, includes and redirects among them (RFC 7208 §4.6.4).
pub const DNS_LOOKUP_LIMIT: usize = 10;
/// Void lookups in one check (RFC 7208 §4.6.4): more would let a record aim many questions at a victim (§11.1).
pub const VOID_LOOKUP_LIMIT: usize = 2;
/// Word for the verdict's `limits`: an error that RFC 7208 §5.5, §6.2 or §7.3 lets pass was met.
pub(super) const PTR_ERROR: &str = LimitWord::PtrError.code();

/// RFC 7208 §4.1, with what macros need besides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arguments<'a> {
    /// Never an IPv4-mapped IPv6 address.
    pub(super) client_ip: IpAddr,
    pub(super) sender: &'a Sender,
    /// `%{h}`.
    pub(super) helo: Option<&'a str>,
    /// `%{r}`.
    pub(super) receiver: &'a str,
    /// `%{t}`.
    pub(super) now: Option<i64>,
    /// Whether the text of `exp=` is asked for.
    pub(super) wants_explanation: bool,
}

/// What check_host() returns (RFC 7208 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Evaluation {
    pub(super) result: SpfResult,
    pub(super) reason: SpfReason,
    pub(super) mechanism: Option<String>,
    pub(super) explanation: Option<String>,
    pub(super) lookup_count: usize,
    pub(super) void_count: usize,
    pub(super) limits: Vec<&'static str>,
}

/// Why an evaluation leaves before a directive decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// An answer is missing.
    Pending,
    /// The whole check ends with the result of this reason.
    Verdict(SpfReason),
}

impl From<Pending> for Stop {
    fn from(_: Pending) -> Self {
        Self::Pending
    }
}

/// A record under evaluation; its domain is the `<domain>` of RFC 7208 §4.1.
struct Frame {
    record: Arc<Record>,
    domain: Domain,
    /// Directives already taken.
    position: usize,
}

impl Frame {
    fn new(record: Arc<Record>, domain: Domain) -> Self {
        Self {
            record,
            domain,
            position: 0,
        }
    }

    /// The directive taken last.
    fn current(&self) -> Option<&Directive> {
        self.record.directives().get(self.position.checked_sub(1)?)
    }
}

enum Step {
    NoMatch,
    Match(Qualifier),
    /// The record to evaluate before this step is decided.
    Include(Frame),
    /// The record to go on with.
    Redirect(Frame),
    /// No directive is left and there is no redirect.
    End,
}

/// The counters and arguments of one check.
pub(super) struct Check<'a> {
    pub(super) answers: &'a Answers<'a>,
    pub(super) arguments: Arguments<'a>,
    lookup_count: usize,
    void_count: usize,
    limits: Vec<&'static str>,
}

/// Evaluates check_host() for the domain of the sender.
///
/// # Errors
/// [`Pending`] when an answer is missing.
pub(super) fn check_host(
    answers: &Answers<'_>,
    arguments: Arguments<'_>,
) -> Result<Evaluation, Pending> {
    let mut check = Check {
        answers,
        arguments,
        lookup_count: 0,
        void_count: 0,
        limits: Vec::new(),
    };
    let mut evaluation = match check.evaluate() {
        Ok(evaluation) => evaluation,
        Err(Stop::Pending) => return Err(Pending),
        Err(Stop::Verdict(reason)) => {
            if reason.is_limit() {
                check.note(reason.code());
            }
            Evaluation::without_match(reason)
        }
    };
    evaluation.lookup_count = check.lookup_count;
    evaluation.void_count = check.void_count;
    evaluation.limits = check.limits;
    Ok(evaluation)
}

impl Evaluation {
    /// An evaluation that no directive decided.
    fn without_match(reason: SpfReason) -> Self {
        Self {
            result: reason.result().unwrap_or(SpfResult::Neutral),
            reason,
            mechanism: None,
            explanation: None,
            lookup_count: 0,
            void_count: 0,
            limits: Vec::new(),
        }
    }
}

impl Check<'_> {
    fn evaluate(&mut self) -> Result<Evaluation, Stop> {
        let domain = self.arguments.sender.domain.clone();
        let entry = self.answers.txt(&domain)?;
        // RFC 7208 §4.3: NXDOMAIN is "none".
        if entry.outcome == Outcome::NxDomain {
            return Err(Stop::Verdict(SpfReason::NoDomain));
        }
        let record = select_record(&entry, SpfReason::NoRecord)?;
        let mut frame = Frame::new(record, domain);
        let qualifier = self.evaluate_record(&mut frame)?;
        self.conclude(&frame, qualifier)
    }

    /// Runs the record of `frame` and whatever it includes; `frame` ends as the record that decided (RFC 7208 §4.6).
    fn evaluate_record(&mut self, frame: &mut Frame) -> Result<Option<Qualifier>, Stop> {
        let mut including: Vec<Frame> = Vec::new();
        loop {
            let step = self
                .step(frame)
                .inspect_err(|stop| self.expect_next_terms(*stop, frame))
                .map_err(|stop| {
                    if including.is_empty() {
                        stop
                    } else {
                        blame_include(stop)
                    }
                })?;
            let outcome = match step {
                Step::NoMatch => continue,
                Step::Include(included) => {
                    including.push(mem::replace(frame, included));
                    continue;
                }
                Step::Redirect(target) => {
                    *frame = target;
                    continue;
                }
                Step::Match(qualifier) => Some(qualifier),
                // RFC 7208 §4.7: no match and no redirect is neutral.
                Step::End => None,
            };
            if let ControlFlow::Break(decision) =
                return_to_including(frame, &mut including, outcome)
            {
                return Ok(decision);
            }
        }
    }

    /// Takes one directive, or the redirect after the last one.
    fn step(&mut self, frame: &mut Frame) -> Result<Step, Stop> {
        let record = Arc::clone(&frame.record);
        let Some(directive) = record.directives().get(frame.position) else {
            return self.redirect(frame);
        };
        frame.position += 1;
        if directive.mechanism.is_lookup_term() {
            self.count_lookup()?;
        }
        if let Mechanism::Include(spec) = &directive.mechanism {
            return self.include(spec, &frame.domain);
        }
        let is_match = self.matches(&directive.mechanism, &frame.domain)?;
        Ok(if is_match {
            Step::Match(directive.qualifier)
        } else {
            Step::NoMatch
        })
    }

    fn include(&mut self, spec: &MacroString, domain: &Domain) -> Result<Step, Stop> {
        match self.target(Some(spec), domain)? {
            Target::NonAsciiLocalPart => Ok(Step::NoMatch),
            // RFC 7208 §4.3, §5.2: a malformed or single-label name is "none", and that makes include a permerror.
            Target::Name(name) if name.label_count() > 1 => {
                let record = self.record_of_term(&name, SpfReason::IncludeNone).map_err(
                    |stop| match stop {
                        Stop::Verdict(SpfReason::IncludeNone) => stop,
                        stop => blame_include(stop),
                    },
                )?;
                Ok(Step::Include(Frame::new(record, name)))
            }
            Target::Name(_) | Target::Malformed => Err(Stop::Verdict(SpfReason::IncludeNone)),
        }
    }

    fn redirect(&mut self, frame: &Frame) -> Result<Step, Stop> {
        // RFC 7208 §6.1: `all` anywhere disables the redirect; as `all` matches, the end is never reached with it.
        let Some(spec) = frame.record.redirect() else {
            return Ok(Step::End);
        };
        self.count_lookup()?;
        match self.target(Some(spec), &frame.domain)? {
            Target::Name(name) if name.label_count() > 1 => {
                let record = self.record_of_term(&name, SpfReason::RedirectNone)?;
                Ok(Step::Redirect(Frame::new(record, name)))
            }
            // RFC 7208 §6.1: a malformed target is a permerror.
            Target::Name(_) | Target::Malformed | Target::NonAsciiLocalPart => {
                Err(Stop::Verdict(SpfReason::RedirectNone))
            }
        }
    }

    /// The record that a term names; `none` is the reason when there is none.
    fn record_of_term(&mut self, domain: &Domain, none: SpfReason) -> Result<Arc<Record>, Stop> {
        let entry = self.answers.txt(domain)?;
        self.count_void(entry.outcome)?;
        select_record(&entry, none)
    }

    /// The verdict of the outermost record.
    fn conclude(
        &mut self,
        frame: &Frame,
        qualifier: Option<Qualifier>,
    ) -> Result<Evaluation, Stop> {
        let (Some(qualifier), Some(directive)) = (qualifier, frame.current()) else {
            return Ok(Evaluation::without_match(SpfReason::NoMatch));
        };
        let explanation = if qualifier == Qualifier::Fail && self.arguments.wants_explanation {
            self.explanation(frame.record.explanation(), &frame.domain)?
        } else {
            None
        };
        Ok(Evaluation {
            result: qualifier.result(),
            mechanism: Some(frame.record.directive_text(directive).to_owned()),
            explanation,
            ..Evaluation::without_match(SpfReason::Matched)
        })
    }

    /// RFC 7208 §4.6.4: the eleventh term is an error before it asks anything.
    pub(super) fn count_lookup(&mut self) -> Result<(), Stop> {
        if self.lookup_count >= DNS_LOOKUP_LIMIT {
            return Err(Stop::Verdict(SpfReason::LookupLimit));
        }
        self.lookup_count += 1;
        Ok(())
    }

    /// RFC 7208 §4.6.4: NXDOMAIN and empty answers are void; the third one is an error, also in the last term.
    pub(super) fn count_void(&mut self, outcome: Outcome) -> Result<(), Stop> {
        if !matches!(outcome, Outcome::NoData | Outcome::NxDomain) {
            return Ok(());
        }
        self.void_count += 1;
        if self.void_count > VOID_LOOKUP_LIMIT {
            return Err(Stop::Verdict(SpfReason::VoidLimit));
        }
        Ok(())
    }

    /// Adds a word to the verdict's `limits`, once.
    pub(super) fn note(&mut self, word: &'static str) {
        if !self.limits.contains(&word) {
            self.limits.push(word);
        }
    }

    /// While an answer is awaited anyway, asks ahead for the terms that follow in this record.
    ///
    /// Only as many as a check that finds nothing would ask before its void lookups end it: a wider window would undo
    /// what RFC 7208 §11.1 protects victims from.
    fn expect_next_terms(&self, stop: Stop, frame: &Frame) {
        if stop != Stop::Pending {
            return;
        }
        let left = DNS_LOOKUP_LIMIT.saturating_sub(self.lookup_count);
        let following = frame.record.directives().get(frame.position..);
        following
            .unwrap_or_default()
            .iter()
            .take_while(|directive| !self.matches_without_dns(&directive.mechanism))
            .filter(|directive| directive.mechanism.is_lookup_term())
            .take(left.min(VOID_LOOKUP_LIMIT))
            .for_each(|directive| self.expect_term(&directive.mechanism, &frame.domain));
    }
}

/// RFC 7208 §4.4, §4.5; `none` is the reason when there is no record.
fn select_record(entry: &Entry, none: SpfReason) -> Result<Arc<Record>, Stop> {
    check_fault(entry.outcome)?;
    match entry.spf() {
        RecordSelection::Record(record) => Ok(Arc::clone(record)),
        RecordSelection::NoRecord => Err(Stop::Verdict(none)),
        RecordSelection::MultipleRecords => Err(Stop::Verdict(SpfReason::MultipleRecords)),
        RecordSelection::SyntaxError(_) => Err(Stop::Verdict(SpfReason::SyntaxError)),
    }
}

/// RFC 7208 §5: an error of DNS ends the whole check.
pub(super) fn check_fault(outcome: Outcome) -> Result<(), Stop> {
    let reason = match outcome {
        Outcome::Found | Outcome::NoData | Outcome::NxDomain => return Ok(()),
        Outcome::Timeout => SpfReason::DnsTimeout,
        Outcome::ServFail => SpfReason::DnsServfail,
        Outcome::Refused => SpfReason::DnsRefused,
        Outcome::FormErr
        | Outcome::NotImp
        | Outcome::Truncated
        | Outcome::Lame
        | Outcome::ChainTooLong
        | Outcome::Unusable => SpfReason::DnsError,
        Outcome::Unknown => SpfReason::DnsUnknown,
        Outcome::OverBudget => SpfReason::DnsBudget,
    };
    Err(Stop::Verdict(reason))
}

/// Goes back from an included record to those that wait for it, until one is left undecided or the first is decided.
fn return_to_including(
    frame: &mut Frame,
    including: &mut Vec<Frame>,
    outcome: Option<Qualifier>,
) -> ControlFlow<Option<Qualifier>> {
    let mut outcome = outcome;
    while let Some(parent) = including.pop() {
        *frame = parent;
        // RFC 7208 §5.2: only "pass" makes include match; fail, softfail and neutral do not.
        if outcome != Some(Qualifier::Pass) {
            return ControlFlow::Continue(());
        }
        outcome = frame.current().map(|directive| directive.qualifier);
    }
    ControlFlow::Break(outcome)
}

/// RFC 7208 §5.2: an included record that is broken makes the record that includes it a permerror too; limits and
/// faults of DNS concern the whole check and keep their names.
fn blame_include(stop: Stop) -> Stop {
    match stop {
        Stop::Verdict(
            SpfReason::SyntaxError
            | SpfReason::MultipleRecords
            | SpfReason::IncludeNone
            | SpfReason::RedirectNone,
        ) => Stop::Verdict(SpfReason::IncludePermerror),
        stop => stop,
    }
}
