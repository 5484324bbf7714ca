//! REGISTERED: a session begins (R-REG-16).

use super::session::Session;
use super::{Event, Host, State};
use crate::ident::Name;
use crate::net::Arrival;
use crate::time::{Duration, Instant};
use crate::wire::Registered;

impl Host {
    /// An HMS took the registration that the contact offered.
    pub(super) fn registered_by(&mut self, now: Instant, arrival: Arrival, registered: &Registered) {
        let (Some((id, key)), Some(target)) = (self.contact.offered.take(), self.contact.target) else {
            return;
        };
        self.end_contact();
        self.search.stop();
        self.probes.cancel();
        let mut session = Session::new(id, key, registered.stamp, target, self.wall_at(now));
        session.hear((registered.incarnation, registered.number));
        self.requests.clear();
        self.session = Some(session);
        self.follow.since = 0;
        self.takeover = false;
        self.state = State::Registered;
        self.store.last_stamp = registered.stamp;
        self.told.set_check_time(registered.check_time_ms);
        self.told.server = Some(registered.server);
        // What another registration was granted counts no more.
        (self.told.granted, self.told.replicated) = (None, None);
        self.take_settings(now, &registered.settings, arrival.interface);
        self.routes.answered(target, Some(registered.server), registered.incarnation);
        self.own.acknowledged(registered.content_version, false);
        // The stamp is kept before anything else happens: the next process needs it (R-REG-02).
        self.persist_now();
        let (user, address) = (self.me.user_name.clone(), self.told.observed);
        // An HMS that does not say its name is called by its id.
        let hms = self.hms_name().or_else(|| Name::new(&registered.server.to_string()).ok());
        self.events.extend(hms.map(|hms| Event::Registered { hms, user, address }));
        let first = Duration::from_millis(registered.first_delay_ms.into());
        self.beat_at(now + first.min(self.told.check_time));
        self.follow_registered(now, registered.incarnation, registered.revision);
    }
}
