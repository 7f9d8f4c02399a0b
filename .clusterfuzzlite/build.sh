#!/usr/bin/env bash
# Builds every fuzz target as ClusterFuzzLite and OSS-Fuzz ask for it: CC, CXX, their flags,
# LIB_FUZZING_ENGINE, SANITIZER and OUT come from the image. To try it without one:
#
#   flags="-O1 -g -fsanitize=address,fuzzer-no-link"
#   OUT=/tmp/out CC=clang CXX=clang++ CFLAGS=$flags CXXFLAGS=$flags \
#       LIB_FUZZING_ENGINE=-fsanitize=fuzzer SANITIZER=address .clusterfuzzlite/build.sh
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# In the image this script lies beside the checkout.
if [ ! -e "$project/fuzz" ] && [ -e "$project/wavry-relay" ]; then project=$project/wavry-relay; fi
if [ ! -e "$project/fuzz" ]; then project=$project/..; fi
build=${WORK:-/tmp}/wavry-fuzz-$SANITIZER

# Shared libraries travel with the targets, since the image that runs them has none of them: an RPATH
# (unlike a RUNPATH) also serves the libraries of libraries. The engines are C++, so CXX links.
link="-Wl,--as-needed -Wl,--disable-new-dtags -Wl,-rpath,'\$ORIGIN/lib'"
cmake -S "$project" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_C_COMPILER="$CC" \
    -DCMAKE_C_FLAGS="$CFLAGS" -DCMAKE_EXE_LINKER_FLAGS="$link" \
    -DCMAKE_C_LINK_EXECUTABLE="$CXX ${CXXFLAGS:-} <LINK_FLAGS> <OBJECTS> -o <TARGET> <LINK_LIBRARIES>" \
    -DWAVRY_TESTS=OFF -DWAVRY_FUZZ_ENGINE="$LIB_FUZZING_ENGINE"
cmake --build "$build" --target fuzz_engines

# The shared libraries that a program loads, but for the C library's own: those are the runner's.
libraries() {
    ldd "$1" | sed -n 's/.* => \([^ ]*\) .*/\1/p' |
        { grep -v -E '/(libc|libm|libdl|librt|libpthread|libresolv)\.so' || true; }
}

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
    printf '[libfuzzer]\nmax_len = %s\ntimeout = 60\n' \
        "$("$build/bin/replay_$name" --about | sed 's/.*"bytes_max": \([0-9]*\).*/\1/')" \
        >"$OUT/fuzz_$name.options"
    libraries "$program" | xargs -r cp -n -L -t "$OUT/lib"
    strangers=$(libraries "$OUT/fuzz_$name" | grep -v -F "$(realpath "$OUT")/lib/" || true)
    if [ -n "$strangers" ]; then
        printf 'fuzz_%s needs what is not in lib/:\n%s\n' "$name" "$strangers" >&2
        exit 1
    fi
done
