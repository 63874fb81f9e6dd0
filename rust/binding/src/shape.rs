//! What a row stands for: a message with all that is said of it, or one DKIM signature (`--flat dkim`).
//!
//! Knows which columns either has. Must not know where rows go.

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use mailauth_core::author::Author;
use mailauth_core::dkim::DkimVerdict;
use mailauth_core::dmarc::DmarcVerdict;
use mailauth_core::domain::Domain;
use mailauth_core::verdict::{Row, Verdict};

use crate::columns::{batch_of, count, record_batch, signature_columns, text, time};

/// What a row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A message.
    Verdicts,
    /// A signature; a message without one gives no row.
    Signatures,
}

impl Shape {
    /// Signatures when `is_flat`.
    pub(crate) fn of(is_flat: bool) -> Self {
        if is_flat {
            Self::Signatures
        } else {
            Self::Verdicts
        }
    }

    /// The rows of these verdicts.
    pub(crate) fn batch(self, rows: &[Row]) -> Result<RecordBatch, ArrowError> {
        match self {
            Self::Verdicts => record_batch(rows),
            Self::Signatures => signatures(rows),
        }
    }

    /// The schema of every batch of this shape.
    pub(crate) fn schema(self) -> Result<SchemaRef, ArrowError> {
        Ok(self.batch(&[])?.schema())
    }
}

/// A signature and the message that carries it.
struct Signature<'a> {
    message: &'a Verdict,
    position: usize,
    verdict: &'a DkimVerdict,
}

/// One row a signature: which message and what DMARC says of it, the place in the header (0 = topmost), and all columns
/// of the signature under the names they have in `dkim`.
fn signatures(rows: &[Row]) -> Result<RecordBatch, ArrowError> {
    let flat: Vec<Signature<'_>> = rows.iter().flat_map(|row| signatures_of(row)).collect();
    let verdicts: Vec<&DkimVerdict> = flat.iter().map(|row| row.verdict).collect();
    let each = || flat.iter().map(|row| row.message);
    let author = |pick: fn(&Author) -> Option<&Domain>| {
        each().map(move |row| row.author.as_ref().and_then(pick).map(Domain::as_str))
    };
    let dmarc = |pick: fn(&DmarcVerdict) -> Option<&str>| {
        each().map(move |row| row.dmarc.as_ref().and_then(pick))
    };
    let positions = flat.iter().map(|row| i64::try_from(row.position).ok());
    let mut columns = vec![
        text("id", each().map(|row| Some(&row.id))),
        text("message_id", each().map(|row| row.message_id.as_ref())),
        time("date", each().map(|row| row.date)),
        time("received_at", each().map(|row| row.received_at)),
        time("judged_at", each().map(|row| row.judged_at)),
        text("author_domain", author(|author| author.domain.as_ref())),
        text(
            "author_organizational_domain",
            author(|author| author.organizational_domain.as_ref()),
        ),
        text("dmarc_result", dmarc(|dmarc| Some(dmarc.result.as_str()))),
        text(
            "dmarc_policy_domain",
            dmarc(|dmarc| dmarc.policy_domain.as_ref().map(Domain::as_str)),
        ),
        count("position", positions),
    ];
    columns.extend(signature_columns(&verdicts)?);
    batch_of(columns)
}

fn signatures_of(message: &Verdict) -> impl Iterator<Item = Signature<'_>> {
    let numbered = message.dkim.iter().enumerate();
    numbered.map(move |(position, verdict)| Signature {
        message,
        position,
        verdict,
    })
}
