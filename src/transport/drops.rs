//! Why a datagram was not used, counted by name.

use std::fmt;

macro_rules! drops {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        /// Why a datagram was dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum DropReason {
            $($(#[$doc])* $name,)+
        }

        impl DropReason {
            /// All reasons.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name in the specification.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }

        const COUNT: usize = DropReason::ALL.len();
    };
}

drops! {
    /// Too short, too long, or not as long as its type demands.
    Length = "length";
    /// Another version.
    Version = "version";
    /// Another type.
    Type = "type";
    /// A field that cannot be so.
    Malformed = "malformed";
    /// The tag does not hold.
    Tag = "tag";
    /// A key id that is unknown here.
    Key = "key";
    /// A HELLO for another server.
    Target = "target";
    /// A HELLO from this process itself.
    Own = "self";
    /// Too many links, or too many answers that wait.
    Full = "full";
    /// A session that is unknown here.
    Session = "session";
    /// From another address than the link's.
    Address = "address";
    /// A number that was taken before.
    Replay = "replay";
    /// More than there is room for.
    Room = "room";
    /// A RESET that does not count.
    Reset = "reset";
    /// A COOKIE or WELCOME that nobody waits for.
    Unasked = "unasked";
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How often each reason occurred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drops([u64; COUNT]);

impl Drops {
    /// How often this one did.
    pub fn of(&self, reason: DropReason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// All together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(super) fn count(&mut self, reason: DropReason) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count = count.saturating_add(1);
        }
    }
}
