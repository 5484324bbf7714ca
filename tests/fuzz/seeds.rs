//! Inputs made by the code as it is, so that each target has some that go deep, whatever formats become of later.

use hms::auth::{ClusterKey, Keyring, RealmSecret};
use hms::config::DEFAULT_FILE;
use hms::ident::{
    Epoch, Generation, Incarnation, InstanceId, Name, RealmId, ServerId, SessionId, Stamp, UserId,
};
use hms::storage::{HostStore, Secrets, SnapshotHeader, SnapshotRow, SnapshotWriter, StoredEntry};
use hms::time::UnixMillis;
use hms::token::Token;
use hms::wire::{Content, ContentRef, Entry, EntryHead, HmsInfo, Signature, View};

const REALM: RealmId = RealmId(7);

/// The seeds of a target.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "wire" => vec![content(), vec![4, 10, 0, 0, 1, 0, 80], address_of_six()],
        "server" => server(),
        "host" => host(),
        "snapshot" => snapshot(),
        "secrets" => secrets(),
        "token" => tokens(),
        "config" => config(),
        "control" => control(),
        "relay" => relay(),
        "transport" => transport(),
        "packets" => packets(),
        "note" => notes(),
        _ => Vec::new(),
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn content() -> Vec<u8> {
    let mut content = Content::new(name("anna"), name("room 4"));
    content.conference = Some(name("board"));
    content.fixed = true;
    content.to_bytes()
}

fn address_of_six() -> Vec<u8> {
    [&[6u8, 0x20, 1, 0xd, 0xb8], [0; 11].as_slice(), &[1, 0x1a, 0x36]].concat()
}

/// Numbers as bytes; behind `a` and `b` the number of an operation of the first and the second user.
fn ops(text: &str) -> Vec<u8> {
    let number = |digits: &str| digits.parse::<u8>().expect("a number");
    let byte = |word: &str| match word.split_at(1) {
        ("a", digits) => number(digits) << 1,
        ("b", digits) => number(digits) << 1 | 1,
        _ => number(word),
    };
    text.split_whitespace().map(byte).collect()
}

/// See `operation` in `bodies/server`.
fn server() -> Vec<Vec<u8>> {
    let life = "a0 b0 a4 a9 2 0 0 b7 1 1 0 a4 a11 2 0 0 a13 2 a4 a4 a14 12 a4 a19 3 2 0 b8 a16 14";
    let restart = "a0 b0 a28 a27 0 a4 a4 a19 5 0 0 a25 1 a0 a26 0 0 1 0 0 1 0 a4 a14 13";
    let attack = "a0 b0 a30 a4 a19 0 2 0 a20 1 0 40 7 0 0 b12 1 a14 4 a31 9 a22 2 1 1 3 a23 3 0 2 0";
    [life, restart, attack].map(ops).to_vec()
}

/// See `operation` in `bodies/host`.
fn host() -> Vec<Vec<u8>> {
    let registered = "0 0 1 0 0 0 3 1 2 1 9 9 9 17 12 1 0 0 0 1 2 10 1 0";
    let bent = "0 0 11 0 0 40 7 0 10 0 1 13 0 0 1 14 0 0 1 16 0 20 23 0 6 2 0 9";
    let commands = "0 0 21 0 1 97 0 21 2 2 0 0 20 20 21 5 20 20 20 20 23 1";
    let multicast = "3 20 1 0 0 1 5 1 2 0 0 0 1 7 0 20 20 14 0 1 7 1 0 80";
    [registered, bent, commands, multicast].map(ops).to_vec()
}

fn row(at: u8) -> SnapshotRow {
    let views = [View::Realm, View::None, View::Group(name("board")), View::Named(vec![UserId([at; 8]); 3])];
    SnapshotRow {
        realm: REALM,
        epoch: Epoch(1),
        user: UserId([at; 8]),
        generation: Generation(0),
        session: SessionId(u64::from(at)),
        stamp: Stamp(1 << 30),
        server: ServerId(9),
        instance: InstanceId(3),
        content_version: 1,
        content: content().into(),
        view: views[usize::from(at) % 4].clone(),
        push: at.is_multiple_of(2),
        address: (!at.is_multiple_of(3)).then(|| ([10, 0, 1, at], 5000).into()),
        since: 1_700_000_000,
        check_time_ms: 30_000,
        sequence: 0,
    }
}

/// Whole snapshots, and rows behind their number.
fn snapshot() -> Vec<Vec<u8>> {
    let header = SnapshotHeader {
        server: ServerId(9),
        incarnation: Incarnation(1),
        stamp_clock: 1 << 40,
        wall: UnixMillis(1_700_000_000_000),
    };
    let whole = |count: u8| {
        let mut bytes = Vec::new();
        let mut writer = SnapshotWriter::begin(&header, &mut bytes);
        (0..count).for_each(|at| writer.row(&row(at), &mut bytes));
        writer.end(&mut bytes);
        bytes
    };
    // Behind magic, format, header page and the head of the rows' page; before checksum and end page.
    let bare = |count: u8| {
        let bytes = whole(count);
        let rows = &bytes[8 + 41 + 5..bytes.len() - 8 - 21];
        [&[count], rows].concat()
    };
    vec![whole(0), whole(4), bare(1), bare(4)]
}

/// Secrets as they stand, bare secrets whose checksum the target makes, and a host's store.
fn secrets() -> Vec<Vec<u8>> {
    let mut secrets = Secrets::create(|bytes| bytes.fill(7), name("home"));
    let mut keyring: Keyring = secrets.keyring();
    keyring.new_realm(REALM, name("second"), Epoch(1), RealmSecret::new([9; 32]));
    keyring.revoke_name(REALM, &name("anna"), 5);
    secrets.take(&keyring, 1 << 40);
    let text = secrets.to_bytes().to_vec();
    let value = String::from_utf8_lossy(&text).into_owned();
    let (body, _) = value.split_once("\"checksum\"").expect("a checksum");
    let compact: String = body.split_whitespace().collect();
    let bare = compact + r#""checksum":"0000000000000000"}"#;
    vec![text, bare.into_bytes(), store()]
}

fn store() -> Vec<u8> {
    let content = Content::new(name("anna"), name("desk"));
    let mut store = HostStore::new(token(1), InstanceId(5), content);
    let bytes = self::content();
    let (issued, address) = (1_700_000_000, ([10, 0, 1, 7], 5000).into());
    let cluster = ClusterKey::from_seed(&[3; 32]);
    let user = UserId([3; 8]);
    let signature = cluster.sign_fixed(REALM, user, issued, address, &bytes);
    let entry = Entry {
        head: EntryHead {
            user,
            revision: hms::ident::Revision(4),
            late: false,
            unconfirmed: true,
            since: 1,
            check_time_s: 30,
            home: ServerId(9),
        },
        content: ContentRef::parse(&bytes, 0).expect("content"),
        address: Some(address),
        signature: Some(Signature { issued, bytes: signature }),
    };
    store.list = vec![StoredEntry::new(&entry)];
    store.fixed = store.list.clone();
    store.view = View::Named(vec![user]);
    store.check_time_ms = Some(30_000);
    store.last_answer = Some(UnixMillis(5));
    store.last_hms = Some(ServerId(9));
    let addresses = vec![([10, 0, 0, 1], 6710).into()];
    store.hms =
        vec![HmsInfo { server: ServerId(9), primary: true, sender: true, name: name("atlas"), addresses }];
    store.to_bytes().to_vec()
}

fn token(addresses: u8) -> Token {
    Token {
        realm: REALM,
        epoch: Epoch(1),
        generation: Generation(0),
        user_key: hms::auth::UserKey::from_bytes([9; 32]),
        cluster_key: ClusterKey::from_seed(&[3; 32]).public(),
        user_name: name("anna"),
        realm_name: name("7q2m"),
        addresses: (0..addresses).map(|at| ([10, 0, 0, at], 6710).into()).collect(),
    }
}

/// Tokens as text, and their fields without checksum.
fn tokens() -> Vec<Vec<u8>> {
    let text = [token(0).encode(), token(3).encode(), "hmsp1_x".into(), "hms2_x".into()];
    let mut all: Vec<Vec<u8>> = text.map(String::into_bytes).to_vec();
    let coded = token(2).encode().trim_start_matches("hms1_").to_ascii_uppercase();
    let mut fields = data_encoding::BASE32_NOPAD.decode(coded.as_bytes()).expect("base32");
    fields.truncate(fields.len() - 4);
    all.push(fields);
    all
}

fn config() -> Vec<Vec<u8>> {
    let realm = "[[realm]]\nname = \"acme\"\nmax_hosts = 5\nmax_rate = 2\n";
    let hosts =
        "[hosts]\ncheck_time = \"10s\" # soon\nupdate = \"always\"\nexpiry_factor = 3\nall_rows = 7\n";
    let hms =
        "[hms]\nname = \"atlas\"\nlisten = [\"10.1.0.5:6710\", \"[::]:6710\"]\ninterfaces = [\"eno1\"]\n";
    [
        DEFAULT_FILE.to_owned(),
        format!("{hms}{hosts}{realm}\0check_time\x001m 30s"),
        format!("{realm}\0realm.acme.max_hosts\x0012"),
        format!("{realm}\0realm.other.max_rate\x0012"),
        "\0listen\x00[fd00::5]:6710, 10.1.0.5:6710".to_owned(),
        "[hms\nname=1\n\0service+\0sip:5060/udp\nweb:80/tcp".to_owned(),
        "check_time = 5\n[host]\nx=1\n\0state\0organizing".to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec()
}

fn control() -> Vec<Vec<u8>> {
    [
        "{\"cmd\":\"status\"}\n\n {\"cmd\":\"hosts\",\"realm\":\"home\"}\r\n{",
        "{\"cmd\":\"set\",\"changes\":{\"state\":\"participating\",\"service+\":[\"sip:5060\",\"h323:1720\"]}}\n",
        "{\"cmd\":\"set\",\"changes\":{\"conference\":null,\"video\":5004,\"fixed\":true}}\n[]\n\"x\"\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn relay() -> Vec<Vec<u8>> {
    let ops = ops("0 0 5 1 0 0 0 9 1 3 4 3 7 0 0 1 0 9 0 0 1 2 104 105 5 6 2 0 1 1 120");
    let cuts = ["10s+5s", "up:1m+2s/30s,down:0s+1s", "both:1s+1s", "1s", "1s+2s/1s"];
    let scripts = [
        "0s both loss 20% delay 80ms # at once\n1s up cut\n\n2s open\n3s rebind report\n9s end",
        "1ms down rate 1250000 queue 20000 max-size 1000\n1ms rebind-every 1ms idle 10ms\n1m30s rate none",
        "5s reorder 0.5 reorder-by 50ms\n4s dup 1%",
        "1s end\n2s corrupt 3% jitter 1ms",
    ];
    cuts.iter().chain(&scripts).map(|text| [text.as_bytes(), &[0], &ops].concat()).collect()
}

/// See `operation` in `bodies/transport`.
fn transport() -> Vec<Vec<u8>> {
    let life = "a0 0 0 a3 4 a1 0 0 5 3 b1 0 1 9 4 a3 6 a1 0 2 39 6 a2 9 a5 0 a6 1 a7 0 a8 2 0 40 3 a3 7";
    let restart = "a0 0 0 a3 4 a1 0 1 9 4 b13 a3 8 a0 0 0 a3 6 a9 60 15 0 a9 60 15 3 a3 7";
    let late = "b0 0 0 a2 0 a2 0 a4 3 b13 b0 0 0 a2 3 a9 5 9 0 a2 9 a3 7";
    let parallel = "a0 0 7 b0 0 7 a17 a2 20 a17 a2 40 a3 6 a1 0 0 3 2 a3 6";
    let cut = "a0 0 0 a3 4 a1 0 2 39 6 a11 1 a3 10 a11 0 a3 8 a11 1 a3 12";
    let deaf = "a0 0 0 a3 4 b12 1 a1 0 0 39 7 a1 0 1 39 6 a3 9 b12 0 a3 7 a14 0 a3 6";
    let guests = "a0 4 2 b0 4 0 a3 5 a1 0 1 4 4 a10 0 3 60 9 1 2 3 0 a3 6 a15 a16";
    [life, restart, late, parallel, cut, deaf, guests].map(ops).to_vec()
}

/// See `operation` in `bodies/packets`: a link, then messages with gaps, ACKs, time; the handshake from the other side.
fn packets() -> Vec<Vec<u8>> {
    let frames =
        "0 0 0 4 0 3 0 0 0 8 0 5 8 0 0 100 0 1 2 3 0 2 0 0 0 0 7 1 0 4 5 7 6 0 5 4 1 3 1 0 2 0 3 0 5 7 9";
    let close = "0 0 0 8 3 98 121 101 0 7 5 3 4 1 2 3 4 3 5 2 0 0 0";
    let initiator = "3 6 4 1 48 0 0 0 2 0 0 0 0 0 0 0 0 0 0 0 9 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 0 4 2 9 1 0 0 0 0 0 0 2 9 0 7 8";
    [frames, close, initiator].map(ops).to_vec()
}

fn notes() -> Vec<Vec<u8>> {
    let verdicts = [
        "accepted heartbeat",
        "answered register: challenge",
        "refused init: revoked",
        "opened data",
        "ignored ack: sequence",
        "dropped: tag",
        "sent ack: heartbeat",
        "unsent page: queue",
    ];
    let note = |verdict: &str| {
        format!("verdict: {verdict}\nuser: anna\nrealm: 7q2m\nhms: atlas\nlater: unknown\ninterface: eth0")
            .into_bytes()
    };
    verdicts.into_iter().map(note).collect()
}
