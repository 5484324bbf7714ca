"""The captures in tests/captures: what is in each, and whether tshark and hms-dissect agree on it."""

import functools
import glob
import json
import os
import re
import shutil
import subprocess
from collections import Counter

import shark

CAPTURES = os.path.join(shark.ROOT, "tests", "captures")

LARGEST = 30_000
# What a capture is there for: a way to look at it, a count in that, and what must stand in it.
SHOWS = {
    "v4": ("with keys", "verdicts", "valid"), "v6": ("with keys", "layers", "eth/ipv6/udp"),
    "vlan": ("with keys", "layers", "eth/vlan 7/ip/udp"), "fragment": ("with keys", "layers", "fragments of frames"),
    "truncated": ("with keys", "verdicts", "none"), "multicast": ("with keys", "layers", "sll2/ip/udp"),
    "wrong-tag": ("with keys", "verdicts", "wrong tag"), "replay": ("with keys", "verdicts", "replayed"),
    "revoked": ("with keys", "verdicts", "revoked"), "failover": ("opened", "types", "OPENED-MESSAGE"),
    "full-copy": ("opened", "messages", "PAGE (0x31)"),
}


class Sample:
    """NAME.pcap or NAME.pcapng, its keys, and NAME.json; copied to where everybody may read."""

    def __init__(self, name, directory):
        self.name, self.directory = name, directory
        self.expectations = os.path.join(CAPTURES, f"{name}.json")
        self.capture = self.here(".pcap") or self.here(".pcapng")
        self.keys = self.here(".secrets.json") or self.here(".tokens")
        self.keylog = self.here(".keylog")

    def here(self, end):
        source = os.path.join(CAPTURES, self.name + end)
        if not os.path.exists(source):
            return None
        target = shutil.copyfile(source, os.path.join(self.directory, self.name + end))
        os.chmod(target, 0o644)
        return target

    def expected(self):
        with open(self.expectations, encoding="utf-8") as file:
            return json.load(file)

    def write(self, contents):
        with open(self.expectations, "w", encoding="utf-8") as file:
            json.dump(contents, file, indent=1, ensure_ascii=False)
            file.write("\n")

    def contents(self, program):
        """Datagrams by type and verdict and the remarks, as tshark says them: without keys, with them, and opened. The two must agree."""
        found = {"without keys": agreed(program, self.capture), "with keys": agreed(program, self.capture, self.keys)}
        if self.keylog:
            copy = os.path.join(self.directory, f"{self.name}.opened.pcapng")
            told([program, "--keylog", self.keylog, "--keys", self.keys, "--open", copy, "--json", self.capture])
            os.chmod(copy, 0o644)
            found["opened"] = agreed(program, copy, self.keys)
        return found


def names():
    return sorted(os.path.basename(path)[:-len(".json")] for path in glob.glob(os.path.join(CAPTURES, "*.json"))
                  if not path.endswith(".secrets.json"))


def told(command, lesser=False):
    """What hms-dissect says, by frame. One that cannot be read to its end is said on stderr, with code 1. `lesser`: as
    a user without rights."""
    rights = shark.lesser() if lesser else {}
    done = subprocess.run(command, capture_output=True, text=True, check=False, **rights)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return {one["frame"]: one for one in map(json.loads, done.stdout.splitlines())}


def agreed(program, path, keys=None):
    """What is in it, if both say the same of each field of each datagram, and make the same remarks."""
    theirs = told([program, "--json", *(["--keys", keys] if keys else []), path], lesser=True)
    # One run of tshark for all: most of its time it starts.
    run = shark.tshark("-r", path, "-T", "json", "-J", "hms pkt_comment", keys=keys)
    assert not run.faults() and run.code == 0, run.faults() or run.err
    frames = [dict(layers) for layers in shark.read_json(run.out)]
    assert {number for number, layers in enumerate(frames, 1) if "hms" in layers} == set(theirs), "datagrams in other frames"
    of_both, verdicts, remarks, comments = experts(program), [], [], []
    for number, one in theirs.items():
        where, layers = f"{os.path.basename(path)}, frame {number}", frames[number - 1]
        fields = shark.pairs(layers["hms"])
        own, wanted = fields_of(fields, one)
        assert own == wanted, f"{where}:\n  tshark only  {Counter(own) - Counter(wanted)}" \
            f"\n  dissect only {Counter(wanted) - Counter(own)}"
        said = list(walk(list(layers.items())))
        names = {name for name, _ in said if name in of_both}
        assert opened(one) or names == {expert["name"] for expert in one["expert"]}, f"{where}: {names}"
        verdicts.append(dict(fields).get("hms.verdict", "none"))
        remarks += [text for name, text in walk(layers["hms"]) if name == "_ws.expert.message"]
        # The line that says it; the number of a frame is not told twice.
        comments += [re.sub(r"\d+", "N", text.split("\n")[0]) for name, text in said
                     if name == "frame.comment" and text]
    return {
        "frames": len(frames), "datagrams": len(theirs), "layers": count("/".join(one["layers"]) for one in theirs.values()),
        "types": count(one["type"] for one in theirs.values()),
        "messages": count(field["show"] for one in theirs.values() for field in one["fields"]
                          if field["name"] == "hms.peer.type" and not opened(one)),
        "verdicts": count(verdicts), "remarks": count(remarks), "comments": count(comments),
    }


@functools.cache
def experts(program):
    """The names of the remarks that both make."""
    done = subprocess.run([program, "--fields", "--json"], capture_output=True, text=True, check=True)
    return {one["name"] for one in json.loads(done.stdout)["experts"]}


def walk(layer):
    """All that stands in a layer, at any depth."""
    for name, value in layer:
        if isinstance(value, list):
            yield from walk(value)
        else:
            yield name, value


def opened(one):
    """hms-dissect has its link's key, by the cluster secret. hms.lua decrypts nothing: it is shown copies."""
    return one["type"] == "DATA" and bool(one["verdict"]) and one["verdict"]["code"] != "unchecked"


def fields_of(own, one):
    """What both must say; of an opened packet what stands outside."""
    wanted = [(field["name"], field["value"]) for field in one["fields"]]
    if not opened(one):
        return sorted(own), sorted(wanted)
    closed = {"hms.data.frames", "hms.verdict"}
    own = {field for field in own if field[0] not in closed}
    return sorted(own), sorted(own & set(wanted))


def count(values):
    return dict(sorted(Counter(values).items()))
