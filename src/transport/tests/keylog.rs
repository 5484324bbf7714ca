//! What the key log says opens what was captured, and nothing else does.

use super::path::Faults;
use super::world::World;
use crate::ident::{Incarnation, ServerId};
use crate::time::Duration;
use crate::transport::frame::Frames;
use crate::transport::keys::{LinkSecret, Party, Side};
use crate::transport::limits::GENERATION_BITS;
use crate::transport::{KeyId, LoggedLink, Priority};

#[test]
fn the_log_of_either_end_opens_every_packet_of_both() {
    shows!("R-TRN-15");
    let mut world = World::new(3, 2, Faults::default());
    world.capture = Some(Vec::new());
    world.nodes.iter_mut().for_each(|node| node.endpoint.set_key_log(true));
    let (link, _) = world.join(0, 1);
    let message = vec![0x5a; 5000];
    world.nodes[0].endpoint.send(link, Priority::Bulk, &message).expect("taken");
    let until = world.now + Duration::from_secs(5);
    while world.now < until {
        world.step(until);
    }
    let lines: Vec<String> = (0..2)
        .map(|node| {
            let logged = world.nodes[node].endpoint.poll_key_log().expect("one link");
            assert!(world.nodes[node].endpoint.poll_key_log().is_none());
            assert!(!format!("{logged:?}").contains(&logged.to_line()[logged.to_line().len() - 64..]));
            logged.to_line().to_string()
        })
        .collect();
    assert_eq!(lines[0], lines[1], "both ends say the same of a link");
    let logged = LoggedLink::parse(&lines[0]).expect("a line");
    assert_eq!(*logged.to_line(), lines[0]);
    assert_eq!((logged.initiator.server, logged.responder.server), (ServerId(1), ServerId(2)));

    let capture = world.capture.take().expect("a capture");
    let (mut data, mut bytes) = (0, 0);
    for (from, _, datagram, _) in capture.iter().filter(|(_, _, datagram, _)| datagram[1] == 0x23) {
        let (side, frames) = logged.open(datagram).expect("opened");
        assert_eq!(side == Side::Initiator, *from == 0);
        assert!(Frames::new(&frames).all(|frame| frame.is_ok()), "frames, whole");
        bytes += frames.iter().filter(|byte| **byte == 0x5a).count();
        data += 1;
        let mut bent = datagram.clone();
        *bent.last_mut().expect("a tag") ^= 1;
        assert!(logged.open(&bent).is_none());
    }
    assert!(data > 10 && bytes >= message.len(), "{data} packets, {bytes} bytes");
    assert!(capture.iter().any(|(_, _, datagram, _)| logged.open(datagram).is_none()), "the handshake");

    // What goes over a link under an invitation is worth more than that link.
    let invitation = LinkSecret::invitation(KeyId(9), &[9; 32]);
    world.nodes.iter_mut().for_each(|node| node.endpoint.add_secret(invitation.clone()));
    let (now, to) = (world.now, world.nodes[1].address);
    world.nodes[0].endpoint.connect(now, to, None, KeyId(9)).expect("a link");
    let before = world.nodes[1].told.connected.len();
    while world.nodes[1].told.connected.len() == before {
        world.step(until + Duration::from_secs(5));
    }
    assert!(world.nodes.iter_mut().all(|node| node.endpoint.poll_key_log().is_none()));

    let mut other = World::new(4, 2, Faults::default());
    other.capture = Some(Vec::new());
    other.join(0, 1);
    assert!(other.nodes[0].endpoint.poll_key_log().is_none(), "nobody asked for it");
    assert!(
        other.capture.expect("a capture").iter().all(|(_, _, datagram, _)| logged.open(datagram).is_none())
    );
}

#[test]
fn packets_of_later_generations_are_opened_and_other_lines_are_not_taken() {
    shows!("R-TRN-15");
    let party = |n: u8| Party {
        server: ServerId(n.into()),
        incarnation: Incarnation(n.into()),
        session: n.into(),
        nonce: [n; 32],
    };
    let secret = LinkSecret::invitation(KeyId(9), &[7; 32]);
    let link = secret.link_secret(5, &party(1), &party(2));
    let logged = LoggedLink::new(5, (&party(1), &party(2)), link);
    let mut keys = secret.link(5, &party(1), &party(2), Side::Responder);
    for number in [0, 1 << GENERATION_BITS, (3 << GENERATION_BITS) + 7] {
        let mut datagram = vec![1, 0x23];
        datagram.extend_from_slice(&u64::to_be_bytes(number)[2..]);
        datagram.extend_from_slice(&u64::to_be_bytes(1));
        let (header, body) = (datagram.clone(), [0x33; 40]);
        datagram.extend_from_slice(&body);
        let tag = keys.send.seal(number, &header, &mut datagram[16..]).expect("a tag");
        datagram.extend_from_slice(&tag);
        assert_eq!(logged.open(&datagram), Some((Side::Responder, body.to_vec())));
    }
    let line = logged.to_line().to_string();
    assert!(LoggedLink::parse(&format!("{line} and what a later version adds")).is_some());
    for wrong in ["", "# LINK", "LINK", &line[..line.len() - 1], &line.replace("LINK", "KEYS")] {
        assert_eq!(LoggedLink::parse(wrong), None, "{wrong}");
    }
}
