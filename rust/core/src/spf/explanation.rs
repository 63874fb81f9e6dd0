//! The explanation of a fail (RFC 7208 §6.2): asked for last, counted nowhere, and never able to change the result.

use super::check_host::{Check, PTR_ERROR, Stop, check_fault};
use super::macro_string::MacroString;
use super::target_name::Target;
use crate::domain::Domain;
use crate::reason::LimitWord;

impl Check<'_> {
    /// RFC 7208 §6.2: the text of `exp=`; whatever goes wrong means no text and leaves the result as it is.
    pub(super) fn explanation(
        &mut self,
        spec: Option<&MacroString>,
        domain: &Domain,
    ) -> Result<Option<String>, Stop> {
        // RFC 7208 §4.6.4: `exp` counts neither as a lookup term nor as a void lookup.
        let Some(spec) = spec else {
            return Ok(None);
        };
        match self.fetch_explanation(spec, domain) {
            Err(Stop::Verdict(reason)) => {
                self.note(if reason.is_limit() {
                    reason.code()
                } else {
                    PTR_ERROR
                });
                Ok(None)
            }
            explanation => explanation,
        }
    }

    fn fetch_explanation(
        &mut self,
        spec: &MacroString,
        domain: &Domain,
    ) -> Result<Option<String>, Stop> {
        let Target::Name(name) = self.expand_target(spec, domain)? else {
            return Ok(None);
        };
        let entry = self.answers.txt(&name)?;
        check_fault(entry.outcome)?;
        let mut texts = entry.txt();
        let (Some(text), None) = (texts.next(), texts.next()) else {
            return Ok(None);
        };
        let Some(text) = MacroString::parse_explanation(text.joined()) else {
            return Ok(None);
        };
        let validated_name = self.validated_name_for(&text, domain)?;
        let values = self.macro_values(domain, validated_name.as_ref());
        let Some(explanation) = text.expand_text(&values) else {
            return Ok(None);
        };
        if explanation.is_truncated {
            self.note(LimitWord::ExplanationLimit.code());
        }
        Ok(Some(explanation.text))
    }
}
