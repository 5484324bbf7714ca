//! Every field, in one place. The names are a contract: the Wireshark dissector has the same ones.
//!
//! `hms-dissect --fields` prints this table.

use hms::wire::peer::{AddressUse, PeerKind, Phase, RefuseCode};
use hms::wire::{
    AnnounceEvent, GoneReason, GrantReason, HintCode, HostState, Kind, PageKind, RejectCode, Transport,
    UpdateMode,
};

use crate::opened;

/// What a field's value is, as Wireshark names it, with the base in which an integer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// A subtree without a value.
    None,
    Uint8,
    Uint8Hex,
    Uint16,
    Uint32,
    Uint32Hex,
    Uint64,
    Uint64Hex,
    Bool,
    Ipv4,
    Ipv6,
    Text,
    Bytes,
    Frame,
    Time,
}

impl Type {
    /// The name of the `ProtoField` constructor in Wireshark's Lua.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Uint8 | Self::Uint8Hex => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 | Self::Uint32Hex => "uint32",
            Self::Uint64 | Self::Uint64Hex => "uint64",
            Self::Bool => "bool",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Text => "string",
            Self::Bytes => "bytes",
            Self::Frame => "framenum",
            Self::Time => "relative_time",
        }
    }

    /// `dec` or `hex` for integers.
    pub(crate) const fn base(self) -> Option<&'static str> {
        match self {
            Self::Uint8 | Self::Uint16 | Self::Uint32 | Self::Uint64 => Some("dec"),
            _ => {
                if self.hex_digits().is_some() {
                    Some("hex")
                } else {
                    None
                }
            }
        }
    }

    /// Digits of a value that is shown in hexadecimal.
    pub(crate) const fn hex_digits(self) -> Option<usize> {
        match self {
            Self::Uint8Hex => Some(2),
            Self::Uint32Hex => Some(8),
            Self::Uint64Hex => Some(16),
            _ => None,
        }
    }
}

/// What the codes of a field mean.
pub(crate) type Values = fn() -> Vec<(u64, &'static str)>;

/// One field.
#[derive(Debug)]
pub(crate) struct Field {
    /// The name by which it is filtered.
    pub(crate) name: &'static str,
    pub(crate) kind: Type,
    /// What people call it.
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    /// Which bits of the byte it is; 0 is all.
    pub(crate) mask: u8,
    pub(crate) values: Option<Values>,
}

impl Field {
    /// What a code of this field is called.
    pub(crate) fn meaning(&self, code: u64) -> Option<&'static str> {
        self.values
            .and_then(|values| values().into_iter().find(|(known, _)| *known == code))
            .map(|(_, name)| name)
    }

    /// Whether it stands in no byte but was found out from other datagrams or keys.
    pub(crate) fn is_generated(&self) -> bool {
        GENERATED.iter().any(|field| field.name == self.name)
    }
}

macro_rules! values {
    ($codes:ty) => {
        || <$codes>::ALL.iter().map(|code| (u64::from(code.code()), code.name())).collect()
    };
}

fn types() -> Vec<(u64, &'static str)> {
    let hosts = Kind::ALL.iter().map(|kind| (u64::from(kind.code()), kind.name()));
    hosts.chain(LINK_TYPES.iter().map(|(code, name)| (u64::from(*code), *name))).collect()
}

/// The types of datagrams between HMSs.
pub(crate) const LINK_TYPES: [(u8, &str); 7] = [
    (0x20, "HELLO"),
    (0x21, "COOKIE"),
    (0x22, "WELCOME"),
    (0x23, "DATA"),
    (0x24, "RESET"),
    (opened::PACKET, "OPENED-PACKET"),
    (opened::MESSAGE, "OPENED-MESSAGE"),
];

fn tlvs() -> Vec<(u64, &'static str)> {
    hms::wire::inspect::TLVS.iter().map(|(code, name)| (u64::from(*code), *name)).collect()
}

fn views() -> Vec<(u64, &'static str)> {
    vec![(0, "none"), (1, "realm"), (2, "group"), (3, "named")]
}

fn pulls() -> Vec<(u64, &'static str)> {
    vec![(1, "delta"), (2, "digests"), (3, "copy")]
}

fn patterns() -> Vec<(u64, &'static str)> {
    vec![(1, "user name"), (2, "prefix")]
}

fn streams() -> Vec<(u64, &'static str)> {
    vec![(0, "control"), (1, "deltas"), (2, "bulk")]
}

fn frames() -> Vec<(u64, &'static str)> {
    let known = [(0, "PADDING"), (1, "PING"), (2, "ACK"), (3, "MESSAGE"), (4, "CREDIT"), (5, "CLOSE")];
    known.to_vec()
}

const CLOSES: [(u64, &str); 11] = [
    (0, "done"),
    (1, "replaced by another link"),
    (2, "malformed"),
    (3, "beyond the credit"),
    (4, "ACK of what was not sent"),
    (5, "numbers, offsets or tags used up"),
    (6, "message too long"),
    (7, "refused"),
    (8, "silent"),
    (0x100, "stopping"),
    (0x101, "malformed message"),
];

fn closes() -> Vec<(u64, &'static str)> {
    CLOSES.to_vec()
}

/// What a CLOSE code means.
pub(crate) fn close_name(code: u16) -> Option<&'static str> {
    CLOSES.iter().find(|(known, _)| *known == u64::from(code)).map(|(_, name)| *name)
}

fn results() -> Vec<(u64, &'static str)> {
    vec![(0, "not on disk"), (1, "on disk")]
}

fn states() -> Vec<(u64, &'static str)> {
    vec![(1, "there"), (2, "removed")]
}

fn statuses() -> Vec<(u64, &'static str)> {
    vec![(1, "up"), (2, "late")]
}

fn endings() -> Vec<(u64, &'static str)> {
    vec![(1, "leave"), (2, "expiry")]
}

fn peer_tlvs() -> Vec<(u64, &'static str)> {
    vec![
        (0x01, "NAME"),
        (0x02, "REASON"),
        (0x03, "OWN-ADDRESS"),
        (0x04, "LEFT-LINE"),
        (0x05, "NEIGHBOUR"),
        (0x10, "MEMBER"),
        (0x11, "ADDRESS"),
        (0x12, "REALM"),
        (0x13, "GENERATION"),
        (0x20, "HOME"),
        (0x21, "ROW"),
        (0x22, "GONE"),
        (0x23, "ROOT"),
    ]
}

macro_rules! fields {
    ($($(#[$section:meta])* $konst:ident $name:literal $kind:ident $title:literal $about:literal $([$mask:literal])? $({$values:expr})?;)+) => {
        $($(#[$section])* pub(crate) const $konst: &Field = &Field {
            name: $name, kind: Type::$kind, title: $title, about: $about,
            mask: 0 $(+ $mask)?,
            values: { let values: Option<Values> = None; $(let values: Option<Values> = { let _ = values; Some($values) };)? values },
        };)+
        /// All of them, in the order of the chapters of the specification.
        pub(crate) const ALL: &[&Field] = &[$($konst),+];
    };
}

fields! {
    // The header (2.1).
    VERSION "hms.version" Uint8 "Version" "protocol version, 1";
    TYPE "hms.type" Uint8Hex "Type" "what the datagram is (2.2)" {types};
    FLAGS "hms.flags" Uint8Hex "Flags" "their meaning hangs on the type; those of the type follow as children";
    FLAG_COOKIE "hms.flags.cookie" Bool "Cookie" "HEARTBEAT: a cookie follows the fixed body" [0x01];
    FLAG_WANT "hms.flags.want" Bool "Want" "HEARTBEAT: changes are asked for (mode on-request)" [0x02];
    FLAG_CONTENT "hms.flags.content" Bool "Content" "HEARTBEAT: the TLVs are the whole content" [0x04];
    FLAG_TAKEOVER "hms.flags.takeover" Bool "Takeover" "REGISTER: a live row of another instance may be replaced" [0x02];
    FLAG_WANT_CONTENT "hms.flags.want_content" Bool "Want content" "ACK: the HMS asks for the content" [0x01];
    FLAG_RESYNC "hms.flags.resync" Bool "Resync" "ACK: the directories differ in a way that no delta mends" [0x02];
    FLAG_EQUAL "hms.flags.equal" Bool "Equal" "ACK: the directories are equal, the host adopts the revision" [0x04];
    FLAG_PUSH "hms.flags.push" Bool "Push" "PAGE: not asked for" [0x01];
    FLAG_PRIMARY "hms.flags.primary" Bool "Primary" "OFFER: the sender is the primary" [0x01];
    FLAG_UNAUTHENTICATED "hms.flags.unauthenticated" Bool "Unauthenticated" "HINT, ANNOUNCE: a checksum instead of a tag" [0x80];
    EPOCH "hms.epoch" Uint8 "Key epoch" "which secret of the realm the key comes from";
    REALM "hms.realm" Uint32Hex "Realm" "realm id";
    USER "hms.user" Uint64Hex "User" "user id: from realm id and user name";
    SESSION "hms.session" Uint64Hex "Session" "session id; 0 before there is one; of DATA and RESET that of the receiver's link";
    SEQ "hms.seq" Uint64 "Sequence" "sequence of a session request, nonce of INIT, REGISTER and DISCOVER; an answer echoes it";
    TAG "hms.tag" Bytes "Tag" "first 16 bytes of HMAC-SHA-256 over all before; of DATA the tag of AES-256-GCM";
    CHECKSUM "hms.checksum" Bytes "Checksum" "HINT, ANNOUNCE: first 16 bytes of SHA-256 over all before; proves nothing";
    RESERVED "hms.reserved" Bytes "Reserved" "sent as 0, ignored";
    UNDECODED "hms.undecoded" Bytes "Undecoded" "bytes that are not as the specification says, or that it does not know";

    // Requests of hosts (2.5).
    INIT_MIN_VERSION "hms.init.min_version" Uint8 "Lowest version" "INIT: lowest version that the host speaks";
    INIT_MAX_VERSION "hms.init.max_version" Uint8 "Highest version" "INIT: highest version that the host speaks";
    REGISTER_COOKIE "hms.register.cookie" Uint64Hex "Cookie" "REGISTER: as the CHALLENGE gave it";
    REGISTER_INSTANCE "hms.register.instance" Uint64Hex "Instance" "REGISTER: the installation of the host program";
    REGISTER_LAST_STAMP "hms.register.last_stamp" Uint64 "Last stamp" "REGISTER: stamp of this installation's last registration, 0 if none";
    REGISTER_CONTENT_VERSION "hms.register.content_version" Uint32 "Content version" "REGISTER: of the content that follows";
    REGISTER_INCARNATION "hms.register.incarnation" Uint32Hex "Incarnation" "REGISTER: the process that the host's list comes from";
    REGISTER_REVISION "hms.register.revision" Uint32 "Revision" "REGISTER: of the host's list";
    REGISTER_DIGEST "hms.register.digest" Uint64Hex "View digest" "REGISTER: over the host's list";
    HEARTBEAT_CONTENT_VERSION "hms.heartbeat.content_version" Uint32 "Content version" "HEARTBEAT: of what the host says of itself";
    HEARTBEAT_INCARNATION "hms.heartbeat.incarnation" Uint32Hex "Incarnation" "HEARTBEAT: the process that the host's list comes from";
    HEARTBEAT_REVISION "hms.heartbeat.revision" Uint32 "Revision" "HEARTBEAT: of the host's list";
    HEARTBEAT_DIGEST "hms.heartbeat.digest" Uint64Hex "View digest" "HEARTBEAT: over the host's list";
    HEARTBEAT_COOKIE "hms.heartbeat.cookie" Uint64Hex "Cookie" "HEARTBEAT: as a CHALLENGE gave it";
    PULL_INCARNATION "hms.pull.incarnation" Uint32Hex "Incarnation" "PULL: the process that the host's list comes from";
    PULL_REVISION "hms.pull.revision" Uint32 "Revision" "PULL: changes are asked for after this one";
    PULL_CURSOR "hms.pull.cursor" Uint64Hex "Cursor" "PULL: rows are asked for above this user id";
    PULL_KIND "hms.pull.kind" Uint8 "Kind" "PULL: what is asked for" {pulls};
    FIND_INCARNATION "hms.find.incarnation" Uint32Hex "Incarnation" "FIND: the process that the host's list comes from";
    FIND_CURSOR "hms.find.cursor" Uint64Hex "Cursor" "FIND: matches are asked for above this user id";
    DISCOVER_MIN_VERSION "hms.discover.min_version" Uint8 "Lowest version" "DISCOVER: lowest version that the host speaks";
    DISCOVER_MAX_VERSION "hms.discover.max_version" Uint8 "Highest version" "DISCOVER: highest version that the host speaks";

    // Answers of an HMS (2.6).
    ANSWER_INCARNATION "hms.answer.incarnation" Uint32Hex "Incarnation" "the HMS process that answers";
    ANSWER_NUMBER "hms.answer.number" Uint64 "Number" "rises with every datagram that the process sends to any host";
    CHALLENGE_COOKIE "hms.challenge.cookie" Uint64Hex "Cookie" "CHALLENGE: to be echoed";
    SUPERSEDED_STAMP "hms.superseded.stamp" Uint64 "Stamp" "SUPERSEDED: of the row that is there";
    REREGISTER_DELAY "hms.reregister.delay" Uint64 "Delay" "REREGISTER: ms to wait";
    RETRY_DELAY "hms.retry.delay" Uint64 "Delay" "RETRY: ms to wait";
    REDIRECT_SERVER "hms.redirect.server" Uint64Hex "Server" "REDIRECT: the HMS to turn to";
    LEFT_ARGUMENT "hms.left.argument" Uint64 "Argument" "LEFT: 0";
    REJECT_CODE "hms.reject.code" Uint16 "Code" "REJECT: why" {values!(RejectCode)};
    REJECT_VALUE "hms.reject.value" Uint32 "Value" "REJECT: a delay in ms (full, rate) or the TLV at fault (content)";
    REGISTERED_STAMP "hms.registered.stamp" Uint64 "Stamp" "REGISTERED: of this registration";
    REGISTERED_SERVER "hms.registered.server" Uint64Hex "Server" "REGISTERED: the HMS";
    REGISTERED_REVISION "hms.registered.revision" Uint32 "Revision" "REGISTERED: of the view now";
    REGISTERED_CONTENT_VERSION "hms.registered.content_version" Uint32 "Content version" "REGISTERED: the one that the HMS holds";
    REGISTERED_CHECK_TIME "hms.registered.check_time" Uint32 "Check time" "REGISTERED: ms between heartbeats";
    REGISTERED_FIRST_DELAY "hms.registered.first_delay" Uint32 "First delay" "REGISTERED: ms until the first heartbeat";
    ACK_REVISION "hms.ack.revision" Uint32 "Revision" "ACK: of the view now";
    ACK_CONTENT_VERSION "hms.ack.content_version" Uint32 "Content version" "ACK: the one that the HMS holds";
    DIGESTS_REVISION "hms.digests.revision" Uint32 "Revision" "DIGESTS: of the view now";
    DIGESTS_ROOT "hms.digests.root" Uint64Hex "Root digest" "DIGESTS: sum of all bucket digests";
    OFFER_SERVER "hms.offer.server" Uint64Hex "Server" "OFFER: the HMS";

    // Without a key (2.7).
    HINT_CODE "hms.hint.code" Uint16 "Code" "HINT: what the HMS would say if it could prove it" {values!(HintCode)};
    HINT_MIN_VERSION "hms.hint.min_version" Uint8 "Lowest version" "HINT: lowest version served";
    HINT_MAX_VERSION "hms.hint.max_version" Uint8 "Highest version" "HINT: highest version served";
    ANNOUNCE_SERVER "hms.announce.server" Uint64Hex "Server" "ANNOUNCE: the HMS";
    ANNOUNCE_EVENT "hms.announce.event" Uint8 "Event" "ANNOUNCE: what happened" {values!(AnnounceEvent)};
    ANNOUNCE_PORT "hms.announce.port" Uint16 "Port" "ANNOUNCE: UDP port of the HMS";

    // TLVs (2.3).
    TLV "hms.tlv" None "TLV" "one TLV with type, length and value";
    TLV_CRITICAL "hms.tlv.critical" Bool "Critical" "who does not know it drops the datagram" [0x80];
    TLV_TYPE "hms.tlv.type" Uint8Hex "Type" "what the value is, without the critical bit" [0x7f] {tlvs};
    TLV_LENGTH "hms.tlv.length" Uint16 "Length" "of the value";
    TLV_UNKNOWN "hms.tlv.unknown" Bytes "Value" "of a TLV that is not known in this message";
    CONTENT_USER_NAME "hms.content.user_name" Text "User name" "whose host it is";
    CONTENT_HOST_NAME "hms.content.host_name" Text "Host name" "what the host is called";
    REPORTED_FAMILY "hms.content.reported.family" Uint8 "Family" "4 or 6";
    REPORTED_IPV4 "hms.content.reported.ipv4" Ipv4 "Address" "where the host says that it can be reached";
    REPORTED_IPV6 "hms.content.reported.ipv6" Ipv6 "Address" "where the host says that it can be reached";
    REPORTED_PORT "hms.content.reported.port" Uint16 "Port" "0 is none";
    PORTS_DATA "hms.content.ports.data" Uint16 "Data port" "of the conference application, 0 is none";
    PORTS_VIDEO "hms.content.ports.video" Uint16 "Video port" "of the conference application, 0 is none";
    PORTS_AUDIO "hms.content.ports.audio" Uint16 "Audio port" "of the conference application, 0 is none";
    SERVICE_TRANSPORT "hms.content.service.transport" Uint8 "Transport" "of a service" {values!(Transport)};
    SERVICE_PORT "hms.content.service.port" Uint16 "Port" "of a service";
    SERVICE_KIND "hms.content.service.kind" Text "Kind" "what the service is";
    CONTENT_STATE "hms.content.state" Uint8 "State" "what the host is doing" {values!(HostState)};
    CONTENT_CONFERENCE "hms.content.conference" Text "Conference" "in which conference the host is";
    VIEW_KIND "hms.view.kind" Uint8 "View" "which part of the directory the session follows" {views};
    VIEW_FLAGS "hms.view.flags" Uint8Hex "View flags" "bits of a view";
    VIEW_PUSH "hms.view.push" Bool "Push" "changes are to be sent at once" [0x01];
    VIEW_GROUP "hms.view.group" Text "Group" "name of the conference";
    VIEW_USER "hms.view.user" Uint64Hex "User" "a named user";
    OBSERVED_FAMILY "hms.observed.family" Uint8 "Family" "4 or 6";
    OBSERVED_IPV4 "hms.observed.ipv4" Ipv4 "Observed address" "the source that the HMS saw";
    OBSERVED_IPV6 "hms.observed.ipv6" Ipv6 "Observed address" "the source that the HMS saw";
    OBSERVED_PORT "hms.observed.port" Uint16 "Observed port" "the source port that the HMS saw";
    SERVER_ID "hms.server.id" Uint64Hex "Server" "an HMS";
    SERVER_FLAGS "hms.server.flags" Uint8Hex "Server flags" "bits of an HMS";
    SERVER_PRIMARY "hms.server.primary" Bool "Primary" "it is the primary" [0x01];
    SERVER_SENDER "hms.server.sender" Bool "Sender" "it is the one that says so" [0x02];
    SERVER_NAME_LENGTH "hms.server.name_length" Uint8 "Name length" "bytes of the name";
    SERVER_NAME "hms.server.name" Text "Name" "what the HMS is called";
    SERVER_FAMILY "hms.server.family" Uint8 "Family" "4 or 6";
    SERVER_IPV4 "hms.server.ipv4" Ipv4 "Address" "where the HMS can be reached";
    SERVER_IPV6 "hms.server.ipv6" Ipv6 "Address" "where the HMS can be reached";
    SERVER_PORT "hms.server.port" Uint16 "Port" "where the HMS can be reached";
    CLUSTER_KEY "hms.cluster_key" Bytes "Cluster key" "Ed25519 public key of the cluster";
    REALM_NAME "hms.realm_name" Text "Realm name" "what the realm is called";
    CHECK_TIME "hms.check_time" Uint32 "Check time" "ms between heartbeats, from now on";
    GRANTED_KIND "hms.granted.kind" Uint8 "Granted view" "the view that the HMS grants" {views};
    GRANTED_REASON "hms.granted.reason" Uint8 "Reason" "why it is granted so" {values!(GrantReason)};
    MODE "hms.mode" Uint8 "Update mode" "when changes are sent" {values!(UpdateMode)};
    REPLICATED "hms.replicated" Uint8 "Replicated" "1: another HMS has it too";
    PAGE_KIND "hms.page.kind" Uint8 "Page" "what the page holds" {values!(PageKind)};
    PAGE_FLAGS "hms.page.flags" Uint8Hex "Page flags" "bits of a page";
    PAGE_MORE "hms.page.more" Bool "More" "more pages follow" [0x01];
    PAGE_FROM "hms.page.from" Uint32 "From" "changes after this revision";
    PAGE_TO "hms.page.to" Uint32 "To" "up to this revision";
    PAGE_AFTER "hms.page.after" Uint64Hex "After" "rows above this user id";
    PAGE_UP_TO "hms.page.up_to" Uint64Hex "Up to" "up to this user id";
    PAGE_ROWS "hms.page.rows" Uint32 "Rows" "rows in the view";
    ENTRY_USER "hms.entry.user" Uint64Hex "User" "whose row it is";
    ENTRY_REVISION "hms.entry.revision" Uint32 "Revision" "of its last change";
    ENTRY_STATUS "hms.entry.status" Uint8Hex "Status" "bits of a row";
    ENTRY_LATE "hms.entry.late" Bool "Late" "its heartbeats are missing" [0x01];
    ENTRY_UNCONFIRMED "hms.entry.unconfirmed" Bool "Unconfirmed" "known from a snapshot only" [0x02];
    ENTRY_SINCE "hms.entry.since" Uint64 "Since" "registered since, Unix seconds";
    ENTRY_CHECK_TIME "hms.entry.check_time" Uint32 "Check time" "seconds between heartbeats";
    ENTRY_HOME "hms.entry.home" Uint64Hex "Home" "the HMS at which it is registered";
    ENTRY_FAMILY "hms.entry.family" Uint8 "Family" "4 or 6";
    ENTRY_IPV4 "hms.entry.ipv4" Ipv4 "Address" "its published address";
    ENTRY_IPV6 "hms.entry.ipv6" Ipv6 "Address" "its published address";
    ENTRY_PORT "hms.entry.port" Uint16 "Port" "its published port";
    SIGNATURE_ISSUED "hms.signature.issued" Uint64 "Issued" "when the fixed entry was signed, Unix seconds";
    SIGNATURE "hms.signature" Bytes "Signature" "Ed25519, by the cluster";
    GONE_USER "hms.gone.user" Uint64Hex "User" "whose row is gone";
    GONE_REVISION "hms.gone.revision" Uint32 "Revision" "of the change";
    GONE_REASON "hms.gone.reason" Uint8 "Reason" "why it is gone" {values!(GoneReason)};
    BUCKET_DIGEST "hms.bucket.digest" Uint64Hex "Bucket digest" "of one of the 128 buckets, from bucket 0 on";
    BUCKETS "hms.buckets" Bytes "Buckets" "bit map of the wanted buckets, bucket 0 is bit 7 of byte 0";
    PATTERN_KIND "hms.pattern.kind" Uint8 "Pattern" "what is looked for" {patterns};
    PATTERN_TEXT "hms.pattern.text" Text "Text" "the name or its beginning";
    PAD "hms.pad" Bytes "Padding" "not looked at";

    // Between HMSs (9.1, 9.4).
    KEY_ID "hms.key_id" Uint64Hex "Key id" "0 is the cluster secret, else an invitation";
    ATTEMPT "hms.attempt" Uint64Hex "Attempt" "of the initiator; echoed";
    HELLO_MIN_VERSION "hms.hello.min_version" Uint8 "Lowest version" "HELLO: of the transport";
    HELLO_MAX_VERSION "hms.hello.max_version" Uint8 "Highest version" "HELLO: of the transport";
    HELLO_INCARNATION "hms.hello.incarnation" Uint32Hex "Incarnation" "HELLO: process of the initiator";
    HELLO_SERVER "hms.hello.server" Uint64Hex "Server" "HELLO: the initiator";
    HELLO_SESSION "hms.hello.session" Uint64Hex "Session" "HELLO: chosen by the initiator; packets to it carry it";
    HELLO_NONCE "hms.hello.nonce" Bytes "Nonce" "HELLO: part of the link's keys";
    HELLO_TARGET "hms.hello.target" Uint64Hex "Target" "HELLO: the HMS that is meant, 0 any";
    HELLO_COOKIE "hms.hello.cookie" Bytes "Cookie" "HELLO: as a COOKIE gave it, 0 none yet";
    COOKIE_INCARNATION "hms.cookie.incarnation" Uint32Hex "Incarnation" "COOKIE: process of the responder";
    COOKIE_SERVER "hms.cookie.server" Uint64Hex "Server" "COOKIE: the responder";
    COOKIE_COOKIE "hms.cookie.cookie" Bytes "Cookie" "COOKIE: to be echoed";
    WELCOME_VERSION "hms.welcome.version" Uint8 "Link version" "WELCOME: of the transport, chosen";
    WELCOME_INCARNATION "hms.welcome.incarnation" Uint32Hex "Incarnation" "WELCOME: process of the responder";
    WELCOME_SERVER "hms.welcome.server" Uint64Hex "Server" "WELCOME: the responder";
    WELCOME_SESSION "hms.welcome.session" Uint64Hex "Session" "WELCOME: chosen by the responder; packets to it carry it";
    WELCOME_NONCE "hms.welcome.nonce" Bytes "Nonce" "WELCOME: part of the link's keys";
    ZEROS "hms.zeros" Bytes "Zeros" "HELLO, WELCOME: up to the full size; not looked at";
    RESET_INCARNATION "hms.reset.incarnation" Uint32Hex "Incarnation" "RESET: process of the sender";
    RESET_SERVER "hms.reset.server" Uint64Hex "Server" "RESET: the sender";
    RESET_NUMBER "hms.reset.number" Uint64 "Number" "RESET: of the DATA that nobody knows (6 bytes)";
    DATA_NUMBER "hms.data.number" Uint64 "Packet number" "DATA: one rising count for each direction (6 bytes)";
    DATA_FRAMES "hms.data.frames" Bytes "Frames" "DATA: encrypted";

    // Opened (9.4); the datagrams of an opened copy (11.3).
    OPENED_MARK "hms.opened.mark" Bytes "Mark" "of an opened copy, in place of a tag: proves nothing";
    OPENED_STREAM "hms.opened.stream" Uint8 "Stream" "on which the message came" {streams};
    OPENED_OFFSET "hms.opened.offset" Uint64 "Offset" "of the message in its stream (6 bytes)";
    FRAME "hms.frame" None "Frame" "one frame of an opened packet";
    FRAME_TYPE "hms.frame.type" Uint8Hex "Type" "what the frame is (9.4)" {frames};
    FRAME_PADDING "hms.frame.padding" Bytes "Padding" "frames of one byte each";
    FRAME_ACK_LARGEST "hms.frame.ack.largest" Uint64 "Largest" "ACK: highest number that arrived (6 bytes)";
    FRAME_ACK_DELAY "hms.frame.ack.delay" Uint32 "Delay" "ACK: µs from its arrival to the ACK";
    FRAME_ACK_MORE "hms.frame.ack.more" Uint8 "More" "ACK: pairs of gap and length that follow";
    FRAME_ACK_FIRST "hms.frame.ack.first" Uint32 "First" "ACK: so many below the largest arrived too";
    FRAME_ACK_GAP "hms.frame.ack.gap" Uint32 "Gap" "ACK: one less than the numbers that did not arrive";
    FRAME_ACK_LENGTH "hms.frame.ack.length" Uint32 "Length" "ACK: one less than the numbers below that arrived";
    FRAME_STREAM "hms.frame.stream" Uint8 "Stream" "MESSAGE, CREDIT: which" {streams};
    FRAME_OFFSET "hms.frame.offset" Uint64 "Offset" "MESSAGE: of its first byte in the stream (6 bytes)";
    FRAME_LIMIT "hms.frame.limit" Uint64 "Limit" "CREDIT: the first byte that may not be sent (6 bytes)";
    FRAME_LENGTH "hms.frame.length" Uint16 "Length" "MESSAGE, extensions: of the bytes; CLOSE: of the reason (1 byte)";
    FRAME_BYTES "hms.frame.bytes" Bytes "Bytes" "MESSAGE: of the stream; extensions: unknown";
    FRAME_CLOSE_CODE "hms.frame.close.code" Uint16 "Code" "CLOSE: why the link ends (9.8)" {closes};
    FRAME_CLOSE_REASON "hms.frame.close.reason" Text "Reason" "CLOSE: for people";

    // Messages between HMSs (10.2, 10.7).
    MESSAGE "hms.peer" None "Message" "a message between HMSs, whole; its bytes are counted from its own first on";
    PEER_TYPE "hms.peer.type" Uint8Hex "Type" "what the message is (10.2)" {values!(PeerKind)};
    PEER_FLAGS "hms.peer.flags" Uint8Hex "Flags" "FACTS, BEGIN, DELTA, PAGE: bits of the message";
    PEER_LAST "hms.peer.flags.last" Bool "Last" "FACTS, PAGE: nothing follows" [0x01];
    PEER_RESUMED "hms.peer.flags.resumed" Bool "Resumed" "BEGIN: goes on where the last link ended" [0x01];
    PEER_AT_ONCE "hms.peer.flags.at_once" Bool "Confirm at once" "DELTA: CONFIRM is waited for" [0x01];
    PEER_ALL "hms.peer.flags.all" Bool "All" "DELTA: nothing else waits; a ROOT for every home" [0x02];
    PEER_MIN_VERSION "hms.peer.min_version" Uint8 "Lowest version" "INTRO: that the HMS speaks";
    PEER_MAX_VERSION "hms.peer.max_version" Uint8 "Highest version" "INTRO: that the HMS speaks";
    PEER_PHASE "hms.peer.phase" Uint8 "Phase" "what an HMS is doing" {values!(Phase)};
    PEER_LINE "hms.peer.line" Uint64Hex "Line" "line id, 0 none";
    PEER_AGE "hms.peer.age" Uint64 "Age" "of the line";
    PEER_JOINED "hms.peer.joined" Uint64 "Joined at" "age of the line when the HMS joined";
    PEER_FOUNDED "hms.peer.founded" Uint64 "Founded" "Unix seconds; only shown";
    PEER_CLOCK "hms.peer.clock" Uint64 "Stamp clock" "INTRO, PING";
    PEER_FACTS_DIGEST "hms.peer.facts_digest" Uint64Hex "Facts digest" "INTRO, PING: sum over all facts";
    PEER_CHECK_TIME "hms.peer.check_time" Uint32 "Check time" "ms between heartbeats";
    PEER_EXCHANGE_TIME "hms.peer.exchange_time" Uint32 "Exchange time" "INTRO: ms between DELTAs";
    PEER_EXPIRY "hms.peer.expiry" Uint32 "Expiry factor" "INTRO: thousandths";
    PEER_HEARD "hms.peer.heard" Uint32 "Heard" "PING: ms since a packet of the receiver was accepted";
    PEER_CODE "hms.peer.code" Uint8 "Code" "REFUSE: why" {values!(RefuseCode)};
    PEER_INCARNATION "hms.peer.incarnation" Uint32Hex "Incarnation" "process of an HMS";
    PEER_SERVER "hms.peer.server" Uint64Hex "Server" "an HMS";
    PEER_NUMBER "hms.peer.number" Uint64 "Number" "FACTS: of the message; STORED: of that FACTS";
    PEER_RESULT "hms.peer.result" Uint8 "Result" "STORED: whether it is on disk" {results};
    PEER_REVISION "hms.peer.revision" Uint64 "Revision" "of the sender's or receiver's changes";
    PEER_FETCH "hms.peer.fetch" Uint32 "Fetch" "FETCH, PAGE: number of the FETCH";
    PEER_AFTER_REALM "hms.peer.after.realm" Uint32Hex "After realm" "FETCH, PAGE: rows above it";
    PEER_AFTER_USER "hms.peer.after.user" Uint64Hex "After user" "FETCH, PAGE: rows above it";
    PEER_UP_TO_REALM "hms.peer.up_to.realm" Uint32Hex "Up to realm" "PAGE: rows up to it";
    PEER_UP_TO_USER "hms.peer.up_to.user" Uint64Hex "Up to user" "PAGE: rows up to it";
    PEER_BUCKETS "hms.peer.buckets" Bytes "Buckets" "FETCH: bit map of the wanted buckets";
    PEER_DIGESTS "hms.peer.digests" Bytes "Digests" "BUCKETS: 8 bytes for each of the 4096";
    PEER_SECRET "hms.peer.secret" Bytes "Secret" "ADMIT: of the cluster; REALM: of the realm. Hosts' keys follow from it";
    PEER_SEED "hms.peer.seed" Bytes "Seed" "ADMIT: of the cluster's Ed25519 key";
    PEER_TLV "hms.peer.tlv" None "TLV" "one TLV of a message between HMSs";
    PEER_TLV_CRITICAL "hms.peer.tlv.critical" Bool "Critical" "who does not know it drops the message" [0x80];
    PEER_TLV_TYPE "hms.peer.tlv.type" Uint8Hex "Type" "what the value is, without the critical bit" [0x7f] {peer_tlvs};
    PEER_TLV_LENGTH "hms.peer.tlv.length" Uint16 "Length" "of the value";
    PEER_NAME "hms.peer.name" Text "Name" "of an HMS, a realm or a user";
    PEER_REASON_TEXT "hms.peer.reason" Text "Reason" "REFUSE: for people";
    PEER_USE "hms.peer.use" Uint8 "Use" "who is to use an address" {values!(AddressUse)};
    PEER_STAMP "hms.peer.stamp" Uint64 "Stamp" "of a fact or a registration";
    PEER_BY "hms.peer.by" Uint64Hex "By" "the HMS that decided or stamped";
    PEER_STATE "hms.peer.state" Uint8 "State" "of a fact" {states};
    PEER_REALM "hms.peer.realm" Uint32Hex "Realm" "realm id";
    PEER_EPOCH "hms.peer.epoch" Uint8 "Key epoch" "of a realm's secret";
    PEER_USER "hms.peer.user" Uint64Hex "User" "user id";
    PEER_GENERATION "hms.peer.generation" Uint64 "Generation" "of a user's key";
    PEER_PREVIOUS "hms.peer.previous" Uint64 "Previous" "GENERATION: the one before";
    PEER_SESSION "hms.peer.session" Uint64Hex "Session" "of a row";
    PEER_INSTANCE "hms.peer.instance" Uint64Hex "Instance" "the installation of the host program";
    PEER_SINCE "hms.peer.since" Uint64 "Since" "registered since, Unix seconds";
    PEER_CONTENT_VERSION "hms.peer.content_version" Uint32 "Content version" "of a row";
    PEER_SEQUENCE "hms.peer.sequence" Uint64 "Sequence" "highest that the home had accepted";
    PEER_STATUS "hms.peer.status" Uint8 "Status" "of a row" {statuses};
    PEER_HOME_AGE "hms.peer.home_age" Uint32 "Age" "HOME: ms";
    PEER_ENDING "hms.peer.ending" Uint8 "Ending" "GONE: why" {endings};
    PEER_FORGOTTEN "hms.peer.forgotten" Uint32 "Forgotten in" "GONE: ms";
    PEER_ROWS "hms.peer.rows" Uint32 "Rows" "ROOT: of the home";
    PEER_ROOT_DIGEST "hms.peer.root" Uint64Hex "Root digest" "ROOT: sum over the home's rows";
    PEER_FAMILY "hms.peer.family" Uint8 "Family" "4 or 6; 0 none";
    PEER_IPV4 "hms.peer.ipv4" Ipv4 "Address" "of an HMS, or of a row";
    PEER_IPV6 "hms.peer.ipv6" Ipv6 "Address" "of an HMS, or of a row";
    PEER_PORT "hms.peer.port" Uint16 "Port" "of an HMS, or of a row";

    // Found out, not read.
    VERDICT "hms.verdict" Text "Verdict" "whether a receiver with these keys believes it; only with keys, of HINT and ANNOUNCE always";
    RESPONSE_TO "hms.response_to" Frame "Request in" "the last request before it that this answers";
    TIME "hms.time" Time "Time" "from that request to this answer";
    RETRANSMISSION_OF "hms.retransmission_of" Frame "Retransmission of" "the first datagram with these very bytes";
}

/// Fields that stand in no byte.
pub(crate) const GENERATED: [&Field; 4] = [VERDICT, RESPONSE_TO, TIME, RETRANSMISSION_OF];

/// The name of a type's code.
pub(crate) fn type_name(code: u8) -> Option<&'static str> {
    match Kind::from_code(code) {
        Kind::Unknown(_) => LINK_TYPES.iter().find(|(known, _)| *known == code).map(|(_, name)| *name),
        kind => Some(kind.name()),
    }
}
