//! What is remarkable about a datagram, as Wireshark calls it: expert information.

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Note,
    Warn,
    Error,
}

impl Severity {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One kind of remark.
#[derive(Debug)]
pub(crate) struct Remark {
    pub(crate) name: &'static str,
    pub(crate) severity: Severity,
    /// As Wireshark groups them.
    pub(crate) group: &'static str,
    pub(crate) about: &'static str,
}

macro_rules! remarks {
    ($($konst:ident $name:literal $severity:ident $group:literal $about:literal;)+) => {
        $(pub(crate) const $konst: &Remark =
            &Remark { name: $name, severity: Severity::$severity, group: $group, about: $about };)+
        /// All of them.
        pub(crate) const ALL: &[&Remark] = &[$($konst),+];
    };
}

remarks! {
    MALFORMED "hms.expert.malformed" Error "malformed" "not as the specification says; a receiver drops it";
    FOREIGN "hms.expert.foreign" Warn "undecoded" "another protocol on a port of ours";
    CUT "hms.expert.cut" Warn "undecoded" "the capture has only its first bytes";
    WRONG_TAG "hms.expert.wrong_tag" Error "checksum" "the tag does not hold under the key that it should";
    WRONG_CHECKSUM "hms.expert.wrong_checksum" Error "checksum" "the checksum of a HINT or ANNOUNCE does not fit";
    UNKNOWN_KEY "hms.expert.unknown_key" Warn "security" "no key for its realm, epoch or key id was given";
    REVOKED "hms.expert.revoked" Warn "security" "the tag holds under a key that was revoked";
    REPLAYED "hms.expert.replayed" Warn "sequence" "its sequence was seen before in this session";
    OUT_OF_WINDOW "hms.expert.out_of_window" Warn "sequence" "its sequence is 64 or more behind the highest";
    RETRANSMISSION "hms.expert.retransmission" Note "sequence" "the same bytes were sent before";
    HEARTBEAT_GAP "hms.expert.heartbeat_gap" Warn "sequence" "no heartbeat for two check times or more";
    ACKNOWLEDGED "hms.expert.acknowledged" Note "sequence" "packets of the other side arrived";
    LOST "hms.expert.lost" Warn "sequence" "packets of the other side did not arrive";
    SENT_AGAIN "hms.expert.sent_again" Note "sequence" "bytes of a stream that were sent before";
    STREAM_GAP "hms.expert.stream_gap" Warn "sequence" "bytes of a stream are not in the capture";
    REFUSED "hms.expert.refused" Warn "response" "an HMS says no";
    PRIMARY_CONFLICT "hms.expert.primary_conflict" Error "protocol" "two HMSs claim to be primary at the same time";
}

/// A remark on one datagram.
#[derive(Clone, Debug)]
pub(crate) struct Expert {
    pub(crate) remark: &'static Remark,
    pub(crate) text: String,
}

impl Expert {
    pub(crate) fn new(remark: &'static Remark, text: impl Into<String>) -> Self {
        Self { remark, text: text.into() }
    }
}
