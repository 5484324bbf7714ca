//! What an HMS that made an invitation takes from who redeems it (R-PEE-09, R-PEE-33).

use super::world::{SECRET, SEED, address, id, members, timing};
use super::*;
use crate::ident::{Name, Stamp};
use crate::time::Instant;
use crate::transport::{
    CloseCode, Config, Endpoint, KeyId, LinkId, LinkSecret, Peer, Priority, Side as LinkSide,
};
use crate::wire::peer::{IntroHead, PeerMessage, Stored, Stream};

/// Where the newcomer is, as the world counts nodes.
const NEW: usize = 2;

/// The inviter alone, and a guest that says what it likes.
struct Guesthouse {
    now: Instant,
    cluster: Cluster,
    link: LinkId,
    key: KeyId,
}

impl Guesthouse {
    fn new() -> Self {
        let now = Instant::from_secs(9);
        let mut endpoint = Endpoint::new(Config::new(id(0), Incarnation(1)), &[1; 32]);
        endpoint.add_secret(LinkSecret::cluster(&SECRET));
        let link = endpoint.connect(now, address(NEW), None, KeyId::CLUSTER).unwrap();
        let mut cluster = heard::alone(now);
        let invitation = cluster.invite(now, vec![address(0)]).unwrap();
        let key = KeyId(invitation.id.0);
        assert!(cluster.link_secret(key).is_some() && cluster.link_secret(KeyId(key.0 ^ 1)).is_none());
        let mut this = Self { now, cluster, link, key };
        assert!(this.actions().contains(&Action::AddKey(key)));
        this.cluster.stored(now, true);
        this.connected(id(NEW));
        this
    }

    fn connected(&mut self, server: ServerId) {
        let peer = Peer { server, incarnation: Incarnation(4), key: self.key, side: LinkSide::Responder };
        self.cluster.connected(self.now, self.link, peer, address(NEW));
    }

    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.cluster.poll_action()).collect()
    }

    fn say(&mut self, message: &[u8]) {
        self.cluster.message(self.now, self.link, Priority::Control, message);
    }

    fn closed(&mut self) -> Option<CloseCode> {
        self.actions().into_iter().find_map(|action| match action {
            Action::Close { code, .. } => Some(code),
            _ => None,
        })
    }

    fn admits(&mut self) -> bool {
        let link = self.link;
        self.actions().contains(&Action::Admit(link))
    }
}

fn intro() -> Vec<u8> {
    let head = IntroHead {
        min_version: 1,
        max_version: 1,
        phase: Phase::Starting,
        line: None,
        age_ms: 0,
        joined_at_ms: 0,
        founded: 0,
        clock: Stamp(1 << 50),
        facts: 0,
        timing: timing(2),
    };
    let mut bytes = Vec::new();
    head.emit(&Name::new("hms2").unwrap(), &[], &[], &mut bytes);
    bytes
}

fn told(message: PeerMessage<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.emit(&mut bytes);
    bytes
}

#[test]
fn under_an_invitation_nothing_is_said_but_what_redeems_it() {
    crate::shows!("R-PEE-09");
    let line = LineId(1);
    let others = [
        told(PeerMessage::Join(crate::wire::peer::Join { line })),
        told(PeerMessage::Resume(crate::wire::peer::Resume { revision: 0 })),
        vec![0x7e, 0],
        vec![1, 1],
    ];
    for other in &others {
        for met in [false, true] {
            let mut house = Guesthouse::new();
            if met {
                house.say(&intro());
            }
            assert_eq!(house.closed(), None);
            house.say(other);
            assert_eq!(house.closed(), Some(CloseCode(0x101)), "{other:?}");
        }
    }
    let mut house = Guesthouse::new();
    let before = house.cluster.facts().digest();
    let mut facts = Vec::new();
    members(9).write_all(None, 1, &mut facts);
    house.say(&facts);
    house.say(&told(PeerMessage::Stored(Stored { on_disk: true, number: 1 })));
    assert_eq!((house.closed(), house.cluster.facts().digest()), (None, before), "skipped");
    house.say(&intro());
    assert!(house.cluster.clock(house.now) < Stamp(1 << 50), "nor is its clock believed");
}

#[test]
fn the_secrets_wait_for_the_very_store_that_holds_the_member() {
    crate::shows!("R-PEE-33");
    let mut house = Guesthouse::new();
    house.say(&intro());
    // An earlier one ends before this one was begun.
    house.cluster.stored(house.now, true);
    assert!(!house.admits(), "it was taken only now");
    house.cluster.stored(house.now, false);
    assert!(!house.admits());
    house.cluster.stored(house.now, true);
    assert!(house.admits());
    let admit = admission(&SECRET, &SEED);
    let Ok(PeerMessage::Admit(admit)) = PeerMessage::parse(Stream::Control, &admit) else { panic!() };
    assert_eq!((*admit.cluster_secret, *admit.key_seed), (SECRET, SEED));
}

#[test]
fn a_link_under_an_unknown_key_or_of_ones_own_id_is_closed() {
    crate::shows!("R-PEE-32");
    let mut house = Guesthouse::new();
    house.actions();
    house.connected(id(0));
    assert_eq!(house.closed(), Some(CloseCode::REFUSED));
    house.key = KeyId(house.key.0 ^ 1);
    house.connected(id(NEW));
    assert_eq!(house.closed(), Some(CloseCode::REFUSED));
    // A day later it is over, with its key and its link.
    let mut house = Guesthouse::new();
    house.actions();
    let end = house.cluster.poll_timeout().unwrap();
    assert!(end <= house.now + secs(24 * 3600));
    house.now += secs(24 * 3600);
    house.cluster.handle_timeout(house.now, |_| None);
    let actions = house.actions();
    assert!(actions.contains(&Action::RemoveKey(house.key)) && actions.contains(&Action::Persist));
    let closes = |action: &Action| matches!(action, Action::Close { link, .. } if *link == house.link);
    assert!(actions.iter().any(closes), "{actions:?}");
    assert_eq!(house.cluster.invitations().iter().count(), 0);
}

#[test]
fn no_more_than_sixteen_invitations_are_in_force() {
    crate::shows!("R-PEE-32");
    let mut house = Guesthouse::new();
    for _ in 1..crate::limits::INVITATIONS_MAX {
        house.cluster.invite(house.now, Vec::new()).unwrap();
    }
    let error = house.cluster.invite(house.now, Vec::new()).unwrap_err();
    assert!(error.to_string().contains("16"));
    house.now += secs(24 * 3600);
    assert!(house.cluster.invite(house.now, Vec::new()).is_ok(), "those before are over");
}
