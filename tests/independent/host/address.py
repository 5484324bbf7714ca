"""Addresses of 2.4: family, address, port.  In memory an address is the pair (ip text, port)."""
import ipaddress

from .errors import Malformed


def encode(address):
    ip = ipaddress.ip_address(address[0].split("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    return bytes([ip.version]) + ip.packed + address[1].to_bytes(2, "big")


def decode(data, at):
    """One address at an offset: ((ip, port), offset behind it)."""
    if at >= len(data):
        raise Malformed("address cut off")
    size = {4: 4, 6: 16}.get(data[at])
    if size is None:
        raise Malformed("address family %d" % data[at])
    end = at + 1 + size + 2
    if end > len(data):
        raise Malformed("address cut off")
    ip = ipaddress.ip_address(data[at + 1:at + 1 + size])
    if getattr(ip, "ipv4_mapped", None):
        raise Malformed("IPv4-mapped address in family 6")
    return (str(ip), int.from_bytes(data[end - 2:end], "big")), end


def decode_all(data, at, low, high):
    """Addresses up to the end of the data, as many as allowed."""
    found = []
    while at < len(data):
        address, at = decode(data, at)
        found.append(address)
    if not low <= len(found) <= high:
        raise Malformed("%d addresses" % len(found))
    return found


def text(address):
    if address is None:
        return None
    return ("[%s]:%d" if ":" in address[0] else "%s:%d") % address


def parse(written):
    ip, _, port = written.rpartition(":")
    ip = ip.strip("[]")
    scope = ip.partition("%")[2]
    plain = str(ipaddress.ip_address(ip.split("%")[0]))
    return (plain + ("%" + scope if scope else ""), int(port))


def link_local(address):
    return ipaddress.ip_address(address[0].split("%")[0]).is_link_local
