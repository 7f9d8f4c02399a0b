"""The real relay under traffic: whatever else happens, media goes on. Floods of leases, reloads,
drains, kill and restart.

Datagrams are counted, time is not: a few are on their way, and another one is sent when the oldest
has arrived, or is lost for certain because the relay has judged all that it was sent.

usage: test_flow_flood.py WAVRY_RELAY [TEST…]
"""
import base64
import collections
import http.client
import pathlib
import random
import signal
import socket
import struct
import sys
import time
import uuid

import fake_master
from relay_bed import (ACK, CLIENT, DEADLINE, Answer, Fail, Key, Pair, Peer, Relay, before, check,
                       equal, forward, lease, main, present, renew, temporary_folder)

ON_THEIR_WAY = 16
NO_LIMIT = "1000000000"


# ---- Media ---------------------------------------------------------------------------------------


class Media:
    """A stream each way in each of some sessions, taken in turns."""

    def __init__(self, relay, pairs):
        self.relay = relay
        self.turns = [turn for pair in pairs
                      for turn in ((pair.client, pair.server), (pair.server, pair.client))]
        self.waiting = collections.deque()  # (sender, receiver, sequence)
        self.next = self.sent = self.delivered = self.foreign = 0
        self.base = relay.metrics()["wavry_relay_packets_rx"]

    def send(self, count, beside=lambda: 0):
        """So many datagrams; `beside` is called before each and says how many it sent itself."""
        for _ in range(count):
            self.foreign += beside()
            sender, receiver = self.turns[self.next % len(self.turns)]
            self.next += 1
            sender.forward(b"media")
            self.sent += 1
            self.waiting.append((receiver, sender.session, sender.sequence))
            if len(self.waiting) > ON_THEIR_WAY:
                self.take()

    def take(self):
        """The oldest one, or it is lost."""
        receiver, session, sequence = self.waiting.popleft()
        while True:
            data = receiver.kept or self.receive(receiver)
            if data is None:
                return
            found = int.from_bytes(data[20:28], "big")
            receiver.kept = data if found > sequence else None
            if found >= sequence:  # a later one tells that this one will not come
                self.delivered += found == sequence
                equal(data, forward(session, found, b"media"), "what was forwarded")
                return

    def receive(self, peer):
        """The next of the stream; None where the relay has judged everything and nothing came."""
        for judged in (False, True):
            peer.socket.settimeout(0.001 if judged else 5)
            try:
                while True:
                    data = peer.socket.recv(2048)
                    if data[2] == 0x10:
                        return data
            except socket.timeout:
                pass
            finally:
                peer.socket.settimeout(DEADLINE)
            if not judged:
                self.wait_judged()
        return None

    def wait_judged(self):
        for _ in before():
            metrics = self.relay.metrics()
            if (metrics["wavry_relay_packets_rx"] - self.base +
                    metrics["wavry_relay_backpressure_dropped_packets"] >=
                    self.sent + self.foreign):
                return
        raise Fail("the relay does not take what it is sent")

    def finish(self, share=1.0):
        while self.waiting:
            self.take()
        check(self.delivered >= self.sent * share,
              f"{self.delivered} of {self.sent} datagrams of the media were delivered")
        return self


def pairs_of(relay, count, **members):
    found = [Pair(relay, **members) for _ in range(count)]
    for pair in found:
        pair.client.kept = pair.server.kept = None
    return found


# ---- Floods --------------------------------------------------------------------------------------


class Bogus:
    """Leases that only their signature tells from good ones: each another session, another source
    and another token."""

    def __init__(self, relay, per_call):
        token = lease(Key(), uuid.uuid4(), CLIENT)
        self.payload = base64.urlsafe_b64decode(token[len(b"v4.public."):] + b"==")[:-64]
        self.relay, self.per_call, self.sent = relay, per_call, 0
        self.rng = random.Random(4)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("0.0.0.0", 0))

    def __call__(self):
        for _ in range(self.per_call):
            rng = self.rng
            body = base64.urlsafe_b64encode(self.payload + rng.randbytes(64))
            token = b"v4.public." + body.rstrip(b"=")
            data = present(uuid.UUID(bytes=rng.randbytes(16)), CLIENT, token)
            source = struct.pack("=I4s4s", 0, bytes((127, rng.randrange(64, 128), *rng.randbytes(2))),
                                 bytes(4))
            self.socket.sendmsg([data], [(socket.IPPROTO_IP, 8, source)], 0, self.relay.address)
        self.sent += self.per_call
        return self.per_call


class Newcomer:
    """A peer that comes during the flood: presents again and again, and with the cookie as soon as
    it was given one."""

    def __init__(self, relay, number):
        self.peer = Peer(relay, uuid.uuid4(), CLIENT, host=f"127.0.1.{number + 1}")
        self.token = self.peer.lease()
        self.cookie = b""
        self.up = False
        self.peer.socket.setblocking(False)

    def present(self):
        """Returns how many datagrams that took."""
        if self.up:
            return 0
        self.peer.send(present(self.peer.session, CLIENT, self.token, self.cookie))
        return 1

    def look(self):
        """As present()."""
        try:
            answer = Answer(self.peer.socket.recv(2048))
        except BlockingIOError:
            return 0
        if answer.kind == ACK:
            self.up = True
            return 0
        equal(answer.reason, 6, "reason")
        check(answer.cookie, "a cookie in the reject")
        first, self.cookie = not self.cookie, answer.cookie
        return self.present() if first else 0


def flood(program, media, *options, ratio):
    """Media and, beside each of its datagrams, bogus leases; new sessions come meanwhile."""
    with Relay(program, "--max-sessions", "1000", "--ip-rate-limit-pps", NO_LIMIT,
               *options) as relay:
        stream = Media(relay, pairs_of(relay, 16))
        bogus = Bogus(relay, 4)
        newcomers = [Newcomer(relay, number) for number in range(20)]
        stream.send(media // 4, bogus)  # the queue is full by now
        began, begun = time.monotonic(), bogus.sent
        for _ in before():
            stream.foreign += sum(newcomer.present() for newcomer in newcomers)
            for _ in range(10):
                stream.send(20, bogus)
                stream.foreign += sum(newcomer.look() for newcomer in newcomers)
            if stream.sent >= media and all(newcomer.up for newcomer in newcomers):
                break
        took = time.monotonic() - began
        stream.finish(0.995)
        metrics = relay.metrics()

        def value(name):
            return metrics["wavry_relay_" + name]
        print(f"       {stream.delivered} of {stream.sent} delivered; "
              f"{(bogus.sent - begun) / took:.0f} bogus leases a second, "
              f"{value('verification_rate_limit')} verified at most; "
              f"{sum(bool(n.cookie) for n in newcomers)} of {len(newcomers)} newcomers by cookie",
              flush=True)
        check(all(newcomer.up for newcomer in newcomers), "new sessions during the flood")
        equal(value('verdicts_total{verdict="accepted"}'), 32 + len(newcomers), "accepted")
        taken = value('outcomes_total{outcome="lease_taken"}')
        check(taken >= ratio * value("verifications_requested_total"),
              f"{taken} leases taken, {value('verifications_requested_total')} verified")
        dropped = value('verdicts_total{verdict="queue_dropped"}')
        check(dropped > 0 or ratio == 0, "the queue was full")


def a_flood_of_bogus_leases_costs_the_media_nothing(program):
    flood(program, 10_000, "--verify-rate", "500", ratio=3)


def nor_does_it_with_four_workers(program):
    flood(program, 10_000, "--verify-rate", "500", "--workers", "4", ratio=3)


def nor_does_it_as_the_relay_ships(program):
    """The verification rate is what this machine does in half a core."""
    flood(program, 10_000, ratio=0)


# ---- Reload --------------------------------------------------------------------------------------


def write(path, *lines):
    """In one piece: a relay that reads meanwhile reads the old or the new."""
    fresh = pathlib.Path(str(path) + ".new")
    fresh.write_text("".join(line + "\n" for line in lines))
    fresh.chmod(0o644)
    fresh.rename(path)


def wait_max_sessions(relay, expected):
    for _ in before():
        if relay.json("/health")["max_sessions"] == expected:
            return
    raise Fail(f"max_sessions did not become {expected}")


def reload_often(program, workers):
    """Keys, bans and limits change as fast as the relay takes it up."""
    extra = [Key(f"k{number}", bytes((number,)) * 32) for number in range(2, 6)]
    with temporary_folder() as folder:
        config, keys, bans = (pathlib.Path(folder, name) for name in ("conf", "keys", "bans"))
        write(config, "max-sessions = 100")
        write(keys, Key().option)
        write(bans)
        with Relay(program, "--config", str(config), "--key-file", str(keys), "--ban-file",
                   str(bans), "--workers", workers, keys=[]) as relay:
            stream = Media(relay, pairs_of(relay, 8))
            for number in range(50):
                write(config, f"max-sessions = {50 + number}", f"verify-rate = {1000 + number}",
                      f"log-level = {('info', 'debug')[number % 2]}")
                write(keys, Key().option, extra[number % 4].option)
                write(bans, *(f"mallory-{n}" for n in range(1 + number % 7)))
                relay.signal(signal.SIGHUP)
                stream.send(50)
                wait_max_sessions(relay, 50 + number)
                stream.send(50)
            stream.finish()
            equal(relay.metrics()["wavry_relay_verification_rate_limit"], 1049, "verify-rate")
            for key in (Key(), *extra):  # one that left the file stays for an hour
                Pair(relay, key=key).exchange()
            banned = Peer(relay, uuid.uuid4(), CLIENT)
            banned.refused(5, banned.lease(sub="mallory-0"))


def reloads_under_traffic_lose_nothing(program):
    reload_often(program, "1")


def nor_do_they_with_four_workers(program):
    reload_often(program, "4")


def two_reloads_in_a_row_end_with_the_last_files(program):
    """The second signal may join the first, or come while it is carried out."""
    with temporary_folder() as folder:
        config = pathlib.Path(folder, "conf")
        write(config, "max-sessions = 100")
        with Relay(program, "--config", str(config)) as relay:
            pair = Pair(relay)
            for number in range(1, 21):
                write(config, f"max-sessions = {2 * number}")
                relay.signal(signal.SIGHUP)
                write(config, f"max-sessions = {2 * number + 1}")
                relay.signal(signal.SIGHUP)
                wait_max_sessions(relay, 2 * number + 1)
                pair.exchange()


# ---- Drain ---------------------------------------------------------------------------------------


def drain_in_mid_traffic(program, workers):
    key = Key("old", b"\2" * 32)
    with fake_master.FakeMaster(fake_master.Key(key.kid, key.public.hex())) as master, Relay(
            program, "--master-url", master.url, "--drain-timeout-secs", "3600", "--workers",
            workers, standalone=False) as relay:
        relay.wait_line("master_registered")
        for _ in before():
            if relay.get("/ready")[0] == 200:
                break
        pairs = pairs_of(relay, 8, key=key)
        stream = Media(relay, pairs)
        stream.send(500)
        master.wait_for(lambda: master.seen("heartbeat"), "a heartbeat")
        check(master.seen("heartbeat")[-1].json()["load_pct"] < 100, "load before")
        relay.signal(signal.SIGTERM)
        stream.send(500)
        master.wait_for(lambda: master.seen("heartbeat")[-1].json()["load_pct"] == 100, "load 100")
        relay.wait_line("draining")
        stream.send(500)
        stream.finish()
        for pair in pairs:
            check(pair.client.present(pair.client.token).draining, "the ACK tells of the drain")
        Peer(relay, uuid.uuid4(), CLIENT, key).refused(4)
        for pair in pairs:
            for peer in (pair.client, pair.server):
                peer.send(renew(pair.session, peer.cookie, release=True))
        equal(relay.wait(), 0, "exit code")
        equal([beat.json()["load_pct"] for beat in master.seen("heartbeat")][-1], 100, "last load")


def a_drain_under_traffic_loses_nothing(program):
    drain_in_mid_traffic(program, "1")


def nor_does_one_with_four_workers(program):
    drain_in_mid_traffic(program, "4")


# ---- Kill ----------------------------------------------------------------------------------------


def killed_in_mid_traffic(program, host, *options):
    """Started again at once on the same ports, it serves who presents again: the same tokens, from
    the same addresses, and sequences that go on where they were."""
    listen = f"[{host}]:%d" if ":" in host else f"{host}:%d"
    with Relay(program, *options, listen=listen % 0) as relay:
        pairs = pairs_of(relay, 8)
        stream = Media(relay, pairs)
        stream.send(3000)
        kept = http.client.HTTPConnection(*relay.http, timeout=DEADLINE)
        kept.request("GET", "/health")
        kept.getresponse().read()
        for pair in pairs:  # on their way when it dies
            pair.client.forward(b"in flight")
        relay.process.kill()
        relay.process.wait(DEADLINE)
        again = Relay(program, *options, listen=listen % relay.address[1],
                      health="127.0.0.1:%d" % relay.http[1])
        kept.close()
    with again as relay:
        equal(relay.address[1], pairs[0].client.to[1], "port")
        for pair in pairs:
            pair.client.forward(b"too early")
            for peer in (pair.client, pair.server):
                forget(peer)
                equal(peer.present(peer.token).kind, ACK, "answer to the same token")
                peer.kept = None
        for pair in pairs:  # 1024 ahead of an empty window is believed the third time
            pair.client.sequence += 2000
            pair.server.sequence += 2000
            for sender, receiver in ((pair.client, pair.server), (pair.server, pair.client)):
                for _ in range(2):
                    sender.forward(b"not yet")
                sent = sender.forward(b"believed")
                equal(receiver.receive(), sent, "the third datagram")
        stream = Media(relay, pairs)
        stream.send(1000)
        stream.finish()


def forget(peer):
    """What an earlier relay sent."""
    peer.socket.setblocking(False)
    try:
        while True:
            peer.socket.recv(2048)
    except BlockingIOError:
        pass
    finally:
        peer.socket.settimeout(DEADLINE)


def killed_and_started_again_it_serves_the_same_sessions(program):
    killed_in_mid_traffic(program, "127.0.0.1")


def and_on_ipv6_with_four_workers(program):
    killed_in_mid_traffic(program, "::1", "--workers", "4")


if __name__ == "__main__":
    main(sys.modules[__name__])
