//! Every limit and default of the protocol in one place (spec chapter 6), with the relations between them.

use crate::time::Duration;

/// Longest datagram, UDP payload in bytes (R-FMT-01).
pub const DATAGRAM_MAX: usize = 1200;
/// Header in bytes.
pub const HEADER_LEN: usize = 32;
/// Tag or checksum in bytes.
pub const TAG_LEN: usize = 16;
/// Shortest datagram.
pub const DATAGRAM_MIN: usize = HEADER_LEN + TAG_LEN;
/// A steady heartbeat, an INIT and every short answer.
pub const SHORT_LEN: usize = 68;
/// What a DISCOVER is padded to.
pub const DISCOVER_LEN: usize = 512;

/// UDP port of the HMS.
pub const PORT: u16 = 6710;

/// Default check time.
pub const CHECK_TIME: Duration = Duration::from_secs(30);
/// Shortest check time.
pub const CHECK_TIME_MIN: Duration = Duration::from_secs(1);
/// Longest check time.
pub const CHECK_TIME_MAX: Duration = Duration::from_secs(24 * 3600);
/// Default expiry in check times.
pub const EXPIRY_FACTOR: f64 = 2.5;
/// The lowest that may be set.
pub const EXPIRY_FACTOR_MIN: f64 = 1.5;
/// The highest that may be set.
pub const EXPIRY_FACTOR_MAX: f64 = 10.0;
/// Brake: rows that may always expire within one check time.
pub const BRAKE_ROWS: usize = 50;
/// Brake: share of a realm's rows that may expire within one check time, in percent.
pub const BRAKE_PERCENT: usize = 15;
/// Brake: a late row goes at this many expiries.
pub const BRAKE_LIMIT: u32 = 3;
/// Sessions that were left before they began, kept at most (R-REG-42).
pub const UNBORN_KEPT: usize = 65_536;
/// Check time and mode are in an ACK of every so many sequences (R-REG-46).
pub const TOLD_AGAIN: u64 = 4;
/// Come-backs per second after a restart (R-REG-37).
pub const COME_BACK_RATE: u32 = 20_000;

/// Slot of the registration cookie.
pub const REGISTER_COOKIE_SLOT: Duration = Duration::from_millis(7_500);
/// Slot of the session cookie.
pub const SESSION_COOKIE_SLOT: Duration = Duration::from_secs(15);
/// How long the stamp of a removed row stays known.
pub const REMOVED_STAMP_KEPT: Duration = Duration::from_secs(30);
/// Sessions that ended, kept at most (R-PEE-67).
pub const GONE_KEPT: usize = 262_144;
/// How much longer than three expiries they are kept.
pub const GONE_GRACE: Duration = Duration::from_secs(60);
/// Rows in all (R-PEE-97).
pub const ROWS_MAX: usize = 4_194_304;
/// Other processes that have rows here, those aside that can be reached (R-PEE-97).
pub const HOMES_MAX: usize = 256;
/// How often the stamp clock is stored at least.
pub const CLOCK_STORED: Duration = Duration::from_secs(600);
/// How far above the stored value a process begins its stamp clock (R-REG-02).
pub const CLOCK_AHEAD: Duration = Duration::from_secs(1200);
/// Sequences that a row's window covers.
pub const WINDOW: u64 = 64;
/// Bad tags after which a row's datagrams count as unverified.
pub const BAD_TAGS: u8 = 8;
/// Hints a second for all sources together.
pub const HINTS_PER_SECOND: u32 = 100;
/// Challenges that a host echoes in one check time.
pub const CHALLENGE_ECHOES: u8 = 3;

/// Longest content in bytes: a page with this one row fits into a datagram (R-REG-31).
pub const CONTENT_MAX: usize = 974;
/// Rows up to which the realm view is granted.
pub const ALL_ROWS: usize = 10_000;
/// Named users in one view.
pub const NAMED_MAX: usize = 64;
/// Digest buckets of a view.
pub const BUCKETS: usize = 128;
/// Deletions that a view remembers.
pub const DELETIONS_KEPT: usize = 65_536;
/// Refusals kept for `hms why`.
pub const REFUSALS_KEPT: usize = 1024;

/// Bounds of the random delay before an OFFER.
pub const OFFER_JITTER: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(120));
/// How long a host collects OFFERs after the first.
pub const OFFER_COLLECTION: Duration = Duration::from_millis(150);
/// OFFERs waiting for their delay.
pub const OFFERS_PENDING: usize = 1024;
/// Unicast probes that announcements may cause in a minute.
pub const PROBES_PER_MINUTE: usize = 4;

/// Reported addresses of one host.
pub const REPORTED_MAX: usize = 8;
/// Services of one host.
pub const SERVICES_MAX: usize = 16;
/// HMSs in one list.
pub const HMS_LIST_MAX: usize = 16;
/// Longest realm name in bytes.
pub const REALM_NAME_MAX: usize = 32;
/// Longest service kind in bytes.
pub const SERVICE_KIND_MAX: usize = 16;

/// Buckets of the sums that HMSs compare (R-PEE-76).
pub const SUM_BUCKETS: usize = 4096;
/// Longest DELTA, PAGE and FACTS (R-PEE-07).
pub const BATCH_MAX: usize = 16 << 10;
/// Neighbours in one PING.
pub const NEIGHBOURS_MAX: usize = 15;
/// Addresses that an HMS tells of itself.
pub const OWN_ADDRESSES_MAX: usize = 16;
/// Lines left that an HMS remembers and tells.
pub const LEFT_LINES_MAX: usize = 64;
/// Lines below this age are equally old (R-PEE-45).
pub const LINE_YOUNG: Duration = Duration::from_secs(10);
/// Ages that differ by less are equal (R-PEE-45).
pub const LINES_EQUAL: Duration = Duration::from_secs(1);
/// Silence after which a member is dialled anew beside (R-PEE-40).
pub const PEER_SUSPECT: Duration = Duration::from_secs(6);
/// Silence after which it is down (R-PEE-40).
pub const PEER_DOWN: Duration = Duration::from_secs(10);
/// An HMS that is down for this long is listed behind those that are there (R-PEE-92).
pub const PEER_MISSED: Duration = Duration::from_secs(60);
/// Hosts return to an HMS that has been operating, and been the right one, for this long (R-PEE-93).
pub const RETURN_STEADY: Duration = Duration::from_secs(300);
/// In this time each host is told once to return (R-PEE-93).
pub const RETURN_EVERY: Duration = Duration::from_secs(900);
/// Members of one cluster (R-PEE-96).
pub const MEMBERS_MAX: usize = 16;
/// Registered addresses of HMSs (R-PEE-96).
pub const ADDRESSES_MAX: usize = 64;
/// Members, addresses and realms that an HMS knows, removed ones included (R-PEE-96).
pub const FACTS_MAX: usize = 4096;
/// Users of whom an HMS knows that they were revoked (R-PEE-96).
pub const GENERATIONS_MAX: usize = 1 << 20;
/// What a PING says of the way to its sender may be so much older before that counts (R-PEE-40).
pub const PING_SPARE: Duration = Duration::from_secs(1);
/// How often PING is sent (R-PEE-40).
pub const PEER_PING: Duration = Duration::from_secs(2);
/// INTRO, and PING, of one neighbour that are taken in a second (R-PEE-96).
pub const INTROS_PER_SECOND: u32 = 10;
/// Between two INTRO, or two PING, that are sent because something changed.
pub const PEER_NEWS: Duration = Duration::from_millis(200);
/// JOIN that was not answered is sent again, or to another (R-PEE-11).
pub const JOIN_AGAIN: Duration = Duration::from_secs(1);
/// How long a smaller one that starts is waited for (R-PEE-12).
pub const SMALLER_WAITED: Duration = Duration::from_secs(3);
/// After which time a refused HMS starts anew (R-PEE-22).
pub const REFUSED_AGAIN: Duration = Duration::from_secs(5);
/// How long REFUSE has to arrive before the link is closed (R-PEE-20).
pub const REFUSE_TIME: Duration = Duration::from_secs(1);
/// Who was refused, and serves on, dials that peer again (R-PEE-21).
pub const DIAL_REFUSED: Duration = Duration::from_secs(30);
/// How long a waking HMS asks at most (R-PEE-06).
pub const WAKING_MAX: Duration = Duration::from_secs(3);
/// Facts that differ for so long are all sent (R-PEE-27).
pub const FACTS_DIFFER: Duration = Duration::from_secs(10);
/// Between two times that facts are stored that others told (R-PEE-98).
pub const STORE_TOLD: Duration = Duration::from_millis(100);
/// Facts that could not be stored are tried again (R-PEE-26).
pub const STORE_AGAIN: Duration = Duration::from_secs(10);
/// The senior of two dials so much later (R-PEE-94).
pub const DIAL_SENIOR: Duration = Duration::from_secs(5);
/// How long the link is waited for that replaced another.
pub const REPLACED_TIME: Duration = Duration::from_secs(1);
/// For how long the first way is waited for before others are tried (R-PEE-95).
pub const WAY_WAIT: Duration = Duration::from_secs(3);
/// Longest time between the beginnings of two attempts (R-PEE-94).
pub const DIAL_LONGEST: Duration = Duration::from_secs(10);
/// Attempts to make a link at one time.
pub const DIALS_MAX: usize = 32;
/// `start_tries` and `start_wait` of `[peers]`, if nothing else is set (R-PEE-12).
pub const START_TRIES: u32 = 3;
/// See [`START_TRIES`].
pub const START_WAIT: Duration = Duration::from_secs(1);
/// `exchange_time` of `[peers]`, if nothing else is set.
pub const EXCHANGE_TIME: Duration = Duration::from_secs(5);
/// How long a process did not run that counts as having stood still (R-PEE-06).
pub const PEER_STALL: Duration = Duration::from_secs(10);
/// How long a command waits until its decision is stored at every member (R-PEE-26).
pub const STORED_WAIT: Duration = Duration::from_secs(2);
/// Decisions of which is known who has stored them.
pub const DECISIONS_MAX: usize = 256;
/// FACTS of one neighbour that wait for STORED.
pub const UNSTORED_MAX: usize = 1024;
/// How long an invitation may be redeemed, on the stamp clock (R-PEE-32).
pub const INVITATION_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long who redeemed it may repeat that (R-PEE-32).
pub const INVITATION_REPEATED: Duration = Duration::from_secs(600);
/// Invitations of one HMS that are in force (R-PEE-32).
pub const INVITATIONS_MAX: usize = 16;
/// What changed goes out so much later, together with what else changed (R-PEE-73).
pub const IMMEDIATE: Duration = Duration::from_millis(50);
/// A host's answer waits so long for the other HMSs, with `ack = "replicated"` (R-PEE-75).
pub const REPLICATED_WAIT: Duration = Duration::from_millis(500);
/// Answers that wait for them at a time; as many more registrations are remembered (R-PEE-75).
pub const HELD_MAX: usize = 4096;
/// CONFIRM comes at most so much later (R-PEE-74).
pub const CONFIRM_TIME: Duration = Duration::from_secs(1);
/// How often sums are compared (R-PEE-77).
pub const DIGEST_PERIOD: Duration = Duration::from_secs(60);
/// In this time all rows are hashed anew, in pieces of at most so many rows (R-PEE-81).
pub const SCRUB_PERIOD: Duration = Duration::from_secs(60);
/// A piece of that has about so many rows.
pub const SCRUB_ROWS: usize = 1000;
/// COMPARE to one neighbour, and of one (R-PEE-96).
pub const COMPARE_EVERY: Duration = Duration::from_secs(1);
/// FETCH to one neighbour, and of one (R-PEE-96).
pub const FETCH_EVERY: Duration = Duration::from_millis(250);
/// Homes of which rows are asked for of one neighbour at a time (R-PEE-96).
pub const ASKED_HOMES: usize = 64;
/// A copy, or an answer, of which nothing comes for so long is not waited for (R-PEE-15).
pub const ASK_GIVEN_UP: Duration = Duration::from_secs(30);
/// For how long it is remembered where a neighbour without a link is in the list of changes (R-PEE-82).
pub const POSITIONS_KEPT: Duration = Duration::from_secs(3600);
/// ROW and GONE that are applied in one turn of the loop (R-PEE-98).
pub const EXCHANGED_ITEMS: usize = 256;
/// How long no second line of a kind is logged about what an HMS says (R-PEE-96).
pub const COMPLAINT_AGAIN: Duration = Duration::from_secs(60);
/// Bytes of DELTAs and PAGEs that are made in one turn of the loop (R-PEE-98).
pub const EXCHANGED_BYTES: usize = 64 << 10;
/// BUCKETS in bytes.
pub const BUCKETS_LEN: usize = 16 + SUM_BUCKETS * 8;
/// How long somebody who redeems an invitation tries to reach the inviter (R-PEE-33).
pub const JOIN_TIME: Duration = Duration::from_secs(30);
/// Addresses of an invitation that are dialled.
pub const JOIN_DIALS_MAX: usize = 16;
/// After which time an attempt that ended is made again.
pub const JOIN_REDIAL: Duration = Duration::from_secs(1);
/// How long an inviter may say nothing: it stores in the meantime (R-PEE-33).
pub const JOIN_SILENT: Duration = Duration::from_secs(20);
/// How long the inviter has to hear that all is stored, before the newcomer starts anyway.
pub const JOIN_STORED: Duration = Duration::from_secs(2);
/// How long a stopping HMS waits for STOP-ACK before it asks the next one (R-PEE-85).
pub const STOP_ACK_WAIT: Duration = Duration::from_secs(1);
/// How long it sends hosts to its successor (R-PEE-86).
pub const STOP_REDIRECT: Duration = Duration::from_secs(1);
/// How long it waits until DONE has arrived.
pub const STOP_DONE: Duration = Duration::from_millis(500);
/// How long a stop takes at most (R-PEE-86).
pub const STOP_MAX: Duration = Duration::from_secs(5);
/// Processes of one server id of which is known that another took over (R-PEE-23).
pub const REPLACED_MAX: usize = 16;
/// After which time an HMS that gave way to its twin starts anew: each time it disturbs the links of that one.
pub const TWIN_AGAIN: Duration = Duration::from_secs(60);
/// Longest reason of a REFUSE in bytes.
pub const REASON_MAX: usize = 200;

const _: () = {
    assert!(HEADER_LEN + 20 + TAG_LEN == SHORT_LEN);
    assert!(HEADER_LEN + 24 + 3 + BUCKETS * 8 + TAG_LEN <= DATAGRAM_MAX);
    assert!(DISCOVER_LEN <= DATAGRAM_MAX);
    // A crash must not bring the stamp clock back below what was given out.
    assert!(CLOCK_AHEAD.as_secs() >= 2 * CLOCK_STORED.as_secs());
    // A removed stamp outlives every registration cookie bound to an older one.
    assert!(REMOVED_STAMP_KEPT.as_millis() >= 2 * REGISTER_COOKIE_SLOT.as_millis());
    // A member is dialled anew before it is given up.
    assert!(PEER_SUSPECT.as_millis() < PEER_DOWN.as_millis());
    // Buckets of sums lie within buckets of views.
    assert!(SUM_BUCKETS.is_multiple_of(BUCKETS));
};
