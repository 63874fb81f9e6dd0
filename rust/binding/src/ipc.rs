//! `IpcStream`: rows as an Arrow IPC stream, for standard output.

use std::sync::{Mutex, PoisonError};

use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::Fault;
use crate::parquet_rows::Metadata;
use crate::rows::Rows;
use crate::shape::Shape;

/// Turns rows into the octets of one stream.
#[pyclass(frozen, module = "mailauth_fast._core")]
pub(crate) struct IpcStream {
    schema: SchemaRef,
    shape: Shape,
    writer: Mutex<StreamWriter<Vec<u8>>>,
}

fn fault(error: &ArrowError) -> Fault {
    Fault::Engine(error.to_string())
}

#[pymethods]
impl IpcStream {
    /// A stream that nothing was taken from yet.
    #[new]
    #[pyo3(signature = (metadata, is_flat = false))]
    fn new(metadata: Metadata, is_flat: bool) -> PyResult<Self> {
        let shape = Shape::of(is_flat);
        let fields = shape.schema().map_err(|error| fault(&error))?;
        let schema =
            Schema::new_with_metadata(fields.fields().clone(), metadata.into_iter().collect());
        let writer = StreamWriter::try_new(Vec::new(), &schema).map_err(|error| fault(&error))?;
        Ok(Self {
            schema: SchemaRef::new(schema),
            shape,
            writer: Mutex::new(writer),
        })
    }

    /// The stream's octets up to and with these rows, as far as they were not returned before.
    fn write<'py>(&self, py: Python<'py>, rows: &Rows) -> PyResult<Bound<'py, PyBytes>> {
        let octets = py.detach(|| {
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let batch = self.shape.batch(&rows.0)?;
            if batch.num_rows() > 0 {
                writer.write(&batch.with_schema(self.schema.clone())?)?;
            }
            Ok(std::mem::take(writer.get_mut()))
        });
        Ok(PyBytes::new(py, &octets.map_err(|error| fault(&error))?))
    }

    /// The stream's last octets.
    fn close<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.finish().map_err(|error| fault(&error))?;
        Ok(PyBytes::new(py, &std::mem::take(writer.get_mut())))
    }
}
