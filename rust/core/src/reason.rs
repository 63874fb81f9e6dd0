//! Reason codes: one enum a protocol, each variant with its stable code, its section and one sentence.
//!
//! `mailauth-fast reasons` prints every variant; no verdict carries a text that is not in one of these tables.

/// One line of `mailauth-fast reasons`.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct ReasonEntry {
    /// `spf`, `dkim`, `arc`, `dmarc`, `author`, `disposition`, `error` or `limits` (words of the verdict's `limits`).
    pub protocol: &'static str,
    /// Stable kebab-case code.
    pub code: &'static str,
    /// The deciding section, `RFC 7208 §4.6.4`, or `api` for a rule of the public contract.
    pub section: &'static str,
    /// One sentence for people.
    pub sentence: &'static str,
}

/// Defines a protocol's reason enum: `Variant "code" "section" "sentence";` a line.
macro_rules! reasons {
    ($(#[$meta:meta])* $name:ident of $protocol:literal { $($variant:ident $code:literal $section:literal $sentence:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $(#[doc = $sentence] $variant,)+ }

        impl $name {
            /// Every reason of this protocol, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable kebab-case code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The line that `mailauth-fast reasons` prints.
            pub const fn entry(self) -> $crate::reason::ReasonEntry {
                match self { $(Self::$variant => $crate::reason::ReasonEntry {
                    protocol: $protocol, code: $code, section: $section, sentence: $sentence,
                },)+ }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.code())
            }
        }
    };
}
pub(crate) use reasons;

/// Defines an enum of result words that print as the RFC spells them.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident $word:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$variant_meta])* #[doc = concat!("`", $word, "`")] $variant,)+ }

        impl $name {
            /// The word as it is printed everywhere.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The variant whose word this is, compared exactly.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word: std::borrow::Cow<'de, str> = serde::Deserialize::deserialize(deserializer)?;
                let unknown = || serde::de::Error::custom(concat!("no word of ", stringify!($name)));
                Self::from_word(&word).ok_or_else(unknown)
            }
        }
    };
}
pub(crate) use words;

reasons! {
    /// Words of a verdict's `limits` that are no protocol's reason: how sure the verdict is, and what was left out.
    LimitWord of "limits" {
        DnsAmbiguous "dns-ambiguous" "api" "The DNS store saw several answers around the time of the message; the newest of the best source was used.";
        DnsInterpolated "dns-interpolated" "api" "The DNS store saw the answer before and after the time of the message, and nothing between.";
        ExplanationLimit "explanation-limit" "RFC 7208 §6.2" "The explanation is longer than what is kept and was left out.";
        NoReceiptTime "no-receipt-time" "api" "The time of receipt is not known, so that expiry and the time of signing were not judged.";
        PtrError "ptr-error" "RFC 7208 §5.5" "DNS failed for a part of SPF that goes on without an answer.";
        PtrLimit "ptr-limit" "RFC 7208 §4.6.4" "The client has more than 10 names; only the first 10 were looked at.";
        PublicationNotSeen "publication-not-seen" "api" "The DNS store saw the key for the first time after the message was received.";
        ReportUriLimit "report-uri-limit" "RFC 9989 §4.7" "The policy record names more destinations of reports than are kept.";
        Stale "stale" "RFC 8767 §4" "A DNS answer was used beyond its lifetime, because asking again failed.";
        SignaturesUnlisted "signatures-unlisted" "api" "The message has so many more DKIM signatures (the number after the colon) than are listed.";
    }
}

/// Every reason of every protocol, in the order of the tables.
pub fn all() -> Vec<ReasonEntry> {
    let mut entries = Vec::new();
    entries.extend(
        crate::author::AuthorReason::ALL
            .iter()
            .map(|reason| reason.entry()),
    );
    entries.extend(
        crate::spf::SpfReason::ALL
            .iter()
            .map(|reason| reason.entry()),
    );
    entries.extend(
        crate::dkim::DkimReason::ALL
            .iter()
            .map(|reason| reason.entry()),
    );
    entries.extend(
        crate::arc::ArcReason::ALL
            .iter()
            .map(|reason| reason.entry()),
    );
    entries.extend(
        crate::dmarc::DmarcReason::ALL
            .iter()
            .map(|reason| reason.entry()),
    );
    entries.extend(
        crate::disposition::DispositionReason::ALL
            .iter()
            .map(|reason| reason.entry()),
    );
    entries.extend(
        crate::verdict::ErrorReason::ALL
            .iter()
            .map(|reason| reason.entry()),
    );
    entries.extend(LimitWord::ALL.iter().map(|word| word.entry()));
    entries.extend(crate::arc::ArcLimit::ALL.iter().map(|word| word.entry()));
    entries.extend(crate::trace::TraceWord::ALL.iter().map(|word| word.entry()));
    entries
}
