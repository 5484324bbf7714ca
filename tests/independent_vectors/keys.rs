//! Chapter 3 and the digests of 4.6.

use hms::auth::{self, ClusterKey, CookieKey, Registrant, Window};
use hms::directory::entry_digest;
use hms::ident::{Incarnation, Stamp, UserId};
use hms::shows;
use hms::time::Instant;

use crate::{array, bytes, hex, number, rows, text, user, vectors};

#[test]
fn the_key_tree_is_the_same() {
    shows!("R-AUT-02", "R-AUT-03");
    let vectors = vectors();
    for row in rows(&vectors, "users") {
        let user = user(&vectors, row);
        assert_eq!(hex(user.id.0), text(row, "user_id"));
        assert_eq!(hex(user.key.as_bytes()), text(row, "user_key"));
        assert_eq!(hex(user.session.0.to_be_bytes()), text(row, "session_id"));
        assert_eq!(hex(user.key.session_key(user.session).as_bytes()), text(row, "session_key"));
    }
}

#[test]
fn cookies_live_as_long() {
    shows!("R-AUT-10", "R-AUT-11");
    let vectors = vectors();
    let key = CookieKey::new(array(&vectors["cookies"], "cookie_key"));
    for row in vectors["cookies"]["made"].as_array().expect("a list") {
        let user = user(&vectors, row);
        let source = text(row, "source").parse().expect("an address");
        let incarnation =
            Incarnation(row["incarnation"].as_u64().and_then(|i| i.try_into().ok()).expect("u32"));
        let stamp = Stamp(number(row, "known_stamp"));
        let who = Registrant { source, realm: user.realm, user: user.id, nonce: user.nonce, stamp };
        let at = Instant::from_micros;
        let now = at(number(row, "now_us"));
        let (first, until) = (number(row, "registration_cookie"), number(row, "registration_until_us"));
        assert_eq!(key.register(now, &who), first);
        assert!(key.register_holds(now, &who, first) && key.register_holds(at(until - 1), &who, first));
        assert!(!key.register_holds(at(until), &who, first));
        let newer = Registrant { stamp: Stamp(stamp.0 ^ 1), ..who };
        assert!(!key.register_holds(now, &newer, first), "a registration came between");
        let (second, until) = (number(row, "session_cookie"), number(row, "session_until_us"));
        assert_eq!(key.session(now, source, user.session, incarnation), second);
        let holds = |now| key.session_holds(now, source, user.session, incarnation, second);
        assert!(holds(now) && holds(at(until - 1)) && !holds(at(until)));
    }
}

#[test]
fn windows_take_the_same_sequences() {
    shows!("R-AUT-21");
    for run in rows(&vectors(), "windows") {
        let mut window = Window::new();
        for step in run.as_array().expect("a run") {
            let sequence = step[0].as_str().and_then(|s| s.parse().ok()).expect("a sequence");
            assert_eq!(step[1], window.accept(sequence), "{sequence} of {run}");
        }
    }
}

#[test]
fn digests_are_the_same() {
    shows!("R-DIR-02", "R-REV-02");
    let vectors = vectors();
    let mut sum = 0u64;
    for row in rows(&vectors["digests"], "entries") {
        let user = UserId(array(row, "user_id"));
        let address = row["address"].as_str().map(|ip| ip.parse().expect("an address"));
        let late = row["late"].as_bool().expect("a flag");
        let digest = entry_digest(user, late, address, &bytes(row, "content"));
        assert_eq!(digest, number(row, "digest"));
        assert_eq!(row["bucket"], user.bucket());
        sum = sum.wrapping_add(digest);
    }
    assert_eq!(sum, number(&vectors["digests"], "sum"));
}

#[test]
fn signatures_hold_or_not() {
    shows!("R-AUT-40");
    let vectors = vectors();
    let ours = ClusterKey::from_seed(&array(&vectors, "cluster_seed"));
    for row in rows(&vectors, "signatures") {
        let (user, name) = (user(&vectors, row), text(row, "name"));
        let (issued, content) = (number(row, "issued"), bytes(row, "content"));
        let address = text(row, "address").parse().expect("an address");
        let (public, signature) = (array(row, "cluster_key"), array(row, "signature"));
        let holds = auth::fixed_holds(&public, user.realm, user.id, issued, address, &content, &signature);
        assert_eq!(row["holds"], holds, "{name}");
        if holds {
            assert_eq!(ours.public(), public);
            assert_eq!(ours.sign_fixed(user.realm, user.id, issued, address, &content), signature, "{name}");
        }
    }
}
