//! Keys, tags and cookies against one HMAC.

use std::hint::black_box;

use hms::auth::{self, CookieKey, DatagramKey as _, ReadyKey, RealmSecret, Registrant, SessionKey};
use hms::ident::{Incarnation, RealmId, SessionId, Stamp, UserId};
use hms::time::Instant;
use hms::wire::Unverified;

use crate::cpu::timed;
use crate::measure::{Report, What, hmacs};

const COUNT: usize = 20_000;
const YARDSTICK: &str = "one HMAC over 52 bytes";

/// One line: `work` is given a number that differs each time.
fn line(report: &mut Report, what: &str, mut work: impl FnMut(u64)) {
    let what = What { what, rows: 0, yardstick: YARDSTICK, bounds: None };
    report.compare(what, || hmacs(&[52], COUNT), || timed(COUNT, || (0..COUNT as u64).for_each(&mut work)));
}

pub(crate) fn run(report: &mut Report) {
    report.group("auth", "against one HMAC over 52 bytes, key set up for each");
    let key = SessionKey::from_bytes([7; 32]);
    let mut datagram = crate::hosts::steady(&key);
    line(report, "open a heartbeat", |_| {
        let unverified = Unverified::parse(&datagram).expect("a header");
        black_box(auth::open(black_box(&key), unverified).expect("a tag"));
    });
    let ready_bytes = *key.as_bytes();
    let unverified = datagram.clone();
    line(report, "open a heartbeat and seal its answer", |_| {
        let ready = ReadyKey::new(black_box(&ready_bytes));
        let unverified = Unverified::parse(&unverified).expect("a header");
        black_box(auth::open(&ready, unverified).expect("a tag"));
        black_box(ready.tag(black_box(&datagram[..52])));
    });
    line(report, "seal 52 bytes", |_| {
        datagram.truncate(52);
        auth::seal(black_box(&key), &mut datagram);
    });
    let secret = RealmSecret::new([5; 32]);
    line(report, "user key from the realm's secret", |i| {
        black_box(secret.user_key(UserId(i.to_be_bytes()), Default::default()));
    });
    let user = secret.user_key(UserId([1; 8]), Default::default());
    line(report, "session key from the user key", |i| {
        black_box(user.session_key(SessionId(i)));
    });
    line(report, "session id from nonce and cookie", |i| {
        black_box(user.session_id(i, 9));
    });
    let (cookies, source) = (CookieKey::new([3; 32]), ([10, 0, 0, 1], 40_000).into());
    line(report, "registration cookie, made", |i| {
        let who = Registrant { source, realm: RealmId(7), user: UserId([1; 8]), nonce: i, stamp: Stamp(0) };
        black_box(cookies.register(Instant::from_secs(60), &who));
    });
    line(report, "session cookie, checked", |i| {
        let now = Instant::from_secs(60);
        black_box(cookies.session_holds(now, source, SessionId(i), Incarnation(1), i));
    });
}
