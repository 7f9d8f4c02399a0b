#!/usr/bin/env python3
"""A master for tests: real HTTP, answers on request right, wrong or not at all.

As a module: `with FakeMaster(make_key(WAVRY_LEASE)) as master: ... master.set("heartbeat", "hang")
... master.wait_for(lambda: ...)`. It listens on a free port of the loopback, records every request
byte by byte, and judges registrations and heartbeats as strictly as the real master's deserialiser
and handlers do. Nothing here sleeps: wait_for waits on a condition.

As a program, for tests in other languages: prints one JSON object a line for what happens, and
takes one JSON object a line as a command (see `Program`); it ends when its input does.

Endpoints are called "register", "heartbeat" and "key". Behaviours, each with an optional value:

  ok             the real master's answer, or its refusal of a request that it would not take
  status N       that status, no judgement, value is the number
  body BYTES     200 with this body
  garbage        200 with a body that is no JSON
  empty          200 with an empty body
  huge [N]       200 with the right answer, padded by blanks to N bytes (65,537)
  huge_chunked   the same in chunks, so that no length is announced
  huge_headers   200 with header lines of N bytes in all
  hang           takes the request and says nothing until the peer goes
  dribble [S]    the right answer, one byte every S seconds (0.01)
  close          closes the connection instead of answering
  cut            closes it in the middle of the right answer
  not_http       bytes that are no HTTP
  redirect URL   307 to that URL
  content_type T the right answer as type T
"""
import argparse
import collections
import json
import os
import select
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler

DEADLINE_S = 60  # fails only what is broken
ANSWER_BYTES_MAX = 65536
ENDPOINTS = {("POST", "/v1/relays/register"): "register",
             ("POST", "/v1/relays/heartbeat"): "heartbeat",
             ("GET", "/.well-known/wavry-id"): "key"}
BEHAVIOURS = ("ok", "status", "body", "garbage", "empty", "huge", "huge_chunked", "huge_headers",
              "hang", "dribble", "close", "cut", "not_http", "redirect", "content_type")
RELAYS_PER_IP_MAX = 5

Key = collections.namedtuple("Key", "kid public_hex secret_hex", defaults=(None,))
Behaviour = collections.namedtuple("Behaviour", "name value", defaults=(None,))


# ---- Keys, leases and certificates ----------------------------------------------------------------

def make_key(wavry_lease, kid=None):
    """A new Ed25519 key pair, by `wavry-lease keygen`."""
    command = [wavry_lease, "keygen"] + (["--kid", kid] if kid else [])
    done = subprocess.run(command, capture_output=True, check=True, timeout=DEADLINE_S)
    words = dict(line.split(None, 1) for line in done.stdout.decode().splitlines())
    return Key(words["kid"], words["public"], words["secret"])


def mint(wavry_lease, key, sub, session, role, relay_id, *more):
    """A lease token, by `wavry-lease mint`; `more` are further arguments of it."""
    done = subprocess.run([wavry_lease, "mint", "--key-file", "-", "--sub", sub, "--session",
                           session, "--role", role, "--relay-id", relay_id, *more],
                          input=f"{key.kid}:{key.secret_hex}\n".encode(), capture_output=True,
                          check=True, timeout=DEADLINE_S)
    return done.stdout.decode().strip()


def self_signed(directory, names="IP:127.0.0.1,IP:::1,DNS:localhost"):
    """(certificate file, key file) of a new self-signed certificate for `names`."""
    certificate = os.path.join(directory, "certificate.pem")
    key = os.path.join(directory, "certificate.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=a master for tests", "-addext", f"subjectAltName={names}", "-keyout", key,
                    "-out", certificate], capture_output=True, check=True, timeout=DEADLINE_S)
    return certificate, key


# ---- What the real master takes -------------------------------------------------------------------

class Refused(Exception):
    """The status that the real master answers with, and why."""

    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


def is_text(value):
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def is_u32(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_texts(value):
    return isinstance(value, list) and all(map(is_text, value))


def or_null(check):
    return lambda value: value is None or check(value)


# member: (check, required)
REGISTER_MEMBERS = {"relay_id": (is_text, True), "endpoints": (is_texts, True),
                    "region": (or_null(is_text), False), "asn": (or_null(is_u32), False),
                    "max_sessions": (or_null(is_u32), False),
                    "max_bitrate_kbps": (or_null(is_u32), False), "features": (is_texts, False)}
HEARTBEAT_MEMBERS = {"relay_id": (is_text, True), "load_pct": (is_number, True)}


def refuse_constant(text):
    raise ValueError(f"{text} is no JSON")


def read_members(body, members):
    """The request as a dict, or Refused: 400 for what is no JSON, 422 for wrong members."""
    class Pairs(list):
        """An object, its duplicates kept; an array is a plain list."""

    try:
        pairs = json.loads(body.decode(), object_pairs_hook=Pairs, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"no JSON: {error}") from error
    if not isinstance(pairs, Pairs):
        raise Refused(422, "not an object")
    found = {}
    for name, value in pairs:
        if name in members:
            if name in found:
                raise Refused(422, f"duplicate field {name}")
            if not members[name][0](value):
                raise Refused(422, f"{name}: invalid type or value {value!r}")
            found[name] = value
    for name, (_, required) in members.items():
        if required and name not in found:
            raise Refused(422, f"missing field {name}")
    return found


def check_json_type(headers):
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, f"content-type {kind!r} is not JSON")


# ---- The master -----------------------------------------------------------------------------------

class Request:
    """One request as it came. Written under the master's lock."""

    def __init__(self, number, connection, method, path, headers, body):
        self.number = number          # from 1
        self.connection = connection  # requests with the same number shared one
        self.method = method
        self.path = path
        self.headers = headers        # [(name, value)] as sent
        self.body = body
        self.endpoint = ENDPOINTS.get((method, path))
        self.behaviour = None
        self.status = None    # as the real master would answer: 200, or its refusal
        self.problem = None   # why it would refuse
        self.hung_up = False  # the peer went before it had its answer

    def header(self, name):
        """All values of a header, joined; None where there is none."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return (f"<{self.number}: {self.method} {self.path} {self.body!r} "
                f"{self.behaviour and self.behaviour.name} {self.status} {self.problem or ''}>")


class FakeMaster:
    """Listens from start() (or `with`) to stop(); may be started again, on the same port."""

    def __init__(self, key, token=None, tls=None, interval_ms=500, host="127.0.0.1", port=0,
                 on_event=None):
        self.key = key
        self.token = token
        self.interval_ms = interval_ms
        self.host = host
        self.port = port
        self.requests = []
        self.relays = {}        # id → its registration, "load_pct" with it
        self.tls_failures = []  # what handshakes failed of
        self.connections = 0
        self._tls = None
        if tls is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*tls)
        self._defaults = {name: Behaviour("ok") for name in ENDPOINTS.values()}
        self._scripts = {name: collections.deque() for name in ENDPOINTS.values()}
        self._changed = threading.Condition(threading.RLock())
        self._on_event = on_event
        self._open = set()
        self._server = None
        self._thread = None

    @property
    def url(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def start(self):
        self._server = Server((self.host, self.port), self)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def stop(self):
        """Closes the port and every connection, whatever they are doing."""
        if self._server is None:
            return
        self._server.shutdown()
        self._thread.join()
        with self._changed:
            self._server.stopping = True
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # its peer was first
        self._server.server_close()  # waits for the connections' threads
        self._server = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # Orders: at any time, from any thread.

    def set(self, endpoint, behaviour, value=None):
        """From now on, once what was queued by once() is used up."""
        assert behaviour in BEHAVIOURS, behaviour
        with self._changed:
            self._defaults[endpoint] = Behaviour(behaviour, value)

    def once(self, endpoint, behaviour, value=None):
        """For one request; several queue up."""
        assert behaviour in BEHAVIOURS, behaviour
        with self._changed:
            self._scripts[endpoint].append(Behaviour(behaviour, value))

    def rotate(self, key):
        with self._changed:
            self.key = key

    def forget(self):
        """As after a restart: heartbeats get 404 until the relay registers again."""
        with self._changed:
            self.relays.clear()

    # Waiting and looking.

    def wait_for(self, predicate, what="what was waited for", deadline_s=DEADLINE_S):
        """Returns what predicate() gives as soon as that is true. It is asked again whenever
        something happens here."""
        with self._changed:
            result = self._changed.wait_for(predicate, deadline_s)
            assert result, f"{what}: not within {deadline_s} s; came: {self.requests}"
            return result

    def seen(self, endpoint):
        with self._changed:
            return [request for request in self.requests if request.endpoint == endpoint]

    def wait_for_requests(self, endpoint, count, deadline_s=DEADLINE_S):
        """Waits until `count` requests in all have come to an endpoint; all of them."""
        self.wait_for(lambda: len(self.seen(endpoint)) >= count, f"{count} × {endpoint}", deadline_s)
        return self.seen(endpoint)

    # For the connections' threads.

    def _tell(self, **event):
        """Holds the lock."""
        if self._on_event:
            self._on_event(event)
        self._changed.notify_all()

    def _connected(self, connection):
        with self._changed:
            if self._server.stopping:
                raise ConnectionAbortedError
            self._open.add(connection)
            self.connections += 1
            return self.connections

    def _disconnected(self, connection):
        with self._changed:
            self._open.discard(connection)

    def _tls_failed(self, error):
        with self._changed:
            self.tls_failures.append(str(error))
            self._tell(event="tls_failure", error=str(error))

    def _hung_up(self, request):
        with self._changed:
            request.hung_up = True
            self._tell(event="hung_up", number=request.number)

    def _take(self, connection, method, path, headers, body):
        """Records a request; it, and the (status, body) that the real master would answer."""
        with self._changed:
            request = Request(len(self.requests) + 1, connection, method, path, headers, body)
            script = self._scripts.get(request.endpoint)
            request.behaviour = (script.popleft() if script else
                                 self._defaults.get(request.endpoint, Behaviour("ok")))
            try:
                # Who is not answered rightly is not taken in either.
                answer = self._judge(request, request.behaviour.name in ("ok", "content_type"))
                request.status = 200
            except Refused as refused:
                answer = b""
                request.status, request.problem = refused.status, str(refused)
            self.requests.append(request)
            self._tell(event="request", number=request.number, connection=connection,
                       method=method, path=path, endpoint=request.endpoint, headers=headers,
                       body=body.decode("latin-1"), status=request.status, problem=request.problem,
                       behaviour=request.behaviour.name)
            return request, answer

    def _judge(self, request, for_good):
        judges = {"register": self._register, "heartbeat": self._heartbeat, "key": self._well_known}
        if request.endpoint is None:
            raise Refused(404, "no such page")
        answer = judges[request.endpoint](request, for_good)
        return json.dumps(answer, separators=(",", ":")).encode()

    def _check_token(self, request):
        if self.token is not None and request.header("authorization") != f"Bearer {self.token}":
            raise Refused(401, "wrong or missing bearer token")

    def _register(self, request, for_good):
        check_json_type({name.lower(): value for name, value in request.headers})
        told = read_members(request.body, REGISTER_MEMBERS)
        self._check_token(request)
        if not told["relay_id"].strip() or not told["endpoints"]:
            raise Refused(400, "blank relay_id or no endpoints")
        bitrate = told.get("max_bitrate_kbps")
        if bitrate is not None and bitrate < 10000:
            raise Refused(400, "bitrate under 10000")
        first_ip = told["endpoints"][0].split(":")[0]
        if sum(any(endpoint.startswith(first_ip) for endpoint in relay["endpoints"])
               for relay in self.relays.values()) >= RELAYS_PER_IP_MAX:
            raise Refused(403, "too many relays on that IP")
        if for_good:
            self.relays[told["relay_id"]] = told
        return {"heartbeat_interval_ms": self.interval_ms,
                "master_public_key": list(bytes.fromhex(self.key.public_hex)),
                "master_key_id": self.key.kid}

    def _heartbeat(self, request, for_good):
        check_json_type({name.lower(): value for name, value in request.headers})
        told = read_members(request.body, HEARTBEAT_MEMBERS)
        self._check_token(request)
        if not 0 <= told["load_pct"] <= 100 or not told["relay_id"].strip():
            raise Refused(400, "blank relay_id, or a load that is no percentage")
        if told["relay_id"] not in self.relays:
            raise Refused(404, "unknown relay")
        if for_good:
            self.relays[told["relay_id"]]["load_pct"] = told["load_pct"]
        return {"ok": True}

    def _well_known(self, _request, _for_good):
        return {"public_key": self.key.public_hex, "key_id": self.key.kid, "version": "1.0"}


# ---- HTTP -----------------------------------------------------------------------------------------

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address, master):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.master = master
        self.stopping = False
        super().__init__(address, Connection)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):  # else: the peer went
            super().handle_error(request, client_address)


class Connection(BaseHTTPRequestHandler):
    """One connection, on a thread of its own."""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        self.master = self.server.master
        self.plain = self.request
        self.number = self.master._connected(self.plain)
        if self.master._tls is not None:
            with self.master._changed:  # wrapping empties the plain one
                self.master._open.discard(self.plain)
                self.plain = self.request = self.master._tls.wrap_socket(
                    self.plain, server_side=True, do_handshake_on_connect=False)
                self.master._open.add(self.plain)
            try:
                self.request.do_handshake()
            except OSError as error:
                self.master._tls_failed(error)
                self.master._disconnected(self.plain)
                self.request.close()
                raise
        super().setup()

    def finish(self):
        self.master._disconnected(self.plain)
        try:
            super().finish()
        finally:
            self.request.close()

    def log_message(self, *_):
        pass

    def do_POST(self):  # pylint: disable=invalid-name
        self.exchange()

    do_GET = do_PUT = do_HEAD = do_POST

    def exchange(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        request, answer = self.master._take(self.number, self.command, self.path,
                                            self.headers.items(), body)
        try:
            self.behave(request, request.behaviour, answer)
        except OSError:
            self.close_connection = True
            self.master._hung_up(request)

    def behave(self, request, behaviour, answer):
        name, value = behaviour
        if name == "ok":
            self.answer(request.status, answer)
        elif name == "content_type":
            self.answer(request.status, answer, content_type=value)
        elif name == "status":
            self.answer(value, b"refused\n", content_type="text/plain")
        elif name == "body":
            self.answer(200, value)
        elif name == "garbage":
            self.answer(200, b"<html>welcome to the hotel</html>")
        elif name == "empty":
            self.answer(200, b"")
        elif name == "huge":
            self.answer(200, answer.ljust(value or ANSWER_BYTES_MAX + 1))
        elif name == "redirect":
            self.answer(307, b"", extra=f"Location: {value}\r\n")
        elif name == "huge_headers":
            lines = (value or ANSWER_BYTES_MAX + 1) // 1024 + 1
            self.answer(200, answer, extra="".join(f"X-{i:04}: {'x' * 1016}\r\n" for i in range(lines)))
        else:
            self.close_connection = True
            self.misbehave(request, name, value, answer)

    def misbehave(self, request, name, value, answer):
        """Behaviours that end the connection."""
        if name == "huge_chunked":
            self.wfile.write(self.head(200, "Transfer-Encoding: chunked\r\n"))
            whole = answer.ljust(value or ANSWER_BYTES_MAX + 1)
            for at in range(0, len(whole), 4096):
                piece = whole[at:at + 4096]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        elif name == "hang":
            self.await_hang_up(request)
        elif name == "dribble":
            self.dribble(request, self.head(200, f"Content-Length: {len(answer)}\r\n") + answer,
                         value or 0.01)
        elif name == "cut":
            self.wfile.write(self.head(200, f"Content-Length: {len(answer)}\r\n") +
                             answer[:len(answer) // 2])
        elif name == "not_http":
            self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        else:
            assert name == "close", name

    def head(self, status, lines, content_type="application/json"):
        return (f"HTTP/1.1 {status} {'OK' if status == 200 else 'No'}\r\n"
                f"Content-Type: {content_type}\r\n{lines}\r\n").encode()

    def answer(self, status, body, content_type="application/json", extra=""):
        self.wfile.write(self.head(status, f"Content-Length: {len(body)}\r\n{extra}", content_type) +
                         body)

    def is_gone(self, seconds):
        """Waits for the peer to close, for so long (None: for ever)."""
        readable, _, _ = select.select([self.plain], [], [], seconds)
        return bool(readable)

    def await_hang_up(self, request):
        if self.is_gone(None):
            self.master._hung_up(request)

    def dribble(self, request, whole, pause_s):
        for byte in whole:
            if self.is_gone(pause_s):
                self.master._hung_up(request)
                return
            self.wfile.write(bytes([byte]))


# ---- As a program ---------------------------------------------------------------------------------

class Program:
    """Commands, each answered by {"event": "done"}:
    {"set": ENDPOINT, "behaviour": NAME, "value": ...}, {"once": ...} likewise, {"forget": true},
    {"rotate": {"kid": ..., "public_hex": ...}}, {"stop": true}, {"start": true}."""

    def __init__(self, options):
        self.lock = threading.Lock()
        tls = None
        if options.tls_self_signed:
            tls = self_signed(options.tls_self_signed, options.tls_names)
        self.master = FakeMaster(Key(options.kid, options.public_key), token=options.token, tls=tls,
                                 interval_ms=options.interval_ms, on_event=self.tell).start()
        self.tell({"event": "listening", "url": self.master.url, "port": self.master.port,
                   "certificate": tls[0] if tls else None})

    def tell(self, event):
        with self.lock:
            print(json.dumps(event), flush=True)

    def obey(self, command):
        value = command.get("value")
        if command.get("behaviour") == "body":
            value = value.encode("latin-1")
        if "set" in command:
            self.master.set(command["set"], command["behaviour"], value)
        elif "once" in command:
            self.master.once(command["once"], command["behaviour"], value)
        elif "forget" in command:
            self.master.forget()
        elif "rotate" in command:
            self.master.rotate(Key(**command["rotate"]))
        elif "stop" in command:
            self.master.stop()
        elif "start" in command:
            self.master.start()
        else:
            raise ValueError(f"no such command: {command}")

    def run(self):
        try:
            for line in sys.stdin:
                self.obey(json.loads(line))
                self.tell({"event": "done"})
        finally:
            self.master.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kid", default="k1")
    parser.add_argument("--public-key", metavar="HEX", default="07" * 32)
    parser.add_argument("--token")
    parser.add_argument("--interval-ms", type=int, default=500)
    parser.add_argument("--tls-self-signed", metavar="DIRECTORY",
                        help="HTTPS, with a new certificate that is put there")
    parser.add_argument("--tls-names", default="IP:127.0.0.1,IP:::1,DNS:localhost")
    Program(parser.parse_args()).run()


if __name__ == "__main__":
    main()
