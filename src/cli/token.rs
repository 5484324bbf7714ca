//! `hms token`: the one line that lets a user's machine join.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use super::args::{Global, TokenArgs};
use super::fail::{Failure, OK, Outcome};
use super::{ask, human, out, secrets, settings_file};
use crate::cluster::Facts;
use crate::config::{Config, parse_destination};
use crate::ident::ServerId;
use crate::limits::PORT;
use crate::net::Interface;
use crate::shell::interfaces;
use crate::shell::paths::Socket;

/// Addresses of this HMS that a token carries at most when nobody named them: it has to be copied by people.
const ADDRESSES_MAX: usize = 6;
/// Those of another HMS among them, and those of all others.
const ADDRESSES_OF_OTHER: usize = 4;
const ADDRESSES_OF_OTHERS: usize = 16;

pub(super) fn run(args: &TokenArgs, global: &Global) -> Outcome {
    if args.hms {
        return invite(args, global);
    }
    let user = args.user.as_deref().ok_or_else(|| Failure::usage("name the user: `hms token USER`"))?;
    let secrets = secrets::load(global)?;
    let mut addresses = if args.multicast { Vec::new() } else { addresses(args, global)? };
    if !args.multicast && args.address.is_empty() {
        let others = of_others(&Facts::restore(&secrets), secrets.server);
        addresses
            .extend(others.into_iter().filter(|address| !addresses.contains(address)).collect::<Vec<_>>());
    }
    let token = secrets.token(user, args.realm.as_deref(), addresses).map_err(|e| secrets::refusal(&e))?;
    let word = token.encode();
    let command = format!("hms join {word}");
    if args.json {
        let addresses: Vec<String> = token.addresses.iter().map(ToString::to_string).collect();
        let (user, realm) = (token.user_name.as_str(), token.realm_name.as_str());
        out::json(
            &json!({"user": user, "realm": realm, "token": word, "command": command, "addresses": addresses}),
        );
    } else if args.bare {
        out::line(word);
    } else {
        out::line(command);
    }
    let told: Vec<String> = token.addresses.iter().map(ToString::to_string).collect();
    match told.as_slice() {
        [] => out::note("carries no address: the host looks for the HMS by multicast in its own network"),
        _ => log::info!("the token carries {}", human::list(&told)),
    }
    Ok(OK)
}

/// The one line that lets another HMS join the cluster.
fn invite(args: &TokenArgs, global: &Global) -> Outcome {
    let addresses: Vec<String> = addresses(args, global)?.iter().map(ToString::to_string).collect();
    let answer = ask::command_server(global, &json!({"cmd": "invite", "addresses": addresses}))?;
    let word = answer.get("invitation").and_then(Value::as_str).unwrap_or_default();
    let command = format!("hms serve --join {word}");
    if args.json {
        out::json(&json!({"token": word, "command": command, "addresses": addresses}));
    } else if args.bare {
        out::line(word);
    } else {
        out::line(command);
    }
    out::note("good for one HMS, within 24 h; whoever has it gets the secrets of the cluster");
    Ok(OK)
}

fn addresses(args: &TokenArgs, global: &Global) -> Result<Vec<SocketAddr>, Failure> {
    let config = settings_file::load(args.config.as_deref(), global)?.config;
    let listen = listening(&config, global);
    if args.address.is_empty() {
        let report = interfaces::look(&config.interfaces).unwrap_or_default();
        return Ok(reachable(&listen, &report.usable));
    }
    let port = listen.iter().map(SocketAddr::port).find(|port| *port != 0).unwrap_or(PORT);
    let parse = |text: &String| match parse_destination(text, port) {
        Ok(address) if address.port() == 0 => Err(Failure::usage(format!(
            "--address {text}: nobody listens at port 0; write {}:{port}",
            address.ip()
        ))),
        other => other.map_err(|remedy| Failure::usage(format!("--address {text}: {remedy}"))),
    };
    args.address.iter().map(parse).collect()
}

/// Where the other HMSs of the cluster are, as far as that is registered: a host joins whether or not this one is there.
/// The first of each before the second of any.
fn of_others(facts: &Facts, own: ServerId) -> Vec<SocketAddr> {
    let others = facts.members().map(|member| member.server).filter(|server| *server != own);
    let mut all: Vec<(usize, SocketAddr)> = Vec::new();
    for server in others {
        let mut of_one: Vec<_> =
            facts.addresses_of(server).filter(|address| !is_local(&address.ip())).collect();
        of_one.sort_by_key(SocketAddr::is_ipv6);
        all.extend(of_one.into_iter().take(ADDRESSES_OF_OTHER).enumerate());
    }
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, address)| address).take(ADDRESSES_OF_OTHERS).collect()
}

/// Where the HMS listens: what it says itself if it runs, else what the settings say.
fn listening(config: &Config, global: &Global) -> Vec<SocketAddr> {
    let status = secrets::tell(global, Socket::Observe, &json!({"cmd": "status"})).ok().flatten();
    let listen = status.as_ref().and_then(|status| status.get("listen")).and_then(Value::as_array);
    let running: Vec<SocketAddr> =
        listen.into_iter().flatten().filter_map(|text| text.as_str()?.parse().ok()).collect();
    if running.is_empty() { config.listen.clone() } else { running }
}

/// The addresses under which hosts can reach what listens at `listen`, IPv4 first. Says so where only this machine can.
fn reachable(listen: &[SocketAddr], usable: &[Interface]) -> Vec<SocketAddr> {
    let mut all: Vec<SocketAddr> = Vec::new();
    for address in listen {
        let own = usable.iter().flat_map(|interface| &interface.addresses).copied();
        let ips: Vec<IpAddr> = match address.ip() {
            IpAddr::V4(any) if any.is_unspecified() => own.filter(IpAddr::is_ipv4).collect(),
            IpAddr::V6(any) if any.is_unspecified() => own.collect(),
            ip => vec![ip],
        };
        let explicit = !address.ip().is_unspecified();
        let wanted = ips.into_iter().filter(|ip| explicit || !is_local(ip));
        all.extend(wanted.map(|ip| SocketAddr::new(ip, address.port())));
    }
    all.sort_by_key(SocketAddr::is_ipv6);
    let mut unique: Vec<SocketAddr> = Vec::new();
    all.into_iter().for_each(|address| {
        if !unique.contains(&address) {
            unique.push(address);
        }
    });
    unique.truncate(ADDRESSES_MAX);
    if unique.is_empty() {
        let port = listen.first().map_or(PORT, SocketAddr::port);
        unique.push(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    if unique.iter().all(|address| address.ip().is_loopback()) {
        let told: Vec<String> = unique.iter().map(ToString::to_string).collect();
        out::note(format_args!(
            "carries {}: only hosts on this machine reach that; --address names another",
            human::list(&told)
        ));
    }
    unique
}

/// Of no use on another machine, or in another network.
fn is_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Decision;
    use crate::ident::{Name, Stamp};

    fn interface(addresses: &[&str]) -> Interface {
        let addresses = addresses.iter().map(|text| text.parse().expect("an IP")).collect();
        Interface { index: 2, name: "eno1".to_owned(), addresses }
    }

    fn shown(listen: &[&str], usable: &[Interface]) -> Vec<String> {
        let listen: Vec<SocketAddr> = listen.iter().map(|text| text.parse().expect("an address")).collect();
        reachable(&listen, usable).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_token_carries_what_other_machines_reach() {
        let lan = [interface(&["fd00::5", "fe80::1", "10.1.0.5"])];
        assert_eq!(shown(&["[::]:6710"], &lan), ["10.1.0.5:6710", "[fd00::5]:6710"]);
        assert_eq!(shown(&["[::]:6710", "0.0.0.0:6710"], &lan), ["10.1.0.5:6710", "[fd00::5]:6710"]);
        assert_eq!(shown(&["0.0.0.0:7000"], &lan), ["10.1.0.5:7000"]);
        assert_eq!(shown(&["10.9.0.1:6710"], &lan), ["10.9.0.1:6710"]);
    }

    #[test]
    fn it_carries_those_of_the_other_hmss_too() {
        let mut facts = Facts::default();
        let how = Decision { clock: Stamp(1), by: ServerId(1) };
        let places = [
            (1, "10.0.0.1:6710"),
            (2, "[fd00::2]:6710"),
            (2, "10.0.0.2:7000"),
            (3, "10.0.0.3:6710"),
            (3, "127.0.0.1:6710"),
            (4, "10.0.0.4:6710"),
        ];
        for (server, address) in places {
            let (server, name) = (ServerId(server), Name::new(&format!("hms{server}")).expect("a name"));
            facts.enter_member(how, server, &name).expect("room");
            let address = address.parse().expect("an address");
            facts.register_address(how, address, Some(server)).expect("room");
        }
        facts.remove_member(how, ServerId(4)).expect("a member");
        let told: Vec<_> = of_others(&facts, ServerId(1)).iter().map(ToString::to_string).collect();
        assert_eq!(told, ["10.0.0.2:7000", "10.0.0.3:6710", "[fd00::2]:6710"]);
    }

    #[test]
    fn without_a_network_it_carries_the_loopback_address() {
        assert_eq!(shown(&["[::]:6710"], &[interface(&["127.0.0.1", "::1"])]), ["127.0.0.1:6710"]);
        assert_eq!(shown(&["[::]:7000"], &[]), ["127.0.0.1:7000"]);
        assert_eq!(shown(&["127.0.0.1:7000"], &[interface(&["10.1.0.5"])]), ["127.0.0.1:7000"]);
    }
}
