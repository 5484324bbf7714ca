//! Decoded messages as JSON, every field under the name that the specification gives it.

use hms::ident::{LineId, Order, Process};
use hms::wire::peer::*;
use serde_json::{Map, Value, json};

use crate::{fields, hex, id};

pub(super) fn stream(stream: Stream) -> &'static str {
    match stream {
        Stream::Control => "control",
        Stream::Deltas => "deltas",
        Stream::Bulk => "bulk",
    }
}

fn process(process: &Process) -> Value {
    json!({ "server_id": id(process.server.0), "incarnation": process.incarnation.0 })
}

fn line(line: Option<LineId>) -> Value {
    json!(line.map(|line| id(line.0)))
}

fn cursor(cursor: &Cursor) -> Value {
    json!({ "realm_id": cursor.realm.0, "user_id": hex(cursor.user.0) })
}

/// Digests that are not 0, under the number of their bucket.
pub(super) fn digests(buckets: impl IntoIterator<Item = (usize, u64)>) -> Value {
    let some = buckets.into_iter().filter(|(_, digest)| *digest != 0);
    Value::Object(some.map(|(at, digest)| (at.to_string(), json!(digest.to_string()))).collect())
}

fn home(home: &Home) -> Value {
    json!({ "process": process(&home.process), "age_ms": home.age_ms })
}

fn order(order: &Order) -> Value {
    json!({
        "generation": order.generation.0.to_string(), "stamp": order.stamp.0.to_string(),
        "server_id": id(order.server.0), "session_id": id(order.session.0),
    })
}

pub(super) fn row(row: &Row<'_>) -> Value {
    let head = &row.head;
    let said = row.said().expect("content and view");
    json!({
        "realm_id": head.realm.0, "user_id": hex(head.user.0), "order": order(&head.order),
        "instance_id": id(head.instance.0), "since": head.since, "epoch": head.epoch.0,
        "content_version": head.content_version, "sequence": head.place.sequence.to_string(),
        "status": if head.place.late { "late" } else { "up" }, "check_time_ms": head.place.check_ms,
        "address": head.place.address, "content": fields::content(&said.content),
        "view": fields::view(&said.view, said.push),
    })
}

fn gone(gone: &Gone) -> Value {
    let reason = match gone.ending {
        Ending::Leave => "leave",
        Ending::Expiry => "expiry",
    };
    json!({
        "realm_id": gone.realm.0, "user_id": hex(gone.user.0), "order": order(&gone.order), "reason": reason,
        "sequence": gone.sequence.to_string(), "forgotten_ms": gone.forgotten_ms,
    })
}

fn items(items: Items<'_>) -> Value {
    let one = |item: Item<'_>| match item {
        Item::Row(at, one) => json!({ "home": home(&at), "row": row(&one) }),
        Item::Gone(at, one) => json!({ "home": home(&at), "gone": gone(&one) }),
        Item::Root(root) => {
            json!({ "root": root.digest.to_string(), "rows": root.rows, "home": process(&root.home) })
        }
    };
    items.map(one).collect()
}

fn mark(mark: &Mark, into: Value) -> Value {
    let state = match mark.state {
        FactState::There => "there",
        FactState::Removed => "removed",
    };
    let head = json!({ "stamp": mark.stamp.0.to_string(), "by": id(mark.by.0), "state": state });
    let both = [head, into].into_iter().filter_map(|value| match value {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    Value::Object(both.flatten().collect::<Map<_, _>>())
}

pub(super) fn fact(fact: &Fact<'_>) -> Value {
    match fact {
        Fact::Member(m) => mark(&m.mark, json!({ "member": id(m.server.0), "name": m.name })),
        Fact::Address(m) => {
            mark(&m.mark, json!({ "address": m.address, "whose": m.server.map(|server| id(server.0)) }))
        }
        Fact::Realm(m) => mark(
            &m.mark,
            json!({ "realm": m.realm.0, "epoch": m.epoch.0, "secret": hex(m.secret), "name": m.name }),
        ),
        Fact::Generation(m) => json!({
            "realm_id": m.realm.0, "user_id": hex(m.user.0), "generation": m.generation.0.to_string(),
            "previous": m.previous.0.to_string(), "user_name": m.name,
        }),
    }
}

fn intro(m: &Intro<'_>) -> Value {
    let (head, timing) = (&m.head, &m.head.timing);
    let address = |own: OwnAddress| json!({ "use": own.used_by.name(), "address": own.address });
    json!({
        "min_version": head.min_version, "max_version": head.max_version, "phase": head.phase.name(),
        "line_id": line(head.line), "age_ms": head.age_ms, "joined_at_ms": head.joined_at_ms,
        "founded": head.founded, "stamp_clock": head.clock.0.to_string(), "facts_digest": head.facts.to_string(),
        "check_time_ms": timing.check_ms, "exchange_time_ms": timing.exchange_ms,
        "expiry_thousandths": timing.expiry_thousandths, "name": m.name,
        "own_addresses": m.addresses().map(address).collect::<Vec<_>>(),
        "left_lines": m.left_lines().map(|line| id(line.0)).collect::<Vec<_>>(),
    })
}

fn ping(m: &Ping<'_>) -> Value {
    let neighbour = |n: Neighbour| {
        json!({
            "process": process(&n.process), "phase": n.phase.name(), "line_id": line(n.line),
            "joined_at_ms": n.joined_at_ms,
        })
    };
    json!({
        "phase": m.head.phase.name(), "heard_ms": m.head.heard_ms, "stamp_clock": m.head.clock.0.to_string(),
        "facts_digest": m.head.facts.to_string(),
        "neighbours": m.neighbours().map(neighbour).collect::<Vec<_>>(),
    })
}

fn refuse(m: &Refuse<'_>) -> Value {
    let twin = |twin: Twin| {
        json!({
            "phase": twin.phase.name(), "incarnation": twin.incarnation.0, "line_id": line(twin.line),
            "age_ms": twin.age_ms, "joined_at_ms": twin.joined_at_ms,
        })
    };
    json!({ "code": m.code.name(), "twin": m.twin.map(twin), "reason": m.reason })
}

fn fetch(m: &Fetch<'_>) -> Value {
    let wanted = BucketMap(*m.wanted);
    json!({
        "home": process(&m.home), "number": m.number, "after": cursor(&m.after),
        "wanted": (0..4096).filter(|bucket| wanted.contains(*bucket)).collect::<Vec<_>>(),
    })
}

pub(super) fn message(message: &PeerMessage<'_>) -> Value {
    match message {
        PeerMessage::Intro(m) => intro(m),
        PeerMessage::Ping(m) => ping(m),
        PeerMessage::Refuse(m) => refuse(m),
        PeerMessage::Join(m) => json!({ "line_id": id(m.line.0) }),
        PeerMessage::Seat(m) => json!({
            "line_id": id(m.line.0), "age_ms": m.age_ms, "joined_at_ms": m.joined_at_ms, "founded": m.founded,
        }),
        PeerMessage::Admit(m) => json!({ "cluster_secret": hex(m.cluster_secret), "seed": hex(m.key_seed) }),
        PeerMessage::Facts(m) => json!({
            "last": m.last, "number": m.number.to_string(),
            "facts": m.facts().map(|one| fact(&one)).collect::<Vec<_>>(),
        }),
        PeerMessage::Stored(m) => json!({ "on_disk": m.on_disk, "number": m.number.to_string() }),
        PeerMessage::Resume(Resume { revision })
        | PeerMessage::Confirm(Confirm { revision })
        | PeerMessage::Done(Done { revision }) => json!({ "revision": revision.to_string() }),
        PeerMessage::Begin(m) => json!({ "resumed": m.resumed, "revision": m.revision.to_string() }),
        PeerMessage::Compare(m) => json!({ "home": process(&m.home) }),
        PeerMessage::Fetch(m) => fetch(m),
        PeerMessage::Stop(_) | PeerMessage::StopAck(_) => json!({}),
        PeerMessage::Delta(m) => json!({
            "confirm": m.confirm, "all": m.all, "revision": m.revision.to_string(), "items": items(m.items()),
        }),
        PeerMessage::Buckets(m) => {
            json!({ "home": process(&m.home), "digests": digests(m.digests().enumerate()) })
        }
        PeerMessage::Page(m) => json!({
            "last": m.is_last(), "number": m.number, "after": cursor(&m.after), "up_to": cursor(&m.up_to),
            "items": items(m.items()),
        }),
    }
}
