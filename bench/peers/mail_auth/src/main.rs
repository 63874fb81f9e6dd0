//! mail-auth over a corpus folder: one thread, every parsed record in its cache beforehand.
//!
//! `peer-mail-auth FOLDER dkim|arc LIMIT VERDICTS` prints one JSON line; see bench/peers/__main__.py.

use std::{
    borrow::Borrow, collections::HashMap, error::Error, fs, hash::Hash, io::Write, path::Path,
    time::Instant,
};

use mail_auth::{
    AuthenticatedMessage, DkimResult, DnsCache, DnsError, MessageAuthenticator, NoCache,
    Parameters, ResolverCache, TxtRecord,
    dkim::DomainKey,
    dns::TxtRecordParser,
    hickory_resolver::config::{ResolverConfig, ResolverOpts},
};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};

const WARM_UP: usize = 256;
const LOCK: &str = include_str!("../Cargo.lock");

/// Parsed key records by name; a name that is absent is answered at once, so nothing is ever asked.
struct Keys(HashMap<Box<str>, TxtRecord>);

impl ResolverCache<Box<str>, TxtRecord> for Keys {
    fn get<Q>(&self, name: &Q) -> Option<TxtRecord>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let absent = || TxtRecord::Error(mail_auth::Error::Dns(DnsError::InvalidRecordType));
        Some(self.0.get(name).cloned().unwrap_or_else(absent))
    }

    fn remove<Q>(&self, _: &Q) -> Option<TxtRecord>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: TxtRecord, _: Instant) {}
}

impl DnsCache for Keys {
    type Txt = Self;
    type Mx = NoCache;
    type Ipv4 = NoCache;
    type Ipv6 = NoCache;
    type Ptr = NoCache;

    fn txt(&self) -> Option<&Self> {
        Some(self)
    }

    fn mx(&self) -> Option<&Self::Mx> {
        None
    }

    fn ipv4(&self) -> Option<&Self::Ipv4> {
        None
    }

    fn ipv6(&self) -> Option<&Self::Ipv6> {
        None
    }

    fn ptr(&self) -> Option<&Self::Ptr> {
        None
    }
}

fn keys(folder: &Path) -> Result<Keys, Box<dyn Error>> {
    let zone: HashMap<String, serde_json::Value> =
        serde_json::from_slice(&fs::read(folder.join("zone.json"))?)?;
    let mut keys = HashMap::new();
    for (name, answer) in zone {
        let Some(texts) = answer.get("TXT").and_then(|texts| texts.as_array()) else {
            continue;
        };
        if name.contains("._domainkey.") {
            let texts: Vec<Vec<u8>> = texts.iter().map(octets).collect();
            let record = DomainKey::parse_records(&texts);
            keys.insert(format!("{}.", name.to_lowercase()).into(), record.into());
        }
    }
    Ok(Keys(keys))
}

/// Returns one TXT record, its strings joined.
fn octets(text: &serde_json::Value) -> Vec<u8> {
    match text.as_array() {
        Some(strings) => strings.iter().flat_map(octets).collect(),
        None => text.as_str().unwrap_or_default().as_bytes().to_vec(),
    }
}

fn messages(octets: &[u8], limit: usize) -> Vec<&[u8]> {
    let mut rest = octets;
    let mut messages = Vec::new();
    while messages.len() < limit
        && let Some((length, after)) = rest.split_first_chunk::<4>()
        && let Some((message, after)) = after.split_at_checked(u32::from_le_bytes(*length) as usize)
    {
        messages.push(message);
        rest = after;
    }
    messages
}

fn word(result: &DkimResult) -> &'static str {
    match result {
        DkimResult::Pass => "pass",
        DkimResult::Neutral(_) => "neutral",
        DkimResult::Fail(_) => "fail",
        DkimResult::PermError(_) => "permerror",
        DkimResult::TempError(_) => "temperror",
        DkimResult::None => "none",
    }
}

async fn verdict(
    authenticator: &MessageAuthenticator,
    keys: &Keys,
    octets: &[u8],
    with_arc: bool,
    line: &mut String,
) {
    let Some(message) = AuthenticatedMessage::parse(octets) else {
        line.push_str("unparsed\n");
        return;
    };
    let signatures = authenticator
        .verify_dkim(Parameters::new(&message).with_cache(keys))
        .await;
    for (position, signature) in signatures.iter().enumerate() {
        if position > 0 {
            line.push(',');
        }
        line.push_str(word(signature.result()));
    }
    if with_arc {
        let chain = authenticator
            .verify_arc(Parameters::new(&message).with_cache(keys))
            .await;
        line.push('|');
        line.push_str(word(chain.result()));
    }
    line.push('\n');
}

fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(micros as f64 / 1e6)
}

fn version() -> &'static str {
    let after = LOCK
        .split_once("name = \"mail-auth\"\nversion = \"")
        .map_or("", |(_, rest)| rest);
    after.split('"').next().unwrap_or_default()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, mode, limit, path] = arguments.as_slice() else {
        return Err("FOLDER dkim|arc LIMIT VERDICTS".into());
    };
    let (folder, with_arc) = (Path::new(folder), mode == "arc");
    let octets = fs::read(folder.join("messages.bin"))?;
    let messages = messages(&octets, limit.parse()?);
    let keys = keys(folder)?;
    let no_servers = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
    let authenticator = MessageAuthenticator::new(no_servers, ResolverOpts::default())?;
    let mut lines = String::with_capacity(messages.len() * 16);
    for message in messages.iter().take(WARM_UP) {
        verdict(&authenticator, &keys, message, with_arc, &mut lines).await;
    }
    lines.clear();
    let begun = cpu_seconds()?;
    for message in &messages {
        verdict(&authenticator, &keys, message, with_arc, &mut lines).await;
    }
    let seconds = cpu_seconds()? - begun;
    fs::File::create(path)?.write_all(lines.as_bytes())?;
    let line = serde_json::json!({
        "peer": "mail-auth", "version": version(), "cpu_seconds": seconds,
        "messages": messages.len(), "verdicts": path,
    });
    println!("{line}");
    Ok(())
}
