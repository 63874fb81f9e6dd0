//! `LiveResolver`: the native resolver over UDP and TCP.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use mailauth_resolver::ServerStatistics;
use pyo3::prelude::*;

use crate::errors::Fault;

/// Asks DNS servers; without servers those of the system's configuration.
#[pyclass(frozen, name = "LiveResolver", module = "mailauth_fast._core")]
pub(crate) struct LiveResolver(pub(crate) Arc<mailauth_resolver::LiveResolver>);

#[pymethods]
impl LiveResolver {
    /// `nameservers`: `ADDRESS`, `ADDRESS:PORT` or `[IPV6]:PORT`; empty = the system's. Of `in_flight`, `rate` and
    /// `sockets`, `None` = the default for the server's address.
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the list")]
    fn new(
        nameservers: Vec<String>,
        in_flight: Option<usize>,
        rate: Option<u32>,
        sockets: Option<usize>,
        avoided_ports: BTreeSet<u16>,
    ) -> PyResult<Self> {
        let settings = if nameservers.is_empty() {
            mailauth_resolver::Settings::system()
        } else {
            mailauth_resolver::Settings::servers(&nameservers)
        };
        let settings = settings.map(|mut settings| {
            settings.in_flight_limit = in_flight;
            settings.rate_limit = rate;
            settings.sockets_per_server = sockets;
            settings.avoided_ports = avoided_ports;
            settings
        });
        let resolver = settings.and_then(mailauth_resolver::LiveResolver::new);
        let resolver = resolver.map_err(|error| Fault::Resolver(error.to_string()))?;
        Ok(Self(Arc::new(resolver)))
    }

    /// For tests: the defaults for these servers, and all timers so many times as fast.
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 makes the list")]
    fn hastened(nameservers: Vec<String>, factor: u32) -> PyResult<Self> {
        let settings = mailauth_resolver::Settings::servers(&nameservers).map(|mut settings| {
            settings.timing = settings.timing.hastened(factor);
            settings
        });
        let resolver = settings.and_then(mailauth_resolver::LiveResolver::new);
        let resolver = resolver.map_err(|error| Fault::Resolver(error.to_string()))?;
        Ok(Self(Arc::new(resolver)))
    }

    /// The figures of each server: its address, then those of `ServerStatistics` in Rust, latencies in seconds.
    fn statistics(&self) -> Vec<(String, [u64; 8], [f64; 4])> {
        let figures = |(address, figures): (SocketAddr, ServerStatistics)| {
            let counts = [
                figures.sent,
                figures.retried,
                figures.sent_over_tcp,
                figures.received,
                figures.truncated,
                figures.mismatched,
                figures.trailing,
                figures.unanswered,
            ];
            let latency = figures.latency;
            let latencies = [
                latency.median,
                latency.percentile_90,
                latency.percentile_99,
                latency.longest,
            ];
            let seconds = latencies.map(|duration| duration.as_secs_f64());
            (address.to_string(), counts, seconds)
        };
        self.0
            .statistics()
            .servers
            .into_iter()
            .map(figures)
            .collect()
    }
}
