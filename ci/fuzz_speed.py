"""Executions per second of processor time, against the bars of fuzz/README.md ("Speed")."""
import ctypes
import ctypes.util
import os
import re
import tempfile
import time

from fuzz_engine import output_of

# Those that the bars of parsers are for: neither signatures nor whole worlds bound them.
PARSERS = ("answers", "claims", "config", "cursor", "datagram", "json", "key_file", "rfc3339", "rift")
PLAIN_MIN, SANITIZED_MIN = 200_000, 50_000
# Parts of what bare verifications reach: the inputs of `lease`, on the average of its corpus, ask for
# less than half a verification each, and measured are 1.2 to 1.8 and 0.8 to 1.0.
LEASE_PLAIN_MIN, LEASE_SANITIZED_MIN = 0.75, 0.5
RELAY_MIN, RELAY_ACTIONS = 2_000, 200
TIMES = 3  # the best of so many seconds: what else runs on the machine makes it slower, never faster


def rate_of(replay, inputs):
    best = 0
    for _ in range(TIMES):
        code, text = output_of([replay, "--speed", "1", *inputs])
        found = re.search(r"(\d+) executions/s", text)
        if code != 0 or not found:
            raise SystemExit(f"{replay} --speed: {text[-1000:]}")
        best = max(best, int(found.group(1)))
    return best


def verifications():
    """Bare Ed25519 verifications a second of a message as long as a lease: what libsodium takes."""
    library = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
    public, secret, signature = (ctypes.create_string_buffer(size) for size in (32, 64, 64))
    message, size = bytes(400), ctypes.c_ulonglong(400)
    library.sodium_init()
    library.crypto_sign_seed_keypair(public, secret, bytes(32))
    library.crypto_sign_detached(signature, None, message, size, secret)
    best = 0.0
    for _ in range(TIMES):
        began, count, spent = time.process_time(), 0, 0.0
        while spent < 1:
            for _ in range(100):
                if library.crypto_sign_verify_detached(signature, message, size, public) != 0:
                    raise SystemExit("libsodium refuses its own signature")
            count += 100
            spent = time.process_time() - began
        best = max(best, count / spent)
    return best


def actions_in(folder):
    """Every whole record (fuzz/actions.h) of every file, in the order of names."""
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            content = file.read()
        at = 0
        while at + 2 <= len(content) and at + 2 + content[at + 1] <= len(content):
            yield content[at:at + 2 + content[at + 1]]
            at += 2 + content[at + 1]


def write_mixture(seeds, folder):
    """Inputs of exactly 200 actions: all that the corpus does, one seed behind the other."""
    records = list(actions_in(seeds))
    for number in range(len(records) // RELAY_ACTIONS):
        part = records[number * RELAY_ACTIONS:(number + 1) * RELAY_ACTIONS]
        with open(os.path.join(folder, f"{number:03}"), "wb") as file:
            file.write(b"".join(part))


def rows_of(target, arguments, signatures):
    """(name, inputs, bars plain and with sanitizers or None for none, what the bar is) of a target."""
    with tempfile.TemporaryDirectory() as folder:
        if target.name in PARSERS:
            yield target.name, [target.seeds], (PLAIN_MIN, SANITIZED_MIN), "a parser"
        elif target.name == "lease":
            bare = signatures()
            yield ("lease", [target.seeds], (bare * LEASE_PLAIN_MIN, bare * LEASE_SANITIZED_MIN),
                   f"of {bare:,.0f} bare verifications")
        else:
            yield target.name, [target.seeds], (None, None), ""
        if target.name == "relay":
            yield ("  of talk", [os.path.join(target.seeds, "two-hundred-actions")],
                   (RELAY_MIN, None), f"{RELAY_ACTIONS} actions")
            write_mixture(target.seeds, folder)
            yield ("  of all", [folder], (None, None), f"{RELAY_ACTIONS} actions")


def speed(arguments, targets):
    missed = 0
    print(f"{'target':<12}{'plain':>12}{'sanitizers':>12}{'bars':>12}")
    for target in targets:
        for name, inputs, bars, what in rows_of(target, arguments, verifications):
            rates = [rate_of(os.path.join(build, "bin", "replay_" + target.name), inputs)
                     for build in (arguments.plain, arguments.build)]
            below = any(bar is not None and rate < bar for rate, bar in zip(rates, bars))
            missed += below
            told = " ".join("-".rjust(11) if bar is None else f"{bar:>11,.0f}" for bar in bars)
            print(f"{name:<12}{rates[0]:>12,}{rates[1]:>12,} {told}  {what}"
                  f"{'  BELOW' if below else ''}", flush=True)
    return 1 if missed else 0
