//! What one user may cost (R-SEC-05): changes, one a second, sixteen at once. A refusal does not say
//! whether it cost one: so there is a least and a most that a user has used up.

use std::collections::BTreeMap;

use hms::time::{Duration, Instant};

use super::{Maybe, Who};

const BURST: u32 = 16;
const EACH: Duration = Duration::from_secs(1);

/// When all that a user had is paid for, at the earliest and at the latest.
#[derive(Default)]
pub struct Changes(BTreeMap<Who, (Instant, Instant)>);

impl Changes {
    /// Whether the user has so many left.
    pub fn left(&self, now: Instant, who: Who, count: u32) -> Maybe {
        let (least, most) = self.0.get(&who).copied().unwrap_or_default();
        let fits = |ahead: Duration| ahead + EACH * count <= EACH * BURST;
        if !fits(least.since(now)) {
            return Maybe::No;
        }
        if fits(most.since(now)) { Maybe::Yes } else { Maybe::Perhaps }
    }

    /// The user had one; or perhaps not.
    pub fn took(&mut self, now: Instant, who: Who, certainly: bool) {
        let (least, most) = self.0.entry(who).or_default();
        if certainly {
            *least = now.max(*least) + EACH;
        }
        *most = now.max(*most) + EACH;
    }
}
