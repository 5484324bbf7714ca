//! The whole capture in numbers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hms::transport::LoggedEnd;
use serde_json::{Value, json};

use crate::bounded::Bounded;
use crate::datagram::Datagram;
use crate::dissector::Dissector;
use crate::fields::names;
use crate::links::{Link, Way};
use crate::table::Session;
use crate::tree::seconds;

use super::{line::milliseconds, rfc3339};

/// Sessions that are listed one by one: those with the longest silence.
const LISTED: usize = 20;
/// Check times of silence at the end of the capture after which a host counts as silent.
const SILENT: i128 = 3;

/// Times from requests to answers, in a bounded number of slots of 3 % each.
#[derive(Default)]
struct Times {
    slots: BTreeMap<u32, u64>,
    count: u64,
    least: Option<i128>,
    most: Option<i128>,
}

impl Times {
    fn add(&mut self, nanos: i128) {
        let nanos = nanos.max(0);
        self.count += 1;
        self.least = Some(self.least.map_or(nanos, |least| least.min(nanos)));
        self.most = self.most.max(Some(nanos));
        *self.slots.entry(slot(nanos)).or_default() += 1;
    }

    /// The time below which so many of a hundred lie.
    fn percentile(&self, percent: u64) -> Option<i128> {
        let rank = (self.count * percent).div_ceil(100);
        let mut seen = 0;
        let (slot, _) = self.slots.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        })?;
        Some(top(*slot).min(self.most?))
    }
}

/// 32 slots for each power of two.
fn slot(nanos: i128) -> u32 {
    let nanos = u64::try_from(nanos).unwrap_or(u64::MAX).max(32);
    let shift = 58 - nanos.leading_zeros();
    (shift << 5) | ((nanos >> shift) as u32 & 31)
}

/// The highest time in a slot.
fn top(slot: u32) -> i128 {
    ((32 + i128::from(slot & 31) + 1) << (slot >> 5)) - 1
}

#[derive(Default)]
struct OfType {
    count: u64,
    bytes: u64,
    retransmissions: u64,
    times: Times,
}

/// Counts over the datagrams that pass the filter.
#[derive(Default)]
pub(crate) struct Stats {
    types: BTreeMap<Cow<'static, str>, OfType>,
    verdicts: BTreeMap<&'static str, u64>,
    experts: BTreeMap<&'static str, u64>,
    count: u64,
    foreign: u64,
    malformed: u64,
    first: Option<i128>,
    last: Option<i128>,
    /// Types of the frames that wait for answers.
    requests: Requests,
}

/// Of recent requests their types, so that an answer's time counts for the request.
struct Requests(Bounded<u64, Cow<'static, str>>);

impl Default for Requests {
    fn default() -> Self {
        Self(Bounded::new(65_536))
    }
}

impl Stats {
    pub(crate) fn datagram(&mut self, datagram: &Datagram) {
        let kind = datagram.type_text();
        let captured = &datagram.captured;
        self.count += 1;
        self.foreign += u64::from(datagram.foreign);
        self.malformed += u64::from(datagram.malformed.is_some());
        if let Some(time) = captured.time {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = self.last.max(Some(time));
        }
        if let Some(finding) = &datagram.finding {
            *self.verdicts.entry(finding.verdict.name()).or_default() += 1;
        }
        for expert in &datagram.experts {
            *self.experts.entry(expert.remark.name).or_default() += 1;
        }
        let of = self.types.entry(kind.clone()).or_default();
        of.count += 1;
        of.bytes += captured.length as u64;
        of.retransmissions += u64::from(datagram.related.retransmission_of.is_some());
        match datagram.related.response_to {
            Some((frame, Some(took))) => {
                if let Some(request) = self.requests.0.get(&frame) {
                    self.types.entry(request.clone()).or_default().times.add(took);
                }
            }
            None if datagram.is_request() || datagram.code() == Some(0x20) => {
                self.requests.0.insert(captured.frame, kind);
            }
            _ => {}
        }
    }

    fn span(&self) -> Option<i128> {
        self.last.zip(self.first).map(|(last, first)| last - first)
    }

    fn unanswered(&self, dissector: &Dissector) -> BTreeMap<Cow<'static, str>, u64> {
        let mut unanswered = BTreeMap::new();
        for (code, count) in dissector.table.requests.unanswered(self.last) {
            let name = names::type_name(code).unwrap_or("unknown");
            *unanswered.entry(Cow::Borrowed(name)).or_default() += count;
        }
        unanswered
    }

    pub(crate) fn text(&self, dissector: &Dissector) -> String {
        let mut text = self.head(dissector);
        self.types_text(dissector, &mut text);
        if !self.verdicts.is_empty() {
            let all: Vec<_> = self.verdicts.iter().map(|(name, count)| format!("{count} {name}")).collect();
            text.push_str(&format!("\nverdicts    {}\n", all.join(", ")));
        }
        if !dissector.verifies() {
            text.push_str("\nverdicts    none: give --keys to have tags verified\n");
        }
        if !self.experts.is_empty() {
            let short = |name: &str| name.trim_start_matches("hms.expert.").replace('_', " ");
            let all: Vec<_> =
                self.experts.iter().map(|(name, count)| format!("{count} {}", short(name))).collect();
            text.push_str(&format!("remarks     {}\n", all.join(", ")));
        }
        for conflict in &dissector.table.conflicts {
            let (one, two) = conflict.servers;
            let (one, two) = (dissector.table.server(one), dissector.table.server(two));
            let (from, to) = (super::clock(Some(conflict.from)), super::clock(Some(conflict.to)));
            text.push_str(&format!(
                "!           two HMSs claimed to be primary between {from} and {to}: {one} and {two}\n"
            ));
        }
        links_text(dissector, &mut text);
        self.sessions_text(dissector, &mut text);
        text
    }

    fn head(&self, dissector: &Dissector) -> String {
        let frames = dissector.frames;
        let span = self.span().unwrap_or(0);
        let rate = if span > 0 {
            let centi = i128::from(self.count) * 100_000_000_000 / span;
            format!(", {}.{:02} a second", centi / 100, centi % 100)
        } else {
            String::new()
        };
        let begin = self.first.and_then(rfc3339).unwrap_or_else(|| "an unknown time".into());
        let mut text = format!("capture     {} packets over {} s from {begin}\n", frames.all, seconds(span));
        text.push_str(&format!(
            "HMS         {} datagrams{rate}; {} malformed, {} of another protocol on our port\n",
            self.count - self.foreign,
            self.malformed,
            self.foreign
        ));
        text.push_str(&format!(
            "not ours    {} other packets, {} fragments, {} that cannot be read\n\n",
            frames.other, frames.fragments, frames.wrong
        ));
        text
    }

    fn types_text(&self, dissector: &Dissector, text: &mut String) {
        let unanswered = self.unanswered(dissector);
        text.push_str("TYPE            COUNT      BYTES  AGAIN  NO ANSWER   ANSWER AFTER  50 %       95 %        most\n");
        for (name, of) in &self.types {
            let lost = unanswered.get(name).map_or_else(|| "-".to_owned(), u64::to_string);
            let time = |nanos: Option<i128>| nanos.map_or_else(|| "-".to_owned(), milliseconds);
            let times = &of.times;
            text.push_str(&format!(
                "{name:<12} {:>8} {:>10} {:>6} {lost:>10} {:>18} {:>12} {:>11}\n",
                of.count,
                of.bytes,
                of.retransmissions,
                time(times.percentile(50)),
                time(times.percentile(95)),
                time(times.most)
            ));
        }
    }

    fn sessions_text(&self, dissector: &Dissector, text: &mut String) {
        let sessions = &dissector.table.sessions;
        let mut all: Vec<_> = sessions.iter().filter(|(_, session)| session.requests > 0).collect();
        if all.is_empty() {
            return;
        }
        all.sort_by_key(|(_, session)| std::cmp::Reverse(session.longest_gap.max(self.silence(session))));
        text.push_str(&format!("\n{} sessions; those with the longest silence:\n", all.len()));
        text.push_str("USER             SESSION           HOST                  HEARTBEATS  LONGEST GAP  NOT SEEN  NOW\n");
        for (id, session) in all.into_iter().take(LISTED) {
            let name = dissector
                .table
                .name(id.0, session.user)
                .map_or_else(|| session.user.to_string(), |name| name.escape_debug().to_string());
            let host = session.host.map_or_else(|| "-".to_owned(), |host| host.to_string());
            let gap = session.longest_gap.map_or_else(|| "-".to_owned(), |gap| format!("{} s", tenth(gap)));
            text.push_str(&format!(
                "{name:<16} {}  {host:<21} {:>10} {gap:>12} {:>9}  {}\n",
                id.1,
                session.heartbeats,
                missing(session),
                self.now(session)
            ));
        }
    }

    /// Since when nothing was heard, at the end of the capture.
    fn silence(&self, session: &Session) -> Option<i128> {
        if session.ended {
            None
        } else {
            self.last.zip(session.last_heartbeat).map(|(last, heard)| last - heard)
        }
    }

    fn now(&self, session: &Session) -> String {
        if session.ended {
            return "ended".into();
        }
        match (self.silence(session), session.check_time) {
            (Some(silence), Some(check)) if check > 0 && silence >= SILENT * check => {
                format!("no heartbeat for {} check times ({} s)", silence / check, tenth(silence))
            }
            (Some(silence), _) => format!("heard {} s before the end", tenth(silence)),
            (None, _) => "no heartbeat seen".into(),
        }
    }

    pub(crate) fn json(&self, dissector: &Dissector) -> Value {
        let mut all = self.json_of_hosts(dissector);
        if let Some(all) = all.as_object_mut() {
            all.insert("links".into(), links_json(dissector));
        }
        all
    }

    fn json_of_hosts(&self, dissector: &Dissector) -> Value {
        let unanswered = self.unanswered(dissector);
        let types = self.types.iter().map(|(name, of)| {
            let times = &of.times;
            let value = json!({
                "count": of.count,
                "bytes": of.bytes,
                "retransmissions": of.retransmissions,
                "unanswered": unanswered.get(name).copied().unwrap_or(0),
                "answered": times.count,
                "answer_ns": {
                    "least": times.least.map(|nanos| nanos as u64),
                    "p50": times.percentile(50).map(|nanos| nanos as u64),
                    "p95": times.percentile(95).map(|nanos| nanos as u64),
                    "most": times.most.map(|nanos| nanos as u64),
                },
            });
            (name.to_string(), value)
        });
        let sessions: Vec<_> = dissector
            .table
            .sessions
            .iter()
            .map(|((realm, id), session)| {
                json!({
                    "realm": realm.to_string(),
                    "session": id.to_string(),
                    "user": session.user.to_string(),
                    "user_name": dissector.table.name(*realm, session.user),
                    "host": session.host.map(|host| host.to_string()),
                    "heartbeats": session.heartbeats,
                    "longest_gap_s": session.longest_gap.map(seconds),
                    "check_time_s": session.check_time.map(seconds),
                    "sequences_not_seen": missing(session),
                    "ended": session.ended,
                    "now": self.now(session),
                })
            })
            .collect();
        let frames = dissector.frames;
        json!({
            "packets": frames.all,
            "other_packets": frames.other,
            "fragments": frames.fragments,
            "unreadable_packets": frames.wrong,
            "datagrams": self.count - self.foreign,
            "foreign": self.foreign,
            "malformed": self.malformed,
            "first": self.first.and_then(rfc3339),
            "seconds": self.span().map(seconds),
            "types": Value::Object(types.collect()),
            "verdicts": self.verdicts,
            "experts": self.experts,
            "sessions": sessions,
        })
    }
}

/// Sequences between the lowest and the highest that did not come by: lost before this place, or sent another way.
fn missing(session: &Session) -> u64 {
    (session.highest - session.lowest + 1).saturating_sub(session.requests)
}

fn tenth(nanos: i128) -> String {
    let tenths = nanos / 100_000_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// A line for each direction of each opened link.
fn links_text(dissector: &Dissector, text: &mut String) {
    let open = &dissector.links().open;
    if open.len() == 0 {
        return;
    }
    text.push_str(&format!("\n{} links between HMSs were opened:\n", open.len()));
    text.push_str(
        "FROM              TO                SESSION            PACKETS      BYTES  MESSAGES  LOST  AGAIN  NOT SEEN  \
         ACK AFTER least, mean, most         MOST ON ITS WAY\n",
    );
    for (_, link) in open.iter() {
        let (i, r) = (&link.logged.initiator, &link.logged.responder);
        for ((from, to), way) in [(i, r), (r, i)].into_iter().zip(&link.ways) {
            let time = |nanos: Option<i128>| nanos.map_or_else(|| "-".to_owned(), milliseconds);
            let (least, mean, most) = (time(way.least), time(way.mean()), time(way.most));
            text.push_str(&format!(
                "{}  {}  {:016x} {:>8} {:>10} {:>9} {:>5} {:>6} {:>9}  {least:>10}, {mean:>10}, {most:>10} {:>10} bytes\n",
                from.server,
                to.server,
                to.session,
                way.packets,
                way.bytes,
                way.messages,
                way.lost,
                way.again,
                way.missing,
                way.most_in_flight
            ));
        }
        if let Some(closed) = &link.closed {
            text.push_str(&format!("    {closed}\n"));
        }
    }
}

fn links_json(dissector: &Dissector) -> Value {
    let link = |link: &Link| {
        let (i, r) = (&link.logged.initiator, &link.logged.responder);
        let ways = [(i, r), (r, i)].into_iter().zip(&link.ways);
        let ways: Vec<_> = ways.map(|((from, to), way)| way_json(from, to, way)).collect();
        json!({"closed": link.closed, "directions": ways})
    };
    dissector.links().open.iter().map(|(_, opened)| link(opened)).collect()
}

fn way_json(from: &LoggedEnd, to: &LoggedEnd, way: &Way) -> Value {
    let nanos = |nanos: Option<i128>| nanos.and_then(|nanos| i64::try_from(nanos).ok());
    json!({
        "from": from.server.to_string(),
        "to": to.server.to_string(),
        "session": format!("{:016x}", to.session),
        "packets": way.packets,
        "bytes": way.bytes,
        "messages": way.messages,
        "lost": way.lost,
        "sent_again": way.again,
        "not_seen": way.missing,
        "most_in_flight": way.most_in_flight,
        "ack_ns": {"least": nanos(way.least), "mean": nanos(way.mean()), "most": nanos(way.most)},
    })
}
