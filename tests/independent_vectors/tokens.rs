//! Join tokens (3.6).

use hms::shows;
use hms::token::{Token, TokenError};

use crate::{hex, rows, text, user, vectors};

#[test]
fn tokens_say_the_same() {
    shows!("R-AUT-50", "R-FMT-10");
    let vectors = vectors();
    for row in rows(&vectors, "tokens") {
        let (user, written) = (user(&vectors, row), text(row, "token"));
        let also = row["also"].as_array().expect("a list").iter().map(|w| w.as_str().expect("a token"));
        for form in also.chain([written]) {
            let token = Token::parse(form).unwrap_or_else(|why| panic!("{form:?}: {why}"));
            assert_eq!(
                (token.realm, token.epoch, token.generation),
                (user.realm, user.epoch, user.generation)
            );
            assert_eq!(token.user_key.as_bytes(), user.key.as_bytes());
            assert_eq!(hex(token.cluster_key), text(row, "cluster_key"));
            assert_eq!(token.user_name.as_str(), text(row, "user_name"));
            assert_eq!(token.realm_name.as_str(), text(row, "realm_name"));
            let addresses: Vec<String> = token.addresses.iter().map(ToString::to_string).collect();
            assert_eq!(row["addresses"], serde_json::json!(addresses));
            assert_eq!(token.encode(), written);
        }
    }
}

#[test]
fn wrong_tokens_are_refused() {
    shows!("R-AUT-50");
    let vectors = vectors();
    for row in rows(&vectors, "wrong_tokens") {
        let name = text(row, "name");
        let why = Token::parse(text(row, "token")).map(|_| ()).expect_err(name);
        assert_eq!(row["mistyped"], matches!(why, TokenError::Mistyped), "{name}: {why:?}");
    }
    for inside in rows(&vectors, "white_space_inside") {
        assert!(Token::parse(inside.as_str().expect("a token")).is_err(), "{inside}");
    }
}
