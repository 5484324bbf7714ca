//! The snapshot: written in pages, a few rows a turn, so that the loop never waits for it.

use std::io;

use crate::registry::RowId;
use crate::server::Server;
use crate::shell::files::SNAPSHOT;
use crate::shell::state_dir::{Pending, StateDir};
use crate::storage::{Secrets, Snapshot, SnapshotEnded, SnapshotRow, SnapshotWriter};
use crate::time::{Duration, Instant};

use super::ServerNotice;

/// A new one begins this long after the last one began (spec 6).
const EVERY: Duration = Duration::from_secs(30);
/// Rows that one turn writes.
const ROWS_IN_TURN: usize = 256;
const ROWS_IN_LAST_TURNS: usize = 8192;
/// The disk gets this long to take what was written, before it is waited for.
const SETTLE: Duration = Duration::from_secs(1);

/// The rows and ended sessions of the last snapshot; none if there is none, or if it cannot be read.
pub(super) fn load(
    dir: &StateDir,
    notify: &mut dyn FnMut(ServerNotice),
    secrets: &mut Secrets,
) -> (Vec<SnapshotRow>, Vec<SnapshotEnded>) {
    let bytes = match dir.read(SNAPSHOT) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Default::default(),
        Err(error) => {
            notify(ServerNotice::Warning(format!("{error}; hosts register anew")));
            return Default::default();
        }
    };
    match Snapshot::from_bytes(&bytes) {
        Ok(snapshot) if snapshot.header.server == secrets.server => {
            secrets.clock = secrets.clock.max(snapshot.header.stamp_clock);
            (snapshot.rows, snapshot.ended)
        }
        Ok(_) => {
            let file = dir.file(SNAPSHOT);
            let text = format!("{}: the snapshot of another HMS; hosts register anew", file.display());
            notify(ServerNotice::Warning(text));
            Default::default()
        }
        Err(error) => {
            notify(ServerNotice::Warning(format!("{}: {error}", dir.file(SNAPSHOT).display())));
            Default::default()
        }
    }
}

/// Writes one snapshot after the other.
pub(super) struct Snapshots {
    due: Instant,
    phase: Phase,
    /// The last one of this process is to be written.
    last: bool,
    failed: Option<String>,
}

enum Phase {
    Idle,
    Writing(Box<Writing>),
    Settling { file: Box<Pending>, until: Instant },
    Done,
}

struct Writing {
    file: Pending,
    writer: SnapshotWriter,
    at: At,
}

/// Where to go on.
#[derive(Clone, Copy)]
enum At {
    Rows(Option<RowId>),
    Ended(u32),
}

impl Snapshots {
    pub(super) fn new(now: Instant) -> Self {
        Self { due: now + EVERY, phase: Phase::Idle, last: false, failed: None }
    }

    /// When [`Self::turn`] has something to do.
    pub(super) fn next(&self, now: Instant) -> Instant {
        match &self.phase {
            Phase::Idle => self.due,
            Phase::Writing(_) => now,
            Phase::Settling { .. } if self.last => now,
            Phase::Settling { until, .. } => *until,
            Phase::Done => Instant::FAR,
        }
    }

    /// Writes the last one of this process, from the beginning.
    pub(super) fn finish(&mut self, now: Instant) {
        self.phase = Phase::Idle;
        self.last = true;
        self.due = now;
    }

    /// The last one is written, or cannot be.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// Why there is no new one, if there is none.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// A turn's share.
    pub(super) fn turn(&mut self, now: Instant, server: &Server, dir: &StateDir) {
        let phase = std::mem::replace(&mut self.phase, Phase::Idle);
        let next = match phase {
            Phase::Idle if now >= self.due => self.begin(now, server, dir),
            Phase::Writing(writing) => self.write(now, server, *writing),
            Phase::Settling { file, until } if now >= until || self.last => {
                file.finish().map(|()| self.end()).map_err(|error| error.to_string())
            }
            other => Ok(other),
        };
        self.phase = match next {
            Ok(phase) => phase,
            Err(message) => {
                if self.failed.as_ref() != Some(&message) {
                    log::error!("no snapshot: {message}");
                }
                self.failed = Some(message);
                if self.last { Phase::Done } else { Phase::Idle }
            }
        };
    }

    fn begin(&mut self, now: Instant, server: &Server, dir: &StateDir) -> Result<Phase, String> {
        self.due = now + EVERY;
        let mut file = dir.begin(SNAPSHOT).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        let writer = SnapshotWriter::begin(&server.snapshot_header(now), &mut out);
        file.append(&out).map_err(|error| error.to_string())?;
        Ok(Phase::Writing(Box::new(Writing { file, writer, at: At::Rows(None) })))
    }

    fn write(&self, now: Instant, server: &Server, writing: Writing) -> Result<Phase, String> {
        let text = |error: io::Error| error.to_string();
        let Writing { mut file, mut writer, at } = writing;
        let mut out = Vec::new();
        let next = match at {
            At::Rows(after) => {
                let share = if self.last { ROWS_IN_LAST_TURNS } else { ROWS_IN_TURN };
                let (rows, next) = server.snapshot_rows(after, share);
                rows.iter().for_each(|row| writer.row(row, &mut out));
                Some(next.map_or(At::Ended(0), |id| At::Rows(Some(id))))
            }
            At::Ended(from) => {
                let (ended, next) = server.snapshot_ended(now, from);
                ended.iter().for_each(|one| writer.ended(one, &mut out));
                next.map(At::Ended)
            }
        };
        if let Some(at) = next {
            file.append(&out).map_err(text)?;
            return Ok(Phase::Writing(Box::new(Writing { file, writer, at })));
        }
        writer.end(&mut out);
        file.append(&out).map_err(text)?;
        Ok(Phase::Settling { file: Box::new(file), until: now + SETTLE })
    }

    fn end(&mut self) -> Phase {
        self.failed = None;
        if self.last { Phase::Done } else { Phase::Idle }
    }
}
