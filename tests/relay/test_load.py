"""wavry-probe load: it counts right, and the real relay bears what it does.

usage: test_load.py WAVRY_PROBE WAVRY_RELAY [TEST…]
"""
import json
import pathlib
import signal
import socket
import subprocess
import sys
import threading

from relay_bed import (DEADLINE, Key, Pair, Relay, RELAY_ID, before, check, equal,
                       resident_bytes, run, temporary_folder, tests_of)

PROBE = None
SANITIZED = False


class BareForwarder:
    """Sends what comes from one port to another one, as `pass_on` lets it."""

    def __init__(self, pass_on):
        self.pass_on = pass_on
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.target = f"127.0.0.1:{self.socket.getsockname()[1]}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("0.0.0.0", 0))
            self.sink = free.getsockname()[1]
        self.sources, self.seen = set(), 0
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            data, source = self.socket.recvfrom(65536)
            if data == b"stop":
                return
            self.sources.add(source[0])
            self.seen += 1
            for each in self.pass_on(self.seen, data):
                self.socket.sendto(each, (source[0], self.sink))

    def load(self, *options):
        return load(self.target, "--no-leases", "--server-port", str(self.sink), *options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.sendto(b"stop", self.socket.getsockname())
        self.thread.join(DEADLINE)
        self.socket.close()


def load(target, *options):
    """(exit code, results)"""
    done = subprocess.run([PROBE, "load", target, "--json", *map(str, options)], timeout=300,
                          capture_output=True, text=True, check=False)
    check(done.stdout, f"no results, exit {done.returncode}: {done.stderr}")
    return done.returncode, json.loads(done.stdout)


def load_relay(relay, *options):
    with temporary_folder() as folder:
        key = Key()
        file = pathlib.Path(folder) / "key"
        file.write_text(f"{key.kid}:{key.secret[:32].hex()}\n")
        code, results = load(f"127.0.0.1:{relay.address[1]}", "--key-file", file, "--relay-id",
                             RELAY_ID, *options)
    equal(code, 0, f"exit code; {results}")
    return results


# ---- Counting ----------------------------------------------------------------------------------


def delivered_is_what_arrived_not_what_was_sent(program):
    with BareForwarder(lambda n, data: [data] if n % 4 else []) as forwarder:
        code, results = forwarder.load("--seconds", 1, "--rate", 400, "--burst", 1)
        equal(code, 0, "exit code")
        equal(results["sent"], forwarder.seen, "sent")
        equal(results["delivered"], forwarder.seen - forwarder.seen // 4, "delivered")
        equal(forwarder.load("--seconds", 0.5, "--max-loss", 10)[0], 1, "exit code above the limit")
    with BareForwarder(lambda n, data: []) as forwarder:
        code, results = forwarder.load("--seconds", 0.1)
        equal((code, results["delivered"]), (1, 0), "where nothing is delivered")


def late_ones_and_strangers_are_told_apart(program):
    kept = []

    def swap(n, data):
        if n % 2:
            kept.append(data)
            return []
        return [data, kept.pop(), b"\x57\1\x10\0" + b"s" * 60]
    with BareForwarder(swap) as forwarder:
        _, results = forwarder.load("--seconds", 0.5, "--rate", 200, "--burst", 2)
        pairs = forwarder.seen // 2
        equal((results["delivered"], results["late"], results["stray"]),
              (2 * pairs, pairs, pairs), "delivered, late, stray")


def flows_have_sources_sizes_and_latencies_of_their_own(program):
    sizes = set()

    def note(_, data):
        sizes.add(len(data))
        return [data]
    with BareForwarder(note) as forwarder:
        _, results = forwarder.load("--seconds", 0.5, "--rate", 400, "--flows", 50, "--size", 321,
                                    "--latency")
        equal((len(forwarder.sources), sizes), (50, {321}), "sources and sizes")
        times = results["latency_ns"]
        equal(times["count"], results["delivered"], "timed datagrams")
        check(0 < times["min"] <= times["median"] <= times["p99"] <= times["max"], str(times))


def segmentation_offload_changes_no_count(program):
    with BareForwarder(lambda n, data: [data]) as forwarder:
        for options in (("--gso", "--run", 8), ("--gso", "--gro-sink")):
            forwarder.seen = 0
            _, results = forwarder.load("--seconds", 0.5, "--rate", 400, "--flows", 3, *options)
            equal((results["delivered"], results["sent"]), (forwarder.seen, forwarder.seen),
                  f"counts with {options}")


def wrong_usage_is_exit_2(program):
    for arguments, word in (
            ((), "HOST:PORT"), (("h:1",), "--key-file"),
            (("h:1", "--key-file", "/dev/null"), "--relay-id"),
            (("h:1", "--no-leases", "--churn", "5"), "--no-leases"),
            (("h:1", "--no-leases", "--rate", "0"), "--rate"),
            (("h:1", "--no-leases", "--flows", "1000001"), "--flows"),
            (("h:1", "--no-leases", "--size", "43"), "--size is 44 to 1500"),
            (("h:1", "--no-leases", "--size", "1500", "--run", "64"), "--run times --size"),
            (("h:1", "--no-leases", "--seconds", "0"), "--seconds"),
            (("h:1", "--no-leases", "--seconds", "1.25"), "--seconds"),
            (("h:1", "--no-leases", "--seconds", "3000.1"), "--seconds"),
            (("h:1", "--churn", "1", "--churn-total", "2"), "either --churn"),
            (("h:1", "--no-leases", "--nonsense"), "--nonsense")):
        done = subprocess.run([PROBE, "load", *arguments], capture_output=True, text=True,
                              timeout=DEADLINE, check=False)
        equal(done.returncode, 2, f"{arguments}: exit code")
        check(word in done.stderr, f"{arguments}: '{word}' is not in: {done.stderr}")


# ---- What the real relay bears -----------------------------------------------------------------


def many_sessions_carry_the_stream_and_are_given_back(program):
    with Relay(program, "--max-sessions", "400", "--verify-rate", "10000") as relay:
        results = load_relay(relay, "--flows", 300, "--rate", 3000, "--seconds", 1)
        equal((results["flows"], results["delivered"]), (300, results["sent"]), "flows, delivered")
        relay.wait_metric("wavry_relay_sessions_released_total", 300)
        equal(relay.json("/health")["total_sessions"], 0, "sessions afterwards")


def a_refused_lease_ends_the_load(program):
    with Relay(program, relay_id="another") as relay, temporary_folder() as folder:
        key, file = Key(), pathlib.Path(folder) / "key"
        file.write_text(f"{key.kid}:{key.secret[:32].hex()}\n")
        done = subprocess.run([PROBE, "load", f"127.0.0.1:{relay.address[1]}", "--key-file", file,
                               "--relay-id", RELAY_ID], capture_output=True, text=True,
                              timeout=DEADLINE, check=False)
        equal(done.returncode, 1, "exit code")
        check("reason 3" in done.stderr, done.stderr)


def bogus_leases_reach_the_signature_and_fail_there(program):
    with Relay(program, "--verify-rate", "2000") as relay:
        results = load_relay(relay, "--rate", 1000, "--seconds", 2, "--bogus-leases", 500)
        sent = results["bogus_leases"]  # 1000, less what a busy machine had no time for
        check(sent > 0, f"sent: {results}")
        relay.wait_metric('wavry_relay_verdicts_total{verdict="bad_signature"}', sent)
        equal(relay.verdict("malformed_token"), 0, "malformed ones")
        equal(relay.outcome("unbound_limited"), 0, "limited by source")
        equal(results["delivered"], results["sent"], "the stream beside it")


def a_flood_of_bogus_leases_costs_no_media(program):
    """Five times what can be verified; the stream loses nothing that counts (99.5 %)."""
    with Relay(program, "--verify-rate", "1000") as relay:
        results = load_relay(relay, "--rate", 2000, "--seconds", 3, "--bogus-leases", 5000)
        check(results["delivered"] >= 0.995 * results["sent"], f"{results}")
        check(relay.verdict("queue_dropped") > 1000, "the queue never overflowed: no flood")


def malformed_datagrams_end_in_counters(program):
    with Relay(program, "--ip-rate-limit-pps", "1000000") as relay:
        count = 100_000 if SANITIZED else 1_000_000
        results = load_relay(relay, "--rate", 500, "--seconds", 10, "--malformed", count)
        equal(results["malformed"], count, "sent")
        outcomes = {name: relay.outcome(name) for name in
                    ("short", "oversize", "bad_magic", "bad_version", "unknown_type",
                     "unexpected_type", "bad_payload", "lease_taken")}
        check(all(value > 0 for value in outcomes.values()), f"a kind is missing: {outcomes}")
        pair = Pair(relay)
        pair.exchange()
        pair.close()


def what_the_kernel_drops_is_counted(program):
    """A relay that stands still while more comes than its socket holds."""
    with Relay(program) as relay:
        relay.signal(signal.SIGSTOP)
        count = 30_000
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for _ in range(count):
                stranger.sendto(b"x" * 1400, relay.address)
        relay.signal(signal.SIGCONT)
        for _ in before():
            metrics = relay.metrics()
            dropped = metrics["wavry_relay_backpressure_dropped_packets"]
            if metrics["wavry_relay_packets_rx"] + dropped >= count:
                break
        equal(metrics["wavry_relay_packets_rx"] + dropped, count, "received and dropped")
        check(dropped > 0, "nothing was dropped: its socket holds all")


def sessions_come_and_go_and_memory_stays(program):
    """100,000 sessions (5,000 under sanitizers), each set up, used and released."""
    total, rounds = (1000, 5) if SANITIZED else (20_000, 5)
    with Relay(program, "--max-sessions", "1000", "--verify-rate", "50000") as relay:
        first = 0
        for _ in range(rounds):
            results = load_relay(relay, "--rate", 200, "--seconds", 1, "--churn-total", total)
            equal((results["churn_started"], results["churn_ended"], results["churn_failed"]),
                  (total, total, 0), "begun, ended, failed")
            first = first or resident_bytes(relay.process)
        created = relay.metrics()["wavry_relay_sessions_created_total"]
        check(created >= total * rounds, f"created: {created}")
        last = resident_bytes(relay.process)
        # All is taken at the start, but resident only once it was used: some of the 1000 places
        # may be used late. 80,000 sessions that left 50 bytes each would be seen.
        check(SANITIZED or last <= first + 50 * total * (rounds - 1),
              f"resident memory grew from {first} to {last}")


def main():
    global PROBE, SANITIZED
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    PROBE = sys.argv[1]
    SANITIZED = b"__asan_init" in pathlib.Path(sys.argv[2]).read_bytes()
    tests = tests_of(sys.modules[__name__])
    sys.exit(run(tests, sys.argv[2], sys.argv[3:]))


if __name__ == "__main__":
    main()
