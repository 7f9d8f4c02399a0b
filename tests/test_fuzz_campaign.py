#!/usr/bin/env python3
"""Campaigns of ci/fuzz, with small scripts in the place of the engine and the replay: what is found
is told apart, made small, kept, shown so that it can be played, and judged again the next time."""
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import unittest

CI = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "ci")
sys.path.insert(0, CI)

import fuzz_campaign
import fuzz_engine
import fuzz_findings
import fuzz_merge
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
    sys.stderr.write("x: /src/part.c:%s: void f(struct x *, int): Assertion `a < b' failed.\\n"
                     % asserts[1])
    os.abort()
"""

# Finds what the file `plan` says, a line each time it is run, and fuzzes on until it is told to end
# where that is nothing. An input reaches its words.
ENGINE = """#!{python} -IS
import os, re, signal, sys
here = os.path.dirname(os.path.abspath(__file__))
told = []
signal.signal(signal.SIGUSR1, lambda *_: told.append("to end"))

def asked(name):
    return os.path.exists(os.path.join(here, name))

def pause():
    signal.alarm(20)
    signal.pause()

options = dict(word[1:].split("=", 1) for word in sys.argv[1:] if word[0] == "-")
files = [word for word in sys.argv[1:] if word[0] != "-"]
if "minimize_crash" in options:
    text = open(files[0]).read()
    text = text.replace("much around it ", "").replace("asserts 1 drifting", "asserts 2")
    open(options["exact_artifact_path"], "w").write(text)
    sys.exit()
if "set_cover_merge" in options:
    paths = [os.path.join(f, name) for f in files for name in sorted(os.listdir(f))]
    if asked("merge_stops"):
        os.kill(os.getppid(), signal.SIGTERM)
        pause()
    numbers = {{}}
    with open(options["merge_control_file"], "w") as control:
        control.write("%d\\n%d\\n" % (len(paths), len(os.listdir(files[0]))))
        control.write("".join(path + "\\n" for path in paths))
        for i, path in enumerate(paths):
            words = open(path).read().split()
            control.write("STARTED %d %d\\n" % (i, os.path.getsize(path)))
            if "dies" not in words:
                reached = sorted({{numbers.setdefault(word, len(numbers)) for word in words}})
                control.write(" ".join(["FT", str(i), *map(str, reached)]) + "\\nCOV %d\\n" % i)
    open(os.path.join(files[0], "its-choice"), "w").write("c" * 100000)
    sys.exit(1 if asked("merge_fails") else 0)
if len(files) == 1:
    if sys.argv[1] == files[0] and "slow" in open(files[0]).read() and not asked("fast"):
        print("ERROR: libFuzzer: timeout after 61 seconds")
        sys.exit(70)
    sys.exit()
plan = open(os.path.join(here, "plan")).read().splitlines()
open(os.path.join(here, "plan"), "w").write("\\n".join(plan[1:]))
print("#2\\tINITED cov: 10 ft: 20 corp: 1/1b")
if plan and plan[0] == "dies":
    sys.exit(3)
if plan and plan[0] == "kills":
    with open(os.path.join(here, "pipe"), "w") as pipe:
        signal.signal(signal.SIGALRM, lambda *_: pipe.write("outlives it"))
        os.kill(os.getppid(), signal.SIGKILL)
        pause()
if plan and plan[0] == "changes":
    open(__file__, "a").write("# another program\\n")
if plan and plan[0] not in ("", "changes", "ends"):
    name = "crash-" + re.sub("[^a-zA-Z]+", "-", plan[0])
    open(options["artifact_prefix"] + name, "w").write(plan[0])
    print("#40\\tNEW    cov: 11 ft: 22 corp: 2/2b")
    sys.exit(77)
while not told and not (plan and plan[0] == "ends"):
    pass
print("#100\\tDONE   cov: 12 ft: 24 corp: 2/2b")
print("Done 100 runs in 0 second(s)")
print("stat::number_of_executed_units: 100")
"""


AFL = """#!{python} -IS
import os, sys
out = sys.argv[sys.argv.index("-o") + 1]
os.makedirs(os.path.join(out, "default", "crashes"), exist_ok=True)
open(os.path.join(out, "default", "crashes", "README.txt"), "w").write("breaks Z")
with open(os.path.join(out, "default", "fuzzer_stats"), "w") as file:
    for name in ("execs_done", "execs_per_sec", "corpus_count", "saved_hangs", "saved_crashes"):
        file.write("%-18s: 0\\n" % name)
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
        return self.call("run", "--seconds", seconds, *more, *target.split())

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

    def test_what_breaks_off_in_one_target_leaves_the_report_of_the_others(self):
        os.makedirs(os.path.join(self.folder, "work", "relay", "log-0"))
        status, text = self.campaign("breaks A", target="relay json")
        self.assertEqual(status, 1, text)
        self.assertRegex(text, r"relay +0 .*\n +broke off: IsADirectoryError: ")
        self.assertIn("json: PROPERTY part.c:65", text)
        self.assertIn("1 finding;", text)
        self.assertIn("\nbroke off: relay\n", text)

    def test_who_waits_is_told_at_once(self):
        _, text = self.campaign("ends", *["breaks A"] * 4, seconds="1000")
        told = [line for line in text.splitlines() if line.startswith("json: ")]
        self.assertEqual(told[0],
                         "json: 0.0 of 16.7 CPU minutes, 0 executions, no findings; its turn begins")
        self.assertRegex(told[1], r"^json: found PROPERTY part.c:65: A holds: with 4711: .*/part-c-65")
        self.assertLess(text.index(told[1]), text.index("  replay "))


class Turns(unittest.TestCase):
    def test_whoever_has_had_a_turn_is_the_last_to_have_the_next(self):
        order = []

        class Fake:
            def __init__(self, name, turns):
                self.name, self.turns = name, turns

            def turn(self, seconds, merge):
                order.append(f"{self.name} {seconds} {merge}")
                self.turns -= 1
                return self.turns > 0

        three = [Fake("a", 2), Fake("b", 1), Fake("c", 3)]
        done = [each.name for each in fuzz_campaign.in_turns(three, 7, True, 1)]
        self.assertEqual(order, [f"{name} 7 True" for name in "abcacc"])
        self.assertEqual("".join(done), "bac")


class Forms(Campaign):
    def test_an_input_of_relay_is_written_as_a_trace(self):
        _, text = self.campaign("breaks A", target="relay")
        self.assertEqual(read(self.command(text, "trace")), b"breaks A")
        self.assertRegex(self.command(text, "feed"), r"wavry-sim feed \S+\.jsonl$")
        self.assertEqual(self.command(text, "feed").split()[-1], self.command(text, "trace"))
        self.assertNotIn("a trace cannot say", text)
        model, *_ = self.command(text, "model").split()
        self.assertTrue(os.access(os.path.join(os.path.dirname(CI), model), os.X_OK), model)

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

    def test_what_only_the_engine_shows_is_judged_by_the_engine(self):
        self.campaign("slow")
        status, text = self.campaign()
        self.assertEqual(status, 1, text)
        self.assertIn("json: in the engine alone: ERROR: libFuzzer: timeout", text)
        self.assertRegex(self.command(text, "engine"), r"fuzz_json \S*/engine-timeout-.* -timeout=60 ")

    def test_what_the_engine_does_not_show_any_more_counts_until_somebody_deletes_it(self):
        self.campaign("slow")
        self.write(os.path.join("bin", "fast"), "")
        for _ in range(2):
            status, text = self.campaign()
            self.assertEqual(status, 1, text)
            self.assertIn("now neither there nor in the replay", text)
        (name, content), = self.files("work", "json", "findings").items()
        self.assertEqual(content, "slow")
        self.assertEqual(self.files("work", "json", "corpus"), {})
        os.unlink(os.path.join(self.folder, "work", "json", "findings", name))
        self.assertEqual(self.campaign()[0], 0)

    def test_what_nobody_has_judged_yet_is_judged_first(self):
        os.makedirs(os.path.join(self.folder, "work", "json", "artifacts"))
        self.write(os.path.join("work", "json", "artifacts", "crash-1"), "breaks A")
        status, text = self.campaign()
        self.assertEqual(status, 1)
        self.assertIn("json: PROPERTY part.c:65", text)

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

    def test_turns_count_as_they_end_and_no_engine_outlives_its_campaign(self):
        path = os.path.join(self.bin, "pipe")
        os.mkfifo(path)
        pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, pipe)
        status, _ = self.campaign("ends", "kills", seconds="1000")
        self.assertEqual(status, -signal.SIGKILL)
        os.set_blocking(pipe, True)
        self.assertEqual(os.read(pipe, 1), b"")  # only once all that could write is gone
        self.assertEqual((self.totals()["campaigns"], self.totals()["executions"]), (1, 100))

    def test_a_turn_counts_for_the_program_that_it_began_with(self):
        before = fuzz_engine.digest_of(os.path.join(self.bin, "fuzz_json"))
        self.campaign("changes")
        self.assertEqual(self.totals()["engine"], before)

    def test_what_starts_just_after_the_stop_is_stopped_too(self):
        self.addCleanup(fuzz_engine.stopping.clear)
        fuzz_engine.stop_all()
        process = fuzz_engine.started([sys.executable, "-IS", "-c",
                                       "import signal; signal.alarm(20); signal.pause()"])
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_one_build_folder_has_one_campaign(self):
        lock, _ = fuzz_engine.hold(self.folder)
        for command in ("run", "afl", "free"):
            status, text = self.call(command, "json")
            self.assertEqual(status, 2)
            self.assertIn(f"another campaign is under way in {self.folder}: process {os.getpid()}", text)
        lock.close()
        self.assertEqual(self.call("free", "json")[0], 0)

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
        self.assertEqual(self.totals()["executions"], 100)  # it ran once, until it was told to end

    def test_times_too_short_to_round_add_up(self):
        totals = fuzz_engine.Totals(fuzz_engine.Target(
            self.folder, "json", os.path.join(self.folder, "corpus")))
        for _ in range(1000):
            totals.add(1, 0.0004, False)
        self.assertAlmostEqual(self.totals()["cpu_seconds"], 0.4)


class Merging(Campaign):
    def merged(self, new, found=()):
        """A campaign with such new inputs, where such were committed."""
        os.makedirs(os.path.join(self.folder, "work", "json", "corpus"))
        for number, text in enumerate(new):
            self.write(os.path.join("work", "json", "corpus", f"{number:04}"), text)
        for number, text in enumerate(found):
            self.write(os.path.join("corpus", "json", f"found-before-{number:08}"), text)
        self.before = self.files("corpus", "json")
        status, text = self.campaign(more=())
        return status, text, self.files("corpus", "json")

    def test_what_reaches_something_new_joins_the_named_seeds(self):
        status, text, seeds = self.merged(["new"], ["old"])
        self.assertEqual(status, 0, text)
        self.assertEqual(sorted(seeds.values()), ["new", "nothing", "old"])
        self.assertIn("a-seed", seeds)
        self.assertTrue(all(name.startswith("found-some-word-") for name in seeds if name != "a-seed"))
        self.assertIn("merged: 2 found files reach all there is", text)

    def test_what_reaches_no_more_than_the_others_goes(self):
        _, _, seeds = self.merged(["old and new"], ["old", "nothing"])
        self.assertEqual(sorted(seeds.values()), ["nothing", "old and new"])

    def test_what_reaches_most_stays_where_there_is_not_room_for_all(self):
        most = fuzz_merge.FOUND_MAX
        deep = " ".join(f"deep-{i}" for i in range(40))
        _, text, seeds = self.merged([deep], [f"w{i}" for i in range(most + 20)])
        # Of those that add as much, the smallest, and of those the first.
        self.assertEqual(set(seeds.values()), {"nothing", deep, *(f"w{i}" for i in range(most - 1))})
        self.assertIn(f"{most} found files; 21 that reach more are left out, and with them 21 "
                      "features", text)

    def test_many_short_ones_come_before_a_long_one_that_reaches_more_than_each(self):
        short = {f"{i:03}" + "s" * (fuzz_merge.FOUND_BYTES_MIN // 500) for i in range(100)}
        long = "reaches four words " + "l" * (fuzz_merge.FOUND_BYTES_MIN * 9 // 10)
        _, text, seeds = self.merged([long, *short])
        self.assertEqual(set(seeds.values()), {*short, "nothing"})
        self.assertIn("1 that reach more are left out, and with them 4 features", text)

    def test_bytes_are_bounded_too(self):
        large = "a b c " + "d" * fuzz_merge.FOUND_BYTES_MIN
        status, text, seeds = self.merged([large, "a", "b c"])
        self.assertEqual((status, sorted(seeds.values())), (0, ["a", "b c", "nothing"]))
        self.assertIn("2 found files; 1 that reach more are left out, and with them 1 features", text)

    def test_there_is_room_for_as_much_as_the_named_seeds_have(self):
        self.write(os.path.join("corpus", "json", "a-seed"), "n" * 2 * fuzz_merge.FOUND_BYTES_MIN)
        fits, larger = "f" * 2 * fuzz_merge.FOUND_BYTES_MIN, "l" * (2 * fuzz_merge.FOUND_BYTES_MIN + 1)
        self.assertEqual(len(self.merged([fits, larger])[2]), 2)
        self.assertIn(fits, self.files("corpus", "json").values())

    def test_a_merge_that_fails_is_said_and_leaves_the_corpus(self):
        self.write(os.path.join("bin", "merge_fails"), "")
        status, text, seeds = self.merged(["new"], ["old"])
        self.assertEqual((status, seeds), (1, self.before))
        self.assertIn("broke off: its corpus is as it was, for the merge failed", text)

    def test_a_committed_input_on_which_the_engine_dies_stays(self):
        status, text, seeds = self.merged(["new"], ["dies"])
        self.assertEqual((status, seeds), (1, self.before))
        self.assertIn("the engine does not survive found-before-00000000", text)

    def test_a_merge_that_is_stopped_leaves_the_corpus(self):
        self.write(os.path.join("bin", "merge_stops"), "")
        status, text, seeds = self.merged(["new"], ["old"])
        self.assertEqual((status, seeds), (1, self.before))
        self.assertIn("broke off: stopped", text)


class Afl(Campaign):
    def setUp(self):
        super().setUp()
        self.script("afl-fuzz", AFL)
        self.environment = {"PATH": self.bin + os.pathsep + os.environ["PATH"]}

    def test_crashes_of_all_campaigns_are_findings(self):
        folder = os.path.join("work", "json", "afl", "default", "crashes.2020-01-01-00:00:00")
        os.makedirs(os.path.join(self.folder, folder))
        self.write(os.path.join(folder, "id:000000,sig:06"), "breaks A")
        self.write(os.path.join(folder, "id:000001,sig:06"), "breaks A as well")
        for _ in range(2):
            status, text = self.call("afl", "json")
            self.assertEqual(status, 1, text)
            self.assertIn("json: PROPERTY part.c:65", text)
            self.assertNotIn("part.c:90", text)
            self.assertEqual(list(self.files("work", "json", "findings").values()), ["breaks A"])
        self.write(os.path.join("bin", "mended"), "")
        self.assertEqual(self.call("afl", "json")[0], 0)

    def test_a_crash_that_the_replay_does_not_show_is_a_finding(self):
        os.makedirs(os.path.join(self.folder, "work", "json", "afl", "default", "crashes"))
        self.write(os.path.join("work", "json", "afl", "default", "crashes", "id:000000"), "slow")
        for _ in range(2):
            status, text = self.call("afl", "json")
            self.assertEqual(status, 1, text)
            self.assertIn("json: in the engine alone: ERROR: libFuzzer: timeout", text)

    def test_no_crash_is_no_finding(self):
        self.assertEqual(self.call("afl", "json")[0], 0)

    def test_an_afl_that_does_not_run_is_no_success(self):
        self.script("afl-fuzz", "#!/bin/sh\nexit 3\n")
        status, text = self.call("afl", "json")
        self.assertEqual(status, 1)
        self.assertIn("broke off: afl-fuzz ended with 3", text)


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
