"""A real wavry-relay on a test's bench, and peers that speak to it over real sockets.

Nothing here sleeps or judges by time: a test waits for something that happens (a log line, a
datagram, a counter), and DEADLINE only ends the wait for what never comes. Ports are the system's
choice; every process started here is ended here.
"""
import ctypes
import http.client
import inspect
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "model"))

from lease_model import key_pair, sign_token  # noqa: E402
from wire_model import COOKIE_BYTES, HEADER_BYTES, kermit  # noqa: E402

DEADLINE = 60.0
RELAY_ID = "relay-on-the-bench"
CLIENT, SERVER = 0, 1
PRESENT, ACK, REJECT, RENEW, FORWARD = 1, 2, 3, 4, 0x10
ROLES = ("client", "server")


class Fail(AssertionError):
    """What was expected, and what came instead."""


def check(condition, message):
    if not condition:
        raise Fail(message)


def equal(found, expected, what):
    if found != expected:
        raise Fail(f"{what}: expected {expected!r}, found {found!r}")


def before(deadline=DEADLINE):
    """Yields until the deadline is over: for loops that wait for something by asking for it."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        yield


# ---- Leases ------------------------------------------------------------------------------------


class Key:
    """A master's signing key."""

    def __init__(self, kid="bench", seed=b"\1" * 32):
        self.kid = kid
        self.public, self.secret = key_pair(seed)

    @property
    def option(self):
        return f"{self.kid}:{self.public.hex()}"


def rfc3339(unix_s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_s))


def lease(key, session, presented, sub=None, rid=RELAY_ID, issued=0, ttl=900, **members):
    """A token for the role that will be presented. `issued` is in seconds from now; members
    override claims (None leaves one out)."""
    now = int(time.time()) + issued
    claims = {
        "sub": sub if sub is not None else f"{ROLES[presented]}-{session}",
        "sid": str(session),
        "role": ROLES[presented],
        "rid": rid,
        "kid": key.kid,
        "iat_rfc3339": rfc3339(now),
        "nbf_rfc3339": rfc3339(now),
        "exp_rfc3339": rfc3339(now + ttl),
        **members,
    }
    payload = json.dumps({name: value for name, value in claims.items() if value is not None})
    return sign_token(key.secret, payload.encode())


# ---- Datagrams ---------------------------------------------------------------------------------


def header(kind, session, flags=0):
    return bytes((0x57, 1, kind, flags)) + session.bytes


def present(session, role, token, cookie=b"", kind=PRESENT):
    return (header(kind, session, 1 if cookie else 0) + bytes((role,)) +
            len(token).to_bytes(2, "big") + token + cookie)


def renew(session, cookie=b"", release=False):
    return header(RENEW, session, (1 if cookie else 0) | (2 if release else 0)) + cookie


def forward(session, sequence, body=b"payload"):
    return header(FORWARD, session) + sequence.to_bytes(8, "big") + body


def rift_transport(packet_id, alias=1, body=b"sealed"):
    head = b"RI\0\1" + alias.to_bytes(4, "big") + packet_id.to_bytes(8, "big")
    return head + kermit(head).to_bytes(2, "big") + body


def rift_handshake(packet_id=0, session=0, body=b"noise message"):
    head = b"RI\0\1" + session.to_bytes(16, "big") + packet_id.to_bytes(8, "big")
    return head + kermit(head).to_bytes(2, "big") + body


def forward_rift(session, packet):
    return header(FORWARD, session) + packet


class Answer:
    """An ACK or a REJECT."""

    def __init__(self, data):
        check(len(data) >= HEADER_BYTES and data[:2] == b"\x57\1", f"no answer: {data.hex()}")
        self.data, self.kind, self.flags = data, data[2], data[3]
        self.session = uuid.UUID(bytes=data[4:20])
        self.cookie = data[-COOKIE_BYTES:] if self.flags & 1 else b""
        body = data[HEADER_BYTES:len(data) - len(self.cookie)]
        if self.kind == ACK:
            equal(len(body), 16, "bytes of an ACK")
            self.expires_ms = int.from_bytes(body[:8], "big")
            self.soft_kbps = int.from_bytes(body[8:12], "big")
            self.hard_kbps = int.from_bytes(body[12:], "big")
            self.draining = bool(self.flags & 2)
        elif self.kind == REJECT:
            equal(len(body), 2, "bytes of a REJECT")
            self.reason = int.from_bytes(body, "big")


# ---- The relay ---------------------------------------------------------------------------------


class Relay:
    """One process. Standalone with KEY pinned, one worker, unless the options say otherwise."""

    def __init__(self, program, *options, keys=None, standalone=True, listen="127.0.0.1:0",
                 health="127.0.0.1:0", relay_id=RELAY_ID, env=None, expect_start=True,
                 wrapper=()):
        self.lines, self.text, self.ended = [], [], False
        self.changed = threading.Condition()
        arguments = [*wrapper, program, "--log-format", "json", "--health-listen", health]
        if listen is not None:
            arguments += ["--listen", listen]
        if standalone:
            arguments += ["--standalone"]
        if relay_id is not None:
            arguments += ["--relay-id", relay_id]
        if "--workers" not in options:
            arguments += ["--workers", "1"]
        if "--drain-timeout-secs" not in options:  # what still lives at a test's end ends with it
            arguments += ["--drain-timeout-secs", "0"]
        for key in [Key()] if keys is None and standalone else keys or []:
            arguments += ["--key", key.option]
        self.arguments = arguments + list(options)
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("WAVRY_")}
        environment.update(env or {})
        self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=environment)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if expect_start:
            try:
                self.address = parse_address(self.wait_line("listening")["address"])
                self.http = parse_address(self.wait_line("http_listening")["address"])
                self.wait_line("ready_to_serve")
            except BaseException:
                self.kill()
                raise

    def _read(self):
        for raw in self.process.stderr:
            text = raw.decode("utf-8", "replace").rstrip("\n")
            try:
                line = json.loads(text)
            except ValueError:
                line = None
            with self.changed:
                self.text.append(text)
                if isinstance(line, dict):
                    self.lines.append(line)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_line(self, event, after=0, deadline=DEADLINE, **fields):
        """The first log line of this event (from line number `after` on) with these fields."""
        def found():
            for line in self.lines[after:]:
                if line.get("event") == event and all(
                        line.get(name) == value for name, value in fields.items()):
                    return line
            return None
        with self.changed:
            self.changed.wait_for(lambda: found() or self.ended, deadline)
            line = found()
        if line is None:
            raise Fail(f"no line {event} {fields} in the log:\n" + "\n".join(self.text))
        return line

    def get(self, path, method="GET"):
        """(status, headers, body) of an HTTP request."""
        connection = http.client.HTTPConnection(self.http[0], self.http[1], timeout=DEADLINE)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def json(self, path):
        return json.loads(self.get(path)[2])

    def metrics(self):
        """Every sample of /metrics/prometheus: 'name{labels}' (without relay_id) → number."""
        samples = {}
        for line in self.get("/metrics/prometheus")[2].decode().splitlines():
            if line.startswith("#") or not line:
                continue
            name, value = line.rsplit(" ", 1)
            name = re.sub(r'relay_id="(?:[^"\\]|\\.)*",?', "", name).replace(",}", "}")
            samples[name.replace("{}", "")] = float(value) if "." in value else int(value)
        return samples

    def outcome(self, name):
        return self.metrics().get(f'wavry_relay_outcomes_total{{outcome="{name}"}}', 0)

    def verdict(self, name):
        return self.metrics().get(f'wavry_relay_verdicts_total{{verdict="{name}"}}', 0)

    def wait_metric(self, name, at_least, deadline=DEADLINE):
        for _ in before(deadline):
            value = self.metrics().get(name, 0)
            if value >= at_least:
                return value
        raise Fail(f"{name} did not reach {at_least}: {self.metrics().get(name)}")

    def wait_received(self, datagrams):
        """All of so many datagrams (since the start) have been received and judged."""
        return self.wait_metric("wavry_relay_packets_rx", datagrams)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, deadline=DEADLINE):
        """The exit code."""
        code = self.process.wait(deadline)
        self.reader.join(deadline)
        return code

    def stop(self):
        """Drains and checks that the end is clean."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        code = self.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        equal(code, 0, "exit code after a drain; the log:\n" + "\n".join(self.text[-40:]))

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE)
        self.reader.join(DEADLINE)
        self.process.stdout.close()
        self.process.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None and self.process.poll() is None:
            self.stop()
        else:
            self.kill()
            if kind is not None:
                sys.stderr.write("\n".join(self.text[-60:]) + "\n")


def parse_address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


# ---- Peers -------------------------------------------------------------------------------------


class Peer:
    """One socket and one role of one session."""

    def __init__(self, relay, session, role, key=None, host=None, to=None):
        self.relay, self.session, self.role = relay, session, role
        self.key = key or Key()
        self.to = to or relay.address
        self.host = host or self.to[0]
        self.cookie, self.sequence = b"", 0
        self.socket = None
        self.move()

    def move(self):
        """A new port, as after a NAT rebind."""
        if self.socket is not None:
            self.socket.close()
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((self.host, 0))
        self.socket.settimeout(DEADLINE)

    def send(self, data):
        self.socket.sendto(data, self.to)

    def receive(self):
        try:
            data, source = self.socket.recvfrom(65536)
        except socket.timeout:
            raise Fail("nothing came") from None
        equal(source[:2], tuple(self.to[:2]), "where an answer came from")
        return data

    def receive_nothing(self):
        """Nothing lies in the socket: ask only after the relay has judged what was sent."""
        self.socket.setblocking(False)
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return
        finally:
            self.socket.settimeout(DEADLINE)
        raise Fail(f"something came: {data.hex()}")

    def answer(self):
        answer = Answer(self.receive())
        equal(answer.session, self.session, "session of an answer")
        if answer.cookie:
            self.cookie = answer.cookie
        return answer

    def lease(self, **members):
        return lease(self.key, self.session, self.role, **members)

    def present(self, token=None, cookie=b""):
        """Presents and returns the answer. The token is kept as `token`."""
        self.token = token or self.lease()
        self.send(present(self.session, self.role, self.token, cookie))
        return self.answer()

    def join(self):
        answer = self.present()
        equal(answer.kind, ACK, f"kind of answer (reason {getattr(answer, 'reason', None)})")
        return answer

    def refused(self, reason, token=None):
        answer = self.present(token)
        equal((answer.kind, getattr(answer, "reason", None)), (REJECT, reason), "answer")

    def forward(self, body=b"payload"):
        self.sequence += 1
        data = forward(self.session, self.sequence, body)
        self.send(data)
        return data

    def close(self):
        self.socket.close()


class Pair:
    """Both peers of a session, joined."""

    def __init__(self, relay, session=None, key=None, host=None, hosts=None, to=None):
        self.session = session or uuid.uuid4()
        hosts = hosts or (host, host)
        self.client = Peer(relay, self.session, CLIENT, key, hosts[0], to)
        self.server = Peer(relay, self.session, SERVER, key, hosts[1], to)
        self.client.join()
        self.server.join()

    def exchange(self, body=b"payload"):
        """One FORWARD each way, unchanged."""
        for sender, receiver in ((self.client, self.server), (self.server, self.client)):
            sent = sender.forward(body)
            equal(receiver.receive(), sent, "what was forwarded")

    def close(self):
        self.client.close()
        self.server.close()


# ---- Running tests -----------------------------------------------------------------------------


def temporary_folder():
    """A folder that a relay which has given up its privileges can read."""
    folder = tempfile.TemporaryDirectory()
    os.chmod(folder.name, 0o755)
    return folder


def resident_bytes(process):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise Fail("no resident size")


def die_with_parent():
    """For children that must not outlive a test that is killed (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def tests_of(module):
    """The functions of a test module that take exactly the program, in their order."""
    return [value for value in vars(module).values()
            if getattr(value, "__module__", None) == module.__name__ and hasattr(value, "__code__")
            and inspect.getfullargspec(value)[:6] == (["program"], None, None, None, [], None)]


def main(module):
    """For `if __name__ == "__main__"`: module is sys.modules[__name__]."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(module.__doc__)
    sys.exit(run(tests_of(module), sys.argv[1], sys.argv[2:]))


def run(tests, program, only=()):
    """Runs test functions, each with the program's path; prints a line each and a closing one."""
    failed = [name for name in only if name not in [test.__name__ for test in tests]]
    for name in failed:
        print(f"FAILED {name}: there is no such test", flush=True)
    tests = [test for test in tests if not only or test.__name__ in only]
    passed = 0
    for test in tests:
        name = test.__name__
        try:
            test(program)
            passed += 1
            print(f"ok     {name}", flush=True)
        except Exception as error:  # every failure is reported, none hides the rest
            failed.append(name)
            print(f"FAILED {name}: {error}", flush=True)
            if not isinstance(error, Fail):
                import traceback
                traceback.print_exc()
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0
