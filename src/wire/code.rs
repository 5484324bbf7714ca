//! Code tables, each written once; unknown codes are kept.

/// Declares an enum over `u8` or `u16` codes that keeps unknown values and knows their names.
macro_rules! codes {
    ($(#[$doc:meta])* $vis:vis enum $name:ident($int:ty) { $($(#[$vdoc:meta])* $variant:ident = $code:literal, $text:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A code that this version does not know.
            Unknown($int),
        }

        impl $name {
            /// Every known code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value with this code.
            pub const fn from_code(code: $int) -> Self {
                match code { $($code => Self::$variant,)+ other => Self::Unknown(other) }
            }

            /// The code on the wire.
            pub const fn code(self) -> $int {
                match self { $(Self::$variant => $code,)+ Self::Unknown(other) => other }
            }

            /// The name in the specification; `unknown` for an unknown code.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ Self::Unknown(_) => "unknown" }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self { Self::Unknown(code) => write!(f, "unknown ({code})"), known => f.write_str(known.name()) }
            }
        }
    };
}
pub(crate) use codes;

codes! {
    /// The type byte of the header (spec 2.2).
    pub enum Kind(u8) {
        /// Asks for a challenge.
        Init = 0x01, "INIT";
        /// Registers with an accepted cookie.
        Register = 0x02, "REGISTER";
        /// Says that the host is there.
        Heartbeat = 0x03, "HEARTBEAT";
        /// Unregisters.
        Leave = 0x04, "LEAVE";
        /// Asks for directory pages or digests.
        Pull = 0x05, "PULL";
        /// Looks names up.
        Find = 0x06, "FIND";
        /// Looks for an HMS by multicast.
        Discover = 0x07, "DISCOVER";
        /// Registration taken.
        Registered = 0x82, "REGISTERED";
        /// Heartbeat taken.
        Ack = 0x83, "ACK";
        /// Unregistered.
        Left = 0x84, "LEFT";
        /// Directory rows.
        Page = 0x85, "PAGE";
        /// Bucket digests of a view.
        Digests = 0x86, "DIGESTS";
        /// Answer to DISCOVER.
        Offer = 0x87, "OFFER";
        /// Unauthenticated explanation.
        Hint = 0x8e, "HINT";
        /// Unauthenticated announcement of an HMS.
        Announce = 0x8f, "ANNOUNCE";
        /// Carries a cookie to be echoed.
        Challenge = 0x90, "CHALLENGE";
        /// Another session of this user is live.
        Superseded = 0x91, "SUPERSEDED";
        /// Register again, after a delay.
        Reregister = 0x92, "REREGISTER";
        /// Say it again, after a delay.
        Retry = 0x93, "RETRY";
        /// Turn to another HMS.
        Redirect = 0x94, "REDIRECT";
        /// Refused, with a code.
        Reject = 0x95, "REJECT";
    }
}

impl Kind {
    /// Whether the response bit is set: sent by an HMS, never answered (R-FMT-03).
    pub const fn is_response(self) -> bool {
        self.code() & 0x80 != 0
    }
}
