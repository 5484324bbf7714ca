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

/// The settings of the demo's HMS: a short check time, so that it can be waited for.
const SETTINGS: &str = "[hms]\nname = \"demo\"\n[hosts]\ncheck_time = \"1s\"\n";
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

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Stage {
    dir: tempfile::TempDir,
    loss: u8,
    seed: u64,
    interrupted: Arc<AtomicBool>,
    hms: Option<Process>,
    address: Option<SocketAddr>,
    news: Option<Events>,
    started: Instant,
    pub(super) actors: Vec<Actor>,
}

impl Stage {
    pub(super) fn new(args: &Demo) -> Result<Self, Failure> {
        let failed = |e: std::io::Error| Failure::no(format!("cannot make a temporary directory: {e}"));
        let dir = tempfile::Builder::new().prefix("hms-demo-").tempdir().map_err(failed)?;
        fs::create_dir(dir.path().join("hms")).map_err(failed)?;
        fs::write(dir.path().join("hms/hms.toml"), SETTINGS).map_err(failed)?;
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
            hms: None,
            address: None,
            news: None,
            started: clock::now(),
            actors: Vec::new(),
        })
    }

    fn hms_state(&self) -> PathBuf {
        self.dir.path().join("hms")
    }

    /// Time since the demo began.
    pub(super) fn elapsed(&self) -> Duration {
        clock::now().since(self.started)
    }

    /// Starts the HMS, again on the same port; returns its first line.
    pub(super) fn start_hms(&mut self) -> Result<String, Failure> {
        let state = self.hms_state();
        let listen = self.address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).to_string();
        let arguments = ["serve", "--listen", &listen, "--state", &text(&state)];
        let mut hms = Process::start("hms", self.dir.path(), &arguments)?;
        let ready = hms.line()?;
        self.hms = Some(hms);
        let status = ask(&state, &json!({"cmd": "status"}))?;
        let address = status.pointer("/listen/0").and_then(Value::as_str).and_then(|text| text.parse().ok());
        self.address = address;
        if address.is_none() {
            return Err(Failure::no(format!("the HMS does not say where it listens: {status}")));
        }
        let client = Client::connect(&find_socket(&state, Socket::Observe))?;
        self.news = Some(client.stream(&json!({"cmd": "watch"}))?);
        Ok(ready)
    }

    /// Stops the HMS the orderly way.
    pub(super) fn stop_hms(&mut self) -> Result<(), Failure> {
        self.news = None;
        let Some(mut hms) = self.hms.take() else { return Ok(()) };
        command(&self.hms_state(), &json!({"cmd": "stop"}))?;
        if !hms.wait(PATIENCE) {
            return Err(Failure::no("the HMS does not stop"));
        }
        Ok(())
    }

    /// Starts a host behind a network of its own, with a token that `hms token` prints for it.
    pub(super) fn start_host(&mut self, user: &str, host: &str, options: &[&str]) -> Result<(), Failure> {
        let number = u8::try_from(self.actors.len()).unwrap_or(u8::MAX).saturating_add(11);
        let own = process::own_address(number);
        let relay = self.start_relay(user, own, number)?;
        let (hms, state) = (text(&self.hms_state()), self.dir.path().join(user));
        let token = process::run(&["token", user, "--bare", "--address", &relay.1, "--state", &hms])?;
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
        self.actors.push(Actor { expected, state, agent, relay: relay.0, there: true });
        Ok(())
    }

    /// Its process, and the address on which it takes what the host sends.
    fn start_relay(&self, user: &str, own: IpAddr, number: u8) -> Result<(Process, String), Failure> {
        let to = self.address.map(|address| address.to_string()).unwrap_or_default();
        let (from, loss) = (own.to_string(), self.loss.to_string());
        let seed = self.seed.wrapping_mul(256).wrapping_add(number.into()).to_string();
        let arguments = ["demo-relay", "--to", &to, "--from", &from, "--loss", &loss, "--seed", &seed];
        let mut relay = Process::start(&format!("relay-{user}"), self.dir.path(), &arguments)?;
        let address = relay.line()?;
        Ok((relay, address))
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

    /// The HMS's own list.
    pub(super) fn table(&self) -> Result<Vec<Row>, Failure> {
        Ok(list(&self.hms_state(), &json!({"cmd": "hosts"}))?.0)
    }

    /// The list in the storage of one host, and whether an HMS keeps it up to date.
    pub(super) fn list(&self, actor: &Actor) -> Result<(Vec<Row>, bool), Failure> {
        let (hosts, who) = list(&actor.state, &json!({"cmd": "who"}))?;
        let fresh = who.get("source").and_then(Value::as_str) == Some("hms");
        Ok((hosts, fresh))
    }

    /// All differences of all lists from what they must say.
    pub(super) fn all_differences(&self) -> Vec<String> {
        let expected = self.expected();
        let told = |name: &str, list: Result<Vec<Row>, Failure>| match list {
            Ok(rows) => differences(&expected, &rows).into_iter().map(|d| format!("{name}: {d}")).collect(),
            Err(failure) => vec![format!("{name}: {failure}")],
        };
        let mut all = told("HMS", self.table());
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
        // All is shown already: what is left is killed when it is dropped.
        let _ = self.stop_hms();
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
