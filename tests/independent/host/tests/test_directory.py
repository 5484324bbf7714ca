"""The host's copy of the directory (4.6)."""
import random
import unittest

from .. import codes as c
from ..directory import Directory, bucket_map, bucket_of, buckets_in, entry_digest


def user(number):
    return number.to_bytes(8, "big")


def entry(number, revision=1, host="h", late=False, address=("10.0.0.1", 5)):
    return {"user_id": user(number), "revision": revision, "late": late, "unconfirmed": False, "since": 5,
            "check_time_s": 30, "home": user(9), "address": address, "signature": None,
            "content": {"user_name": "u%d" % number, "host_name": host, "reported": [], "ports": None, "services": [],
                        "state": "standby", "conference": None, "fixed": False}}


def gone(number, revision):
    return {"gone": user(number), "revision": revision, "reason": "leave"}


def page(kind, items, start=0, to=0, after=c.ZEROS, up_to=c.ALL_ONES, more=False):
    return {"kind": kind, "items": items, "from": start, "to": to, "after": after, "up_to": up_to, "more": more,
            "total": len(items)}


class TheList(unittest.TestCase):
    def setUp(self):
        self.d = Directory()

    def test_empty_has_root_0(self):
        self.assertEqual(self.d.root, 0)

    def test_digest_sees_visible_content_only(self):
        plain = entry_digest(entry(1))
        for same in (entry(1, revision=9), entry(1, address=("10.0.0.1", 77))):
            self.assertEqual(entry_digest(same), plain)
        for other in (entry(1, late=True), entry(1, host="g"), entry(1, address=None), entry(2)):
            self.assertNotEqual(entry_digest(other), plain)

    def test_sums_follow_every_change(self):
        rng = random.Random(4)
        for _ in range(300):
            number = rng.randrange(1, 20) << 57 | rng.randrange(5)
            if rng.random() < 0.6:
                self.d.put(entry(number, host=rng.choice("abc")))
            else:
                self.d.remove(user(number))
        fresh = [0] * 128
        for row in self.d.rows.values():
            fresh[bucket_of(row["user_id"])] = (fresh[bucket_of(row["user_id"])] + entry_digest(row)) % 2**64
        self.assertEqual(self.d.buckets, fresh)
        self.assertEqual(self.d.root, sum(fresh) % 2**64)

    def test_bucket_map(self):
        self.assertEqual(bucket_map({0, 9, 127}).hex(), "80400000000000000000000000000001")
        self.assertEqual(buckets_in(bucket_map({0, 9, 127})), {0, 9, 127})
        self.assertEqual(bucket_of(b"\xff" * 8), 127)

    def test_delta_joins_on_or_is_refused(self):
        self.d.adopt(7, 10)
        self.assertIsNone(self.d.take_delta(page("delta", [entry(1)], 11, 12), 7))
        self.assertIsNone(self.d.take_delta(page("delta", [entry(1)], 5, 9), 7))
        self.assertIsNone(self.d.take_delta(page("delta", [entry(1)], 10, 12), 8))
        self.assertTrue(self.d.take_delta(page("delta", [entry(1), entry(2), gone(1, 12)], 10, 12), 7))
        self.assertEqual((sorted(self.d.rows), self.d.revision), ([user(2)], 12))
        self.assertFalse(self.d.take_delta(page("delta", [entry(1), entry(2), gone(1, 12)], 10, 12), 7) and
                         sorted(self.d.rows) != [user(2)])

    def test_copy_removes_what_is_not_listed_in_its_range(self):
        for number in (1, 5, 9, 20):
            self.d.put(entry(number))
        self.d.take_copy(page("copy", [entry(5), entry(8)], after=user(1), up_to=user(9)))
        self.assertEqual(sorted(self.d.rows), [user(1), user(5), user(8), user(20)])

    def test_copy_of_buckets_leaves_the_others(self):
        self.d.put(entry(1))
        self.d.put(entry(3 << 57))
        self.d.take_copy(page("copy", []), {3})
        self.assertEqual(sorted(self.d.rows), [user(1)])

    def test_first_copy_page_includes_user_id_0(self):
        self.d.put(entry(0))
        self.d.take_copy(page("copy", []))
        self.assertEqual(self.d.rows, {})

    def test_revision_only_for_its_incarnation(self):
        self.d.adopt(7, 10)
        self.assertEqual([self.d.revision_for(i) for i in (7, 8, 0)], [10, 0, 0])


if __name__ == "__main__":
    unittest.main()
