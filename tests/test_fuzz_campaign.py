#!/usr/bin/env python3
"""Campaigns of ci/fuzz, with small scripts in the place of the engine and the replay: what is found
is told apart, made small, kept, shown so that it can be played, and judged again the next time."""
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import unittest

CI = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "ci")
sys.path.insert(0, CI)

import fuzz_findings
import fuzz_speed

# An input breaks the property that it names: "breaks A".
REPLAY = """#!{python} -IS
import os, re, sys
here = os.path.dirname(os.path.abspath(__file__))
word, path = sys.argv[1], sys.argv[-1]
if word == "--about":
    print('{{"name": "x", "bytes_max": 64, "property": "p", "canaries": {{}}}}')
    sys.exit()
if word == "--speed":
    print("x: %s executions/s over 1 files" % open(os.path.join(here, "rate")).read())
    sys.exit()
text = open(path).read()
if word == "--outcome":
    print("some word")
    sys.exit()
if word == "--explain":
    for name in ("WAVRY_FUZZ_TRACE", "WAVRY_FUZZ_SCENARIO"):
        if name in os.environ:
            open(os.environ[name], "w").write(text)
    print("%s: %d bytes" % (path, len(text)))
    print("the input says " + text)
    if "untold" in text:
        print("     a trace cannot say it all: something untold")
found = re.search("breaks ([A-Z])", text)
mended = os.path.exists(os.path.join(here, "mended"))
if found and not mended:
    sys.stdout.flush()
    sys.stderr.write("PROPERTY part.c:%d: %s holds: with 4711\\n" % (ord(found[1]), found[1]))
    sys.exit(1)
asserts = re.search("asserts ([0-9]+)", text)
if asserts and not mended:
    sys.stderr.write("x: /src/part.c:%s: void f(struct x *, int): Assertion `a < b' failed.\\n" % asserts[1])
    os.abort()
"""

# Finds what the file `plan` says, a line each time it is run; spends 20 ms each time.
ENGINE = """#!{python} -IS
import os, re, shutil, sys, time
here = os.path.dirname(os.path.abspath(__file__))
options = dict(word[1:].split("=", 1) for word in sys.argv[1:] if word[0] == "-")
files = [word for word in sys.argv[1:] if word[0] != "-"]
if "minimize_crash" in options:
    text = open(files[0]).read()
    open(options["exact_artifact_path"], "w").write(text.replace("much around it ", "").replace("asserts 1 drifting", "asserts 2"))
    sys.exit()
if "merge" in options:
    for name in os.listdir(files[1]):
        shutil.copy(os.path.join(files[1], name), os.path.join(files[0], name))
    sys.exit()
while time.process_time() < 0.02:
    pass
plan = open(os.path.join(here, "plan")).read().splitlines()
open(os.path.join(here, "plan"), "w").write("\\n".join(plan[1:]))
print("#2\\tINITED cov: 10 ft: 20 corp: 1/1b")
if plan and plan[0] == "dies":
    sys.exit(3)
if plan and plan[0]:
    name = "crash-" + re.sub("[^a-zA-Z]+", "-", plan[0])
    open(options["artifact_prefix"] + name, "w").write(plan[0])
    print("#40\\tNEW    cov: 11 ft: 22 corp: 2/2b")
    sys.exit(77)
print("#100\\tDONE   cov: 12 ft: 24 corp: 2/2b")
print("Done 100 runs in 0 second(s)")
print("stat::number_of_executed_units: 100")
"""


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Campaign(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.environment = {}
        self.bin = os.path.join(self.folder, "bin")
        os.mkdir(self.bin)
        for target in ("json", "relay", "world"):
            self.script("fuzz_" + target, ENGINE)
            self.script("replay_" + target, REPLAY)
            os.makedirs(os.path.join(self.folder, "corpus", target))
            self.write(os.path.join("corpus", target, "a-seed"), "nothing")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def script(self, name, text):
        self.write(os.path.join("bin", name), text.format(python=sys.executable))
        os.chmod(os.path.join(self.bin, name), stat.S_IRWXU)

    def call(self, command, *arguments):
        done = subprocess.run(
            [sys.executable, os.path.join(CI, "fuzz_campaign.py"), command, "--build", self.folder,
             "--corpus", os.path.join(self.folder, "corpus"), *arguments], check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
            env={**os.environ, **self.environment})
        return done.returncode, done.stdout

    def campaign(self, *plan, target="json", seconds="0.001", more=("--no-merge",)):
        self.write(os.path.join("bin", "plan"), "\n".join(plan))
        return self.call("run", "--seconds", seconds, *more, target)

    def files(self, *where):
        folder = os.path.join(self.folder, *where)
        return {name: read(os.path.join(folder, name)).decode()
                for name in sorted(os.listdir(folder))}

    def totals(self, target="json"):
        return json.loads(read(os.path.join(self.folder, "work", target, "totals.json")))

    def command(self, text, name):
        return re.search(rf"^  {name} +(.*)$", text, re.MULTILINE).group(1)


class Findings(Campaign):
    def test_nothing_found_is_said_and_is_no_failure(self):
        status, text = self.campaign()
        self.assertEqual(status, 0, text)
        self.assertIn("no findings", text)

    def test_a_finding_is_made_small_and_told_with_what_replays_it(self):
        status, text = self.campaign("much around it breaks A", seconds="0.03")
        self.assertEqual(status, 1, text)
        (name, content), = self.files("work", "json", "findings").items()
        self.assertEqual(content, "breaks A")
        self.assertRegex(name, r"^part-c-65-a-holds-[0-9a-f]{8}$")
        self.assertIn("json: PROPERTY part.c:65: A holds: with 4711", text)
        self.assertEqual(os.path.basename(self.command(text, "file")), name)
        self.assertIn("the input says breaks A", text)
        done = subprocess.run(self.command(text, "replay").split(), check=False, capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"PROPERTY part.c:65", done.stderr)

    def test_findings_that_end_alike_are_one(self):
        status, text = self.campaign("breaks A", "breaks A otherwise", *["breaks B"] * 3,
                                     seconds="1000")
        self.assertEqual(status, 1)
        self.assertEqual(len(self.files("work", "json", "findings")), 2)
        self.assertEqual(text.count("\n  replay "), 2)
        self.assertEqual(os.listdir(os.path.join(self.folder, "work", "json", "artifacts")), [])

    def test_the_same_at_once_each_time_ends_the_campaign(self):
        status, text = self.campaign(*["breaks A"] * 10, seconds="1000")
        self.assertEqual(status, 1, text)
        self.assertEqual(len(self.files("work", "json", "findings")), 1)

    def test_what_breaks_only_in_the_engine_is_a_finding_too(self):
        status, text = self.campaign("sound, but slow", seconds="0.03")
        self.assertEqual(status, 1)
        self.assertIn("in the engine alone", text)

    def test_an_engine_that_dies_is_no_success(self):
        status, text = self.campaign("dies")
        self.assertEqual(status, 1)
        self.assertIn("the engine did not run", text)


    def test_assertions_of_clang_and_of_gcc_are_told_by_their_place_and_words(self):
        for function in ("f", "void f(struct x *, int)"):
            text = f"x: /src/part.c:4: {function}: Assertion `a ? b : c' failed.\nSUMMARY: A: b c"
            self.assertEqual(fuzz_findings.sign_of(text)[0], "part.c:4 a ? b : c")
        status, text = self.campaign("asserts 7", "asserts 8", "asserts 8 again", *["asserts 7"] * 2,
                                     seconds="1000")
        self.assertEqual(status, 1)
        self.assertEqual(len(self.files("work", "json", "findings")), 2)
        self.assertIn("json: /src/part.c:7: void f(struct x *, int): Assertion `a < b' failed", text)

    def test_what_is_made_small_is_still_the_same_finding(self):
        self.campaign("asserts 1 drifting")
        self.assertEqual(list(self.files("work", "json", "findings").values()), ["asserts 1 drifting"])

    def test_a_leak_is_one_finding_however_much_it_leaks(self):
        signs = {fuzz_findings.sign_of(f"SUMMARY: AddressSanitizer: {leaked} leaked in {count}.")[0]
                 for leaked, count in (("48 byte(s)", "2 allocation(s)"), ("7 byte(s)", "1 allocation(s)"))}
        self.assertEqual(signs, {"AddressSanitizer: leaked"})


class Forms(Campaign):
    def test_an_input_of_relay_is_written_as_a_trace(self):
        _, text = self.campaign("breaks A", target="relay")
        self.assertEqual(read(self.command(text, "trace")), b"breaks A")
        self.assertRegex(self.command(text, "feed"), r"wavry-sim feed \S+\.jsonl$")
        self.assertEqual(self.command(text, "feed").split()[-1], self.command(text, "trace"))
        self.assertNotIn("a trace cannot say", text)

    def test_what_a_trace_cannot_say_is_told(self):
        _, text = self.campaign("breaks A untold", target="relay")
        self.assertIn("a trace cannot say something untold", self.command(text, "but"))

    def test_an_input_of_world_is_written_as_a_scenario(self):
        _, text = self.campaign("breaks A", target="world")
        self.assertEqual(read(self.command(text, "scenario")), b"breaks A")
        self.assertRegex(self.command(text, "run"), r"wavry-sim run --hash \S+\.json$")
        self.assertLess(len(os.path.basename(self.command(text, "scenario"))), 64)

    def test_other_targets_are_only_explained(self):
        _, text = self.campaign("breaks A")
        self.assertNotIn("wavry-sim", text)


class Resuming(Campaign):
    def test_a_finding_stays_one_until_it_is_mended(self):
        self.campaign("breaks A")
        status, text = self.campaign()
        self.assertEqual(status, 1)
        self.assertIn("PROPERTY part.c:65", text)
        self.write(os.path.join("bin", "mended"), "")
        status, text = self.campaign()
        self.assertEqual(status, 0, text)
        self.assertIn("holds now: it is mended", text)
        self.assertEqual(self.files("work", "json", "findings"), {})
        self.assertEqual(list(self.files("work", "json", "corpus").values()), ["breaks A"])

    def test_totals_are_those_of_all_campaigns_with_this_engine(self):
        self.campaign()
        once = self.totals()
        self.assertEqual((once["campaigns"], once["executions"]), (1, 100))
        self.assertGreaterEqual(once["cpu_seconds"], 0.02)
        _, text = self.campaign()
        twice = self.totals()
        self.assertEqual((twice["campaigns"], twice["executions"]), (2, 200))
        self.assertGreaterEqual(twice["cpu_seconds"], once["cpu_seconds"] + 0.02)
        self.assertRegex(text, r"(?m)^json .* 200 ")
        self.script("fuzz_json", ENGINE + "# another program\n")
        self.campaign()
        self.assertEqual((self.totals()["campaigns"], self.totals()["executions"]), (1, 100))
        self.assertNotEqual(self.totals()["engine"], once["engine"])

    def test_without_git_totals_count_since_an_unknown_commit(self):
        self.environment = {"PATH": self.folder}
        status, text = self.campaign()
        self.assertEqual(status, 0, text)
        self.assertEqual(self.totals()["commit"], "unknown")

    def test_totals_that_cannot_be_read_begin_anew(self):
        self.campaign()
        self.write(os.path.join("work", "json", "totals.json"), "{")
        status, _ = self.campaign()
        self.assertEqual((status, self.totals()["campaigns"]), (0, 1))

    def test_processor_time_counts_and_not_what_goes_by(self):
        status, _ = self.campaign(seconds="0.3")
        self.assertEqual(status, 0)
        self.assertGreaterEqual(self.totals()["cpu_seconds"], 0.3)
        self.assertGreater(self.totals()["executions"], 100)

    def test_what_reaches_something_new_joins_the_named_seeds(self):
        os.makedirs(os.path.join(self.folder, "work", "json", "corpus"))
        self.write(os.path.join("work", "json", "corpus", "0123"), "new")
        self.write(os.path.join("corpus", "json", "found-before-00000000"), "old")
        status, _ = self.campaign(more=())
        self.assertEqual(status, 0)
        seeds = self.files("corpus", "json")
        self.assertEqual(sorted(seeds.values()), ["new", "nothing", "old"])
        self.assertIn("a-seed", seeds)
        self.assertTrue(all(name.startswith("found-some-word-") for name in seeds if name != "a-seed"))


class Usage(unittest.TestCase):
    def test_what_makes_no_sense_is_refused(self):
        for words, said in (
                ("5 cursor json cursor", "cursor is named twice"),
                ("--coverage --speed", "one at a time: --coverage --speed"),
                ("--coverage --msan", "one at a time"),
                ("5 --afl --msan", "one at a time"),
                ("5 --afl --no-merge", "--afl merges nothing"),
                ("--list --no-merge", "--list merges nothing")):
            with self.subTest(words):
                done = subprocess.run([os.path.join(CI, "fuzz"), *words.split()], check=False,
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 2)
                self.assertIn(said, done.stderr)


class Speed(Campaign):
    def judged(self, rate, target="json"):
        self.write(os.path.join("bin", "rate"), str(rate))
        return self.call("speed", "--plain", self.folder, target)

    def test_a_missed_bar_is_told(self):
        status, text = self.judged(fuzz_speed.PLAIN_MIN)
        self.assertEqual(status, 0, text)
        status, text = self.judged(fuzz_speed.PLAIN_MIN - 1)
        self.assertEqual(status, 1)
        self.assertIn("BELOW", text)

    def test_relay_has_a_bar_of_its_own(self):
        self.assertEqual(self.judged(fuzz_speed.RELAY_MIN, "relay")[0], 0)
        self.assertEqual(self.judged(fuzz_speed.RELAY_MIN - 1, "relay")[0], 1)

    def test_the_mixture_has_so_many_actions_and_none_of_them_cut(self):
        seeds, out = (os.path.join(self.folder, name) for name in ("corpus/relay", "out"))
        os.mkdir(out)
        for number in range(3):
            with open(os.path.join(seeds, f"seed-{number}"), "wb") as file:
                file.write(bytes([number, 2, 7, 7]) * 150 + b"\x01\xff")
        fuzz_speed.write_mixture(seeds, out)
        inputs = [read(os.path.join(out, name)) for name in sorted(os.listdir(out))]
        self.assertEqual([len(each) for each in inputs], [800, 800])
        self.assertEqual(len(list(fuzz_speed.actions_in(out))), 400)


if __name__ == "__main__":
    unittest.main()
