#!/usr/bin/env bash
# Builds every fuzz target as ClusterFuzzLite and OSS-Fuzz ask for it: CC, CFLAGS, LIB_FUZZING_ENGINE,
# SANITIZER and OUT come from the image. To try it without one:
#
#   SRC=… OUT=/tmp/out CC=clang CFLAGS="-O1 -g -fsanitize=address,fuzzer-no-link" \
#       LIB_FUZZING_ENGINE=-fsanitize=fuzzer SANITIZER=address .clusterfuzzlite/build.sh
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# In the image this script lies beside the checkout.
if [ ! -e "$project/fuzz" ] && [ -e "$project/wavry-relay" ]; then project=$project/wavry-relay; fi
if [ ! -e "$project/fuzz" ]; then project=$project/..; fi
build=${WORK:-/tmp}/wavry-fuzz-$SANITIZER

# Shared libraries travel with the targets: the image that runs them has none of them.
cmake -S "$project" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_C_COMPILER="$CC" \
    -DCMAKE_C_FLAGS="$CFLAGS" -DCMAKE_EXE_LINKER_FLAGS="-Wl,-rpath,'\$ORIGIN/lib'" \
    -DWAVRY_TESTS=OFF -DWAVRY_FUZZ_ENGINE="$LIB_FUZZING_ENGINE"
cmake --build "$build" --target fuzz_engines

mkdir -p "$OUT/lib"
# MemorySanitizer only where no library that is not instrumented writes what is read.
pure=" claims cursor datagram json keyring replay rfc3339 rift "
for program in "$build"/bin/fuzz_*; do
    name=${program##*/fuzz_}
    case $name in *_faulty) continue ;; esac
    if [ "$SANITIZER" = memory ] && [[ $pure != *" $name "* ]]; then continue; fi
    cp "$program" "$OUT/fuzz_$name"
    (cd "$project/fuzz/corpus/$name" && zip -q -r "$OUT/fuzz_${name}_seed_corpus.zip" .)
    if grep -q '="' "$project/fuzz/dict/$name.dict"; then
        cp "$project/fuzz/dict/$name.dict" "$OUT/fuzz_$name.dict"
    fi
    printf '[libfuzzer]\nmax_len = %s\ntimeout = 10\n' \
        "$("$build/bin/replay_$name" --about | sed 's/.*"bytes_max": \([0-9]*\).*/\1/')" \
        >"$OUT/fuzz_$name.options"
    ldd "$program" | sed -n 's/.*=> \(\/[^ ]*\(sodium\|cjson\|curl\|microhttpd\|seccomp\)[^ ]*\).*/\1/p' |
        xargs -r -I{} cp -n {} "$OUT/lib/"
done
