//! Every knob of a verification: meaning, the attack it stops, default, range and section.
//!
//! The public names are those of the contract; Python checks the ranges when it builds one of these.

use std::borrow::Cow;
use std::sync::Arc;

use crate::dmarc::{PublicSuffixList, SuffixEditions};
use crate::reason::words;
use crate::trace::Trust;

words! {
    /// Which rule book DMARC follows.
    Rules {
        Rfc9989 "rfc9989";
        Rfc7489 "rfc7489";
        /// RFC 9989 for mail judged at or after [`RFC_9989_FROM`], RFC 7489 before; RFC 9989 when no time is known.
        Auto "auto";
    }
}

words! {
    /// What a DKIM `l=` tag that covers only a part of the body means (RFC 6376 §8.2).
    BodyLength {
        /// Count and report what is not covered.
        Honour "honour";
        /// An uncovered body makes the signature `policy`.
        Whole "whole";
    }
}

/// 2026-05-01T00:00:00Z, when RFC 9989 replaced RFC 7489.
pub const RFC_9989_FROM: i64 = 1_777_593_600;
/// Smallest RSA modulus in bits that passes (RFC 8301 §3.2).
pub const MIN_RSA_BITS: u32 = 1024;
/// Smallest RSA modulus in bits that passes under `historic` (RFC 6376 §3.3.3).
pub const HISTORIC_MIN_RSA_BITS: u32 = 512;
/// Largest RSA modulus in bits that a verifier must take (RFC 8301 §3.2).
pub const MAX_RSA_BITS: u32 = 4096;
/// Largest RSA modulus in bits that may be allowed: beyond it one verification costs 30 usual ones.
pub const RSA_BITS_CEILING: u32 = 8192;
/// DKIM signatures examined in one message: 20,000 of them in 6 MB would force 20,000 questions (RFC 6376 §6.1 allows a limit).
pub const SIGNATURE_LIMIT: usize = 10;
/// Questions that one message may force, whatever it holds (`dns-budget`).
pub const QUESTION_LIMIT: usize = 300;
/// Clock difference in seconds allowed for `t=` and `x=` (RFC 6376 §3.5).
pub const TIME_SKEW: i64 = 300;

/// Limits and switches of a verification.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Rule book of DMARC.
    pub rules: Rules,
    /// rsa-sha1 and RSA keys of 512 to 1023 bits may pass: for archives only, against RFC 8301 §3.
    pub historic: bool,
    /// Smallest RSA modulus in bits.
    pub min_rsa_bits: u32,
    /// Largest RSA modulus in bits.
    pub max_rsa_bits: u32,
    /// DKIM signatures examined at most, aligned ones first.
    pub max_signatures: usize,
    /// Meaning of a partial `l=`.
    pub body_length: BodyLength,
    /// Public suffixes for RFC 7489 discovery.
    pub public_suffix_list: Arc<PublicSuffixList>,
    /// Lists of several days, of which [`Policy::of_day`] takes one.
    pub public_suffix_editions: Option<Arc<SuffixEditions>>,
    /// Whether the private part of the list counts.
    pub private_suffixes: bool,
    /// Domains whose ARC chains the receiver believes, lower-case A-labels.
    pub trusted_sealers: Vec<String>,
    /// Which Received fields the receiver's own hosts wrote; nobody by default (RFC 5321 §4.4).
    pub trust: Trust,
    /// Seconds allowed for `t=` in the future and `x=` in the past.
    pub time_skew: i64,
    /// Under RFC 9989 act on `reject` even without other evidence (RFC 9989 §7.4).
    pub reject_on_policy_alone: bool,
    /// Fill `sha256`.
    pub digest: bool,
    /// authserv-id, and `%{r}` of SPF (empty: `unknown`, RFC 7208 §7.3).
    pub receiver: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            rules: Rules::Auto,
            historic: false,
            min_rsa_bits: MIN_RSA_BITS,
            max_rsa_bits: MAX_RSA_BITS,
            max_signatures: SIGNATURE_LIMIT,
            body_length: BodyLength::Honour,
            public_suffix_list: PublicSuffixList::built_in(),
            public_suffix_editions: None,
            private_suffixes: true,
            trusted_sealers: Vec::new(),
            trust: Trust::default(),
            time_skew: TIME_SKEW,
            reject_on_policy_alone: false,
            digest: false,
            receiver: String::new(),
        }
    }
}

impl Policy {
    /// The policy with the public suffix list of a time (Unix seconds); itself when it has but one list.
    pub fn of_day(&self, time: Option<i64>) -> Cow<'_, Self> {
        match &self.public_suffix_editions {
            None => Cow::Borrowed(self),
            Some(editions) => Cow::Owned(Self {
                public_suffix_list: editions.of_day(time),
                ..self.clone()
            }),
        }
    }

    /// The rule book for mail judged at `judged_at` (Unix seconds): never [`Rules::Auto`].
    pub fn rules_at(&self, judged_at: Option<i64>) -> Rules {
        match (self.rules, judged_at) {
            (Rules::Auto, Some(time)) if time < RFC_9989_FROM => Rules::Rfc7489,
            (Rules::Auto, _) => Rules::Rfc9989,
            (rules, _) => rules,
        }
    }
}
