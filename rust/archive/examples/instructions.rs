//! Runs the hot function that is named, or names all: `instructions FOLDER-OF-THE-SAMPLE [NAME]`.
//!
//! `bench/instructions.py` counts the instructions that `measured` spends. What is measured is made of constants and of
//! the sample, never of a clock or of chance. An example of this crate because it is the highest that Python is not in.

use std::error::Error;
use std::hint::black_box;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use mailauth_archive::{Options, Sources, StoredMessage};
use mailauth_core::dns::{Cache, StaticZone};
use mailauth_core::engine::Engine;
use mailauth_core::envelope::Envelope;
use mailauth_core::evaluate::{Input, Now};
use mailauth_core::kernels::{self, SignedMessage};
use mailauth_sha256::Sha256;

/// Lines of the body that is canonicalized: some 90 KB.
const BODY_LINES: usize = 1_500;
/// Fields of the header that is parsed and canonicalized, besides From and the signature.
const FIELDS: usize = 40;
/// Messages of the sample that are verified.
const MESSAGES: usize = 100;
/// Octets of the cache: more than the sample's answers need.
const CACHE_OCTETS: u64 = 16 << 20;
/// A server that the sample's zone lets send for `MAIL_FROM`.
const CLIENT: [u8; 4] = [192, 0, 2, 130];
const HELO: &str = "mail.example.org";
const MAIL_FROM: &str = "bounce@example.org";

/// Valgrind counts from the entry of this function to its end.
#[inline(never)]
fn measured(kernel: &mut dyn FnMut()) {
    kernel();
}

/// What the command line asks for.
struct Wish(Option<String>);

impl Wish {
    /// Runs what is wished for; prints the name when nothing is.
    fn run<T>(&self, name: &str, mut kernel: impl FnMut() -> T) {
        match &self.0 {
            None => println!("{name}"),
            Some(wish) if wish == name => measured(&mut || {
                black_box(kernel());
            }),
            Some(_) => {}
        }
    }
}

/// Lines as mail has them: base64, indented HTML with spaces at its ends, text with tabs, empty lines.
fn body() -> Vec<u8> {
    let line = |number: usize| match number % 16 {
        0..10 => format!("{:064x}aGVsbG8gd29y\r\n", number * 7_919),
        10..13 => format!("    <td  class=\"c{number}\">a cell of {number} \r\n"),
        13 | 14 => format!("A sentence of plain text,\tnumber {number}, as people write.\r\n"),
        _ => "\r\n".to_owned(),
    };
    (0..BODY_LINES).map(line).collect::<String>().into_bytes()
}

/// A header of 40 fields, half of which are signed, and a body of one line.
fn message() -> Bytes {
    let field = |number: usize| {
        format!("X-Field-{number}: some  words of a field\r\n\tthat is folded once \r\n")
    };
    let fields: String = (0..FIELDS).map(field).collect();
    let signature = tags();
    Bytes::from(format!(
        "DKIM-Signature: {signature}\r\n{fields}From: a@example.org\r\n\r\nA line.\r\n"
    ))
}

/// The tags of a signature over every other field.
fn tags() -> String {
    let signed: String = (0..FIELDS)
        .step_by(2)
        .map(|number| format!(":X-Field-{number}"))
        .collect();
    format!(
        "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=one;\r\n\th=From{signed};\r\n\t\
         bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\tb={}",
        base64()
    )
}

/// The text of an RSA-2048 signature, folded.
fn base64() -> String {
    // 66 characters a line, 344 in all.
    let line = "dGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZyBhbmQg";
    [line; 5].join("\r\n\t")
}

fn input(stored: StoredMessage) -> Input {
    let envelope = Envelope {
        client_ip: Some(IpAddr::from(CLIENT)),
        helo: Some(HELO.to_owned()),
        mail_from: Some(MAIL_FROM.to_owned()),
        ..Envelope::default()
    };
    Input {
        id: stored.id,
        octets: stored.octets,
        size: stored.size,
        envelope,
        is_mbox: stored.is_mbox,
        repairs: stored.notes,
    }
}

/// Reads the sample's first messages, verifies them and writes their rows; returns how many.
fn verify(mbox: &Path, engine: &Engine) -> Result<usize, Box<dyn Error>> {
    let mut count = 0;
    for stored in Sources::open(&[mbox.to_path_buf()], Options::default())?.take(MESSAGES) {
        let verdict = engine.verify(input(stored?), Now::Received);
        black_box(serde_json::to_vec(&verdict)?);
        count += 1;
    }
    Ok(count)
}

/// An engine that answers from the sample's zone.
fn engine(sample: &Path) -> Result<Engine, Box<dyn Error>> {
    let zone = std::fs::read_to_string(sample.join("dns.json"))?;
    let zone = StaticZone::from_json(&zone, "sample").map_err(|error| error.to_string())?;
    let cache = Arc::new(Cache::new(CACHE_OCTETS, || 0));
    Ok(Engine::new(Arc::new(zone), cache, Arc::default()))
}

fn run_kernels(wish: &Wish) {
    let (body, message, tags, base64) = (body(), message(), tags(), base64());
    let signed = SignedMessage::parse(message.clone());
    wish.run("body-relaxed", || kernels::canonicalize_body(&body, true));
    wish.run("body-simple", || kernels::canonicalize_body(&body, false));
    wish.run("header-form", || signed.canonicalize());
    wish.run("parse", || kernels::header_index(message.clone()));
    wish.run("tag-list", || {
        kernels::tag_list(tags.as_bytes()).map(|tags| tags.len())
    });
    wish.run("base64", || kernels::decode_base64(base64.as_bytes()));
    wish.run("sha256-portable", || {
        let mut stream = Sha256::new(mailauth_sha256::Path::Portable);
        stream.update(&body);
        stream.finish()
    });
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let sample = PathBuf::from(arguments.next().ok_or("name the sample's folder")?);
    let wish = Wish(arguments.next());
    run_kernels(&wish);
    let (mbox, engine) = (sample.join("sample.mbox"), engine(&sample)?);
    let mut verified = Ok(MESSAGES);
    wish.run("hundred-messages", || verified = verify(&mbox, &engine));
    match verified? {
        MESSAGES => Ok(()),
        count => Err(format!("{count} messages were verified").into()),
    }
}
