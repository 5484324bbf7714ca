//! After the faults: one primary, equal tables, every list true, next to nothing said; then a stop, and everybody leaves.

use std::collections::{BTreeMap, BTreeSet};

use hms::server::HostRow;
use hms::time::{Duration, Instant};
use hms::wire::HostState;

use crate::acts::after;
use crate::device::{Device, End};
use crate::plan::WAR;
use crate::rule::{Broken, Checked, Rule};
use crate::world::{Violation, World};

/// Most bytes a second from one HMS to another where nothing happens.
const QUIET: u64 = 200;
/// What a neighbour costs that compares all sums of a home (R-PEE-78): so where a host goes elsewhere at that moment.
const COMPARED: u64 = 36_000;

impl World {
    /// Plays the world to its end.
    pub fn play(&mut self) -> Result<(), Violation> {
        self.run_until(Instant::from_secs(WAR))?;
        self.make_peace().map_err(|broken| self.violation(broken))?;
        let settled = self.now + self.longest * 4 + Duration::from_secs(140);
        self.run_until(settled)?;
        self.compare()?;
        self.stay_quiet()?;
        self.hand_over()?;
        self.part()?;
        self.tally.seeds = 1;
        self.tally.simulated = Duration::from_micros(self.now.micros());
        self.tally.links = self.net.tally();
        Ok(())
    }

    /// Every table and every list against the truth, at a moment at which no host has just gone elsewhere.
    fn compare(&mut self) -> Result<(), Violation> {
        self.wait_for_homes()?;
        self.check_truth().map_err(|broken| self.violation(broken))
    }

    /// Hosts go back to the HMS that is the best for them in peace, too, and that takes a moment to be known everywhere: so
    /// up to a second in which none did.
    fn wait_for_homes(&mut self) -> Result<(), Violation> {
        for _ in 0..10 {
            let before = self.homes();
            self.run_until(after(self.now, 1))?;
            if self.homes() == before {
                return Ok(());
            }
        }
        Err(self.violation(Rule::Truth.broken("hosts go from HMS to HMS all the time")))
    }

    /// Where each host says that it is.
    fn homes(&self) -> Vec<Option<String>> {
        let home = |device: &Device| device.look(self.now, |host, local| host.who(local).hms).flatten();
        self.devices.iter().map(home).collect()
    }

    /// Who should be listed: users with the machine that runs and is registered.
    fn present(&self) -> Result<BTreeMap<usize, usize>, Broken> {
        let mut present = BTreeMap::new();
        for (number, user) in self.users.iter().enumerate() {
            let running: Vec<_> = user.devices.iter().filter(|d| self.devices[**d].registered()).collect();
            match running[..] {
                [] => {}
                [device] => drop(present.insert(number, *device)),
                _ => return Err(Rule::Truth.broken(format!("{}: {running:?} all go on", user.name))),
            }
        }
        Ok(present)
    }

    fn check_truth(&self) -> Checked {
        for (number, device) in self.devices.iter().enumerate() {
            let settled = !device.running() || device.registered();
            // Whose token counts no more may ask for ever.
            let known = self.users[device.user].gone.is_none() && !device.stale;
            Rule::Truth
                .demand(settled || !known, || format!("device {number} runs, and is not registered"))?;
        }
        let present = self.present()?;
        let mut first: Option<Vec<HostRow>> = None;
        for hms in 0..self.hmss.len() {
            let rows = self.table(hms)?;
            self.check_table(hms, &rows, &present)?;
            let plain: Vec<_> =
                rows.into_iter().map(|row| HostRow { age_ms: 0, revision: 0, ..row }).collect();
            let same = first.as_ref().is_none_or(|first| *first == plain);
            Rule::Converged.demand(same, || format!("hms{hms} has {plain:?}, hms0 {first:?}"))?;
            first.get_or_insert(plain);
        }
        present.iter().try_for_each(|(user, device)| self.check_list(&present, *user, *device))
    }

    fn check_table(&self, hms: usize, rows: &[HostRow], present: &BTreeMap<usize, usize>) -> Checked {
        let listed: BTreeSet<_> = rows.iter().map(|row| row.user.as_str()).collect();
        let expected: BTreeSet<_> = present.keys().map(|user| self.users[*user].name.as_str()).collect();
        let missing: Vec<_> = expected.difference(&listed).collect();
        let extra: Vec<_> = listed.difference(&expected).collect();
        Rule::Converged.demand(listed == expected, || {
            format!("hms{hms} lacks {missing:?} and lists {extra:?} in vain")
        })?;
        let users = self.by_name();
        for row in rows {
            let device = present[&users[row.user.as_str()]];
            let at = self.net.address(crate::net::Node::Host(device)).to_string();
            let wanted = &self.devices[device].wanted;
            let home = self.devices[device].look(self.now, |host, local| host.who(local).hms).flatten();
            let same = row.host == wanted.host_name.as_str()
                && row.conference.as_deref() == wanted.conference.as_ref().map(|name| name.as_str())
                && row.status == "up"
                && row.address.as_ref() == Some(&at)
                && Some(&row.via) == home.as_ref();
            Rule::Truth.demand(same, || {
                format!("at hms{hms} {row:?}, should be at {at} via {home:?}: {wanted:?}")
            })?;
        }
        Ok(())
    }

    /// The device's list against the truth.
    fn check_list(&self, present: &BTreeMap<usize, usize>, user: usize, device: usize) -> Checked {
        let who = self.devices[device].look(self.now, |host, local| host.who(local));
        let who = who.ok_or_else(|| Rule::Truth.broken("no process"))?;
        let listed: BTreeSet<_> = who.hosts.iter().map(|row| row.user.as_str()).collect();
        let expected: BTreeSet<_> = present.keys().map(|user| self.users[*user].name.as_str()).collect();
        let right = listed == expected && who.source == "hms";
        let own = &self.users[user].name;
        Rule::Truth.demand(right, || {
            format!("device {device} of {own} lists {listed:?} from {}, should {expected:?}", who.source)
        })?;
        let users = self.by_name();
        for row in &who.hosts {
            let its = present[&users[row.user.as_str()]];
            let wanted = &self.devices[its].wanted;
            let state = if wanted.state == HostState::Standby { "standby" } else { wanted.state.name() };
            let ip = self.net.address(crate::net::Node::Host(its)).ip().to_string();
            let same = row.host == wanted.host_name.as_str()
                && row.state == state
                && row.conference.as_deref() == wanted.conference.as_ref().map(|name| name.as_str())
                && row.address.as_ref().is_some_and(|at| at.starts_with(&ip));
            Rule::Truth
                .demand(same, || format!("device {device} lists {row:?}, wanted {wanted:?} at {ip}"))?;
        }
        Ok(())
    }

    /// Two digest periods in which nothing happens.
    fn stay_quiet(&mut self) -> Result<(), Violation> {
        let (before, homes) = (self.net.trunk, self.homes());
        let registered: Vec<_> = self.devices.iter().map(|device| device.registrations).collect();
        self.run_until(after(self.now, 130))?;
        let bytes = self.net.trunk.1 - before.1;
        let paths = (self.hmss.len() * (self.hmss.len() - 1)) as u64;
        self.tally.quiet = self.tally.quiet.max(bytes / 130 / paths);
        let moved = self.homes().iter().zip(&homes).filter(|(now, before)| now != before).count();
        let bound = QUIET * 130 * paths + moved as u64 * (self.hmss.len() as u64 - 1) * COMPARED;
        let check = Rule::Quiet.demand(bytes <= bound, || {
            format!("{bytes} bytes between {} HMSs in 130 s, in which {moved} hosts moved", self.hmss.len())
        });
        check.map_err(|broken| self.violation(broken))?;
        let again: Vec<_> = self.devices.iter().map(|device| device.registrations).collect();
        let check = Rule::Session.demand(registered == again, || "somebody registers again".into());
        check.map_err(|broken| self.violation(broken))?;
        self.compare()
    }

    /// The primary is told to stop: another leads within a second, and nobody registers again.
    fn hand_over(&mut self) -> Result<(), Violation> {
        let role = |world: &Self, hms: usize| world.hmss[hms].status(world.now).map(|status| status.role);
        let Some(primary) = (0..self.hmss.len()).find(|hms| role(self, *hms) == Some("primary")) else {
            return Err(self.violation(Rule::OnePrimary.broken("nobody leads")));
        };
        let before: Vec<_> = self.devices.iter().map(|device| device.registrations).collect();
        self.stop_hms(primary).map_err(|broken| self.violation(broken))?;
        self.run_until(after(self.now, 1))?;
        let leads = (0..self.hmss.len())
            .filter(|hms| *hms != primary)
            .filter(|hms| role(self, *hms) == Some("primary"))
            .count();
        if leads != 1 {
            let broken = Rule::Stop.broken(format!("{leads} lead 1 s after the primary was told to stop"));
            return Err(self.violation(broken));
        }
        let served = self.now + self.longest.mul_f64(1.1) + Duration::from_secs(5);
        self.run_until(served)?;
        let again: Vec<_> = self.devices.iter().map(|device| device.registrations).collect();
        if before != again {
            return Err(self.violation(Rule::Session.broken("a stop makes somebody register again")));
        }
        let lost =
            self.devices.iter().position(|device| device.running() && !device.registered() && !device.stale);
        if let Some(device) = lost.filter(|device| self.users[self.devices[*device].user].gone.is_none()) {
            return Err(self.violation(Rule::Session.broken(format!("device {device} is not served on"))));
        }
        Ok(())
    }

    /// Everybody leaves: two seconds later nobody is listed anywhere.
    fn part(&mut self) -> Result<(), Violation> {
        let leaving: Vec<_> = (0..self.devices.len()).filter(|d| self.devices[*d].registered()).collect();
        for device in &leaving {
            let leave = crate::plan::Action::Leave { device: *device };
            self.act(leave).map_err(|broken| self.violation(broken))?;
        }
        self.run_until(after(self.now, 2))?;
        for hms in (0..self.hmss.len()).filter(|hms| self.hmss[*hms].server.is_some()) {
            let left = self.hmss[hms].status(self.now).map(|status| status.hosts.known);
            if left != Some(0) {
                let how = format!("{left:?} rows at hms{hms} after everybody left");
                return Err(self.violation(Rule::Leaver.broken(how)));
            }
        }
        let here = leaving.iter().find(|device| self.devices[**device].ended != Some(End::Left));
        match here {
            Some(device) => {
                let how = format!("device {device} did not end after leaving");
                Err(self.violation(Rule::Leaver.broken(how)))
            }
            None => Ok(()),
        }
    }
}
