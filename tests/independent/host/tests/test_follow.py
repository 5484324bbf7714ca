"""Following the directory against the scripted HMS: copies, deltas, digests, pushes, modes, discovery."""
import unittest

from .. import codes as c
from .. import wire
from ..errors import Dropped
from ..follow import PULL_RESEND
from .fake_hms import PAGE_ROWS, SERVER, FakeHms, content
from .test_host import A, times
from .world import World


def fill(hms, first, last):
    for number in range(first, last):
        hms.change(*row(number))


def row(number, **changes):
    uid = (number * 0x0123456789ABCDEF % 2**64).to_bytes(8, "big")
    return uid, {"user_id": uid, "revision": 0, "late": False, "unconfirmed": False, "since": 1, "check_time_s": 10,
                 "home": SERVER, "content": content("u%d" % number, **changes), "address": ("10.0.0.%d" % number, 9),
                 "signature": None}


class Following(unittest.TestCase):
    def setUp(self):
        self.w = World()
        self.hms = self.w.add_hms(FakeHms(A))
        fill(self.hms, 1, 20)
        self.host = self.w.add_host("anna", 1, [A])
        self.w.run(0.5)

    def same(self):
        self.assertEqual(self.host.directory.root, self.hms.list.root)
        self.assertEqual(sorted(self.host.directory.rows), sorted(self.hms.list.rows))
        self.assertEqual(self.host.directory.revision, self.hms.revision)

    def pulls(self):
        return [body["kind"] for name, body, _ in self.hms.log if name == "PULL"]

    def test_a_new_host_copies(self):
        self.same()
        self.assertEqual(self.pulls(), ["copy"] * -(-20 // PAGE_ROWS) + ["delta"])

    def test_changes_come_with_the_next_ack_and_the_rest_is_pulled(self):
        fill(self.hms, 20, 22)
        self.hms.change(row(3)[0])
        self.w.run(12)
        self.same()
        fill(self.hms, 30, 40)
        self.w.run(12)
        self.same()

    def test_change_during_a_copy(self):
        seen = []

        def lose(data, to):
            if wire.read_header(data).type == c.PAGE and len(seen) < 3:
                seen.append(1)
                fill(self.hms, 50 + len(seen), 51 + len(seen))
                self.hms.change(row(len(seen))[0])
            return False
        self.w.lose = lose
        host = self.w.add_host("bob", 2, [A])
        self.w.run(0.5)
        self.assertEqual(host.directory.root, self.hms.list.root)

    def test_lost_pages_are_pulled_again(self):
        lost = []

        def lose(data, to):
            if wire.read_header(data).type == c.PAGE and len(lost) % 2 == 0:
                lost.append(1)
                return True
            lost.append(1)
            return False
        self.w.lose = lose
        host = self.w.add_host("bob", 2, [A])
        self.w.run(6)
        self.assertEqual(host.directory.root, self.hms.list.root)

    def test_a_pull_is_given_up_until_the_next_heartbeat(self):
        self.w.lose = lambda data, to: wire.read_header(data).type == c.PAGE
        host = self.w.add_host("bob", 2, [A], host_name="b")
        self.w.run(0.9)
        self.w.sent.clear()
        self.w.run(8)
        self.w.lose = lambda data, to: False
        self.w.run(12)
        self.assertEqual(host.directory.root, self.hms.list.root)
        self.assertEqual(len(PULL_RESEND), 3)

    def test_different_lists_resync_by_digests(self):
        host = self.host
        host.directory.remove(row(5)[0])
        host.directory.put(row(77)[1])
        self.hms.log.clear()
        self.w.run(12)
        self.same()
        self.assertEqual(self.pulls(), ["digests", "copy", "delta"])

    def test_change_between_digests_and_copy_is_not_lost(self):
        self.host.directory.remove(row(5)[0])

        def lose(data, to):
            if wire.read_header(data).type == c.DIGESTS:
                self.hms.change(*row(9, host_name="changed"))
            return False
        self.w.lose = lose
        self.w.run(12)
        self.same()

    def test_restarted_hms_with_the_same_list_is_equal(self):
        self.hms.incarnation, self.hms.cookie_key = 9, b"k" * 32
        self.hms.log.clear()
        self.w.run(12)
        self.assertEqual(self.pulls(), [])
        self.same()
        self.assertEqual(self.host.directory.incarnation, 9)

    def test_push_is_taken_at_once(self):
        self.w.run(15)
        self.hms.push = True
        fill(self.hms, 60, 61)
        self.w.run(0.01)
        self.same()
        self.assertIn("push", [e.get("by") for e in self.w.events[self.host]])

    def test_lost_push_is_pulled_when_the_next_comes(self):
        self.w.run(15)
        self.hms.push = True
        self.w.lose = lambda data, to: True
        fill(self.hms, 60, 61)
        self.w.run(0.01)
        self.w.lose = lambda data, to: False
        fill(self.hms, 61, 62)
        self.w.run(0.01)
        self.same()

    def test_push_of_another_incarnation_or_old_number_is_dropped(self):
        s = self.host.session
        row_of = self.hms.rows[self.host.user_id]
        for incarnation, number in ((2, 10**6), (1, 1)):
            page = self.hms.page("delta", [row(88)[1]], self.hms.revision, self.hms.revision + 1)
            body = {"incarnation": incarnation, "number": number, "push": True, "page": page}
            self.host.receive(self.w.now, wire.write(row_of.header, body, s.key), A)
        self.assertNotIn(row(88)[0], self.host.directory.rows)
        self.assertEqual(self.host.counts["unasked"], 2)

    def test_mode_always(self):
        self.hms.mode = "always"
        host = self.w.add_host("bob", 2, [A])
        self.w.run(3)
        fill(self.hms, 60, 70)
        self.w.run(12)
        self.assertEqual(host.directory.root, self.hms.list.root)

    def test_mode_on_request(self):
        self.hms.mode = "on-request"
        host = self.w.add_host("bob", 2, [A])
        self.w.run(3)
        fill(self.hms, 60, 70)
        self.w.run(25)
        self.assertNotEqual(host.directory.root, self.hms.list.root)
        host.session.ask_for_changes(self.w.now)
        self.w.run(1)
        self.assertEqual(host.directory.root, self.hms.list.root)

    def test_view_none_pulls_nothing(self):
        self.hms.log.clear()
        self.w.add_host("bob", 2, [A], view={"kind": c.NO_VIEW, "push": False})
        self.w.run(30)
        self.assertEqual([body for name, body, _ in self.hms.log if name == "PULL"], [])

    def test_an_ack_of_the_view_before_is_not_used(self):
        late = []

        def lose(data, to):
            late.append((data, to))
            return wire.read_header(data).type == c.ACK
        self.w.lose = lose
        self.w.run(20)
        self.assertEqual(self.host.state, "searching")
        ack = [data for data, to in late if wire.read_header(data).type == c.ACK][-1]
        self.host.set(self.w.now, view={"kind": c.GROUP_VIEW, "push": False, "group": "board"})
        self.host.receive(self.w.now, ack, A)
        # It shows that the HMS is there; what it says of the list is that of the view before.
        self.assertEqual(self.host.state, "registered")
        self.assertEqual((self.host.directory.revision, self.host.directory.rows), (0, {}))
        beat = wire.read_body(wire.read_header(self.host.out[-1][0]), self.host.out[-1][0])
        self.assertEqual((beat["revision"], beat["digest"], beat["view"]["kind"]), (0, 0, c.GROUP_VIEW))
        self.w.lose = lambda data, to: False
        self.w.run(1)
        self.same()

    def test_find(self):
        self.host.session.find(self.w.now, "prefix", "U1")
        self.w.run(0.1)
        found = [e for e in self.w.events[self.host] if e["event"] == "found"]
        self.assertIn("u1", found[0]["users"])
        self.assertEqual(len(self.host.directory.rows), 20)


class Discovering(unittest.TestCase):
    def test_by_the_groups(self):
        w = World()
        w.add_hms(FakeHms(A))
        host = w.add_host("anna", 1, [])
        w.run(1)
        self.assertEqual(host.state, "registered")
        self.assertEqual({len(d) for _, _, to, d in w.sent if to == "groups"}, {512})

    def test_rounds(self):
        w = World()
        w.add_host("anna", 1, [])
        w.run(40)
        first = [round(t - 100, 2) for t in times(w, "DISCOVER")][:3]
        self.assertEqual(first, [0, 0.25, 1])
        rounds = {}
        for _, _, _, data in w.sent:
            rounds[data] = rounds.get(data, 0) + 1
        self.assertGreater(len(rounds), 2)
        self.assertEqual(set(list(rounds.values())[:-1]), {3})

    def test_of_a_search_only_the_key_is_refused(self):
        w = World()
        hms = FakeHms(A)
        hms.reject = {"code": "full", "value": 30000}
        w.add_hms(hms)
        host = w.add_host("anna", 1, [])
        w.run(2)
        self.assertNotIn("refused for now", [e["event"] for e in w.events[host]])
        hms.reject = None
        w.run(8)
        self.assertEqual(host.state, "registered")

    def test_a_challenge_counts_once_in_a_contact(self):
        host = World().add_host("anna", 1, [A])
        for process, number in ((1, 5), (2, 1), (1, 6)):
            host.challenge_is_news({"incarnation": process, "number": number})
        for process, number in ((1, 5), (2, 1), (1, 6)):
            with self.assertRaises(Dropped):
                host.challenge_is_news({"incarnation": process, "number": number})

    def test_announce_is_probed_only_when_not_registered(self):
        w = World()
        hms = FakeHms(A)
        host = w.add_host("anna", 1, [])
        header = wire.Header(c.ANNOUNCE, 0, c.ZEROS, c.ZEROS, 1)
        announce = wire.write(header, {"server_id": SERVER, "event": "up", "port": 6710})
        w.run(2)
        w.sent.clear()
        for _ in range(10):
            host.receive(w.now, announce, ("127.0.0.1", 999))
            w.run(2.1)
        self.assertEqual(len([1 for _, _, to, _ in w.sent if to == A]), 4)
        w.add_hms(hms)
        w.run(60)
        self.assertEqual(host.state, "registered")
        w.sent.clear()
        host.receive(w.now, announce, ("127.0.0.1", 999))
        w.run(5)
        self.assertEqual(times(w, "DISCOVER"), [])


if __name__ == "__main__":
    unittest.main()
