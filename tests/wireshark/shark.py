"""Runs tshark with our dissector, as a user without rights, and reads what it prints."""

import json
import os
import shutil
import subprocess
from xml.etree import ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LUA = os.path.join(ROOT, "tools", "wireshark", "hms.lua")
NOBODY = 65534
# What stands in the layer beside our fields: remarks and subtrees.
BESIDE = ("hms.expert.",)
# What stands in no byte.
FOUND_OUT = ("hms.verdict", "hms.response_to", "hms.response_in", "hms.time", "hms.retransmission_of")


class Run:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def faults(self):
        """Lines that only a fault of the Lua file can cause."""
        signs = ("Lua: ", "lua:", "hms.expert.dissector", "Lua Error", "stack traceback")
        return [line for line in (self.err + "\n" + self.out).splitlines()
                if any(sign in line for sign in signs) and "tags are not verified" not in line]


def tshark(*arguments, keys=None, env=None, home="/nonexistent", timeout=300):
    """`keys`: what HMS_KEYS says. Root is given up, if we have it."""
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": home, "LC_ALL": "C.UTF-8", **(env or {})}
    if keys:
        environment["HMS_KEYS"] = keys
    done = subprocess.run(["tshark", *arguments, "-X", f"lua_script:{LUA}"], env=environment, timeout=timeout,
                          capture_output=True, text=True, encoding="utf-8", errors="replace", check=False,
                          **lesser())
    return Run(done)


def lesser():
    """For subprocess: without root's rights, if we have them."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def obstacle():
    """Why the tests cannot run here, or None."""
    if not shutil.which("tshark"):
        return "tshark is missing (Debian: apt-get install tshark)"
    return None


def pairs(layer):
    """The fields of a layer in their order: [(name, value)], children behind their parents."""
    found = []
    for name, value in layer:
        if name.endswith("_tree") or name.startswith("_ws."):
            found += pairs(value) if name.endswith("_tree") else []
        elif isinstance(value, list) and name.startswith("hms."):
            # One without a value, with what stands in it.
            found += [(name, "")] + pairs(value)
        elif name.startswith("hms.") and not name.startswith(BESIDE):
            found.append((name, value))
    return found


def read_json(text):
    """Of each packet its layers, as lists of pairs: names stand more than once."""
    packets = json.loads(text, object_pairs_hook=list) if text.strip() else []
    return [dict(dict(packet)["_source"])["layers"] for packet in packets]


def dissected(path, *arguments, **options):
    """Of each packet our fields; a packet that is none of ours has None. And the run."""
    run = tshark("-r", path, "-T", "json", "-J", "hms", *arguments, **options)
    found = []
    for layers in read_json(run.out):
        ours = [pairs(value) if isinstance(value, list) else [] for name, value in layers if name == "hms"]
        found.append(ours[0] if ours else None)
    return found, run


def columns(path, *names, options=(), **more):
    """Of each packet the values of these fields, as text."""
    wanted = [word for name in names for word in ("-e", name)]
    run = tshark("-r", path, "-T", "fields", *wanted, *options, **more)
    return [line.split("\t") for line in run.out.splitlines()], run


def experts(path, **more):
    """Of each packet the names of the remarks on it."""
    rows, run = columns(path, "frame.number", "_ws.expert.message", options=("-E", "aggregator=|"), **more)
    return {int(row[0]): row[1].split("|") if row[1] else [] for row in rows}, run


def ranges(path, **options):
    """Of each packet [(name, offset in the datagram, length)] of what stands in its bytes."""
    run = tshark("-r", path, "-T", "pdml", "-J", "hms", **options)
    found = []
    for packet in ElementTree.fromstring(run.out).iter("packet"):
        layer = next((one for one in packet.iter("proto") if one.get("name") == "hms"), None)
        fields = [] if layer is None else layer.iter("field")
        begin = 0 if layer is None else int(layer.get("pos"))
        found.append([(one.get("name"), int(one.get("pos")) - begin, int(one.get("size"))) for one in fields
                      if one.get("name").startswith("hms.") and not one.get("name").startswith(BESIDE)
                      and one.get("name") not in FOUND_OUT])
    return found, run
