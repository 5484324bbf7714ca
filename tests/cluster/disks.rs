//! The disks of HMSs that are members of one cluster.

use hms::cluster::{Decision, Facts};
use hms::ident::{Name, Stamp};
use hms::storage::Secrets;

use crate::dice::Dice;
use crate::net::hms_address;

/// What each of the HMSs has on its disk: one cluster, of which all are members.
pub fn disks(dice: &mut Dice, hmss: usize) -> Vec<Secrets> {
    let mut random = |bytes: &mut [u8]| bytes.copy_from_slice(&dice.bytes()[..bytes.len()]);
    let first = Secrets::create(&mut random, Name::new("blue").expect("a name"));
    let mut all = vec![first.clone()];
    for _ in 1..hmss {
        let server = Secrets::newcomer(&mut random).server;
        let mut disk = first.clone();
        disk.server = server;
        all.push(disk);
    }
    let mut facts = Facts::restore(&first);
    let decision = Decision { clock: Stamp(1), by: first.server };
    for (number, disk) in all.iter().enumerate() {
        let name = Name::new(&format!("hms{number}")).expect("a name");
        facts.enter_member(decision, disk.server, &name).expect("a member");
        facts.register_address(decision, hms_address(number), Some(disk.server)).expect("an address");
    }
    all.iter_mut().for_each(|disk| facts.store(disk));
    all
}
