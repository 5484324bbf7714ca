//! What the program around the machines does: events to the cluster, actions to the endpoint, facts to the disk.

use super::super::*;
use super::{Node, Running, SECRET, SEED, STALL};
use crate::time::Instant;
use crate::transport::{Event, KeyId, Priority};

impl Running {
    /// A neighbour's link is the one that is open.
    pub(super) fn check_links(&self, number: usize) {
        let of_cluster = |link: &crate::transport::Connection| link.is_open() && link.key() == KeyId::CLUSTER;
        for (link, one) in self.endpoint.links().filter(|(_, link)| of_cluster(link)) {
            let server = one.peer().unwrap().server;
            if server == self.cluster.own.process.server {
                continue;
            }
            let kept = self.cluster.links.get(&server).map(|neighbour| neighbour.link);
            assert_eq!(kept, Some(link), "hms{number}: the link to HMS {server}");
        }
    }

    pub(super) fn wakes_at(&self) -> Option<Instant> {
        self.endpoint.poll_timeout().into_iter().chain(self.cluster.poll_timeout()).min()
    }
}

impl Node {
    pub(super) fn give_time(&mut self, now: Instant) {
        let Some(running) = &mut self.running else { return };
        if now.since(running.ran) > STALL {
            running.cluster.stalled(now);
        }
        running.ran = now;
        running.endpoint.handle_timeout(now);
        let endpoint = &running.endpoint;
        running.cluster.handle_timeout(now, |link| endpoint.link(link).map(|link| link.heard()));
        self.work(now);
    }

    /// What the shell does: events to the cluster, actions to the endpoint, facts to the disk.
    pub(super) fn work(&mut self, now: Instant) {
        let Some(running) = &mut self.running else { return };
        loop {
            let mut idle = true;
            while let Some((link, event)) = running.endpoint.poll_event() {
                idle = false;
                let remote = running.endpoint.link(link).map(|link| link.remote());
                match event {
                    Event::Connected(peer) => {
                        // It is dialled from there, and nowhere else.
                        let local = running.cluster.own.addresses.first().map(|own| own.address.ip());
                        running.cluster.connected(now, link, peer, Ends { local, remote: remote.unwrap() });
                    }
                    Event::Message(priority, bytes) => {
                        running.cluster.message(now, link, priority, &bytes);
                    }
                    Event::Closed(reason) => running.cluster.closed(now, link, &reason),
                    Event::Writable(_) => {}
                }
            }
            while let Some(action) = running.cluster.poll_action() {
                idle = false;
                match action {
                    Action::Dial { address, target, .. } => {
                        let link = running.endpoint.connect(now, address, target, KeyId::CLUSTER);
                        running.cluster.dialled(now, address, link.ok());
                    }
                    Action::Send { link, priority, message } => {
                        // The link may have ended, which the next event says.
                        let _ = running.endpoint.send(link, priority, &message);
                    }
                    Action::Close { link, code, reason } => running.endpoint.close(now, link, code, &reason),
                    Action::OpenHosts => running.hosts_open = true,
                    Action::CloseHosts => running.hosts_open = false,
                    Action::Persist => {
                        if !self.disk_full {
                            self.disk = running.cluster.facts().clone();
                            self.invitations = running.cluster.invitations().clone();
                        }
                        running.cluster.stored(now, !self.disk_full);
                    }
                    Action::HandOver { successor, complete } => {
                        running.hands_over = Some((successor.server, complete));
                        if self.confirms {
                            running.cluster.handed_over(now, Some(7));
                        }
                    }
                    Action::Stopped => running.stopped = true,
                    Action::Settings(_) | Action::Learned(_) => {}
                    Action::AddKey(key) => {
                        running.endpoint.add_secret(running.cluster.link_secret(key).unwrap());
                    }
                    Action::RemoveKey(key) => running.endpoint.remove_secret(key),
                    Action::Admit(link) => {
                        let _ = running.endpoint.send(link, Priority::Control, &admission(&SECRET, &SEED));
                    }
                    Action::Log(text) => self.log.push((now, text)),
                }
            }
            let status = running.cluster.status(now);
            if status.phase == Phase::Synchronising && running.hosts_open {
                running.cluster.copies_complete(now);
                idle = false;
            }
            if idle {
                return;
            }
        }
    }
}
