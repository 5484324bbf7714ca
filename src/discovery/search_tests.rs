use super::*;
use crate::ident::Incarnation;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

fn hms(server: u64, name: &str, primary: bool, addresses: &[[u8; 4]]) -> HmsInfo {
    HmsInfo {
        server: ServerId(server),
        primary,
        sender: false,
        name: Name::new(name).expect("a name"),
        addresses: addresses.iter().map(|ip| SocketAddr::from((*ip, 6710))).collect(),
    }
}

fn offer(server: u64, hms: Vec<HmsInfo>) -> Offer {
    Offer { primary: false, incarnation: Incarnation(1), number: 1, server: ServerId(server), hms }
}

fn sends(search: &mut Search, rng: &mut ChaCha20Rng, until: Instant) -> Vec<(Instant, u64)> {
    let mut all = Vec::new();
    while let Some(due) = search.next_due().filter(|due| *due <= until) {
        while let Some(step) = search.step(due, rng, &[]) {
            if let SearchStep::Send(nonce) = step {
                all.push((due, nonce));
            }
        }
    }
    all
}

#[test]
fn a_round_sends_at_0_250_ms_and_1_s_then_backs_off() {
    crate::shows!("R-DSC-01");
    let mut rng = ChaCha20Rng::from_seed([6; 32]);
    let mut search = Search::new();
    assert_eq!((search.next_due(), search.runs()), (None, false));
    let begin = Instant::from_secs(100);
    search.start(begin, &mut rng);
    let all = sends(&mut search, &mut rng, begin + Duration::from_secs(1000));
    let mut last: Option<(Instant, u64)> = None;
    for round in all.chunks(3) {
        let [(a, nonce), (b, n2), (c, n3)] = *round else { continue };
        assert_eq!((b.since(a), c.since(a)), (Duration::from_millis(250), Duration::from_secs(1)));
        assert_eq!((nonce, nonce), (n2, n3));
        if let Some((end, before)) = last {
            let rest = a.since(end);
            assert!((Duration::from_secs(1)..=Duration::from_secs(30)).contains(&rest), "{rest:?}");
            assert_ne!(before, nonce);
        }
        last = Some((c, nonce));
    }
    assert!(all.len() > 100);
    search.stop();
    assert_eq!((search.next_due(), search.nonce()), (None, None));
}

#[test]
fn offers_are_collected_for_150_ms_and_tried_in_order() {
    crate::shows!("R-DSC-04");
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let mut search = Search::new();
    search.start(Instant::ZERO, &mut rng);
    assert!(matches!(search.step(Instant::ZERO, &mut rng, &[]), Some(SearchStep::Send(_))));
    let first = Instant::from_millis(30);
    search.offer(first, &offer(1, vec![hms(1, "a", false, &[[10, 0, 0, 1]])]), Some(2));
    let b = hms(2, "b", true, &[[10, 0, 0, 2]]);
    search.offer(Instant::from_millis(60), &offer(2, vec![b, hms(3, "c", false, &[[10, 0, 0, 3]])]), Some(2));
    search.offer(Instant::from_millis(90), &offer(4, vec![hms(4, "d", false, &[[10, 0, 0, 4]])]), Some(3));
    let near = [Name::new("d").expect("a name")];
    assert_eq!(search.step(Instant::from_millis(179), &mut rng, &near), None);
    let Some(SearchStep::Try(order)) = search.step(first + OFFER_COLLECTION, &mut rng, &near) else {
        panic!("the collection ends 150 ms after the first offer");
    };
    let names: Vec<_> = order.iter().map(|c| c.hms.name.as_str()).collect();
    assert_eq!(names, ["d", "b", "a", "c"]);
    assert_eq!(order.first().map(|c| c.interface), Some(Some(3)));
}

#[test]
fn a_senders_own_word_beats_hearsay_and_addresses_add_up() {
    let mut found = Found::default();
    let hearsay = hms(2, "b", true, &[[10, 9, 9, 9]]);
    found.add(&offer(1, vec![hms(1, "a", false, &[[10, 0, 0, 1]]), hearsay]), Some(1));
    found.add(&offer(2, vec![hms(2, "b", false, &[[10, 0, 0, 2]])]), Some(4));
    found.add(&offer(1, vec![hms(1, "a", false, &[[10, 0, 1, 1]])]), Some(1));
    found.add(&offer(5, vec![hms(5, "silent", true, &[])]), None);
    let order = found.in_order(&[]);
    let addresses: Vec<_> = order.iter().map(|c| c.hms.addresses.len()).collect();
    assert_eq!(order.iter().map(|c| c.hms.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(addresses, [2, 1]);
    assert_eq!(order.get(1).and_then(|c| c.interface), Some(4));
}
