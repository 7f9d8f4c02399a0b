"""The null forwarder forwards, counts and ends as it says. Usage: test_null_forwarder.py PROGRAM"""

import re
import signal
import socket
import subprocess
import sys
import unittest

PROGRAM = sys.argv.pop(1)
DEADLINE = 30
UDP_SEGMENT = 103


def peer():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(DEADLINE)
    return sock


def port(sock):
    return sock.getsockname()[1]


class Forwarder:
    """A running one, with pairs of ports."""

    def __init__(self, pairs, *options):
        self.process = subprocess.Popen([PROGRAM, "--pairs", "-", *options], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdin.write("".join(f"{one} {other}\n" for one, other in pairs))
        self.process.stdin.close()
        self.at = ("127.0.0.1", int(self.process.stdout.readline().split()[1]))

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        line = self.process.stdout.read()
        self.process.stdout.close()
        return self.process.wait(DEADLINE), line


class NullForwarder(unittest.TestCase):
    def setUp(self):
        self.client, self.server, self.stranger = peer(), peer(), peer()
        for sock in (self.client, self.server, self.stranger):
            self.addCleanup(sock.close)

    def forwarder(self, *options):
        forwarder = Forwarder([(port(self.client), port(self.server))], *options)
        self.addCleanup(forwarder.process.kill)
        return forwarder

    def expect_forwarding(self, *options):
        forwarder = self.forwarder(*options)
        for i in range(200):
            data = bytes([i]) * (i * 7 % 1400 + 1)
            self.stranger.sendto(b"junk", forwarder.at)
            self.client.sendto(data, forwarder.at)
            self.assertEqual(self.server.recvfrom(2048), (data, forwarder.at))
            self.server.sendto(data[::-1], forwarder.at)
            self.assertEqual(self.client.recvfrom(2048), (data[::-1], forwarder.at))
        code, line = forwarder.end()
        self.assertEqual(code, 0)
        self.assertRegex(line, r"^received 600 datagrams, sent 400, dropped 200, "
                               r"receive calls \d+, send calls \d+, cpu_ns \d+\n$")

    def test_both_ways_and_nothing_of_strangers(self):
        self.expect_forwarding()

    def test_the_same_with_poll(self):
        self.expect_forwarding("--poll")

    def test_the_same_with_gso(self):
        self.expect_forwarding("--gso")

    def test_trains_are_forwarded_as_trains(self):
        forwarder = self.forwarder("--gso")
        data = b"".join(bytes([i]) * 100 for i in range(40)) + b"end"
        self.client.sendmsg([data], [(socket.IPPROTO_UDP, UDP_SEGMENT,
                                      (100).to_bytes(2, sys.byteorder))], 0, forwarder.at)
        for i in range(40):
            self.assertEqual(self.server.recv(2048), bytes([i]) * 100)
        self.assertEqual(self.server.recv(2048), b"end")
        code, line = forwarder.end(signal.SIGINT)
        self.assertEqual(code, 0)
        self.assertIn("received 41 datagrams, sent 41, dropped 0,", line)
        self.assertIn("send calls 1,", line)

    def test_it_says_how_far_it_is_when_asked(self):
        forwarder = self.forwarder()
        self.client.sendto(b"x", forwarder.at)
        self.server.recv(16)
        forwarder.process.send_signal(signal.SIGUSR1)
        line = forwarder.process.stdout.readline()
        self.assertTrue(line.startswith("so far: received 1 datagrams, sent 1,"), line)
        self.assertEqual(forwarder.end()[0], 0)

    def test_misuse_is_told(self):
        for words in (["--client-ports", "1", "2"], ["--client-ports", "0", "1"], ["--what"],
                      ["--listen", "nowhere"], ["--listen", "localhost:1"],
                      ["--client-ports", "65535", "2", "--server-ports", "1", "2"],
                      ["--buffer", "1k"], ["word"]):
            run = subprocess.run([PROGRAM, *words], capture_output=True, text=True,
                                 timeout=DEADLINE)
            self.assertEqual(run.returncode, 2, words)
            self.assertIn("usage:", run.stderr)

    def test_ranges_of_ports_are_paired_in_order(self):
        first = port(self.client)
        run = Forwarder([], "--client-ports", str(first), "1", "--server-ports",
                        str(port(self.server)), "1")
        self.addCleanup(run.process.kill)
        self.client.sendto(b"there", run.at)
        self.assertEqual(self.server.recv(16), b"there")
        self.assertEqual(run.end()[0], 0)


if __name__ == "__main__":
    unittest.main()
