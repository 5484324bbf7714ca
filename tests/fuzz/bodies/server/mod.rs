//! The HMS as a sequence of operations: two users register, say that they are there, change, look up, move and leave;
//! time passes; an admin revokes, reloads, restarts; an attacker has all that was said, and says it again.

mod client;
mod judge;
mod world;

use hms::server::{RealmLimits, ServerSettings, UpdateMode};
use hms::time::Duration;
use hms::wire::Kind;

use super::input::Input;
use super::keys::hit;
use world::{ATTACKER, SOURCES, World};

/// More tell nothing new and cost time.
const OPERATIONS: usize = 120;

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut world = World::new();
    for _ in 0..OPERATIONS {
        if input.is_empty() {
            break;
        }
        operation(&mut world, &mut input);
    }
    world.end();
}

/// Bodies behind right tags, said by a registered user: the second half of the target `signed`.
pub(super) fn crafted(input: &mut Input<'_>) {
    let mut world = World::new();
    (0..2).for_each(|who| world.join(who));
    for _ in 0..OPERATIONS {
        if input.is_empty() {
            break;
        }
        craft(&mut world, input, 0);
    }
    world.end();
}

fn operation(world: &mut World, input: &mut Input<'_>) {
    let op = input.byte();
    let who = usize::from(op & 1);
    match op >> 1 & 31 {
        0 | 1 => world.join(who),
        2 => said(world, who, |client| client.init()),
        3 => {
            let takeover = input.one_in(3);
            said(world, who, |client| client.register(takeover));
        }
        4 | 5 => said(world, who, |client| client.heartbeat(false, false)),
        6 => {
            let (content, want) = (input.one_in(2), input.one_in(2));
            said(world, who, |client| client.heartbeat(content, want));
        }
        7 => {
            world.clients[who].change(input);
            said(world, who, |client| client.heartbeat(true, false));
        }
        8 => said(world, who, |client| client.leave()),
        9 | 10 => said(world, who, |client| client.pull(input)),
        11 => said(world, who, |client| client.find(input)),
        12 => {
            let bytes = world.clients[who].discover();
            let multicast = input.one_in(2);
            world.deliver(world.clients[who].from, multicast, &bytes);
        }
        13 => world.clients[who].from = input.pick(&SOURCES),
        14..=16 => world.pass(input.span()),
        17 => world.clients[who].spoil(input),
        18 => world.clients[who].skip(input.number()),
        19 => attack(world, input, false),
        20 | 21 => attack(world, input, true),
        22 => {
            let bytes = input.chunk().to_vec();
            world.deliver(input.pick(&SOURCES), false, &bytes);
        }
        23 | 24 => craft(world, input, who),
        25 => world.revoke(who, input.one_in(2)),
        26 => {
            let settings = settings(input);
            world.reload(settings);
        }
        27 => world.restart(input.below(3)),
        28 => world.save(),
        29 => world.admin(input),
        30 => {
            let bytes = world.clients[who].heartbeat(false, false);
            world.keep(bytes);
        }
        _ => world.stall(input.span()),
    }
}

fn said(world: &mut World, who: usize, say: impl FnOnce(&mut client::Client) -> Vec<u8>) {
    let bytes = say(&mut world.clients[who]);
    world.deliver(world.clients[who].from, false, &bytes);
}

/// Something that was said, once more: from where it came or from elsewhere, as it was or bent.
fn attack(world: &mut World, input: &mut Input<'_>, bend: bool) {
    let Some((from, mut bytes)) = world.captured(input.below(64)) else { return };
    if bend {
        let (at, how) = (usize::from(input.u16()), input.byte());
        hit(&mut bytes, at, how);
    }
    let from = match input.below(4) {
        0 | 1 => from,
        2 => ATTACKER,
        _ => input.pick(&SOURCES),
    };
    world.deliver(from, input.one_in(8), &bytes);
}

/// A body of any type behind a right tag, as who holds a key can make it.
fn craft(world: &mut World, input: &mut Input<'_>, who: usize) {
    let (code, flags, how) = (input.byte(), input.byte(), input.byte());
    let body = input.chunk().to_vec();
    let bytes = world.craft(who, (Kind::from_code(code), flags), how, &body);
    let from = if how & 0x80 == 0 { world.clients[who].from } else { input.pick(&SOURCES) };
    world.deliver(from, false, &bytes);
}

fn settings(input: &mut Input<'_>) -> ServerSettings {
    let limits = |input: &mut Input<'_>| RealmLimits {
        name: "home".into(),
        max_hosts: Some(input.below(3)),
        max_rate: None,
    };
    ServerSettings {
        check_time: input.pick(&[Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)]),
        expiry_factor: input.pick(&[2.5, 1.5, 4.0]),
        update: input.pick(&[UpdateMode::OnChange, UpdateMode::Always, UpdateMode::OnRequest]),
        push: !input.one_in(4),
        all_rows: input.pick(&[10_000, 0, 1]),
        hints: !input.one_in(4),
        realms: if input.one_in(4) { vec![limits(input)] } else { Vec::new() },
        ..world::settings()
    }
}
