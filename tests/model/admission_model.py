"""How leases come in: the way of a lease with a token, of a renew, of a release (sections 2 to 6)."""
from lease_model import Lease, Malformed
from parts_model import MILLISECOND, SECOND, Session, packets_bucket
from wire_model import LEASE_PRESENT, ack, reject

QUEUE_TIME = KEY_WAIT_TIME = 2 * SECOND
QUEUE_LEASES_MAX = 512
OUT_MAX = 4
KEY_WAITERS_MAX = 64
COOKIE_REQUEST_BYTES_MIN = 52
RULE_1_SILENCE = 1 * SECOND
KEY_REFRESH_TIME = 10 * SECOND

REASONS = {"expired": 1, "wrong_relay": 3, "shed": 4, "full": 4, "draining": 4, "banned": 5,
           "identity_limited": 6, "queue_dropped": 6}
for name in ("malformed_token malformed_claims unknown_key bad_signature wrong_session wrong_role "
             "horizon_exceeded not_yet_valid issued_in_future identity_locked same_address "
             "older_token").split():
    REASONS[name] = 2


class Request:
    """A lease on its way to its verdict."""

    def __init__(self, datagram, lease, role, cookie_valid, first):
        self.datagram, self.lease, self.role = datagram, lease, role
        self.cookie_valid, self.first = cookie_valid, first
        self.deadline = None
        self.released = False  # its peer left while it was on its way
        self.held = []
        self.keys, self.generation, self.ends = [], None, None


class Admission:
    """Mixed into the relay."""

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
            self.finish_unknown(request)
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
        while True:
            lists = [queue for queue in (*self.queues, self.key_waiters) if queue]
            late = [queue for queue in lists if queue[0].deadline <= self.now]
            if not late:
                return
            queue = min(late, key=lambda one: (one[0].deadline, one[0].datagram.line))
            request = queue.pop(0)
            if queue is self.key_waiters:
                self.finish_unknown(request)
            else:
                self.drop_queued(request)

    def finish_unknown(self, request):
        self.finish(request, lambda: self.refuse(request.datagram, "unknown_key"))

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
            today = {key.public for key in self.keys_for(request.lease)}
            if not today & {key.public for key in ([good] if good else request.keys)}:
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
            verdict = (result if isinstance(result, str)
                       else "older_token" if request.released else self.faults(request))
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
        if session is None:
            return self.no_room() or self.identity_fault(lease)
        if role.lock is not None and role.lock != lease.sub:
            return "identity_locked"
        if session.other(role).address == datagram.source:
            return "same_address"
        if role.lease and lease.order() < role.lease.order():
            return "older_token"
        if role.why_vacated == "released" and lease.order() == role.lease.order():
            return "older_token"
        return self.identity_fault(lease) if role.address is None else None

    def identity_fault(self, lease):
        """Only leases that take a free role draw on their identity."""
        bucket = self.identities.setdefault(
            lease.sub, packets_bucket(self.options["identity-rate-limit-pps"]))
        return None if bucket.take(self.now) else "identity_limited"

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
        elif datagram.cookie is None and not role.bare_renews.fits(self.now):
            self.outcome(datagram, "peer_limited")
        elif not self.take_peer(role):
            self.outcome(datagram, "peer_limited")
        elif datagram.cookie is not None and not self.note_cookie(role, datagram):
            self.outcome(datagram, "cookie_invalid")
        else:
            if datagram.cookie is None:
                role.bare_renews.draw(self.now)
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
            for request in self.pending():
                sent = request.datagram
                if (sent.sid, sent.source, request.role) == (datagram.sid, datagram.source, role.side):
                    request.released = True
            self.vacate(session, role, "released")
            if all(role.address is None for role in session.roles):
                self.remove(session, "released")
