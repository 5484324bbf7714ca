"""The numbers of chapter 2, and their names."""
INIT, REGISTER, HEARTBEAT, LEAVE, PULL, FIND, DISCOVER = 1, 2, 3, 4, 5, 6, 7
REGISTERED, ACK, LEFT, PAGE, DIGESTS, OFFER = 0x82, 0x83, 0x84, 0x85, 0x86, 0x87
HINT, ANNOUNCE, CHALLENGE, SUPERSEDED = 0x8E, 0x8F, 0x90, 0x91
REREGISTER, RETRY, REDIRECT, REJECT = 0x92, 0x93, 0x94, 0x95
RESPONSE = 0x80

TYPE_NAMES = {
    INIT: "INIT", REGISTER: "REGISTER", HEARTBEAT: "HEARTBEAT", LEAVE: "LEAVE", PULL: "PULL",
    FIND: "FIND", DISCOVER: "DISCOVER", REGISTERED: "REGISTERED", ACK: "ACK", LEFT: "LEFT",
    PAGE: "PAGE", DIGESTS: "DIGESTS", OFFER: "OFFER", HINT: "HINT", ANNOUNCE: "ANNOUNCE",
    CHALLENGE: "CHALLENGE", SUPERSEDED: "SUPERSEDED", REREGISTER: "REREGISTER", RETRY: "RETRY",
    REDIRECT: "REDIRECT", REJECT: "REJECT",
}

# flag bits, by type (2.2)
COOKIE, WANT, CONTENT = 0x01, 0x02, 0x04          # HEARTBEAT
TAKEOVER = 0x02                                   # REGISTER
WANT_CONTENT, RESYNC, EQUAL = 0x01, 0x02, 0x04    # ACK
PUSH, PRIMARY, UNAUTHENTICATED = 0x01, 0x01, 0x80  # PAGE; OFFER; HINT and ANNOUNCE
KNOWN_FLAGS = {
    REGISTER: TAKEOVER, HEARTBEAT: COOKIE | WANT | CONTENT, ACK: WANT_CONTENT | RESYNC | EQUAL,
    PAGE: PUSH, OFFER: PRIMARY, HINT: UNAUTHENTICATED, ANNOUNCE: UNAUTHENTICATED,
}

# TLV codes (2.3), the critical bit masked
USER_NAME, HOST_NAME, REPORTED, PORTS, SERVICE, STATE, CONFERENCE, FIXED = 1, 2, 3, 4, 5, 6, 7, 8
VIEW, OBSERVED, HMS, CLUSTER_KEY, REALM_NAME = 0x10, 0x20, 0x21, 0x22, 0x23
CHECK_TIME, GRANTED, MODE, REPLICATED = 0x24, 0x25, 0x26, 0x27
PAGE_INFO, ENTRY, GONE, DIGEST_LIST, BUCKETS, PATTERN = 0x30, 0x31, 0x32, 0x33, 0x34, 0x35
ADDRESS, SIGNATURE, PAD, CRITICAL = 0x36, 0x37, 0x7F, 0x80
KNOWN_TLVS = {*range(1, 9), VIEW, *range(0x20, 0x28), *range(0x30, 0x38), PAD}
CONTENT_TLVS = set(range(1, 9))
LISTED_IN_ENTRY = CONTENT_TLVS | {ADDRESS, SIGNATURE}
# what a message lists (2.5, 2.6); every request may end in PAD (R-FMT-14)
LISTED = {
    REGISTER: CONTENT_TLVS | {VIEW, PAD}, HEARTBEAT: CONTENT_TLVS | {VIEW, PAD}, PULL: {BUCKETS, PAD},
    FIND: {PATTERN, PAD}, INIT: {PAD}, DISCOVER: {PAD}, LEAVE: {PAD},
    REGISTERED: set(range(0x20, 0x28)), ACK: set(range(0x20, 0x28)) | {PAGE_INFO, ENTRY, GONE},
    PAGE: {PAGE_INFO, ENTRY, GONE}, DIGESTS: {DIGEST_LIST}, OFFER: {HMS},
}
REPEATS = {SERVICE: 16, HMS: 16, ENTRY: None, GONE: None}

STATES = {1: "standby", 2: "participating", 3: "organizing"}
TRANSPORTS = {1: "udp", 2: "tcp"}
MODES = {1: "on-change", 2: "always", 3: "on-request"}
PULL_KINDS = {1: "delta", 2: "digests", 3: "copy"}
PAGE_KINDS = {1: "delta", 2: "copy", 3: "find", 4: "whole"}
PATTERN_KINDS = {1: "user", 2: "prefix"}
REASONS = {1: "leave", 2: "expiry", 3: "replaced", 4: "revoked", 5: "left the view"}
REJECTS = {1: "revoked", 2: "name", 3: "taken", 4: "full", 5: "rate", 6: "content", 7: "epoch-retired"}
EVENTS = {1: "up", 2: "primary", 3: "stopping"}
HINTS = {1: "wrong key", 2: "epoch unknown here", 3: "version not served", 4: "HMS to HMS: no key fits"}
NO_VIEW, REALM_VIEW, GROUP_VIEW, NAMED_VIEW = 0, 1, 2, 3
ALL_ONES = b"\xff" * 8
ZEROS = bytes(8)


def name_of(table, number):
    """The name of a code, or the number itself: unknown codes are kept as they came (R-REV-01)."""
    return table.get(number, number)


def number_of(table, name):
    return name if isinstance(name, int) else next(n for n, text in table.items() if text == name)
