//! Every reason ARC can give, and the result word that each stands for.

use crate::arc::ArcResult;
use crate::dkim::DkimReason;
use crate::reason::reasons;

reasons! {
    /// Why ARC says what it says.
    ArcReason of "arc" {
        NoSets "no-arc-sets" "RFC 8617 §5.2" "The message has no ARC set.";
        Verified "verified" "RFC 8617 §5.2" "The newest message signature and every seal verify.";
        HistoricAlgorithm "historic-algorithm" "RFC 8301 §3" "The chain verifies, but only the switch for historic mail lets rsa-sha1 or a key of this size pass.";
        SetLimit "set-limit" "RFC 8617 §5.2" "The message has more than 50 ARC sets.";
        InstanceInvalid "instance-invalid" "RFC 8617 §4.2.1" "An ARC field has no instance from 1 to 50.";
        SetDuplicate "set-duplicate" "RFC 8617 §5.2" "An ARC set has a field twice.";
        SetIncomplete "set-incomplete" "RFC 8617 §5.2" "An ARC set of the chain is missing, or lacks one of its three fields.";
        SealedAsFailed "cv-fail" "RFC 8617 §5.2" "The newest seal says that the chain had failed already.";
        StatusInvalid "cv-invalid" "RFC 8617 §5.2" "A seal's cv= is not the one that its place in the chain calls for.";
        SealMalformed "seal-malformed" "RFC 8617 §4.1.3" "An ARC-Seal field breaks a rule of its syntax.";
        SealListsHeaders "seal-with-headers" "RFC 8617 §4.1.3" "An ARC-Seal field has the tag h=.";
        SealMismatch "seal-mismatch" "RFC 8617 §5.2" "An ARC-Seal field does not verify: an ARC field was changed, or another key signed.";
        MessageSignatureMalformed "message-signature-malformed" "RFC 8617 §4.1.2" "The newest ARC-Message-Signature field breaks a rule of its syntax.";
        MessageSignatureCoversSeal "message-signature-covers-seal" "RFC 8617 §4.1.2" "The newest ARC-Message-Signature field signs ARC-Seal fields.";
        BodyHashMismatch "body-hash-mismatch" "RFC 8617 §5.2" "The body is not the one that the newest ARC-Message-Signature field signed.";
        SignatureMismatch "signature-mismatch" "RFC 8617 §5.2" "The newest ARC-Message-Signature field does not verify.";
        BodyLengthBeyondBody "body-length-beyond-body" "RFC 6376 §3.5" "The value of l= is larger than the canonicalized body.";
        BodyUncovered "body-uncovered" "RFC 6376 §8.2" "The newest ARC-Message-Signature field covers only a part of the body, and the policy wants all of it.";
        Expired "expired" "RFC 6376 §6.1.1" "The newest ARC-Message-Signature field expired before the message was judged.";
        SignedInFuture "signed-in-future" "RFC 6376 §3.5" "The newest ARC-Message-Signature field was made after the message was judged.";
        RsaSha1 "rsa-sha1" "RFC 8301 §3.1" "The algorithm rsa-sha1 must not be accepted any more.";
        KeySize "key-size" "RFC 8301 §3.2" "An RSA key is smaller or larger than what is accepted.";
        KeyUnavailable "key-unavailable" "RFC 6376 §6.1.2" "No key is published under a selector, or a DNS store does not know it.";
        KeyOutsideWindow "key-outside-window" "api" "A signature of the chain verifies, but the DNS store saw its key for the last time before the message was received.";
        KeyUnusable "key-unusable" "RFC 6376 §6.1.2" "What is published under a selector is no key, or none that may be used for this.";
        LimitExceeded "limit-exceeded" "api" "The header section, a list of field names or the number of keys is larger than what is examined.";
        DnsTimeout "dns-timeout" "RFC 6376 §6.1.2" "The question for a key was not answered in time.";
        DnsServFail "dns-servfail" "RFC 6376 §6.1.2" "The name servers could not answer the question for a key.";
        DnsError "dns-error" "RFC 6376 §6.1.2" "The answer to the question for a key could not be used.";
        DnsBudget "dns-budget" "api" "The message's budget of DNS questions is used up.";
    }
}

impl ArcReason {
    /// The result word; for `key-unavailable` from a DNS store that does not know the name it is `unverifiable`
    /// instead.
    pub const fn result(self) -> ArcResult {
        match self {
            Self::NoSets => ArcResult::None,
            Self::Verified | Self::HistoricAlgorithm => ArcResult::Pass,
            // RFC 8617 §5.2.1: any error is a failure.
            Self::SetLimit
            | Self::InstanceInvalid
            | Self::SetDuplicate
            | Self::SetIncomplete
            | Self::SealedAsFailed
            | Self::StatusInvalid
            | Self::SealMalformed
            | Self::SealListsHeaders
            | Self::SealMismatch
            | Self::MessageSignatureMalformed
            | Self::MessageSignatureCoversSeal
            | Self::BodyHashMismatch
            | Self::SignatureMismatch
            | Self::BodyLengthBeyondBody
            | Self::BodyUncovered
            | Self::Expired
            | Self::SignedInFuture
            | Self::RsaSha1
            | Self::KeySize
            | Self::KeyUnavailable
            | Self::KeyUnusable
            | Self::LimitExceeded
            | Self::DnsBudget => ArcResult::Fail,
            // Deviation: RFC 8617 §5.2.1 makes DNS errors permanent; a lost packet can be asked again, so it has a
            // word of its own, which is written `fail` wherever only the RFC's words may stand.
            Self::KeyOutsideWindow => ArcResult::Unverifiable,
            Self::DnsTimeout | Self::DnsServFail | Self::DnsError => ArcResult::TempError,
        }
    }

    /// What a DKIM rule that an ARC-Message-Signature or a key broke is called here.
    pub(super) const fn of_dkim(reason: DkimReason) -> Self {
        match reason {
            DkimReason::Verified => Self::Verified,
            DkimReason::HistoricAlgorithm => Self::HistoricAlgorithm,
            DkimReason::BodyHashMismatch => Self::BodyHashMismatch,
            DkimReason::SignatureMismatch => Self::SignatureMismatch,
            DkimReason::TagListMalformed
            | DkimReason::TagDuplicate
            | DkimReason::TagMissing
            | DkimReason::VersionUnsupported
            | DkimReason::AlgorithmUnsupported
            | DkimReason::CanonicalizationUnsupported
            | DkimReason::QueryMethodUnsupported
            | DkimReason::SignatureEncoding
            | DkimReason::BodyHashEncoding
            | DkimReason::DomainInvalid
            | DkimReason::SelectorInvalid
            | DkimReason::AuidInvalid
            | DkimReason::AuidMismatch
            | DkimReason::SignedHeadersInvalid
            | DkimReason::FromUnsigned
            | DkimReason::BodyLengthInvalid
            | DkimReason::TimeInvalid
            | DkimReason::ExpiryBeforeTimestamp => Self::MessageSignatureMalformed,
            DkimReason::BodyLengthBeyondBody => Self::BodyLengthBeyondBody,
            DkimReason::LimitExceeded | DkimReason::SignatureLimit => Self::LimitExceeded,
            DkimReason::KeyUnavailable => Self::KeyUnavailable,
            DkimReason::KeyOutsideWindow => Self::KeyOutsideWindow,
            DkimReason::KeyMalformed
            | DkimReason::KeyVersion
            | DkimReason::KeyRevoked
            | DkimReason::KeyHash
            | DkimReason::KeyType
            | DkimReason::KeyService
            | DkimReason::KeyForbidsSubdomain
            | DkimReason::KeySmallOrder
            | DkimReason::KeyExponent => Self::KeyUnusable,
            DkimReason::RsaSha1 => Self::RsaSha1,
            DkimReason::KeySize => Self::KeySize,
            DkimReason::Expired => Self::Expired,
            DkimReason::SignedInFuture => Self::SignedInFuture,
            DkimReason::BodyUncovered => Self::BodyUncovered,
            DkimReason::DnsTimeout => Self::DnsTimeout,
            DkimReason::DnsServFail => Self::DnsServFail,
            DkimReason::DnsError => Self::DnsError,
            DkimReason::DnsBudget => Self::DnsBudget,
        }
    }

    /// The same for an ARC-Seal field.
    pub(super) const fn of_seal(reason: DkimReason) -> Self {
        match Self::of_dkim(reason) {
            Self::MessageSignatureMalformed => Self::SealMalformed,
            Self::SignatureMismatch => Self::SealMismatch,
            other => other,
        }
    }
}
