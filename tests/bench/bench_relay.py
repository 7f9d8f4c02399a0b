#!/usr/bin/env python3
"""The relay on real sockets beside a null forwarder: CPU time, latency, memory (ci/bench).

usage: bench_relay.py WAVRY_RELAY WAVRY_PROBE NULL_FORWARDER [cpu] [latency] [memory]

Loopback only. What is measured runs on core 0, all its threads; the generator on core 1. Counted is
what is *delivered*; "CPU" is process CPU time (user and system) per delivered datagram. Two forms
are held against each other, each with its own null forwarder:
  sendmmsg   recvmmsg and sendmmsg alone: the relay with --gro off --gso off, plain sender
  GRO/GSO    the relay as it comes; the sender sends runs of 16 of one flow as one (UDP_SEGMENT),
             the sink receives one by one, except where "GRO sink" is said
A and B are measured in turns within each run; ci/bench repeats runs and takes medians.
Latency is from just before a datagram's send call to the kernel's timestamp when the sink's socket
gets it. "Added" is the relay's taken from the null forwarder's, which has to be woken by the same
machine: on a virtual one that alone is most of it. Each is measured in short turns, and the quietest
sixth of their 99th percentiles counts (its mean): a host's pauses, of milliseconds, only ever add, and
fall into the others. What the flood itself adds, it adds in every turn. The
flood is 20,000 well-formed leases with wrong signatures per second from many sources; the thread that
verifies them shares core 0 with the worker.
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
from statistics import mean, median

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "relay"))

from relay_bed import Key, RELAY_ID, Relay, resident_bytes, temporary_folder  # noqa: E402

PINNED = ("taskset", "-c", "0")
PACED = 60_000
FLOOD = 20_000
RUN = 16
TURNS = 5  # of A and B, within one run
STREAM_S = 1.5  # the first tenths of a second show cold caches
LATENCY_TURNS = 24
LATENCY_QUIETEST = 4  # of them
LATENCY_STREAM_S = 0.1


def figure(name, value, unit, bound="-"):
    print(f"FIGURE\t{name}\t{value:.3f}\t{unit}\t{bound}", flush=True)


def two_free_ports():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second:
            first.bind(("0.0.0.0", 0))
            second.bind(("0.0.0.0", 0))
            return first.getsockname()[1], second.getsockname()[1]


class NullForwarder:
    """What forwarding costs when nothing is decided."""

    def __init__(self, program, gso):
        self.ports = two_free_ports()
        self.process = subprocess.Popen(
            [*PINNED, program, "--client-ports", str(self.ports[0]), "1", "--server-ports",
             str(self.ports[1]), "1", *(["--gso"] if gso else [])],
            stdout=subprocess.PIPE, text=True)
        self.target = f"127.0.0.1:{self.process.stdout.readline().split()[1]}"

    def load_options(self, _):
        return ["--no-leases", "--client-port", str(self.ports[0]), "--server-port",
                str(self.ports[1])]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate()


class Nothing:
    """The sink itself: what is sent arrives there at once."""

    def __init__(self):
        self.ports = two_free_ports()
        self.target = f"127.0.0.1:{self.ports[1]}"
        self.process = None

    load_options = NullForwarder.load_options


class BenchRelay(Relay):
    """One worker, no limits in the way of a load."""

    def __init__(self, program, *options, sessions=20_000, env=None):
        super().__init__(program, "--max-sessions", str(sessions), "--load-shed-threshold-pct",
                         "100", "--peer-rate-limit-pps", "0", *options, wrapper=PINNED, env=env)
        self.target = f"127.0.0.1:{self.address[1]}"

    def load_options(self, key_file):
        return ["--key-file", key_file, "--relay-id", RELAY_ID]


class Generator:
    """wavry-probe load on its own core."""

    def __init__(self, program, folder):
        self.program = program
        self.key_file = str(pathlib.Path(folder) / "key")
        key = Key()
        pathlib.Path(self.key_file).write_text(f"{key.kid}:{key.secret[:32].hex()}\n")

    def arguments(self, forwarder, *options):
        pid = ["--cpu-of", str(forwarder.process.pid)] if forwarder.process else []
        return ["taskset", "-c", "1", self.program, "load", forwarder.target,
                *forwarder.load_options(self.key_file), *pid, "--json", *map(str, options)]

    def load(self, forwarder, *options):
        done = subprocess.run(self.arguments(forwarder, *options), capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            sys.exit(f"the load failed ({done.returncode}): {done.stderr}{done.stdout}")
        return json.loads(done.stdout)


# ---- CPU ---------------------------------------------------------------------------------------


def pace_name(rate):
    return "as fast as it goes" if rate == "max" else f"{rate:,}/s"


def compare(generator, relay, null, load, name, bound):
    """A and B in turns. Returns what the relay delivered per second."""
    found = {null: [], relay: []}
    for _ in range(TURNS):
        for forwarder, results in found.items():
            results.append(generator.load(forwarder, *load))
    spent = {forwarder: [result["cpu_ns_per_delivered"] for result in results]
             for forwarder, results in found.items()}
    figure(f"{name}: null forwarder", median(spent[null]), "ns CPU/datagram")
    figure(f"{name}: relay", median(spent[relay]), "ns CPU/datagram")
    ratios = [a / b for a, b in zip(spent[relay], spent[null])]
    figure(f"{name}: ratio", median(ratios), "", bound)
    return median([result["delivered_per_second"] for result in found[relay]])


def cpu_figures(generator, relay, null, form, bound):
    options = ("--gso", "--run", RUN) if form == "GRO/GSO" else ()
    fastest = None
    for size in (1200, 100):
        for flows in (1, 1000):
            for rate in (PACED, "max"):
                load = ("--seconds", STREAM_S, "--rate", rate, "--size", size, "--flows", flows,
                        *options)
                name = (f"{form}, {size} bytes, {flows} flow{'s' if flows > 1 else ''}, "
                        f"{pace_name(rate)}")
                delivered = compare(generator, relay, null, load, name, bound)
                if rate == "max":
                    figure(f"{name}: relay, delivered", delivered, "/s")
                    fastest = fastest or delivered
    return fastest


def cpu(generator, programs):
    with (BenchRelay(programs["relay"], "--gro", "off", "--gso", "off") as relay,
          NullForwarder(programs["null"], False) as null):
        fastest = cpu_figures(generator, relay, null, "sendmmsg", "<= 1.10")
    with (BenchRelay(programs["relay"]) as relay, NullForwarder(programs["null"], True) as null):
        cpu_figures(generator, relay, null, "GRO/GSO", "<= 1.4")
        load = ("--seconds", STREAM_S, "--rate", "max", "--gso", "--run", RUN, "--gro-sink")
        compare(generator, relay, null, load,
                "GRO/GSO, 1200 bytes, 1 flow, as fast as it goes, GRO sink", "-")
    return fastest


# ---- Latency -----------------------------------------------------------------------------------


def latency(generator, programs, fastest):
    with BenchRelay(programs["relay"]) as relay, NullForwarder(programs["null"], False) as null:
        if fastest is None:
            fastest = generator.load(relay, "--seconds", 1, "--rate",
                                     "max")["delivered_per_second"]
        rate = int(fastest / 2)
        load = ("--seconds", LATENCY_STREAM_S, "--rate", rate, "--burst", 4, "--latency")
        turns = (("direct", Nothing(), ()), ("null", null, ()), ("calm", relay, ()),
                 ("flood", relay, ("--bogus-leases", FLOOD)))
        found = {name: [] for name, _, _ in turns}
        for _ in range(LATENCY_TURNS):
            for name, forwarder, more in turns:
                found[name].append(generator.load(forwarder, *load, *more))
    p99 = {name: mean(sorted(result["latency_ns"]["p99"] / 1e3
                             for result in results)[:LATENCY_QUIETEST])
           for name, results in found.items()}
    figure("half load", rate, "/s")
    figure("p99 latency at half load: nothing in between", p99["direct"], "us")
    figure("p99 latency at half load: null forwarder", p99["null"], "us")
    figure("p99 latency at half load: relay", p99["calm"], "us")
    figure("p99 latency added at half load", p99["calm"] - p99["null"], "us", "<= 100")
    figure(f"p99 latency, {FLOOD:,} bogus leases/s: relay", p99["flood"], "us")
    figure("p99 latency, change by the flood", (p99["flood"] / p99["calm"] - 1) * 100, "%", "<= 10")
    figure("media kept during the flood",
           median(result["delivered_pct"] for result in found["flood"]), "%", ">= 99.5")


# ---- Memory ------------------------------------------------------------------------------------


def hold(generator, relay, sessions, begin):
    """Begins a load that keeps so many sessions alive; returns when all of them are there."""
    process = subprocess.Popen(generator.arguments(relay, "--flows", sessions, "--rate", 20_000,
                                                   "--size", 200, "--seconds", 4),
                               stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while relay.json("/health")["total_sessions"] < begin + sessions:
        if process.poll() is not None or time.monotonic() > end:
            sys.exit(f"{sessions} sessions could not be set up")
        time.sleep(0.05)
    return process


def memory(generator, programs):
    """Signatures are not checked here: they are slow and take no memory."""
    env = {"WAVRY_RELAY_ALLOW_INSECURE_DEV": "1", "WAVRY_ALLOW_INSECURE_RELAY": "1"}
    with BenchRelay(programs["relay"], sessions=110_000, env=env) as relay:
        figure("resident memory without sessions, room for 110,000",
               resident_bytes(relay.process) / 2**20, "MiB")
        for sessions in (100, 100_000):
            load = hold(generator, relay, sessions, 0)
            first = resident_bytes(relay.process)
            delivered = json.loads(load.communicate()[0])["delivered"]
            if delivered == 0:
                sys.exit("nothing was delivered")
            second = resident_bytes(relay.process)
            figure(f"resident memory, {sessions:,} sessions", first / 2**20, "MiB")
            figure(f"resident memory, {sessions:,} sessions, after 4 s of traffic",
                   second / 2**20, "MiB")
            figure(f"resident memory, {sessions:,} sessions: growth",
                   (second - first) * 100 / first, "%", "<= 1")


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    programs = dict(zip(("relay", "probe", "null"), sys.argv[1:4]))
    parts = sys.argv[4:] or ["cpu", "latency", "memory"]
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("two cores are needed: one for what is measured, one for the generator")
    fastest = None
    with temporary_folder() as folder:
        generator = Generator(programs["probe"], folder)
        if "cpu" in parts:
            fastest = cpu(generator, programs)
        if "latency" in parts:
            latency(generator, programs, fastest)
        if "memory" in parts:
            memory(generator, programs)


if __name__ == "__main__":
    main()
