//! `VerdictFile`: the id, words and reasons of every row of a Parquet or Arrow file, batch by batch, as JSON lines.
//!
//! Reads what `Writer` wrote, also when another tool wrote it again. Only the named columns are read and no row becomes a
//! verdict; the names are the contract's.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::Fault;
use crate::verdict_words::{COLUMNS, WordsFault, json_lines};

/// Rows read at once from Parquet: some megabytes of words.
const ROWS_A_BATCH: usize = 8_192;
/// The octets that a Parquet file begins with.
const PARQUET_MAGIC: &[u8] = b"PAR1";
/// The octets that an Arrow file begins with.
const ARROW_MAGIC: &[u8] = b"ARROW1";
/// What our keys of a file's metadata begin with.
const METADATA_PREFIX: &str = "mailauth_fast.";

/// What the reader says of a compression that this build leaves out.
const UNKNOWN_COMPRESSION: &str = "Disabled feature at compile time";

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// A Parquet or Arrow file of verdict rows.
#[pyclass(frozen, module = "mailauth_fast._core")]
pub(crate) struct VerdictFile {
    path: PathBuf,
    metadata: BTreeMap<String, String>,
    batches: Mutex<Option<Batches>>,
}

#[pymethods]
impl VerdictFile {
    /// Opens a file that begins with the octets of Parquet, of an Arrow file or of an Arrow stream.
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let opened = py.detach(|| guarded(|| open(&path)));
        let (metadata, batches) = opened.map_err(|problem| unreadable(&path, &problem))?;
        Ok(Self {
            path,
            metadata,
            batches: Mutex::new(Some(batches)),
        })
    }

    /// The facts of the run that wrote the file, by their keys without `mailauth_fast.`.
    #[getter]
    fn metadata(&self) -> BTreeMap<String, String> {
        self.metadata.clone()
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// The next rows, one JSON object a line.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let lines = py.detach(|| self.next_lines())?;
        Ok(lines.map(|lines| PyBytes::new(py, &lines)))
    }
}

impl VerdictFile {
    fn next_lines(&self) -> Result<Option<Vec<u8>>, Fault> {
        let mut guard = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut batches) = guard.take() else {
            return Ok(None);
        };
        let next = guarded(|| {
            batches
                .next()
                .transpose()
                .map_err(|error| error.to_string())
        });
        let Some(batch) = next.map_err(|problem| unreadable(&self.path, &problem))? else {
            return Ok(None);
        };
        let lines = json_lines(&batch).map_err(|fault| no_verdicts(&self.path, &fault))?;
        *guard = Some(batches);
        Ok(Some(lines))
    }
}

fn unreadable(path: &Path, problem: &str) -> Fault {
    let (what, way_out) = if problem.contains(UNKNOWN_COMPRESSION) {
        ("its compression is not known here", "write it with zstd")
    } else {
        (problem, "write it again with verify -o")
    };
    Fault::Unreadable(format!(
        "{}: cannot be read ({what}); {way_out}",
        path.display()
    ))
}

fn no_verdicts(path: &Path, fault: &WordsFault) -> Fault {
    let what = match fault {
        WordsFault::Missing(column) => format!("the column {column} is missing"),
        WordsFault::Foreign(column) => format!("the column {column} holds something else"),
    };
    let sentence = format!(
        "{}: is no verdict file, {what}; name what verify -o wrote",
        path.display()
    );
    Fault::Argument(sentence)
}

/// Runs a reader of a foreign format: whatever a broken file makes it do becomes one sentence.
fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("its structure is broken".into()))
}

fn open(path: &Path) -> Result<(BTreeMap<String, String>, Batches), String> {
    let system = |error: std::io::Error| crate::target::sentence(&error);
    let mut file = File::open(path).map_err(system)?;
    let mut head = Vec::new();
    let length = ARROW_MAGIC.len() as u64;
    file.by_ref()
        .take(length)
        .read_to_end(&mut head)
        .map_err(system)?;
    file.rewind().map_err(system)?;
    let opened = if head.starts_with(PARQUET_MAGIC) {
        open_parquet(file)
    } else if head.starts_with(ARROW_MAGIC) {
        open_arrow_file(file)
    } else {
        open_arrow_stream(file)
    };
    opened.map_err(|error| error.to_string())
}

fn open_parquet(file: File) -> Result<(BTreeMap<String, String>, Batches), ArrowError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let pairs = builder.metadata().file_metadata().key_value_metadata();
    let pairs = pairs.into_iter().flatten();
    let metadata = ours(pairs.filter_map(|pair| Some((&pair.key, pair.value.as_ref()?))));
    // A leaf of a list has further names between (`dkim.list.element.result`), so its ends are compared.
    let schema = builder.parquet_schema();
    let wanted = schema.columns().iter().enumerate().filter(|(_, leaf)| {
        let parts = leaf.path().parts();
        let ends = (
            parts.first().map(String::as_str),
            parts.last().map(String::as_str),
        );
        COLUMNS
            .iter()
            .any(|&(root, leaf)| parts == [root] || ends == (Some(root), leaf))
    });
    let mask = ProjectionMask::leaves(schema, wanted.map(|(index, _)| index).collect::<Vec<_>>());
    let reader = builder
        .with_projection(mask)
        .with_batch_size(ROWS_A_BATCH)
        .build()?;
    Ok((metadata, Box::new(reader)))
}

fn open_arrow_file(file: File) -> Result<(BTreeMap<String, String>, Batches), ArrowError> {
    let reader = FileReader::try_new(BufReader::new(file), None)?;
    let schema = reader.schema();
    let metadata = ours(schema.metadata().iter().chain(reader.custom_metadata()));
    Ok((metadata, Box::new(reader)))
}

fn open_arrow_stream(file: File) -> Result<(BTreeMap<String, String>, Batches), ArrowError> {
    let reader = StreamReader::try_new(BufReader::new(file), None)?;
    let metadata = ours(reader.schema().metadata().iter());
    Ok((metadata, Box::new(reader)))
}

fn ours<'a>(pairs: impl Iterator<Item = (&'a String, &'a String)>) -> BTreeMap<String, String> {
    pairs
        .filter_map(|(key, value)| Some((key.strip_prefix(METADATA_PREFIX)?.into(), value.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::record_batch;
    use arrow_ipc::writer::{FileWriter, StreamWriter};
    use mailauth_core::verdict::{ErrorReason, Verdict};

    fn batch() -> RecordBatch {
        let row = |id: &str| Box::new(Verdict::failed(id.into(), 7, ErrorReason::Truncated));
        record_batch(&[row("a:0"), row("a:7")]).unwrap()
    }

    fn lines_of(octets: &[u8], name: &str) -> Result<Vec<u8>, String> {
        let name = format!("verdict-file-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, octets).unwrap();
        let opened = guarded(|| open(&path));
        std::fs::remove_file(&path).unwrap();
        let (_, batches) = opened?;
        let read = guarded(|| {
            batches
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| e.to_string())
        });
        let lines = read?
            .into_iter()
            .map(|batch| json_lines(&batch).ok().unwrap());
        Ok(lines.flatten().collect())
    }

    #[test]
    fn arrow_files_and_streams_give_the_rows_of_their_batches() {
        let (batch, schema) = (batch(), batch().schema());
        let mut file = FileWriter::try_new(Vec::new(), &schema).unwrap();
        let mut stream = StreamWriter::try_new(Vec::new(), &schema).unwrap();
        for _ in 0..2 {
            file.write(&batch).unwrap();
            stream.write(&batch).unwrap();
        }
        let expected = json_lines(&batch).ok().unwrap().repeat(2);
        let file = file.into_inner().unwrap();
        assert_eq!(lines_of(&file, "file").unwrap(), expected);
        let stream = stream.into_inner().unwrap();
        assert_eq!(lines_of(&stream, "stream").unwrap(), expected);
    }

    #[test]
    fn an_arrow_file_cut_at_any_octet_is_a_fault_not_a_panic() {
        let mut file = FileWriter::try_new(Vec::new(), &batch().schema()).unwrap();
        file.write(&batch()).unwrap();
        let octets = file.into_inner().unwrap();
        for length in (0..octets.len()).step_by(97) {
            assert!(lines_of(&octets[..length], "cut").is_err(), "{length}");
        }
    }
}
