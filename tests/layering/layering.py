#!/usr/bin/env python3
"""Fails if an object file of the core imports what the core must not know.

The core reads no clock, draws no random bytes, opens nothing, prints nothing, and allocates in one
place only. This reads what the compiled objects import, so that no include, macro or helper can
hide it. Variables that can be written outlive a relay and would make two relays one: there are none.

  layering.py --nm NM [--allocates FILE.c]… [--instrumented] LIBRARY.a…
  layering.py --nm NM --must-find WORD… -- LIBRARY.a…    the check itself is checked: it must
                                                         complain about these and about nothing else
Exit code: 0 clean, 1 not, 2 bad usage.
"""
import argparse
import os
import re
import subprocess
import sys

# Pure functions of the bytes they are given, free of any locale.
C_LIBRARY = {"memcpy", "memmove", "memset", "memcmp", "bcmp", "memchr", "strlen", "strchr"}
FORTIFIED = {"__memcpy_chk", "__memmove_chk", "__memset_chk"}
# What the compiler itself calls: failed promises, 64- and 128-bit arithmetic, position independence.
COMPILER = {"__assert_fail", "__stack_chk_fail", "__stack_chk_fail_local", "__stack_chk_guard",
            "_GLOBAL_OFFSET_TABLE_", "__udivdi3", "__umoddi3", "__udivmoddi4", "__divdi3",
            "__moddi3", "__divmoddi4", "__muldi3", "__multi3", "__udivti3", "__umodti3",
            "__udivmodti4", "__popcountdi2", "__ashldi3", "__lshrdi3"}
ALLOCATION = {"malloc", "calloc", "realloc", "free", "aligned_alloc", "posix_memalign"}
# Of libsodium what computes; not what draws keys or nonces, allocates, or looks at the machine.
SODIUM = re.compile(r"crypto_(?!.*_(keypair|keygen)$)\w+|crypto_\w+_seed_keypair|"
                    r"sodium_(memcmp|memzero|compare|is_zero|increment|"
                    r"bin2hex|hex2bin|bin2base64|base642bin|base64_encoded_len)")
INSTRUMENTATION = re.compile(r"__(asan|ubsan|sanitizer|sancov|gcov|llvm|lsan)_\w+|"
                             r"__(start|stop)___sancov_\w+")


def symbols_of(nm, library):
    """Per object: what it imports, what it exports, which variables of it can be written."""
    text = subprocess.run([nm, "--format=sysv", library], check=True, stdout=subprocess.PIPE,
                          encoding="utf-8", errors="replace").stdout
    objects = {}
    current = None
    for line in text.splitlines():
        heading = re.search(r"\[([^\]]+)\]:$", line)
        if heading:
            current = objects.setdefault(heading.group(1),
                                         {"imports": set(), "exports": set(), "writable": set()})
            continue
        fields = [field.strip() for field in line.split("|")]
        if len(fields) != 7 or current is None or fields[0] == "Name":
            continue
        name, kind, section = fields[0].split("@")[0], fields[2], fields[6]
        if kind in ("U", "w", "v"):
            current["imports"].add(name)
        elif kind.isupper():
            current["exports"].add(name)
        is_data = section.startswith((".data", ".bss", ".tdata", ".tbss", "*COM*"))
        if is_data and not section.startswith(".data.rel.ro") and kind not in ("U", "w", "v"):
            current["writable"].add(name)
    return objects


def allowed(symbol, source, allocating_sources, instrumented):
    if symbol in C_LIBRARY | FORTIFIED | COMPILER or SODIUM.fullmatch(symbol):
        return True
    if symbol in ALLOCATION:
        return source in allocating_sources
    return instrumented and INSTRUMENTATION.fullmatch(symbol) is not None


def complaints_about(libraries, allocating_sources, instrumented):
    """(object, symbol, sentence) for everything that breaks the rule, in a fixed order."""
    exported = set()
    for objects in libraries.values():
        for found in objects.values():
            exported |= found["exports"]
    complaints = []
    for library, objects in sorted(libraries.items()):
        for name, found in sorted(objects.items()):
            source = re.sub(r"\.(o|obj)$", "", name)
            for symbol in sorted(found["imports"] - exported):
                if not allowed(symbol, source, allocating_sources, instrumented):
                    complaints.append((source, symbol, f"{library}: {source} imports {symbol}"))
            if not instrumented:
                for symbol in sorted(found["writable"]):
                    complaints.append((source, symbol,
                                       f"{library}: {source} has the writable variable {symbol}"))
    return complaints


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--nm", default="nm")
    options.add_argument("--allocates", action="append", default=[], metavar="FILE.c")
    options.add_argument("--instrumented", action="store_true",
                         help="a build with sanitizers or coverage, whose symbols are let pass")
    options.add_argument("--must-find", nargs="+", metavar="SYMBOL")
    options.add_argument("libraries", nargs="+")
    arguments = options.parse_args()

    libraries = {}
    for path in arguments.libraries:
        if not os.path.isfile(path):
            options.error(f"{path} does not exist")
        libraries[os.path.basename(path)] = symbols_of(arguments.nm, path)
        if not libraries[os.path.basename(path)]:
            options.error(f"{path} holds no object file")
    complaints = complaints_about(libraries, set(arguments.allocates), arguments.instrumented)

    if arguments.must_find is not None:
        found = sorted(symbol for _, symbol, _ in complaints)
        if found == sorted(arguments.must_find):
            print(f"found all that is wrong: {' '.join(found)}")
            return 0
        print(f"expected to find: {' '.join(sorted(arguments.must_find))}\nfound: {' '.join(found)}")
        return 1

    for _, _, sentence in complaints:
        print(sentence)
    objects = sum(len(found) for found in libraries.values())
    print(f"{objects} objects, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
