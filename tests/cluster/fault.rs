//! The kinds of fault.

/// Kinds of fault; a world has at least three of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Loss,
    Duplication,
    Reordering,
    Corruption,
    Delay,
    LinkLoss,
    LinkDuplication,
    LinkReordering,
    LinkCorruption,
    LinkDelay,
    /// `kill -9`, and a new process later.
    HmsCrash,
    HmsCrashWithSnapshot,
    /// The machine comes back with a disk of minutes ago.
    HmsOldDisk,
    HmsStop,
    /// All of them are told to stop at once.
    AllStop,
    /// All of them are killed, and start at one instant.
    AllStart,
    /// It stands still, and goes on.
    HmsPause,
    /// The same for longer than what makes it doubt what it knows.
    HmsLongPause,
    /// Its machine sleeps: what comes meanwhile is lost.
    HmsSleep,
    HmsClock,
    /// HMSs and hosts are in two parts that do not reach each other.
    Partition,
    OneWay,
    /// Two HMSs do not reach each other; both reach the third.
    Partial,
    /// A host reaches one of the HMSs no more.
    HostCut,
    HostCrash,
    Renumbering,
    Takeover,
    Leaving,
    Revocation,
    DiskFull,
    Vanishing,
    /// What hosts said is said again, to any HMS.
    Replay,
    /// What HMSs said to each other is said again.
    PeerReplay,
    Reload,
}

impl Fault {
    pub const ALL: [Self; 34] = [
        Self::Loss,
        Self::Duplication,
        Self::Reordering,
        Self::Corruption,
        Self::Delay,
        Self::LinkLoss,
        Self::LinkDuplication,
        Self::LinkReordering,
        Self::LinkCorruption,
        Self::LinkDelay,
        Self::HmsCrash,
        Self::HmsCrashWithSnapshot,
        Self::HmsOldDisk,
        Self::HmsStop,
        Self::AllStop,
        Self::AllStart,
        Self::HmsPause,
        Self::HmsLongPause,
        Self::HmsSleep,
        Self::HmsClock,
        Self::Partition,
        Self::OneWay,
        Self::Partial,
        Self::HostCut,
        Self::HostCrash,
        Self::Renumbering,
        Self::Takeover,
        Self::Leaving,
        Self::Revocation,
        Self::DiskFull,
        Self::Vanishing,
        Self::Replay,
        Self::PeerReplay,
        Self::Reload,
    ];

    /// Faults that cost no host its session: nobody registers again because of them.
    pub const GENTLE: [Self; 16] = [
        Self::Duplication,
        Self::Reordering,
        Self::Delay,
        Self::LinkLoss,
        Self::LinkDuplication,
        Self::LinkReordering,
        Self::LinkCorruption,
        Self::LinkDelay,
        Self::HmsCrash,
        Self::HmsCrashWithSnapshot,
        Self::HmsStop,
        Self::HmsPause,
        Self::HmsClock,
        Self::Replay,
        Self::PeerReplay,
        Self::Reload,
    ];

    /// Of the paths to and from hosts, all the time.
    pub const fn of_cables(self) -> bool {
        matches!(self, Self::Loss | Self::Duplication | Self::Reordering | Self::Corruption | Self::Delay)
    }

    /// Of the paths between HMSs, all the time.
    pub const fn of_links(self) -> bool {
        matches!(
            self,
            Self::LinkLoss
                | Self::LinkDuplication
                | Self::LinkReordering
                | Self::LinkCorruption
                | Self::LinkDelay
        )
    }
}
