//! A host, the keys to answer it, and what must hold of it whatever it is told.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use hms::auth::{UserKey, checksum_holds, seal};
use hms::host::{Event, Host, HostSetup};
use hms::ident::{Generation, Incarnation, InstanceId, SessionId, UserId};
use hms::limits::DATAGRAM_MAX;
use hms::net::{Arrival, Destination};
use hms::storage::HostStore;
use hms::time::{Duration, Instant, UnixMillis};
use hms::token::Token;
use hms::wire::{Content, Header, Kind, Unverified, View};

use super::super::keys::{EPOCH, REALM, cluster_public, name, open, sealed, user, user_key};

/// Where the HMSs of the token are.
pub(super) const HMS: [SocketAddr; 2] = [hms_at(1), hms_at(2)];
/// Questions and answers that are remembered.
const KEPT: usize = 64;
/// Datagrams that one event may make: one to each HMS of a full list, and its neighbours.
const AT_ONCE: usize = 64;

const fn hms_at(last: u8) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, last)), 6710)
}

pub(super) struct Rig {
    pub(super) host: Host,
    pub(super) now: Instant,
    key: UserKey,
    pub(super) incarnation: Incarnation,
    number: u64,
    asked: VecDeque<(Header, Vec<u8>)>,
    /// Answers, and whether the host took them.
    given: VecDeque<(Vec<u8>, bool)>,
    /// What stood under each sequence of a session, and each nonce of INIT and DISCOVER.
    said: BTreeMap<(u8, SessionId, u64), Vec<u8>>,
    addressed: bool,
    started: u8,
    /// Nothing may be sent any more.
    silent: bool,
}

fn token(addressed: bool) -> Token {
    Token {
        realm: REALM,
        epoch: EPOCH,
        generation: Generation(0),
        user_key: user_key(user("ann")),
        cluster_key: cluster_public(),
        user_name: name("ann"),
        realm_name: name("home"),
        addresses: if addressed { HMS.to_vec() } else { Vec::new() },
    }
}

fn begin(now: Instant, store: HostStore, takeover: bool, seed: u8) -> Host {
    Host::new(
        now,
        HostSetup {
            token: store.token.clone(),
            content: store.content.clone(),
            view: store.view.clone(),
            push: store.push,
            takeover,
            near: Vec::new(),
            seed: [seed; 32],
            wall: UnixMillis(1_700_000_000_000),
            store,
        },
    )
}

impl Rig {
    /// A host whose token names two HMSs, or none.
    pub(super) fn new(by_multicast: bool) -> Self {
        let (now, addressed) = (Instant::from_secs(1000), !by_multicast);
        let content = Content::new(name("ann"), name("desk"));
        let mut store = HostStore::new(token(addressed), InstanceId(5), content);
        store.view = View::Realm;
        let mut rig = Self {
            host: begin(now, store, false, 1),
            now,
            key: user_key(user("ann")),
            incarnation: Incarnation(77),
            number: 100,
            asked: VecDeque::new(),
            given: VecDeque::new(),
            said: BTreeMap::new(),
            addressed,
            started: 1,
            silent: false,
        };
        rig.drain();
        rig
    }

    /// The program starts anew with what it kept.
    pub(super) fn restart(&mut self, takeover: bool) {
        let store = self.kept();
        self.started = self.started.wrapping_add(1);
        self.host = begin(self.now, store, takeover, self.started);
        self.drain();
    }

    /// What is stored can be read again, and is the same.
    fn kept(&mut self) -> HostStore {
        let kept = self.host.store().clone();
        let read = HostStore::from_bytes(&kept.to_bytes()).expect("a host reads its own store");
        assert_eq!(read, kept);
        read
    }

    pub(super) fn next(&mut self) -> (Incarnation, u64) {
        self.number += 1;
        (self.incarnation, self.number)
    }

    /// The headers of what was asked, the latest first.
    pub(super) fn asked(&self, back: usize) -> Option<Header> {
        self.asked.iter().rev().nth(back).or_else(|| self.asked.front()).map(|(header, _)| *header)
    }

    pub(super) fn given(&self, back: usize) -> Option<Vec<u8>> {
        self.given.iter().rev().nth(back).or_else(|| self.given.front()).map(|(bytes, _)| bytes.clone())
    }

    /// The whole of what was asked, the latest first.
    pub(super) fn reflect(&mut self, back: usize) {
        let asked = self.asked.iter().rev().nth(back).map(|(_, bytes)| bytes.clone());
        asked.into_iter().for_each(|bytes| self.deliver(HMS[0], &bytes));
    }

    /// A datagram under the key that its header calls for.
    pub(super) fn sealed(&self, header: &Header, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        match header.session {
            SessionId(0) => sealed(&self.key, header, write),
            session => sealed(&self.key.session_key(session), header, write),
        }
    }

    /// The same under a key that nobody has.
    pub(super) fn forged(&self, header: &Header, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = Vec::new();
        header.emit(&mut bytes);
        write(&mut bytes);
        seal(&user_key(UserId([9; 8])), &mut bytes);
        bytes
    }

    /// Whether an HMS that has the key said this.
    fn is_authentic(&self, bytes: &[u8]) -> bool {
        open(&self.key, bytes).is_some_and(|verified| verified.header().kind.is_response())
    }

    /// What the host has settled: all that only an authentic answer may change.
    fn settled(&mut self) -> (Vec<u8>, String, String, bool) {
        let kept = self.host.store().to_bytes().to_vec();
        let me = serde_json::to_string(&self.host.me(self.now)).expect("JSON");
        let who = serde_json::to_string(&self.host.who(self.now)).expect("JSON");
        (kept, me, who, self.host.ended())
    }

    fn dropped(&self) -> u64 {
        self.host.drops().values().sum()
    }

    /// A datagram comes in.
    pub(super) fn deliver(&mut self, from: SocketAddr, bytes: &[u8]) {
        let authentic = self.is_authentic(bytes);
        // Of OFFERs a round takes as many as come (spec chapter 5).
        let once = bytes.get(1) != Some(&Kind::Offer.code());
        let taken_before = once && self.given.iter().any(|(given, taken)| *taken && given == bytes);
        let before = (!authentic || taken_before).then(|| self.settled());
        let drops = self.dropped();
        let arrival = Arrival { interface: Some(1), ..Arrival::default() };
        self.host.handle_datagram(self.now, from, arrival, bytes);
        let dropped = self.dropped() - drops;
        assert!(dropped <= 1, "counted {dropped} times");
        if dropped == 0 && !authentic {
            let bare = Unverified::parse(bytes).expect("taken, and no datagram");
            let kind = bare.header().kind;
            assert!(
                matches!(kind, Kind::Hint | Kind::Announce) && checksum_holds(&bare),
                "{kind} taken unproven"
            );
        }
        if let Some(before) = before {
            let after = self.settled();
            assert_eq!((&after.1, &after.2, after.3), (&before.1, &before.2, before.3), "by {bytes:02x?}");
            assert!(after.0 == before.0, "{} by {bytes:02x?}", String::from_utf8_lossy(&after.0));
        }
        self.drain();
        self.given.push_back((bytes.to_vec(), dropped == 0));
        if self.given.len() > KEPT {
            self.given.pop_front();
        }
    }

    /// Takes what waits to be sent and told.
    pub(super) fn drain(&mut self) {
        let (mut buf, mut count) = (Vec::new(), 0);
        while let Some(transmit) = self.host.poll_output(self.now, &mut buf) {
            count += 1;
            assert!(count <= AT_ONCE, "{count} datagrams at once");
            assert!(
                transmit.to != Destination::Groups || !self.addressed,
                "multicast, and the token names addresses"
            );
            self.sent(&buf);
        }
        let mut events = 0;
        while let Some(event) = self.host.poll_event() {
            events += 1;
            assert!(events <= 2 * AT_ONCE, "{events} events at once");
            if event == Event::Persist {
                self.kept();
            }
        }
    }

    fn sent(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= DATAGRAM_MAX, "{} bytes", bytes.len());
        assert!(!self.silent, "an ended host sends");
        let verified = open(&self.key, bytes).expect("a host signs what it sends");
        let header = *verified.header();
        verified.request().expect("a host sends what can be read");
        assert!(!header.kind.is_response());
        let fixed = header.kind != Kind::Register;
        let class = if header.session == SessionId(0) { header.kind.code() } else { 0 };
        let key = (class, header.session, header.sequence);
        if fixed && let Some(before) = self.said.insert(key, bytes.to_vec()) {
            // R-AUT-20: resent byte for byte before a session, never within one.
            assert!(class != 0, "sequence {} twice", header.sequence);
            assert_eq!(before, bytes, "two datagrams under one nonce");
        }
        self.asked.push_back((header, bytes.to_vec()));
        if self.asked.len() > KEPT {
            self.asked.pop_front();
        }
    }

    /// The next deadline comes.
    pub(super) fn due(&mut self) {
        if let Some(due) = self.host.poll_timeout() {
            self.now = self.now.max(due);
            self.timeout();
        }
    }

    /// What is due is done: the next deadline lies behind it, or was set by what was done and passes as well.
    fn timeout(&mut self) {
        for _ in 0..16 {
            self.host.handle_timeout(self.now);
            self.drain();
            if self.host.poll_timeout().is_none_or(|due| due > self.now) {
                return;
            }
        }
        panic!("a deadline that never gets done");
    }

    /// Time goes on, every deadline at its time.
    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.now + span.min(Duration::from_secs(120));
        for _ in 0..400 {
            let Some(due) = self.host.poll_timeout().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.timeout();
        }
        self.now = self.now.max(end);
    }

    /// What holds at the end: the store can be read, and an ended host is silent.
    pub(super) fn end(mut self) {
        self.kept();
        if self.host.ended() {
            // What it was told last is still to be written, and that is all.
            self.silent = true;
            self.pass(Duration::from_secs(20));
            assert_eq!(self.host.poll_timeout(), None, "ended, and waits for something");
        }
    }
}
