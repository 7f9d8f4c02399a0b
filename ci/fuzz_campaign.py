#!/usr/bin/env python3
"""fuzz_campaign.py COMMAND --build FOLDER [...] TARGET...: what ci/fuzz does once all is built.

  run       fuzzes with libFuzzer, merges corpora, reports findings
  afl       the same targets under AFL++
  canaries  lets libFuzzer look for each target's faults
  speed     executions per second, against the bars
  list      what the targets are
"""
import argparse
import concurrent.futures
import math
import os
import re
import shutil
import signal
import sys
import tempfile

from fuzz_engine import ROOT, Target, Totals, digest_of, output_of, slug, spent_by, stop_all, stopping
from fuzz_findings import Findings, shown, sign_of
import fuzz_speed

# Files of one corpus that campaigns found, its named seeds on top, and all of them together.
FOUND_MAX, CORPUS_MAX = 100, 280
FOUND_BYTES_MAX = 80_000
FINDINGS_MAX = 20  # of one target and campaign: what comes then is more of the same
# An engine counts the seconds that go by. Where others use the processors too it is started again
# for those that it lacks, so many times at most.
TURNS_MAX = 20
STARVED_MAX = 10  # seconds that may go by for one of processor time


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


def run_engine(target, seconds, turn, artifacts):
    """(processor time, time that went by, what it wrote, what it found)."""
    path = os.path.join(target.work, f"log-{turn}")
    spent, went_by = spent_by([target.engine, f"-max_total_time={max(1, math.ceil(seconds))}",
                               "-print_final_stats=1", "-artifact_prefix=" + artifacts,
                               *target.options(), os.path.join(target.work, "corpus"), target.seeds],
                              path)
    with open(path, encoding="utf-8", errors="replace") as file:
        log = file.read()
    return spent, went_by, log, [os.path.join(artifacts, n) for n in sorted(os.listdir(artifacts))]


def fuzz_one(target, seconds):
    """Fuzzes for so many seconds of processor time, going on after each finding."""
    findings = Findings(target)
    findings.recall()
    result = {"executions": 0, "cpu": 0.0, "before": None, "after": (0, 0), "findings": findings}
    artifacts = os.path.join(target.work, "artifacts") + "/"
    os.makedirs(artifacts, exist_ok=True)
    slower = 1.0  # seconds that go by for one of processor time
    known_again = 0
    for turn in range(FINDINGS_MAX + TURNS_MAX):
        left = seconds - result["cpu"]
        if left <= 0 or stopping.is_set():
            break
        spent, went_by, log, new = run_engine(target, left * slower, turn, artifacts)
        if spent > 1:
            slower = min(max(went_by / spent, 1.0), STARVED_MAX)
        result["cpu"] += spent
        before, after, executions = numbers_of(log)
        result["before"] = result["before"] or before
        result["after"] = max(result["after"], after)
        result["executions"] += executions
        added = [findings.add(path, log) for path in new]
        known_again += bool(new) and not any(added)
        if known_again == 3 or len(findings.seen) >= FINDINGS_MAX:
            break  # it finds the same at once, every time: that must be mended first
        if not new and not re.search(r"^Done \d+ runs|stat::number", log, re.MULTILINE):
            print(f"{target.name}: the engine ended without a word:\n{log[-2000:]}")
            findings.seen["the engine " + str(turn)] = (target.seeds, "the engine did not run")
            break
    result["in_all"] = Totals(target).add(result["executions"], result["cpu"])
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
            name = f"found-{slug(outcome)}-{digest_of(path)[:8]}"
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

    row = "{:<11}{:>13}{:>10}{:>8}{:>16}{:>18}{:>8}{:>10}{:>17}{:>9}"
    print(row.format("target", "executions", "a CPU s", "CPU s", "edges", "features", "corpus",
                     "findings", "in all: runs", "CPU min"), flush=True)
    results = []
    for target, result in side_by_side(campaign, targets, arguments.jobs):
        before, after = result["before"] or (0, 0), result["after"]
        rate = result["executions"] / result["cpu"] if result["cpu"] else 0
        in_all = result["in_all"]
        results.append((target, result))
        print(row.format(
            target.name, f"{result['executions']:,}", f"{rate:,.0f}", f"{result['cpu']:,.0f}",
            f"{before[0]} → {after[0]}", f"{before[1]} → {after[1]}", len(os.listdir(target.seeds)),
            len(result["findings"].seen), f"{in_all['executions']:,}",
            f"{in_all['cpu_seconds'] / 60:,.1f}"), flush=True)
    for _, result in results:
        result["findings"].print()
    found = sum(len(result["findings"].seen) for _, result in results)
    least, result = min(results, key=lambda each: each[1]["in_all"]["cpu_seconds"])
    print(f"\n{found or 'no'} finding{'s' * (found != 1)}; CPU minutes of each target in all, as it is "
          f"built now: at least {result['in_all']['cpu_seconds'] / 60:,.1f} ({least.name}, since "
          f"{result['in_all']['commit']})")
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


def afl(arguments, targets):
    """AFL++ keeps its own queue in build/fuzz-afl/work/TARGET/afl and goes on from it."""
    def fuzz(target):
        out = os.path.join(target.work, "afl")
        resumed = os.path.isdir(os.path.join(out, "default", "queue"))
        words = [part[6:] for part in target.options() if part.startswith("-dict=")]
        code, log = output_of(
            ["afl-fuzz", "-i", "-" if resumed else target.seeds, "-o", out, "-V",
             str(math.ceil(arguments.seconds)), "-G", str(target.about["bytes_max"]),
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
                print(f"  {shown(target.replay)} "
                      f"'{shown(os.path.join(folder, name))}'")
    return 1 if bad else 0


def show_list(_, targets):
    for target in targets:
        print(f"{target.name:<12}{target.about['property']}")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {"run": run, "afl": afl, "canaries": canaries, "speed": fuzz_speed.speed, "list": show_list}
    parser.add_argument("command", choices=sorted(commands))
    parser.add_argument("--build", required=True)
    parser.add_argument("--corpus", default=os.path.join(ROOT, "fuzz", "corpus"))
    parser.add_argument("--plain", default="")
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--no-merge", action="store_true")
    parser.add_argument("targets", nargs="+")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, stop_all)
    signal.signal(signal.SIGTERM, stop_all)
    targets = [Target(arguments.build, name, arguments.corpus) for name in arguments.targets]
    return commands[arguments.command](arguments, targets)


if __name__ == "__main__":
    sys.exit(main())
