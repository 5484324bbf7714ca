//! What a datagram says, in one sentence.

use std::fmt::Write as _;

use hms::ident::{RealmId, UserId};
use hms::wire::inspect::Message;
use hms::wire::{
    Ack, Answer, Changes, Find, GrantReason, Heartbeat, HmsInfo, Item, PageKind, Pattern, Pull, PullKind,
    RejectCode, Request, Settings, Short, View, content_field,
};

use crate::datagram::{Datagram, Family};
use crate::expert::{self, Expert};
use crate::opened;
use crate::table::Table;
use crate::tree::{hex, plural};

/// The sentence; remarks on what an HMS refuses are added.
pub(crate) fn describe(datagram: &mut Datagram, message: Option<&Message<'_>>, table: &Table) {
    let (words, refused) = sentence(datagram, message, table);
    if refused {
        // A REJECT that says that a key was revoked is sealed with it: that is told once.
        datagram.experts.retain(|expert| expert.text != words);
        datagram.experts.push(Expert::new(expert::REFUSED, words.clone()));
    }
    datagram.words = words;
}

fn sentence(datagram: &Datagram, message: Option<&Message<'_>>, table: &Table) -> (String, bool) {
    let captured = &datagram.captured;
    if datagram.foreign {
        let head = hex(captured.bytes.get(..captured.bytes.len().min(8)).unwrap_or_default());
        let length = plural(captured.length, "byte");
        return (format!("not HMS: {length}, begins {head}; another program uses this port"), false);
    }
    if !captured.is_whole() {
        let text = format!(
            "cut: the capture has {} of {}; capture with `tcpdump -s 0`",
            captured.bytes.len(),
            plural(captured.length, "byte")
        );
        return (text, false);
    }
    if let Some(malformed) = &datagram.malformed {
        return (
            format!("malformed: {} at byte {}; a receiver drops it", malformed.what, malformed.at),
            false,
        );
    }
    if let Some(opened) = &datagram.opened {
        return (opened.words.clone(), false);
    }
    if datagram.family == Family::Link {
        return (link(&captured.bytes), false);
    }
    let realm = datagram.header().map_or(RealmId(0), |header| header.realm);
    match message {
        Some(Message::Request(request)) => (self::request(request), false),
        Some(Message::Answer(answer)) => {
            let refused = matches!(answer, Answer::Reject(_));
            (self::answer(answer, realm, table), refused)
        }
        Some(Message::Hint(hint)) => {
            let text = match hint.code.code() {
                1 => "perhaps: no key of this user fits the tag".to_owned(),
                2 => "perhaps: the key's epoch is unknown here".to_owned(),
                3 => format!(
                    "perhaps: this version is not served, only {} to {}",
                    hint.min_version, hint.max_version
                ),
                4 => "perhaps: no key fits this HMS's".to_owned(),
                code => format!("perhaps: code {code}"),
            };
            (text, true)
        }
        Some(Message::Announce(announce)) => {
            let server = table.server(announce.server);
            (format!("HMS {server} says: {} (port {})", announce.event, announce.port), false)
        }
        None => (String::new(), false),
    }
}

fn request(request: &Request<'_>) -> String {
    match request {
        Request::Init(init) => format!("asks to be let in{}", versions(init.min_version, init.max_version)),
        Request::Discover(discover) => {
            format!("looks for an HMS{}", versions(discover.min_version, discover.max_version))
        }
        Request::Register(register) => format!(
            "registers {} on {}, {}{}",
            quoted(register.content.user_name()),
            quoted(register.content.host_name()),
            view(&register.view, register.push),
            if register.takeover { ", takes over from another installation" } else { "" }
        ),
        Request::Heartbeat(heartbeat) => self::heartbeat(heartbeat),
        Request::Leave(_) => "leaves".into(),
        Request::Pull(pull) => self::pull(pull),
        Request::Find(find) => self::find(find),
    }
}

fn versions(min: u8, max: u8) -> String {
    if (min, max) == (1, 1) { String::new() } else { format!(", versions {min} to {max}") }
}

fn heartbeat(heartbeat: &Heartbeat<'_>) -> String {
    // Most of what is in a capture are heartbeats and what is answered to them.
    let mut text = String::with_capacity(64);
    let _ = write!(text, "is there; its list is at revision {}", heartbeat.revision);
    if heartbeat.cookie.is_some() {
        text.push_str(", echoes a cookie");
    }
    if heartbeat.want {
        text.push_str(", wants changes");
    }
    if let Some((content, view, push)) = &heartbeat.content {
        let (version, state) = (heartbeat.content_version, content.state());
        text.push_str(&format!(
            "; says of itself (version {version}): {}, {state}",
            quoted(content.host_name())
        ));
        if let Some(conference) = content.conference() {
            text.push_str(&format!(" in {}", quoted(conference)));
        }
        text.push_str(&format!(", {}", self::view(view, *push)));
    }
    text
}

fn view(view: &View, push: bool) -> String {
    let push = if push { ", pushed" } else { "" };
    match view {
        View::None => "wants no list".into(),
        View::Realm => format!("wants all hosts{push}"),
        View::Group(name) => format!("wants the hosts in {}{push}", quoted(name.as_str())),
        View::Named(users) => format!("wants {}{push}", plural(users.len(), "host")),
        View::Unknown(kind) => format!("wants a view of kind {kind}{push}"),
    }
}

fn pull(pull: &Pull) -> String {
    match pull.kind {
        PullKind::Delta => format!("asks for changes since revision {}", pull.revision),
        PullKind::Digests => "asks for digests, to compare".into(),
        PullKind::Copy => {
            let of = pull.buckets.as_ref().map(|b| format!(" of {}", plural(b.count() as usize, "bucket")));
            let after = if pull.cursor == UserId::default() {
                String::new()
            } else {
                format!(" after user {}", pull.cursor)
            };
            format!("asks for rows{}{after}", of.unwrap_or_default())
        }
        other => format!("asks for {other}"),
    }
}

fn find(find: &Find<'_>) -> String {
    match find.pattern {
        Pattern::User(name) => format!("looks up user {}", quoted(name)),
        Pattern::Prefix(text) => format!("looks up names that begin with {}", quoted(text)),
    }
}

fn answer(answer: &Answer<'_>, realm: RealmId, table: &Table) -> String {
    match answer {
        Answer::Registered(registered) => format!(
            "is registered at {}, heartbeat each {}, the first in {}{}",
            table.server(registered.server),
            time(registered.check_time_ms),
            time(registered.first_delay_ms),
            settings(&registered.settings)
        ),
        Answer::Ack(ack) => self::ack(ack, realm, table),
        Answer::Left(_) => "has left".into(),
        Answer::Page(page) => {
            let push = if page.push { "pushed: " } else { "" };
            format!("{push}{}", changes(&page.changes, realm, table))
        }
        Answer::Digests(digests) => {
            let filled = digests.buckets.iter().filter(|digest| **digest != 0).count();
            format!("digests of {} at revision {}", plural(filled, "filled bucket"), digests.revision)
        }
        Answer::Offer(offer) => {
            let primary = if offer.primary { "primary" } else { "not primary" };
            format!("HMS {} is here, {primary}; {}", table.server(offer.server), servers(&offer.hms))
        }
        Answer::Challenge(_) => "echo this cookie, to prove your address".into(),
        Answer::Superseded(short) => {
            format!("another session of this user is live (stamp {})", short.stamp().0)
        }
        Answer::Reregister(short) => format!("register again, in {}", long_time(short.argument)),
        Answer::Retry(short) => format!("say it again, in {}", long_time(short.argument)),
        Answer::Redirect(short) => format!("turn to HMS {}", table.server(short.server())),
        Answer::Reject(short) => reject(short),
    }
}

fn reject(short: &Short) -> String {
    let (code, value) = short.reject();
    match code {
        RejectCode::Revoked => "refused: the key was revoked; the user needs a new join token".into(),
        RejectCode::Name => "refused: the user name does not belong to the key".into(),
        RejectCode::Taken => "refused: another machine is registered as this user".into(),
        RejectCode::Full => format!("refused: the realm is full; again in {}", time(value)),
        RejectCode::Rate => format!("refused: too many registrations at once; again in {}", time(value)),
        RejectCode::Content if value == 0 => "refused: what the host says of itself cannot be taken".into(),
        RejectCode::Content => {
            let what = u8::try_from(value).map_or("content", content_field);
            format!("refused: the {what} cannot be taken (TLV 0x{value:02x})")
        }
        RejectCode::EpochRetired => {
            "refused: the key's epoch was retired; the user needs a new join token".into()
        }
        RejectCode::Unknown(code) => format!("refused: code {code}"),
    }
}

fn ack(ack: &Ack<'_>, realm: RealmId, table: &Table) -> String {
    let mut text = String::with_capacity(64);
    text.push_str("taken");
    if ack.revision.0 != 0 {
        let _ = write!(text, "; the list is at revision {}", ack.revision.0);
    }
    if ack.want_content {
        text.push_str(", say all of yourself");
    }
    if ack.resync {
        text.push_str(", your list differs: compare digests");
    }
    if ack.equal {
        text.push_str(", your list is equal");
    }
    text.push_str(&settings(&ack.settings));
    if let Some(changes) = &ack.changes {
        text.push_str(&format!("; {}", self::changes(changes, realm, table)));
    }
    text
}

fn settings(settings: &Settings) -> String {
    let mut text = String::new();
    if let Some(observed) = settings.observed {
        text.push_str(&format!(", seen from {observed}"));
    }
    if !settings.hms.is_empty() {
        text.push_str(&format!("; {}", servers(&settings.hms)));
    }
    if let Some(ms) = settings.check_time_ms {
        text.push_str(&format!(", heartbeat each {} from now on", time(ms)));
    }
    if let Some(granted) = settings.granted
        && granted.reason != GrantReason::AsAsked
    {
        text.push_str(&format!(", the view is not granted: {}", granted.reason));
    }
    match settings.replicated {
        Some(true) => text.push_str(", another HMS has it too"),
        Some(false) => text.push_str(", no other HMS has it"),
        None => {}
    }
    text
}

/// `HMSs atlas (primary), osaka`.
fn servers(list: &[HmsInfo]) -> String {
    let names: Vec<_> = list
        .iter()
        .map(|hms| {
            format!("{}{}", hms.name.as_str().escape_debug(), if hms.primary { " (primary)" } else { "" })
        })
        .collect();
    format!("{} {}", if names.len() == 1 { "HMS" } else { "HMSs" }, names.join(", "))
}

fn changes(changes: &Changes<'_>, realm: RealmId, table: &Table) -> String {
    /// Rows that are named one by one.
    const SHOWN: usize = 3;
    let info = &changes.info;
    let head = match info.kind {
        PageKind::Delta => format!("changes {} to {}", info.from, info.to),
        PageKind::Copy => format!("rows of {}", info.total),
        PageKind::Whole => "the whole view".into(),
        PageKind::Find => "matches".into(),
        PageKind::Unknown(kind) => format!("a page of kind {kind}"),
    };
    let name = |user: UserId| {
        table.name(realm, user).map_or_else(|| user.to_string(), |name| name.escape_debug().to_string())
    };
    let mut rows: Vec<_> = changes
        .items
        .iter()
        .take(SHOWN)
        .map(|item| match item {
            Item::Entry(entry) if entry.head.late => format!("{} late", name(entry.head.user)),
            Item::Entry(entry) => name(entry.head.user),
            Item::Gone(gone) => format!("{} gone ({})", name(gone.user), gone.reason),
        })
        .collect();
    if changes.items.len() > SHOWN {
        rows.push(format!("and {} more", changes.items.len() - SHOWN));
    }
    let rows = if rows.is_empty() { "none".to_owned() } else { rows.join(", ") };
    format!("{head}: {rows}{}", if info.more { "; more follows" } else { "" })
}

fn link(bytes: &[u8]) -> String {
    let number = |at: usize| {
        let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied();
        u64::from_be_bytes(bytes.unwrap_or_default())
    };
    let low48 = |at: usize| number(at) & 0xffff_ffff_ffff;
    match bytes.get(1).copied() {
        Some(0x20) => {
            let cookie = if number(96) | number(104) == 0 { "" } else { ", echoes a cookie" };
            let target = if number(88) == 0 { "anybody".to_owned() } else { format!("{:016x}", number(88)) };
            format!("HMS {:016x} asks {target} for a link{cookie}", number(40))
        }
        Some(0x21) => format!("HMS {:016x}: echo this cookie, to prove your address", number(40)),
        Some(0x22) => format!("HMS {:016x} makes the link, session {:016x}", number(40), number(48)),
        Some(0x24) => {
            format!("HMS {:016x} does not know session {:016x} (packet {})", number(16), number(8), low48(24))
        }
        Some(opened::PACKET | opened::MESSAGE) => opened::words(bytes),
        _ => {
            let frames = bytes.len().saturating_sub(32);
            format!("packet {} to session {:016x}, {} encrypted", low48(0), number(8), plural(frames, "byte"))
        }
    }
}

fn quoted(text: &str) -> String {
    format!("“{}”", text.escape_debug())
}

fn time(ms: u32) -> String {
    long_time(u64::from(ms))
}

/// `30 s`, `1.5 s`, `250 ms`.
fn long_time(ms: u64) -> String {
    match (ms / 1000, ms % 1000) {
        (0, ms) => format!("{ms} ms"),
        (s, 0) => format!("{s} s"),
        (s, ms) => format!("{s}.{} s", format!("{ms:03}").trim_end_matches('0')),
    }
}
