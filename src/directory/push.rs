//! Pushes: a change for each session that wants it at once (R-DIR-09).

use super::page::Directory;
use crate::registry::{PushTarget, Registry};
use crate::wire::PageInfo;

impl Directory {
    /// Writes a push for a session that [`Registry::next_push`] named: PAGE-INFO and rows, at most `space` bytes.
    /// It is not repeated: what is lost the next heartbeat repairs. `None`, and nothing written, if no delta says it.
    pub fn write_push(
        &mut self,
        registry: &mut Registry,
        target: &PushTarget,
        space: usize,
        buf: &mut Vec<u8>,
    ) -> Option<PageInfo> {
        let info = self.write_delta(registry, target.view, target.told, space, buf);
        // Nobody asked for it, so it is at nobody's expense.
        self.take_walked();
        // Without a delta the session waits for its next heartbeat.
        registry.set_told(target.row, info.map(|info| info.to).unwrap_or_default());
        info
    }
}
