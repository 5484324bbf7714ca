//! Carries out what the plan says.

use hms::host::Change;
use hms::ident::Name;
use hms::time::{Duration, Instant};
use hms::wire::HostState;

use crate::device::Device;
use crate::net::Plug;
use crate::plan::Action;
use crate::rule::{Checked, Rule};
use crate::world::World;

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
                self.pause_host(device, length, false);
                Ok(())
            }
            Action::SleepHost { device, length } => {
                self.pause_host(device, length, true);
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
            Action::OnPath { on } => {
                self.on_path = on;
                Ok(())
            }
            Action::Attack(attack) => self.attack(attack),
            Action::RevokeInsider => self.revoke_insider(),
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

    fn pause_host(&mut self, device: usize, length: Duration, asleep: bool) {
        let device = &mut self.devices[device];
        if device.running() && device.paused_until.is_none() {
            self.tally.count(if asleep { "host asleep" } else { "host paused" });
            device.paused_until = Some(self.now + length);
            device.asleep = asleep;
        }
    }

    fn renumbered(&mut self, device: usize) -> Checked {
        let inside = self.net.inside(device);
        self.devices[device].troubled = self.now;
        let turn = self.devices[device].renumbered(self.now, inside);
        self.host_turn(device, Some(turn))
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
            return Err(
                Rule::Superseded.broken(format!("device {device} comes back although it was superseded"))
            );
        }
        self.host_turn(device, Some(turn))
    }

    /// Something is done to this user's registration from outside: all its machines are in trouble.
    pub fn touch_user(&mut self, user: usize) {
        for device in self.users[user].devices.clone() {
            self.devices[device].troubled = self.now;
        }
    }

    pub fn kill(&mut self, device: usize) -> Checked {
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
        self.devices[device].set_at = self.now;
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

    /// Their tokens were printed by an HMS that forgot it, or are so old that nobody refuses them: they would go on
    /// asking for ever.
    fn kill_strangers(&mut self) -> Checked {
        for device in 0..self.devices.len() {
            let Device { who, token, .. } = &self.devices[device];
            let current = token.generation == self.keys.generation(who.0, who.1);
            if !current && !self.keys.is_previous(*who, token.generation) {
                self.kill(device)?;
            }
        }
        Ok(())
    }

    /// Faults end: everything is mended, everybody who wants to be there is.
    pub fn make_peace(&mut self) -> Checked {
        self.note(|| "peace".into());
        self.net.heal();
        self.plan_actions.clear();
        if self.hms.paused_until.is_some() {
            self.wake_hms()?;
        }
        for device in &mut self.devices {
            device.paused_until = device.paused_until.map(|_| self.now);
            device.troubled = self.now;
        }
        self.hms.troubled = self.now;
        (self.holding, self.on_path, self.overload) = (false, false, None);
        self.hms.disk_works = true;
        self.kill_strangers()?;
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
