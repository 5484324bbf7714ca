//! What a host costs: all bytes that the table has allocated, by a counting allocator.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use hms::directory::entry_digest;
use hms::ident::{Generation, InstanceId, Name, RealmId, ServerId, SessionId, Stamp, UserId};
use hms::registry::{NewContent, NewRow, Registry};
use hms::time::{Duration, Instant, UnixMillis};
use hms::wire::{Content, Ports};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is done by the system's allocator; only sums are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as demanded of the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as demanded of the caller.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A quarter of a million: the hash tables are as full as with a million.
const HOSTS: u32 = 250_000;
/// QUALITY's goal, everything counted.
const BYTES_A_HOST: usize = 256;
/// Beside that, where several HMSs have the table: a mark of 24 bytes, and the sums.
const SHARED_A_HOST: usize = 25;

/// Spreads numbers as a hash does.
fn hashed(number: u64) -> u64 {
    let z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 27)
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0);
    pages * 4096
}

/// Two IPv4 addresses (observed and reported), names of 16 bytes, three ports.
fn content(number: u32, address: SocketAddr) -> Vec<u8> {
    let name = |kind: &str| Name::new(&format!("{kind}-{number:011}")).expect("16 bytes");
    let mut content = Content::new(name("user"), name("host"));
    content.reported.push(address);
    content.ports = Ports { data: 5000, video: 5002, audio: 5004 };
    content.to_bytes()
}

#[test]
fn a_host_costs_at_most_256_bytes() {
    let realm = RealmId(7);
    let (live, rss) = (LIVE.load(Ordering::Relaxed), resident());
    let mut registry = Registry::new(1, entry_digest, Instant::ZERO);
    registry.add_realm(realm);
    for number in 0..HOSTS {
        let address = SocketAddr::from((number.wrapping_add(0x0a00_0000).to_be_bytes(), 6711));
        let content = content(number, address);
        assert_eq!(content.len(), 57);
        let session = hashed(u64::from(number) + (1 << 40));
        let new = NewRow {
            realm,
            user: UserId(hashed(u64::from(number) + 1).to_be_bytes()),
            session: SessionId(session),
            key: &[7; 32],
            generation: Generation::default(),
            stamp: Stamp(u64::from(number)),
            server: ServerId(1),
            instance: InstanceId(session),
            content: &content,
            content_version: 1,
            group: None,
            address: Some(address),
            since: UnixMillis(1_700_000_000_000),
            check_time: Duration::from_secs(30),
        };
        let now = Instant::from_micros(u64::from(number) * 30);
        assert!(registry.register(now, &new).is_some());
    }
    let hosts = HOSTS as usize;
    let (live, rss) = ((LIVE.load(Ordering::Relaxed) - live) / hosts, (resident() - rss) / hosts);
    println!("{live} bytes of live heap and {rss} bytes resident for each of {hosts} hosts");
    assert_eq!(registry.len(), hosts);
    assert!(live <= BYTES_A_HOST, "{live} bytes a host");
    assert!(rss <= BYTES_A_HOST + 44, "{rss} bytes resident a host");
    let shared = more_when_shared(&mut registry);
    println!("{shared} bytes more where several HMSs have the table");
    assert!(shared <= SHARED_A_HOST, "{shared} bytes more");
}

/// What each host costs more where other HMSs have the table too, when all of them have changed.
fn more_when_shared(registry: &mut Registry) -> usize {
    let before = LIVE.load(Ordering::Relaxed);
    registry.share(|row| row.session().0);
    while registry.share_step() {}
    let mut at = registry.next_row(None);
    while let Some(id) = at {
        // Another version of the same content takes no room itself.
        let bytes = registry.row(id).map(|row| row.content().to_vec()).unwrap_or_default();
        registry.set_content(id, &NewContent { bytes: &bytes, version: 2, group: None });
        at = registry.next_row(Some(id));
    }
    assert_eq!(registry.position(), u64::from(HOSTS));
    (LIVE.load(Ordering::Relaxed) - before).div_ceil(HOSTS as usize)
}
