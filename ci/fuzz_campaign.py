#!/usr/bin/env python3
"""fuzz_campaign.py COMMAND --build FOLDER [...] TARGET...: what ci/fuzz does once all is built.

  run       fuzzes with libFuzzer, merges corpora, reports findings
  afl       the same targets under AFL++
  canaries  lets libFuzzer look for each target's faults
  speed     executions per second, against the bars
  list      what the targets are
  free      refuses where a campaign is under way in that folder, as `run` and `afl` do
"""
import argparse
import concurrent.futures
import glob
import math
import os
import queue
import re
import shutil
import signal
import sys
import tempfile

from fuzz_engine import (ROOT, Failed, Stopped, Target, Totals, hold, output_of, spent_by, stop_all,
                         stopping)
from fuzz_findings import Findings, sign_of
from fuzz_merge import merge_one
import fuzz_speed

FINDINGS_MAX = 20  # of one target and campaign: what comes then is more of the same
# Of processor time: a campaign that is killed loses no more than one turn of each processor.
TURN_SECONDS = 600


# ---- One target ---------------------------------------------------------------------------------

def count_of(findings):
    return f"{findings or 'no'} finding{'s' * (findings != 1)}"


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


def run_engine(target, seconds, start, artifacts):
    """(processor time, what it wrote, what it found)."""
    path = os.path.join(target.work, f"log-{start}")
    spent = spent_by([target.engine, "-print_final_stats=1", f"-artifact_prefix={artifacts}/",
                      *target.options(), os.path.join(target.work, "corpus"), target.seeds],
                     path, seconds)
    with open(path, encoding="utf-8", errors="replace") as file:
        log = file.read()
    return spent, log, [os.path.join(artifacts, n) for n in sorted(os.listdir(artifacts))]


class Campaign:
    """What one target did in this campaign, as far as it came."""

    def __init__(self, target):
        self.target = target
        self.findings = Findings(target)
        self.executions, self.cpu = 0, 0.0
        self.before, self.after = (0, 0), (0, 0)
        self.in_all = Totals(target).counts
        self.starts = 0  # of its engine
        self.known_again = 0
        self.merged = None  # a sentence
        self.broke_off = None
        self.stats = {}  # AFL++'s own

    def say(self, words):
        """What somebody who waits wants to know; the table is for when all is done."""
        sys.stderr.write(f"{self.target.name}: {words}\n")  # at once: targets run side by side

    def engine_runs(self, seconds):
        """Lets the engine run once, up to so many seconds of processor time. False where more of
        it would not do."""
        totals = Totals(self.target)  # before it: it counts for the program that runs now
        spent, log, new = run_engine(self.target, seconds, self.starts, self.findings.folder_of_new)
        before, after, executions = numbers_of(log)
        self.in_all = totals.add(executions, spent, self.starts == 0)
        self.cpu += spent
        self.executions += executions
        self.before = before if self.starts == 0 else self.before
        self.after = max(self.after, after)
        self.starts += 1
        added = [self.findings.add(path, log) for path in new]
        for line in filter(None, added):
            self.say("found " + line)
        self.known_again += bool(new) and not any(added)
        if self.known_again == 3 or len(self.findings.seen) >= FINDINGS_MAX:
            return False  # it finds the same at once, every time: that must be mended first
        if not new and not stopping.is_set() and \
                not re.search(r"^Done \d+ runs|stat::number", log, re.MULTILINE):
            print(f"{self.target.name}: the engine ended without a word:\n{log[-2000:]}")
            self.findings.seen[f"the engine {self.starts}"] = (self.target.seeds,
                                                               "the engine did not run")
            return False
        return True

    def fuzz(self, seconds):
        """Fuzzes for one turn, going on after each finding. Whether another turn is due before it
        has had so many seconds of processor time."""
        if self.starts == 0:
            self.findings.recall()
        if stopping.is_set():
            return False
        self.say(f"{self.cpu / 60:,.1f} of {seconds / 60:,.1f} CPU minutes, {self.executions:,} "
                 f"executions, {count_of(len(self.findings.seen))}; its turn begins")
        end_of_turn = min(seconds, self.cpu + TURN_SECONDS)
        while self.cpu < end_of_turn and not stopping.is_set():
            if not self.engine_runs(end_of_turn - self.cpu):
                return False
        return self.cpu < seconds and not stopping.is_set()

    def turn(self, seconds, merge):
        """Whether another one is due. Whatever happens to one target, the report of the others is
        due too."""
        try:
            if self.fuzz(seconds):
                return True
            if stopping.is_set():
                self.merged = "stopped: its corpus is as it was"
            elif merge:
                self.merged = merge_one(self.target)
        except Failed as error:
            self.broke_off = str(error)
        except Exception as error:
            self.broke_off = f"{type(error).__name__}: {error}"
        return False


def in_turns(campaigns, seconds, merge, jobs):
    """Each gets a turn, then each the next: whoever stops a long campaign has fuzzed every target.
    What has had its last, in the order in which it is done."""
    ended, left = queue.SimpleQueue(), len(campaigns)

    def turn_of(campaign):
        ended.put((campaign, campaign.turn(seconds, merge)))

    with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
        for campaign in campaigns:
            pool.submit(turn_of, campaign)
        while left > 0:
            campaign, goes_on = ended.get()
            if goes_on:
                pool.submit(turn_of, campaign)
            else:
                left -= 1
                yield campaign


def side_by_side(function, each, jobs):
    """What the function makes of each, in the order in which it is done."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(function, one) for one in each]):
            yield done.result()


# ---- Commands -----------------------------------------------------------------------------------

def run(arguments, targets):
    row = "{:<11}{:>13}{:>10}{:>8}{:>16}{:>18}{:>8}{:>10}{:>17}{:>9}"
    print(row.format("target", "executions", "a CPU s", "CPU s", "edges", "features", "corpus",
                     "findings", "in all: runs", "CPU min"), flush=True)
    campaigns = [Campaign(target) for target in targets]
    for done in in_turns(campaigns, arguments.seconds, not arguments.no_merge, arguments.jobs):
        rate = done.executions / done.cpu if done.cpu else 0
        lines = [row.format(
            done.target.name, f"{done.executions:,}", f"{rate:,.0f}", f"{done.cpu:,.0f}",
            f"{done.before[0]} → {done.after[0]}", f"{done.before[1]} → {done.after[1]}",
            len(os.listdir(done.target.seeds)), len(done.findings.seen),
            f"{done.in_all['executions']:,}", f"{done.in_all['cpu_seconds'] / 60:,.1f}")]
        if done.merged:
            lines.append(f"{'':<11}{done.merged}")
        if done.broke_off:
            lines.append(f"{'':<11}broke off: {done.broke_off}")
        sys.stdout.write("\n".join(lines) + "\n")  # in one piece: others tell of their turns
        sys.stdout.flush()
    found, broken = show_findings(campaigns)
    least = min(campaigns, key=lambda each: each.in_all["cpu_seconds"])
    print(f"\n{count_of(found)}; CPU minutes of each target in all, as it is built now: at least "
          f"{least.in_all['cpu_seconds'] / 60:,.1f} ({least.target.name}, since "
          f"{least.in_all['commit']})")
    if broken:
        print("broke off: " + " ".join(broken))
    return 1 if found or broken else 0


def show_findings(campaigns):
    """Shows what was found; how much it is, and the targets of which that is not all."""
    stopping.clear()  # all that was to be stopped has ended, and the replays must tell the meanings
    broken = []
    for campaign in campaigns:
        try:
            campaign.findings.print()
        except Exception as error:
            campaign.broke_off = f"{type(error).__name__}: {error}"
            print(f"{campaign.target.name} broke off: {campaign.broke_off}")
        if campaign.broke_off:
            broken.append(campaign.target.name)
    return sum(len(campaign.findings.seen) for campaign in campaigns), broken


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
    for good, lines in side_by_side(look, targets, arguments.jobs):
        print("\n".join(lines), flush=True)
        all_good = all_good and good
    return 0 if all_good else 1


class AflCampaign(Campaign):
    """AFL++ keeps its own queue in build/fuzz-afl/work/TARGET/afl and goes on from it: one turn is
    enough."""

    def fuzz(self, seconds):
        target = self.target
        self.findings.recall()
        out = os.path.join(target.work, "afl")
        resumed = os.path.isdir(os.path.join(out, "default", "queue"))
        words = [part[6:] for part in target.options() if part.startswith("-dict=")]
        code, log = output_of(
            ["afl-fuzz", "-i", "-" if resumed else target.seeds, "-o", out, "-V",
             str(math.ceil(seconds)), "-G", str(target.about["bytes_max"]),
             *(["-x", words[0]] if words else []), "--", target.engine],
            AFL_NO_UI="1", AFL_SKIP_CPUFREQ="1", AFL_NO_AFFINITY="1", AFL_QUIET="1",
            AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES="1")
        # When it goes on from a queue it calls the folder of earlier crashes after its date.
        for path in sorted(glob.glob(os.path.join(out, "default", "crashes*", "id:*"))):
            new = os.path.join(self.findings.folder_of_new, os.path.basename(path))
            shutil.move(path, new)
            self.findings.add(new, "")
        stats = os.path.join(out, "default", "fuzzer_stats")
        if code != 0 or not os.path.exists(stats):
            raise Failed(f"afl-fuzz ended with {code}:\n{log[-1500:]}")
        with open(stats, encoding="utf-8") as file:
            self.stats = dict(re.findall(r"(\w+)\s+: (.*)", file.read()))
        return False


def afl(arguments, targets):
    print(f"{'target':<12}{'executions':>12}{'a second':>10}{'corpus':>8}{'findings':>10}{'hangs':>7}",
          flush=True)
    campaigns = [AflCampaign(target) for target in targets]
    for done in in_turns(campaigns, arguments.seconds, False, arguments.jobs):
        if done.broke_off:
            print(f"{done.target.name:<12}broke off: {done.broke_off}", flush=True)
            continue
        print(f"{done.target.name:<12}{done.stats['execs_done']:>12}{done.stats['execs_per_sec']:>10}"
              f"{done.stats['corpus_count']:>8}{len(done.findings.seen):>10}"
              f"{done.stats['saved_hangs']:>7}", flush=True)
    found, broken = show_findings(campaigns)
    return 1 if found or broken else 0


def show_list(_, targets):
    for target in targets:
        print(f"{target.name:<12}{target.about['property']}")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = {"run": run, "afl": afl, "canaries": canaries, "speed": fuzz_speed.speed, "list": show_list}
    parser.add_argument("command", choices=sorted([*commands, "free"]))
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
    lock = None  # held as long as it is open
    if arguments.command in ("run", "afl", "free"):
        lock, holder = hold(arguments.build)
        if lock is None:
            print(f"another campaign is under way in {arguments.build}: {holder}", file=sys.stderr)
            return 2
    if arguments.command == "free":  # nothing need be built yet
        return 0
    targets = [Target(arguments.build, name, arguments.corpus) for name in arguments.targets]
    try:
        return commands[arguments.command](arguments, targets)
    except Stopped:
        print("stopped")
        return 1


if __name__ == "__main__":
    sys.exit(main())
