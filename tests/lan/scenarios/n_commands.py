"""`hms check`, one thread, exit codes."""

import json
import os
import re
import shutil

from harness.runner import scenario
from harness.waiting import Skip, check, contains, equal, until
from harness.world import World, hosts_config

# (the file, the line that is wrong, the key, words that must stand in the problem or the remedy)
MISTAKES = [
    ("unknown key", '[hosts]\ncheck_tiem = "30s"\n', 2, "check_tiem", ["check_time"]),
    ("unknown section", '[host]\ncheck_time = "30s"\n', 1, "host", ["hosts"]),
    ("wrong type", '[hosts]\ncheck_time = 30\n', 2, "check_time", ['"30s"']),
    ("no duration", '[hosts]\ncheck_time = "soon"\n', 2, "check_time", ["30s"]),
    ("out of range", '[hosts]\n\ncheck_time = "2days"\n', 3, "check_time", ["24h"]),
    ("factor", '[hosts]\nexpiry_factor = 1.0\n', 2, "expiry_factor", ["1.5", "10"]),
    ("mode", '[hosts]\nupdate = "sometimes"\n', 2, "update",
     ["on-change", "always", "on-request"]),
    ("boolean", '[hosts]\npush = "yes"\n', 2, "push", ["true", "false"]),
    ("listen", '[hms]\nlisten = ["10.1.0.5"]\n', 2, "listen", ["6710"]),
    ("port", '[hms]\nlisten = ["[::]:67100"]\n', 2, "listen", ["port"]),
    ("rows", '[hosts]\nall_rows = -1\n', 2, "all_rows", ["100000"]),
    ("same realm twice", '[[realm]]\nname = "a"\n[[realm]]\nname = "a"\n', 4, "name", ["a"]),
    ("realm without name", '[[realm]]\nmax_hosts = 5\n', 1, "name", ["name"]),
    ("max_hosts", '[[realm]]\nname = "a"\nmax_hosts = "many"\n', 3, "max_hosts", []),
    ("name", '[hms]\nname = ""\n', 2, "name", []),
    ("prefix", '[[prefer]]\nprefix = "10.4.0.0/40"\nhms = "osaka"\n', 2, "prefix", ["32"]),
    ("key twice", '[hosts]\npush = true\npush = false\n', 3, None, []),
    ("syntax", '[hosts]\ncheck_time = \n', 2, None, []),
]


@scenario("check", "`hms check` names file, line, key and remedy of 18 mistakes; the default passes",
          takes=5)
def check_files(t):
    node = t.net().node("desk")
    program = t.host(node, "desk")
    os.mkdir(program.state)
    problems = []
    for number, (label, text, line, key, words) in enumerate(MISTAKES):
        path = os.path.join(t.directory, f"broken{number}.toml")
        with open(path, "w") as file:
            file.write(text)
        result = program.cli("check", path, code=None)
        found = json.loads(program.cli("check", path, "--json", code=None).out)
        row = next((row for row in found if row["line"] == line), found[0] if found else {})
        said = f"{row.get('key')} {row.get('problem')} {row.get('remedy')}"
        if result.code != 78:
            problems.append(f"{label}: exit {result.code}")
        elif row.get("line") != line or path not in str(row.get("file")) or not row.get("remedy"):
            problems.append(f"{label}: line {line} expected in {row}")
        elif key and key not in str(row["key"]):
            problems.append(f"{label}: key {key} expected in {row}")
        elif not all(word in said for word in words):
            problems.append(f"{label}: {words} expected in {row}")
        elif f"{path}:{line}" not in result.said or str(row["remedy"]) not in result.said:
            problems.append(f"{label}: file, line or remedy missing for people: {result.said}")
    check(not problems, "\n".join(problems))
    several = os.path.join(t.directory, "several.toml")
    with open(several, "w") as file:
        file.write('[hosts]\nchek_time = "1s"\npush = 3\nupdate = "x"\n[hms]\nlistn = []\n')
    found = json.loads(program.cli("check", several, "--json", code=78).out)
    equal("all mistakes of one file", [row["line"] for row in found], [2, 3, 4, 6])
    default = program.cli("config", "default").out
    path = os.path.join(t.directory, "default.toml")
    with open(path, "w") as file:
        file.write(default)
    equal("default file", json.loads(program.cli("check", path, "--json").out), [])
    # The default file also runs; a broken one does not, and says the same.
    hms = t.hms(node, "plain")
    with open(hms.config, "w") as file:
        file.write(default)
    hms.serve().stop()
    hms.configure('[hosts]\nchek_time = "1s"\n')
    refused = t.process(node, hms.command("serve", "--state", hms.state), None, "serve")
    refused.wait_exit(78, 5)
    contains("hms serve", refused.text("err"), "hms.toml", "chek_time", "check_time")


@scenario("one-thread", "`hms serve` under strace: one thread", takes=10)
def one_thread(t):
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    world = World(t, config=hosts_config("1s"), join=None)
    log = os.path.join(t.directory, "strace.log")
    world.hms.serve(prefix=("strace", "-f", "-o", log, "-e",
                            "trace=clone,clone3,fork,vfork,epoll_wait,epoll_pwait,epoll_pwait2"))
    world.add("ann", "bob")
    world.equal(within=4)
    watch = world.hms.watch()
    world["ann"].set("state=participating", "conference=board")
    watch.wait("update", "ann", 3)
    world.hms.cli("reload")
    world.hms.cli("revoke", "bob")
    world["ann"].cli("leave")
    watch.wait("leave", "ann", 3)
    children = [pid for pid in os.listdir("/proc") if pid.isdigit() and
                parent(pid) == world.hms.process.pid]
    check(children, "strace has no child")
    daemon = children[0]
    equal("threads", len(os.listdir(f"/proc/{daemon}/task")), 1)
    # The agent is one thread as well.
    world.add("cyd")
    equal("threads of an agent", len(os.listdir(f"/proc/{world['cyd'].process.pid}/task")), 1)
    os.kill(int(daemon), 15)
    world.hms.process.wait_exit(within=8)
    with open(log) as file:
        trace = file.read()
    check("epoll" in trace, "strace saw nothing")
    # strace -f of a program that makes no thread or child names one pid only.
    pids = set(re.findall(r"^(\d+) ", trace, re.M))
    equal("process and thread ids in the trace", pids, {daemon})
    equal("clone, fork", re.findall(r"^\d+ .*?\b(clone3?|v?fork)\(.*", trace, re.M), [])


def parent(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return None


@scenario("exit-codes", "exit codes, JSON fields and one-word commands of a LAN host", takes=10)
def exit_codes(t):
    world = World(t, config=hosts_config(), join=None)
    nobody = t.host(world.net.node("nobody", world.lan))
    for command in (("who",), ("self",), ("set", "state=standby")):
        down = nobody.cli(*command, code=8)
        contains("the message names the path", down.err, nobody.state)
    for command in (("status",), ("hosts",), ("watch",), ("why",), ("reload",)):
        contains("the message names the path", world.hms.cli(*command, code=8).err, world.hms.state)
    world.hms.serve()
    world.add("ann", "bob", arguments=("--service", "sip:5060", "--data", "4000"))
    world.equal(within=4)
    second_daemons(t, world)
    ann, bob = world["ann"], world["bob"]
    ip = bob.node.v4
    equal("hms ip", ann.cli("ip", "bob").out.strip(), ip)
    contains("hms uri", ann.cli("uri", "bob").out, "sip:", ip)
    contains("hms env", ann.cli("env", "bob").out, "=", ip)
    for command in ("ip", "uri", "env"):
        equal("no such host", ann.cli(command, "nobody", code=1).out, "")
    ann.cli("frobnicate", code=2)
    ann.cli("set", "state=sleeping", code=2)
    fields(world, ann)
    joined = t.host(world.net.node("dan", world.lan))
    token = world.hms.token("dan")
    detached = joined.cli("join", token, "--detach", within=15)
    contains("hms join --detach", detached.out, "registered at atlas as dan")
    contains("again", joined.cli("join", token, "--detach").said, ("already", "running"))
    joined.cli("join", world.hms.token("eve"), "--detach", code=2)
    mistyped = token[:20] + ("a" if token[20] != "a" else "b") + token[21:]
    contains("mistyped", t.host(joined.node, "other").cli("join", mistyped, code=2).err, "mistyped")
    joined.cli("leave")
    until("left", lambda: "dan" not in world.hms.rows(), 2)


def second_daemons(t, world):
    """A second daemon on one directory, or a taken port: exit 2 with the pid or port."""
    for state, word in ((world.hms.state, str(world.hms.process.pid)),
                        (os.path.join(t.directory, "second"), "6710")):
        second = t.process(world.server, world.hms.command("serve", "--state", state), None, "second")
        second.wait_exit(2, 5)
        contains("the second HMS", second.text("err"), word)


FIELDS = {
    "status": "name version role since elapsed_s cluster_start cluster_elapsed_s check_time_s exchange_time_s realms hosts "
              "heartbeats_per_s drops rows_not_taken hints_sent peers listen overridden message",
    "hosts": "realm user host state status address reported observed ports services conference fixed "
             "since age_ms check_time_s via revision",
    "who": "source hms age_ms hosts",
    "self": "registered user host realm hms role age_ms address observed state push",
}


def fields(world, host):
    status, rows = world.hms.json("status"), world.hms.hosts()
    who, me = host.who(), host.me()
    for name, value in (("status", status), ("hosts", rows[0]), ("who", who), ("self", me),
                        ("hosts", who["hosts"][0])):
        missing = set(FIELDS[name].split()) - set(value)
        check(not missing, f"hms {name} --json lacks {missing}: {value}")
    equal("role", status["role"], "standalone")
    equal("known", (status["hosts"]["known"], status["hosts"]["up"]), (2, 2))
    equal("registered", (me["registered"], me["user"], me["hms"]), (True, "ann", "atlas"))
