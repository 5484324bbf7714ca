//! PAGEs: the rows of a home in order, and what ended of users in between (R-PEE-79).

use super::codec::{emit_row, gone_of, home_of};
use super::serves::Serving;
use crate::ident::Process;
use crate::limits::BATCH_MAX;
use crate::registry::{Held, Key, Registry, Step};
use crate::time::{Duration, Instant};
use crate::wire::peer::{Cursor, PageWriter, Row};

impl Serving {
    /// Makes the next page; the last one brings `after` to the end.
    pub(super) fn next_page(&mut self, now: Instant, own: Process, registry: &Registry) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BATCH_MAX);
        let mut writer = PageWriter::begin(&mut bytes);
        let mut walk = registry.held(now, self.home, &self.wanted, (self.after.realm, self.after.user));
        // All of this user, and of those before, is in it.
        let mut whole = self.after;
        let mut current = self.after;
        let up_to = loop {
            match walk.next() {
                Step::Held(key, held) => {
                    if cursor(key) != current {
                        (whole, current) = (current, cursor(key));
                    }
                    if !put(now, own, key, held, registry, &mut writer) {
                        break whole;
                    }
                }
                Step::Pause(key) => break cursor(key),
                Step::End => break Cursor::END,
            }
        };
        writer.end(self.number, self.after, up_to);
        self.after = up_to;
        bytes
    }
}

const fn cursor((realm, user): Key) -> Cursor {
    Cursor { realm, user }
}

fn put(
    now: Instant,
    own: Process,
    (realm, user): Key,
    held: Held,
    registry: &Registry,
    writer: &mut PageWriter<'_>,
) -> bool {
    match held {
        Held::Row(id) => {
            let Some(row) = registry.row(id) else { return true };
            let mut bytes = Vec::new();
            emit_row(&row, &mut bytes);
            Row::parse(&bytes, 0).map_or(true, |told| writer.row(home_of(now, &row), &told))
        }
        Held::Ended { left: Duration::ZERO, .. } => true,
        Held::Ended { ended, left, .. } => {
            let (home, gone) = gone_of(own, realm, user, &ended, left);
            writer.gone(home, &gone)
        }
    }
}
