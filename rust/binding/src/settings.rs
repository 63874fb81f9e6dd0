//! Reads the Python side's `Policy`, `Envelope` and `now` into core's types.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mailauth_core::date::parse_timestamp;
use mailauth_core::dmarc::{PublicSuffixList, SuffixEditions};
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
    let (public_suffix_list, public_suffix_editions) =
        suffixes(&object.getattr("public_suffix_list")?)?;
    Ok(Policy {
        rules: Rules::from_word(&word("rules")?).ok_or_else(|| unknown("rules"))?,
        historic: object.getattr("historic")?.extract()?,
        min_rsa_bits: object.getattr("min_rsa_bits")?.extract()?,
        max_rsa_bits: object.getattr("max_rsa_bits")?.extract()?,
        max_signatures: object.getattr("max_signatures")?.extract()?,
        body_length: BodyLength::from_word(&word("body_length")?)
            .ok_or_else(|| unknown("body_length"))?,
        public_suffix_list,
        public_suffix_editions,
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

/// The list of a file or, for a folder, its newest and all of them by date.
type Suffixes = (Arc<PublicSuffixList>, Option<Arc<SuffixEditions>>);

fn suffixes(path: &Bound<'_, PyAny>) -> PyResult<Suffixes> {
    if path.is_none() {
        return Ok((PublicSuffixList::built_in(), None));
    }
    let path: PathBuf = path.extract()?;
    if path.is_dir() {
        return Ok(suffix_folder(&path)?);
    }
    Ok((Arc::new(suffix_list(&path)?), None))
}

fn suffix_list(path: &Path) -> Result<PublicSuffixList, Fault> {
    let fail = |problem: &str| Fault::Policy(format!("{}: {problem}", path.display()));
    let octets = std::fs::read(path)
        .map_err(|error| fail(&format!("the public suffix list cannot be read ({error})")))?;
    let text = String::from_utf8(octets)
        .map_err(|_| fail("the public suffix list is not UTF-8; give a list as published"))?;
    PublicSuffixList::parse(&text)
        .ok_or_else(|| fail("the public suffix list holds no rule; give a list as published"))
}

/// The lists of a folder by the dates in their names; the first and the newest are read at once.
fn suffix_folder(folder: &Path) -> Result<Suffixes, Fault> {
    let fail = |problem: &str| Fault::Policy(format!("{}: {problem}", folder.display()));
    let entries = std::fs::read_dir(folder)
        .map_err(|error| fail(&format!("the folder of lists cannot be read ({error})")))?;
    let mut dated: Vec<(i64, PathBuf)> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter_map(|path| Some((date_in(&path.file_name()?.to_string_lossy())?, path)))
        .collect();
    dated.sort_unstable();
    let (Some((_, first)), Some((_, newest))) = (dated.first(), dated.last()) else {
        return Err(fail(
            "no public suffix list with a date in its name; name them like list-2024-05-01.dat",
        ));
    };
    suffix_list(first)?;
    let newest = Arc::new(suffix_list(newest)?);
    let (times, paths): (Vec<i64>, Vec<PathBuf>) = dated.into_iter().unzip();
    let read = move |place: usize| suffix_list(paths.get(place)?).ok();
    let editions = SuffixEditions::new(times, Box::new(read));
    Ok((newest, Some(Arc::new(editions))))
}

/// The first `YYYY-MM-DD` or `YYYYMMDD` in a name, as Unix seconds of its midnight.
fn date_in(name: &str) -> Option<i64> {
    (0..name.len()).find_map(|start| {
        let rest = name.get(start..)?;
        let is_inside = name
            .get(..start)?
            .ends_with(|last: char| last.is_ascii_digit());
        let digits: String = match rest.get(..10).filter(|text| text.contains('-')) {
            Some(text) => text.split('-').collect(),
            None => rest.get(..8)?.to_owned(),
        };
        let is_date = digits.len() == 8 && digits.bytes().all(|octet| octet.is_ascii_digit());
        if is_inside || !is_date {
            return None;
        }
        let (year, month, day) = (digits.get(..4)?, digits.get(4..6)?, digits.get(6..)?);
        parse_timestamp(&format!("{year}-{month}-{day}T00:00:00Z"))
    })
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
