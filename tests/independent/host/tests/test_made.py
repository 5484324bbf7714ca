"""vectors.json is what vectors.py makes, and this implementation reads it as it says."""
import unittest

import vectors
from made import answers, keyring, refused, requests
from made.form import EVERYONE, body_to_json

from .. import address as addresses
from .. import codes as c
from .. import keys, wire
from ..errors import Dropped, Malformed


def fate(row):
    """(reason, value of the REJECT) of a datagram that is not taken, or its fields."""
    data, key = bytes.fromhex(row["bytes"]), EVERYONE[row["of"]].key(row["key"])
    try:
        header = wire.read_header(data)
        if not (wire.checksum_holds(data) if key is None else keys.tag_holds(key, data)):
            return "tag", None
        return body_to_json(wire.read_body(header, data))
    except Dropped as why:
        return str(why), None
    except Malformed as why:
        return why.reason, why.content


class Made(unittest.TestCase):
    def test_the_file_is_what_the_program_makes(self):
        self.assertTrue(vectors.FILE.read_text() == vectors.text(), "tests/independent/vectors.py writes it anew")

    def test_good_ones_say_what_is_said_of_them(self):
        rows = [*requests.all_of_them(), *answers.all_of_them()]
        self.assertEqual({row["header"]["type_code"] for row in rows}, set(c.TYPE_NAMES))
        self.assertEqual(len({row["name"] for row in rows}), len(rows))
        for row in rows:
            with self.subTest(row["name"]):
                self.assertEqual(fate(row), row["body"])

    def test_forbidden_ones_are_refused(self):
        rows = refused.all_of_them()
        self.assertEqual(len({row["name"] for row in rows}), len(rows))
        for row in rows:
            with self.subTest(row["name"]):
                self.assertEqual(fate(row), (row["reason"], row.get("reject")))

    def test_tokens(self):
        for row in keyring.tokens():
            for written in [row["token"], *row["also"]]:
                self.assertEqual(keys.write_token(keys.read_token(written)), row["token"])
        wrong = [(row["name"], row["token"], row["mistyped"]) for row in keyring.wrong_tokens()]
        for name, written, mistyped in [*wrong, *(("white space inside", w, True)
                                                  for w in keyring.white_space_inside())]:
            with self.subTest(name), self.assertRaises(Malformed) as caught:
                keys.read_token(written)
            self.assertEqual("mistyped" in str(caught.exception), mistyped, name)

    def test_signatures(self):
        for row in keyring.signatures():
            who = EVERYONE[row["of"]]
            holds = keys.fixed_holds(bytes.fromhex(row["cluster_key"]), who.realm_id, who.user_id, int(row["issued"]),
                                     addresses.parse(row["address"]), bytes.fromhex(row["content"]),
                                     bytes.fromhex(row["signature"]))
            self.assertEqual(holds, row["holds"], row["name"])


if __name__ == "__main__":
    unittest.main()
