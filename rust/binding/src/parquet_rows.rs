//! Parquet as everyone's tools read it, and the same octets for the same rows however they arrive: pages depend on where
//! a write ends, so rows are written in batches of a fixed count.

use std::fs::File;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::coalesce::BatchCoalescer;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

/// Rows of a Parquet row group: it is in memory until it ends, and with 131,072 a long run took 15 MiB more than a short one.
const ROW_GROUP_ROWS: usize = 65_536;
/// Rows that are held as columns at once, in two or three copies: a row of an ordinary message has 0.5 KB, one with 100
/// signatures 50 KB. Divides [`ROW_GROUP_ROWS`].
pub(crate) const BATCH_ROWS: usize = 1_024;
/// zstd level of Parquet pages: with 3 files are as large, within 3 % either way, and take a quarter more time.
const ZSTD_LEVEL: i32 = 1;
/// Octets of a page that is read once at most, by whoever reads all of it: its octets are in the CPU's cache still when
/// they are compressed, and the memory that all columns fill is small.
const MEANWHILE_PAGE_OCTETS: usize = 64 << 10;
/// Rows of a page that is kept: pages are compressed as they fill, while others verify, and little is left for the end.
const PAGE_ROWS: usize = 4_096;
/// Columns whose values seldom come twice, with the names that lead to them: to look each up in a dictionary finds nothing.
const DISTINCT_COLUMNS: [&[&str]; 13] = [
    &["id"],
    &["size"],
    &["message_id"],
    &["date"],
    &["sha256"],
    &["received_at"],
    &["judged_at"],
    &["dkim", "list", "item", "body_octets_signed"],
    &["dkim", "list", "item", "body_octets"],
    &["dkim", "list", "item", "signed_at"],
    &["dkim", "list", "item", "header_b"],
    &["signed_at"],
    &["header_b"],
];
/// Columns whose least and greatest value let a reader pass over a row group: rows come in the order of their mail. The
/// words and names of others are all in every row group.
const ORDERED_COLUMNS: [&str; 4] = ["id", "date", "received_at", "judged_at"];

/// Facts of a run that a file carries.
pub(crate) type Metadata = Vec<(String, String)>;

/// What a file of rows is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Somebody keeps it.
    Kept,
    /// Read once at most, by the run that goes on where this one was stopped: made with the least work.
    Meanwhile,
}

impl Purpose {
    fn properties(self) -> Result<WriterPropertiesBuilder, String> {
        let builder = WriterProperties::builder()
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_created_by("mailauth_fast".to_owned());
        Ok(match self {
            Self::Kept => {
                let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(|error| error.to_string())?;
                let builder = builder
                    .set_compression(Compression::ZSTD(level))
                    .set_data_page_row_count_limit(PAGE_ROWS)
                    .set_statistics_enabled(EnabledStatistics::None);
                let no_dictionary = |builder: WriterPropertiesBuilder, column| {
                    builder.set_column_dictionary_enabled(path(column), false)
                };
                let builder = DISTINCT_COLUMNS.into_iter().fold(builder, no_dictionary);
                // A row group has few pages, so what a reader passes over it passes over as a whole.
                let statistics = |builder: WriterPropertiesBuilder, column| {
                    builder.set_column_statistics_enabled(path(&[column]), EnabledStatistics::Chunk)
                };
                ORDERED_COLUMNS.into_iter().fold(builder, statistics)
            }
            Self::Meanwhile => builder
                .set_compression(Compression::LZ4_RAW)
                .set_data_page_size_limit(MEANWHILE_PAGE_OCTETS)
                .set_dictionary_enabled(false)
                .set_statistics_enabled(EnabledStatistics::None),
        })
    }
}

fn path(names: &[&str]) -> ColumnPath {
    let names = names.iter().map(|name| (*name).to_owned());
    ColumnPath::from(names.collect::<Vec<_>>())
}

/// Writes batches of any size.
pub(crate) struct ParquetRows {
    /// Of rows that are kept: where pages end does not matter for others.
    coalescer: Option<BatchCoalescer>,
    writer: ArrowWriter<File>,
}

impl ParquetRows {
    /// Begins the file.
    pub(crate) fn new(
        file: File,
        schema: &SchemaRef,
        metadata: Metadata,
        purpose: Purpose,
    ) -> Result<Self, String> {
        let metadata = metadata
            .into_iter()
            .map(|(key, value)| KeyValue::new(key, value))
            .collect();
        let properties = purpose
            .properties()?
            .set_key_value_metadata(Some(metadata))
            .build();
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties))
            .map_err(|error| error.to_string())?;
        let coalescer = match purpose {
            Purpose::Kept => Some(BatchCoalescer::new(schema.clone(), BATCH_ROWS)),
            Purpose::Meanwhile => None,
        };
        Ok(Self { coalescer, writer })
    }

    /// Appends rows.
    pub(crate) fn write(&mut self, batch: RecordBatch) -> Result<(), String> {
        let pushed = match &mut self.coalescer {
            Some(coalescer) => coalescer.push_batch(batch),
            None => return self.writer.write(&batch).map_err(|error| error.to_string()),
        };
        pushed.map_err(|error| error.to_string())?;
        self.write_completed()
    }

    fn write_completed(&mut self) -> Result<(), String> {
        let next = |coalescer: &mut BatchCoalescer| coalescer.next_completed_batch();
        while let Some(batch) = self.coalescer.as_mut().and_then(next) {
            self.writer
                .write(&batch)
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Writes what is held and the footer.
    pub(crate) fn finish(mut self) -> Result<File, String> {
        if let Some(coalescer) = &mut self.coalescer {
            coalescer
                .finish_buffered_batch()
                .map_err(|error| error.to_string())?;
        }
        self.write_completed()?;
        self.writer.into_inner().map_err(|error| error.to_string())
    }
}
