//! The relay that tests and `hms-relay` go through: the times of its cuts, its script, and the machine under any faults.

use hms::relay::{Chance, Cut, Faults, LinkTally, Out, Port, Relay, Script, Setup, Way};
use hms::time::{Duration, Instant};

use super::input::Input;

pub(super) fn run(data: &[u8]) {
    let (text, ops) = data.split_at(data.iter().position(|b| *b == 0).unwrap_or(data.len()));
    let text = String::from_utf8_lossy(text);
    let cuts: Vec<Cut> = text.split(',').filter_map(cut).collect();
    let mut input = Input::new(ops.get(1..).unwrap_or_default());
    let start = Instant::from_millis(input.number());
    let setup = Setup {
        up: faults(&mut input),
        down: faults(&mut input),
        cuts,
        rebind_every: input.one_in(3).then(|| input.span()),
        idle: input.span(),
        clients: input.u16() % 40,
        script: script(&text),
    };
    machine(&mut input, start, setup);
}

fn cut(text: &str) -> Option<Cut> {
    let cut: Cut = match text.parse() {
        Ok(cut) => cut,
        Err(error) => {
            let error: hms::relay::CutError = error;
            assert!(!error.to_string().is_empty());
            return None;
        }
    };
    let origin = Instant::from_secs(1);
    let other = if cut.way == Some(Way::Up) { Way::Down } else { Way::Up };
    assert!(cut.way.is_none() || !cut.holds(other, origin, origin + cut.start), "only one way is cut");
    Some(cut)
}

fn script(text: &str) -> Script {
    text.parse().unwrap_or_else(|error: hms::relay::ScriptError| {
        assert!((1..=text.lines().count()).contains(&error.line), "{error}");
        assert!(
            error.to_string().contains("expected") || error.to_string().contains("for example"),
            "{error}"
        );
        Script::default()
    })
}

fn faults(input: &mut Input<'_>) -> Faults {
    let mut chance = || Chance::per_mille(u32::from(input.u16()) % 1001);
    let (loss, duplicate, reorder, corrupt) = (chance(), chance(), chance(), chance());
    Faults {
        loss,
        duplicate,
        reorder,
        corrupt,
        delay: input.span(),
        jitter: input.span(),
        reorder_by: input.span(),
        rate: input.one_in(2).then(|| input.number()),
        queue: input.number(),
        max_size: input.one_in(3).then(|| usize::from(input.u16())),
    }
}

fn machine(input: &mut Input<'_>, start: Instant, setup: Setup) {
    let clients = usize::from(setup.clients.max(1));
    let (mut relay, mut now, mut sent) = (Relay::new(start, 7, setup), start, [0u64; 2]);
    for _ in 0..200 {
        if input.is_empty() {
            break;
        }
        match input.below(6) {
            0 | 1 => {
                let client = ([10, 0, 0, input.byte()], 5000).into();
                relay.from_client(now, client, input.chunk());
                sent[0] += 1;
            }
            2 => {
                relay.from_server(now, Port(input.u16() % 64), input.chunk());
                sent[1] += 1;
            }
            3 => relay.set_closed(input.one_in(2)),
            4 => relay.rebind(),
            _ => now = pass(&mut relay, now, input.span()),
        }
        while relay.poll_closed().is_some() {}
        while relay.poll_event().is_some() {}
        let tally = relay.tally();
        balanced(&tally.up);
        balanced(&tally.down);
        assert!(tally.clients as usize <= clients, "{} clients", tally.clients);
        assert_eq!([tally.up.taken, tally.down.taken], sent);
        assert!(!tally.to_string().is_empty());
    }
}

/// What comes in goes somewhere.
fn balanced(tally: &LinkTally) {
    let sum = tally.delivered + tally.under_way + tally.dropped();
    assert_eq!(tally.taken + tally.repeated, sum, "{tally}");
    assert!(
        tally.delivered <= tally.taken + tally.repeated && tally.delivered_bytes <= 2 * tally.taken_bytes
    );
}

fn pass(relay: &mut Relay, now: Instant, span: Duration) -> Instant {
    let (end, mut at, mut buf, mut turns) = (now + span, now, Vec::new(), 0);
    loop {
        relay.handle_timeout(at);
        while let Some(out) = relay.poll_output(at, &mut buf) {
            assert!(matches!(out, Out::Server(Port(1..)) | Out::Client(_)));
        }
        let due = relay.poll_timeout().expect("the relay always waits for something");
        assert!(due > at || at == Instant::FAR, "a deadline in the past stays: {due} at {at}");
        turns += 1;
        if due > end || turns > 2000 {
            return end;
        }
        at = due;
    }
}
