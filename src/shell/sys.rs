//! The few system calls that no crate offers safely. Each has a safe interface.
#![allow(unsafe_code)]

/// The effective user id.
pub(super) fn effective_uid() -> u32 {
    // SAFETY: geteuid has no arguments and cannot fail.
    unsafe { libc::geteuid() }
}
