//! What the links tell the cluster, and what the cluster wants done.

use super::super::{Event, Level, Server};
use super::Peers;
use crate::cluster::{Action, Heard};
use crate::time::Instant;
use crate::transport::{self, CloseCode, KeyId, LinkId, SendError};
use crate::wire::AnnounceEvent;

impl Server {
    /// Until nothing is left: events to the cluster, actions done; then what follows from the phase.
    pub(in crate::server) fn attend(&mut self, now: Instant) {
        let mut is_new = false;
        loop {
            let mut idle = true;
            while let Some((link, event)) = self.peers.endpoint.poll_event() {
                idle = false;
                is_new |= self.tell_cluster(now, link, event);
                self.follow_cluster(now);
            }
            while let Some(action) = self.peers.cluster.poll_action() {
                idle = false;
                is_new |= matches!(action, Action::Learned(_));
                self.act(now, action);
            }
            self.follow_cluster(now);
            self.follow_hand_over(now);
            idle &= !self.peers.cluster.has_actions();
            if idle && !self.peers.copy_is_complete(now) {
                break;
            }
        }
        // Who registers now is to know an HMS that came just before.
        if is_new {
            self.look_at_cluster(now);
        }
        self.follow_phase(now);
        self.follow_refusal(now);
        self.peers.sends = true;
        self.peers.look_ahead(now);
    }

    fn act(&mut self, now: Instant, action: Action) {
        match action {
            Action::Dial { address, target, bound } => {
                let route = self.peers.routes.to(address, bound);
                let link = self.peers.endpoint.connect(now, route, target, KeyId::CLUSTER);
                self.peers.cluster.dialled(now, address, link.ok());
            }
            Action::Send { link, priority, message } => {
                // A link that has ended says so by an event.
                if self.peers.endpoint.send(link, priority, &message) == Err(SendError::Full) {
                    self.peers.endpoint.close(now, link, CloseCode::SILENT, "takes nothing any more");
                }
            }
            Action::Close { link, code, reason } => self.peers.endpoint.close(now, link, code, &reason),
            // The phase says more than that.
            Action::OpenHosts | Action::CloseHosts => {}
            Action::Learned(keys) => self.learn(now, &keys),
            Action::Persist => self.persist(),
            Action::AddKey(key) => self.add_key(key),
            Action::RemoveKey(key) => self.peers.endpoint.remove_secret(key),
            Action::Admit(link) => self.peers.admit(link),
            Action::HandOver { successor, complete } => self.begin_hand_over(successor, complete),
            Action::Stopped => self.end(),
            Action::Settings(_) => self.follow_settings(now),
            Action::Log(text) => {
                // Of one that is alone that is nothing to anybody.
                let alone = self.peers.cluster.is_standalone();
                self.log(if alone { Level::Debug } else { Level::Info }, &text);
            }
        }
    }

    /// Whether that may have changed who is where, and in which role.
    fn tell_cluster(&mut self, now: Instant, link: LinkId, event: transport::Event) -> bool {
        let Peers { cluster, endpoint, routes, .. } = &mut self.peers;
        match event {
            transport::Event::Connected(peer) => {
                if let Some(route) = endpoint.link(link).map(|link| link.route()) {
                    cluster.connected(now, link, peer, routes.ends(route));
                }
            }
            transport::Event::Message(priority, bytes) => {
                if let Heard::Table(server) = cluster.message(now, link, priority, &bytes) {
                    self.table_message(now, server, &bytes);
                    return false;
                }
            }
            transport::Event::Closed(reason) => cluster.closed(now, link, &reason),
            transport::Event::Writable(_) => return false,
        }
        true
    }

    /// Once, however often it is wanted before the shell comes to it: all is stored together.
    pub(in crate::server) fn persist(&mut self) {
        if !self.events.contains(&Event::PersistSecrets) {
            self.events.push_back(Event::PersistSecrets);
        }
    }

    /// Hosts get what the phase allows, and hear of who leads (R-PEE-89, R-DSC-05).
    fn follow_phase(&mut self, now: Instant) {
        let service = self.peers.service_now();
        if std::mem::replace(&mut self.peers.service, service) != service {
            self.set_service(now, service);
        }
        let leads = self.peers.cluster.leads();
        let begins = !std::mem::replace(&mut self.peers.led, leads) && leads;
        if begins && self.service.is_open() && !self.stopping {
            self.announce(AnnounceEvent::Primary);
        }
    }
}
