//! `hms demo`: a real HMS, real hosts and a bad network on one machine, with a verdict.

mod process;
pub(super) mod relay;
mod stage;
mod verdict;

use super::args::Demo;
use super::fail::{Failure, NO, OK, Outcome};
use super::rows::{self, List, Row};
use super::table::{Cell, table};
use super::{human, out};
use crate::time::Duration;
use out::Look;
use stage::Stage;

/// The first six; more are numbered.
const CAST: [(&str, &str); 6] = [
    ("alice", "board-room"),
    ("bob", "desk-17"),
    ("carol", "laptop"),
    ("dave", "studio"),
    ("erin", "home-office"),
    ("frank", "reception"),
];

pub(super) fn run(args: &Demo) -> Outcome {
    let mut stage = Stage::new(args)?;
    out::line(format_args!(
        "One HMS and {} hosts, as processes on this machine. Between each host and the HMS is a network that loses {} % of",
        args.hosts, args.loss
    ));
    out::line(
        "all datagrams, repeats and reorders others. Check time 1 s: so often a host says that it is there.",
    );
    let verdict = play(&mut stage, args);
    let [datagrams, lost, repeated] = stage.close();
    verdict?;
    let took = stage.elapsed().as_secs_f64();
    let end = format!(
        "all lists are right, after {took:.1} s and {datagrams} datagrams, {lost} of them lost, {repeated} repeated"
    );
    out::line(format_args!("\n{} {end}", Look::Green.paint("OK:", out::colours())));
    Ok(OK)
}

fn play(stage: &mut Stage, args: &Demo) -> Result<(), Failure> {
    start(stage)?;
    join(stage, args)?;
    meet(stage)?;
    leave(stage)?;
    die(stage)?;
    move_on(stage)?;
    restart(stage)?;
    judge(stage)
}

fn title(text: &str) {
    out::line(format_args!("\n{}", Look::Bold.paint(text, out::colours())));
}

fn said(text: &str) {
    out::line(format_args!("   {text}"));
}

fn start(stage: &mut Stage) -> Result<(), Failure> {
    title("An HMS starts");
    let ready = stage.start_hms()?;
    said(&ready);
    Ok(())
}

fn join(stage: &mut Stage, args: &Demo) -> Result<(), Failure> {
    title("The hosts join, each with the token that `hms token USER` printed for it");
    for n in 0..usize::from(args.hosts) {
        let (user, host) = CAST.get(n).map_or_else(
            || (format!("user{:02}", n + 1), format!("pc-{:02}", n + 1)),
            |(user, host)| ((*user).to_owned(), (*host).to_owned()),
        );
        let video = 5004 + u16::try_from(n).unwrap_or(0) * 10;
        let port = video.to_string();
        stage.start_host(&user, &host, &["--video", &port, "--service", "sip:5060"])?;
        let expected = &mut stage.actor(&user)?.expected;
        expected.video = Some(video);
        expected.services.push("sip:5060/udp".to_owned());
    }
    stage.wait_until_equal()?;
    said("Every host has the whole list in its storage:");
    show_table(stage)
}

fn show_table(stage: &Stage) -> Result<(), Failure> {
    let rows = stage.table()?;
    for line in rows::show(&rows, List::Hosts, out::colours()).lines() {
        said(line);
    }
    Ok(())
}

fn meet(stage: &mut Stage) -> Result<(), Failure> {
    title("alice opens a conference, bob joins it");
    for (user, state) in [("alice", "organizing"), ("bob", "participating")] {
        let expected = &mut stage.actor(user)?.expected;
        expected.state = state.to_owned();
        expected.conference = Some("board".to_owned());
        stage.at_host(user, &["set", &format!("state={state}"), "conference=board"])?;
        let took = stage.wait_until_equal()?;
        said(&format!("on every host's screen {} later", span(took)));
    }
    Ok(())
}

fn leave(stage: &mut Stage) -> Result<(), Failure> {
    title("carol leaves");
    stage.actor("carol")?.there = false;
    stage.at_host("carol", &["leave"])?;
    let took = stage.wait_until_equal()?;
    said(&format!("gone from every list {} later", span(took)));
    Ok(())
}

fn die(stage: &mut Stage) -> Result<(), Failure> {
    title("dave's machine dies (kill -9)");
    let dave = stage.actor("dave")?;
    dave.agent.kill();
    dave.there = false;
    let took = stage.wait_until_equal()?;
    said(&format!("gone from every list {} later: 2.5 check times after its last heartbeat", span(took)));
    Ok(())
}

fn move_on(stage: &mut Stage) -> Result<(), Failure> {
    // Where datagrams are lost, a host may have found the way to the HMS that leads around its relay.
    let behind = |row: &&Row| {
        row.user != "alice" && row.address.is_some() && row.reported.first() != row.address.as_ref()
    };
    let Some(before) = stage.table()?.iter().find(behind).map(place) else {
        title("A host moves");
        said("not shown: all hosts have found a way around their bad network");
        return Ok(());
    };
    let user = before.user;
    title(&format!("The router in front of {user} forgets the port it gave: {user} is somewhere else now"));
    stage.actor(&user)?.relay.signal("USR1");
    let after = stage.wait_for("there is another address", |stage| {
        let rows = stage.table().map_err(|failure| failure.message)?;
        match rows.iter().find(|row| row.user == user).map(place) {
            Some(now) if now.address != before.address => Ok(now),
            other => Err(format!("{user} is at {other:?}")),
        }
    })?;
    if after.since != before.since {
        let message = format!("{user} had to register anew: {:?} became {:?}", before.since, after.since);
        return Err(Failure::new(NO, message));
    }
    said(&format!("{} became {}, after a proof; the registration stayed", before.address, after.address));
    Ok(())
}

/// Where a user is, and since when registered.
#[derive(Debug)]
struct Place {
    user: String,
    address: String,
    since: Option<String>,
}

fn place(row: &Row) -> Place {
    Place {
        user: row.user.clone(),
        address: row.address.clone().unwrap_or_default(),
        since: row.since.clone(),
    }
}

fn restart(stage: &mut Stage) -> Result<(), Failure> {
    title("The HMS stops");
    stage.stop_hms()?;
    let expected = stage.expected();
    stage.wait_for("every host notices", |stage| {
        let fresh = |actor: &&stage::Actor| stage.list(actor).map_or(true, |(_, fresh)| fresh);
        let left: Vec<&str> = stage
            .actors
            .iter()
            .filter(|actor| actor.there)
            .filter(fresh)
            .map(|actor| actor.expected.user.as_str())
            .collect();
        if left.is_empty() { Ok(()) } else { Err(format!("not noticed by {}", left.join(", "))) }
    })?;
    said(&format!(
        "every host still has its list of {} in its storage, and says how old it is",
        human::count(expected.len(), "host")
    ));
    title("The HMS starts again");
    let ready = stage.start_hms()?;
    said(&ready);
    let took = stage.wait_until_equal()?;
    said(&format!("all rows are back {} later, and nobody touched a host", span(took)));
    Ok(())
}

/// Every list against the hosts that run.
fn judge(stage: &mut Stage) -> Result<(), Failure> {
    title("Verdict: every list against the hosts that run");
    let wrong = stage.all_differences();
    let names = std::iter::once("HMS")
        .chain(stage.actors.iter().filter(|actor| actor.there).map(|actor| actor.expected.user.as_str()));
    let hosts = human::count(stage.expected().len(), "host");
    let lines: Vec<Vec<Cell>> = names
        .map(|name| {
            let found = wrong.iter().filter(|difference| difference.starts_with(&format!("{name}:"))).count();
            let verdict = match found {
                0 => Cell::new("right", Look::Green),
                n => Cell::new(human::count(n, "difference"), Look::Red),
            };
            vec![name.into(), hosts.as_str().into(), verdict]
        })
        .collect();
    for line in table(&["LIST OF", "MUST HAVE", "IS"], &lines, out::colours()).lines() {
        said(line);
    }
    if wrong.is_empty() { Ok(()) } else { Err(Failure::new(NO, wrong.join("\n"))) }
}

fn span(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}
