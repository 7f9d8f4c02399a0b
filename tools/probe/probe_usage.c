#include "probe_usage.h"

#include "lease_text.h"

#include <stdarg.h>
#include <stdio.h>

bool probe_usage_hint(void)
{
    fputs("Try 'wavry-probe --help' or 'wavry-probe load --help'.\n", stderr);
    return false;
}

bool probe_usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("wavry-probe: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return probe_usage_hint();
}

bool probe_take_u32(const char *name, const char *value, uint32_t least, uint32_t most,
                    uint32_t *out)
{
    uint64_t number;
    if (!lease_parse_number(value, most, &number) || number < least)
        return probe_usage("%s is %u to %u, not '%s'", name, least, most, value);
    *out = (uint32_t)number;
    return true;
}
