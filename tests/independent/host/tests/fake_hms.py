"""A small HMS after chapter 4, in memory, for scripting against the host: one realm, one view (realm)."""
from .. import codes as c
from .. import keys, tlv, wire
from ..directory import Directory, bucket_of, buckets_in
from ..keys import Token

SECRET, REALM, EPOCH, SERVER = bytes(range(32)), 77, 1, b"\x5e" * 8
PAGE_ROWS = 3                                   # few, so that there are many pages


def token_for(name, addresses, generation=0):
    uid = keys.user_id(REALM, name)
    return Token(REALM, EPOCH, generation, keys.user_key(SECRET, uid, generation), bytes(32), name, "test",
                 list(addresses))


class Row:
    def __init__(self, **fields):
        self.__dict__.update(fields)


class FakeHms:
    def __init__(self, address, incarnation=1, check_time=10.0):
        self.address, self.incarnation, self.check_time = address, incarnation, check_time
        self.cookie_key, self.number, self.stamp = bytes([incarnation]) * 32, 0, 1000 * incarnation
        self.rows, self.kept_stamps, self.revision, self.changes = {}, {}, 0, []
        self.list, self.floor, self.mode, self.want_content = Directory(), 0, "on-change", False
        self.push, self.reject, self.hint, self.retry, self.redirect = False, None, None, None, None
        self.server_id, self.cluster_key, self.granted = SERVER, bytes(32), {"kind": 1, "reason": 0}
        self.generations, self.log, self.hms, self.out, self.first_delay = {}, [], None, [], 1.0

    # ---- the list

    def change(self, user, entry=None, reason="leave"):
        self.revision += 1
        if entry:
            entry["revision"] = self.revision
            self.list.put(entry)
            item = entry
        else:
            self.list.remove(user)
            item = {"gone": user, "revision": self.revision, "reason": reason}
        self.changes.append(item)
        if self.push:
            for row in self.rows.values():
                page = self.page("delta", [item], self.revision - 1, self.revision)
                self.answer_to(row.header, c.PAGE, {"push": True, "page": page}, row.key, row.address, 0)

    def begin_again(self):
        """A new process with an empty list, which still has its sessions: from a snapshot, unconfirmed."""
        self.list, self.changes, self.revision = Directory(), [], 0
        for uid, row in self.rows.items():
            row.unconfirmed = True
            self.publish(uid, row)

    def page(self, kind, items, start=0, to=0, after=c.ZEROS, up_to=c.ALL_ONES, more=False):
        return {"kind": kind, "more": more, "from": start, "to": to, "after": after, "up_to": up_to,
                "total": len(self.list.rows), "items": items}

    def delta_from(self, start):
        items = [i for i in self.changes if i["revision"] > start]
        more = len(items) > PAGE_ROWS
        items = items[:PAGE_ROWS]
        return self.page("delta", items, start, items[-1]["revision"] if more else self.revision, more=more)

    def copy_from(self, cursor, wanted=None):
        rows = [r for r in self.list.sorted_rows() if r["user_id"] > cursor
                and (wanted is None or bucket_of(r["user_id"]) in wanted)]
        more = len(rows) > PAGE_ROWS
        rows = rows[:PAGE_ROWS]
        return self.page("copy", rows, 0, self.revision, cursor, rows[-1]["user_id"] if more else c.ALL_ONES, more)

    def publish(self, uid, row):
        address = row.address
        entry = {"user_id": uid, "revision": 0, "late": False, "unconfirmed": False, "since": 1, "check_time_s": 10,
                 "home": SERVER, "content": row.content, "address": address, "signature": None}
        self.change(uid, entry)

    def expire(self, uid):
        self.kept_stamps[uid] = self.rows.pop(uid).stamp
        self.change(uid, reason="expiry")

    # ---- datagrams

    def answer_to(self, header, kind, body, key, to, sequence=None, session=None):
        self.number += 1
        head = wire.Header(kind, header.realm_id, header.user_id,
                           header.session_id if session is None else session,
                           header.sequence if sequence is None else sequence, header.epoch)
        data = wire.write(head, {"incarnation": self.incarnation, "number": self.number, **body}, key)
        self.out.append((data, to))

    def receive(self, now, data, source):
        header = wire.read_header(data)
        user_key = keys.user_key(SECRET, header.user_id, self.generations.get(header.user_id, 0))
        if header.session_id == c.ZEROS:
            if not keys.tag_holds(user_key, data):
                old = keys.user_key(SECRET, header.user_id, 0)
                if keys.tag_holds(old, data):
                    self.answer_to(header, c.REJECT, {"code": "revoked", "value": 0}, old, source)
                elif self.hint:
                    head = wire.Header(c.HINT, REALM, header.user_id, c.ZEROS, header.sequence, header.epoch)
                    self.out.append((wire.write(head, {"code": self.hint, "min_version": 1, "max_version": 1}), source))
                return
            body = wire.read_body(header, data)
            self.log.append((header.name, body, data))
            return self.unregistered(now, header, body, user_key, source)
        self.session_request(now, header, data, user_key, source)

    def described(self, name="fake", sender=True):
        return {"server_id": self.server_id, "primary": sender, "sender": sender, "name": name,
                "addresses": [self.address]}

    def cookie(self, now, header, source):
        row = self.rows.get(header.user_id)
        known = row.stamp if row else self.kept_stamps.get(header.user_id, 0)
        return keys.registration_cookie(self.cookie_key, int(now * 1e6), source, REALM, header.user_id,
                                        header.sequence, known)

    def unregistered(self, now, header, body, key, source):
        short = {c.REJECT: self.reject, c.RETRY: self.retry, c.REDIRECT: self.redirect}
        for kind, argument in short.items():
            if argument:
                return self.answer_to(header, kind, argument, key, source)
        if header.type == c.DISCOVER:
            offer = {"server_id": self.server_id, "primary": True, "hms": self.hms or [self.described()]}
            return self.answer_to(header, c.OFFER, offer, key, source)
        cookie = self.cookie(now, header, source)
        row = self.rows.get(header.user_id)
        if header.type == c.REGISTER:
            session = keys.session_id(key, header.sequence, body["cookie"])
            if row and row.session == session:
                return self.answer_to(header, c.REGISTERED, row.registered, row.key, source, session=session)
            if body["cookie"] == cookie:
                return self.register(now, header, body, key, source, session)
        self.answer_to(header, c.CHALLENGE, {"cookie": cookie}, key, source)

    def register(self, now, header, body, key, source, session):
        self.stamp = max(self.stamp, body["last_stamp"]) + 1
        registered = {
            "stamp": self.stamp, "server_id": self.server_id, "revision": self.revision + 1,
            "content_version": body["content_version"], "check_time_ms": int(self.check_time * 1000),
            "first_delay_ms": int(self.first_delay * 1000), "observed": source, "cluster_key": self.cluster_key,
            "realm_name": "test", "granted": self.granted, "mode": self.mode, "hms": self.hms or [self.described()]}
        row = Row(session=session, key=keys.session_key(key, session), stamp=self.stamp, address=source,
                  content=body["content"], version=body["content_version"], registered=registered, highest=0,
                  header=wire.Header(c.PAGE, REALM, header.user_id, session, 0, EPOCH), beat=now, unconfirmed=False)
        self.answer_to(header, c.REGISTERED, registered, row.key, source, session=session)
        self.rows[header.user_id] = row
        self.publish(header.user_id, row)

    def session_request(self, now, header, data, user_key, source):
        row = self.rows.get(header.user_id)
        if not row or row.session != header.session_id:
            key = keys.session_key(user_key, header.session_id)
            if not keys.tag_holds(key, data):
                old = keys.session_key(keys.user_key(SECRET, header.user_id, 0), header.session_id)
                if keys.tag_holds(old, data):
                    self.answer_to(header, c.REJECT, {"code": "revoked", "value": 0}, old, source)
                return
            if header.type == c.LEAVE:
                self.answer_to(header, c.LEFT, {}, key, source)
            elif row and not row.unconfirmed:
                self.answer_to(header, c.SUPERSEDED, {"stamp": row.stamp}, key, source)
            else:
                self.answer_to(header, c.REREGISTER, {"delay_ms": 200}, key, source)
            return
        if not keys.tag_holds(row.key, data):
            return
        body = wire.read_body(header, data)
        self.log.append((header.name, body, data))
        if header.type == c.LEAVE:
            self.kept_stamps[header.user_id] = self.rows.pop(header.user_id).stamp
            self.change(header.user_id)
            return self.answer_to(header, c.LEFT, {}, row.key, source)
        if row.unconfirmed or source != row.address or body["incarnation"] != self.incarnation:
            cookie = keys.session_cookie(self.cookie_key, int(now * 1e6), source, row.session, self.incarnation)
            if header.type != c.HEARTBEAT or body["cookie"] != cookie:
                return self.answer_to(header, c.CHALLENGE, {"cookie": cookie}, row.key, source)
            row.unconfirmed, row.address = False, source
        elif header.sequence <= row.highest - 64:
            return
        row.highest = max(row.highest, header.sequence)
        {c.HEARTBEAT: self.heartbeat, c.PULL: self.pull, c.FIND: self.find}[header.type](now, header, body, row, source)

    def heartbeat(self, now, header, body, row, source):
        row.beat = now
        if self.redirect:
            return self.answer_to(header, c.REDIRECT, self.redirect, row.key, source)
        want = body["content_version"] > row.version and body["content"] is None
        if body["content"] is not None and body["content_version"] > row.version:
            row.version, row.content = body["content_version"], body["content"]
            self.publish(header.user_id, row)
        ack = {"revision": self.revision, "content_version": row.version, "want_content": want or self.want_content,
               "resync": False, "equal": False, "page": None}
        if self.granted["kind"] == c.NO_VIEW:
            ack.update(granted=self.granted, revision=0)
            return self.answer_to(header, c.ACK, ack, row.key, source)
        equal = body["digest"] == self.list.root
        if self.mode == "always":
            ack["page"] = self.copy_from(c.ZEROS)
        elif body["revision"] == 0 or body["revision"] < self.floor:
            ack["equal"], ack["resync"] = equal, not equal
        elif body["revision"] == self.revision:
            ack["resync"] = not equal
        elif self.mode == "on-change" or body["want"]:
            ack["page"] = self.delta_from(body["revision"])
        self.want_content = False
        self.answer_to(header, c.ACK, ack, row.key, source)

    def pull(self, now, header, body, row, source):
        if body["kind"] == "digests":
            answer = {"revision": self.revision, "root": self.list.root, "buckets": list(self.list.buckets)}
            return self.answer_to(header, c.DIGESTS, answer, row.key, source)
        if body["kind"] == "delta":
            page = self.delta_from(body["revision"])
        else:
            page = self.copy_from(body["cursor"], buckets_in(body["buckets"]) if body["buckets"] else None)
        self.answer_to(header, c.PAGE, {"push": False, "page": page}, row.key, source)

    def find(self, now, header, body, row, source):
        text = body["pattern"]["text"].lower()
        rows = [r for r in self.list.sorted_rows() if r["user_id"] > body["cursor"]
                and r["content"]["user_name"].lower().startswith(text)]
        self.answer_to(header, c.PAGE, {"push": False, "page": self.page("find", rows)}, row.key, source)


def content(name, **changes):
    plain = {"user_name": name, "host_name": "h", "reported": [], "ports": None, "services": [], "state": "standby",
             "conference": None, "fixed": False, **changes}
    return {**plain, "raw": tlv.write_content(plain)}
