//! Carries out what the plan says.

use std::collections::BTreeMap;

use hms::host::Change;
use hms::ident::Name;
use hms::time::{Duration, Instant};
use hms::wire::{HostState, UpdateMode};

use crate::net::Plug;
use crate::plan::Action;
use crate::reference::{Reference, learn_generations};
use crate::world::{Checked, World};

impl World {
    pub fn act(&mut self, action: Action) -> Checked {
        self.note(|| format!("{action:?}"));
        match action {
            Action::Start { device } => self.start(device, false),
            Action::Join { device } => self.start(device, true),
            Action::Takeover { user } => {
                let device = self.add_device(user);
                self.touch_user(user);
                self.start(device, true)
            }
            Action::Kill { device } => self.kill(device),
            Action::Leave { device } => self.leave(device),
            Action::Set { device } => self.set(device),
            Action::Find { device } => self.find(device),
            Action::Refresh { device } => {
                let turn = self.devices[device].with(self.now, |host, local| host.refresh(local));
                self.host_turn(device, turn.map(|(_, turn)| turn))
            }
            Action::PauseHost { device, length } => {
                if self.devices[device].running() && self.devices[device].paused_until.is_none() {
                    self.tally.count("host paused");
                    self.devices[device].paused_until = Some(self.now + length);
                }
                Ok(())
            }
            Action::StepHost { device, by } => {
                self.tally.count("wall clock stepped");
                self.devices[device].step_wall(self.now, by);
                Ok(())
            }
            Action::Revoke { user } => self.revoke(user),
            Action::Renew { user } => self.renew(user),
            Action::Look { device } => self.look(device),
            Action::Hold { on } => {
                self.holding = on;
                Ok(())
            }
            Action::Replay => self.replay(),
            Action::Forge => self.forge(),
            Action::Vanish { share } => {
                for device in 0..self.devices.len() {
                    if self.dice.below(100) < share {
                        self.kill(device)?;
                    }
                }
                Ok(())
            }
            other => self.act_on_network(other),
        }
    }

    fn act_on_network(&mut self, action: Action) -> Checked {
        match action {
            Action::Cut { device, only, cut } => {
                self.net.set_cut(device, only, cut);
                self.devices[device].troubled = self.now;
            }
            Action::CutHms { only, cut } => {
                self.net.set_hms_cut(only, cut);
                self.hms.troubled = self.now;
            }
            Action::Rebind { device } => {
                self.net.rebind(device);
            }
            Action::RebindAll { nat } => self.net.rebind_all(nat),
            Action::Renumber { device } => {
                self.net.renumber(device);
                return self.renumbered(device);
            }
            Action::Flap { device } => {
                self.net.flap(device);
                return self.renumbered(device);
            }
            Action::Swap { a, b } => {
                let fits = |plug| !matches!(plug, Plug::Nat(_));
                if a != b && self.net.plug(a) == self.net.plug(b) && fits(self.net.plug(a)) {
                    self.net.swap(a, b);
                    self.renumbered(a)?;
                    return self.renumbered(b);
                }
            }
            other => return self.act_on_hms(other),
        }
        Ok(())
    }

    fn renumbered(&mut self, device: usize) -> Checked {
        let inside = self.net.inside(device);
        self.devices[device].troubled = self.now;
        let turn = self.devices[device].renumbered(self.now, inside);
        self.host_turn(device, Some(turn))
    }

    fn act_on_hms(&mut self, action: Action) -> Checked {
        match action {
            Action::StartHms => self.start_hms()?,
            Action::KillHms { keep_snapshot } => {
                if self.hms.server.is_some() {
                    self.tally.count("hms killed");
                    self.end_hms();
                }
                if !keep_snapshot {
                    self.hms.snapshot = None;
                }
            }
            Action::StopHms => {
                let turn = self.hms.with(self.now, |server, local| server.stop(local));
                if let Some((_, turn)) = turn {
                    self.tally.count("hms stopped");
                    self.hms_turn(turn, None)?;
                    self.save();
                    self.end_hms();
                }
            }
            Action::PauseHms { length } => self.pause_hms(length),
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

    fn pause_hms(&mut self, length: Duration) {
        let Some(reference) = self.reference.as_mut().filter(|_| self.hms.paused_until.is_none()) else {
            return;
        };
        let end = self.now + length;
        reference.stalls.push((end, length));
        self.tally.count("hms paused");
        self.hms.paused_until = Some(end);
        self.hms.troubled = end;
    }

    pub fn start(&mut self, device: usize, takeover: bool) -> Checked {
        if self.devices[device].running() {
            return Ok(());
        }
        if takeover {
            self.touch_user(self.user_of(self.devices[device].who));
        }
        self.net.reopen(device);
        let inside = self.net.inside(device);
        let superseded = self.devices[device].superseded && !takeover;
        let turn = self.devices[device].start(self.now, takeover, inside);
        if superseded && (self.devices[device].running() || !turn.sent.is_empty()) {
            return Err(format!("device {device} comes back although it was superseded"));
        }
        self.host_turn(device, Some(turn))
    }

    /// Something is done to this user's registration from outside: all its machines are in trouble.
    fn touch_user(&mut self, user: usize) {
        for device in self.users[user].devices.clone() {
            self.devices[device].troubled = self.now;
        }
    }

    fn kill(&mut self, device: usize) -> Checked {
        if self.devices[device].running() {
            self.tally.count("host killed");
            self.devices[device].kill(self.now);
        }
        Ok(())
    }

    pub fn leave(&mut self, device: usize) -> Checked {
        let turn = self.devices[device].with(self.now, |host, local| host.leave(local));
        self.host_turn(device, turn.map(|(_, turn)| turn))
    }

    fn set(&mut self, device: usize) -> Checked {
        let change = match self.dice.below(5) {
            0 => Change::State(*self.dice.pick(HostState::ALL)),
            1 => Change::Conference(Name::new(self.dice.pick::<&str>(&["board", "lunch"])).ok()),
            2 => Change::Conference(None),
            3 => Change::HostName(Name::new(&format!("named {}", self.dice.below(1000))).expect("a name")),
            _ => Change::Fixed(self.dice.one_in(2)),
        };
        if !self.devices[device].running() || self.devices[device].paused_until.is_some() {
            return Ok(());
        }
        change.clone().apply(&mut self.devices[device].wanted).expect("a change that can be made");
        let turn = self.devices[device].with(self.now, |host, local| host.set(local, vec![change]));
        let Some((result, turn)) = turn else { return Ok(()) };
        result.map_err(|e| format!("device {device} does not take a change: {e}"))?;
        self.host_turn(device, Some(turn))
    }

    /// Looks at another part of the directory.
    fn look(&mut self, device: usize) -> Checked {
        if !self.devices[device].running() || self.devices[device].paused_until.is_some() {
            return Ok(());
        }
        let view = self.some_view();
        self.devices[device].view = view.clone();
        let turn = self.devices[device].with(self.now, |host, local| host.set_view(local, view, true));
        let Some((result, turn)) = turn else { return Ok(()) };
        result.map_err(|e| format!("device {device} does not take a view: {e}"))?;
        self.host_turn(device, Some(turn))
    }

    fn find(&mut self, device: usize) -> Checked {
        let prefix = *self.dice.pick(&["blue", "GREEN", "machine 1", "nobody", ""]);
        let turn = self.devices[device].with(self.now, |host, local| host.find(local, prefix, false));
        self.host_turn(device, turn.map(|(_, turn)| turn))
    }

    fn revoke(&mut self, user: usize) -> Checked {
        let (name, realm, who) =
            (self.users[user].name.to_string(), self.users[user].realm, self.users[user].who);
        let turn = self.hms.with(self.now, |server, local| server.revoke(local, Some(realm), &name));
        let Some((result, turn)) = turn else { return Ok(()) };
        self.tally.count("revoked");
        let view = result.map_err(|e| format!("revoke: {e}"))?;
        self.learn();
        let reference = self.reference.as_mut().ok_or("a process without reference")?;
        if reference.revoke(self.now, who) != view.removed {
            return Err(format!("revoking {name} removed a row: {}", view.removed));
        }
        self.touch_user(user);
        self.hms_turn(turn, None)
    }

    fn learn(&mut self) {
        if let Some(server) = &self.hms.server {
            learn_generations(&mut self.keys, server.keyring());
        }
    }

    /// A new token for the user's first machine, and `hms join` with it.
    fn renew(&mut self, user: usize) -> Checked {
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
        if let Some(reference) = &self.reference {
            self.hms.save(self.now, reference.rows.clone());
        }
    }

    pub fn end_hms(&mut self) {
        if let Some(reference) = &self.reference {
            *self.tally.events.entry("displaced").or_default() += reference.displaced;
        }
        self.hms.kill(self.now);
        self.reference = None;
    }

    pub fn start_hms(&mut self) -> Checked {
        if self.hms.server.is_some() {
            return Ok(());
        }
        self.tally.count("hms started");
        let mut rows = BTreeMap::new();
        if let Some(saved) = &self.hms.snapshot {
            self.tally.count("snapshot restored");
            rows = saved.rows.clone();
        }
        let turn = self.hms.start(self.now);
        self.learn();
        let keys = &self.keys;
        rows.retain(|who, row| row.generation >= keys.generation(who.0, who.1));
        let server = self.hms.server.as_ref().ok_or("no process")?;
        let reference =
            Reference::new(self.hms.secrets().server, server.incarnation(), self.now, self.rules(), rows);
        self.reference = Some(reference);
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

    fn reload_hms(&mut self) -> Checked {
        let settings = self.hms.settings.clone();
        let (now, rules) = (self.now, self.rules());
        if let Some(reference) = &mut self.reference {
            reference.reload(now, rules);
        }
        let turn = self.hms.with(self.now, |server, local| server.reload(local, settings));
        turn.map_or(Ok(()), |(_, turn)| self.hms_turn(turn, None))
    }

    /// Faults end: everything is mended, everybody who wants to be there is.
    pub fn make_peace(&mut self) -> Checked {
        self.note(|| "peace".into());
        self.net.heal();
        self.plan_actions.clear();
        self.hms.paused_until = self.hms.paused_until.map(|_| self.now);
        for device in &mut self.devices {
            device.paused_until = device.paused_until.map(|_| self.now);
            device.troubled = self.now;
        }
        self.hms.troubled = self.now;
        self.holding = false;
        self.start_hms()?;
        self.hms.settings.realms.clear();
        self.reload_hms()
    }
}

/// For the length of peace: by then everything that ends has ended.
pub fn settling_time(longest: Duration, crowd: bool) -> Duration {
    // What the brake keeps is there for three expiries.
    longest * (if crowd { 9 } else { 4 }) + Duration::from_secs(50)
}

pub const fn after(at: Instant, secs: u64) -> Instant {
    Instant::from_micros(at.micros() + secs * 1_000_000)
}
