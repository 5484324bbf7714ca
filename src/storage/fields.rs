//! Values of the secrets that stand in JSON as more than one string.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text;
use crate::auth::Revocation;
use crate::ident::{Epoch, Generation, Name, RealmId, ServerId, Stamp, UserId};
use crate::wire::peer::{FactState, Mark};

/// [`Epoch`] in JSON: a number.
pub(super) mod epoch {
    use super::{Deserialize, Deserializer, Epoch, Serializer};

    pub(in crate::storage) fn serialize<S: Serializer>(
        epoch: &Epoch,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(epoch.0)
    }

    pub(in crate::storage) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Epoch, D::Error> {
        u8::deserialize(from).map(Epoch)
    }
}

/// [`Mark`] in JSON.
pub(super) mod mark {
    use super::{Deserialize, Deserializer, FactState, Mark, Serialize, Serializer, ServerId, Stamp, text};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Stored {
        #[serde(with = "text")]
        stamp: Stamp,
        #[serde(with = "text")]
        by: ServerId,
        removed: bool,
    }

    pub(in crate::storage) fn serialize<S: Serializer>(
        mark: &Mark,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let removed = mark.state == FactState::Removed;
        Stored { stamp: mark.stamp, by: mark.by, removed }.serialize(serializer)
    }

    pub(in crate::storage) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Mark, D::Error> {
        let Stored { stamp, by, removed } = Stored::deserialize(from)?;
        let state = if removed { FactState::Removed } else { FactState::There };
        Ok(Mark { stamp, state, by })
    }
}

/// [`Revocation`] in JSON.
pub(super) mod revocations {
    use super::{
        Deserialize, Deserializer, Generation, Name, RealmId, Revocation, Serialize, Serializer, UserId, text,
    };

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Stored {
        #[serde(with = "text")]
        realm: RealmId,
        #[serde(with = "text")]
        user: UserId,
        #[serde(with = "text::optional")]
        user_name: Option<Name>,
        #[serde(with = "text")]
        generation: Generation,
        #[serde(with = "text")]
        previous: Generation,
    }

    pub(in crate::storage) fn serialize<S: Serializer>(
        all: &[Revocation],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(all.iter().cloned().map(|one| Stored {
            realm: one.realm,
            user: one.user,
            user_name: one.user_name,
            generation: one.current,
            previous: one.previous,
        }))
    }

    pub(in crate::storage) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Revocation>, D::Error> {
        let all = Vec::<Stored>::deserialize(from)?;
        let revocation = |one: Stored| Revocation {
            realm: one.realm,
            user: one.user,
            user_name: one.user_name,
            current: one.generation,
            previous: one.previous,
        };
        Ok(all.into_iter().map(revocation).collect())
    }
}
