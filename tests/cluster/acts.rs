//! Carries out what the plan says.

use hms::host::{Change, Event};
use hms::ident::Name;
use hms::time::{Duration, Instant};
use hms::wire::HostState;

use crate::device::End;
use crate::net::{Node, hms_address};
use crate::plan::{Action, Keep};
use crate::rule::{Checked, Rule};
use crate::world::World;

/// A graceful stop takes no longer than this.
const STOP: Duration = Duration::from_secs(5);

impl World {
    pub fn act(&mut self, action: Action) -> Checked {
        self.note(|| format!("{action:?}"));
        match action {
            Action::StartHost { device, takeover } => self.start_host(device, takeover),
            Action::Takeover { user } => {
                let device = self.add_device(user);
                self.touch(user);
                self.start_host(device, true)
            }
            Action::KillHost { device } => self.kill_host(device),
            Action::Leave { device } => {
                let turn = self.devices[device].with(self.now, |host, local| host.leave(local));
                self.host_turn(device, turn.map(|(_, turn)| turn))
            }
            Action::Set { device } => self.set(device),
            Action::Renumber { device } => {
                self.net.renumber(device);
                let inside = self.net.address(Node::Host(device));
                let turn = self.devices[device].renumbered(self.now, inside);
                self.host_turn(device, Some(turn))
            }
            Action::Revoke { user } => self.revoke(user),
            Action::Renew { user } => self.renew(user),
            Action::Vanish { share } => {
                for device in 0..self.devices.len() {
                    if self.dice.below(100) < share {
                        self.kill_host(device)?;
                    }
                }
                Ok(())
            }
            Action::Replay => self.replay(false),
            Action::PeerReplay => self.replay(true),
            other => self.act_on_hmss(other),
        }
    }

    fn act_on_hmss(&mut self, action: Action) -> Checked {
        match action {
            Action::StartHms { hms } => return self.start_hms(hms),
            Action::KillHms { hms, keep } => self.kill_hms(hms, keep),
            Action::StopHms { hms } => return self.stop_hms(hms),
            Action::PauseHms { hms, length, asleep } => self.pause_hms(hms, length, asleep),
            Action::StepHms { hms, by } => {
                let sent = self.hmss[hms].step_wall(self.now, by);
                return self.hms_turn(hms, sent);
            }
            Action::Disk { hms, works } => {
                self.hmss[hms].disk_works = works;
                self.trouble();
                self.hmss[hms].store(self.now);
            }
            Action::Backup { hms } => self.hmss[hms].backup(),
            Action::Snapshot => {
                let now = self.now;
                self.hmss.iter_mut().filter(|hms| hms.is_awake()).for_each(|hms| hms.save(now));
            }
            Action::Reload { hms } => return self.reload(hms),
            Action::Cut { from, to, cut } => {
                self.tally.count("cut");
                self.net.set_cut(from, to, cut);
                self.trouble();
            }
            Action::Partition { parts, cut } => {
                self.tally.count("partition");
                self.partition(&parts, cut);
            }
            _ => {}
        }
        Ok(())
    }

    /// Something happens to HMSs or paths: nothing can be expected for a while.
    pub fn trouble(&mut self) {
        (self.troubled, self.prolonged) = (self.now, self.now);
    }

    /// Something is done to this user's registration: all its machines are in trouble.
    fn touch(&mut self, user: usize) {
        for device in self.users[user].devices.clone() {
            self.devices[device].troubled = self.now;
        }
    }

    fn partition(&mut self, parts: &[bool], cut: bool) {
        let hmss = self.hmss.len();
        let node = |number| if number < hmss { Node::Hms(number) } else { Node::Host(number - hmss) };
        for (a, part) in parts.iter().enumerate() {
            for (b, other) in parts.iter().enumerate() {
                if part != other {
                    self.net.set_cut(node(a), node(b), cut);
                }
            }
        }
        self.trouble();
    }

    pub fn start_host(&mut self, device: usize, takeover: bool) -> Checked {
        if self.devices[device].running() {
            return Ok(());
        }
        let user = self.devices[device].user;
        self.touch(user);
        self.net.reopen(device);
        let inside = self.net.address(Node::Host(device));
        let turn = self.devices[device].start(self.now, takeover, inside);
        if self.devices[device].running() && !self.devices[device].stale {
            (self.users[user].silent, self.users[user].gone) = (None, None);
            self.users[user].taken_out.clear();
        }
        self.host_turn(device, Some(turn))
    }

    pub fn kill_host(&mut self, device: usize) -> Checked {
        if self.devices[device].running() {
            self.tally.count("host killed");
            self.devices[device].kill(self.now);
            self.note_silence(device);
        }
        Ok(())
    }

    fn note_silence(&mut self, device: usize) {
        let user = self.devices[device].user;
        let all_down = self.users[user].devices.iter().all(|device| !self.devices[*device].running());
        if all_down {
            self.users[user].silent = Some(self.now);
        }
    }

    fn set(&mut self, device: usize) -> Checked {
        let change = match self.dice.below(4) {
            0 => Change::State(*self.dice.pick(HostState::ALL)),
            1 => Change::Conference(Name::new(self.dice.pick::<&str>(&["board", "lunch"])).ok()),
            2 => Change::Conference(None),
            _ => Change::HostName(Name::new(&format!("named {}", self.dice.below(1000))).expect("a name")),
        };
        if !self.devices[device].running() {
            return Ok(());
        }
        change.clone().apply(&mut self.devices[device].wanted).expect("a change that can be made");
        let turn = self.devices[device].with(self.now, |host, local| host.set(local, vec![change]));
        self.host_turn(device, turn.map(|(_, turn)| turn))
    }

    fn revoke(&mut self, user: usize) -> Checked {
        let Some(hms) = (0..self.hmss.len()).find(|hms| self.serves(*hms)) else { return Ok(()) };
        let name = self.users[user].name.to_string();
        let turn = self.hmss[hms].with(self.now, |server, local| server.revoke(local, None, &name));
        let Some((result, sent)) = turn else { return Ok(()) };
        result.map_err(|e| Rule::Revoked.broken(format!("revoke: {e:?}")))?;
        self.tally.count("revoked");
        self.touch(user);
        (self.users[user].gone, self.users[user].leave_heard) = (Some(self.now), true);
        for device in &self.users[user].devices {
            self.devices[*device].stale = true;
        }
        self.hms_turn(hms, sent)
    }

    /// A new token for the user's first machine, and `hms join` with it.
    fn renew(&mut self, user: usize) -> Checked {
        let device = self.users[user].devices[0];
        let token = self.token(user);
        self.kill_host(device)?;
        self.devices[device].give_token(token);
        self.start_host(device, true)
    }

    fn replay(&mut self, of_peers: bool) -> Checked {
        let store = if of_peers { &self.heard_of_peers } else { &self.heard };
        if store.is_empty() {
            return Ok(());
        }
        let heard = store[self.dice.below(store.len())].clone();
        self.tally.count(if of_peers { "peer replayed" } else { "replayed" });
        let to = if self.dice.one_in(3) { heard.to } else { self.dice.below(self.hmss.len()) };
        let from = if self.dice.one_in(2) { heard.from } else { hms_address(to) };
        self.net.replay(self.now + Duration::from_millis(1), from, to, heard.bytes);
        Ok(())
    }

    pub fn start_hms(&mut self, hms: usize) -> Checked {
        if self.hmss[hms].server.is_some() {
            return Ok(());
        }
        self.tally.count("hms started");
        self.troubled = self.now;
        if self.hmss[hms].has_snapshot() {
            self.trouble();
        }
        for user in &mut self.users {
            user.listed.remove(&hms);
            user.taken_out.remove(&hms);
        }
        let sent = self.hmss[hms].start(self.now);
        self.hms_turn(hms, sent)
    }

    fn kill_hms(&mut self, hms: usize, keep: Keep) {
        if self.hmss[hms].server.is_some() {
            self.tally.count("hms killed");
        }
        self.hmss[hms].kill();
        self.trouble();
        match keep {
            Keep::Whole => {}
            Keep::Nothing => self.hmss[hms].lose_snapshot(),
            Keep::Old => {
                self.tally.count("old disk");
                self.hmss[hms].go_back();
            }
        }
        self.forget_tokens();
    }

    /// Tokens that were made after a revocation of which no HMS knows any more: none can tell that they are good.
    fn forget_tokens(&mut self) {
        for device in &mut self.devices {
            let known = self.hmss.iter().map(|hms| hms.generation(&device.token)).max();
            device.stale |= known < Some(device.token.generation);
        }
    }

    pub fn stop_hms(&mut self, hms: usize) -> Checked {
        if !self.hmss[hms].is_awake() || self.hmss[hms].stopping.is_some() {
            return Ok(());
        }
        self.tally.count("hms stopped");
        self.trouble();
        let sent = self.hmss[hms].stop(self.now);
        self.hms_turn(hms, sent)
    }

    /// A process that was told to stop ends: the shell writes the snapshot.
    pub fn end_stopped(&mut self, hms: usize) -> Checked {
        let began = self.hmss[hms].stopping.unwrap_or(self.now);
        self.hmss[hms].save(self.now);
        self.hmss[hms].store(self.now);
        self.hmss[hms].kill();
        self.trouble();
        let took = self.now.since(began);
        Rule::Stop.demand(took <= STOP, || format!("hms{hms} took {took:?} to stop"))
    }

    fn pause_hms(&mut self, hms: usize, length: Duration, asleep: bool) {
        if self.hmss[hms].is_awake() {
            self.tally.count(if asleep { "hms asleep" } else { "hms paused" });
            self.trouble();
            let machine = &mut self.hmss[hms];
            machine.paused_until = Some(self.now + length);
            machine.asleep = asleep;
            // Who does not run cannot stop: that time is not its own.
            machine.stopping = machine.stopping.map(|since| since + length);
        }
    }

    fn reload(&mut self, hms: usize) -> Checked {
        let settings = &mut self.hmss[hms].settings;
        settings.check_time = Duration::from_secs(*self.dice.pick(&[5, 10, 20, 30]));
        settings.push = !self.dice.one_in(3);
        self.longest = self.longest.max(settings.check_time);
        self.tally.count("reloaded");
        let settings = settings.clone();
        let turn = self.hmss[hms].with(self.now, |server, local| server.reload(local, settings));
        self.hms_turn(hms, turn.map(|(_, sent)| sent).unwrap_or_default())
    }

    pub fn host_event(&mut self, device: usize, event: &Event) -> Checked {
        if matches!(event, Event::Persist | Event::Changed) {
            return Ok(());
        }
        self.trace.note(self.now, || match event {
            Event::Found { .. } => format!("device {device} found"),
            event => format!("device {device} {event:?}"),
        });
        let user = self.devices[device].user;
        match event {
            Event::Lost => self.tally.count("host lost the hms"),
            Event::Left { confirmed } => self.users[user].leave_heard = *confirmed,
            // Its user's other machines hear of it with their next heartbeat.
            Event::Registered { .. } => {
                self.touch(user);
                // It may be there again with this session: who was revoked, where nobody has heard of that.
                self.users[user].taken_out.clear();
                self.check_session(device)?;
            }
            _ => {}
        }
        match self.devices[device].ended {
            Some(End::Left) => {
                self.tally.count("host left");
                self.users[user].gone.get_or_insert(self.now);
            }
            Some(End::Superseded) => self.tally.count("host superseded"),
            Some(End::Refused) => self.tally.count("host refused"),
            _ => {}
        }
        if self.devices[device].ended.is_some() {
            self.note_silence(device);
        }
        self.check_end(device, event)
    }

    /// Only what is true stops a host.
    fn check_end(&self, device: usize, event: &Event) -> Checked {
        let user = &self.users[self.devices[device].user];
        let right = match self.devices[device].ended {
            Some(End::Superseded) => user.devices.len() > 1,
            Some(End::Refused) => user.devices.len() > 1 || self.tally.events.contains_key("revoked"),
            Some(End::Left | End::Killed) | None => true,
        };
        Rule::Session.demand(right, || format!("device {device} ended for no reason: {event:?}"))
    }

    /// Faults end: everything is mended, everybody who wants to be there is.
    pub fn make_peace(&mut self) -> Checked {
        self.note(|| "peace".into());
        self.net.heal();
        self.plan_actions.clear();
        self.trouble();
        for hms in 0..self.hmss.len() {
            self.hmss[hms].disk_works = true;
            self.hmss[hms].store(self.now);
            self.hmss[hms].paused_until = self.hmss[hms].paused_until.map(|_| self.now);
            if self.hmss[hms].stopping.is_some() {
                self.hmss[hms].kill();
            }
            self.start_hms(hms)?;
        }
        self.devices.iter_mut().for_each(|device| device.troubled = self.now);
        Ok(())
    }
}

pub const fn after(at: Instant, secs: u64) -> Instant {
    Instant::from_micros(at.micros() + secs * 1_000_000)
}
