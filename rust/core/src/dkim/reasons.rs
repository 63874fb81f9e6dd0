//! Every reason DKIM can give for one signature, and the result word that each stands for.

use crate::dkim::DkimResult;
use crate::dns::Outcome;
use crate::reason::reasons;

reasons! {
    /// Why DKIM says what it says of one signature.
    DkimReason of "dkim" {
        Verified "verified" "RFC 6376 §6.1.3" "Body hash and signature verify with the published key.";
        HistoricAlgorithm "historic-algorithm" "RFC 8301 §3" "Body hash and signature verify, but only the switch for historic mail lets rsa-sha1 or a key of this size pass.";
        BodyHashMismatch "body-hash-mismatch" "RFC 6376 §6.1.3" "The body is not the one that was signed.";
        SignatureMismatch "signature-mismatch" "RFC 6376 §6.1.3" "The signature does not verify: a signed header field was changed, or another key signed.";
        TagListMalformed "tag-list-malformed" "RFC 6376 §3.2" "The field is no list of tag=value pairs.";
        TagDuplicate "tag-duplicate" "RFC 6376 §3.2" "A tag occurs twice, which makes the whole field invalid.";
        TagMissing "tag-missing" "RFC 6376 §6.1.1" "A required tag is missing.";
        VersionUnsupported "version-unsupported" "RFC 6376 §6.1.1" "The version in v= is not 1.";
        AlgorithmUnsupported "algorithm-unsupported" "RFC 6376 §3.3.4" "The algorithm in a= is not known.";
        CanonicalizationUnsupported "canonicalization-unsupported" "RFC 6376 §3.5" "A canonicalization in c= is not known.";
        QueryMethodUnsupported "query-method-unsupported" "RFC 6376 §3.5" "No method in q= is known.";
        SignatureEncoding "signature-encoding" "RFC 6376 §3.5" "The value of b= is not base64.";
        BodyHashEncoding "body-hash-encoding" "RFC 6376 §3.5" "The value of bh= is not base64 of a hash of the length that a= calls for.";
        DomainInvalid "domain-invalid" "RFC 6376 §3.5" "The value of d= is no domain name of two or more labels.";
        SelectorInvalid "selector-invalid" "RFC 6376 §3.1" "The value of s= is no selector, or gives a name that is too long for DNS.";
        AuidInvalid "auid-invalid" "RFC 6376 §3.5" "The value of i= is no address.";
        AuidMismatch "auid-mismatch" "RFC 6376 §6.1.1" "The domain of i= is neither that of d= nor below it.";
        SignedHeadersInvalid "signed-headers-invalid" "RFC 6376 §3.5" "The value of h= is no list of field names.";
        FromUnsigned "from-unsigned" "RFC 6376 §6.1.1" "The list in h= does not name From.";
        BodyLengthInvalid "body-length-invalid" "RFC 6376 §3.5" "The value of l= is no number.";
        BodyLengthBeyondBody "body-length-beyond-body" "RFC 6376 §3.5" "The value of l= is larger than the canonicalized body.";
        TimeInvalid "time-invalid" "RFC 6376 §3.5" "The value of t= or x= is no number of at most 12 digits.";
        ExpiryBeforeTimestamp "expiry-before-timestamp" "RFC 6376 §3.5" "The time in x= is not after the time in t=.";
        LimitExceeded "limit-exceeded" "api" "The header section, the list in h= or the number of keys is larger than what is examined.";
        KeyUnavailable "key-unavailable" "RFC 6376 §6.1.2" "No key is published under the selector, or a DNS store does not know it.";
        KeyOutsideWindow "key-outside-window" "api" "Body hash and signature verify, but the DNS store saw the key for the last time before the message was received.";
        KeyMalformed "key-malformed" "RFC 6376 §6.1.2" "What is published under the selector is no key record.";
        KeyVersion "key-version" "RFC 6376 §3.6.1" "The key record's version is not DKIM1.";
        KeyRevoked "key-revoked" "RFC 6376 §6.1.2" "The key was revoked: its p= is empty.";
        KeyHash "key-hash" "RFC 6376 §6.1.2" "The key record's h= does not allow the signature's hash algorithm.";
        KeyType "key-type" "RFC 6376 §6.1.2" "The key is not of the type that the signature's algorithm needs.";
        KeyService "key-service" "RFC 6376 §3.6.1" "The key record's s= does not allow the key for mail.";
        KeyForbidsSubdomain "key-forbids-subdomain" "RFC 6376 §3.6.1" "The key record's t=s forbids an i= below d=.";
        KeySmallOrder "key-small-order" "RFC 8463 §4.2" "The Ed25519 key is a point of small order, under which anyone can sign.";
        KeyExponent "key-exponent" "RFC 6376 §8.13" "The RSA key's exponent is even, 1 or larger than 33 bits.";
        RsaSha1 "rsa-sha1" "RFC 8301 §3.1" "The algorithm rsa-sha1 must not be accepted any more.";
        KeySize "key-size" "RFC 8301 §3.2" "The RSA key is smaller or larger than what is accepted.";
        Expired "expired" "RFC 6376 §6.1.1" "The signature expired before the message was judged.";
        SignedInFuture "signed-in-future" "RFC 6376 §3.5" "The signature was made after the message was judged.";
        BodyUncovered "body-uncovered" "RFC 6376 §8.2" "The signature covers only a part of the body, and the policy wants all of it.";
        SignatureLimit "signature-limit" "RFC 6376 §6.1" "The message has more signatures than are examined.";
        DnsTimeout "dns-timeout" "RFC 6376 §6.1.2" "The question for the key was not answered in time.";
        DnsServFail "dns-servfail" "RFC 6376 §6.1.2" "The name servers could not answer the question for the key.";
        DnsError "dns-error" "RFC 6376 §6.1.2" "The answer to the question for the key could not be used.";
        DnsBudget "dns-budget" "api" "The message's budget of DNS questions is used up.";
    }
}

impl DkimReason {
    /// The result word; for `key-unavailable` from a DNS store that does not know the name it is `unverifiable`
    /// instead.
    pub const fn result(self) -> DkimResult {
        match self {
            Self::Verified | Self::HistoricAlgorithm => DkimResult::Pass,
            Self::BodyHashMismatch | Self::SignatureMismatch => DkimResult::Fail,
            // RFC 6376 §3.9 knows one PERMFAIL for all of these.
            Self::TagListMalformed
            | Self::TagDuplicate
            | Self::TagMissing
            | Self::VersionUnsupported
            | Self::AlgorithmUnsupported
            | Self::CanonicalizationUnsupported
            | Self::QueryMethodUnsupported
            | Self::SignatureEncoding
            | Self::BodyHashEncoding
            | Self::DomainInvalid
            | Self::SelectorInvalid
            | Self::AuidInvalid
            | Self::AuidMismatch
            | Self::SignedHeadersInvalid
            | Self::FromUnsigned
            | Self::BodyLengthInvalid
            | Self::BodyLengthBeyondBody
            | Self::TimeInvalid
            | Self::ExpiryBeforeTimestamp
            | Self::LimitExceeded
            | Self::KeyUnavailable
            | Self::KeyMalformed
            | Self::KeyVersion
            | Self::KeyRevoked
            | Self::KeyHash
            | Self::KeyType
            | Self::KeyService
            | Self::KeyForbidsSubdomain
            | Self::KeySmallOrder
            | Self::KeyExponent
            | Self::DnsBudget => DkimResult::PermError,
            Self::RsaSha1
            | Self::KeySize
            | Self::Expired
            | Self::SignedInFuture
            | Self::BodyUncovered
            | Self::SignatureLimit => DkimResult::Policy,
            Self::KeyOutsideWindow => DkimResult::Unverifiable,
            Self::DnsTimeout | Self::DnsServFail | Self::DnsError => DkimResult::TempError,
        }
    }

    /// The reason for which an answer to the question for a key is of no use; `None` when it holds text records.
    pub(crate) const fn of_outcome(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Found => None,
            // RFC 6376 §6.1.2 step 3; a store that does not know the name says the same with another word.
            Outcome::NoData | Outcome::NxDomain | Outcome::Unknown => Some(Self::KeyUnavailable),
            Outcome::Timeout => Some(Self::DnsTimeout),
            Outcome::ServFail => Some(Self::DnsServFail),
            Outcome::OverBudget => Some(Self::DnsBudget),
            Outcome::Refused
            | Outcome::FormErr
            | Outcome::NotImp
            | Outcome::Truncated
            | Outcome::Lame
            | Outcome::ChainTooLong
            | Outcome::Unusable => Some(Self::DnsError),
        }
    }
}
