//! `Writer`: rows to a JSONL or Parquet file, complete under its name or not there at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use mailauth_core::verdict::Verdict;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use pyo3::prelude::*;

use crate::columns;
use crate::errors::Fault;
use crate::rows::{Rows, json_lines};

/// Rows of a Parquet row group (ecosystem habit: 131,072).
const ROW_GROUP_ROWS: usize = 131_072;
/// zstd level of Parquet pages: beyond 3 files shrink by 2 % and take twice the time.
const ZSTD_LEVEL: i32 = 3;

enum Format {
    Jsonl(BufWriter<File>),
    Parquet(Box<ArrowWriter<File>>),
}

struct Open {
    temporary: PathBuf,
    format: Format,
}

/// Writes rows under a temporary name; `close` gives the file its name.
#[pyclass(frozen, module = "mailauth_fast._core")]
pub(crate) struct Writer {
    path: PathBuf,
    open: Mutex<Option<Open>>,
}

#[pymethods]
impl Writer {
    /// `row_format` is `jsonl` or `parquet`; `metadata` goes into a Parquet file.
    #[new]
    fn new(path: PathBuf, row_format: &str, metadata: Vec<(String, String)>) -> PyResult<Self> {
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".partial");
        let temporary = path.with_file_name(name);
        let open = Open::create(temporary, row_format, metadata)
            .map_err(|problem| fail(&path, &problem))?;
        Ok(Self {
            path,
            open: Mutex::new(Some(open)),
        })
    }

    /// Appends rows.
    fn write(&self, py: Python<'_>, rows: &Rows) -> PyResult<()> {
        let mut guard = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = guard.as_mut() else {
            return Err(Fault::Argument("the writer is closed".to_owned()).into());
        };
        let written = py.detach(|| open.write(&rows.0));
        Ok(written.map_err(|problem| fail(&self.path, &problem))?)
    }

    /// Finishes the file, syncs it and gives it its name.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let open = self
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(open) = open else { return Ok(()) };
        let closed = py.detach(|| open.finish(&self.path));
        Ok(closed.map_err(|problem| fail(&self.path, &problem))?)
    }
}

fn fail(path: &Path, problem: &str) -> Fault {
    Fault::Unreadable(format!(
        "{}: cannot be written ({problem}); choose another -o or make room",
        path.display()
    ))
}

impl Open {
    fn create(
        temporary: PathBuf,
        format: &str,
        metadata: Vec<(String, String)>,
    ) -> Result<Self, String> {
        let file = File::create(&temporary).map_err(|error| sentence(&error))?;
        let format = if format == "parquet" {
            let schema = columns::schema().map_err(|error| error.to_string())?;
            let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(|error| error.to_string())?;
            let metadata = metadata
                .into_iter()
                .map(|(key, value)| KeyValue::new(key, value))
                .collect();
            let properties = WriterProperties::builder()
                .set_compression(Compression::ZSTD(level))
                .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                .set_created_by("mailauth_fast".to_owned())
                .set_key_value_metadata(Some(metadata))
                .build();
            let writer = ArrowWriter::try_new(file, schema, Some(properties))
                .map_err(|error| error.to_string())?;
            Format::Parquet(Box::new(writer))
        } else {
            Format::Jsonl(BufWriter::new(file))
        };
        Ok(Self { temporary, format })
    }

    fn write(&mut self, rows: &[Verdict]) -> Result<(), String> {
        match &mut self.format {
            Format::Jsonl(file) => {
                let lines = json_lines(rows).map_err(|_| "a row cannot be printed".to_owned())?;
                file.write_all(&lines).map_err(|error| sentence(&error))
            }
            Format::Parquet(writer) => {
                let batch = columns::record_batch(rows).map_err(|error| error.to_string())?;
                writer.write(&batch).map_err(|error| error.to_string())
            }
        }
    }

    fn finish(self, path: &Path) -> Result<(), String> {
        let temporary = self.temporary.clone();
        self.complete()?;
        fs::rename(&temporary, path).map_err(|error| sentence(&error))
    }

    fn complete(self) -> Result<(), String> {
        let file = match self.format {
            Format::Jsonl(file) => file.into_inner().map_err(|error| sentence(error.error()))?,
            Format::Parquet(writer) => writer.into_inner().map_err(|error| error.to_string())?,
        };
        file.sync_all().map_err(|error| sentence(&error))
    }
}

/// An I/O error without the number that Rust appends.
pub(crate) fn sentence(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}
