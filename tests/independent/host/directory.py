"""The host's copy of the directory: rows, digests, and what each kind of page does to them (4.6)."""
from . import address as addresses
from . import codes as c
from . import keys, tlv

MODULUS = 1 << 64
BUCKETS = 128


def entry_digest(entry):
    """R-DIR-02: over the visible content only."""
    address = entry["address"]
    seen = addresses.encode((address[0], 0)) if address else b""
    late = b"\x01" if entry["late"] else b"\x00"
    data = b"hms1 entry" + entry["user_id"] + late + seen + tlv.write_content(entry["content"])
    return int.from_bytes(keys.sha256(data)[:8], "big")


def bucket_of(user_id):
    return user_id[0] >> 1


def bucket_map(wanted):
    """BUCKETS: bucket 0 is bit 7 of byte 0."""
    bits = bytearray(16)
    for bucket in wanted:
        bits[bucket // 8] |= 0x80 >> bucket % 8
    return bytes(bits)


def buckets_in(bits):
    return {b for b in range(BUCKETS) if bits[b // 8] & 0x80 >> b % 8}


class Directory:
    def __init__(self):
        self.clear()

    def clear(self):
        self.rows = {}             # user id → entry
        self.digests = {}          # user id → its entry digest
        self.buckets = [0] * BUCKETS
        self.revision = 0          # 0: unknown
        self.incarnation = 0       # whose revision that is
        self.total = 0             # rows in the view, as last told

    # ---- rows

    def put(self, entry):
        """Stores a row; True if anything visible changed."""
        user, digest = entry["user_id"], entry_digest(entry)
        changed = self.digests.get(user) != digest
        self._count(user, digest - self.digests.get(user, 0))
        self.rows[user], self.digests[user] = entry, digest
        return changed

    def remove(self, user):
        if user not in self.rows:
            return False
        self._count(user, -self.digests.pop(user))
        del self.rows[user]
        return True

    def _count(self, user, difference):
        bucket = bucket_of(user)
        self.buckets[bucket] = (self.buckets[bucket] + difference) % MODULUS

    @property
    def root(self):
        return sum(self.buckets) % MODULUS

    def sorted_rows(self):
        return [self.rows[user] for user in sorted(self.rows)]

    def differing(self, their_buckets):
        return {b for b in range(BUCKETS) if self.buckets[b] != their_buckets[b]}

    # ---- where the list comes from

    def revision_for(self, incarnation):
        """What a heartbeat to this incarnation says (R-REG-35)."""
        return self.revision if incarnation and incarnation == self.incarnation else 0

    def adopt(self, incarnation, revision):
        self.incarnation, self.revision = incarnation, revision

    def forget_revision(self):
        self.incarnation, self.revision = 0, 0

    # ---- pages

    def take_delta(self, page, incarnation):
        """R-DIR-03: None if it does not join on to what we have, else whether anything changed."""
        if incarnation != self.incarnation or not self.revision or not page["from"] <= self.revision <= page["to"]:
            return None
        changed = False
        for item in page["items"]:
            changed |= self.remove(item["gone"]) if "gone" in item else self.put(item)
        self.revision, self.total = page["to"], page["total"]
        return changed

    def take_copy(self, page, wanted=None):
        """R-DIR-04: a range of the list, in the wanted buckets only if given.  The revision is the caller's."""
        listed = {item["user_id"]: item for item in page["items"] if "gone" not in item}
        in_range = [user for user in self.rows
                    if (page["after"] < user or page["after"] == c.ZEROS) and user <= page["up_to"]
                    and (wanted is None or bucket_of(user) in wanted)]
        changed = False
        for user in in_range:
            if user not in listed:
                changed |= self.remove(user)
        for entry in listed.values():
            changed |= self.put(entry)
        self.total = page["total"]
        return changed

    def take_whole(self, page):
        """R-DIR-05.  Several pages are taken as ranges, like a copy's (the specification is silent)."""
        return self.take_copy(page)


# ---- the form in which a list is stored and shown

def entry_to_json(entry):
    content = entry["content"]
    return {"user_id": entry["user_id"].hex(), "user": content["user_name"], "host": content["host_name"],
            "state": content["state"], "conference": content["conference"], "ports": content["ports"],
            "services": ["%s:%d/%s" % service for service in content["services"]],
            "address": addresses.text(entry["address"]), "reported": [addresses.text(a) for a in content["reported"]],
            "late": entry["late"], "unconfirmed": entry["unconfirmed"], "since": entry["since"],
            "revision": entry["revision"], "check_time_s": entry["check_time_s"], "home": entry["home"].hex(),
            "signed": entry["signature"] is not None}
