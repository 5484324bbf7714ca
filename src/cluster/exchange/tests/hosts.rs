//! What hosts do, and what the tables then show.

use std::collections::BTreeMap;

use super::super::codec::emit_row;
use super::world::*;
use crate::ident::{Epoch, InstanceId, Process, SessionId, Stamp, UserId};
use crate::limits::SUM_BUCKETS;
use crate::registry::{NewContent, NewRow, Reason, RowId, ViewSpec};
use crate::time::UnixMillis;
use crate::wire::peer::PeerKind;

impl World {
    /// A host registers at an HMS.
    pub(super) fn register(&mut self, node: usize, host: u32) -> RowId {
        self.sessions += 1;
        let (now, session) = (self.now, SessionId(self.sessions << 8 | node as u64));
        let running = self.running(node);
        let known = running.registry.by_user(REALM, user(host)).and_then(|id| running.registry.row(id));
        let known = known.map_or(Stamp(0), |row| row.stamp());
        let stamp = Stamp(running.cluster.clock(now).0.max(known.0 + 1));
        let generation = running.keyring.generation(REALM, user(host));
        let key = running.keyring.user_key(REALM, Epoch(1), user(host)).unwrap().session_key(session);
        let bytes = content(host, 1);
        let new = NewRow {
            realm: REALM,
            user: user(host),
            session,
            key: key.as_bytes(),
            generation,
            stamp,
            server: id(node),
            instance: InstanceId(u64::from(host)),
            content: &bytes,
            content_version: 1,
            group: None,
            address: Some(host_address(host, 5060)),
            since: UnixMillis(1_700_000_000_000),
            check_time: CHECK,
        };
        running.rows += 1;
        running.registry.register(now, &new).unwrap().row
    }

    pub(super) fn register_many(&mut self, node: usize, hosts: std::ops::Range<u32>) {
        for host in hosts {
            self.register(node, host);
        }
    }

    /// A host proves itself at an HMS that has its row, by a heartbeat of this sequence from this port.
    pub(super) fn confirm(&mut self, node: usize, host: u32, sequence: u64, port: u16) {
        let (now, row) = (self.now, self.row(node, host).expect("a row"));
        let registry = self.registry(node);
        registry.set_window(row, (sequence, 0));
        registry.confirm(now, row, host_address(host, port));
    }

    pub(super) fn change_content(&mut self, node: usize, host: u32, version: u32) {
        let row = self.row(node, host).expect("a row");
        let bytes = content(host, version);
        self.registry(node).set_content(row, &NewContent { bytes: &bytes, version, group: None });
    }

    pub(super) fn follow_view(&mut self, node: usize, host: u32, view: ViewSpec<'_>) {
        let row = self.row(node, host).expect("a row");
        self.registry(node).subscribe(row, view, true);
    }

    pub(super) fn leave(&mut self, node: usize, host: u32) {
        let (now, row) = (self.now, self.row(node, host).expect("a row"));
        assert!(self.registry(node).remove(now, row, Reason::Leave));
    }

    /// What a table shows: rows as they travel, with their homes, check time aside.
    pub(super) fn shown(&mut self, node: usize) -> BTreeMap<UserId, (Process, Vec<u8>)> {
        let registry = &self.running(node).registry;
        let mut shown = BTreeMap::new();
        let mut next = registry.next_row(None);
        while let Some(id) = next {
            let row = registry.row(id).unwrap();
            let mut bytes = Vec::new();
            emit_row(&row, &mut bytes);
            bytes[74..78].fill(0);
            shown.insert(row.user(), (row.home(), bytes));
            next = registry.next_row(Some(id));
        }
        shown
    }

    pub(super) fn is_equal(&mut self) -> bool {
        let running: Vec<_> = (0..self.nodes.len()).filter(|node| self.nodes[*node].is_some()).collect();
        let first = self.shown(running[0]);
        running.iter().all(|node| self.shown(*node) == first)
    }

    /// All tables show the same, and their sums are what their rows give.
    pub(super) fn assert_equal(&mut self) {
        let running: Vec<_> = (0..self.nodes.len()).filter(|node| self.nodes[*node].is_some()).collect();
        let first = self.shown(running[0]);
        for node in running {
            let other = self.shown(node);
            let differ = first.iter().filter(|(user, row)| other.get(user) != Some(row)).count();
            assert_eq!((other.len(), differ), (first.len(), 0), "hms{node} at {}", self.now);
            for bucket in 0..SUM_BUCKETS {
                assert!(self.registry(node).check_bucket(bucket).is_empty(), "sums of hms{node}");
            }
        }
    }

    /// Messages of a kind that an HMS heard since this was last asked.
    pub(super) fn take_heard(&mut self, node: usize, kind: PeerKind) -> (u64, u64) {
        self.heard.remove(&(node, kind)).unwrap_or_default()
    }
}
