"""A LAN on which something happens all the time: changes, moves, leaves, deaths, takeovers, searches, revocations."""

import random
import time

from harness.waiting import Failure, until

# Users whose keys are revoked at times.
REVOKED = 3
ACTS = ("content", "content", "content", "search", "move", "leave", "silence", "takeover", "revoke")


class Life:
    """Acts of the world's hosts, one after the other, drawn with a seed. Between `settle` and the next act all is
    quiet: every user is registered once, nothing is on its way."""

    def __init__(self, world, check_time, seed=1):
        self.world, self.check_time, self.random = world, check_time, random.Random(seed)
        self.done, self.failures = dict.fromkeys(ACTS, 0), []
        self.away = {}  # user → when it comes back
        self.spare, self.machines = [], 0
        self.moved = {}  # machine → the number of the address that it moved to

    def live(self, until_time, pause, progress):
        while time.time() < until_time:
            self.tried(lambda: self.come_back(time.time()))
            here = [user for user in self.world.hosts if user not in self.away]
            kind, user = self.random.choice(ACTS), self.random.choice(here)
            # Most keep their key, so that what is said again is not refused for its key alone.
            if kind == "revoke" and user not in sorted(self.world.hosts)[:REVOKED]:
                continue
            self.tried(lambda: self.act(kind, user))
            progress()
            time.sleep(self.random.uniform(0, 2 * pause))

    def act(self, kind, user):
        getattr(self, kind)(user)
        self.done[kind] += 1

    def tried(self, act):
        """One act that fails does not end the life; that it failed is kept."""
        try:
            act()
        except Failure as failure:
            self.failures.append(str(failure))

    def settle(self):
        """Everybody is there, and all lists are equal."""
        self.come_back(float("inf"))
        self.world.equal(within=4 * self.check_time + 10)

    def come_back(self, now):
        for user in [user for user, at in self.away.items() if at <= now]:
            del self.away[user]
            self.world[user].agent(wait=False)
            self.world[user].wait_registered(15)

    def stay_away(self, user):
        """Shorter or longer than an expiry."""
        self.away[user] = time.time() + self.random.uniform(0, 4 * self.check_time)

    def content(self, user):
        state = self.random.choice(("standby", "participating", "organizing"))
        self.world[user].set(f"state={state}", f"conference=board {self.random.randrange(100)}")

    def search(self, user):
        self.world[user].cli("ip", f"nobody{self.random.randrange(100)}", code=None)

    def move(self, user):
        node = self.world[user].node
        number = next(number for number in self.random.sample(range(100, 250), 150)
                      if number not in self.moved.values())
        self.moved[node.name] = number
        node.readdress(f"{node.v4}/24", f"{self.world.lan.v4[number]}/24")

    def leave(self, user):
        self.world[user].cli("leave")
        self.world[user].process.wait_exit(0, 8)
        self.stay_away(user)

    def silence(self, user):
        self.world[user].kill()
        self.stay_away(user)

    def takeover(self, user):
        """Another machine joins as this user; the first one's agent ends and its machine is free."""
        if not self.spare:
            self.machines += 1
            self.spare.append(self.world.net.node(f"spare{self.machines}", self.world.lan))
        first = self.world[user]
        second = self.world.t.host(self.spare.pop(), f"{user}-{self.done['takeover']}")
        second.join(self.world.tokens[user], wait=False)
        second.process.wait_line("registered at", 15, "out")
        first.process.wait_exit(4, 3 * self.check_time + 5)
        self.spare.append(first.node)
        self.world.hosts[user] = second

    def revoke(self, user):
        """Its key is invalid; its next token is another one."""
        self.world.hms.cli("revoke", user)
        host = self.world[user]
        host.process.wait_exit(4, 3 * self.check_time + 5)
        self.world.tokens[user] = self.world.hms.token(user, *self.world.token_options)
        host.join(self.world.tokens[user], wait=False)
        host.process.wait_line("registered at", 15, "out")


def all_gone(world, within):
    """Every host leaves in order."""
    for host in world.hosts.values():
        host.cli("leave")
    until("no row is left", lambda: not world.hms.rows(), within)
