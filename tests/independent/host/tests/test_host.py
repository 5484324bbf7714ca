"""The host's states and timers, against the scripted HMS; no sockets."""
import unittest

from .. import codes as c
from .. import keys, wire
from .fake_hms import REALM, FakeHms, token_for
from .world import World

A, B = ("127.0.0.1", 6710), ("127.0.0.2", 6710)


def kinds(world, to=None):
    return [wire.read_header(data).name for _, _, target, data in world.sent if to in (None, target)]


def times(world, kind):
    return [t for t, _, _, data in world.sent if wire.read_header(data).name == kind]


class Registering(unittest.TestCase):
    def setUp(self):
        self.w = World()
        self.hms = self.w.add_hms(FakeHms(A))

    def test_registers_and_lists_itself(self):
        host = self.w.add_host("anna", 1, [A])
        self.w.run(3)
        self.assertEqual(host.state, "registered")
        self.assertEqual([e["content"]["user_name"] for e in host.directory.sorted_rows()], ["anna"])
        self.assertEqual(host.directory.root, self.hms.list.root)
        self.assertEqual(host.memory["last_stamp"], self.hms.stamp)

    def test_init_is_resent_byte_for_byte_then_the_next_address(self):
        self.w.add_host("anna", 1, [B, A])
        self.w.run(4)
        inits = [(round(t - 100, 2), data) for t, _, to, data in self.w.sent if to == B]
        self.assertEqual([t for t, _ in inits], [0, 0.5, 1.5])
        self.assertEqual(len({data for _, data in inits}), 1)
        self.assertEqual(round(times(self.w, "REGISTER")[0] - 100, 2), 3)

    def test_lost_registered_is_sent_again_for_the_same_session(self):
        lost = []

        def lose(data, to):
            if wire.read_header(data).type == c.REGISTERED and not lost:
                return lost.append(data) is None
            return False
        self.w.lose = lose
        host = self.w.add_host("anna", 1, [A])
        self.w.run(0.9)
        self.assertEqual(host.state, "registered")
        self.assertEqual(len(self.hms.rows), 1)
        self.assertEqual(self.hms.revision, 1)

    def test_registrations_that_nobody_heard_of_are_counted(self):
        """R-REG-54."""
        host = self.w.add_host("anna", 1, [A])
        self.w.run(1)
        host.seek(self.w.now)
        host.memory["last_stamp"] = 500
        self.w.lose = lambda data, to: wire.read_header(data).type == c.REGISTERED
        self.w.sent.clear()
        self.w.run(20)
        said = [wire.read_body(wire.read_header(data), data)["last_stamp"] for _, _, _, data in self.w.sent
                if wire.read_header(data).type == c.REGISTER]
        said = list(dict.fromkeys(said))
        self.assertEqual(said, list(range(500, 500 + len(said))))
        self.assertGreater(len(said), 1)
        self.assertIn(host.memory["last_stamp"] - said[-1], (0, 1))

    def test_back_off_after_the_last_address(self):
        host = self.w.add_host("anna", 1, [B])
        self.w.run(30)
        self.assertIn("no answer", self.w.names(host))
        self.assertGreater(len(times(self.w, "INIT")), 5)

    def test_every_reject_code(self):
        for code in ("revoked", "name", "taken", "content", "epoch-retired", 900):
            self.hms.reject = {"code": code, "value": 0}
            host = self.w.add_host("u%s" % code, 50 + hash(code) % 1000, [A])
            self.w.run(0.1)
            self.assertEqual((host.state, host.exit_code), ("refused", 4), code)
        self.hms.reject = {"code": "full", "value": 5000}
        host = self.w.add_host("late", 4, [A])
        self.w.run(4)
        self.assertNotEqual(host.state, "refused")
        self.hms.reject = None
        self.w.run(3)
        self.assertEqual(host.state, "registered")

    def test_retry_is_another_attempt_with_another_nonce(self):
        self.hms.retry = {"delay_ms": 2000}
        self.w.add_host("anna", 1, [A])
        self.w.run(1.9)
        self.assertEqual(len(times(self.w, "INIT")), 1)
        self.w.run(0.2)
        sent = [d for _, _, _, d in self.w.sent]
        self.assertEqual(len(sent), 2)
        self.assertNotEqual(wire.read_header(sent[0]).sequence, wire.read_header(sent[1]).sequence)

    def test_a_wrong_key_gets_a_hint_that_is_only_shown(self):
        self.hms.hint = 1
        host = self.w.add_host("anna", 1, [A])
        host.token.user_key = bytes(32)
        self.w.run(10)
        self.assertIn("hint", self.w.names(host))
        self.assertIsNone(host.exit_code)

    def test_answers_that_nobody_asked_for_are_dropped(self):
        host = self.w.add_host("anna", 1, [A])
        self.w.run(2)
        for kind, sequence in ((c.SUPERSEDED, 999), (c.REJECT, 0), (c.SUPERSEDED, 0)):
            header = wire.Header(kind, REALM, host.user_id, host.session.id, sequence, 1)
            body = {"incarnation": 1, "number": 9999, "stamp": 2**60, "code": "revoked", "value": 0}
            host.receive(self.w.now, wire.write(header, body, host.session.key), A)
        self.assertEqual((host.state, host.counts["unasked"]), ("registered", 3))
        host.receive(self.w.now, self.w.sent[0][3], A)
        self.assertEqual(host.counts["type"], 1)


class Heartbeats(unittest.TestCase):
    def setUp(self):
        self.w = World()
        self.hms = self.w.add_hms(FakeHms(A))
        self.host = self.w.add_host("anna", 1, [A])
        self.w.run(2)

    def test_every_check_time_with_jitter(self):
        self.w.run(200)
        beats = times(self.w, "HEARTBEAT")
        gaps = [b - a for a, b in zip(beats, beats[1:])]
        self.assertTrue(all(9 <= gap <= 11 for gap in gaps), gaps)
        self.assertGreater(max(gaps) - min(gaps), 0.5)
        steady = [d for _, _, _, d in self.w.sent if wire.read_header(d).type == c.HEARTBEAT]
        self.assertEqual({len(d) for d in steady}, {68})

    def test_sequences_never_repeat(self):
        self.w.run(100)
        seen = [wire.read_header(d).sequence for _, _, _, d in self.w.sent if wire.read_header(d).session_id != c.ZEROS]
        self.assertEqual(seen, list(range(1, len(seen) + 1)))

    def test_unanswered_is_repeated_and_then_searching(self):
        self.w.hms.clear()
        self.w.sent.clear()
        self.w.run(14)
        beats = times(self.w, "HEARTBEAT")
        self.assertEqual([round(b - beats[0], 2) for b in beats[:3]], [0, 1, 2])
        self.assertEqual(self.host.state, "searching")
        self.w.add_hms(self.hms)
        self.w.run(15)
        self.assertEqual(self.host.state, "registered")

    def test_another_hms_of_the_list_is_asked(self):
        other = FakeHms(B)
        other.rows, other.list, other.revision = self.hms.rows, self.hms.list, self.hms.revision
        other.incarnation = 2
        self.host.servers.append({"server_id": b"other..." , "sender": False, "primary": False, "name": "o",
                                  "addresses": [B]})
        self.w.hms = {B: other}
        self.w.run(20)
        self.assertEqual((self.host.state, self.host.session.target), ("registered", B))
        self.assertIn("challenged", self.w.names(self.host))

    def test_a_redirect_to_a_silent_hms_is_followed_once_in_a_check_time(self):
        """R-REG-36."""
        self.host.servers.append({"server_id": b"other...", "sender": False, "primary": False, "name": "o",
                                  "addresses": [B]})
        self.hms.redirect = {"server_id": b"other..."}
        self.w.sent.clear()
        self.w.run(9 + 5)
        self.assertEqual((self.host.state, self.host.session.target), ("registered", A))
        self.assertEqual(kinds(self.w, to=B), ["HEARTBEAT"] * 3)
        self.assertEqual(kinds(self.w, to=A).count("HEARTBEAT"), 2)
        self.w.run(12)
        self.assertGreater(kinds(self.w, to=B).count("HEARTBEAT"), 3)

    def test_two_that_redirect_a_first_contact_to_each_other(self):
        """R-REG-36."""
        world, one, two = World(), FakeHms(A), FakeHms(B)
        two.server_id = b"other..."
        one.redirect, two.redirect = {"server_id": two.server_id}, {"server_id": one.server_id}
        world.add_hms(one), world.add_hms(two)
        host = world.add_host("anna", 5, [A])
        host.servers = [hms.described() for hms in (one, two)]
        world.run(60)
        self.assertLess(kinds(world).count("INIT"), 30)
        self.assertIn("no answer", world.names(host))

    def test_restarted_without_memory_registers_anew(self):
        self.w.hms.clear()
        self.w.add_hms(FakeHms(A, incarnation=2))
        self.w.run(20)
        self.assertIn("told to register anew", self.w.names(self.host))
        self.assertEqual(self.host.state, "registered")
        self.assertEqual(self.host.session.stamp, 2001)

    def test_restarted_with_rows_challenges(self):
        self.hms.incarnation, self.hms.cookie_key = 5, b"n" * 32
        for row in self.hms.rows.values():
            row.unconfirmed = True
        self.w.run(12)
        self.assertIn("challenged", self.w.names(self.host))
        self.assertEqual(self.host.directory.incarnation, 5)
        self.assertFalse(self.hms.rows[self.host.user_id].unconfirmed)

    def test_new_address_is_proven_by_an_echo(self):
        self.w.move(self.host, 2)
        self.w.run(12)
        self.assertEqual(self.hms.rows[self.host.user_id].address, ("127.0.0.1", 2))

    def test_at_most_three_echoes_in_a_check_time(self):
        self.hms.cookie_key = b"x"
        row = self.hms.rows[self.host.user_id]
        self.w.sent.clear()
        for _ in range(4):
            row.address = ("9.9.9.9", 9)
            real, self.hms.session_request = self.hms.session_request, None

            def challenge(now, header, data, key, source):
                self.hms.answer_to(header, c.CHALLENGE, {"cookie": bytes(8)}, row.key, source)
            self.hms.session_request = challenge
        self.w.run(11.5)
        self.assertLessEqual(len(times(self.w, "HEARTBEAT")), 5)

    def test_superseded_by_a_newer_one_ends(self):
        other = self.w.add_host("anna", 7, [A], takeover=True)
        self.w.run(12)
        self.assertEqual((self.host.state, self.host.exit_code), ("superseded", 4))
        self.assertEqual(self.host.memory["superseded"], other.session.stamp)
        self.assertEqual(other.state, "registered")

    def test_superseded_by_an_older_stamp_registers_again(self):
        row = self.hms.rows[self.host.user_id]
        row.session, row.stamp = b"another.", self.host.session.stamp
        self.w.run(12)
        self.assertEqual(self.host.state, "registered")

    def test_revoked(self):
        self.hms.generations[self.host.user_id] = 5
        self.hms.rows.clear()
        self.w.run(12)
        self.assertEqual((self.host.state, self.host.exit_code), ("refused", 4))

    def test_leave(self):
        self.w.add_host("bob", 3, [A])
        self.w.run(3)
        self.host.leave(self.w.now)
        self.w.run(0.1)
        self.assertEqual((self.host.state, self.host.exit_code), ("left", 0))
        self.assertNotIn(self.host.user_id, self.hms.rows)

    def test_leave_unanswered_is_given_up(self):
        self.w.hms.clear()
        self.w.sent.clear()
        self.host.leave(self.w.now)
        start = self.w.now
        self.w.run(5)
        self.assertEqual([round(t - start, 2) for t in times(self.w, "LEAVE")], [0, 0.25, 1])
        self.assertEqual(self.w.events[self.host][-1]["t"], start + 2)

    def test_changed_content_is_told_at_once_until_acknowledged(self):
        self.host.set(self.w.now, state="organizing")
        self.w.run(0.1)
        self.assertEqual(self.hms.list.rows[self.host.user_id]["content"]["state"], "organizing")
        self.w.run(25)
        last = [b for name, b, _ in self.hms.log if name == "HEARTBEAT"][-1]
        self.assertEqual((last["content"], last["content_version"]), (None, 2))

    def test_wanted_content_is_sent(self):
        self.hms.want_content = True
        self.w.run(12)
        self.assertTrue([b for name, b, _ in self.hms.log if name == "HEARTBEAT" and b["content"]])


if __name__ == "__main__":
    unittest.main()
