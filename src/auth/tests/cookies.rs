//! Cookies: what they are bound to, and how long they live.

use std::net::SocketAddr;

use crate::auth::{CookieKey, Registrant};
use crate::ident::{Incarnation, RealmId, SessionId, Stamp, UserId};
use crate::time::{Duration, Instant};

const NOW: Instant = Instant::from_secs(100);
const SESSION: SessionId = SessionId(0x0ae1_98d1_fe28_94e6);
const INCARNATION: Incarnation = Incarnation(0xdead_beef);

fn key() -> CookieKey {
    CookieKey::new([0x55; 32])
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn registrant() -> Registrant {
    Registrant {
        source: address("10.1.0.5:6710"),
        realm: RealmId(0x7a0b_0c0d),
        user: UserId([0xf2, 0x45, 0x0a, 0xf3, 0xe3, 0x18, 0x04, 0x4b]),
        nonce: 0x0102_0304_0506_0708,
        stamp: Stamp(9 << 16),
    }
}

#[test]
fn cookies_are_those_of_the_specification() {
    let v6 = address("[2001:db8::5]:6710");
    assert_eq!(key().register(NOW, &registrant()), 0xd7ab_916b_98dd_f06f);
    assert_eq!(key().register(NOW, &Registrant { source: v6, ..registrant() }), 0x9cde_77e0_17dc_b909);
    assert_eq!(key().session(NOW, registrant().source, SESSION, INCARNATION), 0xb7df_6af1_8adb_b79b);
    assert_eq!(key().session(NOW, v6, SESSION, INCARNATION), 0x3e87_ee80_16ad_50c4);
}

#[test]
fn a_registration_cookie_is_bound_to_everything() {
    shows!("R-AUT-11");
    let who = registrant();
    let cookie = key().register(NOW, &who);
    let holds = |who: &Registrant| key().register_holds(NOW, who, cookie);
    assert!(holds(&who));
    assert!(holds(&Registrant { source: address("[::ffff:10.1.0.5]:6710"), ..who }), "the same address");
    assert!(!holds(&Registrant { source: address("10.1.0.6:6710"), ..who }));
    assert!(!holds(&Registrant { source: address("10.1.0.5:6711"), ..who }));
    assert!(!holds(&Registrant { realm: RealmId(1), ..who }));
    assert!(!holds(&Registrant { user: UserId([0; 8]), ..who }));
    assert!(!holds(&Registrant { nonce: 1, ..who }));
    assert!(!holds(&Registrant { stamp: Stamp(10 << 16), ..who }), "a registration succeeded meanwhile");
    assert!(!CookieKey::new([0x56; 32]).register_holds(NOW, &who, cookie), "another process");
    for bit in 0..64 {
        assert!(!key().register_holds(NOW, &who, cookie ^ (1 << bit)), "bit {bit}");
    }
}

#[test]
fn a_session_cookie_is_bound_to_everything() {
    let source = registrant().source;
    let cookie = key().session(NOW, source, SESSION, INCARNATION);
    let holds = |source, session, by| key().session_holds(NOW, source, session, by, cookie);
    assert!(holds(source, SESSION, INCARNATION));
    assert!(!holds(address("10.1.0.5:6711"), SESSION, INCARNATION));
    assert!(!holds(source, SessionId(1), INCARNATION));
    assert!(!holds(source, SESSION, Incarnation(1)));
    for bit in 0..64 {
        assert!(!key().session_holds(NOW, source, SESSION, INCARNATION, cookie ^ (1 << bit)), "bit {bit}");
    }
}

/// How long a cookie made at each instant of a slot is accepted, in steps of 100 ms.
fn lifetimes(slot: Duration, holds_after: impl Fn(Instant, Duration) -> bool) -> (Duration, Duration) {
    let step = Duration::from_millis(100);
    let life = |made: Instant| {
        let ages = (0..).map(|n| step * n);
        let dead = ages.into_iter().find(|age| !holds_after(made, *age)).expect("every cookie dies");
        assert!(!holds_after(made, dead + slot), "and does not come back");
        dead
    };
    let made = (0..)
        .map(|n| Instant::from_secs(300) + step * n)
        .take_while(|at| at.since(Instant::from_secs(300)) < slot * 2);
    let lives: Vec<_> = made.map(life).collect();
    (*lives.iter().min().expect("some"), *lives.iter().max().expect("some"))
}

#[test]
fn cookies_live_one_to_two_slots() {
    shows!("R-AUT-10");
    let who = registrant();
    let register =
        |made: Instant, age: Duration| key().register_holds(made + age, &who, key().register(made, &who));
    let (shortest, longest) = lifetimes(Duration::from_millis(7_500), register);
    assert!(shortest >= Duration::from_millis(7_500), "{shortest:?}");
    assert!(longest <= Duration::from_secs(15), "{longest:?}");

    let session = |made: Instant, age: Duration| {
        let cookie = key().session(made, who.source, SESSION, INCARNATION);
        key().session_holds(made + age, who.source, SESSION, INCARNATION, cookie)
    };
    let (shortest, longest) = lifetimes(Duration::from_secs(15), session);
    assert!(shortest >= Duration::from_secs(15), "{shortest:?}");
    assert!(longest <= Duration::from_secs(30), "{longest:?}");
}

#[test]
fn a_cookie_of_the_future_does_not_hold() {
    let who = registrant();
    let later = key().register(NOW + Duration::from_secs(8), &who);
    assert!(!key().register_holds(NOW, &who, later));
    let first = key().register(Instant::ZERO, &who);
    assert!(key().register_holds(Instant::ZERO, &who, first), "the first slot has none before it");
}
