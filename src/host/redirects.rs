//! REDIRECTs that were followed: not to one HMS twice within a check time, so that two that name each other, or one
//! that names who does not answer, cost a round trip and no more (R-REG-36).

use crate::ident::ServerId;
use crate::time::{Duration, Instant};

/// How many are followed in a check time (R-REG-52).
const MOST: usize = 4;

/// To whom, and when.
#[derive(Debug, Default)]
pub(super) struct Redirects(Vec<(ServerId, Instant)>);

impl Redirects {
    /// Whether the host turns to this HMS now.
    pub(super) fn follow(&mut self, now: Instant, server: ServerId, check_time: Duration) -> bool {
        self.0.retain(|(_, at)| now.since(*at) < check_time);
        let follows = self.0.len() < MOST && self.0.iter().all(|(known, _)| *known != server);
        if follows {
            self.0.push((server, now));
        }
        follows
    }
}
