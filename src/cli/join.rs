//! `hms join` and `hms agent`: this machine becomes and stays a registered host.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use zeroize::Zeroizing;

use super::args::{AgentArgs, Global, HostOptions, Join};
use super::fail::{Failure, NO, OK, Outcome, USAGE};
use super::{human, out};
use crate::config::{parse_destination, parse_duration};
use crate::host::parse_service;
use crate::ident::Name;
use crate::shell::agent_daemon::{self, AgentNotice, AgentOptions};
use crate::shell::files::HOST_STORE;
use crate::shell::paths::{Role, state_dir};
use crate::shell::state_dir::StateDir;
use crate::storage::HostStore;
use crate::time::Duration;
use crate::token::Token;
use crate::wire::{Content, Service};

/// Where a detached agent writes what it has to say.
pub(super) const LOG: &str = "agent.log";

pub(super) fn join(args: &Join, global: &Global) -> Outcome {
    let state = StateDir::new(state_dir(Role::Agent, global.state.as_deref()));
    let token = token(args.token.as_deref(), &state)?;
    let timeout = parse_duration(&args.timeout)
        .map_err(|remedy| Failure::usage(format!("--timeout {}: {remedy}", args.timeout)))?;
    let said = Said::read(&args.host)?;
    if args.detach {
        return detach(args, &token, &state);
    }
    run(&state, Some(token), &said, (args.host.bind, args.json), Some(timeout))
}

pub(super) fn agent(args: &AgentArgs, global: &Global) -> Outcome {
    let state = StateDir::new(state_dir(Role::Agent, global.state.as_deref()));
    run(&state, None, &Said::default(), (args.bind, false), None)
}

/// The token from the command line, `$HMS_TOKEN` or stdin; without any the stored one.
fn token(given: Option<&str>, state: &StateDir) -> Result<Token, Failure> {
    let text = match given {
        Some("-") => {
            let mut text = Zeroizing::new(String::new());
            let read = io::stdin().lock().take(65_536).read_to_string(&mut text);
            read.map_err(|error| Failure::usage(format!("cannot read the token from stdin: {error}")))?;
            text
        }
        Some(text) => Zeroizing::new(text.to_owned()),
        None => return stored(state),
    };
    // The whole line that `hms token` prints will do, too.
    let word = text.trim();
    let word = word.strip_prefix("hms join ").unwrap_or(word);
    Token::parse(word).map_err(|error| Failure::usage(error.to_string()))
}

fn stored(state: &StateDir) -> Result<Token, Failure> {
    let missing = || {
        Failure::usage(
            "give the token: `hms join TOKEN`; the HMS's `hms token NAME` prints the line for this machine",
        )
    };
    let bytes =
        state.read(HOST_STORE).map_err(|error| Failure::no(error.to_string()))?.ok_or_else(missing)?;
    let store = HostStore::from_bytes(&bytes)
        .map_err(|error| Failure::usage(format!("{}: {error}", state.file(HOST_STORE).display())))?;
    Ok(store.token)
}

/// What the options say of this host, checked.
#[derive(Debug, Default)]
struct Said {
    name: Option<Name>,
    ports: [Option<u16>; 3],
    services: Vec<Service>,
    addresses: Vec<SocketAddr>,
    fixed: bool,
}

impl Said {
    fn read(options: &HostOptions) -> Result<Self, Failure> {
        let name = options.name.as_deref().map(Name::new).transpose();
        let service = |text: &String| {
            parse_service(text).map_err(|error| Failure::usage(format!("--service {text}: {error}")))
        };
        let address = |text: &String| {
            parse_destination(text, 0).map_err(|remedy| Failure::usage(format!("--address {text}: {remedy}")))
        };
        Ok(Self {
            name: name.map_err(|error| Failure::usage(format!("--name: {error}")))?,
            ports: [options.data, options.video, options.audio],
            services: options.service.iter().map(service).collect::<Result<_, _>>()?,
            addresses: options.address.iter().map(address).collect::<Result<_, _>>()?,
            fixed: options.fixed,
        })
    }

    /// What is not said stays as it was.
    fn apply(&self, content: &mut Content) {
        if let Some(name) = &self.name {
            content.host_name = name.clone();
        }
        let [data, video, audio] = self.ports;
        content.ports.data = data.unwrap_or(content.ports.data);
        content.ports.video = video.unwrap_or(content.ports.video);
        content.ports.audio = audio.unwrap_or(content.ports.audio);
        if !self.services.is_empty() {
            content.services.clone_from(&self.services);
        }
        content.fixed |= self.fixed;
    }
}

fn run(
    state: &StateDir,
    token: Option<Token>,
    said: &Said,
    (bind, as_json): (Option<IpAddr>, bool),
    timeout: Option<Duration>,
) -> Outcome {
    let options = AgentOptions {
        state: state.path().to_owned(),
        token,
        content: &mut |content| said.apply(content),
        report: Some(said.addresses.clone()).filter(|addresses| !addresses.is_empty()),
        bind,
        timeout,
        notify: &mut |notice| tell(&notice, as_json),
    };
    agent_daemon::run(options).map_err(|error| Failure::new(error.exit, error.message))?;
    Ok(OK)
}

/// The first registration is the answer to the command; all that follows is news.
fn tell(notice: &AgentNotice, as_json: bool) {
    match notice {
        AgentNotice::AlreadyRunning { pid, user } if as_json => {
            out::json_line(
                &json!({"registered": null, "user": user.as_str(), "hms": null, "address": null, "pid": pid}),
            );
        }
        AgentNotice::Registered { hms, user, address, first: true } if as_json => {
            let address = address.map(|address| address.to_string());
            out::json_line(
                &json!({"registered": true, "user": user.as_str(), "hms": hms.as_str(), "address": address,
                "pid": std::process::id()}),
            );
        }
        AgentNotice::AlreadyRunning { pid, user } => {
            let process = pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
            out::line(format_args!(
                "an agent is already running for {user}{process}: nothing to do; `hms set` changes what it says of itself"
            ));
        }
        AgentNotice::Searching { user, sockets } => {
            log::info!("looking for an HMS as {user}; control sockets in {}", sockets.display());
        }
        AgentNotice::Registered { hms, user, address, first } => {
            let address = address.map_or_else(|| "address unknown".to_owned(), |address| address.to_string());
            let text = format!("registered at {hms} as {user} ({address})");
            if *first { out::line(text) } else { out::note(text) }
        }
        AgentNotice::Refused { message, retry } => {
            let retry = human::span(u64::try_from(retry.as_millis()).unwrap_or(u64::MAX));
            out::note(format_args!("refused for now: {message}; trying again in {retry}"));
        }
        AgentNotice::Hint(message) => out::note(format_args!("unproven hint: {message}; still trying")),
        AgentNotice::Lost => out::note("no HMS answers; the list is served from storage, still trying"),
        AgentNotice::Back(hms) => {
            let hms = hms.as_ref().map_or("an HMS", AsRef::as_ref);
            out::note(format_args!("{hms} answers again"));
        }
        AgentNotice::Warning(text) => out::note(format_args!("warning: {text}")),
        AgentNotice::Leaving => out::note("leaving"),
    }
}

/// Starts the same join in a process of its own and returns when that has registered.
fn detach(args: &Join, token: &Token, state: &StateDir) -> Outcome {
    let state = StateDir::create(state.path()).map_err(|error| Failure::usage(error.to_string()))?;
    let log = state.file(LOG);
    let failed = |error: io::Error| Failure::no(format!("cannot start the agent: {error}"));
    // An agent that runs already goes on writing there.
    let free = state.lock().is_ok();
    let open = || {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&log)?;
        if free { file.set_len(0).map(|()| file) } else { Ok(file) }
    };
    let file = open().map_err(|error| Failure { exit: USAGE, ..Failure::file(&log, &error) })?;
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    // The token goes through a pipe: a command line can be read by everybody on the machine.
    command.args(["join", "-"]).args(again(args)).arg("--state").arg(state.path()).env_remove("HMS_TOKEN");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
    // Not in this terminal's group: Ctrl-C here is not meant for it.
    let mut child = command.process_group(0).spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        let word = Zeroizing::new(token.encode());
        stdin.write_all(word.as_bytes()).map_err(failed)?;
    }
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(failed)?;
    }
    if !line.is_empty() {
        out::text(&line);
        return Ok(OK);
    }
    let status = child.wait().map_err(failed)?;
    let exit = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(NO);
    Err(Failure::new(exit, last_words(&log)))
}

fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let text = text.trim().trim_start_matches("hms: ");
    if text.is_empty() {
        format!("the agent ended without a word; see {}", log.display())
    } else {
        text.to_owned()
    }
}

/// The options of this join as words, for the process that does it.
fn again(args: &Join) -> Vec<String> {
    let HostOptions { name, data, video, audio, service, address, fixed, bind } = &args.host;
    let mut words = vec![format!("--timeout={}", args.timeout)];
    words.extend(name.iter().map(|name| format!("--name={name}")));
    for (option, port) in [("data", data), ("video", video), ("audio", audio)] {
        words.extend(port.iter().map(|port| format!("--{option}={port}")));
    }
    words.extend(service.iter().map(|service| format!("--service={service}")));
    words.extend(address.iter().map(|address| format!("--address={address}")));
    words.extend(bind.iter().map(|bind| format!("--bind={bind}")));
    words.extend(fixed.then(|| "--fixed".to_owned()));
    words.extend(args.json.then(|| "--json".to_owned()));
    words
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn parsed(words: &[&str]) -> Join {
        let all = ["hms", "join"].iter().chain(words);
        match Cli::try_parse_from(all).map(|cli| cli.command) {
            Ok(Command::Join(join)) => join,
            other => panic!("not a join: {other:?}"),
        }
    }

    #[test]
    fn a_detached_join_is_the_same_join() {
        let words = [
            "x",
            "--name",
            "pc 1",
            "--data",
            "1",
            "--video",
            "2",
            "--audio",
            "3",
            "--service",
            "sip:5060",
            "--service",
            "web:80/tcp",
            "--address",
            "10.0.0.1",
            "--fixed",
            "--timeout",
            "5s",
            "--bind",
            "127.0.0.3",
            "--json",
        ];
        let first = parsed(&words);
        let again = again(&first);
        let again: Vec<&str> = std::iter::once("x").chain(again.iter().map(String::as_str)).collect();
        assert_eq!(format!("{:?}", parsed(&again)), format!("{first:?}"));
    }

    #[test]
    fn options_change_only_what_they_say() {
        let name = |text: &str| Name::new(text).expect("a name");
        let mut content = Content::new(name("alice"), name("pc"));
        content.ports.audio = 7;
        Said::read(&parsed(&["x", "--video", "5004", "--service", "sip:5060"]).host)
            .expect("right")
            .apply(&mut content);
        assert_eq!((content.ports.video, content.ports.audio, content.services.len()), (5004, 7, 1));
        assert_eq!((content.host_name.as_str(), content.fixed), ("pc", false));
        Said::default().apply(&mut content);
        assert_eq!(content.services.len(), 1);
        for wrong in [["--service", "sip"], ["--address", "pc.example"], ["--name", ""]] {
            let failure = Said::read(&parsed(&["x", wrong[0], wrong[1]]).host).expect_err("wrong");
            assert!(failure.exit == 2 && failure.message.starts_with(wrong[0]), "{failure}");
        }
    }
}
