"""Parts of the reference model: buckets, the replay window, a role of a session, a session.

They hold state and answer questions about it; what happens when is relay_model.py's business.
"""
from wire_model import SEQUENCES_REFUSED_FROM

SECOND = 10**9
MILLISECOND = 10**6
WINDOW = 1024
AHEAD_MAX = 1024
JUMP_TIME = 2 * SECOND
RIFT_PASSES_MAX = 3
CANDIDATE_TIME = REMEMBERED_TIME = UNDO_TIME = LOSER_TIME = 30 * SECOND
CLIENT, SERVER = 0, 1
ROLES = ("client", "server")


class Bucket:
    """Integer GCRA; None as rate is no limit."""

    def __init__(self, cost_ns, burst_ns):
        self.cost_ns, self.burst_ns = cost_ns, burst_ns
        self.full_until = 0

    def fits(self, now, cost_ns=None):
        cost = self.cost_ns if cost_ns is None else cost_ns
        return max(self.full_until, now) + cost - now <= self.burst_ns

    def draw(self, now, cost_ns=None):
        self.full_until = max(self.full_until, now) + (self.cost_ns if cost_ns is None else cost_ns)

    def take(self, now):
        fits = self.fits(now)
        if fits:
            self.draw(now)
        return fits

    def fits_from(self):
        """The first instant at which one more fits."""
        return self.full_until + self.cost_ns - self.burst_ns


def packets_bucket(per_second, burst=None):
    cost = -(-SECOND // per_second)
    return Bucket(cost, cost * (max(1, per_second // 4) if burst is None else burst))


def bytes_cost(count, kbps):
    return -(-count * 8 * 10**6 // kbps)


class Jump:
    """The memory of sequences far ahead: the first one, and what came near it."""

    def __init__(self):
        self.clear()

    def clear(self):
        self.seen, self.since = [], None

    def confirms(self, sequence, now):
        """Whether this is the third distinct one near the first, in time. Changes nothing."""
        return (len(self.seen) == 2 and self._near(sequence, now) and sequence not in self.seen)

    def _near(self, sequence, now):
        return (self.seen and now - self.since < JUMP_TIME
                and abs(sequence - self.seen[0]) <= AHEAD_MAX)

    def remember(self, sequence, now):
        if not self._near(sequence, now):
            self.seen, self.since = [sequence], now
        elif sequence not in self.seen and len(self.seen) < 2:
            self.seen.append(sequence)


class Window:
    """What one sender's FORWARDs have used up."""

    def __init__(self):
        self.jump = Jump()
        self.empty()

    def empty(self):
        self.top, self.is_empty, self.passes, self.floor = 0, True, {}, -1
        self.jump.clear()

    def restore(self, top):
        """All up to the top counts as seen."""
        self.top, self.is_empty, self.passes, self.floor = top, False, {}, top
        self.jump.clear()

    def judge(self, sequence, is_rift, now):
        """fresh, again, replayed, jump, confirmed or refused. Changes nothing."""
        if sequence >= SEQUENCES_REFUSED_FROM:
            return "refused"
        if sequence > self.top + AHEAD_MAX:
            return "confirmed" if self.jump.confirms(sequence, now) else "jump"
        if sequence <= self.top - WINDOW or sequence <= self.floor:
            return "replayed"
        passes = self.passes.get(sequence, 0)
        if passes == 0:
            return "fresh"
        return "again" if is_rift and passes < RIFT_PASSES_MAX else "replayed"

    def commit(self, sequence, judgement):
        if judgement == "confirmed":
            self.passes, self.floor = {}, -1
        if judgement != "again":
            self.jump.clear()
        self.passes[sequence] = self.passes.get(sequence, 0) + 1
        self.top, self.is_empty = max(self.top, sequence), False
        if judgement == "confirmed":
            self.top = sequence


def ahead(top, is_empty, jump, sequence, now):
    """Rule 2's question. A far one is remembered."""
    if is_empty or sequence >= SEQUENCES_REFUSED_FROM or sequence <= top:
        return False
    if sequence <= top + AHEAD_MAX:
        return True
    if jump.confirms(sequence, now):
        return True
    jump.remember(sequence, now)
    return False


class Cap:
    """Bytes received from and forwarded to a path that nobody has proven."""

    def __init__(self, received=0):
        self.received, self.sent = received, 0


class Candidate:
    def __init__(self, address, now, size):
        self.address, self.until = address, now + CANDIDATE_TIME
        self.received = size
        self.jump = Jump()


class Remembered:
    """The address that a promotion by rule 1 or 2 displaced."""

    def __init__(self, role, now):
        self.address, self.top, self.is_empty = role.address, role.window.top, role.window.is_empty
        self.cap, self.by_token = role.cap, role.by_token
        self.until = now + REMEMBERED_TIME
        self.jump = Jump()


class Undo:
    """The address that a newer token displaced, which may present the same token."""

    def __init__(self, role, now):
        self.address, self.cap = role.address, role.cap
        self.until = now + UNDO_TIME


class Role:
    """One side of a session: its locks, its lease, its address and who contends for it."""

    def __init__(self, side, peer_bucket):
        self.side = side
        self.lock = None
        self.lease = None  # the last one, also when vacated
        self.key = None
        self.why_vacated = None
        self.window = Window()
        self.exempt = packets_bucket(20, burst=20)
        self.peer = peer_bucket
        self.bare_renews = packets_bucket(4)
        self.heard = self.sign = 0
        self.address = self.left = None
        self.vacate(None)

    def vacate(self, why):
        self.left = self.address  # where it was bound last
        self.address, self.why_vacated = None, why
        self.by_token, self.cap = True, None
        self.candidate = self.remembered = self.undo = self.loser = None

    def live_candidate(self, address, now):
        found = self.candidate
        return found if found and found.address == address and now < found.until else None

    def forget_candidate(self, address):
        if self.candidate and self.candidate.address == address:
            self.candidate = None

    def live_remembered(self, now):
        return self.remembered if self.remembered and now < self.remembered.until else None

    def is_loser(self, address, now):
        return bool(self.loser and self.loser[0] == address and now < self.loser[1])


class Session:
    def __init__(self, sid, number, now, peer_buckets):
        self.sid, self.number = sid, number
        self.roles = [Role(side, peer_buckets[side]) for side in (CLIENT, SERVER)]
        self.waiting_since = self.heard = now
        self.active_since = None
        self.lost_by_expiry = False
        self.bits_full_until = 0
        self.candidates = packets_bucket(50)
        self.owners = packets_bucket(50)
        self.waiting = []  # FORWARDs that wait for message 3
        self.waiting_until = None
        self.start_handshake()

    def start_handshake(self):
        self.handshakes = []  # sides whose bare handshake packet went, in order
        self.message_3_over = False

    def message_3_due(self):
        return len(self.handshakes) == 2 and not self.message_3_over

    def active(self):
        return all(role.address is not None for role in self.roles)

    def side_of(self, address):
        for role in self.roles:
            if role.address == address:
                return role
        return None

    def other(self, role):
        return self.roles[1 - role.side]

    def limits(self):
        """The lower of both leases' soft and hard limits."""
        leases = [role.lease for role in self.roles if role.address is not None]
        return min(lease.soft for lease in leases), min(lease.hard for lease in leases)
