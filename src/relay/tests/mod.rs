use std::net::SocketAddr;

use crate::time::{Duration, Instant};

mod link;
mod machine;
mod nat;
mod run;
mod script;
mod words;

const fn client(n: u8) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, n)), 4000)
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn at(secs: u64) -> Instant {
    Instant::from_secs(secs)
}
