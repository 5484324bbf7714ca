"""Between the JSON of spec/vectors and this implementation's dicts."""
import json
import pathlib

from .. import address as addresses
from .. import codes as c

FOLDER = pathlib.Path(__file__).resolve().parents[4] / "spec" / "vectors"
AS_TEXT = {"number", "sequence", "last_stamp", "stamp", "digest", "root"}   # 64-bit numbers stand as decimal text
AS_ADDRESS = {"observed", "address"}
AS_HEX = {"instance_id", "cursor", "buckets", "cluster_key", "server_id", "home", "user_id", "gone", "after",
          "up_to", "bytes", "session_id"}


def load(name):
    return json.loads((FOLDER / name).read_text())


def unknown_content(data):
    """The TLVs 0x09-0x0f among content bytes: no field of the vector names them."""
    found = []
    while data:
        code, size = data[0], int.from_bytes(data[1:3], "big")
        if 0x09 <= code <= 0x0f:
            found.append((code, data[3:3 + size]))
        data = data[3 + size:]
    return found


def service_text(service):
    return "%s:%d/%s" % service


def service_of(text):
    kind, _, rest = text.rpartition(":")
    port, _, transport = rest.partition("/")
    return (kind, int(port), transport)


def to_json(name, value):
    """A decoded value as the vectors write it."""
    if isinstance(value, dict):
        return {"bytes" if k == "raw" else k: to_json(k, v) for k, v in value.items() if k != "other"}
    if name in ("reported", "addresses"):
        return [addresses.text(a) for a in value]
    if name == "services":
        return [service_text(s) for s in value]
    if name == "buckets" and isinstance(value, list):
        return [str(v) for v in value]
    if name == "users":
        return [v.hex() for v in value]
    if isinstance(value, list):
        return [to_json(None, v) for v in value]
    if name in AS_ADDRESS:
        return addresses.text(value)
    if isinstance(value, bytes):
        return str(int.from_bytes(value, "big")) if name == "cookie" else value.hex()
    return str(value) if name in AS_TEXT else value


def from_json(name, value):
    """The vectors' value as this implementation wants it."""
    if value is None:
        return None
    if isinstance(value, dict):
        known = {k: from_json(k, v) for k, v in value.items()}
        if "user_name" in value:
            known["other"] = unknown_content(known.pop("bytes"))
        return known
    if name in ("reported", "addresses"):
        return [addresses.parse(a) for a in value]
    if name == "services":
        return [service_of(s) for s in value]
    if name == "buckets" and isinstance(value, list):
        return [int(v) for v in value]
    if name == "users":
        return [bytes.fromhex(v) for v in value]
    if isinstance(value, list):
        return [from_json(None, v) for v in value]
    if name in AS_ADDRESS:
        return addresses.parse(value)
    if name == "cookie":
        return int(value).to_bytes(8, "big")
    if name in AS_HEX:
        return bytes.fromhex(value)
    return int(value) if name in AS_TEXT else value
