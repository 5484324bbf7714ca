//! Tests of pages and of the exchange.

mod exchange;
mod pages;

use std::net::SocketAddr;

use super::{Directory, HostDirectory, entry_digest};
use crate::ident::{Generation, InstanceId, Name, RealmId, Revision, ServerId, SessionId, Stamp, UserId};
use crate::registry::{NewContent, NewRow, Registry, RowId, ViewHandle};
use crate::time::{Duration, Instant, UnixMillis};
use crate::wire::{
    Answer, Changes, Content, Header, HostState, Item, Kind, PageInfo, PageMessage, Unverified,
};

const REALM: RealmId = RealmId(7);
const HOME: ServerId = ServerId(0x1122);
/// What a PAGE has room for behind its fixed body.
const SPACE: usize = PageMessage::OVERHEAD.abs_diff(1200) + PageInfo::LEN;

/// Hosts with names, in a registry.
struct Office {
    registry: Registry,
    directory: Directory,
    now: Instant,
    sessions: u64,
}

fn user(number: u64) -> UserId {
    UserId((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes())
}

fn address(number: u64) -> SocketAddr {
    SocketAddr::from(([10, 0, (number >> 8) as u8, number as u8], 5000))
}

fn content(number: u64, group: Option<&str>, state: HostState) -> Content {
    let name = |text: String| Name::new(&text).expect("a name");
    let mut content = Content::new(name(format!("user-{number}")), name(format!("Host-{number}")));
    content.conference = group.map(|group| name(group.to_string()));
    content.state = state;
    content
}

impl Office {
    fn new() -> Self {
        let mut registry = Registry::new(1, entry_digest, Instant::ZERO);
        assert!(registry.add_realm(REALM));
        Self { registry, directory: Directory::new(HOME), now: Instant::ZERO, sessions: 0 }
    }

    fn fill(&mut self, numbers: std::ops::Range<u64>, group: Option<&str>) {
        for number in numbers {
            self.register(number, group);
        }
    }

    fn register(&mut self, number: u64, group: Option<&str>) -> RowId {
        self.register_at(number, group, address(number))
    }

    fn register_at(&mut self, number: u64, group: Option<&str>, address: SocketAddr) -> RowId {
        self.sessions += 1;
        let bytes = content(number, group, HostState::Standby).to_bytes();
        let new = NewRow {
            realm: REALM,
            user: user(number),
            session: SessionId(self.sessions),
            key: &[7; 32],
            generation: Generation::default(),
            stamp: Stamp(self.sessions),
            server: HOME,
            instance: InstanceId(number),
            content: &bytes,
            content_version: 1,
            group,
            address: Some(address),
            since: UnixMillis(1_700_000_000_000),
            check_time: Duration::from_secs(30),
        };
        self.registry.register(self.now, &new).expect("realm").row
    }

    fn say(&mut self, number: u64, group: Option<&str>, state: HostState) {
        let Some(id) = self.registry.by_user(REALM, user(number)) else { return };
        let bytes = content(number, group, state).to_bytes();
        self.registry.set_content(id, &NewContent { bytes: &bytes, version: 2, group });
    }

    fn view(&self) -> ViewHandle {
        self.registry.realm_view(REALM).expect("realm")
    }

    fn delta(&mut self, view: ViewHandle, from: Revision, space: usize) -> Option<Vec<u8>> {
        let mut buf = Vec::new();
        let info = self.directory.write_delta(&self.registry, view, from, space, &mut buf);
        assert!(buf.len() <= space && info.is_some() != buf.is_empty());
        info.map(|_| buf)
    }
}

/// The page as it is read from a datagram.
fn read<R>(page: &[u8], look: impl FnOnce(&Changes<'_>) -> R) -> R {
    let header = Header {
        kind: Kind::Page,
        flags: 0,
        epoch: crate::ident::Epoch(1),
        realm: REALM,
        user: user(1),
        session: SessionId(1),
        sequence: 1,
    };
    let mut datagram = Vec::new();
    header.emit(&mut datagram);
    PageMessage::emit_head(crate::ident::Incarnation(1), 1, &mut datagram);
    datagram.extend_from_slice(page);
    datagram.extend_from_slice(&[0; 16]);
    assert!(datagram.len() <= 1200);
    let verified = Unverified::parse(&datagram).expect("header").into_verified();
    match verified.answer().expect("page") {
        Answer::Page(message) => look(&message.changes),
        other => panic!("{other:?}"),
    }
}
