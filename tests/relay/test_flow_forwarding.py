"""The real relay over real sockets: what is forwarded, and to whom (sections 1, 3 and 4).

usage: test_flow_forwarding.py WAVRY_RELAY [TEST…]
"""
import random
import socket
import sys
import uuid

from relay_bed import (ACK, Key, Pair, Peer, Relay, CLIENT, SERVER, before, check, equal,
                       forward_rift, parse_address, rift_handshake, rift_transport, main)


def opaque_forwards_go_both_ways_unchanged(program):
    with Relay(program) as relay:
        pair = Pair(relay)
        for size in (0, 1, 100, 1200, 1500 - 28):
            pair.exchange((bytes(range(256)) * 6)[:size])
        equal(relay.outcome("forwarded"), 10, "forwarded")


def rift_packets_are_forwarded_wrapped(program):
    with Relay(program) as relay:
        pair = Pair(relay)
        for packet_id in (1, 2, 500, 1400):
            wrapped = forward_rift(pair.session, rift_transport(packet_id))
            pair.client.send(wrapped)
            equal(pair.server.receive(), wrapped, "a wrapped RIFT packet")
        wrapped = forward_rift(pair.session, rift_transport(1400))
        for _ in range(2):
            pair.client.send(wrapped)
            equal(pair.server.receive(), wrapped, "a repeat of a RIFT packet")
        pair.client.send(wrapped)
        relay.wait_received(9)
        equal(relay.outcome("replayed"), 1, "fourth copy")


def handshake(pair):
    """A bare handshake as real clients make it, and the first wrapped packet behind it."""
    first, second = rift_handshake(body=b"1" * 32), rift_handshake(body=b"2" * 96)
    pair.client.send(first)
    equal(pair.server.receive(), first, "message 1")
    pair.server.send(second)
    equal(pair.client.receive(), second, "message 2")
    third = rift_transport(0, body=b"3" * 64)
    hello = forward_rift(pair.session, rift_transport(1))
    pair.client.send(third)
    pair.client.send(hello)
    equal(pair.server.receive(), third, "message 3")
    equal(pair.server.receive(), hello, "Hello")


def the_bare_handshake_of_real_clients_is_relayed(program):
    with Relay(program) as relay:
        pair = Pair(relay)
        handshake(pair)
        equal(relay.outcome("bare_forwarded"), 3, "bare_forwarded")


def hello_waits_for_message_3(program):
    with Relay(program) as relay:
        pair = Pair(relay)
        pair.client.send(rift_handshake())
        pair.server.receive()
        pair.server.send(rift_handshake())
        pair.client.receive()
        hello = forward_rift(pair.session, rift_transport(1))
        third = rift_transport(0)
        pair.client.send(hello)
        pair.client.send(third)
        equal({pair.server.receive(), pair.server.receive()}, {hello, third}, "both arrive")


def bare_handshakes_find_their_worker(program):
    """Bare packets name no session, so the kernel cannot steer them: the address table must."""
    with Relay(program, "--workers", "4") as relay:
        for _ in range(12):
            pair = Pair(relay)
            handshake(pair)
            pair.client.sequence = 1  # Hello was packet 1
            pair.exchange()
            pair.close()


def bare_packets_of_an_address_in_two_sessions_are_ambiguous(program):
    """Also when two workers have them."""
    with Relay(program, "--workers", "4") as relay:
        sent = 0
        for _ in range(6):
            pair = Pair(relay)
            other = uuid.uuid4()
            second = Peer(relay, other, CLIENT)
            second.socket.close()
            second.socket = pair.client.socket
            second.join()
            Peer(relay, other, SERVER).join()
            pair.client.send(rift_handshake())
            sent += 1
            relay.wait_metric('wavry_relay_outcomes_total{outcome="bare_ambiguous"}', sent)
            pair.server.receive_nothing()


def many_sessions_on_many_workers_stay_apart(program):
    with Relay(program, "--workers", "4", "--max-sessions", "200") as relay:
        pairs = [Pair(relay) for _ in range(40)]
        for number, pair in enumerate(pairs):
            pair.exchange(b"for %d alone" % number)
        for pair in pairs:
            pair.client.receive_nothing()
            pair.server.receive_nothing()
        equal(relay.outcome("forwarded"), 80, "forwarded")
        equal(relay.json("/health")["active_sessions"], 40, "active sessions")


def a_first_packet_right_behind_the_lease_is_held(program):
    """Real clients send at once; the verdict takes longer."""
    with Relay(program) as relay:
        session = uuid.uuid4()
        server = Peer(relay, session, SERVER)
        server.join()
        client = Peer(relay, session, CLIENT)
        from relay_bed import present
        client.send(present(session, CLIENT, client.lease()))
        first = rift_handshake()
        client.send(first)
        equal(server.receive(), first, "what was sent right behind the lease")


def ipv6_peers_are_served(program):
    with Relay(program, listen="[::1]:0") as relay:
        pair = Pair(relay, host="::1")
        pair.exchange()
        handshake(Pair(relay, host="::1"))


def one_relay_serves_both_families(program):
    public = {"WAVRY_RELAY_ALLOW_PUBLIC_BIND": "1", "WAVRY_RELAY_ALLOW_HOST_PROD_BIND": "1"}
    with Relay(program, listen="[::]:0", env=public) as relay:
        port = relay.address[1]
        session = uuid.uuid4()
        old = Peer(relay, session, CLIENT, host="127.0.0.1", to=("127.0.0.1", port))
        new = Peer(relay, session, SERVER, host="::1", to=("::1", port))
        old.join()
        new.join()
        sent = old.forward()
        equal(new.receive(), sent, "from IPv4 to IPv6")
        sent = new.forward()
        equal(old.receive(), sent, "from IPv6 to IPv4")


def answers_leave_from_the_address_that_was_asked(program):
    """A wildcard bind has many addresses; Peer.receive checks where an answer came from."""
    public = {"WAVRY_RELAY_ALLOW_PUBLIC_BIND": "1", "WAVRY_RELAY_ALLOW_HOST_PROD_BIND": "1"}
    with Relay(program, listen="0.0.0.0:0", env=public) as relay:
        port = relay.address[1]
        session = uuid.uuid4()
        client = Peer(relay, session, CLIENT, host="127.0.0.1", to=("127.0.0.2", port))
        server = Peer(relay, session, SERVER, host="127.0.0.1", to=("127.0.0.3", port))
        client.join()
        server.join()
        sent = client.forward()
        equal(server.receive(), sent, "a FORWARD")
        sent = server.forward()
        equal(client.receive(), sent, "a FORWARD")


def an_oversize_datagram_is_never_cut_and_forwarded(program):
    with Relay(program) as relay:
        pair = Pair(relay)
        from relay_bed import forward
        for size in (1501, 3000, 20000, 65507):
            pair.client.send(forward(pair.session, 1, b"x" * (size - 28)))
        relay.wait_received(6)
        equal(relay.outcome("oversize"), 4, "oversize")
        pair.server.receive_nothing()
        pair.exchange()


def trains_of_a_sender_that_uses_gso_arrive_whole(program):
    """Segmentation offload at the sender makes the kernel hand over trains (GRO)."""
    udp_segment = 103
    with Relay(program) as relay:
        pair = Pair(relay)
        from relay_bed import forward
        train = [forward(pair.session, sequence, b"%04d" % sequence * 50)
                 for sequence in range(1, 41)]
        segment = len(train[0])
        pair.client.socket.sendmsg([b"".join(train)],
                                   [(socket.IPPROTO_UDP, udp_segment, segment.to_bytes(2, "little"))],
                                   0, relay.address)
        equal([pair.server.receive() for _ in train], train, "the datagrams of a train")


def a_train_of_many_sessions_finds_all_its_workers(program):
    """The kernel steers a train whole, by its first segment."""
    udp_segment = 103
    with Relay(program, "--workers", "4") as relay:
        from relay_bed import forward
        first = Pair(relay)
        sessions = [first] + [Pair(relay) for _ in range(7)]
        for pair in sessions[1:]:  # every client is the same address: its leases are newer there
            pair.client.socket.close()
            pair.client.socket = first.client.socket
            pair.client.send(__import__("relay_bed").present(
                pair.session, CLIENT, pair.client.lease(issued=5)))
            equal(pair.client.answer().kind, ACK, "moved to the common address")
        train = [forward(pair.session, 1, b"one train") for pair in sessions]
        first.client.socket.sendmsg(
            [b"".join(train)],
            [(socket.IPPROTO_UDP, udp_segment, len(train[0]).to_bytes(2, "little"))], 0,
            relay.address)
        for pair, sent in zip(sessions, train):
            equal(pair.server.receive(), sent, "each server's own")


def every_datagram_of_odd_trains_is_counted_once(program):
    """Trains of every segment size, of datagrams that belong to all workers and to none, empty ones
    and ones of 64 KiB: each has one outcome, or was dropped because its worker's ring was full."""
    udp_segment = 103
    dice = random.Random(1)
    with Relay(program, "--workers", "3", "--packet-queue-capacity", "64", "--ip-rate-limit-pps",
               "1000000") as relay:
        from relay_bed import forward, present
        pairs = [Pair(relay) for _ in range(6)]
        sender, sent = pairs[0].client.socket, 12
        for segment in (1, 2, 19, 20, 21, 30, 37, 511, 1000, 1472):
            for _ in range(20):
                number = dice.randrange(2, 65000 // 1472)
                train = b"".join(dice.choice((
                    forward(dice.choice(pairs).session, dice.randrange(1, 2000), bytes(1500)),
                    rift_handshake(body=bytes(1500)),
                    present(uuid.UUID(int=dice.getrandbits(128)), CLIENT, b"v4.public." * 150),
                    dice.randbytes(1500)))[:segment] for _ in range(number))
                train = train[:len(train) - dice.randrange(0, segment)]
                sender.sendmsg([train], [(socket.IPPROTO_UDP, udp_segment,
                                          segment.to_bytes(2, "little"))], 0, relay.address)
                sent += -(-len(train) // segment)
        for _ in range(50):
            sender.sendto(b"", relay.address)
            sender.sendto(dice.randbytes(65507), relay.address)
            sent += 2
        for _ in before():
            metrics = relay.metrics()
            seen = (metrics["wavry_relay_packets_rx"] +
                    metrics["wavry_relay_backpressure_dropped_packets"])
            if seen >= sent and metrics["wavry_relay_held_datagrams"] == 0:
                break
        equal(seen, sent, "received or dropped")
        equal(sum(value for name, value in metrics.items()
                  if name.startswith("wavry_relay_outcomes_total{")),
              metrics["wavry_relay_packets_rx"], "outcomes")
        Pair(relay).exchange()


if __name__ == "__main__":
    main(sys.modules[__name__])
