#!/usr/bin/env python3
"""Writes the corpus of the target `relay`: one short story each, named for what happens in it.

Usage: relay_make_seeds.py FOLDER. Findings of campaigns lie in the same folder and stay.
"""
import os
import sys

NAMES = (
    "nothing lease renew forward bare junk raw copy pass deadline wall-step key retire revoke ban "
    "unban drain backpressure verify-now verify-later limit option look refusal room-for-bans"
).split()
CLIENT, SERVER, CLIENT_2, SERVER_2, ELSEWHERE = 0, 1, 2, 3, 4
ELSEWHERE_2, V6, V6_APART, LINK_LOCAL = 6, 7, 10, 11
HUNDREDTH, TENTH, QUARTER, SECOND, TEN_SECONDS, MINUTE, HOUR = 4, 6, 7, 9, 11, 13, 15
COOKIE, RELEASE = 1, 2
LEASE_RENEWS, LEASE_COOKIE, LEASE_AS_SERVER = 1, 2, 4
OPTIONS = (
    "max-sessions shed idle peer-wait duration skew ip-rate identity-rate peer-rate bandwidth "
    "verify-rate drain-timeout policy rebind bare insecure refreshable verify-ns"
).split()


def to_end(number, sender):
    """The sender, whose datagrams come to a local end that many further than they usually do."""
    return sender + 16 * number


def record(name, *body):
    return bytes([NAMES.index(name), len(body), *body])


def lease(sender, sub, role, session=0, flags=0, owner=0, key=0, kid=0, iat=0, ttl=0, more=0,
          damage=0, where=0):
    body = [sender, flags, owner, sub, session, role, key, kid, iat, ttl, more, damage, where]
    while len(body) > 6 and body[-1] == 0:
        body.pop()
    return record("lease", *body)


def forward(sender, session=0, form=0, base=0, delta=0, size=0, flags=0, times=0):
    body = [sender, session, form, base, delta >> 8 & 255, delta & 255, size, flags, times]
    while len(body) > 2 and body[-1] == 0:
        body.pop()
    return record("forward", *body)


def times(count):
    return 191 + count


def option(name, choice):
    return record("option", OPTIONS.index(name), choice)


def limit(name, choice):
    return record("limit", OPTIONS.index(name), choice)


def renew(sender, flags=0, session=0, owner=0):
    return record("renew", sender, session, flags, owner)


def bare(sender, form=0, size=32, flags=0):
    return record("bare", sender, form, size, *([0, flags] if flags else []))


def copy(sender, of, back=0, count=1):
    return record("copy", sender, of, back, times(count))


def wait(scale, count):
    return record("pass", scale, count)


def pair(session=0, **options):
    return lease(CLIENT, 0, 0, session, **options) + lease(SERVER, 1, 1, session, **options)


def talk(session=0):
    return forward(CLIENT, session) + forward(SERVER, session)


# The client alone falls silent, and then sends from another IP: it is moved there, and capped.
CLIENT_SILENT = wait(SECOND, 1) + forward(SERVER) + wait(SECOND, 1)
MOVED_FAR = option("rebind", 2) + pair() + talk() + CLIENT_SILENT + forward(ELSEWHERE)
# A thief is first with a copy of the client's newer token; the client takes it back.
TOOK_BACK = pair() + talk() + lease(ELSEWHERE, 0, 0, iat=1) + lease(CLIENT, 0, 0, iat=1)
STRANGERS = (CLIENT, SERVER, ELSEWHERE, V6, V6_APART, LINK_LOCAL)
HANDSHAKE = bare(CLIENT, 0, 32) + bare(SERVER, 0, 96)
DEADLINE = record("deadline", 0)

SEEDS = {
    "a-pair-talks": pair() + talk() * 3,
    "two-hundred-actions": pair() + talk() * 49 + wait(7, 1) + talk() * 49 + record("look"),
    "a-client-alone": lease(CLIENT, 0, 0) + forward(CLIENT) + DEADLINE,
    "a-renewal-in-time": pair(ttl=4) + wait(TEN_SECONDS, 1) + lease(CLIENT, 0, 0, iat=3, flags=1)
    + talk() + wait(TEN_SECONDS, 4) + talk(),
    "a-lease-ends-and-comes-back": pair(ttl=5) + talk() + wait(TEN_SECONDS, 3) + DEADLINE * 3
    + lease(CLIENT, 0, 0, iat=7) + lease(SERVER, 1, 1, iat=7) + talk(),
    "an-older-token": pair(iat=2) + lease(CLIENT, 0, 0) + talk(),
    "a-newer-token-moves-at-once": pair() + talk() + lease(ELSEWHERE, 0, 0, iat=1)
    + forward(ELSEWHERE) + talk() + lease(CLIENT, 0, 0),
    "a-copied-token-is-overtaken": lease(ELSEWHERE, 0, 0) + lease(SERVER, 1, 1) + talk()
    + lease(CLIENT, 0, 0, iat=1) + lease(ELSEWHERE, 0, 0),
    "the-same-token-in-other-bytes": pair() + lease(CLIENT, 0, 0, more=128),
    "a-client-moves-by-forward": pair() + talk() + wait(SECOND, 2) + forward(CLIENT_2) + talk()
    + forward(CLIENT_2),
    "a-moved-client-comes-back": pair() + talk() + wait(SECOND, 2) + forward(CLIENT_2)
    + forward(CLIENT) + talk(),
    "a-client-moves-by-cookie": pair() + talk() + lease(CLIENT_2, 0, 0) + wait(SECOND, 1)
    + renew(CLIENT_2, COOKIE) + forward(CLIENT_2) + talk(),
    "an-ip-that-could-be-either-peer": option("rebind", 2) + pair() + talk() + wait(SECOND, 2)
    + forward(ELSEWHERE) + forward(SERVER, size=210) * 4 + renew(ELSEWHERE, COOKIE),
    "a-client-moves-to-another-ip": MOVED_FAR + forward(SERVER, size=210) * 4
    + forward(ELSEWHERE, size=250) + bare(ELSEWHERE) + forward(SERVER, size=210)
    + lease(ELSEWHERE, 0, 0) + lease(ELSEWHERE, 0, 0, flags=LEASE_COOKIE)
    + forward(SERVER, size=250) * 4,
    "a-capped-client-moves-and-comes-back": MOVED_FAR + (wait(TEN_SECONDS, 1) + forward(SERVER)
    + forward(ELSEWHERE)) * 4 + CLIENT_SILENT + forward(ELSEWHERE_2) + forward(SERVER, size=210) * 2
    + lease(ELSEWHERE, 0, 0) + forward(ELSEWHERE, base=3) + forward(SERVER, size=250) * 4,
    "a-capped-client-comes-back-by-cookie": MOVED_FAR + lease(ELSEWHERE, 0, 0)
    + (wait(TEN_SECONDS, 1) + forward(SERVER) + forward(ELSEWHERE)) * 4 + CLIENT_SILENT
    + forward(ELSEWHERE_2) + renew(ELSEWHERE, COOKIE) + forward(SERVER, size=250) * 4,
    "a-candidate-who-is-told-by-its-distance": option("rebind", 2) + pair()
    + forward(CLIENT, base=4, delta=9000, times=times(3)) + forward(SERVER, base=4, delta=100)
    + wait(SECOND, 2) + forward(V6, base=4, delta=50) + forward(ELSEWHERE, base=4, delta=9003)
    + forward(ELSEWHERE_2, base=4, delta=101) + talk(),
    "a-server-who-is-far-ahead": option("rebind", 2) + pair() + forward(CLIENT, base=4, delta=100)
    + forward(SERVER, base=4, delta=9000, times=times(3)) + wait(SECOND, 2)
    + forward(ELSEWHERE, base=4, delta=9003)
    + forward(ELSEWHERE_2, base=4, delta=101),
    "candidates-who-are-told-by-their-windows": option("rebind", 2) + pair()
    + forward(CLIENT, base=4, delta=100) + forward(SERVER, base=4, delta=1600)
    + forward(ELSEWHERE, base=4, delta=1601) + wait(SECOND, 2)
    + forward(ELSEWHERE, base=4, delta=1700) + forward(V6, base=4, delta=1100) + talk(),
    "a-server-moves-to-another-ip": option("rebind", 2) + pair() + talk() + wait(SECOND, 1)
    + forward(CLIENT) + wait(SECOND, 1) + forward(ELSEWHERE, base=2) + forward(CLIENT),
    "a-copied-newer-token-is-taken-back": TOOK_BACK + talk() + wait(SECOND, 2) + forward(SERVER)
    + forward(ELSEWHERE) + talk(),
    "who-lost-it-is-not-moved-back-by-a-forward": pair() + talk() + lease(CLIENT_2, 0, 0, iat=1)
    + lease(CLIENT, 0, 0, iat=1) + talk() + CLIENT_SILENT + forward(CLIENT_2) + talk(),
    "who-took-it-back-loses-it-by-cookie": TOOK_BACK + wait(SECOND, 1)
    + lease(ELSEWHERE, 0, 0, iat=1, flags=LEASE_COOKIE) + talk(),
    "who-lost-it-has-the-next-token": TOOK_BACK + lease(ELSEWHERE, 0, 0, iat=2) + talk(),
    "another-token-of-the-displaced": pair() + talk() + lease(ELSEWHERE, 0, 0, iat=1)
    + lease(CLIENT, 0, 0, iat=1, more=128),
    "a-moved-client-presents-with-its-cookie": pair() + talk() + wait(SECOND, 2)
    + forward(CLIENT_2) + lease(CLIENT, 0, 0, flags=LEASE_COOKIE) + talk(),
    "a-remembered-address-says-nothing-new": pair() + talk() + wait(SECOND, 2) + forward(CLIENT_2)
    + forward(CLIENT, base=3, delta=-1) + forward(CLIENT, form=2) + forward(CLIENT, form=3),
    "a-remembered-address-floods": pair() + talk() + wait(SECOND, 2) + forward(CLIENT_2)
    + forward(CLIENT, base=3, delta=-1, flags=32, times=times(60)),
    "a-remembered-address-of-an-empty-window": pair() + wait(SECOND, 1) + lease(CLIENT_2, 0, 0)
    + lease(CLIENT_2, 0, 0, flags=LEASE_COOKIE) + forward(CLIENT) + talk(),
    "a-remembered-address-jumps": pair() + talk() + wait(SECOND, 2) + forward(CLIENT_2)
    + forward(CLIENT, base=3, delta=7000) + forward(CLIENT, base=3, delta=7001)
    + forward(CLIENT, base=3, delta=7002) + talk(),
    "a-candidate-jumps": pair() + talk() + wait(SECOND, 2) + forward(CLIENT_2, base=4, delta=6000)
    + forward(CLIENT_2, base=4, delta=6001) + forward(CLIENT_2, base=4, delta=6002) + talk()
    + forward(CLIENT_2),
    "an-exempt-packet-moves-nobody": pair() + talk() + wait(SECOND, 2) + forward(CLIENT_2, form=2)
    + forward(CLIENT_2, form=3),
    "what-had-waited-takes-the-peer-back": pair() + talk() + wait(SECOND, 1)
    + wait(TENTH, 9) + wait(HUNDREDTH, 6) + HANDSHAKE + forward(CLIENT, times=times(2))
    + wait(HUNDREDTH, 4)
    + forward(CLIENT_2, delta=5),
    "a-thief-presents-a-copy": pair() + talk() + record("copy", ELSEWHERE, CLIENT, 1)
    + wait(SECOND, 1) + lease(ELSEWHERE, 0, 0, flags=2) + talk(),
    "a-candidate-floods": pair() + talk() + forward(CLIENT_2, times=times(60)) + wait(SECOND, 2)
    + forward(CLIENT),
    "a-release": pair() + talk() + renew(CLIENT, COOKIE | RELEASE) + lease(CLIENT, 0, 0)
    + renew(SERVER, COOKIE | RELEASE),
    "a-release-with-a-newer-lease-on-its-way": option("verify-ns", 3) + pair() + DEADLINE * 2
    + lease(CLIENT, 0, 0, iat=1) + renew(CLIENT, COOKIE | RELEASE) + DEADLINE * 2 + talk(),
    "a-peer-talks-on-while-it-waits": pair() + talk() + renew(SERVER, COOKIE | RELEASE)
    + forward(CLIENT) + copy(CLIENT, CLIENT, 1) + forward(CLIENT, base=4, delta=9000, times=times(3))
    + forward(CLIENT, 0, 1) + forward(CLIENT, base=5) + lease(SERVER_2, 1, 1, iat=1) + talk(),
    "a-handshake-in-order": pair() + HANDSHAKE + bare(CLIENT, 1, 64) + talk(),
    "a-forward-overtakes-message-3": pair() + HANDSHAKE + forward(CLIENT) + bare(CLIENT, 1, 64)
    + talk(),
    "the-answering-side-need-not-wait-for-message-3": pair() + HANDSHAKE + forward(SERVER)
    + forward(CLIENT) + forward(SERVER) + bare(SERVER, 1, 64) + bare(CLIENT, 1, 64) + bare(CLIENT)
    + bare(SERVER, size=96) + bare(CLIENT, 1, 64),
    "handshakes-in-two-sessions": pair() + lease(CLIENT_2, 0, 0, 1) + lease(SERVER_2, 1, 1, 1)
    + HANDSHAKE + bare(CLIENT_2) + bare(SERVER_2, size=96) + forward(CLIENT) + forward(CLIENT_2, 1)
    + forward(CLIENT) + bare(CLIENT_2, 1, 64) + bare(CLIENT, 1, 64),
    "message-3-never-comes": pair() + HANDSHAKE + forward(CLIENT) * 2 + DEADLINE + talk(),
    "a-third-forward-ends-the-wait": pair() + HANDSHAKE + forward(CLIENT, times=times(3)),
    "a-forward-that-waited-as-a-client-moves-the-server": lease(CLIENT, 0, 0)
    + lease(CLIENT_2, 1, 1) + forward(CLIENT) + forward(CLIENT_2) + wait(SECOND, 2)
    + bare(CLIENT, 0, 32) + bare(CLIENT_2, 0, 96) + forward(CLIENT, base=2)
    + lease(SERVER, 0, 0, iat=1, flags=LEASE_RENEWS) + DEADLINE + forward(SERVER),
    "bare-before-any-lease": bare(CLIENT) + lease(CLIENT, 0, 0) + bare(CLIENT, 1),
    "a-bare-transport-before-any-handshake": pair() + bare(CLIENT, 1),
    "a-bare-transport-after-half-a-handshake": pair() + bare(CLIENT) + bare(SERVER, 1)
    + bare(CLIENT, 1),
    "bare-from-an-address-bound-elsewhere": pair() + bare(CLIENT, flags=64) + bare(SERVER, 1),
    "bare-from-an-address-bound-twice": pair() + pair(1) + bare(CLIENT) + bare(SERVER),
    "what-comes-behind-a-lease-is-held": option("verify-ns", 3) + lease(SERVER, 1, 1)
    + DEADLINE + lease(CLIENT, 0, 0) + forward(CLIENT, times=times(3)) + DEADLINE * 3,
    "a-place-to-hold-is-used-again": option("verify-ns", 3) + (lease(CLIENT, 0, 0)
    + forward(CLIENT) + DEADLINE + lease(CLIENT, 0, 0, 1) + forward(CLIENT, 1) + DEADLINE
    + lease(SERVER, 1, 1) + forward(SERVER) + DEADLINE) * 2,
    "what-comes-behind-a-lease-is-too-much": option("ip-rate", 1) + option("verify-ns", 3)
    + lease(CLIENT, 0, 0) + forward(CLIENT) + bare(CLIENT) + DEADLINE,
    "two-leases-of-one-source-and-what-follows": option("verify-ns", 3) + lease(CLIENT, 0, 0)
    + lease(CLIENT, 0, 0, 1) + lease(CLIENT, 0, 0, 2) + forward(CLIENT, 1) + forward(CLIENT, 3)
    + forward(CLIENT) + forward(CLIENT, 2) + bare(CLIENT) * 3 + DEADLINE * 4,
    "a-bare-handshake-behind-a-lease": option("verify-ns", 3) + lease(SERVER, 1, 1) + DEADLINE
    + lease(CLIENT, 0, 0) + bare(CLIENT) + DEADLINE * 2 + bare(SERVER, 0, 96),
    "results-out-of-turn": option("verify-ns", 3) + pair() + pair(1) + record("verify-now", 2)
    + record("verify-now", 0) + DEADLINE * 3,
    "results-too-late": option("verify-ns", 3) + pair() + record("verify-later", SECOND, 5)
    + pair(1) + wait(SECOND, 3) + DEADLINE * 4,
    "a-queue-too-slow": option("verify-rate", 1) + b"".join(
        lease(CLIENT, 0, 0, session) + lease(SERVER, 1, 1, session) for session in range(4))
    + DEADLINE * 6,
    "a-key-comes-when-the-queue-is-full": option("verify-ns", 5) + lease(SERVER, 1, 1, key=1)
    + lease(CLIENT, 0, 0) + b"".join(copy(sender, CLIENT, 0, 64) * 3 for sender in STRANGERS[:3])
    + record("key", 1, 0, 0) + DEADLINE * 3,
    "a-pool-is-full": option("verify-ns", 5) + lease(CLIENT_2, 0, 0, 1) + lease(SERVER_2, 1, 1, 1)
    + record("verify-now", 0) * 2 + lease(CLIENT, 0, 0)
    + b"".join(copy(sender, CLIENT, 0, 64) * 3 for sender in STRANGERS[:3]) 
    + (wait(QUARTER, 1) + b"".join(forward(sender, times=times(64)) * 4
                                   for sender in STRANGERS[:3])) * 3
    + bare(CLIENT) + bare(CLIENT_2) + bare(SERVER_2, size=96) + forward(CLIENT_2, 1) * 2
    + DEADLINE * 3,
    "too-many-wait-for-a-key": option("verify-ns", 5) + lease(SERVER, 1, 1, key=1)
    + copy(ELSEWHERE, SERVER, 0, 64) + copy(V6, SERVER, 0, 8) + record("key", 1, 0, 0)
    + DEADLINE * 3,
    "a-key-goes-while-its-leases-wait": option("verify-ns", 3) + pair() + pair(1) + pair(2)
    + pair(3) + record("revoke", 0) + DEADLINE * 4,
    "a-key-goes-while-forgeries-wait": option("verify-ns", 3) + pair(key=2, kid=1)
    + record("revoke", 0) + DEADLINE * 4,
    "the-ring-changes-while-forgeries-wait": option("verify-ns", 3) + pair(key=2, kid=1)
    + record("key", 1, 0, 0) + DEADLINE * 4 + pair(key=2, kid=1) + DEADLINE * 2
    + pair(key=2, kid=1),
    "dropped-from-the-queue-and-back-by-cookie": option("verify-ns", 5) + pair() + pair(1)
    + wait(SECOND, 3) + lease(CLIENT, 0, 0, 1, flags=2) + DEADLINE * 4,
    "signed-by-a-stranger": lease(CLIENT, 0, 0, key=3, kid=1),
    "an-unknown-kid-waits-for-its-key": lease(CLIENT, 0, 0, key=1) + forward(CLIENT)
    + record("key", 1, 0, 0) + lease(SERVER, 1, 1) + talk(),
    "an-unknown-kid-waits-in-vain": lease(CLIENT, 0, 0, key=1) + DEADLINE * 2
    + lease(CLIENT, 0, 0, key=2),
    "a-key-is-replaced": pair() + record("key", 1, 1, 0) + lease(CLIENT, 0, 0, key=1, kid=1, iat=1)
    + talk() + wait(HOUR, 1) + wait(MINUTE, 2),
    "a-key-ages-by-the-skew-of-its-time": record("key", 1, 0, 0) + limit("skew", 1)
    + wait(HOUR, 1) + wait(TEN_SECONDS, 3) + lease(CLIENT, 0, 0, iat=12) + wait(MINUTE, 1)
    + lease(SERVER, 1, 1, iat=12),
    "a-key-is-revoked": pair() + talk() + record("revoke", 0) + pair() + record("key", 0, 0, 0),
    "a-key-is-pinned-and-retired": record("key", 1, 0, 1) + lease(CLIENT, 0, 0, key=1)
    + record("retire", 1) + wait(HOUR, 2),
    "a-key-without-a-name": record("key", 2, 5, 0) + lease(CLIENT, 0, 0, key=2, kid=5),
    "a-ban-and-its-end": pair() + talk() + record("ban", 0) + lease(CLIENT, 0, 0)
    + record("unban", 0) + pair() + talk(),
    "an-old-cookie-is-refused": pair() + talk() + (wait(TEN_SECONDS, 5) + talk()) * 6
    + renew(CLIENT, COOKIE | RELEASE) + talk(),
    "a-cookie-goes-before-strangers": option("verify-rate", 1) + pair() + wait(SECOND, 2)
    + lease(CLIENT_2, 0, 0) + lease(CLIENT, 0, 0, 1) + lease(SERVER, 1, 1, 1)
    + lease(CLIENT_2, 0, 0, iat=1, flags=LEASE_COOKIE) + DEADLINE * 4,
    "a-renewal-leaves-the-window-alone": pair() + talk() + lease(CLIENT, 0, 0, iat=1, flags=1)
    + forward(CLIENT, delta=-1) + lease(CLIENT, 0, 0, iat=2) + forward(CLIENT, delta=-1),
    "another-identity-in-a-role": pair() + lease(ELSEWHERE, 2, 0, iat=1),
    "one-address-for-both-roles": lease(CLIENT, 0, 0) + lease(CLIENT, 1, 1),
    "a-ban-that-stands-already": record("ban", 0) * 2 + b"".join(
        record("ban", sub) for sub in range(5)) + pair() + b"".join(
            record("unban", sub) for sub in (3, 1, 3, 4)) + pair(),
    "a-table-of-bans-that-is-full": record("room-for-bans", 2) + b"".join(
        record("ban", sub) for sub in range(4)) + record("unban", 0) + record("ban", 3) + pair(),
    "no-room-for-bans": record("room-for-bans", 0) + record("ban", 0) + pair(),
    "limits-that-no-relay-has": pair() + talk() + b"".join(
        record("refusal", option, choice) for option in range(15) for choice in range(3)) + talk(),
    "more-sessions-than-there-is-memory-for": option("max-sessions", 2) + limit("max-sessions", 1)
    + limit("max-sessions", 0) + pair() + pair(1),
    "strict-roles": option("policy", 1) + pair() + lease(SERVER, 1, 1, flags=4),
    "full-shed-and-drained": option("max-sessions", 2) + b"".join(
        lease(CLIENT, 0, 0, session) for session in range(4)) + record("drain", 3)
    + lease(SERVER, 1, 1) + DEADLINE * 4,
    "the-last-session-ends-while-draining": option("peer-wait", 1) + pair() + record("drain", 3)
    + renew(CLIENT, COOKIE | RELEASE) + renew(SERVER, COOKIE | RELEASE) + DEADLINE * 3,
    "drained-without-a-session": record("drain", 3) * 2 + lease(CLIENT, 0, 0),
    "limits-change-on-the-way": pair() + talk() + limit("idle", 1) + wait(SECOND, 2)
    + limit("max-sessions", 1) + pair(1) + limit("peer-rate", 2) + talk(1) * 2,
    "the-wall-clock-jumps": pair() + record("wall-step", 5, 1) + pair(1) + talk()
    + record("wall-step", 5, 254) + lease(CLIENT, 0, 0, iat=1) + talk(),
    "a-shortened-lease-is-renewed": option("duration", 2) + pair() + wait(TEN_SECONDS, 1)
    + renew(CLIENT) + renew(SERVER) + wait(TEN_SECONDS, 4) + talk(),
    "a-stale-receiver": pair() + talk() + b"".join(
        wait(TEN_SECONDS, 1) + forward(CLIENT) for _ in range(4)) + forward(SERVER) + talk(),
    "replays-and-jumps": pair() + forward(CLIENT, base=4, delta=100) * 2
    + forward(CLIENT, form=1, base=4, delta=99) * 4 + forward(CLIENT, base=4, delta=5000)
    + forward(CLIENT, base=4, delta=5001) + forward(CLIENT, base=4, delta=5002) + talk(),
    "the-last-sequences": pair() + forward(CLIENT, base=5, delta=9000) * 3
    + forward(CLIENT, base=5, delta=8000),
    "exempt-packets": pair() + forward(CLIENT, form=2, times=times(25)) + forward(CLIENT, form=3)
    + bare(CLIENT),
    "a-hard-limit": pair(more=1) + forward(CLIENT, size=250, times=times(40)) + talk(),
    "a-soft-limit-is-crossed": pair() + forward(CLIENT, size=250, times=times(64)) * 20
    + wait(SECOND, 1) + talk(),
    "a-limit-of-packets": option("peer-rate", 3) + pair() + forward(CLIENT, times=times(5))
    + renew(CLIENT) + lease(CLIENT, 0, 0),
    "the-relay-s-bandwidth": option("bandwidth", 1) + pair() + forward(CLIENT, size=240) * 4,
    "strangers-share-a-bucket": option("ip-rate", 3) + forward(CLIENT, times=times(6))
    + forward(CLIENT_2) + lease(CLIENT, 0, 0) + wait(SECOND, 1) + lease(CLIENT, 0, 0),
    "a-stranger-renews-too-often": option("ip-rate", 1) + renew(CLIENT) * 4,
    "an-identity-s-limit": option("identity-rate", 1) + pair() + lease(CLIENT, 0, 0, iat=1)
    + lease(CLIENT, 0, 0, iat=2) + lease(CLIENT_2, 0, 0, 1) + wait(SECOND, 1)
    + lease(CLIENT_2, 0, 0, 1),
    "sources-that-nobody-answers": b"".join(lease(sender, 0, 0) for sender in (12, 13, 14, 15)),
    "every-refusal": lease(0, 0, 0, more=4) + lease(0, 0, 0, more=64) + lease(0, 0, 0, iat=15)
    + lease(0, 0, 0, ttl=6) + lease(0, 0, 0, more=8) + lease(0, 0, 0, iat=6)
    + lease(0, 0, 0, flags=8) + lease(0, 0, 0, damage=1) + lease(0, 0, 0, damage=2, where=30)
    + lease(0, 0, 0, damage=3, where=9) + lease(0, 0, 0, damage=4) + lease(0, 0, 0, damage=5),
    "junk": b"".join(record("junk", 0, kind, 0, 0, 40, broken, 7)
                     for kind in (0, 1, 2, 3, 4, 16, 255) for broken in range(4)),
    "raw": record("raw", 0, 0x57) + record("raw", 0, 0x52, 0x49, 0, 1) + record("raw", 0),
    "short-leases-from-a-source-over-its-limit": option("ip-rate", 1)
    + record("raw", 0, 0x57, 1, 1, 0, *range(1, 17), 0, 0, 1, 0x78) * 3,
    "insecure": option("insecure", 1) + pair(key=3) + talk(),
    "unrefreshable": option("refreshable", 1) + lease(0, 0, 0, key=1) + record("key", 1, 0, 1),
    "bound-elsewhere-and-together": pair() + forward(CLIENT, flags=64 + 16) + forward(CLIENT)
    + record("backpressure", 3),
    "together": pair() + talk() + b"".join(
        forward(sender, form=form, size=40, flags=16, delta=form)
        for form in (0, 1, 2) for sender in (CLIENT, SERVER)) + forward(CLIENT, 1)
    + lease(CLIENT, 0, 0, 1, flags=2),
    "a-client-comes-to-other-local-ends": pair() + talk() + forward(to_end(1, CLIENT))
    + forward(SERVER) + renew(to_end(2, CLIENT), COOKIE) + forward(SERVER)
    + lease(to_end(3, CLIENT), 0, 0) + lease(to_end(1, CLIENT), 0, 0, iat=1) + forward(SERVER)
    + lease(to_end(2, CLIENT), 0, 0, iat=1, damage=1) + renew(to_end(4, CLIENT), COOKIE | RELEASE),
    "a-lease-waits-and-what-follows-comes-to-another-local-end": option("verify-ns", 3)
    + lease(SERVER, 1, 1) + DEADLINE + lease(CLIENT, 0, 0) + forward(to_end(1, CLIENT))
    + lease(to_end(2, CLIENT), 0, 0) + bare(to_end(3, CLIENT)) + DEADLINE * 4 + talk(),
    "a-candidate-at-another-local-end": pair() + talk() + lease(CLIENT_2, 0, 0)
    + lease(to_end(1, CLIENT_2), 0, 0) + wait(SECOND, 2) + renew(to_end(2, CLIENT_2), COOKIE)
    + forward(to_end(3, CLIENT_2)) + forward(SERVER) + talk(),
    "names-in-v6": lease(V6, 0, 0) + lease(LINK_LOCAL, 1, 1) + forward(V6) + forward(LINK_LOCAL)
    + wait(SECOND, 2) + forward(8) + forward(9),
}


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for name, content in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as out:
            out.write(content)


if __name__ == "__main__":
    main(sys.argv[1])
