"""wavry-sim run and feed, as a user calls them: exit codes, reports, captures, refusals.

usage: test_wavry_sim_cli.py WAVRY_SIM SCENARIOS
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

SIM, SCENARIOS = sys.argv[1], pathlib.Path(sys.argv[2])
GOOD = SCENARIOS / "lease" / "lease-made-for-another-relay.json"
OTHER = SCENARIOS / "lease" / "renewed-just-in-time.json"
LOSING = SCENARIOS / "lease" / "renewals-lost-on-the-way.json"
MOVING = SCENARIOS / "nat" / "robust-peer-is-rebound-in-mid-stream.json"


def run(*arguments):
    return subprocess.run(
        [SIM, *map(str, arguments)], capture_output=True, text=True, check=False
    )


class Run(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def changed(self, change):
        """A copy of a good scenario with a change."""
        scenario = json.loads(GOOD.read_text())
        change(scenario)
        path = self.folder / GOOD.name
        path.write_text(json.dumps(scenario))
        return path

    def test_a_scenario_that_holds_passes(self):
        result = run("run", GOOD)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"(?m)^ok +lease/lease-made-for-another-relay  8s in ")
        self.assertIn("1 scenario: 1 passed; 8s simulated", result.stdout)

    def test_a_lost_expectation_is_told_with_its_line_and_exit_code_1(self):
        path = self.changed(lambda s: s["expect"].append({"counter": "packets_rx", "is": 12345}))
        result = run("run", path, GOOD)
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"{path}:1: expected packets_rx of relay exactly 12345; found ", result.stdout)
        self.assertIn("lost at 8s; around it:", result.stdout)
        self.assertIn("wrong_relay", result.stdout)
        self.assertIn("2 scenarios: 1 passed, 1 failed", result.stdout)

    def test_a_mistake_is_exit_code_2_and_the_others_still_run(self):
        path = self.changed(lambda s: s.update(sedd=1))
        result = run("run", path, GOOD)
        self.assertEqual(result.returncode, 2)
        self.assertIn('did you mean "seed"?', result.stderr)
        self.assertIn("2 scenarios: 1 passed, 1 unreadable", result.stdout)

    def test_wrong_usage_is_exit_code_2(self):
        self.assertEqual(run("run").returncode, 2)
        self.assertEqual(run("run", "--help").returncode, 0)
        self.assertEqual(run("run", "--seed").returncode, 2)
        self.assertEqual(run("run", "--seed", "five", GOOD).returncode, 2)
        self.assertEqual(run("run", "--json", "/no/such/folder/x", GOOD).returncode, 2)
        self.assertEqual(run("run", "/no/such/file.json").returncode, 2)
        result = run("run", "--sede", "1", GOOD)
        self.assertEqual(result.returncode, 2)
        self.assertIn('did you mean "--seed"?', result.stderr)

    @unittest.skipUnless(pathlib.Path("/dev/full").exists(), "there is no /dev/full")
    def test_what_could_not_be_written_is_told_and_is_exit_code_2(self):
        for option in ("--json", "--junit", "--pcap"):
            result = run("run", option, "/dev/full", MOVING)
            self.assertEqual(result.returncode, 2, option)
            self.assertIn("/dev/full: No space left on device", result.stderr)
        for command in ("run", "list", "validate"):
            with open("/dev/full", "w") as full:
                result = subprocess.run(
                    [SIM, command, str(GOOD)], stdout=full, stderr=subprocess.PIPE, check=False
                )
            self.assertEqual(result.returncode, 2, command)
            self.assertIn(b"standard output: No space left on device", result.stderr)

    def test_no_file_takes_the_place_of_a_closed_standard_output(self):
        path = self.folder / "r.json"
        command = ["sh", "-c", 'exec "$0" "$@" 1>&-', SIM, "run", "--json", path, GOOD]
        result = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual([s["result"] for s in json.loads(path.read_text())["scenarios"]], ["passed"])
        self.assertEqual(result.returncode, 2)
        self.assertIn("standard output: Bad file descriptor", result.stderr)

    def test_an_unknown_option_is_named(self):
        for command in ("run", "list", "validate"):
            result = run(command, "--bogus", GOOD)
            self.assertEqual(result.returncode, 2, command)
            self.assertIn('no option "--bogus"', result.stderr)

    def test_a_scenario_in_the_working_directory_has_a_name_of_its_own(self):
        path = self.changed(lambda s: None)
        command = [pathlib.Path(SIM).resolve(), "run", path.name]
        result = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False
        )
        self.assertRegex(result.stdout, r"(?m)^ok +\./lease-made-for-another-relay  8s in ")

    def test_a_mistake_in_a_session_brings_no_nonsense_about_its_flows(self):
        def change(scenario):
            name = next(iter(scenario["sessions"]))
            scenario["sessions"][name]["client"] = "nobody"
            scenario["expect"] = [{"flow": name, "delivered": {"at_least": 1}}]

        result = run("validate", self.changed(change))
        self.assertEqual(result.returncode, 2)
        self.assertIn('found "nobody"', result.stderr)
        self.assertNotIn("null", result.stderr)

    def test_whose_datagrams_the_timeline_still_drops_is_not_held_against_the_relay(self):
        scenario = json.loads(LOSING.read_text())
        drops = [a for a in scenario["timeline"] if a["do"] == "drop_next"]
        self.assertTrue(drops)
        for action in drops:
            action["count"] = 1500
        path = self.folder / LOSING.name
        path.write_text(json.dumps(scenario))
        result = run("run", path)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertNotIn("all faults have healed", result.stdout)

    def test_two_runs_of_one_seed_are_the_same_and_of_another_are_not(self):
        def hashes(*more):
            output = run("run", "--hash", *more, MOVING).stdout
            return [line for line in output.splitlines() if line.startswith(("hash", "checkpoint"))]

        first = hashes()
        self.assertGreater(len(first), 10)
        self.assertRegex(first[0], r"^hash nat/robust-peer\S+ seed 1 events \d+ [0-9a-f]{16}$")
        self.assertEqual(first, hashes())
        other = hashes("--seed", "7")
        self.assertIn(" seed 7 ", other[0])
        self.assertNotEqual(first[0].split()[-1], other[0].split()[-1])
        self.assertEqual(run("run", "--check-determinism", MOVING, GOOD).returncode, 0)

    def test_json_and_junit_say_the_same(self):
        failing = self.changed(lambda s: s["expect"].append({"counter": "packets_rx", "is": 12345}))
        json_path, junit_path = self.folder / "r.json", self.folder / "r.xml"
        result = run("run", "--json", json_path, "--junit", junit_path, failing, OTHER)
        self.assertEqual(result.returncode, 1)
        report = json.loads(json_path.read_text())
        self.assertEqual([s["result"] for s in report["scenarios"]], ["failed", "passed"])
        lost = [e for e in report["scenarios"][0]["expectations"] if not e["held"]]
        self.assertEqual(len(lost), 1)
        self.assertEqual(lost[0]["lost_at_ns"], 8_000_000_000)
        self.assertTrue(all(e["held"] for e in report["scenarios"][1]["expectations"]))
        suites = xml.etree.ElementTree.parse(junit_path).getroot()
        self.assertEqual((suites.get("tests"), suites.get("failures")), ("2", "1"))
        failure = suites.find(".//testcase/failure")
        self.assertIn("packets_rx", failure.text)

    def test_events_are_told_as_sentences(self):
        output = run("run", "--events", MOVING).stdout
        self.assertRegex(output, r"(?m)^10\.000000s  \*\* nat_rebind \(line \d+\)$")
        self.assertRegex(output, r"(?m)^11\.\d+s  call: client promoted to \S+ by rule 1$")

    def test_of_several_scenarios_each_has_its_capture(self):
        result = run("run", "--pcap", self.folder / "out.pcap", GOOD, OTHER)
        self.assertEqual(result.returncode, 0)
        self.assertEqual(
            sorted(p.name for p in self.folder.glob("*.pcap")),
            ["out-lease-made-for-another-relay.pcap", "out-renewed-just-in-time.pcap"],
        )

    def test_no_capture_is_written_over_another(self):
        path = self.changed(lambda s: None)
        capture = self.folder / "out.pcap"
        result = run("run", "--pcap", capture, GOOD, OTHER, path)
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stdout, "")
        written = self.folder / "out-lease-made-for-another-relay.pcap"
        wanted = f"--pcap: {written} would be the capture of {GOOD} and of {path}\n"
        self.assertEqual(result.stderr, wanted)
        self.assertEqual(list(self.folder.glob("*.pcap")), [])

    def test_a_capture_changes_nothing(self):
        def final_hash(*more):
            return run("run", "--hash", *more, MOVING).stdout.split("hash ")[1].split()[5]

        self.assertEqual(final_hash(), final_hash("--pcap", self.folder / "out.pcap"))

    @unittest.skipUnless(shutil.which("tshark"), "tshark is not installed")
    def test_wireshark_reads_the_capture(self):
        capture = self.folder / "out.pcap"
        self.assertEqual(run("run", "--pcap", capture, MOVING).returncode, 0)
        command = ["tshark", "-r", str(capture), "-o", "udp.check_checksum:TRUE"]
        command += ["-o", "ip.check_checksum:TRUE", "-T", "fields", "-E", "separator=/t"]
        fields = ["frame.time_epoch", "ip.src", "ip.dst", "udp.srcport", "udp.dstport"]
        fields += ["udp.checksum.status", "ip.checksum.status", "udp.payload", "_ws.malformed"]
        for field in fields:
            command += ["-e", field]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        rows = [line.split("\t") for line in result.stdout.splitlines()]
        self.assertGreater(len(rows), 1000)
        times = [float(row[0]) for row in rows]
        self.assertEqual(times, sorted(times))
        self.assertGreaterEqual(times[0], 1794657600)
        self.assertLess(times[-1], 1794657600 + 20)
        self.assertEqual({row[5] for row in rows}, {"1"}, "all UDP checksums are good")
        self.assertEqual({row[6] for row in rows}, {"1"}, "all IP checksums are good")
        self.assertEqual({row[8] for row in rows}, {""})
        present = [row for row in rows if row[7].startswith("570101")]
        self.assertTrue(present, "a LEASE_PRESENT crosses the network")
        self.assertEqual((present[0][2], present[0][4]), ("198.51.100.1", "4000"))


class Feed(unittest.TestCase):
    CONFIG = {"relay_id": "r", "listen": "198.51.100.1:4000", "start_unix_ms": 1795000000000}

    def feed(self, *lines):
        return subprocess.run(
            [SIM, "feed", "-"], input="\n".join(lines), capture_output=True, text=True, check=False
        )

    def refuses(self, words, *lines):
        result = self.feed(*lines)
        self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
        self.assertEqual(result.stderr, f"-:{len(lines)}: {words}\n")

    def config(self, more=""):
        return json.dumps(self.CONFIG)[:-1] + more + "}"

    def test_keys_that_are_given_twice_are_refused_and_not_written_past_their_room(self):
        keys = json.dumps([{"kid": f"k{i}", "public_key_hex": f"{i:064x}"} for i in range(64)])
        self.assertEqual(self.feed(self.config(f', "keys": {keys}')).returncode, 0)
        self.refuses(
            'each member may stand once: "keys" is there again',
            self.config(f', "keys": {keys}, "keys": {keys}'),
        )

    def test_a_member_that_appears_twice_is_refused_wherever_it_stands(self):
        again = 'each member may stand once: "{}" is there again'
        self.refuses(again.format("relay_id"), self.config(', "relay_id": "s"'))
        option = '"max-sessions": 1, "max-sessions": 2'
        self.refuses(again.format("max-sessions"), self.config(f', "options": {{{option}}}'))
        key = '{"kid": "a", "kid": "b", "public_key_hex": "' + 64 * "a" + '"}'
        self.refuses(again.format("kid"), self.config(f', "keys": [{key}]'))
        self.refuses(again.format("kid"), self.config(), f'{{"at_ns": 5, "key": {key}}}')
        self.refuses(again.format("at_ns"), self.config(), '{"at_ns": 5, "at_ns": 9}')

    def test_what_the_reader_of_json_takes_for_something_else_is_refused(self):
        config = self.config()
        for line, expected, found, column in (
            ('{"at_ns": 5, "ban": "eve\\u0000"}', "no NUL inside a text", "\\u0000", 25),
            ('{"at_ns": 5, "ban\\u0000": "eve"}', "no NUL inside a text", "\\u0000", 18),
            ('{"at_ns": 010}', "a number as JSON writes it", "010", 11),
            ('{"at_ns": 1.}', "a number as JSON writes it", "1.", 11),
            ('{"at_ns": 1e-400}', "a number that is kept as it is written", "1e-400", 11),
        ):
            words = f'expected {expected}, found "{found}" in column {column}'
            self.refuses(words, config, line)
        self.assertEqual(self.feed(config, '{"at_ns": 1e3, "ban": "\\\\u0000"}').returncode, 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
