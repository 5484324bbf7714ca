//! An HMS and hosts as they run, each daemon in a thread of its own, on loopback.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::DaemonError;
use super::agent_daemon::{self, AgentNotice, AgentOptions};
use super::control::Client;
use super::files;
use super::paths::{Socket, find_socket};
use super::server_daemon::{self, Ready, ServeOptions, ServerNotice};
use super::state_dir::StateDir;
use crate::token::Token;

const PATIENCE: Duration = Duration::from_secs(10);

fn serve(state: PathBuf, listen: SocketAddr, notices: Sender<ServerNotice>) -> Result<(), DaemonError> {
    let mut settings = || {
        let text = "[hms]\nname = \"atlas\"\n[hosts]\ncheck_time = \"2s\"\n";
        Ok(crate::config::check(text, "hms.toml"))
    };
    let mut notify = |notice| drop(notices.send(notice));
    server_daemon::run(ServeOptions {
        state,
        listen: vec![listen],
        settings: &mut settings,
        join: None,
        keylog: None,
        notify: &mut notify,
    })
}

fn agent(
    state: PathBuf,
    token: Option<Token>,
    ip: [u8; 4],
    notices: Sender<AgentNotice>,
) -> Result<(), DaemonError> {
    let mut notify = |notice| drop(notices.send(notice));
    agent_daemon::run(AgentOptions {
        state,
        token,
        content: &mut |content| content.ports.video = 5004,
        report: None,
        bind: Some(IpAddr::from(ip)),
        timeout: Some(PATIENCE),
        notify: &mut notify,
    })
}

fn ready(notices: &Receiver<ServerNotice>) -> Ready {
    loop {
        if let ServerNotice::Ready(ready) = notices.recv_timeout(PATIENCE).expect("a notice") {
            return *ready;
        }
    }
}

fn until(notices: &Receiver<AgentNotice>, wanted: impl Fn(&AgentNotice) -> bool) -> AgentNotice {
    loop {
        let notice = notices.recv_timeout(PATIENCE).expect("a notice");
        if wanted(&notice) {
            return notice;
        }
    }
}

fn registered(notice: &AgentNotice) -> bool {
    matches!(notice, AgentNotice::Registered { .. })
}

fn ask(state: &Path, request: &Value) -> Value {
    let mut client = Client::connect(&find_socket(state, Socket::Control)).expect("connected");
    client.request(request).expect("answered")
}

/// The users of a list.
fn users_in(state: &Path, command: &str) -> Vec<String> {
    let mut client = Client::connect(&find_socket(state, Socket::Observe)).expect("connected");
    let mut users = Vec::new();
    let mut user = |row: &str| {
        let row: Value = serde_json::from_str(row).expect("JSON");
        users.push(row["user"].as_str().expect("a name").to_owned());
    };
    client.list(&json!({"cmd": command}), &mut |row| user(row.get())).expect("answered");
    users
}

fn token(state: &Path, user: &str, addresses: Vec<SocketAddr>) -> Token {
    let secrets = files::load_secrets(&StateDir::new(state)).expect("read").expect("secrets");
    secrets.token(user, None, addresses).expect("a token")
}

/// The users that `state`'s agent lists, when there are `count`; its events tell when to look again.
fn listed(state: &Path, count: usize) -> Vec<String> {
    let client = Client::connect(&find_socket(state, Socket::Observe)).expect("connected");
    let mut events = client.stream(&json!({"cmd": "watch"})).expect("a stream");
    events.set_timeout(Some(PATIENCE));
    loop {
        let hosts = users_in(state, "who");
        if hosts.len() == count {
            return hosts;
        }
        events.next().expect("an event").expect("in time");
    }
}

#[test]
fn hosts_register_see_each_other_and_leave() {
    let temp = tempfile::tempdir().expect("a directory");
    let path = |name: &str| temp.path().join(name);
    std::thread::scope(|scope| {
        let (send, server_notices) = channel();
        let (state, listen) = (path("hms"), SocketAddr::from(([127, 0, 0, 1], 0)));
        let server = scope.spawn(move || serve(state, listen, send));
        let ready = ready(&server_notices);
        let watch = Client::connect(&find_socket(&path("hms"), Socket::Observe)).expect("connected");
        let mut watch = watch.stream(&json!({"cmd": "watch"})).expect("a stream");

        let (ann_token, bob_token) =
            (token(&path("hms"), "ann", ready.listen), token(&path("hms"), "bob", Vec::new()));
        let (send, ann_notices) = channel();
        let (ann_state, token) = (path("ann"), Some(ann_token.clone()));
        let ann = scope.spawn(move || agent(ann_state, token, [127, 0, 0, 2], send));
        until(&ann_notices, registered);
        let joined = watch.next().expect("an event").expect("readable");
        assert_eq!((&joined["event"], &joined["row"]["user"]), (&json!("join"), &json!("ann")));
        assert!(joined["row"]["address"].as_str().is_some_and(|address| address.starts_with("127.0.0.2:")));

        // By multicast: the token names no address.
        let (send, bob_notices) = channel();
        let bob_state = path("bob");
        let bob = scope.spawn(move || agent(bob_state, Some(bob_token), [127, 0, 0, 3], send));
        until(&bob_notices, registered);
        let mut users = listed(&path("ann"), 2);
        users.sort();
        assert_eq!(users, ["ann", "bob"]);
        ask(
            &path("bob"),
            &json!({"cmd": "set", "changes": {"state": "participating", "conference": "board"}}),
        );
        let update = watch.find(|event| event.as_ref().is_ok_and(|event| event["event"] == "update"));
        assert_eq!(update.expect("one").expect("readable")["row"]["conference"], "board");

        // A second agent with the same token says so; with another one it is refused.
        let (send, again_notices) = channel();
        agent(path("ann"), Some(ann_token), [127, 0, 0, 2], send).expect("nothing to do");
        until(&again_notices, |notice| matches!(notice, AgentNotice::AlreadyRunning { .. }));
        let (send, _notices) = channel();
        let other = self::token(&path("hms"), "eve", Vec::new());
        assert_eq!(agent(path("ann"), Some(other), [127, 0, 0, 2], send).expect_err("taken").exit, 2);

        ask(&path("bob"), &json!({"cmd": "leave", "forget": true}));
        assert_eq!(bob.join().expect("no panic"), Ok(()));
        assert!(!path("bob").join(files::HOST_STORE).exists());
        assert_eq!(listed(&path("ann"), 1), ["ann"]);
        ask(&path("ann"), &json!({"cmd": "stop"}));
        assert_eq!(ann.join().expect("no panic"), Ok(()));
        assert!(path("ann").join(files::HOST_STORE).exists());
        assert!(users_in(&path("hms"), "hosts").is_empty());
        ask(&path("hms"), &json!({"cmd": "stop"}));
        assert_eq!(server.join().expect("no panic"), Ok(()));
    });
}
