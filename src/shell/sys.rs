//! The few system calls that no crate offers safely. Each has a safe interface.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// The effective user id.
pub(super) fn effective_uid() -> u32 {
    // SAFETY: geteuid has no arguments and cannot fail.
    unsafe { libc::geteuid() }
}

/// The machine's host name, empty if it has none.
pub(super) fn host_name() -> String {
    let mut buffer = [0u8; 256];
    // SAFETY: the buffer is as long as is said; one byte is kept for the terminator.
    let result = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    if result != 0 {
        return String::new();
    }
    CStr::from_bytes_until_nul(&buffer).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const SINCE_BOOT: libc::clockid_t = libc::CLOCK_BOOTTIME;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SINCE_BOOT: libc::clockid_t = libc::CLOCK_MONOTONIC;

/// Time since the machine started, suspend counted where the system can.
pub(super) fn since_boot() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec that outlives the call.
    let result = unsafe { libc::clock_gettime(SINCE_BOOT, &raw mut time) };
    if result != 0 {
        return Duration::ZERO;
    }
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Makes a socket's receive buffer larger than the system lets ordinary users; only root can.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn force_receive_buffer(socket: &impl AsRawFd, bytes: usize) -> io::Result<()> {
    force_buffer(socket, libc::SO_RCVBUFFORCE, bytes)
}

/// The same for its send buffer.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn force_send_buffer(socket: &impl AsRawFd, bytes: usize) -> io::Result<()> {
    force_buffer(socket, libc::SO_SNDBUFFORCE, bytes)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn force_buffer(socket: &impl AsRawFd, option: libc::c_int, bytes: usize) -> io::Result<()> {
    let size = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    let length = libc::socklen_t::try_from(size_of_val(&size)).unwrap_or(0);
    // SAFETY: `size` outlives the call, and `length` is its size.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const size).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes a receive buffer larger: this system has no such thing.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn force_receive_buffer(_socket: &impl AsRawFd, _bytes: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes a send buffer larger: this system has no such thing.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn force_send_buffer(_socket: &impl AsRawFd, _bytes: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Bytes that wait at a socket to be sent, and how many there may be; `None` where the system does not tell.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn send_queue(socket: &impl AsRawFd) -> Option<(u32, u32)> {
    const ALLOCATED: usize = 2; // SK_MEMINFO_WMEM_ALLOC
    const BUFFER: usize = 3; // SK_MEMINFO_SNDBUF
    let info = memory_info(socket)?;
    Some((info[ALLOCATED], info[BUFFER]))
}

/// Bytes that wait at a socket to be sent: this system does not tell.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn send_queue(_socket: &impl AsRawFd) -> Option<(u32, u32)> {
    None
}

/// What the kernel says of a socket's memory, up to SK_MEMINFO_DROPS.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn memory_info(socket: &impl AsRawFd) -> Option<[u32; 9]> {
    let mut info = [0u32; 9];
    let mut length = libc::socklen_t::try_from(size_of_val(&info)).unwrap_or(0);
    // SAFETY: `info` and `length` outlive the call, and `length` is the size of `info`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    (result == 0).then_some(info)
}

/// How many datagrams the kernel has dropped at a socket because nobody read them in time; 0 where it does not tell.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn dropped_by_kernel(socket: &impl AsRawFd) -> u32 {
    const DROPS: usize = 8; // SK_MEMINFO_DROPS
    memory_info(socket).map_or(0, |info| info[DROPS])
}

/// How many datagrams the kernel has dropped: this system does not tell.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn dropped_by_kernel(_socket: &impl AsRawFd) -> u32 {
    0
}

/// The name of an interface, if it is there.
pub(super) fn interface_name(index: u32) -> Option<String> {
    let mut buffer = [0u8; libc::IF_NAMESIZE];
    // SAFETY: the buffer has the length that the call asks for.
    let name = unsafe { libc::if_indextoname(index, buffer.as_mut_ptr().cast()) };
    let known = !name.is_null();
    let text = CStr::from_bytes_until_nul(&buffer).ok().filter(|_| known)?;
    Some(text.to_string_lossy().into_owned())
}

/// One address of one interface, or an interface without any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LinkAddress {
    pub(super) name: String,
    pub(super) index: u32,
    pub(super) up: bool,
    pub(super) multicast: bool,
    pub(super) loopback: bool,
    pub(super) address: Option<IpAddr>,
}

/// Frees the list that getifaddrs made.
struct List(*mut libc::ifaddrs);

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: the pointer came from getifaddrs and is freed once, here.
        unsafe { libc::freeifaddrs(self.0) }
    }
}

/// All interfaces with their addresses.
pub(super) fn link_addresses() -> io::Result<Vec<LinkAddress>> {
    let mut head = std::ptr::null_mut();
    // SAFETY: `head` is a valid place for the list's head.
    if unsafe { libc::getifaddrs(&raw mut head) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let list = List(head);
    let mut found = Vec::new();
    let mut next = list.0;
    while !next.is_null() {
        // SAFETY: a non-null element of the list, which lives until `list` is dropped.
        let entry = unsafe { &*next };
        next = entry.ifa_next;
        // SAFETY: ifa_name is a C string that lives as long as the list; ifa_addr is null or a sockaddr.
        let (name, address) = unsafe { (CStr::from_ptr(entry.ifa_name), ip_of(entry.ifa_addr)) };
        // SAFETY: `name` is a C string.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        let has = |flag: libc::c_int| entry.ifa_flags & flag.cast_unsigned() != 0;
        found.push(LinkAddress {
            name: name.to_string_lossy().into_owned(),
            index,
            up: has(libc::IFF_UP) && has(libc::IFF_RUNNING),
            multicast: has(libc::IFF_MULTICAST),
            loopback: has(libc::IFF_LOOPBACK),
            address,
        });
    }
    Ok(found)
}

/// The IP address in a sockaddr.
///
/// # Safety
/// `address` is null or points to a sockaddr of the length that its family has.
unsafe fn ip_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: not null, and every sockaddr begins with its family.
    match i32::from(unsafe { (*address).sa_family }) {
        libc::AF_INET => {
            // SAFETY: the family says that this is a sockaddr_in.
            let v4 = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(IpAddr::V4(Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes())))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that this is a sockaddr_in6.
            let v6 = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(IpAddr::V6(Ipv6Addr::from(v6.sin6_addr.s6_addr)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_and_loopback_is_there() {
        let before = since_boot();
        assert!(before > Duration::ZERO);
        assert!(since_boot() >= before);
        let links = link_addresses().expect("interfaces");
        assert!(links.iter().any(|link| link.loopback && link.index > 0));
    }
}
