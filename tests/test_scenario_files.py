"""Scenario files, their schema and their index, judged by tools that share no code with the parser.

usage: test_scenario_files.py WAVRY_SIM SCENARIOS BAD_SCENARIOS

Good scenarios must satisfy both the parser and the schema (python3-jsonschema); each bad one must be
refused by the parser with the words of the .txt beside it, and by the schema as well unless it is
listed below: some mistakes concern more than one place, which a schema cannot express.
"""
import json
import pathlib
import subprocess
import sys
import unittest

import jsonschema

SIM, SCENARIOS, BAD = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])

# What a schema cannot see: names and their references, sizes of groups, windows, bounds.
BEYOND_A_SCHEMA = {
    "a-comma-too-many",
    "a-flow-of-an-unknown-session",
    "a-flow-that-measures-nothing",
    "a-flow-without-traffic",
    "a-gap-as-long-as-its-window",
    "a-master-that-cannot-choose-its-key",
    "a-member-twice",
    "a-name-that-a-later-group-has",
    "a-number-that-is-not-whole-by-a-hair",
    "a-number-with-a-leading-zero",
    "a-pause-after-the-end",
    "a-peer-at-the-address-of-a-nat",
    "a-reason-of-an-event-without-one",
    "a-rule-of-an-event-without-rules",
    "a-share-of-at-least-nothing",
    "a-share-of-at-most-everything",
    "a-standalone-relay-without-keys",
    "a-verdict-on-a-peer-without-a-lease",
    "a-virtue-of-a-legacy-client",
    "a-window-outside-the-run",
    "action-after-the-end",
    "an-attack-without-its-session",
    "an-attacker-at-the-address-of-a-nat",
    "an-attacker-at-the-address-of-a-peer",
    "an-attacker-at-the-address-of-a-relay",
    "an-empty-window",
    "an-instant-outside-the-run",
    "at-most-everything",
    "bounds-that-contradict",
    "constant-traffic-without-a-rate",
    "cut-off",
    "groups-of-different-size",
    "is-and-at-least",
    "lease-requests-without-a-session",
    "more-sessions-than-there-is-room",
    "name-is-not-that-of-the-file",
    "no-bound-at-all",
    "pauses-far-beyond-the-end",
    "peer-in-two-sessions",
    "probability-above-one",
    "rebind-of-a-peer-without-a-nat",
    "repeated-far-beyond-the-end",
    "spread-far-beyond-the-end",
    "strays-where-every-session-is-theirs",
    "strays-without-a-session",
    "two-nats-at-one-address",
    "two-peers-at-one-address",
    "unknown-link",
    "unknown-peer-in-a-session",
}


def run(*arguments):
    return subprocess.run([SIM, *map(str, arguments)], capture_output=True, text=True, check=False)


def good_files():
    return sorted(p for p in SCENARIOS.glob("*/*.json"))


class ScenarioFiles(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        schema = json.loads((SCENARIOS / "schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        cls.validator = jsonschema.Draft202012Validator(schema)

    def test_there_are_scenarios_of_every_family(self):
        families = {p.parent.name for p in good_files()}
        self.assertLessEqual({"nat", "lease", "keys", "overload"}, families)
        self.assertGreaterEqual(len(good_files()), 32)

    def test_the_schema_is_the_one_that_the_parser_would_write(self):
        self.assertEqual(
            (SCENARIOS / "schema.json").read_text(),
            run("schema").stdout,
            "write it again: wavry-sim schema > scenarios/schema.json",
        )

    def test_the_index_is_current(self):
        written = run("list", "--markdown", SCENARIOS)
        self.assertEqual(written.returncode, 0, written.stderr)
        self.assertEqual(
            (SCENARIOS / "README.md").read_text(),
            written.stdout,
            "write it again: wavry-sim list --markdown scenarios > scenarios/README.md",
        )

    def test_good_scenarios_satisfy_parser_and_schema(self):
        result = run("validate", SCENARIOS)
        self.assertEqual(result.returncode, 0, result.stderr)
        for path in good_files():
            with self.subTest(path.name):
                errors = [e.message for e in self.validator.iter_errors(json.loads(path.read_text()))]
                self.assertEqual(errors, [])

    def test_bad_scenarios_are_refused_with_place_and_reason(self):
        paths = sorted(BAD.glob("*.json"))
        self.assertGreater(len(paths), 40)
        for path in paths:
            with self.subTest(path.name):
                result = run("validate", path)
                self.assertEqual(result.returncode, 2)
                lines = result.stderr.splitlines()
                for wanted in path.with_suffix(".txt").read_text().splitlines():
                    fitting = [line for line in lines if wanted in line]
                    self.assertTrue(fitting, f"{wanted!r} is not in {result.stderr!r}")
                    self.assertRegex(fitting[0], r"^.*\.json:[1-9]\d*:[1-9]\d*: ")

    def test_bad_scenarios_are_refused_by_the_schema_where_it_can(self):
        blind = set()
        for path in sorted(BAD.glob("*.json")):
            try:
                document = json.loads(path.read_text())
            except json.JSONDecodeError:
                blind.add(path.stem)
                continue
            if self.validator.is_valid(document):
                blind.add(path.stem)
        self.assertEqual(blind, BEYOND_A_SCHEMA)

    def test_wrong_usage_is_told_apart(self):
        self.assertEqual(run("validate").returncode, 2)
        self.assertEqual(run("validate", "no/such/file.json").returncode, 2)
        self.assertEqual(run("schema", "--help").returncode, 0)
        self.assertEqual(run("schema", "more").returncode, 2)
        self.assertEqual(run("list").returncode, 2)
        self.assertEqual(run("list", "--help").returncode, 0)
        self.assertEqual(run("no-such-command").returncode, 2)
        self.assertEqual(run().returncode, 2)
        self.assertEqual(run("--help").returncode, 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
