//! What an HMS says to a host: what it should, what it may, and what only somebody else would.

use hms::auth::seal_checksum;
use hms::ident::{Epoch, Incarnation, Name, RealmId, Revision, ServerId, SessionId, Stamp, UserId};
use hms::limits::BUCKETS;
use hms::wire::{
    Ack, Announce, AnnounceEvent, Changes, Content, ContentRef, Digests, Entry, EntryHead, Gone, GoneReason,
    GrantReason, Granted, Header, Hint, HintCode, HmsInfo, Item, Kind, Offer, PageInfo, PageKind,
    PageMessage, Registered, RejectCode, Settings, Short, Signature, UpdateMode, flag,
};

use super::super::input::Input;
use super::super::keys::{cluster_public, name};
use super::rig::{HMS, Rig};

impl Rig {
    /// INIT, CHALLENGE, REGISTER, REGISTERED; nothing if the host wants something else.
    pub(super) fn join(&mut self) {
        for (asked, answer) in [(Kind::Init, Kind::Challenge), (Kind::Register, Kind::Registered)] {
            let Some(head) = self.asked(0).filter(|head| head.kind == asked) else { return };
            let (incarnation, number) = self.next();
            let bytes = if answer == Kind::Challenge {
                let body = Short { incarnation, number, argument: 5 };
                self.sealed(&head.answer(answer), |buf| body.emit(buf))
            } else {
                let body = registered(&mut Input::new(&[]), incarnation, number);
                let session = self.session_of(head.sequence, 5);
                self.sealed(&Header { session, ..head.answer(answer) }, |buf| body.emit(buf))
            };
            self.deliver(HMS[0], &bytes);
        }
    }

    fn session_of(&self, nonce: u64, cookie: u64) -> SessionId {
        super::super::keys::user_key(super::super::keys::user("ann")).session_id(nonce, cookie)
    }
}

/// The answer that belongs to what was asked.
pub(super) fn proper(rig: &mut Rig, input: &mut Input<'_>) {
    if input.one_in(16) {
        rig.incarnation = Incarnation(input.number32());
    }
    let Some(head) = rig.asked(input.below(6)) else { return };
    let (incarnation, number) = rig.next();
    let short = |argument| Short { incarnation, number, argument };
    let bytes = match head.kind {
        Kind::Init => rig.sealed(&head.answer(Kind::Challenge), |buf| short(input.number()).emit(buf)),
        Kind::Register => {
            // The cookie is the host's to know: the last ones are tried.
            let session = rig.session_of(head.sequence, input.number());
            let body = registered(input, incarnation, number);
            rig.sealed(&Header { session, ..head.answer(Kind::Registered) }, |buf| body.emit(buf))
        }
        Kind::Heartbeat => ack(rig, input, &head, (incarnation, number)),
        Kind::Pull if input.one_in(4) => {
            let mut buckets = [0; BUCKETS];
            buckets[input.below(BUCKETS)] = input.number();
            let (revision, root) = (Revision(input.number32()), input.number());
            let body = Digests { incarnation, number, revision, root, buckets };
            rig.sealed(&head.answer(Kind::Digests), |buf| body.emit(buf))
        }
        Kind::Pull | Kind::Find => page(rig, input, &head, (incarnation, number)),
        Kind::Leave => rig.sealed(&head.answer(Kind::Left), |buf| short(0).emit(buf)),
        _ => {
            let server = ServerId(input.number());
            let body = Offer { primary: input.one_in(2), incarnation, number, server, hms: list(input) };
            let head = Header { flags: body.flags(), ..head.answer(Kind::Offer) };
            rig.sealed(&head, |buf| body.emit(buf))
        }
    };
    rig.deliver(HMS[0], &bytes);
}

/// A short answer of any type to anything that was asked.
pub(super) fn short(rig: &mut Rig, input: &mut Input<'_>) {
    let kind = input.pick(&[
        Kind::Challenge,
        Kind::Superseded,
        Kind::Reregister,
        Kind::Retry,
        Kind::Redirect,
        Kind::Reject,
        Kind::Left,
    ]);
    let Some(head) = rig.asked(input.below(6)) else { return };
    let (incarnation, number) = rig.next();
    let mut argument = input.number();
    if kind == Kind::Reject {
        let code = RejectCode::from_code(u16::from(input.byte() % 9));
        argument = Short::reject_argument(code, argument.min(u64::from(u32::MAX)) as u32);
    }
    let body = Short { incarnation, number, argument };
    let bytes = rig.sealed(&head.answer(kind), |buf| body.emit(buf));
    rig.deliver(HMS[1], &bytes);
}

/// A right answer under a wrong key.
pub(super) fn forged(rig: &mut Rig, input: &mut Input<'_>) {
    let Some(head) = rig.asked(input.below(6)) else { return };
    let (incarnation, number) = rig.next();
    let kind = input.pick(&[Kind::Challenge, Kind::Reject, Kind::Ack, Kind::Left, Kind::Superseded]);
    let body = Short { incarnation, number, argument: input.number() };
    let bytes = rig.forged(&head.answer(kind), |buf| body.emit(buf));
    rig.deliver(HMS[0], &bytes);
}

/// HINT and ANNOUNCE, which anybody can make.
pub(super) fn bare(rig: &mut Rig, input: &mut Input<'_>) {
    let Some(asked) = rig.asked(input.below(6)) else { return };
    let mut bytes = Vec::new();
    if input.one_in(2) {
        let code = HintCode::from_code(u16::from(input.byte()) % 6);
        let head = Header { flags: flag::UNAUTHENTICATED, session: SessionId(0), ..asked.answer(Kind::Hint) };
        head.emit(&mut bytes);
        Hint::new(code).emit(&mut bytes);
    } else {
        Header {
            kind: Kind::Announce,
            flags: flag::UNAUTHENTICATED,
            epoch: Epoch(0),
            realm: RealmId(0),
            user: UserId::default(),
            session: SessionId(0),
            sequence: input.number(),
        }
        .emit(&mut bytes);
        let event = AnnounceEvent::from_code(input.byte() % 5);
        Announce { server: ServerId(input.number()), event, port: input.u16() }.emit(&mut bytes);
    }
    seal_checksum(&mut bytes);
    rig.deliver(HMS[0], &bytes);
}

fn registered(input: &mut Input<'_>, incarnation: Incarnation, number: u64) -> Registered {
    Registered {
        incarnation,
        number,
        stamp: Stamp(input.number()),
        server: ServerId(input.number()),
        revision: Revision(input.number32()),
        content_version: input.number32(),
        check_time_ms: input.pick(&[30_000, 0, 1000, u32::MAX, 86_400_000]),
        first_delay_ms: input.number32(),
        settings: settings(input),
    }
}

fn settings(input: &mut Input<'_>) -> Settings {
    let has = input.byte();
    let on = |bit: u8| has & (1 << bit) != 0;
    Settings {
        observed: on(0).then(|| ([10, 0, 3, input.byte()], 40_000).into()),
        hms: if on(1) { list(input) } else { Vec::new() },
        cluster_key: on(2).then(|| if input.one_in(2) { [input.byte(); 32] } else { cluster_public() }),
        realm_name: on(3).then(|| name("other")),
        check_time_ms: on(4).then(|| input.number32()),
        granted: on(5)
            .then(|| Granted { kind: input.byte() % 5, reason: GrantReason::from_code(input.byte() % 4) }),
        mode: on(6).then(|| UpdateMode::from_code(input.byte() % 5)),
        replicated: on(7).then(|| input.one_in(2)),
    }
}

fn list(input: &mut Input<'_>) -> Vec<HmsInfo> {
    let one = |input: &mut Input<'_>| HmsInfo {
        server: ServerId(input.number()),
        primary: input.one_in(2),
        sender: input.one_in(2),
        name: Name::new(input.pick(&["atlas", "osaka"])).expect("a name"),
        addresses: (0..input.below(9)).map(|at| ([10, 0, at as u8, input.byte()], 6710).into()).collect(),
    };
    (0..input.below(17)).map(|_| one(input)).collect()
}

/// Content in a few sizes.
fn content(which: u8) -> Vec<u8> {
    let mut content =
        Content::new(name(["ann", "bob", "carol", "dora"][usize::from(which % 4)]), name("desk"));
    content.fixed = which & 4 != 0;
    content.conference = (which & 8 != 0).then(|| name(&"c".repeat(64)));
    content.to_bytes()
}

/// Draws a page and hands it out, while the contents that it borrows are there.
fn changes<T>(input: &mut Input<'_>, kinds: &[PageKind], then: impl FnOnce(Changes<'_>) -> T) -> T {
    let info = PageInfo {
        kind: input.pick(kinds),
        more: input.one_in(3),
        from: Revision(input.number32()),
        to: Revision(input.number32()),
        after: UserId([input.byte(); 8]),
        up_to: if input.one_in(2) { UserId::MAX } else { UserId([input.byte(); 8]) },
        total: input.number32(),
    };
    let drawn: Vec<(u8, u8, u32, Vec<u8>)> = (0..input.below(8))
        .map(|_| (input.byte(), input.byte(), input.number32(), content(input.byte())))
        .collect();
    let items = drawn.iter().map(|(user, how, revision, content)| item(*user, *how, *revision, content));
    then(Changes { info, items: items.collect() })
}

fn item(user: u8, how: u8, revision: u32, content: &[u8]) -> Item<'_> {
    let (user, revision) = (UserId([user; 8]), Revision(revision));
    if how & 1 != 0 {
        return Item::Gone(Gone { user, revision, reason: GoneReason::from_code(how >> 1 & 7) });
    }
    Item::Entry(Entry {
        head: EntryHead {
            user,
            revision,
            late: how & 2 != 0,
            unconfirmed: how & 4 != 0,
            since: u64::from(how) << 54,
            check_time_s: 30,
            home: ServerId(u64::from(how >> 6)),
        },
        content: ContentRef::trusted(content),
        address: (how & 8 == 0).then(|| ([10, 0, 4, user.0[0]], 5000).into()),
        signature: (how & 16 != 0).then_some(Signature { issued: 1_700_000_000, bytes: [how; 64] }),
    })
}

fn ack(
    rig: &Rig,
    input: &mut Input<'_>,
    head: &Header,
    (incarnation, number): (Incarnation, u64),
) -> Vec<u8> {
    let how = input.byte();
    let (revision, content_version) = (Revision(input.number32()), input.number32());
    let settings = if how & 8 != 0 { settings(input) } else { Settings::default() };
    let write = |changes: Option<Changes<'_>>| {
        let body = Ack {
            want_content: how & 1 != 0,
            resync: how & 2 != 0,
            equal: how & 4 != 0,
            incarnation,
            number,
            revision,
            content_version,
            settings: settings.clone(),
            changes,
        };
        let head = Header { flags: body.flags(), ..head.answer(Kind::Ack) };
        rig.sealed(&head, |buf| body.emit(buf))
    };
    if how & 16 == 0 {
        return write(None);
    }
    changes(input, &[PageKind::Delta, PageKind::Copy, PageKind::Whole], |changes| write(Some(changes)))
}

/// PAGE, to what was asked, or pushed.
fn page(
    rig: &Rig,
    input: &mut Input<'_>,
    head: &Header,
    (incarnation, number): (Incarnation, u64),
) -> Vec<u8> {
    let push = input.one_in(4);
    let kinds = [PageKind::Copy, PageKind::Delta, PageKind::Whole, PageKind::Find];
    changes(input, &kinds, |changes| {
        let body = PageMessage { push, incarnation, number, changes };
        let sequence = if push { 0 } else { head.sequence };
        let head = Header { flags: body.flags(), sequence, ..head.answer(Kind::Page) };
        rig.sealed(&head, |buf| body.emit(buf))
    })
}
