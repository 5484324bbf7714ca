//! Once a second: what the HMS lists against what it may list, and everybody's pace.

use std::collections::BTreeMap;

use hms::ident::SessionId;
use hms::server::{HostRow, StatusView};
use hms::time::Duration;

use crate::reference::Who;
use crate::rule::{Broken, Checked, Rule};
use crate::world::{World, of_device};

/// More than there are users.
const ROWS: usize = 512;
/// The refusals that `hms why` remembers.
const REFUSALS: usize = 1024;

impl World {
    pub fn check_second(&mut self) -> Checked {
        for (number, device) in self.devices.iter().enumerate() {
            // Two revocations later only the host itself can read what it hears.
            let (who, generation) = (device.who, device.token.generation);
            let current = generation == self.keys.generation(who.0, who.1);
            if !current && !self.keys.is_previous(who, generation) {
                continue;
            }
            device.check_cadence(self.now).map_err(|wrong| of_device(number, wrong))?;
        }
        if self.hms.paused_until.is_some() || self.hms.server.is_none() {
            return Ok(());
        }
        while self.discovers.front().is_some_and(|(at, ..)| self.now.since(*at) > Duration::from_secs(1)) {
            self.discovers.pop_front();
        }
        if self.now.micros().is_multiple_of(5_000_000) {
            self.check_disk()?;
        }
        let rows = self.table()?;
        self.check_table(&rows)?;
        self.check_status(&rows)?;
        self.check_liveness(&rows)?;
        let now = self.now;
        let Some(reference) = self.reference.as_mut() else { return Ok(()) };
        reference.tidy(now);
        reference.check_ages(now)?;
        let reference = self.reference.as_ref().ok_or("no reference")?;
        if rows.len() != reference.rows.len() {
            let there: Vec<_> = rows.iter().map(|row| &row.user).collect();
            return Err(format!("{} rows ({there:?}), {} expected", rows.len(), reference.rows.len()).into());
        }
        rows.iter().try_for_each(|row| self.check_row(row).map_err(|wrong| at(row, wrong)))
    }

    fn user_of_row(&self, row: &HostRow) -> Result<usize, String> {
        let user =
            self.users.iter().position(|user| user.name.as_str() == row.user && user.realm == row.realm);
        user.ok_or_else(|| format!("a row of nobody: {}", row.user))
    }

    /// Each row as it may be; no user and no address twice.
    fn check_table(&self, rows: &[HostRow]) -> Checked {
        let sessions: BTreeMap<Who, SessionId> = self
            .hms
            .look(self.now, |server, _| server.snapshot_rows(None, ROWS).0)
            .unwrap_or_default()
            .iter()
            .map(|row| ((row.realm, row.user), row.session))
            .collect();
        if sessions.len() != rows.len() {
            return Err(Rule::OneRow.broken(format!("{} rows of {} users", rows.len(), sessions.len())));
        }
        let mut places = BTreeMap::new();
        for row in rows {
            let who = self.users[self.user_of_row(row)?].who;
            let session = *sessions.get(&who).ok_or("a row that no snapshot has")?;
            self.check_listed(row, who, session).map_err(|wrong| at(row, wrong))?;
            let proven = row.address.as_ref().filter(|_| row.status != "unconfirmed");
            if let Some(other) = proven.and_then(|place| places.insert((who.0, place), &row.user)) {
                return Err(
                    Rule::Neighbours.broken(format!("{other} and {} are both at {proven:?}", row.user))
                );
            }
        }
        Ok(())
    }

    fn check_listed(&self, row: &HostRow, who: Who, session: SessionId) -> Checked {
        self.witness.check_listed(who, session, row.status)?;
        let check = Duration::from_secs(row.check_time_s.into());
        let factor = self.hms.settings.expiry_factor;
        self.witness.check_age(self.now, who, check, factor, row.status == "late")?;
        let address = row.address.as_ref().and_then(|at| at.parse().ok());
        Rule::Proof.demand(address.is_none_or(|at| self.proofs.contains(&(who, at))), || {
            format!("is published at {address:?} without proof")
        })
    }

    /// `hms status` counts what there is and what came.
    fn check_status(&mut self, rows: &[HostRow]) -> Checked {
        let status = self.hms.look(self.now, |server, local| server.status(local)).ok_or("no process")?;
        let count = |word: &str| rows.iter().filter(|row| row.status == word).count();
        let StatusView { hosts, drops, .. } = status;
        let listed = (rows.len(), count("up"), count("late"), count("unconfirmed"));
        let counted = (hosts.known, hosts.up, hosts.late, hosts.unconfirmed);
        Rule::Counters.demand(counted == listed, || format!("{hosts:?} are counted, {listed:?} listed"))?;
        // Answers that found no room are beside what came.
        let dropped = drops.iter().filter(|(reason, _)| **reason != "output").map(|(_, n)| n).sum();
        self.witness.check_counters(self.now, dropped)?;
        Rule::Bounded.demand(rows.len() <= self.users.len(), || format!("{} rows", rows.len()))?;
        if !self.now.micros().is_multiple_of(10_000_000) {
            return Ok(());
        }
        let refusals = self.hms.look(self.now, |server, _| server.why(None, None).map(|all| all.len()));
        let refusals = refusals.and_then(Result::ok).unwrap_or_default();
        Rule::Bounded.demand(refusals <= REFUSALS, || format!("{refusals} refusals are kept"))
    }

    /// The reference's row.
    fn check_row(&self, row: &HostRow) -> Checked {
        let who = self.users[self.user_of_row(row)?].who;
        let reference = self.reference.as_ref().ok_or("no reference")?;
        let expected = reference.rows.get(&who).ok_or("a row that should not be there")?;
        let status = match (expected.confirmed, expected.late) {
            (false, _) => "unconfirmed",
            (true, true) => "late",
            (true, false) => "up",
        };
        if row.status != status {
            return Err(format!("is {}, should be {status}", row.status).into());
        }
        if row.address != expected.address.map(|at| at.to_string()) {
            return Err(format!("is at {:?}, should be at {:?}", row.address, expected.address).into());
        }
        let age = self.now.since(expected.last).as_millis() as u64;
        if expected.confirmed && row.age_ms.abs_diff(age) > 1 {
            return Err(format!("has the age {} ms, should have {age} ms", row.age_ms).into());
        }
        Ok(())
    }
}

fn at(row: &HostRow, mut wrong: Broken) -> Broken {
    wrong.how = format!("{}: {}", row.user, wrong.how);
    wrong
}
