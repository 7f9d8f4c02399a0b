#!/usr/bin/env python3
"""fuzz_coverage.py [--all] ROOT BUILD TARGET...: what the corpora alone reach of core/.
fuzz_coverage.py --judge INFO ROOT: judges a record that there is already.

Replays each corpus once in a build for lcov, then prints lines and branches of every file of core/ and
the lines that nothing reached. With --all, which says that these are all targets, it judges too:
every line that is not reached needs its reason in fuzz/unreached.txt, every reason there must still
hold, and core/ must reach 95 % of its lines and 90 % of its branches.

Exit code: 0 all is well, 1 a corpus does not pass or the judgement is bad, 2 bad usage.
"""
import os
import subprocess
import sys

import coverage_report

LINES_MIN, BRANCHES_MIN = 95.0, 90.0
REASONS = os.path.join("fuzz", "unreached.txt")

OPTIONS = ["--rc", "lcov_branch_coverage=1", "--rc", r"lcov_excl_br_line=LCOV_EXCL_BR_LINE|\bassert\("]
OPTIONS_2 = ["--rc", "branch_coverage=1", "--rc", r"lcov_excl_br_line=LCOV_EXCL_BR_LINE|\bassert\(",
             "--ignore-errors", "mismatch,inconsistent,unused,empty,negative"]


def clear(build):
    for where, _, names in os.walk(build):
        for name in names:
            if name.endswith(".gcda"):
                os.unlink(os.path.join(where, name))


def capture(root, build):
    version = subprocess.check_output(["lcov", "--version"], text=True)
    options = OPTIONS if "version 1." in version else OPTIONS_2
    # The targets' own objects too: they hold what the core's headers define.
    objects = [os.path.join(build, "core", "CMakeFiles", "wavry_" + part + ".dir")
               for part in ("core", "mint", "peer")]
    objects.append(os.path.join(build, "fuzz", "CMakeFiles"))
    parts = [os.path.join(build, name) for name in ("initial.info", "run.info", "fuzz.info")]
    common = ["lcov", "--quiet", *options, *[part for folder in objects for part in ("--directory", folder)],
              "--base-directory", root, "--no-external"]
    subprocess.run([*common, "--capture", "--initial", "--output-file", parts[0]], check=True,
                   stderr=subprocess.DEVNULL)
    subprocess.run([*common, "--capture", "--output-file", parts[1]], check=True,
                   stderr=subprocess.DEVNULL)
    subprocess.run(["lcov", "--quiet", *options, "--add-tracefile", parts[0], "--add-tracefile",
                    parts[1], "--output-file", parts[2] + ".all"], check=True,
                   stderr=subprocess.DEVNULL)
    subprocess.run(["lcov", "--quiet", *options, "--extract", parts[2] + ".all",
                    os.path.join(root, "core", "*"), "--output-file", parts[2]], check=True,
                   stderr=subprocess.DEVNULL)
    return parts[2]


def read_lines(info, root):
    """File → number of line → how often it was run, names relative to the checkout."""
    files, current = {}, None
    with open(info, encoding="utf-8") as records:
        for record in records:
            key, _, value = record.strip().partition(":")
            if key == "SF":
                current = files.setdefault(os.path.relpath(value, root), {})
            elif key == "DA":
                number, count = value.split(",")[:2]
                current[int(number)] = current.get(int(number), 0) + int(count)
    return files


# ---- Reasons -------------------------------------------------------------------------------------

class Reason:
    """Lines of a file, as they follow each other, some of them marked as unreached, and why."""

    def __init__(self, name, at):
        self.name, self.at = name, at
        self.texts, self.marks = [], []
        self.why = ""

    def places(self, source):
        """Where in the file its lines stand: the numbers of the marked ones, for each such place."""
        code = [(number, text.strip()) for number, text in enumerate(source, 1) if text.strip()]
        found = []
        for i in range(len(code) - len(self.texts) + 1):
            part = code[i:i + len(self.texts)]
            if [text for _, text in part] == self.texts:
                found.append([number for (number, _), mark in zip(part, self.marks) if mark])
        return found


def read_reasons(path):
    """The reasons of a file and what is wrong with its form."""
    reasons, wrong, name, entry = [], [], None, None
    with open(path, encoding="utf-8") as lines:
        for at, line in enumerate(lines, 1):
            if line.startswith("#") or not line.strip():
                continue
            if line[0] == ":":
                if entry is None or not any(entry.marks) or not line[1:].strip():
                    wrong.append(f"{path}:{at}: a reason for no line, or none given")
                else:
                    entry.why = line[1:].strip()
                    reasons.append(entry)
                entry = None
            elif line[0] in "! ":
                if name is None:
                    wrong.append(f"{path}:{at}: a line of no file")
                    continue
                entry = entry or Reason(name, at)
                entry.texts.append(line[1:].strip())
                entry.marks.append(line[0] == "!")
            else:
                if entry is not None:
                    wrong.append(f"{path}:{entry.at}: lines without a reason")
                name, entry = line.strip(), None
    if entry is not None:
        wrong.append(f"{path}:{entry.at}: lines without a reason")
    return reasons, wrong


def apply_reasons(reasons, files, root):
    """(File, line) → reason, and which reasons do not hold (any more)."""
    why, stale = {}, []
    for reason in reasons:
        where = f"{REASONS}:{reason.at}"
        counts = files.get(reason.name)
        try:
            with open(os.path.join(root, reason.name), encoding="utf-8") as file:
                source = file.read().splitlines()
        except OSError:
            source = []
        places = reason.places(source)
        if counts is None or not places:
            stale.append(f"{where}: {reason.name} has no such lines")
        elif len(places) > 1:
            stale.append(f"{where}: {reason.name} has such lines {len(places)} times: quote more")
        else:
            for line in places[0]:
                if counts.get(line) != 0:
                    stale.append(f"{where}: {reason.name}:{line} is " +
                                 ("no code" if line not in counts else "reached now"))
                elif (reason.name, line) in why:
                    stale.append(f"{where}: {reason.name}:{line} has a reason already")
                why[reason.name, line] = reason.why
    return why, stale


def ranges(lines, why):
    """Neighbours (a brace or a blank line may lie between) that have the same reason."""
    begin = before = lines[0]
    for line in lines[1:] + [None]:
        if line is None or line > before + 2 or why(line) != why(begin):
            yield begin, before, why(begin)
            begin = line
        before = line


def list_unreached(files, why):
    """Prints every range; the number of lines that have no reason."""
    nameless = 0
    print("\nlines that no corpus reaches:")
    for name, counts in sorted(files.items()):
        lines = sorted(line for line, count in counts.items() if count == 0)
        if not lines:
            continue
        for begin, end, reason in ranges(lines, lambda line, name=name: why.get((name, line))):
            nameless += sum(begin <= line <= end for line in lines) if reason is None else 0
            place = f"{name}:{begin}" + (f"-{end}" if end > begin else "")
            print(f"  {place:<32} {reason or 'NO REASON IS GIVEN'}")
    return nameless


# ---- Judgement -----------------------------------------------------------------------------------

def table(info, root):
    """Prints lines and branches of every file; the sum."""
    counts = {name: count for name, count in coverage_report.read(info, root).items()
              if name.startswith("core/")}
    total = [sum(count[i] for count in counts.values()) for i in range(4)]
    for name in sorted(counts):
        print(coverage_report.row(name, counts[name]))
    print(coverage_report.row("core/", total))
    return total


def judge(info, root, all_targets):
    """Prints everything; True where all is well."""
    total = table(info, root)
    files = {name: counts for name, counts in read_lines(info, root).items()
             if name.startswith("core/")}
    if not all_targets:
        list_unreached(files, {})
        print("\nnot judged: these are not all targets")
        return True
    reasons, complaints = read_reasons(os.path.join(root, REASONS))
    why, stale = apply_reasons(reasons, files, root)
    complaints += stale
    nameless = list_unreached(files, why)
    print()
    if nameless > 0:
        complaints.append(f"{nameless} lines are not reached, and {REASONS} does not say why")
    if total[1] == 0:
        complaints.append("no line of core/ was measured")
    for hit, there, least, what in ((total[0], total[1], LINES_MIN, "lines"),
                                    (total[2], total[3], BRANCHES_MIN, "branches")):
        if coverage_report.share(hit, there) < least:
            complaints.append(f"the corpora must reach {least:g} % of the {what} of core/")
    for complaint in complaints:
        print(complaint)
    return not complaints


def main():
    arguments = sys.argv[1:]
    if len(arguments) == 3 and arguments[0] == "--judge":
        return 0 if judge(arguments[1], arguments[2], True) else 1
    all_targets = arguments[:1] == ["--all"]
    if all_targets:
        del arguments[0]
    if len(arguments) < 3 or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    root, build, targets = arguments[0], arguments[1], arguments[2:]
    clear(build)
    failed = False
    for target in targets:
        failed |= subprocess.run([os.path.join(build, "bin", "replay_" + target),
                                  os.path.join(root, "fuzz", "corpus", target)],
                                 stdout=subprocess.DEVNULL, check=False).returncode != 0
    if failed:
        print("a corpus does not pass")
    return 0 if judge(capture(root, build), root, all_targets) and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
