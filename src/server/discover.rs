//! DISCOVER and OFFER (spec chapter 5), and ANNOUNCE.

use std::net::{IpAddr, SocketAddr};

use super::Server;
use super::answer::Ask;
use super::event::Level;
use super::reach;
use crate::discovery::PendingOffer;
use crate::ident::{ServerId, SessionId};
use crate::limits::TAG_LEN;
use crate::net::{Arrival, Destination, Interface, Transmit};
use crate::time::{Duration, Instant};
use crate::wire::{Announce, AnnounceEvent, Header, HmsInfo, Kind, Offer};

/// Announcements of new interfaces are at least this far apart.
const ANNOUNCE_PAUSE: Duration = Duration::from_secs(1);

impl Server {
    /// Tells the usable interfaces: their addresses are what hosts are offered. The first time, and whenever an
    /// address is new, the HMS announces itself (R-DSC-05, R-DSC-06): a link that came back holds hosts that search.
    pub fn set_interfaces(&mut self, now: Instant, interfaces: Vec<Interface>) {
        let known = |interface: &Interface| {
            self.interfaces.iter().any(|old| {
                old.index == interface.index && interface.addresses.iter().all(|a| old.addresses.contains(a))
            })
        };
        let news = !interfaces.iter().all(known);
        if self.interfaces != interfaces && !self.interfaces.is_empty() {
            self.list_until = now + self.settings.expiry();
        }
        for old in std::mem::replace(&mut self.interfaces, interfaces) {
            // Loopback is only used where nothing else is.
            let spare = old.addresses.iter().all(IpAddr::is_loopback);
            if !spare && !self.interfaces.iter().any(|one| one.name == old.name) {
                self.log(Level::Warn, &format!("interface {} is gone, or has no address any more", old.name));
            }
        }
        self.tell_addresses(now);
        if news {
            let due = self.announced.map_or(now, |at| now.max(at + ANNOUNCE_PAUSE));
            self.announce_due = self.announce_due.or(Some(due));
        }
    }

    pub(super) fn announce_if_due(&mut self, now: Instant) {
        if self.announce_due.is_none_or(|due| due > now) {
            return;
        }
        self.announce_due = None;
        if !self.stopping && self.service.is_open() {
            self.announced = Some(now);
            self.announce(AnnounceEvent::Up);
        }
    }

    pub(super) fn announce(&mut self, event: AnnounceEvent) {
        let port = self.settings.listen.first().map_or(crate::limits::PORT, SocketAddr::port);
        self.answers.announce(&Announce { server: self.server, event, port });
    }

    /// A DISCOVER whose tag holds: the OFFER waits for its random delay (R-DSC-02).
    pub(super) fn discover(&mut self, ask: &Ask) {
        if !reach::on_link(ask.arrival, ask.from.ip(), &self.interfaces) {
            return self.dropped("source");
        }
        let offer = PendingOffer { discover: ask.header, to: ask.from, arrival: ask.arrival, room: ask.len };
        if !self.offers.push(ask.now, &mut self.rng, offer) {
            self.dropped("offer");
        }
    }

    /// Writes an OFFER that is due into `buf`.
    pub(super) fn offer(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        loop {
            let pending = self.offers.pop(now)?;
            if let Some(transmit) = self.write_offer(&pending, buf) {
                return Some(transmit);
            }
        }
    }

    fn write_offer(&mut self, pending: &PendingOffer, buf: &mut Vec<u8>) -> Option<Transmit> {
        if !self.service.is_open() {
            return None;
        }
        let discover = &pending.discover;
        // The user may have been revoked since.
        let key = self.keyring.user_key(discover.realm, discover.epoch, discover.user).ok()?;
        let mut me = self.hms_info(pending.arrival, pending.to);
        loop {
            let offer = Offer {
                primary: self.leads(),
                incarnation: self.answers.incarnation(),
                number: self.answers.number(),
                server: self.server,
                hms: vec![me.clone()],
            };
            let header =
                Header { session: SessionId(0), flags: offer.flags(), ..discover.answer(Kind::Offer) };
            buf.clear();
            header.emit(buf);
            offer.emit(buf);
            if buf.len() + TAG_LEN <= pending.room || me.addresses.pop().is_none() {
                break;
            }
        }
        crate::auth::seal(&key, buf);
        let arrival = pending.arrival;
        Some(Transmit {
            to: Destination::Unicast(pending.to),
            source: if arrival.multicast { None } else { arrival.local },
            interface: arrival.interface,
            spare: true,
        })
    }

    /// This HMS as the host at `from` is told of it.
    pub(super) fn hms_info(&self, arrival: Arrival, from: SocketAddr) -> HmsInfo {
        HmsInfo {
            server: ServerId(self.server.0),
            primary: self.leads(),
            sender: true,
            name: self.name.clone(),
            addresses: reach::addresses(&self.settings.listen, &self.interfaces, arrival, from.ip()),
        }
    }
}
