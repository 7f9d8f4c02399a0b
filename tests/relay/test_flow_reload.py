"""Reloads of the real relay: what is said to have changed has changed, and nobody waits for it.

usage: test_flow_reload.py WAVRY_RELAY [TEST…]
"""
import pathlib
import signal
import subprocess
import sys
import uuid

from relay_bed import (CLIENT, DEADLINE, Fail, Key, Peer, Relay, check, equal, main,
                       temporary_folder)
from test_flow_nat import Namespace

OLD, NEW = Key("old", b"\2" * 32), Key("new", b"\3" * 32)
PUBLIC = {"WAVRY_RELAY_ALLOW_PUBLIC_BIND": "1", "WAVRY_RELAY_ALLOW_HOST_PROD_BIND": "1"}

# A FORWARD to a relay's port, forged to come from the same port of this address; says what became
# of it.
FORGE = """
import socket, sys, uuid
sys.path.insert(0, sys.argv[1])
from relay_bed import Relay, forward
address, port, http = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
relay = Relay.__new__(Relay)
relay.http = "127.0.0.1", http
before = relay.metrics()
data = forward(uuid.uuid4(), 1)
udp = b"".join(n.to_bytes(2, "big") for n in (port, port, 8 + len(data), 0)) + data
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.bind((address, 0))
raw.sendto(udp, ("127.0.0.1", 0))
relay.wait_received(before["wavry_relay_packets_rx"] + 1)
after = relay.metrics()
print(*(name for name in after if "outcomes_total" in name and after[name] != before[name]))
"""


class Reloaded:
    """A relay with a configuration file that can be written anew."""

    def __init__(self, program, folder, text, *options, **members):
        self.path = folder + "/relay.conf"
        self.write(text)
        self.relay = Relay(program, "--config", self.path, *options, **members)

    def write(self, text):
        with open(self.path, "w") as file:
            file.write(text)

    def reload(self, text, event="reloaded"):
        """Returns the line of the log that says how it went."""
        seen = len(self.relay.lines)
        self.write(text)
        self.relay.signal(signal.SIGHUP)
        return self.relay.wait_line(event, after=seen)


def statistics_begin_with_a_reload(program):
    with temporary_folder() as folder:
        bench = Reloaded(program, folder, "stats-log-interval-secs = 0\n")
        with bench.relay as relay:
            bench.reload("stats-log-interval-secs = 1\n")
            relay.wait_line("statistics", deadline=20)


def the_rate_of_signatures_that_is_shown_is_the_one_that_applies(program):
    name = "wavry_relay_verification_rate_limit"
    with temporary_folder() as folder:
        bench = Reloaded(program, folder, "verify-rate = 111\n")
        with bench.relay as relay:
            equal(relay.metrics()[name], 111, "at the start")
            bench.reload("verify-rate = 222\n")
            equal(relay.metrics()[name], 222, "after a reload")
            bench.reload("verify-rate = auto\n")
            measured = relay.metrics()[name]
            if measured == 222 or measured < 1:
                raise Fail(f"auto is measured: {measured}")
            bench.reload("verify-rate = 333\n")
            bench.reload("verify-rate = auto\n")
            equal(relay.metrics()[name], measured, "what was measured once")


def what_an_operator_should_know_is_said_at_a_reload_too(program):
    """And not what was said before."""
    with temporary_folder() as folder:
        bench = Reloaded(program, folder, "packet-queue-capacity = 1\n")
        with bench.relay as relay:
            def notes():
                return [line["text"] for line in relay.lines if line["event"] == "note"]
            equal(len(notes()), 1, f"notes at the start: {notes()}")
            bench.reload("packet-queue-capacity = 1\n")
            equal(len(notes()), 1, "the same again")
            bench.reload("packet-queue-capacity = 2\n")
            equal(len(notes()), 2, "notes after another value")
            check(notes()[1].startswith("--packet-queue-capacity: 2 "), notes())


def a_standalone_relay_is_not_left_without_keys(program):
    """What follows a restart with a master would end a relay that goes on without one."""
    with temporary_folder() as folder:
        bench = Reloaded(program, folder, f"standalone = true\nkey = {OLD.option}\n",
                         standalone=False)
        with bench.relay as relay:
            line = bench.reload("master-url = http://127.0.0.1:9\n", "reload_failed")
            check("restart" in line["error"], line)
            equal([line for line in relay.lines if line["event"] == "key_retired"], [], "retired")
            Peer(relay, uuid.uuid4(), CLIENT, OLD).join()


def a_key_may_get_another_kid(program):
    """And its old name goes to another key: the one that has no kid, of which there is one."""
    with temporary_folder() as folder:
        bench = Reloaded(program, folder, f"master-public-key = {OLD.public.hex()}\n", keys=[])
        with bench.relay as relay:
            Peer(relay, uuid.uuid4(), CLIENT, OLD).join()
            bench.reload(f"master-public-key = {NEW.public.hex()}\nkey = {OLD.option}\n")
            Peer(relay, uuid.uuid4(), CLIENT, OLD).join()
            Peer(relay, uuid.uuid4(), CLIENT, NEW).join()
            equal([line for line in relay.lines if line["event"] == "key_refused"], [], "refused")


def all_keys_may_get_other_kids(program):
    """A ring full of them has room for their new names."""
    keys = [Key(f"key-{i}", bytes([i + 1]) * 32) for i in range(8)]
    with temporary_folder() as folder:
        bench = Reloaded(program, folder, "".join(f"key = {key.option}\n" for key in keys), keys=[])
        with bench.relay as relay:
            for key in keys:
                key.kid = "renamed-" + key.kid
            bench.reload("".join(f"key = {key.option}\n" for key in keys))
            for key in keys:
                Peer(relay, uuid.uuid4(), CLIENT, key).join()
            equal(relay.metrics()["wavry_relay_keys"], 8, "keys")


def an_address_that_came_later_is_the_relays_own_after_a_reload(program):
    """In a network of its own, where addresses come and go; without the right to make one there is
    nothing to see."""
    late = "192.0.2.9"
    try:
        namespace = Namespace()
        namespace.run("ip", "link", "set", "lo", "up")
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"skipped: no network namespaces here: {error}")
        return

    def forged(relay):
        done = subprocess.run(
            namespace.command(sys.executable, "-c", FORGE, str(pathlib.Path(__file__).parent), late,
                              str(relay.address[1]), str(relay.http[1])),
            capture_output=True, text=True, timeout=DEADLINE, check=False)
        equal(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def reloaded(relay):
        """How many own addresses there are, and how often they were said to have changed."""
        seen = len(relay.lines)
        relay.signal(signal.SIGHUP)
        line = relay.wait_line("reloaded", after=seen)
        return line["own_addresses"], sum(entry["event"] == "own_addresses_changed"
                                          for entry in relay.lines)

    try:
        with Relay(program, listen="0.0.0.0:0", env=PUBLIC, wrapper=namespace.command()) as relay:
            equal(reloaded(relay), (1, 0), "loopback alone")
            namespace.run("ip", "address", "add", late + "/32", "dev", "lo")
            stranger = forged(relay)
            check("bad_source" not in stranger and stranger, f"a stranger's: {stranger}")
            equal(reloaded(relay), (2, 1), "one more")
            equal(forged(relay), 'wavry_relay_outcomes_total{outcome="bad_source"}', "its own")
            equal(reloaded(relay), (2, 1), "nothing new")
            namespace.run("ip", "address", "delete", late + "/32", "dev", "lo")
            equal(reloaded(relay), (1, 2), "one less")
    finally:
        namespace.close()


if __name__ == "__main__":
    main(sys.modules[__name__])
