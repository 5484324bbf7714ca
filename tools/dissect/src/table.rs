//! What is followed from datagram to datagram: names, requests, sessions, who claims to be primary. All of it bounded.

use std::net::SocketAddr;

use hms::auth::Window;
use hms::ident::{RealmId, ServerId, SessionId, UserId};
use hms::wire::inspect::Message;
use hms::wire::{AnnounceEvent, Answer, ContentRef, Item, Kind, Request};

use crate::bounded::Bounded;
use crate::datagram::Datagram;
use crate::expert::{self, Expert};
use crate::requests::Requests;
use crate::tree::seconds;

const NAMES_MAX: usize = 262_144;
const SESSIONS_MAX: usize = 262_144;
const SERVERS_MAX: usize = 256;
/// Two HMSs that claim to be primary in turn within this time do so at once: a hand-over goes one way.
const CONFLICT: i128 = 10_000_000_000;
/// Check times without a heartbeat that are worth a remark.
const GAP: i128 = 2;

/// One session as far as the capture shows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    pub(crate) user: UserId,
    pub(crate) host: Option<SocketAddr>,
    pub(crate) heartbeats: u64,
    pub(crate) last_heartbeat: Option<i128>,
    /// Nanoseconds, if an HMS told it.
    pub(crate) check_time: Option<i128>,
    pub(crate) longest_gap: Option<i128>,
    pub(crate) lowest: u64,
    pub(crate) highest: u64,
    /// Different ones: one that came by twice counts once.
    pub(crate) requests: u64,
    window: Option<Window>,
    /// It ended on the wire: LEFT, SUPERSEDED, REREGISTER.
    pub(crate) ended: bool,
}

struct Claim {
    at: i128,
    frame: u64,
}

/// Two HMSs that were primary at the same time.
#[derive(Clone, Debug)]
pub(crate) struct Conflict {
    pub(crate) servers: (ServerId, ServerId),
    pub(crate) from: i128,
    pub(crate) to: i128,
}

pub(crate) struct Table {
    names: Bounded<(RealmId, UserId), String>,
    pub(crate) requests: Requests,
    pub(crate) sessions: Bounded<(RealmId, SessionId), Session>,
    claims: Bounded<(RealmId, ServerId), Claim>,
    pub(crate) servers: Bounded<ServerId, String>,
    pub(crate) conflicts: Vec<Conflict>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            names: Bounded::new(NAMES_MAX),
            requests: Requests::default(),
            sessions: Bounded::new(SESSIONS_MAX),
            claims: Bounded::new(SERVERS_MAX),
            servers: Bounded::new(SERVERS_MAX),
            conflicts: Vec::new(),
        }
    }
}

impl Table {
    /// What the datagrams before this one say of it; and takes note of it.
    pub(crate) fn take(&mut self, datagram: &mut Datagram, message: Option<&Message<'_>>) {
        let related = self.requests.relate(datagram);
        if let Some(first) = related.retransmission_of {
            let text = format!("the same bytes as in frame {first}: sent again, or captured twice");
            datagram.experts.push(Expert::new(expert::RETRANSMISSION, text));
        }
        datagram.related = related;
        let mut experts = Vec::new();
        self.learn(datagram, message, &mut experts);
        self.follow(datagram, message, &mut experts);
        datagram.experts.append(&mut experts);
        if let Some(header) = datagram.header() {
            datagram.name = self.names.get(&(header.realm, header.user)).cloned();
        }
    }

    pub(crate) fn name(&self, realm: RealmId, user: UserId) -> Option<&str> {
        self.names.get(&(realm, user)).map(String::as_str)
    }

    /// Whether anything that names a user in some realm has been seen: the ids of that name.
    pub(crate) fn server(&self, server: ServerId) -> String {
        self.servers.get(&server).cloned().unwrap_or_else(|| server.to_string())
    }

    /// Names and claims that a message carries.
    fn learn(&mut self, datagram: &Datagram, message: Option<&Message<'_>>, experts: &mut Vec<Expert>) {
        let Some((header, message)) = datagram.header().copied().zip(message) else { return };
        let mut name = |user: UserId, content: &ContentRef<'_>| {
            self.names.insert((header.realm, user), content.user_name().to_owned());
        };
        match message {
            Message::Request(Request::Register(register)) => name(header.user, &register.content),
            Message::Request(Request::Heartbeat(heartbeat)) => {
                if let Some((content, _, _)) = &heartbeat.content {
                    name(header.user, content);
                }
            }
            Message::Answer(answer) => {
                let changes = match answer {
                    Answer::Page(page) => Some(&page.changes),
                    Answer::Ack(ack) => ack.changes.as_ref(),
                    _ => None,
                };
                for item in changes.iter().flat_map(|changes| &changes.items) {
                    if let Item::Entry(entry) = item {
                        name(entry.head.user, &entry.content);
                    }
                }
            }
            _ => {}
        }
        for (server, says) in claims(message) {
            if let Some(says) = says {
                self.servers.insert(server.0, says);
            }
            if server.1 {
                self.claim(header.realm, server.0, datagram, experts);
            }
        }
    }

    /// An HMS says of itself that it is the primary.
    fn claim(&mut self, realm: RealmId, server: ServerId, datagram: &Datagram, experts: &mut Vec<Expert>) {
        let Some(now) = datagram.captured.time else { return };
        let before = self.claims.get(&(realm, server)).map(|claim| (claim.at, claim.frame));
        let between = before.and_then(|(at, frame)| {
            let others = self.claims.iter().filter(|((r, other), claim)| {
                *r == realm && *other != server && claim.at > at && claim.frame > frame
            });
            others.map(|((_, other), _)| (*other, at)).next()
        });
        if let Some((other, from)) = between
            && now - from <= CONFLICT
        {
            let (one, two) = (self.server(server), self.server(other));
            let text = format!("{one} and {two} both claim to be primary, within {} s", seconds(now - from));
            experts.push(Expert::new(expert::PRIMARY_CONFLICT, text));
            self.conflict(server, other, from, now);
        }
        self.claims.insert((realm, server), Claim { at: now, frame: datagram.captured.frame });
    }

    fn conflict(&mut self, one: ServerId, two: ServerId, from: i128, to: i128) {
        let servers = (one.min(two), one.max(two));
        let room = self.conflicts.len() < SERVERS_MAX;
        match self.conflicts.last_mut() {
            Some(last) if last.servers == servers && from - last.to <= CONFLICT => last.to = to,
            _ if room => self.conflicts.push(Conflict { servers, from, to }),
            _ => {}
        }
    }

    /// The sequences and heartbeats of a session.
    fn follow(&mut self, datagram: &Datagram, message: Option<&Message<'_>>, experts: &mut Vec<Expert>) {
        let (Some(header), Some(id)) = (datagram.header().copied(), datagram.session()) else { return };
        let (source, destination) = (datagram.captured.source, datagram.captured.destination);
        let new = || Session { user: header.user, ..Session::default() };
        let session = self.sessions.entry((header.realm, id), new);
        if header.kind.is_response() {
            session.host.get_or_insert(destination);
            session.told(message);
            return;
        }
        session.host = Some(source);
        let first = Window::from_parts((header.sequence.saturating_sub(1), 0));
        if !session.window.get_or_insert(first).accept(header.sequence) {
            return;
        }
        session.requests += 1;
        session.lowest =
            if session.lowest == 0 { header.sequence } else { session.lowest.min(header.sequence) };
        session.highest = session.highest.max(header.sequence);
        if header.kind == Kind::Heartbeat {
            session.heartbeat(datagram.captured.time, experts);
        }
    }
}

impl Session {
    fn heartbeat(&mut self, now: Option<i128>, experts: &mut Vec<Expert>) {
        self.heartbeats += 1;
        let gap = now.zip(self.last_heartbeat).map(|(now, last)| now - last);
        self.last_heartbeat = now.or(self.last_heartbeat);
        self.longest_gap = self.longest_gap.max(gap);
        if let Some((gap, check)) = gap.zip(self.check_time)
            && check > 0
            && gap >= GAP * check
        {
            let text = format!("no heartbeat for {} check times ({} s)", gap / check, seconds(gap));
            experts.push(Expert::new(expert::HEARTBEAT_GAP, text));
        }
    }

    /// What an HMS tells the host of its session.
    fn told(&mut self, message: Option<&Message<'_>>) {
        let Some(Message::Answer(answer)) = message else { return };
        let settings = match answer {
            Answer::Registered(registered) => {
                self.check_time = Some(i128::from(registered.check_time_ms) * 1_000_000);
                &registered.settings
            }
            Answer::Ack(ack) => &ack.settings,
            Answer::Left(_) | Answer::Superseded(_) | Answer::Reregister(_) => {
                self.ended = true;
                return;
            }
            _ => return,
        };
        if let Some(ms) = settings.check_time_ms {
            self.check_time = Some(i128::from(ms) * 1_000_000);
        }
    }
}

/// The HMSs that a message names, whether they say of themselves that they are primary, and their names.
fn claims(message: &Message<'_>) -> Vec<((ServerId, bool), Option<String>)> {
    let list = match message {
        Message::Announce(announce) => {
            return vec![((announce.server, announce.event == AnnounceEvent::Primary), None)];
        }
        Message::Answer(Answer::Offer(offer)) => &offer.hms,
        Message::Answer(Answer::Registered(registered)) => &registered.settings.hms,
        Message::Answer(Answer::Ack(ack)) => &ack.settings.hms,
        _ => return Vec::new(),
    };
    list.iter().map(|hms| ((hms.server, hms.primary && hms.sender), Some(hms.name.to_string()))).collect()
}
