//! The demo's HMS, its hosts, and what they say.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::process::{self, Process};
use super::verdict::{Expected, differences};
use crate::cli::args::Demo;
use crate::cli::fail::{Failure, NO};
use crate::cli::out;
use crate::cli::rows::{self, Row};
use crate::cli::watch;
use crate::shell::clock;
use crate::shell::control::{Client, Events};
use crate::shell::paths::{Socket, find_socket};
use crate::time::{Duration, Instant};

/// The HMSs, the primary first.
pub(super) const PAIR: [&str; 2] = ["atlas", "borealis"];
/// How often a host says that it is there: short, so that it can be waited for.
pub(super) const CHECK_TIME: Duration = Duration::from_secs(1);
/// How long the demo looks for news before it looks at the lists again.
const TURN: Duration = Duration::from_millis(25);
/// Nothing that the demo waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// One host with the network in front of it.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) expected: Expected,
    pub(super) state: PathBuf,
    pub(super) agent: Process,
    pub(super) relay: Process,
    /// Neither left nor dead.
    pub(super) there: bool,
}

/// One of the HMSs.
#[derive(Debug)]
struct Hms {
    name: &'static str,
    state: PathBuf,
    /// Nothing while it does not run.
    process: Option<Process>,
    address: Option<SocketAddr>,
}

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Stage {
    dir: tempfile::TempDir,
    loss: u8,
    seed: u64,
    interrupted: Arc<AtomicBool>,
    pair: Vec<Hms>,
    news: Option<Events>,
    started: Instant,
    pub(super) actors: Vec<Actor>,
}

impl Stage {
    pub(super) fn new(args: &Demo) -> Result<Self, Failure> {
        let failed = |e: std::io::Error| Failure::no(format!("cannot make a temporary directory: {e}"));
        let dir = tempfile::Builder::new().prefix("hms-demo-").tempdir().map_err(failed)?;
        let mut pair = Vec::new();
        for name in PAIR {
            let state = dir.path().join(name);
            fs::create_dir(&state).map_err(failed)?;
            let settings =
                format!("[hms]\nname = \"{name}\"\n[hosts]\ncheck_time = \"{}s\"\n", CHECK_TIME.as_secs());
            fs::write(state.join("hms.toml"), settings).map_err(failed)?;
            pair.push(Hms { name, state, process: None, address: None });
        }
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // Without it Ctrl-C leaves the temporary directory behind, no more.
            let _ = signal_hook::flag::register(signal, Arc::clone(&interrupted));
        }
        Ok(Self {
            dir,
            loss: args.loss,
            seed: args.seed,
            interrupted,
            pair,
            news: None,
            started: clock::now(),
            actors: Vec::new(),
        })
    }

    /// Time since the demo began.
    pub(super) fn elapsed(&self) -> Duration {
        clock::now().since(self.started)
    }

    fn hms(&self, name: &str) -> Result<&Hms, Failure> {
        let found = self.pair.iter().find(|hms| hms.name == name);
        found.ok_or_else(|| Failure::no(format!("the demo has no HMS {name}")))
    }

    fn hms_mut(&mut self, name: &str) -> Result<&mut Hms, Failure> {
        let found = self.pair.iter_mut().find(|hms| hms.name == name);
        found.ok_or_else(|| Failure::no(format!("the demo has no HMS {name}")))
    }

    /// The HMSs that run.
    pub(super) fn running(&self) -> impl Iterator<Item = &'static str> {
        self.pair.iter().filter(|hms| hms.process.is_some()).map(|hms| hms.name)
    }

    /// Starts an HMS, again on the same port, with the invitation that the other one printed if it is new; returns its
    /// first line.
    pub(super) fn start_hms(&mut self, name: &str, invitation: Option<&str>) -> Result<String, Failure> {
        let dir = self.dir.path().to_path_buf();
        let hms = self.hms_mut(name)?;
        let listen = hms.address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).to_string();
        let state = text(&hms.state);
        let mut arguments = vec!["serve", "--listen", &listen, "--state", &state];
        arguments.extend(invitation.into_iter().flat_map(|invitation| ["--join", invitation]));
        let mut process = Process::start(name, &dir, &arguments)?;
        let ready = process.line()?;
        hms.process = Some(process);
        let status = ask(&hms.state, &json!({"cmd": "status"}))?;
        hms.address = status.pointer("/listen/0").and_then(Value::as_str).and_then(|text| text.parse().ok());
        if hms.address.is_none() {
            return Err(Failure::no(format!("{name} does not say where it listens: {status}")));
        }
        Ok(ready)
    }

    /// What `hms token --hms` prints at an HMS.
    pub(super) fn invitation(&self, name: &str) -> Result<String, Failure> {
        let hms = self.hms(name)?;
        let address = hms.address.map(|address| address.to_string()).unwrap_or_default();
        process::run(&["token", "--hms", "--bare", "--address", &address, "--state", &text(&hms.state)])
    }

    /// Shows from now on what this HMS tells of its directory.
    pub(super) fn watch(&mut self, name: &str) -> Result<(), Failure> {
        let client = Client::connect(&find_socket(&self.hms(name)?.state, Socket::Observe))?;
        self.news = Some(client.stream(&json!({"cmd": "watch"}))?);
        Ok(())
    }

    /// Kills an HMS as a power cut would.
    pub(super) fn kill_hms(&mut self, name: &str) -> Result<(), Failure> {
        if let Some(mut process) = self.hms_mut(name)?.process.take() {
            process.kill();
        }
        Ok(())
    }

    /// What an HMS says of itself and of the other one.
    pub(super) fn status(&self, name: &str) -> Result<Value, Failure> {
        ask(&self.hms(name)?.state, &json!({"cmd": "status"}))
    }

    /// Whether the other HMS is up, and both find their tables equal.
    pub(super) fn is_equal(&self, name: &str) -> Result<bool, Failure> {
        let status = self.status(name)?;
        let is = |key: &str, wanted: Value| status.pointer(key) == Some(&wanted);
        Ok(is("/peers/0/status", json!("up")) && is("/peers/0/equal", json!(true)))
    }

    /// Stops the HMSs in order; none is left to hand over to.
    fn stop_pair(&mut self) {
        self.news = None;
        for hms in self.pair.iter().filter(|hms| hms.process.is_some()) {
            // What cannot be told is killed when it is dropped.
            let _ = command(&hms.state, &json!({"cmd": "stop"}));
        }
        for process in self.pair.iter_mut().filter_map(|hms| hms.process.as_mut()) {
            process.wait(PATIENCE);
        }
    }

    /// Starts a host behind networks of its own, one to each HMS, with a token that `hms token` prints for it.
    pub(super) fn start_host(&mut self, user: &str, host: &str, options: &[&str]) -> Result<(), Failure> {
        let number = u8::try_from(self.actors.len()).unwrap_or(u8::MAX).saturating_add(11);
        let own = process::own_address(number);
        let relay = self.start_relay(user, own, number)?;
        let state = self.dir.path().join(user);
        let hms = self.pair.first().map(|hms| text(&hms.state)).unwrap_or_default();
        let (relay, addresses) = relay;
        let mut arguments = vec!["token", user, "--bare", "--state", &hms];
        arguments.extend(addresses.iter().flat_map(|address| ["--address", address.as_str()]));
        let token = process::run(&arguments)?;
        let state_text = text(&state);
        let bind = own.to_string();
        let mut arguments = vec!["join", &token, "--name", host, "--bind", &bind, "--state", &state_text];
        arguments.extend(options);
        let agent = Process::start(user, self.dir.path(), &arguments)?;
        let expected = Expected {
            user: user.to_owned(),
            host: host.to_owned(),
            state: "standby".to_owned(),
            conference: None,
            video: None,
            services: Vec::new(),
            address: own,
        };
        self.actors.push(Actor { expected, state, agent, relay, there: true });
        Ok(())
    }

    /// Its process, and the addresses on which it takes what the host sends, one for each HMS.
    fn start_relay(&self, user: &str, own: IpAddr, number: u8) -> Result<(Process, Vec<String>), Failure> {
        let to: Vec<String> =
            self.pair.iter().filter_map(|hms| hms.address).map(|to| to.to_string()).collect();
        let (from, loss) = (own.to_string(), self.loss.to_string());
        let seed = self.seed.wrapping_mul(256).wrapping_add(number.into()).to_string();
        let mut arguments = vec!["demo-relay", "--from", &from, "--loss", &loss, "--seed", &seed];
        arguments.extend(to.iter().flat_map(|to| ["--to", to.as_str()]));
        let mut relay = Process::start(&format!("relay-{user}"), self.dir.path(), &arguments)?;
        let addresses = to.iter().map(|_| relay.line()).collect::<Result<_, _>>()?;
        Ok((relay, addresses))
    }

    /// Runs `hms ARGUMENTS` at the host of `user`.
    pub(super) fn at_host(&mut self, user: &str, arguments: &[&str]) -> Result<(), Failure> {
        let state = text(&self.actor(user)?.state);
        out::line(format_args!("   at {user}'s machine: hms {}", arguments.join(" ")));
        let mut all = arguments.to_vec();
        all.extend(["--state", &state]);
        process::run(&all).map(|_| ())
    }

    pub(super) fn actor(&mut self, user: &str) -> Result<&mut Actor, Failure> {
        let found = self.actors.iter_mut().find(|actor| actor.expected.user == user);
        found.ok_or_else(|| Failure::no(format!("the demo has no {user}")))
    }

    /// What every list must say now.
    pub(super) fn expected(&self) -> Vec<Expected> {
        self.actors.iter().filter(|actor| actor.there).map(|actor| actor.expected.clone()).collect()
    }

    /// An HMS's own list.
    pub(super) fn table(&self, name: &str) -> Result<Vec<Row>, Failure> {
        Ok(list(&self.hms(name)?.state, &json!({"cmd": "hosts"}))?.0)
    }

    /// The list in the storage of one host, and the HMS that keeps it up to date.
    pub(super) fn list(&self, actor: &Actor) -> Result<(Vec<Row>, Option<String>), Failure> {
        let (hosts, who) = list(&actor.state, &json!({"cmd": "who"}))?;
        let text = |key: &str| who.get(key).and_then(Value::as_str);
        let fresh = text("source") == Some("hms");
        Ok((hosts, text("hms").filter(|_| fresh).map(str::to_owned)))
    }

    /// All differences of all lists from what they must say.
    pub(super) fn all_differences(&self) -> Vec<String> {
        let expected = self.expected();
        let told = |name: &str, list: Result<Vec<Row>, Failure>| match list {
            Ok(rows) => differences(&expected, &rows).into_iter().map(|d| format!("{name}: {d}")).collect(),
            Err(failure) => vec![format!("{name}: {failure}")],
        };
        let mut all: Vec<String> = self.running().flat_map(|name| told(name, self.table(name))).collect();
        for actor in self.actors.iter().filter(|actor| actor.there) {
            all.extend(told(&actor.expected.user, self.list(actor).map(|(rows, _)| rows)));
        }
        all
    }

    /// Waits until every list says what it must; returns how long that took.
    pub(super) fn wait_until_equal(&mut self) -> Result<Duration, Failure> {
        let since = clock::now();
        self.wait_for("every list is right", |stage| {
            let left = stage.all_differences();
            if left.is_empty() { Ok(()) } else { Err(left.join("\n   ")) }
        })?;
        Ok(clock::now().since(since))
    }

    /// Shows the news until `done`; a failure says what it still waited for.
    pub(super) fn wait_for<T>(
        &mut self,
        what: &str,
        mut done: impl FnMut(&Self) -> Result<T, String>,
    ) -> Result<T, Failure> {
        let end = clock::now() + PATIENCE;
        loop {
            self.show_news()?;
            match done(self) {
                Ok(value) => return Ok(value),
                Err(left) if clock::now() >= end => {
                    return Err(Failure::no(format!(
                        "after {PATIENCE:?} not yet: {what}\n   {left}{}",
                        self.ended()
                    )));
                }
                Err(_) => {}
            }
        }
    }

    /// Prints what the HMS tells within a short time.
    pub(super) fn show_news(&mut self) -> Result<(), Failure> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Failure::new(NO, "interrupted"));
        }
        let Some(news) = &mut self.news else {
            std::thread::park_timeout(TURN);
            return Ok(());
        };
        news.set_timeout(Some(TURN));
        while let Some(event) = news.next() {
            let Ok(mut event) = event else { break };
            // There is only one.
            event.pointer_mut("/row/realm").map(Value::take);
            let at = clock::now().since(self.started).as_secs_f64();
            out::line(format_args!("   {at:6.2} s  {}", watch::describe_event(&event, out::colours())));
            news.set_timeout(Some(Duration::from_millis(1)));
        }
        Ok(())
    }

    /// The last words of processes that ended though nobody told them to.
    fn ended(&mut self) -> String {
        let gone = self.actors.iter_mut().filter_map(|actor| {
            let ended = actor.there && !actor.agent.runs();
            ended.then(|| format!("\n   {}'s agent ended: {}", actor.expected.user, actor.agent.last_words()))
        });
        gone.collect()
    }

    /// Ends everything in order; returns how many datagrams the relays took, lost and repeated.
    pub(super) fn close(&mut self) -> [u64; 3] {
        self.actors.iter().for_each(|actor| {
            // A host that left or died has no agent to tell.
            let _ = command(&actor.state, &json!({"cmd": "stop"}));
            actor.relay.signal("TERM");
        });
        let mut sum = [0; 3];
        for actor in &mut self.actors {
            actor.agent.wait(Duration::from_secs(3));
            let counts = actor.relay.rest();
            for (total, count) in sum.iter_mut().zip(counts.split_whitespace()) {
                *total += count.parse::<u64>().unwrap_or(0);
            }
        }
        self.stop_pair();
        sum
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn ask(state: &Path, request: &Value) -> Result<Value, Failure> {
    Client::connect(&find_socket(state, Socket::Observe))?.request(request).map_err(Failure::from)
}

/// Rows by user name, and the answer behind them.
fn list(state: &Path, request: &Value) -> Result<(Vec<Row>, Value), Failure> {
    let mut client = Client::connect(&find_socket(state, Socket::Observe))?;
    let mut lines = Vec::new();
    let answer = client.list(request, &mut |row| lines.push(row))?;
    Ok((rows::parse(&rows::sorted(lines)?)?, answer))
}

fn command(state: &Path, request: &Value) -> Result<Value, Failure> {
    Client::connect(&find_socket(state, Socket::Control))?.request(request).map_err(Failure::from)
}
