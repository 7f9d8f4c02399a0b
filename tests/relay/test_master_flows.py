"""The real relay and its master: what it sends, byte by byte, and that no master, whatever it does
or fails to do, harms what runs.

usage: test_master_flows.py WAVRY_RELAY [TEST…]
"""
import contextlib
import pathlib
import signal
import sys
import uuid

import fake_master
from fake_master import FakeMaster
from relay_bed import (ACK, CLIENT, Fail, Key, Pair, Peer, Relay, before, check, equal, main,
                       present, temporary_folder)

TOKEN = "a-bearer-token-that-nobody-may-see"
OLD, NEW = Key("old", b"\2" * 32), Key("new", b"\3" * 32)
QUICK = ("--verify-rate", "2000", "--drain-timeout-secs", "1")  # nothing to measure or await


def key_of(key):
    """A key of the bed's as the fake master has it."""
    return fake_master.Key(key.kid, key.public.hex())


def master_with(key=OLD, **members):
    return FakeMaster(key_of(key), token=TOKEN, **members)


def relay_of(master, program, *options, **members):
    """A relay that is served by this master."""
    members["env"] = {"WAVRY_RELAY_MASTER_TOKEN": TOKEN, **members.get("env", {})}
    return Relay(program, "--master-url", master.url, *QUICK, *options, standalone=False, **members)


def wait_ready(relay):
    """By asking: the key is on its way to the workers when the log speaks of it."""
    for _ in before():
        if relay.get("/ready")[0] == 200:
            return
    raise Fail("never ready")


def wait_registered(relay, after=0):
    relay.wait_line("master_registered", after=after)
    wait_ready(relay)


def no_secrets(relay):
    text = "\n".join(relay.text)
    for secret in (TOKEN, OLD.public.hex(), NEW.public.hex()):
        check(secret not in text, f"{secret} is in the log")


# ---- What is sent ------------------------------------------------------------------------------


def a_registration_is_exactly_this(program):
    with master_with() as master, relay_of(
            master, program, "--advertise", "[2001:db8::7]:4001", "--advertise", "203.0.113.7:4000",
            "--region", "eu-west", "--asn", "64500", "--max-sessions", "250",
            "--max-bitrate-kbps", "50000", listen="[::1]:0") as relay:
        first = master.wait_for_requests("register", 1)[0]
        equal(first.body,
              b'{"relay_id":"relay-on-the-bench","endpoints":["203.0.113.7:4000",'
              b'"[2001:db8::7]:4001"],"region":"eu-west","asn":64500,"max_sessions":250,'
              b'"max_bitrate_kbps":50000,"features":["ipv6"]}', "body")
        equal((first.status, first.problem), (200, None), "the real master's judgement")
        equal((first.method, first.path), ("POST", "/v1/relays/register"), "request")
        equal({name.lower(): value for name, value in first.headers},
              {"host": f"127.0.0.1:{master.port}", "authorization": f"Bearer {TOKEN}",
               "content-type": "application/json", "accept": "application/json",
               "content-length": str(len(first.body)),
               "user-agent": first.header("user-agent")}, "headers")
        check(first.header("user-agent").startswith("wavry-relay/"), first.header("user-agent"))
        no_secrets(relay)


def what_nobody_gave_is_null_and_the_port_is_the_real_one(program):
    with master_with() as master, relay_of(master, program) as relay:
        first = master.wait_for_requests("register", 1)[0]
        equal(first.body,
              b'{"relay_id":"relay-on-the-bench","endpoints":["127.0.0.1:%d"],"region":null,'
              b'"asn":null,"max_sessions":100,"max_bitrate_kbps":20000,"features":["ipv4"]}'
              % relay.address[1], "body")
        wait_registered(relay)


def heartbeats_say_the_load(program):
    with master_with() as master, relay_of(master, program, "--max-sessions", "4",
                                           "--load-shed-threshold-pct", "100") as relay:
        beat = master.wait_for_requests("heartbeat", 1)[0]
        equal(beat.body, b'{"relay_id":"relay-on-the-bench","load_pct":0}', "body")
        equal((beat.status, beat.header("authorization")), (200, f"Bearer {TOKEN}"), "heartbeat")
        wait_registered(relay)
        Pair(relay, key=OLD).exchange()
        master.wait_for(lambda: master.seen("heartbeat")[-1].json()["load_pct"] == 25, "load 25")
        equal(master.connections, 1, "connections for everything")


def a_draining_relay_says_full_load_at_once(program):
    with master_with(interval_ms=60000) as master, relay_of(master, program) as relay:
        wait_registered(relay)
        pair = Pair(relay, key=OLD)
        relay.signal(signal.SIGTERM)
        beat = master.wait_for_requests("heartbeat", 1)[0]  # at once, not after a minute
        equal(beat.json()["load_pct"], 100, "load")
        equal(relay.wait(), 0, "exit code")
        pair.close()


def so_does_one_that_has_nothing_to_wait_for(program):
    """Every time: it ends at once, but not before that is said."""
    for _ in range(8):
        with master_with(interval_ms=60000) as master, relay_of(master, program) as relay:
            wait_registered(relay)
            relay.signal(signal.SIGTERM)
            equal(relay.wait(), 0, "exit code")
            equal([beat.json()["load_pct"] for beat in master.seen("heartbeat")], [100], "loads")


# ---- Failures ----------------------------------------------------------------------------------

# What a master does with a registration: (behaviour, value, the result in the relay's log).
FAILURES = [
    ("status", 400, "bad_request"), ("status", 401, "unauthorized"), ("status", 403, "forbidden"),
    ("status", 404, "not_found"), ("status", 500, "other"), ("status", 503, "other"),
    ("garbage", None, "garbage"), ("empty", None, "garbage"), ("huge", None, "garbage"),
    ("huge_chunked", 1000000, "garbage"), ("huge_headers", None, "garbage"),
    ("body", b'{"heartbeat_interval_ms":5000,"master_public_key":[1,2,3]}', "garbage"),
    ("close", None, "unreachable"), ("cut", None, "unreachable"), ("not_http", None, "unreachable"),
    ("redirect", "/.well-known/wavry-id", "other"),
]


def no_answer_to_a_registration_stops_the_relay(program):
    """Every failure at once, each with a relay of its own: it serves, says what is wrong, is not
    ready, and registers as soon as the master is well again."""
    with contextlib.ExitStack() as stack:
        cases = []
        for behaviour, value, result in FAILURES:
            master = stack.enter_context(master_with())
            master.set("register", behaviour, value)
            cases.append((master, stack.enter_context(relay_of(master, program)), result))
        for master, relay, result in cases:
            line = relay.wait_line("master_request_failed", request="register")
            equal(line["result"], result, f"result ({line})")
            check(line["advice"], "some advice")
            equal(relay.get("/ready")[0], 503, "/ready")
            health = relay.json("/health")
            equal((health["registered_with_master"], health["has_master_key"]), (False, False),
                  "/health")
            master.set("register", "ok")
        for master, relay, _ in cases:
            wait_registered(relay)
            Pair(relay, key=OLD).exchange()
            equal([r.endpoint for r in master.requests if r.endpoint not in
                   ("register", "heartbeat", "key")], [], "other requests")
            no_secrets(relay)
        for _, relay, _ in cases:  # all at once: each has a session to wait for
            relay.signal(signal.SIGTERM)
        equal([relay.wait() for _, relay, _ in cases], [0] * len(cases), "exit codes")


def a_wrong_token_is_named(program):
    with master_with() as master, relay_of(
            master, program, env={"WAVRY_RELAY_MASTER_TOKEN": "another"}) as relay:
        line = relay.wait_line("master_request_failed", result="unauthorized")
        check("--master-auth-token" in line["advice"], line)
        check("another" not in "\n".join(relay.text), "the token is in the log")


def a_master_that_comes_late_is_found(program):
    master = master_with().start()
    master.stop()
    with relay_of(master, program) as relay:
        relay.wait_line("master_request_failed", result="unreachable")
        equal(relay.json("/health")["registered_with_master"], False, "registered")
        with master:
            wait_registered(relay)


def failing_heartbeats_are_lost_and_found(program):
    """And harm no session."""
    with master_with() as master, relay_of(master, program) as relay:
        wait_registered(relay)
        pair = Pair(relay, key=OLD)
        for behaviour, value, result in FAILURES:
            if value == 404:
                continue  # registers again, see below
            seen = len(relay.lines)
            # A kept connection that closes unanswered is opened anew, once.
            for _ in range(2 if behaviour == "close" else 1):
                master.once("heartbeat", behaviour, value)
            line = relay.wait_line("master_request_failed", after=seen, request="heartbeat")
            equal(line["result"], result, f"result ({line})")
            relay.wait_line("master_lost", after=seen)
            pair.exchange()
            relay.wait_line("master_registered", after=seen)
        equal(len(master.seen("register")), 1, "registrations")


def six_failures_in_a_row_register_again(program):
    """Five do not; sessions live on through all of it."""
    with master_with() as master, relay_of(master, program) as relay:
        wait_registered(relay)
        pair = Pair(relay, key=OLD)
        for _ in range(5):
            master.once("heartbeat", "status", 500)
        relay.wait_line("master_registered",
                        after=relay.lines.index(relay.wait_line("master_lost")))
        equal(len(master.seen("register")), 1, "registrations after five")
        master.set("heartbeat", "status", 500)
        before_six = len(master.seen("heartbeat"))
        first, second = master.wait_for_requests("register", 2)
        equal(second.body, first.body, "body")
        six = [request for request in master.requests[:master.requests.index(second)]
               if request.endpoint == "heartbeat"][before_six:]
        check(len(six) >= 6 and all(beat.behaviour.name == "status" for beat in six[-6:]),
              f"heartbeats before: {six}")
        pair.exchange()
        master.set("heartbeat", "ok")
        wait_ready(relay)
        pair.exchange()
        Pair(relay, key=OLD).exchange()


# What a master may say of the interval, and whether that is an answer at all.
INTERVALS = [("18446744073709551615", True), ("0", True), ("-1", False), ("1e3", False),
             ("18446744073709551616", False), ('"500"', False), ("null", False)]


def a_master_that_lies_of_the_interval_is_asked_sensibly(program):
    key = ",".join(map(str, OLD.public))
    with contextlib.ExitStack() as stack:
        cases = []
        for interval, good in INTERVALS:
            master = stack.enter_context(master_with())
            master.once("register", "body", b'{"heartbeat_interval_ms":%s,"master_public_key":[%s],'
                        b'"master_key_id":"old"}' % (interval.encode(), key.encode()))
            cases.append((interval, good, master, stack.enter_context(relay_of(master, program))))
        for interval, good, master, relay in cases:
            if not good:
                equal(relay.wait_line("master_request_failed")["result"], "garbage", interval)
            wait_registered(relay)
            Pair(relay, key=OLD).exchange()
        never, at_once = cases[0], cases[1]
        equal(never[2].seen("heartbeat"), [], "heartbeats before a minute is over")
        # 0 is half a second: it took the master's word for it, and kept its head
        beats = at_once[2].wait_for_requests("heartbeat", 4)
        check(len(beats) < 20, f"{len(beats)} heartbeats")
        for _, _, _, relay in cases:
            relay.signal(signal.SIGTERM)
        never[2].wait_for(lambda: never[2].seen("heartbeat")[-1].json()["load_pct"] == 100
                          if never[2].seen("heartbeat") else False, "the drain is told at once")
        equal([relay.wait() for *_, relay in cases], [0] * len(cases), "exit codes")


def a_master_that_forgot_hears_the_same_registration_again(program):
    with master_with() as master, relay_of(master, program) as relay:
        wait_registered(relay)
        master.forget()
        first, second = master.wait_for_requests("register", 2)
        equal(second.body, first.body, "body")
        relay.wait_line("master_request_failed", result="not_found", request="heartbeat")


class Reloading:
    """A relay of this master whose configuration file can be written anew."""

    def __init__(self, master, program, folder, text):
        self.path = folder + "/relay.conf"
        self.write(text)
        self.relay = relay_of(master, program, "--config", self.path)

    def write(self, text):
        with open(self.path, "w") as file:
            file.write(text)

    def reload(self, text):
        """The count of log lines before."""
        seen = len(self.relay.lines)
        self.write(text)
        self.relay.signal(signal.SIGHUP)
        self.relay.wait_line("reloaded", after=seen)
        return seen


def sessions_told(master):
    return [request.json()["max_sessions"] for request in master.seen("register")]


def a_reload_of_what_was_registered_registers_anew(program):
    """And no other one does: not of other options, not to the same number."""
    with temporary_folder() as folder, master_with(interval_ms=60000) as master:
        bench = Reloading(master, program, folder, "max-sessions = 50\n")
        with bench.relay as relay:
            wait_registered(relay)
            pair = Pair(relay, key=OLD)
            seen = bench.reload("max-sessions = 40\n")
            relay.wait_line("master_registered_anew", after=seen)
            first, second = master.wait_for_requests("register", 2)
            equal(second.body, first.body.replace(b":50,", b":40,"), "body")
            equal(relay.get("/ready")[0], 200, "/ready")
            bench.reload("max-sessions = 40\nip-rate-limit-pps = 7\n")
            bench.reload("max-sessions = 99\n")  # more than at the start waits for a restart
            bench.reload("max-sessions = 40\nregion = mars\n")  # and so does a region
            seen = bench.reload("max-sessions = 30\n")
            relay.wait_line("master_registered_anew", after=seen)
            equal(sessions_told(master), [50, 40, 30], "registrations")
            pair.exchange()
            check(not [line for line in relay.lines if line["event"] == "master_lost"], "lost")


def a_registration_anew_that_is_refused_or_fails_harms_nothing(program):
    with temporary_folder() as folder, master_with() as master:
        bench = Reloading(master, program, folder, "max-sessions = 50\n")
        with bench.relay as relay:
            wait_registered(relay)
            pair = Pair(relay, key=OLD)
            master.once("register", "status", 403)
            seen = bench.reload("max-sessions = 40\n")
            line = relay.wait_line("master_request_failed", after=seen, request="register")
            equal(line["result"], "forbidden", f"result ({line})")
            relay.wait_line("master_registered", after=seen)  # by the next heartbeat
            wait_ready(relay)
            pair.exchange()

            master.once("register", "status", 500)
            seen = bench.reload("max-sessions = 30\n")
            line = relay.wait_line("master_request_failed", after=seen, request="register")
            equal(line["result"], "other", f"result ({line})")
            relay.wait_line("master_registered_anew", after=seen)
            equal(sessions_told(master), [50, 40, 30, 30], "registrations")
            wait_ready(relay)
            pair.exchange()


def a_master_that_hangs_holds_up_nothing(program):
    """Neither a request on its way nor one that trickles: media, HTTP and the end go on."""
    for endpoint, behaviour in (("register", "hang"), ("register", "dribble"),
                                ("heartbeat", "hang")):
        with master_with() as master:
            master.set(endpoint, behaviour, 1)
            with relay_of(master, program, keys=[OLD]) as relay:
                request = master.wait_for_requests(endpoint, 1)[0]
                pair = Pair(relay, key=OLD)
                pair.exchange()
                equal(relay.get("/health")[0], 200, "/health")
                relay.stop()
                master.wait_for(lambda: request.hung_up, "the end of the request")


# ---- Identity and keys -------------------------------------------------------------------------


def the_id_is_the_same_after_a_restart_and_leases_stay_good(program):
    with temporary_folder() as folder, master_with() as master:
        state = pathlib.Path(folder, "state")
        ids, port = [], 0
        for end in (Relay.stop, Relay.kill, Relay.stop):
            with relay_of(master, program, "--state-dir", str(state), relay_id=None,
                          listen=f"127.0.0.1:{port}") as relay:
                wait_registered(relay)
                ids.append(master.seen("register")[-1].json()["relay_id"])
                if not port:
                    port = relay.address[1]
                    peer = Peer(relay, uuid.uuid4(), CLIENT, OLD)
                    token = peer.lease(rid=ids[0])
                peer.present(token)
                peer.move()
                end(relay)
        equal(len(set(ids)), 1, f"ids {ids}")
        check(uuid.UUID(ids[0]).int, "an id")


def leases_of_the_learned_key_are_served(program):
    with master_with() as master, relay_of(master, program) as relay:
        wait_registered(relay)
        equal(relay.json("/health")["has_master_key"], True, "has_master_key")
        Pair(relay, key=OLD).exchange()
        equal(relay.wait_line("master_key_learned")["kid"], "old", "kid")
        no_secrets(relay)


def a_rotated_key_is_fetched_when_its_first_lease_comes_and_drops_no_session(program):
    with master_with() as master, relay_of(master, program) as relay:
        wait_registered(relay)
        earlier = Pair(relay, key=OLD)
        master.rotate(key_of(NEW))
        after = Pair(relay, key=NEW)  # its first lease waits for the key
        equal(len(master.seen("key")), 1, "key fetches")
        relay.wait_line("master_key_learned", kid="new")
        earlier.exchange()
        after.exchange()
        Pair(relay, key=OLD).exchange()  # the old key stays for an hour
        no_secrets(relay)


def the_same_kid_with_other_bytes_is_a_new_key(program):
    """As after a restart of a master without a provisioned key."""
    other = Key("old", b"\4" * 32)
    with master_with() as master, relay_of(master, program) as relay:
        wait_registered(relay)
        earlier = Pair(relay, key=OLD)
        master.rotate(key_of(other))
        master.forget()
        master.wait_for_requests("register", 2)
        wait_registered(relay, after=relay.lines.index(relay.wait_line("master_lost")))
        relay.wait_metric("wavry_relay_keys", 2)  # ready it was before the new one came
        Pair(relay, key=other).exchange()
        earlier.exchange()


def an_unknown_kid_is_asked_for_once_and_refused_when_the_master_has_it_not(program):
    with master_with() as master, relay_of(master, program) as relay:
        wait_registered(relay)
        peers = [Peer(relay, uuid.uuid4(), CLIENT, NEW) for _ in range(5)]
        for peer in peers:
            peer.send(present(peer.session, peer.role, peer.lease()))
        equal([peer.answer().reason for peer in peers], [2] * 5, "reasons")
        equal(len(master.seen("key")), 1, "key fetches within 10 s")


def pinned_keys_are_the_only_ones_and_another_is_an_error(program):
    with master_with(NEW) as master, relay_of(master, program, keys=[OLD]) as relay:
        wait_registered(relay)
        line = relay.wait_line("master_key_conflict")
        equal((line["level"], line["kid"]), ("error", "new"), "the line")
        relay.wait_metric("wavry_relay_master_keys_conflicting_total", 1)
        Pair(relay, key=OLD).exchange()
        Peer(relay, uuid.uuid4(), CLIENT, NEW).refused(2)
        equal(len(master.seen("key")), 0, "key fetches")
        no_secrets(relay)


def what_a_reload_pins_is_no_conflict_and_what_it_takes_out_is_one(program):
    """Rotation as an operator does it: both keys, then the master's turn, then the old one goes."""
    def conflicts(relay):
        return relay.metrics()["wavry_relay_master_keys_conflicting_total"]

    with temporary_folder() as folder, master_with() as master:
        file = pathlib.Path(folder, "keys")
        file.write_text(OLD.option + "\n")
        with relay_of(master, program, "--key-file", str(file)) as relay:
            def pin(*keys):
                seen = len(relay.lines)
                file.write_text("".join(key.option + "\n" for key in keys))
                relay.signal(signal.SIGHUP)
                relay.wait_line("reloaded", after=seen)

            def register_again_with(key):
                seen = len(relay.lines)
                master.rotate(key_of(key))
                master.forget()
                relay.wait_line("master_registered", after=relay.lines.index(
                    relay.wait_line("master_lost", after=seen)))

            wait_registered(relay)
            pin(OLD, NEW)
            register_again_with(NEW)
            Pair(relay, key=NEW).exchange()
            pin(NEW)
            equal((conflicts(relay), [line for line in relay.lines
                                      if line["event"] == "master_key_conflict"]), (0, []),
                  "conflicts with what is pinned")
            register_again_with(OLD)
            relay.wait_line("master_key_conflict", kid="old")


def a_pinned_key_is_not_replaced_under_its_own_kid(program):
    other = Key("old", b"\4" * 32)
    with master_with(other) as master, relay_of(master, program, keys=[OLD]) as relay:
        wait_registered(relay)
        pair = Pair(relay, key=OLD)
        equal(relay.wait_line("master_key_conflict")["kid"], "old", "kid")
        Peer(relay, uuid.uuid4(), CLIENT, other).refused(2)
        Pair(relay, key=OLD).exchange()
        pair.exchange()


def a_master_that_changes_its_key_all_the_time_fills_the_ring_and_no_more(program):
    """The newest count; nobody's session ends."""
    keys = [Key(f"k{n}", bytes((n + 1,)) * 32) for n in range(12)]
    with master_with(keys[0]) as master, relay_of(master, program) as relay:
        wait_registered(relay)
        pairs = [Pair(relay, key=keys[0])]
        for key in keys[1:]:
            seen = len(relay.lines)
            master.rotate(key_of(key))
            master.forget()
            relay.wait_line("master_key_learned", after=seen, kid=key.kid)
            wait_registered(relay, after=seen)
            pairs.append(Pair(relay, key=key))
        equal(relay.metrics()["wavry_relay_keys"], 8, "keys in the ring")
        for pair in pairs:
            pair.exchange()
        for key in keys[-8:]:
            Pair(relay, key=key).exchange()
        no_secrets(relay)


def a_key_that_never_comes_holds_up_nobody_else(program):
    """Leases with an unknown kid wait for it, media and leases with known ones do not."""
    with master_with() as master, relay_of(master, program) as relay:
        wait_registered(relay)
        pair = Pair(relay, key=OLD)
        master.set("key", "hang")
        unknown = Peer(relay, uuid.uuid4(), CLIENT, NEW)
        unknown.send(present(unknown.session, unknown.role, unknown.lease()))
        master.wait_for_requests("key", 1)
        for _ in range(100):
            pair.exchange()
        Pair(relay, key=OLD).exchange()
        equal(unknown.answer().reason, 2, "reason")
        pair.exchange()


def a_master_that_dies_leaves_sessions_alone(program):
    master = master_with().start()
    with relay_of(master, program) as relay:
        wait_registered(relay)
        pair = Pair(relay, key=OLD)
        master.stop()
        relay.wait_line("master_lost")
        pair.exchange()
        equal(pair.client.present(pair.client.lease(issued=1)).kind, ACK, "answer to a newer lease")
        Pair(relay, key=OLD).exchange()  # new sessions too: the key is known
        equal(relay.get("/ready")[0], 503, "/ready")
        equal(relay.json("/health")["registered_with_master"], False, "registered")
        with master:
            wait_registered(relay, after=relay.lines.index(relay.wait_line("master_lost")))
            pair.exchange()
        equal(len(master.seen("register")), 1, "registrations: it was away for a moment only")


# ---- The way to it -----------------------------------------------------------------------------


def a_master_is_found_by_name(program):
    with master_with() as master:
        name = f"http://localhost:{master.port}"
        with Relay(program, "--master-url", name, "--master-auth-token", TOKEN, *QUICK,
                   standalone=False) as relay:
            wait_registered(relay)
            equal(master.seen("register")[0].header("host"), f"localhost:{master.port}", "host")


def a_master_on_ipv6_is_found(program):
    with master_with(host="::1") as master, relay_of(master, program) as relay:
        wait_registered(relay)


def tls_wants_a_certificate_that_somebody_vouches_for(program):
    with temporary_folder() as folder:
        tls = fake_master.self_signed(folder)
        with master_with(tls=tls) as master:
            nowhere = {"CURL_CA_BUNDLE": "", "SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}
            with relay_of(master, program, env=nowhere) as relay:
                line = relay.wait_line("master_request_failed", result="unreachable")
                check("certificate" in line["reason"], line)
                master.wait_for(lambda: master.tls_failures, "a refused handshake")
                equal(master.requests, [], "requests")
            with relay_of(master, program, env={**nowhere, "SSL_CERT_FILE": tls[0]}) as relay:
                wait_registered(relay)


if __name__ == "__main__":
    main(sys.modules[__name__])
