//! A user's machine: says what it is told to say, and remembers of the answers what it needs for the next question.

use std::net::SocketAddr;

use hms::auth::UserKey;
use hms::directory::HostDirectory;
use hms::ident::{Generation, Incarnation, InstanceId, SessionId, Stamp, UserId};
use hms::wire::{
    Answer, Buckets, Changes, Content, ContentRef, Discover, Find, Heartbeat, Init, Kind, Leave, Pattern,
    Pull, PullKind, Register, Service, Transport, View,
};

use super::super::input::Input;
use super::super::keys::{header, name, open, sealed, secret, user, user_key};

pub(super) struct Client {
    pub(super) user_name: &'static str,
    pub(super) user: UserId,
    pub(super) key: UserKey,
    pub(super) from: SocketAddr,
    pub(super) instance: InstanceId,
    content: Content,
    view: View,
    push: bool,
    content_version: u32,
    nonce: u64,
    cookie: u64,
    last_stamp: Stamp,
    pub(super) session: SessionId,
    sequence: u64,
    echo: Option<u64>,
    incarnation: Incarnation,
    list: HostDirectory,
}

impl Client {
    pub(super) fn new(user_name: &'static str, from: SocketAddr) -> Self {
        let user = user(user_name);
        Self {
            user_name,
            user,
            key: user_key(user),
            from,
            instance: InstanceId(u64::from(from.port())),
            content: Content::new(name(user_name), name("desk")),
            view: View::Realm,
            push: true,
            content_version: 1,
            nonce: u64::from(from.port()) << 32,
            cookie: 0,
            last_stamp: Stamp(0),
            session: SessionId(0),
            sequence: 0,
            echo: None,
            incarnation: Incarnation(0),
            list: HostDirectory::new(),
        }
    }

    /// The user is given a token of this generation.
    pub(super) fn take_token(&mut self, generation: Generation) {
        self.key = secret().user_key(self.user, generation);
        self.session = SessionId(0);
    }

    pub(super) fn init(&mut self) -> Vec<u8> {
        self.nonce += 1;
        sealed(&self.key, &header(Kind::Init, 0, self.user, SessionId(0), self.nonce), |buf| {
            Init::default().emit(buf);
        })
    }

    pub(super) fn discover(&mut self) -> Vec<u8> {
        self.nonce += 1;
        sealed(&self.key, &header(Kind::Discover, 0, self.user, SessionId(0), self.nonce), |buf| {
            Discover::default().emit(buf);
        })
    }

    pub(super) fn register(&mut self, takeover: bool) -> Vec<u8> {
        let content = self.content.to_bytes();
        let body = Register {
            takeover,
            cookie: self.cookie,
            instance: self.instance,
            last_stamp: self.last_stamp,
            content_version: self.content_version,
            incarnation: self.incarnation,
            revision: self.list.revision(),
            digest: self.list.root(),
            content: ContentRef::trusted(&content),
            view: self.view.clone(),
            push: self.push,
        };
        let head = header(Kind::Register, body.flags(), self.user, SessionId(0), self.nonce);
        sealed(&self.key, &head, |buf| body.emit(buf))
    }

    fn say(&mut self, kind: Kind, flags: u8, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        self.sequence = self.sequence.saturating_add(1);
        let head = header(kind, flags, self.user, self.session, self.sequence);
        sealed(&self.key.session_key(self.session), &head, write)
    }

    /// Sequences may be skipped, or said again.
    pub(super) fn skip(&mut self, to: u64) {
        self.sequence = to;
    }

    pub(super) fn heartbeat(&mut self, with_content: bool, want: bool) -> Vec<u8> {
        let content = self.content.to_bytes();
        let body = Heartbeat {
            content_version: self.content_version,
            incarnation: self.incarnation,
            revision: self.list.revision(),
            digest: self.list.root(),
            cookie: self.echo.take(),
            want,
            content: with_content.then(|| (ContentRef::trusted(&content), self.view.clone(), self.push)),
        };
        self.say(Kind::Heartbeat, body.flags(), |buf| body.emit(buf))
    }

    pub(super) fn leave(&mut self) -> Vec<u8> {
        self.say(Kind::Leave, 0, |buf| Leave.emit(buf))
    }

    pub(super) fn pull(&mut self, input: &mut Input<'_>) -> Vec<u8> {
        let kind = input.pick(&[PullKind::Delta, PullKind::Digests, PullKind::Copy]);
        let buckets = input.one_in(3).then(|| Buckets([input.byte(); 16]));
        let (incarnation, revision) = (self.incarnation, self.list.revision());
        let body = Pull { incarnation, revision, cursor: UserId([input.byte(); 8]), kind, buckets };
        self.say(Kind::Pull, 0, |buf| body.emit(buf))
    }

    pub(super) fn find(&mut self, input: &mut Input<'_>) -> Vec<u8> {
        let text = input.pick(&["", "a", "alice", "bob", "DESK", "x"]);
        let pattern = if input.one_in(2) { Pattern::User(text) } else { Pattern::Prefix(text) };
        let body = Find { incarnation: self.incarnation, cursor: UserId([input.byte(); 8]), pattern };
        self.say(Kind::Find, 0, |buf| body.emit(buf))
    }

    /// Something else is said of the host, or followed by it.
    pub(super) fn change(&mut self, input: &mut Input<'_>) {
        self.content_version = self.content_version.saturating_add(input.number32());
        match input.below(8) {
            0 => self.content.fixed ^= true,
            1 => self.content.conference = input.one_in(2).then(|| name(input.pick(&["board", "lobby"]))),
            2 => self.content.reported = vec![self.from; input.below(9)],
            3 => {
                let port = input.u16();
                let service = Service { kind: name("service"), port, transport: Transport::Udp };
                self.content.services = vec![service; input.below(17)];
            }
            4 => self.content.host_name = name(&"h".repeat(1 + input.below(64))),
            5 => self.content.ports.video = input.u16(),
            6 => self.push ^= true,
            _ => {
                self.view = match input.below(5) {
                    0 => View::None,
                    1 => View::Realm,
                    2 => View::Group(name(input.pick(&["board", "lobby"]))),
                    3 => View::Named(vec![user("alice"), user("bob"), UserId([input.byte(); 8])]),
                    _ => View::Unknown(9),
                };
                self.list.clear();
            }
        }
    }

    /// Another user's name, or a list that is not what the HMS sent: a host with a fault.
    pub(super) fn spoil(&mut self, input: &mut Input<'_>) {
        match input.below(5) {
            0 => self.content.user_name = name(input.pick(&["alice", "bob", "carol"])),
            1 => self.list.clear(),
            2 => self.last_stamp = Stamp(input.number()),
            3 => self.instance = InstanceId(input.number()),
            _ => self.incarnation = Incarnation(input.number32()),
        }
    }

    /// Takes an answer, if it is one to this machine.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        let Some(verified) = open(&self.key, bytes) else { return };
        let head = *verified.header();
        let answer = verified.answer().expect("what an HMS signs can be read");
        match answer {
            Answer::Challenge(short) if head.session == SessionId(0) => self.cookie = short.argument,
            Answer::Challenge(short) => {
                self.echo = Some(short.argument);
                self.incarnation = short.incarnation;
            }
            Answer::Registered(registered) => {
                if head.session != self.session {
                    (self.session, self.sequence) = (head.session, 0);
                }
                (self.last_stamp, self.incarnation) = (registered.stamp, registered.incarnation);
            }
            Answer::Ack(ack) => {
                self.content_version = self.content_version.max(ack.content_version);
                if ack.equal {
                    self.list.adopt(ack.revision);
                }
                ack.changes.iter().for_each(|changes| self.learn(changes));
            }
            Answer::Page(page) => self.learn(&page.changes),
            _ => {}
        }
    }

    fn learn(&mut self, changes: &Changes<'_>) {
        self.list.apply(changes, &Buckets::ALL);
    }
}
