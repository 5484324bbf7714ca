//! Opening the sockets that a daemon is asked at, and saying who is there already.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use super::super::taken;
use super::super::udp::UdpSocket;

/// Why a daemon cannot listen.
#[derive(Debug)]
pub struct ListenError {
    /// Where it wanted to.
    pub address: SocketAddr,
    /// What the system says; `None` if another process is there.
    pub error: Option<io::Error>,
    /// The process that is there, if that is known.
    pub pid: Option<u32>,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen at udp {}: ", self.address)?;
        let port = self.address.port();
        match (&self.error, self.pid) {
            (None, Some(pid)) => write!(f, "port {port} is taken by process {pid}; --listen names another"),
            (None, None) => write!(f, "port {port} is taken by another process; --listen names another"),
            (Some(error), _) if error.kind() == ErrorKind::AddrNotAvailable => {
                write!(f, "this machine does not have that address")
            }
            (Some(error), _) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for ListenError {}

impl ListenError {
    pub(super) fn is_no_family(&self) -> bool {
        self.error.as_ref().is_some_and(|error| {
            matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
        })
    }
}

/// Opens a socket to be asked at. A `fixed` port is shared with the groups of others, but with nobody else.
pub(super) fn open_main(address: SocketAddr, fixed: bool) -> Result<UdpSocket, ListenError> {
    let shared = fixed && address.port() != 0;
    let taken_by = |holder: taken::Holder| ListenError { address, error: None, pid: holder.pid };
    if shared && let Some(holder) = taken::holder(address, None::<&UdpSocket>) {
        return Err(taken_by(holder));
    }
    let socket = UdpSocket::bind(address, shared).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => ListenError {
            address,
            error: None,
            pid: taken::holder(address, None::<&UdpSocket>).and_then(|holder| holder.pid),
        },
        _ => ListenError { address, error: Some(error), pid: None },
    })?;
    // Two that start at the same instant both see this, and both end: better than two that share.
    match taken::holder(address, Some(&socket)).filter(|_| shared) {
        Some(holder) => Err(taken_by(holder)),
        None => Ok(socket),
    }
}
