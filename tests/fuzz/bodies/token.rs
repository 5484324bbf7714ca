//! Join tokens and invitations: as text, and as fields behind a right checksum.

use data_encoding::BASE32_NOPAD;
use hms::token::{Invitation, InvitationError, PREFIX, Token, TokenError};
use ring::digest;

pub(super) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Token::parse(&text) {
        Ok(token) => assert_eq!(token.encode(), text.trim().to_ascii_lowercase(), "a token has one form"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let word = coded(PREFIX, data);
    match Token::parse(&format!(" {}\n", word.to_ascii_uppercase())) {
        Ok(token) => {
            assert_eq!(token.encode(), word);
            assert_eq!(Token::parse(&token.encode()), Ok(token));
        }
        // The checksum fits, so nobody mistyped it (R-AUT-50).
        Err(error) => assert!(matches!(error, TokenError::Format(_) | TokenError::Malformed), "{error:?}"),
    }
    invitation(&text, data);
}

fn invitation(text: &str, fields: &[u8]) {
    match Invitation::parse(text) {
        Ok(read) => assert_eq!(read.encode(), text.trim().to_ascii_lowercase(), "an invitation has one form"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let word = coded("hmsp1_", fields);
    match Invitation::parse(&word) {
        Ok(read) => assert_eq!(read.encode(), word),
        Err(error) => {
            assert!(matches!(error, InvitationError::Format(_) | InvitationError::Malformed), "{error:?}");
        }
    }
}

/// These fields with a right checksum.
fn coded(prefix: &str, fields: &[u8]) -> String {
    let sum = digest::digest(&digest::SHA256, fields);
    let bytes = [fields, &sum.as_ref()[..4]].concat();
    prefix.to_owned() + &BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
}
