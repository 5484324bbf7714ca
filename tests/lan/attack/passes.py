"""One pass after the other over a capture: to whom, from where, in which order, how fast."""

import os
import time

from harness import wire
from harness.product import ends
from harness.waiting import Failure, between, check, equal, until

from .replay import ORDERS
from .truth import Truth, delays, drops, more, proven, unproven

# What a few check times leave on the tape, and a bit.
NEWEST = 400
# The first resend of a heartbeat (R-REG-34): what is answered by then has delayed nobody.
PATIENCE_MS = 1000


class Passes:
    """The capture so far, the machine that says it again, and the figures of each pass."""

    def __init__(self, world, replayer, check_time, pace, report):
        self.world, self.replayer, self.check_time = world, replayer, check_time
        self.pace, self.report = pace, report
        self.tape, self.first, self.figures, self.failures = [], {}, [], []

    def record(self):
        """Adds what was said since the last pass, by hosts and HMS alone, to what is said again."""
        fresh = self.take()
        self.learn(fresh)
        self.tape += fresh

    def take(self):
        fresh = self.world.capture.take()
        check(not self.world.capture.lost(), "the capture is not whole")
        return fresh

    def learn(self, datagrams):
        for one in datagrams:
            self.first.setdefault(one.data, one)

    def living(self):
        """Addresses of the machines whose agents run."""
        return {host.node.v4 for host in self.world.hosts.values() if host.process.running}

    def attempt(self, a_pass, *arguments, **options):
        """One pass that fails does not spare the HMS the others."""
        try:
            return a_pass(*arguments, **options)
        except Failure as failure:
            self.failures.append(str(failure))
            self.report("FAILED", {"pass": arguments[0], "failure": str(failure)})
            self.back([user for user, host in self.world.hosts.items() if host.process.code not in (None, 0)])
            return None

    # what a pass is made of

    def say(self, name, order, sources=None, pace=None, at_least=0.0, every=None, newest=None):
        """Says the tape (or its newest part) again; returns figures of what was sent, and what was seen meanwhile and before."""
        known, living, before = set(self.first), self.living(), proven(self.world.hms)
        started, looked = time.time(), [time.time()]

        def meanwhile():
            if time.time() > looked[0] + 0.5:
                looked[0] = time.time()
                self.report(name)
                if every:
                    every()

        tape = ORDERS[order](self.tape[-newest:] if newest else self.tape)
        sent = self.replayer.say(tape, sources or self.replayer.own_source,
                                 pace or self.pace, at_least, meanwhile)
        took = time.time() - started
        time.sleep(0.3)
        said = self.take()
        after = before | proven(self.world.hms) | self.own_ends(said, known, living)
        self.learn(one for one in said if not one.outgoing)
        return {"pass": name, "order": order, "datagrams": sent, "seconds": round(took, 1),
                **delays(said, known, living, started), **unproven(said, after)}

    def own_ends(self, said, known, living):
        """Sources of what living hosts say themselves: they prove themselves in their own time."""
        return {one.source for one in said if not one.outgoing and one.source[0] in living
                and one.data not in known}

    def keep(self, figures):
        """Those who live were answered; the figures count."""
        check(not figures["unanswered"] and figures["longest_answer_ms"] < PATIENCE_MS, f"delayed: {figures}")
        check("budget" not in figures["drops"], f"it was the budget that stopped it: {figures}")
        self.figures.append(figures)
        self.report(figures["pass"], figures)

    # the passes

    def live(self, name, order="as captured", **options):
        """To living hosts and their HMS: nothing changes."""
        self.record()
        truth = Truth(self.world)
        figures = {**self.say(name, order, **options), **truth.holds()}
        self.world.equal(within=2 * self.check_time)
        self.keep(figures)

    def moved(self, name, user, addresses):
        """While the cookies are still good with which a host proved the address that it left a moment ago."""
        node = self.world[user].node
        for address in addresses:
            node.readdress(f"{node.v4}/24", f"{address}/24")
            until(f"{user} is at {address}", lambda address=address: ends(self.world.hms.row(user)["address"])[0]
                  == address, 3 * self.check_time)
        self.world.equal(within=2 * self.check_time)
        self.live(name, newest=NEWEST)

    def silent(self, name, users, **options):
        """During it these users' hosts are dead: they go when they would have gone."""
        ends_of = self.bury(users)
        truth = Truth(self.world, users)
        figures = self.say(name, "as captured", at_least=2.6 * self.check_time + 1, **options)
        gone = [self.gone(truth, user, ends_of[user]) for user in users]
        self.keep({**figures, **truth.holds(), "gone_after_check_times": gone})
        self.back(users)

    def nobody_says_it(self, users):
        """The same without a replay, to compare with."""
        ends_of = self.bury(users)
        truth = Truth(self.world, users)
        time.sleep(2.6 * self.check_time)
        gone = [self.gone(truth, user, ends_of[user]) for user in users]
        truth.holds()
        self.report("no replay", {"gone_after_check_times": gone})
        self.back(users)
        return gone

    def restarted(self, name, users, snapshot):
        """To an HMS that was started again: it knows the dead from its snapshot, or nobody."""
        self.bury(users)
        before = proven(self.world.hms)
        if snapshot:
            self.world.hms.stop()
        else:
            self.world.hms.kill()
            forget(self.world.hms)
        self.record()
        before_start = time.time()
        self.world.hms.serve()
        started = next(line.at for line in self.world.hms.process.lines if "HMS ready" in line.text)
        watch = self.world.hms.watch()
        figures = self.say(name, "as captured", at_least=2.6 * self.check_time + 1,
                           every=lambda: self.only_unconfirmed(users, snapshot))
        figures["drops"] = drops(self.world.hms)
        if snapshot:
            figures["gone_after_check_times"] = [
                self.in_time(user, watch.wait("expire", user, 3)[0], started, before_start) for user in users]
        living = set(self.world.hosts) - set(users)
        self.world.equal(within=4 * self.check_time, users=living)
        left = {one for one in before if one in proven(self.world.hms)}
        equal("addresses after the restart", proven(self.world.hms), left)
        figures["rows_after"] = len(self.world.hms.rows())
        equal("rows after the restart", figures["rows_after"], len(living))
        self.keep(figures)
        self.back(users)

    def only_unconfirmed(self, users, snapshot):
        for user, row in self.world.hms.rows().items():
            check(user not in users or snapshot and row["status"] == "unconfirmed", f"resurrected: {row}")

    def empty(self, name, order="as captured", **options):
        """After all have left: there is nobody, and nobody comes."""
        self.record()
        truth = Truth(self.world)
        equal("rows", truth.rows, {})
        figures = self.say(name, order, every=lambda: equal("rows", self.world.hms.rows(), {}), **options)
        self.keep({**figures, **truth.holds()})

    def elsewhere(self, name, other, capture):
        """To another HMS with the same secrets, which has never heard of anybody."""
        known = {one.data for one in self.tape}
        address, before, sent = (other.node.v4, 6710), drops(other), 0
        to_hms = [one for one in self.tape if not one.outgoing]
        for one in to_hms:
            self.replayer.spoofer.send(one.source, address, one.data)
            sent += 1
            if sent % 20 == 0:
                time.sleep(20 / self.pace)
                self.report(name)
        time.sleep(0.3)
        equal("rows", other.rows(), {})
        said = [one for one in capture.take() if one.outgoing or one.data in known]
        self.keep({"pass": name, "order": "as captured", "datagrams": sent, **delays(said, known, set()),
                   **unproven(said, set()), "rows_after": 0, "drops": more(before, drops(other))})

    # hosts that die and come back

    def bury(self, users):
        """Kills their agents; returns where each was."""
        ends_of = {user: ends(self.world.hms.row(user)["address"]) for user in users}
        for user in users:
            self.world[user].kill()
        self.record()
        return ends_of

    def gone(self, truth, user, source):
        """After how many check times without a heartbeat of its own the user's row went."""
        at, _ = truth.watch.wait("expire", user, 3)
        last = max(one.at for one in self.first.values()
                   if one.type == wire.HEARTBEAT and not one.outgoing and one.source == source)
        return self.in_time(user, at, last, last)

    def in_time(self, user, at, seen, earliest):
        """An expiry and its slack, and what the watching takes, after something that was `seen` then and was
        not before `earliest`; in check times."""
        between(f"{user} gone", at - earliest, 2.5 * self.check_time, float("inf"))
        between(f"{user} gone", at - seen, 0, 2.6 * self.check_time + 0.2)
        return round((at - seen) / self.check_time, 3)

    def back(self, users):
        for user in users:
            self.world[user].agent(wait=False)
        for user in users:
            self.world[user].wait_registered(15)
        self.world.equal(within=4 * self.check_time + 5)


def forget(hms):
    """Its snapshot is lost."""
    for name in os.listdir(hms.state):
        if "snapshot" in name:
            os.remove(os.path.join(hms.state, name))
