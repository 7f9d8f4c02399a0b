#!/usr/bin/env python3
"""An independent reference model of the relay core: takes a trace, prints what must come out.

    relay_model.py TRACE.jsonl        (docs/traces.md says what both sides look like)

Written from docs/protocol.md and docs/traces.md without a look at core/, and meant to stay so: it
is slow, plain and shares nothing with the core, so that a mistake has to be made twice to pass.
"""
import hashlib
import json
import sys
import uuid

from admission_model import OUT_MAX, Admission
from forwarding_model import Forwarding
from moving_model import Moving
from parts_model import MILLISECOND, ROLES, SECOND, packets_bucket
from wire_model import FORWARD, LEASE_ACK, LEASE_PRESENT, LEASE_REJECT, LEASE_RENEW, Address, Datagram

COOKIE_EPOCH = 120 * SECOND
KEYS_MAX = 8
OLD_KEY_TIME = 3600 * SECOND

DEFAULTS = {
    "max-sessions": 100, "idle-timeout": 60, "cleanup-interval-secs": 10, "lease-duration-secs": 0,
    "ip-rate-limit-pps": 1000, "identity-rate-limit-pps": 200, "load-shed-threshold-pct": 95,
    "role-policy": "signed", "passive-rebind": "same-ip", "bare-rift": "on",
    "peer-rate-limit-pps": 20000, "max-bandwidth-kbps": 0, "verify-rate": 100000,
    "max-clock-skew-secs": 30, "peer-wait-secs": 60, "allow-insecure-dev": False,
    "drain-timeout-secs": 30,
}

# Outcomes and verdicts to the upstream counters that they raise (section 7).
RAISED = {}
for names, counters in (
        ("short oversize bad_magic bad_version unknown_type nil_session bad_payload unexpected_type "
         "bad_source", "dropped invalid"),
        ("unbound_limited candidate_limited exempt_limited peer_limited session_limited relay_limited "
         "path_capped queue_dropped", "dropped rate_limited"),
        ("identity_limited", "dropped rate_limited identity_rate_limited"),
        ("wrong_relay", "dropped"),
        ("expired", "dropped auth_reject"),
        ("malformed_token malformed_claims unknown_key bad_signature wrong_session wrong_role "
         "horizon_exceeded not_yet_valid issued_in_future banned identity_locked same_address "
         "older_token", "dropped auth_reject"),
        ("shed", "dropped overload_shed"),
        ("full draining", "dropped"),
        ("replayed jump_unconfirmed sequence_refused", "dropped replay_dropped"),
        ("session_not_found renew_unknown cookie_invalid", "dropped session_not_found"),
        ("session_not_active stale_receiver bare_out_of_turn", "dropped session_not_active"),
        ("unknown_peer bare_ambiguous candidate_unproven", "dropped unknown_peer")):
    for name in names.split():
        RAISED[name] = [counter + "_packets" for counter in counters.split()]
RAISED["wrong_relay"].append("wrong_relay_rejects")
RAISED["expired"].append("expired_lease_rejects")
for name in ("full", "draining"):
    RAISED[name].append("session_full_rejects")

class Key:
    def __init__(self, kid, public):
        self.kid, self.public = kid or None, public
        self.drop_at = None


class Relay(Admission, Moving, Forwarding):
    def __init__(self, config):
        options = dict(DEFAULTS)
        for option, value in config.get("options", {}).items():
            if option not in options:
                raise SystemExit(f"unknown option {option}")
            options[option] = value
        self.options = options
        self.relay_id = config["relay_id"]
        self.listen = Address(config["listen"])
        self.wall_offset_ms = config["start_unix_ms"]
        self.verify_ns = config.get("verify_ns", 0)
        self.skew_ms = options["max-clock-skew-secs"] * 1000
        self.now = 0
        self.out = []
        self.counts = {"counters": {}, "outcomes": {}, "verdicts": {}}
        self.sessions, self.sessions_made = {}, 0
        self.keys, self.revoked, self.key_generation = [], set(), 0
        for key in config.get("keys", []):
            self.keys.insert(0, Key(key.get("kid"), bytes.fromhex(key["public_key_hex"])))
        self.refreshed_at = None
        self.banned = set()
        self.draining, self.drain_ends, self.drained = False, None, False
        self.queues = ([], [])  # leases that come first, all others
        self.key_waiters, self.running = [], []
        self.budget = packets_bucket(options["verify-rate"])
        self.verifier_free_at = 0
        self.cache = {}
        self.sources, self.identities = {}, {}
        self.rejects, self.all_rejects = {}, packets_bucket(1000)
        self.relay_bits_full_until = 0
        self.cookies = {}  # line -> the cookie in its latest answer

    # --- what comes out ---

    def raise_counter(self, name, by=1):
        self.counts["counters"][name] = self.counts["counters"].get(name, 0) + by

    def _ended(self, kind, line, name):
        self.out.append({"line": line, kind: name})
        counts = self.counts[kind + "s"]
        counts[name] = counts.get(name, 0) + 1
        for counter in RAISED.get(name, ()):
            self.raise_counter(counter)

    def outcome(self, datagram, name):
        self._ended("outcome", datagram.line, name)

    def verdict(self, datagram, name):
        self._ended("verdict", datagram.line, name)

    def event(self, name, session=None, **members):
        record = {"at_ns": self.now, "event": name}
        if session is not None:
            record["session"] = str(uuid.UUID(bytes=session.sid))
        self.out.append({**record, **members})

    def role_event(self, name, session, role, **members):
        self.event(name, session, role=ROLES[role.side], **members)

    def send(self, datagram, address, data):
        self.out.append({"line": datagram.line, "send": str(address), "hex": data.hex()})

    def answer(self, datagram, data, cookie):
        if cookie:
            self.cookies[datagram.line] = cookie
        self.send(datagram, datagram.source, data)

    def totals(self):
        active = sum(session.active() for session in self.sessions.values())
        return {**self.counts, "held": self.held_count(), "pending": self.pending_count(),
                "sessions": {"waiting": len(self.sessions) - active, "active": active}}

    def pending(self):
        """Requests without a verdict, oldest first."""
        found = self.running + self.queues[0] + self.queues[1] + self.key_waiters
        return sorted(found, key=lambda request: request.datagram.line)

    def pending_count(self):
        return len(self.pending())

    def held_count(self):
        return (sum(len(request.held) for request in self.pending())
                + sum(len(session.waiting) for session in self.sessions.values()))

    # --- clocks, cookies, buckets ---

    def wall_ms(self):
        return self.wall_offset_ms + self.now // MILLISECOND

    def cookie(self, sid, side, address, epochs_ago=0):
        epoch = self.now // COOKIE_EPOCH - epochs_ago
        if epoch < 0:
            return None
        text = f"{epoch} {sid.hex()} {side} {address}".encode()
        return hashlib.blake2b(text, digest_size=16, key=b"the model's secret").digest()

    def cookie_valid(self, datagram, side):
        return datagram.cookie is not None and datagram.cookie in (
            self.cookie(datagram.sid, side, datagram.source),
            self.cookie(datagram.sid, side, datagram.source, 1))

    def take_unbound(self, datagram):
        prefix = datagram.source.prefix()
        if prefix not in self.sources:
            self.sources[prefix] = packets_bucket(self.options["ip-rate-limit-pps"])
        return self.sources[prefix].take(self.now)

    def take_reject_6(self, address):
        bucket = self.rejects.setdefault(address.prefix(), packets_bucket(1, burst=1))
        if not (bucket.fits(self.now) and self.all_rejects.fits(self.now)):
            return False
        bucket.draw(self.now)
        self.all_rejects.draw(self.now)
        return True

    def peer_bucket(self):
        rate = self.options["peer-rate-limit-pps"]
        return packets_bucket(rate) if rate else None

    def take_peer(self, role):
        return role.peer is None or role.peer.take(self.now)

    # --- time passes ---

    def deadlines(self):
        for request in self.running:
            yield request.ends
        for request in self.queues[0] + self.queues[1] + self.key_waiters:
            yield request.deadline
        if (self.queues[0] or self.queues[1]) and len(self.running) < OUT_MAX:
            yield max(self.now, self.budget.fits_from())
        for session in self.sessions.values():
            yield from self.session_deadlines(session)
        for key in self.keys:
            if key.drop_at is not None:
                yield key.drop_at
        if self.drain_ends is not None and not self.drained:
            yield self.drain_ends

    def session_deadlines(self, session):
        if session.waiting:
            yield session.waiting_until
        for role in session.roles:
            if role.address is not None:
                yield role.ends
        if not session.active():
            yield self.wait_ends(session)
        yield self.idle_ends(session)

    def wait_ends(self, session):
        return session.waiting_since + self.options["peer-wait-secs"] * SECOND

    def idle_ends(self, session):
        return session.heard + self.options["idle-timeout"] * SECOND

    def advance(self, until):
        while True:
            due = min(self.deadlines(), default=None)
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            self.act()
        self.now = until

    def act(self):
        """Everything due at this instant, once, in the order of docs/traces.md."""
        self.take_results()
        self.time_out_requests()
        self.start_verifications()
        for session in sorted(self.sessions.values(),
                              key=lambda one: one.waiting[0].line if one.waiting else 0):
            if session.waiting and session.waiting_until <= self.now:
                self.release_waiting(session)
        for session in sorted(self.sessions.values(), key=lambda one: one.number):
            self.session_ends(session)
        for key in [key for key in self.keys if key.drop_at is not None and key.drop_at <= self.now][::-1]:
            self.drop_key(key)
        if self.drain_ends is not None and self.drain_ends <= self.now:
            self.say_drained()

    def session_ends(self, session):
        for role in session.roles:
            if role.address is not None and role.ends <= self.now:
                self.vacate(session, role, "expired")
        if not session.active() and self.wait_ends(session) <= self.now:
            self.remove(session, "expired" if session.lost_by_expiry else "idle")
        elif self.idle_ends(session) <= self.now:
            self.remove(session, "idle")

    def vacate(self, session, role, why):
        if session.active():
            session.waiting_since = self.now
        session.lost_by_expiry |= why == "expired"
        role.vacate(why)
        self.role_event("vacated", session, role, why=why)
        self.restart_handshake(session)

    def remove(self, session, why):
        for waiting in session.waiting:
            self.outcome(waiting, "session_not_found")
        session.waiting = []
        del self.sessions[session.sid]
        self.event("removed", session, why=why)
        if why in ("expired", "idle"):
            self.raise_counter(f"cleanup_{why}_sessions")
        if self.draining and not self.sessions:
            self.say_drained()

    def say_drained(self):
        if not self.drained:
            self.drained = True
            self.event("drained")

    # --- control lines ---

    def control(self, line):
        if "wall_step_ms" in line:
            self.wall_offset_ms += line["wall_step_ms"]
        elif "key" in line:
            self.add_key(line["key"].get("kid"), bytes.fromhex(line["key"]["public_key_hex"]))
        elif "revoke" in line:
            self.revoke(bytes.fromhex(line["revoke"]))
        elif "ban" in line:
            self.banned.add(line["ban"])
            self.end_sessions("banned", lambda role: role.lock == line["ban"])
        elif "unban" in line:
            self.banned.discard(line["unban"])
        elif "drain" in line and not self.draining:
            self.draining = True
            self.drain_ends = self.now + self.options["drain-timeout-secs"] * SECOND
            if not self.sessions:
                self.say_drained()
        self.settle()

    def end_sessions(self, why, concerned):
        for session in sorted(self.sessions.values(), key=lambda one: one.number):
            if any(concerned(role) for role in session.roles):
                self.remove(session, why)

    def ring_changed(self):
        self.key_generation += 1
        self.cache.clear()

    def add_key(self, kid, public):
        if public in self.revoked:
            return
        current = next((key for key in self.keys if (key.kid, key.public) == (kid or None, public)), None)
        if current:  # it is the newest again
            current.drop_at = None
            self.keys.remove(current)
            self.keys.insert(0, current)
        for key in self.keys:
            if key.drop_at is None and key is not current:
                key.drop_at = self.now + OLD_KEY_TIME + 2 * self.skew_ms * MILLISECOND
        if current:
            return
        for key in [key for key in self.keys if not kid and key.kid is None]:
            self.drop_key(key)  # one key may have no kid
        if len(self.keys) == KEYS_MAX:
            self.drop_key(min(reversed(self.keys), key=lambda one: one.drop_at))
        self.keys.insert(0, Key(kid, public))
        self.ring_changed()
        self.event("key_added", kid=kid or "")
        for request in [request for request in self.key_waiters if self.keys_for(request.lease)]:
            self.key_waiters.remove(request)
            self.enqueue(request)

    def drop_key(self, key):
        self.keys.remove(key)
        self.ring_changed()
        self.event("key_dropped", kid=key.kid or "")

    def revoke(self, public):
        self.revoked.add(public)
        for key in [key for key in self.keys if key.public == public]:
            self.drop_key(key)
        self.end_sessions("revoked", lambda role: role.address is not None and role.key == public)

    def keys_for(self, lease):
        """The keys to try, in their order."""
        named = [key for key in self.keys if key.kid is not None and key.kid == lease.kid]
        return named + [key for key in self.keys if key.kid is None]

    # --- datagrams ---

    def datagram(self, line, source, data):
        datagram = Datagram(line, Address(source), data, self.options["bare-rift"] == "on")
        self.raise_counter("packets_rx")
        self.raise_counter("bytes_rx", datagram.size)
        if datagram.fault:
            self.outcome(datagram, datagram.fault)
        elif datagram.type in (LEASE_ACK, LEASE_REJECT):
            self.outcome(datagram, "unexpected_type")
        elif not datagram.source.answerable(self.listen):
            self.outcome(datagram, "bad_source")
        elif datagram.bare:
            self.bare(datagram)
        else:
            self.count_path(datagram)
            if datagram.type == LEASE_PRESENT:
                self.raise_counter("lease_present_packets")
            elif datagram.type == LEASE_RENEW:
                self.raise_counter("lease_renew_packets")
            if datagram.type == FORWARD:
                self.forward(datagram)
            elif datagram.token is not None:
                self.take_lease(datagram)
            elif datagram.release:
                self.take_release(datagram)
            else:
                self.renew(datagram)
        self.settle()

    def settle(self):
        """Verifications that take no time end within the line."""
        self.start_verifications()
        while any(request.ends <= self.now for request in self.running):
            self.take_results()
            self.start_verifications()

    def count_path(self, datagram):
        """Bytes received from an unproven path, bound or candidate."""
        session = self.sessions.get(datagram.sid)
        if session is None or datagram.counted_for:
            return
        bound = session.side_of(datagram.source)
        for role in [bound] if bound else session.roles:
            candidate = role.live_candidate(datagram.source, self.now)
            remembered = role.live_remembered(self.now)
            if role.address == datagram.source and role.cap:
                role.cap.received += datagram.size
                datagram.counted_for = role
            elif remembered and remembered.address == datagram.source and remembered.cap:
                remembered.cap.received += datagram.size
                datagram.counted_for = role
            elif candidate:
                candidate.received += datagram.size
                datagram.counted_for = role


def with_cookies(relay, text):
    """The datagram's bytes, with the cookies of earlier answers in their places."""
    pieces = text.split("<cookie ")
    data = pieces[0]
    for piece in pieces[1:]:
        line, _, rest = piece.partition(">")
        data += relay.cookies.get(int(line), bytes(16)).hex() + rest
    return bytes.fromhex(data)


def run(lines):
    """The output records of a trace given as a list of input objects."""
    relay = Relay(lines[0])
    for number, line in enumerate(lines[1:], 2):
        relay.advance(line["at_ns"])
        if "from" in line:
            relay.datagram(number, line["from"], with_cookies(relay, line["hex"]))
        else:
            relay.control(line)
    return relay.out + [relay.totals()]


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: relay_model.py TRACE.jsonl")
    with open(sys.argv[1], encoding="utf-8") as file:
        for record in run([json.loads(line) for line in file]):
            print(json.dumps(record))


if __name__ == "__main__":
    main()
