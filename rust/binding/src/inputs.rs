//! What `verify_batch` takes: a sequence of bytes-like objects, an Arrow binary column, or an Arrow table.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_buffer::Buffer;
use arrow_schema::DataType;
use bytes::Bytes;
use mailauth_archive::{cell_seconds, cell_text};
use mailauth_core::envelope::Envelope;
use mailauth_core::evaluate::Input;
use mailauth_core::verdict::ErrorReason;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyString};
use pyo3_arrow::input::AnyArray;

use crate::errors::Fault;
use crate::settings;

/// Reads the messages and their envelopes.
pub(crate) fn inputs(
    messages: &Bound<'_, PyAny>,
    envelopes: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<Input>> {
    let is_arrow =
        messages.hasattr("__arrow_c_stream__")? || messages.hasattr("__arrow_c_array__")?;
    let mut inputs = if is_arrow {
        arrow_inputs(messages, envelopes)?
    } else {
        sequence_inputs(messages)?
    };
    let Some(envelopes) = envelopes.filter(|envelopes| !envelopes.is_none()) else {
        return Ok(inputs);
    };
    let envelopes: Vec<Bound<'_, PyAny>> = envelopes.try_iter()?.collect::<PyResult<_>>()?;
    if envelopes.len() != inputs.len() {
        let problem = format!(
            "{} messages but {} envelopes; give one envelope or None for each message",
            inputs.len(),
            envelopes.len()
        );
        return Err(Fault::Argument(problem).into());
    }
    for (input, envelope) in inputs.iter_mut().zip(&envelopes) {
        input.envelope = settings::envelope(Some(envelope))?;
    }
    Ok(inputs)
}

fn sequence_inputs(messages: &Bound<'_, PyAny>) -> PyResult<Vec<Input>> {
    let mut inputs = Vec::with_capacity(messages.len().unwrap_or_default());
    for (row, message) in messages.try_iter()?.enumerate() {
        let octets = octets(&message?)
            .map_err(|problem| Fault::Argument(format!("messages[{row}] {problem}")))?;
        inputs.push(Input::new(row.to_string(), octets, Envelope::default()));
    }
    Ok(inputs)
}

/// The octets of a bytes-like object: `bytes` are shared, whatever could change while the GIL is released is copied.
pub(crate) fn octets(message: &Bound<'_, PyAny>) -> Result<Bytes, String> {
    if let Ok(bytes) = message.cast::<PyBytes>() {
        return Ok(Bytes::from_owner(PyBackedBytes::from(bytes.clone())));
    }
    let kind = || {
        message
            .get_type()
            .name()
            .map_or_else(|_| "object".to_owned(), |name| name.to_string())
    };
    if message.is_instance_of::<PyString>() {
        return Err("is a text; give the message's octets (bytes)".to_owned());
    }
    let buffer = pyo3::buffer::PyBuffer::<u8>::get(message)
        .map_err(|_| format!("is of type {}; give the message's octets (bytes)", kind()))?;
    buffer
        .to_vec(message.py())
        .map(Bytes::from)
        .map_err(|_| "is a buffer that cannot be read".to_owned())
}

/// Keeps an Arrow buffer alive behind a message's octets.
struct Shared(Buffer);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

fn arrow_inputs(
    messages: &Bound<'_, PyAny>,
    envelopes: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<Input>> {
    let reader = messages.extract::<AnyArray>()?.into_reader()?;
    let mut inputs = Vec::new();
    for chunk in reader {
        let chunk = chunk
            .map_err(|error| Fault::Argument(format!("the Arrow data cannot be read: {error}")))?;
        match chunk.data_type() {
            DataType::Struct(_) if envelopes.is_some_and(|envelopes| !envelopes.is_none()) => {
                let problem = "a table has its own envelope columns; give no envelopes beside it";
                return Err(Fault::Argument(problem.to_owned()).into());
            }
            DataType::Struct(_) => table_rows(chunk.as_struct(), &mut inputs)?,
            _ => {
                for row in 0..chunk.len() {
                    let id = inputs.len().to_string();
                    inputs.push(input(id, binary(&chunk, row)?, Envelope::default()));
                }
            }
        }
    }
    Ok(inputs)
}

/// A null cell is a message whose octets could not be had.
fn input(id: String, octets: Option<Bytes>, envelope: Envelope) -> Input {
    match octets {
        Some(octets) => Input::new(id, octets, envelope),
        None => Input {
            id,
            octets: Err(ErrorReason::Unreadable),
            size: 0,
            envelope,
            is_mbox: false,
            repairs: Vec::new(),
        },
    }
}

/// The octets of one cell; `None` for null.
fn binary(column: &ArrayRef, row: usize) -> Result<Option<Bytes>, Fault> {
    if column.is_null(row) {
        return Ok(None);
    }
    let share = |buffer: &Buffer, start: usize, end: usize| {
        Bytes::from_owner(Shared(buffer.slice_with_length(start, end - start)))
    };
    let octets = match column.data_type() {
        DataType::Binary => {
            let array = column.as_binary::<i32>();
            let offset =
                |row: usize| usize::try_from(array.value_offsets()[row]).unwrap_or_default();
            share(array.values(), offset(row), offset(row + 1))
        }
        DataType::LargeBinary => {
            let array = column.as_binary::<i64>();
            let offset =
                |row: usize| usize::try_from(array.value_offsets()[row]).unwrap_or_default();
            share(array.values(), offset(row), offset(row + 1))
        }
        DataType::BinaryView => Bytes::copy_from_slice(column.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => {
            Bytes::copy_from_slice(column.as_fixed_size_binary().value(row))
        }
        other => {
            let problem = format!(
                "a column of type {other} holds no octets; give the messages as binary, a text column is already damaged"
            );
            return Err(Fault::Argument(problem));
        }
    };
    Ok(Some(octets))
}

fn table_rows(table: &StructArray, inputs: &mut Vec<Input>) -> Result<(), Fault> {
    let columns: HashMap<&str, &ArrayRef> = table
        .column_names()
        .into_iter()
        .zip(table.columns())
        .collect();
    let raw = columns.get("raw").ok_or_else(|| {
        Fault::Argument(
            "the table has no column raw; name the column with the messages' octets raw".to_owned(),
        )
    })?;
    for row in 0..table.len() {
        let cell = |name: &str| {
            columns
                .get(name)
                .map_or(Ok(None), |column| text(name, column, row))
        };
        let client_ip = cell("client_ip")?
            .map(|ip| settings::address(&ip))
            .transpose();
        let envelope = Envelope {
            client_ip: client_ip
                .map_err(|_| Fault::Argument(format!("row {row}: client_ip is no IP address")))?,
            helo: cell("helo")?,
            mail_from: cell("mail_from")?,
            rcpt_to: columns
                .get("rcpt_to")
                .map_or(Ok(Vec::new()), |column| text_list(column, row))?,
            auth_id: cell("auth_id")?,
            protocol: cell("protocol")?,
            received_at: columns
                .get("received_at")
                .map_or(Ok(None), |column| seconds(column, row))?,
            sources: None,
        };
        let id = cell("id")?.unwrap_or_else(|| inputs.len().to_string());
        inputs.push(input(id, binary(raw, row)?, envelope));
    }
    Ok(())
}

fn text(name: &str, column: &ArrayRef, row: usize) -> Result<Option<String>, Fault> {
    if column.is_null(row) || column.data_type() == &DataType::Null {
        return Ok(None);
    }
    let text = cell_text(column, row).ok_or_else(|| {
        let kind = column.data_type();
        Fault::Argument(format!("the column {name} is of type {kind}; give utf8"))
    });
    text.map(Some)
}

fn text_list(column: &ArrayRef, row: usize) -> Result<Vec<String>, Fault> {
    if column.is_null(row) {
        return Ok(Vec::new());
    }
    let values = match column.data_type() {
        DataType::List(_) => column.as_list::<i32>().value(row),
        DataType::LargeList(_) => column.as_list::<i64>().value(row),
        _ => return Ok(text("rcpt_to", column, row)?.into_iter().collect()),
    };
    let texts = (0..values.len()).map(|index| text("rcpt_to", &values, index));
    Ok(texts
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .collect())
}

/// Unix seconds out of a timestamp or an int64 column.
fn seconds(column: &ArrayRef, row: usize) -> Result<Option<i64>, Fault> {
    if column.is_null(row) {
        return Ok(None);
    }
    let seconds = cell_seconds(column, row).ok_or_else(|| {
        let kind = column.data_type();
        Fault::Argument(format!(
            "the column received_at is of type {kind}; give timestamps or int64 Unix seconds"
        ))
    });
    seconds.map(Some)
}
