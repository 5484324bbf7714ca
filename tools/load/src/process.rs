//! What the HMS's process uses: the one that holds the state directory, also after a restart.

use std::fs;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Ticks of the kernel's CPU clock, on every Linux.
const TICKS: f64 = 100.0;

/// The process of an HMS.
pub(crate) struct Process {
    lock: PathBuf,
}

/// What it used until now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usage {
    pub(crate) pid: u32,
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_kib: u64,
}

impl Process {
    pub(crate) fn of(state: &std::path::Path) -> Self {
        Self { lock: state.join("lock") }
    }

    /// `None` while there is none.
    pub(crate) fn usage(&self) -> Option<Usage> {
        let pid = fs::read_to_string(&self.lock).ok()?.trim().parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Usage { pid, cpu_seconds: cpu_seconds(&stat)?, resident_kib: resident_kib(&status)? })
    }
}

impl Usage {
    /// Ends the process as `kill -9` does.
    pub(crate) fn kill(self) -> Result<(), String> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| format!("{} is no process", self.pid))?;
        kill_process(pid, Signal::KILL).map_err(|error| format!("process {}: {error}", self.pid))
    }

    pub(crate) fn json(self) -> Value {
        json!({ "pid": self.pid, "cpu_seconds": self.cpu_seconds, "resident_kib": self.resident_kib })
    }
}

/// The second field, a name in brackets, may hold spaces; user and system time are fields 14 and 15.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

fn resident_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_read() {
        let stat = "77 (a name) (x) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 100";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(resident_kib("Name:\tx\nVmRSS:\t    9476 kB\nRssAnon: 1 kB\n"), Some(9476));
        assert_eq!((cpu_seconds("7 (x) S"), resident_kib("")), (None, None));
    }
}
