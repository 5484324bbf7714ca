"""Chapter 5: DISCOVER rounds, collecting OFFERs, ANNOUNCE as a hint."""
from . import address as addresses
from . import codes as c
from . import keys, wire
from .timers import back_off

GROUPS = "groups"                       # destination: every group on every usable interface
RESEND, ROUND_END, COLLECT, LONGEST_BACK_OFF = (0.25, 1.0), 1.0, 0.15, 30
PROBES_A_MINUTE = 4
ENDS_SEARCH = ("revoked", "epoch-retired")    # the other refusals are about registrations (R-DSC-04)


class Discovery:
    def __init__(self, host):
        self.host, self.rounds, self.probes = host, 0, []
        self.nonce, self.datagram, self.offers = None, None, []

    @property
    def timers(self):
        return self.host.timers

    def start(self, now):
        """A new round (R-DSC-01): the same bytes three times, then a back-off."""
        self._new_datagram()
        self.timers.series("discover", now, RESEND, lambda t: self.host.send(self.datagram, GROUPS),
                           ROUND_END, self._round_over)

    def stop(self):
        self.timers.cancel("discover", "collect", "probe")
        self.nonce = None

    def _new_datagram(self):
        self.nonce, self.offers = self.host.new_nonce(), []
        header = self.host.header(c.DISCOVER, sequence=self.nonce)
        self.datagram = wire.write(header, {"min_version": 1, "max_version": 1}, self.host.token.user_key)

    def _round_over(self, now):
        self.rounds += 1
        self.timers.set("discover", now + back_off(self.host.rng, self.rounds, LONGEST_BACK_OFF), self.start)

    def receive(self, now, header, data, source):
        """An answer under the user's key to the outstanding DISCOVER; False if it is not one."""
        if self.nonce is None or header.sequence != self.nonce:
            return False
        if not keys.tag_holds(self.host.token.user_key, data):
            self.host.drop("tag")
            return True
        body = wire.read_body(header, data)
        if header.type == c.REJECT and body["code"] not in ENDS_SEARCH:
            self.host.drop("unasked")
            return True
        self.host.answered(now)
        if header.type == c.REJECT:
            self.stop()
            self.host.rejected(now, body)
        elif header.type == c.OFFER:
            self.offers.append((body, source))
            if len(self.offers) == 1:
                self.timers.set("collect", now + COLLECT, self._choose)
        else:
            self.host.drop("unasked")
        return True

    def _choose(self, now):
        """R-DSC-04: the preferred by name, the primary, the others; who answered before who was named; by arrival."""
        answered, ranked = {body["server_id"] for body, _ in self.offers}, []
        for arrival, (body, source) in enumerate(self.offers):
            for server in body["hms"]:
                self.host.learn_server(server)
                own = server["server_id"] == body["server_id"]
                rank = (server["name"] != self.host.settings.near, not (server["primary"] or own and body["primary"]),
                        server["server_id"] not in answered, arrival)
                ranked.append((rank, link_local_last([with_interface(a, source) for a in server["addresses"]])))
        ranked.sort(key=lambda pair: pair[0])
        found = list(dict.fromkeys(a for _, server in ranked for a in server))
        self.host.emit("offers", servers=[body["server_id"].hex() for body, _ in self.offers],
                       addresses=[addresses.text(a) for a in found])
        self.stop()
        self.host.found(now, found)

    def announced(self, now, body, source):
        """R-DSC-05: one DISCOVER by unicast after 0-2 s, at most 4 a minute, only when not registered."""
        self.probes = [t for t in self.probes if t > now - 60]
        if self.host.session is not None or len(self.probes) >= PROBES_A_MINUTE or "probe" in self.timers.set_at:
            return
        self.probes.append(now)
        target = (source[0], body["port"])
        self.timers.set("probe", now + self.host.rng.uniform(0, 2), lambda t: self.ask(t, target))

    def ask(self, now, target):
        """One DISCOVER by unicast, in the running round if there is one."""
        if self.nonce is None:
            self._new_datagram()
        self.host.send(self.datagram, target)


def link_local_last(found):
    """R-DSC-03."""
    return sorted(found, key=addresses.link_local)


def with_interface(address, source):
    """A link-local address is used on the interface where the OFFER came in (R-DSC-03)."""
    if addresses.link_local(address) and "%" in source[0]:
        return (address[0] + "%" + source[0].partition("%")[2], address[1])
    return address
