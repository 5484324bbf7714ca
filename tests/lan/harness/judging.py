"""What dissectors say of a capture, against what the HMS itself said and counted."""

import os
import re
import sys
from collections import Counter
from ipaddress import ip_address
from typing import NamedTuple

from . import wire
from .waiting import check, equal

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "wireshark"))
import samples  # noqa: E402  pylint: disable=wrong-import-position

# A datagram may be under way between kernel and HMS when its capture begins or ends.
UNDER_WAY = 0.5
HANDSHAKE = {0x20: "HELLO", 0x21: "COOKIE", 0x22: "WELCOME", 0x23: "DATA", 0x24: "RESET"}
WELCOME, DATA = 0x22, 0x23

# Drops of which the bytes alone are the cause.
OF_NO_FORM = r"dropped: (length|version|type|flags)"
# What the HMS says of a datagram, and what hms-dissect has to say of the same one.
SAME = (
    (r"(accepted|ignored|sent) (hint|announce)(: .*)?", {"unauthenticated"}),
    (r"(accepted|answered|opened|sent) .*", {"valid"}),
    (r"dropped: tag", {"wrong tag"}),
    (r"dropped: realm", {"unknown key"}),
    (r"dropped: replay", {"replayed", "out of window"}),
)


class Difference(NamedTuple):
    """Where they may differ: nowhere else. Here no HMS drops a valid datagram for a reason of its own (`phase`,
    `budget`)."""

    hms: str
    dissector: str
    # Of which datagrams alone.
    of: str
    why: str


DIFFERENCES = (
    Difference(r"(opened|sent) data(: .*)?", "unchecked", "invitation",
               "the keys of a link under an invitation are in no file: neither the cluster secret nor a key log has them"),
    Difference(OF_NO_FORM, r"malformed: \1", "made",
               "of no form that there is: it has no tag that could be judged, and both name the same counter"),
    Difference(r"dropped: version", "foreign", "made",
               "to an HMS all that does not begin with its version is of another one; a dissector sees that it is of none"),
)


def judge(taped, dissect, keys, made):
    """Everything that is demanded of what was captured at one HMS. `made`: of what was forged on purpose what the HMS
    must say."""
    matched = match(taped)
    agreed = samples.agreed(dissect, taped.tape, keys["secrets"])
    told = samples.told([dissect, "--json", "--keys", keys["secrets"], "--keys", keys["invitation"], taped.tape], lesser=True)
    by_log = samples.told([dissect, "--json", "--keylog", keys[taped.name], taped.tape], lesser=True)
    invited = Invited(taped)
    whole(taped, told, invited, made)
    return [f"{taped.name}: {len(taped.wired)} datagrams by tcpdump, {len(taped.captured)} by hms capture; {agreed['types']}",
            verdicts(taped, matched, told, invited, made),
            pairs(taped, matched, told),
            counters(taped, matched, told),
            links(taped, told, by_log)]


def match(taped):
    """[(of tcpdump, of hms capture)]: the same ends and bytes, the first with the first."""
    waiting, left = {}, Counter(one.key for one in taped.captured)
    for one in mine(taped):
        waiting.setdefault(one.key, []).append(one)
    matched, earlier = [], []
    for one in taped.captured:
        same = waiting.get(one.key)
        check(same, f"{taped.name}: tcpdump has not {one}")
        # A HELLO is sent again as it was: its first copies may be from before the capture.
        while len(same) > left[one.key] and same[0].at < one.at - UNDER_WAY:
            earlier.append(same.pop(0))
        left[one.key] -= 1
        matched.append((same.pop(0), one))
    missing = [one for one in earlier + [one for same in waiting.values() for one in same]
               if taped.begin + UNDER_WAY < one.at < taped.finish - UNDER_WAY]
    check(not missing, f"{taped.name}: hms capture has not {missing[:5]}")
    return matched


def mine(taped):
    """Those that it sent, or that came to it or to a group: a switch floods others now and then."""
    addresses = set(taped.node.addresses())
    return [one for one in taped.wired if one.source[0] in addresses or one.target[0] in addresses
            or ip_address(one.target[0]).is_multicast]


class Invited:
    """The link under the invitation, by what its WELCOME says in the open: no dissector is asked."""

    def __init__(self, taped):
        self.ends, self.sessions = set(), set()
        for one in taped.wired:
            if one.data[:2] == bytes([1, WELCOME]) and one.data[8:16] != bytes(8):
                self.ends |= {(one.source, one.target), (one.target, one.source)}
                self.sessions |= {one.data[16:24], one.data[48:56]}
        check(self.sessions, f"{taped.name}: no WELCOME under the invitation")

    def has(self, one):
        return one.data[:2] == bytes([1, DATA]) and (one.source, one.target) in self.ends \
            and one.data[8:16] in self.sessions


def judgement(one):
    """What hms-dissect makes of a datagram, in a word or two."""
    if "hms.expert.foreign" in {expert["name"] for expert in one["expert"]}:
        return "foreign"
    if one["malformed"]:
        return f"malformed: {one['malformed']['counted_as']}"
    return one["verdict"]["code"] if one["verdict"] else "none"


def whole(taped, told, invited, made):
    """Each datagram on our port is dissected to its last byte, but for what was made to be of no form, and judged, but
    for what nobody has the key of: those before and after the HMS's own capture too."""
    wrong = []
    for one in taped.wired:
        said = told.get(one.number)
        if said is None:
            if 6710 in (one.source[1], one.target[1]):
                wrong.append(f"not taken for ours: {one}")
            continue
        result = judgement(said)
        undecoded = [field for field in said["fields"] if field["name"] == "hms.undecoded"]
        if result == "foreign" or said["malformed"] or undecoded:
            if not re.fullmatch(OF_NO_FORM, made.get(one.key, "")):
                wrong.append(f"{result}, {len(undecoded)} undecoded: frame {one.number}, {one}")
        elif result == "none" or result == "unchecked" and not invited.has(one):
            wrong.append(f"{result}: frame {one.number}, {one}")
    check(not wrong, f"{taped.name}: {len(wrong)} not dissected whole: " + "\n  ".join(wrong[:12]))


def verdicts(taped, matched, told, invited, made):
    """The HMS's own verdict against that of the dissector."""
    found, differ, wrong = Counter(), Counter(), []
    awaited = Counter({key: 1 for key in made if key[1][0] in taped.node.addresses()})
    for on_wire, own in matched:
        one, said = told[on_wire.number], own.said["verdict"]
        result = judgement(one)
        if own.key in made:
            awaited[own.key] -= 1
            if said != made[own.key]:
                wrong.append(f"{said} instead of {made[own.key]}: frame {on_wire.number}, {on_wire}")
        if result in wanted(said):
            found[result] += 1
            continue
        if excused(said, result, {"made": own.key in made, "invitation": invited.has(own)}):
            differ[f"{said}, {result}"] += 1
        else:
            wrong.append(f"{said}, but {result}: frame {on_wire.number}, {on_wire}")
    check(not wrong, f"{taped.name}: {len(wrong)} judged in another way: " + "\n  ".join(wrong[:12]))
    odd = [key for key, count in awaited.items() if count]
    check(not odd, f"{taped.name}: of {len(awaited)} that were forged {len(odd)} not captured once: {odd[:3]}")
    return f"{taped.name}: same verdict on {found.total()}: {dict(found)}; another on {dict(differ)}"


def wanted(said):
    """What a dissector must say where the HMS says this."""
    return next((codes for pattern, codes in SAME if re.fullmatch(pattern, said)), set())


def excused(said, result, which):
    """Whether it is one of the differences that may be."""
    def is_it(difference):
        says = re.fullmatch(difference.hms, said)
        return says and says.expand(difference.dissector) == result and which[difference.of]
    return any(map(is_it, DIFFERENCES))


def pairs(taped, matched, told):
    """What the HMS took has an answer, each answer its request, and what it dropped has none, or a HINT."""
    # One that was sent again counts as the first: who was not heard in one phase is heard in the next.
    first = {frame: int(value(one, "hms.retransmission_of") or frame) for frame, one in told.items()}
    answers = {}
    for frame, one in told.items():
        request = value(one, "hms.response_to")
        if request:
            answers.setdefault(first[int(request)], []).append((frame, one["type"]))
    took = ("accepted", "answered", "refused")
    taken = {first[on_wire.number] for on_wire, own in matched if own.said["verdict"].startswith(took)}
    count, wrong = 0, []
    for on_wire, own in matched:
        number, one, said = on_wire.number, told[on_wire.number], own.said["verdict"]
        if said.startswith(took) and one["type"] not in ("COOKIE", "WELCOME", "DATA", "RESET"):
            if first[number] not in answers:
                wrong.append(f"{said}: frame {number}, {on_wire} has no answer")
            count += 1
        elif said.startswith(("dropped", "ignored")) and first[number] not in taken:
            behind = [kind for frame, kind in answers.get(first[number], []) if frame > number and kind != "HINT"]
            if behind:
                wrong.append(f"{said}: frame {number}, {on_wire} has an answer, {behind}")
        elif said.startswith("sent") and ": answers " in said:
            request = value(one, "hms.response_to")
            asked = request and told[int(request)]["type"].lower()
            if asked != said.rpartition(" ")[2]:
                wrong.append(f"{said}: frame {number}, {on_wire} belongs to {asked or 'no request'}")
    check(not wrong, f"{taped.name}: {len(wrong)} without their like: " + "\n  ".join(wrong[:12]))
    return f"{taped.name}: {count} requests that were taken, each with its answer"


def value(one, name):
    """The value of a field that stands once, or None."""
    return next((field["value"] for field in one["fields"] if field["name"] == name), None)


def counters(taped, matched, told):
    """What `hms status` counts is in the capture, and types are as often."""
    dropped = Counter(own.said["verdict"][9:] for _, own in matched if own.said["verdict"].startswith("dropped: "))
    for reason in set(dropped).union(*(status["drops"] for status in taped.before + taped.after)):
        least, most = taped.counted(lambda status, reason=reason: status["drops"].get(reason, 0))
        check(least <= dropped[reason] <= most,
              f"{taped.name}: {reason}: {dropped[reason]} in the capture, {least} to {most} in hms status")
    least, most = taped.counted(lambda status: status["hints_sent"])
    hints = sum(told[on_wire.number]["type"] == "HINT" and own.said["verdict"].startswith("sent") for on_wire, own in matched)
    check(least <= hints <= most, f"{taped.name}: {hints} hints in the capture, {least} to {most} in hms status")
    kinds = [Counter(kind_of(one) for one in side) for side in zip(*matched)]
    theirs = Counter(told[on_wire.number]["type"].split(" ")[0] for on_wire, _ in matched
                     if kind_of(on_wire) != "other")
    equal(f"{taped.name}: types", dict(kinds[0]), dict(kinds[1]))
    equal(f"{taped.name}: types of hms-dissect", theirs, Counter({k: n for k, n in kinds[0].items() if k != "other"}))
    return f"{taped.name}: hms status counts {dict(dropped)} and {hints} hints, and so does the capture"


def kind_of(one):
    kind = one.data[1] if len(one.data) >= 48 and one.data[0] == 1 else 0
    return wire.NAMES.get(kind) or HANDSHAKE.get(kind, "other")


def links(taped, told, by_log):
    """Links open by the cluster secret and by the key log, to the same messages."""
    def opened(all_of_it):
        return {frame: [field for field in one["fields"] if field["name"] != "hms.verdict"]
                for frame, one in all_of_it.items() if one["type"] == "DATA"
                and (one["verdict"] or {}).get("code") == "valid"}
    by_secret = opened(told)
    check(by_secret, f"{taped.name}: no link was opened")
    equal(f"{taped.name}: packets opened", by_secret == opened(by_log), True)
    return f"{taped.name}: {len(by_secret)} DATA opened, by the cluster secret as by the key log"
