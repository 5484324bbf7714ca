//! RFC 4231 and RFC 5869.

use super::{hex, hex32};
use crate::auth::hash::{expand, extract, mac, mac_key};

#[test]
fn hmac_gives_the_results_of_rfc_4231() {
    let larger = "This is a test using a larger than block-size key and a larger than block-size data. \
                  The key needs to be hashed before being used by the HMAC algorithm.";
    let cases: [(&[u8], &[u8], &str); 6] = [
        (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (
            &hex("0102030405060708090a0b0c0d0e0f10111213141516171819"),
            &[0xcd; 50],
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (&[0xaa; 131], larger.as_bytes(), "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ];
    for (key, data, expected) in cases {
        assert_eq!(mac(&mac_key(key), &[data]), hex32(expected));
        let (head, tail) = data.split_at(data.len() / 2);
        assert_eq!(mac(&mac_key(key), &[head, &[], tail]), hex32(expected), "in parts");
    }
}

#[test]
fn truncated_hmac_gives_the_result_of_rfc_4231() {
    let whole = mac(&mac_key(&[0x0c; 20]), &[b"Test With Truncation"]);
    assert_eq!(crate::auth::hash::first::<16>(&whole).as_slice(), hex("a3b6167473100ee06e0c796c2955552b"));
}

/// RFC 5869 expands to 42 or 82 bytes; the first 32 of them are what 32 asked for give.
#[test]
fn hkdf_gives_the_results_of_rfc_5869() {
    let cases = [
        (
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
            "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf",
        ),
        (
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\
             202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f\
             404142434445464748494a4b4c4d4e4f",
            "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f\
             808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f\
             a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
            "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf\
             d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef\
             f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
            "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c",
        ),
        (
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
            "",
            "",
            "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d",
        ),
    ];
    for (secret, salt, info, prk, key) in cases {
        let (secret, salt, info) = (hex(secret), hex(salt), hex(info));
        assert_eq!(mac(&mac_key(&salt), &[&secret]), hex32(prk));
        assert_eq!(expand(&extract(&salt, &secret), &[&info]), hex32(key));
        assert_eq!(expand(&mac_key(&hex32(prk)), &[&info]), hex32(key));
    }
}

#[test]
fn hkdf_is_that_of_the_library() {
    let secret = [0x42; 32];
    let mut expected = [0; 32];
    ring::hkdf::Salt::new(ring::hkdf::HKDF_SHA256, b"hms1")
        .extract(&secret)
        .expand(&[b"hms1 user", b"12345678"], ring::hkdf::HKDF_SHA256)
        .expect("32 bytes can be had")
        .fill(&mut expected)
        .expect("the length fits");
    assert_eq!(expand(&extract(b"hms1", &secret), &[b"hms1 user", b"12345678"]), expected);
}
