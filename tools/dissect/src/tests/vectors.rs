//! Every vector of the specification, wrapped in a capture, gives exactly its fields.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde_json::Value;

use super::{dissect, made};
use crate::datagram::Datagram;
use crate::dissector::tree;
use crate::fields::names;
use crate::tree::Tree;
use crate::verify::Keys;

fn vectors(file: &str) -> Value {
    let path = format!("{}/../../spec/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("vectors")).expect("JSON")
}

fn bytes(vector: &Value) -> Vec<u8> {
    HEXLOWER.decode(vector["bytes"].as_str().expect("bytes").as_bytes()).expect("hex")
}

fn one(payload: &[u8]) -> (Datagram, Tree) {
    let (mut datagrams, _, error) =
        dissect(&made::pcap(made::ETHERNET, &[made::frame(true, payload)]), Keys::default());
    assert_eq!(error, None);
    let datagram = datagrams.pop().expect("a datagram");
    let tree = tree(&datagram);
    (datagram, tree)
}

/// Every byte is in a field, none in two, but for bits and subtrees.
fn covers(tree: &Tree, length: usize, name: &str) {
    let mut covered = vec![0_u8; length];
    for node in &tree.nodes {
        let Some((at, count)) = node.at else { continue };
        let part = node.field.mask != 0 && node.field.name != "hms.tlv.type";
        if part || node.field.name == "hms.tlv" {
            continue;
        }
        covered[at..at + count].iter_mut().for_each(|byte| *byte += 1);
    }
    assert!(covered.iter().all(|count| *count == 1), "{name}: {covered:?}");
    assert!(tree.texts("hms.undecoded").is_empty(), "{name}");
}

/// A value of the vector as the fields write it.
fn text(value: &Value, field: &names::Field) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match (field.kind.hex_digits(), field.kind, value) {
        // 16 digits of an id are hexadecimal; other numbers stand there as decimals.
        (Some(_), _, Value::String(_)) if text.len() == 16 && field.name.ends_with(ID_ENDS[0]) => {
            format!("0x{text}")
        }
        (Some(digits), ..) => {
            let hex = ID_ENDS.iter().any(|end| field.name.ends_with(end));
            let number = if hex && value.is_string() {
                u64::from_str_radix(&text, 16).expect("an id")
            } else {
                text.parse().expect("a number")
            };
            format!("0x{number:0digits$x}")
        }
        (_, names::Type::Bytes, _) => crate::tree::colons(&HEXLOWER.decode(text.as_bytes()).expect("hex")),
        (_, names::Type::Bool, _) => u8::from(value.as_bool().expect("a bit")).to_string(),
        _ if field.values.is_some() && !value.is_number() => {
            let values = field.values.map(|values| values()).unwrap_or_default();
            let code = values.iter().find(|(_, name)| *name == text).map(|(code, _)| *code);
            code.unwrap_or_else(|| panic!("{}: {text}", field.name)).to_string()
        }
        _ => text,
    }
}

/// Fields whose strings in the vectors are hexadecimal.
const ID_ENDS: [&str; 10] =
    ["server", "instance", "cursor", "user", "home", ".id", "after", "up_to", "session", "realm"];

fn field(name: &str) -> &'static names::Field {
    names::ALL.iter().find(|field| field.name == name).unwrap_or_else(|| panic!("no field {name}"))
}

/// Compares the first value of a field with that of the vector.
fn same(tree: &Tree, vector: &str, name: &str, value: &Value) {
    let found = tree.texts(name);
    assert_eq!(found.first(), Some(&text(value, field(name))), "{vector}: {name}");
}

#[test]
fn every_vector_between_host_and_hms_gives_its_fields() {
    let vectors = vectors("datagrams");
    let vectors = vectors["datagrams"].as_array().expect("a list");
    assert!(vectors.len() >= 39);
    let mut compared = 0;
    for vector in vectors {
        let name = vector["name"].as_str().expect("a name");
        let payload = bytes(vector);
        let (datagram, tree) = one(&payload);
        assert_eq!(datagram.malformed, None, "{name}");
        assert_eq!(datagram.type_text(), vector["header"]["type"].as_str().expect("a type"), "{name}");
        assert!(!datagram.words.is_empty(), "{name}");
        covers(&tree, payload.len(), name);
        let header = &vector["header"];
        for (key, name_of) in [
            ("version", "hms.version"),
            ("type_code", "hms.type"),
            ("flags", "hms.flags"),
            ("epoch", "hms.epoch"),
            ("realm_id", "hms.realm"),
            ("user_id", "hms.user"),
            ("session_id", "hms.session"),
            ("sequence", "hms.seq"),
        ] {
            same(&tree, name, name_of, &header[key]);
        }
        let bare = vector["key"] == "none";
        same(&tree, name, if bare { "hms.checksum" } else { "hms.tag" }, &vector["tag"]);
        compared += body(&tree, name, &datagram.type_text().to_lowercase(), &vector["body"]);
    }
    assert!(compared > 300, "only {compared} values were compared");
}

/// Compares what stands in the body; counts the values.
fn body(tree: &Tree, vector: &str, kind: &str, body: &Value) -> usize {
    let mut compared = 0;
    let body = body.as_object().expect("a body");
    for (key, value) in body {
        if value.is_null() || value.as_array().is_some_and(Vec::is_empty) {
            continue;
        }
        let short = key.strip_suffix("_id").unwrap_or(key);
        let renamed = BTreeMap::from([
            ("new_check_time_ms", "hms.check_time"),
            ("observed", "hms.observed"),
            ("granted", "hms.granted"),
            ("mode", "hms.mode"),
            ("replicated", "hms.replicated"),
            ("cluster_key", "hms.cluster_key"),
            ("realm_name", "hms.realm_name"),
            ("buckets", "hms.buckets"),
            ("takeover", "hms.flags.takeover"),
            ("want", "hms.flags.want"),
            ("want_content", "hms.flags.want_content"),
            ("resync", "hms.flags.resync"),
            ("equal", "hms.flags.equal"),
            ("push", "hms.flags.push"),
            ("primary", "hms.flags.primary"),
        ]);
        let answer = ["incarnation", "number"].contains(&short) && body.contains_key("number");
        let name = match renamed.get(key.as_str()) {
            Some(name) => (*name).to_owned(),
            None if answer => format!("hms.answer.{short}"),
            None => format!("hms.{kind}.{}", short.strip_suffix("_ms").unwrap_or(short)),
        };
        compared += match key.as_str() {
            "content" => content(tree, vector, value),
            "view" => view(tree, vector, value),
            "page" => page(tree, vector, value),
            "hms" => servers(tree, vector, value),
            "observed" => addresses(tree, vector, "hms.observed", &[value]),
            "granted" => parts(tree, vector, "hms.granted", value),
            "pattern" => {
                let kind = if value["kind"] == "user" { 1 } else { 2 };
                same(tree, vector, "hms.pattern.kind", &Value::from(kind));
                same(tree, vector, "hms.pattern.text", &value["text"]);
                2
            }
            "replicated" => {
                same(tree, vector, &name, &Value::from(u8::from(value.as_bool().expect("a bit"))));
                1
            }
            "buckets" if value.is_array() => {
                let digests: Vec<_> = value.as_array().expect("digests").iter().collect();
                let expected: Vec<_> =
                    digests.iter().map(|digest| text(digest, names::BUCKET_DIGEST)).collect();
                assert_eq!(tree.texts("hms.bucket.digest"), expected, "{vector}");
                expected.len()
            }
            _ => {
                same(tree, vector, &name, value);
                1
            }
        };
    }
    compared
}

fn parts(tree: &Tree, vector: &str, prefix: &str, value: &Value) -> usize {
    let parts = value.as_object().expect("parts");
    parts.iter().for_each(|(key, value)| same(tree, vector, &format!("{prefix}.{key}"), value));
    parts.len()
}

fn addresses(tree: &Tree, vector: &str, prefix: &str, list: &[&Value]) -> usize {
    let mut expected = BTreeMap::<String, Vec<String>>::new();
    for address in list {
        let address: std::net::SocketAddr =
            address.as_str().expect("an address").parse().expect("an address");
        let (family, ip) = if address.is_ipv4() { ("4", "ipv4") } else { ("6", "ipv6") };
        expected.entry("family".into()).or_default().push(family.into());
        expected.entry(ip.into()).or_default().push(address.ip().to_string());
        expected.entry("port".into()).or_default().push(address.port().to_string());
    }
    for (part, values) in &expected {
        assert_eq!(&tree.texts(&format!("{prefix}.{part}")), values, "{vector}: {prefix}.{part}");
    }
    list.len() * 3
}

fn content(tree: &Tree, vector: &str, content: &Value) -> usize {
    same(tree, vector, "hms.content.user_name", &content["user_name"]);
    same(tree, vector, "hms.content.host_name", &content["host_name"]);
    same(tree, vector, "hms.content.state", &content["state"]);
    same(tree, vector, "hms.content.conference", &content["conference"]);
    parts(tree, vector, "hms.content.ports", &content["ports"]);
    let reported: Vec<_> = content["reported"].as_array().expect("addresses").iter().collect();
    addresses(tree, vector, "hms.content.reported", &reported);
    let kinds = tree.texts("hms.content.service.kind");
    let ports = tree.texts("hms.content.service.port");
    let transports = tree.texts("hms.content.service.transport");
    for (index, service) in content["services"].as_array().expect("services").iter().enumerate() {
        let transport = if transports[index] == "1" { "udp" } else { "tcp" };
        assert_eq!(
            format!("{}:{}/{transport}", kinds[index], ports[index]),
            service.as_str().expect("text"),
            "{vector}"
        );
    }
    let fixed = tree.texts("hms.tlv.type").contains(&"0x08".to_owned());
    assert_eq!(Value::from(fixed), content["fixed"], "{vector}");
    10
}

fn view(tree: &Tree, vector: &str, view: &Value) -> usize {
    same(tree, vector, "hms.view.kind", &view["kind"]);
    same(tree, vector, "hms.view.push", &view["push"]);
    if !view["group"].is_null() {
        same(tree, vector, "hms.view.group", &view["group"]);
    }
    if let Some(users) = view["users"].as_array() {
        let users: Vec<_> = users.iter().map(|user| text(user, names::VIEW_USER)).collect();
        assert_eq!(tree.texts("hms.view.user"), users, "{vector}");
    }
    3
}

fn servers(tree: &Tree, vector: &str, list: &Value) -> usize {
    let list = list.as_array().expect("HMSs");
    for (name, key) in [("id", "server_id"), ("primary", "primary"), ("sender", "sender"), ("name", "name")] {
        let name = format!("hms.server.{name}");
        let expected: Vec<_> = list.iter().map(|hms| text(&hms[key], field(&name))).collect();
        assert_eq!(tree.texts(&name), expected, "{vector}");
    }
    let all: Vec<_> = list.iter().flat_map(|hms| hms["addresses"].as_array().expect("addresses")).collect();
    addresses(tree, vector, "hms.server", &all);
    list.len() * 4
}

fn page(tree: &Tree, vector: &str, page: &Value) -> usize {
    let info = [
        ("kind", "kind"),
        ("more", "more"),
        ("from", "from"),
        ("to", "to"),
        ("after", "after"),
        ("up_to", "up_to"),
        ("total", "rows"),
    ];
    for (key, name) in info {
        same(tree, vector, &format!("hms.page.{name}"), &page[key]);
    }
    let items = page["items"].as_array().expect("items");
    let gone: Vec<_> = items.iter().filter(|item| !item["gone"].is_null()).collect();
    let entries: Vec<_> = items.iter().filter(|item| item["gone"].is_null()).collect();
    let lists = [
        (&gone, "gone", [("user", "gone"), ("revision", "revision"), ("reason", "reason")].as_slice()),
        (
            &entries,
            "entry",
            [
                ("user", "user_id"),
                ("revision", "revision"),
                ("late", "late"),
                ("unconfirmed", "unconfirmed"),
                ("since", "since"),
                ("check_time", "check_time_s"),
                ("home", "home"),
            ]
            .as_slice(),
        ),
    ];
    for (items, prefix, keys) in lists {
        for (name, key) in keys {
            let name = format!("hms.{prefix}.{name}");
            let expected: Vec<_> = items.iter().map(|item| text(&item[*key], field(&name))).collect();
            assert_eq!(tree.texts(&name), expected, "{vector}: {name}");
        }
    }
    7 + gone.len() * 3 + entries.len() * 7
}

#[test]
fn every_vector_between_hmss_gives_its_fields() {
    let vectors = vectors("transport");
    let hex = |value: &Value| format!("0x{}", value.as_str().expect("an id"));
    let (initiator, responder) = (&vectors["initiator"], &vectors["responder"]);
    let mut seen = Vec::new();
    for vector in vectors["handshake"].as_array().expect("a list") {
        let name = vector["name"].as_str().expect("a name");
        let payload = bytes(vector);
        let (datagram, tree) = one(&payload);
        assert_eq!(datagram.malformed, None, "{name}");
        covers(&tree, payload.len(), name);
        let kind = datagram.type_text().to_lowercase();
        let party = if kind == "hello" { initiator } else { responder };
        assert_eq!(tree.texts(&format!("hms.{kind}.server")), [hex(&party["server_id"])], "{name}");
        if kind != "reset" {
            assert_eq!(tree.texts("hms.attempt"), [hex(&vectors["attempt"])], "{name}");
        }
        if kind == "hello" || kind == "welcome" {
            assert_eq!(tree.texts(&format!("hms.{kind}.session")), [hex(&party["session_id"])], "{name}");
            same(&tree, name, &format!("hms.{kind}.nonce"), &party["nonce"]);
        }
        if kind == "hello" {
            assert_eq!(tree.texts("hms.hello.target"), [hex(&vector["fields"]["target"])], "{name}");
            same(&tree, name, "hms.hello.cookie", &vector["fields"]["cookie"]);
        }
        seen.push(kind);
    }
    for kind in ["hello", "cookie", "welcome", "reset"] {
        assert!(seen.iter().any(|seen| seen == kind), "no {kind}");
    }
    for vector in vectors["data_of_the_initiator"].as_array().expect("a list") {
        let payload = bytes(vector);
        let (datagram, tree) = one(&payload);
        assert_eq!(
            (datagram.malformed, tree.texts("hms.session")),
            (None, vec![hex(&responder["session_id"])])
        );
        covers(&tree, payload.len(), "DATA");
        same(&tree, "DATA", "hms.data.number", &vector["number"]);
        let plain = vector["plain"].as_str().expect("hex").len() / 2;
        assert_eq!(tree.texts("hms.data.frames").concat().split(':').count(), plain);
    }
}

#[test]
fn names_are_unique_and_dotted() {
    let mut names: Vec<_> = names::ALL.iter().map(|field| field.name).collect();
    for name in &names {
        let sound =
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '_');
        assert!(name.starts_with("hms.") && sound, "{name}");
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
