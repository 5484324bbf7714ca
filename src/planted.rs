//! Bugs that the simulator plants, one at a time, to see whether its invariants find them. Without the feature
//! `planted`, which is for that alone, the question is answered `false` for the compiler and nothing of it is left.

#[cfg(all(feature = "planted", not(debug_assertions)))]
compile_error!("the feature `planted` is for tests: no release is built with it");

/// A bug, named by what the code then does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// A sequence that was seen is taken again (R-AUT-21).
    WindowSkipped,
    /// A cookie works from every source (3.2).
    CookieForAnySource,
    /// A registration cookie works after the registration (R-AUT-11).
    StampNotBound,
    /// A row moves to where a heartbeat came from, without a cookie (4.4, row 8).
    AddressBeforeProof,
    /// A step of the wall clock lets rows expire.
    WallClockInExpiry,
    /// Datagrams with the response bit are answered (R-FMT-03).
    ResponseAnswered,
    /// A row of a snapshot counts as live (R-REG-40).
    UnconfirmedIsLive,
    /// LEAVE is answered, and the row stays (R-REG-42).
    LeaveForgotten,
    /// Older content replaces newer (R-REG-31).
    ContentVersionIgnored,
    /// A revocation is in force, and not stored (R-AUT-04).
    RevocationNotStored,
    /// A revoked user's row comes back from the snapshot.
    RevokedRowRestored,
    /// Revoking leaves the row where it is (R-AUT-04).
    RevokedRowStays,
    /// What was sent before a row was confirmed or moved may confirm or move it (4.4, row 9).
    OldSequenceProves,
    /// The stamp of a removed row is forgotten at once (R-AUT-12), and so is its session, which refuses the same
    /// recordings (R-PEE-53).
    StampForgotten,
    /// Two rows are published at one address (R-REG-25).
    AddressShared,
    /// Rows expire after 2.375 check times (R-REG-41).
    ExpiryEarly,
    /// Rows expire after 2.7 check times (R-REG-41).
    ExpiryLate,
    /// Time in which the HMS stood still counts as silence of its hosts (R-REG-44).
    StallCounted,
    /// A removal is not said in the view (R-REG-45).
    GoneUnsaid,
    /// A number is given to two datagrams (2.6).
    NumberRepeats,
    /// A host uses a sequence twice (R-AUT-20).
    SequenceTwice,
    /// A host that was superseded registers again (R-REG-21).
    SupersededGoesOn,
    /// A host forgets that it was superseded when it ends (R-REG-21).
    SupersededForgotten,
    /// What was heard last counts, not the later session and the greater place (R-PEE-50, R-PEE-51).
    MergedByArrival,
    /// Of two homes of one place neither is the greater (R-PEE-51).
    HomesTie,
    /// A home gives its row up to whoever says that it has it (R-PEE-55).
    HomeYields,
    /// What a third tells of a home is as new as what the home says, however old it is (R-PEE-61, R-PEE-62).
    AgeIgnored,
    /// Who says to be a row's home is believed, though its place is the lesser (R-PEE-51).
    StaleHomeBelieved,
    /// That a host left is forgotten at once (R-PEE-67).
    LeaveUnkept,
    /// Copies of a home that is lost do not age (R-PEE-64).
    CopiesStay,
    /// Of two lines none gives way (R-PEE-45).
    LinesPart,
    /// Of two lines the older gives way (R-PEE-45).
    ElderYields,
    /// A window counts at every HMS: what its home has seen is taken elsewhere without a cookie (4.4, row 8).
    WindowShared,
    /// Who is reached over another is not reached (R-PEE-42).
    NobodyRelays,
    /// More is sent than the peer gave credit for (R-TRN-61); `tests/links` hunts for it.
    CreditIgnored,
}

impl Bug {
    /// All that several HMSs have with each other; `cargo test --test cluster --features planted` hunts for them.
    #[cfg(feature = "planted")]
    pub const OF_SEVERAL: [Self; 12] = [
        Self::UnconfirmedIsLive,
        Self::MergedByArrival,
        Self::HomesTie,
        Self::HomeYields,
        Self::AgeIgnored,
        Self::StaleHomeBelieved,
        Self::LeaveUnkept,
        Self::CopiesStay,
        Self::LinesPart,
        Self::ElderYields,
        Self::WindowShared,
        Self::NobodyRelays,
    ];

    /// All that one HMS and its hosts have.
    #[cfg(feature = "planted")]
    pub const ALL: [Self; 23] = [
        Self::WindowSkipped,
        Self::CookieForAnySource,
        Self::StampNotBound,
        Self::AddressBeforeProof,
        Self::WallClockInExpiry,
        Self::ResponseAnswered,
        Self::UnconfirmedIsLive,
        Self::LeaveForgotten,
        Self::ContentVersionIgnored,
        Self::RevocationNotStored,
        Self::RevokedRowRestored,
        Self::RevokedRowStays,
        Self::OldSequenceProves,
        Self::StampForgotten,
        Self::AddressShared,
        Self::ExpiryEarly,
        Self::ExpiryLate,
        Self::StallCounted,
        Self::GoneUnsaid,
        Self::NumberRepeats,
        Self::SequenceTwice,
        Self::SupersededGoesOn,
        Self::SupersededForgotten,
    ];
}

/// The bug that is planted, counted from 1.
#[cfg(feature = "planted")]
static PLANTED: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);

/// Plants a bug in all machines of this process, instead of the one before.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.store(bug.map_or(0, |bug| bug as u8 + 1), std::sync::atomic::Ordering::SeqCst);
}

/// Whether this bug is planted.
#[cfg(feature = "planted")]
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.load(std::sync::atomic::Ordering::Relaxed) == bug as u8 + 1
}

/// Whether this bug is planted: never.
#[cfg(not(feature = "planted"))]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}
