//! What the admin is told of the cluster while it runs: that it serves, that it is refused, who leads, whose settings hold.

use std::collections::BTreeMap;

use super::{Daemon, Ready, ServerNotice};
use crate::server::{PeerRow, Standing, StatusView};

/// What was told last.
#[derive(Default)]
pub(super) struct Told {
    ready: bool,
    looking: bool,
    refusal: Option<String>,
    standing: Option<Standing>,
    overridden: BTreeMap<String, String>,
}

impl Daemon<'_> {
    /// Tells what has changed since this was called last.
    pub(super) fn tell_news(&mut self) {
        let standing = self.server.standing();
        let overridden = self.server.overridden();
        if self.told.standing == Some(standing) && self.told.overridden == overridden {
            return;
        }
        let before = self.told.standing.replace(standing);
        let status = self.server.status(self.engine.now());
        match standing.role {
            "stopping" => {}
            "refused" => self.tell_refused(status.message.unwrap_or_default()),
            "starting" => self.tell_looking(&status.peers),
            _ if !self.told.ready => self.tell_ready(&status),
            _ => {
                self.tell_standing(before, &status);
                self.tell_overridden(overridden);
            }
        }
    }

    fn tell_looking(&mut self, peers: &[PeerRow]) {
        if !self.told.ready && !std::mem::replace(&mut self.told.looking, true) {
            let mut addresses: Vec<_> = self.config.peers.address.iter().map(ToString::to_string).collect();
            addresses.extend(peers.iter().map(|peer| match &peer.address {
                Some(address) => format!("{} at {address}", peer.name),
                None => peer.name.clone(),
            }));
            self.notify(ServerNotice::Looking(addresses));
        }
    }

    /// Once, though it starts anew again and again.
    fn tell_refused(&mut self, message: String) {
        if self.told.refusal.as_ref() != Some(&message) {
            self.told.refusal = Some(message.clone());
            self.notify(ServerNotice::Refused(message));
        }
    }

    fn tell_ready(&mut self, status: &StatusView) {
        (self.told.ready, self.told.refusal) = (true, None);
        self.told.overridden.clone_from(&status.overridden);
        let ready = Ready {
            name: self.name.clone(),
            role: status.role,
            peers: status.peers.clone(),
            cluster: (status.cluster_start.clone(), status.cluster_elapsed_s),
            times: (status.check_time_s, status.exchange_time_s),
            overridden: status.overridden.clone(),
            realms: self.server.keyring().realms().map(|realm| realm.name.clone()).collect(),
            new: self.new_realm,
            listen: self.engine.net.listening(),
            interfaces: self.engine.net.usable().to_vec(),
            skipped: self.engine.net.skipped().to_vec(),
            state: self.dir.path().to_path_buf(),
            sockets: self.engine.sockets().to_path_buf(),
            unconfirmed: status.hosts.unconfirmed,
        };
        self.notify(ServerNotice::Ready(Box::new(ready)));
    }

    fn tell_standing(&mut self, before: Option<Standing>, status: &StatusView) {
        self.told.refusal = None;
        let now = self.told.standing;
        if before != now {
            let lost = before.and_then(|before| before.primary).filter(|_| status.role == "primary");
            let lost = lost.and_then(|server| self.server.peer(self.engine.now(), server));
            let (role, peers) = (status.role, status.peers.clone());
            self.notify(ServerNotice::Standing { role, lost, peers });
        }
    }

    fn tell_overridden(&mut self, overridden: BTreeMap<String, String>) {
        if self.told.overridden != overridden {
            self.told.overridden.clone_from(&overridden);
            self.notify(ServerNotice::Overridden(overridden));
        }
    }
}
