//! `hms serve`: runs the HMS and tells the admin what to do next.

use std::io::{self, BufRead};
use std::net::SocketAddr;

use zeroize::Zeroizing;

use super::args::{Global, Serve};
use super::fail::{Failure, OK, Outcome};
use super::{human, out, settings_file};
use crate::config::parse_listen;
use crate::limits::PORT;
use crate::server::PeerRow;
use crate::shell::paths::{Role, state_dir};
use crate::shell::server_daemon::{self, Ready, ServeOptions, ServerNotice};
use crate::token::Invitation;

pub(super) fn run(args: &Serve, global: &Global) -> Outcome {
    let invitation = args.join.as_deref().map(invitation).transpose()?;
    let listen = |text: &String| {
        parse_listen(text, PORT).map_err(|remedy| Failure::usage(format!("--listen {text}: {remedy}")))
    };
    let mut settings =
        || settings_file::load(args.config.as_deref(), global).map_err(|failure| failure.message);
    let named = global.state.as_ref().map(|dir| format!(" --state {}", dir.display())).unwrap_or_default();
    let mut notify = |notice: ServerNotice| match notice {
        ServerNotice::Ready(ready) => out::line(show(&ready, &named)),
        other => tell(&other),
    };
    let options = ServeOptions {
        state: state_dir(Role::Server, global.state.as_deref()),
        listen: args.listen.iter().map(listen).collect::<Result<_, _>>()?,
        settings: &mut settings,
        join: invitation,
        keylog: args.keylog.clone(),
        notify: &mut notify,
    };
    server_daemon::run(options).map_err(|error| Failure::new(error.exit, error.message))?;
    Ok(OK)
}

/// The invitation, `-` for the first line of stdin: what stands on a command line is seen by others.
fn invitation(text: &str) -> Result<Invitation, Failure> {
    let mut line = Zeroizing::new(String::new());
    if text == "-" {
        io::stdin()
            .lock()
            .read_line(&mut line)
            .map_err(|error| Failure::usage(format!("--join -: {error}")))?;
    } else {
        line.push_str(text);
    }
    Invitation::parse(&line).map_err(|error| Failure::usage(format!("--join: {error}")))
}

fn tell(notice: &ServerNotice) {
    match notice {
        ServerNotice::Ready(_) => {}
        ServerNotice::Warning(text) => out::note(format_args!("warning: {text}")),
        ServerNotice::Joining(addresses) => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            out::note(format_args!("joining the cluster of the HMS at {}", human::list(&addresses)));
        }
        ServerNotice::Looking(others) => {
            out::note(format_args!("looking for the other HMSs of the cluster: {}", human::list(others)));
        }
        ServerNotice::Refused(message) => {
            out::note(format_args!("refused, serves no host, and tries again every few seconds: {message}"));
        }
        ServerNotice::Standing { role, lost, peers } => out::note(standing(role, lost.as_ref(), peers)),
        ServerNotice::Overridden(settings) if settings.is_empty() => {
            out::note("this HMS's own settings hold again");
        }
        ServerNotice::Overridden(settings) => {
            out::note(format_args!("settings {}", human::overridden(settings)));
        }
        ServerNotice::Reloaded { changed, restart } => {
            if !changed.is_empty() {
                out::note(format_args!("settings in force: {}", human::list(changed)));
            }
            if !restart.is_empty() {
                out::note(format_args!("settings that wait for the next start: {}", human::list(restart)));
            }
            if changed.is_empty() && restart.is_empty() {
                out::note("settings read again: nothing differs");
            }
        }
        ServerNotice::Stopping => out::note("stopping"),
    }
}

/// What became of this HMS among the others.
fn standing(role: &str, lost: Option<&PeerRow>, peers: &[PeerRow]) -> String {
    match (role, lost, primary(peers)) {
        ("primary", Some(before), _) if before.status == "up" => {
            format!("this HMS is the primary now, no longer {}", before.name)
        }
        ("primary", Some(before), _) => {
            format!("this HMS is the primary now: {} is {}", before.name, before.status)
        }
        ("primary", None, _) => "this HMS is the primary now".to_owned(),
        ("secondary", _, Some(primary)) => format!("secondary now, the primary is {}", primary.name),
        _ => format!("{role} now"),
    }
}

fn primary(peers: &[PeerRow]) -> Option<&PeerRow> {
    peers.iter().find(|peer| peer.role == Some("primary"))
}

/// The role, with who else there is: "secondary of atlas", "primary (borealis down)".
fn role(ready: &Ready) -> String {
    if let Some(primary) = primary(&ready.peers) {
        return format!("{} of {}", ready.role, primary.name);
    }
    let others: Vec<String> =
        ready.peers.iter().map(|peer| format!("{} {}", peer.name, peer.status)).collect();
    if others.is_empty() { ready.role.to_owned() } else { format!("{} ({})", ready.role, others.join(", ")) }
}

fn show(ready: &Ready, named: &str) -> String {
    let realms: Vec<&str> = ready.realms.iter().map(AsRef::as_ref).collect();
    let realms = match realms.as_slice() {
        [] => "no realm (hms realm new NAME makes one)".to_owned(),
        [one] => format!("realm {one}"),
        several => format!("realms {}", several.join(", ")),
    };
    let new = if ready.new { " (new)" } else { "" };
    let mut columns = vec![format!("HMS ready: {}, {}, {realms}{new}", ready.name, role(ready))];
    columns.push(format!("udp {}", listening(&ready.listen)));
    let interfaces = ready.interfaces.iter().map(|interface| match interface.addresses.first() {
        Some(address) => format!("{} {address}", interface.name),
        None => interface.name.clone(),
    });
    let interfaces: Vec<String> = interfaces.collect();
    columns.push(if interfaces.is_empty() {
        "no interface for multicast".to_owned()
    } else {
        interfaces.join(", ")
    });
    // That loopback is left out, or what the admin did not name, surprises nobody.
    let expected = ["loopback", "not in interfaces"];
    let skipped = ready.skipped.iter().filter(|skipped| !expected.contains(&skipped.reason.as_str()));
    let skipped: Vec<String> =
        skipped.map(|skipped| format!("{}: {}", skipped.name, skipped.reason)).collect();
    let skipped =
        if skipped.is_empty() { String::new() } else { format!("   (skipped {})", skipped.join(", ")) };
    let mut lines = vec![format!("{}{skipped}", columns.join("      "))];
    if ready.unconfirmed > 0 {
        let hosts = human::count(ready.unconfirmed, "host");
        lines.push(format!("  {hosts} known from before, unconfirmed until they are heard again"));
    }
    if !ready.peers.is_empty() {
        let ((start, elapsed_s), (check_time_s, exchange_time_s)) = (&ready.cluster, ready.times);
        let cluster = human::cluster(start, *elapsed_s, check_time_s, exchange_time_s);
        lines.push(format!("  cluster {cluster}"));
    }
    if !ready.overridden.is_empty() {
        lines.push(format!("  settings {}", human::overridden(&ready.overridden)));
    }
    lines.push(format!(
        "  add a host    hms token NAME{named}     prints the one line for that machine: hms join hms1_…"
    ));
    lines.push(format!(
        "  add an HMS    hms token --hms{named}    prints the one line for that machine: hms serve --join hmsp1_…"
    ));
    lines.push(format!("  see it        hms status{named} · hms hosts{named}"));
    lines.join("\n")
}

/// `[::]` stands for all addresses: the IPv4 half of it is not shown beside it.
fn listening(listen: &[SocketAddr]) -> String {
    let all = |port: u16| {
        listen.iter().any(|other| other.is_ipv6() && other.ip().is_unspecified() && other.port() == port)
    };
    let shown = listen.iter().filter(|a| !(a.is_ipv4() && a.ip().is_unspecified() && all(a.port())));
    shown.map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ident::Name;
    use crate::net::Interface;
    use crate::shell::interfaces::Skipped;

    #[test]
    fn the_ready_lines_say_what_to_do_next() {
        let name = |text: &str| Name::new(text).expect("a name");
        let interface = |name: &str, ip: &str| Interface {
            index: 2,
            name: name.to_owned(),
            addresses: vec![ip.parse().expect("an IP")],
        };
        let skipped = |name: &str, reason: &str| Skipped { name: name.to_owned(), reason: reason.to_owned() };
        let address = |text: &str| text.parse().expect("an address");
        let ready = Ready {
            name: name("atlas"),
            role: "standalone",
            peers: Vec::new(),
            cluster: ("2026-01-01T10:13:05Z".to_owned(), 185),
            times: (10, 5),
            overridden: BTreeMap::new(),
            realms: vec![name("7q2m")],
            new: true,
            listen: vec![address("[::]:6710"), address("0.0.0.0:6710")],
            interfaces: vec![interface("eno1", "10.1.0.5")],
            skipped: vec![skipped("lo", "loopback"), skipped("docker0", "container bridge")],
            state: "/s".into(),
            sockets: "/r".into(),
            unconfirmed: 0,
        };
        assert_eq!(
            show(&ready, ""),
            "\
HMS ready: atlas, standalone, realm 7q2m (new)      udp [::]:6710      eno1 10.1.0.5   (skipped docker0: container bridge)
  add a host    hms token NAME     prints the one line for that machine: hms join hms1_…
  add an HMS    hms token --hms    prints the one line for that machine: hms serve --join hmsp1_…
  see it        hms status · hms hosts"
        );
        let peer = |role, status| PeerRow {
            name: "borealis".into(),
            address: None,
            role,
            status,
            rtt_ms: None,
            last_exchange_s: None,
            hosts: None,
            equal: None,
            digest: None,
            message: None,
        };
        let primary = Ready { role: "primary", peers: vec![peer(None, "down")], ..ready.clone() };
        assert!(show(&primary, "").starts_with("HMS ready: atlas, primary (borealis down), realm 7q2m"));
        let overridden = BTreeMap::from([("hosts.check_time".to_owned(), "10s".to_owned())]);
        let peers = vec![peer(Some("primary"), "up")];
        let secondary = Ready { role: "secondary", peers: peers.clone(), overridden, ..ready.clone() };
        let shown = show(&secondary, "");
        assert!(shown.starts_with("HMS ready: atlas, secondary of borealis, realm 7q2m"), "{shown}");
        let cluster = "cluster since 2026-01-01 10:13:05 UTC (3 min 5 s), check time 10 s, exchange time 5 s";
        assert!(shown.contains(&format!("\n  {cluster}\n")), "{shown}");
        assert!(shown.contains("\n  settings of the primary hold: hosts.check_time = 10s\n"), "{shown}");
        assert_eq!(standing("secondary", None, &peers), "secondary now, the primary is borealis");
        let lost = peer(None, "down");
        assert_eq!(standing("primary", Some(&lost), &[]), "this HMS is the primary now: borealis is down");
        let again = Ready { new: false, unconfirmed: 3, ..ready };
        assert!(show(&again, " --state /s").contains("hms token NAME --state /s"));
        assert!(show(&again, "").contains("3 hosts known from before, unconfirmed"));
    }
}
