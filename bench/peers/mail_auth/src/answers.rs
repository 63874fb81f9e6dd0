//! The corpus folder's zone as mail-auth's DNS cache: every record parsed beforehand.
//!
//! A name that is absent is answered as such, so nothing is ever asked of the network.

use std::{
    borrow::Borrow,
    collections::HashMap,
    error::Error,
    fs,
    hash::Hash,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    time::Instant,
};

use mail_auth::{
    DnsCache, DnsError, DnssecStatus, Mx, Negative, RecordSet, ResolverCache, TxtRecord,
    dkim::DomainKey, dmarc::DmarcRecord, dns::TxtRecordParser,
    hickory_resolver::proto::op::ResponseCode, spf::SpfRecord,
};
use serde_json::Value;

/// The answers of one record type, and what stands for an absent name.
pub struct Table<K, V> {
    known: HashMap<K, V>,
    absent: V,
}

impl<K, V> Table<K, V> {
    fn new(absent: V) -> Self {
        Self {
            known: HashMap::new(),
            absent,
        }
    }
}

impl<K: Hash + Eq, V: Clone> ResolverCache<K, V> for Table<K, V> {
    fn get<Q>(&self, name: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Some(self.known.get(name).unwrap_or(&self.absent).clone())
    }

    fn remove<Q>(&self, _: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: K, _: V, _: Instant) {}
}

type Found<T> = Result<RecordSet<T>, Negative>;

/// All answers.
pub struct Answers {
    txt: Table<Box<str>, TxtRecord>,
    mx: Table<Box<str>, Found<Mx>>,
    ipv4: Table<Box<str>, Found<Ipv4Addr>>,
    ipv6: Table<Box<str>, Found<Ipv6Addr>>,
    ptr: Table<IpAddr, Found<Box<str>>>,
}

impl DnsCache for Answers {
    type Txt = Table<Box<str>, TxtRecord>;
    type Mx = Table<Box<str>, Found<Mx>>;
    type Ipv4 = Table<Box<str>, Found<Ipv4Addr>>;
    type Ipv6 = Table<Box<str>, Found<Ipv6Addr>>;
    type Ptr = Table<IpAddr, Found<Box<str>>>;

    fn txt(&self) -> Option<&Self::Txt> {
        Some(&self.txt)
    }

    fn mx(&self) -> Option<&Self::Mx> {
        Some(&self.mx)
    }

    fn ipv4(&self) -> Option<&Self::Ipv4> {
        Some(&self.ipv4)
    }

    fn ipv6(&self) -> Option<&Self::Ipv6> {
        Some(&self.ipv6)
    }

    fn ptr(&self) -> Option<&Self::Ptr> {
        Some(&self.ptr)
    }
}

/// Reads zone.json; its corpora hold TXT, A, AAAA and MX.
pub fn read(folder: &Path) -> Result<Answers, Box<dyn Error>> {
    let negative = Negative {
        code: ResponseCode::NXDomain,
    };
    let absent_text = mail_auth::Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain));
    let mut answers = Answers {
        txt: Table::new(TxtRecord::Error(absent_text)),
        mx: Table::new(Err(negative)),
        ipv4: Table::new(Err(negative)),
        ipv6: Table::new(Err(negative)),
        ptr: Table::new(Err(negative)),
    };
    let zone: HashMap<String, Value> =
        serde_json::from_slice(&fs::read(folder.join("zone.json"))?)?;
    for (name, answer) in zone {
        let name: Box<str> = format!("{}.", name.to_lowercase()).into();
        let values = |kind: &str| answer.get(kind).and_then(Value::as_array);
        if let Some(texts) = values("TXT") {
            let texts: Vec<Vec<u8>> = texts.iter().map(octets).collect();
            answers
                .txt
                .known
                .insert(name.clone(), record(&name, &texts));
        }
        if let Some(addresses) = values("A") {
            answers
                .ipv4
                .known
                .insert(name.clone(), Ok(addresses_of(addresses)?));
        }
        if let Some(addresses) = values("AAAA") {
            answers
                .ipv6
                .known
                .insert(name.clone(), Ok(addresses_of(addresses)?));
        }
        if let Some(hosts) = values("MX") {
            answers.mx.known.insert(
                name.clone(),
                Ok(set(hosts.iter().filter_map(host).collect())),
            );
        }
    }
    Ok(answers)
}

/// Parses the texts as what is asked for at such a name.
fn record(name: &str, texts: &[Vec<u8>]) -> TxtRecord {
    if name.contains("._domainkey.") {
        DomainKey::parse_records(texts).into()
    } else if name.starts_with("_dmarc.") {
        DmarcRecord::parse_records(texts).into()
    } else {
        SpfRecord::parse_records(texts).into()
    }
}

/// Returns one TXT record, its strings joined.
fn octets(text: &Value) -> Vec<u8> {
    match text.as_array() {
        Some(strings) => strings.iter().flat_map(octets).collect(),
        None => text.as_str().unwrap_or_default().as_bytes().to_vec(),
    }
}

fn addresses_of<T: std::str::FromStr>(values: &[Value]) -> Result<RecordSet<T>, Box<dyn Error>>
where
    T::Err: Error + 'static,
{
    let addresses: Result<Vec<T>, T::Err> = values
        .iter()
        .map(|value| value.as_str().unwrap_or_default().parse())
        .collect();
    Ok(set(addresses?))
}

fn host(value: &Value) -> Option<Mx> {
    let (preference, host) = (value.get(0)?.as_u64()?, value.get(1)?.as_str()?);
    let exchanges = vec![host.to_lowercase().into()].into();
    Some(Mx {
        exchanges,
        preference: preference.try_into().ok()?,
    })
}

fn set<T>(records: Vec<T>) -> RecordSet<T> {
    RecordSet {
        records: records.into(),
        dnssec_status: DnssecStatus::default(),
    }
}
