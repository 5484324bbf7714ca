//! Five times as much as the HMS can take: its buffer overflows, and it knows (R-REG-44).

use std::net::SocketAddr;

use hms::net::Arrival;
use hms::time::{Duration, Instant};
use hms::wire::Kind;

use crate::net::{HMS_V4, HMS_V6, LAN, Mail};
use crate::rule::Checked;
use crate::world::World;

const TICK: Duration = Duration::from_millis(10);
/// What the HMS takes in a tick, and what comes beside its hosts.
const CAPACITY: usize = 2;
const FLOOD: usize = 5 * CAPACITY;
/// What the buffer of its socket holds.
const BUFFER: usize = 128;
/// How often the shell looks whether something was lost, which then counts as a stall of this length.
const LOOK: Duration = Duration::from_secs(1);

pub struct Overload {
    until: Instant,
    next: Instant,
    /// Something was lost since the last look.
    lost: bool,
    looked: Instant,
}

impl Overload {
    pub fn due(&self) -> Instant {
        self.next
    }
}

impl World {
    pub fn overload(&mut self, length: Duration) {
        let now = self.now;
        self.overload = Some(Overload { until: now + length, next: now, lost: false, looked: now });
    }

    /// Something reaches the buffer of the HMS.
    pub fn crowds_in(&mut self, mail: Mail, arrival: Arrival) {
        if self.hms.inbox.len() < BUFFER {
            self.hms.inbox.push_back((mail, arrival));
        } else if let Some(overload) = &mut self.overload {
            overload.lost = true;
            self.tally.count("flood dropped");
        }
    }

    pub fn overload_turn(&mut self) -> Checked {
        let now = self.now;
        let Some(overload) = &mut self.overload else { return Ok(()) };
        overload.next = now + TICK;
        let floods = now < overload.until;
        let lost = now.since(overload.looked) >= LOOK && std::mem::take(&mut overload.lost);
        if now.since(overload.looked) >= LOOK {
            overload.looked = now;
        }
        if self.hms.server.is_none() || self.hms.paused_until.is_some() {
            return Ok(());
        }
        if lost {
            self.tell_stall()?;
        }
        if floods {
            (0..FLOOD).for_each(|_| self.flood());
        }
        for _ in 0..CAPACITY {
            if let Some((mail, arrival)) = self.hms.inbox.pop_front() {
                self.hms_takes(&mail, arrival)?;
            }
        }
        if !floods && self.hms.inbox.is_empty() {
            self.overload = None;
        }
        Ok(())
    }

    fn tell_stall(&mut self) -> Checked {
        self.stood_still(LOOK);
        let turn = self.hms.with(self.now, |server, local| server.stalled(local, LOOK));
        turn.map_or(Ok(()), |(_, turn)| self.hms_turn(turn, None))
    }

    /// One datagram of mixed traffic: without keys, with a wrong one, replayed.
    fn flood(&mut self) {
        let device = self.dice.below(self.devices.len());
        let number = self.dice.number();
        let stranger = SocketAddr::from(([198, 19, (number >> 8) as u8, number as u8], 1000));
        let (from, bytes) = match self.dice.below(10) {
            0..5 => (stranger, self.some_junk(device)),
            5..8 => (stranger, self.wrong_key(device, Kind::Register)),
            _ => match self.capture.any(&mut self.dice) {
                Some(seen) if seen.of_host() => (seen.from, seen.bytes.clone()),
                _ => return,
            },
        };
        let local = if from.is_ipv4() { HMS_V4 } else { HMS_V6 };
        let arrival = Arrival { local: Some(local), interface: Some(LAN), multicast: false };
        // Whether it changes anything is looked at now and then: there are too many.
        let attack = from == stranger && self.dice.one_in(50);
        self.crowds_in(Mail { from, bytes, attack }, arrival);
    }
}
