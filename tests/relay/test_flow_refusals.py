"""The real relay over real sockets: every reject reason, every refusal, floods (sections 2, 5, 7).

usage: test_flow_refusals.py WAVRY_RELAY [TEST…]
"""
import random
import sys
import uuid

from relay_bed import (ACK, CLIENT, Key, Pair, Peer, REJECT, Relay, SERVER, check, equal, forward,
                       header, lease, present, renew, rift_handshake, main, temporary_folder)

EXPIRED, INVALID, WRONG_RELAY, FULL, BANNED, LIMITED = range(1, 7)


def refusal(program, reason, verdict, options=(), **members):
    with Relay(program, *options) as relay:
        peer = Peer(relay, uuid.uuid4(), CLIENT)
        peer.refused(reason, peer.lease(**members))
        equal(relay.verdict(verdict), 1, verdict)
        equal(relay.metrics()[f'wavry_relay_rejects_total{{reason="{NAMES[reason]}"}}'], 1,
              "rejects by reason")


NAMES = {EXPIRED: "expired", INVALID: "invalid_signature", WRONG_RELAY: "wrong_relay",
         FULL: "session_full", BANNED: "banned", LIMITED: "rate_limited"}


def an_expired_lease(program):
    refusal(program, EXPIRED, "expired", issued=-7200, ttl=900)


def a_bad_signature(program):
    with Relay(program) as relay:
        peer = Peer(relay, uuid.uuid4(), CLIENT)
        token = peer.lease()
        peer.refused(INVALID, token[:-4] + (b"AAAA" if token[-4:] != b"AAAA" else b"BBBB"))
        other = Key("bench", b"\7" * 32)
        peer.refused(INVALID, lease(other, peer.session, CLIENT))
        equal(relay.verdict("bad_signature"), 2, "bad_signature")


def an_unknown_key(program):
    with Relay(program) as relay:
        peer = Peer(relay, uuid.uuid4(), CLIENT, Key("nobody"))
        peer.refused(INVALID)
        equal(relay.verdict("unknown_key"), 1, "unknown_key")


def a_malformed_token(program):
    with Relay(program) as relay:
        peer = Peer(relay, uuid.uuid4(), CLIENT)
        peer.refused(INVALID, b"v4.public.this is no token at all, but long enough to be answered")
        equal(relay.verdict("malformed_token"), 1, "malformed_token")


def malformed_claims(program):
    refusal(program, INVALID, "malformed_claims", sub="", role="client", exp="never")


def a_lease_of_another_session(program):
    refusal(program, INVALID, "wrong_session", sid=str(uuid.uuid4()))


def a_lease_of_the_other_role_under_the_strict_policy(program):
    refusal(program, INVALID, "wrong_role", ("--role-policy", "strict"), role="server")


def a_lease_for_another_relay(program):
    refusal(program, WRONG_RELAY, "wrong_relay", rid="another-relay")


def a_lease_that_lives_too_long(program):
    refusal(program, INVALID, "horizon_exceeded", ttl=2 * 3600)


def a_lease_not_valid_yet(program):
    refusal(program, INVALID, "not_yet_valid", nbf_rfc3339="2100-01-01T00:00:00Z")


def a_lease_from_the_future(program):
    refusal(program, INVALID, "issued_in_future", issued=600, nbf_rfc3339="2020-01-01T00:00:00Z")


def a_banned_identity(program):
    with temporary_folder() as folder:
        path = folder + "/bans"
        with open(path, "w") as bans:
            bans.write("# who misbehaved\nmallory\n")
        refusal(program, BANNED, "banned", ("--ban-file", path), sub="mallory")


def a_full_relay(program):
    with Relay(program, "--max-sessions", "1", "--load-shed-threshold-pct", "100") as relay:
        Pair(relay)
        Peer(relay, uuid.uuid4(), CLIENT).refused(FULL)
        equal(relay.verdict("full"), 1, "full")
        equal(relay.metrics()["wavry_relay_session_full_rejects"], 1, "session_full_rejects")
        equal(relay.get("/ready")[0], 503, "a full relay is not ready")


def sessions_are_limited_over_all_workers(program):
    with Relay(program, "--workers", "4", "--max-sessions", "10", "--load-shed-threshold-pct",
               "100") as relay:
        peers = [Peer(relay, uuid.uuid4(), CLIENT) for _ in range(40)]
        kinds = [peer.present().kind for peer in peers]
        equal(kinds.count(ACK), 10, "sessions that were opened")
        equal(relay.json("/health")["total_sessions"], 10, "total_sessions")


def a_shedding_relay(program):
    with Relay(program, "--max-sessions", "4", "--load-shed-threshold-pct", "50") as relay:
        Peer(relay, uuid.uuid4(), CLIENT).join()
        Peer(relay, uuid.uuid4(), CLIENT).join()
        Peer(relay, uuid.uuid4(), CLIENT).refused(FULL)
        equal(relay.metrics()["wavry_relay_overload_shed_packets"], 1, "overload_shed_packets")


def a_source_over_its_limit(program):
    """A prefix without a budget left is told once, with reason 6."""
    with Relay(program, "--ip-rate-limit-pps", "1") as relay:
        first = Peer(relay, uuid.uuid4(), CLIENT)
        first.join()
        Peer(relay, uuid.uuid4(), CLIENT).refused(LIMITED)
        equal(relay.outcome("unbound_limited"), 1, "unbound_limited")
        equal(relay.metrics()["wavry_relay_rate_limited_packets"], 1, "rate_limited_packets")


def an_identity_over_its_limit(program):
    with Relay(program, "--identity-rate-limit-pps", "1") as relay:
        Peer(relay, uuid.uuid4(), CLIENT).present(None)
        session = uuid.uuid4()
        peer = Peer(relay, session, CLIENT)
        equal(peer.present(peer.lease(sub="eager")).kind, ACK, "the first of an identity")
        other = Peer(relay, uuid.uuid4(), CLIENT)
        other.refused(LIMITED, other.lease(sub="eager"))
        equal(relay.metrics()["wavry_relay_identity_rate_limited_packets"], 1, "counted")


def another_identity_in_a_taken_role(program):
    with Relay(program) as relay:
        pair = Pair(relay)
        thief = Peer(relay, pair.session, CLIENT)
        thief.refused(INVALID, thief.lease(sub="thief", issued=5))
        equal(relay.verdict("identity_locked"), 1, "identity_locked")


def one_address_in_both_roles(program):
    with Relay(program) as relay:
        session = uuid.uuid4()
        client = Peer(relay, session, CLIENT)
        client.join()
        client.role = SERVER
        client.refused(INVALID)
        equal(relay.verdict("same_address"), 1, "same_address")


def an_older_token(program):
    with Relay(program) as relay:
        pair = Pair(relay)
        pair.client.refused(INVALID, pair.client.lease(issued=-100))
        equal(relay.verdict("older_token"), 1, "older_token")


def malformed_datagrams_are_counted_by_kind(program):
    with Relay(program) as relay:
        peer = Peer(relay, uuid.uuid4(), CLIENT)
        session = peer.session
        for data in (b"", b"W", header(PRESENT_TYPE, session)[:19],
                     b"\x58" + header(0x10, session)[1:] + bytes(8),
                     b"\x57\x02" + header(0x10, session)[2:] + bytes(8),
                     header(0x77, session), header(0x10, uuid.UUID(int=0)) + bytes(8),
                     header(0x10, session), header(2, session) + bytes(16),
                     b"RI" + bytes(60)):
            peer.send(data)
        relay.wait_received(10)
        for outcome, count in (("short", 3), ("bad_magic", 2), ("bad_version", 1),
                               ("unknown_type", 1), ("nil_session", 1), ("bad_payload", 1),
                               ("unexpected_type", 1)):
            equal(relay.outcome(outcome), count, outcome)
        peer.receive_nothing()


PRESENT_TYPE = 1


def strangers_get_nothing(program):
    with Relay(program) as relay:
        pair = Pair(relay)
        stranger = Peer(relay, pair.session, CLIENT, host="127.0.0.9")
        stranger.send(forward(pair.session, 1))
        stranger.send(forward(uuid.uuid4(), 1))
        stranger.send(rift_handshake())
        stranger.send(renew(pair.session))
        stranger.send(renew(uuid.uuid4()))
        stranger.send(renew(pair.session, cookie=b"\7" * 16))
        relay.wait_received(8)
        for outcome, count in (("unknown_peer", 2), ("session_not_found", 1),
                               ("renew_unknown", 2), ("cookie_invalid", 1)):
            equal(relay.outcome(outcome), count, outcome)
        stranger.receive_nothing()
        pair.server.receive_nothing()


def replays_are_dropped(program):
    with Relay(program) as relay:
        pair = Pair(relay)
        sent = pair.client.forward()
        equal(pair.server.receive(), sent, "the first copy")
        pair.client.send(sent)
        relay.wait_received(4)
        equal(relay.outcome("replayed"), 1, "replayed")
        pair.server.receive_nothing()


def the_hard_limit_of_a_lease_holds(program):
    with Relay(program) as relay:
        pair = Pair.__new__(Pair)
        pair.session = uuid.uuid4()
        pair.client = Peer(relay, pair.session, CLIENT)
        pair.server = Peer(relay, pair.session, SERVER)
        for peer in (pair.client, pair.server):
            answer = peer.present(peer.lease(slimit=1000, hlimit=1000))
            equal((answer.kind, answer.hard_kbps), (ACK, 1000), "limits in the ACK")
        for _ in range(60):  # 1000 kbps: a burst of 31,250 bytes
            pair.client.forward(b"x" * 1172)
        relay.wait_received(62)
        metrics = relay.metrics()
        forwarded = metrics['wavry_relay_outcomes_total{outcome="forwarded"}']
        limited = metrics['wavry_relay_outcomes_total{outcome="session_limited"}']
        equal(forwarded + limited, 60, "forwarded and limited")
        check(forwarded >= 26 and limited >= 1, f"{forwarded} forwarded, {limited} limited")


def a_million_malformed_datagrams(program):
    """Nothing of them is answered, all are counted, and the relay serves on."""
    total = 1_000_000
    with Relay(program, "--ip-rate-limit-pps", "1000000000") as relay:
        pair = Pair(relay)
        attacker = Peer(relay, uuid.uuid4(), CLIENT)
        rng = random.Random(4)
        shapes = []
        for kind in (0, 1, 2, 3, 4, 5, 0x10, 0x11, 0xff):
            for size in (0, 1, 19, 20, 21, 27, 28, 36, 52, 100, 1499, 1500, 1501, 3000):
                data = bytearray(header(kind, uuid.UUID(int=rng.getrandbits(128))) +
                                 rng.randbytes(size))[:max(size, 1)]
                shapes.append(bytes(data))
                if len(data) > 20:
                    broken = bytearray(data)
                    broken[rng.randrange(20)] ^= 1 << rng.randrange(8)
                    shapes.append(bytes(broken))
        shapes = [shape for shape in shapes if not well_formed(shape)]
        sent = 0
        base = relay.metrics()["wavry_relay_packets_rx"]
        while sent < total:
            burst = min(500, total - sent)
            for _ in range(burst):
                attacker.send(shapes[sent % len(shapes)])
                sent += 1
            if sent % 20000 == 0 or sent == total:  # no faster than the relay takes them
                relay.wait_metric("wavry_relay_packets_rx", base + sent - dropped(relay))
        metrics = relay.metrics()
        received = metrics["wavry_relay_packets_rx"] - base
        equal(received + dropped(relay), total, "received and dropped by the kernel")
        outcomes = sum(value for name, value in metrics.items() if "outcomes_total" in name)
        equal(outcomes, metrics["wavry_relay_packets_rx"], "outcomes add up")
        attacker.receive_nothing()
        pair.exchange()


def dropped(relay):
    return relay.metrics()["wavry_relay_backpressure_dropped_packets"]


def well_formed(data):
    """Could be a datagram of ours that is answered or queued (no token here verifies)."""
    return len(data) >= 20 and data[0] == 0x57 and data[1] == 1 and data[2] in (1, 4)


if __name__ == "__main__":
    main(sys.modules[__name__])
