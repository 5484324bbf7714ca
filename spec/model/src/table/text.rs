//! Steps and states in words.

use super::row::{Order, Status};
use super::state::{Copy, Host, MACHINES, Mode, Rules, State, USERS};
use super::step::Action;

const HMS: [&str; 3] = ["A", "B", "C"];
const MACHINE: [&str; 2] = ["h1", "h2"];

pub fn tell(rules: &Rules, before: &State, action: Action, after: &State) -> String {
    let said = said(rules, action);
    let tables = rules.all().filter(|n| before.hms[*n] != after.hms[*n]).map(|n| table(rules, after, n));
    let hosts = (0..MACHINES).filter(|m| {
        let (old, new) = (before.machines[*m], after.machines[*m]);
        (old.host, old.session, old.hms) != (new.host, new.session, new.hms)
    });
    let now: Vec<String> = hosts.map(|m| host(after, m)).chain(tables).collect();
    format!("{said:56} {}", now.join("; "))
}

fn said(rules: &Rules, action: Action) -> String {
    let (a, h) = (|n: usize| HMS[n], |m: usize| MACHINE[m]);
    let whose =
        |user: usize| if rules.one_user { "the user".to_owned() } else { format!("user {}", user + 1) };
    match action {
        Action::Join(m) => format!("a person makes {} join", h(m)),
        Action::Leave(m) => format!("{} leaves", h(m)),
        Action::Die(m) => format!("{} falls silent for ever", h(m)),
        Action::Reboot(m) => format!("the agent of {} starts again", h(m)),
        Action::Hears(m, mask) => format!("{} now reaches {}", h(m), names(mask)),
        Action::Content(m) => format!("{} has new content", h(m)),
        Action::Unheard(m) => format!("{} beats and misses the answer", h(m)),
        Action::Delay { from, to, user } => {
            format!("{} sends {} what it has of {}", a(from), a(to), whose(user))
        }
        Action::Crash(n) => format!("{} crashes", a(n)),
        Action::Restart(n) => format!("{} starts again, empty", a(n)),
        Action::Stop(n) => format!("{} is told to stop", a(n)),
        Action::Links(links) => format!("the links are now {}", pairs(links)),
        Action::Beat(m) => format!("{} beats", h(m)),
        Action::Exchange { from, to, user } => format!("{} tells {} of {}", a(from), a(to), whose(user)),
        Action::Arrive => "what was sent arrives".to_owned(),
        Action::Expire(n, user) => format!("{}: the time of {} is over", a(n), whose(user)),
        Action::Synced(n) => format!("{} has copied all", a(n)),
        Action::HandOver(from, to) => format!("{} hands over to {}", a(from), a(to)),
        Action::Exit(n) => format!("{} ends", a(n)),
        Action::Tick => "-- a check time goes by --".to_owned(),
    }
}

fn names(mask: u8) -> String {
    let all: String = (0..3).filter(|n| mask & 1 << n != 0).map(|n| HMS[n]).collect();
    if all.is_empty() { "none".to_owned() } else { all }
}

fn pairs(links: u8) -> String {
    let all = ["A-B", "B-C", "A-C"];
    let open: Vec<_> = (0..3).filter(|bit| links & 1 << bit != 0).map(|bit| all[bit]).collect();
    if open.is_empty() { "none".to_owned() } else { open.join(" ") }
}

fn host(state: &State, m: usize) -> String {
    let machine = &state.machines[m];
    let own = MACHINE[m];
    let own_session = machine.session.map_or("no session".to_owned(), |s| format!("session {}", session(s)));
    match machine.host {
        Host::Off => format!("{own} off"),
        Host::Joining => format!("{own} joining"),
        Host::Live => format!("{own} has {own_session} at {}", HMS[machine.hms as usize]),
        Host::Ended => format!("{own} ended (superseded)"),
        Host::Left => format!("{own} left"),
        Host::Dead => format!("{own} silent"),
    }
}

fn table(rules: &Rules, state: &State, n: usize) -> String {
    let hms = &state.hms[n];
    let mode = match hms.mode {
        Mode::Down => return format!("{} down", HMS[n]),
        Mode::Synchronising => " (synchronising)",
        Mode::Runs => "",
        Mode::Stopping => " (stopping)",
        Mode::Done => " (done)",
    };
    let users = if rules.one_user { 1 } else { USERS };
    let rows: Vec<String> =
        (0..users).map(|u| hms.table[u].map_or("-".to_owned(), |copy| row(&copy))).collect();
    format!("{}{mode}: {}", HMS[n], rows.join(", "))
}

/// Stamp, server that stamped, session id.
fn session(order: Order) -> String {
    format!("{}{}-{}", order.stamp, HMS[order.server as usize], order.session)
}

fn row(copy: &Copy) -> String {
    let Copy { row, age, .. } = copy;
    let order = session(row.order);
    let place = row.place;
    let status = match (row.left, place.status) {
        (true, _) => "left",
        (_, Status::Up) => "up",
        (_, Status::Late) => "late",
        (_, Status::Expired) => "expired",
    };
    let process = if place.incarnation == 0 { "" } else { "'" };
    let home = HMS[place.home as usize];
    format!(
        "{} {order} {status}, home {home}{process} #{}, age {age}",
        MACHINE[row.machine as usize], place.sequence
    )
}
