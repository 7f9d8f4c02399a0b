#!/usr/bin/env python3
"""The fake master does what it is told, and takes what the real one takes: test_fake_master.py
WAVRY_LEASE."""
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fake_master  # noqa: E402  (found beside this file)
from fake_master import FakeMaster, make_key  # noqa: E402

WAVRY_LEASE = None
JSON = {"Content-Type": "application/json"}
GOOD = {"relay_id": "r1", "endpoints": ["203.0.113.7:4000", "[2001:db8::1]:4000"], "region": None,
        "asn": None, "max_sessions": 100, "max_bitrate_kbps": 20000, "features": ["ipv4", "ipv6"]}
DEADLINE_S = 30


class Talk(unittest.TestCase):
    def setUp(self):
        self.key = make_key(WAVRY_LEASE, "k1")
        self.master = FakeMaster(self.key).start()
        self.addCleanup(self.master.stop)

    def connect(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.master.port, timeout=DEADLINE_S)
        self.addCleanup(connection.close)
        return connection

    def ask(self, method, path, body=None, headers=None, connection=None):
        connection = connection or self.connect()
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection.request(method, path, body, JSON if headers is None else headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def register(self, body=None, **members):
        return self.ask("POST", "/v1/relays/register", {**GOOD, **members} if body is None else body)

    def beat(self, **members):
        return self.ask("POST", "/v1/relays/heartbeat", {"relay_id": "r1", "load_pct": 0, **members})


class Taking(Talk):
    def test_registration_heartbeat_and_key(self):
        status, body = self.register()
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(body),
                         {"heartbeat_interval_ms": 500, "master_key_id": "k1",
                          "master_public_key": list(bytes.fromhex(self.key.public_hex))})
        self.assertEqual(self.beat(load_pct=42.5), (200, b'{"ok":true}'))
        self.assertEqual(self.master.relays["r1"]["load_pct"], 42.5)
        status, body = self.ask("GET", "/.well-known/wavry-id")
        self.assertEqual(json.loads(body), {"public_key": self.key.public_hex, "key_id": "k1",
                                            "version": "1.0"})

    def test_optional_members_may_be_missing_and_unknown_ones_are_ignored(self):
        self.assertEqual(self.register({"relay_id": "r", "endpoints": ["1.2.3.4:1"]})[0], 200)
        self.assertEqual(self.register(unknown=[1])[0], 200)

    def test_wrong_members_are_unprocessable(self):
        for members in ({"asn": "64500"}, {"asn": -1}, {"asn": 2**32}, {"asn": 1.0}, {"asn": True},
                        {"endpoints": "1.2.3.4:1"}, {"endpoints": [1]}, {"endpoints": None},
                        {"relay_id": None}, {"relay_id": 7}, {"region": 3}, {"features": None},
                        {"features": [None]}, {"max_sessions": "1"}, {"max_bitrate_kbps": 1e4},
                        {"region": "\ud800"}):
            self.assertEqual(self.register(**members)[0], 422, members)
        for name in ("relay_id", "endpoints"):
            body = {key: value for key, value in GOOD.items() if key != name}
            self.assertEqual(self.register(body)[0], 422, name)
        self.assertEqual(self.register(b'{"relay_id":"r","relay_id":"r","endpoints":["1.2.3.4:1"]}')[0], 422)
        self.assertEqual(self.register(b"[]")[0], 422)
        self.assertEqual(self.beat(load_pct="1")[0], 422)
        self.assertEqual(self.beat(load_pct=None)[0], 422)
        self.assertEqual(self.master.relays, {})

    def test_what_is_no_json_is_a_bad_request(self):
        for body in (b"", b"{", b"{'a':1}", b"\xff", b'{"asn":NaN}', b"{}{}", b"[" * 100000):
            self.assertEqual(self.register(body)[0], 400, body[:20])
        self.assertEqual(self.ask("POST", "/v1/relays/register", GOOD, headers={})[0], 415)

    def test_the_handlers_refusals(self):
        self.assertEqual(self.register(relay_id=" ")[0], 400)
        self.assertEqual(self.register(endpoints=[])[0], 400)
        self.assertEqual(self.register(max_bitrate_kbps=9999)[0], 400)
        self.assertEqual(self.register(max_bitrate_kbps=10000)[0], 200)
        self.assertEqual(self.beat(load_pct=100.5)[0], 400)
        self.assertEqual(self.beat(relay_id="r2")[0], 404)
        self.assertEqual(self.ask("GET", "/v1/relays/register")[0], 404)
        for number in range(2, 6):
            self.assertEqual(self.register(relay_id=f"r{number}")[0], 200)
        self.assertEqual(self.register(relay_id="r6")[0], 403)
        self.master.forget()
        self.assertEqual(self.beat()[0], 404)

    def test_a_token_is_wanted_exactly(self):
        self.master.token = "secret"
        for headers, status in (({}, 401), ({"Authorization": "Bearer secre"}, 401),
                                ({"Authorization": "Basic secret"}, 401),
                                ({"Authorization": "Bearer secret"}, 200)):
            self.assertEqual(self.ask("POST", "/v1/relays/register", GOOD, {**JSON, **headers})[0],
                             status, headers)

    def test_requests_are_recorded_as_they_came(self):
        body = b' {"relay_id":"r1", "load_pct":7}'
        connection = self.connect()
        self.ask("POST", "/v1/relays/heartbeat", body, {**JSON, "X-Odd": "a  b"}, connection)
        self.ask("POST", "/v1/relays/heartbeat", body, connection=connection)
        first, second = self.master.wait_for_requests("heartbeat", 2)
        self.assertEqual((first.method, first.path, first.body, first.status, first.problem),
                         ("POST", "/v1/relays/heartbeat", body, 404, "unknown relay"))
        self.assertEqual((first.header("x-odd"), first.header("x-none")), ("a  b", None))
        self.assertEqual(first.connection, second.connection)
        self.ask("GET", "/.well-known/wavry-id")
        self.assertEqual(self.master.seen("key")[0].connection, first.connection + 1)

    def test_a_rotated_key_is_told(self):
        other = make_key(WAVRY_LEASE)
        self.assertNotEqual(other.public_hex, self.key.public_hex)
        self.master.rotate(other)
        self.assertEqual(json.loads(self.ask("GET", "/.well-known/wavry-id")[1])["public_key"],
                         other.public_hex)

    def test_leases_are_signed_with_the_masters_key(self):
        session = "01001000-4000-8000-0000-00000000abc1"
        token = fake_master.mint(WAVRY_LEASE, self.key, "alice", session, "client", "r1")
        done = subprocess.run([WAVRY_LEASE, "verify", "--key", f"k1:{self.key.public_hex}",
                               "--relay-id", "r1", "--session", session, "--role", "client", token],
                              capture_output=True, check=False, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 0, done.stdout)


class Behaving(Talk):
    def test_statuses_and_bodies(self):
        for behaviour, value, status, expected in (
                ("status", 401, 401, b"refused\n"), ("status", 500, 500, b"refused\n"),
                ("body", b"{}", 200, b"{}"), ("empty", None, 200, b""),
                ("garbage", None, 200, b"<html>welcome to the hotel</html>")):
            self.master.set("register", behaviour, value)
            self.assertEqual(self.register(), (status, expected))
        self.assertEqual(self.master.relays, {}, "only a right answer takes a relay in")

    def test_huge_answers(self):
        for behaviour in ("huge", "huge_chunked"):
            self.master.set("key", behaviour)
            self.assertEqual(len(self.ask("GET", "/.well-known/wavry-id")[1]), 65537)
            self.master.set("key", behaviour, 65536)
            body = self.ask("GET", "/.well-known/wavry-id")[1]
            self.assertEqual(len(body), 65536)
            self.assertEqual(json.loads(body)["key_id"], "k1")

    def test_huge_headers(self):
        self.master.set("key", "huge_headers")
        with socket.create_connection(("127.0.0.1", self.master.port), DEADLINE_S) as raw:
            raw.sendall(b"GET /.well-known/wavry-id HTTP/1.1\r\nHost: x\r\n\r\n")
            raw.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: raw.recv(65536), b""))
        self.assertGreater(received.index(b"\r\n\r\n"), 65536)

    def test_redirect_and_content_type(self):
        self.master.set("key", "redirect", "http://127.0.0.1:1/")
        connection = self.connect()
        connection.request("GET", "/.well-known/wavry-id")
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.getheader("location")), (307, "http://127.0.0.1:1/"))
        answer.read()
        self.master.set("key", "content_type", "text/html")
        connection.request("GET", "/.well-known/wavry-id")
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.getheader("content-type")), (200, "text/html"))

    def test_broken_answers(self):
        self.master.set("key", "close")
        with self.assertRaises(http.client.RemoteDisconnected):
            self.ask("GET", "/.well-known/wavry-id")
        self.master.set("key", "cut")
        with self.assertRaises(http.client.IncompleteRead):
            self.ask("GET", "/.well-known/wavry-id")
        self.master.set("key", "not_http")
        with self.assertRaises(http.client.BadStatusLine):
            self.ask("GET", "/.well-known/wavry-id")

    def test_a_hang_ends_with_the_peer_and_is_told(self):
        self.master.set("heartbeat", "hang")
        connection = self.connect()
        connection.request("POST", "/v1/relays/heartbeat", b"{}", JSON)
        request, = self.master.wait_for_requests("heartbeat", 1)
        self.assertFalse(request.hung_up)
        connection.close()
        self.master.wait_for(lambda: request.hung_up, "the hang-up")

    def test_a_dribble_comes_complete(self):
        self.master.set("heartbeat", "dribble")
        self.register()
        self.assertEqual(self.beat(), (200, b'{"ok":true}'))

    def test_once_comes_before_what_is_set(self):
        self.master.set("key", "status", 500)
        self.master.once("key", "status", 401)
        self.master.once("key", "ok")
        self.assertEqual([self.ask("GET", "/.well-known/wavry-id")[0] for _ in range(4)],
                         [401, 200, 500, 500])

    def test_stopping_closes_everything_and_starting_again_takes_the_same_port(self):
        self.master.set("heartbeat", "hang")
        connection = self.connect()
        connection.request("POST", "/v1/relays/heartbeat", b"{}", JSON)
        self.master.wait_for_requests("heartbeat", 1)
        port = self.master.port
        self.master.stop()
        with self.assertRaises(ConnectionError):
            connection.getresponse()
        with self.assertRaises(ConnectionRefusedError):
            self.ask("GET", "/.well-known/wavry-id")
        self.master.start()
        self.assertEqual(self.master.port, port)
        self.assertEqual(self.ask("GET", "/.well-known/wavry-id")[0], 200)

    def test_waiting_in_vain_fails_and_says_what_came(self):
        self.ask("GET", "/.well-known/wavry-id")
        with self.assertRaisesRegex(AssertionError, "a pony: not within 0 s; came: .*wavry-id"):
            self.master.wait_for(lambda: False, "a pony", deadline_s=0)

    def test_what_happens_wakes_those_who_wait(self):
        thread = threading.Timer(0, self.ask, ("GET", "/.well-known/wavry-id"))
        thread.start()
        self.assertEqual(len(self.master.wait_for_requests("key", 1, DEADLINE_S)), 1)
        thread.join()


class Tls(unittest.TestCase):
    def test_a_certificate_is_shown_and_who_dislikes_it_is_noted(self):
        with tempfile.TemporaryDirectory() as folder:
            tls = fake_master.self_signed(folder)
            with FakeMaster(fake_master.Key("k1", "07" * 32), tls=tls) as master:
                self.assertTrue(master.url.startswith("https://127.0.0.1:"))
                for context, welcome in ((ssl.create_default_context(cafile=tls[0]), True),
                                         (ssl.create_default_context(), False)):
                    connection = http.client.HTTPSConnection(
                        "127.0.0.1", master.port, timeout=DEADLINE_S, context=context)
                    if welcome:
                        connection.request("GET", "/.well-known/wavry-id")
                        self.assertEqual(connection.getresponse().status, 200)
                    else:
                        with self.assertRaises(ssl.SSLCertVerificationError):
                            connection.request("GET", "/.well-known/wavry-id")
                        master.wait_for(lambda: master.tls_failures, "the refusal")
                    connection.close()


class AsProgram(unittest.TestCase):
    def test_it_tells_and_obeys_by_lines(self):
        with subprocess.Popen([sys.executable, fake_master.__file__, "--kid", "k7"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            listening = json.loads(child.stdout.readline())
            self.assertEqual(listening["event"], "listening")
            child.stdin.write('{"once":"key","behaviour":"body","value":"\u00ff"}\n')
            child.stdin.flush()
            self.assertEqual(json.loads(child.stdout.readline()), {"event": "done"})
            connection = http.client.HTTPConnection("127.0.0.1", listening["port"],
                                                    timeout=DEADLINE_S)
            connection.request("GET", "/.well-known/wavry-id")
            self.assertEqual(connection.getresponse().read(), b"\xff")
            told = json.loads(child.stdout.readline())
            self.assertEqual((told["event"], told["endpoint"], told["behaviour"]),
                             ("request", "key", "body"))
            connection.close()
            child.stdin.close()
            self.assertEqual(child.wait(DEADLINE_S), 0)


if __name__ == "__main__":
    WAVRY_LEASE = sys.argv.pop(1)
    unittest.main(verbosity=1)
