//! A turn of a host: what it gets, what it sends, and how it ends.

use std::collections::VecDeque;
use std::net::SocketAddr;

use hms::net::{Arrival, Destination};
use hms::wire::{Answer, Header, Kind, RejectCode, flag};

use crate::capture::Seen;
use crate::device::{self, Device, End};
use crate::keys::Opened;
use crate::net::{HMS_V4, HMS_V6, LAN, Plug, To};
use crate::rule::{Checked, Rule};
use crate::world::{World, of_device};

impl World {
    pub fn at_host(
        &mut self,
        machine: usize,
        from: SocketAddr,
        outside: Option<SocketAddr>,
        bytes: Vec<u8>,
    ) -> Checked {
        let inside = self.net.inside(machine);
        let arrival =
            Arrival { local: Some(inside.ip()), interface: Some(LAN), multicast: outside.is_none() };
        let device = &mut self.devices[machine];
        if !device.running() {
            return Ok(());
        }
        if let (Opened::Signed(verified, _), Some(outside)) = (self.keys.open(&bytes), outside) {
            let who = (verified.header().realm, verified.header().user);
            if who == device.who && verified.header().kind == Kind::Challenge {
                self.proofs.insert((who, outside));
            }
        }
        if device.paused_until.is_some() {
            if device.inbox.len() < 512 && !device.asleep {
                device.inbox.push_back((from, arrival, bytes));
            }
            return Ok(());
        }
        self.host_takes(machine, from, arrival, &bytes)
    }

    /// A datagram reaches the host's process.
    fn host_takes(&mut self, machine: usize, from: SocketAddr, arrival: Arrival, bytes: &[u8]) -> Checked {
        let device = &mut self.devices[machine];
        if let Opened::Signed(verified, _) = self.keys.open(bytes)
            && (verified.header().realm, verified.header().user) == device.who
            && let Ok(answer) = verified.answer()
        {
            device.heard(self.now, verified.header(), &answer);
            if matches!(answer, Answer::Challenge(_)) && verified.header().session.0 != 0 {
                self.tally.count("challenge after a move");
            }
        }
        let turn = device.with(self.now, |host, local| host.handle_datagram(local, from, arrival, bytes));
        self.host_turn(machine, turn.map(|(_, turn)| turn))
    }

    pub fn wake_host(&mut self, device: usize) -> Checked {
        let inbox = match self.devices[device].paused_until.take() {
            None => VecDeque::new(),
            Some(_) => {
                self.devices[device].troubled = self.now;
                let inside = self.net.inside(device);
                let turn = self.devices[device].renumbered(self.now, inside);
                self.host_turn(device, Some(turn))?;
                std::mem::take(&mut self.devices[device].inbox)
            }
        };
        let turn = self.devices[device].with(self.now, |host, local| host.handle_timeout(local));
        self.host_turn(device, turn.map(|(_, turn)| turn))?;
        inbox.iter().try_for_each(|(from, arrival, bytes)| self.host_takes(device, *from, *arrival, bytes))
    }

    /// Checks and carries out what a host did.
    pub fn host_turn(&mut self, device: usize, turn: Option<device::Turn>) -> Checked {
        let Some(turn) = turn else { return Ok(()) };
        for sent in &turn.sent {
            let header = self.devices[device]
                .check_sent(&mut self.keys, self.now, sent)
                .map_err(|wrong| of_device(device, wrong))?;
            self.tally.kind(header.kind);
            self.trace.note(self.now, || {
                format!("device {device} {} {} to {:?}", header.kind, header.sequence, sent.transmit.to)
            });
            let always = self.hms.settings.update == hms::wire::UpdateMode::Always;
            if self.quiet && !always && (header.kind != Kind::Heartbeat || sent.bytes.len() != 68) {
                return Err(Rule::Quiet.broken(format!("device {device} sends {}", header.kind)));
            }
            self.host_sends(device, &header, sent);
        }
        turn.events.iter().try_for_each(|event| self.host_event(device, event))
    }

    fn host_sends(&mut self, device: usize, header: &Header, sent: &device::Sent) {
        let proof = header.kind == Kind::Heartbeat && header.flags & flag::COOKIE != 0;
        if self.holding && proof && self.dice.one_in(2) && self.hold(device, sent) {
            return;
        }
        if self.on_path && self.dice.one_in(8) && self.meddle(device, sent) {
            return;
        }
        match sent.transmit.to {
            Destination::Groups => {
                self.net.send_up_groups(self.now, device, &sent.bytes);
                let from = self.net.inside(device);
                let local = if from.is_ipv4() { HMS_V4 } else { HMS_V6 };
                if !matches!(self.net.plug(device), Plug::Nat(_)) {
                    self.seen(from, To::Hms { local, multicast: true }, &sent.bytes);
                }
            }
            Destination::Unicast(to) => {
                self.net.send_up(self.now, device, to, &sent.bytes);
                if let Some(from) = self.net.outside(device) {
                    self.seen(from, To::Hms { local: to.ip(), multicast: false }, &sent.bytes);
                }
            }
        }
    }

    /// The attacker sees a datagram pass.
    pub fn seen(&mut self, from: SocketAddr, to: To, bytes: &[u8]) {
        let (at, process) = (self.now, self.hms.process);
        self.capture.see(&mut self.dice, Seen { from, to, bytes: bytes.to_vec(), at, process });
    }

    fn host_event(&mut self, device: usize, event: &hms::host::Event) -> Checked {
        use hms::host::Event;
        match event {
            Event::Lost => self.tally.count("host lost the hms"),
            // Its user's other machines hear of it with their next heartbeat.
            Event::Registered { .. } => self.touch_user(self.user_of(self.devices[device].who)),
            Event::Found { .. } => self.tally.count("found"),
            Event::Refused { code: RejectCode::Full, .. } => self.tally.count("realm full"),
            Event::Persist | Event::Changed => return Ok(()),
            _ => {}
        }
        match self.devices[device].ended {
            Some(End::Left) => self.tally.count("host left"),
            Some(End::Superseded) => self.tally.count("host superseded"),
            Some(End::Refused(_)) => self.tally.count("host refused"),
            _ => {}
        }
        self.trace.note(self.now, || match event {
            Event::Found { rows, complete, .. } => {
                format!("device {device} found {} ({complete})", rows.len())
            }
            event => format!("device {device} {event:?}"),
        });
        self.check_end(device, event)
    }

    /// Only what is true stops a host, whoever says what on the network.
    fn check_end(&self, device: usize, event: &hms::host::Event) -> Checked {
        let Device { ended, who, token, .. } = &self.devices[device];
        let user = self.user_of(*who);
        let alone = self.users[user].devices.len() == 1 && !self.is_compromised(user);
        let right = match ended {
            Some(End::Superseded) => !alone,
            // What a process said of a revocation that was lost with it may come later, or again.
            Some(End::Refused(RejectCode::Revoked)) => {
                token.generation != self.keys.generation(who.0, who.1) || self.once_revoked.contains(&user)
            }
            Some(End::Refused(RejectCode::Taken)) => !alone,
            Some(End::Refused(_)) => false,
            Some(End::Left | End::Killed) | None => true,
        };
        Rule::Stopped.demand(right, || format!("device {device} ended for no reason: {event:?}"))?;
        let lost = self.harmless && *event == hms::host::Event::Lost;
        Rule::Stopped.demand(!lost, || format!("device {device} lost the HMS in a harmless world"))
    }
}
