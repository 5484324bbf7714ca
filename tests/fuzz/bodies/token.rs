//! Join tokens: as text, and as fields behind a right checksum.

use data_encoding::BASE32_NOPAD;
use hms::token::{PREFIX, Token, TokenError};
use ring::digest;

pub(super) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Token::parse(&text) {
        Ok(token) => assert_eq!(token.encode(), text.trim().to_ascii_lowercase(), "a token has one form"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let word = coded(data);
    match Token::parse(&format!(" {}\n", word.to_ascii_uppercase())) {
        Ok(token) => {
            assert_eq!(token.encode(), word);
            assert_eq!(Token::parse(&token.encode()), Ok(token));
        }
        // The checksum fits, so nobody mistyped it (R-AUT-50).
        Err(error) => assert!(matches!(error, TokenError::Format(_) | TokenError::Malformed), "{error:?}"),
    }
}

/// These fields with a right checksum.
fn coded(fields: &[u8]) -> String {
    let sum = digest::digest(&digest::SHA256, fields);
    let bytes = [fields, &sum.as_ref()[..4]].concat();
    PREFIX.to_owned() + &BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
}
