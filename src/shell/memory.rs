//! What the process takes of the machine's memory, for `hms status`.

use std::fs;
use std::sync::OnceLock;

use serde::Serialize;

/// Tells the live bytes of the heap; the allocator is the program's, not the library's.
static LIVE: OnceLock<fn() -> usize> = OnceLock::new();

/// What is taken now; none if it cannot be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Bytes that are allocated and not freed.
    pub live_bytes: Option<usize>,
    /// Bytes of the process that lie in the machine's memory.
    pub resident_bytes: Option<usize>,
}

/// Says who counts the live bytes; the first counts.
pub fn count_by(live: fn() -> usize) {
    let _ = LIVE.set(live);
}

/// What this process takes now.
pub fn memory() -> Memory {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    Memory { live_bytes: LIVE.get().map(|live| live()), resident_bytes: resident(&status) }
}

fn resident(status: &str) -> Option<usize> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read() {
        assert_eq!(resident("Name:\thms\nVmRSS:\t    5120 kB\nThreads:\t1\n"), Some(5120 * 1024));
        assert_eq!(resident("Name:\thms\n"), None);
        assert_eq!(resident("VmRSS:\t many kB\n"), None);
    }

    #[test]
    fn somebody_counts() {
        count_by(|| 17);
        assert_eq!(memory().live_bytes, Some(17));
    }
}
