#!/usr/bin/env python3
"""Random traces for the relay core, biased towards the situations where rules meet.

    make_traces.py --seed N --count M --folder DIR

Each trace is NAME.jsonl with what the reference model makes of it beside it
(NAME.expected.jsonl). While a trace grows, the model runs along: the generator looks into it for
what is worth trying next, such as the deadline that is about to fall or the edge of a window.
"""
import argparse
import datetime
import json
import os
import random
import sys

from lease_model import key_pair, sign_token
from relay_model import Relay, with_cookies
from stories import HELLO, Stories
from wire_model import kermit

SECOND = 10**9
RELAY_ID = "relay-model-1"
LISTEN = "198.51.100.1:4000"
START_MS = 1795000000000
EDGES_S = (0.05, 0.25, 1, 2, 10, 30, 60)
PORTS = (5000, 5001, 6000)
HOSTS = ("203.0.113.5", "203.0.113.5", "192.0.2.77", "198.18.0.9", "198.18.3.4",
         "[2001:db8:1:2::5]", "[2001:db8:1:2::6]", "[2001:db8:1:3::5]", "[::ffff:203.0.113.5]")
ODD_SOURCES = ("224.0.0.9:5000", "255.255.255.255:5000", "[ff02::1]:5000", "203.0.113.5:0", LISTEN,
               "[::ffff:198.51.100.1]:4000", "[::ffff:224.1.2.3]:5000", "198.51.100.1:4001",
               "127.0.0.1:5000", "[::1]:5000", "203.0.113.255:5000")
KEYS = {kid: key_pair(bytes((number,)) * 32)
        for number, kid in enumerate(("k1", "k2", "k1-other", "nokid", "k3", "stray"), 1)}

# What a trace is mostly about: the weights of its actions.
ACTIONS = ("present", "renew", "forward", "candidate", "bare", "junk", "control", "passive", "burst",
           "move", "both_speak", "story")
PROFILES = {
    "plain": (20, 8, 45, 8, 3, 3, 3, 5, 5, 2, 8, 6),
    "moves": (14, 10, 16, 10, 1, 0, 1, 10, 3, 25, 12, 25),
    "leases": (55, 12, 20, 5, 2, 1, 5, 2, 2, 2, 2, 5),
    "keys": (45, 8, 20, 4, 2, 1, 22, 2, 2, 1, 4, 8),
    "verify": (45, 8, 22, 8, 8, 1, 5, 4, 5, 2, 6, 10),
    "handshake": (8, 3, 28, 3, 50, 0, 1, 3, 2, 2, 3, 12),
    "ends": (25, 18, 25, 6, 2, 0, 8, 4, 2, 2, 8, 6),
    "limits": (12, 8, 25, 10, 6, 2, 1, 6, 40, 10, 8, 10),
    "flood": (20, 5, 30, 5, 5, 1, 5, 5, 0, 0, 5, 5),
    "windows": (4, 2, 80, 6, 1, 0, 0, 6, 1, 6, 3, 10),
}
SOUND = ("moves", "handshake", "limits", "windows")  # most of their tokens have no fault


def rfc3339(unix_ms, rng):
    whole = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=unix_ms)
    text = whole.strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{unix_ms % 1000:03}" + rng.choice(("", "999999", "000000"))
    return text + "." + digits + rng.choice(("Z", "Z", "+00:00"))


def transport(alias, packet_id):
    header = b"RI\0\1" + alias.to_bytes(4, "big") + packet_id.to_bytes(8, "big")
    return header + kermit(header).to_bytes(2, "big")


def handshake(session, packet_id):
    header = b"RI\0\1" + session.to_bytes(16, "big") + packet_id.to_bytes(8, "big")
    return header + kermit(header).to_bytes(2, "big")


class Maker(Stories):
    """One trace in the making."""

    def __init__(self, seed):
        self.rng = rng = random.Random(seed)
        self.profile = rng.choice([name for name in PROFILES if name != "flood"])
        if self.chance(1):
            self.profile = "flood"
        self.lines = [self.config()]
        self.model = Relay(self.lines[0])
        self.sids = [bytes((number + 1, 0, 16, 0, 64, 0, 128, 0, 0, 0, 0, 0, 0, 0, 0xab, number))
                     for number in range(rng.choice((1, 1, 2, 3)))]
        count = rng.randint(3, 6)
        self.addresses = [f"{rng.choice(HOSTS)}:{rng.choice(PORTS)}" for _ in range(count)]
        self.addresses += ["203.0.113.5:5000", "192.0.2.77:6000"]
        self.tokens = {}  # (sid, side) -> [token]
        self.length = rng.choice((15, 30, 60, 120))

    def chance(self, percent):
        return self.rng.randrange(100) < percent

    def config(self):
        rng, options = self.rng, {}

        def maybe(percent, name, *values):
            if self.chance(percent):
                options[name] = rng.choice(values)

        profile = self.profile
        maybe(40, "passive-rebind", "any", "any", "off", "same-ip")
        maybe(15, "role-policy", "strict", "signed")
        maybe(4, "bare-rift", "off", "on")
        maybe(10, "max-clock-skew-secs", 0, 1, 5)
        maybe(4, "allow-insecure-dev", True)
        if profile in ("ends", "leases"):
            maybe(50, "lease-duration-secs", 1, 3, 10, 40)
            maybe(40, "idle-timeout", 1, 3, 20, 61)
            maybe(40, "peer-wait-secs", 1, 5, 20, 61)
            maybe(30, "drain-timeout-secs", 1, 5)
        if profile == "limits":
            maybe(50, "peer-rate-limit-pps", 1, 4, 9, 20, 0)
            maybe(50, "ip-rate-limit-pps", 1, 4, 9, 20)
            maybe(40, "identity-rate-limit-pps", 1, 3, 8)
            maybe(40, "max-bandwidth-kbps", 64, 100, 1000)
        if profile == "flood":
            options.update({"ip-rate-limit-pps": 10**6, "verify-rate": rng.choice((1, 2, 50)),
                            "max-sessions": 10000})
        if profile in ("limits", "leases"):
            maybe(40, "max-sessions", 1, 2, 3)
            maybe(30, "load-shed-threshold-pct", 1, 50, 100)
        if profile in ("verify", "keys") or self.chance(5):
            maybe(60, "verify-rate", 1, 2, 4, 10, 50)
        verify_ns = rng.choice((0, 0, 0, 1, 64000, 50000000, 700000000, 2000000000))
        config = {"relay_id": RELAY_ID, "listen": LISTEN, "start_unix_ms": START_MS,
                  "keys": [self.key_record("k1")], "options": options}
        if profile == "keys" and self.chance(40):
            config["keys"].append(self.key_record(rng.choice(("k2", "nokid", "k1-other"))))
        if profile == "verify" or self.chance(5):
            config["verify_ns"] = verify_ns
        return config

    @staticmethod
    def key_record(name):
        kid = "" if name == "nokid" else name.split("-")[0]
        return {"kid": kid, "public_key_hex": KEYS[name][0].hex()}

    # --- time ---

    def edges(self):
        """Instants that some rule is about, ahead of now."""
        model, found = self.model, []
        found += [instant for instant in model.deadlines() if instant]
        for session in model.sessions.values():
            for role in session.roles:
                found += [role.sign + SECOND, role.sign + 2 * SECOND, role.heard + 30 * SECOND]
                for one in (role.candidate, role.remembered, role.undo):
                    if one:
                        found.append(one.until)
                    if one and getattr(one, "jump", None) and one.jump.since is not None:
                        found.append(one.jump.since + 2 * SECOND)
                if role.loser:
                    found.append(role.loser[1])
                if role.window.jump.since is not None:
                    found.append(role.window.jump.since + 2 * SECOND)
                found.append(role.exempt.fits_from())
                if role.peer:
                    found.append(role.peer.fits_from())
            found += [session.candidates.fits_from(), session.owners.fits_from()]
        found.append((model.now // (120 * SECOND) + 1) * 120 * SECOND)
        return sorted(edge for edge in found if edge > model.now)

    def later(self):
        """When the next line comes."""
        rng, now = self.rng, self.model.now
        if self.chance(60 if self.profile in SOUND else 50):
            return now
        if self.chance(70 if self.profile in SOUND else 40):
            return now + rng.choice((1, 1000, 10**6, 10**7, rng.randrange(10**8)))
        edges = self.edges()
        if not self.chance(4):
            edges = [edge for edge in edges if edge < now + rng.choice((3, 3, 3, 35)) * SECOND]
        if edges and self.chance(70):
            edge = rng.choice(edges)
            return max(now, edge + rng.choice((-1, 0, 0, 1)))
        if self.chance(20):
            return now + int(rng.choice(EDGES_S) * SECOND) + rng.choice((-1, 0, 1))
        return now + rng.randrange(rng.choice((SECOND // 10, SECOND // 10, SECOND, 3 * SECOND)))

    # --- tokens ---

    def claims(self, sid, side):
        rng, model = self.rng, self.model
        now_ms, skew = model.wall_ms(), model.skew_ms
        kid = "k1"
        sound = self.profile in SOUND and self.chance(85)
        claims = {"sub": f"user-{side}", "sid": None, "role": ("client", "server")[side],
                  "rid": RELAY_ID}
        text = sid.hex()
        claims["sid"] = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
        iat = START_MS - 30000 + 1000 * rng.randrange(-2, 3)
        exp = now_ms // 1000 * 1000 + rng.choice((300000, 300000, 20000, 60000, 900000, 0))
        if self.chance(60) or sound:
            exp = START_MS + 600000
        if not sound and self.chance(25):
            exp = now_ms + rng.choice((1, 1000, 3000, 10000, 31000))
        if not sound and self.chance(5):
            exp = now_ms - skew + rng.choice((-1, 0, 1, 2))
        if not sound and self.chance(4):
            exp = now_ms + 3600000 + skew + rng.choice((-1, 0, 1))
        if not sound and self.chance(5):
            iat = now_ms + skew + rng.choice((-1, 0, 1))
        if not self.chance(5):
            claims["iat_rfc3339"] = rfc3339(iat, rng)
        claims["exp_rfc3339"] = rfc3339(max(exp, 0), rng)
        if not sound and self.chance(6):
            claims["nbf"] = rfc3339(now_ms + skew + rng.choice((-1, 0, 1)), rng)
        low = self.profile == "limits" and self.chance(60)
        if low or self.chance(20):
            claims["slimit"] = rng.choice((0, 1000, 2000) if low else (0, 1000, 2000, 60000))
        if low or self.chance(20):
            claims["hlimit"] = rng.choice((0, 1000, 1001, 2000) if low else (0, 1000, 2000, 70000))
        if not sound and self.chance(14):
            name, value = rng.choice((("rid", "another-relay"), ("rid", None), ("sub", "user-other"),
                                      ("sub", "user-banned"), ("role", "client"), ("role", "server"),
                                      ("sid", "01001000-4000-8000-0000-00000000ab77"), ("sub", " "),
                                      ("exp_rfc3339", "soon"), ("x", [1, {"y": None}])))
            claims[name] = value
            if value is None:
                del claims[name]
        if not sound and self.chance(45 if self.profile == "keys" else 6):
            kid = rng.choice(("k1", "k2", "k3", "stray", None, "k1"))
        if kid:
            claims["kid"] = kid
        return claims

    @staticmethod
    def signed(claims, name, footer=b""):
        payload = json.dumps(claims, separators=(",", ":")).encode()
        return sign_token(KEYS[name][1], payload, footer)

    def new_token(self, sid, side):
        claims = self.claims(sid, side)
        signer = claims.get("kid", "nokid")
        if self.profile == "keys" and self.chance(30):
            signer = self.rng.choice(list(KEYS))
        elif self.chance(2):
            signer = "stray"
        footer = b"footer" if self.chance(5) else b""
        token = self.signed(claims, signer, footer)
        return token[:-self.rng.randint(1, 40)] if self.chance(1) else token

    def token(self, sid, side):
        known = self.tokens.setdefault((sid, side), [])
        bound = None
        session = self.model.sessions.get(sid)
        if session and session.roles[side].address is not None:
            bound = session.roles[side].lease.token
        if bound and self.chance(45):
            return bound
        if not known or self.chance(40):
            known.append(self.new_token(sid, side))
            return known[-1]
        return self.rng.choice(known)

    # --- lines ---

    def add(self, line):
        self.lines.append(line)
        number = len(self.lines)
        self.model.advance(line["at_ns"])
        if "from" in line:
            self.model.datagram(number, line["from"], with_cookies(self.model, line["hex"]))
        else:
            self.model.control(line)

    def add_datagram(self, address, data, cookie_line=None, cookie=False):
        text = data.hex()
        if cookie:
            text += f"<cookie {cookie_line}>" if cookie_line else "11" * 16
        self.add({"at_ns": self.later(), "from": str(address), "hex": text})

    def cookie_line(self, address=None):
        """The line of an answer with a cookie: mostly one that went to this address."""
        sent = [(record["line"], record["send"]) for record in self.model.out
                if "send" in record and record["line"] in self.model.cookies]
        mine = [line for line, to in sent if to == str(address)]
        if mine and self.chance(80):
            return mine[-1] if self.chance(80) else self.rng.choice(mine)
        if sent and self.chance(70):
            return self.rng.choice(sent)[0]
        return None

    def session_role(self):
        session = self.rng.choice(list(self.model.sessions.values()) or [None])
        return session, session.roles[self.rng.randrange(2)] if session else None

    def some_address(self, role=None):
        """Bound, candidate, remembered … or just any."""
        rng = self.rng
        if role is not None:
            known = [role.address] * 3
            for one in (role.candidate, role.remembered, role.undo):
                known += [one.address] * 2 if one else []
            known += [role.loser[0]] if role.loser else []
            known = [address for address in known if address is not None]
            if known and self.chance(75):
                return rng.choice(known)
            if role.address is not None and self.chance(35):
                host = str(role.address).rpartition(":")[0]
                return f"{host}:{rng.choice(PORTS)}"
        return rng.choice(self.addresses)

    def header(self, kind, flags, sid):
        return bytes((0x57, 1, kind, flags)) + sid

    def present(self, kind=None):
        rng = self.rng
        kind = kind or (4 if self.chance(15) else 1)
        missing = [(sid, side) for sid in self.sids for side in (0, 1)
                   if sid not in self.model.sessions
                   or self.model.sessions[sid].roles[side].address is None]
        sid, side = rng.choice(self.sids), rng.randrange(2)
        if missing and self.chance(60):
            sid, side = rng.choice(missing)
        session = self.model.sessions.get(sid)
        role = session.roles[side] if session else None
        address = self.some_address(role)
        if role is None or role.address is None:
            address = rng.choice(self.addresses)
        token = self.token(sid, side)
        presented = side if self.chance(85) else 1 - side
        cookie = self.chance(35)
        data = self.header(kind, 1 if cookie else 0, sid) + bytes((presented,))
        data += len(token).to_bytes(2, "big") + token
        if self.chance(3):
            data += b"trailing"
        self.add_datagram(address, data, self.cookie_line(address), cookie)

    def renew(self):
        if self.chance(20):
            self.present(kind=4)
            return
        session, role = self.session_role()
        sid = session.sid if session and self.chance(95) else self.rng.choice(self.sids)
        address = self.some_address(role)
        cookie = self.chance(75)
        release = cookie and self.chance(15)
        data = self.header(4, (1 if cookie else 0) | (2 if release else 0), sid)
        self.add_datagram(address, data, self.cookie_line(address), cookie)

    def sequence(self, role):
        rng = self.rng
        top, jumps = role.window.top, role.window.jump.seen
        for one in (role.candidate, role.remembered):
            jumps = jumps + (one.jump.seen if one else [])
        if role.remembered and self.chance(30):
            top = role.remembered.top
        if jumps and self.chance(35):
            return max(0, rng.choice(jumps) + rng.choice((0, 1, 1, 2, -1, 1024, 1025, -1024, 500)))
        step = rng.choice((1, 1, 1, 1, 1, 2, 3, 0, -1, -2, -1022, -1023, -1024, 1023, 1024, 1025, 900,
                           2000, 3000, 5000, 100000, 2047, 2048, 2049))
        if self.chance(2):
            return rng.choice((2**64 - 8192, 2**64 - 8193, 2**64 - 1, 2**63, 0))
        return max(0, min(2**64 - 1, top + step))

    def payload(self, role):
        rng, sequence = self.rng, self.sequence(role)
        if self.chance(70):
            return sequence.to_bytes(8, "big") + bytes(rng.choice((0, 0, 4, 4, 100, 700, 1472)))
        kind = rng.randrange(4)
        if kind == 0:
            return handshake(rng.choice((0, 7)), rng.choice((0, sequence)))
        if kind == 1:
            return transport(rng.choice((0, 1, 1, 5)), 0) + bytes(12)
        return transport(rng.choice((1, 9)), sequence) + bytes(rng.choice((0, 40)))

    def forward(self, address=None, role=None):
        session, chosen = self.session_role()
        if session is None:
            self.present()
            return
        role = role or chosen
        if session.other(role).cap and role.address is not None and self.chance(60):
            size = self.rng.choice((0, 20, 50, 100, 300, 1472))
            data = (role.window.top + 1).to_bytes(8, "big") + bytes(size)
            self.add_datagram(role.address, self.header(0x10, 0, session.sid) + data)
            return
        bound = role.address is not None and self.chance(85)
        address = address or (role.address if bound else self.some_address(role))
        data = self.header(0x10, self.rng.choice((0, 0, 0, 0xa5)), session.sid) + self.payload(role)
        self.add_datagram(address, data)

    def candidate(self):
        session, role = self.session_role()
        if session is None:
            self.present()
            return
        known = [one.address for one in (role.candidate, role.remembered) if one]
        known += [role.loser[0]] if role.loser else []
        address = self.rng.choice(known) if known else self.some_address(role)
        data = self.header(0x10, 0, session.sid) + self.payload(role)
        self.add_datagram(address, data)

    def passive(self):
        session, role = self.session_role()
        if session is None or role.address is None:
            self.present()
            return
        host = str(role.address).rpartition(":")[0]
        data = self.header(0x10, 0, session.sid) + self.payload(role)
        self.add_datagram(f"{host}:{self.rng.choice(PORTS)}", data)

    def move(self):
        """A peer falls silent to the edge of a rule, then another address speaks for it."""
        session, role = self.session_role()
        if session is None or role.address is None:
            self.present()
            return
        rng, edge = self.rng, role.sign + self.rng.choice((1, 2, 2)) * SECOND
        at_ns = max(self.model.now, edge + rng.choice((-1, 0, 0, 0, 1, SECOND // 2)))
        address = self.some_address(role)
        kind = rng.choice(("cookie", "forward", "forward", "forward", "present"))
        cookie = self.cookie_line(address)
        if kind == "cookie" and cookie:
            text = self.header(4, 1, session.sid).hex() + f"<cookie {cookie}>"
        elif kind == "present":
            token = role.lease.token
            data = self.header(1, 1 if cookie else 0, session.sid) + bytes((role.side,))
            text = (data + len(token).to_bytes(2, "big") + token).hex()
            text += f"<cookie {cookie}>" if cookie else ""
        else:
            sequence = role.window.top + rng.choice((1, 1, 1, 2, 1024, 1025, 0))
            text = (self.header(0x10, 0, session.sid) + min(sequence, 2**64 - 1).to_bytes(8, "big")
                    + bytes(rng.choice((0, 4, 100)))).hex()
        self.add({"at_ns": at_ns, "from": str(address), "hex": text})

    def both_speak(self):
        """Signs of life from both sides at one instant."""
        session, _ = self.session_role()
        if session is None or not session.active():
            self.present()
            return
        at_ns = self.later()
        for role in list(session.roles):
            if role.address is not None and role.window.top < 2**63:
                data = self.header(0x10, 0, session.sid) + (role.window.top + 1).to_bytes(8, "big")
                self.add({"at_ns": at_ns, "from": str(role.address), "hex": data.hex()})

    @staticmethod
    def bare_packet(kind):
        return (handshake(0, 0) if kind == HELLO else transport(1, 0)) + bytes(32)

    @staticmethod
    def rift(packet_id):
        return transport(9, packet_id)

    def bare(self):
        rng = self.rng
        _, role = self.session_role()
        address = self.some_address(role)
        if role is not None and role.address is not None and self.chance(70):
            address = role.address
        data = handshake(0, 0) if self.chance(55) else transport(1, 0)
        if self.chance(6):
            data = rng.choice((handshake(3, 0), handshake(0, 5), transport(2, 0), transport(1, 1),
                               transport(1, 0)[:-1] + b"\0", transport(0, 0), b"RI"))
        self.add_datagram(address, data + bytes(rng.choice((0, 2, 32))))

    def junk(self):
        rng = self.rng
        sid = rng.choice(self.sids)
        data = rng.choice((b"", b"\x57", self.header(1, 0, sid), self.header(4, 2, sid),
                           self.header(2, 0, sid) + bytes(16), self.header(3, 0, sid) + b"\0\2",
                           self.header(3, 0, sid) + b"\0\7", self.header(9, 0, sid) + b"12345678",
                           self.header(0x10, 0, bytes(16)) + bytes(8), bytes(40), bytes(1501),
                           self.header(0x10, 0, sid) + bytes(8), self.header(4, 0, sid),
                           self.header(1, 0, sid) + b"\0\0\4v4.p",
                           self.header(0x10, 0, sid) + bytes(1472)))
        address = rng.choice(ODD_SOURCES) if self.chance(40) else rng.choice(self.addresses)
        self.add_datagram(address, data)

    def control(self):
        rng, line = self.rng, {"at_ns": self.later()}
        kind = rng.choice(("key", "key", "key", "revoke", "ban", "unban", "wall", "wall", "time")
                          if self.profile == "keys" else
                          ("ban", "unban", "wall", "wall", "wall", "drain", "time", "key", "revoke"))
        if kind == "key":
            line["key"] = self.key_record(rng.choice(("k1", "k2", "k1-other", "nokid", "k3")))
        elif kind == "revoke":
            line["revoke"] = KEYS[rng.choice(("k1", "k2", "k2", "k1-other", "nokid", "k3"))][0].hex()
        elif kind in ("ban", "unban"):
            line[kind] = rng.choice(("user-0", "user-1", "user-other", "user-banned", "user-banned"))
        elif kind == "wall":
            line["wall_step_ms"] = rng.choice((-1, 1, -5000, 5000, -60000, 31000, 400000, -300000))
        elif kind == "drain":
            if self.chance(60):
                line["drain"] = True
        self.add(line)

    def burst(self):
        """The same kind of thing many times at one instant, as limits want it."""
        session, role = self.session_role()
        speakers = [one for one in session.roles if one.address is not None] if session else []
        role = self.rng.choice(speakers) if speakers and self.chance(70) else role
        if session is None:
            self.present()
            return
        at_ns, count = self.later(), self.rng.choice((3, 8, 14, 25))
        address = str(role.address if role.address is not None and self.chance(50)
                      else self.some_address(role))
        scattered = self.rng.sample(PORTS, 2) if self.chance(30) else []
        kind = self.rng.choice(("next", "next", "big", "exempt", "bare", "renew", "present", "present",
                                "stray"))
        cookie = self.cookie_line(address)
        for number in range(count):
            if kind in ("next", "big"):
                data = (self.header(0x10, 0, session.sid)
                        + min(role.window.top + 1 + (number if role.address is None else 0),
                              2**64 - 1).to_bytes(8, "big")
                        + bytes(1472 if kind == "big" else 4))
            elif kind == "exempt":
                data = self.header(0x10, 0, session.sid) + handshake(0, number)
            elif kind == "bare":
                data = handshake(0, 0)
            elif kind == "renew":
                data = self.header(4, 1 if cookie else 0, session.sid)
            elif kind == "present" and role.lease:
                token = role.lease.token
                data = self.header(1, 0, session.sid) + bytes((role.side,))
                data += len(token).to_bytes(2, "big") + token
            else:
                data = self.header(0x10, 0, bytes((99,)) * 16) + bytes(8)
            text = data.hex() + (f"<cookie {cookie}>" if kind == "renew" and cookie else "")
            if scattered:
                address = address.rpartition(":")[0] + f":{self.rng.choice(scattered)}"
            self.add({"at_ns": at_ns, "from": address, "hex": text})

    def make(self):
        if self.chance(85):
            self.set_up()
        if self.profile == "flood":
            self.flood()
            self.length += len(self.lines)
        while len(self.lines) < self.length:
            getattr(self, self.rng.choices(ACTIONS, PROFILES[self.profile])[0])()
        if self.chance(50):
            self.add({"at_ns": self.later()})
        return self.lines, self.model.out + [self.model.totals()]

    def set_up(self):
        """Mostly there is a session to play with."""
        sid = self.sids[0]
        addresses = ["203.0.113.5:5000", "192.0.2.77:6000"]
        if self.chance(30):
            addresses[1] = "203.0.113.5:6000"
        for side, address in enumerate(addresses):
            token = self.new_token(sid, side)
            self.tokens.setdefault((sid, side), []).append(token)
            data = self.header(1, 0, sid) + bytes((side,)) + len(token).to_bytes(2, "big") + token
            self.add({"at_ns": self.model.now, "from": address, "hex": data.hex()})


def make(seed):
    """(input records, expected output records) of one seed."""
    return Maker(seed).make()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seed", type=int, default=1, help="of the first trace")
    options.add_argument("--count", type=int, default=1)
    options.add_argument("--folder", default=".")
    arguments = options.parse_args()
    os.makedirs(arguments.folder, exist_ok=True)
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        for ending, records in zip((".jsonl", ".expected.jsonl"), make(seed)):
            path = os.path.join(arguments.folder, f"seed-{seed}{ending}")
            with open(path, "w", encoding="utf-8") as file:
                file.writelines(json.dumps(record) + "\n" for record in records)
    return 0


if __name__ == "__main__":
    sys.exit(main())
