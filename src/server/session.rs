//! Requests within a session, in the order of the table of spec 4.4.

use super::Server;
use super::answer::Ask;
use super::refusals::Verdict;
use super::service::Service;
use crate::auth::{ReadyKey, SessionKey, UserKey, Window, open};
use crate::ident::{Incarnation, Order};
use crate::limits::BAD_TAGS;
use crate::planted::{Bug, planted};
use crate::registry::{Ended, Ending, Reason, RowId};
use crate::time::Duration;
use crate::wire::{Find, Header, Kind, Pattern, RejectCode, Request, Unverified, WireError};

/// What an accepted request did to its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing: the source and the process are the same as before.
    Steady,
    /// A cookie confirmed the row or moved it to its source.
    Fresh,
}

/// A request's row as it was when the request came.
#[derive(Clone, Copy)]
struct Found {
    id: RowId,
    /// Confirmed by this process, and no copy.
    here: bool,
    /// The request came from the row's address.
    own_source: bool,
    bad_tags: u8,
    window: Window,
    /// It is no heartbeat, or comes sooner than heartbeats need.
    extra: bool,
}

impl Server {
    /// HEARTBEAT, LEAVE, PULL or FIND.
    pub(super) fn session_request(&mut self, ask: &Ask, datagram: Unverified<'_>) {
        // Row 1.
        if !self.keyring.serves(ask.header.realm) {
            self.refused(ask, Verdict::Realm);
            return self.dropped("realm");
        }
        let named = self.registry.by_session(ask.header.session).and_then(|id| self.registry.row(id));
        match named.filter(|row| row.user() == ask.header.user && row.realm() == ask.header.realm) {
            Some(row) => {
                let found = Found {
                    id: row.id(),
                    here: row.is_here(),
                    own_source: row.address() == Some(ask.from),
                    bad_tags: row.bad_tags(),
                    window: Window::from_parts(row.window()),
                    extra: ask.header.kind != Kind::Heartbeat || row.heard_lately(ask.now),
                };
                self.of_row(ask, found, datagram);
            }
            None => self.without_row(ask, datagram),
        }
    }

    /// Row 2: the tag must hold under the row's key.
    fn of_row(&mut self, ask: &Ask, found: Found, datagram: Unverified<'_>) {
        // A known host at its own address is not slowed down by a flood (spec chapter 6).
        let vouched = found.own_source && found.bad_tags < BAD_TAGS;
        if !vouched && !self.unverified.allow(ask.now, ask.from) {
            return self.dropped("budget");
        }
        // Heartbeats that come no sooner than need be are free, all else is the user's to pay for (R-SEC-05).
        let (realm, user) = (ask.header.realm, ask.header.user);
        if found.extra && found.own_source && !self.users.may_ask(ask.now, realm, user) {
            return self.dropped("user-budget");
        }
        let Some(key) = self.registry.row(found.id).map(|row| ReadyKey::new(row.key())) else { return };
        let Some(verified) = open(&key, datagram) else {
            return self.not_accepted(&found, "tag");
        };
        let (request, fault) = match verified.request() {
            Ok(request) => (request, None),
            // Content that cannot be taken is refused aloud, where a sound heartbeat would be answered (R-FMT-09).
            Err(error) => match (error.content, verified.heartbeat_head()) {
                (Some(tlv), Ok(head)) => (head, Some(tlv)),
                _ => return self.not_accepted(&found, error.reason()),
            },
        };
        let seen = found.here && !found.window.would_accept(ask.header.sequence);
        if seen && !planted(Bug::WindowSkipped) {
            return self.not_accepted(&found, "replay");
        }
        // The user of an unconfirmed row, or of a copy, is not charged: what was captured elsewhere can be said again.
        let cost = if found.extra && found.here { cost(&request) } else { 0 };
        self.request_of_row(ask, found, &key, &request, fault);
        let walked = self.directory.take_walked() / WALKED_FOR_ONE;
        if cost + walked > 0 {
            self.users.asked(ask.now, realm, user, cost + walked);
        }
    }

    /// The row vouches for what its host says and the HMS takes, not for whoever says it again, nor for what changes
    /// nothing (R-SEC-03).
    fn doubt(&mut self, found: &Found) {
        if found.own_source {
            self.registry.bad_tag(found.id);
        }
    }

    fn not_accepted(&mut self, found: &Found, reason: &'static str) {
        self.doubt(found);
        self.dropped(reason);
    }

    /// Rows 7 to 10. `fault` is the content TLV for which a heartbeat's content cannot be taken.
    fn request_of_row(
        &mut self,
        ask: &Ask,
        found: Found,
        key: &ReadyKey,
        request: &Request<'_>,
        fault: Option<u8>,
    ) {
        let Found { id, here, own_source, mut window, .. } = found;
        let sequence = ask.header.sequence;
        if matches!(request, Request::Leave(_)) {
            self.answers.short(ask, Kind::Left, 0, key);
            if planted(Bug::LeaveForgotten) {
                return;
            }
            return self.remove_row(ask.now, id, Reason::Leave, "leave");
        }
        let shared = planted(Bug::WindowShared) && !here && window.would_accept(sequence);
        let steady =
            shared || here && own_source && incarnation_named(request) == Some(self.answers.incarnation());
        if steady {
            window.accept(sequence);
            self.registry.set_window(id, window.into_parts());
        }
        if let Some((kind, argument)) = self.instead_of_session(ask, steady) {
            if kind == Kind::Redirect {
                self.sent_on.insert(ask.header.session);
            }
            return self.answers.short(ask, kind, argument, key);
        }
        if steady {
            return self.accepted(ask, &found, key, request, Proof::Steady, fault);
        }
        if !planted(Bug::AddressBeforeProof) && !self.cookie_holds(ask, request) {
            self.doubt(&found);
            let cookie =
                self.cookies.session(ask.now, ask.from, ask.header.session, self.answers.incarnation());
            return self.answers.short(ask, Kind::Challenge, cookie, key);
        }
        // Row 9: nothing that was sent before may confirm or move a row.
        if sequence <= window.highest() && !planted(Bug::OldSequenceProves) {
            return self.not_accepted(&found, "replay");
        }
        if !own_source && let Err(wait) = self.users.change(ask.now, ask.header.realm, ask.header.user) {
            return self.retry(ask, key, wait);
        }
        self.prove(ask, id);
        self.accepted(ask, &found, key, request, Proof::Fresh, fault);
    }

    /// Whether the request is a HEARTBEAT with a cookie for this source.
    fn cookie_holds(&self, ask: &Ask, request: &Request<'_>) -> bool {
        let Request::Heartbeat(heartbeat) = request else { return false };
        heartbeat.cookie.is_some_and(|cookie| {
            let by = self.answers.incarnation();
            self.cookies.session_holds(ask.now, ask.from, ask.header.session, by, cookie)
        })
    }

    fn accepted(
        &mut self,
        ask: &Ask,
        found: &Found,
        key: &ReadyKey,
        request: &Request<'_>,
        proof: Proof,
        fault: Option<u8>,
    ) {
        if let Some(tlv) = fault {
            self.doubt(found);
            return self.reject_content(ask, key, (Verdict::Malformed(tlv), RejectCode::Content, tlv.into()));
        }
        let id = found.id;
        if found.bad_tags != 0 {
            self.registry.good_tag(id);
        }
        match request {
            Request::Heartbeat(heartbeat) => self.heartbeat(ask, id, key, heartbeat, proof),
            Request::Pull(pull) => self.pull(ask, id, pull),
            Request::Find(find) => self.find(ask, id, find),
            Request::Init(_) | Request::Register(_) | Request::Leave(_) | Request::Discover(_) => {}
        }
    }

    /// Rows 3 to 6: no row has this session.
    fn without_row(&mut self, ask: &Ask, datagram: Unverified<'_>) {
        if !self.unverified.allow(ask.now, ask.from) {
            return self.dropped("budget");
        }
        let header = &ask.header;
        let Ok(user_key) = self.keyring.user_key(header.realm, header.epoch, header.user) else {
            self.refused(ask, Verdict::UnknownEpoch);
            return self.dropped("epoch");
        };
        let key = self.session_key(ask, &user_key);
        let Some(verified) = open(&key, datagram) else { return self.old_key(ask, datagram) };
        match verified.request() {
            Ok(Request::Leave(_)) => {
                self.left_unknown(ask);
                self.answers.short(ask, Kind::Left, 0, &key);
            }
            Ok(_) | Err(WireError { content: Some(_), .. }) => self.superseded_or_unknown(ask, &key),
            Err(error) => self.dropped(error.reason()),
        }
    }

    /// Nothing can begin or go on with a session that its host left (R-REG-42, R-PEE-66).
    fn left_unknown(&mut self, ask: &Ask) {
        let Header { realm, user, session, .. } = ask.header;
        self.unborn.note(ask.now, session);
        let ended = Ended { order: Order { session, ..Order::default() }, ending: Ending::Leave };
        self.registry.merge_gone(ask.now, realm, user, ended, Duration::MAX);
    }

    fn session_key(&self, ask: &Ask, user_key: &UserKey) -> SessionKey {
        user_key.session_key(ask.header.session)
    }

    /// Row 3: the key of the generation before signs a REJECT (R-AUT-05).
    fn old_key(&mut self, ask: &Ask, datagram: Unverified<'_>) {
        let header = &ask.header;
        let key = self
            .keyring
            .previous_user_key(header.realm, header.epoch, header.user)
            .map(|user_key| self.session_key(ask, &user_key));
        match key.and_then(|key| Some((open(&key, datagram)?.request(), key))) {
            Some((Ok(_) | Err(WireError { content: Some(_), .. }), key)) => {
                self.refused(ask, Verdict::Revoked);
                self.answers.reject(ask, RejectCode::Revoked, 0, &key);
            }
            // A header alone is shorter than a REJECT: answering it would gain bytes (R-SEC-01).
            Some((Err(error), _)) => self.dropped(error.reason()),
            None => {
                self.refused(ask, Verdict::WrongKey);
                self.dropped("tag");
            }
        }
    }

    /// Rows 5 and 6: only a live row supersedes, and one whose host left a moment ago: whoever it had taken the user
    /// over from does not come back by accident (R-REG-22).
    fn superseded_or_unknown(&mut self, ask: &Ask, key: &SessionKey) {
        if let Some((kind, argument)) = self.instead_of_session(ask, false) {
            return self.answers.short(ask, kind, argument, key);
        }
        let row = self.registry.by_user(ask.header.realm, ask.header.user);
        let stamp = match row.and_then(|id| self.registry.row(id)) {
            Some(row) => row.is_live().then(|| row.stamp()),
            None => self.registry.left_stamp(ask.now, ask.header.realm, ask.header.user),
        };
        match stamp {
            Some(stamp) => self.answers.short(ask, Kind::Superseded, stamp.0, key),
            None => {
                let delay = self.come_back.delay_ms(ask.header.user, self.last_known);
                // A row that is not here may be on its way (10.11).
                let complete = self.service != Service::Incomplete;
                let kind = if complete { Kind::Reregister } else { Kind::Retry };
                self.answers.short(ask, kind, u64::from(delay), key);
            }
        }
    }
}

/// Changes that one request may go back over: who asks from far behind again and again pays for the way.
const WALKED_FOR_ONE: u64 = 256;

/// How many requests it counts as: a search looks at many rows.
const fn cost(request: &Request<'_>) -> u64 {
    match request {
        Request::Find(Find { pattern: Pattern::Prefix(_), .. }) => 4,
        _ => 1,
    }
}

/// The HMS process that the request names.
const fn incarnation_named(request: &Request<'_>) -> Option<Incarnation> {
    match request {
        Request::Heartbeat(m) => Some(m.incarnation),
        Request::Pull(m) => Some(m.incarnation),
        Request::Find(m) => Some(m.incarnation),
        _ => None,
    }
}
