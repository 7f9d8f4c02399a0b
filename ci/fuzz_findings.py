"""What campaigns of ci/fuzz find: told apart by how it ends, made small, kept, and shown with its
meaning and the commands that replay it."""
import os
import re
import shutil

from fuzz_engine import ROOT, digest_of, output_of, slug

# Where it is and the words for it; what stands behind those differs from input to input.
SIGNS = (
    r"PROPERTY (\S+:\d+): (.*?)(?:: .*)?$",
    # gcc gives the function's name, clang its whole declaration, with blanks.
    r"(\S+?:\d+): .+?: Assertion `(.*)' failed",
    r"(\S+?:\d+):\d+: runtime error: (.*?)(?:: .*)?$",
    r"SUMMARY: (\w+:) \d+ byte\(s\) (leaked).*",
    r"SUMMARY: (\w+: \S+ \S+)(.*)",
    r"ERROR: libFuzzer: (timeout|out-of-memory)(.*)",
)

# Targets whose inputs the simulator understands in a form of its own: the variable that makes
# `replay_NAME --explain` write it, what it is called, how its file ends, what plays it.
FORMS = {
    "relay": ("WAVRY_FUZZ_TRACE", "trace", ".jsonl",
              (("feed", "{sim} feed {file}"),
               ("model", "tests/model/compare.py {sim} --trace {file}"))),
    "world": ("WAVRY_FUZZ_SCENARIO", "scenario", ".json", (("run", "{sim} run --hash {file}"),)),
}
MEANING_LINES = 40
# What the replay does not show: the engine's bounds of time and memory, a mutator, what an input
# leaves behind for the next. The names of the files begin so too.
ENGINE_ALONE = "engine "
STEM_MAX = 48


def shown(path):
    """As one types it from the checkout."""
    inside = os.path.relpath(path, ROOT)
    return path if inside.startswith("..") else inside


def sign_of(text):
    """What tells one finding from another, and a line that says it; None where it is none."""
    for sign in SIGNS:
        found = re.search(sign, text, re.MULTILINE)
        if found:
            place = re.sub(r"^.*/", "", found.group(1))
            # Addresses and numbers differ from input to input; the place and the words do not.
            words = re.sub(r"0x[0-9a-f]+|\d+", "N", found.group(2))
            return f"{place} {words}".strip(), found.group(0)[:300]
    return None


def judge(target, path):
    code, text = output_of([target.replay, path], timeout=60)
    if code is None or code >= 0 and sign_of(text) is None:
        return None
    return sign_of(text) or (f"signal {-code}", f"ended by signal {-code}")


def judge_in_engine(target, path):
    """By the engine on this file alone, with its bounds of time and memory."""
    # The file comes first: AFL++'s driver reads none behind an option.
    code, text = output_of([target.engine, path, *target.options()], timeout=300)
    return None if code == 0 else in_engine(sign_of(text))


def in_engine(sign):
    words, line = sign or ("ended without a word", "the engine ended without a word")
    return ENGINE_ALONE + words, "in the engine alone: " + line


class Findings:
    """One file and one line per signature, kept from campaign to campaign."""

    def __init__(self, target):
        self.target = target
        self.folder = os.path.join(target.work, "findings")
        self.folder_of_forms = os.path.join(target.work, "told")
        self.folder_of_new = os.path.join(target.work, "artifacts")
        self.seen = {}

    def recall(self):
        """Findings of earlier campaigns: those that are findings still, and those that nobody has
        judged because the campaign ended in the middle of it."""
        for name in sorted(os.listdir(self.folder)):
            path = os.path.join(self.folder, name)
            sign = judge(self.target, path)
            if sign is None and name.startswith(slug(ENGINE_ALONE) + "-"):
                sign = judge_in_engine(self.target, path) or (
                    name, "in the engine alone, and now neither there nor in the replay: it may have "
                    "needed what the engine did before; it counts until you delete the file")
            if sign is None:
                print(f"{self.target.name}: {name} holds now: it is mended")
                shutil.move(path, os.path.join(self.target.work, "corpus", name))
            else:
                self.seen.setdefault(sign[0], (path, sign[1]))
        for name in sorted(os.listdir(self.folder_of_new)):
            self.add(os.path.join(self.folder_of_new, name), "")

    def add(self, path, log):
        """What it is and where, on a line; None where that was known."""
        sign = judge(self.target, path)
        if sign is None and sign_of(log) is not None:
            sign = in_engine(sign_of(log))
        elif sign is None:
            sign = judge_in_engine(self.target, path) or in_engine(None)
        if sign[0] in self.seen:
            os.unlink(path)
            return None
        self.seen[sign[0]] = (self.minimised(path, sign), sign[1])
        return f"{sign[1]}: {shown(self.seen[sign[0]][0])}"

    def minimised(self, path, sign):
        small = path + ".min"
        output_of([self.target.engine, "-minimize_crash=1", "-max_total_time=20", "-timeout=10",
                   "-exact_artifact_path=" + small, path], timeout=60)
        if os.path.exists(small) and (judge(self.target, small) or ("",))[0] == sign[0]:
            os.replace(small, path)
        elif os.path.exists(small):
            os.unlink(small)
        name = os.path.join(self.folder, f"{slug(sign[0])}-{digest_of(path)[:8]}")
        os.replace(path, name)
        return name

    def print(self):
        for path, line in self.seen.values():
            print(f"\n{self.target.name}: {line}")
            print("  file     " + shown(path))
            if not os.path.isfile(path):  # the engine itself did not run
                continue
            if os.path.basename(path).startswith(slug(ENGINE_ALONE) + "-"):
                print("  engine   " + " ".join(
                    [shown(self.target.engine), shown(path), *self.target.options()]))
            print(f"  replay   {shown(self.target.replay)} {shown(path)}")
            told, meaning = self.told(path)
            for name, text in told:
                print(f"  {name:<9}{text}")
            print("  keep     cp it to " + shown(self.target.seeds) +
                  "/ under a name that says what it is, with the change that mends it")
            print("  meaning")
            for text in meaning[:MEANING_LINES]:
                print("    " + text[:400])
            if len(meaning) > MEANING_LINES:
                print(f"    … {len(meaning) - MEANING_LINES} more lines: "
                      f"{shown(self.target.replay)} --explain {shown(path)}")

    def told(self, path):
        """What it means, in forms that the simulator plays: (name, text) for each, and lines."""
        form = FORMS.get(self.target.name)
        if form is None:
            _, meaning = output_of([self.target.replay, "--explain", path], timeout=60)
            return [], meaning.splitlines()[1:]
        variable, name, ending, commands = form
        # A scenario is called as its file, which must not be long.
        stem, _, digest = os.path.basename(path).rpartition("-")
        out = os.path.join(self.folder_of_forms, f"{stem[:STEM_MAX].rstrip('-')}-{digest}{ending}")
        _, meaning = output_of([self.target.replay, "--explain", path], timeout=60,
                               **{variable: out})
        if not os.path.exists(out):
            return [(name, "could not be written")], meaning.splitlines()[1:]
        told = [(name, shown(out))]
        told += [(verb, command.format(sim=shown(self.target.simulator), file=shown(out)))
                 for verb, command in commands]
        missing = re.search(r"a trace cannot say it all: (.*)", meaning)
        if missing:
            told.append(("but", "a trace cannot say " + missing.group(1) +
                         ": only the replay above is the whole of it"))
        return told, meaning.splitlines()[1:]
