//! One reading of a message: its signatures, its chain and their hashes, and what they prove.
//!
//! Knows that an mbox may have quoted lines of the body that were signed without the quoting (RFC 4155); must not know
//! which reading a verdict rests on.

use crate::dkim::{BodyHashes, Check, DkimResult, DkimVerdict, Signatures};
use crate::dns::{Answers, Pending};
use crate::domain::Domain;
use crate::message::{Message, Repair};
use crate::policy::Policy;
use crate::{arc, mbox_quoting};

/// One reading of a message: as stored, or with its mbox quoting undone.
pub(super) struct Reading {
    pub(super) message: Message,
    pub(super) signatures: Signatures,
    pub(super) chain: arc::Chain,
    pub(super) bodies: BodyHashes,
}

impl Reading {
    pub(super) fn new(message: Message) -> Self {
        Self {
            signatures: Signatures::parse(&message),
            chain: arc::Chain::parse(&message),
            bodies: BodyHashes::default(),
            message,
        }
    }

    /// What is odd about the octets; the body's line ends are known wherever it was hashed.
    pub(super) fn repairs(&self) -> Vec<Repair> {
        let line_ends = self.bodies.line_ends();
        line_ends.map_or_else(
            || self.message.repairs(),
            |line_ends| self.message.repairs_with(line_ends),
        )
    }

    pub(super) fn dkim(
        &mut self,
        answers: &Answers<'_>,
        policy: &Policy,
        judged_at: Option<i64>,
        author: Option<&Domain>,
    ) -> Result<Vec<DkimVerdict>, Pending> {
        let (message, bodies) = (&self.message, &mut self.bodies);
        self.signatures
            .evaluate(answers, message, bodies, policy, judged_at, author)
    }

    pub(super) fn arc(
        &mut self,
        answers: &Answers<'_>,
        policy: &Policy,
        judged_at: Option<i64>,
    ) -> Result<arc::ArcVerdict, Pending> {
        self.chain
            .evaluate(answers, &self.message, &mut self.bodies, policy, judged_at)
    }
}

/// What DKIM and ARC say of one reading.
pub(super) struct Evidence {
    pub(super) dkim: Vec<DkimVerdict>,
    pub(super) arc: arc::ArcVerdict,
}

impl Evidence {
    pub(super) fn passes(&self) -> usize {
        let is_pass = |signature: &&DkimVerdict| signature.result == DkimResult::Pass;
        self.dkim.iter().filter(is_pass).count()
            + usize::from(self.arc.result == arc::ArcResult::Pass)
    }

    pub(super) fn has_body_failure(&self) -> bool {
        self.dkim
            .iter()
            .any(|signature| signature.body_hash == Check::Fail)
            || self.arc.result == arc::ArcResult::Fail
    }
}

/// The readings with the quoting of an mbox undone: one `>` less, then none, where they differ.
pub(super) fn unquoted_readings(message: &Message) -> Vec<Reading> {
    let body = message.body();
    let once = mbox_quoting::unquote_once(body);
    let all = once
        .as_ref()
        .and_then(|_| mbox_quoting::unquote_all(body))
        .filter(|all| Some(all) != once.as_ref());
    once.into_iter()
        .chain(all)
        .map(|body| Reading::new(message.with_body(&body)))
        .collect()
}
