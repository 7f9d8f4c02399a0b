"""A real Linux NAT between a peer and the relay, and the simulator's word on what must happen.

The scenario nat/robust-peer-is-rebound-in-mid-stream is played by wavry-sim, and then lived: the
real relay, two robust peers on real sockets, network namespaces, nftables masquerading to random
ports, and conntrack flushed in mid-stream, so that the client appears behind another port. Both
runs must agree on how the peer came back.

usage: test_flow_nat.py WAVRY_RELAY WAVRY_SIM ROBUST_PEER SCENARIO

Exit code 77 (skipped) where network namespaces or NAT are not to be had.
"""
import json
import os
import re
import subprocess
import sys
import uuid

from relay_bed import (CLIENT, DEADLINE, Fail, Key, Relay, ROLES, SERVER, before, check,
                       die_with_parent, equal, lease, temporary_folder)

HOME, OUTSIDE = "10.77.1", "10.77.2"  # behind the NAT, and between NAT and relay
RELAY = OUTSIDE + ".1"
NAT = f"""
table ip home {{
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        oifname "outside" masquerade fully-random
    }}
}}
"""


class Namespace:
    """A network namespace that lives as long as the process that holds it."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        self.holder.stdin.write(b"\n")  # cat answers once it lives in its namespace
        self.holder.stdin.flush()
        if self.holder.stdout.read(1) != b"\n":
            raise PermissionError("unshare --net failed")

    def command(self, *words):
        return ["nsenter", "--net", f"--target={self.holder.pid}", *words]

    def run(self, *words, stdin=None):
        subprocess.run(self.command(*words), check=True, input=stdin, timeout=DEADLINE,
                       capture_output=True)

    def close(self):
        self.holder.stdin.close()
        self.holder.wait(DEADLINE)
        self.holder.stdout.close()


def build(home, router):
    """The peer's network, its router, and the way from there to where this process lives."""
    def ip(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True)
    ip("link", "set", "lo", "up")
    ip("link", "add", "relay", "type", "veth", "peer", "name", "outside", "netns",
       str(router.holder.pid))
    ip("address", "add", RELAY + "/24", "dev", "relay")
    ip("link", "set", "relay", "up")
    router.run("ip", "link", "add", "inside", "type", "veth", "peer", "name", "lan", "netns",
               str(home.holder.pid))
    for device, address in (("outside", OUTSIDE + ".2/24"), ("inside", HOME + ".1/24")):
        router.run("ip", "address", "add", address, "dev", device)
        router.run("ip", "link", "set", device, "up")
    router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    router.run("nft", "-f", "-", stdin=NAT.encode())
    home.run("ip", "address", "add", HOME + ".2/24", "dev", "lan")
    home.run("ip", "link", "set", "lan", "up")
    home.run("ip", "route", "add", "default", "via", HOME + ".1")


class RobustPeer:
    def __init__(self, program, namespace, relay, session, role):
        words = [program, "%s:%d" % (RELAY, relay.address[1]), ROLES[role], str(session),
                 lease(Key(), session, role).decode()]
        self.process = subprocess.Popen(namespace.command(*words) if namespace else words,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        preexec_fn=die_with_parent)

    def say(self, word):
        self.process.stdin.write(word.encode() + b"\n")
        self.process.stdin.flush()

    def report(self):
        self.say("report")
        return json.loads(self.process.stdout.readline())

    def wait_delivered(self, more):
        """Until so many payloads more have arrived here."""
        wanted = self.report()["delivered"] + more
        for _ in before():
            if self.report()["delivered"] >= wanted:
                return
        raise Fail(f"no {more} payloads more: {self.report()}")

    def close(self):
        self.process.stdin.close()
        self.process.wait(DEADLINE)
        self.process.stdout.close()


def simulated(program, scenario):
    """What the simulator says: promotions by rule 1, rebinds, and the gaps in milliseconds."""
    with temporary_folder() as folder:
        report = folder + "/report.json"
        done = subprocess.run([program, "run", "--json", report, scenario], capture_output=True,
                              timeout=DEADLINE, check=False)
        equal(done.returncode, 0, "exit code of the simulator")
        with open(report) as file:
            result = json.load(file)["scenarios"][0]
    told = {}
    for expectation in result["expectations"]:
        check(expectation["held"], expectation)
        found = re.match(r"found ([0-9.]+)(ms|s)?", expectation.get("found", ""))
        if found:
            scale = {"s": 1000, "ms": 1, None: 1}[found.group(2)]
            told[expectation["expected"].split(" from ")[0]] = float(found.group(1)) * scale
    return {
        "promoted by rule 1": told["event promoted of call.client by rule 1 exactly 1"],
        "rebinds": told["nat_rebind_events of relay exactly 1"],
        "reverted": told["reversions_by_forward of relay exactly 0"],
        "gap of the client's flow": told["longest_gap of call.client"],
        "gap of the server's flow": told["longest_gap of call.server"],
    }


def mapped_port(router):
    """The port behind which the router shows the client now."""
    done = subprocess.run(router.command("conntrack", "-L", "-p", "udp"), check=True,
                          capture_output=True, timeout=DEADLINE)
    found = re.search(rf"src={re.escape(HOME)}\.2 .*dst={re.escape(OUTSIDE)}\.2 .*dport=(\d+)",
                      done.stdout.decode())
    return int(found.group(1)) if found else None


def lived(relay_program, peer_program, home, router):
    public = {"WAVRY_RELAY_ALLOW_PUBLIC_BIND": "1", "WAVRY_RELAY_ALLOW_HOST_PROD_BIND": "1"}
    with Relay(relay_program, listen=RELAY + ":0", env=public) as relay:
        session = uuid.uuid4()
        alice = RobustPeer(peer_program, home, relay, session, CLIENT)
        bob = RobustPeer(peer_program, None, relay, session, SERVER)
        try:
            for peer in (alice, bob):
                peer.wait_delivered(100)
            port = mapped_port(router)
            check(port, "the client comes through the NAT")
            for peer in (alice, bob):
                peer.say("reset")
            for peer in (alice, bob):
                peer.wait_delivered(10)
            router.run("conntrack", "-F")
            for peer in (alice, bob):
                peer.wait_delivered(200)
            check(mapped_port(router) not in (None, port), "the NAT chose another port")
            gaps = bob.report()["longest_gap_ms"], alice.report()["longest_gap_ms"]
            metrics = relay.metrics()
        finally:
            alice.close()
            bob.close()
        relay.kill()
    return {
        "promoted by rule 1": metrics['wavry_relay_promotions_total{rule="cookie"}'],
        "rebinds": metrics["wavry_relay_nat_rebind_events"],
        "reverted": metrics['wavry_relay_reversions_total{rule="forward"}'],
        "gap of the client's flow": gaps[0],
        "gap of the server's flow": gaps[1],
    }


def compare(told, happened):
    """The same events; and an outage that neither is shorter than rule 1's second of silence (by
    more than the 100 ms of the scenario's own bound) nor outlasts the simulator's by seconds, as it
    would where another rule or a new session had to help."""
    for name, expected in told.items():
        print(f"{name}: simulated {expected:g}, lived {happened[name]:g}")
        if name.startswith("gap"):
            check(900 <= happened[name] <= expected + 5000, f"{name}: {happened[name]} ms")
        else:
            equal(happened[name], expected, name)


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    if os.environ.get("WAVRY_NAT_INSIDE") != "1":
        os.environ["WAVRY_NAT_INSIDE"] = "1"
        try:
            os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
        except OSError as error:
            print(f"skipped: unshare: {error}")
            return 77
    relay_program, sim_program, peer_program, scenario = sys.argv[1:]
    told = simulated(sim_program, scenario)
    home = router = None
    try:
        try:
            home, router = Namespace(), Namespace()
            build(home, router)
        except (subprocess.CalledProcessError, PermissionError, FileNotFoundError) as error:
            detail = (getattr(error, "stderr", None) or b"").decode().strip()
            print(f"skipped: no namespaces with NAT here: {error} {detail}")
            return 77
        compare(told, lived(relay_program, peer_program, home, router))
    finally:
        for namespace in (home, router):
            if namespace:
                namespace.close()
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
