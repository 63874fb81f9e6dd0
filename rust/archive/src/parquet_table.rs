//! A Parquet table of messages: the binary column `raw`, and the envelope's columns beside it.
//!
//! Read by pread in small batches of rows, so memory follows the messages, not the table. Only the known columns are
//! decoded. Knows no Parquet beyond its crate: a fault of a file is one sentence.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Fields, Schema};
use bytes::Bytes;
use mailauth_core::verdict::ErrorReason;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, Length};

use crate::file::{Found, Reading, Source, read_at};
use crate::guard::guarded;
use crate::problem::SourceProblem;
use crate::store_fault::{RowFaults, StoreFault};
use crate::stored_message::StoredMessage;
use crate::table_columns::{self, Columns};

/// Rows of a batch at most.
const BATCH_ROW_LIMIT: u64 = 64;

/// Octets of messages that a batch should hold; large messages come one by one.
const BATCH_OCTETS: u64 = 8 << 20;

/// Octets read in one go while a page's header is looked at.
const READ_AHEAD: usize = 4 << 10;

/// The messages of a Parquet file.
pub(crate) struct ParquetTable {
    path: PathBuf,
    id_base: String,
    rows: ParquetRecordBatchReader,
    file: Arc<File>,
    metadata: Metadata,
    total_rows: u64,
    next_row: u64,
    octets_told: u64,
    faults: RowFaults,
    found: VecDeque<Result<Found, SourceProblem>>,
    is_done: bool,
}

impl ParquetTable {
    /// Opens a table and checks its columns; nothing of its rows is read yet.
    pub(crate) fn open(
        path: PathBuf,
        id_base: String,
        file: File,
        metadata: &Metadata,
    ) -> Result<Self, StoreFault> {
        let file = Arc::new(file);
        let chunks = FileChunks {
            file: Arc::clone(&file),
            size: metadata.len(),
        };
        let (rows, total_rows) =
            guarded(|| begin(chunks)).map_err(|_| StoreFault::BrokenTable)??;
        Ok(Self {
            path,
            id_base,
            rows,
            file,
            metadata: metadata.clone(),
            total_rows,
            next_row: 0,
            octets_told: 0,
            faults: RowFaults::new("row"),
            found: VecDeque::new(),
            is_done: false,
        })
    }

    fn read_batch(&mut self, reading: &Reading) {
        let rows = &mut self.rows;
        match guarded(|| rows.next()) {
            Ok(Some(Ok(batch))) => {
                self.take_rows(&batch, reading.message_octet_limit);
                let share = self.share_of_octets();
                reading.progress.add_octets(share - self.octets_told);
                self.octets_told = share;
            }
            Ok(None) => self.end(reading),
            Ok(Some(Err(_))) | Err(_) => {
                let fault = StoreFault::BrokenTable.of(&self.path, self.next_row == 0);
                self.end(reading);
                self.found.push_back(Err(fault));
            }
        }
    }

    fn take_rows(&mut self, batch: &RecordBatch, limit: u64) {
        let Some(columns) = Columns::of(batch) else {
            return;
        };
        for row in 0..batch.num_rows() {
            let (envelope, faults) = columns.envelope(row);
            let octets = columns.raw(row);
            let all_faults = faults.into_iter().chain(octets.as_ref().err().copied());
            for fault in all_faults {
                self.faults.note(fault, self.next_row);
            }
            let id = columns.id(row);
            let size = octets.as_ref().map_or(0, |octets| octets.len() as u64);
            let octets = octets.map_err(|_| ErrorReason::Unreadable);
            self.found.push_back(Ok(Found::Message(StoredMessage {
                id: id.unwrap_or_else(|| format!("{}#{}", self.id_base, self.next_row)),
                size,
                octets: if size > limit {
                    Err(ErrorReason::MessageTooLarge)
                } else {
                    octets
                },
                is_mbox: false,
                offset: None,
                notes: Vec::new(),
                envelope: Some(envelope),
            })));
            self.next_row = self.next_row.saturating_add(1);
        }
    }

    /// How much of the file the rows so far stand for.
    fn share_of_octets(&self) -> u64 {
        let share = u128::from(self.metadata.len()) * u128::from(self.next_row)
            / u128::from(self.total_rows.max(1));
        u64::try_from(share)
            .unwrap_or(u64::MAX)
            .max(self.octets_told)
    }

    fn end(&mut self, reading: &Reading) {
        self.is_done = true;
        let size = self.metadata.len();
        reading
            .progress
            .add_octets(size.saturating_sub(self.octets_told));
        self.found.extend(self.faults.take(&self.path).map(Err));
        let has_changed = self.file.metadata().is_ok_and(|now| {
            now.len() != size || now.modified().ok() != self.metadata.modified().ok()
        });
        if has_changed {
            let path = self.path.clone();
            self.found.push_back(Err(SourceProblem::Changed { path }));
        }
    }
}

impl Source for ParquetTable {
    fn next_found(&mut self, reading: &Reading) -> Option<Result<Found, SourceProblem>> {
        loop {
            if let Some(found) = self.found.pop_front() {
                return Some(found);
            }
            if self.is_done {
                return None;
            }
            self.read_batch(reading);
        }
    }
}

fn begin(chunks: FileChunks) -> Result<(ParquetRecordBatchReader, u64), StoreFault> {
    // What a writer noted about Arrow is left aside: the Parquet types are enough, and always true.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let found =
        ArrowReaderMetadata::load(&chunks, options.clone()).map_err(|_| StoreFault::BrokenTable)?;
    table_columns::check(found.schema())?;
    let options = options.with_schema(with_views(found.schema()));
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), options)
        .map_err(|_| StoreFault::BrokenTable)?;
    let roots = known_roots(metadata.schema());
    let table = Arc::clone(metadata.metadata());
    let mask = ProjectionMask::roots(table.file_metadata().schema_descr(), roots);
    check_codecs(&table, &mask)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata)
        .with_projection(mask)
        .with_batch_size(batch_rows(&table));
    let rows = u64::try_from(table.file_metadata().num_rows()).unwrap_or(0);
    let reader = builder.build().map_err(|_| StoreFault::BrokenTable)?;
    Ok((reader, rows))
}

/// Messages as views into their pages: nothing is copied, and a value that many rows share is held once.
fn with_views(schema: &Schema) -> Arc<Schema> {
    let fields = schema.fields().iter().map(|field| {
        if field.name() == "raw" && field.data_type() == &DataType::Binary {
            Arc::new(field.as_ref().clone().with_data_type(DataType::BinaryView))
        } else {
            Arc::clone(field)
        }
    });
    Arc::new(Schema::new(fields.collect::<Fields>()))
}

fn known_roots(schema: &Schema) -> Vec<usize> {
    let fields = schema.fields().iter().enumerate();
    fields
        .filter(|(_, field)| table_columns::is_known(field.name()))
        .map(|(index, _)| index)
        .collect()
}

fn check_codecs(table: &ParquetMetaData, mask: &ProjectionMask) -> Result<(), StoreFault> {
    let columns = table
        .row_groups()
        .iter()
        .flat_map(|group| group.columns().iter().enumerate());
    let mut read = columns.filter(|(leaf, _)| mask.leaf_included(*leaf));
    let is_unknown = read.any(|(_, column)| {
        matches!(
            column.compression(),
            Compression::BROTLI(_) | Compression::LZO
        )
    });
    if is_unknown {
        Err(StoreFault::Codec)
    } else {
        Ok(())
    }
}

/// Rows of a batch, by the octets that a row has on average where rows are largest.
fn batch_rows(table: &ParquetMetaData) -> usize {
    let row_octets = |group: &parquet::file::metadata::RowGroupMetaData| {
        let octets = u64::try_from(group.total_byte_size()).unwrap_or(0);
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        octets / rows.max(1)
    };
    let largest = table.row_groups().iter().map(row_octets).max();
    let rows = BATCH_OCTETS / largest.unwrap_or_default().max(1);
    usize::try_from(rows.clamp(1, BATCH_ROW_LIMIT)).unwrap_or(1)
}

/// A file's octets for the Parquet reader.
struct FileChunks {
    file: Arc<File>,
    size: u64,
}

impl Length for FileChunks {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for FileChunks {
    type T = io::BufReader<FileReader>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let file = Arc::clone(&self.file);
        let reader = FileReader {
            file,
            position: start,
        };
        Ok(io::BufReader::with_capacity(READ_AHEAD, reader))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        // What a damaged file asks for beyond its end is not even allocated.
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.size) {
            return Err(ParquetError::EOF("a range beyond the end".to_owned()));
        }
        let mut octets = vec![0; length];
        let read = read_at(&self.file, &mut octets, start)?;
        if read < length {
            return Err(ParquetError::EOF("the file became shorter".to_owned()));
        }
        Ok(Bytes::from(octets))
    }
}

/// Reads on from a place without moving any other reader.
struct FileReader {
    file: Arc<File>,
    position: u64,
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = read_at(&self.file, buffer, self.position)?;
        self.position = self.position.saturating_add(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
