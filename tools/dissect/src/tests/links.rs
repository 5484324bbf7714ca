//! Links between HMSs, opened: two endpoints talk here, over a path that loses packets.

use std::net::SocketAddr;

use hms::ident::{Incarnation, ServerId};
use hms::time::{Duration, Instant};
use hms::transport::{Config, Endpoint, KeyId, LinkSecret, Priority};
use hms::wire::peer::{PeerMessage, Resume, Stream};

use super::{dissect, made};
use crate::datagram::Datagram;
use crate::opened;
use crate::verify::Keys;

const ENDS: [([u8; 4], u16); 2] = [([10, 0, 0, 1], 6710), ([10, 0, 0, 2], 6710)];
const SECRET: [u8; 32] = [7; 32];

struct Talk {
    /// Frames as a capture near the first HMS has them.
    frames: Vec<Vec<u8>>,
    log: String,
}

/// The first HMS sends `messages` of the second kind of stream; each `lose`-th DATA towards the second is captured and
/// lost.
fn talk(messages: &[Vec<u8>], lose: usize) -> Talk {
    let mut nodes: Vec<Endpoint> = (1..=2u8)
        .map(|n| {
            let config = Config::new(ServerId(n.into()), Incarnation(1));
            let mut endpoint = Endpoint::new(config, &[n; 32]);
            endpoint.add_secret(LinkSecret::cluster(&SECRET));
            endpoint.set_key_log(true);
            endpoint
        })
        .collect();
    let address = |n: usize| SocketAddr::from(ENDS[n]);
    let mut now = Instant::from_secs(1);
    let link = nodes[0].connect(now, address(1), Some(ServerId(2)), KeyId::CLUSTER).expect("a link");
    let (mut frames, mut data, mut sent, mut buf) = (Vec::new(), 0, false, Vec::new());
    for _ in 0..400 {
        for from in 0..2 {
            while nodes[from].poll_output(now, &mut buf).is_some() {
                let to = 1 - from;
                let (a, b) = (ENDS[from], ENDS[to]);
                frames.push(made::ethernet(
                    &[0x0800],
                    &made::ipv4(a.0.into(), b.0.into(), 0, &made::udp(a.1, b.1, &buf)),
                ));
                data += usize::from(from == 0 && buf[1] == 0x23);
                if from == 0 && buf[1] == 0x23 && lose > 0 && data % lose == 0 {
                    continue;
                }
                let mut bytes = buf.clone();
                nodes[to].handle_datagram(now, address(from), &mut bytes);
            }
            while nodes[from].poll_event().is_some() {}
        }
        if !sent && data > 0 {
            sent = true;
            for message in messages {
                nodes[0].send(link, Priority::Control, message).expect("room");
            }
        }
        now += Duration::from_millis(5);
        nodes.iter_mut().for_each(|node| node.handle_timeout(now));
    }
    let log = nodes[0].poll_key_log().expect("a link").to_line().to_string();
    Talk { frames, log }
}

fn resume(revision: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    PeerMessage::Resume(Resume { revision }).emit(&mut bytes);
    bytes
}

fn with_log(log: &str) -> Keys {
    let mut keys = Keys::default();
    assert_eq!(keys.links.log(log), 1);
    keys
}

fn read(frames: &[Vec<u8>], keys: Keys) -> Vec<Datagram> {
    let (datagrams, _, error) = dissect(&made::pcap(made::ETHERNET, frames), keys);
    assert_eq!(error, None);
    datagrams
}

fn messages(datagrams: &[Datagram]) -> Vec<Vec<u8>> {
    let opened = datagrams.iter().filter_map(|datagram| datagram.opened.as_ref());
    opened.flat_map(|opened| opened.messages.iter().map(|message| message.bytes.clone())).collect()
}

fn experts(datagrams: &[Datagram], name: &str) -> usize {
    let all = datagrams.iter().flat_map(|datagram| &datagram.experts);
    all.filter(|expert| expert.remark.name == name).count()
}

fn data(datagrams: &[Datagram]) -> Vec<&Datagram> {
    datagrams.iter().filter(|datagram| datagram.code() == Some(0x23)).collect()
}

/// A message that fills many packets: an unknown type, so that its bytes may be any.
fn long() -> Vec<u8> {
    (0..9000u32).map(|n| if n == 0 { 0x77 } else { n as u8 }).collect()
}

#[test]
fn messages_are_whole_whatever_is_lost() {
    for lose in [0, 3, 4] {
        let said = [resume(4711), long(), resume(4712)];
        let talk = talk(&said, lose);
        let datagrams = read(&talk.frames, with_log(&talk.log));
        assert!(data(&datagrams).iter().all(|datagram| datagram.opened.is_some()));
        let found: Vec<_> = messages(&datagrams);
        assert_eq!(found, said, "each once and in order, {lose}");
        assert!(PeerMessage::parse(Stream::Control, &found[0]).is_ok());
        assert_eq!(experts(&datagrams, "hms.expert.sent_again") > 0, lose > 0, "{lose}");
        assert_eq!(experts(&datagrams, "hms.expert.lost") > 0, lose > 0, "{lose}");
        assert!(experts(&datagrams, "hms.expert.acknowledged") > 0);
        let tree = datagrams
            .iter()
            .find(|datagram| datagram.opened.as_ref().is_some_and(|opened| !opened.messages.is_empty()))
            .map(crate::dissector::tree)
            .expect("a packet with a message");
        assert_eq!(tree.texts("hms.peer.revision"), ["4711"]);
        assert!(tree.texts("hms.undecoded").is_empty(), "{:?}", tree.texts("hms.undecoded"));
    }
}

#[test]
fn the_cluster_secret_and_the_handshake_open_a_link_too() {
    let talk = talk(&[resume(5)], 0);
    let mut keys = Keys::default();
    keys.cluster(&SECRET);
    let datagrams = read(&talk.frames, keys);
    assert_eq!(messages(&datagrams), [resume(5)]);
    // Without the handshake in the capture there are no keys.
    let mut keys = Keys::default();
    keys.cluster(&SECRET);
    let late: Vec<_> = talk.frames.iter().skip(4).cloned().collect();
    let datagrams = read(&late, keys);
    let first = data(&datagrams)[0].finding.clone().expect("a verdict");
    assert_eq!(first.verdict.name(), "unchecked");
    assert!(first.why.expect("why").contains("HELLO and WELCOME are not in the capture"));
}

#[test]
fn what_is_wrong_has_a_verdict_of_its_own() {
    let talk = talk(&[resume(6)], 0);
    let index = talk.frames.iter().rposition(|frame| frame[43] == 0x23).expect("DATA");
    let mut frames = talk.frames.clone();
    frames.push(talk.frames[index].clone());
    let mut bent = talk.frames[index].clone();
    *bent.last_mut().expect("a tag") ^= 1;
    frames.push(bent);
    let datagrams = read(&frames, with_log(&talk.log));
    let verdict = |from_end: usize| {
        let finding = datagrams[datagrams.len() - from_end].finding.as_ref().expect("a verdict");
        finding.verdict.name()
    };
    assert_eq!((verdict(2), verdict(1)), ("replayed", "wrong tag"));
    // The log of another link opens nothing, and that is said.
    let other = talk.log.replacen(|c: char| c.is_ascii_digit(), "f", 200);
    let datagrams = read(&talk.frames, with_log(&other));
    let finding = data(&datagrams)[0].finding.as_ref().expect("a verdict");
    assert_eq!(finding.verdict.name(), "unknown key");
    assert!(finding.why.as_ref().is_some_and(|why| why.contains("not in the key log")));
}

#[test]
fn an_opened_copy_says_the_same_and_is_never_taken() {
    shows!("R-CAP-20", "R-CAP-21");
    let talk = talk(&[resume(8), long()], 3);
    let datagrams = read(&talk.frames, with_log(&talk.log));
    let mut copied = 0;
    for datagram in data(&datagrams) {
        for bytes in opened::datagrams(datagram) {
            assert!(hms::transport::inspect::check(&bytes).is_err(), "no HMS takes it");
            let frame = made::frame(true, &bytes);
            let read = read(&[frame], Keys::default());
            assert_eq!(read.len(), 1);
            let finding = read[0].finding.as_ref().expect("a verdict");
            assert_eq!(finding.verdict.name(), "unchecked");
            let tree = crate::dissector::tree(&read[0]);
            assert!(
                tree.texts("hms.undecoded").iter().all(|text| text.len() > 1000),
                "of the unknown type only"
            );
            copied += 1;
        }
    }
    assert!(copied > data(&datagrams).len(), "messages stand in datagrams of their own");
}

#[test]
fn a_copy_is_for_its_owner_and_overwrites_nothing_by_itself() {
    use std::os::unix::fs::PermissionsExt as _;
    shows!("R-CAP-22");
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("opened.pcapng");
    std::fs::write(&path, "mine").expect("written");
    let refused = opened::Copy::create(&path, false).err().expect("an error");
    assert!(refused.contains("--force"), "{refused}");
    assert_eq!(std::fs::read(&path).expect("there"), b"mine");

    let talk = talk(&[resume(9)], 0);
    let datagrams = read(&talk.frames, with_log(&talk.log));
    let mut copy = opened::Copy::create(&path, true).expect("a file");
    datagrams.iter().for_each(|datagram| copy.datagram(datagram).expect("written"));
    copy.end().expect("written");
    assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
    let (copied, _, error) = dissect(&std::fs::read(&path).expect("there"), Keys::default());
    assert_eq!(error, None);
    assert_eq!(copied.len(), datagrams.len() + 1, "one message more");
    let revisions: Vec<_> =
        copied.iter().flat_map(|one| crate::dissector::tree(one).texts("hms.peer.revision")).collect();
    assert_eq!(revisions, ["9"]);
}
