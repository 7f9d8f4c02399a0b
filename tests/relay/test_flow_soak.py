"""The real relay over a long time in short: sessions come and go by the ten thousand, it does not
grow, and its books balance.

usage: test_flow_soak.py WAVRY_RELAY [TEST…]
"""
import ctypes
import pathlib
import sys
import time
import uuid

from relay_bed import (ACK, CLIENT, REJECT, Fail, Key, Peer, Relay, SERVER, before, check, equal,
                       forward, main, present, renew, resident_bytes)

SLOTS = 32              # sessions at a time: what they send at once fits any socket's buffer
POOL = 1024             # sessions that come again and again: their signatures are in the cache
CACHED = 4096           # good leases that the cache holds
FRESH_EVERY = 8         # every so many sessions one that was never seen
FORGOTTEN_EVERY = 512   # ... one that leaves without a word, and ends as idle
ALONE_EVERY = 2048      # ... and one whose second peer never comes
MOVE_EVERY = 16         # rounds after which a slot's peers have new ports
GROWTH_BYTES_MAX = 1 << 20
NO_LIMIT = str(10 ** 9)
OPTIONS = ("--max-sessions", "2000", "--verify-rate", "100000", "--ip-rate-limit-pps", NO_LIMIT,
           "--identity-rate-limit-pps", NO_LIMIT, "--idle-timeout", "10", "--peer-wait-secs", "10")
PREFIX = "wavry_relay_"


class Lives:
    """Sessions of a few milliseconds each, SLOTS of them side by side, in lockstep: nothing is
    sent before what was sent has been answered, so that nothing is lost however slow it goes."""

    def __init__(self, relay, host, warm):
        self.relay, self.host, self.warm, self.key = relay, host, warm, Key()
        self.begun = self.forgotten = self.alone = self.sent = self.rounds = 0
        self.peers = [(self.peer(CLIENT), self.peer(SERVER)) for _ in range(SLOTS)]
        self.pool = [self.mint() for _ in range(POOL)]

    def peer(self, role):
        return Peer(self.relay, None, role, self.key, self.host)

    def mint(self):
        """(session, a PRESENT for each role)."""
        session, found = uuid.uuid4(), []
        for role, peer in enumerate(self.peers[0]):
            peer.session = session
            found.append(present(session, role, peer.lease()))
        return session, *found

    def send(self, peer, data):
        peer.send(data)
        self.sent += 1

    def next(self):
        """A session's datagrams, and how it will end."""
        self.begun += 1
        number = self.begun
        if number % ALONE_EVERY == 0:
            return "alone", *self.mint()
        if number % FORGOTTEN_EVERY == 0:
            return "forgotten", *self.mint()
        if number % FRESH_EVERY == 0 or POOL < number <= self.warm:
            return "released", *self.mint()
        return "released", *self.pool[number % POOL]

    def round(self):
        """SLOTS sessions from their first word to their last."""
        begun = [(*self.next(), *peers) for peers in self.peers]
        for end, _, of_client, of_server, client, server in begun:
            self.send(client, of_client)
            if end != "alone":
                self.send(server, of_server)
        cookies = []
        for end, session, _, _, client, server in begun:
            asked = ((client, of_client), (server, of_server))
            cookies.append([self.acked(peer, session, data)
                            for peer, data in asked[:1 if end == "alone" else 2]])
        for one, other in ((4, 5), (5, 4)):
            for life in begun:
                if life[0] != "alone":
                    self.send(life[one], forward(life[1], 1))
            for life in begun:
                if life[0] != "alone":
                    equal(life[other].receive(), forward(life[1], 1), "what was forwarded")
        for (end, session, _, _, client, server), known in zip(begun, cookies):
            if end == "released":
                self.send(client, renew(session, known[0], release=True))
                self.send(server, renew(session, known[1], release=True))
            self.forgotten += end == "forgotten"
            self.alone += end == "alone"
        self.rounds += 1
        for peer in self.peers[self.rounds % SLOTS] if self.rounds % MOVE_EVERY == 0 else ():
            peer.move()

    def acked(self, peer, session, data):
        """The cookie in the ACK. A machine that stood still for 2 s has the lease refused once."""
        peer.session = session
        answer = peer.answer()
        while answer.kind == REJECT and answer.reason == 6:
            self.send(peer, data)
            answer = peer.answer()
        equal(answer.kind, ACK, f"kind of answer (reason {getattr(answer, 'reason', None)})")
        check(answer.cookie, "a cookie")
        return answer.cookie

    def live(self, sessions):
        while self.begun < sessions:
            self.round()

    def close(self):
        for peers in self.peers:
            for peer in peers:
                peer.close()


def sum_of(metrics, family):
    return sum(value for name, value in metrics.items() if name.startswith(PREFIX + family + "{"))


def books_balance(metrics):
    """Sections 3 and 7: whatever came in is accounted for."""
    def value(name):
        return metrics[PREFIX + name]
    there = value('sessions{state="waiting"}') + value('sessions{state="active"}')
    ended = (value("sessions_released_total") + value("cleanup_idle_sessions") +
             value("cleanup_expired_sessions") + value("sessions_revoked_total") +
             value("sessions_banned_total"))
    equal(value("sessions_created_total"), ended + there, "created: ended and there")
    equal(value("packets_rx"), sum_of(metrics, "outcomes_total") + value("held_datagrams"),
          "received: outcomes and held")
    equal(value('outcomes_total{outcome="lease_taken"}'),
          sum_of(metrics, "verdicts_total") + value("leases_pending"),
          "leases taken: verdicts and pending")
    return there


def wait_until_empty(relay):
    for _ in before():
        metrics = relay.metrics()
        if books_balance(metrics) == 0:
            return metrics
    raise Fail(f"sessions are left over: {relay.json('/health')}")


def count_small_pages():
    """Of this process and those it starts: a huge page here or there is more than what may grow
    (prctl PR_SET_THP_DISABLE)."""
    ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)


def threads(relay):
    status = pathlib.Path(f"/proc/{relay.process.pid}/status").read_text()
    return [line for line in status.splitlines() if line.startswith("Threads:")]


def soak(program, sessions, host="127.0.0.1", workers=1, growth=GROWTH_BYTES_MAX):
    """It gets warm first, until every place in its caches has been used and the 20,000th session
    (in a short soak: a third) has gone; from then on it has what it needs for ever."""
    warm = min(20_000, sessions // 3)
    full = CACHED * workers  # leases, half as many sessions, and as many again to reach each worker
    check(full <= warm, "sessions enough to fill the caches")
    count_small_pages()
    with Relay(program, *OPTIONS, "--workers", str(workers),
               listen=f"[{host}]:0" if ":" in host else f"{host}:0",
               env={"ASAN_OPTIONS": "quarantine_size_mb=1"}) as relay:
        lives = Lives(relay, host, full)
        began = time.monotonic()
        lives.live(warm)
        books_balance(relay.metrics())
        before_rest, crew = resident_bytes(relay.process), threads(relay)
        lives.live(sessions)
        metrics = wait_until_empty(relay)
        end = resident_bytes(relay.process)
        lives.close()
        print(f"       {lives.begun} sessions in {time.monotonic() - began:.1f} s; resident "
              f"{before_rest // 1024} KiB after {warm}, {end // 1024} KiB at the end", flush=True)
        left = lives.forgotten + lives.alone
        for name, value in (
                ("packets_rx", lives.sent), ("backpressure_dropped_packets", 0),
                ("sessions_created_total", lives.begun), ("cleanup_idle_sessions", left),
                ("sessions_released_total", lives.begun - left),
                ('verdicts_total{verdict="accepted"}', 2 * lives.begun - lives.alone),
                ("packets_forwarded", 2 * (lives.begun - lives.alone)),
                ("leases_pending", 0), ("held_datagrams", 0), ("verification_queue_depth", 0)):
            equal(metrics[PREFIX + name], value, name)
        check(metrics[PREFIX + "verification_cache_hits_total"] > lives.begun // 2, "cache hits")
        check(abs(end - before_rest) <= growth, f"resident memory: {before_rest} bytes "
              f"after {warm} sessions, {end} after {lives.begun}")
        equal(threads(relay), crew, "threads")


def a_hundred_thousand_sessions_leave_nothing_behind(program):
    soak(program, 100_000)


def nor_do_they_with_four_workers_on_ipv6(program):
    soak(program, 50_000, "::1", 4)


def fifteen_thousand_sessions_leave_nothing_behind(program):
    """For builds with sanitizers: slow, and they keep for a while what was given back."""
    soak(program, 15_000, growth=4 * GROWTH_BYTES_MAX)


if __name__ == "__main__":
    main(sys.modules[__name__])
