//! `hms demo`: a real pair of HMSs, real hosts and a bad network on one machine, with a verdict.

mod process;
pub(super) mod relay;
mod stage;
mod verdict;

use std::collections::BTreeMap;

use super::args::Demo;
use super::fail::{Failure, NO, OK, Outcome};
use super::rows::{self, List, Row};
use super::table::{Cell, table};
use super::{human, out};
use crate::shell::clock;
use crate::time::Duration;
use out::Look;
use stage::{CHECK_TIME, PAIR, Stage};
use verdict::registered_anew;

/// A host whose HMS is killed is served again this long after its next heartbeat, which comes within 1.1 check times.
const FAIL_OVER: Duration = Duration::from_millis(5000 + CHECK_TIME.as_millis() as u64 * 11 / 10);

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
        "Two HMSs and {} hosts, as processes on this machine. Between each host and each HMS is a network that loses {} % of",
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
    let before = registrations(stage)?;
    let took = fail_over(stage)?;
    come_back(stage)?;
    judge(stage, &before, took)
}

fn title(text: &str) {
    out::line(format_args!("\n{}", Look::Bold.paint(text, out::colours())));
}

fn said(text: &str) {
    out::line(format_args!("   {text}"));
}

fn start(stage: &mut Stage) -> Result<(), Failure> {
    let [atlas, borealis] = PAIR;
    title("An HMS starts");
    said(&stage.start_hms(atlas, None)?);
    title("A second one joins it, by what `hms token --hms` printed there: hms serve --join hmsp1_…");
    let invitation = stage.invitation(atlas)?;
    said(&stage.start_hms(borealis, Some(&invitation))?);
    stage.wait_for("the two are a pair", |stage| {
        let role = |name| Ok::<_, Failure>(stage.status(name)?["role"].clone());
        match (role(atlas), role(borealis)) {
            (Ok(one), Ok(other)) if one == "primary" && other == "secondary" => Ok(()),
            roles => Err(format!("{roles:?}")),
        }
    })?;
    stage.watch(atlas)
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
    said("Both HMSs have the whole list, and every host has it in its storage:");
    let [atlas, _] = PAIR;
    show_table(stage, atlas)
}

fn show_table(stage: &Stage, hms: &str) -> Result<(), Failure> {
    let rows = stage.table(hms)?;
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
    let [atlas, _] = PAIR;
    // Where datagrams are lost, a host may have found the way to the HMS that leads around its relay.
    let behind = |row: &&Row| {
        row.user != "alice" && row.address.is_some() && row.reported.first() != row.address.as_ref()
    };
    let Some(before) = stage.table(atlas)?.iter().find(behind).map(place) else {
        title("A host moves");
        said("not shown: all hosts have found a way around their bad network");
        return Ok(());
    };
    let user = before.user;
    title(&format!("The router in front of {user} forgets the port it gave: {user} is somewhere else now"));
    stage.actor(&user)?.relay.signal("USR1");
    let after = stage.wait_for("there is another address", |stage| {
        let rows = stage.table(atlas).map_err(|failure| failure.message)?;
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

/// Since when each user that is there is registered.
fn registrations(stage: &Stage) -> Result<BTreeMap<String, Option<String>>, Failure> {
    let mut all = BTreeMap::new();
    for name in stage.running() {
        all.extend(stage.table(name)?.into_iter().map(|row| (row.user, row.since)));
    }
    Ok(all)
}

/// The primary dies; returns after what time the last host was served by the other one.
fn fail_over(stage: &mut Stage) -> Result<Duration, Failure> {
    let [atlas, borealis] = PAIR;
    title(&format!("{atlas}, the primary, dies (kill -9)"));
    let since = clock::now();
    stage.kill_hms(atlas)?;
    stage.watch(borealis)?;
    stage.wait_for("every host is served by the other HMS", |stage| {
        let table = stage.table(borealis).map_err(|failure| failure.message)?;
        let is_home =
            |user: &str| table.iter().any(|row| row.user == user && row.via.as_deref() == Some(borealis));
        let hears =
            |actor: &stage::Actor| stage.list(actor).is_ok_and(|(_, hms)| hms.as_deref() == Some(borealis));
        let there = stage.actors.iter().filter(|actor| actor.there);
        let left: Vec<&str> = there
            .filter(|actor| !(is_home(&actor.expected.user) && hears(actor)))
            .map(|actor| actor.expected.user.as_str())
            .collect();
        if left.is_empty() { Ok(()) } else { Err(format!("not yet {}", left.join(", "))) }
    })?;
    let took = clock::now().since(since);
    let hosts = human::count(stage.expected().len(), "host");
    said(&format!("{borealis} serves all {hosts} after {}: with the sessions that they had", span(took)));
    stage.wait_until_equal()?;
    stage.wait_for("the other HMS leads", |stage| {
        let status = stage.status(borealis).map_err(|failure| failure.message)?;
        if status["role"] == "primary" { Ok(()) } else { Err(format!("it is {}", status["role"])) }
    })?;
    said(&format!("{borealis} is the primary after {}", span(clock::now().since(since))));
    Ok(took)
}

fn come_back(stage: &mut Stage) -> Result<(), Failure> {
    let [atlas, borealis] = PAIR;
    title(&format!("{atlas} starts again"));
    said(&stage.start_hms(atlas, None)?);
    let since = clock::now();
    stage.wait_for("both tables are equal", |stage| {
        let equal = |name| stage.is_equal(name).unwrap_or(false);
        if equal(atlas) && equal(borealis) {
            return Ok(());
        }
        let row = |name| stage.status(name).map(|status| status["peers"].to_string()).unwrap_or_default();
        Err(format!("{atlas} says {}\n   {borealis} says {}", row(atlas), row(borealis)))
    })?;
    stage.wait_until_equal()?;
    said(&format!(
        "both have the same table {} later, and nobody touched a host:",
        span(clock::now().since(since))
    ));
    show_table(stage, atlas)
}

/// Every list against the hosts that run, and what became of their registrations.
fn judge(
    stage: &mut Stage,
    before: &BTreeMap<String, Option<String>>,
    took: Duration,
) -> Result<(), Failure> {
    title("Verdict: every list against the hosts that run");
    let mut wrong = stage.all_differences();
    let hosts = human::count(stage.expected().len(), "host");
    let names = stage
        .running()
        .map(|name| format!("HMS {name}"))
        .chain(stage.actors.iter().filter(|actor| actor.there).map(|actor| actor.expected.user.clone()));
    let lines: Vec<Vec<Cell>> = names
        .map(|name| {
            let list = name.trim_start_matches("HMS ");
            let found = wrong.iter().filter(|difference| difference.starts_with(&format!("{list}:"))).count();
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
    let after = registrations(stage)?;
    let anew = registered_anew(before, &after);
    said(&format!(
        "of {hosts}: {} lost, {} registered anew; the last one was served again {} after the kill, {} allowed",
        before.keys().filter(|user| !after.contains_key(*user)).count(),
        anew.len(),
        span(took),
        span(FAIL_OVER)
    ));
    wrong.extend(anew.into_iter().map(|user| format!("{user} had to register anew")));
    if took > FAIL_OVER {
        wrong.push(format!("the fail-over took {}, not at most {}", span(took), span(FAIL_OVER)));
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
