//! Watches what a host says: what it must not send, must not repeat, and must say in time.

use std::collections::{BTreeMap, VecDeque};

use hms::ident::{SessionId, Stamp};
use hms::net::Destination;
use hms::time::{Duration, Instant};
use hms::wire::{Answer, Header, Kind, Request};

use crate::net::{HMS_PORT, HMS_V4, HMS_V6};
use crate::rule::{Checked, Rule};

/// What was seen of a device's datagrams, to find the ones that it must not send.
#[derive(Default)]
pub struct Spy {
    by_sequence: BTreeMap<(SessionId, u64), u64>,
    /// Requests that nobody answered yet.
    open: BTreeMap<(SessionId, u64), Instant>,
    by_nonce: BTreeMap<(u8, u64), u64>,
    /// Times of the last datagrams, and of the DISCOVERs to single addresses.
    sent: VecDeque<Instant>,
    probes: VecDeque<Instant>,
    /// Challenges echoed, each once however often its echo was sent.
    echoes: VecDeque<(Instant, u64)>,
    /// When a heartbeat went out or was answered last, or the session began.
    beat: Option<Instant>,
    /// The longest and the shortest check time that it was told.
    check_time: Duration,
    shortest: Duration,
    /// The first heartbeat after a calm, while nothing came back and no second one went out.
    alone: Option<Instant>,
    /// Its registration, until it asks for another; and whether it was told of one with a higher stamp.
    session: Option<(SessionId, Stamp)>,
    /// Of its last REGISTER.
    nonce: u64,
    superseded: bool,
}

/// Datagrams that one host may send within ten seconds; more is a storm.
const STORM: usize = 120;
/// Longer than an attempt to reach an HMS takes (R-REG-34).
const CALM: Duration = Duration::from_secs(5);
/// By then the second heartbeat of an attempt is out; check times are 5 s and more here.
const RESENT: Duration = Duration::from_millis(1010);
/// Later a host takes no answer any more.
const ANSWERED: Duration = Duration::from_secs(60);

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

impl Spy {
    /// A host turns to its HMS only. Where an announcement came from it asks, rarely, who is there (R-DSC-05).
    pub fn check_target(&mut self, now: Instant, header: &Header, to: Destination) -> Checked {
        let discover = header.kind == Kind::Discover;
        let to = match to {
            Destination::Unicast(to) if !discover => {
                let hms = to.port() == HMS_PORT && [HMS_V4, HMS_V6].contains(&to.ip());
                return Rule::Rogue.demand(hms, || format!("a host sends {} to {to}", header.kind));
            }
            Destination::Unicast(to) => to,
            Destination::Groups => {
                return Rule::Rogue
                    .demand(discover, || format!("a host sends {} to the groups", header.kind));
            }
        };
        let probes = &mut self.probes;
        probes.push_back(now);
        while probes.front().is_some_and(|at| now.since(*at) > Duration::from_secs(60)) {
            probes.pop_front();
        }
        Rule::Rogue
            .demand(probes.len() <= 4, || format!("a host probes {} times a minute, {to} last", probes.len()))
    }

    /// R-REG-21.
    pub fn check_superseded(&mut self, header: &Header) -> Checked {
        let asks = matches!(header.kind, Kind::Init | Kind::Register);
        self.session = self.session.filter(|_| !asks);
        if header.kind == Kind::Register {
            self.nonce = header.sequence;
        }
        Rule::Superseded
            .demand(!self.superseded || !asks, || format!("sends {} and was superseded", header.kind))
    }

    /// R-AUT-20: never two different datagrams under one sequence or nonce.
    pub fn check_once(&mut self, now: Instant, header: &Header, bytes: &[u8]) -> Checked {
        let hash = fnv(bytes);
        if header.session == SessionId(0) {
            // A REGISTER changes when it answers another challenge; INIT and DISCOVER never.
            let known = *self.by_nonce.entry((header.kind.code(), header.sequence)).or_insert(hash);
            let same = known == hash || header.kind == Kind::Register;
            return Rule::Sequence.demand(same, || format!("two different {} under one nonce", header.kind));
        }
        match self.by_sequence.insert((header.session, header.sequence), hash) {
            None if header.sequence > 0 => {
                self.open.insert((header.session, header.sequence), now);
                Ok(())
            }
            Some(known) if known == hash && header.kind == Kind::Leave => Ok(()),
            _ => Err(Rule::Sequence.broken(format!("sequence {} is used twice", header.sequence))),
        }
    }

    pub fn check_pace(
        &mut self,
        now: Instant,
        header: &Header,
        request: &Request<'_>,
        len: usize,
    ) -> Checked {
        let spy = self;
        spy.sent.push_back(now);
        while spy.sent.front().is_some_and(|at| now.since(*at) > Duration::from_secs(10)) {
            spy.sent.pop_front();
        }
        if spy.sent.len() > STORM {
            return Err(Rule::Pace.broken(format!("{} datagrams within 10 s", spy.sent.len())));
        }
        let right = match request {
            Request::Init(_) => len >= 68,
            Request::Discover(_) => len == 512,
            Request::Heartbeat(h) if h.content.is_none() => len == if h.cookie.is_some() { 76 } else { 68 },
            _ => true,
        };
        if !right {
            return Err(Rule::Signed.broken(format!("a {} of {} bytes", header.kind, len)));
        }
        if let Request::Heartbeat(heartbeat) = request {
            let calm = spy.beat.is_some_and(|last| now.since(last) > CALM);
            spy.alone = calm.then_some(now);
            spy.beat = Some(now);
            if let Some(cookie) = heartbeat.cookie
                && spy.echoes.iter().all(|(_, known)| *known != cookie)
            {
                spy.echoes.push_back((now, cookie));
            }
        }
        // R-REG-33: three in a check time, of which the shortest interval is nine tenths.
        while spy.echoes.front().is_some_and(|(at, _)| now.since(*at) >= spy.shortest.mul_f64(0.9)) {
            spy.echoes.pop_front();
        }
        let echoes = spy.echoes.len();
        Rule::Pace.demand(echoes <= 3, || format!("{echoes} challenges echoed within a check time"))
    }

    /// What an authenticated answer that was delivered tells the tester.
    pub fn heard(&mut self, now: Instant, header: &Header, answer: &Answer<'_>) {
        let asked = match answer {
            Answer::Registered(_) => self.by_nonce.contains_key(&(Kind::Register.code(), header.sequence)),
            _ => {
                let sent = self.open.remove(&(header.session, header.sequence));
                sent.is_some_and(|at| now.since(at) <= ANSWERED)
            }
        };
        if !asked {
            return;
        }
        self.alone = None;
        match answer {
            Answer::Registered(registered) if header.sequence == self.nonce && self.session.is_none() => {
                self.session = Some((header.session, registered.stamp));
            }
            Answer::Superseded(short) => {
                let own = self.session.filter(|(session, _)| *session == header.session);
                self.superseded |= own.is_some_and(|(_, stamp)| short.stamp() > stamp);
            }
            _ => {}
        }
        let told = match answer {
            Answer::Registered(registered) => Some(registered.check_time_ms),
            Answer::Ack(ack) => ack.settings.check_time_ms,
            // Too many of them are not echoed: the cycle is over, and the next comes in an interval (R-REG-33).
            Answer::Challenge(_) => None,
            _ => return,
        };
        self.beat = Some(now);
        if let Some(told) = told.map(|ms| Duration::from_millis(ms.into())) {
            let first = self.shortest.is_zero();
            self.check_time = self.check_time.max(told);
            self.shortest = if first { told } else { self.shortest.min(told) };
        }
    }

    /// What [`crate::device::Device::check_cadence`] demands of a registered host.
    pub fn check_cadence(&self, now: Instant, troubled: Instant) -> Checked {
        let Some(beat) = self.beat else { return Ok(()) };
        if self.alone.is_some_and(|first| now.since(first) > RESENT) {
            return Err(Rule::Pace.broken("a heartbeat without answer is not sent again"));
        }
        let latest = self.check_time + self.check_time / 10 + Duration::from_millis(1500);
        let troubled = now.since(troubled) < latest;
        Rule::Pace.demand(troubled || now.since(beat) <= latest, || {
            format!("a registered host is silent for {:?}", now.since(beat))
        })
    }
}
