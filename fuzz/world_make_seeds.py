#!/usr/bin/env python3
"""Writes the corpus of the target `world`: small worlds, each named for what happens in it.

Usage: world_make_seeds.py FOLDER. Findings of campaigns lie in the same folder and stay.
"""
import os
import re
import sys

TAGS = "nothing run link nat option relay master peer session lease attacker do".split()
HERE = os.path.dirname(os.path.abspath(__file__))


def members():
    """Names of the members of each kind of thing, and actions, as the target has them."""
    with open(os.path.join(HERE, "world_words.h"), encoding="utf-8") as file:
        text = file.read()
    found = {}
    for kind in TAGS[1:-1]:
        table = text[text.index(f"struct member {kind}_members[]"):]
        found[kind] = re.findall(r'\{"([a-z_-]+)",\s+(?:true|false),', table[:table.index("\n};")])
    with open(os.path.join(HERE, "world_timeline.c"), encoding="utf-8") as file:
        text = file.read()
    table = text[text.index("} actions[] = {"):]
    found["do"] = re.findall(r'\{"([a-z_]+)",\s+"([a-zA-Z]*)"', table[:table.index("\n};")])
    return found


MEMBERS = members()


def record(tag, *body):
    return bytes([TAGS.index(tag), len(body), *body])


def one(tag, member, choice):
    """Sets a member of the only thing of its kind."""
    return record(tag, MEMBERS[tag].index(member), choice)


def of(tag, which, member, choice):
    return record(tag, which, MEMBERS[tag].index(member), choice)


def do(name, at_ms, arguments=None, peer=0, other=0, session=0, role=0, nat=0, link=0, key=0,
       span=0, choice=0, more=0):
    kind = next(number for number, action in enumerate(MEMBERS["do"])
                if action[0] == name and arguments in (None, action[1]))
    at = at_ms // 2
    return record("do", kind, at >> 8, at & 255, peer, other, session, role, nat, link, key, span,
                  choice, more)


NAT_0 = of("peer", 0, "nat", 0)
SECOND_CALL = of("session", 1, "client_start", 0)
TTL_15_S = of("lease", 0, "ttl", 2)
LONG = one("run", "duration", 4)

UPSTREAM = of("peer", 0, "behaviour", 1) + of("peer", 1, "behaviour", 1)


def lossy(link, loss=1, duplicate=1, reorder=1):
    """A link that loses, doubles and reorders so much of what passes."""
    return (of("link", link, "loss", loss) + of("link", link, "duplicate", duplicate)
            + of("link", link, "reorder", reorder) + of("link", link, "reorder_delay", 1))


SEEDS = {
    "a-call": b"",
    "two-calls": SECOND_CALL,
    "an-upstream-client": UPSTREAM,
    "an-upstream-client-asks-for-what-was-lost": UPSTREAM + of("peer", 0, "link", 0) + lossy(0)
    + of("session", 0, "server", 1) + of("session", 0, "client", 1) + LONG,
    "an-upstream-server-sends-fast-on-a-bad-path": UPSTREAM + of("peer", 0, "link", 0) + lossy(0)
    + of("session", 0, "server", 2),
    "an-upstream-client-behind-a-gap": UPSTREAM + of("session", 0, "server", 2)
    + of("session", 0, "client", 2) + do("partition", 6000, "pf", span=8)
    + do("partition", 12000, "pf", peer=1, span=9),
    "upstream-peers-whose-packets-come-twice": UPSTREAM + of("peer", 0, "link", 0)
    + of("peer", 1, "link", 0) + of("link", 0, "duplicate", 2),
    "an-upstream-handshake-on-a-bad-path": UPSTREAM + of("peer", 0, "link", 0)
    + of("peer", 1, "link", 0) + lossy(0, 2, 2, 1),
    "an-upstream-client-whose-hello-is-lost": UPSTREAM + do("drop_next", 0, more=5, choice=19)
    + do("drop_next", 3000, more=5, choice=19) + LONG,
    "an-upstream-client-who-is-early": UPSTREAM + of("session", 0, "server_start", 3),
    "an-upstream-server-who-is-early": UPSTREAM + of("session", 0, "client_start", 3),
    "an-upstream-session-on-a-relay-without-bare": UPSTREAM + one("option", "bare-rift", 0),
    "upstream-leases-that-are-renewed": UPSTREAM + LONG + TTL_15_S,
    "an-upstream-peer-restarts": UPSTREAM + do("peer_restart", 5000, span=4, choice=1)
    + do("peer_restart", 11000, peer=1, span=4, choice=1),
    "an-upstream-peer-without-a-lease": UPSTREAM + do("master_fail", 0, "yf", choice=3, span=9),
    "a-master-that-refuses-before-the-first-lease": do("master_fail", 0, "yf", choice=3, span=11)
    + SECOND_CALL,
    "a-master-that-refuses-renewals": LONG + TTL_15_S + do("master_fail", 4000, "yf", choice=3, span=12),
    "a-master-without-heartbeats": LONG + one("master", "heartbeat_interval", 0)
    + do("master_fail", 4000, "yf", choice=0, span=9) + do("master_forget", 16000)
    + do("master_fail", 20000, "yf", choice=1, span=11),
    "a-master-with-few-leases": one("master", "leases_per_minute", 0) + SECOND_CALL + LONG,
    "a-peer-that-the-relay-bans": do("relay_ban", 3000) + do("peer_restart", 5000, span=4, choice=1),
    "a-peer-that-never-echoes": of("peer", 0, "echoes_cookies", 0) + NAT_0
    + do("nat_reboot", 5000, "n") + do("peer_pause", 8000, "pf", span=11) + LONG,
    "a-peer-that-is-not-answered": of("peer", 0, "link", 0) + LONG
    + do("partition", 5000, "pf", span=12) + do("partition", 70000, "pf", peer=1, span=11),
    "a-peer-that-has-left-says-nothing": do("peer_present", 200) + do("peer_release", 5000)
    + do("peer_release", 6000) + do("peer_present", 7000) + do("peer_renew", 8000, choice=1)
    + do("peer_renew", 9000, choice=3),
    "a-lease-that-comes-too-late-to-be-refused": one("master", "answer_delay", 2)
    + do("master_fail", 0, "yf", choice=3, span=9) + do("peer_release", 1000),
    "a-renewal-after-a-silence": of("peer", 0, "sign_of_life", 2) + of("session", 0, "client", 5)
    + of("session", 0, "server", 5) + of("peer", 1, "sign_of_life", 2) + TTL_15_S + LONG,
    "a-robust-client-and-an-upstream-server": of("peer", 1, "behaviour", 1),
    "an-upstream-client-and-a-robust-server": of("peer", 0, "behaviour", 1),
    "an-upstream-server-that-hears-nonsense": UPSTREAM + of("peer", 0, "link", 0)
    + of("link", 0, "corrupt", 2),
    "an-upstream-hello-overtakes-message-3": UPSTREAM + of("peer", 0, "link", 0)
    + of("link", 0, "latency", 4) + do("delay_next", 100, more=6),
    "a-host-that-waits-for-a-handshake-hears-forwards": of("peer", 1, "behaviour", 1)
    + of("session", 0, "handshake", 0),
    "a-release-without-a-cookie": of("peer", 0, "echoes_cookies", 0) + do("peer_release", 5000),
    "packets-that-come-twice-to-a-robust-server": of("peer", 0, "behaviour", 1)
    + of("peer", 0, "link", 0) + of("peer", 1, "link", 0) + of("link", 0, "duplicate", 2),
    "a-laptop-sleeps-over-its-renewal": LONG + TTL_15_S + do("peer_pause", 7000, "pf", span=10)
    + do("peer_pause", 30000, "pf", span=11),
    "two-peers-with-one-token": LONG + do("peer_pause", 4000, "pf", span=7)
    + of("attacker", 0, "attack", 7) + of("attacker", 0, "start", 2) + of("attacker", 0, "rate_pps", 2),
    "peers-whose-packets-come-twice": of("peer", 0, "link", 0) + of("peer", 1, "link", 0)
    + of("link", 0, "duplicate", 2) + of("link", 0, "reorder", 1),
    "a-thief-who-stays": LONG + of("attacker", 0, "attack", 7) + of("attacker", 0, "start", 2)
    + of("attacker", 0, "echoes_cookies", 0) + of("attacker", 0, "rate_pps", 2)
    + of("attacker", 0, "source", 0) + do("peer_pause", 6000, "pf", span=11)
    + do("copy", 30000, choice=2),
    "a-reflection-at-a-peer": of("attacker", 0, "attack", 0) + of("attacker", 0, "start", 1)
    + of("attacker", 0, "packet", 1) + of("attacker", 0, "source", 1)
    + of("attacker", 1, "attack", 6) + of("attacker", 1, "start", 1),
    "a-rebind": NAT_0 + do("nat_rebind", 5000, "n"),
    "a-reboot-of-the-nat": NAT_0 + of("nat", 0, "ports", 2) + do("nat_reboot", 5000, "n"),
    "both-behind-one-nat": NAT_0 + of("peer", 1, "nat", 0) + do("nat_rebind", 5000, "n"),
    "a-port-goes-to-a-neighbour": NAT_0 + of("peer", 1, "nat", 0)
    + do("nat_give_port", 5000, other=1),
    "a-mapping-moves": NAT_0 + do("nat_move_mapping", 4000),
    "a-symmetric-nat-with-short-timers": NAT_0 + of("nat", 0, "mapping", 1)
    + of("nat", 0, "mapping_timeout", 0) + of("peer", 0, "sign_of_life", 0),
    "a-phone-moves": do("peer_move", 5000, "pa") + do("peer_move", 9000, "pN"),
    "a-laptop-sleeps": do("peer_pause", 4000, "pf", span=9),
    "a-peer-crashes-and-comes-back": do("peer_restart", 5000, span=4, choice=1),
    "a-peer-restarts-with-its-old-lease": do("peer_restart", 5000, span=4, choice=0),
    "a-peer-leaves": do("peer_release", 5000) + do("peer_release", 7000, peer=1),
    "leases-that-end": LONG + TTL_15_S + of("peer", 0, "renew_at", 0),
    "leases-that-are-renewed": LONG + TTL_15_S,
    "an-older-lease-is-presented": do("peer_present", 4000, choice=1)
    + do("peer_present", 6000, choice=2) + do("peer_renew", 8000, choice=3),
    "a-bad-path": of("peer", 0, "link", 0) + of("link", 0, "loss", 1) + of("link", 0, "duplicate", 1)
    + of("link", 0, "jitter", 1) + of("link", 0, "jitter_reorders", 0),
    "a-narrow-path": of("peer", 0, "link", 1) + of("link", 1, "bandwidth_kbps", 0)
    + of("session", 0, "client", 2),
    "a-path-that-corrupts": of("peer", 1, "link", 2) + of("link", 2, "corrupt", 1),
    "a-link-that-changes": of("peer", 0, "link", 0) + of("link", 1, "loss", 2)
    + do("link_change", 5000, choice=1, span=9),
    "a-partition": do("partition", 5000, "pf", span=9) + do("partition", 12000, "Rf", span=7),
    "single-datagrams": do("drop_next", 3000, more=5, choice=3)
    + do("duplicate_next", 4000, more=5, choice=3) + do("delay_next", 5000, more=5)
    + do("corrupt_next", 6000, more=1),
    "a-handshake": of("session", 0, "handshake", 0) + of("session", 0, "client", 3),
    "a-handshake-whose-message-3-is-late": of("session", 0, "handshake", 0)
    + do("delay_next", 0, more=6),
    "a-restart-of-the-relay": do("relay_restart", 6000, "f", span=4),
    "a-relay-that-stands-still": do("relay_pause", 6000, span=6) + do("relay_resume", 7000),
    "a-relay-that-drains": one("option", "drain-timeout-secs", 2) + SECOND_CALL
    + of("session", 1, "client_start", 3) + do("relay_drain", 1000),
    "a-slow-host": one("relay", "host", 1) + SECOND_CALL,
    "a-full-queue": one("relay", "host", 3) + of("session", 0, "client", 2),
    "a-ban": do("relay_ban", 5000) + do("relay_unban", 9000),
    "a-rotation": do("master_rotate", 3000, key=1) + do("peer_restart", 5000, choice=1)
    + do("relay_key_revoke", 12000),
    "an-unknown-key": of("lease", 0, "key", 1) + do("master_publish", 4000, key=1),
    "a-master-that-fails": do("master_fail", 0, "yf", choice=1, span=9)
    + do("master_restart", 9000, "kf", key=2, span=6),
    "clocks-apart": one("relay", "clock", 0) + one("master", "clock", 0)
    + do("relay_clock_step", 8000, choice=6),
    "a-clock-that-drifts": one("relay", "clock", 3) + LONG + TTL_15_S,
    "strict-roles": one("option", "role-policy", 0) + of("lease", 0, "role", 1),
    "little-room": one("option", "max-sessions", 0) + SECOND_CALL,
    "tight-limits": one("option", "peer-rate-limit-pps", 2) + one("option", "ip-rate-limit-pps", 1)
    + one("option", "max-bandwidth-kbps", 0) + of("session", 0, "client", 2),
    "short-waits": one("option", "idle-timeout", 1) + one("option", "peer-wait-secs", 1)
    + of("session", 0, "client", 6) + of("session", 0, "server_start", 3),
    "bad-leases": of("lease", 0, "applies_to", 0) + of("lease", 0, "signature_spoiled", 0)
    + SECOND_CALL + of("lease", 1, "relay_id", 0),
    "a-lease-that-begins-within-the-skew": of("lease", 0, "not_before", 1),
    "a-lease-from-a-clock-that-is-ahead-within-the-skew": of("lease", 0, "issued", 2),
    "somebody-on-the-path": of("attacker", 0, "attack", 0) + of("attacker", 0, "start", 2)
    + do("copy", 5000, more=5) + do("copy", 6000, more=1, choice=1),
    "a-thief": of("attacker", 0, "attack", 7) + of("attacker", 0, "start", 2)
    + of("attacker", 0, "echoes_cookies", 0) + of("attacker", 0, "rate_pps", 1)
    + do("peer_pause", 4000, "pf", span=9),
    "floods": of("attacker", 0, "attack", 1) + of("attacker", 0, "start", 1)
    + of("attacker", 1, "attack", 2) + do("attack_start", 1000, other=1, span=9),
    "replays": of("attacker", 0, "attack", 3) + of("attacker", 0, "start", 2)
    + of("attacker", 0, "source", 1),
    "window-poisoning": of("attacker", 0, "attack", 4) + of("attacker", 0, "start", 2)
    + of("attacker", 0, "source", 1),
    "guesses-and-reflection": of("attacker", 0, "attack", 5) + of("attacker", 0, "start", 1)
    + of("attacker", 1, "attack", 6) + of("attacker", 1, "start", 1),
    "rebinds-of-any-ip": one("option", "passive-rebind", 2) + of("peer", 0, "behaviour", 1)
    + NAT_0 + do("nat_reboot", 5000, "nA"),
}


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for name, content in SEEDS.items():
        with open(os.path.join(folder, name), "wb") as out:
            out.write(content)


if __name__ == "__main__":
    main(sys.argv[1])
