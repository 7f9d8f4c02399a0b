#!/usr/bin/env python3
"""The documents must stay true where a machine can tell: links, names of the code, tables.

  test_docs.py ROOT WAVRY_SIM
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = PROGRAM = ""


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def documents():
    found = [name for name in os.listdir(ROOT) if name.endswith(".md")]
    for folder in ("core", "docs", "fuzz", "relay", "scenarios", "sim", "tests"):
        for where, _, names in os.walk(os.path.join(ROOT, folder)):
            found += [os.path.relpath(os.path.join(where, name), ROOT)
                      for name in names if name.endswith(".md")]
    return sorted(found)


def anchor_of(heading):
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"[`*]", "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(text):
    return {anchor_of(line.lstrip("#")) for line in text.splitlines() if re.match(r"#+ ", line)}


def words_of(macro, header):
    """The second arguments of an X macro's entries: X(NAME, "word")."""
    body = re.search(r"#define " + macro + r"\(X\)(.*?[^\\])\n\n", header, re.DOTALL).group(1)
    return re.findall(r'X\(\w+,\s*"([^"]+)"', body)


class Documents(unittest.TestCase):
    def test_every_link_leads_somewhere(self):
        for path in documents():
            for target in re.findall(r"\]\(([^)\s]+)\)", read(path)):
                if target.startswith(("http:", "https:")):
                    continue
                name, _, anchor = target.partition("#")
                file = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
                with self.subTest(document=path, link=target):
                    self.assertTrue(os.path.exists(os.path.join(ROOT, file)))
                    if anchor:
                        self.assertIn(anchor, anchors(read(file)))

    def test_every_outcome_and_verdict_is_in_the_protocol(self):
        header, protocol = read("core/include/wavry/relay.h"), read("docs/protocol.md")
        words = words_of("WR_OUTCOMES", header) + words_of("WR_VERDICTS", header)
        self.assertGreater(len(words), 50)
        for word in words:
            self.assertRegex(protocol, r"\b" + word + r"\b")

    def test_the_table_of_oracles_is_that_of_the_code(self):
        in_code = words_of("SIM_ORACLES", read("sim/oracle.h"))
        in_table = re.findall(r"^\| `(\w+)` \|", read("docs/oracles.md"), re.MULTILINE)
        self.assertEqual(in_table, in_code)

    def test_commands_and_files_that_are_named_exist(self):
        for path in documents():
            for name in re.findall(r"`((?:ci|core|docs|scenarios|sim|tests|tools)/[\w./-]+)`",
                                   read(path)):
                if re.search(r"[A-Z]", name):
                    continue  # a placeholder
                with self.subTest(document=path, name=name):
                    self.assertTrue(os.path.exists(os.path.join(ROOT, name)))


class Scenarios(unittest.TestCase):
    """docs/scenarios.md against scenarios/schema.json."""

    def setUp(self):
        self.schema = json.loads(read("scenarios/schema.json"))
        self.text = read("docs/scenarios.md")

    def test_every_section_is_described(self):
        for name in self.schema["properties"]:
            if name != "$schema":
                self.assertIn(f"`{name}`", self.text)

    def test_the_example_passes_as_it_stands(self):
        example = re.search(r"```json\n(.*?)```", self.text, re.DOTALL).group(1)
        name = json.loads(example)["name"] + ".json"
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(example)
            done = subprocess.run([PROGRAM, "run", os.path.join(folder, name)], check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_every_action_is_listed_and_no_other(self):
        in_schema = set(re.findall(r'"do": \{[^{}]*"const": "(\w+)"', json.dumps(self.schema)))
        table = self.text.split("## Timeline")[1].split("## Expectations")[0]
        listed = {word for row in table.splitlines() if row.startswith("|")
                  for word in re.findall(r"`(\w+)`", row)} - {"do"}
        self.assertEqual(listed, in_schema)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(2))
    ROOT = sys.argv.pop(1)
    unittest.main()
