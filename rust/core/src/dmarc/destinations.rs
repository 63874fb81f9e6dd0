//! Whether a destination takes reports for a domain that is not its own (RFC 9990 §4, RFC 7489 §7.1).
//!
//! Guards victims from reports that somebody else ordered. Must not know what a report holds.

use serde::Serialize;

use super::alignment::Organizations;
use super::policy_record::{Tags, has_version};
use super::report_uri::{REPORT_URI_LIMIT, ReportUris, destination_host};
use super::tree_walk::{Publications, fault};
use super::{AlignmentMode, DmarcReason, resolved};
use crate::dns::{Answers, Pending};
use crate::domain::Domain;
use crate::policy::{Policy, Rules};
use crate::reason::words;

words! {
    /// Whether a destination takes the reports.
    Acceptance {
        Yes "yes";
        No "no";
        TempError "temperror";
    }
}

/// What is known of a destination.
#[derive(Clone, Debug, Serialize)]
pub struct ReportAuthorization {
    /// The result word.
    pub result: Acceptance,
    /// Why.
    pub reason: DmarcReason,
    /// The URIs that take the place of the published `rua`.
    pub rua: Vec<String>,
    /// The URIs that take the place of the published `ruf`.
    pub ruf: Vec<String>,
}

impl ReportAuthorization {
    fn because(result: Acceptance, reason: DmarcReason) -> Self {
        Self {
            result,
            reason,
            rua: Vec::new(),
            ruf: Vec::new(),
        }
    }

    fn fault(reason: DmarcReason) -> Self {
        Self::because(Acceptance::TempError, reason)
    }
}

/// Checks whether `destination`, a host or a URI, takes reports about `policy_domain`.
///
/// # Errors
/// [`Pending`] when an answer is missing.
pub fn accepts_reports(
    answers: &Answers<'_>,
    destination: &str,
    policy_domain: &str,
    rules: Rules,
    policy: &Policy,
) -> Result<ReportAuthorization, Pending> {
    let no = |reason| Ok(ReportAuthorization::because(Acceptance::No, reason));
    let (Some(host), Some(policy_domain)) = (
        destination_host(destination),
        Domain::parse_host(policy_domain),
    ) else {
        return no(DmarcReason::InvalidDestination);
    };
    // RFC 9990 §4: a destination of the same organization needs no consent; the test is that of relaxed alignment.
    let publications = Publications::new(answers);
    let mut organizations = Organizations::new(&publications, policy, resolved(rules));
    organizations.expect(&policy_domain, &host, AlignmentMode::Relaxed);
    match organizations.are_aligned(&policy_domain, &host, AlignmentMode::Relaxed)? {
        Err(reason) => return Ok(ReportAuthorization::fault(reason)),
        Ok(true) => {
            let same = DmarcReason::SameOrganization;
            return Ok(ReportAuthorization::because(Acceptance::Yes, same));
        }
        Ok(false) => {}
    }
    // RFC 9990 §4 steps 2 to 4.
    let Some(question) = host.prepend(&[policy_domain.as_str(), "_report", "_dmarc"]) else {
        return no(DmarcReason::NameTooLong);
    };
    let entry = answers.txt(&question)?;
    if let Some(reason) = fault(entry.outcome) {
        return Ok(ReportAuthorization::fault(reason));
    }
    // Answers come in any order: sorted, they give one result.
    let mut texts: Vec<_> = entry.txt().joined().collect();
    texts.sort_unstable();
    Ok(consent(&texts, &host))
}

/// RFC 9990 §4 steps 6 to 9: one record that parses is consent, and may name other URIs at the same host.
fn consent(texts: &[&[u8]], host: &Domain) -> ReportAuthorization {
    let confirming: Vec<_> = texts
        .iter()
        .filter(|text| has_version(text))
        .filter_map(|text| Tags::read(text))
        .collect();
    if confirming.is_empty() {
        return ReportAuthorization::because(Acceptance::No, DmarcReason::NotAuthorized);
    }
    let overriding = |name| {
        let lists = confirming.iter().filter_map(|tags| tags.find(name));
        let mut uris: Vec<String> = Vec::new();
        for list in lists.map(ReportUris::parse) {
            for uri in list.texts.iter() {
                if uris.len() < REPORT_URI_LIMIT && !uris.contains(uri) {
                    uris.push(uri.clone());
                }
            }
        }
        uris
    };
    let (rua, ruf) = (overriding("rua"), overriding("ruf"));
    let is_elsewhere = |uri: &String| destination_host(uri).as_ref() != Some(host);
    // RFC 9990 §4: with an override at another host, neither the original nor the override gets a report.
    if rua.iter().chain(&ruf).any(is_elsewhere) {
        return ReportAuthorization::because(Acceptance::No, DmarcReason::OverrideHost);
    }
    ReportAuthorization {
        result: Acceptance::Yes,
        reason: DmarcReason::Authorized,
        rua,
        ruf,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::StaticZone;

    fn check(zone: &str, destination: &str, policy_domain: &str, rules: Rules) -> String {
        let zone = StaticZone::from_json(zone, "test").unwrap();
        let answers = Answers::new(&zone);
        let policy = Policy::default();
        let found = accepts_reports(&answers, destination, policy_domain, rules, &policy).unwrap();
        let json = serde_json::to_value(found).unwrap();
        let uris = |name: &str| {
            let texts = json[name].as_array().unwrap().iter();
            texts
                .map(|uri| uri.as_str().unwrap())
                .collect::<Vec<_>>()
                .join(" ")
        };
        format!(
            "{} {} [{}] [{}]",
            json["result"].as_str().unwrap(),
            json["reason"].as_str().unwrap(),
            uris("rua"),
            uris("ruf")
        )
    }

    const NAME: &str = "blue.example.com._report._dmarc.red.example.net";

    fn external(texts: &str) -> String {
        let zone = format!(r#"{{"{NAME}": {{"TXT": {texts}}}}}"#);
        check(
            &zone,
            "mailto:reports@red.example.net!10m",
            "Blue.example.com.",
            Rules::Rfc9989,
        )
    }

    #[test]
    fn rfc9990_4_consent_of_the_destination() {
        for (texts, expected) in [
            (r#"["v=DMARC1"]"#, "yes authorized [] []"),
            (
                r#"["v=DMARC1;", "v=DMARC1", "junk"]"#,
                "yes authorized [] []",
            ),
            (
                r#"["v=DMARC1; junk; rua=mailto:x@RED.example.net!5k; ruf=mailto:y@red.example.net"]"#,
                "yes authorized [mailto:x@RED.example.net] [mailto:y@red.example.net]",
            ),
            (
                r#"["v=DMARC1; rua=mailto:x@example.net"]"#,
                "no override-host [] []",
            ),
            (
                r#"["v=DMARC1; rua=mailto:x@red.example.net; ruf=mailto:x@y.example"]"#,
                "no override-host [] []",
            ),
            (
                r#"["v=spf1 -all", "p=none; v=DMARC1", "v=DMARC1; x=1; x=2"]"#,
                "no not-authorized [] []",
            ),
            (r#""NXDOMAIN""#, "no not-authorized [] []"),
            (r#""SERVFAIL""#, "temperror dns-error [] []"),
        ] {
            assert_eq!(external(texts), expected, "{texts}");
        }
    }

    #[test]
    fn rfc9990_4_the_same_organization_needs_no_consent() {
        let record = r#"{"_dmarc.example.com": {"TXT": ["v=DMARC1; p=none"]}}"#;
        let same = "yes same-organization [] []";
        assert_eq!(
            check(
                record,
                "red.example.com",
                "blue.example.com",
                Rules::Rfc9989
            ),
            same
        );
        assert_eq!(
            check("{}", "red.example.com", "blue.example.com", Rules::Rfc7489),
            same
        );
        assert_eq!(
            check("{}", "mailto:a@example.com", "example.com", Rules::Rfc9989),
            same
        );
        let other = "no not-authorized [] []";
        assert_eq!(
            check("{}", "red.example.com", "blue.example.com", Rules::Rfc9989),
            other
        );
        assert_eq!(
            check("{}", "red.co.uk", "blue.co.uk", Rules::Rfc7489),
            other
        );
        let fault = r#"{"_dmarc.example.com": "TIMEOUT"}"#;
        assert_eq!(
            check(fault, "red.example.com", "blue.example.com", Rules::Rfc9989),
            "temperror dns-error [] []"
        );
    }

    #[test]
    fn rfc9990_4_names_that_cannot_be_asked_for() {
        let long = format!("{}example.com", "abcdefghi.".repeat(22));
        assert_eq!(
            check("{}", "mailto:a@red.example.net", &long, Rules::Rfc7489),
            "no name-too-long [] []"
        );
        for (destination, domain) in [
            ("mailto:a", "x.example"),
            ("", "x.example"),
            ("x.example", "a b"),
        ] {
            let expected = "no invalid-destination [] []";
            assert_eq!(check("{}", destination, domain, Rules::Rfc9989), expected);
        }
    }
}
