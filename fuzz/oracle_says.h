/*
 * How a violation of an oracle ends a run: the oracle is the place and its words are the property,
 * so that campaigns tell findings apart by what was said (numbers apart).
 */
#ifndef FUZZ_ORACLE_SAYS_H
#define FUZZ_ORACLE_SAYS_H

#include "support.h"

#include <inttypes.h>

/* `name` has `name_bytes` characters; `tag` is that of the datagram concerned, 0 for none. */
_Noreturn static inline void fuzz_oracle_says(const char *name, size_t name_bytes, const char *text,
                                              uint64_t at_ns, uint64_t tag)
{
    char place[64], words[600];
    size_t length = 0;
    snprintf(place, sizeof place, "oracle-%.*s", (int)name_bytes, name);
    for (; *text != '\0' && length + 1 < sizeof words; text++) /* a colon would end the words */
        words[length++] = text[0] == ':' && text[1] == ' ' ? ';' : text[0];
    words[length] = '\0';
    fuzz_violated(place, 0, words, "at %" PRIu64 " ns, datagram %" PRIu64, at_ns, tag);
}

#endif
