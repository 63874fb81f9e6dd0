//! Writes a verdict as the value of an Authentication-Results field (RFC 8601 §2.2).
//!
//! Knows which words and properties are registered and how a value is quoted. Everything in a verdict but its words may
//! come from an attacker: what does not have the form that its property demands is left out or quoted, so that
//! nothing in it can end the value, the result or the field.

use std::net::IpAddr;

use super::findings::{Chain, Dmarc, Finding, Findings, Signature};
use super::header_b::unique_prefixes;
use crate::arc::ArcResult;
use crate::dkim::DkimResult;
use crate::dmarc::DmarcResult;
use crate::domain::Domain;
use crate::spf::SpfResult;
use crate::verdict::Verdict;

/// Longest value written: the longest address (RFC 5321 §4.5.3.1: 64 octets, `@`, 255). A longer one is left out, never
/// cut: a part of a name is another name.
const VALUE_OCTET_LIMIT: usize = 320;
/// The reason code of a pass that only `Policy::historic` allows.
const HISTORIC_ALGORITHM: &str = "historic-algorithm";

/// RFC 8617 §10.1.
const ARC: &str = "arc";
/// RFC 8601 §2.7.1.
const DKIM: &str = "dkim";
/// RFC 9989 §9.1.
const DMARC: &str = "dmarc";
/// RFC 8601 §2.7.2.
const SPF: &str = "spf";

/// The value of the field that tells this verdict, without the field's name: `example.com; spf=pass ...`.
///
/// One line without CR and LF. Every word in it is shorter than a line may be (RFC 5322 §2.1.1), so whoever puts it into a
/// message may fold it at any space. The field goes above all others and never into an existing one (RFC 8601 §4).
/// Results that were not evaluated or could not be verified are left out; when none is left the field says `none`.
pub fn write(verdict: &Verdict, authserv_id: &str) -> String {
    write_findings(&Findings::from(verdict), authserv_id)
}

/// The same for the facts of a row or of its JSON.
pub(super) fn write_findings(findings: &Findings<'_>, authserv_id: &str) -> String {
    let mut field = token_or_quoted(authserv_id);
    let results = results(findings);
    if results.is_empty() {
        // RFC 8601 §2.2: no-result = [CFWS] ";" [CFWS] "none".
        field.push_str("; none");
    }
    for result in results {
        field.push_str("; ");
        field.push_str(&result.0);
    }
    field
}

/// True for an authserv-id that stands in the field as it is (RFC 8601 §2.2, §2.5): some text within one line.
pub(super) fn is_writable_id(authserv_id: &str) -> bool {
    let is_text = !authserv_id.trim().is_empty() && authserv_id.len() <= VALUE_OCTET_LIMIT;
    is_text && !authserv_id.chars().any(is_unwritable)
}

fn results(findings: &Findings<'_>) -> Vec<ResultText> {
    let spf = findings.spf.as_ref().and_then(|spf| {
        // RFC 8601 §2.7.2: no local-part, because SPF seldom judges it; for the null sender the domain is the
        // HELO name (RFC 7208 §2.4).
        spf_result(spf, "smtp.mailfrom")
    });
    let spf_helo = findings.spf_helo.as_ref().and_then(|spf| {
        // RFC 8601 §4: only the parameter that yielded the result is named.
        spf_result(spf, "smtp.helo")
    });
    let author = findings.author.as_ref();
    let author = author.and_then(|author| author.domain.as_deref());
    let dmarc = findings.dmarc.as_ref();
    let dmarc = dmarc.and_then(|dmarc| dmarc_result(dmarc, author));
    let client_ip = findings.envelope.client_ip.as_deref();
    let arc = findings.arc.as_ref();
    let arc = arc.and_then(|arc| arc_result(arc, client_ip));
    let mut results = dkim_results(findings);
    results.extend([spf, spf_helo, dmarc, arc].into_iter().flatten());
    results
}

/// RFC 8601 §2.7.1: `none` says that there is no signature; RFC 6008 §3: one result a signature.
fn dkim_results(findings: &Findings<'_>) -> Vec<ResultText> {
    if findings.error.is_none() && findings.dkim.is_empty() {
        return vec![ResultText::new(DKIM, "none", None)];
    }
    let reported: Vec<(&Signature<'_>, &'static str)> = findings
        .dkim
        .iter()
        .filter_map(|signature| Some((signature, dkim_word(signature)?)))
        .collect();
    let texts: Vec<Option<&str>> = reported
        .iter()
        .map(|(signature, _)| signature.header_b.as_deref())
        .collect();
    reported
        .iter()
        .zip(unique_prefixes(&texts))
        .map(|((signature, word), header_b)| dkim_result(signature, word, header_b))
        .collect()
}

fn dkim_result(
    signature: &Signature<'_>,
    word: &'static str,
    header_b: Option<&str>,
) -> ResultText {
    ResultText::new(DKIM, word, Some(&signature.reason))
        .with("header.d", signature.domain.as_deref().and_then(host))
        .with("header.i", signature.auid.as_deref().and_then(identity))
        .with("header.s", signature.selector.as_deref().and_then(host))
        .with("header.a", signature.algorithm.as_deref().and_then(keyword))
        .with("header.b", header_b.map(token_or_quoted))
}

/// The registered word; `None` for what the contract never writes.
fn dkim_word(signature: &Signature<'_>) -> Option<&'static str> {
    match signature.result {
        DkimResult::Unverifiable => None,
        // RFC 8301 §3: outside this verifier such a signature is none, whatever the archive's owner allows.
        DkimResult::Pass if signature.reason == HISTORIC_ALGORITHM => {
            Some(DkimResult::Policy.as_str())
        }
        result => Some(result.as_str()),
    }
}

fn spf_result(spf: &Finding<'_, SpfResult>, property: &'static str) -> Option<ResultText> {
    let is_written = spf.result != SpfResult::NotEvaluated;
    is_written.then(|| {
        ResultText::new(SPF, spf.result.as_str(), Some(&spf.reason))
            .with(property, spf.domain.as_deref().and_then(host))
    })
}

/// RFC 9989 §9.1: header.from is the author domain, policy.dmarc what holds for it.
fn dmarc_result(dmarc: &Dmarc<'_>, author: Option<&str>) -> Option<ResultText> {
    let is_written = dmarc.result != DmarcResult::Unverifiable;
    let policy = dmarc
        .effective_policy
        .map(|policy| policy.as_str().to_owned());
    is_written.then(|| {
        ResultText::new(DMARC, dmarc.result.as_str(), Some(&dmarc.reason))
            .with("header.from", author.and_then(host))
            .with("policy.dmarc", policy)
    })
}

/// RFC 8617 §6: smtp.remote-ip and header.oldest-pass, where known.
fn arc_result(arc: &Chain<'_>, client_ip: Option<&str>) -> Option<ResultText> {
    let word = match arc.result {
        ArcResult::Unverifiable => return None,
        // RFC 8617 §5.2.1: every error is permanent.
        ArcResult::TempError => ArcResult::Fail.as_str(),
        // RFC 8301 §3, as for DKIM; ARC has no `policy` (RFC 8617 §4.4).
        ArcResult::Pass if arc.reason == HISTORIC_ALGORITHM => ArcResult::Fail.as_str(),
        result => result.as_str(),
    };
    let client_ip = client_ip.and_then(|ip| ip.parse::<IpAddr>().ok());
    let result = ResultText::new(ARC, word, Some(&arc.reason))
        .with(
            "header.oldest-pass",
            arc.oldest_pass.map(|oldest| oldest.to_string()),
        )
        .with(
            "smtp.remote-ip",
            client_ip.map(|ip| token_or_quoted(&ip.to_string())),
        );
    Some(result)
}

/// One resinfo without its semicolon.
struct ResultText(String);

impl ResultText {
    fn new(method: &'static str, word: &'static str, reason: Option<&str>) -> Self {
        let mut text = format!("{method}={word}");
        // Reason codes are tokens: kebab-case. One out of a verdict's JSON may be anything.
        if let Some(reason) = reason.and_then(keyword) {
            text.push_str(" reason=");
            text.push_str(&reason);
        }
        Self(text)
    }

    /// Adds a property whose value is written already.
    fn with(mut self, property: &'static str, value: Option<String>) -> Self {
        if let Some(value) = value {
            self.0.push(' ');
            self.0.push_str(property);
            self.0.push('=');
            self.0.push_str(&value);
        }
        self
    }
}

/// A host or domain name: a token as it is. `None` for anything else, which names nobody (RFC 8601 §4: only what the
/// method has authenticated).
fn host(name: &str) -> Option<String> {
    Domain::parse_host(name).map(|domain| domain.to_string())
}

/// A word of letters, digits, hyphens and underscores.
fn keyword(word: &str) -> Option<String> {
    let is_part = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    let is_keyword = !word.is_empty() && word.len() <= VALUE_OCTET_LIMIT;
    (is_keyword && word.bytes().all(is_part)).then(|| word.to_owned())
}

/// RFC 8601 §2.2: an email identity is written as [ local-part ] "@" domain-name.
///
/// `None` when its domain is no name. A local-part that RFC 5322 §3.4.1 does not know makes the whole a quoted string.
fn identity(address: &str) -> Option<String> {
    let (local_part, domain) = address.rsplit_once('@')?;
    let address = format!("{local_part}@{}", host(domain)?);
    if address.len() > VALUE_OCTET_LIMIT {
        return None;
    }
    let domain = address.get(local_part.len() + 1..)?;
    if is_local_part(local_part) && is_domain_name(domain) {
        return Some(address);
    }
    Some(quoted(&address))
}

/// RFC 5322 §3.4.1, RFC 6532 §3.2: nothing, a dot-atom, or a quoted string.
fn is_local_part(local_part: &str) -> bool {
    if let Some(content) = local_part
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        return is_quoted_content(content);
    }
    let is_atext = |character: char| {
        character.is_ascii_alphanumeric()
            || "!#$%&'*+-/=?^_`{|}~".contains(character)
            || (!character.is_ascii() && !is_unwritable(character))
    };
    let is_atom = |atom: &str| !atom.is_empty() && atom.chars().all(is_atext);
    local_part.is_empty() || local_part.split('.').all(is_atom)
}

/// RFC 5322 §3.2.4: qtext and quoted pairs, no quote that would end it.
fn is_quoted_content(content: &str) -> bool {
    let mut is_escaped = false;
    for character in content.chars() {
        match character {
            _ if is_unwritable(character) => return false,
            '"' if !is_escaped => return false,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    !is_escaped
}

/// RFC 6376 §3.5: domain-name = sub-domain 1*("." sub-domain), letters, digits and hyphens.
fn is_domain_name(name: &str) -> bool {
    let is_sub_domain =
        |label: &str| !(label.starts_with('-') || label.ends_with('-') || label.contains('_'));
    name.contains('.') && name.split('.').all(is_sub_domain)
}

/// RFC 8601 §2.2: value = token / quoted-string (RFC 2045 §5.1).
fn token_or_quoted(text: &str) -> String {
    let is_token_octet =
        |octet: u8| octet.is_ascii_graphic() && !br#"()<>@,;:\"/[]?="#.contains(&octet);
    if !text.is_empty() && text.bytes().all(is_token_octet) {
        return text.to_owned();
    }
    quoted(text)
}

/// RFC 5322 §3.2.4; what no field may hold becomes a question mark.
fn quoted(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => written.extend(['\\', character]),
            _ if is_unwritable(character) => written.push('?'),
            _ => written.push(character),
        }
    }
    written.push('"');
    written
}

/// Controls, what some readers take for the end of a line, and what stands for octets that are not UTF-8.
fn is_unwritable(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{fffd}')
}
