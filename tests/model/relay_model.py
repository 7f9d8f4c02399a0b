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

from lease_model import Lease, Malformed
from parts_model import (AHEAD_MAX, LOSER_TIME, MILLISECOND, SECOND, Bucket, Candidate, Cap, Remembered,
                         Session, Undo, ahead, bytes_cost, packets_bucket)
from wire_model import FORWARD, LEASE_ACK, LEASE_PRESENT, LEASE_REJECT, LEASE_RENEW, Address, Datagram
from wire_model import ack, reject

ROLES = ("client", "server")
QUEUE_TIME = KEY_WAIT_TIME = 2 * SECOND
QUEUE_LEASES_MAX = 512
OUT_MAX = 4
KEY_WAITERS_MAX = 64
HELD_WITH_LEASE_MAX = HELD_FOR_MESSAGE_3_MAX = 2
HELD_MAX = 1024
MESSAGE_3_TIME = 50 * MILLISECOND
COOKIE_EPOCH = 120 * SECOND
COOKIE_REQUEST_BYTES_MIN = 52
RULE_1_SILENCE = 1 * SECOND
RULE_2_SILENCE = 2 * SECOND
STALE_TIME = 30 * SECOND
FAR_APART = 2048
CAP_FACTOR = 3
BYTES_BURST = SECOND // 4
KEY_REFRESH_TIME = 10 * SECOND
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

REASONS = {"expired": 1, "wrong_relay": 3, "shed": 4, "full": 4, "draining": 4, "banned": 5,
           "identity_limited": 6, "queue_dropped": 6}
for name in ("malformed_token malformed_claims unknown_key bad_signature wrong_session wrong_role "
             "horizon_exceeded not_yet_valid issued_in_future identity_locked same_address "
             "older_token").split():
    REASONS[name] = 2


class Key:
    def __init__(self, kid, public):
        self.kid, self.public = kid or None, public
        self.drop_at = None


class Request:
    """A lease on its way to its verdict."""

    def __init__(self, datagram, lease, role, cookie_valid, first):
        self.datagram, self.lease, self.role = datagram, lease, role
        self.cookie_valid, self.first = cookie_valid, first
        self.deadline = None
        self.held = []
        self.keys, self.generation, self.ends = [], None, None


class Relay:
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
        for role in session.roles:
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

    # --- leases ---

    def take_lease(self, datagram):
        session = self.sessions.get(datagram.sid)
        bound = session.side_of(datagram.source) if session else None
        if bound and bound.lease.token == datagram.token:
            if not self.take_peer(bound):
                self.outcome(datagram, "peer_limited")
                return
            self.outcome(datagram, "lease_taken")
            self.note_cookie(bound, datagram)
            self.verdict(datagram, "repeated")
            self.acknowledge(session, bound, datagram)
            return
        if not self.take_unbound(datagram):
            self.outcome(datagram, "unbound_limited")
            if self.take_reject_6(datagram.source):
                self.answer(datagram, reject(datagram.sid, 6), None)
            return
        self.outcome(datagram, "lease_taken")
        if bound:
            self.note_cookie(bound, datagram)
        if session is None and self.no_room():
            self.refuse(datagram, self.no_room())
            return
        try:
            lease = Lease(datagram.token)
        except Malformed as fault:
            self.refuse(datagram, str(fault))
            return
        side = lease.role if self.options["role-policy"] == "signed" else datagram.role
        valid = self.cookie_valid(datagram, side)
        request = Request(datagram, lease, side, valid, valid or bound is not None)
        if self.options["allow-insecure-dev"]:
            self.judge(request, None)
        elif not self.keys_for(lease):
            self.wait_for_key(request)
        elif datagram.token in self.cache:
            self.judge(request, self.cache[datagram.token])
        else:
            self.enqueue(request)

    def note_cookie(self, role, datagram):
        """A valid cookie from the bound address is a sign of life and proves its path."""
        if self.cookie_valid(datagram, role.side):
            role.sign = self.now
            role.cap = None
            return True
        return False

    def no_room(self):
        """Why no new session is opened, or None."""
        count, most = len(self.sessions), self.options["max-sessions"]
        if self.draining:
            return "draining"
        if count >= most:
            return "full"
        shed_from = max(1, most * self.options["load-shed-threshold-pct"] // 100)
        return "shed" if count >= shed_from else None

    def refuse(self, datagram, verdict, cookie=None):
        self.verdict(datagram, verdict)
        reason = REASONS[verdict]
        if reason != 6 or self.take_reject_6(datagram.source):
            self.answer(datagram, reject(datagram.sid, reason, cookie), cookie)

    def wait_for_key(self, request):
        if request.lease.kid is None or len(self.key_waiters) == KEY_WAITERS_MAX:
            self.finish(request, lambda: self.refuse(request.datagram, "unknown_key"))
            return
        request.deadline = self.now + KEY_WAIT_TIME
        self.key_waiters.append(request)
        if self.refreshed_at is None or self.now - self.refreshed_at >= KEY_REFRESH_TIME:
            self.refreshed_at = self.now
            self.event("key_refresh_wanted", kid=request.lease.kid)

    def enqueue(self, request):
        queue = self.queues[0 if request.first else 1]
        if len(queue) == QUEUE_LEASES_MAX:
            self.drop_queued(request)
            return
        request.deadline = self.now + QUEUE_TIME
        queue.append(request)

    def drop_queued(self, request):
        datagram = request.datagram
        cookie = self.cookie(datagram.sid, request.role, datagram.source)
        self.finish(request, lambda: self.refuse(datagram, "queue_dropped", cookie))

    def time_out_requests(self):
        late = [request for request in self.queues[0] + self.queues[1] + self.key_waiters
                if request.deadline <= self.now]
        for request in sorted(late, key=lambda one: (one.deadline, one.datagram.line)):
            if request in self.key_waiters:
                self.key_waiters.remove(request)
                self.finish(request, lambda: self.refuse(request.datagram, "unknown_key"))
            else:
                self.queues[0 if request.first else 1].remove(request)
                self.drop_queued(request)

    def start_verifications(self):
        while len(self.running) < OUT_MAX and (self.queues[0] or self.queues[1]):
            if not self.budget.take(self.now):
                return
            request = (self.queues[0] or self.queues[1]).pop(0)
            request.keys, request.generation = self.keys_for(request.lease), self.key_generation
            if not request.keys:
                self.judge(request, "unknown_key")
                continue
            request.ends = max(self.now, self.verifier_free_at) + self.verify_ns
            self.verifier_free_at = request.ends
            self.running.append(request)

    def take_results(self):
        while self.running and self.running[0].ends <= self.now:
            request = self.running.pop(0)
            good = next((key for key in request.keys if request.lease.signed_by(key.public)), None)
            result = good.public if good else "bad_signature"
            if good not in self.keys and not (good is None and set(request.keys) & set(self.keys)):
                result = "unknown_key"
            elif good or request.generation == self.key_generation:
                self.cache[request.datagram.token] = result
            self.judge(request, result)

    def finish(self, request, decide):
        """The verdict, then what was held with it."""
        decide()
        held, request.held = request.held, []
        for datagram in held:
            if datagram.bare:
                self.bare(datagram, was_held=True)
            else:
                self.forward(datagram, was_held=True)

    def judge(self, request, result):
        """Checks 4 to 11 and what follows; the result is a key, a verdict, or None for no check."""
        def decide():
            verdict = result if isinstance(result, str) else self.faults(request)
            if verdict:
                self.refuse(request.datagram, verdict)
            else:
                self.bind(request, result)
        self.finish(request, decide)

    def faults(self, request):
        """Checks 5 to 11, then all that is tested before a lease is bound."""
        lease, datagram = request.lease, request.datagram
        session = self.sessions.get(datagram.sid)
        if lease.sid != datagram.sid:
            return "wrong_session"
        if self.options["role-policy"] == "strict" and lease.role != datagram.role:
            return "wrong_role"
        if lease.rid != self.relay_id:
            return "wrong_relay"
        role = session.roles[lease.role] if session else None
        is_bound = role and role.address is not None and role.lease.token == lease.token
        fault = None if is_bound else lease.time_fault(self.wall_ms(), self.skew_ms)
        if fault:
            return fault
        if lease.sub in self.banned:
            return "banned"
        rate = self.options["identity-rate-limit-pps"]
        if not self.identities.setdefault(lease.sub, packets_bucket(rate)).take(self.now):
            return "identity_limited"
        if session is None:
            return self.no_room()
        if role.lock is not None and role.lock != lease.sub:
            return "identity_locked"
        if session.other(role).address == datagram.source:
            return "same_address"
        if role.lease and lease.order() < role.lease.order():
            return "older_token"
        if role.why_vacated == "released" and lease.order() == role.lease.order():
            return "older_token"
        return None

    def bind(self, request, key):
        lease, datagram = request.lease, request.datagram
        session = self.sessions.get(datagram.sid)
        if session is None:
            self.sessions_made += 1
            session = Session(datagram.sid, self.sessions_made, self.now,
                              [self.peer_bucket(), self.peer_bucket()])
            self.sessions[session.sid] = session
            self.event("created", session)
        role = session.roles[lease.role]
        if role.address is None:
            self.verdict(datagram, "accepted")
            role.lock, role.address = lease.sub, datagram.source
            role.why_vacated = None
            self.role_event("bound", session, role, address=str(role.address))
            self.replace_token(session, role, request, key)
            if session.active():
                session.active_since, session.lost_by_expiry = self.now, False
                self.event("active", session)
        elif lease.order() > role.lease.order():
            self.verdict(datagram, "newer_token")
            role.undo = None
            if role.address != datagram.source:
                self.promote(session, role, datagram.source, 3, None)
            role.cap = None
            self.replace_token(session, role, request, key)
        elif role.address == datagram.source:
            self.verdict(datagram, "repeated")
        else:
            self.verdict(datagram, "candidate")
            self.contend(session, role, request)
        self.acknowledge(session, role, datagram)

    def replace_token(self, session, role, request, key):
        role.lease, role.key = request.lease, key
        left_ms = request.lease.exp + self.skew_ms - self.wall_ms()
        role.signed_end = self.now + left_ms * MILLISECOND
        role.sign = self.now
        self.start_duration(role)
        if request.datagram.type == LEASE_PRESENT:
            role.window.empty()
            self.restart_handshake(session)

    def start_duration(self, role):
        role.ends, role.expires_ms = role.signed_end, role.lease.exp
        duration_s = self.options["lease-duration-secs"]
        if duration_s:
            shortened = self.now + duration_s * SECOND + self.skew_ms * MILLISECOND
            if shortened < role.ends:
                role.ends, role.expires_ms = shortened, self.wall_ms() + duration_s * 1000

    def contend(self, session, role, request):
        """The bound token from another address."""
        source = request.datagram.source
        undo, remembered = role.undo, role.live_remembered(self.now)
        if (undo and undo.address == source and self.now < undo.until
                and role.lease.token == request.datagram.token):
            self.undo(session, role)
        elif request.cookie_valid and remembered and remembered.address == source:
            self.revert(session, role)
            role.cap = None
        else:
            self.make_candidate(session, role, request.datagram)
            if request.cookie_valid and self.now - role.sign >= RULE_1_SILENCE:
                self.promote(session, role, source, 1, None)

    def acknowledge(self, session, role, datagram):
        if role.address == datagram.source:
            role.heard = session.heard = self.now
        cookie = None
        if datagram.size >= COOKIE_REQUEST_BYTES_MIN or self.cookie_valid(datagram, role.side):
            cookie = self.cookie(session.sid, role.side, datagram.source)
        soft, hard = session.limits()
        self.answer(datagram, ack(session.sid, role.expires_ms, soft, hard, self.draining, cookie),
                    cookie)

    def renew(self, datagram):
        session = self.sessions.get(datagram.sid)
        role = session.side_of(datagram.source) if session else None
        if role is None:
            self.renew_unbound(session, datagram)
        elif not self.take_peer(role):
            self.outcome(datagram, "peer_limited")
        elif datagram.cookie is not None and not self.note_cookie(role, datagram):
            self.outcome(datagram, "cookie_invalid")
        else:
            self.outcome(datagram, "renewed")
            self.start_duration(role)
            self.acknowledge(session, role, datagram)

    def renew_unbound(self, session, datagram):
        if not self.take_unbound(datagram):
            self.outcome(datagram, "unbound_limited")
            return
        if session is None or datagram.cookie is None:
            self.outcome(datagram, "renew_unknown")
            return
        role = next((role for role in session.roles if role.address is not None
                     and self.cookie_valid(datagram, role.side)), None)
        if role is None:
            self.outcome(datagram, "cookie_invalid")
            return
        remembered = role.live_remembered(self.now)
        if remembered and remembered.address == datagram.source:
            self.revert(session, role)
            role.cap = None
        elif self.now - role.sign >= RULE_1_SILENCE:
            self.promote(session, role, datagram.source, 1, None)
        else:
            self.outcome(datagram, "candidate_unproven")
            return
        self.outcome(datagram, "cookie_promoted")
        self.start_duration(role)
        self.acknowledge(session, role, datagram)

    def take_release(self, datagram):
        session = self.sessions.get(datagram.sid)
        role = session.side_of(datagram.source) if session else None
        if role is None:
            limited = not self.take_unbound(datagram)
            self.outcome(datagram, "unbound_limited" if limited
                         else "cookie_invalid" if session else "renew_unknown")
        elif not self.take_peer(role):
            self.outcome(datagram, "peer_limited")
        elif not self.cookie_valid(datagram, role.side):
            self.outcome(datagram, "cookie_invalid")
        else:
            self.outcome(datagram, "released")
            self.vacate(session, role, "released")
            if all(role.address is None for role in session.roles):
                self.remove(session, "released")

    # --- moving a peer ---

    def make_candidate(self, session, role, datagram):
        known = role.live_candidate(datagram.source, self.now)
        if known:
            known.until = self.now + 30 * SECOND
            return known
        role.candidate = Candidate(datagram.source, self.now, datagram.size)
        datagram.counted_for = role
        self.role_event("candidate", session, role, address=str(datagram.source))
        return role.candidate

    def promote(self, session, role, address, rule, cap):
        if rule == 3:
            role.undo = Undo(role, self.now) if role.by_token else None
            role.remembered = None
        elif not role.live_remembered(self.now):
            role.remembered = Remembered(role, self.now)
        role.address, role.by_token, role.cap = address, rule == 3, cap
        role.forget_candidate(address)
        if role.is_loser(address, self.now):
            role.loser = None
        role.sign = role.heard = session.heard = self.now
        self.raise_counter("nat_rebind_events")
        self.role_event("promoted", session, role, rule=rule, address=str(address))

    def revert(self, session, role):
        """A promotion by 1 or 2 is undone by the remembered address."""
        remembered, role.remembered = role.remembered, None
        self.come_back(session, role, remembered, 2)
        role.by_token = remembered.by_token
        if remembered.is_empty:
            role.window.empty()
        else:
            role.window.restore(remembered.top)

    def undo(self, session, role):
        """A promotion by 3 is undone by the displaced address."""
        undo, role.undo, role.remembered = role.undo, None, None
        self.come_back(session, role, undo, 3)
        role.by_token = True

    def come_back(self, session, role, owner, rule):
        role.loser = (role.address, self.now + LOSER_TIME)
        role.address, role.cap = owner.address, owner.cap
        role.forget_candidate(owner.address)
        role.sign = role.heard = session.heard = self.now
        self.role_event("reverted", session, role, rule=rule, address=str(role.address))

    def passive_role(self, session, datagram):
        """The role whose peer may have moved to the source of this FORWARD."""
        mode = self.options["passive-rebind"]
        fitting = [role for role in session.roles if role.address is not None
                   and (mode == "any" or mode == "same-ip" and role.address.ip == datagram.source.ip)]
        if len(fitting) < 2:
            return fitting[0] if fitting else None
        tops = [role.window.top for role in fitting]
        if abs(tops[0] - tops[1]) > FAR_APART:
            below = [role for role in fitting
                     if role.window.top < datagram.sequence]
            return max(below, key=lambda role: role.window.top, default=None)
        silent = [role for role in fitting if self.now - role.sign >= RULE_2_SILENCE]
        if len(silent) == 2:
            silent = [role for role in silent
                      if 0 < datagram.sequence - role.window.top <= AHEAD_MAX]
        return silent[0] if len(silent) == 1 else None

    def contender(self, session, datagram):
        """A FORWARD from an address that is not bound. None: it is none of a contender.

        Else the outcome that drops it, or the role that its source is now bound to."""
        source = datagram.source
        for role in session.roles:
            remembered = role.live_remembered(self.now)
            if remembered and remembered.address == source and role.address is not None:
                if not session.owners.take(self.now):
                    return "candidate_limited"
                if datagram.exempt() or not ahead(remembered.top, remembered.is_empty, remembered.jump,
                                                  datagram.sequence, self.now):
                    return "candidate_unproven"
                self.revert(session, role)
                role.window.jump = remembered.jump
                return role
        role = next((role for role in session.roles if role.live_candidate(source, self.now)), None)
        role = role or self.passive_role(session, datagram)
        if role is None:
            return None
        if not session.candidates.take(self.now):
            return "candidate_limited"
        candidate = role.live_candidate(source, self.now)
        candidate = candidate or self.make_candidate(session, role, datagram)
        window = role.window
        is_ahead = not datagram.exempt() and ahead(window.top, window.is_empty, candidate.jump,
                                                   datagram.sequence, self.now)
        if not is_ahead or self.now - role.sign < RULE_2_SILENCE or role.is_loser(source, self.now):
            return "candidate_unproven"
        proven = source.ip == role.address.ip and role.cap is None
        self.promote(session, role, source, 2, None if proven else Cap(candidate.received))
        role.window.jump = candidate.jump
        return role

    # --- forwarding ---

    def hold_with_lease(self, datagram):
        """None where nothing is pending; else whether it is held (False: limited)."""
        for request in self.pending():
            same = request.datagram.source == datagram.source and (
                datagram.bare or request.datagram.sid == datagram.sid)
            if same and len(request.held) < HELD_WITH_LEASE_MAX and self.held_count() < HELD_MAX:
                if not self.take_unbound(datagram):
                    return False
                request.held.append(datagram)
                return True
        return None

    def forward(self, datagram, was_held=False):
        session = self.sessions.get(datagram.sid)
        role = session.side_of(datagram.source) if session else None
        if role is None:
            if not was_held:
                held = self.hold_with_lease(datagram)
                if held is not None:
                    if not held:
                        self.outcome(datagram, "unbound_limited")
                    return
            found = self.contender(session, datagram) if session else None
            if isinstance(found, str):
                self.outcome(datagram, found)
                return
            if found is None:
                if not was_held and not self.take_unbound(datagram):
                    self.outcome(datagram, "unbound_limited")
                elif session is None:
                    self.outcome(datagram, "session_not_found")
                else:
                    self.outcome(datagram, "unknown_peer" if session.active()
                                 else "session_not_active")
                return
            role = found
        if session.active() and session.message_3_due() and session.handshakes[0] == role.side:
            if len(session.waiting) < HELD_FOR_MESSAGE_3_MAX and self.held_count() < HELD_MAX:
                if not session.waiting:
                    session.waiting_until = self.now + MESSAGE_3_TIME
                session.waiting.append(datagram)
                return
            self.release_waiting(session)
        self.forward_bound(session, role, datagram)

    def release_waiting(self, session):
        """Message 3 is due no more; what waited for it goes."""
        session.message_3_over = True
        waiting, session.waiting = session.waiting, []
        for datagram in waiting:
            self.forward_waited(datagram)

    def forward_waited(self, datagram):
        session = self.sessions.get(datagram.sid)
        role = session.side_of(datagram.source) if session else None
        if role:
            self.forward_bound(session, role, datagram)
        else:  # it came from a bound address, so it drew on no bucket of strangers
            self.forward(datagram, was_held=True)

    def restart_handshake(self, session):
        waiting, session.waiting = session.waiting, []
        session.start_handshake()
        for datagram in waiting:
            self.forward_waited(datagram)

    def forward_bound(self, session, role, datagram):
        if not session.active():
            self.outcome(datagram, "session_not_active")
            return
        judgement = None
        if datagram.exempt():
            if not role.exempt.fits(self.now):
                self.outcome(datagram, "exempt_limited")
                return
        else:
            judgement = role.window.judge(datagram.sequence, datagram.rift is not None, self.now)
            if judgement in ("refused", "replayed", "jump"):
                if judgement == "jump":
                    role.window.jump.remember(datagram.sequence, self.now)
                self.outcome(datagram, {"refused": "sequence_refused", "replayed": "replayed",
                                        "jump": "jump_unconfirmed"}[judgement])
                return
            role.heard = session.heard = role.sign = self.now
        self.relay_on(session, role, datagram, judgement, "forwarded")

    def relay_on(self, session, role, datagram, judgement, outcome):
        """Stale receiver, limits, all tested before any is drawn; then it goes."""
        receiver = session.other(role)
        _, hard = session.limits()
        session_bits = Bucket(bytes_cost(datagram.size, hard), BYTES_BURST)
        session_bits.full_until = session.bits_full_until
        kbps = self.options["max-bandwidth-kbps"]
        relay_bits = Bucket(bytes_cost(datagram.size, kbps) if kbps else 0, BYTES_BURST)
        relay_bits.full_until = self.relay_bits_full_until
        if self.now - max(receiver.heard, session.active_since) >= STALE_TIME:
            fault = "stale_receiver"
        elif receiver.cap and receiver.cap.sent + datagram.size > CAP_FACTOR * receiver.cap.received:
            fault = "path_capped"
        elif role.peer and not role.peer.fits(self.now):
            fault = "peer_limited"
        elif not session_bits.fits(self.now):
            fault = "session_limited"
        elif kbps and not relay_bits.fits(self.now):
            fault = "relay_limited"
        else:
            fault = None
        if fault:
            self.outcome(datagram, fault)
            return False
        if receiver.cap:
            receiver.cap.sent += datagram.size
        if role.peer:
            role.peer.draw(self.now)
        session_bits.draw(self.now)
        session.bits_full_until = session_bits.full_until
        if kbps:
            relay_bits.draw(self.now)
            self.relay_bits_full_until = relay_bits.full_until
        if judgement:
            role.window.commit(datagram.sequence, judgement)
        else:
            role.exempt.draw(self.now)
        self.outcome(datagram, outcome)
        self.raise_counter("packets_forwarded")
        self.raise_counter("bytes_forwarded", datagram.size)
        self.send(datagram, receiver.address, datagram.data)
        return True

    def bare(self, datagram, was_held=False):
        bound = [(session, session.side_of(datagram.source)) for session in self.sessions.values()
                 if session.side_of(datagram.source)]
        active = [pair for pair in bound if pair[0].active()]
        if len(active) == 1:
            datagram.sid = active[0][0].sid
            self.count_path(datagram)
            self.bare_bound(*active[0], datagram)
            return
        held = None if was_held or bound else self.hold_with_lease(datagram)
        if held:
            return
        if held is False or not was_held and not self.take_unbound(datagram):
            self.outcome(datagram, "unbound_limited")
        elif active:
            self.outcome(datagram, "bare_ambiguous")
        else:
            self.outcome(datagram, "session_not_active" if bound else "unknown_peer")

    def bare_bound(self, session, role, datagram):
        if not datagram.rift.handshake and len(session.handshakes) < 2:
            self.outcome(datagram, "bare_out_of_turn")
        elif not role.exempt.fits(self.now):
            self.outcome(datagram, "exempt_limited")
        elif self.relay_on(session, role, datagram, None, "bare_forwarded"):
            if datagram.rift.handshake:
                if role.side not in session.handshakes:
                    session.handshakes.append(role.side)
            elif session.handshakes[0] == role.side:
                self.release_waiting(session)


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
