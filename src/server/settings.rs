//! What the admin may change while the HMS runs (`hms.toml`).

use std::net::SocketAddr;

use super::hms_list::Prefer;
use super::peers::PeerSettings;
use crate::limits;
use crate::time::Duration;
pub use crate::wire::UpdateMode;

/// Settings as the server takes them at start and at each reload.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSettings {
    /// How often hosts send a heartbeat (T).
    pub check_time: Duration,
    /// A row is removed this many check times after its last heartbeat.
    pub expiry_factor: f64,
    /// When directory changes are sent (R-DIR-08).
    pub update: UpdateMode,
    /// Whether changes are pushed (R-DIR-09).
    pub push: bool,
    /// Up to how many rows the realm view is granted (R-DIR-10).
    pub all_rows: usize,
    /// Whether the HMS was told to work alone.
    pub standalone: bool,
    /// `[[prefer]]`: which hosts belong to which HMS (R-PEE-92, R-PEE-93).
    pub prefer: Vec<Prefer>,
    /// `[peers]`.
    pub peers: PeerSettings,
    /// Whether unauthenticated hints are sent (R-AUT-30).
    pub hints: bool,
    /// Limits of realms, by name; a realm that is not named has none.
    pub realms: Vec<RealmLimits>,
    /// Addresses on which the host ports are open.
    pub listen: Vec<SocketAddr>,
}

/// What one realm may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealmLimits {
    /// The realm's name.
    pub name: String,
    /// Most rows (R-REG-15).
    pub max_hosts: Option<usize>,
    /// Most registrations a second.
    pub max_rate: Option<u32>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            check_time: limits::CHECK_TIME,
            expiry_factor: limits::EXPIRY_FACTOR,
            update: UpdateMode::OnChange,
            push: true,
            all_rows: limits::ALL_ROWS,
            standalone: false,
            prefer: Vec::new(),
            peers: PeerSettings::default(),
            hints: true,
            realms: Vec::new(),
            listen: Vec::new(),
        }
    }
}

impl ServerSettings {
    /// The check time on the wire.
    pub(super) fn check_time_ms(&self) -> u32 {
        u32::try_from(self.check_time.as_millis()).unwrap_or(u32::MAX)
    }

    /// How long after its last heartbeat a row is removed (R-REG-41).
    pub(super) fn expiry(&self) -> Duration {
        self.check_time.mul_f64(self.expiry_factor)
    }
}
