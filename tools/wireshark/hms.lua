-- The HMS protocol in Wireshark and tshark 4.0 to 4.6. One file; README.md beside it tells how to install and use it.
--
-- Written from the specification (spec/02 to 05 and 09), whose sections and rules it names. In its order: tables,
-- fields, the walk over the bytes, SHA-256 and keys, the verdict, what ties datagrams together, words, registration.
--
-- The bytes of a datagram are read as a Lua string and become a list of nodes; only the end of this file touches
-- Wireshark's tree. Runs on Lua 5.2 to 5.4: bits by the global `bit` only, whole numbers printed by "%d" only
-- (tostring(2^31) is another text in 5.4), numbers of 64 bits kept as strings of 8 bytes.

local hms = Proto("hms", "HMS host management")

-- Beside the header (2.1): every length is in bytes.
local TAG = 16
local HEADER = 32
local DATAGRAM_MIN, DATAGRAM_MAX = 48, 1200
local NOBODY = ("\0"):rep(8)
local TWO32 = 4294967296.0

local band, bor, bxor, bnot = bit.band, bit.bor, bit.bxor, bit.bnot
local ror, rshift = bit.ror, bit.rshift
local char, byte, sub, format, rep = string.char, string.byte, string.sub, string.format, string.rep

------------------------------------------------------------------------------------------------------------------------
-- Codes (2.2, 2.3, 2.6, 2.7)
------------------------------------------------------------------------------------------------------------------------

local INIT, REGISTER, HEARTBEAT, LEAVE, PULL, FIND, DISCOVER = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07
local HELLO, COOKIE, WELCOME, DATA, RESET = 0x20, 0x21, 0x22, 0x23, 0x24
-- Of an opened copy (11.3), with this in place of a tag.
local OPENED_PACKET, OPENED_MESSAGE = 0x2e, 0x2f
local MARK = "hms opened copy\n"
local REGISTERED, ACK, LEFT, PAGE, DIGESTS, OFFER = 0x82, 0x83, 0x84, 0x85, 0x86, 0x87
local HINT, ANNOUNCE = 0x8e, 0x8f
local CHALLENGE, SUPERSEDED, REREGISTER, RETRY, REDIRECT, REJECT = 0x90, 0x91, 0x92, 0x93, 0x94, 0x95

local TYPES = {
  [INIT] = "INIT", [REGISTER] = "REGISTER", [HEARTBEAT] = "HEARTBEAT", [LEAVE] = "LEAVE", [PULL] = "PULL",
  [FIND] = "FIND", [DISCOVER] = "DISCOVER",
  [HELLO] = "HELLO", [COOKIE] = "COOKIE", [WELCOME] = "WELCOME", [DATA] = "DATA", [RESET] = "RESET",
  [OPENED_PACKET] = "OPENED-PACKET", [OPENED_MESSAGE] = "OPENED-MESSAGE",
  [REGISTERED] = "REGISTERED", [ACK] = "ACK", [LEFT] = "LEFT", [PAGE] = "PAGE", [DIGESTS] = "DIGESTS",
  [OFFER] = "OFFER", [HINT] = "HINT", [ANNOUNCE] = "ANNOUNCE", [CHALLENGE] = "CHALLENGE",
  [SUPERSEDED] = "SUPERSEDED", [REREGISTER] = "REREGISTER", [RETRY] = "RETRY", [REDIRECT] = "REDIRECT",
  [REJECT] = "REJECT",
}

-- Which flags a type may have, as fields; HINT and ANNOUNCE must have theirs.
local FLAGS = {
  [HEARTBEAT] = { "flags.cookie", "flags.want", "flags.content" },
  [REGISTER] = { "flags.takeover" },
  [ACK] = { "flags.want_content", "flags.resync", "flags.equal" },
  [PAGE] = { "flags.push" },
  [OFFER] = { "flags.primary" },
  [HINT] = { "flags.unauthenticated" },
  [ANNOUNCE] = { "flags.unauthenticated" },
}
local FLAG_BITS = {
  [HEARTBEAT] = 0x07, [REGISTER] = 0x02, [ACK] = 0x07, [PAGE] = 0x01, [OFFER] = 0x01, [HINT] = 0x80, [ANNOUNCE] = 0x80,
}

local TLVS = {
  [0x01] = "USER-NAME", [0x02] = "HOST-NAME", [0x03] = "REPORTED", [0x04] = "PORTS", [0x05] = "SERVICE",
  [0x06] = "STATE", [0x07] = "CONFERENCE", [0x08] = "FIXED", [0x10] = "VIEW", [0x20] = "OBSERVED", [0x21] = "HMS",
  [0x22] = "CLUSTER-KEY", [0x23] = "REALM-NAME", [0x24] = "CHECK-TIME", [0x25] = "GRANTED", [0x26] = "MODE",
  [0x27] = "REPLICATED", [0x30] = "PAGE-INFO", [0x31] = "ENTRY", [0x32] = "GONE", [0x33] = "DIGESTS",
  [0x34] = "BUCKETS", [0x35] = "PATTERN", [0x36] = "ADDRESS", [0x37] = "SIGNATURE", [0x7f] = "PAD",
}
-- A TLV without a name may stand as often as it likes.
local REPEATS = { [0x05] = true, [0x21] = true, [0x31] = true, [0x32] = true }

local VIEWS = { [0] = "none", [1] = "realm", [2] = "group", [3] = "named" }
local PULLS = { [1] = "delta", [2] = "digests", [3] = "copy" }
local PATTERNS = { [1] = "user name", [2] = "prefix" }
local REJECTS = {
  [1] = "revoked", [2] = "name", [3] = "taken", [4] = "full", [5] = "rate", [6] = "content", [7] = "epoch-retired",
}
local HINTS = { [1] = "wrong key", [2] = "unknown epoch", [3] = "version", [4] = "peer key" }
local EVENTS = { [1] = "up", [2] = "primary", [3] = "stopping" }
local TRANSPORTS = { [1] = "udp", [2] = "tcp" }
local STATES = { [1] = "standby", [2] = "participating", [3] = "organizing" }
local REASONS = { [0] = "as asked", [1] = "too many rows", [2] = "unknown kind" }
local MODES = { [1] = "on-change", [2] = "always", [3] = "on-request" }
local PAGES = { [1] = "delta", [2] = "copy", [3] = "find", [4] = "whole" }
local STREAMS = { [0] = "control", [1] = "deltas", [2] = "bulk" }
local FRAMES = {
  [0] = "PADDING", [1] = "PING", [2] = "ACK", [3] = "MESSAGE", [4] = "CREDIT", [5] = "CLOSE",
}
local CLOSES = {
  [0] = "done", [1] = "replaced by another link", [2] = "malformed", [3] = "beyond the credit",
  [4] = "ACK of what was not sent", [5] = "numbers, offsets or tags used up", [6] = "message too long", [7] = "refused",
  [8] = "silent", [0x100] = "stopping", [0x101] = "malformed message",
}
local PEERS = {
  [0x01] = "INTRO", [0x02] = "PING", [0x03] = "REFUSE", [0x04] = "JOIN", [0x05] = "SEAT", [0x06] = "ADMIT",
  [0x07] = "FACTS", [0x08] = "STORED", [0x09] = "RESUME", [0x0a] = "CONFIRM", [0x0b] = "COMPARE", [0x0c] = "FETCH",
  [0x0d] = "STOP", [0x0e] = "STOP-ACK", [0x0f] = "DONE", [0x20] = "BEGIN", [0x21] = "DELTA", [0x30] = "BUCKETS",
  [0x31] = "PAGE",
}
local PHASES = {
  [1] = "starting", [2] = "refused", [3] = "synchronising", [4] = "operating", [5] = "waking", [6] = "stopping",
}
local REFUSALS = {
  [1] = "not registered", [2] = "removed", [3] = "address", [4] = "twin", [5] = "name", [6] = "version",
  [7] = "invitation", [8] = "full",
}
local USES = { [1] = "hosts", [2] = "other HMSs" }
local STORED = { [0] = "not on disk", [1] = "on disk" }
local FACT_STATES = { [1] = "there", [2] = "removed" }
local STATUSES = { [1] = "up", [2] = "late" }
local ENDINGS = { [1] = "leave", [2] = "expiry" }
local PEER_TLVS = {
  [0x01] = "NAME", [0x02] = "REASON", [0x03] = "OWN-ADDRESS", [0x04] = "LEFT-LINE", [0x05] = "NEIGHBOUR",
  [0x10] = "MEMBER", [0x11] = "ADDRESS", [0x12] = "REALM", [0x13] = "GENERATION", [0x20] = "HOME", [0x21] = "ROW",
  [0x22] = "GONE", [0x23] = "ROOT",
}
local GONES = { [1] = "leave", [2] = "expiry", [3] = "replaced", [4] = "revoked", [5] = "left the view" }

------------------------------------------------------------------------------------------------------------------------
-- Fields. The names are a contract: hms-dissect has the same ones.
------------------------------------------------------------------------------------------------------------------------

local PLAIN = {
  bytes = ProtoField.bytes, none = ProtoField.none, ipv4 = ProtoField.ipv4, ipv6 = ProtoField.ipv6,
  text = ProtoField.string, time = ProtoField.relative_time,
}
local INTEGERS = {
  u8 = { ProtoField.uint8, base.DEC, 1 }, x8 = { ProtoField.uint8, base.HEX, 1 },
  u16 = { ProtoField.uint16, base.DEC, 2 }, x16 = { ProtoField.uint16, base.HEX, 2 },
  u32 = { ProtoField.uint32, base.DEC, 4 }, x32 = { ProtoField.uint32, base.HEX, 4 },
  u64 = { ProtoField.uint64, base.DEC, 8 }, x64 = { ProtoField.uint64, base.HEX, 8 },
}
local YES_NO = { "yes", "no" }

-- By name without "hms.": { field = ProtoField, size = bytes of an integer, text = is a string, values, mask }
local fields = {}
local protofields = {}

local function declare(name, kind, title, about, mask, values)
  local abbreviation = "hms." .. name
  local field = { values = values, mask = mask, title = title, text = kind == "text" }
  local integer = INTEGERS[kind]
  if integer then
    field.field = integer[1](abbreviation, title, integer[2], values, mask, about)
    field.size = integer[3]
  elseif kind == "bool" then
    field.field = ProtoField.bool(abbreviation, title, 8, YES_NO, mask, about)
    field.size = 1
  elseif kind == "frame" then
    field.field = ProtoField.framenum(abbreviation, title, base.NONE, values, 0, about)
  elseif kind == "bytes" then
    field.field = ProtoField.bytes(abbreviation, title, base.COLON, about)
  else
    field.field = PLAIN[kind](abbreviation, title, about)
  end
  fields[name] = field
  protofields[#protofields + 1] = field.field
end


-- The header (2.1).
declare("version", "u8", "Version", "protocol version, 1")
declare("type", "x8", "Type", "what the datagram is (2.2)", nil, TYPES)
declare("flags", "x8", "Flags", "their meaning hangs on the type; those of the type follow as children")
declare("flags.cookie", "bool", "Cookie", "HEARTBEAT: a cookie follows the fixed body", 0x01)
declare("flags.want", "bool", "Want", "HEARTBEAT: changes are asked for (mode on-request)", 0x02)
declare("flags.content", "bool", "Content", "HEARTBEAT: the TLVs are the whole content", 0x04)
declare("flags.takeover", "bool", "Takeover", "REGISTER: a live row of another instance may be replaced", 0x02)
declare("flags.want_content", "bool", "Want content", "ACK: the HMS asks for the content", 0x01)
declare("flags.resync", "bool", "Resync", "ACK: the directories differ in a way that no delta mends", 0x02)
declare("flags.equal", "bool", "Equal", "ACK: the directories are equal, the host adopts the revision", 0x04)
declare("flags.push", "bool", "Push", "PAGE: not asked for", 0x01)
declare("flags.primary", "bool", "Primary", "OFFER: the sender is the primary", 0x01)
declare("flags.unauthenticated", "bool", "Unauthenticated", "HINT, ANNOUNCE: a checksum instead of a tag", 0x80)
declare("epoch", "u8", "Key epoch", "which secret of the realm the key comes from")
declare("realm", "x32", "Realm", "realm id")
declare("user", "x64", "User", "user id: from realm id and user name")
declare("session", "x64", "Session", "session id; 0 before there is one; of DATA and RESET that of the receiver's link")
declare("seq", "u64", "Sequence", "sequence of a session request, nonce of INIT, REGISTER and DISCOVER; an answer echoes it")
declare("tag", "bytes", "Tag", "first 16 bytes of HMAC-SHA-256 over all before; of DATA the tag of AES-256-GCM")
declare("checksum", "bytes", "Checksum", "HINT, ANNOUNCE: first 16 bytes of SHA-256 over all before; proves nothing")
declare("reserved", "bytes", "Reserved", "sent as 0, ignored")
declare("undecoded", "bytes", "Undecoded", "bytes that are not as the specification says, or that it does not know")

-- Requests of hosts (2.5).
declare("init.min_version", "u8", "Lowest version", "INIT: lowest version that the host speaks")
declare("init.max_version", "u8", "Highest version", "INIT: highest version that the host speaks")
declare("register.cookie", "x64", "Cookie", "REGISTER: as the CHALLENGE gave it")
declare("register.instance", "x64", "Instance", "REGISTER: the installation of the host program")
declare("register.last_stamp", "u64", "Last stamp", "REGISTER: stamp of this installation's last registration, 0 if none")
declare("register.content_version", "u32", "Content version", "REGISTER: of the content that follows")
declare("register.incarnation", "x32", "Incarnation", "REGISTER: the process that the host's list comes from")
declare("register.revision", "u32", "Revision", "REGISTER: of the host's list")
declare("register.digest", "x64", "View digest", "REGISTER: over the host's list")
declare("heartbeat.content_version", "u32", "Content version", "HEARTBEAT: of what the host says of itself")
declare("heartbeat.incarnation", "x32", "Incarnation", "HEARTBEAT: the process that the host's list comes from")
declare("heartbeat.revision", "u32", "Revision", "HEARTBEAT: of the host's list")
declare("heartbeat.digest", "x64", "View digest", "HEARTBEAT: over the host's list")
declare("heartbeat.cookie", "x64", "Cookie", "HEARTBEAT: as a CHALLENGE gave it")
declare("pull.incarnation", "x32", "Incarnation", "PULL: the process that the host's list comes from")
declare("pull.revision", "u32", "Revision", "PULL: changes are asked for after this one")
declare("pull.cursor", "x64", "Cursor", "PULL: rows are asked for above this user id")
declare("pull.kind", "u8", "Kind", "PULL: what is asked for", nil, PULLS)
declare("find.incarnation", "x32", "Incarnation", "FIND: the process that the host's list comes from")
declare("find.cursor", "x64", "Cursor", "FIND: matches are asked for above this user id")
declare("discover.min_version", "u8", "Lowest version", "DISCOVER: lowest version that the host speaks")
declare("discover.max_version", "u8", "Highest version", "DISCOVER: highest version that the host speaks")

-- Answers of an HMS (2.6).
declare("answer.incarnation", "x32", "Incarnation", "the HMS process that answers")
declare("answer.number", "u64", "Number", "rises with every datagram that the process sends to any host")
declare("challenge.cookie", "x64", "Cookie", "CHALLENGE: to be echoed")
declare("superseded.stamp", "u64", "Stamp", "SUPERSEDED: of the row that is there")
declare("reregister.delay", "u64", "Delay", "REREGISTER: ms to wait")
declare("retry.delay", "u64", "Delay", "RETRY: ms to wait")
declare("redirect.server", "x64", "Server", "REDIRECT: the HMS to turn to")
declare("left.argument", "u64", "Argument", "LEFT: 0")
declare("reject.code", "u16", "Code", "REJECT: why", nil, REJECTS)
declare("reject.value", "u32", "Value", "REJECT: a delay in ms (full, rate) or the TLV at fault (content)")
declare("registered.stamp", "u64", "Stamp", "REGISTERED: of this registration")
declare("registered.server", "x64", "Server", "REGISTERED: the HMS")
declare("registered.revision", "u32", "Revision", "REGISTERED: of the view now")
declare("registered.content_version", "u32", "Content version", "REGISTERED: the one that the HMS holds")
declare("registered.check_time", "u32", "Check time", "REGISTERED: ms between heartbeats")
declare("registered.first_delay", "u32", "First delay", "REGISTERED: ms until the first heartbeat")
declare("ack.revision", "u32", "Revision", "ACK: of the view now")
declare("ack.content_version", "u32", "Content version", "ACK: the one that the HMS holds")
declare("digests.revision", "u32", "Revision", "DIGESTS: of the view now")
declare("digests.root", "x64", "Root digest", "DIGESTS: sum of all bucket digests")
declare("offer.server", "x64", "Server", "OFFER: the HMS")

-- Without a key (2.7).
declare("hint.code", "u16", "Code", "HINT: what the HMS would say if it could prove it", nil, HINTS)
declare("hint.min_version", "u8", "Lowest version", "HINT: lowest version served")
declare("hint.max_version", "u8", "Highest version", "HINT: highest version served")
declare("announce.server", "x64", "Server", "ANNOUNCE: the HMS")
declare("announce.event", "u8", "Event", "ANNOUNCE: what happened", nil, EVENTS)
declare("announce.port", "u16", "Port", "ANNOUNCE: UDP port of the HMS")

-- TLVs (2.3).
declare("tlv", "none", "TLV", "one TLV with type, length and value")
declare("tlv.critical", "bool", "Critical", "who does not know it drops the datagram", 0x80)
declare("tlv.type", "x8", "Type", "what the value is, without the critical bit", 0x7f, TLVS)
declare("tlv.length", "u16", "Length", "of the value")
declare("tlv.unknown", "bytes", "Value", "of a TLV that is not known in this message")
declare("content.user_name", "text", "User name", "whose host it is")
declare("content.host_name", "text", "Host name", "what the host is called")
declare("content.reported.family", "u8", "Family", "4 or 6")
declare("content.reported.ipv4", "ipv4", "Address", "where the host says that it can be reached")
declare("content.reported.ipv6", "ipv6", "Address", "where the host says that it can be reached")
declare("content.reported.port", "u16", "Port", "0 is none")
declare("content.ports.data", "u16", "Data port", "of the conference application, 0 is none")
declare("content.ports.video", "u16", "Video port", "of the conference application, 0 is none")
declare("content.ports.audio", "u16", "Audio port", "of the conference application, 0 is none")
declare("content.service.transport", "u8", "Transport", "of a service", nil, TRANSPORTS)
declare("content.service.port", "u16", "Port", "of a service")
declare("content.service.kind", "text", "Kind", "what the service is")
declare("content.state", "u8", "State", "what the host is doing", nil, STATES)
declare("content.conference", "text", "Conference", "in which conference the host is")
declare("view.kind", "u8", "View", "which part of the directory the session follows", nil, VIEWS)
declare("view.flags", "x8", "View flags", "bits of a view")
declare("view.push", "bool", "Push", "changes are to be sent at once", 0x01)
declare("view.group", "text", "Group", "name of the conference")
declare("view.user", "x64", "User", "a named user")
declare("observed.family", "u8", "Family", "4 or 6")
declare("observed.ipv4", "ipv4", "Observed address", "the source that the HMS saw")
declare("observed.ipv6", "ipv6", "Observed address", "the source that the HMS saw")
declare("observed.port", "u16", "Observed port", "the source port that the HMS saw")
declare("server.id", "x64", "Server", "an HMS")
declare("server.flags", "x8", "Server flags", "bits of an HMS")
declare("server.primary", "bool", "Primary", "it is the primary", 0x01)
declare("server.sender", "bool", "Sender", "it is the one that says so", 0x02)
declare("server.name_length", "u8", "Name length", "bytes of the name")
declare("server.name", "text", "Name", "what the HMS is called")
declare("server.family", "u8", "Family", "4 or 6")
declare("server.ipv4", "ipv4", "Address", "where the HMS can be reached")
declare("server.ipv6", "ipv6", "Address", "where the HMS can be reached")
declare("server.port", "u16", "Port", "where the HMS can be reached")
declare("cluster_key", "bytes", "Cluster key", "Ed25519 public key of the cluster")
declare("realm_name", "text", "Realm name", "what the realm is called")
declare("check_time", "u32", "Check time", "ms between heartbeats, from now on")
declare("granted.kind", "u8", "Granted view", "the view that the HMS grants", nil, VIEWS)
declare("granted.reason", "u8", "Reason", "why it is granted so", nil, REASONS)
declare("mode", "u8", "Update mode", "when changes are sent", nil, MODES)
declare("replicated", "u8", "Replicated", "1: another HMS has it too")
declare("page.kind", "u8", "Page", "what the page holds", nil, PAGES)
declare("page.flags", "x8", "Page flags", "bits of a page")
declare("page.more", "bool", "More", "more pages follow", 0x01)
declare("page.from", "u32", "From", "changes after this revision")
declare("page.to", "u32", "To", "up to this revision")
declare("page.after", "x64", "After", "rows above this user id")
declare("page.up_to", "x64", "Up to", "up to this user id")
declare("page.rows", "u32", "Rows", "rows in the view")
declare("entry.user", "x64", "User", "whose row it is")
declare("entry.revision", "u32", "Revision", "of its last change")
declare("entry.status", "x8", "Status", "bits of a row")
declare("entry.late", "bool", "Late", "its heartbeats are missing", 0x01)
declare("entry.unconfirmed", "bool", "Unconfirmed", "known from a snapshot only", 0x02)
declare("entry.since", "u64", "Since", "registered since, Unix seconds")
declare("entry.check_time", "u32", "Check time", "seconds between heartbeats")
declare("entry.home", "x64", "Home", "the HMS at which it is registered")
declare("entry.family", "u8", "Family", "4 or 6")
declare("entry.ipv4", "ipv4", "Address", "its published address")
declare("entry.ipv6", "ipv6", "Address", "its published address")
declare("entry.port", "u16", "Port", "its published port")
declare("signature.issued", "u64", "Issued", "when the fixed entry was signed, Unix seconds")
declare("signature", "bytes", "Signature", "Ed25519, by the cluster")
declare("gone.user", "x64", "User", "whose row is gone")
declare("gone.revision", "u32", "Revision", "of the change")
declare("gone.reason", "u8", "Reason", "why it is gone", nil, GONES)
declare("bucket.digest", "x64", "Bucket digest", "of one of the 128 buckets, from bucket 0 on")
declare("buckets", "bytes", "Buckets", "bit map of the wanted buckets, bucket 0 is bit 7 of byte 0")
declare("pattern.kind", "u8", "Pattern", "what is looked for", nil, PATTERNS)
declare("pattern.text", "text", "Text", "the name or its beginning")
declare("pad", "bytes", "Padding", "not looked at")

-- Between HMSs (9.1, 9.4).
declare("key_id", "x64", "Key id", "0 is the cluster secret, else an invitation")
declare("attempt", "x64", "Attempt", "of the initiator; echoed")
declare("hello.min_version", "u8", "Lowest version", "HELLO: of the transport")
declare("hello.max_version", "u8", "Highest version", "HELLO: of the transport")
declare("hello.incarnation", "x32", "Incarnation", "HELLO: process of the initiator")
declare("hello.server", "x64", "Server", "HELLO: the initiator")
declare("hello.session", "x64", "Session", "HELLO: chosen by the initiator; packets to it carry it")
declare("hello.nonce", "bytes", "Nonce", "HELLO: part of the link's keys")
declare("hello.target", "x64", "Target", "HELLO: the HMS that is meant, 0 any")
declare("hello.cookie", "bytes", "Cookie", "HELLO: as a COOKIE gave it, 0 none yet")
declare("cookie.incarnation", "x32", "Incarnation", "COOKIE: process of the responder")
declare("cookie.server", "x64", "Server", "COOKIE: the responder")
declare("cookie.cookie", "bytes", "Cookie", "COOKIE: to be echoed")
declare("welcome.version", "u8", "Link version", "WELCOME: of the transport, chosen")
declare("welcome.incarnation", "x32", "Incarnation", "WELCOME: process of the responder")
declare("welcome.server", "x64", "Server", "WELCOME: the responder")
declare("welcome.session", "x64", "Session", "WELCOME: chosen by the responder; packets to it carry it")
declare("welcome.nonce", "bytes", "Nonce", "WELCOME: part of the link's keys")
declare("zeros", "bytes", "Zeros", "HELLO, WELCOME: up to the full size; not looked at")
declare("reset.incarnation", "x32", "Incarnation", "RESET: process of the sender")
declare("reset.server", "x64", "Server", "RESET: the sender")
declare("reset.number", "u64", "Number", "RESET: of the DATA that nobody knows (6 bytes)")
declare("data.number", "u64", "Packet number", "DATA: one rising count for each direction (6 bytes)")
declare("data.frames", "bytes", "Frames", "DATA: encrypted")

-- Opened (9.4); the datagrams of an opened copy (11.3).
declare("opened.mark", "bytes", "Mark", "of an opened copy, in place of a tag: proves nothing")
declare("opened.stream", "u8", "Stream", "on which the message came", nil, STREAMS)
declare("opened.offset", "u64", "Offset", "of the message in its stream (6 bytes)")
declare("frame", "none", "Frame", "one frame of an opened packet")
declare("frame.type", "x8", "Type", "what the frame is (9.4)", nil, FRAMES)
declare("frame.padding", "bytes", "Padding", "frames of one byte each")
declare("frame.ack.largest", "u64", "Largest", "ACK: highest number that arrived (6 bytes)")
declare("frame.ack.delay", "u32", "Delay", "ACK: µs from its arrival to the ACK")
declare("frame.ack.more", "u8", "More", "ACK: pairs of gap and length that follow")
declare("frame.ack.first", "u32", "First", "ACK: so many below the largest arrived too")
declare("frame.ack.gap", "u32", "Gap", "ACK: one less than the numbers that did not arrive")
declare("frame.ack.length", "u32", "Length", "ACK: one less than the numbers below that arrived")
declare("frame.stream", "u8", "Stream", "MESSAGE, CREDIT: which", nil, STREAMS)
declare("frame.offset", "u64", "Offset", "MESSAGE: of its first byte in the stream (6 bytes)")
declare("frame.limit", "u64", "Limit", "CREDIT: the first byte that may not be sent (6 bytes)")
declare("frame.length", "u16", "Length", "MESSAGE, extensions: of the bytes; CLOSE: of the reason (1 byte)")
declare("frame.bytes", "bytes", "Bytes", "MESSAGE: of the stream; extensions: unknown")
declare("frame.close.code", "u16", "Code", "CLOSE: why the link ends (9.8)", nil, CLOSES)
declare("frame.close.reason", "text", "Reason", "CLOSE: for people")

-- Messages between HMSs (10.2, 10.7).
declare("peer", "none", "Message", "a message between HMSs, whole; its bytes are counted from its own first on")
declare("peer.type", "x8", "Type", "what the message is (10.2)", nil, PEERS)
declare("peer.flags", "x8", "Flags", "FACTS, BEGIN, DELTA, PAGE: bits of the message")
declare("peer.flags.last", "bool", "Last", "FACTS, PAGE: nothing follows", 0x01)
declare("peer.flags.resumed", "bool", "Resumed", "BEGIN: goes on where the last link ended", 0x01)
declare("peer.flags.at_once", "bool", "Confirm at once", "DELTA: CONFIRM is waited for", 0x01)
declare("peer.flags.all", "bool", "All", "DELTA: nothing else waits; a ROOT for every home", 0x02)
declare("peer.min_version", "u8", "Lowest version", "INTRO: that the HMS speaks")
declare("peer.max_version", "u8", "Highest version", "INTRO: that the HMS speaks")
declare("peer.phase", "u8", "Phase", "what an HMS is doing", nil, PHASES)
declare("peer.line", "x64", "Line", "line id, 0 none")
declare("peer.age", "u64", "Age", "of the line")
declare("peer.joined", "u64", "Joined at", "age of the line when the HMS joined")
declare("peer.founded", "u64", "Founded", "Unix seconds; only shown")
declare("peer.clock", "u64", "Stamp clock", "INTRO, PING")
declare("peer.facts_digest", "x64", "Facts digest", "INTRO, PING: sum over all facts")
declare("peer.check_time", "u32", "Check time", "ms between heartbeats")
declare("peer.exchange_time", "u32", "Exchange time", "INTRO: ms between DELTAs")
declare("peer.expiry", "u32", "Expiry factor", "INTRO: thousandths")
declare("peer.heard", "u32", "Heard", "PING: ms since a packet of the receiver was accepted")
declare("peer.code", "u8", "Code", "REFUSE: why", nil, REFUSALS)
declare("peer.incarnation", "x32", "Incarnation", "process of an HMS")
declare("peer.server", "x64", "Server", "an HMS")
declare("peer.number", "u64", "Number", "FACTS: of the message; STORED: of that FACTS")
declare("peer.result", "u8", "Result", "STORED: whether it is on disk", nil, STORED)
declare("peer.revision", "u64", "Revision", "of the sender's or receiver's changes")
declare("peer.fetch", "u32", "Fetch", "FETCH, PAGE: number of the FETCH")
declare("peer.after.realm", "x32", "After realm", "FETCH, PAGE: rows above it")
declare("peer.after.user", "x64", "After user", "FETCH, PAGE: rows above it")
declare("peer.up_to.realm", "x32", "Up to realm", "PAGE: rows up to it")
declare("peer.up_to.user", "x64", "Up to user", "PAGE: rows up to it")
declare("peer.buckets", "bytes", "Buckets", "FETCH: bit map of the wanted buckets")
declare("peer.digests", "bytes", "Digests", "BUCKETS: 8 bytes for each of the 4096")
declare("peer.secret", "bytes", "Secret", "ADMIT: of the cluster; REALM: of the realm. Hosts' keys follow from it")
declare("peer.seed", "bytes", "Seed", "ADMIT: of the cluster's Ed25519 key")
declare("peer.tlv", "none", "TLV", "one TLV of a message between HMSs")
declare("peer.tlv.critical", "bool", "Critical", "who does not know it drops the message", 0x80)
declare("peer.tlv.type", "x8", "Type", "what the value is, without the critical bit", 0x7f, PEER_TLVS)
declare("peer.tlv.length", "u16", "Length", "of the value")
declare("peer.name", "text", "Name", "of an HMS, a realm or a user")
declare("peer.reason", "text", "Reason", "REFUSE: for people")
declare("peer.use", "u8", "Use", "who is to use an address", nil, USES)
declare("peer.stamp", "u64", "Stamp", "of a fact or a registration")
declare("peer.by", "x64", "By", "the HMS that decided or stamped")
declare("peer.state", "u8", "State", "of a fact", nil, FACT_STATES)
declare("peer.realm", "x32", "Realm", "realm id")
declare("peer.epoch", "u8", "Key epoch", "of a realm's secret")
declare("peer.user", "x64", "User", "user id")
declare("peer.generation", "u64", "Generation", "of a user's key")
declare("peer.previous", "u64", "Previous", "GENERATION: the one before")
declare("peer.session", "x64", "Session", "of a row")
declare("peer.instance", "x64", "Instance", "the installation of the host program")
declare("peer.since", "u64", "Since", "registered since, Unix seconds")
declare("peer.content_version", "u32", "Content version", "of a row")
declare("peer.sequence", "u64", "Sequence", "highest that the home had accepted")
declare("peer.status", "u8", "Status", "of a row", nil, STATUSES)
declare("peer.home_age", "u32", "Age", "HOME: ms")
declare("peer.ending", "u8", "Ending", "GONE: why", nil, ENDINGS)
declare("peer.forgotten", "u32", "Forgotten in", "GONE: ms")
declare("peer.rows", "u32", "Rows", "ROOT: of the home")
declare("peer.root", "x64", "Root digest", "ROOT: sum over the home's rows")
declare("peer.family", "u8", "Family", "4 or 6; 0 none")
declare("peer.ipv4", "ipv4", "Address", "of an HMS, or of a row")
declare("peer.ipv6", "ipv6", "Address", "of an HMS, or of a row")
declare("peer.port", "u16", "Port", "of an HMS, or of a row")

-- Found out, not read.
declare("verdict", "text", "Verdict", "whether a receiver with these keys believes it; only with keys, of HINT and ANNOUNCE always")
declare("response_to", "frame", "Request in", "the last request before it that this answers", nil, frametype.REQUEST)
declare("time", "time", "Time", "from that request to this answer")
declare("retransmission_of", "frame", "Retransmission of", "the first datagram with these very bytes", nil, frametype.RETRANS_PREV)
-- Known only when all has been read once: in Wireshark, and in tshark with -2.
declare("response_in", "frame", "Answer in", "the first answer to this request", nil, frametype.RESPONSE)

hms.fields = protofields

-- Remarks (expert information).
local remarks = {}
local protoexperts = {}

local function remark(name, severity, group, about)
  local expert_field = ProtoExpert.new("hms.expert." .. name, about, group, severity)
  remarks[name] = { field = expert_field, about = about }
  protoexperts[#protoexperts + 1] = expert_field
end

local groups, severity = expert.group, expert.severity
remark("malformed", severity.ERROR, groups.MALFORMED, "not as the specification says; a receiver drops it")
remark("foreign", severity.WARN, groups.UNDECODED, "another protocol on a port of ours")
remark("cut", severity.WARN, groups.UNDECODED, "the capture has only its first bytes")
remark("wrong_tag", severity.ERROR, groups.CHECKSUM, "the tag does not hold under the key that it should")
remark("wrong_checksum", severity.ERROR, groups.CHECKSUM, "the checksum of a HINT or ANNOUNCE does not fit")
remark("unknown_key", severity.WARN, groups.SECURITY, "no key for its realm, epoch or key id was given")
remark("revoked", severity.WARN, groups.SECURITY, "the tag holds under a key that was revoked")
remark("replayed", severity.WARN, groups.SEQUENCE, "its sequence was seen before in this session")
remark("out_of_window", severity.WARN, groups.SEQUENCE, "its sequence is 64 or more behind the highest")
remark("retransmission", severity.NOTE, groups.SEQUENCE, "the same bytes were sent before")
remark("heartbeat_gap", severity.WARN, groups.SEQUENCE, "no heartbeat for two check times or more")
remark("acknowledged", severity.NOTE, groups.SEQUENCE, "packets of the other side arrived")
remark("lost", severity.WARN, groups.SEQUENCE, "packets of the other side did not arrive")
remark("sent_again", severity.NOTE, groups.SEQUENCE, "bytes of a stream that were sent before")
remark("stream_gap", severity.WARN, groups.SEQUENCE, "bytes of a stream are not in the capture")
remark("refused", severity.WARN, groups.RESPONSE_CODE, "an HMS says no")
remark("primary_conflict", severity.ERROR, groups.PROTOCOL, "two HMSs claim to be primary at the same time")
-- Never about a datagram: about this file and its keys.
remark("keys", severity.WARN, groups.SECURITY, "the key file cannot be used")
remark("dissector", severity.ERROR, groups.DEBUG, "a fault of this dissector; please report it")
hms.experts = protoexperts

------------------------------------------------------------------------------------------------------------------------

-- Numbers and texts
------------------------------------------------------------------------------------------------------------------------

-- Big-endian, up to 4 bytes.
local function number(s, at, length)
  local value = 0
  for i = at + 1, at + length do
    value = value * 256 + (byte(s, i) or 0)
  end
  return value
end

local function bytes_of(value, length)
  local out = {}
  for i = length, 1, -1 do
    out[i] = char(value % 256)
    value = math.floor(value / 256)
  end
  return table.concat(out)
end

local function hex(s)
  return (s:gsub(".", function(c) return format("%02x", byte(c)) end))
end

local function from_hex(text)
  if #text % 2 ~= 0 or text:find("[^%x]") then
    return nil
  end
  return (text:gsub("%x%x", function(pair) return char(tonumber(pair, 16)) end))
end

-- A number of up to 8 bytes as a decimal text.
local function decimal(s)
  s = rep("\0", 8 - #s) .. s
  local high, low = number(s, 0, 4), number(s, 4, 4)
  if high < 0x200000 then
    return format("%d", high * TWO32 + low)
  end
  return tostring(UInt64.new(low, high))
end

-- How far `a` lies above `b`, both of 8 bytes; exact near 0, which is all that is asked.
local function above(a, b)
  return (number(a, 0, 4) - number(b, 0, 4)) * TWO32 + (number(a, 4, 4) - number(b, 4, 4))
end

local function plural(count, what)
  return format(count == 1 and "%d %s" or "%d %ss", count, what)
end

-- The code point at byte `i` and the byte behind it; nothing where it is not UTF-8.
local function code_point(s, i)
  local a = byte(s, i)
  if a < 0x80 then
    return a, i + 1
  end
  local length = (a >= 0xc2 and a <= 0xdf and 2) or (a >= 0xe0 and a <= 0xef and 3) or (a >= 0xf0 and a <= 0xf4 and 4)
  if not length then
    return nil
  end
  local value = a % (length == 2 and 32 or length == 3 and 16 or 8)
  for k = i + 1, i + length - 1 do
    local c = byte(s, k)
    if not c or c < 0x80 or c > 0xbf then
      return nil
    end
    value = value * 64 + c % 64
  end
  local least = length == 2 and 0x80 or length == 3 and 0x800 or 0x10000
  if value < least or value > 0x10ffff or (value >= 0xd800 and value <= 0xdfff) then
    return nil
  end
  return value, i + length
end

local function utf8_holds(s)
  local i = 1
  while i <= #s do
    local value, after = code_point(s, i)
    if not value then
      return false
    end
    i = after
  end
  return true
end

local function within(value, ranges)
  for i = 1, #ranges, 2 do
    if value >= ranges[i] and value <= ranges[i + 1] then
      return true
    end
  end
  return false
end

-- R-FMT-10.
local FORBIDDEN = {
  0x0000, 0x001f, 0x007f, 0x009f, 0x00ad, 0x00ad, 0x034f, 0x034f, 0x061c, 0x061c, 0x115f, 0x1160, 0x17b4, 0x17b5,
  0x180e, 0x180e, 0x200b, 0x200b, 0x200e, 0x200f, 0x2028, 0x202e, 0x2060, 0x206f, 0x3164, 0x3164, 0xfeff, 0xfeff,
  0xffa0, 0xffa0, 0xfff0, 0xfffb, 0x1bca0, 0x1bca3, 0x1d173, 0x1d17a, 0xe0000, 0xe00ff, 0xe01f0, 0xe0fff,
}
local JOINERS = { 0x180b, 0x180d, 0x180f, 0x180f, 0x200c, 0x200d, 0xfe00, 0xfe0f, 0xe0100, 0xe01ef }
local WHITE = {
  0x0009, 0x000d, 0x0020, 0x0020, 0x0085, 0x0085, 0x00a0, 0x00a0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029,
  0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000,
}

-- Why a text is no name, or nothing.
local function name_fault(s, limit)
  if #s == 0 then
    return "an empty name"
  end
  if #s > limit then
    return format("a name of %d bytes, %d at most", #s, limit)
  end
  local i, before, value = 1, 0, nil
  while i <= #s do
    local after
    value, after = code_point(s, i)
    if not value then
      return "text that is not UTF-8"
    end
    if within(value, FORBIDDEN) then
      return format("a name with U+%04X, which is not seen or not shown", value)
    end
    if within(value, JOINERS) and before < 0x80 then
      return format("a name with U+%04X behind nothing that it could join", value)
    end
    if i == 1 and within(value, WHITE) then
      return "a name that begins with white space"
    end
    i, before = after, value
  end
  if within(value, WHITE) then
    return "a name that ends with white space"
  end
  return nil
end

-- Text of others in columns and remarks: nothing in it may act.
local function shown(s)
  local out, i = {}, 1
  while i <= #s do
    local value, after = code_point(s, i)
    if not value then
      out[#out + 1] = format("\\x%02x", byte(s, i))
      after = i + 1
    elseif within(value, FORBIDDEN) then
      out[#out + 1] = format("\\u{%x}", value)
    else
      out[#out + 1] = s:sub(i, after - 1)
    end
    i = after
  end
  return table.concat(out)
end

-- `30 s`, `1.5 s`, `250 ms`.
local function span(ms)
  if ms < 1000 then
    return format("%d ms", ms)
  end
  return (format("%.3f", ms / 1000):gsub("%.?0+$", "")) .. " s"
end

local function span64(s)
  if number(s, 0, 4) >= 0x200000 then
    return decimal(s) .. " ms"
  end
  return span(number(s, 0, 4) * TWO32 + number(s, 4, 4))
end

local function meaning(values, code)
  return values[code] or format("code %d", code)
end

local function address_text(family, s, port)
  if family == 4 then
    return format("%d.%d.%d.%d:%d", byte(s, 1), byte(s, 2), byte(s, 3), byte(s, 4), port)
  end
  -- The longest run of zeros is left out (RFC 5952).
  local groups_of, best, best_length, run = {}, 0, 1, 0
  for i = 1, 8 do
    groups_of[i] = number(s, 2 * i - 2, 2)
    run = groups_of[i] == 0 and run + 1 or 0
    if run > best_length then
      best, best_length = i - run + 1, run
    end
  end
  local out = {}
  for i = 1, 8 do
    if best > 0 and i >= best and i < best + best_length then
      if i == best then
        out[#out + 1] = (i == 1 and "::" or ":")
      end
    else
      out[#out + 1] = format("%x", groups_of[i]) .. (i < 8 and ":" or "")
    end
  end
  return format("[%s]:%d", table.concat(out), port)
end

------------------------------------------------------------------------------------------------------------------------
-- The walk: bytes become nodes { name, offset, length, parent, note }. Whatever they are, each has its place in the
-- tree; the first thing that is not as the specification says is kept as the fault.
------------------------------------------------------------------------------------------------------------------------

local Walk = {}
Walk.__index = Walk

-- Thrown where the bytes of a part end too early.
local ENDS = {}

local function new_walk(s)
  local all = { nodes = {}, said = { servers = {}, rows = {}, names = {} }, fault = nil, quiet = 0 }
  return setmetatable({ s = s, at = 0, stop = #s, parent = nil, all = all }, Walk)
end

-- The next `length` bytes, or what is left of them, as a part of its own.
function Walk:part(length, parent)
  local from = self.at
  local stop = math.max(from, math.min(from + length, self.stop))
  self.at = stop
  return setmetatable({ s = self.s, at = from, stop = stop, parent = parent or self.parent, all = self.all }, Walk)
end

-- Runs `steps` over a part until they end or the bytes do; what they leave is shown as undecoded.
function Walk:run(steps, ...)
  local ok, result = pcall(steps, self, ...)
  if not ok and result ~= ENDS then
    error(result, 0)
  end
  if self.at < self.stop then
    if ok then
      self:fault("bytes left over", self.at)
    end
    self:bytes("undecoded", self.stop - self.at)
  end
  return ok and result or nil
end

function Walk:fault(what, at, reason)
  local all = self.all
  if all.quiet == 0 and not all.fault then
    all.fault = { what = what, at = at, reason = reason or "malformed" }
  end
end

function Walk:left()
  return self.stop - self.at
end

function Walk:need(length, what)
  if length > self.stop - self.at then
    self:fault("ends inside " .. what, self.stop)
    error(ENDS, 0)
  end
end

function Walk:add(name, offset, length)
  local nodes = self.all.nodes
  nodes[#nodes + 1] = { name = name, at = offset, length = length, parent = self.parent }
  return #nodes
end

-- An integer: a number, of more than 4 bytes their string.
function Walk:integer(name, size)
  local field = fields[name]
  size = size or field.size
  self:need(size, name)
  self:add(name, self.at, size)
  local at = self.at
  self.at = at + size
  if size > 4 then
    return sub(self.s, at + 1, at + size)
  end
  return number(self.s, at, size)
end

-- A byte whose bits have fields of their own.
function Walk:bits(name, names)
  local value = self:integer(name)
  local parent = #self.all.nodes
  for i = 1, #names do
    local node = self:add(names[i], self.at - 1, 1)
    self.all.nodes[node].parent = parent
  end
  return value
end

function Walk:bytes(name, length)
  self:need(length, name)
  if length > 0 then
    self:add(name, self.at, length)
  end
  self.at = self.at + length
  return sub(self.s, self.at - length + 1, self.at)
end

function Walk:text(name, length)
  length = length or self:left()
  self:need(length, name)
  self:add(name, self.at, length)
  self.at = self.at + length
  return sub(self.s, self.at - length + 1, self.at)
end

-- A text that has to be a name (R-FMT-10).
function Walk:name(name, limit, length)
  local text = self:text(name, length)
  local fault = name_fault(text, limit)
  if fault then
    self:fault(fault, self.at - #text)
  end
  return text
end

-- 2.4
function Walk:address(prefix)
  self:need(1, "an address")
  local family = byte(self.s, self.at + 1)
  local length = family == 4 and 4 or family == 6 and 16
  if not length then
    self:fault(format("family %d of an address", family), self.at)
    error(ENDS, 0)
  end
  self:need(1 + length + 2, "an address")
  self:integer(prefix .. ".family")
  local ip = self:bytes(prefix .. (family == 4 and ".ipv4" or ".ipv6"), length)
  if family == 6 and sub(ip, 1, 12) == rep("\0", 10) .. "\255\255" then
    self:fault("an IPv4 address written as IPv6", self.at - 16)
  end
  return address_text(family, ip, self:integer(prefix .. ".port"))
end

function Walk:addresses(prefix, limit, least)
  local all, from = {}, self.at
  while self:left() > 0 do
    all[#all + 1] = self:address(prefix)
  end
  if #all > limit or #all < least then
    self:fault(format("%d addresses, %d to %d can be", #all, least, limit), from)
  end
  return table.concat(all, ", ")
end

------------------------------------------------------------------------------------------------------------------------
-- TLVs (2.3)
------------------------------------------------------------------------------------------------------------------------

local set, tlvs, names_there, LISTED_CONTENT, LISTED_ACK, LISTED_PAGE, SETTINGS, NO_TLVS
do

function set(...)
  local out = {}
  for _, code in ipairs({ ... }) do
    out[code] = true
  end
  return out
end

-- What the messages list (2.5, 2.6, 4.6).
local CONTENT = set(1, 2, 3, 4, 5, 6, 7, 8)
SETTINGS = set(0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27)
NO_TLVS = set()

local function joined(...)
  local out = {}
  for _, one in ipairs({ ... }) do
    for code in pairs(one) do
      out[code] = true
    end
  end
  return out
end

LISTED_CONTENT = joined(CONTENT, set(0x10))
LISTED_ACK = joined(SETTINGS, set(0x30, 0x31, 0x32))
LISTED_PAGE = set(0x30, 0x31, 0x32)
local LISTED_ENTRY = joined(CONTENT, set(0x36, 0x37))

local values = {}

-- All TLVs of a part. `padded`: a request, which may hold PAD. Returns how often each listed code stood.
function tlvs(walk, listed, padded, inner)
  local last, seen = 0, {}
  while walk:left() > 0 do
    walk:need(3, "a TLV")
    local at = walk.at
    local code, length = byte(walk.s, at + 1), number(walk.s, at + 1, 2)
    local critical = code >= 0x80
    code = code % 0x80
    local name = TLVS[code]
    local rank = code == 0x32 and 0x31 or code
    if rank < last or (rank == last and name and not REPEATS[code]) then
      walk:fault(format("TLV 0x%02x out of order or repeated", code), at)
    end
    last = rank
    local known = listed[code] or (padded and code == 0x7f)
    if 3 + length > walk:left() then
      walk:fault("ends inside a TLV", at)
    elseif critical and not known then
      walk:fault(format("unknown critical TLV 0x%02x", code), at + 3, "critical-tlv")
    end
    local node = walk:add("tlv", at, math.min(3 + length, walk:left()))
    local part = walk:part(3 + length, node)
    -- One that is not listed here is shown as what it looks like, and nobody looks at what it holds.
    local said = walk.all.said
    if not known then
      walk.all.quiet = walk.all.quiet + 1
      walk.all.said = { servers = {}, rows = {}, names = {} }
    end
    local note = part:run(function(tlv)
      tlv:add("tlv.critical", at, 1)
      tlv:add("tlv.type", at, 1)
      tlv.at = tlv.at + 1
      tlv:integer("tlv.length")
      local value = values[code]
      if not value or (inner and code == 0x31) then
        tlv:bytes("tlv.unknown", tlv:left())
        return nil
      end
      return value(tlv)
    end)
    if not known then
      walk.all.quiet = walk.all.quiet - 1
      walk.all.said = said
    else
      seen[code] = (seen[code] or 0) + 1
    end
    walk.all.nodes[node].note = (name or format("TLV 0x%02x", code)) .. (note and ": " .. note or "")
  end
  for _, code in ipairs({ 0x05, 0x21 }) do
    if (seen[code] or 0) > 16 then
      walk:fault("more than 16 " .. TLVS[code], walk.at)
    end
  end
  return seen
end

values[0x01] = function(walk)
  local name = walk:name("content.user_name", 64)
  walk.all.said.user_name = name
  return shown(name)
end

values[0x02] = function(walk)
  local name = walk:name("content.host_name", 64)
  walk.all.said.host_name = name
  return shown(name)
end

values[0x03] = function(walk)
  return walk:addresses("content.reported", 8, 1)
end

values[0x04] = function(walk)
  local data = walk:integer("content.ports.data")
  local video = walk:integer("content.ports.video")
  return format("data %d, video %d, audio %d", data, video, walk:integer("content.ports.audio"))
end

values[0x05] = function(walk)
  local transport = walk:integer("content.service.transport")
  local port = walk:integer("content.service.port")
  local kind = walk:name("content.service.kind", 16)
  return format("%s:%d/%s", shown(kind), port, meaning(TRANSPORTS, transport))
end

values[0x06] = function(walk)
  local state = meaning(STATES, walk:integer("content.state"))
  walk.all.said.state = state
  return state
end

values[0x07] = function(walk)
  local conference = walk:name("content.conference", 64)
  walk.all.said.conference = conference
  return shown(conference)
end

values[0x08] = function()
  return nil
end

values[0x10] = function(walk)
  local kind = walk:integer("view.kind")
  local push = band(walk:bits("view.flags", { "view.push" }), 1) ~= 0 and ", pushed" or ""
  local text
  if kind == 2 then
    text = "group " .. shown(walk:name("view.group", 64))
  elseif kind == 3 then
    local from, users = walk.at, 0
    while walk:left() > 0 do
      walk:integer("view.user")
      users = users + 1
    end
    if users == 0 or users > 64 then
      walk:fault(format("%d named users, 1 to 64 can be", users), from)
    end
    text = plural(users, "named user")
  else
    text = meaning(VIEWS, kind)
    if kind > 3 and walk:left() > 0 then
      -- What another kind holds is not known here (R-FMT-19).
      walk:bytes("undecoded", walk:left())
    end
  end
  walk.all.said.view = text .. push
  return text .. push
end

values[0x20] = function(walk)
  local address = walk:address("observed")
  walk.all.said.observed = address
  return address
end

values[0x21] = function(walk)
  local server = { id = walk:integer("server.id") }
  local flags = walk:bits("server.flags", { "server.primary", "server.sender" })
  server.primary, server.sender = band(flags, 1) ~= 0, band(flags, 2) ~= 0
  local length = walk:integer("server.name_length")
  server.name = walk:name("server.name", 64, length)
  local addresses = walk:addresses("server", 8, 0)
  local servers = walk.all.said.servers
  servers[#servers + 1] = server
  return shown(server.name) .. (server.primary and ", primary" or "") .. (server.sender and ", the sender" or "")
    .. ", " .. addresses
end

-- A value of exactly so many bytes.
local function exactly(walk, name, length)
  if walk:left() ~= length then
    walk:fault(format("%s of %s, %d must be", fields[name].title:lower(), plural(walk:left(), "byte"), length), walk.at)
  end
  return walk:bytes(name, walk:left())
end

values[0x22] = function(walk)
  exactly(walk, "cluster_key", 32)
end

values[0x23] = function(walk)
  return shown(walk:name("realm_name", 32))
end

values[0x24] = function(walk)
  local ms = walk:integer("check_time")
  walk.all.said.check_time = ms
  return span(ms)
end

values[0x25] = function(walk)
  local kind = meaning(VIEWS, walk:integer("granted.kind"))
  local reason = walk:integer("granted.reason")
  if reason ~= 0 then
    walk.all.said.not_granted = meaning(REASONS, reason)
  end
  return kind .. ", " .. meaning(REASONS, reason)
end

values[0x26] = function(walk)
  return meaning(MODES, walk:integer("mode"))
end

values[0x27] = function(walk)
  local value = walk:integer("replicated")
  if value > 1 then
    walk:fault(format("REPLICATED is %d, not 0 or 1", value), walk.at - 1)
  end
  return value == 1 and "yes" or "no"
end

values[0x30] = function(walk)
  local page = { kind = walk:integer("page.kind") }
  page.more = band(walk:bits("page.flags", { "page.more" }), 1) ~= 0
  page.from, page.to = walk:integer("page.from"), walk:integer("page.to")
  walk:integer("page.after")
  walk:integer("page.up_to")
  page.rows = walk:integer("page.rows")
  walk.all.said.page = page
  return format("%s, revision %d to %d%s", meaning(PAGES, page.kind), page.from, page.to,
    page.more and ", more follows" or "")
end

-- Names without which nothing is content (R-FMT-11).
function names_there(walk, seen, at)
  for code = 1, 2 do
    if not seen[code] then
      walk:fault(TLVS[code] .. " is missing", at)
    end
  end
end

values[0x31] = function(walk)
  local user = walk:integer("entry.user")
  walk:integer("entry.revision")
  local late = band(walk:bits("entry.status", { "entry.late", "entry.unconfirmed" }), 1) ~= 0
  walk:integer("entry.since")
  walk:integer("entry.check_time")
  walk:integer("entry.home")
  local all, at = walk.all, walk.at
  local outer = all.said
  all.said = { servers = {}, rows = {}, names = {} }
  local ok, seen = pcall(tlvs, walk, LISTED_ENTRY, false, true)
  local name = all.said.user_name
  all.said = outer
  if not ok then
    error(seen, 0)
  end
  names_there(walk, seen, at)
  local who = name and shown(name) or hex(user)
  outer.rows[#outer.rows + 1] = who .. (late and " late" or "")
  if name then
    outer.names[#outer.names + 1] = { user = user, name = name }
  end
  return who .. (name and ", user " .. hex(user) or "") .. (late and ", late" or "")
end

values[0x32] = function(walk)
  local user = walk:integer("gone.user")
  walk:integer("gone.revision")
  local reason = meaning(GONES, walk:integer("gone.reason"))
  local rows = walk.all.said.rows
  rows[#rows + 1] = { gone = user, reason = reason }
  return hex(user) .. ", " .. reason
end

values[0x33] = function(walk)
  if walk:left() ~= 1024 then
    walk:fault(format("digests of %s, 1024 must be", plural(walk:left(), "byte")), walk.at)
  end
  local filled = 0
  while walk:left() > 0 do
    if walk:integer("bucket.digest") ~= NOBODY then
      filled = filled + 1
    end
  end
  walk.all.said.filled = filled
  return plural(filled, "filled bucket")
end

values[0x34] = function(walk)
  local map, count = exactly(walk, "buckets", 16), 0
  for i = 1, #map do
    local bits = byte(map, i)
    while bits > 0 do
      count = count + bits % 2
      bits = math.floor(bits / 2)
    end
  end
  walk.all.said.buckets = count
  return plural(count, "bucket")
end

values[0x35] = function(walk)
  local kind = walk:integer("pattern.kind")
  if not PATTERNS[kind] then
    walk:fault(format("kind %d of a pattern", kind), walk.at - 1)
  end
  local text = walk:text("pattern.text")
  if #text > 64 then
    walk:fault(format("a pattern of %d bytes, 64 at most", #text), walk.at - #text)
  elseif not utf8_holds(text) then
    walk:fault("text that is not UTF-8", walk.at - #text)
  end
  walk.all.said.pattern = { kind = kind, text = text }
  return meaning(PATTERNS, kind) .. " " .. shown(text)
end

values[0x36] = function(walk)
  return walk:address("entry")
end

values[0x37] = function(walk)
  walk:integer("signature.issued")
  walk:bytes("signature", 64)
end

values[0x7f] = function(walk)
  walk:bytes("pad", walk:left())
end

end

------------------------------------------------------------------------------------------------------------------------
-- Messages (2.5 to 2.7)
------------------------------------------------------------------------------------------------------------------------

local integers, between_host_and_hms
do

local bodies = {}

function integers(walk, ...)
  local prefix = (...)
  for i = 2, select("#", ...) do
    walk.all.said[select(i, ...)] = walk:integer(prefix .. "." .. select(i, ...))
  end
end

local function first_contact(prefix)
  return function(walk)
    integers(walk, prefix, "min_version", "max_version")
    walk:bytes("reserved", 18)
    tlvs(walk, NO_TLVS, true)
  end
end

bodies[INIT] = first_contact("init")
bodies[DISCOVER] = first_contact("discover")

bodies[REGISTER] = function(walk)
  integers(walk, "register", "cookie", "instance", "last_stamp", "content_version", "incarnation", "revision", "digest")
  names_there(walk, tlvs(walk, LISTED_CONTENT, true), walk.stop)
end

bodies[HEARTBEAT] = function(walk, flags)
  integers(walk, "heartbeat", "content_version", "incarnation", "revision", "digest")
  if band(flags, 1) ~= 0 then
    integers(walk, "heartbeat", "cookie")
  end
  if band(flags, 4) ~= 0 then
    names_there(walk, tlvs(walk, LISTED_CONTENT, true), walk.stop)
  else
    tlvs(walk, NO_TLVS, true)
  end
end

bodies[LEAVE] = function(walk)
  walk:bytes("reserved", 20)
  tlvs(walk, NO_TLVS, true)
end

bodies[PULL] = function(walk)
  integers(walk, "pull", "incarnation", "revision", "cursor", "kind")
  if not PULLS[walk.all.said.kind] then
    walk:fault(format("kind %d of a PULL", walk.all.said.kind), walk.at - 1)
  end
  walk:bytes("reserved", 3)
  tlvs(walk, set(0x34), true)
end

bodies[FIND] = function(walk)
  integers(walk, "find", "incarnation", "cursor")
  walk:bytes("reserved", 8)
  if not tlvs(walk, set(0x35), true)[0x35] then
    walk:fault("PATTERN is missing", walk.stop)
  end
end

local function answer(steps)
  return function(walk, flags)
    integers(walk, "answer", "incarnation", "number")
    steps(walk, flags)
  end
end

local function short(name, argument)
  return answer(function(walk)
    integers(walk, name, argument)
  end)
end

bodies[CHALLENGE] = short("challenge", "cookie")
bodies[SUPERSEDED] = short("superseded", "stamp")
bodies[REREGISTER] = short("reregister", "delay")
bodies[RETRY] = short("retry", "delay")
bodies[REDIRECT] = short("redirect", "server")
bodies[LEFT] = short("left", "argument")
bodies[REJECT] = answer(function(walk)
  walk.all.said.code_of_reject = walk:integer("reject.code")
  walk:bytes("reserved", 2)
  integers(walk, "reject", "value")
end)

bodies[REGISTERED] = answer(function(walk)
  integers(walk, "registered", "stamp", "server", "revision", "content_version", "check_time", "first_delay")
  tlvs(walk, SETTINGS)
end)

-- Rows have no meaning without the page that they are of (R-FMT-14).
local function page_there(walk, seen)
  if not seen[0x30] and (seen[0x31] or seen[0x32]) then
    walk:fault("PAGE-INFO is missing", walk.stop)
  end
end

bodies[ACK] = answer(function(walk)
  integers(walk, "ack", "revision", "content_version")
  page_there(walk, tlvs(walk, LISTED_ACK))
end)

bodies[PAGE] = answer(function(walk)
  if not tlvs(walk, LISTED_PAGE)[0x30] then
    walk:fault("PAGE-INFO is missing", walk.stop)
  end
end)

bodies[DIGESTS] = answer(function(walk)
  integers(walk, "digests", "revision", "root")
  if not tlvs(walk, set(0x33))[0x33] then
    walk:fault("DIGESTS is missing", walk.stop)
  end
end)

bodies[OFFER] = answer(function(walk)
  integers(walk, "offer", "server")
  tlvs(walk, set(0x21))
end)

bodies[HINT] = function(walk)
  walk.all.said.code_of_hint = walk:integer("hint.code")
  integers(walk, "hint", "min_version", "max_version")
end

bodies[ANNOUNCE] = function(walk)
  integers(walk, "announce", "server", "event")
  walk:bytes("reserved", 1)
  integers(walk, "announce", "port")
end

-- The header (2.1), the body of its type, the tag. Of other versions only the header is known (R-FMT-20).
function between_host_and_hms(walk, tag)
  local said = walk.all.said
  local version = walk:integer("version")
  local code = number(walk.s, walk.at, 1)
  walk:integer("type")
  local flags = walk:bits("flags", FLAGS[code] or {})
  said.version, said.code, said.flags = version, code, flags
  local known = TYPES[code]
  if version ~= 1 then
    walk:fault(format("version %d instead of 1", version), 0, "version")
  elseif not known then
    walk:fault(format("unknown type 0x%02x", code), 1, "type")
  elseif band(flags, bnot(FLAG_BITS[code] or 0)) ~= 0 then
    walk:fault(format("unknown flags 0x%02x", flags), 2, "flags")
  elseif (code == HINT or code == ANNOUNCE) and flags ~= 0x80 then
    walk:fault("the flag unauthenticated is missing", 2, "flags")
  end
  said.epoch = walk:integer("epoch")
  said.realm = walk:bytes("realm", 4)
  said.user = walk:integer("user")
  said.session = walk:integer("session")
  said.seq = walk:integer("seq")
  -- Nobody reads more of one that is too short or too long.
  said.header = #walk.s >= DATAGRAM_MIN and #walk.s <= DATAGRAM_MAX
  walk:need(tag, "the tag")
  local body = walk:part(walk:left() - tag)
  if version == 1 and known then
    local first = code == INIT or code == REGISTER or code == DISCOVER
    if first and said.session ~= NOBODY then
      walk:fault(known .. " with a session id", 16)
    end
    if code == DISCOVER and #walk.s < 512 then
      walk:fault("DISCOVER shorter than 512 bytes", #walk.s, "length")
    end
    body:run(bodies[code], flags)
  else
    body:run(function(rest) rest:bytes("undecoded", rest:left()) end)
  end
  walk:bytes((code == HINT or code == ANNOUNCE) and "checksum" or "tag", tag)
end

end

------------------------------------------------------------------------------------------------------------------------
-- Between HMSs (9.1, 9.4): what can be read without opening a packet
------------------------------------------------------------------------------------------------------------------------

local LINK_LENGTHS = { [HELLO] = 1200, [COOKIE] = 80, [WELCOME] = 1200, [RESET] = 48 }

local function zero(walk, length)
  if walk:bytes("reserved", length) ~= rep("\0", length) then
    walk:fault("a reserved byte that is not 0", walk.at - length)
  end
end

-- An id that cannot be 0.
local function identity(walk, name)
  local value = walk:integer(name)
  if value == NOBODY then
    walk:fault(fields[name].title:lower() .. " is 0", walk.at - 8)
  end
  return value
end

-- Up to the tag.
local function zeros(walk, tag)
  walk:need(tag, "the tag")
  walk:bytes("zeros", walk:left() - tag)
end

local links = {}

links[HELLO] = function(walk, tag)
  integers(walk, "hello", "min_version", "max_version")
  zero(walk, 2)
  integers(walk, "hello", "incarnation")
  walk.all.said.server = identity(walk, "hello.server")
  identity(walk, "hello.session")
  walk:bytes("hello.nonce", 32)
  integers(walk, "hello", "target")
  walk.all.said.cookie = walk:bytes("hello.cookie", 16)
  zeros(walk, tag)
end

links[COOKIE] = function(walk)
  integers(walk, "cookie", "incarnation")
  zero(walk, 4)
  walk.all.said.server = walk:integer("cookie.server")
  walk:bytes("cookie.cookie", 16)
end

links[WELCOME] = function(walk, tag)
  walk:integer("welcome.version")
  zero(walk, 3)
  integers(walk, "welcome", "incarnation")
  walk.all.said.server = identity(walk, "welcome.server")
  walk.all.said.link = identity(walk, "welcome.session")
  walk:bytes("welcome.nonce", 32)
  zeros(walk, tag)
end

local function between_hmss(walk, tag)
  local said = walk.all.said
  local version = walk:integer("version")
  local code = number(walk.s, walk.at, 1)
  walk:integer("type")
  said.version, said.code = version, code
  local length = LINK_LENGTHS[code]
  if version ~= 1 then
    -- DATA and RESET of another version share nothing else with these.
    walk:fault(format("version %d instead of 1", version), 0, "version")
    error(ENDS, 0)
  elseif length and #walk.s ~= length and tag > 0 then
    walk:fault(format("%s of %s, %d must be", TYPES[code], plural(#walk.s, "byte"), length), #walk.s, "length")
  end
  if code == DATA then
    said.number = walk:integer("data.number", 6)
    said.session = walk:integer("session")
    said.link_header = true
    local behind = walk:left() >= TAG and tag or 0
    said.frames = walk:left() - behind
    walk:bytes("data.frames", said.frames)
    walk:bytes("tag", behind)
    return
  end
  if code == RESET then
    zero(walk, 2)
    integers(walk, "reset", "incarnation")
    said.session = walk:integer("session")
    said.server = walk:integer("reset.server")
    zero(walk, 2)
    said.number = walk:integer("reset.number", 6)
  else
    said.flags = walk:integer("flags")
    said.epoch = walk:integer("epoch")
    said.realm = walk:bytes("realm", 4)
    if said.flags ~= 0 or said.epoch ~= 0 or said.realm ~= rep("\0", 4) then
      walk:fault("a reserved byte that is not 0", 2)
    end
    said.key_id = walk:integer("key_id")
    said.session = walk:integer("session")
    if code == HELLO and said.session ~= NOBODY then
      walk:fault("HELLO with a session id", 16)
    end
    said.attempt = walk:integer("attempt")
    said.link_header = true
    links[code](walk, tag)
  end
  if walk:left() > tag then
    walk:bytes("undecoded", walk:left() - tag)
  end
  walk:bytes("tag", tag)
end

------------------------------------------------------------------------------------------------------------------------
-- Opened copies (11.3): the frames of a packet (9.4) and whole messages (10.2, 10.7)
------------------------------------------------------------------------------------------------------------------------

local opened_packet, opened_message
do

-- Of the frame that is next, as far as it says.
local function frame_length(walk, code)
  local function at(offset, size)
    if offset + size <= walk:left() then
      return number(walk.s, walk.at + offset, size)
    end
  end
  local function with(fixed, offset, size, each)
    local count = at(offset, size)
    return count and fixed + count * (each or 1)
  end
  if code == 0 then
    local length = 1
    while at(length, 1) == 0 do
      length = length + 1
    end
    return length
  elseif code == 1 then
    return 1
  elseif code == 2 then
    return with(16, 11, 1, 8)
  elseif code == 3 then
    return with(10, 8, 2)
  elseif code == 4 then
    return 8
  elseif code == 5 then
    return with(4, 3, 1)
  elseif code >= 0x80 then
    return with(3, 1, 2)
  end
end

local function frame(walk, code)
  if code == 0 then
    walk:bytes("frame.padding", walk:left())
    return
  end
  walk:integer("frame.type")
  if code == 2 then
    walk:integer("frame.ack.largest", 6)
    integers(walk, "frame.ack", "delay", "more", "first")
    while walk:left() > 0 do
      integers(walk, "frame.ack", "gap", "length")
    end
  elseif code == 3 then
    walk:integer("frame.stream")
    walk:integer("frame.offset", 6)
    walk:bytes("frame.bytes", walk:integer("frame.length"))
  elseif code == 4 then
    walk:integer("frame.stream")
    walk:integer("frame.limit", 6)
  elseif code == 5 then
    walk:integer("frame.close.code")
    walk:text("frame.close.reason", walk:integer("frame.length", 1))
  elseif code >= 0x80 then
    walk:bytes("frame.bytes", walk:integer("frame.length"))
  end
end

function opened_packet(walk)
  local said = walk.all.said
  said.number = walk:integer("data.number", 6)
  said.session = walk:integer("session")
  said.frames = walk:left() - TAG
  local part = walk:part(said.frames)
  while part:left() > 0 do
    local code = byte(part.s, part.at + 1)
    local length = math.min(frame_length(part, code) or part:left(), part:left())
    local node = part:add("frame", part.at, length)
    walk.all.nodes[node].note = FRAMES[code] or format("type 0x%02x", code)
    part:part(length, node):run(frame, code)
  end
  walk:bytes("opened.mark", TAG)
end

-- Names of fields, each with its bytes.
local MESSAGES = {
  [0x01] = {
    "peer.min_version", 1, "peer.max_version", 1, "peer.phase", 1, "reserved", 4, "peer.line", 8, "peer.age", 8,
    "peer.joined", 8, "peer.founded", 8, "peer.clock", 8, "peer.facts_digest", 8, "peer.check_time", 4,
    "peer.exchange_time", 4, "peer.expiry", 4,
  },
  [0x02] = {
    "peer.phase", 1, "reserved", 2, "peer.heard", 4, "peer.clock", 8, "peer.facts_digest", 8,
  },
  [0x03] = {
    "peer.code", 1, "peer.phase", 1, "reserved", 1, "peer.incarnation", 4, "peer.line", 8, "peer.age", 8,
    "peer.joined", 8,
  },
  [0x04] = {
    "reserved", 7, "peer.line", 8,
  },
  [0x05] = {
    "reserved", 7, "peer.line", 8, "peer.age", 8, "peer.joined", 8, "peer.founded", 8,
  },
  [0x06] = {
    "reserved", 7, "peer.secret", 32, "peer.seed", 32,
  },
  [0x07] = { flags = { "peer.flags.last" },
    "reserved", 6, "peer.number", 8,
  },
  [0x08] = {
    "peer.result", 1, "reserved", 6, "peer.number", 8,
  },
  [0x09] = {
    "reserved", 7, "peer.revision", 8,
  },
  [0x0a] = {
    "reserved", 7, "peer.revision", 8,
  },
  [0x0b] = {
    "reserved", 3, "peer.incarnation", 4, "peer.server", 8,
  },
  [0x0c] = {
    "reserved", 3, "peer.incarnation", 4, "peer.server", 8, "peer.fetch", 4, "peer.after.realm", 4,
    "peer.after.user", 8, "peer.buckets", 512,
  },
  [0x0d] = {
    "reserved", 7,
  },
  [0x0e] = {
    "reserved", 7,
  },
  [0x0f] = {
    "reserved", 7, "peer.revision", 8,
  },
  [0x20] = { flags = { "peer.flags.resumed" },
    "reserved", 6, "peer.revision", 8,
  },
  [0x21] = { flags = { "peer.flags.at_once", "peer.flags.all" },
    "reserved", 6, "peer.revision", 8,
  },
  [0x30] = {
    "reserved", 3, "peer.incarnation", 4, "peer.server", 8, "peer.digests", 32768,
  },
  [0x31] = { flags = { "peer.flags.last" },
    "reserved", 2, "peer.fetch", 4, "peer.after.realm", 4, "peer.after.user", 8, "peer.up_to.realm", 4,
    "peer.up_to.user", 8,
  },
}
local VALUES = {
  [0x04] = {
    "peer.line", 8,
  },
  [0x05] = {
    "peer.server", 8, "peer.incarnation", 4, "peer.phase", 1, "peer.line", 8, "peer.joined", 8,
  },
  [0x10] = { behind = "name",
    "peer.server", 8, "peer.stamp", 8, "peer.by", 8, "peer.state", 1,
  },
  [0x11] = { behind = "address",
    "peer.stamp", 8, "peer.by", 8, "peer.state", 1, "peer.server", 8,
  },
  [0x12] = { behind = "name",
    "peer.realm", 4, "peer.epoch", 1, "peer.stamp", 8, "peer.by", 8, "peer.state", 1, "peer.secret", 32,
  },
  [0x13] = { behind = "name",
    "peer.realm", 4, "peer.user", 8, "peer.generation", 8, "peer.previous", 8,
  },
  [0x20] = {
    "peer.server", 8, "peer.incarnation", 4, "peer.home_age", 4,
  },
  [0x22] = {
    "peer.realm", 4, "peer.user", 8, "peer.generation", 8, "peer.stamp", 8, "peer.by", 8, "peer.session", 8,
    "peer.ending", 1, "peer.sequence", 8, "peer.forgotten", 4,
  },
  [0x23] = {
    "peer.server", 8, "peer.incarnation", 4, "peer.rows", 4, "peer.root", 8,
  },
}
local ROW = {
    "peer.realm", 4, "peer.user", 8, "peer.generation", 8, "peer.stamp", 8, "peer.by", 8, "peer.session", 8,
    "peer.instance", 8, "peer.since", 8, "peer.epoch", 1, "peer.content_version", 4, "peer.sequence", 8,
    "peer.status", 1, "peer.check_time", 4,
}

local function steps(walk, list)
  for i = 1, #list, 2 do
    local name, length = list[i], list[i + 1]
    if fields[name].size then
      walk:integer(name, length)
    else
      walk:bytes(name, length)
    end
  end
end

-- An address (2.4), or one byte 0.
local function peer_address(walk)
  local family = walk:integer("peer.family")
  if family == 4 or family == 6 then
    walk:bytes(family == 4 and "peer.ipv4" or "peer.ipv6", family == 4 and 4 or 16)
    walk:integer("peer.port")
  elseif family ~= 0 then
    error(ENDS, 0)
  end
end

local function value(walk, code)
  local known = VALUES[code]
  if code == 0x01 then
    walk:text("peer.name")
  elseif code == 0x02 then
    walk:text("peer.reason")
  elseif code == 0x03 then
    walk:integer("peer.use")
    peer_address(walk)
  elseif code == 0x21 then
    steps(walk, ROW)
    peer_address(walk)
    tlvs(walk, LISTED_CONTENT)
  elseif known then
    steps(walk, known)
    if known.behind == "name" then
      walk:text("peer.name")
    elseif known.behind == "address" then
      peer_address(walk)
    end
  else
    walk:bytes("tlv.unknown", walk:left())
  end
end

local function message(walk)
  local code = walk:integer("peer.type")
  local known = MESSAGES[code]
  if not known then
    error(ENDS, 0)
  end
  if known.flags then
    walk:bits("peer.flags", known.flags)
  end
  steps(walk, known)
  while walk:left() > 0 do
    walk:need(3, "a TLV")
    local at = walk.at
    local kind, length = byte(walk.s, at + 1) % 0x80, number(walk.s, at + 1, 2)
    local node = walk:add("peer.tlv", at, math.min(3 + length, walk:left()))
    walk.all.nodes[node].note = PEER_TLVS[kind] or "unknown"
    walk:part(3 + length, node):run(function(tlv)
      tlv:need(1, "a TLV")
      tlv:add("peer.tlv.critical", at, 1)
      tlv:add("peer.tlv.type", at, 1)
      tlv.at = tlv.at + 1
      tlv:integer("peer.tlv.length")
      value(tlv, kind)
    end)
  end
end

function opened_message(walk)
  local said = walk.all.said
  said.offset = walk:integer("opened.offset", 6)
  said.session = walk:integer("session")
  said.stream = walk:integer("opened.stream")
  said.frames = walk:left() - TAG
  said.peer = byte(walk.s, walk.at + 1)
  local node = walk:add("peer", walk.at, said.frames)
  walk.all.nodes[node].note = PEERS[said.peer] or "unknown"
  walk:part(said.frames, node):run(message)
  walk:bytes("opened.mark", TAG)
end

end

local function is_opened(s)
  local code = byte(s, 2)
  return byte(s, 1) == 1 and (code == OPENED_PACKET or code == OPENED_MESSAGE) and #s >= 33 and sub(s, -TAG) == MARK
end

local function opened(walk)
  local said = walk.all.said
  -- What is wrong in it was wrong when a receiver judged it; a copy judges nothing.
  walk.all.quiet = walk.all.quiet + 1
  said.version = walk:integer("version")
  said.code = walk:integer("type")
  if said.code == OPENED_PACKET then
    opened_packet(walk)
  else
    opened_message(walk)
  end
end

-- Everything that the bytes of a datagram say. `whole`: the capture has all of them.
local function read(s, whole)
  local walk = new_walk(s)
  if is_opened(s) then
    walk:run(opened)
    walk.all.said.between_hmss = true
    return walk.all
  end
  if whole and (#s < DATAGRAM_MIN or #s > DATAGRAM_MAX) then
    walk:fault(format("%s, %d to %d can be", plural(#s, "byte"), DATAGRAM_MIN, DATAGRAM_MAX), #s, "length")
  end
  local code = byte(s, 2)
  local link = code and code >= HELLO and code <= RESET
  walk:run(link and between_hmss or between_host_and_hms, whole and TAG or 0)
  local all = walk.all
  all.said.between_hmss = link and all.said.version == 1
  return all
end

------------------------------------------------------------------------------------------------------------------------
-- SHA-256 (FIPS 180-4), HMAC (RFC 2104), HKDF (RFC 5869): Wireshark gives Lua none of them in 4.0
------------------------------------------------------------------------------------------------------------------------

local sha256, ready, hmac_ready, hmac, expand
do

local K = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}
local SHA_BEGIN = {
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

-- One block of 64 bytes; a new state. Sums stay below 2^51, to which `bit` is exact; band(x, -1) brings them back.
local function sha_block(state, s, at)
  local w = {}
  for i = 1, 16 do
    local a, b, c, d = byte(s, at + 4 * i - 3, at + 4 * i)
    w[i] = ((a * 256 + b) * 256 + c) * 256 + d
  end
  for i = 17, 64 do
    local x, y = w[i - 15], w[i - 2]
    w[i] = band(w[i - 16] + bxor(ror(x, 7), ror(x, 18), rshift(x, 3)) + w[i - 7]
      + bxor(ror(y, 17), ror(y, 19), rshift(y, 10)), -1)
  end
  local a, b, c, d, e, f, g, h = state[1], state[2], state[3], state[4], state[5], state[6], state[7], state[8]
  for i = 1, 64 do
    local one = h + bxor(ror(e, 6), ror(e, 11), ror(e, 25)) + bxor(g, band(e, bxor(f, g))) + K[i] + w[i]
    local two = bxor(ror(a, 2), ror(a, 13), ror(a, 22)) + bxor(band(a, b), band(c, bxor(a, b)))
    h, g, f, e, d, c, b, a = g, f, e, band(d + one, -1), c, b, a, band(one + two, -1)
  end
  return {
    band(state[1] + a, -1), band(state[2] + b, -1), band(state[3] + c, -1), band(state[4] + d, -1),
    band(state[5] + e, -1), band(state[6] + f, -1), band(state[7] + g, -1), band(state[8] + h, -1),
  }
end

-- The hash of what stands behind `before` bytes (whole blocks) that made `state`.
local function sha_end(state, before, s)
  local all = s .. "\128" .. rep("\0", (55 - #s) % 64) .. rep("\0", 4) .. bytes_of((before + #s) * 8, 4)
  for at = 0, #all - 64, 64 do
    state = sha_block(state, all, at)
  end
  local out = {}
  for i = 1, 8 do
    out[i] = bytes_of(state[i] % TWO32, 4)
  end
  return table.concat(out)
end

function sha256(s)
  return sha_end(SHA_BEGIN, 0, s)
end

-- A key whose two first blocks are done: with it a datagram costs two blocks less.
function ready(key)
  if #key > 64 then
    key = sha256(key)
  end
  key = key .. rep("\0", 64 - #key)
  local function begin(with)
    return sha_block(SHA_BEGIN, (key:gsub(".", function(c) return char(bxor(byte(c), with)) end)), 0)
  end
  return { inner = begin(0x36), outer = begin(0x5c) }
end

function hmac_ready(key, s)
  return sha_end(key.outer, 64, sha_end(key.inner, 64, s))
end

function hmac(key, s)
  return hmac_ready(ready(key), s)
end

-- HKDF-Expand to 32 bytes; HKDF-Extract is HMAC with the salt as key.
function expand(key, info)
  return hmac(key, info .. "\1")
end

end

------------------------------------------------------------------------------------------------------------------------
-- Keys (3.1, 3.6, 9.2, 10.5): the secrets.json of a state directory, or join tokens and invitations
------------------------------------------------------------------------------------------------------------------------

local no_keys, load_keys
do

-- A value of JSON; numbers stay text. Throws what is wrong.
local function json(text)
  local at, value = 1, nil
  local escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }
  local function wrong()
    error({ wrong = format("byte %d is not JSON", at) }, 0)
  end
  local function skip()
    at = text:find("[^ \t\r\n]", at) or #text + 1
  end
  local function expect(what)
    skip()
    if sub(text, at, at + #what - 1) ~= what then
      wrong()
    end
    at = at + #what
  end
  local function next_is(what)
    skip()
    return sub(text, at, at) == what
  end
  local function utf8(code)
    if code < 0x80 then
      return char(code)
    elseif code < 0x800 then
      return char(0xc0 + math.floor(code / 64), 0x80 + code % 64)
    end
    return char(0xe0 + math.floor(code / 4096), 0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
  end
  local function string_value()
    expect('"')
    local out = {}
    while true do
      local from, to = text:find('^[^"\\]+', at)
      if from then
        out[#out + 1] = sub(text, from, to)
        at = to + 1
      end
      local c = sub(text, at, at)
      if c == '"' then
        at = at + 1
        return table.concat(out)
      end
      local escaped = c == "\\" and sub(text, at + 1, at + 1)
      if escaped == "u" and text:find("^%x%x%x%x", at + 2) then
        out[#out + 1] = utf8(tonumber(sub(text, at + 2, at + 5), 16))
        at = at + 6
      elseif escaped and escapes[escaped] then
        out[#out + 1] = escapes[escaped]
        at = at + 2
      else
        wrong()
      end
    end
  end
  -- `read` is called for each member up to `close`.
  local function members(close, read_one)
    at = at + 1
    if next_is(close) then
      at = at + 1
      return
    end
    while true do
      read_one()
      if next_is(close) then
        at = at + 1
        return
      end
      expect(",")
    end
  end
  function value(depth)
    if depth > 16 then
      wrong()
    end
    if next_is("{") then
      local object = {}
      members("}", function()
        local key = string_value()
        expect(":")
        object[key] = value(depth + 1)
      end)
      return object
    elseif next_is("[") then
      local list = {}
      members("]", function()
        -- null would end the list.
        local one = value(depth + 1)
        list[#list + 1] = one == nil and false or one
      end)
      return list
    elseif next_is('"') then
      return string_value()
    end
    for word, meant in pairs({ ["true"] = true, ["false"] = false }) do
      if sub(text, at, at + #word - 1) == word then
        at = at + #word
        return meant
      end
    end
    if sub(text, at, at + 3) == "null" then
      at = at + 4
      return nil
    end
    local from, to = text:find("^%-?%d+[%d%.eE%+%-]*", at)
    if not from then
      wrong()
    end
    at = to + 1
    return sub(text, from, to)
  end
  local all = value(1)
  skip()
  if at <= #text then
    wrong()
  end
  return all
end

function no_keys()
  -- realms: id → { name, prk = { epoch → PRK }, epochs }; users: realm, epoch, user → key;
  -- revoked: realm, user → { now, before }; links: key id → ready hello key.
  return { realms = {}, users = {}, revoked = {}, links = {}, any = false, user_keys = {}, sessions = {}, count = 0 }
end

-- `length` bytes of a field in hexadecimal digits; throws its name.
local function hex_field(object, name, length)
  local text = object[name]
  local value = type(text) == "string" and from_hex(text)
  if not value or #value ~= length then
    error({ wrong = format("%s is not %d hexadecimal digits", name, 2 * length) }, 0)
  end
  return value
end

local function list_field(object, name)
  return type(object[name]) == "table" and object[name] or {}
end

-- The file is its own witness: an edited secret would pass for one that fits no token.
local function checksum_of_secrets(text)
  local compact = text:gsub('"[^"\\]*"', function(whole) return (whole:gsub("[ \t]", { [" "] = "\1", ["\t"] = "\2" })) end)
  compact = compact:gsub("[ \t\r\n]", ""):gsub("[\1\2]", { ["\1"] = " ", ["\2"] = "\t" })
  local zeroed, count = compact:gsub('"checksum":"%x+"', '"checksum":"0000000000000000"')
  return count == 1 and sub(sha256(zeroed), 1, 8)
end

local function add_link(keys, id, salt, secret)
  keys.links[id] = ready(expand(hmac(salt, secret), "hms1 hello" .. id))
  keys.any = true
end

local function take_secrets(keys, text)
  local secrets = json(text)
  local kind = type(secrets) == "table" and secrets.hms_secrets
  if kind ~= "1" and kind ~= "2" then
    error({ wrong = "not the secrets of an HMS in format 1 or 2" }, 0)
  end
  if not text:find("\\", 1, true) and checksum_of_secrets(text) ~= hex_field(secrets, "checksum", 8) then
    error({ wrong = "the values do not fit the checksum: the file is damaged or was edited" }, 0)
  end
  for _, one in ipairs(list_field(secrets, "realms")) do
    local id = hex_field(one, "id", 4)
    local realm = keys.realms[id] or { prk = {}, epochs = {} }
    local epoch = tonumber(one.epoch)
    keys.realms[id] = realm
    realm.name = type(one.name) == "string" and one.name or hex(id)
    if epoch then
      realm.prk[epoch] = hmac("hms1", hex_field(one, "secret", 32))
      realm.epochs[#realm.epochs + 1] = format("%d", epoch)
      keys.any = true
    end
  end
  for _, one in ipairs(list_field(secrets, "revocations")) do
    local id = hex_field(one, "realm", 4) .. hex_field(one, "user", 8)
    keys.revoked[id] = { now = hex_field(one, "generation", 8), before = hex_field(one, "previous", 8) }
  end
  if secrets.cluster_secret then
    add_link(keys, NOBODY, "hms1 cluster", hex_field(secrets, "cluster_secret", 32))
  else
    -- Format 1 knew of one HMS only: its cluster secret comes from the seed.
    local prk = hmac("hms1 first cluster secret", hex_field(secrets, "cluster_seed", 32))
    add_link(keys, NOBODY, "hms1 cluster", expand(prk, ""))
  end
  for _, one in ipairs(list_field(secrets, "invitations")) do
    add_link(keys, hex_field(one, "id", 8), "hms1 invitation", hex_field(one, "secret", 32))
  end
end

local BASE32 = "abcdefghijklmnopqrstuvwxyz234567"

local function from_base32(text)
  local out, held, bits = {}, 0, 0
  for i = 1, #text do
    local digit = BASE32:find(sub(text, i, i), 1, true)
    if not digit then
      return nil
    end
    held, bits = held * 32 + digit - 1, bits + 5
    if bits >= 8 then
      bits = bits - 8
      local unit = 2 ^ bits
      out[#out + 1] = char(math.floor(held / unit))
      held = held % unit
    end
  end
  return table.concat(out)
end

-- A join token (3.6) or an invitation (R-PEE-31).
local function take_word(keys, word)
  word = word:lower()
  local coded = word:match("^hms1_(.*)$")
  local invitation = word:match("^hmsp1_(.*)$")
  local s = (coded or invitation) and from_base32(coded or invitation)
  if not coded and not invitation then
    error({ wrong = "neither the secrets of an HMS nor join tokens; give the state directory of an HMS, its "
      .. "secrets.json, or a file of tokens" }, 0)
  end
  if not s or #s < 5 or sub(sha256(sub(s, 1, -5)), 1, 4) ~= sub(s, -4) or byte(s, 1) ~= 1 then
    error({ wrong = "a token that is mistyped, cut short or of another version" }, 0)
  end
  if invitation then
    add_link(keys, sub(s, 2, 9), "hms1 invitation", sub(s, 10, 41))
    return
  end
  local realm, epoch = sub(s, 2, 5), byte(s, 6)
  local name = sub(s, 80, 79 + (byte(s, 79) or 0))
  local user = sub(sha256("hms1 uid" .. realm .. name), 1, 8)
  keys.users[realm .. char(epoch) .. user] = sub(s, 15, 46)
  keys.any = true
end

-- The keys of a file, or nothing and why.
function load_keys(path)
  local keys = no_keys()
  if path == "" then
    return keys
  end
  local file, why = io.open(path, "rb")
  local text = file and file:read("*a")
  if file then
    file:close()
  end
  if not text and file then
    path = path:gsub("[/\\]+$", "") .. "/secrets.json"
    file, why = io.open(path, "rb")
    text = file and file:read("*a")
    if file then
      file:close()
    end
  end
  if not text then
    return keys, (why or path .. ": cannot be read")
  end
  local ok, problem = pcall(function()
    if text:find("^%s*{") then
      return take_secrets(keys, text)
    end
    local words = 0
    for word in text:gmatch("%S+") do
      words = words + 1
      take_word(keys, word)
    end
    if words == 0 then
      error({ wrong = "the file is empty" }, 0)
    end
  end)
  if ok then
    return keys
  end
  if type(problem) ~= "table" then
    error(problem, 0)
  end
  return no_keys(), path .. ": " .. problem.wrong
end

end

------------------------------------------------------------------------------------------------------------------------
-- The verdict: whether an HMS with these keys believes it
------------------------------------------------------------------------------------------------------------------------

local keys, keys_problem = no_keys(), nil

-- What is known of at most 2 x `limit` things; those that were not used for long go.
local function bounded(limit)
  local new, old, count = {}, {}, 0
  local this = {}
  function this.put(id, value)
    if new[id] == nil then
      count = count + 1
      if count > limit then
        new, old, count = {}, new, 1
      end
    end
    new[id] = value
  end
  function this.get(id)
    local value = new[id]
    if value == nil then
      value = old[id]
      if value ~= nil then
        this.put(id, value)
      end
    end
    return value
  end
  return this
end

local windows, known_keys

-- The key of a user, or nothing and why.
local function user_key(said, generation)
  local single = keys.users[said.realm .. char(said.epoch) .. said.user]
  if single and not generation then
    return single
  end
  local realm = keys.realms[said.realm]
  local prk = realm and realm.prk[said.epoch]
  if prk then
    local revoked = keys.revoked[said.realm .. said.user]
    generation = generation or (revoked and revoked.now) or NOBODY
    return expand(prk, "hms1 user" .. said.user .. generation)
  end
  if realm then
    return nil, format("refused: key epoch %d unknown; the HMS knows %s of realm %s", said.epoch,
      table.concat(realm.epochs, " and "), shown(realm.name))
  elseif next(keys.realms) then
    local all = {}
    for id, one in pairs(keys.realms) do
      all[#all + 1] = format("%s (%s)", shown(one.name), hex(id))
    end
    table.sort(all)
    return nil, format("dropped in silence: realm %s is not served; the HMS serves %s", hex(said.realm),
      table.concat(all, ", "))
  end
  return nil, format("no key of user %s in realm %s (epoch %d) was given", hex(said.user), hex(said.realm), said.epoch)
end

-- The key that seals a datagram: the user's, or that of the session.
local function sealing(key, said)
  if said.session ~= NOBODY then
    key = expand(key, "hms1 session" .. said.session)
  end
  return ready(key)
end

local function fits(key, s)
  return sub(hmac_ready(key, sub(s, 1, -TAG - 1)), 1, TAG) == sub(s, -TAG)
end

-- What is wrong with the tag: a verdict and why; nothing if it holds.
local function tag_verdict(s, said)
  local id = said.realm .. char(said.epoch) .. said.user .. said.session
  local key = known_keys.get(id)
  if not key then
    local user, why = user_key(said)
    if not user then
      return "unknown key", why
    end
    key = sealing(user, said)
    known_keys.put(id, key)
  end
  if fits(key, s) then
    return nil
  end
  local revoked = keys.revoked[said.realm .. said.user]
  local before = revoked and user_key(said, revoked.before)
  if before and fits(sealing(before, said), s) then
    return "revoked", "refused: the key was revoked; the user needs a new join token"
  end
  return "wrong tag", format("refused: the tag does not hold under the %s's key: the datagram was changed on its way, "
    .. "or its sender has another key (a token of another realm secret, or of another user)",
    said.session == NOBODY and "user" or "session")
end

-- Takes a sequence into a window (R-AUT-21): "seen" or "old" if it is no new one. A capture may begin in the middle of a
-- session: the first sequence that is seen is taken for a new one.
local function take_sequence(of_windows, id, seq)
  local window = of_windows.get(id)
  if not window then
    of_windows.put(id, { highest = seq, seen = { [seq] = true }, count = 1 })
    return nil
  end
  local behind = above(window.highest, seq)
  if behind >= 64 then
    return "old", window.highest
  elseif window.seen[seq] then
    return "seen"
  end
  if behind < 0 then
    window.highest = seq
  end
  window.seen[seq] = true
  window.count = window.count + 1
  if window.count > 256 then
    local kept, count = {}, 0
    for one in pairs(window.seen) do
      if above(window.highest, one) < 64 then
        kept[one], count = true, count + 1
      end
    end
    window.seen, window.count = kept, count
  end
  return nil
end

-- What passes two places on its way to an HMS is no replay there: each HMS has a window.
local function sequence_verdict(said, destination)
  local id = said.realm .. char(said.epoch) .. said.user .. said.session .. destination
  local known, highest = take_sequence(windows, id, said.seq)
  if known == "old" then
    return "out of window", format("dropped: sequence %s lies 64 or more behind %s: a late or replayed datagram",
      decimal(said.seq), decimal(highest))
  elseif known then
    return "replayed", format("dropped: sequence %s was seen before: replayed, or captured twice", decimal(said.seq))
  end
  return "valid"
end

local function link_verdict(s, said)
  if said.code == DATA then
    return "unchecked", "a packet of a link, which is not opened here"
  end
  -- RESET names no key: it is always the cluster's (R-TRN-25).
  local id = said.code == RESET and NOBODY or sub(s, 9, 16)
  local key = keys.links[id]
  if not key then
    return "unknown key", (id == NOBODY and "the cluster secret" or "invitation " .. hex(id)) .. " was not given"
  elseif #s > TAG and fits(key, s) then
    return "valid"
  end
  return "wrong tag", "refused: the tag does not hold: the sender belongs to another cluster, or it was changed on its way"
end

-- A verdict and why, or nothing where nothing can be said.
local function verdict(s, said, destination)
  if said.code == OPENED_PACKET or said.code == OPENED_MESSAGE then
    return said.between_hmss and "unchecked" or nil, "of a copy that hms-dissect opened: nothing in it proves who sent it"
  end
  if said.between_hmss then
    if keys.any then
      return link_verdict(s, said)
    end
    return nil
  end
  if not said.header then
    return nil
  end
  if said.code == HINT or said.code == ANNOUNCE then
    if sub(sha256(sub(s, 1, -TAG - 1)), 1, TAG) == sub(s, -TAG) then
      return "unauthenticated"
    end
    return "wrong checksum", remarks.wrong_checksum.about
  end
  if not keys.any then
    return nil
  end
  local wrong, why = tag_verdict(s, said)
  if wrong then
    return wrong, why
  elseif said.code >= 0x80 or said.session == NOBODY then
    return "valid"
  end
  return sequence_verdict(said, destination)
end

local VERDICT_REMARKS = {
  ["wrong tag"] = "wrong_tag", ["wrong checksum"] = "wrong_checksum", ["unknown key"] = "unknown_key",
  ["revoked"] = "revoked", ["replayed"] = "replayed", ["out of window"] = "out_of_window",
}

------------------------------------------------------------------------------------------------------------------------
-- What ties datagrams together: names, requests, sessions, who claims to be primary. All of it bounded.
------------------------------------------------------------------------------------------------------------------------

local OUTSTANDING = 60e9 -- ns; R-AUT-22
-- Two HMSs that claim to be primary in turn within this time do so at once: a hand-over goes one way.
local CONFLICT = 10e9
local GAP = 2 -- check times
local CLAIMS_MAX = 256

local names, requests, sessions, passed_by, claims, servers, claim_count
-- What was found out of each frame when it was read first; frames are read again in any order.
local cache
-- The time of the first datagram, and its frame.
local beginning, first_frame

local function forget()
  beginning, first_frame = nil, nil
  names, servers = bounded(131072), bounded(256)
  requests, sessions = bounded(65536), bounded(131072)
  windows, known_keys, passed_by = bounded(131072), bounded(131072), bounded(131072)
  claims, claim_count = {}, 0
  cache = { verdict = {}, why = {}, request = {}, took = {}, first = {}, remarks = {}, who = {}, answered = {} }
end
forget()

-- ns from one time to another; exact for a hundred days.
local function since(from, to)
  return (to.s - from.s) * 1e9 + (to.n - from.n)
end

local function seconds(ns)
  local sign = ns < 0 and "-" or ""
  ns = math.abs(ns)
  return format("%s%d.%09d", sign, math.floor(ns / 1e9), ns % 1e9)
end

-- What an answer echoes, from where it was asked, and whether this asks (R-FMT-04; HELLO 9.1). A relay or NAT on the way
-- makes another request of one.
local function request_id(said, ends)
  if said.between_hmss then
    if said.code == DATA or said.code == RESET or not said.link_header then
      return nil
    end
    local asks = said.code == HELLO
    return "link" .. said.key_id .. said.attempt .. (asks and ends.source or ends.destination), asks
  end
  -- Of what nobody asked for the sequence is 0.
  if not said.header or not TYPES[said.code] or said.code == ANNOUNCE or said.seq == NOBODY then
    return nil
  end
  local session = said.code == REGISTERED and NOBODY or said.session
  local asks = said.code < 0x80
  return said.realm .. said.user .. session .. said.seq .. (asks and ends.source or ends.destination), asks
end

local function relate(s, said, ends, frame, now)
  local id, asks = request_id(said, ends)
  if not id then
    return
  end
  local tag = sub(s, -TAG)
  local known = requests.get(id)
  if known and since(known.time, now) > OUTSTANDING then
    known = nil
  end
  if not asks then
    if known then
      cache.request[frame], cache.took[frame] = known.frame, since(known.time, now)
      if not cache.answered[known.frame] then
        cache.answered[known.frame] = frame
      end
    end
  elseif known and known.tag == tag then
    known.frame, known.time = frame, now
    cache.first[frame] = known.first
    return format("the same bytes as in frame %d: sent again, or captured twice", known.first)
  else
    requests.put(id, { frame = frame, time = now, first = frame, tag = tag })
  end
end

local function server_name(id)
  return servers.get(id) or hex(id)
end

-- An HMS says of itself that it is the primary.
local function claim(realm, server, frame, now)
  local of_realm = claims[realm] or {}
  claims[realm] = of_realm
  local before = of_realm[server]
  local remark_text
  if before and since(before.time, now) <= CONFLICT then
    for other, its in pairs(of_realm) do
      if other ~= server and its.frame > before.frame and since(before.time, its.time) > 0 then
        remark_text = format("%s and %s both claim to be primary, within %s s", server_name(server),
          server_name(other), seconds(since(before.time, now)))
      end
    end
  end
  if before or claim_count < CLAIMS_MAX then
    claim_count = claim_count + (before and 0 or 1)
    of_realm[server] = { time = now, frame = frame }
  end
  return remark_text
end

-- Names and claims that a well-formed message carries.
local function learn(said, frame, now)
  if not said.header then
    return nil
  end
  if said.user_name and said.code < 0x80 then
    names.put(said.realm .. said.user, shown(said.user_name))
  end
  for _, one in ipairs(said.names) do
    names.put(said.realm .. one.user, shown(one.name))
  end
  local conflict
  for _, server in ipairs(said.servers) do
    servers.put(server.id, shown(server.name))
    if server.primary and server.sender then
      conflict = claim(said.realm, server.id, frame, now) or conflict
    end
  end
  if said.code == ANNOUNCE and said.event == 2 then
    conflict = claim(said.realm, said.server, frame, now) or conflict
  end
  return conflict
end

-- The heartbeats of a session.
local function follow(said, well_formed, now)
  if not said.header or said.session == NOBODY then
    return nil
  end
  local id = said.realm .. said.session
  local session = sessions.get(id)
  if not session then
    session = {}
    sessions.put(id, session)
  end
  if said.code >= 0x80 then
    local told = well_formed and (said.code == REGISTERED or said.code == ACK) and said.check_time
    session.check_time = told or session.check_time
    return nil
  end
  -- One that came by twice says nothing new.
  if take_sequence(passed_by, id, said.seq) or said.code ~= HEARTBEAT then
    return nil
  end
  local last, check = session.last, session.check_time
  session.last = now
  local gap = last and since(last, now)
  if gap and check and check > 0 and gap >= GAP * check * 1e6 then
    return format("no heartbeat for %d check times (%s s)", math.floor(gap / (check * 1e6)), seconds(gap))
  end
end

-- Looks at a whole datagram for the first time and keeps what it finds.
local function analyse(s, all, ends, frame, now)
  local said = all.said
  local found = {}
  local function say(name, text)
    if text then
      found[#found + 1] = { name, text }
    end
  end
  local opinion, why = verdict(s, said, ends.destination)
  cache.verdict[frame], cache.why[frame] = opinion, why
  if opinion and VERDICT_REMARKS[opinion] then
    say(VERDICT_REMARKS[opinion], why)
  end
  say("retransmission", relate(s, said, ends, frame, now))
  if not all.fault then
    say("primary_conflict", learn(said, frame, now))
  end
  say("heartbeat_gap", follow(said, not all.fault, now))
  cache.who[frame] = said.header and names.get(said.realm .. said.user) or nil
  if #found > 0 then
    cache.remarks[frame] = found
  end
end

------------------------------------------------------------------------------------------------------------------------
-- Words: what a person reads in the info column
------------------------------------------------------------------------------------------------------------------------

local sentence
do

local function list_of_servers(said)
  local out = {}
  for i, server in ipairs(said.servers) do
    out[i] = shown(server.name) .. (server.primary and " (primary)" or "")
  end
  return (#out == 1 and "HMS " or "HMSs ") .. table.concat(out, ", ")
end

local function changes(said)
  local page = said.page
  local heads = {
    [1] = format("changes %d to %d", page.from, page.to), [2] = format("rows of %d", page.rows), [3] = "matches",
    [4] = "the whole view",
  }
  local rows = {}
  for i, row in ipairs(said.rows) do
    if i > 3 then
      rows[#rows + 1] = format("and %d more", #said.rows - 3)
      break
    end
    if type(row) == "table" then
      row = format("%s gone (%s)", names.get(said.realm .. row.gone) or hex(row.gone), row.reason)
    end
    rows[#rows + 1] = row
  end
  return format("%s: %s%s", heads[page.kind] or format("a page of kind %d", page.kind),
    #rows == 0 and "none" or table.concat(rows, ", "), page.more and "; more follows" or "")
end

local function settings(said)
  local out = {}
  if said.observed then
    out[#out + 1] = "seen from " .. said.observed
  end
  if #said.servers > 0 then
    out[#out + 1] = list_of_servers(said)
  end
  if said.not_granted then
    out[#out + 1] = "the view is not granted: " .. said.not_granted
  end
  return out
end

local words = {}

local function versions(text)
  return function(said)
    if said.min_version == 1 and said.max_version == 1 then
      return text
    end
    return format("%s, versions %d to %d", text, said.min_version, said.max_version)
  end
end

words[INIT] = versions("asks to be let in")
words[DISCOVER] = versions("looks for an HMS")

words[REGISTER] = function(said)
  return format("registers \"%s\" on \"%s\", view %s%s", shown(said.user_name), shown(said.host_name),
    said.view or "none", band(said.flags, 2) ~= 0 and ", takes over from another installation" or "")
end

words[HEARTBEAT] = function(said)
  local out = { format("revision %d", said.revision) }
  if said.cookie then
    out[#out + 1] = "echoes a cookie"
  end
  if band(said.flags, 2) ~= 0 then
    out[#out + 1] = "wants changes"
  end
  if said.host_name then
    out[#out + 1] = format("content %d: \"%s\", %s%s, view %s", said.content_version, shown(said.host_name),
      said.state or "standby", said.conference and " in \"" .. shown(said.conference) .. "\"" or "", said.view or "none")
  end
  return table.concat(out, ", ")
end

words[LEAVE] = function() return "leaves" end

words[PULL] = function(said)
  if said.kind == 1 then
    return format("asks for changes since revision %d", said.revision)
  elseif said.kind == 2 then
    return "asks for digests, to compare"
  end
  return "asks for rows" .. (said.buckets and " of " .. plural(said.buckets, "bucket") or "")
    .. (said.cursor ~= NOBODY and " after user " .. hex(said.cursor) or "")
end

words[FIND] = function(said)
  local pattern = said.pattern
  return (pattern.kind == 1 and "looks up user \"" or "looks up names that begin with \"") .. shown(pattern.text) .. "\""
end

words[REGISTERED] = function(said)
  local out = settings(said)
  table.insert(out, 1, format("revision %d, at HMS %s, heartbeat each %s, the first in %s", said.revision,
    server_name(said.server), span(said.check_time), span(said.first_delay)))
  return table.concat(out, ", ")
end

words[ACK] = function(said)
  local out = settings(said)
  local flags = said.flags
  if said.check_time then
    table.insert(out, 1, "heartbeat each " .. span(said.check_time) .. " from now on")
  end
  if band(flags, 4) ~= 0 then
    table.insert(out, 1, "your list is equal")
  end
  if band(flags, 2) ~= 0 then
    table.insert(out, 1, "your list differs: compare digests")
  end
  if band(flags, 1) ~= 0 then
    table.insert(out, 1, "say all of yourself")
  end
  table.insert(out, 1, format("revision %d", said.revision))
  if said.page then
    out[#out + 1] = changes(said)
  end
  return table.concat(out, ", ")
end

words[LEFT] = function() return "has left" end
words[PAGE] = function(said) return (band(said.flags, 1) ~= 0 and "pushed: " or "") .. changes(said) end
words[DIGESTS] = function(said) return format("revision %d, %s", said.revision, plural(said.filled, "filled bucket")) end

words[OFFER] = function(said)
  return format("HMS %s is here, %s; %s", server_name(said.server),
    band(said.flags, 1) ~= 0 and "primary" or "not primary", list_of_servers(said))
end

words[CHALLENGE] = function() return "echo this cookie, to prove your address" end
words[SUPERSEDED] = function(said) return "another session of this user is live (stamp " .. decimal(said.stamp) .. ")" end
words[REREGISTER] = function(said) return "register again, in " .. span64(said.delay) end
words[RETRY] = function(said) return "say it again, in " .. span64(said.delay) end
words[REDIRECT] = function(said) return "turn to HMS " .. server_name(said.server) end

local REFUSALS = {
  [1] = "the key was revoked; the user needs a new join token",
  [2] = "the user name does not belong to the key",
  [3] = "another machine is registered as this user",
  [4] = "the realm is full; again in ",
  [5] = "too many registrations at once; again in ",
  [7] = "the key's epoch was retired; the user needs a new join token",
}

words[REJECT] = function(said)
  local code, value = said.code_of_reject, said.value
  if code == 4 or code == 5 then
    return "refused: " .. REFUSALS[code] .. span(value)
  elseif code == 6 then
    return value == 0 and "refused: what the host says of itself cannot be taken"
      or format("refused: %s cannot be taken (TLV 0x%02x)", TLVS[value] or "the content", value)
  end
  return "refused: " .. (REFUSALS[code] or format("code %d", code))
end

words[HINT] = function(said)
  local code = said.code_of_hint
  if code == 3 then
    return format("perhaps: this version is not served, only %d to %d", said.min_version, said.max_version)
  end
  local hints = {
    [1] = "no key of this user fits the tag", [2] = "the key's epoch is unknown here", [4] = "no key fits this HMS's",
  }
  return "perhaps: " .. (hints[code] or format("code %d", code))
end

words[ANNOUNCE] = function(said)
  return format("HMS %s says: %s (port %d)", server_name(said.server), meaning(EVENTS, said.event), said.port)
end

words[HELLO] = function(said)
  return format("HMS %s asks %s for a link%s", hex(said.server), said.target == NOBODY and "anybody" or hex(said.target),
    said.cookie == rep("\0", 16) and "" or ", echoes a cookie")
end
words[COOKIE] = function(said) return format("HMS %s: echo this cookie, to prove your address", hex(said.server)) end
words[WELCOME] = function(said) return format("HMS %s makes the link, session %s", hex(said.server), hex(said.link)) end
words[DATA] = function(said)
  return format("packet %s to session %s, %s encrypted", decimal(said.number), hex(said.session),
    plural(said.frames, "byte"))
end
words[OPENED_PACKET] = function(said)
  return format("packet %s to session %s, %s opened", decimal(said.number), hex(said.session),
    plural(said.frames, "byte"))
end
words[OPENED_MESSAGE] = function(said)
  return format("%s, %s, %s %s, to session %s", PEERS[said.peer] or "message of unknown type",
    plural(said.frames, "byte"), STREAMS[said.stream] or "bulk", decimal(said.offset), hex(said.session))
end
words[RESET] = function(said)
  return format("HMS %s does not know session %s (packet %s)", hex(said.server), hex(said.session),
    decimal(said.number))
end

-- Who sends it, or is meant: name or id, and the sequence or nonce.
local function head(said, who)
  local out = { TYPES[said.code] or (said.code and format("type 0x%02x", said.code)) or "no type" }
  if said.header and said.code ~= ANNOUNCE then
    out[#out + 1] = who or "user " .. hex(said.user)
    local nonce = said.session == NOBODY or said.code == REGISTERED
    if said.seq ~= NOBODY then
      out[#out + 1] = (nonce and "nonce " or "seq ") .. (nonce and hex(said.seq) or decimal(said.seq))
    end
  end
  return table.concat(out, " ")
end

-- The sentence, and what an HMS refuses.
function sentence(all, whole, who, opinion)
  local said = all.said
  local text, refused = head(said, who), nil
  if not whole then
    text = text .. " · cut: the capture has only its first bytes"
  elseif all.fault then
    text = format("%s · malformed: %s at byte %d", text, all.fault.what, all.fault.at)
  elseif words[said.code] then
    local what = words[said.code](said)
    text = text .. " · " .. what
    refused = (said.code == REJECT or said.code == HINT) and what or nil
  end
  if opinion and VERDICT_REMARKS[opinion] then
    text = text .. " · " .. opinion:upper()
  end
  return text, refused
end

end

------------------------------------------------------------------------------------------------------------------------
-- In Wireshark
------------------------------------------------------------------------------------------------------------------------

local quoted_in = { Field.new("icmp.type"), Field.new("icmpv6.type") }

-- An ICMP message quotes what it is about: that was not sent again.
local function is_quoted()
  return quoted_in[1]() ~= nil or quoted_in[2]() ~= nil
end

-- abs_ts is exact to a fraction of a microsecond only; rel_ts to the nanosecond, but begins anew where somebody sets a
-- time reference.
local function time_of(pinfo)
  local now, relative = pinfo.abs_ts, pinfo.rel_ts
  beginning = beginning or { now = now, relative = relative }
  local passed = relative - beginning.relative
  if math.abs(now - beginning.now - passed) > 1e-3 then
    passed = now - beginning.now
  end
  local whole = math.floor(passed)
  return { s = whole, n = math.floor((passed - whole) * 1e9 + 0.5) }
end

local function emit(tvb, root, nodes)
  local items = {}
  for i, node in ipairs(nodes) do
    local field = fields[node.name]
    local parent = items[node.parent] or root
    local range = tvb(node.at, node.length)
    local item
    if field.text then
      -- add() takes text for ASCII.
      item = parent:add_packet_field(field.field, range, ENC_UTF_8)
    else
      item = parent:add(field.field, range)
    end
    if node.note then
      item:set_text("TLV " .. node.note)
    end
    items[i] = item
  end
end

local function emit_found(root, frame)
  local function found(name, value)
    if value then
      root:add(fields[name].field, value):set_generated()
    end
  end
  found("verdict", cache.verdict[frame])
  found("response_to", cache.request[frame])
  local took = cache.took[frame]
  if took then
    local whole = took < 0 and -math.floor(-took / 1e9) or math.floor(took / 1e9)
    found("time", NSTime.new(whole, took - whole * 1e9))
  end
  found("retransmission_of", cache.first[frame])
end

local function say(root, name, text)
  root:add_proto_expert_info(remarks[name].field, text or remarks[name].about)
end

local function foreign(tvb, pinfo, tree)
  local s = tvb:raw(0, tvb:len())
  pinfo.cols.info:set(format("not HMS: %s, begins %s; another program uses this port",
    plural(tvb:reported_len(), "byte"), hex(sub(s, 1, 8))))
  local root = tree:add(hms, tvb(), "HMS: another protocol on this port")
  say(root, "foreign")
  Dissector.get("data"):call(tvb, pinfo, tree)
end

local function dissect(tvb, pinfo, tree, on_port)
  local s = tvb:raw(0, tvb:len())
  local whole = tvb:len() >= tvb:reported_len()
  pinfo.cols.protocol:set("HMS")
  -- Versions that a later HMS may have are shown as far as the header goes.
  local version = byte(s, 1)
  if on_port and not (version and version >= 1 and version <= 15) then
    return foreign(tvb, pinfo, tree)
  end
  local frame = pinfo.number
  local all = read(s, whole)
  local quoted = is_quoted()
  if whole and not quoted and not pinfo.visited then
    local ends = {
      source = format("%s %d", tostring(pinfo.src), pinfo.src_port),
      destination = format("%s %d", tostring(pinfo.dst), pinfo.dst_port),
    }
    analyse(s, all, ends, frame, time_of(pinfo))
  end
  local mine = whole and not quoted
  local opinion = mine and cache.verdict[frame] or nil
  local text, refused = sentence(all, whole, cache.who[frame], opinion)
  pinfo.cols.info:set(text)
  local root = tree:add(hms, tvb(), "HMS, " .. text)
  emit(tvb, root, all.nodes)
  if not whole then
    say(root, "cut", format("%d of %s captured", tvb:len(), plural(tvb:reported_len(), "byte")))
  elseif all.fault then
    say(root, "malformed", format("%s at byte %d (counted as %s)", all.fault.what, all.fault.at, all.fault.reason))
  end
  if refused then
    say(root, "refused", refused)
  end
  first_frame = first_frame or frame
  if keys_problem and frame == first_frame then
    say(root, "keys", keys_problem)
  end
  if not mine then
    return
  end
  emit_found(root, frame)
  if pinfo.visited and cache.answered[frame] then
    root:add(fields.response_in.field, cache.answered[frame]):set_generated()
  end
  for _, one in ipairs(cache.remarks[frame] or {}) do
    -- A REJECT that says that a key was revoked is sealed with it: that is told once.
    if one[2] ~= refused then
      say(root, one[1], one[2])
    end
  end
end

-- Whatever goes wrong here is a fault of this file: it is named, and nothing else of the frame suffers.
local function guarded(tvb, pinfo, tree, on_port)
  local ok, problem = pcall(dissect, tvb, pinfo, tree, on_port)
  if not ok then
    local root = tree:add(hms, tvb())
    say(root, "dissector", "hms.lua: " .. tostring(problem))
  end
end

function hms.dissector(tvb, pinfo, tree)
  guarded(tvb, pinfo, tree, true)
  return tvb:len()
end

-- On other ports the head has to be without a fault. STUN answers begin like INIT and HEARTBEAT; what stands in place
-- of the realm id there is their magic number.
local STUN = "\33\18\164\66"

local function looks_like_hms(tvb)
  local length = tvb:reported_len()
  if length >= 33 and tvb:len() == length and sub(tvb:raw(length - TAG, TAG), 1) == MARK and is_opened(tvb:raw()) then
    return true
  end
  if length < DATAGRAM_MIN or length > DATAGRAM_MAX or tvb:len() < 8 then
    return false
  end
  local s = tvb:raw(0, 8)
  local version, code, flags = byte(s, 1, 3)
  if version ~= 1 or not TYPES[code] or sub(s, 5, 8) == STUN then
    return false
  end
  if code == HINT or code == ANNOUNCE then
    return flags == 0x80
  end
  return band(flags, bnot(FLAG_BITS[code] or 0)) == 0
end

local function heuristic(tvb, pinfo, tree)
  local ok, ours = pcall(looks_like_hms, tvb)
  if not ok or not ours then
    return false
  end
  guarded(tvb, pinfo, tree, false)
  return true
end

hms.prefs.ports = Pref.range("UDP ports", "6710", "The ports of the HMSs. On other ports a datagram is recognised by its "
  .. "first bytes.", 65535)
hms.prefs.key_file = Pref.string("Key file", "", "To verify tags: the state directory of an HMS, its secrets.json, or a "
  .. "file of join tokens. If empty, the environment variable HMS_KEYS.")

local ports_table = DissectorTable.get("udp.port")
local ports_now = ""

local function use_ports()
  local wanted = tostring(hms.prefs.ports)
  if wanted == ports_now then
    return
  end
  if ports_now ~= "" then
    ports_table:remove(ports_now, hms)
  end
  if wanted ~= "" then
    ports_table:add(wanted, hms)
  end
  ports_now = wanted
end

local complained

local function use_keys()
  local path = hms.prefs.key_file
  if path == nil or path == "" then
    path = os.getenv("HMS_KEYS") or ""
  end
  local ok, read_keys, problem = pcall(load_keys, path)
  if not ok then
    read_keys, problem = no_keys(), "hms.lua: " .. tostring(read_keys)
  end
  keys, keys_problem = read_keys, problem
  if problem and problem ~= complained then
    io.stderr:write("hms.lua: tags are not verified: ", problem, "\n")
    complained = problem
  end
end

function hms.prefs_changed()
  use_ports()
end

-- Before each capture, and before one is read anew.
function hms.init()
  forget()
  use_keys()
end

use_ports()
ports_table:add_for_decode_as(hms)
hms:register_heuristic("udp", heuristic)

-- Wireshark does not look at it; the tests do.
return {
  sha256 = sha256, hmac = hmac, expand = expand, hex = hex, from_hex = from_hex, load_keys = load_keys,
  name_fault = name_fault, decimal = decimal, shown = shown, address_text = address_text, span = span, read = read,
}
