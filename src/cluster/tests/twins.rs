use super::world::{World, address, id, members};
use super::*;
use crate::ident::Stamp;
use crate::wire::peer::{RefuseCode, Twin};

const OLD: Standing = standing(5, 1, 100);
const NEW: Standing = Standing { process: process(5, 2), ..standing(5, 1, 100) };

fn goes((own, own_age): (Standing, u64), (other, other_age): (Standing, u64)) -> Option<Side> {
    let side = has_to_go(&own, secs(own_age), &other, secs(other_age));
    let across = has_to_go(&other, secs(other_age), &own, secs(own_age));
    assert_eq!(across, side.map(Side::across), "both come to the same end");
    side
}

#[test]
fn of_two_processes_with_one_server_id_one_has_to_go() {
    crate::shows!("R-PEE-23");
    assert_eq!(goes((OLD, 60), (NEW, 60)), Some(Side::Other), "the larger incarnation");
    assert_eq!(
        goes((Standing { joined_at_ms: 101, ..OLD }, 60), (NEW, 60)),
        Some(Side::Own),
        "it joined later"
    );
    let starting = Standing { phase: Phase::Starting, line: None, ..OLD };
    assert_eq!(goes((starting, 0), (NEW, 60)), Some(Side::Own), "it only starts");
    let both = Standing { phase: Phase::Starting, line: None, ..NEW };
    assert_eq!(goes((starting, 0), (both, 0)), Some(Side::Other), "both start: the larger incarnation");
    let young = Standing { line: Some(LineId(2)), ..NEW };
    assert_eq!(goes((OLD, 60), (young, 30)), Some(Side::Other), "the younger line");
    assert_eq!(goes((OLD, 30), (young, 60)), Some(Side::Own));
    assert_eq!(goes((OLD, 3), (young, 9)), Some(Side::Other), "young lines: the larger id");
    assert_eq!(goes((OLD, 60), (OLD, 60)), None, "one process");
}

/// Members 0 and 1, and at the address of node 2 a copy of member 0.
fn with_copy(seed: u64) -> World {
    let mut world = World::new(seed, 3);
    let mut facts = members(2);
    let how = Decision { clock: Stamp(9), by: id(0) };
    facts.register_address(how, address(2), None).unwrap();
    world.nodes.iter_mut().for_each(|node| node.disk = facts.clone());
    world.nodes[2].server = id(0);
    world
}

fn is_refused(world: &World, node: usize) -> bool {
    let status = world.status(node);
    let code = status.refusal.map(|refusal| refusal.code);
    status.phase == Phase::Refused && code == Some(RefuseCode::Twin) && status.line.is_none()
}

#[test]
fn twins_that_meet_judge_themselves() {
    crate::shows!("R-PEE-23", "R-TRN-20");
    for seed in 0..10 {
        let mut world = with_copy(seed);
        world.cut_both(1, 2, true);
        world.nodes[2].peers = vec![address(0)];
        world.start(0);
        world.start(1);
        world.run(secs(8));
        world.start(2);
        world.run(secs(2));
        assert!(is_refused(&world, 2), "{}", world.tell());
        let reason = world.status(2).refusal.unwrap().reason;
        assert!(reason.contains("state directory"), "{reason}");
        let serve =
            |world: &World| world.phase(0) == Phase::Operating && world.primary(1) == world.primary(0);
        assert!(!world.run_until(secs(150), |world| !serve(world)), "{}", world.tell());
        let met =
            |node: usize| world.nodes[node].log.iter().filter(|(_, text)| text.contains("another process"));
        assert!(met(0).count() < 10, "{}", world.tell());
        // The other is stopped: this one takes its place by itself.
        world.crash(0);
        world.cut_both(1, 2, false);
        assert!(world.run_until(secs(80), |world| world.phase(2) == Phase::Operating), "{}", world.tell());
        world.run(secs(10));
        let (one, two) = (world.status(1), world.status(2));
        assert_eq!(
            (one.primary, one.line.unwrap().0),
            (two.primary, two.line.unwrap().0),
            "{}",
            world.tell()
        );
    }
}

#[test]
fn twins_that_serve_in_two_lines_and_meet_keep_the_older() {
    crate::shows!("R-PEE-23");
    for seed in 0..6 {
        let mut world = with_copy(seed);
        world.cut_both(0, 2, true);
        world.cut_both(1, 2, true);
        let (older, younger) = if seed % 2 == 0 { (0, 2) } else { (2, 0) };
        world.nodes[younger].peers = vec![address(older)];
        world.start(older);
        world.run(secs(20));
        world.start(younger);
        world.run(secs(10));
        assert!([0, 2].iter().all(|node| world.phase(*node) == Phase::Operating), "{}", world.tell());
        world.cut_both(0, 2, false);
        world.run(secs(12));
        assert_eq!(
            (world.phase(older), is_refused(&world, younger)),
            (Phase::Operating, true),
            "{}",
            world.tell()
        );
        assert!(!world.nodes[younger].running.as_ref().unwrap().hosts_open);
    }
}

/// They do not reach each other; who links with both says so.
#[test]
fn a_third_hms_tells_a_twin_from_a_restart() {
    crate::shows!("R-PEE-23");
    for seed in 0..20 {
        let mut world = with_copy(seed);
        world.cut_both(0, 2, true);
        world.start(0);
        world.start(1);
        world.run(secs(10 + seed));
        world.start(2);
        assert!(world.run_until(secs(25), |world| is_refused(world, 2)), "{}", world.tell());
        world.run(secs(10));
        for _ in 0..3 {
            let agree = world.status(0).primary.is_some() && world.primary(0) == world.primary(1);
            assert!(agree && world.phase(0) == Phase::Operating, "{}", world.tell());
            // It tries again, and is refused again; the other is the neighbour most of the time.
            let mut up = 0;
            for _ in 0..60 {
                world.run(secs(1));
                let now = world.now;
                up += u32::from(world.cluster(1).peers(now)[0].state == PeerState::Up);
            }
            assert!(up > 45, "{up} s of 60: {}", world.tell());
            world.run_until(secs(20), |world| is_refused(world, 2));
            world.run(secs(9));
        }
        // The right one ends: the copy is no twin any more.
        world.crash(0);
        assert!(world.run_until(secs(90), |world| world.phase(2) == Phase::Operating), "{}", world.tell());
        world.run(secs(12));
        assert_eq!(world.primary(1), world.primary(2), "{}", world.tell());
    }
}

#[test]
fn who_restarts_often_is_no_twin() {
    crate::shows!("R-PEE-23");
    let mut world = World::settled(3, 2);
    for turn in 0..40 {
        world.crash(0);
        world.run(Duration::from_millis(turn * 97));
        world.start(0);
        let span = Duration::from_millis(4500 + turn * 31);
        assert!(!world.run_until(span, |world| is_refused(world, 0)), "{}", world.tell());
    }
    world.run(secs(8));
    world.assert_agree();
}

/// Two third HMSs that know old things refuse one each: only who has to go by its own seat goes.
#[test]
fn a_refusal_is_believed_by_who_has_to_go_only() {
    crate::shows!("R-PEE-23");
    let mut world = World::settled(4, 2);
    world.run(secs(5));
    let own = world.status(0);
    let line = own.line.unwrap().0;
    let twin = |incarnation, phase, line, joined_at_ms, age_ms| Twin {
        phase,
        incarnation: Incarnation(incarnation),
        line,
        age_ms,
        joined_at_ms,
    };
    let refusal = Refusal { by: id(1), remote: address(1), code: RefuseCode::Twin, reason: String::new() };
    let now = world.now;
    for weaker in [
        twin(5, Phase::Starting, None, 0, 0),
        twin(5, Phase::Operating, Some(line), own.joined_at_ms + 1, 0),
        twin(5, Phase::Operating, Some(LineId(line.0 ^ 1)), 0, 0),
        twin(world.cluster(0).own.process.incarnation.0, Phase::Operating, Some(line), 0, 0),
    ] {
        world.cluster(0).take_twin(now, refusal.clone(), &weaker);
        assert_eq!(world.phase(0), Phase::Operating, "{weaker:?}");
    }
    let older = twin(5, Phase::Operating, Some(LineId(line.0 ^ 1)), 0, 1_000_000);
    world.cluster(0).take_twin(now, refusal, &older);
    assert!(is_refused(&world, 0));
    world.run(secs(1));
    assert!(!world.nodes[0].running.as_ref().unwrap().hosts_open);
    world.run(secs(70));
    world.assert_agree();
}
