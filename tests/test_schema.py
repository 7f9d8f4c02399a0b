#!/usr/bin/env python3
"""scenarios/schema.json against an independent validator (python3-jsonschema).

  test_schema.py ROOT WAVRY_SIM

The schema in the repository is the one the program prints; it is a good schema; every scenario
keeps it; and a scenario that is spoiled in some way does not.
"""
import copy
import json
import os
import subprocess
import sys
import unittest

import jsonschema

ROOT = PROGRAM = ""


def scenarios():
    """Path → document, of every scenario of the suite."""
    found = {}
    for where, folders, names in os.walk(os.path.join(ROOT, "scenarios")):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".json") and name != "schema.json":
                path = os.path.join(where, name)
                with open(path, encoding="utf-8") as file:
                    found[os.path.relpath(path, ROOT)] = json.load(file)
    return found


class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(ROOT, "scenarios", "schema.json"), encoding="utf-8") as file:
            cls.text = file.read()
        cls.schema = json.loads(cls.text)
        cls.validator = jsonschema.validators.validator_for(cls.schema)(cls.schema)
        cls.scenarios = scenarios()

    def test_it_is_what_the_program_prints(self):
        printed = subprocess.run([PROGRAM, "schema"], check=True, stdout=subprocess.PIPE,
                                 encoding="utf-8").stdout
        self.assertEqual(self.text, printed, "renew it: wavry-sim schema > scenarios/schema.json")

    def test_it_is_a_good_schema(self):
        self.validator.check_schema(self.schema)

    def test_every_scenario_keeps_it(self):
        self.assertGreaterEqual(len(self.scenarios), 32)
        for path, document in self.scenarios.items():
            problems = [f"{path}: {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
                        for error in self.validator.iter_errors(document)]
            self.assertEqual(problems, [])

    def test_a_spoiled_scenario_does_not(self):
        path, good = next(iter(self.scenarios.items()))
        self.assertTrue(self.validator.is_valid(good), path)
        for name, spoil in {
                "without a duration": lambda document: document.pop("duration"),
                "without expectations": lambda document: document.pop("expect"),
                "with an empty list of expectations": lambda document: document.update(expect=[]),
                "with a misspelt section": lambda document: document.update(peer={}),
                "with a duration that is a number": lambda document: document.update(duration=30),
                "with a duration without a unit": lambda document: document.update(duration="30"),
                "with an unknown action":
                    lambda document: document.update(timeline=[{"at": "1s", "do": "nat_rebound"}]),
                "with an unknown counter":
                    lambda document: document["expect"].append({"counter": "packets", "is": 1}),
        }.items():
            spoiled = copy.deepcopy(good)
            spoil(spoiled)
            with self.subTest(spoiled=name):
                self.assertFalse(self.validator.is_valid(spoiled))


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(2))
    ROOT = sys.argv.pop(1)
    unittest.main()
