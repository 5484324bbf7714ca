//! Time of this thread on a processor: what others do meanwhile is not counted.
#![allow(unsafe_code)]

/// Nanoseconds that this thread has worked.
pub(crate) fn worked() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec that outlives the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0, "a clock");
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// Nanoseconds for one of `count` things that `work` does.
pub(crate) fn timed(count: usize, work: impl FnOnce()) -> f64 {
    let start = worked();
    work();
    (worked() - start) as f64 / count as f64
}
