//! mail-auth over a corpus folder: one thread, every parsed record in its cache beforehand.
//!
//! `peer-mail-auth FOLDER dkim|arc|all LIMIT VERDICTS` prints one JSON line; see
//! bench/peers/__main__.py.

mod answers;

use std::{error::Error, fs, net::IpAddr, path::Path};

use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DmarcResult, MessageAuthenticator, Parameters,
    SpfResult,
    dmarc::verify::DmarcParameters,
    hickory_resolver::config::{ResolverConfig, ResolverOpts},
    spf::verify::SpfParameters,
};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use serde_json::Value;

use answers::Answers;

const WARM_UP: usize = 256;
const RECEIVER: &str = "mx.receiver.example";
const LOCK: &str = include_str!("../Cargo.lock");

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Dkim,
    Arc,
    All,
}

struct Envelope {
    client_ip: IpAddr,
    helo: String,
    mail_from: String,
}

struct Mail<'x> {
    octets: &'x [u8],
    envelope: Option<Envelope>,
}

struct Peer {
    authenticator: MessageAuthenticator,
    answers: Answers,
    mode: Mode,
}

impl Peer {
    /// Appends one line: the DKIM words, with ARC's behind a bar; or SPF's and DMARC's.
    async fn verify(&self, mail: &Mail<'_>, line: &mut String) {
        let Some(message) = AuthenticatedMessage::parse(mail.octets) else {
            line.push_str("unparsed\n");
            return;
        };
        let asked = Parameters::new(&message).with_cache(&self.answers);
        let signatures = self.authenticator.verify_dkim(asked).await;
        if self.mode != Mode::All {
            for (position, signature) in signatures.iter().enumerate() {
                line.push_str(if position > 0 { "," } else { "" });
                line.push_str(word(signature.result()));
            }
        }
        if self.mode != Mode::Dkim {
            let asked = Parameters::new(&message).with_cache(&self.answers);
            let chain = self.authenticator.verify_arc(asked).await;
            if self.mode == Mode::Arc {
                line.push('|');
                line.push_str(word(chain.result()));
            }
        }
        if let Some(envelope) = &mail.envelope {
            self.evaluate(&message, &signatures, envelope, line).await;
        }
        line.push('\n');
    }

    async fn evaluate(
        &self,
        message: &AuthenticatedMessage<'_>,
        signatures: &[DkimOutput<'_>],
        envelope: &Envelope,
        line: &mut String,
    ) {
        let (ip, helo) = (envelope.client_ip, envelope.helo.as_str());
        let mail_from = envelope.mail_from.as_str();
        let asked = SpfParameters::mail_from(ip, helo, RECEIVER, mail_from);
        let asked = Parameters::new(asked).with_cache(&self.answers);
        let spf = self.authenticator.verify_spf(asked).await;
        let domain = mail_from
            .rsplit_once('@')
            .map_or(helo, |(_, domain)| domain);
        let asked = DmarcParameters::new(message, signatures, domain, &spf);
        let asked = Parameters::new(asked).with_cache(&self.answers);
        let dmarc = self.authenticator.verify_dmarc(asked).await;
        line.push_str(spf_word(spf.result()));
        line.push('|');
        line.push_str(dmarc_word(&dmarc.result()));
    }
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

fn spf_word(result: SpfResult) -> &'static str {
    match result {
        SpfResult::Pass => "pass",
        SpfResult::Fail => "fail",
        SpfResult::SoftFail => "softfail",
        SpfResult::Neutral => "neutral",
        SpfResult::TempError => "temperror",
        SpfResult::PermError => "permerror",
        SpfResult::None => "none",
    }
}

fn dmarc_word(result: &DmarcResult) -> &'static str {
    match result {
        DmarcResult::Pass => "pass",
        DmarcResult::Fail(_) => "fail",
        DmarcResult::TempError(_) => "temperror",
        DmarcResult::PermError(_) => "permerror",
        DmarcResult::None => "none",
    }
}

fn read_messages(octets: &[u8], limit: usize) -> Vec<Mail<'_>> {
    let mut rest = octets;
    let mut messages = Vec::new();
    while messages.len() < limit
        && let Some((length, after)) = rest.split_first_chunk::<4>()
        && let Some((octets, after)) = after.split_at_checked(u32::from_le_bytes(*length) as usize)
    {
        messages.push(Mail {
            octets,
            envelope: None,
        });
        rest = after;
    }
    messages
}

fn read_envelopes(folder: &Path, messages: &mut [Mail<'_>]) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(folder.join("envelopes.jsonl"))?;
    for (mail, line) in messages.iter_mut().zip(text.lines()) {
        let fields: Value = serde_json::from_str(line)?;
        let field = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        mail.envelope = Some(Envelope {
            client_ip: field("client_ip").parse()?,
            helo: field("helo").into(),
            mail_from: field("mail_from").into(),
        });
    }
    Ok(())
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
        return Err("FOLDER dkim|arc|all LIMIT VERDICTS".into());
    };
    let folder = Path::new(folder);
    let mode = match mode.as_str() {
        "arc" => Mode::Arc,
        "all" => Mode::All,
        _ => Mode::Dkim,
    };
    let octets = fs::read(folder.join("messages.bin"))?;
    let mut messages = read_messages(&octets, limit.parse()?);
    if mode == Mode::All {
        read_envelopes(folder, &mut messages)?;
    }
    let no_servers = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
    let authenticator = MessageAuthenticator::new(no_servers, ResolverOpts::default())?;
    let peer = Peer {
        authenticator,
        answers: answers::read(folder)?,
        mode,
    };
    let mut lines = String::with_capacity(messages.len() * 16);
    for mail in messages.iter().take(WARM_UP) {
        peer.verify(mail, &mut lines).await;
    }
    lines.clear();
    let begun = cpu_seconds()?;
    for mail in &messages {
        peer.verify(mail, &mut lines).await;
    }
    let seconds = cpu_seconds()? - begun;
    fs::write(path, lines)?;
    let line = serde_json::json!({
        "peer": "mail-auth", "version": version(), "cpu_seconds": seconds,
        "messages": messages.len(), "verdicts": path,
    });
    println!("{line}");
    Ok(())
}
