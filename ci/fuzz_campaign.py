#!/usr/bin/env python3
"""fuzz_campaign.py COMMAND --build FOLDER [...] TARGET...: what ci/fuzz does once all is built.

  run       fuzzes with libFuzzer, merges corpora, reports findings
  afl       the same targets under AFL++
  canaries  lets libFuzzer look for each target's faults
  speed     executions per second of the corpora
  list      what the targets are
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORPUS = os.path.join(ROOT, "fuzz", "corpus")
# Files of one corpus that campaigns found, its named seeds on top, and all of them together.
FOUND_MAX, CORPUS_MAX = 100, 280
FOUND_BYTES_MAX = 80_000
FINDINGS_MAX = 20  # of one target and campaign: what comes then is more of the same
# Those that the bars of speed are for: neither signatures nor whole files bound them.
PARSERS = ("answers", "claims", "cursor", "datagram", "json", "key_file", "rfc3339", "rift")
PLAIN_MIN, SANITIZED_MIN = 200_000, 50_000

running = set()
stopping = threading.Event()


def start(command, **options):
    process = subprocess.Popen(command, **options)
    running.add(process)
    return process


def output_of(command, timeout=None, **environment):
    """(exit code, all it wrote)."""
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                    errors="replace", env={**os.environ, **environment})
    try:
        text, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        text, _ = process.communicate()
    running.discard(process)
    return process.returncode, text


def stop_all(*_):
    stopping.set()
    for process in list(running):
        process.terminate()


class Target:
    def __init__(self, build, name):
        self.name = name
        self.replay = os.path.join(build, "bin", "replay_" + name)
        self.engine = os.path.join(build, "bin", "fuzz_" + name)
        self.work = os.path.join(build, "work", name)
        self.seeds = os.path.join(CORPUS, name)
        self.about = json.loads(subprocess.check_output([self.replay, "--about"]))
        for folder in ("corpus", "findings"):
            os.makedirs(os.path.join(self.work, folder), exist_ok=True)

    def options(self):
        path = os.path.join(ROOT, "fuzz", "dict", self.name + ".dict")
        with open(path, encoding="utf-8") as file:
            words = any('="' in line for line in file)
        return ["-max_len=%d" % self.about["bytes_max"], "-timeout=10", "-rss_limit_mb=2048",
                *(["-dict=" + path] if words else [])]


# ---- Findings -----------------------------------------------------------------------------------

SIGNS = (
    r"PROPERTY (\S+:\d+): (.*)",
    r"(\S+?:\d+): \S+: Assertion `(.*)' failed",
    r"(\S+?:\d+):\d+: runtime error: (.*)",
    r"SUMMARY: (\w+: \S+ \S+)(.*)",
    r"ERROR: libFuzzer: (timeout|out-of-memory)(.*)",
)


def sign_of(text):
    """What tells one finding from another, and a line that says it; None where it is none."""
    for sign in SIGNS:
        found = re.search(sign, text)
        if found:
            place = re.sub(r"^.*/", "", found.group(1))
            # Addresses and numbers differ from input to input; the place and the words do not.
            words = re.sub(r"0x[0-9a-f]+|\d+", "N", found.group(2).split(": ")[0])
            return f"{place} {words}".strip(), found.group(0)[:300]
    return None


def judge(target, path):
    code, text = output_of([target.replay, path], timeout=60)
    if code is None or code >= 0 and sign_of(text) is None:
        return None
    return sign_of(text) or (f"signal {-code}", f"ended by signal {-code}")


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]


def short_hash(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:8]


class Findings:
    """One file and one line per signature, kept from campaign to campaign."""

    def __init__(self, target):
        self.target = target
        self.folder = os.path.join(target.work, "findings")
        self.seen = {}

    def recall(self):
        """Findings of earlier campaigns: those that are findings still."""
        for name in sorted(os.listdir(self.folder)):
            path = os.path.join(self.folder, name)
            sign = judge(self.target, path)
            if sign is None:
                print(f"{self.target.name}: {name} holds now: it is mended")
                shutil.move(path, os.path.join(self.target.work, "corpus", name))
            else:
                self.seen.setdefault(sign[0], (path, sign[1]))

    def add(self, path, log):
        sign = judge(self.target, path)
        if sign is None:  # only within the engine: its bounds of time and memory, or a mutator
            sign = sign_of(log) or ("ended without a word", "the engine ended without a word")
            sign = ("engine " + sign[0], "in the engine alone: " + sign[1])
        if sign[0] in self.seen:
            os.unlink(path)
            return False
        self.seen[sign[0]] = (self.minimised(path, sign), sign[1])
        return True

    def minimised(self, path, sign):
        small = path + ".min"
        output_of([self.target.engine, "-minimize_crash=1", "-max_total_time=20", "-timeout=10",
                   "-exact_artifact_path=" + small, path], timeout=60)
        if os.path.exists(small) and (judge(self.target, small) or ("",))[0] == sign[0]:
            os.replace(small, path)
        elif os.path.exists(small):
            os.unlink(small)
        name = os.path.join(self.folder, f"{slug(sign[0])}-{short_hash(path)}")
        os.replace(path, name)
        return name

    def print(self):
        for path, line in self.seen.values():
            _, meaning = output_of([self.target.replay, "--explain", path], timeout=60)
            print(f"\n{self.target.name}: {line}")
            print("  file    " + os.path.relpath(path, ROOT))
            print("  replay  " + os.path.relpath(self.target.replay, ROOT) + " " +
                  os.path.relpath(path, ROOT))
            print("  keep    cp it to " + os.path.relpath(self.target.seeds, ROOT) +
                  "/ under a name that says what it is, with the change that mends it")
            print("  meaning")
            for text in meaning.splitlines()[1:41]:
                print("    " + text[:400])


# ---- One target ---------------------------------------------------------------------------------

def numbers_of(log):
    """Edges and features before and after, executions."""
    seen = re.findall(r"^#\d+\s+(?:INITED|NEW|REDUCE|pulse|DONE|RELOAD)\s+cov: (\d+) ft: (\d+)", log,
                      re.MULTILINE)
    runs = re.findall(r"stat::number_of_executed_units: (\d+)", log)
    # A finding ends the engine without its statistics: the last number it wrote is close.
    counted = re.findall(r"^#(\d+)\t", log, re.MULTILINE)
    executions = int(runs[-1]) if runs else int(counted[-1]) if counted else 0
    first = tuple(map(int, seen[0])) if seen else (0, 0)
    last = tuple(map(int, seen[-1])) if seen else (0, 0)
    return first, last, executions


def fuzz_one(target, seconds):
    """Fuzzes for so long, going on after each finding."""
    findings = Findings(target)
    findings.recall()
    result = {"executions": 0, "spent": 0.0, "before": None, "after": (0, 0), "findings": findings}
    artifacts = os.path.join(target.work, "artifacts") + "/"
    os.makedirs(artifacts, exist_ok=True)
    known_again = 0
    for turn in range(FINDINGS_MAX):
        left = seconds - result["spent"]
        if left < 1 or stopping.is_set():
            break
        began = time.monotonic()
        _, log = output_of([target.engine, f"-max_total_time={max(1, round(left))}",
                            "-print_final_stats=1", "-artifact_prefix=" + artifacts,
                            *target.options(), os.path.join(target.work, "corpus"), target.seeds])
        result["spent"] += time.monotonic() - began
        with open(os.path.join(target.work, f"log-{turn}"), "w", encoding="utf-8") as file:
            file.write(log)
        before, after, executions = numbers_of(log)
        result["before"] = result["before"] or before
        result["after"] = max(result["after"], after)
        result["executions"] += executions
        new = [os.path.join(artifacts, name) for name in sorted(os.listdir(artifacts))]
        added = [findings.add(path, log) for path in new]
        known_again += bool(new) and not any(added)
        if known_again == 3:  # it finds the same at once, every time: that must be mended first
            break
        if not new and not re.search(r"^Done \d+ runs|stat::number", log, re.MULTILINE):
            print(f"{target.name}: the engine ended without a word:\n{log[-2000:]}")
            findings.seen["the engine " + str(turn)] = (target.seeds, "the engine did not run")
            break
    return result


def merge_one(target):
    """Replaces what campaigns found by a small set that reaches the same and more, behind the named
    seeds. Returns how many found ones there are now."""
    named = [n for n in sorted(os.listdir(target.seeds)) if not n.startswith("found-")]
    with tempfile.TemporaryDirectory() as folder:
        for part in ("named", "rest"):
            os.mkdir(os.path.join(folder, part))
        for name in named:
            shutil.copy(os.path.join(target.seeds, name), os.path.join(folder, "named", name))
        for source in (target.seeds, os.path.join(target.work, "corpus")):
            for name in os.listdir(source):
                if source != target.seeds or name.startswith("found-"):
                    shutil.copy(os.path.join(source, name), os.path.join(folder, "rest", name))
        output_of([target.engine, "-merge=1", *target.options(), os.path.join(folder, "named"),
                   os.path.join(folder, "rest")])
        new = [os.path.join(folder, "named", n)
               for n in os.listdir(os.path.join(folder, "named")) if n not in named]
        new.sort(key=lambda path: (os.path.getsize(path), path))
        bytes_left, kept = FOUND_BYTES_MAX, []
        for path in new[:max(0, min(FOUND_MAX, CORPUS_MAX - len(named)))]:
            bytes_left -= os.path.getsize(path)
            if bytes_left >= 0:
                kept.append(path)
        for name in os.listdir(target.seeds):
            if name.startswith("found-"):
                os.unlink(os.path.join(target.seeds, name))
        for path in kept:
            _, outcome = output_of([target.replay, "--outcome", path], timeout=60)
            name = f"found-{slug(outcome)}-{short_hash(path)}"
            shutil.copy(path, os.path.join(target.seeds, name))
    return len(kept)


def side_by_side(function, targets, jobs):
    with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
        waiting = {pool.submit(function, target): target for target in targets}
        for done in concurrent.futures.as_completed(waiting):
            yield waiting[done], done.result()


# ---- Commands -----------------------------------------------------------------------------------

def run(arguments, targets):
    def campaign(target):
        result = fuzz_one(target, arguments.seconds)
        result["kept"] = None if arguments.no_merge or stopping.is_set() else merge_one(target)
        return result

    found = 0
    print(f"{'target':<12}{'executions':>14}{'a second':>11}{'edges':>17}{'features':>19}"
          f"{'corpus':>9}{'findings':>10}", flush=True)
    all_findings = []
    for target, result in side_by_side(campaign, targets, arguments.jobs):
        before, after = result["before"] or (0, 0), result["after"]
        rate = result["executions"] / result["spent"] if result["spent"] else 0
        found += len(result["findings"].seen)
        all_findings.append(result["findings"])
        print(f"{target.name:<12}{result['executions']:>14,}{rate:>11,.0f}"
              f"{before[0]:>8} → {after[0]:<6}{before[1]:>9} → {after[1]:<7}"
              f"{len(os.listdir(target.seeds)):>9}{len(result['findings'].seen):>10}", flush=True)
    for findings in all_findings:
        findings.print()
    print(f"\n{found} findings" if found else "\nnothing found")
    return 1 if found else 0


def canaries(arguments, targets):
    def look(target):
        lines, good = [], bool(target.about["canaries"])
        for fault, runs in target.about["canaries"].items():
            with tempfile.TemporaryDirectory() as folder:
                # As canary_NAME does: from the named seeds, without those that show it as they are.
                seeds = os.path.join(folder, "seeds")
                os.mkdir(seeds)
                for name in os.listdir(target.seeds):
                    seed = os.path.join(target.seeds, name)
                    if not name.startswith("found-") and output_of(
                            [target.engine + "_faulty", seed], WAVRY_FUZZ_FAULT=fault)[0] == 0:
                        shutil.copy(seed, os.path.join(seeds, name))
                runs = 5 * runs + len(os.listdir(seeds))  # its choices are not those of canary_NAME
                code, log = output_of([target.engine + "_faulty", "-seed=1", f"-runs={runs}",
                                       "-artifact_prefix=" + folder + "/", *target.options(),
                                       seeds], WAVRY_FUZZ_FAULT=fault)
            counted = re.findall(r"^#(\d+)\t", log, re.MULTILINE)
            seen = code != 0 and sign_of(log) is not None
            good = good and seen
            lines.append(f"{target.name}: {fault} " + (
                f"found after {counted[-1] if counted else 'the first'} runs"
                if seen else f"not found in {runs} runs"))
        return good, lines

    all_good = True
    for _, (good, lines) in side_by_side(look, targets, arguments.jobs):
        print("\n".join(lines), flush=True)
        all_good = all_good and good
    return 0 if all_good else 1


def speed(arguments, targets):
    missed = 0
    print(f"{'target':<12}{'plain':>12}{'sanitizers':>12}")
    for target in targets:
        rates = []
        for build in (arguments.plain, arguments.build):
            _, text = output_of([os.path.join(build, "bin", "replay_" + target.name), "--speed", "2",
                                 target.seeds])
            rates.append(int(re.search(r"(\d+) executions/s", text).group(1)))
        short = target.name in PARSERS and (rates[0] < PLAIN_MIN or rates[1] < SANITIZED_MIN)
        missed += short
        note = "" if target.name in PARSERS else "  (no bar)"
        print(f"{target.name:<12}{rates[0]:>12,}{rates[1]:>12,}"
              f"{'  below ' + format(PLAIN_MIN, ',') + ' or ' + format(SANITIZED_MIN, ',') if short else note}",
              flush=True)
    return 1 if missed else 0


def afl(arguments, targets):
    """AFL++ keeps its own queue in build/fuzz-afl/work/TARGET/afl and goes on from it."""
    def fuzz(target):
        out = os.path.join(target.work, "afl")
        resumed = os.path.isdir(os.path.join(out, "default", "queue"))
        words = [part[6:] for part in target.options() if part.startswith("-dict=")]
        code, log = output_of(
            ["afl-fuzz", "-i", "-" if resumed else target.seeds, "-o", out, "-V",
             str(arguments.seconds), "-G", str(target.about["bytes_max"]),
             *(["-x", words[0]] if words else []), "--", target.engine],
            AFL_NO_UI="1", AFL_SKIP_CPUFREQ="1", AFL_NO_AFFINITY="1", AFL_QUIET="1",
            AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES="1")
        stats = os.path.join(out, "default", "fuzzer_stats")
        if code != 0 or not os.path.exists(stats):
            return None, log
        with open(stats, encoding="utf-8") as file:
            return dict(re.findall(r"(\w+)\s+: (.*)", file.read())), log

    bad = 0
    print(f"{'target':<12}{'executions':>12}{'a second':>10}{'corpus':>8}{'crashes':>9}{'hangs':>7}")
    for target, (stats, log) in side_by_side(fuzz, targets, arguments.jobs):
        if stats is None:
            bad += 1
            print(f"{target.name:<12} did not run:\n{log[-1500:]}")
            continue
        crashes = int(stats["saved_crashes"])
        bad += crashes > 0
        print(f"{target.name:<12}{stats['execs_done']:>12}{stats['execs_per_sec']:>10}"
              f"{stats['corpus_count']:>8}{crashes:>9}{stats['saved_hangs']:>7}", flush=True)
        folder = os.path.join(target.work, "afl", "default", "crashes")
        for name in sorted(os.listdir(folder)) if crashes else []:
            if not name.startswith("README"):
                print(f"  {os.path.relpath(target.replay, ROOT)} "
                      f"'{os.path.relpath(os.path.join(folder, name), ROOT)}'")
    return 1 if bad else 0


def show_list(_, targets):
    for target in targets:
        print(f"{target.name:<12}{target.about['property']}")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {"run": run, "afl": afl, "canaries": canaries, "speed": speed, "list": show_list}
    parser.add_argument("command", choices=sorted(commands))
    parser.add_argument("--build", required=True)
    parser.add_argument("--plain", default="")
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--no-merge", action="store_true")
    parser.add_argument("targets", nargs="+")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, stop_all)
    signal.signal(signal.SIGTERM, stop_all)
    targets = [Target(arguments.build, name) for name in arguments.targets]
    return commands[arguments.command](arguments, targets)


if __name__ == "__main__":
    sys.exit(main())
