//! Every limit and default of the transport in one place (spec 9.9), with the relations between them.

use crate::time::Duration;

/// Longest datagram, UDP payload in bytes; also the segment size of congestion control.
pub const DATAGRAM_MAX: usize = 1200;
/// Shortest datagram.
pub const DATAGRAM_MIN: usize = 48;
/// Tag in bytes.
pub(super) const TAG_LEN: usize = 16;
/// Header of DATA in bytes.
pub(super) const DATA_HEADER: usize = 16;
/// Header of HELLO, COOKIE and WELCOME in bytes.
pub(super) const HELLO_HEADER: usize = 32;
/// COOKIE in bytes.
pub(super) const COOKIE_LEN: usize = 80;
/// RESET in bytes.
pub(super) const RESET_LEN: usize = 48;
/// Segment size as a number of bytes.
pub const MSS: u64 = DATAGRAM_MAX as u64;

/// When HELLO is sent, from the beginning of the attempt (R-TRN-22).
pub(super) const HELLO_AT: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];
/// When an attempt is given up, and a half-open link forgotten.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// New cookies that are answered at once in one attempt.
pub(super) const COOKIES_TAKEN: usize = 3;
/// Slot of the cookie.
pub const COOKIE_SLOT: Duration = Duration::from_millis(7_500);
/// Half-open links of one server id.
pub const HALF_OPEN_PEER: usize = 4;
/// Half-open links in all.
pub const HALF_OPEN_MAX: usize = 16;
/// Links in all.
pub const LINKS_MAX: usize = 64;
/// Links that were made under one invitation, closing ones included.
pub const INVITATION_LINKS: usize = 4;
/// RESETs a second.
pub const RESETS_PER_SECOND: u32 = 100;
/// RESETs a second to one source, by prefix.
pub const RESETS_PER_SOURCE: u8 = 10;
/// RESETs that wait to be sent.
pub(super) const RESETS_WAITING: usize = 16;
/// Answers without state that wait to be sent.
pub(super) const REPLIES_MAX: usize = 64;
/// How long two links of crossing HELLOs are judged by server id (R-TRN-24).
pub(super) const CROSSING: Duration = Duration::from_secs(10);

/// Numbers under one key, as a power of two (R-TRN-11).
pub const GENERATION_BITS: u32 = 22;
/// Numbers end here (R-TRN-12), offsets too.
pub const NUMBER_END: u64 = 1 << 46;
/// Numbers that are kept for CLOSE.
pub(super) const LAST_WORDS: u64 = 512;
/// Bad tags that end a link.
pub(super) const BAD_TAGS_MAX: u64 = 1 << 36;
/// Numbers between two that are left out: from this, and as many again less one at most (R-TRN-31).
pub(super) const SKIP: (u64, u64) = (64, 256);
/// Left out numbers that are remembered.
pub(super) const SKIPS_KEPT: usize = 64;

/// Longest message in bytes.
pub const MESSAGE_MAX: usize = 65_536;
/// Length before each message.
pub(super) const MESSAGE_HEADER: usize = 4;
/// Windows of control, deltas, bulk: credit at the beginning, and bytes kept on either side.
pub const WINDOWS: [u64; 3] = [256 << 10, 1 << 20, 2 << 20];
/// Bulk that waits without ever having been sent.
pub const BULK_WAITING: u64 = 128 << 10;
/// MESSAGE frames in one packet.
pub(super) const PIECES_MAX: usize = 4;
/// Room in a packet that is worth another MESSAGE frame, in bytes of its content.
pub(super) const PIECE_LEAST: usize = 16;
/// Ranges that an ACK tells and a receiver remembers.
pub const ACK_RANGES: usize = 32;
/// An ACK of more ranges goes with every eliciting packet until the peer is known to have it (R-TRN-40).
pub(super) const ACK_LONG: usize = 4;
/// Ranges of one stream that a receiver keeps.
pub const STREAM_RANGES: usize = 1024;
/// Ranges of one stream that a sender keeps: of what arrived above a gap, and of what is lost.
pub const SENDING_RANGES: usize = 768;
/// What a range is counted as.
pub(super) const RANGE_COST: usize = 64;
/// Packets in flight.
pub const SENT_MAX: usize = 3072;
/// What a packet in flight is counted as.
pub(super) const SENT_COST: usize = 96;
/// Memory of a link in each direction.
pub const MEMORY_MAX: usize = 4 << 20;
/// Bytes in which streams are kept.
pub(super) const BLOCK: usize = 16 << 10;

/// Longest delay of an ACK.
pub const ACK_DELAY: Duration = Duration::from_millis(25);
/// Eliciting packets that one ACK may wait for.
pub(super) const ACK_EVERY: u32 = 2;
/// Round trip before the first sample.
pub const INITIAL_RTT: Duration = Duration::from_millis(333);
/// Numbers after which a packet counts as lost.
pub(super) const PACKET_THRESHOLD: u64 = 3;
/// Numbers below the highest acknowledged for which a late ACK is still understood (R-TRN-44).
pub(super) const LATE: u64 = 256;
/// Shortest time that is told apart.
pub(super) const GRANULARITY: Duration = Duration::from_millis(1);
/// Longest wait for a probe, unless a PTO itself is longer.
pub const PROBE_WAIT_MAX: Duration = Duration::from_secs(3);
/// Probes at one PTO.
pub(super) const PROBES: u8 = 2;
/// PTOs that make congestion persistent.
pub(super) const PERSISTENT: u32 = 3;

/// Window at the beginning.
pub const WINDOW_INITIAL: u64 = 10 * MSS;
/// Smallest window.
pub const WINDOW_MIN: u64 = 2 * MSS;
/// Largest window.
pub const WINDOW_MAX: u64 = 4 << 20;
/// What a loss leaves of the window.
pub(super) const CUBIC_BETA: f64 = 0.7;
/// How steep the window grows far from a loss: MSS in a second, cubed.
pub(super) const CUBIC_C: f64 = 0.4;
/// What pacing allows at once, at least.
pub(super) const BURST_MIN: u64 = 10 * MSS;
/// And at most.
pub(super) const BURST_MAX: u64 = 64 << 10;
/// And otherwise: what goes in this time.
pub(super) const BURST_TIME: Duration = Duration::from_millis(2);

/// Silence of one's own after which PING is sent.
pub const PING_TIME: Duration = Duration::from_secs(2);
/// Silence of the peer that ends a link.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);
/// The least that it may be set to: two PINGs may be lost.
pub const SILENCE_MIN: Duration = Duration::from_secs(5);
/// For so many silences what was sent may stay unacknowledged, though the peer is heard.
pub(super) const UNANSWERED: u32 = 2;
/// PTOs for which a closed link answers with CLOSE.
pub(super) const CLOSING_PTOS: u32 = 3;
/// And the longest time.
pub(super) const CLOSING_MAX: Duration = Duration::from_secs(10);
/// Longest reason of a CLOSE in bytes.
pub(super) const REASON_MAX: usize = 200;

const _: () = {
    // A message fits into every window, and bulk can wait whole.
    assert!((MESSAGE_MAX + MESSAGE_HEADER) as u64 <= WINDOWS[0] / 2);
    assert!((MESSAGE_MAX + MESSAGE_HEADER) as u64 <= BULK_WAITING);
    // Everything that a link keeps in one direction: blocks that windows touch; ranges; packets in flight.
    let windows = (WINDOWS[0] + WINDOWS[1] + WINDOWS[2]) as usize + 6 * BLOCK;
    assert!(windows + 3 * STREAM_RANGES * RANGE_COST <= MEMORY_MAX);
    assert!(
        windows + 6 * SENDING_RANGES * RANGE_COST + SENT_MAX.next_power_of_two() * SENT_COST <= MEMORY_MAX
    );
    assert!(PING_TIME.as_secs() * 4 < SILENCE_MAX.as_secs());
    assert!(PING_TIME.as_secs() * 2 < SILENCE_MIN.as_secs());
    assert!(PROBE_WAIT_MAX.as_secs() * 3 < SILENCE_MAX.as_secs());
    assert!(HELLO_HEADER + 32 + TAG_LEN == COOKIE_LEN);
    assert!(RESET_LEN == DATAGRAM_MIN);
};
