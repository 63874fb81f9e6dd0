//! One message, evaluated as far as the answers go: the order of the checks, and the row they fill.
//!
//! Parsing, hashing and public-key work are kept in an [`Examination`]; evaluating again costs microseconds.

mod reading;

use std::mem::take;

use bytes::Bytes;
use reading::{Evidence, Reading, unquoted_readings};

use crate::dkim::hash_work::HashWork;
use crate::dkim::proofs::Proof;
use crate::dkim::{SignedOctets, signed_octets};
use crate::dns::{Answers, AsOf, Lookup, Pending, Question, RecordType};
use crate::envelope::Envelope;
use crate::message::{MESSAGE_OCTET_LIMIT, Message, Repair};
use crate::policy::Policy;
use crate::reason::LimitWord;
use crate::verdict::{EnvelopeRow, ErrorReason, Row, Source, Verdict};
use crate::{authentication_results, author, crypto, disposition, dmarc, header_facts, spf, trace};

/// What time a message is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Now {
    /// The time of receipt: the envelope's, else the topmost Received field's, else none.
    Received,
    /// This time, Unix seconds.
    At(i64),
}

/// Octets of a usual header section.
const EXPECTED_OCTETS: usize = 3 << 10;

/// A message on its way to a verdict.
#[derive(Clone, Debug)]
pub struct Input {
    /// Where the message stands in its source.
    pub id: String,
    /// Octets as stored; the error when they could not be had.
    pub octets: Result<Bytes, ErrorReason>,
    /// Octets as stored, also when they could not be had.
    pub size: u64,
    /// What SMTP said.
    pub envelope: Envelope,
    /// The body may carry the `>From ` quoting of an mbox.
    pub is_mbox: bool,
    /// What was odd about how the source stores the message.
    pub repairs: Vec<Repair>,
}

impl Input {
    /// An input of octets at hand.
    pub fn new(id: String, octets: Bytes, envelope: Envelope) -> Self {
        let size = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        let is_too_large = octets.len() > MESSAGE_OCTET_LIMIT;
        let octets = if is_too_large {
            Err(ErrorReason::MessageTooLarge)
        } else {
            Ok(octets)
        };
        Self {
            id,
            octets,
            size,
            envelope,
            is_mbox: false,
            repairs: Vec::new(),
        }
    }

    /// Lets the CPU bring the octets that are looked at first while it is busy with another message.
    pub(crate) fn expect(&self) {
        let octets = self.octets.as_deref().unwrap_or_default();
        let header = octets.get(..EXPECTED_OCTETS).unwrap_or(octets);
        mailauth_sha256::prefetch(header);
    }
}

/// A message being verified, with everything that is already known of it.
pub struct Examination {
    id: String,
    size: u64,
    envelope: Envelope,
    recovery: trace::Recovery,
    is_mbox: bool,
    repairs: Vec<Repair>,
    received_at: Option<i64>,
    received_source: Source,
    judged_at: Option<i64>,
    author: author::Author,
    stored: Reading,
    /// Readings with the quoting undone, made when the stored one fails.
    unquoted: Option<Vec<Reading>>,
    /// Which of them the verdict rests on; `None` = the stored one.
    chosen: Option<usize>,
    /// The types of the questions that the last verdict needed.
    asked_types: Vec<RecordType>,
}

impl Examination {
    /// Splits the message; the row of a message without octets is its error.
    ///
    /// # Errors
    /// The finished row when there is nothing to examine.
    pub fn begin(input: Input, now: Now, policy: &Policy) -> Result<Self, Row> {
        let octets = match input.octets {
            Ok(octets) => octets,
            Err(error) => return Err(Box::new(Verdict::failed(input.id, input.size, error))),
        };
        let message = Message::parse(octets);
        let mut envelope = input.envelope;
        let recovery = trace::recover(&message, &mut envelope, policy);
        let given = envelope.received_at;
        let received_at = given.or_else(|| header_facts::received_at(&message));
        let received_source = match (given, received_at) {
            (Some(_), _) => {
                let sources = envelope.sources;
                sources.map_or(Source::Explicit, |sources| sources.received_at)
            }
            (None, Some(_)) => Source::Received,
            (None, None) => Source::Missing,
        };
        Ok(Self {
            id: input.id,
            size: input.size,
            envelope,
            recovery,
            is_mbox: input.is_mbox,
            repairs: input.repairs,
            received_at,
            received_source,
            judged_at: match now {
                Now::Received => received_at,
                Now::At(time) => Some(time),
            },
            author: author::author(&message),
            stored: Reading::new(message),
            unquoted: None,
            chosen: None,
            asked_types: Vec::new(),
        })
    }

    /// Copies the octets out of the buffer they share with other messages, so that waiting does not hold that.
    pub fn detach(&mut self) {
        self.stored.message.detach();
    }

    /// Finds the hashes that can be made now, to be made together with those of other messages; the verdict is the same
    /// without.
    pub(crate) fn prepare(&mut self, lookup: &dyn Lookup, policy: &Policy) {
        let lookup: &dyn Lookup = &self.dated(lookup);
        let (reading, author) = (&mut self.stored, self.author.domain.as_ref());
        let (message, bodies) = (&reading.message, &mut reading.bodies);
        let signatures = &mut reading.signatures;
        signatures.prepare(lookup, message, bodies, policy, author);
        reading.chain.prepare(lookup, message, bodies, policy);
    }

    /// The hashes that [`Examination::prepare`] found.
    pub(crate) fn hash_work(&mut self) -> impl Iterator<Item = HashWork<'_>> {
        self.stored.bodies.open(self.stored.message.body())
    }

    /// Finds the public-key operations that can be made now, to be made together with those of other messages; the
    /// verdict is the same without.
    pub(crate) fn prepare_proofs(&mut self, lookup: &dyn Lookup, policy: &Policy) {
        let lookup: &dyn Lookup = &self.dated(lookup);
        let reading = &mut self.stored;
        let (message, bodies) = (&reading.message, &mut reading.bodies);
        reading.signatures.prepare_proofs(lookup, bodies);
        reading
            .chain
            .prepare_proofs(lookup, message, bodies, policy);
    }

    /// The public-key operations that [`Examination::prepare_proofs`] found.
    pub(crate) fn open_proofs(&mut self) -> impl Iterator<Item = &mut Proof> {
        self.stored.bodies.proofs.open()
    }

    /// The verdict, or the questions that have to be answered first.
    ///
    /// # Errors
    /// The missing questions, never empty.
    pub fn evaluate(&mut self, lookup: &dyn Lookup, policy: &Policy) -> Result<Row, Vec<Question>> {
        let dated = self.dated(lookup);
        let answers = Answers::new(&dated);
        let verdict = self
            .evaluate_all(&answers, policy)
            .map_err(|Pending| answers.missing())?;
        self.asked_types = answers.asked_types();
        Ok(verdict)
    }

    /// The types of the questions that the last verdict needed, one a question.
    pub(crate) fn asked_types(&self) -> &[RecordType] {
        &self.asked_types
    }

    /// The answers as they were when the message is judged.
    pub(crate) fn dated<'a>(&self, lookup: &'a dyn Lookup) -> AsOf<'a> {
        AsOf::new(lookup, self.judged_at)
    }

    /// The reading that the last verdict rests on.
    fn reading(&self) -> &Reading {
        let chosen = self.chosen.zip(self.unquoted.as_ref());
        let chosen = chosen.and_then(|(index, readings)| readings.get(index));
        chosen.unwrap_or(&self.stored)
    }

    /// What the examined signatures signed, in the reading that the last verdict rests on.
    pub(crate) fn signed_octets(&mut self, has_body: bool) -> Vec<SignedOctets> {
        let chosen = self.chosen.zip(self.unquoted.as_mut());
        let chosen = chosen.and_then(|(index, readings)| readings.get_mut(index));
        let reading = chosen.unwrap_or(&mut self.stored);
        let fields = &mut reading.bodies.fields;
        signed_octets(&reading.signatures, &reading.message, fields, has_body)
    }

    /// Everything is evaluated as far as it goes, so that one round asks for all that can be known to be missing.
    ///
    /// The order is that of the message's budget of questions: what an attacker can inflate (HELO, ARC) comes after
    /// what the author domain's owner relies on.
    pub(crate) fn evaluate_all(
        &mut self,
        answers: &Answers<'_>,
        policy: &Policy,
    ) -> Result<Row, Pending> {
        let policy = &*policy.of_day(self.judged_at);
        let (judged_at, author) = (self.judged_at, self.author.domain.as_ref());
        let dkim = self.stored.dkim(answers, policy, judged_at, author);
        let spf = spf::check_mail_from(answers, &self.envelope, policy, self.judged_at);
        let dmarc = match (&spf, &dkim) {
            (Ok(spf), Ok(dkim)) => {
                dmarc::evaluate(answers, &self.author, spf, dkim, policy, self.judged_at)
            }
            _ => Err(Pending),
        };
        if dmarc.is_err() {
            // Another round is needed anyway: it may as well bring all of the tree walk.
            dmarc::expect(answers, &self.author, policy, self.judged_at);
        }
        let spf_helo = spf::check_helo(answers, &self.envelope, policy, self.judged_at);
        let arc = self.stored.arc(answers, policy, judged_at);
        let (spf, spf_helo, mut dmarc) = (spf?, spf_helo?, dmarc?);
        let mut evidence = Evidence {
            dkim: dkim?,
            arc: arc?,
        };
        let better = self.evaluate_unquoted(answers, policy, &evidence)?;
        let mut repairs = self.repairs.clone();
        repairs.extend(self.stored.repairs());
        if let Some(better) = better {
            repairs.push(Repair::MboxQuoting);
            dmarc = dmarc::evaluate(
                answers,
                &self.author,
                &spf,
                &better.dkim,
                policy,
                self.judged_at,
            )?;
            evidence = better;
        }
        authentication_results::shorten(&mut evidence.dkim);
        let mut verdict = self.row(policy, evidence, spf, spf_helo, dmarc);
        verdict.repairs = repairs;
        let qualifications = answers.qualifications();
        verdict.limits.extend(
            qualifications
                .into_iter()
                .map(|word| word.code().to_owned()),
        );
        verdict.limits.sort_unstable();
        verdict.limits.dedup();
        if !policy.receiver.is_empty() {
            let field = authentication_results::write(&verdict, &policy.receiver);
            verdict.authentication_results = Some(field);
        }
        verdict.dns_questions = u64::try_from(answers.asked_count()).unwrap_or(u64::MAX);
        Ok(verdict)
    }

    /// An mbox quotes body lines that begin with `From `. The stored form comes first, because the quoting may be older
    /// than the signature; then one `>` less, then none. A reading counts only when more checks pass with it.
    fn evaluate_unquoted(
        &mut self,
        answers: &Answers<'_>,
        policy: &Policy,
        stored: &Evidence,
    ) -> Result<Option<Evidence>, Pending> {
        if !self.is_mbox || !stored.has_body_failure() {
            return Ok(None);
        }
        let (judged_at, author) = (self.judged_at, self.author.domain.as_ref());
        let message = &self.stored.message;
        let readings = self
            .unquoted
            .get_or_insert_with(|| unquoted_readings(message));
        for (index, reading) in readings.iter_mut().enumerate() {
            let evidence = Evidence {
                dkim: reading.dkim(answers, policy, judged_at, author)?,
                arc: reading.arc(answers, policy, judged_at)?,
            };
            if evidence.passes() > stored.passes() {
                self.chosen = Some(index);
                return Ok(Some(evidence));
            }
        }
        Ok(None)
    }

    /// What the row shows and nothing needs any more moves into it: a verdict is the last that is asked of the checks.
    fn row(
        &mut self,
        policy: &Policy,
        evidence: Evidence,
        spf: spf::SpfVerdict,
        spf_helo: spf::SpfHeloVerdict,
        dmarc: dmarc::DmarcVerdict,
    ) -> Row {
        let limits = self.limits(&evidence, &spf, &spf_helo, &dmarc);
        let message = &self.stored.message;
        let organizational_domain = dmarc.organizational_domain.clone();
        let mut verdict = Box::new(Verdict {
            id: String::new(),
            size: self.size,
            message_id: header_facts::message_id(message),
            date: header_facts::date(message),
            sha256: policy.digest.then(|| hex_digest(message.octets())),
            received_at: self.received_at,
            judged_at: self.judged_at,
            error: None,
            author: None,
            envelope: EnvelopeRow::default(),
            limits,
            disposition: Some(disposition::decide(&dmarc, &evidence.arc, message, policy)),
            spf: Some(spf),
            spf_helo: Some(spf_helo),
            dkim: evidence.dkim,
            arc: Some(evidence.arc),
            dmarc: Some(dmarc),
            flow: if self.envelope.is_submission() {
                "submission"
            } else {
                "unknown"
            },
            authentication_results: None,
            repairs: Vec::new(),
            dns_questions: 0,
        });
        // What has a temperror may be judged again; any other row is the last of its message and may take all.
        let (id, author, envelope) = if verdict.has_temperror() {
            let kept = (&self.id, &self.author, &self.envelope);
            (kept.0.clone(), kept.1.clone(), kept.2.clone())
        } else {
            let Self {
                id,
                author,
                envelope,
                ..
            } = self;
            (take(id), take(author), take(envelope))
        };
        verdict.id = id;
        verdict.author = Some(author::Author {
            organizational_domain,
            ..author
        });
        verdict.envelope = envelope.into_row(self.received_source);
        verdict
    }

    fn limits(
        &self,
        evidence: &Evidence,
        spf: &spf::SpfVerdict,
        spf_helo: &spf::SpfHeloVerdict,
        dmarc: &dmarc::DmarcVerdict,
    ) -> Vec<String> {
        let qualifications = [&spf.limits, &spf_helo.limits, &dmarc.limits];
        let mut limits: Vec<String> = qualifications
            .into_iter()
            .flatten()
            .map(|&word| word.to_owned())
            .collect();
        let reasons = [evidence.arc.reason.code(), dmarc.reason.code()];
        let dkim = evidence
            .dkim
            .iter()
            .map(|signature| signature.reason.code());
        limits.extend(
            reasons
                .into_iter()
                .chain(dkim)
                .filter(|code| LIMIT_REASONS.contains(code))
                .map(str::to_owned),
        );
        if self.judged_at.is_none() {
            limits.push(LimitWord::NoReceiptTime.code().to_owned());
        }
        let unlisted = self.stored.signatures.unlisted();
        if unlisted > 0 {
            let word = LimitWord::SignaturesUnlisted.code();
            limits.push(format!("{word}:{unlisted}"));
        }
        let arc_limit = self.reading().chain.limit();
        limits.extend(arc_limit.map(|word| word.code().to_owned()));
        limits.extend(self.trace_words());
        limits.sort_unstable();
        limits.dedup();
        limits
    }

    /// What is to be said of the envelope and the believed part of the trace.
    fn trace_words(&self) -> impl Iterator<Item = String> {
        let is_cleartext = self.envelope.is_cleartext_submission();
        let cleartext = is_cleartext.then(|| trace::TraceWord::CleartextAuth.code().to_owned());
        let unroutable = trace::TraceWord::UnroutableHop.code();
        let hops = self.recovery.unroutable_hops.iter();
        let hops = hops.map(move |address| format!("{unroutable}:{address}"));
        cleartext.into_iter().chain(hops)
    }
}

/// Reasons that are a limit being hit; SPF names its own in its `limits`.
const LIMIT_REASONS: &[&str] = &[
    "dns-budget",
    "key-outside-window",
    "limit-exceeded",
    "signature-limit",
    "too-many-author-domains",
];

fn hex_digest(octets: &[u8]) -> String {
    let mut hash = crypto::Sha256::new();
    hash.update(octets);
    hash.finish()
        .iter()
        .fold(String::with_capacity(64), |text, octet| {
            text + &format!("{octet:02x}")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_at(octets: usize) -> Option<ErrorReason> {
        let raw = Bytes::from(vec![0; octets]);
        Input::new("0".to_owned(), raw, Envelope::default())
            .octets
            .err()
    }

    #[test]
    fn the_message_limit_at_n_minus_1_n_and_n_plus_1() {
        assert_eq!(error_at(MESSAGE_OCTET_LIMIT - 1), None);
        assert_eq!(error_at(MESSAGE_OCTET_LIMIT), None);
        assert_eq!(
            error_at(MESSAGE_OCTET_LIMIT + 1),
            Some(ErrorReason::MessageTooLarge)
        );
    }
}
