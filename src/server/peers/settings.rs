//! `[peers]`, and settings of which those of the primary hold (R-PEE-03).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::super::{Server, ServerSettings, reach};
use super::Peers;
use crate::limits::{
    CHECK_TIME_MAX, CHECK_TIME_MIN, EXCHANGE_TIME, EXPIRY_FACTOR_MAX, EXPIRY_FACTOR_MIN, START_TRIES,
    START_WAIT,
};
use crate::net::{Arrival, Interface};
use crate::time::{Duration, Instant};
use crate::wire::peer::{AddressUse, OwnAddress, Timing};

/// `[peers]` of `hms.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerSettings {
    /// Where other HMSs are, beside those that are registered.
    pub addresses: Vec<SocketAddr>,
    /// The address that links have for themselves, if they have one (R-PEE-95). A change waits for the next start.
    pub bind: Option<SocketAddr>,
    /// How often, and how long each time, others are waited for at the start (R-PEE-12).
    pub start_tries: u32,
    /// See `start_tries`.
    pub start_wait: Duration,
    /// How often tables are exchanged.
    pub exchange_time: Duration,
    /// Changes are told at once, not at the next exchange time.
    pub immediate: bool,
    /// When a host is told that it is registered.
    pub ack: AckWhen,
}

/// When a host is told that it is registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AckWhen {
    /// When it is in the table of the HMS that it asked.
    #[default]
    Local,
    /// When every HMS in reach has it too, or could not for a short while.
    Replicated,
}

impl Default for PeerSettings {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            bind: None,
            start_tries: START_TRIES,
            start_wait: START_WAIT,
            exchange_time: EXCHANGE_TIME,
            immediate: true,
            ack: AckWhen::Local,
        }
    }
}

/// One's own settings as they are told to others.
pub(super) fn timing_of(settings: &ServerSettings) -> Timing {
    let millis = |span: Duration| u32::try_from(span.as_millis()).unwrap_or(u32::MAX);
    let thousandths = (settings.expiry_factor * 1000.0).round();
    Timing {
        check_ms: millis(settings.check_time),
        exchange_ms: millis(settings.peers.exchange_time),
        expiry_thousandths: thousandths.clamp(0.0, f64::from(u32::MAX)) as u32,
    }
}

/// Where hosts reach this HMS, whoever asks, and where the others do first: what it tells these.
pub(super) fn own_addresses(settings: &ServerSettings, interfaces: &[Interface]) -> Vec<OwnAddress> {
    let anybody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let all = reach::addresses(&settings.listen, interfaces, Arrival::default(), anybody);
    let told = |used_by| move |address| OwnAddress { used_by, address };
    let for_links = settings.peers.bind.map(told(AddressUse::Peers));
    all.into_iter().map(told(AddressUse::Hosts)).chain(for_links).collect()
}

/// One's own settings, whatever holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Configured {
    timing: Timing,
    check_time: Duration,
    exchange_time: Duration,
    expiry_factor: f64,
}

impl Configured {
    pub(super) fn new(settings: &ServerSettings) -> Self {
        Self {
            timing: timing_of(settings),
            check_time: settings.check_time,
            exchange_time: settings.peers.exchange_time,
            expiry_factor: settings.expiry_factor,
        }
    }
}

impl Peers {
    /// New settings: what the cluster and the endpoint need of them.
    pub(in crate::server) fn configure(&mut self, now: Instant, settings: &ServerSettings) {
        self.configured = Configured::new(settings);
        let (timing, addresses) = (self.configured.timing, settings.peers.addresses.clone());
        self.set_alone(now, settings.standalone);
        self.exchange.set_immediate(settings.peers.immediate);
        self.cluster.configure(now, timing, addresses, settings.standalone);
    }

    /// The settings with the times that hold in the cluster, within the bounds of one's own.
    pub(in crate::server) fn in_force(&self, settings: ServerSettings) -> ServerSettings {
        let mut in_force = settings;
        let (own, timing) = (self.configured, self.cluster.timing());
        (in_force.check_time, in_force.expiry_factor) = (own.check_time, own.expiry_factor);
        in_force.peers.exchange_time = own.exchange_time;
        if timing.check_ms != own.timing.check_ms {
            let told = Duration::from_millis(timing.check_ms.into());
            in_force.check_time = told.clamp(CHECK_TIME_MIN, CHECK_TIME_MAX);
        }
        if timing.exchange_ms != own.timing.exchange_ms {
            in_force.peers.exchange_time = Duration::from_millis(timing.exchange_ms.into());
        }
        if timing.expiry_thousandths != own.timing.expiry_thousandths {
            let told = f64::from(timing.expiry_thousandths) / 1000.0;
            in_force.expiry_factor = told.clamp(EXPIRY_FACTOR_MIN, EXPIRY_FACTOR_MAX);
        }
        in_force
    }

    /// Own settings that others override, with what holds in their place.
    pub(in crate::server) fn overridden(&self, settings: &ServerSettings) -> BTreeMap<String, String> {
        let own = &self.configured;
        let times = [
            ("hosts.check_time", own.check_time, settings.check_time),
            ("peers.exchange_time", own.exchange_time, settings.peers.exchange_time),
        ];
        let times = times.into_iter().filter(|(_, own, holds)| own != holds);
        let mut all: BTreeMap<_, _> =
            times.map(|(key, _, holds)| (key.into(), format!("{holds:?}"))).collect();
        if own.expiry_factor.to_bits() != settings.expiry_factor.to_bits() {
            all.insert("hosts.expiry_factor".into(), settings.expiry_factor.to_string());
        }
        all
    }
}

impl Server {
    /// Other settings hold in the cluster.
    pub(super) fn follow_settings(&mut self, now: Instant) {
        let settings = self.peers.in_force(self.settings.clone());
        self.take_settings(now, settings);
    }

    /// Tells the other HMSs where hosts reach this one.
    pub(in crate::server) fn tell_addresses(&mut self, now: Instant) {
        let addresses = own_addresses(&self.settings, &self.interfaces);
        self.peers.cluster.set_addresses(now, addresses);
        self.attend(now);
    }
}
