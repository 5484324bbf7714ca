//! Carries out what happens to the HMS: its process, its disk, its admin.

use std::collections::BTreeMap;

use hms::ident::SessionId;
use hms::time::Duration;
use hms::wire::UpdateMode;

use crate::plan::{Action, Keep};
use crate::reference::{Reference, Who, learn_generations};
use crate::rule::{Checked, Rule};
use crate::world::World;

/// What an HMS with a hundred hosts may hold: rows, buffers, tables of fixed size.
const HEAP: usize = 4 << 20;

impl World {
    pub fn act_on_hms(&mut self, action: Action) -> Checked {
        match action {
            Action::StartHms => self.start_hms()?,
            Action::KillHms { keep } => self.kill_hms(keep)?,
            Action::Disk { works } => {
                self.hms.disk_works = works;
            }
            Action::StopHms => {
                let turn = self.hms.with(self.now, |server, local| server.stop(local));
                if let Some((_, turn)) = turn {
                    self.tally.count("hms stopped");
                    self.hms_turn(turn, None)?;
                    self.save();
                    self.end_hms()?;
                }
            }
            Action::PauseHms { length } => self.pause_hms(length, false),
            Action::SleepHms { length } => self.pause_hms(length, true),
            Action::Overload { length } => self.overload(length),
            Action::StepHms { by } => {
                self.tally.count("wall clock stepped");
                self.hms.step_wall(self.now, by);
            }
            Action::Reload => self.reload()?,
            Action::Snapshot if self.hms.paused_until.is_none() => self.save(),
            _ => {}
        }
        Ok(())
    }

    fn kill_hms(&mut self, keep: Keep) -> Checked {
        if self.hms.server.is_some() {
            self.tally.count("hms killed");
            self.end_hms()?;
        }
        match keep {
            Keep::Whole => {}
            Keep::Torn if self.hms.snapshot.is_some() => {
                self.tally.count("snapshot torn");
                self.hms.tear();
                return Rule::Storage.demand(self.hms.is_torn(), || "a damaged snapshot is taken".into());
            }
            Keep::Torn | Keep::Nothing => self.hms.snapshot = None,
        }
        Ok(())
    }

    fn pause_hms(&mut self, length: Duration, asleep: bool) {
        if self.hms.server.is_none() || self.hms.paused_until.is_some() {
            return;
        }
        self.tally.count(if asleep { "hms asleep" } else { "hms paused" });
        self.hms.paused_until = Some(self.now + length);
        self.hms.paused = self.now;
        self.hms.asleep = asleep;
    }

    pub fn revoke(&mut self, user: usize) -> Checked {
        let (name, realm, who) =
            (self.users[user].name.to_string(), self.users[user].realm, self.users[user].who);
        let session = self.session_of(who);
        let turn = self.hms.with(self.now, |server, local| server.revoke(local, Some(realm), &name));
        let Some((result, turn)) = turn else { return Ok(()) };
        self.tally.count("revoked");
        let view = result.map_err(|e| format!("revoke: {e}"))?;
        self.learn();
        self.witness.revoked(who, session);
        if let Some(reference) = &mut self.reference
            && reference.revoke(self.now, who) != view.removed
        {
            return Err(format!("revoking {name} removed a row: {}", view.removed).into());
        }
        self.touch_user(user);
        self.hms_turn(turn, None)?;
        self.stored()
    }

    /// The admin revokes the user whose key was stolen.
    pub fn revoke_insider(&mut self) -> Checked {
        match self.insider.as_ref().map(|insider| insider.user) {
            Some(user) => self.revoke(user),
            None => Ok(()),
        }
    }

    /// The session in which the HMS lists a user.
    fn session_of(&self, who: Who) -> Option<SessionId> {
        let rows = self.hms.look(self.now, |server, _| server.snapshot_rows(None, 512).0)?;
        rows.iter().find(|row| (row.realm, row.user) == who).map(|row| row.session)
    }

    /// The admin's commands are stored when they return, or `hms status` says so (QUALITY, disk full).
    fn stored(&mut self) -> Checked {
        if self.hms.unstored {
            self.tally.count("revocation not stored");
        } else {
            self.stored_generations = self.keys.generations();
        }
        Ok(())
    }

    /// The disk may work again; what it did not take is shown until then.
    pub fn check_disk(&mut self) -> Checked {
        if !self.hms.unstored {
            return Ok(());
        }
        self.hms.store(self.now);
        let message = self.hms.look(self.now, |server, local| server.status(local).message).flatten();
        let shown = message.as_ref().is_some_and(|text| text.contains("not stored"));
        Rule::Storage.demand(shown == self.hms.unstored, || {
            format!("unstored: {}, and `hms status` says {message:?}", self.hms.unstored)
        })?;
        self.stored()
    }

    fn learn(&mut self) {
        if let Some(server) = &self.hms.server {
            learn_generations(&mut self.keys, server.keyring());
        }
    }

    /// A new token for the user's first machine, and `hms join` with it.
    pub fn renew(&mut self, user: usize) -> Checked {
        let device = self.users[user].devices[0];
        let plug = self.net.plug(device);
        let token = self.token(user, plug);
        if token.generation == self.devices[device].token.generation {
            return Ok(());
        }
        self.kill(device)?;
        self.devices[device].give_token(token);
        self.start(device, true)
    }

    pub fn save(&mut self) {
        let rows = self.reference.as_ref().map(|reference| reference.rows.clone());
        self.hms.save(self.now, rows.unwrap_or_default());
    }

    pub fn end_hms(&mut self) -> Checked {
        if let Some(reference) = &self.reference {
            *self.tally.events.entry("displaced").or_default() += reference.displaced;
        }
        if self.hms.unstored {
            // Nobody has it on a disk: the next process cannot know.
            self.tally.count("revocation lost with the disk");
            let before: Vec<_> =
                self.users.iter().map(|user| self.keys.generation(user.who.0, user.who.1)).collect();
            self.keys.go_back(self.stored_generations.clone());
            for (user, before) in before.into_iter().enumerate() {
                let who = self.users[user].who;
                if self.keys.generation(who.0, who.1) != before {
                    self.once_revoked.insert(user);
                }
            }
            self.witness.unrevoked();
        }
        let held = self.hms.kill(self.now);
        self.tally.heap = self.tally.heap.max(held);
        self.reference = None;
        Rule::Bounded.demand(held <= HEAP, || format!("the HMS held {held} bytes"))
    }

    pub fn start_hms(&mut self) -> Checked {
        if self.hms.server.is_some() {
            return Ok(());
        }
        self.tally.count("hms started");
        let mut rows = BTreeMap::new();
        if let Some(saved) = self.hms.snapshot.as_ref().filter(|_| !self.hms.is_torn()) {
            self.tally.count("snapshot restored");
            rows = saved.rows.clone();
        }
        let turn = self.hms.start(self.now);
        self.learn();
        let keys = &self.keys;
        rows.retain(|who, row| row.generation >= keys.generation(who.0, who.1));
        self.witness.start(self.now);
        let server = self.hms.server.as_ref().ok_or("no process")?;
        if self.with_reference {
            let (id, by) = (self.hms.secrets().server, server.incarnation());
            self.reference = Some(Reference::new(id, by, self.now, self.rules(), rows));
        }
        self.hms_turn(turn, None)
    }

    fn reload(&mut self) -> Checked {
        let settings = &mut self.hms.settings;
        settings.check_time = Duration::from_secs(*self.dice.pick(&[5, 10, 20, 30]));
        settings.push = !self.dice.one_in(3);
        let modes = [UpdateMode::OnChange, UpdateMode::Always, UpdateMode::OnRequest];
        settings.update = *self.dice.pick(&modes);
        self.longest = self.longest.max(settings.check_time);
        self.tally.count("reloaded");
        self.reload_hms()
    }

    pub fn reload_hms(&mut self) -> Checked {
        let settings = self.hms.settings.clone();
        let (now, rules) = (self.now, self.rules());
        if let Some(reference) = &mut self.reference {
            reference.reload(now, rules);
        }
        let turn = self.hms.with(self.now, |server, local| server.reload(local, settings));
        turn.map_or(Ok(()), |(_, turn)| self.hms_turn(turn, None))
    }
}
