//! The host as a sequence of operations: an HMS answers what was asked, or something else that it signs; somebody
//! without a key says it again, bends it, makes it up; time passes; a user gives commands; the program starts anew.

mod answers;
mod rig;

use hms::host::Change;
use hms::ident::{SessionId, UserId};
use hms::net::{Arrival, Interface};
use hms::time::UnixMillis;
use hms::wire::{Kind, View};

use super::input::Input;
use super::keys::{address, hit, name};
use rig::{HMS, Rig};

/// More tell nothing new and cost time.
const OPERATIONS: usize = 120;

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut rig = Rig::new(input.one_in(4));
    for _ in 0..OPERATIONS {
        if input.is_empty() {
            break;
        }
        operation(&mut rig, &mut input);
    }
    rig.end();
}

/// Bodies behind right tags, said to a registered host: the first half of the target `signed`.
pub(super) fn crafted(input: &mut Input<'_>) {
    let mut rig = Rig::new(false);
    rig.join();
    for _ in 0..OPERATIONS {
        if input.is_empty() {
            break;
        }
        craft(&mut rig, input);
        if input.one_in(8) {
            rig.pass(input.span());
        }
    }
    rig.end();
}

fn operation(rig: &mut Rig, input: &mut Input<'_>) {
    match input.below(24) {
        0 => rig.join(),
        1..=5 => answers::proper(rig, input),
        6 | 7 => answers::short(rig, input),
        8 | 9 => craft(rig, input),
        10 => attack(rig, input, false),
        11 | 12 => attack(rig, input, true),
        13 => answers::forged(rig, input),
        14 => answers::bare(rig, input),
        15 => rig.deliver(input.pick(&HMS), input.chunk()),
        16 => rig.reflect(input.below(32)),
        17..=19 => rig.pass(input.span()),
        20 => rig.due(),
        21 | 22 => command(rig, input),
        _ => rig.restart(input.one_in(2)),
    }
}

/// An answer of any type and body to something that was asked, or to nothing.
fn craft(rig: &mut Rig, input: &mut Input<'_>) {
    let (code, flags, how) = (input.byte(), input.byte(), input.byte());
    let body = input.chunk().to_vec();
    let Some(asked) = rig.asked(usize::from(how & 0x1f)) else { return };
    let mut head = asked.answer(Kind::from_code(code));
    head.flags = flags;
    if how & 0x20 != 0 {
        head.session = SessionId(0);
    }
    if how & 0x40 != 0 {
        head.sequence = 0;
    }
    let bytes = rig.sealed(&head, |buf| buf.extend_from_slice(&body));
    rig.deliver(HMS[usize::from(how >> 7)], &bytes);
}

/// An answer that was given, once more, as it was or bent.
fn attack(rig: &mut Rig, input: &mut Input<'_>, bend: bool) {
    let Some(mut bytes) = rig.given(input.below(64)) else { return };
    if bend {
        let (at, how) = (usize::from(input.u16()), input.byte());
        hit(&mut bytes, at, how);
    }
    rig.deliver(input.pick(&HMS), &bytes);
}

fn command(rig: &mut Rig, input: &mut Input<'_>) {
    let now = rig.now;
    match input.below(12) {
        0 => {
            let (pattern, exact) = (input.text(), input.one_in(2));
            rig.host.find(now, &pattern, exact);
        }
        1 => {
            let keys = ["state", "conference", "name", "fixed", "data", "service+", "service-"];
            let change = Change::parse(input.pick(&keys), &input.text());
            if let Ok(change) = change {
                let _ = rig.host.set(now, vec![change]);
            }
        }
        2 => {
            let view = match input.below(4) {
                0 => View::None,
                1 => View::Realm,
                2 => View::Group(name(input.pick(&["board", "lobby"]))),
                _ => View::Named((0..=input.byte() % 64).map(|at| UserId([at; 8])).collect()),
            };
            let _ = rig.host.set_view(now, view, input.one_in(2));
        }
        3 => rig.host.set_reported(now, vec![address("[2001:db8::1]:5000"); input.below(20)]),
        4 => rig.host.refresh(now),
        5 => rig.host.leave(now),
        6 => rig.host.rejoin(now),
        7 | 8 => {
            let addresses = (0..input.below(4)).map(|at| ([10, 0, 0, at as u8], 0).into());
            let addresses = addresses.map(|a: std::net::SocketAddr| a.ip()).collect();
            rig.host.set_interfaces(now, vec![Interface { index: 1, name: "e0".into(), addresses }]);
        }
        9 => rig.host.set_wall(now, UnixMillis(input.number())),
        10 => rig.host.handle_timeout(now),
        _ => rig.host.handle_datagram(now, HMS[0], Arrival::default(), &[]),
    }
    rig.drain();
}
