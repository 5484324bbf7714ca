use super::{client, ms};
use crate::relay::{Nat, NatTally};
use crate::time::Instant;

#[test]
fn a_translator_gives_each_client_its_own_port_and_keeps_it() {
    let mut nat = Nat::new(1, 200, ms(1000));
    let ports: Vec<_> = (0..200).map(|n| nat.outward(Instant::ZERO, client(n)).unwrap()).collect();
    let mut distinct = ports.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), 200);
    for (n, port) in (0..200).zip(&ports) {
        assert_eq!(nat.outward(Instant::from_millis(1), client(n)), Some(*port));
        assert_eq!(nat.inward(*port), Some(client(n)));
    }
    assert_eq!(nat.outward(Instant::from_millis(2), client(201)), None);
    assert_eq!(nat.tally().refused, 1);
}

#[test]
fn a_rebound_client_gets_another_port_and_the_old_one_leads_nowhere() {
    let mut nat = Nat::new(1, 10, ms(1000));
    let old = nat.outward(Instant::ZERO, client(1)).unwrap();
    let neighbour = nat.outward(Instant::ZERO, client(2)).unwrap();
    assert!(nat.rebind(client(1)) && !nat.rebind(client(3)));
    assert_eq!((nat.poll_closed(), nat.poll_closed()), (Some(old), None));
    assert_eq!(nat.inward(old), None);
    let new = nat.outward(Instant::ZERO, client(1)).unwrap();
    assert_ne!(new, old);
    assert_eq!((nat.inward(new), nat.inward(neighbour)), (Some(client(1)), Some(client(2))));
    assert_eq!(nat.tally(), &NatTally { given: 3, rebound: 1, stale: 1, ..NatTally::default() });
}

#[test]
fn a_silent_client_loses_its_port_only_after_the_idle_time() {
    let mut nat = Nat::new(1, 2, ms(1000));
    nat.outward(Instant::ZERO, client(1));
    let kept = nat.outward(Instant::from_millis(500), client(2));
    nat.expire(Instant::from_millis(999));
    assert_eq!(nat.clients(), 2);
    // A newcomer takes the port of the silent one without waiting for the next look.
    assert!(nat.outward(Instant::from_millis(1000), client(3)).is_some());
    assert_eq!((nat.port_of(client(1)), nat.port_of(client(2))), (None, kept));
}
