//! INIT and REGISTER: from nothing to a row (spec 4.2).

use super::Server;
use super::answer::Ask;
use super::budget::Over;
use super::refusals::Verdict;
use super::service::Instead;
use crate::auth::{Registrant, SessionKey, StoredKey, UserKey, open, user_id};
use crate::ident::{RealmId, SessionId, Stamp, UserId};
use crate::limits::{CONTENT_MAX, DATAGRAM_MAX};
use crate::registry::{NewRow, RowId};
use crate::time::{Duration, Instant};
use crate::wire::{
    ContentRef, Header, HintCode, Kind, PageMessage, Register, Registered as RegisteredBody, RejectCode,
    Request, Settings, Unverified, View, WireError,
};

impl Server {
    /// INIT, REGISTER or DISCOVER: signed with the user's key.
    pub(super) fn user_request(&mut self, ask: &Ask, datagram: Unverified<'_>) {
        let header = &ask.header;
        if !self.keyring.serves(header.realm) {
            self.refused(ask, Verdict::Realm);
            return self.dropped("realm");
        }
        if header.session != SessionId(0) {
            return self.dropped("malformed");
        }
        if !self.unverified.allow(ask.now, ask.from) {
            return self.dropped("budget");
        }
        let Ok(key) = self.keyring.user_key(header.realm, header.epoch, header.user) else {
            self.refused(ask, Verdict::UnknownEpoch);
            self.hint(ask, HintCode::UnknownEpoch);
            return self.dropped("epoch");
        };
        let Some(verified) = open(&key, datagram) else { return self.old_user_key(ask, datagram) };
        let request = verified.request();
        if request.is_ok()
            && let Some(instead) = self.instead_of_contact(header.kind)
        {
            return match instead {
                Instead::Short(kind, argument) => self.answers.short(ask, kind, argument, &key),
                Instead::Silence => self.dropped("phase"),
            };
        }
        match request {
            Ok(Request::Init(_)) => self.challenge(ask, &key),
            Ok(Request::Register(register)) => self.register(ask, &key, &register),
            Ok(Request::Discover(_)) => self.discover(ask),
            Ok(_) => self.dropped("type"),
            Err(WireError { content: Some(tlv), .. }) => {
                self.reject(ask, &key, Verdict::Malformed(tlv), RejectCode::Content, u32::from(tlv));
            }
            Err(error) => self.dropped(error.reason()),
        }
    }

    /// The key of the generation before signs a REJECT (R-AUT-05); without any, a hint is all that can be said.
    fn old_user_key(&mut self, ask: &Ask, datagram: Unverified<'_>) {
        let header = &ask.header;
        let key = self.keyring.previous_user_key(header.realm, header.epoch, header.user);
        match key.and_then(|key| Some((open(&key, datagram)?.request(), key))) {
            Some((Ok(_) | Err(WireError { content: Some(_), .. }), key)) => {
                self.reject(ask, &key, Verdict::Revoked, RejectCode::Revoked, 0);
            }
            // A header alone is shorter than a REJECT: answering it would gain bytes (R-SEC-01).
            Some((Err(error), _)) => self.dropped(error.reason()),
            None => {
                self.refused(ask, Verdict::WrongKey);
                self.hint(ask, HintCode::WrongKey);
                self.dropped("tag");
            }
        }
    }

    fn reject(&mut self, ask: &Ask, key: &UserKey, verdict: Verdict, code: RejectCode, value: u32) {
        self.refused(ask, verdict);
        self.answers.reject(ask, code, value, key);
    }

    /// A REGISTER tells the user's name, which `hms why` then shows, unless it is that of another.
    fn reject_register(
        &mut self,
        ask: &Ask,
        key: &UserKey,
        register: &Register<'_>,
        (verdict, code, value): (Verdict, RejectCode, u32),
    ) {
        let name = (verdict != Verdict::Name).then(|| register.content.user_name());
        self.refused_by_name(ask, verdict, name);
        self.answers.reject(ask, code, value, key);
    }

    /// What a registration cookie for this datagram is bound to (R-AUT-11, R-AUT-12).
    fn registrant(&self, ask: &Ask) -> Registrant {
        let (realm, user) = (ask.header.realm, ask.header.user);
        let stamp = self.known_stamp(ask.now, realm, user);
        Registrant { source: ask.from, realm, user, nonce: ask.header.sequence, stamp }
    }

    /// The highest stamp of a user's sessions that is known (R-REG-02).
    fn known_stamp(&self, now: Instant, realm: RealmId, user: UserId) -> Stamp {
        if let Some(row) = self.registry.by_user(realm, user).and_then(|id| self.registry.row(id)) {
            return row.stamp();
        }
        let removed = self.registry.removed_stamp(now, realm, user).unwrap_or_default();
        let ended = self.registry.ended(now, realm, user);
        removed.max(ended.map(|(ended, _)| ended.order.stamp).unwrap_or_default())
    }

    /// INIT changes nothing (R-REG-10).
    fn challenge(&mut self, ask: &Ask, key: &UserKey) {
        let cookie = self.cookies.register(ask.now, &self.registrant(ask));
        self.answers.short(ask, Kind::Challenge, cookie, key);
    }

    /// REGISTER: with an accepted cookie the source is proven and the row is made (R-REG-11 to R-REG-15).
    fn register(&mut self, ask: &Ask, key: &UserKey, register: &Register<'_>) {
        let (realm, user) = (ask.header.realm, ask.header.user);
        if let Some((verdict, code, value)) = unfit(realm, user, register.content) {
            return self.reject_register(ask, key, register, (verdict, code, value));
        }
        let session = key.session_id(ask.header.sequence, register.cookie);
        if self.is_held(session) {
            return self.dropped("held");
        }
        if let Some(id) = self.registry.by_session(session) {
            return self.registered_again(ask, id, &register.view);
        }
        if self.unborn.has(ask.now, session) {
            return self.dropped("replay");
        }
        let registrant = self.registrant(ask);
        if !self.cookies.register_holds(ask.now, &registrant, register.cookie) {
            return self.challenge(ask, key);
        }
        let last_stamp = self.stamps(ask.now).plausible(register.last_stamp);
        if let Err(reason) = self.may_register(ask, register, last_stamp) {
            return self.reject_register(ask, key, register, reason);
        }
        let stamp = self.stamps(ask.now).stamp(registrant.stamp, last_stamp, register.takeover);
        self.admit(ask, &key.session_key(session), session, stamp, register);
    }

    /// The same REGISTER once more (R-REG-12): the answer was lost, or somebody replays it.
    fn registered_again(&mut self, ask: &Ask, id: RowId, asked: &View) {
        let lost = self.registry.row(id).is_some_and(|row| {
            (row.realm(), row.user()) == (ask.header.realm, ask.header.user)
                && row.is_here()
                && !row.had_heartbeat()
                && row.address() == Some(ask.from)
        });
        if lost { self.registered(ask, id, asked) } else { self.dropped("replay") }
    }

    /// R-REG-14 and R-REG-15.
    fn may_register(
        &mut self,
        ask: &Ask,
        register: &Register<'_>,
        last_stamp: Stamp,
    ) -> Result<(), (Verdict, RejectCode, u32)> {
        let realm = ask.header.realm;
        let row = self.registry.by_user(realm, ask.header.user).and_then(|id| self.registry.row(id));
        let other = row.filter(|row| row.instance() != register.instance);
        if !register.takeover && other.is_some_and(|row| last_stamp < row.stamp()) {
            return Err((Verdict::Taken, RejectCode::Taken, 0));
        }
        if let Err(wait) = self.users.change(ask.now, realm, ask.header.user) {
            return Err((Verdict::Changes, RejectCode::Rate, self.rate_wait_ms(ask, wait)));
        }
        let (adds, known) = (row.is_none(), self.registry.counts(realm).known);
        match self.budgets.register(ask.now, realm, known, adds) {
            Ok(()) => Ok(()),
            Err(Over::Full) => Err((Verdict::Full, RejectCode::Full, self.settings.check_time_ms())),
            Err(Over::Rate(wait)) => Err((Verdict::Rate, RejectCode::Rate, self.rate_wait_ms(ask, wait))),
        }
    }

    /// Those who wait come one after the other, not all at the first free moment.
    fn rate_wait_ms(&self, ask: &Ask, wait: Duration) -> u32 {
        let spread = self.come_back.first_delay_ms(SessionId(ask.header.sequence), RATE_SPREAD);
        u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).saturating_add(spread).max(1)
    }

    /// Makes or replaces the row.
    fn admit(
        &mut self,
        ask: &Ask,
        key: &SessionKey,
        session: SessionId,
        stamp: Stamp,
        register: &Register<'_>,
    ) {
        let (realm, user) = (ask.header.realm, ask.header.user);
        let before = self.registry.by_user(realm, user).and_then(|id| self.registry.row(id));
        let same_machine = before.as_ref().map(|row| row.instance() == register.instance);
        let kept = before.is_some_and(|row| {
            row.content() == register.content.as_bytes() && row.address() == Some(ask.from)
        });
        let registered = self.registry.register(
            ask.now,
            &NewRow {
                realm,
                user,
                session,
                key: key.as_bytes(),
                generation: self.keyring.generation(realm, user),
                stamp,
                server: self.server,
                instance: register.instance,
                content: register.content.as_bytes(),
                content_version: register.content_version,
                group: register.content.conference(),
                address: Some(ask.from),
                since: self.wall.read(ask.now),
                check_time: self.settings.check_time,
            },
        );
        let Some(registered) = registered else { return self.dropped("realm") };
        let id = registered.row;
        self.follow(id, &register.view, register.push);
        if !kept {
            self.sign(ask.now, id);
        }
        self.displaced(ask.now, registered.displaced);
        let event = if same_machine == Some(false) { "replace" } else { "join" };
        self.watch(ask.now, event, id);
        self.tell_if_current(id, register);
        self.answer_registration(ask, session, &register.view);
    }

    /// A host that registers anew with what it had needs no copy: pushes may go on from there.
    fn tell_if_current(&mut self, id: RowId, register: &Register<'_>) {
        let Some(view) = self.granted_view(id) else { return };
        let revision = self.registry.revision(view);
        let own = register.incarnation == self.answers.incarnation() && register.revision == revision;
        if own && self.registry.root(view) == register.digest {
            self.registry.set_told(id, revision);
        }
    }

    /// Sends REGISTERED for a row as it is.
    pub(super) fn registered(&mut self, ask: &Ask, id: RowId, asked: &View) {
        let granted = self.granted(id, Some(asked));
        let view = self.granted_view(id);
        let hms = self.list_for(ask, ask.from);
        let Some(row) = self.registry.row(id) else { return };
        let replicated = self.says_replicated(row.session());
        let body = RegisteredBody {
            incarnation: self.answers.incarnation(),
            number: self.answers.number(),
            stamp: row.stamp(),
            server: self.server,
            revision: view.map(|view| self.registry.revision(view)).unwrap_or_default(),
            content_version: row.content_version(),
            check_time_ms: u32::try_from(row.check_time().as_millis()).unwrap_or(u32::MAX),
            first_delay_ms: self.come_back.first_delay_ms(row.session(), row.check_time()),
            settings: Settings {
                observed: row.address(),
                hms,
                cluster_key: Some(self.cluster.public()),
                realm_name: self.keyring.realm(row.realm()).map(|realm| realm.name.clone()),
                check_time_ms: None,
                granted: Some(granted),
                mode: Some(self.settings.update),
                replicated,
            },
        };
        let header = Header { session: row.session(), ..ask.header.answer(Kind::Registered) };
        self.answers.send(ask.back(), &header, &StoredKey(row.key()), |buf| body.emit(buf));
    }
}

/// An ENTRY without its content: head, fixed part, ADDRESS and SIGNATURE.
const ENTRY_OVERHEAD: usize = 3 + 33 + (3 + 19) + (3 + 72);
const _: () = assert!(CONTENT_MAX == DATAGRAM_MAX - PageMessage::OVERHEAD - ENTRY_OVERHEAD);
/// How far those that a full rate sends away are spread.
const RATE_SPREAD: Duration = Duration::from_secs(2);

/// Why content cannot be taken: its name is another user's (R-AUT-03), or no page has room for it.
pub(super) fn unfit(
    realm: RealmId,
    user: UserId,
    content: ContentRef<'_>,
) -> Option<(Verdict, RejectCode, u32)> {
    if user_id(realm, content.user_name()) != user {
        return Some((Verdict::Name, RejectCode::Name, 0));
    }
    // No single TLV is at fault.
    (content.as_bytes().len() > CONTENT_MAX).then_some((Verdict::Content, RejectCode::Content, 0))
}
