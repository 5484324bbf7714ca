//! What holds at every moment, or some time after the last that happened.

use std::collections::{BTreeMap, BTreeSet};

use hms::net::Destination;
use hms::server::{HostRow, StatusView};
use hms::time::Duration;
use hms::wire::{Kind, Unverified};

use crate::net::{Flight, Node};
use crate::rule::{Checked, Rule};
use crate::world::World;

/// By then HMSs agree who leads, whatever happened (QUALITY section 2).
const ROLES: Duration = Duration::from_secs(12);
/// Who is taken out so soon after a LEAVE is taken out for it.
const TAKEN_OUT: Duration = Duration::from_secs(3);
/// By then their tables are equal: two digest periods.
const TABLES: Duration = Duration::from_secs(120);
/// Lines so young, or so near in age, are equally old (R-PEE-45), and ages are said in seconds.
const YOUNG: u64 = 10;
const NEAR: u64 = 3;

impl World {
    pub fn check_second(&mut self) -> Checked {
        self.check_stopping()?;
        let still = self.now.since(self.troubled);
        let tables = self.tables()?;
        self.check_users(&tables)?;
        self.check_homes(&tables)?;
        self.check_leavers(&tables)?;
        self.check_ages()?;
        if still > ROLES {
            self.check_roles()?;
        }
        if still > TABLES && self.few_losses && !self.net.any_cut() {
            self.check_present(&tables)?;
        }
        Ok(())
    }

    /// The table of each HMS that serves.
    fn tables(&self) -> Result<BTreeMap<usize, Vec<HostRow>>, crate::rule::Broken> {
        let serving = (0..self.hmss.len()).filter(|hms| self.serves(*hms));
        serving.map(|hms| Ok((hms, self.table(hms)?))).collect()
    }

    pub fn table(&self, hms: usize) -> Result<Vec<HostRow>, crate::rule::Broken> {
        let rows = self.hmss[hms].look(self.now, |server, local| server.hosts(local, None));
        let rows = rows.ok_or_else(|| Rule::Panic.broken("no process"))?;
        let rows = rows.map_err(|error| Rule::Panic.broken(format!("hosts: {error:?}")))?;
        let users: BTreeSet<_> = rows.iter().map(|row| row.user.as_str()).collect();
        Rule::OneRow.demand(users.len() == rows.len(), || format!("hms{hms} has {rows:?}"))?;
        Ok(rows)
    }

    /// An HMS that is told to stop ends in its time.
    fn check_stopping(&self) -> Checked {
        let slow = self.hmss.iter().find(|hms| {
            let since = hms.stopping.filter(|_| hms.is_awake());
            since.is_some_and(|since| self.now.since(since) > Duration::from_secs(6))
        });
        slow.map_or(Ok(()), |hms| Err(Rule::Stop.broken(format!("hms{} does not stop", hms.number))))
    }

    /// Who starts, is refused or wakes says nothing to hosts.
    pub fn check_closed(&mut self, hms: usize, to: Destination, kind: Option<Kind>) -> Checked {
        let Some(kind) = kind else { return Ok(()) };
        self.count_kind(kind);
        let host = match to {
            Destination::Groups => true,
            Destination::Unicast(to) => !matches!(self.net.node_at(to), Some(Node::Hms(_))),
        };
        let role = self.hmss[hms].status(self.now).map(|status| status.role);
        let closed = matches!(role, Some("starting" | "refused"));
        Rule::Closed.demand(!(host && closed), || format!("hms{hms} says {kind} to {to:?} while {role:?}"))
    }

    /// What was said before changes nothing. That a LEAVE ends what its host wanted to end is no harm (spec 7.1).
    pub fn check_unchanged(&self, hms: usize, before: &[HostRow], flight: &Flight) -> Checked {
        let kind = Unverified::parse(&flight.bytes).ok().map(|datagram| datagram.header().kind);
        if kind == Some(Kind::Leave) {
            return Ok(());
        }
        let after = self.table(hms)?;
        let plain = |rows: &[HostRow]| -> Vec<HostRow> {
            rows.iter().map(|row| HostRow { age_ms: 0, ..row.clone() }).collect()
        };
        let (before, after) = (plain(before), plain(&after));
        let changed: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
        Rule::Replay.demand(before == after, || {
            format!("{kind:?} from {} changes {changed:?} at hms{hms}", flight.from)
        })
    }

    fn check_users(&self, tables: &BTreeMap<usize, Vec<HostRow>>) -> Checked {
        for user in &self.users {
            let listed: Vec<_> = tables
                .iter()
                .filter(|(_, rows)| rows.iter().any(|row| row.user == user.name.as_str()))
                .map(|(hms, _)| *hms)
                .collect();
            if listed.is_empty() || user.silent.is_none() {
                continue;
            }
            // In a calm world at once; else when what nobody vouches for any more has expired.
            let expiry = self.longest.mul_f64(2.6);
            let last = self.prolonged;
            let (leave, silence) = (Duration::from_secs(5), expiry + Duration::from_secs(3));
            let unsure = expiry + ROLES;
            for (since, least, rule) in
                [(user.gone, leave, Rule::Leaver), (user.silent, silence, Rule::Removal)]
            {
                let Some(since) = since else { continue };
                let heard = rule != Rule::Leaver || user.leave_heard;
                let least = if last < since && heard { least } else { unsure };
                let overdue = self.now.since(since.max(last)) > least && !self.net.any_cut();
                rule.demand(!overdue, || {
                    format!("{} is at {listed:?} {:?} after it went", user.name, self.now.since(since))
                })?;
            }
        }
        Ok(())
    }

    /// Who was taken out because the host left comes back only with a new session.
    fn check_leavers(&mut self, tables: &BTreeMap<usize, Vec<HostRow>>) -> Checked {
        for (hms, rows) in tables {
            let there: BTreeSet<_> = rows.iter().map(|row| row.user.as_str()).collect();
            for user in &mut self.users {
                let is_listed = there.contains(user.name.as_str());
                let was_listed = user.listed.contains(hms);
                let just_left = user.gone.is_some_and(|gone| self.now.since(gone) <= TAKEN_OUT);
                if is_listed {
                    user.listed.insert(*hms);
                } else {
                    user.listed.remove(hms);
                }
                if was_listed && !is_listed && just_left {
                    user.taken_out.insert(*hms);
                }
                let back = is_listed && user.taken_out.contains(hms);
                Rule::Leaver.demand(!back, || format!("{} is back at hms{hms}", user.name))?;
            }
        }
        Ok(())
    }

    /// An HMS that answered a host's heartbeat after all that the host said to others has it, whoever else says that he
    /// does.
    fn check_homes(&self, tables: &BTreeMap<usize, Vec<HostRow>>) -> Checked {
        for (number, device) in self.devices.iter().enumerate() {
            let user = &self.users[device.user];
            let Some(acked) = device.acked.filter(|_| device.registered() && user.devices.len() == 1) else {
                continue;
            };
            let last = device.said.iter().all(|(hms, said)| *hms == acked.hms || *said < acked.sequence);
            let hms = &self.hmss[acked.hms];
            if !last || hms.since >= acked.at || hms.stopping.is_some() {
                continue;
            }
            let mut rows = tables.get(&acked.hms).into_iter().flatten();
            let row = rows.find(|row| row.user == user.name.as_str());
            let name = format!("hms{}", acked.hms);
            Rule::Home.demand(row.is_none_or(|row| row.via == name), || {
                format!("{name} has answered device {number} last ({acked:?}), and says {row:?}")
            })?;
        }
        Ok(())
    }

    /// Who changes its line takes an older one: the age that an HMS says never goes back.
    fn check_ages(&mut self) -> Checked {
        for hms in 0..self.hmss.len() {
            let Some(status) = self.hmss[hms].status(self.now).filter(|_| self.hmss[hms].is_awake()) else {
                continue;
            };
            // It has no line yet, or none any more: what it says is its own age.
            if matches!(status.role, "starting" | "refused") {
                self.hmss[hms].age = None;
                continue;
            }
            let age = status.cluster_elapsed_s;
            if let Some((at, before)) = self.hmss[hms].age.replace((self.now, age)) {
                let least = before + self.now.since(at).as_secs();
                let older = least <= YOUNG + NEAR || age + NEAR >= least;
                Rule::Elder
                    .demand(older, || format!("hms{hms}'s line of {least} s became one of {age} s"))?;
            }
        }
        Ok(())
    }

    /// HMSs that reach each other, directly or over one, name one primary.
    fn check_roles(&self) -> Checked {
        let awake: Vec<_> = (0..self.hmss.len()).filter(|hms| self.hmss[*hms].is_awake()).collect();
        let mut rest: BTreeSet<_> = awake.iter().copied().collect();
        while let Some(first) = rest.pop_first() {
            let mut part = vec![first];
            let mut next = 0;
            while next < part.len() {
                let near: Vec<_> = rest.iter().copied().filter(|hms| self.linked(part[next], *hms)).collect();
                rest.retain(|hms| !near.contains(hms));
                part.extend(near);
                next += 1;
            }
            self.check_part(&part)?;
        }
        Ok(())
    }

    fn linked(&self, one: usize, other: usize) -> bool {
        let (one, other) = (Node::Hms(one), Node::Hms(other));
        !self.net.is_cut(one, other) && !self.net.is_cut(other, one)
    }

    fn check_part(&self, part: &[usize]) -> Checked {
        let told: Vec<StatusView> = part.iter().filter_map(|hms| self.hmss[*hms].status(self.now)).collect();
        let roles: Vec<_> = told.iter().map(|status| (status.name.as_str(), status.role)).collect();
        let primaries = roles.iter().filter(|(_, role)| *role == "primary").count();
        let others = roles.iter().filter(|(_, role)| *role == "secondary").count();
        let right = primaries == 1 && primaries + others == roles.len();
        Rule::OnePrimary.demand(right, || format!("{roles:?}"))
    }

    /// A host that runs and reaches HMSs, undisturbed for long, is listed at each of them.
    fn check_present(&self, tables: &BTreeMap<usize, Vec<HostRow>>) -> Checked {
        let calm = self.longest.mul_f64(3.6) + Duration::from_secs(20);
        for (number, device) in self.devices.iter().enumerate() {
            if !device.registered() || self.now.since(device.troubled) < calm {
                continue;
            }
            let user = &self.users[device.user];
            for (hms, rows) in tables {
                let there = rows.iter().any(|row| row.user == user.name.as_str());
                Rule::FalseExpiry.demand(there || user.gone.is_some(), || {
                    format!("device {number} ({}) is registered, and not at hms{hms}", user.name)
                })?;
            }
        }
        Ok(())
    }

    /// Where faults cost nobody a session, a process registers once.
    pub fn check_session(&self, device: usize) -> Checked {
        let again = self.gentle && self.devices[device].registrations > 1;
        Rule::Session.demand(!again, || format!("device {device} registers again"))
    }
}
