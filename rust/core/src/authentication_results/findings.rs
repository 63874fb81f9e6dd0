//! What the writer needs of a verdict: words, names and addresses, from the row in memory or from its JSON.
//!
//! One shape for both, so that there is one writer. Knows the names of the contract's JSON; judges nothing.

use std::borrow::Cow;

use serde::Deserialize;

use super::write::{is_writable_id, write_findings};
use crate::arc::ArcResult;
use crate::dkim::{DkimResult, DkimVerdict};
use crate::dmarc::{DmarcResult, RequestedPolicy};
use crate::spf::SpfResult;
use crate::verdict::Verdict;

/// The facts of one verdict that an Authentication-Results field tells.
#[derive(Debug, Deserialize)]
pub(super) struct Findings<'a> {
    pub(super) error: Option<Cow<'a, str>>,
    pub(super) author: Option<Author<'a>>,
    pub(super) envelope: Envelope<'a>,
    pub(super) spf: Option<Finding<'a, SpfResult>>,
    pub(super) spf_helo: Option<Finding<'a, SpfResult>>,
    pub(super) dkim: Vec<Signature<'a>>,
    pub(super) arc: Option<Chain<'a>>,
    pub(super) dmarc: Option<Dmarc<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Author<'a> {
    pub(super) domain: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Envelope<'a> {
    pub(super) client_ip: Option<Cow<'a, str>>,
}

/// A result of SPF.
#[derive(Debug, Deserialize)]
pub(super) struct Finding<'a, W> {
    pub(super) result: W,
    pub(super) reason: Cow<'a, str>,
    pub(super) domain: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Signature<'a> {
    pub(super) result: DkimResult,
    pub(super) reason: Cow<'a, str>,
    pub(super) domain: Option<Cow<'a, str>>,
    pub(super) selector: Option<Cow<'a, str>>,
    pub(super) auid: Option<Cow<'a, str>>,
    pub(super) algorithm: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) header_b: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Chain<'a> {
    pub(super) result: ArcResult,
    pub(super) reason: Cow<'a, str>,
    pub(super) oldest_pass: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dmarc<'a> {
    pub(super) result: DmarcResult,
    pub(super) reason: Cow<'a, str>,
    pub(super) effective_policy: Option<RequestedPolicy>,
}

impl<'a> From<&'a Verdict> for Findings<'a> {
    fn from(verdict: &'a Verdict) -> Self {
        let author = verdict.author.as_ref().map(|author| Author {
            domain: author.domain.as_ref().map(|domain| domain.as_str().into()),
        });
        Self {
            error: verdict.error.map(|error| error.code().into()),
            author,
            envelope: Envelope {
                client_ip: text(verdict.envelope.client_ip.as_ref()),
            },
            spf: verdict.spf.as_ref().map(|spf| Finding {
                result: spf.result,
                reason: spf.reason.code().into(),
                domain: text(spf.domain.as_ref()),
            }),
            spf_helo: verdict.spf_helo.as_ref().map(|spf| Finding {
                result: spf.result,
                reason: spf.reason.code().into(),
                domain: text(spf.domain.as_ref()),
            }),
            dkim: verdict.dkim.iter().map(Signature::from).collect(),
            arc: verdict.arc.as_ref().map(|arc| Chain {
                result: arc.result,
                reason: arc.reason.code().into(),
                oldest_pass: arc.oldest_pass,
            }),
            dmarc: verdict.dmarc.as_ref().map(|dmarc| Dmarc {
                result: dmarc.result,
                reason: dmarc.reason.code().into(),
                effective_policy: dmarc.effective_policy,
            }),
        }
    }
}

impl<'a> From<&'a DkimVerdict> for Signature<'a> {
    fn from(signature: &'a DkimVerdict) -> Self {
        Self {
            result: signature.result,
            reason: signature.reason.code().into(),
            domain: text(signature.domain.as_ref()),
            selector: text(signature.selector.as_ref()),
            auid: text(signature.auid.as_ref()),
            algorithm: text(signature.algorithm.as_ref()),
            header_b: text(signature.header_b.as_ref()),
        }
    }
}

fn text<T: AsRef<str>>(value: Option<&T>) -> Option<Cow<'_, str>> {
    value.map(|text| text.as_ref().into())
}

/// Why a verdict's JSON could not be written as a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteFault {
    /// The authserv-id is empty, too long, or holds what no field may hold.
    AuthservId,
    /// The JSON is no verdict; what the reader said.
    Verdict(String),
}

/// The value of the field that tells the verdict of this JSON, exactly as [`super::write`] tells the row.
///
/// # Errors
/// The authserv-id cannot be written as it is, or the JSON is no verdict.
pub fn write_json(verdict: &[u8], authserv_id: &str) -> Result<String, WriteFault> {
    if !is_writable_id(authserv_id) {
        return Err(WriteFault::AuthservId);
    }
    let findings: Findings<'_> = serde_json::from_slice(verdict)
        .map_err(|problem| WriteFault::Verdict(problem.to_string()))?;
    Ok(write_findings(&findings, authserv_id))
}
