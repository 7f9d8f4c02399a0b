"""wavry-probe against the real relay, and against a stand-in that fails in every way it must name.

usage: test_probe.py WAVRY_PROBE WAVRY_RELAY [TEST…]
"""
import http.server
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import uuid

from relay_bed import (DEADLINE, Key, Relay, RELAY_ID, check, equal, header, lease, run,
                       temporary_folder, tests_of)

PRESENT, ACK, REJECT, RENEW, FORWARD = 1, 2, 3, 4, 0x10
PROBE = None
PING, ECHO = 0, 1


class StandIn:
    """Something on a relay's port: acknowledges leases and forwards, as far as it is let.

    `judge(role)` is the reason of a reject or None; `pass_on(data, role)` lists the datagrams that
    go out for a FORWARD of that role."""

    def __init__(self, judge=lambda role: None, pass_on=lambda data, role: [data], bare=True):
        self.judge, self.pass_on, self.bare = judge, pass_on, bare
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.answers_by = self.socket
        self.peers, self.tokens = {}, []
        self.target = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def role_of(self, source):
        return next((role for role, address in self.peers.items() if address == source), None)

    def serve(self):
        while True:
            data, source = self.socket.recvfrom(65536)
            if data == b"stop":
                return
            self.hear(data, source)

    def hear(self, data, source):
        role = self.role_of(source)
        if data[:2] == b"RI":
            if self.bare and role is not None and 1 - role in self.peers:
                self.socket.sendto(data, self.peers[1 - role])
            return
        session = uuid.UUID(bytes=data[4:20])
        if data[2] == PRESENT:
            self.tokens.append(data[23:23 + int.from_bytes(data[21:23], "big")])
            self.present(session, len(self.peers) if role is None else role, source)
        elif data[2] == RENEW and role is not None and not data[3] & 2:
            self.acknowledge(session, source)
        elif data[2] == FORWARD and role is not None and 1 - role in self.peers:
            for each in self.pass_on(data, role):
                self.socket.sendto(each, self.peers[1 - role])

    def present(self, session, role, source):
        reason = self.judge(role)
        if reason == "silence":
            return
        if reason is not None:
            self.answers_by.sendto(header(REJECT, session) + reason.to_bytes(2, "big"), source)
            return
        self.peers[role] = source
        self.acknowledge(session, source)

    def acknowledge(self, session, source):
        body = (2**41).to_bytes(8, "big") + (1000).to_bytes(4, "big") * 2
        self.answers_by.sendto(header(ACK, session, 1) + body + b"c" * 16, source)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.sendto(b"stop", self.socket.getsockname())
        self.thread.join(DEADLINE)
        self.socket.close()


def number_of(data):
    """(kind, number) of a measured body in a robust opaque FORWARD, else None."""
    body = data[20 + 8 + 16:]
    if body[:4] != bytes.fromhex("77707262"):
        return None
    return int.from_bytes(body[4:8], "big"), int.from_bytes(body[8:16], "big")


class Health:
    """A /health that says what it is told to."""

    def __init__(self, answer, status=200):
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status if self.path == "/health" else 404)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.where = f"127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join(DEADLINE)
        self.server.server_close()


def write(folder, name, content):
    path = pathlib.Path(folder) / name
    path.write_bytes(content)
    os.chmod(path, 0o644)
    return str(path)


def key_file(folder, key):
    return write(folder, f"secret-{key.kid}", f"{key.kid}:{key.secret[:32].hex()}\n".encode())


def call(*arguments):
    done = subprocess.run([PROBE, *arguments], capture_output=True, text=True, timeout=DEADLINE,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def probe(target, *options, key=None):
    """(exit code, report) with a key at hand and few, fast datagrams."""
    with temporary_folder() as folder:
        arguments = ["--key-file", key_file(folder, key or Key())]
        if not any(option in ("--relay-id", "--health") for option in options):
            arguments += ["--relay-id", RELAY_ID]
        for name, value in (("--count", "50"), ("--rate", "2000")):
            if name not in options:
                arguments += [name, value]
        code, out, error = call(target, *arguments, *options, "--json")
    check(out, f"no report, exit {code}: {error}")
    return code, json.loads(out)


def fails(found, stage, *words):
    code, report = found
    equal((code, report["ok"], report["failed_stage"]), (1, False, stage), "where it failed")
    for word in words:
        told = f"{report['reason']} {report['advice']}"
        check(word in told, f"'{word}' is not in: {told}")
    return report


# ---- What a working relay looks like -----------------------------------------------------------


def every_datagram_is_counted_once_each_way(program):
    with StandIn() as relay:
        code, report = probe(relay.target, "--count", "100")
        equal((code, report["ok"], report["failed_stage"]), (0, True, None), "verdict")
        for way in ("client_to_server", "server_to_client"):
            found = {name: report[way][name] for name in
                     ("sent", "received", "duplicated", "reordered")}
            equal(found, {"sent": 100, "received": 100, "duplicated": 0, "reordered": 0}, way)
        trip, there = report["round_trip"], report["client_to_server"]["times"]
        check(0 < trip["min_ns"] <= trip["median_ns"] <= trip["p99_ns"] <= trip["max_ns"],
              f"order of times: {trip}")
        check(there["median_ns"] < trip["median_ns"], "one way takes longer than both")
        equal(report["session"], str(uuid.UUID(report["session"])), "session")


def datagrams_have_the_size_that_was_asked_for(program):
    sizes = set()

    def pass_on(data, role):
        if number_of(data) and number_of(data)[1] > 0:
            sizes.add(len(data))
        return [data]
    with StandIn(pass_on=pass_on) as relay:
        equal(probe(relay.target, "--size", "1337")[0], 0, "exit code")
        equal(sizes, {1337}, "sizes")


def a_report_for_people_names_the_stages(program):
    with StandIn() as relay, temporary_folder() as folder:
        code, out, _ = call(relay.target, "--key-file", key_file(folder, Key()), "--relay-id", "r",
                            "--count", "10", "--rate", "1000")
        equal(code, 0, "exit code")
        stages = [line.split()[0] for line in out.splitlines() if line.startswith("  ") and
                  not line.startswith("   ")]
        equal(stages, ["resolve", "socket", "lease", "client", "server", "forward", "measure",
                       "release"], "stages")
        check(out.endswith(f"ok: {relay.target} forwards\n"), out)


# ---- What fails, and how it is told ------------------------------------------------------------


def each_reject_has_its_words(program):
    for reason, word in ((1, "clock"), (2, "trusts other keys"), (3, "--relay-id"),
                         (4, "--max-sessions"), (5, "ban list"), (6, "limits")):
        with StandIn(judge=lambda role, reason=reason: reason) as relay:
            fails(probe(relay.target, "--timeout", "400"), "client", f"reason {reason}", word)


def a_refusal_of_the_server_alone_is_its_own_stage(program):
    with StandIn(judge=lambda role: 5 if role == 1 else None) as relay:
        report = fails(probe(relay.target), "server", "reason 5")
        check("client" in report["stages"], "the client was accepted")


def a_limited_probe_comes_back_before_it_gives_up(program):
    refusals = [6, 6]
    with StandIn(judge=lambda role: refusals.pop() if refusals else None) as relay:
        equal(probe(relay.target)[0], 0, "exit code")


def silence_is_told_from_a_closed_port(program):
    with StandIn(judge=lambda role: "silence") as relay:
        fails(probe(relay.target, "--timeout", "400"), "client", "no answer at all", "firewall")
        target = relay.target
    fails(probe(target), "client", "closed", "--listen")


def answers_of_another_address_are_noticed(program):
    with StandIn() as relay:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            relay.answers_by = other
            fails(probe(relay.target, "--timeout", "400"), "client",
                  f"answers come from 127.0.0.1:{other.getsockname()[1]}")


def a_port_that_is_no_relays_is_told(program):
    with StandIn() as relay:
        relay.acknowledge = lambda session, source: relay.socket.sendto(b"NTP?", source)
        fails(probe(relay.target, "--timeout", "400"), "client", "none of them an answer")


def the_way_that_forwards_nothing_is_named(program):
    with StandIn(pass_on=lambda data, role: []) as relay:
        fails(probe(relay.target, "--timeout", "600"), "forward", "nothing of the client's")
    with StandIn(pass_on=lambda data, role: [data] if role == 0 else []) as relay:
        fails(probe(relay.target, "--timeout", "600"), "forward", "do not reach the client")


def loss_is_counted_and_judged(program):
    def every_fifth_lost(data, role):
        kind, number = number_of(data) or (None, 1)
        return [] if kind == PING and number > 0 and number % 5 == 0 else [data]
    with StandIn(pass_on=every_fifth_lost) as relay:
        report = fails(probe(relay.target, "--max-loss", "19"), "measure", "10 of 50",
                       "client to server")
        equal(report["client_to_server"]["received"], 40, "received there")
        equal(report["server_to_client"]["sent"], 40, "echoes")
        equal(report["server_to_client"]["received"], 40, "received back")
    with StandIn(pass_on=every_fifth_lost) as relay:
        equal(probe(relay.target, "--max-loss", "20")[0], 0, "exit code at the limit")


def large_datagrams_that_vanish_point_to_the_mtu(program):
    with StandIn(pass_on=lambda data, role: [data] if len(data) < 1300 else []) as relay:
        fails(probe(relay.target, "--size", "1400"), "measure", "MTU")


def duplicates_and_reordering_are_counted(program):
    with StandIn(pass_on=lambda data, role: [data, data]) as relay:
        _, report = probe(relay.target)
        for way in ("client_to_server", "server_to_client"):
            equal(report[way]["received"], 50, f"{way}, each once")
            # The last copies may come when the probe has gone.
            check(report[way]["duplicated"] >= 40, f"{way}: {report[way]}")
    kept = []

    def swap_pairs(data, role):
        kind, number = number_of(data) or (None, 0)
        if kind != ECHO or number == 0:
            return [data]
        if number % 2 == 1:
            kept.append(data)
            return []
        return [data, kept.pop()]
    with StandIn(pass_on=swap_pairs) as relay:
        code, report = probe(relay.target)
        equal(code, 0, "exit code")
        equal(report["server_to_client"]["reordered"], 25, "reordered")
        equal(report["client_to_server"]["reordered"], 0, "reordered there")


def a_relay_without_bare_rift_fails_the_handshake_of_real_clients(program):
    with StandIn(bare=False) as relay:
        fails(probe(relay.target, "--behaviour", "upstream", "--timeout", "400"), "handshake",
              "--bare-rift")


# ---- /health, keys and tokens ------------------------------------------------------------------


def health_gives_the_relay_id(program):
    with StandIn() as relay, Health({"relay_id": "by-health", "ready": True}) as health:
        code, report = probe(relay.target, "--health", health.where)
        equal((code, report["relay_id"]), (0, "by-health"), "relay id")
        check(b"v4.public." in relay.tokens[0], "a token was presented")
        fails(probe(relay.target, "--health", health.where, "--relay-id", "other"), "health",
              "'by-health', not 'other'")
        fails(probe(relay.target, "--health", f"http://{health.where}/other"), "health", "404")


def health_that_is_none_is_told(program):
    with StandIn() as relay:
        for answer in ({"status": "ok"}, b"not json", b"", {"relay_id": ""}, {"relay_id": 7},
                       {"relay_id": "a b"}, {"relay_id": "\x1b[2J"}, {"relay_id": "a" * 257}):
            with Health(answer) as health:
                fails(probe(relay.target, "--health", health.where), "health", "no relay_id")
        where = health.where
        fails(probe(relay.target, "--health", where), "health", "--health-listen")


def noise_can_be_had_again(program):
    """All of it comes from the seed, and nothing from where the program's secrets are."""
    class Listener(StandIn):
        def hear(self, data, source):
            if len(data) > 1500:
                oversize.append(data)
            elif len(data) > 100 and data[0] == 0x57:
                super().hear(data, source)

    runs = []
    with temporary_folder() as folder:
        arguments = ["--key-file", key_file(folder, Key()), "--relay-id", RELAY_ID, "--seconds",
                     "0.5", "--rate", "10", "--burst", "1", "--malformed", "60", "--seed", "5"]
        for _ in range(2):
            oversize = []
            with Listener() as relay:
                call("load", relay.target, *arguments)
            runs.append(oversize)
    check(len(runs[0]) > 3, f"{len(runs[0])} oversize datagrams")
    equal(runs[1], runs[0], "another run with the same seed")


def tokens_of_a_master_do_without_the_key(program):
    with StandIn() as relay, temporary_folder() as folder:
        session, key = uuid.uuid4(), Key()
        files = [write(folder, f"token-{role}", lease(key, session, role) + b"\n")
                 for role in (0, 1)]
        other = write(folder, "other", lease(key, uuid.uuid4(), 1))
        junk = write(folder, "junk", b"v4.public.AAAA")

        def with_tokens(client, server):
            code, out, _ = call(relay.target, "--token-client", client, "--token-server", server,
                                "--count", "10", "--rate", "1000", "--json")
            return code, json.loads(out)
        code, report = with_tokens(*files)
        equal((code, report["session"], report["relay_id"]), (0, str(session), RELAY_ID), "report")
        fails(with_tokens(files[0], other), "lease", "different sessions")
        fails(with_tokens(files[1], files[0]), "lease", "for the role server")
        fails(with_tokens(files[0], junk), "lease", "not a lease token")


def wrong_usage_is_exit_2_and_names_the_option(program):
    with temporary_folder() as folder:
        key = key_file(folder, Key())
        bad = write(folder, "bad", b"k:123\n")
        good = ("127.0.0.1:9", "--key-file", key, "--relay-id", "r")
        for arguments, word in (
                ((), "HOST:PORT"),
                (good[:1], "--key-file"),
                (good[:3], "--relay-id"),
                ((*good, "extra"), "extra"),
                ((*good, "--count", "0"), "--count is 1 to 1000000"),
                ((*good, "--rate", "10001"), "--rate is 1 to 10000"),
                ((*good, "--size", "79"), "--size is 80 to 1500"),
                ((*good, "--size", "1501"), "--size is 80 to 1500"),
                ((*good, "--max-loss", "101"), "--max-loss"),
                ((*good, "--timeout", "99"), "--timeout"),
                ((*good, "--form", "square"), "--form is opaque or rift"),
                ((*good, "--behaviour", "odd"), "--behaviour is robust or upstream"),
                ((*good, "--token-client", key), "go together"),
                ((*good[:2], bad, *good[3:]), "not a secret key"),
                ((*good[:2], f"{folder}/none", *good[3:]), "No such file"),
                ((*good, "--nonsense"), "--nonsense")):
            code, out, error = call(*arguments)
            equal((code, out), (2, ""), f"{arguments}: exit code and output")
            check(word in error, f"{arguments}: '{word}' is not in: {error}")
        code, report = probe("nohost.invalid:1")
        fails((code, report), "resolve", "nohost.invalid")
        fails(probe("127.0.0.1"), "resolve", "HOST:PORT")
        equal(call("--help")[0], 0, "--help")


# ---- The real relay ----------------------------------------------------------------------------


def the_real_relay_forwards_for_every_kind_of_peer(program):
    with Relay(program) as relay:
        target = f"127.0.0.1:{relay.address[1]}"
        health = f"127.0.0.1:{relay.http[1]}"
        for options in ((), ("--form", "rift"), ("--behaviour", "upstream"), ("--size", "1500")):
            code, report = probe(target, "--health", health, *options)
            equal((code, report["reason"]), (0, None), f"verdict with {options}")
            equal(report["server_to_client"]["received"], 50, f"received with {options}")
        equal(relay.metrics()["wavry_relay_sessions_released_total"] >= 3, True, "released")


def the_real_relays_refusals_are_named(program):
    with Relay(program) as relay:
        target = f"127.0.0.1:{relay.address[1]}"
        fails(probe(target, "--relay-id", "another"), "client", "reason 3")
        fails(probe(target, key=Key("bench", b"\2" * 32)), "client", "reason 2")
        fails(probe(target, "--kid", "unknown"), "client", "reason 2")


def main():
    global PROBE
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    PROBE = sys.argv[1]
    tests = tests_of(sys.modules[__name__])
    sys.exit(run(tests, sys.argv[2], sys.argv[3:]))


if __name__ == "__main__":
    main()
