"""What the reference model knows of datagrams: addresses, the parse and the answers (section 1).

Written from docs/protocol.md alone and sharing nothing with core/: where the two disagree, one of
them is wrong.
"""
import ipaddress

LEASE_PRESENT, LEASE_ACK, LEASE_REJECT, LEASE_RENEW, FORWARD = 1, 2, 3, 4, 0x10
HEADER_BYTES = 20
DATAGRAM_BYTES_MAX = 1500
COOKIE_BYTES = 16
FLAG_COOKIE, FLAG_RELEASE, FLAG_DRAINING = 1, 2, 2
SEQUENCES_REFUSED_FROM = 2**64 - 8192


class Address:
    """An IP address and a port; IPv4-mapped IPv6 is IPv4."""

    def __init__(self, text):
        host, _, port = text.rpartition(":")
        self.ip = ipaddress.ip_address(host.strip("[]"))
        if self.ip.version == 6 and self.ip.ipv4_mapped:
            self.ip = self.ip.ipv4_mapped
        self.port = int(port)

    def __eq__(self, other):
        return other is not None and (self.ip, self.port) == (other.ip, other.port)

    def __hash__(self):
        return hash((self.ip, self.port))

    def __str__(self):
        host = str(self.ip) if self.ip.version == 4 else f"[{self.ip}]"
        return f"{host}:{self.port}"

    def prefix(self):
        """What a source's bucket is kept for: /32 or /64."""
        return (4, int(self.ip)) if self.ip.version == 4 else (6, int(self.ip) >> 64)

    def answerable(self, listen):
        """False for what nothing is ever sent to."""
        broadcast = self.ip.version == 4 and int(self.ip) == 2**32 - 1
        return not (self.port == 0 or self.ip.is_multicast or broadcast or self == listen)


def kermit(data):
    """CRC-16/KERMIT."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8408 if crc & 1 else crc >> 1
    return crc


class Rift:
    """A RIFT physical header; None from `read` where the bytes are no valid one."""

    def __init__(self, handshake, session, alias, packet_id):
        self.handshake, self.session, self.alias, self.id = handshake, session, alias, packet_id

    @staticmethod
    def read(data):
        handshake = data[4:8] == bytes(4) and len(data) >= 30
        size = 30 if handshake else 18
        if len(data) < size or data[:4] != b"RI\0\1":
            return None
        if int.from_bytes(data[size - 2:size], "big") != kermit(data[:size - 2]):
            return None
        packet_id = int.from_bytes(data[size - 10:size - 2], "big")
        session = int.from_bytes(data[4:20], "big") if handshake else 0
        alias = 0 if handshake else int.from_bytes(data[4:8], "big")
        return Rift(handshake, session, alias, packet_id)


class Datagram:
    """One received datagram. `fault` is the first failed check of the parse, or None."""

    def __init__(self, line, source, data, bare_allowed):
        self.line, self.source, self.data = line, source, data
        self.size = len(data)
        self.bare = False
        self.type = None
        self.sid = None
        self.role = self.token = self.cookie = None
        self.release = False
        self.rift = None
        self.sequence = None
        self.counted_for = None  # the path whose bytes already hold this datagram
        self.fault = self._parse(bare_allowed)

    def _parse(self, bare_allowed):
        data = self.data
        if len(data) < HEADER_BYTES:
            return "short"
        if len(data) > DATAGRAM_BYTES_MAX:
            return "oversize"
        if data[0] != 0x57:
            return None if bare_allowed and self._is_bare() else "bad_magic"
        if data[1] != 1:
            return "bad_version"
        if data[2] not in (LEASE_PRESENT, LEASE_ACK, LEASE_REJECT, LEASE_RENEW, FORWARD):
            return "unknown_type"
        if data[4:20] == bytes(16):
            return "nil_session"
        self.type, self.sid = data[2], data[4:20]
        reader = {LEASE_PRESENT: self._present, LEASE_ACK: self._ack, LEASE_REJECT: self._reject,
                  LEASE_RENEW: self._renew, FORWARD: self._forward}[self.type]
        return None if reader(data[3], data[HEADER_BYTES:]) else "bad_payload"

    def _is_bare(self):
        rift = Rift.read(self.data)
        if rift is None or rift.id != 0:
            return False
        if rift.session != 0 if rift.handshake else rift.alias != 1:
            return False
        self.bare, self.rift = True, rift
        return True

    def _take_cookie(self, flags, payload):
        if not flags & FLAG_COOKIE:
            return payload
        if len(payload) < COOKIE_BYTES:
            return None
        self.cookie = payload[-COOKIE_BYTES:]
        return payload[:-COOKIE_BYTES]

    def _present(self, flags, payload):
        payload = self._take_cookie(flags, payload)
        if payload is None or len(payload) < 3 or payload[0] > 1:
            return False
        count = int.from_bytes(payload[1:3], "big")
        self.role, self.token = payload[0], payload[3:3 + count]
        return count > 0 and len(self.token) == count

    def _renew(self, flags, payload):
        self.release = bool(flags & FLAG_RELEASE)
        if self.release:
            self.cookie = payload
            return bool(flags & FLAG_COOKIE) and len(payload) == COOKIE_BYTES
        if flags & FLAG_COOKIE and len(payload) == COOKIE_BYTES:
            self.cookie = payload
            return True
        return payload == b"" and not flags & FLAG_COOKIE or self._present(flags, payload)

    def _ack(self, flags, payload):
        return len(payload) >= 16 + (COOKIE_BYTES if flags & FLAG_COOKIE else 0)

    def _reject(self, flags, payload):
        if len(payload) < 2 + (COOKIE_BYTES if flags & FLAG_COOKIE else 0):
            return False
        return 1 <= int.from_bytes(payload[:2], "big") <= 6

    def _forward(self, _flags, payload):
        if payload[:2] == b"RI":
            self.rift = Rift.read(payload)
            if self.rift:
                self.sequence = self.rift.id
            return self.rift is not None
        self.sequence = int.from_bytes(payload[:8], "big")
        return len(payload) >= 8

    def exempt(self):
        """Whether the replay window has nothing to say about this FORWARD."""
        return self.rift is not None and (self.rift.handshake or self.rift.id == 0)


def ack(sid, expires_ms, soft_kbps, hard_kbps, draining, cookie):
    flags = (FLAG_COOKIE if cookie else 0) | (FLAG_DRAINING if draining else 0)
    return (bytes((0x57, 1, LEASE_ACK, flags)) + sid + expires_ms.to_bytes(8, "big")
            + soft_kbps.to_bytes(4, "big") + hard_kbps.to_bytes(4, "big") + (cookie or b""))


def reject(sid, reason, cookie=None):
    flags = FLAG_COOKIE if cookie else 0
    return (bytes((0x57, 1, LEASE_REJECT, flags)) + sid + reason.to_bytes(2, "big")
            + (cookie or b""))
