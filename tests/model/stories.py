"""Short sequences of lines that lead a random trace to where rules meet.

Each takes the maker of make_traces.py, looks at its model for a session that suits it, and adds
lines; it does nothing where there is none.
"""
from lease_model import key_pair

SECOND = 10**9
HELLO, MESSAGE_3 = "hello", "message 3"


class Stories:
    """Mixed into the maker of traces."""

    def story(self):
        names = sorted(name for name in dir(self) if name.startswith("story_"))
        getattr(self, self.rng.choice(names))()

    def active_session(self):
        active = [session for session in self.model.sessions.values() if session.active()]
        return self.rng.choice(active) if active else None

    def say(self, address, data, wait_ns=0, cookie=None):
        text = data.hex() + (f"<cookie {cookie}>" if cookie else "")
        self.add({"at_ns": self.model.now + max(0, wait_ns), "from": str(address), "hex": text})

    def number(self, session, sequence, size=4):
        sequence = max(0, min(sequence, 2**64 - 1))
        return self.header(0x10, 0, session.sid) + sequence.to_bytes(8, "big") + bytes(size)

    def lease(self, session, side, token, kind=1, cookie=False):
        data = self.header(kind, 1 if cookie else 0, session.sid) + bytes((side,))
        return data + len(token).to_bytes(2, "big") + token

    def jitter(self, edge):
        """Nanoseconds from now to about an instant."""
        return edge - self.model.now + self.rng.choice((-1, 0, 0, 1, 1000))

    def near(self, role):
        """Another address of the same host, or any."""
        if self.chance(60):
            return str(role.address).rpartition(":")[0] + f":{self.rng.choice((5000, 5001, 6000, 7000))}"
        return self.rng.choice(self.addresses)

    def story_message_3(self):
        """A bare handshake, FORWARDs that wait for its end, and how the wait ends."""
        session = self.active_session()
        if session is None:
            return
        first, second = self.rng.sample(session.roles, 2)
        self.say(first.address, self.bare_packet(HELLO))
        if first.address is None or second.address is None:
            return
        self.say(second.address, self.bare_packet(HELLO), self.rng.choice((0, 1000)))
        for step in range(self.rng.choice((0, 1, 2, 2, 3))):
            if first.address is None:
                return
            self.say(first.address, self.number(session, first.window.top + 1 + step),
                     self.rng.choice((0, 0, 0, 1000, 24999999, 25000000)))
        if first.address is None or second.address is None:
            return
        end = self.rng.randrange(10)
        wait = self.rng.choice((0, 0, 1000, 49999999, 50000000))
        if end < 3:
            self.say(first.address, self.bare_packet(MESSAGE_3), wait)
        elif end == 3:
            self.say(second.address, self.bare_packet(MESSAGE_3), wait)
        elif end == 4:
            role = self.rng.choice((first, second))
            token = self.new_token(session.sid, role.side)
            self.say(self.rng.choice((role.address, self.near(role))),
                     self.lease(session, role.side, token, self.rng.choice((1, 1, 4))), wait)
        elif end == 5:
            role = self.rng.choice((first, second))
            cookie = self.cookie_line(role.address)
            if cookie:
                self.say(role.address, self.header(4, 3, session.sid), wait, cookie)
        elif end == 6:
            self.add({"at_ns": self.model.now + wait, "ban": self.rng.choice(("user-0", "user-1"))})
        elif end == 7:
            self.say(first.address, self.bare_packet(HELLO), wait)
        elif end == 8:
            self.add({"at_ns": max(self.model.now, min(role.ends for role in session.roles))})

    def story_far_tops(self):
        """Two peers on one host, far apart in sequence, and one of them moves."""
        session = self.active_session()
        if session is None:
            return
        one, other = self.rng.sample(session.roles, 2)
        for _ in range(self.rng.choice((1, 2, 3, 4))):
            if one.address is None:
                return
            self.say(one.address, self.number(session, one.window.top + self.rng.choice((1023, 1024))))
        if one.address is None or other.address is None:
            return
        tops = [one.window.top, other.window.top]
        base = self.rng.choice(tops)
        for _ in range(self.rng.choice((1, 2))):
            sequence = base + self.rng.choice((0, 1, 1, -1, 1024, 1025, 3000))
            wait = self.rng.choice((0, 0, SECOND, 2 * SECOND))
            if other.address is None:
                return
            self.say(self.near(other), self.number(session, sequence), wait)

    def story_candidate_jumps(self):
        """A candidate that is far ahead of its silent owner."""
        session = self.active_session()
        if session is None:
            return
        role = self.rng.choice(session.roles)
        address = self.near(role)
        if self.chance(70) and role.window.is_empty:
            self.say(role.address, self.number(session, 1))
        if role.address is None:
            return
        start = role.window.top + self.rng.choice((1025, 1026, 5000, 2**40))
        wait = self.jitter(role.sign + 2 * SECOND) - self.rng.choice((0, 0, SECOND, 1999999999))
        for step in range(self.rng.choice((3, 3, 4, 5))):
            offset = self.rng.choice((step, step, step, 1024, 1025, 0, -1))
            self.say(address, self.number(session, start + offset), wait)
            wait = self.rng.choice((0, 0, 1000, 999999999, SECOND, 1999999999, 2 * SECOND))

    def story_return(self):
        """A peer is moved; the old address comes back, and the loser after it."""
        session = self.active_session()
        if session is None:
            return
        role, other = self.rng.sample(session.roles, 2)
        old, new = role.address, self.near(role)
        for step in range(self.rng.choice((0, 1, 2))):
            self.say(old, self.number(session, role.window.top + 1))
        if role.address is None:
            return
        top = role.window.top
        self.take_away(session, role, new)
        for _ in range(self.rng.choice((1, 2, 3, 5))):
            if role.address is None or other.address is None:
                return
            kind = self.rng.randrange(12)
            wait = self.rng.choice((0, 0, 0, 1000, SECOND, 2 * SECOND, 5 * SECOND))
            if kind < 4:
                step = self.rng.choice((1, 1, 2, 0, -1, 1024, 1025, 1026, 1027, 1500))
                self.say(old, self.number(session, top + step), wait)
            elif kind == 4 and self.cookie_line(old):
                self.say(old, self.header(4, 1, session.sid), wait, self.cookie_line(old))
            elif kind == 5:
                self.say(old, self.lease(session, role.side, role.lease.token), wait)
            elif kind == 6:
                self.say(new, self.number(session, role.window.top + self.rng.choice((1, 2, 600))), wait)
            elif kind == 7:
                self.take_away(session, role, self.rng.choice((new, old, self.near(role))))
            elif kind == 8:
                self.say(new, self.lease(session, role.side, role.lease.token), wait)
            elif kind == 9:
                for _ in range(14):
                    self.say(old, self.number(session, top - 1))
            elif kind == 10:
                edges = [one.until for one in (role.remembered, role.undo) if one]
                edges += [role.loser[1]] if role.loser else []
                if edges:
                    self.keep_alive(session, max(self.model.now, self.rng.choice(edges)))
            else:
                self.say(other.address, self.number(session, other.window.top + 1,
                                                    self.rng.choice((4, 60, 300))), wait)

    def keep_alive(self, session, until):
        """Both sides speak every 20 s until about then."""
        while self.model.now < until and session.active():
            step = min(until + self.rng.choice((-1, 0, 1)) - self.model.now, 20 * SECOND)
            if step <= 0:
                return
            for role in list(session.roles):
                if role.address is not None and role.window.top < 2**63:
                    self.say(role.address, self.number(session, role.window.top + 1), step)
                    step = 0

    def take_away(self, session, role, address):
        """Moves a role by one of the three rules, mostly."""
        rule = self.rng.choice((1, 2, 2, 3))
        if rule == 3:
            token = self.new_token(session.sid, role.side)
            self.say(address, self.lease(session, role.side, token, self.rng.choice((1, 1, 1, 4))))
            return
        if self.chance(60):
            self.say(address, self.lease(session, role.side, role.lease.token))
        if role.address is None:
            return
        wait = self.jitter(role.sign + rule * SECOND)
        cookie = self.cookie_line(address)
        if rule == 1 and cookie and self.chance(70):
            self.say(address, self.header(4, 1, session.sid), wait, cookie)
        elif rule == 1 and cookie:
            self.say(address, self.lease(session, role.side, role.lease.token, 1, True), wait, cookie)
        else:
            self.say(address, self.number(session, role.window.top + self.rng.choice((1, 1, 500))), wait)

    def story_capped(self):
        """Traffic to a path that nobody has proven, and what lifts its cap."""
        session = self.active_session()
        if session is None:
            return
        role, other = self.rng.sample(session.roles, 2)
        if role.window.is_empty:
            self.say(role.address, self.number(session, role.window.top + 1))
        if role.address is None:
            return
        moved = self.rng.choice(self.addresses)
        self.say(moved, self.lease(session, role.side, role.lease.token))
        for _ in range(self.rng.choice((0, 0, 1, 3))):
            self.say(moved, self.number(session, role.window.top + 1, 50))
        if role.address is None:
            return
        self.say(moved, self.number(session, role.window.top + 1), self.jitter(role.sign + 2 * SECOND))
        for _ in range(self.rng.choice((2, 4, 6))):
            if other.address is None or role.address is None:
                return
            kind = self.rng.randrange(9)
            cookie = self.cookie_line(role.address)
            if kind < 5:
                size = self.rng.choice((0, 100, 400, 1000, 1472))
                self.say(other.address, self.number(session, other.window.top + 1, size))
            elif kind == 5:
                self.say(role.address, self.number(session, role.window.top + 1, 30))
            elif kind == 6 and cookie:
                self.say(role.address, self.header(4, 1, session.sid), 0, cookie)
            elif kind == 7:
                self.say(role.address, self.lease(session, role.side, role.lease.token))
            else:
                self.take_away(session, role, self.near(role))

    def story_overtaken(self):
        """A newer token comes from elsewhere first; its owner presents the same bytes."""
        session = self.active_session()
        if session is None:
            return
        role = self.rng.choice(session.roles)
        old, thief = role.address, self.near(role)
        token = self.new_token(session.sid, role.side)
        data = self.lease(session, role.side, token, self.rng.choice((1, 1, 4)))
        self.say(thief, data)
        for _ in range(self.rng.choice((1, 2, 3))):
            if role.address is None:
                return
            kind = self.rng.randrange(7)
            if kind < 3:
                wait = self.jitter(role.undo.until) if role.undo and self.chance(30) else 1000
                if wait > SECOND:
                    self.keep_alive(session, self.model.now + wait)
                    wait = 0
                self.say(old, data, wait)
            elif kind == 3:
                self.say(thief, self.number(session, role.window.top + 1))
            elif kind == 4:
                self.take_away(session, role, self.near(role))
            elif kind == 5:
                self.say(thief, data, 1000)
            else:
                self.say(thief, self.number(session, role.window.top + 1),
                         self.jitter(role.sign + 2 * SECOND))

    def story_alone(self):
        """One peer leaves, both talk on, and the one that stays may move."""
        session = self.active_session()
        if session is None:
            return
        gone, stays = self.rng.sample(session.roles, 2)
        left, cookie = gone.address, self.cookie_line(gone.address)
        if stays.window.is_empty:
            self.say(stays.address, self.number(session, stays.window.top + 1))
        if not cookie or gone.address is None or stays.address is None:
            return
        self.say(left, self.header(4, 3, session.sid), 0, cookie)
        start = stays.window.top + self.rng.choice((1, 1, 1, 1025, 5000))
        for step in range(self.rng.choice((3, 5, 8))):
            if stays.address is None:
                return
            source = self.rng.choice((left, left, stays.address, stays.address, self.near(stays)))
            wait = self.rng.choice((0, 1000, SECOND, self.jitter(stays.sign + 2 * SECOND)))
            if self.chance(15):
                self.say(source, self.lease(session, stays.side, stays.lease.token), wait)
            else:
                self.say(source, self.number(session, start + self.rng.choice((step, step, 0))), wait)
        self.say(left, self.lease(session, gone.side, self.new_token(session.sid, gone.side)))

    def story_repeats(self):
        """One sequence again and again, as RIFT and as anything else."""
        session = self.active_session()
        if session is None:
            return
        role = self.rng.choice(session.roles)
        sequence = role.window.top + self.rng.choice((1, 1, 2, 1024, 0))
        for _ in range(self.rng.choice((3, 4, 5, 6))):
            if role.address is None:
                return
            if self.chance(75):
                data = self.header(0x10, 0, session.sid) + self.rift(sequence) + bytes(12)
            else:
                data = self.number(session, sequence)
            self.say(role.address, data, self.rng.choice((0, 0, 1000)))
            if self.chance(15):
                self.say(role.address, self.number(session, role.window.top + 1))

    def story_narrow(self):
        """More bytes than a lease with low limits allows, and the bucket's edge."""
        session = self.active_session()
        if session is None:
            return
        role, other = self.rng.sample(session.roles, 2)
        claims = self.claims(session.sid, role.side)
        claims["slimit"], claims["hlimit"] = self.rng.choice(((0, 0), (1000, 1001), (0, 2000)))
        claims["iat"] = claims["exp_rfc3339"].replace("2026-11-18T11:1", "2026-11-18T11:0")
        claims["iat"] = claims["iat"][:14] + "06:2" + claims["iat"][18:]
        self.say(role.address, self.lease(session, role.side, self.signed(claims, "k1")))
        for _ in range(self.rng.choice((24, 30, 45))):
            speaker = self.rng.choice((role, role, other))
            if speaker.address is None:
                return
            size = self.rng.choice((1472, 1472, 1472, 1000))
            edge = session.bits_full_until - SECOND // 4 + 12000000 - self.model.now
            wait = edge + self.rng.choice((-1, 0, 1)) if self.chance(15) and edge > 1 else 0
            self.say(speaker.address, self.number(session, speaker.window.top + 1, size), wait)

    def story_old_cookie(self):
        """A cookie from before one or two changes of the secret."""
        session = self.active_session()
        if session is None:
            return
        epochs = self.rng.choice((1, 1, 2))
        until = (self.model.now // (120 * SECOND) + epochs) * 120 * SECOND
        role, other = self.rng.sample(session.roles, 2)
        mine = [line for line, cookie in self.model.cookies.items()
                if cookie == self.model.cookie(session.sid, role.side, role.address)]
        self.keep_alive(session, until)
        if not mine or role.address is None:
            return
        old = role.address
        self.say(old, self.header(4, 1, session.sid), 0, mine[0])
        if self.chance(30):
            self.say(old, self.header(4, 3, session.sid), 0, mine[0])
        if other.address is not None and self.chance(50):
            self.say(self.near(other), self.header(4, 1, session.sid), SECOND, mine[0])

    def story_pending(self):
        """Several leases of one address under way, and what comes behind them."""
        if self.profile not in ("verify", "keys", "leases", "handshake"):
            return
        address = self.rng.choice(self.addresses)
        for _ in range(self.rng.choice((3, 5, 8, 12))):
            sid, side = self.rng.choice(self.sids), self.rng.randrange(2)
            session = self.model.sessions.get(sid)
            kind = self.rng.randrange(8)
            wait = self.rng.choice((0, 0, 0, 1, 1000, 31999, 25000000, SECOND // 2))
            if kind < 3:
                token = self.token(sid, side) if self.chance(50) else self.new_token(sid, side)
                cookie = self.cookie_line(address)
                data = self.header(self.rng.choice((1, 1, 4)), 1 if cookie else 0, sid)
                data += bytes((side,)) + len(token).to_bytes(2, "big") + token
                self.say(address, data, wait, cookie)
            elif kind < 6:
                top = session.roles[side].window.top if session else 0
                data = self.header(0x10, 0, sid) + min(top + 1, 2**63).to_bytes(8, "big")
                self.say(address, data, wait)
            else:
                self.say(address, self.bare_packet(HELLO if self.chance(70) else MESSAGE_3), wait)

    def story_unknown_key(self):
        """A lease whose key comes while it waits, with what is held behind it."""
        if self.profile not in ("keys", "verify", "leases"):
            return
        sid, side = self.rng.choice(self.sids), self.rng.randrange(2)
        name = self.rng.choice(("k2", "k3", "k1-other"))
        claims = self.claims(sid, side)
        claims["kid"] = name.split("-", maxsplit=1)[0]
        token = self.signed(claims, name)
        address = self.rng.choice(self.addresses)
        data = self.header(1, 0, sid) + bytes((side,)) + len(token).to_bytes(2, "big") + token
        self.say(address, data, self.rng.choice((0, 1000, SECOND)))
        for _ in range(self.rng.choice((0, 1, 2, 3))):
            self.say(address, self.header(0x10, 0, sid) + (1).to_bytes(8, "big"))
        end = self.rng.randrange(5)
        wait = self.rng.choice((0, 1000, SECOND, 1999999999, 2 * SECOND))
        if end < 3:
            self.add({"at_ns": self.model.now + wait,
                      "key": self.key_record(name if self.chance(80) else "nokid")})
        elif end == 3:
            self.add({"at_ns": self.model.now + wait})

    def story_leave(self):
        """A peer that leaves while leases of its own are on their way."""
        joined = [(session, role) for session in self.model.sessions.values()
                  for role in session.roles if role.address is not None]
        if not joined or self.profile not in ("keys", "verify", "leases"):
            return
        session, role = self.rng.choice(joined)
        address, waits = role.address, (0, 0, 1, 1000, 25000000)
        for _ in range(self.rng.choice((1, 2, 3))):
            side = role.side if self.chance(80) else 1 - role.side
            claims = self.claims(session.sid, side)
            claims["kid"] = self.rng.choice(("k1", "k2"))
            token = self.signed(claims, claims["kid"])
            source = address if self.chance(80) else self.near(role)
            self.say(source, self.lease(session, side, token), self.rng.choice(waits))
        for _ in range(self.rng.choice((0, 0, 1, 3))):
            self.say(address, self.header(0x10, 0, session.sid) + bytes(8))
        self.say(address, self.header(4, 3, session.sid), self.rng.choice(waits),
                 self.cookie_line(address))
        if self.chance(70):
            self.add({"at_ns": self.model.now + self.rng.choice((0, 1000, SECOND)),
                      "key": self.key_record("k2")})

    def story_many_keys(self):
        """More keys than the ring has room for."""
        if self.profile != "keys" or not self.chance(30):
            return
        for number in self.rng.sample(range(100, 120), self.rng.choice((3, 7, 9))):
            public = key_pair(bytes((number,)) * 32)[0].hex()
            self.add({"at_ns": self.model.now + self.rng.choice((0, 0, SECOND, 400 * SECOND)),
                      "key": {"kid": f"k{number}", "public_key_hex": public}})

    def flood(self):
        """More leases than the queues hold, and more behind them than is ever held."""
        forwards = self.rng.choice((0, 1, 3))
        unknown = self.rng.choice((0, 70))
        token = None
        for number in range(self.rng.choice((530, 600))):
            sid = self.sids[0][:8] + number.to_bytes(8, "big")
            if token is None or self.chance(10):
                claims = self.claims(self.sids[0], 0)
                claims["kid"] = "k9" if number < unknown else "k1"
                token = self.signed(claims, "k1")
            address = f"10.0.{number % 50}.1:{2000 + number}"
            data = self.header(1, 0, sid) + b"\0" + len(token).to_bytes(2, "big") + token
            self.say(address, data, self.rng.choice((0, 1000, 1000000)))
            for _ in range(forwards):
                self.say(address, self.header(0x10, 0, sid) + bytes(8))
        if self.chance(50):
            self.add({"at_ns": self.model.now + self.rng.choice((1, 2, 3)) * SECOND})
