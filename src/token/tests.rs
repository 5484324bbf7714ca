use super::*;

fn token() -> Token {
    Token {
        realm: RealmId(0x0102_0304),
        epoch: Epoch(1),
        generation: Generation(5),
        user_key: UserKey::from_bytes([7; 32]),
        cluster_key: [9; 32],
        user_name: Name::new("room-12").expect("a name"),
        realm_name: Name::new("7q2m").expect("a name"),
        addresses: vec![
            "10.1.0.5:6710".parse().expect("an address"),
            "[2001:db8::5]:6710".parse().expect("an address"),
        ],
    }
}

/// A token with these bytes behind the prefix and a checksum that fits.
fn with_payload(payload: &[u8]) -> String {
    let mut bytes = payload.to_vec();
    bytes.extend_from_slice(&checksum(payload));
    format!("{PREFIX}{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}

fn payload(token: &Token) -> Vec<u8> {
    let word = token.encode().strip_prefix(PREFIX).expect("the prefix").to_ascii_uppercase();
    let mut bytes = BASE32_NOPAD.decode(word.as_bytes()).expect("base32");
    bytes.truncate(bytes.len() - CHECKSUM_LEN);
    bytes
}

#[test]
fn goes_there_and_back() {
    let token = token();
    let word = token.encode();
    assert!(word.starts_with(PREFIX));
    assert!(word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    assert_eq!(Token::parse(&word), Ok(token.clone()));
    let bare = Token { addresses: Vec::new(), ..token };
    assert_eq!(Token::parse(&bare.encode()), Ok(bare));
}

#[test]
fn is_laid_out_as_the_specification_says() {
    let bytes = payload(&token());
    let expected = [
        [1, 1, 2, 3, 4, 1, 0, 0, 0, 0, 0, 0, 0, 5].as_slice(),
        &[7; 32],
        &[9; 32],
        b"\x07room-12\x047q2m\x02",
        &[4, 10, 1, 0, 5, 0x1a, 0x36],
        &[6, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0x1a, 0x36],
    ]
    .concat();
    assert_eq!(bytes, expected);
}

#[test]
fn white_space_and_upper_case_do_no_harm() {
    shows!("R-AUT-50");
    let word = token().encode();
    assert_eq!(Token::parse(&format!("  {word}\r\n")), Ok(token()));
    assert_eq!(Token::parse(&word.to_ascii_uppercase()), Ok(token()));
}

#[test]
fn one_wrong_character_is_called_mistyped() {
    shows!("R-AUT-50");
    let word = token().encode();
    for at in PREFIX.len()..word.len() {
        for other in ["a", "7", "1", "0", "_", "é"] {
            let mut wrong = word.clone();
            wrong.replace_range(at..=at, other);
            if wrong != word {
                assert_eq!(Token::parse(&wrong), Err(TokenError::Mistyped), "{wrong}");
            }
        }
        let short = word.split_at(at).0;
        assert_eq!(Token::parse(short), Err(TokenError::Mistyped), "{short}");
    }
}

#[test]
fn every_cut_with_a_fitting_checksum_is_malformed() {
    let whole = payload(&token());
    for end in 0..whole.len() {
        let cut = with_payload(whole.split_at(end).0);
        assert_eq!(Token::parse(&cut), Err(TokenError::Malformed), "{end} bytes");
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert_eq!(Token::parse(&with_payload(&longer)), Err(TokenError::Malformed));
    let mut newer = whole;
    newer.first_mut().map(|format| *format = 2).expect("a byte");
    assert_eq!(Token::parse(&with_payload(&newer)), Err(TokenError::Format(2)));
}

#[test]
fn what_is_no_token_is_told_apart() {
    let cases = [
        ("", TokenError::Empty),
        (" \n", TokenError::Empty),
        ("hello", TokenError::NotAToken),
        ("hms", TokenError::NotAToken),
        ("hmsp1_abc", TokenError::Invitation),
        ("hms2_abc", TokenError::Newer),
        ("hms join hms1_abc", TokenError::Surrounded),
        ("hms1_", TokenError::Mistyped),
    ];
    for (text, error) in cases {
        assert_eq!(Token::parse(text), Err(error), "{text:?}");
    }
    assert!(TokenError::Invitation.to_string().contains("hms serve --join"));
    assert!(TokenError::Mistyped.to_string().contains("mistyped"));
}

#[test]
fn the_name_gives_the_user_id() {
    let token = token();
    assert_eq!(token.user_id(), user_id(token.realm, "room-12"));
}

#[test]
fn the_key_is_not_shown() {
    assert!(!format!("{:?}", token()).contains("7, 7, 7"));
}
