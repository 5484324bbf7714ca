"""What a host keeps between runs: instance id, last stamp, superseded, the last list, signed fixed entries."""
import json
import os
import pathlib


class Memory:
    """Without a folder everything is forgotten at the end."""

    def __init__(self, folder=None):
        self.path = pathlib.Path(folder) / "host.json" if folder else None
        self.data = {"instance_id": os.urandom(8).hex(), "last_stamp": 0, "superseded": None,
                     "list": [], "list_time": None, "fixed": {}, "cluster_key": None}
        if self.path and self.path.exists():
            self.data.update(json.loads(self.path.read_text()))
        self.dirty = True

    def __getitem__(self, name):
        return self.data[name]

    def __setitem__(self, name, value):
        if self.data.get(name) != value:
            self.data[name], self.dirty = value, True

    @property
    def instance_id(self):
        return bytes.fromhex(self.data["instance_id"])

    def save(self):
        if self.path and self.dirty:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part = self.path.with_suffix(".part")
            part.write_text(json.dumps(self.data, indent=1))
            part.replace(self.path)
        self.dirty = False
