//! One line of JSONL as a message and its envelope: base64 in `raw`, the other columns by the public contract's names.
//!
//! Unknown keys are passed over without being kept, so a line costs little more than its message. Knows no file.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use mailauth_core::date::parse_timestamp;
use mailauth_core::envelope::Envelope;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::store_fault::RowFault;

/// Recipients of one message that are kept: more than any server takes in one transaction, and a bound on memory.
pub(crate) const RECIPIENT_LIMIT: usize = 100_000;

/// Base64 in the alphabet of RFC 2045 §6.8, whose padding may be missing. Deviation: line ends and other foreign
/// characters are refused, for within JSON they show that the octets were damaged on their way.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a line says.
pub(crate) struct JsonRow {
    /// The object's own id.
    pub(crate) id: Option<String>,
    /// The message's octets.
    pub(crate) octets: Result<Bytes, RowFault>,
    /// Its envelope, as far as it can be read.
    pub(crate) envelope: Envelope,
    /// Parts of the envelope that cannot be read.
    pub(crate) faults: Vec<RowFault>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Columns<'a> {
    #[serde(borrow)]
    id: Cell<'a>,
    #[serde(borrow)]
    raw: Cell<'a>,
    #[serde(borrow)]
    client_ip: Cell<'a>,
    #[serde(borrow)]
    helo: Cell<'a>,
    #[serde(borrow)]
    mail_from: Cell<'a>,
    #[serde(borrow)]
    rcpt_to: Cell<'a>,
    #[serde(borrow)]
    auth_id: Cell<'a>,
    #[serde(borrow)]
    protocol: Cell<'a>,
    #[serde(borrow)]
    received_at: Cell<'a>,
}

/// A value of a column, as far as columns have such values.
#[derive(Default)]
enum Cell<'a> {
    #[default]
    Missing,
    Text(Cow<'a, str>),
    Integer(i64),
    Texts(Vec<String>),
    Other,
}

impl JsonRow {
    /// Reads a line without its line end.
    pub(crate) fn read(line: &[u8]) -> Result<Self, RowFault> {
        // An array would be taken for the columns in their order.
        if !line.trim_ascii_start().starts_with(b"{") {
            return Err(RowFault::NotAnObject);
        }
        let columns: Columns<'_> =
            serde_json::from_slice(line).map_err(|_| RowFault::NotAnObject)?;
        let octets = octets(&columns.raw);
        let mut faults = Vec::new();
        let mut text = |name, cell: Cell<'_>| {
            cell.into_text().unwrap_or_else(|()| {
                faults.push(RowFault::NotText(name));
                None
            })
        };
        let id = text("id", columns.id);
        let client_ip = text("client_ip", columns.client_ip);
        let mut envelope = Envelope {
            helo: text("helo", columns.helo),
            mail_from: text("mail_from", columns.mail_from),
            auth_id: text("auth_id", columns.auth_id),
            protocol: text("protocol", columns.protocol),
            ..Envelope::default()
        };
        envelope.client_ip = client_ip.and_then(|text| {
            let address = text.parse().ok();
            if address.is_none() {
                faults.push(RowFault::ClientIp);
            }
            address
        });
        envelope.rcpt_to = columns.rcpt_to.into_texts().unwrap_or_else(|()| {
            faults.push(RowFault::Recipients);
            Vec::new()
        });
        envelope.received_at = columns.received_at.into_seconds().unwrap_or_else(|()| {
            faults.push(RowFault::ReceivedAt);
            None
        });
        Ok(Self {
            id,
            octets,
            envelope,
            faults,
        })
    }
}

fn octets(raw: &Cell<'_>) -> Result<Bytes, RowFault> {
    match raw {
        Cell::Missing => Err(RowFault::NoRaw),
        Cell::Text(text) => BASE64
            .decode(text.as_bytes())
            .map(Bytes::from)
            .map_err(|_| RowFault::NotBase64),
        _ => Err(RowFault::NotBase64),
    }
}

impl Cell<'_> {
    fn into_text(self) -> Result<Option<String>, ()> {
        match self {
            Self::Missing => Ok(None),
            Self::Text(text) => Ok(Some(text.into_owned())),
            Self::Integer(number) => Ok(Some(number.to_string())),
            Self::Texts(_) | Self::Other => Err(()),
        }
    }

    fn into_texts(self) -> Result<Vec<String>, ()> {
        match self {
            Self::Missing => Ok(Vec::new()),
            Self::Text(text) => Ok(vec![text.into_owned()]),
            Self::Texts(texts) => Ok(texts),
            Self::Integer(_) | Self::Other => Err(()),
        }
    }

    fn into_seconds(self) -> Result<Option<i64>, ()> {
        match self {
            Self::Missing => Ok(None),
            Self::Integer(seconds) => Ok(Some(seconds)),
            Self::Text(text) => parse_timestamp(&text).map(Some).ok_or(()),
            Self::Texts(_) | Self::Other => Err(()),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Cell<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

/// Takes any value; serde_json bounds how deep values nest.
struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Cell::Missing)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Cell::Other)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Cell::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or(Cell::Other, Cell::Integer))
    }

    /// A fraction of a second is cut.
    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        // Beyond it a double has no whole seconds, and no year has so many.
        const LARGEST: f64 = 9e15;
        if number.abs() > LARGEST || number.is_nan() {
            return Ok(Cell::Other);
        }
        #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
        Ok(Cell::Integer(number.floor() as i64))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cell::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cell::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Cell::Text(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        let mut is_list_of_texts = true;
        while let Some(cell) = list.next_element::<Cell<'de>>()? {
            match cell {
                Cell::Text(text) if is_list_of_texts && texts.len() < RECIPIENT_LIMIT => {
                    texts.push(text.into_owned());
                }
                _ => is_list_of_texts = false,
            }
        }
        Ok(if is_list_of_texts {
            Cell::Texts(texts)
        } else {
            Cell::Other
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Cell::Other)
    }
}
