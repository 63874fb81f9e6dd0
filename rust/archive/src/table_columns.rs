//! The columns of a table of messages by the public contract's names and types, out of Arrow batches.
//!
//! A column of a wrong type refuses the table before its first row; a value that cannot be read is left out of its row.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use mailauth_core::envelope::Envelope;

use crate::json_row::RECIPIENT_LIMIT;
use crate::store_fault::{RowFault, StoreFault};

/// Columns that hold a text each.
const TEXT_COLUMNS: [&str; 6] = [
    "id",
    "client_ip",
    "helo",
    "mail_from",
    "auth_id",
    "protocol",
];

/// Tells whether a column is one that is read.
pub(crate) fn is_known(name: &str) -> bool {
    TEXT_COLUMNS.contains(&name) || matches!(name, "raw" | "rcpt_to" | "received_at")
}

/// Checks that the columns have types that are read.
pub(crate) fn check(schema: &Schema) -> Result<(), StoreFault> {
    let kind = |name: &str| schema.field_with_name(name).ok().map(Field::data_type);
    match kind("raw").ok_or(StoreFault::NoRawColumn)? {
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => {}
        kind if is_text(kind) => return Err(StoreFault::TextColumn),
        _ => return Err(wrong("raw", "binary")),
    }
    for column in TEXT_COLUMNS {
        let is_read =
            |kind: &DataType| is_text(kind) || matches!(kind, DataType::Int64 | DataType::Null);
        if !kind(column).is_none_or(is_read) {
            return Err(wrong(column, "text (utf8)"));
        }
    }
    let is_recipients = |kind: &DataType| match kind {
        DataType::List(item) | DataType::LargeList(item) => is_text(item.data_type()),
        kind => is_text(kind) || kind.is_null(),
    };
    if !kind("rcpt_to").is_none_or(is_recipients) {
        return Err(wrong("rcpt_to", "a list of texts"));
    }
    let is_time = |kind: &DataType| {
        matches!(
            kind,
            DataType::Int64 | DataType::Timestamp(..) | DataType::Null
        )
    };
    if !kind("received_at").is_none_or(is_time) {
        return Err(wrong("received_at", "timestamps or Unix seconds (int64)"));
    }
    Ok(())
}

fn wrong(column: &'static str, wanted: &'static str) -> StoreFault {
    StoreFault::ColumnType { column, wanted }
}

fn is_text(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

/// The known columns of one batch.
pub(crate) struct Columns<'a> {
    batch: &'a RecordBatch,
    raw: &'a ArrayRef,
}

impl<'a> Columns<'a> {
    /// The columns of a batch whose schema is checked.
    pub(crate) fn of(batch: &'a RecordBatch) -> Option<Self> {
        let raw = batch.column_by_name("raw")?;
        Some(Self { batch, raw })
    }

    /// The message's octets, shared with the batch where it is possible.
    pub(crate) fn raw(&self, row: usize) -> Result<Bytes, RowFault> {
        if self.raw.is_null(row) {
            return Err(RowFault::NoRaw);
        }
        Ok(match self.raw.data_type() {
            DataType::BinaryView => Bytes::from_owner(Cell {
                column: self.raw.as_binary_view().clone(),
                row,
            }),
            DataType::Binary => Bytes::copy_from_slice(self.raw.as_binary::<i32>().value(row)),
            DataType::LargeBinary => Bytes::copy_from_slice(self.raw.as_binary::<i64>().value(row)),
            DataType::FixedSizeBinary(_) => {
                Bytes::copy_from_slice(self.raw.as_fixed_size_binary().value(row))
            }
            _ => return Err(RowFault::NoRaw),
        })
    }

    /// The row's own id.
    pub(crate) fn id(&self, row: usize) -> Option<String> {
        self.text("id", row)
    }

    /// The envelope, and which parts of it cannot be read.
    pub(crate) fn envelope(&self, row: usize) -> (Envelope, Vec<RowFault>) {
        let mut faults = Vec::new();
        let client_ip = self.text("client_ip", row).and_then(|text| {
            let address = text.parse().ok();
            if address.is_none() {
                faults.push(RowFault::ClientIp);
            }
            address
        });
        let mut rcpt_to = self.recipients(row);
        if rcpt_to.len() > RECIPIENT_LIMIT {
            faults.push(RowFault::Recipients);
            rcpt_to.clear();
        }
        let envelope = Envelope {
            client_ip,
            helo: self.text("helo", row),
            mail_from: self.text("mail_from", row),
            rcpt_to,
            auth_id: self.text("auth_id", row),
            protocol: self.text("protocol", row),
            received_at: self.seconds(row),
            sources: None,
        };
        (envelope, faults)
    }

    fn column(&self, name: &str, row: usize) -> Option<&'a ArrayRef> {
        let column = self.batch.column_by_name(name)?;
        (!column.is_null(row)).then_some(column)
    }

    fn text(&self, name: &str, row: usize) -> Option<String> {
        cell_text(self.column(name, row)?, row)
    }

    fn recipients(&self, row: usize) -> Vec<String> {
        let Some(column) = self.column("rcpt_to", row) else {
            return Vec::new();
        };
        let values = match column.data_type() {
            DataType::List(_) => column.as_list::<i32>().value(row),
            DataType::LargeList(_) => column.as_list::<i64>().value(row),
            _ => return cell_text(column, row).into_iter().collect(),
        };
        // One more than the limit tells that it is passed.
        (0..values.len().min(RECIPIENT_LIMIT + 1))
            .filter_map(|index| cell_text(&values, index))
            .collect()
    }

    /// Unix seconds of receipt.
    fn seconds(&self, row: usize) -> Option<i64> {
        let column = self.column("received_at", row)?;
        cell_seconds(column, row)
    }
}

/// Unix seconds out of a cell of a timestamp or int64 column, fractions cut; `None` for null and for any other type.
pub fn cell_seconds(column: &ArrayRef, row: usize) -> Option<i64> {
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row),
        DataType::Timestamp(TimeUnit::Second, _) => {
            column.as_primitive::<TimestampSecondType>().value(row)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => column
            .as_primitive::<TimestampMillisecondType>()
            .value(row)
            .div_euclid(1_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => column
            .as_primitive::<TimestampMicrosecondType>()
            .value(row)
            .div_euclid(1_000_000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => column
            .as_primitive::<TimestampNanosecondType>()
            .value(row)
            .div_euclid(1_000_000_000),
        _ => return None,
    })
}

/// The text of a cell of a text or int64 column; `None` for null and for any other type.
pub fn cell_text(column: &ArrayRef, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row).to_owned(),
        DataType::Utf8View => column.as_string_view().value(row).to_owned(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        _ => return None,
    })
}

/// Keeps a batch's column alive behind a message's octets.
struct Cell {
    column: arrow_array::BinaryViewArray,
    row: usize,
}

impl AsRef<[u8]> for Cell {
    fn as_ref(&self) -> &[u8] {
        self.column.value(self.row)
    }
}
