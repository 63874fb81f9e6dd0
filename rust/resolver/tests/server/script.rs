//! What the server does for which name.

const CNAME: u16 = 5;
const NS: u16 = 2;
const SOA: u16 = 6;
const TXT: u16 = 16;

/// One thing that the server does.
pub(crate) enum Step {
    Send(Vec<u8>),
    SendFromElsewhere(Vec<u8>),
    SendElsewhere(Vec<u8>),
    Hold(Vec<u8>),
    Drip(Vec<u8>),
    Close,
}

/// A question as it came in.
pub(crate) struct Query {
    pub(crate) name: String,
    id: [u8; 2],
    section: Vec<u8>,
    has_edns: bool,
}

impl Query {
    /// Reads a query of the resolver, which is well-formed.
    pub(crate) fn parse(message: &[u8]) -> Self {
        let mut labels = Vec::new();
        let mut rest = &message[12..];
        while rest[0] != 0 {
            let (label, tail) = rest[1..].split_at(usize::from(rest[0]));
            labels.push(String::from_utf8(label.to_ascii_lowercase()).unwrap());
            rest = tail;
        }
        let name = labels.join(".");
        Self {
            id: [message[0], message[1]],
            section: message[12..12 + name.len() + 2 + 4].to_vec(),
            has_edns: message[11] > 0,
            name,
        }
    }

    /// The fault, and the number behind it.
    fn fault(&self) -> (&str, usize) {
        let label = self.name.split('.').next().unwrap();
        let word = label.trim_end_matches(|letter: char| letter.is_ascii_digit());
        (word, label[word.len()..].parse().unwrap_or(1))
    }

    fn message(&self, flags: [u8; 2], section: &[u8], counts: [u8; 3], records: &[u8]) -> Vec<u8> {
        let [answers, authorities, additionals] = counts;
        let mut octets = self.id.to_vec();
        octets.extend(flags);
        octets.extend([
            0,
            u8::from(!section.is_empty()),
            0,
            answers,
            0,
            authorities,
            0,
            additionals,
        ]);
        octets.extend(section);
        octets.extend(records);
        octets
    }

    fn with_section(&self, section: &[u8]) -> Vec<u8> {
        let answer = txt(&self.name, &[format!("text of {}", self.name).as_bytes()]);
        self.message([0x81, 0x80], section, [1, 0, 0], &answer)
    }

    fn right(&self) -> Vec<u8> {
        self.with_section(&self.section)
    }

    /// Right in everything but what it says.
    fn poison(&self) -> Vec<u8> {
        let poison = txt(&self.name, &[b"poison"]);
        self.message([0x81, 0x80], &self.section, [1, 0, 0], &poison)
    }

    pub(crate) fn error(&self, rcode: u8) -> Vec<u8> {
        self.message([0x81, 0x80 | rcode], &self.section, [0, 0, 0], &[])
    }

    fn bare(&self, rcode: u8) -> Vec<u8> {
        self.message([0x81, 0x80 | rcode], &[], [0, 0, 0], &[])
    }

    fn truncated(&self) -> Vec<u8> {
        self.message([0x83, 0x80], &self.section, [0, 0, 0], &[])
    }

    fn denial(&self, rcode: u8, answers: &[Vec<u8>], authorities: &[Vec<u8>]) -> Vec<u8> {
        let count = |records: &[Vec<u8>]| u8::try_from(records.len()).unwrap();
        let counts = [count(answers), count(authorities), 0];
        let records = [answers.concat(), authorities.concat()].concat();
        self.message([0x81, 0x80 | rcode], &self.section, counts, &records)
    }

    /// A reply with exactly this wrong about it.
    fn wrong(&self, fault: &str) -> Vec<u8> {
        let mut octets = self.right();
        let end = 12 + self.section.len();
        match fault {
            "id" => octets[1] ^= 1,
            "case" => octets[13..end - 5]
                .iter_mut()
                .filter(|octet| octet.is_ascii_alphabetic())
                .for_each(|letter| *letter ^= 0x20),
            "question" => octets[13] = b'x',
            "type" => octets[end - 3] = 1,
            "class" => octets[end - 1] = 3,
            "opcode" => octets[2] |= 5 << 3,
            "query" => octets[2] &= 0x7f,
            _ => octets[2..].fill(0xff),
        }
        octets
    }

    fn chain(&self, links: usize) -> Vec<u8> {
        let name = |link: usize| match link {
            0 => self.name.clone(),
            _ => format!("l{link}.example"),
        };
        let mut records: Vec<_> = (0..links)
            .map(|link| alias(&name(link), &name(link + 1)))
            .collect();
        records.push(txt(&name(links), &[b"end"]));
        self.denial(0, &records, &[])
    }

    pub(crate) fn steps_by_udp(&self, number: usize) -> Vec<Step> {
        let right = || vec![Step::Send(self.right())];
        let (fault, amount) = self.fault();
        match fault {
            "drop" if amount >= number || self.name.starts_with("drop.") => Vec::new(),
            "twice" => vec![Step::Send(self.right()), Step::Send(self.right())],
            "id" | "case" | "question" | "type" | "class" | "opcode" | "query" | "garbage" => {
                let wrong = (0..amount).map(|_| Step::Send(self.wrong(fault)));
                wrong.chain(right()).collect()
            }
            "port" => vec![
                Step::SendFromElsewhere(self.poison()),
                Step::Send(self.right()),
            ],
            "crossed" => vec![Step::SendElsewhere(self.poison()), Step::Send(self.right())],
            "lower" => vec![Step::Send(
                self.with_section(&self.section.to_ascii_lowercase()),
            )],
            "big" | "tc" | "late" | "dripped" | "glued" | "closed" | "short" | "mute"
            | "foreign" => {
                vec![Step::Send(self.truncated())]
            }
            _ => self
                .error_or_denial(fault, amount)
                .map_or_else(right, |octets| vec![Step::Send(octets)]),
        }
    }

    fn error_or_denial(&self, fault: &str, amount: usize) -> Option<Vec<u8>> {
        let soas = [record(
            "example",
            SOA,
            60,
            &[&[0; 18][..], &[0, 0, 1, 0]].concat(),
        )];
        let away = [alias(&self.name, "b.example")];
        Some(match fault {
            "servfail" => self.error(2),
            "refused" => self.error(5),
            "formerr" => self.error(1),
            "notimp" => self.error(4),
            "bare" => self.bare(1),
            "noedns" if self.has_edns => self.error(1),
            "noednsbare" if self.has_edns => self.bare(4),
            // Extended RCODE 16: the upper octet is in the TTL of the OPT record.
            "badvers" if self.has_edns => {
                let opt = [0, 0, 41, 4, 0xd0, 1, 0, 0, 0, 0, 0];
                self.message([0x81, 0x80], &self.section, [0, 0, 1], &opt)
            }
            "nxdomain" => self.denial(3, &[], &soas),
            "dangling" => self.denial(3, &away, &soas),
            "nodata" => self.denial(0, &[], &soas),
            "nosoa" => self.denial(0, &[], &[]),
            "aliasnodata" => self.denial(0, &away, &soas),
            "referral" => self.denial(
                0,
                &[],
                &[record("example", NS, 60, &wire_name("ns.example"))],
            ),
            "chain" => self.chain(amount),
            "loop" => self.denial(
                0,
                &[
                    alias(&self.name, "b.example"),
                    alias("b.example", &self.name),
                ],
                &[],
            ),
            _ => return None,
        })
    }

    pub(crate) fn steps_by_tcp(&self, number: usize) -> Vec<Step> {
        let right = framed(&self.right());
        match (self.fault().0, number) {
            ("late", _) => vec![Step::Hold(right)],
            ("dripped", _) => vec![Step::Drip(right)],
            ("closed", 2) if self.name.starts_with("closed1.") => vec![Step::Send(right)],
            ("closed", _) => vec![Step::Close],
            ("mute", _) => Vec::new(),
            ("short", _) => vec![Step::Send(
                [&[0xff, 0xff][..], &self.right()[..10]].concat(),
            )],
            ("foreign", _) => vec![Step::Send(framed(&self.wrong("question")))],
            ("glued", _) => vec![Step::Send([framed(&self.wrong("id")), right].concat())],
            ("big", _) => {
                let strings = [&[b'x'; 250][..]; 240];
                let octets = self.message(
                    [0x81, 0x80],
                    &self.section,
                    [1, 0, 0],
                    &txt(&self.name, &strings),
                );
                vec![Step::Send(framed(&octets))]
            }
            _ => vec![Step::Send(right)],
        }
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&length.to_be_bytes()[..], message].concat()
}

fn wire_name(name: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    for label in name.split('.') {
        octets.push(u8::try_from(label.len()).unwrap());
        octets.extend(label.as_bytes());
    }
    octets.push(0);
    octets
}

fn record(owner: &str, rtype: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut octets = wire_name(owner);
    octets.extend(rtype.to_be_bytes());
    octets.extend([0, 1]);
    octets.extend(ttl.to_be_bytes());
    octets.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    octets.extend(data);
    octets
}

fn alias(owner: &str, target: &str) -> Vec<u8> {
    record(owner, CNAME, 300, &wire_name(target))
}

fn txt(owner: &str, strings: &[&[u8]]) -> Vec<u8> {
    let mut data = Vec::new();
    for string in strings {
        data.push(u8::try_from(string.len()).unwrap());
        data.extend(*string);
    }
    record(owner, TXT, 300, &data)
}
