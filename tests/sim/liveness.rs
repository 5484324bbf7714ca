//! What must become true within its bound, as long as nothing keeps it from doing so.

use hms::server::HostRow;
use hms::time::{Duration, Instant};

use crate::rule::{Checked, Rule};
use crate::world::{World, of_device};

/// What the resends of a heartbeat may add.
const RESENDS: Duration = Duration::from_secs(5);

impl World {
    /// A host that runs and can be reached stays, whatever else happens.
    pub fn check_false_expiry(&self, user: usize) -> Checked {
        let calm = self.longest.mul_f64(3.6) + Duration::from_secs(10);
        let name = &self.users[user].name;
        let on_air =
            |device: &&usize| self.devices[**device].on_air(self.now) && self.is_calm(**device, calm);
        let healthy = self.users[user].devices.iter().find(on_air);
        match healthy.filter(|_| !self.is_compromised(user)) {
            Some(device) => Err(Rule::FalseExpiry
                .broken(format!("{name} expired, and device {device} runs and can be reached"))),
            None => Ok(()),
        }
    }

    /// Whether nothing kept a host from the HMS for so long but now and then a loss. That the HMS stood still, or had
    /// too much to do, does not count where nothing is lost besides: it has put its expiries off by that time.
    fn is_calm(&self, device: usize, since: Duration) -> bool {
        // While the HMS does nothing nobody is heard.
        let calm = |at: Instant| self.now.since(at).saturating_sub(self.witness.stalled_since(at)) > since;
        let one = &self.devices[device];
        let cut = self.net.any_hms_cut() || self.net.is_cut(device);
        self.few_losses
            && (self.no_losses || calm(self.hms.paused) && self.overload.is_none())
            && calm(self.hms.troubled)
            && !cut
            && one.paused_until.is_none()
            && calm(one.troubled)
    }

    /// And nothing held the HMS up either.
    fn is_quick(&self, device: usize, since: Duration) -> bool {
        let idle = self.overload.is_none() && !self.holding && !self.on_path;
        idle && self.devices[device].registered()
            && self.now.since(self.hms.paused) > since
            && self.is_calm(device, since)
    }

    /// Two heartbeats after a change the HMS lists what is true; one after a revocation the host is out.
    pub fn check_liveness(&mut self, rows: &[HostRow]) -> Checked {
        for device in 0..self.devices.len() {
            let at = self.net.outside(device);
            let now = self.now;
            let one = &mut self.devices[device];
            if one.seen_at.0 != at {
                one.seen_at = (at, now);
            }
            self.check_out(device).map_err(|wrong| of_device(device, wrong))?;
            self.check_update(device, rows).map_err(|wrong| of_device(device, wrong))?;
        }
        Ok(())
    }

    fn check_out(&self, device: usize) -> Checked {
        let beat = self.longest.mul_f64(1.1) + RESENDS;
        let one = &self.devices[device];
        let (realm, user) = one.who;
        let revoked = one.token.generation < self.keys.generation(realm, user);
        Rule::Revoked.demand(!revoked || !self.is_quick(device, beat), || {
            format!(
                "goes on although revoked, {:?} after anything else happened",
                self.now.since(one.troubled)
            )
        })
    }

    fn check_update(&self, device: usize, rows: &[HostRow]) -> Checked {
        let beats = self.longest.mul_f64(2.2) + RESENDS;
        let one = &self.devices[device];
        let (at, since) = one.seen_at;
        let user = self.user_of(one.who);
        let still = self.now.since(since) > beats && self.now.since(one.set_at) > beats;
        if !still || self.is_compromised(user) || !self.is_quick(device, beats) {
            return Ok(());
        }
        let (realm, name) = (self.users[user].realm, self.users[user].name.as_str());
        let row = rows.iter().find(|row| row.user == name && row.realm == realm);
        let row = row.ok_or_else(|| Rule::Update.broken("is registered, and the HMS does not list it"))?;
        let place = at.map(|at| at.to_string());
        let right = row.status == "up" && (at.is_none() || row.address == place);
        Rule::Update
            .demand(right, || format!("is {} at {:?}, should be at {place:?}", row.status, row.address))?;
        let wanted = &one.wanted;
        let conference = wanted.conference.as_ref().map(|name| name.as_str());
        let same = row.host == wanted.host_name.as_str() && row.conference.as_deref() == conference;
        Rule::Update
            .demand(same && row.fixed == wanted.fixed, || format!("is listed as {row:?}, wants {wanted:?}"))
    }
}
