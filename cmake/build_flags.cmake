# One interface target carries the warnings and the instrumentation; every target of ours links it.
add_library(wavry_flags INTERFACE)
target_compile_options(wavry_flags INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
    # Assertions state our own promises and stay on in every build.
    -UNDEBUG)
if(WAVRY_WERROR)
    target_compile_options(wavry_flags INTERFACE -Werror)
endif()
if(WAVRY_COVERAGE)
    target_compile_options(wavry_flags INTERFACE --coverage)
    target_link_options(wavry_flags INTERFACE --coverage)
endif()
if(WAVRY_SANITIZE)
    target_compile_options(wavry_flags INTERFACE
        -fsanitize=${WAVRY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(wavry_flags INTERFACE -fsanitize=${WAVRY_SANITIZE})
endif()

# Hardening that changes no result: a smashed stack, a copy past its end or a write into the
# linker's tables ends the program instead of steering it. Ubuntu's compilers predefine another
# level of _FORTIFY_SOURCE, hence the -U.
if(WAVRY_HARDEN)
    target_compile_options(wavry_flags INTERFACE -fPIE
        -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection)
    target_link_options(wavry_flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
