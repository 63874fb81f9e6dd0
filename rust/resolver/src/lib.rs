//! Asks many DNS questions at once, over UDP and TCP: the only room with sockets.
//!
//! One thread and one event loop a resolver. [`settings`] says whom to ask and how patiently; `engine` is the state
//! of every question in flight and takes the time as an argument; `sockets` and `connection` carry octets; `query`
//! and `reply` compose and match messages; `answer` reads what a matching reply says. No cache and no protocol rule
//! of SPF, DKIM or DMARC in here. [`store`] writes answers to a file and gives them again. RFC 5452
//! (forgery), RFC 7766 (TCP), RFC 2308 (negative answers).
#![forbid(unsafe_code)]

mod answer;
mod connection;
mod counters;
mod datagrams;
mod dice;
mod engine;
mod event_loop;
mod flight;
mod latency;
mod live;
mod pacing;
mod query;
mod reception;
mod reply;
mod server;
mod settings;
mod sockets;
pub mod store;
mod system;
mod transmission;

pub use counters::{ServerStatistics, Statistics};
pub use latency::Latency;
pub use live::LiveResolver;
pub use settings::{Settings, SettingsError, Timing};
pub use system::parse_server;
