//! Tables written by the same crate: types, codecs, damages.

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, FixedSizeBinaryArray, Int32Array, Int64Array, LargeBinaryArray,
    ListArray, StringArray, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use mailauth_core::envelope::Envelope;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::*;
use crate::Options;
use crate::scratch::{MAIL, Read, Scratch, read, standard_input};

fn binary(count: usize) -> ArrayRef {
    Arc::new(BinaryArray::from_iter_values(
        (0..count).map(|row| format!("A: {row}\n")),
    ))
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn octets_of(columns: &[(&str, ArrayRef)], properties: WriterProperties) -> Vec<u8> {
    let columns = columns
        .iter()
        .map(|(name, column)| (*name, Arc::clone(column), true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let mut octets = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut octets, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    octets
}

fn write(scratch: &Scratch, name: &str, columns: &[(&str, ArrayRef)]) -> PathBuf {
    scratch.write(name, octets_of(columns, WriterProperties::default()))
}

fn read_table(columns: &[(&str, ArrayRef)]) -> Read {
    let scratch = Scratch::new();
    read(&[&write(&scratch, "t.parquet", columns)])
}

fn envelope_of(read: &Read, index: usize) -> &Envelope {
    read.messages[index].envelope.as_ref().unwrap()
}

#[test]
fn batch_row_limit_at_n_minus_1_n_and_n_plus_1() {
    let limit = usize::try_from(BATCH_ROW_LIMIT).unwrap();
    for count in [0, 1, limit - 1, limit, limit + 1, 5 * limit] {
        let read = read_table(&[("raw", binary(count))]);
        assert_eq!((read.messages.len(), read.problems.len()), (count, 0));
        for (row, message) in read.messages.iter().enumerate() {
            assert_eq!(message.id, format!("t.parquet#{row}"));
            assert_eq!(*message.octets.as_ref().unwrap(), format!("A: {row}\n"));
        }
    }
}

#[test]
fn every_binary_type_and_codec_is_read() {
    let fixed = FixedSizeBinaryArray::try_from_iter([b"A: 1\n", b"B: 2\n"].into_iter()).unwrap();
    let columns: [ArrayRef; 4] = [
        Arc::new(BinaryArray::from_iter_values(["A: 1\n", "B: 2\n"])),
        Arc::new(LargeBinaryArray::from_iter_values(["A: 1\n", "B: 2\n"])),
        Arc::new(arrow_array::BinaryViewArray::from_iter_values([
            "A: 1\n", "B: 2\n",
        ])),
        Arc::new(fixed),
    ];
    for column in columns {
        let read = read_table(&[("raw", Arc::clone(&column))]);
        assert_eq!(read.texts(), ["A: 1\n", "B: 2\n"], "{}", column.data_type());
    }
    let scratch = Scratch::new();
    for codec in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(parquet::basic::GzipLevel::default()),
        Compression::LZ4_RAW,
        Compression::ZSTD(parquet::basic::ZstdLevel::default()),
    ] {
        let properties = WriterProperties::builder().set_compression(codec).build();
        let path = scratch.write("x", octets_of(&[("raw", binary(100))], properties));
        assert_eq!(read(&[&path]).messages.len(), 100, "{codec}");
    }
}

#[test]
fn the_other_columns_are_the_envelope() {
    let mut recipients = ListBuilder::new(StringBuilder::new());
    recipients.append_value([Some("a@x"), Some("b@y")]);
    recipients.append_null();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("unknown", Arc::new(Int32Array::from(vec![1, 2]))),
        ("id", texts(&[Some("x"), None])),
        ("raw", binary(2)),
        ("client_ip", texts(&[Some("192.0.2.1"), Some("nonsense")])),
        ("helo", texts(&[Some("h"), None])),
        ("mail_from", texts(&[Some(""), None])),
        ("rcpt_to", Arc::new(recipients.finish())),
        ("auth_id", Arc::new(Int64Array::from(vec![Some(5), None]))),
        ("protocol", texts(&[Some("ESMTPS"), None])),
        (
            "received_at",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), None])),
        ),
    ];
    let read = read_table(&columns);
    assert_eq!(read.ids(), ["x", "t.parquet#1"]);
    let expected = Envelope {
        client_ip: "192.0.2.1".parse().ok(),
        helo: Some("h".into()),
        mail_from: Some(String::new()),
        rcpt_to: vec!["a@x".into(), "b@y".into()],
        auth_id: Some("5".into()),
        protocol: Some("ESMTPS".into()),
        received_at: Some(-1),
        sources: None,
    };
    assert_eq!(envelope_of(&read, 0), &expected);
    assert_eq!(envelope_of(&read, 1), &Envelope::default());
    assert_eq!(read.texts(), ["A: 0\n", "A: 1\n"]);
    assert!(read.sentences()[0].ends_with(
        "t.parquet: row 1 has a client_ip that is no IP address and left out; give an IPv4 or IPv6 address or null."
    ));
    let times: [(ArrayRef, i64); 2] = [
        (Arc::new(Int64Array::from(vec![7])), 7),
        (
            Arc::new(TimestampNanosecondArray::from(vec![1_999_999_999])),
            1,
        ),
    ];
    for (column, seconds) in times {
        let read = read_table(&[("raw", binary(1)), ("received_at", column)]);
        assert_eq!(envelope_of(&read, 0).received_at, Some(seconds));
    }
    let one = read_table(&[("raw", binary(1)), ("rcpt_to", texts(&[Some("a@x")]))]);
    assert_eq!(envelope_of(&one, 0).rcpt_to, ["a@x"]);
}

#[test]
fn columns_of_wrong_types_refuse_the_table_with_a_sentence() {
    let numbers = || Arc::new(Int32Array::from(vec![1])) as ArrayRef;
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]);
    for (columns, sentence) in [
        (
            vec![("raw", texts(&[Some(MAIL)]))],
            "has text in its column raw, where the octets are already damaged; store them in a binary column.",
        ),
        (
            vec![("message", binary(1))],
            "is a table without the column raw; name the column with the messages' octets raw.",
        ),
        (
            vec![("raw", numbers())],
            "has a column raw of a type that is not read; give binary.",
        ),
        (
            vec![("raw", binary(1)), ("helo", numbers())],
            "has a column helo of a type that is not read; give text (utf8).",
        ),
        (
            vec![("raw", binary(1)), ("rcpt_to", Arc::new(list) as ArrayRef)],
            "has a column rcpt_to of a type that is not read; give a list of texts.",
        ),
        (
            vec![
                ("raw", binary(1)),
                ("received_at", texts(&[Some("2025-11-24")])),
            ],
            "has a column received_at of a type that is not read; give timestamps or Unix seconds (int64).",
        ),
    ] {
        let scratch = Scratch::new();
        let path = write(&scratch, "t", &columns);
        let read = read(&[&path]);
        assert_eq!(
            read.sentences(),
            [format!("{}: {sentence}", path.display())]
        );
        assert!(read.messages.is_empty() && read.problems[0].is_whole_input());
    }
}

#[test]
fn a_null_message_is_unreadable_and_a_large_one_too_large() {
    let raw = BinaryArray::from_opt_vec(vec![Some(b"12"), None, Some(b"123"), Some(b"1234")]);
    let scratch = Scratch::new();
    let path = write(&scratch, "t", &[("raw", Arc::new(raw))]);
    let options = Options {
        message_octet_limit: 3,
        ..Options::default()
    };
    let read = Read::of(std::slice::from_ref(&path), options);
    assert_eq!(
        read.texts(),
        ["12", "unreadable", "123", "message-too-large"]
    );
    assert_eq!((read.messages[3].size, read.messages[1].size), (4, 0));
    assert_eq!(
        read.sentences(),
        [format!(
            "{}: row 1 has no message; give its octets as raw (base64 in JSONL).",
            path.display()
        )]
    );
}

#[test]
fn a_value_that_many_rows_share_is_held_once() {
    let shared = "A: 1\n".repeat(20_000);
    let raw = BinaryArray::from_iter_values((0..50).map(|_| &shared));
    let read = read_table(&[("raw", Arc::new(raw))]);
    let places: std::collections::HashSet<_> = read
        .messages
        .iter()
        .map(|message| message.octets.as_ref().unwrap().as_ptr())
        .collect();
    assert_eq!((read.messages.len(), places.len()), (50, 1));
}

#[test]
fn a_folder_gives_its_tables_of_messages_and_passes_over_others() {
    let scratch = Scratch::new();
    write(&scratch, "t/part-0.parquet", &[("raw", binary(2))]);
    write(&scratch, "t/part-1.parquet", &[("raw", binary(1))]);
    write(
        &scratch,
        "t/verdicts.parquet",
        &[("id", texts(&[Some("x")]))],
    );
    let sources = crate::Sources::open(&[scratch.path("t")], Options::default()).unwrap();
    let (total, progress) = (sources.total_octets(), sources.progress());
    let ids: Vec<_> = sources.map(|item| item.unwrap().id).collect();
    assert_eq!(
        ids,
        ["part-0.parquet#0", "part-0.parquet#1", "part-1.parquet#0"]
    );
    assert_eq!(Some(progress.octets_read()), total);
    assert_eq!(progress.files_skipped(), 1);
    let stream = Read::of(&[PathBuf::from("-")], standard_input("PAR1"));
    assert_eq!(
        stream.sentences(),
        [
            "standard input: is a Parquet table, which is not read from a stream; write it to a file and name that."
        ]
    );
}

#[test]
fn damaged_tables_are_one_sentence_and_never_a_panic() {
    let scratch = Scratch::new();
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(40))
        .build();
    let octets = octets_of(
        &[("raw", binary(100)), ("helo", texts(&[Some("h"); 100]))],
        properties,
    );
    let sentence = "is a Parquet table that is damaged or not complete; look for another copy.";
    for length in (4..octets.len()).step_by(97) {
        let path = scratch.write("cut", &octets[..length]);
        let read = read(&[&path]);
        assert!(read.messages.is_empty(), "{length}");
        assert_eq!(
            read.sentences(),
            [format!("{}: {sentence}", path.display())]
        );
    }
    let mut faults = 0;
    for index in 4..octets.len() {
        let mut damaged = octets.clone();
        damaged[index] ^= 0x41;
        let read = read(&[&scratch.write("damaged", &damaged)]);
        assert!(read.messages.len() <= 200, "{index}");
        faults += usize::from(!read.problems.is_empty());
    }
    assert!(faults > 100, "{faults}");
}

#[test]
fn a_table_that_changes_while_it_is_read_is_reported() {
    let scratch = Scratch::new();
    let path = write(&scratch, "t", &[("raw", binary(200))]);
    let mut sources =
        crate::Sources::open(std::slice::from_ref(&path), Options::default()).unwrap();
    assert!(sources.next().unwrap().is_ok());
    let octets = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&octets[..], b"x"].concat()).unwrap();
    let problems: Vec<_> = sources.filter_map(Result::err).collect();
    assert!(
        matches!(problems[..], [SourceProblem::Changed { .. }]),
        "{problems:?}"
    );
}
