//! The system's nameservers out of `/etc/resolv.conf`, and server addresses as people write them.
//!
//! Reads as tolerantly as the C library: an unknown or broken line is skipped. Its options are not ours: timers,
//! retries and EDNS are the resolver's own. Search lists do not apply, for every name asked is complete.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::Path;

use nix::net::if_::if_nametoindex;

use crate::settings::{Settings, SettingsError};

const RESOLV_CONF: &str = "/etc/resolv.conf";
const DNS_PORT: u16 = 53;

impl Settings {
    /// The servers that the system is configured with, and the defaults.
    ///
    /// # Errors
    /// The file cannot be read or names no server.
    pub fn system() -> Result<Self, SettingsError> {
        Self::from_file(Path::new(RESOLV_CONF))
    }

    /// The servers that are written like this (see [`parse_server`]), and the defaults.
    ///
    /// # Errors
    /// A text is no server.
    pub fn servers<Text: AsRef<str>>(texts: &[Text]) -> Result<Self, SettingsError> {
        let servers: Result<Vec<_>, _> = texts
            .iter()
            .map(|text| parse_server(text.as_ref()))
            .collect();
        Ok(Self::new(servers?))
    }

    /// The servers of a file in the format of `/etc/resolv.conf`, and the defaults.
    ///
    /// # Errors
    /// The file cannot be read or names no server.
    pub fn from_file(path: &Path) -> Result<Self, SettingsError> {
        let octets = std::fs::read(path).map_err(|source| SettingsError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let servers = parse_resolv_conf(&String::from_utf8_lossy(&octets));
        if servers.is_empty() {
            return Err(SettingsError::NoNameserver);
        }
        Ok(Self::new(servers))
    }
}

/// The addresses of all `nameserver` lines, each once, in order.
fn parse_resolv_conf(text: &str) -> Vec<SocketAddr> {
    let mut servers = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("nameserver") {
            continue;
        }
        let Some(ip) = words.next().and_then(parse_ip) else {
            continue;
        };
        let server = with_port(ip, DNS_PORT);
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    servers
}

/// Reads `ADDRESS`, `ADDRESS:PORT`, `IPV6`, `[IPV6]` or `[IPV6]:PORT`; an IPv6 address may carry `%SCOPE`.
///
/// # Errors
/// The text is none of these; host names are not, for they would have to be asked for.
pub fn parse_server(text: &str) -> Result<SocketAddr, SettingsError> {
    parse_parts(text.trim()).ok_or_else(|| SettingsError::BadServer {
        text: text.to_owned(),
    })
}

fn parse_parts(text: &str) -> Option<SocketAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, tail) = rest.split_once(']')?;
        let ip = parse_ip(address).filter(|(ip, _)| ip.is_ipv6())?;
        return match tail.strip_prefix(':') {
            Some(port) => Some(with_port(ip, parse_port(port)?)),
            None => tail.is_empty().then(|| with_port(ip, DNS_PORT)),
        };
    }
    if let Some(ip) = parse_ip(text) {
        return Some(with_port(ip, DNS_PORT));
    }
    let (address, port) = text.rsplit_once(':')?;
    let ip = parse_ip(address).filter(|(ip, _)| ip.is_ipv4())?;
    Some(with_port(ip, parse_port(port)?))
}

fn parse_port(text: &str) -> Option<u16> {
    let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    is_number
        .then(|| text.parse().ok())
        .flatten()
        .filter(|port| *port != 0)
}

/// An address and the index of the interface that its `%SCOPE` names.
fn parse_ip(text: &str) -> Option<(IpAddr, u32)> {
    let Some((address, scope)) = text.split_once('%') else {
        return text.parse().ok().map(|ip| (ip, 0));
    };
    let ip: Ipv6Addr = address.parse().ok()?;
    let index = match scope.parse() {
        Ok(number) => number,
        Err(_) => if_nametoindex(scope).ok()?,
    };
    Some((IpAddr::V6(ip), index))
}

fn with_port((ip, scope): (IpAddr, u32), port: u16) -> SocketAddr {
    match ip {
        IpAddr::V4(_) => SocketAddr::new(ip, port),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, scope).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse_resolv_conf, parse_server};
    use crate::settings::{Settings, SettingsError};

    fn servers(text: &str) -> Vec<String> {
        parse_resolv_conf(text)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn resolv_conf_is_read_tolerantly() {
        let text = "# nameserver 192.0.2.9\n;x\ndomain example.com\n  nameserver\t192.0.2.1  # first\r\n\
                    nameserver 2001:db8::1\nnameserver fe80::1%7\nnameserver nonsense\nnameserver\n\
                    nameserver 192.0.2.1\noptions edns0 timeout:1\nnameserverx 192.0.2.3\n\u{fffd}\n";
        assert_eq!(
            servers(text),
            ["192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1%7]:53"]
        );
    }

    #[test]
    fn interface_names_are_scopes() {
        assert_eq!(servers("nameserver fe80::1%lo\n").len(), 1);
        assert_eq!(servers("nameserver fe80::1%no-such-link\n").len(), 0);
    }

    #[test]
    fn servers_are_read_as_people_write_them() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1:53"),
            (" 192.0.2.1:5301 ", "192.0.2.1:5301"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("[2001:db8::1]", "[2001:db8::1]:53"),
            ("[::1]:5301", "[::1]:5301"),
            ("[fe80::1%3]:53", "[fe80::1%3]:53"),
        ] {
            assert_eq!(parse_server(text).unwrap().to_string(), expected);
            assert_eq!(Settings::servers(&[text]).unwrap().servers.len(), 1);
        }
        assert!(Settings::servers(&["192.0.2.1", "nonsense"]).is_err());
    }

    #[test]
    fn what_is_no_server_is_named_in_the_error() {
        for text in [
            "",
            "ns.example",
            "192.0.2.1:",
            "192.0.2.1:0",
            "192.0.2.1:65536",
            "192.0.2.1:+53",
            "[192.0.2.1]:53",
            "[::1]53",
            "[::1",
            "192.0.2.1%lo",
        ] {
            let problem = parse_server(text).unwrap_err().to_string();
            assert!(problem.starts_with(&format!("{text:?} is no")), "{problem}");
        }
    }

    #[test]
    fn nobody_to_ask_is_an_error_that_says_what_to_do() {
        let empty = Settings::from_file("/dev/null".as_ref()).unwrap_err();
        assert!(matches!(empty, SettingsError::NoNameserver));
        assert!(empty.to_string().contains("name a server yourself"));
        let missing = Settings::from_file("/dev/null/missing".as_ref()).unwrap_err();
        assert!(matches!(missing, SettingsError::Unreadable { .. }));
    }
}
