//! A newcomer redeems an invitation, over real endpoints (R-PEE-33).

use zeroize::Zeroizing;

use super::world::{SECRET, SEED, World, address, id, members, second, timing};
use super::*;
use crate::ident::Name;
use crate::storage::Secrets;
use crate::time::Instant;
use crate::token::Invitation;
use crate::transport::{
    CloseCode, CloseReason, Config, Endpoint, Event, KeyId, LinkSecret, Peer, Priority, Side as LinkSide,
};
use crate::wire::peer::{AddressUse, OwnAddress, RefuseCode};

/// Where the newcomer is, as the world counts nodes.
const NEW: usize = 2;

/// A newcomer beside a world of two.
struct Newcomer {
    endpoint: Endpoint,
    joining: Joining,
    secrets: Secrets,
    result: Option<Result<(), JoinError>>,
    /// Nothing can be stored.
    disk_full: bool,
}

fn setup(invitation: Invitation) -> JoinSetup {
    JoinSetup {
        server: id(NEW),
        name: Name::new("hms2").unwrap(),
        addresses: vec![OwnAddress { used_by: AddressUse::Hosts, address: "10.0.0.3:5070".parse().unwrap() }],
        timing: timing(NEW),
        invitation,
    }
}

impl Newcomer {
    fn new(now: Instant, server: ServerId, invitation: Invitation) -> Self {
        let mut secrets = Secrets::newcomer(|bytes| bytes.fill(3));
        secrets.server = server;
        let mut endpoint = Endpoint::new(Config::new(server, Incarnation(77)), &[9; 32]);
        let joining = Joining::new(now, JoinSetup { server, ..setup(invitation) });
        endpoint.add_secret(joining.link_secret());
        Self { endpoint, joining, secrets, result: None, disk_full: false }
    }

    /// What a program does that joins.
    fn work(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.joining.handle_timeout(now);
        loop {
            let mut idle = true;
            while let Some((link, event)) = self.endpoint.poll_event() {
                idle = false;
                match event {
                    Event::Connected(peer) => self.joining.connected(now, link, peer),
                    Event::Message(priority, bytes) => self.joining.message(now, link, priority, bytes),
                    Event::Closed(reason) => self.joining.closed(now, link, &reason),
                    Event::Writable(_) => {}
                }
            }
            while let Some(action) = self.joining.poll_action() {
                idle = false;
                self.act(now, action);
            }
            if idle {
                return;
            }
        }
    }

    fn act(&mut self, now: Instant, action: JoinAction) {
        match action {
            JoinAction::Dial { address, target, key } => {
                let link = self.endpoint.connect(now, address, Some(target), key);
                self.joining.dialled(now, address, link.ok());
            }
            JoinAction::Send { link, message } => {
                self.endpoint.send(link, Priority::Control, &message).unwrap();
            }
            JoinAction::Close { link, code } => self.endpoint.close(now, link, code, ""),
            JoinAction::Store if self.disk_full => self.joining.stored(now, Err(JoinError::NotStored)),
            JoinAction::Store => {
                self.joining.admitted().unwrap().store(&mut self.secrets).unwrap();
                self.joining.stored(now, Ok(()));
            }
            JoinAction::Done(result) => self.result = Some(result),
        }
    }

    /// Beside the world, for so long or until it ends.
    fn run(&mut self, world: &mut World, span: Duration) -> Option<Result<(), JoinError>> {
        let until = world.now + span;
        let mut buf = Vec::new();
        while world.now < until && self.result.is_none() {
            self.work(world.now);
            while let Some(transmit) = self.endpoint.poll_output(world.now, &mut buf) {
                world.put(NEW, transmit.to, buf.clone());
            }
            world.run(Duration::from_millis(3));
            for (from, mut bytes) in world.strays.drain(..) {
                self.endpoint.handle_datagram(world.now, from, &mut bytes);
            }
        }
        self.result.take()
    }
}

/// Two members, of which the first made an invitation.
fn invited(seed: u64) -> (World, Invitation) {
    let mut world = World::new(seed, 3);
    for node in 0..2 {
        world.nodes[node].disk = members(2);
    }
    world.nodes[NEW].disk = Facts::default();
    (0..2).for_each(|node| world.start(node));
    world.run(secs(6));
    let now = world.now;
    let invitation = world.cluster(0).invite(now, vec!["10.0.0.99:1".parse().unwrap(), address(0)]).unwrap();
    world.run(Duration::from_millis(10));
    (world, invitation)
}

#[test]
fn who_redeems_an_invitation_is_a_member_and_starts_as_any_other() {
    crate::shows!("R-PEE-09", "R-PEE-32", "R-PEE-33", "R-PEE-34");
    for seed in 0..20 {
        let (mut world, invitation) = invited(seed);
        world.paths().for_each(|path| path.loss = seed % 4 * 8);
        let mut newcomer = Newcomer::new(world.now, id(NEW), invitation.clone());
        assert_eq!(may_join(&newcomer.secrets, &invitation), Ok(MayJoin::Yes));
        assert_eq!(newcomer.run(&mut world, secs(25)), Some(Ok(())), "{}", world.tell());
        assert_eq!((*newcomer.secrets.cluster_secret, *newcomer.secrets.cluster_seed), (SECRET, SEED));
        assert_eq!(may_join(&newcomer.secrets, &invitation), Ok(MayJoin::AlreadyThere), "again: nothing");
        assert!(world.nodes[0].disk.member(id(NEW)).is_some(), "on disk before it had the secrets");
        let redeemed = world.nodes[0].invitations.iter().next().unwrap().redeemed;
        assert_eq!(redeemed.map(|redeemed| redeemed.by), Some(id(NEW)));
        world.nodes[NEW].disk = Facts::restore(&newcomer.secrets);
        assert_eq!(world.nodes[NEW].disk.addresses_of(id(NEW)).count(), 2, "of INTRO, and whence it came");
        world.paths().for_each(|path| path.loss = 0);
        world.start(NEW);
        world.run(secs(8));
        world.assert_agree();
        assert_eq!(world.running().len(), 3);
    }
}

/// Both attempts are under way at once, and the inviter keeps one half-open link for an invitation.
#[test]
fn an_inviter_with_two_addresses_is_joined_at_once() {
    crate::shows!("R-PEE-33", "R-TRN-21");
    for seed in 0..60 {
        let (mut world, mut invitation) = invited(seed);
        invitation.addresses = vec![address(0), second(0)];
        let delay = [1, 5, 150, 400][seed as usize % 4];
        world.paths().for_each(|path| path.delay = Duration::from_millis(delay));
        let began = world.now;
        let mut newcomer = Newcomer::new(began, id(NEW), invitation);
        assert_eq!(newcomer.run(&mut world, secs(25)), Some(Ok(())), "seed {seed}: {}", world.tell());
        let took = world.now.since(began);
        assert!(took < Duration::from_millis(100 + 16 * delay), "seed {seed}: {took:?}");
    }
}

#[test]
fn an_invitation_is_redeemed_by_one() {
    crate::shows!("R-PEE-32");
    let (mut world, invitation) = invited(3);
    let mut first = Newcomer::new(world.now, id(NEW), invitation.clone());
    first.disk_full = true;
    assert_eq!(first.run(&mut world, secs(9)), Some(Err(JoinError::NotStored)));
    // What could not be stored is given again, to the same and to nobody else.
    let mut other = Newcomer::new(world.now, ServerId(44), invitation.clone());
    let Some(Err(JoinError::Refused { code, .. })) = other.run(&mut world, secs(9)) else { panic!() };
    assert_eq!(code, RefuseCode::Invitation);
    assert!(world.nodes[0].disk.member(ServerId(44)).is_none());
    first.disk_full = false;
    first.joining = Joining::new(world.now, setup(invitation.clone()));
    assert_eq!(first.run(&mut world, secs(9)), Some(Ok(())));
    // After that time nobody has the key any more.
    world.run(secs(601));
    assert_eq!(world.nodes[0].invitations.iter().count(), 0, "on disk");
    let mut late = Newcomer::new(world.now, id(NEW), invitation);
    let Some(Err(error)) = late.run(&mut world, secs(40)) else { panic!() };
    assert_eq!(error, JoinError::NoAnswer { tried: vec![address(0), "10.0.0.99:1".parse().unwrap()] });
    let text = error.to_string();
    assert!(text.contains("10.0.0.1:6710, 10.0.0.99:1") && text.contains("10 min"), "{text}");
}

#[test]
fn who_was_removed_or_has_a_name_of_another_is_refused_and_the_invitation_stays() {
    crate::shows!("R-PEE-32");
    let (mut world, invitation) = invited(4);
    let mut named = Newcomer::new(world.now, id(NEW), invitation.clone());
    named.joining =
        Joining::new(world.now, JoinSetup { name: Name::new("hms1").unwrap(), ..setup(invitation.clone()) });
    let Some(Err(JoinError::Refused { code, reason })) = named.run(&mut world, secs(9)) else { panic!() };
    assert_eq!(code, RefuseCode::Name);
    assert!(reason.contains("name"), "{reason}");
    let now = world.now;
    let name = Name::new("gone").unwrap();
    let cluster = world.cluster(0);
    cluster.decide(now, |facts, how| facts.enter_member(how, ServerId(44), &name)).unwrap();
    cluster.decide(now, |facts, how| facts.remove_member(how, ServerId(44))).unwrap();
    let mut removed = Newcomer::new(world.now, ServerId(44), invitation.clone());
    let Some(Err(JoinError::Refused { code, .. })) = removed.run(&mut world, secs(9)) else { panic!() };
    assert_eq!(code, RefuseCode::Removed);
    let mut good = Newcomer::new(world.now, id(NEW), invitation);
    assert_eq!(good.run(&mut world, secs(9)), Some(Ok(())), "it is still open");
}

#[test]
fn there_is_no_seventeenth_member() {
    crate::shows!("R-PEE-32", "R-PEE-96", "R-PEE-20");
    let (mut world, invitation) = invited(5);
    let now = world.now;
    for more in 0..14 {
        let name = Name::new(&format!("more{more}")).unwrap();
        let enter = |facts: &mut Facts, how| facts.enter_member(how, ServerId(100 + more), &name);
        world.cluster(0).decide(now, enter).unwrap();
    }
    let mut newcomer = Newcomer::new(now, id(NEW), invitation);
    let Some(Err(JoinError::Refused { code, reason })) = newcomer.run(&mut world, secs(9)) else { panic!() };
    assert_eq!(code, RefuseCode::Full);
    assert!(reason.contains("16") && reason.contains("hms peers remove"), "{reason}");
    // Under the cluster secret, from a registered address: the same.
    world.cluster(0).decide(now, |facts, how| facts.register_address(how, address(NEW), None)).unwrap();
    world.nodes[NEW].peers = vec![address(0)];
    world.start(NEW);
    world.run(secs(5));
    assert_eq!(world.status(NEW).refusal.unwrap().code, RefuseCode::Full, "{}", world.tell());
}

#[test]
fn secrets_go_out_when_the_member_is_on_disk_and_not_before() {
    crate::shows!("R-PEE-33");
    let (mut world, invitation) = invited(6);
    world.nodes[0].disk_full = true;
    let mut newcomer = Newcomer::new(world.now, id(NEW), invitation);
    assert_eq!(newcomer.run(&mut world, secs(5)), None);
    assert_eq!(newcomer.secrets.members.len(), 0);
    world.nodes[0].disk_full = false;
    assert_eq!(newcomer.run(&mut world, secs(11)), Some(Ok(())), "stored at the next try");
}

#[test]
fn another_cluster_is_not_joined() {
    crate::shows!("R-PEE-34");
    let (_, invitation) = invited(7);
    let mut own = Secrets::create(|bytes| bytes.fill(5), Name::new("office").unwrap());
    assert_eq!(may_join(&own, &invitation), Err(JoinError::OtherCluster));
    own.server = invitation.inviter;
    members(1).store(&mut own);
    assert_eq!(may_join(&own, &invitation), Err(JoinError::OtherCluster), "one's own invitation");
    own.server = ServerId(9);
    assert_eq!(may_join(&own, &invitation), Ok(MayJoin::AlreadyThere));
    assert!(JoinError::OtherCluster.to_string().contains("state directory"));
}

#[test]
fn invitations_outlive_the_process() {
    crate::shows!("R-PEE-32");
    let (mut world, invitation) = invited(8);
    world.crash(0);
    world.start(0);
    world.run(secs(5));
    let mut newcomer = Newcomer::new(world.now, id(NEW), invitation);
    assert_eq!(newcomer.run(&mut world, secs(9)), Some(Ok(())), "{}", world.tell());
}

#[test]
fn a_newcomer_says_what_became_of_it() {
    crate::shows!("R-PEE-33");
    let now = Instant::from_secs(4);
    let invitation = Invitation {
        id: crate::ident::InvitationId(6),
        secret: Zeroizing::new([4; 32]),
        inviter: id(0),
        addresses: vec![address(0)],
    };
    let mut links = Endpoint::new(Config::new(id(NEW), Incarnation(1)), &[1; 32]);
    links.add_secret(LinkSecret::cluster(&SECRET));
    let mut draw = || links.connect(now, address(0), None, KeyId::CLUSTER).unwrap();
    let (one, two) = (draw(), draw());
    let peer = Peer { server: id(0), incarnation: Incarnation(4), key: KeyId(6), side: LinkSide::Initiator };
    let last = |joining: &mut Joining| std::iter::from_fn(|| joining.poll_action()).last();
    let begun = || {
        let mut joining = Joining::new(now, setup(invitation.clone()));
        let dial = JoinAction::Dial { address: address(0), target: id(0), key: KeyId(6) };
        assert_eq!(joining.poll_action(), Some(dial));
        joining.dialled(now, address(0), Some(one));
        joining.connected(now, one, peer);
        assert!(matches!(last(&mut joining), Some(JoinAction::Send { .. })));
        joining
    };
    // Closed each time: it tries again, and says why in the end.
    let mut joining = begun();
    joining.closed(now, one, &CloseReason::There(CloseCode::REFUSED, "starts itself".into()));
    joining.handle_timeout(now + secs(1));
    assert!(matches!(last(&mut joining), Some(JoinAction::Dial { .. })));
    joining.handle_timeout(now + secs(30));
    let Some(JoinAction::Done(Err(error))) = last(&mut joining) else { panic!() };
    assert!(error.to_string().contains("starts itself"), "{error}");
    // Silent.
    let mut joining = begun();
    joining.handle_timeout(joining.poll_timeout().unwrap());
    assert_eq!(last(&mut joining), Some(JoinAction::Done(Err(JoinError::Stuck))));
    // Facts before ADMIT count for nothing; something else ends it.
    let mut joining = begun();
    let mut facts = Vec::new();
    members(2).write_all(None, 1, &mut facts);
    joining.message(now, one, Priority::Control, facts.clone());
    assert_eq!(last(&mut joining), None);
    joining.message(now, one, Priority::Control, vec![0x7e, 0]);
    assert_eq!(last(&mut joining), Some(JoinAction::Done(Err(JoinError::Malformed))));
    // The link is replaced: it begins anew on the other.
    let mut joining = begun();
    joining.message(now, one, Priority::Control, admission(&SECRET, &SEED).to_vec());
    joining.connected(now, two, peer);
    joining.message(now, two, Priority::Control, facts.clone());
    assert!(joining.admitted().is_none());
    joining.message(now, two, Priority::Control, admission(&SECRET, &SEED).to_vec());
    joining.message(now, two, Priority::Control, facts);
    assert_eq!(last(&mut joining), Some(JoinAction::Store));
    // The inviter goes; all is here.
    joining.closed(now, two, &CloseReason::Silent);
    joining.stored(now, Ok(()));
    joining.handle_timeout(now + secs(2));
    assert_eq!(last(&mut joining), Some(JoinAction::Done(Ok(()))));
}
