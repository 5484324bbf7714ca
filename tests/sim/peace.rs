//! After the faults: every list equals the truth, nothing more is said than must be, and whoever leaves is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use hms::host::HostRow;
use hms::time::Duration;
use hms::wire::{HostState, UpdateMode, View};

use crate::acts::{after, settling_time};
use crate::device::End;
use crate::rule::{Broken, Checked, Rule};
use crate::world::{Violation, World, of_device};

impl World {
    /// Plays the world to its end.
    pub fn play(&mut self, peace: hms::time::Instant) -> Result<(), Violation> {
        self.start_hms().map_err(|broken| self.violation(broken))?;
        self.run_until(peace)?;
        self.make_peace().map_err(|broken| self.violation(broken))?;
        let settled = self.now + settling_time(self.longest, self.crowd);
        self.run_until(settled)?;
        self.refresh_all().map_err(|broken| self.violation(broken))?;
        self.run_until(after(self.now, 3))?;
        self.check_truth().map_err(|broken| self.violation(broken))?;
        self.stay_quiet()?;
        self.part()?;
        self.end_hms().map_err(|broken| self.violation(broken))?;
        self.tally.seeds = 1;
        self.tally.simulated = Duration::from_micros(self.now.micros());
        self.tally.links = self.net.tally();
        *self.tally.events.entry("cut").or_default() += self.net.cut;
        *self.tally.events.entry("rebound").or_default() += self.net.rebound();
        self.tally.events.retain(|_, n| *n > 0);
        Ok(())
    }

    /// In mode on-request a list is only as new as the last request.
    fn refresh_all(&mut self) -> Checked {
        if self.hms.settings.update != UpdateMode::OnRequest {
            return Ok(());
        }
        for device in 0..self.devices.len() {
            self.act(crate::plan::Action::Refresh { device })?;
        }
        Ok(())
    }

    /// Who should be listed: the machines that run and have a key that counts.
    fn present(&self) -> Result<BTreeMap<usize, usize>, Broken> {
        let mut present = BTreeMap::new();
        for (number, user) in self.users.iter().enumerate() {
            let running: Vec<_> =
                user.devices.iter().filter(|d| self.devices[**d].running()).copied().collect();
            let (good, old): (Vec<_>, Vec<_>) = running.into_iter().partition(|device| {
                self.devices[*device].token.generation == self.keys.generation(user.who.0, user.who.1)
            });
            for device in old {
                // The last key but one is refused; an older one is met with silence.
                if self.keys.is_previous(user.who, self.devices[device].token.generation) {
                    return Err(Rule::Revoked.broken(format!("{}: device {device} goes on", user.name)));
                }
                if self.devices[device].registered() {
                    return Err(Rule::Revoked.broken(format!("{}: device {device} is registered", user.name)));
                }
            }
            match good[..] {
                [] => {}
                [device] => {
                    present.insert(number, device);
                }
                _ => {
                    return Err(Rule::Superseded.broken(format!("{}: devices {good:?} all go on", user.name)));
                }
            }
        }
        Ok(present)
    }

    fn check_truth(&mut self) -> Checked {
        let present = self.present()?;
        let now = self.now;
        let rows = self.hms.look(now, |server, local| server.hosts(local, None)).ok_or("no process")?;
        let rows = rows.map_err(|e| format!("hosts: {e}"))?;
        let listed: BTreeSet<_> = rows.iter().map(|row| (row.realm.as_str(), row.user.as_str())).collect();
        let expected: BTreeSet<_> =
            present.keys().map(|user| (self.users[*user].realm, self.users[*user].name.as_str())).collect();
        if listed != expected {
            let missing: Vec<_> = expected.difference(&listed).collect();
            let extra: Vec<_> = listed.difference(&expected).collect();
            return Err(Rule::Truth.broken(format!("the HMS lacks {missing:?} and lists {extra:?} in vain")));
        }
        for (user, device) in &present {
            if !self.devices[*device].registered() {
                return Err(Rule::Truth.broken(format!("device {device} is not registered")));
            }
            let name = self.users[*user].name.as_str();
            let row = rows.iter().find(|row| row.user == name).ok_or("no row")?;
            let at = self.net.outside(*device).map(|at| at.to_string());
            if row.status != "up" || row.address != at {
                return Err(Rule::Truth.broken(format!(
                    "{name} is {} at {:?}, should be up at {at:?}",
                    row.status, row.address
                )));
            }
            self.check_list(&present, *user, *device).map_err(|wrong| of_device(*device, wrong))?;
        }
        Ok(())
    }

    /// The device's list against what its view should show.
    fn check_list(&self, present: &BTreeMap<usize, usize>, user: usize, device: usize) -> Checked {
        let who = self.devices[device].look(self.now, |host, local| host.who(local)).ok_or("no process")?;
        let rows: BTreeMap<_, _> = who.hosts.iter().map(|row| (row.user.as_str(), row)).collect();
        let view = &self.devices[device].view;
        let shown = |other: usize, its: usize| match view {
            View::Realm => true,
            View::Group(group) => self.devices[its].wanted.conference.as_ref() == Some(group),
            View::Named(users) => users.contains(&self.users[other].who.1),
            _ => false,
        };
        let mut expected = BTreeSet::new();
        for (other, its) in present {
            // A host lists itself whatever it follows (R-DIR-12).
            let same_realm = self.users[*other].realm == self.users[user].realm;
            if *other == user || (same_realm && shown(*other, *its)) {
                expected.insert(self.users[*other].name.as_str());
            }
        }
        let listed: BTreeSet<_> = rows.keys().copied().collect();
        let own = self.users[user].name.as_str();
        let without = |set: &BTreeSet<&str>| -> BTreeSet<String> {
            set.iter().filter(|name| **name != own).map(ToString::to_string).collect()
        };
        if without(&listed) != without(&expected) {
            return Err(Rule::Truth.broken(format!("lists {listed:?} instead of {expected:?} ({view:?})")));
        }
        if who.source != "hms" {
            return Err(Rule::Truth.broken(format!("lists from {}", who.source)));
        }
        for (other, its) in present {
            if let Some(row) = rows.get(self.users[*other].name.as_str()) {
                self.check_entry(row, *its, *other == user)?;
            }
        }
        Ok(())
    }

    fn check_entry(&self, row: &HostRow, device: usize, own: bool) -> Checked {
        let wanted = &self.devices[device].wanted;
        let state = if wanted.state == HostState::Standby { "standby" } else { wanted.state.name() };
        let port = |port: u16| (port != 0).then_some(port);
        let same = row.host == wanted.host_name.as_str()
            && row.state == state
            && row.conference.as_deref() == wanted.conference.as_ref().map(|name| name.as_str())
            && row.fixed == wanted.fixed
            && row.ports.audio == port(wanted.ports.audio)
            && row.own == own;
        if !same {
            return Err(Rule::Truth.broken(format!("{} is listed as {row:?} and wants {wanted:?}", row.user)));
        }
        let ip = row.address.as_ref().and_then(|at| at.parse::<SocketAddr>().ok()).map(|at| at.ip());
        let truth = self.net.outside(device).map(|at| at.ip());
        // That a row was confirmed is no change of the directory (R-DIR-01): after a warm start the word may stay.
        let warm = self.tally.events.contains_key("snapshot restored");
        let up = row.status == "up" || (warm && row.status == "unconfirmed");
        if !up || ip != truth {
            return Err(Rule::Truth
                .broken(format!("{} is listed {} at {ip:?}, and is at {truth:?}", row.user, row.status)));
        }
        Ok(())
    }

    /// Two check times in which nothing happens: heartbeats and bare answers, and no more of them than must be.
    fn stay_quiet(&mut self) -> Result<(), Violation> {
        let before = self.tally.datagrams;
        let running = self.devices.iter().filter(|device| device.running()).count() as u64;
        self.quiet = true;
        let end = self.now + self.hms.settings.check_time * 2;
        self.run_until(end)?;
        self.quiet = false;
        let said = self.tally.datagrams - before;
        // Two check times at nine tenths of one: three heartbeats and their answers at most.
        let always = self.hms.settings.update == UpdateMode::Always;
        if said > running * 6 && !always {
            let how = format!("{said} datagrams of {running} hosts in quiet times");
            return Err(self.violation(Rule::Quiet.broken(how)));
        }
        self.check_truth().map_err(|broken| self.violation(broken))
    }

    /// Everybody leaves: within a second nobody is listed.
    fn part(&mut self) -> Result<(), Violation> {
        let leaving: Vec<_> = (0..self.devices.len()).filter(|d| self.devices[*d].registered()).collect();
        for device in &leaving {
            self.leave(*device).map_err(|broken| self.violation(broken))?;
        }
        self.run_until(after(self.now, 1))?;
        let left = self.hms.look(self.now, |server, local| server.status(local).hosts.known);
        if left != Some(0) {
            let how = format!("{left:?} rows after everybody left");
            return Err(self.violation(Rule::Leaver.broken(how)));
        }
        match leaving.iter().find(|device| self.devices[**device].ended != Some(End::Left)) {
            Some(device) => {
                Err(self.violation(Rule::Leaver.broken(format!("device {device} did not end after leaving"))))
            }
            None => Ok(()),
        }
    }
}
