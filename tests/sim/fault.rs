//! The kinds of fault.

/// Kinds of fault; a world has at least three of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Loss,
    Duplication,
    Reordering,
    Corruption,
    Delay,
    HostCut,
    OneWayCut,
    HmsCut,
    Rebinding,
    Renumbering,
    AddressSwap,
    HostCrash,
    HmsCrash,
    HmsCrashWithSnapshot,
    HmsStop,
    HmsPause,
    HostPause,
    HmsClock,
    HostClock,
    Takeover,
    Leaving,
    Revocation,
    Replay,
    Forgery,
    Reload,
    Vanishing,
    Flapping,
    Holding,
    Crowding,
    /// The HMS's machine sleeps: what comes meanwhile is lost.
    HmsSleep,
    HostSleep,
    /// The snapshot is damaged.
    HmsCrashTorn,
    /// The disk takes nothing.
    DiskFull,
    /// Somebody on the path drops, delays, changes and moves datagrams.
    OnPath,
    /// Somebody has the key of a user.
    Insider,
    /// A revoked host tries again and again.
    Stolen,
    /// Five times as much comes as the HMS can take.
    Overload,
    /// The world goes on for hours, and then what was captured is said again.
    Hours,
}

impl Fault {
    pub const ALL: [Self; 38] = [
        Self::Loss,
        Self::Duplication,
        Self::Reordering,
        Self::Corruption,
        Self::Delay,
        Self::HostCut,
        Self::OneWayCut,
        Self::HmsCut,
        Self::Rebinding,
        Self::Renumbering,
        Self::AddressSwap,
        Self::HostCrash,
        Self::HmsCrash,
        Self::HmsCrashWithSnapshot,
        Self::HmsStop,
        Self::HmsPause,
        Self::HostPause,
        Self::HmsClock,
        Self::HostClock,
        Self::Takeover,
        Self::Leaving,
        Self::Revocation,
        Self::Replay,
        Self::Forgery,
        Self::Reload,
        Self::Vanishing,
        Self::Flapping,
        Self::Holding,
        Self::Crowding,
        Self::HmsSleep,
        Self::HostSleep,
        Self::HmsCrashTorn,
        Self::DiskFull,
        Self::OnPath,
        Self::Insider,
        Self::Stolen,
        Self::Overload,
        Self::Hours,
    ];

    /// They cost the simulator much: each has its turn, and does not come by chance as well.
    pub const fn is_long(self) -> bool {
        matches!(self, Self::Overload | Self::Hours)
    }

    /// Faults of the cables, there all the time.
    pub const fn of_cables(self) -> bool {
        matches!(self, Self::Loss | Self::Duplication | Self::Reordering | Self::Corruption | Self::Delay)
    }

    /// Faults that must not cost anybody anything: nobody expires, loses the HMS or is stopped by them.
    pub const HARMLESS: [Self; 8] = [
        Self::Duplication,
        Self::Reordering,
        Self::Delay,
        Self::HmsClock,
        Self::HostClock,
        Self::Replay,
        Self::Forgery,
        Self::Reload,
    ];
}
