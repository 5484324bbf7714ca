//! `hms capture` and the key log, as an admin and a tool see them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};

use hms::capture::{BlockKind, Blocks, Note, Verdict};
use hms::shows;
use hms::transport::LoggedLink;
use serde_json::Value;

use super::harness::{Running, World};
use super::pair::{ATLAS, BOREALIS, starts};
use super::running::until;

const SETTINGS: &str = "[hms]\nname = \"atlas\"\n[hosts]\ncheck_time = \"1s\"\n";

/// A datagram in a file: its comment, and what came behind the headers.
#[derive(Debug)]
struct Seen {
    comment: String,
    payload: Vec<u8>,
    lost: u64,
}

impl Seen {
    fn note(&self) -> Note<'_> {
        Note::parse(&self.comment).expect("a comment of an HMS")
    }
}

/// All datagrams of a file, which another implementation reads as well.
fn read(bytes: &[u8]) -> Vec<Seen> {
    let (rest, capture) = pcap_parser::parse_pcapng(bytes).expect("a pcapng file");
    assert!(rest.is_empty(), "{} bytes too many", rest.len());
    let blocks: Vec<_> = Blocks::new(bytes).map(|block| block.expect("a block")).collect();
    assert_eq!(capture.sections.iter().map(|section| section.blocks.len()).sum::<usize>(), blocks.len());
    let payloads =
        capture.sections.iter().flat_map(|section| &section.blocks).filter_map(|block| match block {
            pcap_parser::Block::EnhancedPacket(packet) => {
                let length = usize::try_from(packet.origlen).expect("small");
                let ip = packet.data.get(..length).expect("all of it");
                Some(ip[if ip[0] >> 4 == 4 { 28 } else { 48 }..].to_vec())
            }
            _ => None,
        });
    let packets = blocks.iter().filter(|block| block.kind == BlockKind::Packet);
    let seen = |(block, payload): (&hms::capture::Block<'_>, Vec<u8>)| Seen {
        comment: block.comment().expect("a comment").to_owned(),
        payload,
        lost: block.lost(),
    };
    packets.zip(payloads).map(seen).collect()
}

fn read_file(path: &Path) -> Vec<Seen> {
    read(&fs::read(path).expect("a file"))
}

/// A capture into a file that has begun.
fn capture(world: &World, state: &str, file: &Path, options: &[&str]) -> Running {
    let mut arguments = vec!["capture", "-w", file.to_str().expect("text")];
    arguments.extend(options);
    let capture = world.start(state, &arguments);
    capture.line("capturing what");
    capture
}

/// Ends a capture as Ctrl-C does; what it said.
fn ended(capture: Running) -> String {
    capture.signal("INT");
    let done = capture.end();
    assert_eq!(done.code, 0, "{done:?}");
    done.out
}

fn address(world: &World, state: &str) -> SocketAddr {
    let status = world.json(state, &["status"]);
    status["listen"][0].as_str().and_then(|text| text.parse().ok()).expect("an address")
}

/// What was dropped by the machine, by reason.
fn drops(world: &World, state: &str) -> BTreeMap<String, u64> {
    let status = world.json(state, &["status"]);
    let all = status["drops"].as_object().expect("an object").iter();
    all.filter_map(|(reason, count)| Some((reason.clone(), count.as_u64().filter(|count| *count > 0)?)))
        .collect()
}

fn heard(world: &World, user: &str) {
    until(world, user, &["self"], |me| me["registered"] == true);
}

#[test]
fn verdicts_are_what_status_counts() {
    shows!("R-CAP-10", "R-CAP-11");
    let world = World::new();
    let hms = world.serve("hms", SETTINGS);
    let file = world.path("it.pcapng");
    let running = capture(&world, "hms", &file, &[]);
    let _alice = world.join("hms", "alice", &[]);
    heard(&world, "alice");

    // A first look, at what the host has said until now.
    let first = world.path("first.pcapng");
    let one = capture(&world, "hms", &first, &["--count", "8"]);
    assert_eq!(one.end().code, 0);
    let seen = read_file(&first);
    assert_eq!(seen.len(), 8, "so many, and no more");
    let beat = seen.iter().find(|seen| seen.note().verdict == Verdict::Accepted("heartbeat")).expect("one");
    let ack = seen.iter().find(|seen| seen.note().verdict == Verdict::Sent("ack", "answers heartbeat"));
    assert!(ack.is_some_and(|ack| ack.note().user == Some("alice")), "{seen:?}");

    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let to = address(&world, "hms");
    let mut bent = beat.payload.clone();
    *bent.last_mut().expect("a tag") ^= 1;
    let (mut unknown, mut answer) = (bent.clone(), bent.clone());
    unknown[4] ^= 0xff;
    answer[1] = 0x83;
    for bytes in
        [&beat.payload, &beat.payload, &bent, &unknown, &answer, &bent[..47].to_vec(), &vec![0; 1300]]
    {
        stranger.send_to(bytes, to).expect("sent");
    }
    let expected: BTreeMap<String, u64> =
        [("replay", 2), ("tag", 1), ("realm", 1), ("type", 1), ("length", 2)]
            .map(|(r, n)| (r.to_owned(), n))
            .into();
    let of = |all: &BTreeMap<String, u64>, reason: &str| all.get(reason).copied().unwrap_or(0);
    // Other HMSs and hosts on this machine may say something to the groups meanwhile.
    until(&world, "hms", &["status"], |_| {
        let drops = drops(&world, "hms");
        expected.iter().all(|(reason, count)| of(&drops, reason) >= *count)
    });
    let before = drops(&world, "hms");
    let said = ended(running);
    let after = drops(&world, "hms");
    let seen = read_file(&file);
    assert!(said.contains(&format!("{} datagrams in {}", seen.len(), file.display())), "{said}");
    assert!(!said.contains("missing"), "{said}");
    let mut counted = BTreeMap::new();
    for one in &seen {
        if let Verdict::Dropped(reason) = one.note().verdict {
            *counted.entry(reason.to_owned()).or_insert(0u64) += 1;
        }
    }
    for reason in expected.keys().chain(counted.keys()) {
        let between = of(&before, reason)..=of(&after, reason);
        assert!(between.contains(&of(&counted, reason)), "{reason}: {counted:?}, {before:?} to {after:?}");
    }
    let told = seen
        .iter()
        .filter(|one| one.note().user == Some("alice") || one.payload[1] == 1 || one.payload[1] == 0x90);
    let verdicts: Vec<String> = told.take(4).map(|one| one.note().verdict.to_string()).collect();
    let join = [
        "accepted init",
        "sent challenge: answers init",
        "accepted register",
        "sent registered: answers register",
    ];
    assert_eq!(verdicts, join);
    assert!(
        seen.iter().all(|one| one.note().interface.is_some_and(|name| name.starts_with("lo"))),
        "{seen:?}"
    );
    assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    drop(hms);
}

#[test]
fn a_filter_lets_one_host_through() {
    let world = World::new();
    let _hms = world.serve("hms", SETTINGS);
    let files = ["alice", "bob"].map(|user| world.path(&format!("{user}.pcapng")));
    let running = ["alice", "bob"].map(|user| {
        let file = world.path(&format!("{user}.pcapng"));
        capture(&world, "hms", &file, &["--host", user])
    });
    let nobody = world.path("nobody.pcapng");
    let third = capture(&world, "hms", &nobody, &["--host", "192.0.2.9"]);
    let fourth = capture(&world, "hms", &world.path("loopback.pcapng"), &["--host", "127.0.0.1"]);
    let fifth = world.expect(1, "hms", &["capture", "-w", world.path("x").to_str().expect("text")]);
    assert!(fifth.err.contains("4 captures run already"), "{fifth:?}");
    assert!(!world.path("x").exists(), "nothing was made");
    let _hosts = ["alice", "bob"].map(|user| world.join("hms", user, &[]));
    ["alice", "bob"].iter().for_each(|user| heard(&world, user));
    for running in running.into_iter().chain([third, fourth]) {
        ended(running);
    }
    for (user, file) in ["alice", "bob"].iter().zip(&files) {
        let seen = read_file(file);
        assert!(seen.len() >= 6, "{seen:?}");
        assert!(seen.iter().all(|one| one.note().user.is_none_or(|name| name == *user)), "{seen:?}");
    }
    assert!(read_file(&nobody).is_empty());
    let both = read_file(&world.path("loopback.pcapng")).len();
    assert!(both >= files.iter().map(|file| read_file(file).len()).sum(), "{both}");
}

#[test]
fn files_are_not_overwritten_and_an_hms_that_is_not_there_makes_none() {
    let world = World::new();
    let file = world.path("it.pcapng");
    let name = file.to_str().expect("text");
    world.expect(8, "hms", &["capture", "-w", name]);
    assert!(!file.exists());
    let hms = world.serve("hms", SETTINGS);
    fs::write(&file, "mine").expect("written");
    let refused = world.expect(2, "hms", &["capture", "-w", name, "--for", "1ms"]);
    assert!(refused.err.contains("--force"), "{refused:?}");
    assert_eq!(fs::read(&file).expect("there"), b"mine");
    let done = world.expect(0, "hms", &["capture", "-w", name, "--for", "50ms", "--force"]);
    assert!(done.err.contains("datagrams in"), "{done:?}");
    read_file(&file);
    for wrong in [&["--files", "3"][..], &["--max-size", "10"], &["--for", "5"], &["--count", "0"]] {
        world.expect(2, "hms", &[&["capture", "-w", "x"], wrong].concat());
    }
    world.expect(2, "hms", &["capture"]);
    let port = address(&world, "hms").port();
    let filter = world.expect(0, "hms", &["capture", "--print-filter"]).out;
    assert!(filter.contains(&format!("udp port {port}")), "{filter}");

    // An HMS that stops ends it, and says so; the file is whole.
    let last = world.path("last.pcapng");
    let running = capture(&world, "hms", &last, &[]);
    hms.signal("TERM");
    let done = running.end();
    assert!(done.code == 8 && done.out.contains("the HMS has stopped"), "{done:?}");
    read_file(&last);
}

/// A capture to stdout that has begun, of which nobody reads the stdout yet.
fn piped(world: &World) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut child =
        world.command("hms", &["capture", "-w", "-"]).stdout(Stdio::piped()).spawn().expect("started");
    let mut err = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    err.read_line(&mut line).expect("a line");
    assert!(line.contains("capturing what"), "{line}");
    (child, err)
}

#[test]
fn a_reader_that_is_too_slow_misses_some_and_is_told_how_many() {
    shows!("R-CAP-03");
    let world = World::new();
    let _hms = world.serve("hms", SETTINGS);
    let _alice = world.join("hms", "alice", &[]);
    heard(&world, "alice");
    let (mut child, mut err) = piped(&world);
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let to = address(&world, "hms");
    let garbage = [0x55; 1200];
    const PIECE: u64 = 1000;
    for sent in 1..=12 {
        (0..PIECE).for_each(|_| assert_eq!(stranger.send_to(&garbage, to).expect("sent"), garbage.len()));
        // The HMS waits for nobody: it takes them all, answers commands, and keeps its hosts.
        until(&world, "hms", &["status"], |status| {
            let drops = &status["drops"];
            let count = |reason: &str| drops[reason].as_u64().unwrap_or(0);
            count("version") + count("receive-buffer") >= sent * PIECE
        });
    }
    assert_eq!(world.json("hms", &["status"])["hosts"]["up"], 1);
    let memory = world.json("hms", &["status"])["memory"]["live_bytes"].as_u64().expect("bytes");
    assert!(memory < 24 << 20, "{memory} bytes live: what waits for a reader is bounded");

    let taken = drops(&world, "hms")["version"];
    let id = child.id();
    let mut stdout = child.stdout.take().expect("piped");
    let mut bytes = vec![0; 1 << 20];
    stdout.read_exact(&mut bytes).expect("what waited");
    assert!(
        std::process::Command::new("kill").args(["-INT", &id.to_string()]).status().expect("kill").success()
    );
    stdout.read_to_end(&mut bytes).expect("the rest");
    assert_eq!(child.wait().expect("ended").code(), Some(0));
    let seen = read(&bytes);
    let garbage = seen.iter().filter(|one| one.note().verdict == Verdict::Dropped("version")).count() as u64;
    let ends: Vec<_> =
        Blocks::new(&bytes).flatten().filter(|block| block.kind == BlockKind::Statistics).collect();
    let [end] = ends.as_slice() else { panic!("{ends:?}") };
    assert!(end.lost() > 0 && garbage < taken, "{} lost of {taken}", end.lost());
    assert!(garbage + end.lost() >= taken, "{garbage} and {} of {taken}", end.lost());
    // Those behind a gap say how many are missing before them.
    assert!(seen.iter().map(|one| one.lost).sum::<u64>() <= end.lost());
    let mut said = String::new();
    err.read_to_string(&mut said).expect("text");
    let text = format!("{} datagrams written to stdout; {} datagrams came faster", seen.len(), end.lost());
    assert!(said.contains(&text), "{said} instead of {text}");
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let world = World::new();
    let _hms = world.serve("hms", SETTINGS);
    let (mut child, mut err) = piped(&world);
    let mut stdout = child.stdout.take().expect("piped");
    let mut head = [0; 32];
    stdout.read_exact(&mut head).expect("the section is written at once");
    assert_eq!(head[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
    drop(stdout);
    let _alice = world.join("hms", "alice", &[]);
    assert_eq!(child.wait().expect("ended").code(), Some(0));
    let mut said = String::new();
    err.read_to_string(&mut said).expect("text");
    assert!(said.contains("written to stdout"), "{said}");
}

#[test]
fn full_files_take_turns() {
    let world = World::new();
    let _hms = world.serve("hms", SETTINGS);
    let file = world.path("it.pcapng");
    let running = capture(&world, "hms", &file, &["--max-size", "100kB", "--files", "3", "--count", "400"]);
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let to = address(&world, "hms");
    (0..400).for_each(|_| assert_eq!(stranger.send_to(&[0x55; 1200], to).expect("sent"), 1200));
    let done = running.end();
    assert!(done.code == 0 && done.out.contains("and 2 older files (3 files removed again)"), "{done:?}");
    let sizes = ["it.2.pcapng", "it.1.pcapng", "it.pcapng"].map(|name| {
        let path = world.path(name);
        assert!(fs::metadata(&path).expect("there").len() <= 100_000);
        read_file(&path).len()
    });
    assert!(sizes[0] == sizes[1] && sizes[0] > 60 && sizes[2] > 0, "{sizes:?}");
}

/// An HMS pair whose first one writes a key log and is captured from before the other joins.
#[test]
fn the_key_log_opens_what_was_captured_between_hmss() {
    shows!("R-TRN-15", "R-CAP-11", "R-CAP-12");
    let world = World::new();
    let (keys, file) = (world.path("keys"), world.path("links.pcapng"));
    let name = keys.to_str().expect("text");
    world.write("a/hms.toml", ATLAS);
    let atlas = world.start("a", &["serve", "--listen", "127.0.0.1:0", "--keylog", name]);
    let said = atlas.line("warning: the secrets of all links");
    assert!(said.contains(name) && said.contains("the keys of all users"), "{said}");
    atlas.line("HMS ready");
    let running = capture(&world, "a", &file, &[]);
    let invitation = world.expect(0, "a", &["token", "--hms"]).out;
    let invitation = invitation.strip_prefix("hms serve --join ").expect("a command").trim().to_owned();
    let borealis = starts(&world, "b", BOREALIS, &invitation);
    borealis.line("HMS ready: borealis, secondary of atlas");
    let status: Value = world.json("a", &["status"]);
    let links = status["keylog"]["links"].as_u64().expect("a number");
    assert!(
        links >= 1 && status["message"].as_str().is_some_and(|text| text.contains("key log is on")),
        "{status}"
    );
    assert!(world.json("b", &["status"])["keylog"].is_null());
    ended(running);

    let log = fs::read_to_string(&keys).expect("a log");
    assert_eq!(fs::metadata(&keys).expect("there").permissions().mode() & 0o777, 0o600);
    let logged: Vec<LoggedLink> = log.lines().filter_map(LoggedLink::parse).collect();
    assert_eq!((log.lines().count(), logged.len() as u64), (1 + logged.len(), links), "{log}");
    let seen = read_file(&file);
    // That of the invitation stays closed: the cluster secret went over it.
    let mut invited = std::collections::BTreeSet::new();
    for one in seen.iter().filter(|one| matches!(one.payload[..2], [1, 0x20 | 0x22])) {
        if one.payload[8..16] != [0; 8] {
            invited.insert(one.payload[48..56].to_vec());
        }
    }
    assert_eq!(invited.len(), 2, "one link under the invitation, with two ends");
    let mut opened = 0;
    for one in &seen {
        let note = one.note();
        match note.verdict {
            Verdict::Opened("data") | Verdict::Sent("data", _) => {
                let closed = invited.contains(&one.payload[8..16]);
                assert_eq!(
                    logged.iter().any(|link| link.open(&one.payload).is_some()),
                    !closed,
                    "{}",
                    one.comment
                );
                opened += u32::from(!closed);
            }
            Verdict::Accepted("hello")
            | Verdict::Sent("cookie" | "welcome", "answers hello")
            | Verdict::Dropped(_) => {}
            _ if one.payload.get(1).is_some_and(|kind| (0x20..0x25).contains(kind)) => {
                assert!(matches!(note.verdict, Verdict::Accepted(_) | Verdict::Sent(..)), "{}", one.comment);
            }
            _ => {}
        }
    }
    assert!(opened > 5, "{opened} of {}", seen.len());
    assert!(seen.iter().any(|one| one.note().hms == Some("borealis")), "{seen:?}");
    drop((atlas, borealis));
}

#[test]
fn a_key_log_is_appended_to_and_is_for_its_owner_alone() {
    shows!("R-TRN-15");
    let world = World::new();
    let keys = world.path("keys");
    let serve = |file: &Path| {
        ["serve", "--listen", "127.0.0.1:0", "--keylog", file.to_str().expect("text")].map(str::to_owned)
    };
    let run = |code: i32, file: &Path| {
        let arguments = serve(file);
        world.expect(code, "a", &arguments.each_ref().map(String::as_str))
    };
    for lines in 1..=2 {
        let arguments = serve(&keys);
        let hms = world.start("a", &arguments.each_ref().map(String::as_str));
        hms.line("HMS ready");
        let status = world.expect(0, "a", &["status"]).out;
        assert!(status.contains("the key log is on") && status.contains("without --keylog"), "{status}");
        hms.signal("TERM");
        hms.end();
        let log = fs::read_to_string(&keys).expect("a log");
        assert_eq!(log.lines().filter(|line| line.starts_with("# hms key log 1")).count(), lines, "{log}");
    }
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o640)).expect("set");
    let refused = run(2, &keys);
    assert!(refused.err.contains("others may read it") && refused.err.contains("chmod 600"), "{refused:?}");
    let nowhere = world.path("nowhere/keys");
    let refused = run(2, &nowhere);
    assert!(refused.err.contains("--keylog") && refused.err.contains("nowhere/keys"), "{refused:?}");
    let link = world.path("link");
    std::os::unix::fs::symlink(&keys, &link).expect("a link");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).expect("set");
    assert!(run(2, &link).err.contains("--keylog"), "no link is followed");
    assert!(run(2, world.dir.path()).err.contains("--keylog"), "no directory is one");
}
