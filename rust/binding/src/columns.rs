//! Verdict rows as Arrow columns: the contract's names, text utf8, counts int64, times timestamp(us, UTC), objects
//! struct, lists list (empty, never null); no dictionary and no unsigned types.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Int64Array, ListArray, RecordBatch, StructArray,
    TimestampMicrosecondArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, Field, Fields, Schema, SchemaRef};
use mailauth_core::arc::{ArcVerdict, Sealer};
use mailauth_core::author::Author;
use mailauth_core::dkim::DkimVerdict;
use mailauth_core::dmarc::DmarcVerdict;
use mailauth_core::verdict::{EnvelopeRow, Row};

/// A named column of a table or struct.
pub(crate) type Column = (&'static str, ArrayRef);

pub(crate) fn text<T: AsRef<str>>(
    name: &'static str,
    values: impl Iterator<Item = Option<T>> + Clone,
) -> Column {
    // Looking twice costs less than moving the texts whenever their room is used up.
    let lengths = values.clone().flatten().map(|text| text.as_ref().len());
    let mut builder = StringBuilder::with_capacity(values.size_hint().0, lengths.sum());
    builder.extend(values);
    (name, Arc::new(builder.finish()))
}

pub(crate) fn count(name: &'static str, values: impl Iterator<Item = Option<i64>>) -> Column {
    (name, Arc::new(values.collect::<Int64Array>()))
}

pub(crate) fn truth(name: &'static str, values: impl Iterator<Item = Option<bool>>) -> Column {
    (name, Arc::new(values.collect::<BooleanArray>()))
}

/// Unix seconds as timestamp(us, UTC); a time that does not fit is null.
pub(crate) fn time(name: &'static str, values: impl Iterator<Item = Option<i64>>) -> Column {
    let micros = values.map(|seconds| seconds.and_then(|seconds| seconds.checked_mul(1_000_000)));
    (
        name,
        Arc::new(
            micros
                .collect::<TimestampMicrosecondArray>()
                .with_timezone("UTC"),
        ),
    )
}

pub(crate) fn texts<'a, I>(name: &'static str, rows: impl Iterator<Item = I>) -> Column
where
    I: IntoIterator<Item = &'a str>,
{
    let mut builder = ListBuilder::new(StringBuilder::new());
    for row in rows {
        for value in row {
            builder.values().append_value(value);
        }
        builder.append(true);
    }
    (name, Arc::new(builder.finish()))
}

fn unsigned(value: u64) -> Option<i64> {
    i64::try_from(value).ok()
}

fn structure(
    columns: Vec<Column>,
    is_present: Option<Vec<bool>>,
) -> Result<StructArray, ArrowError> {
    let field = |(name, array): &Column| Field::new(*name, array.data_type().clone(), true);
    let fields: Fields = columns.iter().map(field).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    StructArray::try_new(fields, arrays, is_present.map(NullBuffer::from))
}

pub(crate) fn object(
    name: &'static str,
    columns: Vec<Column>,
    is_present: Vec<bool>,
) -> Result<Column, ArrowError> {
    Ok((name, Arc::new(structure(columns, Some(is_present))?)))
}

/// A list of structs: `lengths` entries a row of the flat `columns`.
fn objects(
    name: &'static str,
    columns: Vec<Column>,
    lengths: impl Iterator<Item = usize>,
) -> Result<Column, ArrowError> {
    let values = structure(columns, None)?;
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let list = ListArray::try_new(
        field,
        OffsetBuffer::from_lengths(lengths),
        Arc::new(values),
        None,
    )?;
    Ok((name, Arc::new(list)))
}

/// One batch of these rows.
pub(crate) fn record_batch(rows: &[Row]) -> Result<RecordBatch, ArrowError> {
    let each = || rows.iter();
    let columns = vec![
        text("id", each().map(|row| Some(&row.id))),
        count("size", each().map(|row| unsigned(row.size))),
        text("message_id", each().map(|row| row.message_id.as_ref())),
        time("date", each().map(|row| row.date)),
        text("sha256", each().map(|row| row.sha256.as_ref())),
        time("received_at", each().map(|row| row.received_at)),
        time("judged_at", each().map(|row| row.judged_at)),
        text(
            "error",
            each().map(|row| row.error.map(mailauth_core::verdict::ErrorReason::code)),
        ),
        author(rows)?,
        envelope(rows)?,
        spf(rows)?,
        spf_helo(rows)?,
        dkim(rows)?,
        arc(rows)?,
        dmarc(rows)?,
        disposition(rows)?,
        text("flow", each().map(|row| Some(row.flow))),
        text(
            "authentication_results",
            each().map(|row| row.authentication_results.as_ref()),
        ),
        texts(
            "limits",
            each().map(|row| row.limits.iter().map(String::as_str)),
        ),
        texts(
            "repairs",
            each().map(|row| row.repairs.iter().map(|repair| repair.as_str())),
        ),
        count(
            "dns_questions",
            each().map(|row| unsigned(row.dns_questions)),
        ),
    ];
    batch_of(columns)
}

/// A batch of columns of one length.
pub(crate) fn batch_of(columns: Vec<Column>) -> Result<RecordBatch, ArrowError> {
    let field = |(name, array): &Column| Field::new(*name, array.data_type().clone(), true);
    let schema = Schema::new(columns.iter().map(field).collect::<Fields>());
    RecordBatch::try_new(
        Arc::new(schema),
        columns.into_iter().map(|(_, array)| array).collect(),
    )
}

/// The schema of every batch of verdicts.
pub(crate) fn schema() -> Result<SchemaRef, ArrowError> {
    Ok(record_batch(&[])?.schema())
}

/// `f` of the object, null where the row has none.
fn of<'a, O: 'a, T>(
    objects: &'a [Option<&'a O>],
    f: impl Fn(&'a O) -> Option<T> + Clone + 'a,
) -> impl Iterator<Item = Option<T>> + Clone + 'a {
    objects.iter().map(move |object| object.and_then(&f))
}

fn presence<O>(objects: &[Option<&O>]) -> Vec<bool> {
    objects.iter().map(Option::is_some).collect()
}

fn author(rows: &[Row]) -> Result<Column, ArrowError> {
    let authors: Vec<Option<&Author>> = rows.iter().map(|row| row.author.as_ref()).collect();
    let flags = authors.iter().map(|author| {
        author
            .map(|author| author.flags.as_slice())
            .unwrap_or_default()
    });
    let columns = vec![
        text(
            "domain",
            of(&authors, |author| {
                author
                    .domain
                    .as_ref()
                    .map(mailauth_core::domain::Domain::as_str)
            }),
        ),
        text(
            "organizational_domain",
            of(&authors, |author| {
                author
                    .organizational_domain
                    .as_ref()
                    .map(mailauth_core::domain::Domain::as_str)
            }),
        ),
        text(
            "reason",
            of(&authors, |author| {
                author.reason.map(mailauth_core::author::AuthorReason::code)
            }),
        ),
        text(
            "display_name",
            of(&authors, |author| author.display_name.as_ref()),
        ),
        texts(
            "flags",
            flags.map(|flags| flags.iter().map(|flag| flag.as_str())),
        ),
    ];
    object("author", columns, presence(&authors))
}

fn envelope(rows: &[Row]) -> Result<Column, ArrowError> {
    let each = || rows.iter().map(|row| &row.envelope);
    let source = |name, pick: fn(&EnvelopeRow) -> &'static str| {
        text(name, each().map(|row| Some(pick(row))))
    };
    let sources = vec![
        source("client_ip", |row| row.sources.client_ip.as_str()),
        source("helo", |row| row.sources.helo.as_str()),
        source("mail_from", |row| row.sources.mail_from.as_str()),
        source("rcpt_to", |row| row.sources.rcpt_to.as_str()),
        source("received_at", |row| row.sources.received_at.as_str()),
    ];
    let columns = vec![
        text("client_ip", each().map(|row| row.client_ip.as_ref())),
        text("helo", each().map(|row| row.helo.as_ref())),
        text("mail_from", each().map(|row| row.mail_from.as_ref())),
        texts(
            "rcpt_to",
            each().map(|row| row.rcpt_to.iter().map(String::as_str)),
        ),
        text("auth_id", each().map(|row| row.auth_id.as_ref())),
        text("protocol", each().map(|row| row.protocol.as_ref())),
        ("sources", Arc::new(structure(sources, None)?)),
    ];
    object("envelope", columns, vec![true; rows.len()])
}

fn spf(rows: &[Row]) -> Result<Column, ArrowError> {
    let spf: Vec<_> = rows.iter().map(|row| row.spf.as_ref()).collect();
    let columns = vec![
        text("result", of(&spf, |spf| Some(spf.result.as_str()))),
        text("identity", of(&spf, |spf| Some(spf.identity))),
        text("domain", of(&spf, |spf| spf.domain.as_ref())),
        text("reason", of(&spf, |spf| Some(spf.reason.code()))),
        text("mechanism", of(&spf, |spf| spf.mechanism.as_ref())),
        text("explanation", of(&spf, |spf| spf.explanation.as_ref())),
        count(
            "dns_lookups",
            of(&spf, |spf| Some(i64::from(spf.dns_lookups))),
        ),
        count(
            "void_lookups",
            of(&spf, |spf| Some(i64::from(spf.void_lookups))),
        ),
    ];
    object("spf", columns, presence(&spf))
}

fn spf_helo(rows: &[Row]) -> Result<Column, ArrowError> {
    let spf: Vec<_> = rows.iter().map(|row| row.spf_helo.as_ref()).collect();
    let columns = vec![
        text("result", of(&spf, |spf| Some(spf.result.as_str()))),
        text("domain", of(&spf, |spf| spf.domain.as_ref())),
        text("reason", of(&spf, |spf| Some(spf.reason.code()))),
    ];
    object("spf_helo", columns, presence(&spf))
}

fn dkim(rows: &[Row]) -> Result<Column, ArrowError> {
    let flat: Vec<&DkimVerdict> = rows.iter().flat_map(|row| &row.dkim).collect();
    let lengths = rows.iter().map(|row| row.dkim.len());
    objects("dkim", signature_columns(&flat)?, lengths)
}

/// The columns of these signatures.
#[expect(clippy::too_many_lines, reason = "a table: one column a line")]
pub(crate) fn signature_columns(signatures: &[&DkimVerdict]) -> Result<Vec<Column>, ArrowError> {
    let each = || signatures.iter();
    let misses: Vec<_> = each()
        .map(|signature| signature.near_miss.as_ref())
        .collect();
    let near_miss = vec![
        text("cause", of(&misses, |miss| Some(miss.cause))),
        count(
            "octets_added",
            of(&misses, |miss| unsigned(miss.octets_added)),
        ),
    ];
    Ok(vec![
        text(
            "result",
            each().map(|signature| Some(signature.result.as_str())),
        ),
        text(
            "reason",
            each().map(|signature| Some(signature.reason.code())),
        ),
        text("domain", each().map(|signature| signature.domain.as_ref())),
        text(
            "selector",
            each().map(|signature| signature.selector.as_ref()),
        ),
        text("auid", each().map(|signature| signature.auid.as_ref())),
        text(
            "algorithm",
            each().map(|signature| signature.algorithm.as_ref()),
        ),
        text(
            "canonicalization",
            each().map(|signature| signature.canonicalization.as_ref()),
        ),
        count(
            "key_bits",
            each().map(|signature| signature.key_bits.map(i64::from)),
        ),
        texts(
            "signed_headers",
            each().map(|signature| signature.signed_headers.names()),
        ),
        text(
            "body_hash",
            each().map(|signature| Some(signature.body_hash.as_str())),
        ),
        text(
            "signature",
            each().map(|signature| Some(signature.signature.as_str())),
        ),
        count(
            "body_octets_signed",
            each().map(|signature| signature.body_octets_signed.and_then(unsigned)),
        ),
        count(
            "body_octets",
            each().map(|signature| signature.body_octets.and_then(unsigned)),
        ),
        truth("testing", each().map(|signature| Some(signature.testing))),
        time("signed_at", each().map(|signature| signature.signed_at)),
        time("expires_at", each().map(|signature| signature.expires_at)),
        text(
            "key_source",
            each().map(|signature| signature.key_source.as_ref()),
        ),
        time(
            "key_first_seen",
            each().map(|signature| signature.key_first_seen),
        ),
        time(
            "key_last_seen",
            each().map(|signature| signature.key_last_seen),
        ),
        object("near_miss", near_miss, presence(&misses))?,
        texts(
            "flags",
            each().map(|signature| signature.flags.iter().map(|flag| flag.as_str())),
        ),
        text(
            "header_b",
            each().map(|signature| signature.header_b.as_ref()),
        ),
    ])
}

fn arc(rows: &[Row]) -> Result<Column, ArrowError> {
    let chains: Vec<Option<&ArcVerdict>> = rows.iter().map(|row| row.arc.as_ref()).collect();
    let lengths = chains
        .iter()
        .map(|arc| arc.map_or(0, |arc| arc.sealers.len()));
    let flat: Vec<&Sealer> = chains
        .iter()
        .flatten()
        .flat_map(|arc| &arc.sealers)
        .collect();
    let sealer = vec![
        count(
            "instance",
            flat.iter().map(|sealer| Some(i64::from(sealer.instance))),
        ),
        text("domain", flat.iter().map(|sealer| sealer.domain.as_ref())),
        text(
            "selector",
            flat.iter().map(|sealer| sealer.selector.as_ref()),
        ),
    ];
    let columns = vec![
        text("result", of(&chains, |arc| Some(arc.result.as_str()))),
        text("reason", of(&chains, |arc| Some(arc.reason.code()))),
        count(
            "instances",
            of(&chains, |arc| Some(i64::from(arc.instances))),
        ),
        count(
            "oldest_pass",
            of(&chains, |arc| arc.oldest_pass.map(i64::from)),
        ),
        objects("sealers", sealer, lengths)?,
    ];
    object("arc", columns, presence(&chains))
}

#[expect(clippy::too_many_lines, reason = "a table: one column a line")]
fn dmarc(rows: &[Row]) -> Result<Column, ArrowError> {
    let dmarc: Vec<Option<&DmarcVerdict>> = rows.iter().map(|row| row.dmarc.as_ref()).collect();
    let uris = |pick: fn(&DmarcVerdict) -> &[String]| {
        dmarc
            .iter()
            .map(move |row| row.map(pick).unwrap_or_default().iter().map(String::as_str))
    };
    let columns = vec![
        text("result", of(&dmarc, |row| Some(row.result.as_str()))),
        text("reason", of(&dmarc, |row| Some(row.reason.code()))),
        text(
            "policy_domain",
            of(&dmarc, |row| {
                row.policy_domain
                    .as_ref()
                    .map(mailauth_core::domain::Domain::as_str)
            }),
        ),
        text("record", of(&dmarc, |row| row.record.as_ref())),
        text(
            "policy",
            of(&dmarc, |row| {
                row.policy
                    .map(mailauth_core::dmarc::RequestedPolicy::as_str)
            }),
        ),
        text(
            "subdomain_policy",
            of(&dmarc, |row| {
                row.subdomain_policy
                    .map(mailauth_core::dmarc::RequestedPolicy::as_str)
            }),
        ),
        text(
            "nonexistent_policy",
            of(&dmarc, |row| {
                row.nonexistent_policy
                    .map(mailauth_core::dmarc::RequestedPolicy::as_str)
            }),
        ),
        text(
            "dkim_alignment",
            of(&dmarc, |row| {
                row.dkim_alignment
                    .map(mailauth_core::dmarc::AlignmentMode::as_str)
            }),
        ),
        text(
            "spf_alignment",
            of(&dmarc, |row| {
                row.spf_alignment
                    .map(mailauth_core::dmarc::AlignmentMode::as_str)
            }),
        ),
        truth("testing", of(&dmarc, |row| row.testing)),
        text("psd", of(&dmarc, |row| row.psd)),
        count("pct", of(&dmarc, |row| row.pct.map(i64::from))),
        text("fo", of(&dmarc, |row| row.fo.as_ref())),
        texts("rua", uris(|row| &row.rua)),
        texts("ruf", uris(|row| &row.ruf)),
        text(
            "effective_policy",
            of(&dmarc, |row| {
                row.effective_policy
                    .map(mailauth_core::dmarc::RequestedPolicy::as_str)
            }),
        ),
        truth("spf_aligned", of(&dmarc, |row| row.spf_aligned)),
        truth("dkim_aligned", of(&dmarc, |row| row.dkim_aligned)),
        text("discovery", of(&dmarc, |row| Some(row.discovery.as_str()))),
        text("rules", of(&dmarc, |row| Some(row.rules.as_str()))),
    ];
    object("dmarc", columns, presence(&dmarc))
}

fn disposition(rows: &[Row]) -> Result<Column, ArrowError> {
    let dispositions: Vec<_> = rows.iter().map(|row| row.disposition.as_ref()).collect();
    let columns = vec![
        text("action", of(&dispositions, |row| Some(row.action.as_str()))),
        text("override", of(&dispositions, |row| row.override_type)),
        text("reason", of(&dispositions, |row| Some(row.reason.code()))),
        text("smtp_reply", of(&dispositions, |row| row.smtp_reply)),
    ];
    object("disposition", columns, presence(&dispositions))
}
