//! Decoded messages as JSON, every field under the name that the specification gives it. 64-bit numbers are strings,
//! ids are hexadecimal.

use hms::wire::*;
use serde_json::{Map, Value, json};

use crate::hex;

pub(crate) fn header(header: &Header) -> Value {
    json!({
        "version": 1, "type": header.kind.name(), "type_code": header.kind.code(), "flags": header.flags,
        "epoch": header.epoch.0, "realm_id": header.realm.0, "user_id": hex(header.user.0),
        "session_id": hex(header.session.0.to_be_bytes()), "sequence": header.sequence.to_string(),
    })
}

/// The body of a verified datagram.
pub(crate) fn message(datagram: &Verified<'_>) -> Value {
    if datagram.header().kind.is_response() {
        answer(&datagram.answer().expect("an answer"))
    } else {
        request(&datagram.request().expect("a request"))
    }
}

/// The body of a datagram without a tag.
pub(crate) fn bare(datagram: &Unverified<'_>) -> Value {
    if datagram.header().kind == Kind::Hint {
        let hint = Hint::parse(datagram).expect("a hint");
        return json!({ "code": hint.code.code(), "min_version": hint.min_version, "max_version": hint.max_version });
    }
    let announce = Announce::parse(datagram).expect("an announcement");
    json!({ "server_id": hex(announce.server.0.to_be_bytes()), "event": announce.event.name(), "port": announce.port })
}

pub(crate) fn content(content: &ContentRef<'_>) -> Value {
    let ports = content.ports();
    json!({
        "user_name": content.user_name(), "host_name": content.host_name(),
        "reported": content.reported().collect::<Vec<_>>(),
        "ports": { "data": ports.data, "video": ports.video, "audio": ports.audio },
        "services": content.services().map(|s| s.to_string()).collect::<Vec<_>>(),
        "state": content.state().name(), "conference": content.conference(), "fixed": content.fixed(),
        "bytes": hex(content.as_bytes()),
    })
}

pub(crate) fn view(view: &View, push: bool) -> Value {
    let mut value = json!({ "kind": view.code(), "push": push });
    match view {
        View::Group(name) => value["group"] = json!(name.as_str()),
        View::Named(users) => value["users"] = users.iter().map(|u| hex(u.0)).collect(),
        View::None | View::Realm | View::Unknown(_) => {}
    }
    value
}

fn request(request: &Request<'_>) -> Value {
    match request {
        Request::Init(m) => json!({ "min_version": m.min_version, "max_version": m.max_version }),
        Request::Discover(m) => json!({ "min_version": m.min_version, "max_version": m.max_version }),
        Request::Leave(_) => json!({}),
        Request::Register(m) => json!({
            "takeover": m.takeover, "cookie": m.cookie.to_string(), "instance_id": hex(m.instance.0.to_be_bytes()),
            "last_stamp": m.last_stamp.0.to_string(), "content_version": m.content_version,
            "incarnation": m.incarnation.0, "revision": m.revision.0, "digest": m.digest.to_string(),
            "content": content(&m.content), "view": view(&m.view, m.push),
        }),
        Request::Heartbeat(m) => json!({
            "content_version": m.content_version, "incarnation": m.incarnation.0, "revision": m.revision.0,
            "digest": m.digest.to_string(), "cookie": m.cookie.map(|c| c.to_string()), "want": m.want,
            "content": m.content.as_ref().map(|(c, _, _)| content(c)),
            "view": m.content.as_ref().map(|(_, v, push)| view(v, *push)),
        }),
        Request::Pull(m) => json!({
            "incarnation": m.incarnation.0, "revision": m.revision.0, "cursor": hex(m.cursor.0),
            "kind": m.kind.name(), "buckets": m.buckets.map(|b| hex(b.0)),
        }),
        Request::Find(m) => {
            let (kind, text) = match m.pattern {
                Pattern::User(text) => ("user", text),
                Pattern::Prefix(text) => ("prefix", text),
            };
            json!({ "incarnation": m.incarnation.0, "cursor": hex(m.cursor.0), "pattern": { "kind": kind, "text": text } })
        }
    }
}

fn hms(list: &[HmsInfo]) -> Value {
    list.iter()
        .map(|h| {
            json!({
                "server_id": hex(h.server.0.to_be_bytes()), "primary": h.primary, "sender": h.sender,
                "name": h.name.as_str(), "addresses": h.addresses,
            })
        })
        .collect()
}

fn settings(settings: &Settings, into: &mut Map<String, Value>) {
    let granted = settings.granted.map(|g| json!({ "kind": g.kind, "reason": g.reason.code() }));
    let all = json!({
        "observed": settings.observed, "hms": hms(&settings.hms), "cluster_key": settings.cluster_key.map(hex),
        "realm_name": settings.realm_name.as_ref().map(|n| n.as_str()), "new_check_time_ms": settings.check_time_ms,
        "granted": granted, "mode": settings.mode.map(|m| m.name()), "replicated": settings.replicated,
    });
    if let Value::Object(all) = all {
        into.extend(all);
    }
}

fn page(changes: &Changes<'_>) -> Value {
    let info = &changes.info;
    let item = |item: &Item<'_>| match item {
        Item::Gone(g) => {
            json!({ "gone": hex(g.user.0), "revision": g.revision.0, "reason": g.reason.name() })
        }
        Item::Entry(e) => json!({
            "user_id": hex(e.head.user.0), "revision": e.head.revision.0, "late": e.head.late,
            "unconfirmed": e.head.unconfirmed, "since": e.head.since, "check_time_s": e.head.check_time_s,
            "home": hex(e.head.home.0.to_be_bytes()), "content": content(&e.content), "address": e.address,
            "signature": e.signature.map(|s| json!({ "issued": s.issued, "bytes": hex(s.bytes) })),
        }),
    };
    json!({
        "kind": info.kind.name(), "more": info.more, "from": info.from.0, "to": info.to.0,
        "after": hex(info.after.0), "up_to": hex(info.up_to.0), "total": info.total,
        "items": changes.items.iter().map(item).collect::<Vec<_>>(),
    })
}

fn answer(answer: &Answer<'_>) -> Value {
    let (incarnation, number) = answer.origin();
    let mut fields = Map::new();
    fields.insert("incarnation".into(), json!(incarnation.0));
    fields.insert("number".into(), json!(number.to_string()));
    let more = match answer {
        Answer::Registered(m) => {
            settings(&m.settings, &mut fields);
            json!({
                "stamp": m.stamp.0.to_string(), "server_id": hex(m.server.0.to_be_bytes()), "revision": m.revision.0,
                "content_version": m.content_version, "check_time_ms": m.check_time_ms, "first_delay_ms": m.first_delay_ms,
            })
        }
        Answer::Ack(m) => {
            settings(&m.settings, &mut fields);
            json!({
                "want_content": m.want_content, "resync": m.resync, "equal": m.equal, "revision": m.revision.0,
                "content_version": m.content_version, "page": m.changes.as_ref().map(page),
            })
        }
        Answer::Page(m) => json!({ "push": m.push, "page": page(&m.changes) }),
        Answer::Digests(m) => json!({
            "revision": m.revision.0, "root": m.root.to_string(),
            "buckets": m.buckets.iter().map(u64::to_string).collect::<Vec<_>>(),
        }),
        Answer::Offer(m) => {
            json!({ "primary": m.primary, "server_id": hex(m.server.0.to_be_bytes()), "hms": hms(&m.hms) })
        }
        Answer::Challenge(m) => json!({ "cookie": m.argument.to_string() }),
        Answer::Superseded(m) => json!({ "stamp": m.stamp().0.to_string() }),
        Answer::Reregister(m) | Answer::Retry(m) => json!({ "delay_ms": m.argument }),
        Answer::Redirect(m) => json!({ "server_id": hex(m.server().0.to_be_bytes()) }),
        Answer::Reject(m) => json!({ "code": m.reject().0.name(), "value": m.reject().1 }),
        Answer::Left(_) => json!({}),
    };
    if let Value::Object(more) = more {
        fields.extend(more);
    }
    Value::Object(fields)
}
