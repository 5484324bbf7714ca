"""An HMS for real hosts: the scripted one of the unit tests on a socket, with everything that came written down and
answers that a scenario can put in its place."""
import select
import socket
import threading
import time
from collections import namedtuple

from host import codes as c
from host import keys, wire
from host.errors import Dropped, Malformed
from host.tests import fake_hms
from host.tests.fake_hms import REALM, SECRET, FakeHms, content, token_for

Seen = namedtuple("Seen", "at name header body data source grouped")
CLUSTER_SEED = bytes(31) + b"\x2a"


class Hms:
    """Started at once; `with hms.lock` for whoever changes the list."""

    def __init__(self, incarnation=7, check_time=1.0, address=("127.0.0.1", 0), server_id=fake_hms.SERVER):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.group = None
        self.core = FakeHms(self.socket.getsockname(), incarnation, check_time)
        self.core.first_delay, self.core.server_id = 0.3, server_id
        self.lock, self.seen, self.script, self.silent, self.stopping = threading.RLock(), [], [], False, False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    @property
    def address(self):
        return self.core.address

    def close(self):
        self.stopping = True
        self.thread.join()
        self.socket.close()

    def token(self, user, addressed=True):
        return keys.write_token(token_for(user, [self.address] if addressed else []))

    def hear(self, group):
        """Takes what comes to this socket of a multicast group as well."""
        self.group = group

    # ---- the loop

    def _run(self):
        while not self.stopping:
            sockets = [s for s in (self.socket, self.group) if s]
            for ready in select.select(sockets, [], [], 0.02)[0]:
                data, source = ready.recvfrom(2048)
                with self.lock:
                    self._receive(data, source, ready is self.group)
                    self.flush()

    def flush(self):
        while self.core.out:
            data, to = self.core.out.pop(0)
            self.socket.sendto(data, to)

    def _receive(self, data, source, grouped=False):
        now = time.monotonic()
        if grouped and data[1:2] != bytes([c.DISCOVER]):
            return                                  # announcements, its own among them
        try:
            header = wire.read_header(data)
            if not keys.tag_holds(self.key(header), data):
                return
            seen = Seen(now, header.name, header, wire.read_body(header, data), data, source, grouped)
        except (Dropped, Malformed) as why:
            seen = Seen(now, "WRONG", None, str(why), data, source, grouped)
        self.seen.append(seen)
        if self.silent or seen.name == "WRONG":
            return
        for entry in self.script:
            if entry[0] == seen.name:
                self.script.remove(entry)
                return entry[1](seen)
        self.core.receive(now, data, source)

    def key(self, header):
        user_key = keys.user_key(SECRET, header.user_id, self.core.generations.get(header.user_id, 0))
        bare = header.session_id == c.ZEROS
        return user_key if bare else keys.session_key(user_key, header.session_id)

    # ---- what a scenario puts in the place of the next answers

    def instead(self, name, *reactions):
        """The next datagrams of this type meet these reactions, one each."""
        with self.lock:
            self.script += [(name, reaction) for reaction in reactions]

    def nothing(self, seen):
        """Lost on its way, or the answer is."""

    def say(self, kind, times=1, **body):
        """A reaction: a short answer."""
        return [lambda seen: self.reply(seen, kind, body)] * times

    def reply(self, seen, kind, body, **header):
        self.core.answer_to(seen.header, kind, body, self.key(seen.header), seen.source, **header)

    def answered_but_lost(self, seen):
        """The request arrives, the answer does not."""
        self.core.receive(time.monotonic(), seen.data, seen.source)
        self.core.out.clear()

    def raw(self, seen, kind, body, key, **changes):
        """Any answer under any key, to the source of a request."""
        h = seen.header
        head = wire.Header(kind, h.realm_id, h.user_id, h.session_id, h.sequence, h.epoch)
        for name, value in changes.items():
            setattr(head, name, value)
        self.core.number += 1
        origin = {"incarnation": self.core.incarnation, "number": self.core.number}
        self.core.out.append((wire.write(head, {**origin, **body}, key), seen.source))

    # ---- what came

    def got(self, name, since=0):
        with self.lock:
            return [s for s in self.seen[since:] if s.name == name]

    def last(self, name):
        return (self.got(name) or [None])[-1]

    # ---- the list

    def row(self, user, **said):
        """A row made here: its user id and entry."""
        fields = {"address": ("10.9.0.1", 40000), "late": False, "unconfirmed": False, "signature": None,
                  "host_name": None}
        fields = {name: said.pop(name, value) for name, value in fields.items()}
        more = {"host_name": fields.pop("host_name")} if fields["host_name"] else {}
        fields.pop("host_name", None)
        uid = keys.user_id(REALM, user)
        return uid, {"user_id": uid, "revision": 0, "since": 1700000000, "check_time_s": 1, "home": fake_hms.SERVER,
                     "content": content(user, **more, **said), **fields}

    def put(self, user, **said):
        with self.lock:
            self.core.change(*self.row(user, **said))
            self.flush()

    def remove(self, user, reason="leave"):
        with self.lock:
            self.core.change(keys.user_id(REALM, user), reason=reason)
            self.flush()
