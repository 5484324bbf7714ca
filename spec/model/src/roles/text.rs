//! Steps and states in words.

use super::rules::Rules;
use super::state::{Line, N, Phase, Run, Seat, State};
use super::step::Action;

pub fn name(rules: &Rules, n: usize) -> &'static str {
    if rules.twin { ["A", "B", "A'"][n] } else { ["A", "B", "C"][n] }
}

pub fn tell(rules: &Rules, before: &State, action: Action, after: &State) -> String {
    let n = |n| name(rules, n);
    let found = |n, id: u8, near| {
        let age = if near { ", as old as the newest by the clocks" } else { "" };
        format!("{n} founds a line (id {id} in order{age})")
    };
    let said = match action {
        Action::Start(x) => format!("{} starts", n(x)),
        Action::Crash(x) => format!("{} crashes", n(x)),
        Action::Stop(x) => format!("{} is told to stop", n(x)),
        Action::Pause(x) => format!("{} stands still", n(x)),
        Action::Resume { n: x, long: true } => format!("{} runs again after more than 10 s", n(x)),
        Action::Resume { n: x, long: false } => format!("{} runs again after less than 10 s", n(x)),
        Action::Links(links) => format!("the links are now {}", pairs(rules, links)),
        Action::Register => "the admin registers C".to_owned(),
        Action::Unlucky { n: x, id, near } => format!("all HELLOs are lost: {}", found(n(x), id, near)),
        Action::Found { n: x, id, near } => format!("no answer: {}", found(n(x), id, near)),
        Action::Ping { a, b, swap } => {
            let swap = if swap { " (the clocks say the other way round)" } else { "" };
            format!("{} and {} hear each other{swap}", n(a), n(b))
        }
        Action::Lose(x, y) => format!("{} counts {} as down", n(x), n(y)),
        Action::Refuse(x, y) => format!("{} refuses {}", n(x), n(y)),
        Action::Retry(x) => format!("{} tries again", n(x)),
        Action::Wake(x) => format!("{} has heard all that answer", n(x)),
        Action::Age => "time passes: the oldest young line is 10 s old".to_owned(),
        Action::Exit(x) => format!("{} ends", n(x)),
    };
    let changed = (0..N).filter(|x| after.hms[*x] != before.hms[*x] || after.lines != before.lines);
    let now: Vec<String> = changed.map(|x| hms(rules, after, x)).collect();
    format!("{said:60} {}", now.join("; "))
}

fn hms(rules: &Rules, state: &State, x: usize) -> String {
    let own = name(rules, x);
    let paused = if state.hms[x].run == Run::Runs { "" } else { " stands still," };
    let served = if state.hms[x].open { "" } else { ", serves nobody" };
    let seat = |seat: Seat| {
        let Line { id, old, .. } = state.lines[seat.line as usize];
        let age = if old { "old" } else { "young" };
        let named = state.primary(rules, x).map_or("nobody", |p| name(rules, p));
        format!("in line {} (id {id}, {age}) at {}, names {named}{served}", seat.line, seat.joined)
    };
    match state.hms[x].phase {
        Phase::Down => format!("{own} down"),
        Phase::Starting => format!("{own}{paused} starting"),
        Phase::Refused => format!("{own}{paused} refused"),
        Phase::Stopping => format!("{own}{paused} stopping"),
        Phase::Operating(s) => format!("{own}{paused} {}", seat(s)),
        Phase::Waking(s) => format!("{own}{paused} waking {}", seat(s)),
    }
}

fn pairs(rules: &Rules, links: u8) -> String {
    let all = [(0, 1), (1, 2), (0, 2)];
    let open = all.iter().enumerate().filter(|(bit, _)| links & 1 << bit != 0);
    let text: Vec<_> = open.map(|(_, (a, b))| format!("{}-{}", name(rules, *a), name(rules, *b))).collect();
    if text.is_empty() { "none".to_owned() } else { text.join(" ") }
}
