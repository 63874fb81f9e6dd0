//! Reads the Python side's `Policy`, `Envelope` and `now` into core's types.

use std::sync::Arc;

use mailauth_core::dmarc::PublicSuffixList;
use mailauth_core::envelope::Envelope;
use mailauth_core::evaluate::Now;
use mailauth_core::policy::{BodyLength, Policy, Rules};
use mailauth_core::trace::Trust;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors::Fault;

/// Reads a checked `Policy` dataclass.
pub(crate) fn policy(object: &Bound<'_, PyAny>) -> PyResult<Policy> {
    let word = |name: &str| object.getattr(name)?.extract::<String>();
    let unknown = |name: &str| Fault::Policy(format!("{name} has an unknown word"));
    Ok(Policy {
        rules: Rules::from_word(&word("rules")?).ok_or_else(|| unknown("rules"))?,
        historic: object.getattr("historic")?.extract()?,
        min_rsa_bits: object.getattr("min_rsa_bits")?.extract()?,
        max_rsa_bits: object.getattr("max_rsa_bits")?.extract()?,
        max_signatures: object.getattr("max_signatures")?.extract()?,
        body_length: BodyLength::from_word(&word("body_length")?)
            .ok_or_else(|| unknown("body_length"))?,
        public_suffix_list: suffixes(&object.getattr("public_suffix_list")?)?,
        private_suffixes: object.getattr("private_suffixes")?.extract()?,
        trusted_sealers: object.getattr("trusted_sealers")?.extract()?,
        trust: trust(&object.getattr("trust")?.extract::<Vec<String>>()?)?,
        time_skew: object.getattr("time_skew")?.extract()?,
        reject_on_policy_alone: object.getattr("reject_on_policy_alone")?.extract()?,
        digest: object.getattr("digest")?.extract()?,
        receiver: word("receiver")?,
    })
}

/// Reads the entries of `trust`.
pub(crate) fn trust(entries: &[String]) -> Result<Trust, Fault> {
    Trust::parse(entries).map_err(|fault| Fault::Policy(fault.to_string()))
}

fn suffixes(path: &Bound<'_, PyAny>) -> PyResult<Arc<PublicSuffixList>> {
    if path.is_none() {
        return Ok(PublicSuffixList::built_in());
    }
    let path: std::path::PathBuf = path.extract()?;
    let fail = |problem: &str| Fault::Policy(format!("{}: {problem}", path.display()));
    let octets = std::fs::read(&path)
        .map_err(|error| fail(&format!("the public suffix list cannot be read ({error})")))?;
    let text = String::from_utf8(octets)
        .map_err(|_| fail("the public suffix list is not UTF-8; give a list as published"))?;
    let list = PublicSuffixList::parse(&text)
        .ok_or_else(|| fail("the public suffix list holds no rule; give a list as published"))?;
    Ok(Arc::new(list))
}

/// Reads an `Envelope` dataclass, or nothing at all.
pub(crate) fn envelope(object: Option<&Bound<'_, PyAny>>) -> PyResult<Envelope> {
    let Some(object) = object.filter(|object| !object.is_none()) else {
        return Ok(Envelope::default());
    };
    let text = |name: &str| object.getattr(name)?.extract::<Option<String>>();
    Ok(Envelope {
        client_ip: text("client_ip")?.map(|ip| address(&ip)).transpose()?,
        helo: text("helo")?,
        mail_from: text("mail_from")?,
        rcpt_to: object.getattr("rcpt_to")?.extract()?,
        auth_id: text("auth_id")?,
        protocol: text("protocol")?,
        received_at: object.getattr("received_at")?.extract()?,
        sources: None,
    })
}

/// Reads a client address.
pub(crate) fn address(text: &str) -> Result<std::net::IpAddr, Fault> {
    let problem = || Fault::Argument(format!("client_ip {text:?} is no IP address"));
    text.parse().map_err(|_| problem())
}

/// Reads a checked `now`: Unix seconds or the word `received`.
pub(crate) fn now(object: &Bound<'_, PyAny>) -> PyResult<Now> {
    if object.is_instance_of::<PyString>() {
        return Ok(Now::Received);
    }
    Ok(Now::At(object.extract()?))
}
