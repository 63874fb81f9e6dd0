//! SPF, DKIM, ARC and DMARC as pure functions of (message, SMTP envelope, DNS answers, now, policy).
//!
//! The map: [`message`] splits octets once for everyone; [`spf`], [`dkim`], [`arc`] and [`dmarc`] are the protocols,
//! each a *record* and an *evaluation*; [`dns`] holds questions and answers as values; [`policy`] every knob;
//! [`trace`] what of the envelope the header tells;
//! [`verdict`] the row that comes out. No Python, socket, clock, file or randomness in here.
#![forbid(unsafe_code)]

pub mod arc;
pub mod authentication_results;
pub mod author;
pub mod base64;
pub mod batch;
pub mod crypto;
pub mod date;
pub mod disposition;
pub mod dkim;
pub mod dmarc;
pub mod dns;
pub mod domain;
pub mod engine;
pub mod envelope;
pub mod evaluate;
pub mod explain;
pub mod header_facts;
#[doc(hidden)]
pub mod kernels;
pub mod mbox_quoting;
pub mod message;
mod octet_classes;
pub mod policy;
pub mod pseudonym;
pub mod reason;
pub mod spf;
pub mod tag_list;
pub mod trace;
pub mod verdict;
