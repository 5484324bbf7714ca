//! A host in memory: says what it is told to say, and reads the answers.

use std::net::SocketAddr;

use super::world::{REALMS, Sent, World};
use crate::auth::{DatagramKey, RealmSecret, SessionKey, UserKey, open, seal, user_id};
use crate::ident::{
    Epoch, Generation, Incarnation, InstanceId, Name, RealmId, Revision, ServerId, SessionId, Stamp, UserId,
};
use crate::wire::{
    Answer, Buckets, Changes, Content, ContentRef, Find, Header, Heartbeat, Init, Item, Kind, Leave,
    PageInfo, Pattern, Pull, PullKind, Register, Registered, RejectCode, Settings, Unverified, View,
};

/// An answer, without borrowed parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Got {
    Nothing,
    Registered(Box<Registered>),
    Ack(Box<Ack>),
    Challenge(u64),
    Superseded(Stamp),
    Reregister(u64),
    Retry(u64),
    Redirect(ServerId),
    Reject(RejectCode, u32),
    Left,
    Page(Page),
    Digests(Revision, u64, Vec<u64>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ack {
    pub(super) want_content: bool,
    pub(super) resync: bool,
    pub(super) equal: bool,
    pub(super) revision: Revision,
    pub(super) content_version: u32,
    pub(super) settings: Settings,
    pub(super) page: Option<Page>,
    pub(super) length: usize,
}

/// A page, its rows as `+user` and `-reason`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) push: bool,
    pub(super) number: u64,
    pub(super) info: PageInfo,
    pub(super) items: Vec<String>,
    /// Sum of the digests of its rows.
    pub(super) digest: u64,
    pub(super) signed: usize,
}

pub(super) struct Client {
    pub(super) realm: RealmId,
    pub(super) user: UserId,
    pub(super) key: UserKey,
    pub(super) from: SocketAddr,
    pub(super) instance: InstanceId,
    pub(super) content: Content,
    pub(super) content_version: u32,
    pub(super) view: View,
    pub(super) push: bool,
    pub(super) takeover: bool,
    pub(super) last_stamp: Stamp,
    pub(super) nonce: u64,
    pub(super) session: Option<(SessionId, SessionKey)>,
    pub(super) sequence: u64,
    pub(super) incarnation: Incarnation,
    pub(super) revision: Revision,
    pub(super) digest: u64,
    pub(super) want: bool,
    pub(super) last_number: u64,
}

impl Client {
    /// User `name` of the first realm at 10.0.1.`host`:5000.
    pub(super) fn new(name: &str, host: u8) -> Self {
        Self::of_realm(0, name, host)
    }

    pub(super) fn of_realm(realm: usize, name: &str, host: u8) -> Self {
        let (_, realm, secret) = REALMS[realm];
        let user = user_id(realm, name);
        let key = RealmSecret::new([secret; 32]).user_key(user, Generation(0));
        let name = Name::new(name).expect("a name");
        Self {
            realm,
            user,
            key,
            from: SocketAddr::from(([10, 0, 1, host], 5000)),
            instance: InstanceId(u64::from(host)),
            content: Content::new(name.clone(), name),
            content_version: 1,
            view: View::None,
            push: false,
            takeover: false,
            last_stamp: Stamp(0),
            nonce: u64::from(host) << 32,
            session: None,
            sequence: 0,
            incarnation: Incarnation(1),
            revision: Revision(0),
            digest: 0,
            want: false,
            last_number: 0,
        }
    }

    pub(super) fn viewing(mut self, view: View, push: bool) -> Self {
        (self.view, self.push) = (view, push);
        self
    }

    pub(super) fn header(&self, kind: Kind, flags: u8, session: SessionId, sequence: u64) -> Header {
        Header { kind, flags, epoch: Epoch(1), realm: self.realm, user: self.user, session, sequence }
    }

    pub(super) fn init_bytes(&mut self) -> Vec<u8> {
        self.nonce += 1;
        let header = self.header(Kind::Init, 0, SessionId(0), self.nonce);
        sealed(&self.key, &header, |buf| Init::default().emit(buf))
    }

    pub(super) fn register_bytes(&self, cookie: u64) -> Vec<u8> {
        let content = self.content.to_bytes();
        let body = Register {
            takeover: self.takeover,
            cookie,
            instance: self.instance,
            last_stamp: self.last_stamp,
            content_version: self.content_version,
            incarnation: self.incarnation,
            revision: self.revision,
            digest: self.digest,
            content: ContentRef::trusted(&content),
            view: self.view.clone(),
            push: self.push,
        };
        let header = self.header(Kind::Register, body.flags(), SessionId(0), self.nonce);
        sealed(&self.key, &header, |buf| body.emit(buf))
    }

    /// INIT and its answer.
    pub(super) fn init(&mut self, world: &mut World) -> Got {
        let bytes = self.init_bytes();
        let sent = world.send(self.from, &bytes);
        self.read(&sent)
    }

    /// REGISTER with a cookie and its answer.
    pub(super) fn register_with(&mut self, world: &mut World, cookie: u64) -> Got {
        let bytes = self.register_bytes(cookie);
        let before = self.session.replace(self.session_of(cookie));
        let sent = world.send(self.from, &bytes);
        let got = self.read(&sent);
        match &got {
            Got::Registered(registered) => {
                self.sequence = 0;
                self.last_stamp = registered.stamp;
                self.incarnation = registered.incarnation;
            }
            _ => self.session = before,
        }
        got
    }

    /// The session that this cookie begins, and its key.
    pub(super) fn session_of(&self, cookie: u64) -> (SessionId, SessionKey) {
        let session = self.key.session_id(self.nonce, cookie);
        (session, self.key.session_key(session))
    }

    /// INIT, CHALLENGE, REGISTER.
    pub(super) fn register(&mut self, world: &mut World) -> Got {
        match self.init(world) {
            Got::Challenge(cookie) => self.register_with(world, cookie),
            other => other,
        }
    }

    /// The same, which must succeed.
    pub(super) fn join(&mut self, world: &mut World) -> Registered {
        match self.register(world) {
            Got::Registered(registered) => *registered,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn session_bytes(
        &mut self,
        kind: Kind,
        flags: u8,
        body: impl FnOnce(&mut Vec<u8>),
    ) -> Vec<u8> {
        self.sequence += 1;
        let (session, key) = self.session.as_ref().expect("a session");
        sealed(key, &self.header(kind, flags, *session, self.sequence), body)
    }

    pub(super) fn heartbeat_bytes(&mut self, cookie: Option<u64>, with_content: bool) -> Vec<u8> {
        let content = self.content.to_bytes();
        let body = Heartbeat {
            content_version: self.content_version,
            incarnation: self.incarnation,
            revision: self.revision,
            digest: self.digest,
            cookie,
            want: self.want,
            content: with_content.then(|| (ContentRef::trusted(&content), self.view.clone(), self.push)),
        };
        let flags = body.flags();
        self.session_bytes(Kind::Heartbeat, flags, |buf| body.emit(buf))
    }

    pub(super) fn say(&mut self, world: &mut World, bytes: &[u8]) -> Got {
        let sent = world.send(self.from, bytes);
        self.read(&sent)
    }

    pub(super) fn heartbeat(&mut self, world: &mut World) -> Got {
        let bytes = self.heartbeat_bytes(None, false);
        self.say(world, &bytes)
    }

    pub(super) fn heartbeat_with(&mut self, world: &mut World, cookie: u64) -> Got {
        let bytes = self.heartbeat_bytes(Some(cookie), false);
        self.say(world, &bytes)
    }

    /// A heartbeat that must be acknowledged.
    pub(super) fn beat(&mut self, world: &mut World) -> Ack {
        match self.heartbeat(world) {
            Got::Ack(ack) => *ack,
            other => panic!("{other:?}"),
        }
    }

    /// A heartbeat whose challenge is echoed.
    pub(super) fn prove(&mut self, world: &mut World) -> Ack {
        let Got::Challenge(cookie) = self.heartbeat(world) else { panic!("no challenge") };
        match self.heartbeat_with(world, cookie) {
            Got::Ack(ack) => *ack,
            other => panic!("{other:?}"),
        }
    }

    /// A heartbeat with new content.
    pub(super) fn update(&mut self, world: &mut World) -> Got {
        self.content_version += 1;
        let bytes = self.heartbeat_bytes(None, true);
        self.say(world, &bytes)
    }

    pub(super) fn leave(&mut self, world: &mut World) -> Got {
        let bytes = self.session_bytes(Kind::Leave, 0, |buf| Leave.emit(buf));
        self.say(world, &bytes)
    }

    pub(super) fn pull(
        &mut self,
        world: &mut World,
        kind: PullKind,
        cursor: UserId,
        buckets: Option<Buckets>,
    ) -> Got {
        let (incarnation, revision) = (self.incarnation, self.revision);
        let body = Pull { incarnation, revision, cursor, kind, buckets };
        let bytes = self.session_bytes(Kind::Pull, 0, |buf| body.emit(buf));
        self.say(world, &bytes)
    }

    pub(super) fn find(&mut self, world: &mut World, pattern: Pattern<'_>) -> Got {
        let body = Find { incarnation: self.incarnation, cursor: UserId::default(), pattern };
        let bytes = self.session_bytes(Kind::Find, 0, |buf| body.emit(buf));
        self.say(world, &bytes)
    }

    /// Pulls a copy of the whole view and adopts its revision and digest.
    pub(super) fn copy(&mut self, world: &mut World) -> Vec<String> {
        let (mut cursor, mut items, mut first) = (UserId::default(), Vec::new(), None);
        self.digest = 0;
        loop {
            let page = match self.pull(world, PullKind::Copy, cursor, None) {
                Got::Page(page) => page,
                other => panic!("{other:?} instead of a page"),
            };
            first.get_or_insert(page.info.to);
            items.extend(page.items);
            self.digest = self.digest.wrapping_add(page.digest);
            if !page.info.more {
                self.revision = first.unwrap_or_default();
                return items;
            }
            cursor = page.info.up_to;
        }
    }

    /// What came to this host, of which there is at most one.
    pub(super) fn read(&mut self, sent: &[Sent]) -> Got {
        let mine: Vec<_> = sent.iter().filter(|s| s.to == Some(self.from)).collect();
        let [one] = mine.as_slice() else {
            assert!(mine.is_empty(), "{} answers", mine.len());
            return Got::Nothing;
        };
        self.open(&one.bytes)
    }

    /// One datagram, under whichever key it is signed.
    pub(super) fn open(&mut self, bytes: &[u8]) -> Got {
        let datagram = Unverified::parse(bytes).expect("a datagram");
        assert!(datagram.header().kind.is_response());
        assert_eq!((datagram.header().realm, datagram.header().user), (self.realm, self.user));
        let session = self.session.as_ref().and_then(|(_, key)| open(key, datagram));
        let verified = session.or_else(|| open(&self.key, datagram)).expect("a tag that holds");
        let answer = verified.answer().expect("a body");
        let (incarnation, number) = answer.origin();
        assert!(number > self.last_number || incarnation != self.incarnation, "numbers rise");
        self.last_number = number;
        if matches!(answer, Answer::Challenge(_)) {
            self.incarnation = incarnation;
        }
        got(&answer, bytes.len())
    }
}

pub(super) fn sealed(key: &impl DatagramKey, header: &Header, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut buf = Vec::new();
    header.emit(&mut buf);
    body(&mut buf);
    seal(key, &mut buf);
    buf
}

fn got(answer: &Answer<'_>, length: usize) -> Got {
    match answer {
        Answer::Registered(m) => Got::Registered(Box::new(m.clone())),
        Answer::Ack(m) => Got::Ack(Box::new(Ack {
            want_content: m.want_content,
            resync: m.resync,
            equal: m.equal,
            revision: m.revision,
            content_version: m.content_version,
            settings: m.settings.clone(),
            page: m.changes.as_ref().map(|changes| page(changes, false, m.number)),
            length,
        })),
        Answer::Challenge(m) => Got::Challenge(m.argument),
        Answer::Superseded(m) => Got::Superseded(m.stamp()),
        Answer::Reregister(m) => Got::Reregister(m.argument),
        Answer::Retry(m) => Got::Retry(m.argument),
        Answer::Redirect(m) => Got::Redirect(m.server()),
        Answer::Reject(m) => Got::Reject(m.reject().0, m.reject().1),
        Answer::Left(_) => Got::Left,
        Answer::Page(m) => Got::Page(page(&m.changes, m.push, m.number)),
        Answer::Digests(m) => Got::Digests(m.revision, m.root, m.buckets.to_vec()),
        other => panic!("{other:?}"),
    }
}

fn page(changes: &Changes<'_>, push: bool, number: u64) -> Page {
    let mut page = Page { push, number, info: changes.info, items: Vec::new(), digest: 0, signed: 0 };
    for item in &changes.items {
        match item {
            Item::Entry(entry) => {
                let late = if entry.head.late { " late" } else { "" };
                page.items.push(format!("+{}{late}", entry.content.user_name()));
                let ip = entry.address.map(|a| a.ip());
                let digest = crate::directory::entry_digest(
                    entry.head.user,
                    entry.head.late,
                    ip,
                    entry.content.as_bytes(),
                );
                page.digest = page.digest.wrapping_add(digest);
                page.signed += usize::from(entry.signature.is_some());
            }
            Item::Gone(gone) => page.items.push(format!("-{}", gone.reason)),
        }
    }
    page
}
