"""Following the directory (4.6): what a host does with ACKs, pages, digests and pushes."""
from . import codes as c
from . import keys, tlv
from .directory import bucket_map

PULL_RESEND, PULL_GIVE_UP = (0.25, 0.5, 1.0), 2.0


class Follower:
    def __init__(self, session):
        self.session, self.host = session, session.host
        self.pulling = None            # the body of the PULL under way
        self.base = None               # the revision that a running copy ends with
        self.wanted = None             # the buckets of a running copy, None for all
        self.latest = 0                # the highest revision heard of from this incarnation
        self.pulled_by_push = False

    @property
    def directory(self):
        return self.host.directory

    @property
    def listening(self):
        """Is there anything to follow?"""
        granted = self.session.granted
        kind = self.host.settings.view["kind"]
        return kind != c.NO_VIEW and not (granted and granted["kind"] == c.NO_VIEW)

    # ---- pulling

    def pull(self, now, kind, cursor=c.ZEROS):
        incarnation = self.session.incarnation
        self.pulling = {"incarnation": incarnation, "revision": self.directory.revision_for(incarnation),
                        "cursor": cursor, "kind": kind,
                        "buckets": bucket_map(self.wanted) if kind == "copy" and self.wanted is not None else None}
        self._send(now)

    def _send(self, now):
        self.session.timers.series("pull", now, PULL_RESEND, self._send_once, PULL_GIVE_UP, lambda t: self.stop())

    def _send_once(self, now):
        self.session.request(now, c.PULL, self.pulling, self.pulling["kind"])

    def stop(self):
        """Given up or done; the next ACK says how to go on."""
        self.pulling, self.base, self.wanted = None, None, None
        self.session.timers.cancel("pull")
        self.session.forget(c.PULL)

    def again_after(self, now, delay):
        if self.pulling:
            self.session.timers.set("pull", now + delay, self._send)

    def resync(self, now):
        """R-DIR-07: the digests first, but an empty list is copied at once."""
        self.stop()
        self.directory.forget_revision()
        if self.directory.rows and self.host.settings.view["kind"] != c.NAMED_VIEW:
            self.pull(now, "digests")
        else:
            self.pull(now, "copy")

    # ---- answers that start it

    def registered(self, now, body):
        if not self.listening:
            self.directory.clear()
        elif self.directory.revision_for(body["incarnation"]) and self.host.settings.view["kind"] != c.NAMED_VIEW:
            self.pull(now, "delta")
        else:
            self.resync(now)

    def acked(self, now, body):
        incarnation = body["incarnation"]
        if not self.listening:
            return self.directory.clear()
        self.latest = body["revision"]
        if body["page"]:
            self.stop()
            return self._take(now, body["page"], incarnation, c.ZEROS)
        if body["equal"]:
            self.stop()
            self.directory.adopt(incarnation, body["revision"])
            return self.changed("equal")
        if self.pulling:
            return None
        if body["resync"]:
            return self.resync(now)
        if self.directory.revision_for(incarnation) != body["revision"] and self.session.mode != "on-request":
            return self._catch_up(now, incarnation)
        return None

    def _catch_up(self, now, incarnation):
        if self.host.settings.view["kind"] == c.NAMED_VIEW:
            self.pull(now, "copy")
        elif self.directory.revision_for(incarnation):
            self.pull(now, "delta")
        else:
            self.resync(now)

    def pushed(self, now, body):
        if not self.listening:
            return
        page = body["page"]
        self.latest = max(self.latest, page["to"])
        if page["kind"] == "whole":
            return self._take(now, page, body["incarnation"], c.ZEROS)
        if page["kind"] != "delta" or self.pulling:
            return                      # a running copy or delta catches up by itself
        self._take(now, page, body["incarnation"], c.ZEROS, True)

    # ---- pages

    def page(self, now, body, request):
        page = body["page"]
        if page["kind"] == "find":
            return self._found(now, page, request[2])
        if not self.pulling:
            return None
        self.session.forget(c.PULL)
        self.session.timers.cancel("pull")
        cursor, self.pulling = self.pulling["cursor"], None
        self.latest = max(self.latest, page["to"])
        return self._take(now, page, body["incarnation"], cursor)

    def _take(self, now, page, incarnation, cursor, push=False):
        if page["kind"] == "delta":
            return self._take_delta(now, page, incarnation, push)
        if page["kind"] in ("copy", "whole"):
            return self._take_copy(now, page, incarnation, cursor)
        return None

    def _take_delta(self, now, page, incarnation, push):
        before = self.directory.revision
        changed = self.directory.take_delta(page, incarnation)
        if changed is None:
            if not push or page["from"] > self.directory.revision:
                self._catch_up_once(now, incarnation, push)
            return
        self.keep_signed(page)
        behind = page["more"] or (self.latest > self.directory.revision and not push)
        if behind and self.directory.revision != before:
            self.pull(now, "delta")
        else:
            self.stop()
        if changed:
            self.changed("push" if push else "delta")

    def _catch_up_once(self, now, incarnation, push):
        """A page that does not join on: a push was lost, or the list is another's."""
        if push:
            self._catch_up(now, incarnation)
        else:
            self.resync(now)

    def _take_copy(self, now, page, incarnation, cursor):
        if page["after"] != cursor:
            return self.stop()
        if cursor == c.ZEROS:
            self.base = page["to"] if self.base is None else min(self.base, page["to"])
        if page["kind"] == "whole":
            self.directory.take_whole(page)
        else:
            self.directory.take_copy(page, self.wanted)
        self.keep_signed(page)
        if page["more"]:
            self.pull(now, "copy", page["up_to"])
            return None
        self.directory.adopt(incarnation, self.base)
        self.stop()
        if page["kind"] == "copy":
            self.pull(now, "delta")     # R-DIR-04: what changed since the first page
        return self.changed(page["kind"])

    def digests(self, now, body):
        if not self.pulling:
            return None
        self.stop()
        differing = self.directory.differing(body["buckets"])
        self.latest = max(self.latest, body["revision"])
        self.host.emit("digests", differing=len(differing), revision=body["revision"])
        if not differing:
            self.directory.adopt(body["incarnation"], body["revision"])
            return self.changed("equal")
        # the untouched buckets are as old as the digests: the delta starts there
        self.base, self.wanted = body["revision"], differing
        return self.pull(now, "copy")

    def _found(self, now, page, pattern):
        self.host.emit("found", pattern=list(pattern), more=page["more"],
                       users=[item["content"]["user_name"] for item in page["items"] if "gone" not in item])
        if page["more"]:
            self.session.find(now, *pattern, page["up_to"])

    # ---- what comes of it

    def keep_signed(self, page):
        """R-AUT-40: fixed entries whose signature holds are kept for use without an HMS."""
        fixed = dict(self.host.memory["fixed"])
        for item in page["items"]:
            signature = item.get("signature")
            if not signature or not item["address"] or not item["content"]["fixed"]:
                continue
            content = tlv.write_content(item["content"])
            if keys.fixed_holds(self.host.cluster_key, self.host.token.realm_id, item["user_id"],
                                signature["issued"], item["address"], content, signature["bytes"]):
                fixed[item["user_id"].hex()] = {
                    "address": list(item["address"]), "content": content.hex(), "issued": signature["issued"],
                    "signature": signature["bytes"].hex()}
            else:
                self.host.emit("bad signature", user=item["content"]["user_name"])
        self.host.memory["fixed"] = fixed

    def changed(self, by):
        self.host.emit("directory", by=by, revision=self.directory.revision, rows=len(self.directory.rows),
                       root="%016x" % self.directory.root)
