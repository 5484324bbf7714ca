use super::*;

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
