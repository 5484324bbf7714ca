//! Which answers the specification allows to a datagram (spec 4.2, 4.4).

use std::net::SocketAddr;

use hms::auth::user_id;
use hms::ident::{Incarnation, InstanceId, Revision, SessionId, Stamp};
use hms::time::Instant;
use hms::wire::{Header, Heartbeat, Kind, Pull, PullKind, Register, Request, Verified, View};

use super::{Maybe, Reference, Shown, Who, limits};
use crate::keys::{Age, Keys, Opened};

/// What a request asked, in values of its own.
#[derive(Clone, Debug)]
pub enum Asked {
    Nothing,
    Init,
    Register {
        session: SessionId,
        instance: InstanceId,
        last_stamp: Stamp,
        takeover: bool,
        content_version: u32,
        content: Vec<u8>,
        view: View,
        push: bool,
        /// The row's own registration again (R-REG-12).
        again: bool,
    },
    Heartbeat {
        content_version: u32,
        incarnation: Incarnation,
        revision: Revision,
        digest: u64,
        want: bool,
        content: Option<(Vec<u8>, View, bool)>,
        /// Proven by a cookie.
        by_cookie: bool,
    },
    Leave,
    Lookup {
        pull: Option<Pull>,
    },
}

/// What may come of a datagram.
#[derive(Clone, Debug)]
pub struct Judgement {
    pub from: SocketAddr,
    pub header: Option<Header>,
    pub len: usize,
    /// The kinds of answer that are right; `None` is silence.
    pub allowed: Vec<Option<Kind>>,
    pub asked: Asked,
    /// It was answered under a row's session.
    pub why: &'static str,
}

impl Judgement {
    fn silence(from: SocketAddr, len: usize, why: &'static str) -> Self {
        Self { from, header: None, len, allowed: vec![None], asked: Asked::Nothing, why }
    }

    fn answers(mut self, header: &Header, allowed: &[Option<Kind>], why: &'static str) -> Self {
        self.header = Some(*header);
        self.allowed = allowed.to_vec();
        self.why = why;
        self
    }

    fn asking(mut self, asked: Asked) -> Self {
        self.asked = asked;
        self
    }
}

impl Reference {
    /// Judges a datagram that reaches the HMS.
    pub fn judge(&self, keys: &mut Keys, now: Instant, from: SocketAddr, bytes: &[u8]) -> Judgement {
        let base = Judgement::silence(from, bytes.len(), "nothing that could be answered");
        match keys.open(bytes) {
            Opened::Unreadable | Opened::UnknownRealm | Opened::Bare(_) => base,
            Opened::Version(header) | Opened::BadTag(header) => match header.kind {
                Kind::Init | Kind::Discover => {
                    base.answers(&header, &[None, Some(Kind::Hint)], "no key fits")
                }
                _ => base,
            },
            Opened::Signed(datagram, age) => {
                let header = *datagram.header();
                match (header.kind.code() & 0x80, age) {
                    (0, Age::Current) => self.judge_request(keys, now, from, &datagram, base),
                    (0, Age::Previous) => self.judge_revoked(&header, base),
                    _ => Judgement { why: "an answer", ..base },
                }
            }
        }
    }

    fn judge_revoked(&self, header: &Header, base: Judgement) -> Judgement {
        let who = (header.realm, header.user);
        if self.rows.get(&who).is_some_and(|row| row.session == header.session) {
            return Judgement { why: "a row's session under an old key", ..base };
        }
        base.answers(header, &[Some(Kind::Reject)], "revoked key")
    }

    fn judge_request(
        &self,
        keys: &mut Keys,
        now: Instant,
        from: SocketAddr,
        datagram: &Verified<'_>,
        base: Judgement,
    ) -> Judgement {
        let header = *datagram.header();
        let Ok(request) = datagram.request() else {
            return Judgement { why: "malformed", ..base };
        };
        match request {
            Request::Init(_) => base.answers(&header, &[Some(Kind::Challenge)], "INIT").asking(Asked::Init),
            // The OFFER follows later.
            Request::Discover(_) => Judgement { why: "DISCOVER", ..base },
            Request::Register(register) => self.judge_register(keys, now, from, &header, &register, base),
            Request::Heartbeat(heartbeat) => self.judge_heartbeat(now, from, &header, &heartbeat, base),
            Request::Leave(_) => self.judge_leave(&header, base),
            Request::Pull(pull) => {
                let row = self.rows.get(&(header.realm, header.user));
                // Who follows nothing gets an empty copy, whatever it asked for while it did (R-DIR-07).
                let follows = row.is_some_and(|row| row.view != View::None);
                let answer = match pull.kind {
                    PullKind::Digests if follows => vec![None, Some(Kind::Digests)],
                    _ => vec![None, Some(Kind::Page), Some(Kind::Digests)],
                };
                self.judge_lookup((now, from), &header, (pull.incarnation, Some(pull)), &answer, base)
            }
            Request::Find(find) => {
                let answer = [None, Some(Kind::Page)];
                self.judge_lookup((now, from), &header, (find.incarnation, None), &answer, base)
            }
        }
    }

    fn judge_register(
        &self,
        keys: &mut Keys,
        now: Instant,
        from: SocketAddr,
        header: &Header,
        register: &Register<'_>,
        base: Judgement,
    ) -> Judgement {
        let who = (header.realm, header.user);
        if user_id(header.realm, register.content.user_name()) != header.user {
            return base.answers(header, &[Some(Kind::Reject)], "the name does not give the id");
        }
        let generation = keys.generation(header.realm, header.user);
        let key = keys.user_key(header.realm, header.user, generation);
        let session = key.session_id(header.sequence, register.cookie);
        // R-REG-02: no HMS gave such a stamp.
        let absurd = register.last_stamp.0 > self.clock.saturating_add(1 << 54);
        let last_stamp = if absurd { Stamp(0) } else { register.last_stamp };
        let asked = |again| Asked::Register {
            session,
            instance: register.instance,
            last_stamp,
            takeover: register.takeover,
            content_version: register.content_version,
            content: register.content.as_bytes().to_vec(),
            view: register.view.clone(),
            push: register.push,
            again,
        };
        let row = self.rows.get(&who);
        if let Some(row) = row.filter(|row| row.session == session) {
            let allowed: &[_] = match (row.address == Some(from), row.heard) {
                (true, Maybe::No) => &[Some(Kind::Registered)],
                // After a restart the process may not know whether the session was used.
                (_, Maybe::Perhaps) => &[None, Some(Kind::Registered), Some(Kind::Challenge)],
                _ => &[None],
            };
            return base.answers(header, allowed, "the row's own registration again").asking(asked(true));
        }
        if self.unborn.get(&session).is_some_and(|at| now.since(*at) < limits::REGISTER_COOKIE_SLOT * 2) {
            return base.answers(header, &[None], "a registration that was left before");
        }
        let taken = row.is_some_and(|row| {
            !register.takeover && row.instance != register.instance && last_stamp < row.stamp
        });
        let mut right = vec![Some(if taken { Kind::Reject } else { Kind::Registered })];
        match self.changes.left(now, who, 1) {
            Maybe::Yes => {}
            Maybe::Perhaps => right.push(Some(Kind::Reject)),
            Maybe::No => right = vec![Some(Kind::Reject)],
        }
        if let Some(most) = self.rules.full.filter(|_| !taken && keys.is_second(header.realm)) {
            let known = self.rows.keys().filter(|who| who.0 == header.realm).count();
            // The limit on the rate may hit anybody, the one on the number only newcomers.
            right.push(Some(Kind::Reject));
            if row.is_none() && known >= most {
                right = vec![Some(Kind::Reject)];
            }
        }
        let shown = Shown { from, who, field: header.sequence, cookie: register.cookie };
        match self.registration_cookie(now, &shown) {
            Maybe::Yes => {}
            Maybe::No => right = vec![Some(Kind::Challenge)],
            Maybe::Perhaps => right.push(Some(Kind::Challenge)),
        }
        base.answers(header, &right, "REGISTER").asking(asked(false))
    }

    /// Rows 5 and 6 of the table: the tag holds, and no row has this session.
    fn without_row(&self, now: Instant, header: &Header, base: Judgement) -> Judgement {
        let who = (header.realm, header.user);
        let live = self.rows.get(&who).is_some_and(|row| row.confirmed);
        let right: &[_] = match self.left(now, who) {
            _ if live => &[Some(Kind::Superseded)],
            Some((_, true)) => &[Some(Kind::Superseded)],
            Some((_, false)) => &[Some(Kind::Superseded), Some(Kind::Reregister)],
            None => &[Some(Kind::Reregister)],
        };
        base.answers(header, right, "no such session")
    }

    fn judge_heartbeat(
        &self,
        now: Instant,
        from: SocketAddr,
        header: &Header,
        heartbeat: &Heartbeat<'_>,
        base: Judgement,
    ) -> Judgement {
        let who: Who = (header.realm, header.user);
        let Some(row) = self.rows.get(&who).filter(|row| row.session == header.session) else {
            return self.without_row(now, header, base);
        };
        let asked = |by_cookie| Asked::Heartbeat {
            content_version: heartbeat.content_version,
            incarnation: heartbeat.incarnation,
            revision: heartbeat.revision,
            digest: heartbeat.digest,
            want: heartbeat.want,
            content: heartbeat.content.as_ref().map(|(c, v, p)| (c.as_bytes().to_vec(), v.clone(), *p)),
            by_cookie,
        };
        let fresh = row.seen.would_accept(header.sequence);
        if row.confirmed && !fresh {
            return base.answers(header, &[None], "a sequence used before");
        }
        let at_home = row.confirmed && row.address == Some(from) && heartbeat.incarnation == self.incarnation;
        let moves = row.address != Some(from);
        let newer = heartbeat.content.is_some() && heartbeat.content_version > row.content_version;
        let changes = u32::from(moves) + u32::from(newer);
        let taken: &[_] = match self.changes.left(now, who, changes) {
            Maybe::Yes => &[Some(Kind::Ack)],
            _ if changes == 0 => &[Some(Kind::Ack)],
            Maybe::Perhaps => &[Some(Kind::Ack), Some(Kind::Retry)],
            Maybe::No => &[Some(Kind::Retry)],
        };
        if at_home {
            return base.answers(header, taken, "a heartbeat").asking(asked(false));
        }
        let cookie = heartbeat.cookie.map_or(Maybe::No, |cookie| {
            self.session_cookie(now, &Shown { from, who, field: header.session.0, cookie })
        });
        let proven = if header.sequence > row.seen.highest { taken } else { &[None] };
        let mut allowed = Vec::new();
        if cookie != Maybe::No {
            allowed.extend_from_slice(proven);
        }
        if cookie != Maybe::Yes {
            allowed.push(Some(Kind::Challenge));
        }
        base.answers(header, &allowed, "a heartbeat to be proven").asking(asked(true))
    }

    fn judge_leave(&self, header: &Header, base: Judgement) -> Judgement {
        let row = self.rows.get(&(header.realm, header.user));
        let row = row.filter(|row| row.session == header.session);
        let taken = row.is_none_or(|row| !row.confirmed || row.seen.would_accept(header.sequence));
        base.answers(header, &[taken.then_some(Kind::Left)], "LEAVE").asking(Asked::Leave)
    }

    fn judge_lookup(
        &self,
        (now, from): (Instant, SocketAddr),
        header: &Header,
        (incarnation, pull): (Incarnation, Option<Pull>),
        answers: &[Option<Kind>],
        base: Judgement,
    ) -> Judgement {
        let who = (header.realm, header.user);
        let Some(row) = self.rows.get(&who).filter(|row| row.session == header.session) else {
            return self.without_row(now, header, base);
        };
        if row.confirmed && !row.seen.would_accept(header.sequence) {
            return base.answers(header, &[None], "a sequence used before");
        }
        let at_home = row.confirmed && row.address == Some(from) && incarnation == self.incarnation;
        if !at_home {
            return base.answers(header, &[Some(Kind::Challenge)], "a lookup to be proven");
        }
        base.answers(header, answers, "a lookup").asking(Asked::Lookup { pull })
    }
}
