//! hickory-resolver asks one server for many names: `peer-hickory SERVER COUNT IN_FLIGHT [all-cores]`.
//!
//! The names and the line of JSON are those of rust/resolver/examples/ask.rs; see bench/dns_rates.py. Its cache is
//! off, for every name is asked once; its number of questions in flight at a connection is set to ours. On one thread,
//! as our resolver is, or on all cores.

use std::{error::Error, net::SocketAddr, sync::Arc, time::Instant};

use hickory_resolver::{
    Resolver, TokioResolver,
    config::{NameServerConfig, ResolverConfig, ResolverOpts},
    net::runtime::TokioRuntimeProvider,
    proto::rr::RecordType,
};
use tokio::{runtime::Builder, task::JoinSet};

fn resolver(server: SocketAddr, in_flight: usize) -> Result<TokioResolver, Box<dyn Error>> {
    let mut named = NameServerConfig::udp_and_tcp(server.ip());
    for connection in &mut named.connections {
        connection.port = server.port();
    }
    let mut options = ResolverOpts::default();
    options.cache_size = 0;
    options.max_active_requests = in_flight;
    options.edns0 = true;
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![named]);
    let builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
    Ok(builder.with_options(options).build()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = if arguments.last().is_some_and(|last| last == "all-cores") {
        Builder::new_multi_thread().enable_all().build()?
    } else {
        Builder::new_current_thread().enable_all().build()?
    };
    runtime.block_on(ask(&arguments))
}

async fn ask(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [server, count, in_flight, ..] = arguments else {
        return Err("usage: peer-hickory SERVER COUNT IN_FLIGHT [all-cores]".into());
    };
    let suffix: Arc<str> = "example".into();
    let (count, in_flight): (usize, usize) = (count.parse()?, in_flight.parse()?);
    let resolver = Arc::new(resolver(server.parse()?, in_flight)?);
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for first in 0..in_flight {
        let (resolver, suffix) = (Arc::clone(&resolver), Arc::clone(&suffix));
        workers.spawn(async move {
            let mut found = 0_usize;
            for number in (first..count).step_by(in_flight) {
                let name = format!("n{number}.{suffix}.");
                let answer = resolver.lookup(name, RecordType::TXT).await;
                found += usize::from(answer.is_ok_and(|answer| !answer.answers().is_empty()));
            }
            found
        });
    }
    let found: usize = workers.join_all().await.into_iter().sum();
    let seconds = begun.elapsed().as_secs_f64();
    println!("{{\"seconds\": {seconds}, \"found\": {found}}}");
    Ok(())
}
