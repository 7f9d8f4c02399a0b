"""The real relay over real sockets: start, HTTP, drain, reload, restart, refusals to start.

usage: test_flow_life.py WAVRY_RELAY [TEST…]
"""
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import uuid

from relay_bed import (ACK, CLIENT, DEADLINE, Fail, Key, Pair, Peer, REJECT, RELAY_ID, Relay,
                       SERVER, before, check, equal, forward, main, temporary_folder)

PUBLIC = {"WAVRY_RELAY_ALLOW_PUBLIC_BIND": "1", "WAVRY_RELAY_ALLOW_HOST_PROD_BIND": "1"}


def refused_start(program, arguments, env=None, code=2):
    """What a start that must fail says on standard error."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("WAVRY_")}
    environment.update(env or {})
    done = subprocess.run([program, *arguments], env=environment, capture_output=True,
                          timeout=DEADLINE, stdin=subprocess.DEVNULL, check=False)
    text = done.stderr.decode()
    equal(done.returncode, code, f"exit code; it said: {text}")
    return text


def bare_arguments(*more):
    return ["--standalone", "--key", Key().option, "--listen", "127.0.0.1:0", "--health-listen",
            "127.0.0.1:0", *more]


# ---- HTTP --------------------------------------------------------------------------------------


def health_says_what_the_protocol_promises(program):
    with Relay(program, "--max-sessions", "7") as relay:
        Pair(relay)
        status, headers, body = relay.get("/health")
        health = json.loads(body)
        equal(status, 200, "status")
        check(headers["Content-Type"].startswith("application/json"), headers)
        equal(sorted(health), sorted([
            "relay_id", "status", "ready", "has_master_key", "registered_with_master",
            "active_sessions", "total_sessions", "max_sessions", "uptime_secs", "metrics"]),
            "members")
        for name, value in (("relay_id", RELAY_ID), ("ready", True), ("has_master_key", True),
                            ("registered_with_master", False), ("active_sessions", 1),
                            ("total_sessions", 1), ("max_sessions", 7)):
            equal(health[name], value, name)
        equal(health["metrics"]["packets_rx"], 2, "packets_rx")


def ready_says_so(program):
    with Relay(program) as relay:
        status, _, body = relay.get("/ready")
        equal((status, json.loads(body)), (200, {"relay_id": RELAY_ID, "ready": True}), "/ready")


def a_relay_without_a_key_is_not_ready(program):
    """It waits for a master that nobody runs; it answers all the same."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d" % nobody.getsockname()[1]
        with Relay(program, "--master-url", url, "--advertise", "192.0.2.1:4000",
                   standalone=False) as relay:
            equal(relay.get("/ready")[0], 503, "/ready")
            health = relay.json("/health")
            equal((health["ready"], health["has_master_key"], health["registered_with_master"]),
                  (False, False, False), "health")


def the_json_metrics_are_there(program):
    with Relay(program) as relay:
        Pair(relay).exchange()
        metrics = relay.json("/metrics")
        equal((metrics["packets_rx"], metrics["packets_forwarded"]), (4, 2), "counters")


def prometheus_gets_text(program):
    with Relay(program) as relay:
        Pair(relay).exchange()
        status, headers, body = relay.get("/metrics/prometheus")
        equal(status, 200, "status")
        check(headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers)
        check(b'wavry_relay_packets_rx{relay_id="%s"} 4\n' % RELAY_ID.encode() in body, body)
        metrics = relay.metrics()
        equal(metrics["wavry_relay_active_sessions"], 1, "active_sessions")
        equal(metrics['wavry_relay_forward_latency_seconds_bucket{le="+Inf"}'], 2, "latencies")
        check(metrics["wavry_relay_forward_latency_seconds_count"] == 2, "latency count")


def nothing_else_is_served(program):
    with Relay(program) as relay:
        equal(relay.get("/")[0], 404, "/")
        equal(relay.get("/../etc/passwd")[0], 404, "a path outside")
        equal(relay.get("/health", "POST")[0], 405, "POST")
        equal(relay.get("/health", "HEAD")[0], 200, "HEAD")


# ---- Drain and end -----------------------------------------------------------------------------


def an_idle_relay_ends_at_once(program):
    with Relay(program, "--drain-timeout-secs", "3600") as relay:
        relay.signal(signal.SIGTERM)
        equal(relay.wait(), 0, "exit code")


def a_drain_lets_sessions_run_and_refuses_new_ones(program):
    with Relay(program, "--drain-timeout-secs", "3600") as relay:
        pair = Pair(relay)
        waiting = uuid.uuid4()
        Peer(relay, waiting, CLIENT).join()
        relay.signal(signal.SIGTERM)
        relay.wait_line("draining")
        equal(relay.get("/ready")[0], 503, "/ready")
        pair.exchange()
        Peer(relay, uuid.uuid4(), CLIENT).refused(4)
        late = Peer(relay, waiting, SERVER)
        check(late.join().draining, "the second peer joins, and is told")
        for session, peer in ((pair.session, pair.client), (pair.session, pair.server),
                              (waiting, late)):
            from relay_bed import renew
            peer.send(renew(session, peer.cookie, release=True))
        # the other peer of `waiting` is gone without a word: a second signal does not wait for it
        relay.signal(signal.SIGTERM)
        equal(relay.wait(), 128 + signal.SIGTERM, "exit code of a second signal")


def a_drain_ends_with_the_last_session(program):
    with Relay(program, "--drain-timeout-secs", "3600") as relay:
        pair = Pair(relay)
        relay.signal(signal.SIGINT)
        relay.wait_line("draining")
        from relay_bed import renew
        for peer in (pair.client, pair.server):
            peer.send(renew(pair.session, peer.cookie, release=True))
        equal(relay.wait(), 0, "exit code")


def a_drain_ends_with_its_timeout(program):
    with Relay(program, "--drain-timeout-secs", "1") as relay:
        Pair(relay)
        relay.signal(signal.SIGTERM)
        equal(relay.wait(), 0, "exit code")


def fill(pipe):
    """So that nothing more can be written to it. By an opening of our own, which alone is
    non-blocking."""
    own = os.open(f"/proc/self/fd/{pipe}", os.O_WRONLY | os.O_NONBLOCK)
    try:
        for size in (4096, 1):
            try:
                while True:
                    os.write(own, b" " * size)
            except BlockingIOError:
                pass
    finally:
        os.close(own)


def stopped(process):
    """Stops a process; False where it has ended already."""
    process.send_signal(signal.SIGSTOP)
    for _ in before():
        with open(f"/proc/{process.pid}/stat") as file:
            state = file.read().rpartition(")")[2].split()[0]
        if state in "TZ":
            return state == "T"
    raise Fail("it did not stop")


def listening(port):
    """Whether 127.0.0.1:port is open. To connect could last minutes: nobody accepts at a stopped
    process, and what nobody accepts fills its queue."""
    with open("/proc/net/tcp") as table:
        return any(row.split()[1] == f"0100007F:{port:04X}" and row.split()[3] == "0A"
                   for row in list(table)[1:])


def signalled_at_its_end(program, number):
    """The exit code of a drained relay that gets a signal while it waits for its log, which nobody
    reads; 0 where that was too late."""
    log, pipe = os.pipe()
    process = subprocess.Popen([program, *bare_arguments("--log-format", "json")], stderr=pipe,
                               stdin=subprocess.DEVNULL)
    try:
        with open(log) as lines:
            events = (json.loads(line) for line in lines)
            address = next(event["address"] for event in events
                           if event["event"] == "http_listening")
            next(event for event in events if event["event"] == "ready_to_serve")
            fill(pipe)
            process.send_signal(signal.SIGTERM)
            for _ in before():  # HTTP is the first thing that ends
                if not stopped(process):
                    break
                if not listening(int(address.rpartition(":")[2])):
                    process.send_signal(number)
                    break
                process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGCONT)
            return process.wait(DEADLINE)
    finally:
        os.close(pipe)
        process.kill()
        process.wait()


def a_second_signal_after_the_drain_ends_it_at_once(program):
    for _ in range(20):  # a try may come too late
        code = signalled_at_its_end(program, signal.SIGINT)
        if code != 0:
            break
    equal(code, 128 + signal.SIGINT, "exit code")


# ---- Reload ------------------------------------------------------------------------------------


def a_reload_takes_over_keys_bans_and_limits(program):
    first, second = Key("one", b"\1" * 32), Key("two", b"\2" * 32)
    with temporary_folder() as folder:
        keys, bans, config = folder + "/keys", folder + "/bans", folder + "/relay.conf"

        def write(path, *lines):
            with open(path, "w") as file:
                file.write("".join(line + "\n" for line in lines))
        write(keys, first.option)
        write(bans)
        write(config, "max-sessions = 50", "log-level = info")
        with Relay(program, "--key-file", keys, "--ban-file", bans, "--config", config,
                   keys=[]) as relay:
            pair = Pair(relay, key=first)
            Peer(relay, uuid.uuid4(), CLIENT, second).refused(2)
            write(keys, "# both, while leases of the first live", first.option, second.option)
            write(bans, "mallory")
            write(config, "max-sessions = 40", "log-level = debug")
            relay.signal(signal.SIGHUP)
            relay.wait_line("reloaded")
            Peer(relay, uuid.uuid4(), CLIENT, second).join()
            banned = Peer(relay, uuid.uuid4(), CLIENT, second)
            banned.refused(5, banned.lease(sub="mallory"))
            equal(relay.json("/health")["max_sessions"], 40, "max_sessions")
            pair.exchange()
            text = "\n".join(relay.text)
            check("max-sessions" in text, "the log says what changed")

            seen = len(relay.lines)
            write(keys, second.option, "revoke " + first.public.hex())
            relay.signal(signal.SIGHUP)
            relay.wait_line("reloaded", after=seen)
            relay.wait_metric("wavry_relay_sessions_revoked_total", 1)
            pair.client.send(forward(pair.session, 99))
            relay.wait_metric('wavry_relay_outcomes_total{outcome="session_not_found"}', 1)
            Peer(relay, uuid.uuid4(), CLIENT, first).refused(2)


def a_reload_of_nonsense_changes_nothing(program):
    with temporary_folder() as folder:
        config = folder + "/relay.conf"
        with open(config, "w") as file:
            file.write("max-sessions = 50\n")
        with Relay(program, "--config", config) as relay:
            with open(config, "w") as file:
                file.write("max-sessions = many\n")
            relay.signal(signal.SIGHUP)
            line = relay.wait_line("reload_failed")
            check("max-sessions" in json.dumps(line) and "many" in json.dumps(line), line)
            equal(relay.json("/health")["max_sessions"], 50, "max_sessions")
            Pair(relay).exchange()


# ---- Restart -----------------------------------------------------------------------------------


def killed_and_started_again_it_has_the_same_id(program):
    with temporary_folder() as folder:
        state = folder + "/state"
        with Relay(program, "--state-dir", state, relay_id=None) as relay:
            identity = relay.json("/health")["relay_id"]
            uuid.UUID(identity)
            session = uuid.uuid4()
            peer = Peer(relay, session, CLIENT)
            token = peer.lease(rid=identity)
            equal(peer.present(token).kind, ACK, "a lease for this id")
            relay.kill()
        with Relay(program, "--state-dir", state, relay_id=None) as again:
            equal(again.json("/health")["relay_id"], identity, "relay_id")
            peer = Peer(again, session, CLIENT)
            equal(peer.present(token).kind, ACK, "the same lease after a restart")


def a_revoked_key_stays_revoked_after_a_restart(program):
    key = Key()
    with temporary_folder() as folder:
        path = folder + "/keys"
        with open(path, "w") as file:
            file.write(f"revoke {key.public.hex()}\n{Key('good', bytes(32)).option}\n")
        for _ in range(2):
            with Relay(program, "--key-file", path, keys=[]) as relay:
                Peer(relay, uuid.uuid4(), CLIENT, key).refused(2)
                relay.kill()


# ---- Refusals to start -------------------------------------------------------------------------


def a_port_in_use_is_an_error(program):
    with Relay(program) as relay:
        taken = "127.0.0.1:%d" % relay.address[1]
        text = refused_start(program, ["--standalone", "--key", Key().option, "--listen", taken,
                                       "--health-listen", "127.0.0.1:0"], code=1)
        check(taken in text, text)
        text = refused_start(program, ["--standalone", "--key", Key().option, "--listen", taken,
                                       "--workers", "4", "--health-listen", "127.0.0.1:0"], code=1)
        check(taken in text, text)
        taken = "127.0.0.1:%d" % relay.http[1]
        text = refused_start(program, bare_arguments()[:-1] + [taken], code=1)
        check(taken in text, text)
    with Relay(program, "--workers", "4") as relay:
        taken = "127.0.0.1:%d" % relay.address[1]
        refused_start(program, ["--standalone", "--key", Key().option, "--listen", taken,
                                "--workers", "4", "--health-listen", "127.0.0.1:0"], code=1)


def an_unsafe_bind_is_refused(program):
    arguments = ["--standalone", "--key", Key().option, "--listen", "0.0.0.0:0",
                 "--health-listen", "127.0.0.1:0"]
    text = refused_start(program, arguments)
    check("WAVRY_RELAY_ALLOW_PUBLIC_BIND=1" in text, text)
    with Relay(program, listen="0.0.0.0:0", env=PUBLIC):
        pass


def insecure_mode_needs_two_words(program):
    text = refused_start(program, bare_arguments("--allow-insecure-dev"))
    check("WAVRY_ALLOW_INSECURE_RELAY" in text, text)
    with Relay(program, "--allow-insecure-dev", keys=[],
               env={"WAVRY_ALLOW_INSECURE_RELAY": "1"}) as relay:
        Pair(relay, key=Key("anybody", b"\9" * 32)).exchange()


def a_bad_value_names_the_option_and_what_is_allowed(program):
    for option, value in (("--max-sessions", "0"), ("--load-shed-threshold-pct", "101"),
                          ("--listen", "nowhere"), ("--key", "k:zz"), ("--dscp", "64")):
        text = refused_start(program, bare_arguments(option, value))
        check(option in text, text)
        check(value in text or option == "--key", f"no key is repeated: {text}")


def standalone_needs_keys(program):
    text = refused_start(program, ["--standalone", "--listen", "127.0.0.1:0"])
    check("--key" in text, text)


def a_state_directory_that_cannot_be_used_is_a_wrong_option(program):
    with temporary_folder() as folder:
        text = refused_start(program, bare_arguments("--state-dir", folder + "/a/b"))
        check("--state-dir" in text, text)


def every_line_of_a_failed_start_has_the_form_asked_for(program):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder, temporary_folder() as folder:
        holder.bind(("127.0.0.1", 0))
        taken = "127.0.0.1:%d" % holder.getsockname()[1]
        for more, code in ((["--listen", taken], 1), (["--state-dir", folder + "/a/b"], 2)):
            text = refused_start(program, bare_arguments("--log-format", "json", *more), code=code)
            for line in text.splitlines():
                equal(json.loads(line)["event"], "cannot_start", line)


def check_config_starts_nothing(program):
    done = subprocess.run([program, *bare_arguments("--check-config")], capture_output=True,
                          timeout=DEADLINE, check=False)
    equal(done.returncode, 0, "exit code")
    refused_start(program, bare_arguments("--check-config", "--max-sessions", "none"))


def check_config_makes_no_relay_id_and_finds_the_one_there_is(program):
    def last_line(*arguments):
        done = subprocess.run([program, *bare_arguments("--check-config", *arguments)],
                              capture_output=True, text=True, timeout=DEADLINE, check=False)
        equal(done.returncode, 0, f"exit code; it said: {done.stderr}")
        return done.stdout.splitlines()[-1]

    fine = "wavry-relay: the configuration is fine "
    equal(last_line(), fine + "(each start has a new relay id)", "without a directory")
    with temporary_folder() as folder:
        state = folder + "/state"
        equal(last_line("--state-dir", state), f"{fine}(a new relay id will be made in {state})",
              "a directory that is not there")
        equal(os.listdir(folder), [], "what a check made")
        with Relay(program, "--state-dir", state, relay_id=None) as relay:
            identity = relay.json("/health")["relay_id"]
        equal(last_line("--state-dir", state), f"{fine}(relay id {identity})", "one that was made")
        text = refused_start(program, bare_arguments("--check-config", "--state-dir",
                                                     folder + "/no/state"))
        check("--state-dir" in text and "expected" in text, text)


def help_and_version_are_there(program):
    for option in ("--help", "--version"):
        done = subprocess.run([program, option], capture_output=True, timeout=DEADLINE, check=False)
        equal((done.returncode, done.stderr), (0, b""), option)
        check(b"wavry-relay" in done.stdout, done.stdout)


# ---- Logs and privileges -----------------------------------------------------------------------


def logs_hold_no_token_and_no_key(program):
    key = Key()
    secret = "a-very-secret-bearer-token"
    with Relay(program, "--log-level", "trace", "--master-auth-token", secret) as relay:
        pair = Pair(relay)
        pair.exchange()
        Peer(relay, uuid.uuid4(), CLIENT).refused(2, b"v4.public." + b"A" * 200)
        text = "\n".join(relay.text)
        for hidden in (pair.client.token.decode()[20:60], key.public.hex(), secret, "A" * 50,
                       "client-" + str(pair.session)):
            check(hidden not in text, f"{hidden} is in the log")


def closed_standard_files_are_nobody_elses(program):
    """Else the log would be written into the first socket, which takes none of it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [*bare_arguments()[:-1], f"127.0.0.1:{port}"]
    process = subprocess.Popen(["sh", "-c", 'exec "$0" "$@" 0<&- 1>&- 2>&-', program, *arguments])
    try:
        for _ in before():
            if subprocess.run([program, "health", *arguments], stderr=subprocess.DEVNULL,
                              check=False).returncode == 0:
                break
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        connection.request("GET", "/metrics")
        state = json.loads(connection.getresponse().read())["state"]
        connection.close()
        equal(state["log_lines_dropped"], 0, "lines that could not be written")
        process.send_signal(signal.SIGTERM)
        equal(process.wait(DEADLINE), 0, "exit code")
    finally:
        process.kill()
        process.wait()


def small_socket_buffers_are_named(program):
    """Where the kernel's bound holds, which only CAP_NET_ADMIN may pass."""
    try:
        with open("/proc/sys/net/core/rmem_max") as file:
            most = int(file.read())
    except FileNotFoundError:  # older kernels have it in the first network namespace only
        return
    wrapper = ("setpriv", "--bounding-set", "-net_admin") if os.geteuid() == 0 else ()
    with Relay(program, wrapper=wrapper) as relay:
        lines = [line for line in relay.lines if line["event"] == "socket_buffers_small"]
        if most < 16 << 20:
            equal((lines[0]["wanted"], lines[0]["receive"]), (16 << 20, most), "bytes")
            check("net.core.rmem_max" in lines[0]["do"], lines)


def root_is_given_up(program):
    """Started as root it serves as somebody else, without any capability."""
    with Relay(program) as relay:
        status = {}
        with open(f"/proc/{relay.process.pid}/status") as file:
            for line in file:
                name, _, value = line.partition(":")
                status[name] = value.split()
        if os.geteuid() == 0:
            check("0" not in status["Uid"] and "0" not in status["Gid"], "not root any more")
            check(set(status["Groups"]) <= set(status["Gid"]), "supplementary groups")
        for name in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
            equal(int(status[name][0], 16), 0, name)
        equal(status["NoNewPrivs"], ["1"], "no_new_privs")
        Pair(relay).exchange()


if __name__ == "__main__":
    main(sys.modules[__name__])
