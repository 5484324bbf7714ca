//! How values stand in JSON: ids and keys as hexadecimal digits, content as base64, so that nothing is lost in
//! programs that take every number for a float.

use std::fmt;
use std::net::SocketAddr;

use data_encoding::{BASE64, HEXLOWER};
use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;
use zeroize::Zeroizing;

use crate::auth::RealmSecret;
use crate::ident::{
    Generation, Incarnation, InstanceId, InvitationId, Name, RealmId, ServerId, Stamp, UserId,
};
use crate::token::Token;
use crate::wire::{Content, ContentRef, View, normal_address};

/// A value that stands in JSON as a string.
pub(super) trait Text: Sized {
    /// What the string looks like, for errors.
    const EXPECTED: &'static str;
    fn write(&self) -> String;
    fn read(text: &str) -> Option<Self>;
}

/// For `#[serde(with = "text")]`.
pub(super) fn serialize<T: Text, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&Zeroizing::new(value.write()))
}

/// For `#[serde(with = "text")]`.
pub(super) fn deserialize<'de, T: Text, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_str(TextVisitor(std::marker::PhantomData))
}

struct TextVisitor<T>(std::marker::PhantomData<T>);

impl<T: Text> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        // The text itself stays out of the message: it may be a damaged secret.
        T::read(text).ok_or_else(|| E::custom(format_args!("a text that is not {}", T::EXPECTED)))
    }
}

/// The same for values that may be absent.
pub(super) mod optional {
    use super::{Deserializer, Serializer, Text};
    use serde::{Deserialize, Serialize};

    struct Wrapped<T>(T);

    impl<T: Text> Serialize for Wrapped<&T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            super::serialize(self.0, serializer)
        }
    }

    impl<'de, T: Text> Deserialize<'de> for Wrapped<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            super::deserialize(deserializer).map(Self)
        }
    }

    pub(in crate::storage) fn serialize<T: Text, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().map(Wrapped).serialize(serializer)
    }

    pub(in crate::storage) fn deserialize<'de, T: Text, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        Ok(Option::<Wrapped<T>>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
    }
}

macro_rules! hex_number {
    ($name:ident($int:ty), $digits:literal) => {
        impl Text for $name {
            const EXPECTED: &'static str = concat!($digits, " hexadecimal digits");

            fn write(&self) -> String {
                self.to_string()
            }

            fn read(text: &str) -> Option<Self> {
                let digits = text.len() == $digits && text.bytes().all(|b| b.is_ascii_hexdigit());
                digits.then(|| <$int>::from_str_radix(text, 16).ok().map(Self))?
            }
        }
    };
}

hex_number!(RealmId(u32), 8);
hex_number!(Incarnation(u32), 8);
hex_number!(InstanceId(u64), 16);
hex_number!(ServerId(u64), 16);
hex_number!(Stamp(u64), 16);
hex_number!(Generation(u64), 16);
hex_number!(InvitationId(u64), 16);

macro_rules! hex_bytes {
    ($length:literal) => {
        impl Text for [u8; $length] {
            const EXPECTED: &'static str = concat!($length, " bytes in hexadecimal digits");

            fn write(&self) -> String {
                HEXLOWER.encode(self)
            }

            fn read(text: &str) -> Option<Self> {
                Zeroizing::new(HEXLOWER.decode(text.as_bytes()).ok()?).as_slice().try_into().ok()
            }
        }
    };
}

hex_bytes!(8);
hex_bytes!(32);
hex_bytes!(64);

impl Text for UserId {
    const EXPECTED: &'static str = "16 hexadecimal digits";

    fn write(&self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        <[u8; 8]>::read(text).map(Self)
    }
}

impl Text for SocketAddr {
    const EXPECTED: &'static str = "an address with a port, such as 10.1.0.5:6710";

    fn write(&self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        // In one form only, in which addresses are compared.
        text.parse().ok().filter(|address| normal_address(*address) == *address)
    }
}

impl Text for Zeroizing<[u8; 32]> {
    const EXPECTED: &'static str = <[u8; 32]>::EXPECTED;

    fn write(&self) -> String {
        (**self).write()
    }

    fn read(text: &str) -> Option<Self> {
        <[u8; 32]>::read(text).map(Self::new)
    }
}

impl Text for RealmSecret {
    const EXPECTED: &'static str = <[u8; 32]>::EXPECTED;

    fn write(&self) -> String {
        self.as_bytes().write()
    }

    fn read(text: &str) -> Option<Self> {
        <[u8; 32]>::read(text).map(Self::new)
    }
}

impl Text for Name {
    const EXPECTED: &'static str = "a name of 1 to 64 bytes without control characters or space at its ends";

    fn write(&self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        Self::new(text).ok()
    }
}

impl Text for Vec<u8> {
    const EXPECTED: &'static str = "bytes in base64";

    fn write(&self) -> String {
        BASE64.encode(self)
    }

    fn read(text: &str) -> Option<Self> {
        BASE64.decode(text.as_bytes()).ok()
    }
}

impl Text for View {
    const EXPECTED: &'static str = "a view: none, realm, group:NAME or users:ID,ID";

    fn write(&self) -> String {
        match self {
            Self::None | Self::Unknown(_) => "none".into(),
            Self::Realm => "realm".into(),
            Self::Group(name) => format!("group:{name}"),
            Self::Named(users) => {
                let users: Vec<_> = users.iter().map(UserId::to_string).collect();
                format!("users:{}", users.join(","))
            }
        }
    }

    fn read(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "none" => Some(Self::None),
            None if text == "realm" => Some(Self::Realm),
            Some(("group", name)) => Name::new(name).ok().map(Self::Group),
            Some(("users", ids)) => ids.split(',').map(UserId::read).collect::<Option<_>>().map(Self::Named),
            _ => None,
        }
    }
}

impl Text for Token {
    const EXPECTED: &'static str = "a join token";

    fn write(&self) -> String {
        self.encode()
    }

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl Text for Content {
    const EXPECTED: &'static str = "a host's content in base64";

    fn write(&self) -> String {
        self.to_bytes().write()
    }

    fn read(text: &str) -> Option<Self> {
        ContentRef::parse(&Vec::read(text)?, 0).ok()?.to_content()
    }
}
