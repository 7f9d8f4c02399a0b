"""The real relay over real sockets: a peer that moves, by every rule (section 3), and leaves.

A rule that asks for silence is waited for as a peer waits: it says its word again, every 50 ms,
until it is heard.

usage: test_flow_moving.py WAVRY_RELAY [TEST…]
"""
import socket
import sys

from relay_bed import (ACK, DEADLINE, Fail, Pair, Relay, before, check, equal, forward, present,
                       renew, main, Answer)

WORD_S = 0.05
APART = ("127.0.0.5", "127.0.0.6")  # peers that share an IP could both be the one that moved


def heard(listener):
    """What has arrived, waiting for one word's time; None where nothing did."""
    listener.socket.settimeout(WORD_S)
    try:
        return listener.socket.recv(2048)
    except socket.timeout:
        return None
    finally:
        listener.socket.settimeout(DEADLINE)


def until_promoted(relay, rule, say):
    name = f'wavry_relay_promotions_total{{rule="{rule}"}}'
    for _ in before():
        say()
        if relay.metrics().get(name, 0) >= 1:
            return
    raise Fail(f"no promotion by rule {rule}")


def a_cookie_moves_a_peer_once_it_was_silent_for_a_second(program):
    with Relay(program) as relay:
        pair = Pair(relay)
        pair.exchange()
        pair.client.move()
        check(pair.client.cookie, "the ACK carried a cookie")
        answer = pair.client.present(present_token(pair), b"")
        equal(answer.kind, ACK, "a candidate gets its ACK")
        cookie = answer.cookie

        def say():
            pair.client.send(renew(pair.session, cookie))
            heard(pair.client)
        until_promoted(relay, "cookie", say)
        pair.exchange()
        equal(relay.metrics()["wavry_relay_nat_rebind_events"], 1, "nat_rebind_events")


def present_token(pair):
    """The very token that is bound: kept by the peer when it joined."""
    return pair.client.token


def a_forward_moves_a_legacy_peer_once_it_was_silent_for_two_seconds(program):
    with Relay(program) as relay:
        pair = Pair(relay, hosts=APART)
        pair.exchange()
        pair.client.move()
        arrived = []

        def say():
            pair.client.forward()
            data = heard(pair.server)
            if data:
                arrived.append(data)
        until_promoted(relay, "forward", say)
        check(arrived or heard(pair.server), "the FORWARD that promotes passes")
        while heard(pair.server):
            pass
        pair.exchange()


def passive_rebind_can_be_switched_off(program):
    with Relay(program, "--passive-rebind", "off") as relay:
        pair = Pair(relay)
        pair.exchange()
        pair.client.move()
        pair.client.forward()
        relay.wait_received(5)
        equal(relay.outcome("unknown_peer"), 1, "unknown_peer")


def a_newer_token_moves_a_peer_at_once(program):
    with Relay(program) as relay:
        pair = Pair(relay)
        pair.exchange()
        pair.client.move()
        equal(pair.client.present(pair.client.lease(issued=5)).kind, ACK, "a newer token")
        equal(relay.metrics()['wavry_relay_promotions_total{rule="token"}'], 1, "promotions")
        pair.client.sequence = 0  # it has restarted, and its window with it
        pair.exchange()


def a_copied_token_that_overtook_its_owner_is_undone(program):
    with Relay(program) as relay:
        pair = Pair(relay)
        newer = pair.client.lease(issued=5)
        owner = pair.client.socket
        thief = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        thief.bind(("127.0.0.1", 0))
        thief.settimeout(DEADLINE)
        thief.sendto(present(pair.session, 0, newer), relay.address)
        equal(Answer(thief.recv(2048)).kind, ACK, "the copy was first")
        pair.client.socket = owner
        equal(pair.client.present(newer).kind, ACK, "the owner presents the same bytes")
        equal(relay.metrics()['wavry_relay_reversions_total{rule="token"}'], 1, "reversions")
        pair.exchange()
        thief.close()


def a_flow_that_was_taken_comes_back_to_its_owner(program):
    """A thief that read the wire promotes itself in the owner's silence; one FORWARD undoes it."""
    with Relay(program, "--passive-rebind", "same-ip") as relay:
        pair = Pair(relay, hosts=APART)
        pair.exchange()
        owner = pair.client.socket
        thief = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        thief.bind((APART[0], 0))
        pair.client.socket = thief
        pair.client.socket.settimeout(DEADLINE)

        def say():
            pair.client.forward()
            heard(pair.server)
        until_promoted(relay, "forward", say)
        while heard(pair.server):
            pass
        pair.client.socket = owner
        sent = pair.client.forward()
        equal(pair.server.receive(), sent, "the owner's word")
        equal(relay.metrics()['wavry_relay_reversions_total{rule="forward"}'], 1, "reversions")
        pair.exchange()
        thief.close()


def a_released_role_is_free_at_once(program):
    with Relay(program) as relay:
        pair = Pair(relay)
        pair.client.send(renew(pair.session, pair.client.cookie, release=True))
        relay.wait_received(3)
        equal(relay.outcome("released"), 1, "released")
        health = relay.json("/health")
        equal((health["total_sessions"], health["active_sessions"]), (1, 0), "sessions")
        pair.server.send(renew(pair.session, pair.server.cookie, release=True))
        relay.wait_received(4)
        equal(relay.json("/health")["total_sessions"], 0, "sessions")


def a_bare_renew_is_acknowledged(program):
    with Relay(program, "--lease-duration-secs", "100") as relay:
        pair = Pair(relay)
        pair.client.send(renew(pair.session))
        answer = pair.client.answer()
        equal(answer.kind, ACK, "answer to a renew")
        equal(relay.outcome("renewed"), 1, "renewed")


def a_lease_that_ends_is_over(program):
    """Signed for one second, and no skew: the session ends by itself."""
    with Relay(program, "--max-clock-skew-secs", "0", "--peer-wait-secs", "1") as relay:
        pair = Pair.__new__(Pair)
        from relay_bed import CLIENT, SERVER, Peer
        import uuid
        pair.session = uuid.uuid4()
        pair.client = Peer(relay, pair.session, CLIENT)
        pair.server = Peer(relay, pair.session, SERVER)
        for peer in (pair.client, pair.server):
            equal(peer.present(peer.lease(ttl=2)).kind, ACK, "a short lease")
        relay.wait_metric("wavry_relay_cleanup_expired_sessions", 1)
        pair.client.send(forward(pair.session, 1))
        relay.wait_received(3)
        equal(relay.outcome("session_not_found"), 1, "session_not_found")


if __name__ == "__main__":
    main(sys.modules[__name__])
