//! Answers to REGISTER that wait until the other HMSs have the row (`ack = "replicated"`, R-PEE-75).

use std::collections::{BTreeMap, VecDeque};

use super::Server;
use super::answer::Ask;
use super::peers::AckWhen;
use crate::ident::SessionId;
use crate::limits::{HELD_MAX, REPLICATED_WAIT};
use crate::time::Instant;
use crate::wire::View;

/// Registrations of which is told whether other HMSs have them: a bounded number, oldest first.
#[derive(Default)]
pub(super) struct Held {
    /// Those that wait for their answer; each was made no earlier than the one before.
    waiting: VecDeque<SessionId>,
    /// Those that were answered, and are not told of by an ACK yet.
    answered: VecDeque<SessionId>,
    by_session: BTreeMap<SessionId, Registration>,
}

struct Registration {
    /// The change that made the row.
    revision: u64,
    /// Whom to answer, and what it wanted to follow; none: it was answered.
    answer: Option<Box<(Ask, View)>>,
}

impl Held {
    /// Keeps an answer; `false` if too many wait.
    fn hold(&mut self, session: SessionId, revision: u64, ask: Ask, view: View) -> bool {
        if self.waiting.len() >= HELD_MAX {
            return false;
        }
        self.waiting.push_back(session);
        self.by_session.insert(session, Registration { revision, answer: Some(Box::new((ask, view))) });
        true
    }

    /// When the oldest answer is given, whatever was confirmed.
    pub(super) fn due(&self) -> Option<Instant> {
        let oldest = self.by_session.get(self.waiting.front()?)?;
        oldest.answer.as_ref().map(|answer| answer.0.now + REPLICATED_WAIT)
    }

    fn revision(&self, session: SessionId) -> Option<u64> {
        self.by_session.get(&session).map(|registration| registration.revision)
    }

    /// The oldest answer that waits; from now on it counts as given.
    fn next(&mut self) -> Option<(SessionId, Ask, View)> {
        let session = self.waiting.pop_front()?;
        let (ask, view) = *self.by_session.get_mut(&session)?.answer.take()?;
        self.answered.push_back(session);
        if self.answered.len() > HELD_MAX
            && let Some(oldest) = self.answered.pop_front()
        {
            self.by_session.remove(&oldest);
        }
        Some((session, ask, view))
    }

    fn forget(&mut self, session: SessionId) {
        if self.by_session.remove(&session).is_some() {
            self.answered.retain(|other| *other != session);
        }
    }

    fn is_waiting(&self, session: SessionId) -> bool {
        self.by_session.get(&session).is_some_and(|registration| registration.answer.is_some())
    }
}

impl Server {
    /// Answers a new registration: at once, or when the other HMSs have it.
    pub(super) fn answer_registration(&mut self, ask: &Ask, session: SessionId, view: &View) {
        if self.settings.peers.ack == AckWhen::Replicated {
            let revision = self.registry.position();
            self.peers.hurry(ask.now, revision);
            if self.peers.is_replicated(revision).is_none()
                && self.held.hold(session, revision, *ask, view.clone())
            {
                return;
            }
        }
        self.registered_session(ask, session, view);
    }

    /// The answer waits: the same REGISTER is not answered meanwhile.
    pub(super) fn is_held(&self, session: SessionId) -> bool {
        self.held.is_waiting(session)
    }

    /// What REGISTERED says of the other HMSs; nothing where nobody is waited for.
    pub(super) fn says_replicated(&self, session: SessionId) -> Option<bool> {
        (self.settings.peers.ack == AckWhen::Replicated).then(|| {
            let revision = self.held.revision(session);
            revision.is_some_and(|revision| self.peers.is_replicated(revision) == Some(true))
        })
    }

    /// What an ACK says: that the others have it by now, once.
    pub(super) fn late_replicated(&mut self, session: SessionId) -> Option<bool> {
        let revision = self.held.revision(session).filter(|_| !self.held.is_waiting(session))?;
        (self.peers.is_replicated(revision) == Some(true)).then(|| {
            self.held.forget(session);
            true
        })
    }

    /// Gives the answers that all have confirmed, or that have waited long enough. A row that is gone has none.
    pub(super) fn answer_held(&mut self, now: Instant) {
        while let Some(due) = self.held.due() {
            let oldest = self.held.waiting.front().and_then(|session| self.held.revision(*session));
            let decided = oldest.is_none_or(|revision| self.peers.is_replicated(revision).is_some());
            if due > now && !decided {
                return;
            }
            let Some((session, ask, view)) = self.held.next() else { return };
            let at_home = self.registry.by_session(session).and_then(|id| self.registry.row(id));
            if at_home.is_some_and(|row| row.is_here()) && self.service.is_open() {
                self.registered_session(&Ask { now, ..ask }, session, &view);
            } else {
                self.held.forget(session);
            }
        }
    }

    fn registered_session(&mut self, ask: &Ask, session: SessionId, view: &View) {
        if let Some(id) = self.registry.by_session(session) {
            self.registered(ask, id, view);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::ident::{Epoch, RealmId, UserId};
    use crate::net::Arrival;
    use crate::time::Duration;
    use crate::wire::{Header, Kind};

    fn ask(now: Instant) -> Ask {
        let header = Header {
            kind: Kind::Register,
            flags: 0,
            epoch: Epoch(1),
            realm: RealmId(1),
            user: UserId::default(),
            session: SessionId(0),
            sequence: 1,
        };
        let from = SocketAddr::from(([10, 0, 0, 1], 5000));
        Ask { now, from, arrival: Arrival::default(), header, len: 200 }
    }

    #[test]
    fn so_many_answers_wait_and_no_more() {
        let (mut held, now) = (Held::default(), Instant::from_secs(5));
        let hold = |held: &mut Held, number: usize| {
            held.hold(SessionId(number as u64), number as u64, ask(now), View::Realm)
        };
        assert!((0..HELD_MAX).all(|number| hold(&mut held, number)));
        assert!(!hold(&mut held, HELD_MAX), "one too many is answered at once");
        assert_eq!(held.due(), Some(now + Duration::from_millis(500)));
        // Those that were answered are bounded as well: the oldest is forgotten.
        while held.next().is_some() {}
        assert_eq!((held.due(), held.answered.len()), (None, HELD_MAX));
        assert!(hold(&mut held, HELD_MAX) && held.is_waiting(SessionId(HELD_MAX as u64)));
        assert!(held.next().is_some() && !held.is_waiting(SessionId(HELD_MAX as u64)));
        assert_eq!((held.by_session.len(), held.answered.len()), (HELD_MAX, HELD_MAX));
        assert_eq!((held.revision(SessionId(0)), held.revision(SessionId(1))), (None, Some(1)));
        held.forget(SessionId(1));
        assert_eq!((held.by_session.len(), held.answered.len()), (HELD_MAX - 1, HELD_MAX - 1));
    }
}
