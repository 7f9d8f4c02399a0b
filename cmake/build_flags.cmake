# One interface target carries the warnings and the instrumentation; every target of ours links it.
add_library(wavry_flags INTERFACE)
target_compile_options(wavry_flags INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
    $<$<BOOL:${WAVRY_WERROR}>:-Werror>
    $<$<BOOL:${WAVRY_COVERAGE}>:--coverage>
    $<$<BOOL:${WAVRY_SANITIZE}>:-fsanitize=${WAVRY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer>)
target_link_options(wavry_flags INTERFACE
    $<$<BOOL:${WAVRY_COVERAGE}>:--coverage>
    $<$<BOOL:${WAVRY_SANITIZE}>:-fsanitize=${WAVRY_SANITIZE}>)
