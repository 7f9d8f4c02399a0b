"""Merges what a campaign of ci/fuzz reached into the committed corpus, within bounds."""
from fractions import Fraction
import heapq
import os
import shutil
import tempfile

from fuzz_engine import Failed, digest_of, output_of, slug

# What campaigns found, of one corpus; its named seeds come on top. Of bytes as many as those have,
# and these at least: more small inputs reach more than fewer large ones, and are replayed faster.
FOUND_MAX = 200
FOUND_BYTES_MIN = 10_000


class MergeFailed(Failed):
    def __str__(self):
        return "its corpus is as it was, for the merge failed: " + super().__str__()


def merge_one(target):
    """Replaces what campaigns found by those files that add most to what the named seeds reach.
    The committed ones are candidates like the new ones. Returns a sentence about it; whatever goes
    wrong before the files are written leaves the corpus as it is."""
    committed = sorted(os.listdir(target.seeds))
    with tempfile.TemporaryDirectory() as folder:
        named, found = os.path.join(folder, "named"), os.path.join(folder, "found")
        os.mkdir(named)  # a copy: the engine adds files of its own choice
        os.mkdir(found)
        for name in committed:
            shutil.copy(os.path.join(target.seeds, name),
                        os.path.join(found if name.startswith("found-") else named, name))
        room = max(FOUND_BYTES_MIN, sum(entry.stat().st_size for entry in os.scandir(named)))
        control = os.path.join(folder, "control")
        # Not -merge=1: that says of a file only what no smaller one has reached.
        code, log = output_of([target.engine, "-set_cover_merge=1", "-merge_control_file=" + control,
                               "-artifact_prefix=" + folder + "/", *target.options(), named, found,
                               os.path.join(target.work, "corpus")])
        if code != 0 or not os.path.exists(control):
            raise MergeFailed(f"the engine ended with {code}:\n{log[-1500:]}")
        adds = reached_by(control, (named, found))
        kept = named_by_outcome(target, most_first(adds, room))
        replace_found(target.seeds, kept)
    left_out = [features for features in adds.values() if features]
    if not left_out:
        return f"merged: {len(kept)} found files reach all there is"
    return (f"merged: {len(kept)} found files; {len(left_out)} that reach more are left out, "
            f"and with them {len(set().union(*left_out))} features")


def named_by_outcome(target, paths):
    names = {}
    for path in paths:
        code, outcome = output_of([target.replay, "--outcome", path], timeout=60)
        if code != 0:
            raise MergeFailed(f"the replay ended with {code} on {path}:\n{outcome[-1500:]}")
        names[f"found-{slug(outcome)}-{digest_of(path)[:8]}"] = path
    return names


def replace_found(seeds, kept):
    """The new ones are there before the first old one goes. One that is left half written has no
    name of those that are kept: the next merge removes it."""
    there = os.listdir(seeds)
    for name in kept.keys() - set(there):
        new = os.path.join(seeds, name)
        shutil.copy(kept[name], new + ".new")
        os.replace(new + ".new", new)
    for name in there:
        if name.startswith("found-") and name not in kept:
            os.unlink(os.path.join(seeds, name))


def reached_by(control, committed):
    """The features that each file reaches and no named seed does, from libFuzzer's control file: how
    many files, how many of them are of the first folder, their paths, and a line of features for
    each that the engine survived; it must survive those of the folders `committed`."""
    with open(control, encoding="utf-8", errors="surrogateescape") as file:
        lines = file.read().splitlines()
    count, first = int(lines[0]), int(lines[1])
    paths = lines[2:2 + count]
    features = {}
    known = set()
    for line in lines[2 + count:]:
        word, number, *more = line.split(" ")
        if word == "FT" and int(number) < first:
            features[paths[int(number)]] = set()
            known.update(map(int, filter(None, more)))
        elif word == "FT":
            features[paths[int(number)]] = set(map(int, filter(None, more))) - known
    for path in paths:
        if path not in features and os.path.dirname(path) in committed:
            raise MergeFailed(f"the engine does not survive {os.path.basename(path)}")
    return {path: features[path] for path in paths[first:] if path in features}


def most_first(adds, bytes_max):
    """Those first that add most to what is reached without them for what they take of both bounds,
    as a list. Takes what is kept away from the features of the others."""
    a_place = bytes_max // FOUND_MAX  # as many bytes are as much of their bound as a file of its own

    def offer(path):
        size = os.path.getsize(path)
        return Fraction(-len(adds[path]), a_place + size), size, os.path.basename(path), path

    waiting = [offer(path) for path in adds]
    heapq.heapify(waiting)
    kept, reached, bytes_left = [], set(), bytes_max
    while waiting and len(kept) < FOUND_MAX:
        worth, size, _, path = heapq.heappop(waiting)
        adds[path] -= reached
        if not adds[path] or size > bytes_left:
            continue
        now = offer(path)
        if now[0] > worth:  # it can only become less: whoever still leads, leads
            heapq.heappush(waiting, now)
            continue
        kept.append(path)
        reached |= adds[path]
        bytes_left -= size
    for path in adds:
        adds[path] -= reached
    return kept
