//! Which interfaces multicast uses, and why not the others (R-DSC-07).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use super::sys::{self, LinkAddress};
use crate::net::Interface;

/// An interface that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What the machine has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Those that are used, by index.
    pub usable: Vec<Interface>,
    /// Those that are not, by index.
    pub skipped: Vec<Skipped>,
}

/// What is known of one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Link {
    name: String,
    index: u32,
    up: bool,
    multicast: bool,
    loopback: bool,
    bridge: bool,
    master: Option<String>,
    addresses: Vec<IpAddr>,
}

/// Looks at the machine's interfaces. `wanted` are the names of `interfaces = [...]`, empty if there is none.
pub fn look(wanted: &[String]) -> io::Result<Report> {
    let mut links: BTreeMap<u32, Link> = BTreeMap::new();
    for found in sys::link_addresses()? {
        let link = links.entry(found.index).or_insert_with(|| first_sight(&found));
        link.addresses.extend(found.address);
    }
    let mut links: Vec<Link> = links.into_values().collect();
    for link in &mut links {
        link.addresses.sort_by_key(|ip| (is_link_local(ip), ip.is_ipv6()));
        link.addresses.dedup();
    }
    Ok(choose(links, wanted))
}

/// Whether this machine has the address.
pub(super) fn is_here(ip: IpAddr) -> bool {
    ip.is_loopback() || !owners(&[ip]).is_empty()
}

/// The names of the interfaces that have these addresses.
pub(super) fn owners(addresses: &[IpAddr]) -> Vec<String> {
    let links = sys::link_addresses().unwrap_or_default();
    // Loopback has all of 127.0.0.0/8, though it lists only one.
    let has =
        |link: &LinkAddress, ip: &IpAddr| link.address == Some(*ip) || (link.loopback && ip.is_loopback());
    let mut names: Vec<String> = links
        .iter()
        .filter(|link| addresses.iter().any(|ip| has(link, ip)))
        .map(|link| link.name.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}

fn first_sight(found: &LinkAddress) -> Link {
    let directory = Path::new("/sys/class/net").join(&found.name);
    // In a network namespace /sys may still show another one's interfaces.
    let ours = fs::read_to_string(directory.join("ifindex"))
        .is_ok_and(|text| text.trim_end().parse() == Ok(found.index));
    let master = fs::read_link(directory.join("brport/bridge")).ok().filter(|_| ours);
    Link {
        name: found.name.clone(),
        index: found.index,
        up: found.up,
        multicast: found.multicast || found.loopback,
        loopback: found.loopback,
        bridge: !ours || directory.join("bridge").exists(),
        master: master.and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned())),
        addresses: Vec::new(),
    }
}

fn choose(links: Vec<Link>, wanted: &[String]) -> Report {
    let mut report = Report::default();
    for name in wanted.iter().filter(|name| !links.iter().any(|link| link.name == **name)) {
        report.skipped.push(Skipped { name: name.clone(), reason: "not there".to_owned() });
    }
    // If nothing remains, all that can multicast are used, loopback included.
    let desperate = wanted.is_empty() && !links.iter().any(|link| objection(link, wanted, false).is_none());
    for link in links {
        match objection(&link, wanted, desperate) {
            None => report.usable.push(Interface {
                index: link.index,
                name: link.name,
                addresses: link.addresses,
            }),
            Some(reason) => report.skipped.push(Skipped { name: link.name, reason }),
        }
    }
    report
}

/// Why `link` is not used.
fn objection(link: &Link, wanted: &[String], desperate: bool) -> Option<String> {
    if !wanted.is_empty() && !wanted.contains(&link.name) {
        return Some("not in interfaces".to_owned());
    }
    if wanted.is_empty() && !desperate {
        if link.loopback {
            return Some("loopback".to_owned());
        }
        if let Some(master) = &link.master {
            return Some(format!("port of bridge {master}"));
        }
        if is_container_bridge(link) {
            return Some("container bridge".to_owned());
        }
    }
    let reason = if !link.up {
        "down"
    } else if link.addresses.is_empty() {
        "no address"
    } else if wanted.is_empty() && !link.multicast {
        "no multicast"
    } else {
        return None;
    };
    Some(reason.to_owned())
}

fn is_container_bridge(link: &Link) -> bool {
    link.bridge && ["docker", "virbr", "br-"].iter().any(|start| link.name.starts_with(start))
}

fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str) -> Link {
        Link {
            name: name.to_owned(),
            index: 2,
            up: true,
            multicast: true,
            addresses: vec![IpAddr::from([10, 0, 0, 1])],
            ..Link::default()
        }
    }

    fn reasons(report: &Report) -> Vec<(&str, &str)> {
        report.skipped.iter().map(|skipped| (skipped.name.as_str(), skipped.reason.as_str())).collect()
    }

    #[test]
    fn each_skipped_interface_has_its_reason() {
        crate::shows!("R-DSC-07");
        let links = vec![
            Link { loopback: true, ..link("lo") },
            link("eno1"),
            Link { up: false, ..link("eno2") },
            Link { bridge: true, ..link("docker0") },
            Link { master: Some("br0".to_owned()), ..link("veth1") },
            Link { multicast: false, ..link("wg0") },
            Link { addresses: Vec::new(), ..link("eno3") },
            Link { bridge: true, ..link("br0") },
        ];
        let report = choose(links, &[]);
        let used: Vec<&str> = report.usable.iter().map(|interface| interface.name.as_str()).collect();
        assert_eq!(used, ["eno1", "br0"]);
        let expected = [
            ("lo", "loopback"),
            ("eno2", "down"),
            ("docker0", "container bridge"),
            ("veth1", "port of bridge br0"),
            ("wg0", "no multicast"),
            ("eno3", "no address"),
        ];
        assert_eq!(reasons(&report), expected);
    }

    #[test]
    fn if_nothing_remains_all_that_can_multicast_are_used() {
        crate::shows!("R-DSC-07");
        let links = vec![Link { loopback: true, ..link("lo") }, Link { multicast: false, ..link("wg0") }];
        let report = choose(links, &[]);
        assert_eq!(report.usable.len(), 1);
        assert_eq!(reasons(&report), [("wg0", "no multicast")]);
    }

    #[test]
    fn names_override() {
        crate::shows!("R-DSC-07");
        let wanted = ["docker0".to_owned(), "eth9".to_owned()];
        let report = choose(vec![link("eno1"), Link { bridge: true, ..link("docker0") }], &wanted);
        let used: Vec<&str> = report.usable.iter().map(|interface| interface.name.as_str()).collect();
        assert_eq!(used, ["docker0"]);
        assert_eq!(reasons(&report), [("eth9", "not there"), ("eno1", "not in interfaces")]);
    }

    #[test]
    fn loopback_owns_its_whole_network() {
        assert_eq!(owners(&[IpAddr::from([127, 1, 2, 3])]), ["lo"]);
        assert!(owners(&[IpAddr::from([192, 0, 2, 1])]).is_empty());
    }

    #[test]
    fn this_machine_has_interfaces() {
        let report = look(&[]).expect("interfaces");
        assert!(!report.usable.is_empty());
    }
}
