#include "support.h"

#include <fault.h>

#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void (*fuzz_on_violation)(void);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (sodium_init() < 0)
        abort();
#ifdef WAVRY_FAULTS
    const char *name = getenv("WAVRY_FUZZ_FAULT");
    if (name != NULL) {
        wr_fault_selected = wr_fault_by_name(name);
        if (wr_fault_selected == WR_FAULT_NONE && strcmp(name, "none") != 0) {
            fprintf(stderr, "no fault is named %s\n", name);
            exit(2);
        }
    }
#endif
    return 0;
}

_Noreturn void fuzz_violated(const char *file, int line, const char *condition, const char *format,
                             ...)
{
    const char *slash = strrchr(file, '/');
    va_list arguments;
    if (fuzz_on_violation != NULL)
        fuzz_on_violation();
    fprintf(stderr, "PROPERTY %s:%d: %s: ", slash != NULL ? slash + 1 : file, line, condition);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

/* ---- Explaining ------------------------------------------------------------------------------ */

void fuzz_print_hex(FILE *out, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size && i < 64; i++)
        fprintf(out, "%02x", bytes[i]);
    if (size > 64)
        fprintf(out, "... (%zu bytes)", size);
}

void fuzz_print_text(FILE *out, const void *text, size_t size)
{
    const uint8_t *bytes = text;
    fputc('"', out);
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\')
            fprintf(out, "\\%c", bytes[i]);
        else if (bytes[i] >= ' ' && bytes[i] < 0x7f)
            fputc(bytes[i], out);
        else
            fprintf(out, "\\x%02x", bytes[i]);
    }
    fputc('"', out);
}

/* ---- Mutating -------------------------------------------------------------------------------- */

uint64_t fuzz_random(uint64_t *state)
{
    uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

uint32_t fuzz_random_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)(((fuzz_random(state) >> 32) * bound) >> 32);
}

#ifdef __has_feature
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define HAS_MSAN 1
#endif
#endif

size_t fuzz_mutate(uint8_t *bytes, size_t size, size_t size_max)
{
    size = LLVMFuzzerMutate(bytes, size, size_max);
#ifdef HAS_MSAN
    __msan_unpoison(bytes, size);
#endif
    return size;
}

/* CRC-16/KERMIT, bit by bit. */
static unsigned kermit(const uint8_t *bytes, size_t size)
{
    unsigned crc = 0;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x8408u : crc >> 1;
    }
    return crc;
}

void fuzz_mend_rift(uint8_t *bytes, size_t size)
{
    static const uint8_t start[4] = {0x52, 0x49, 0, 1};
    static const uint8_t zero[4];
    if (size < 18)
        return;
    size_t header = size >= 30 && memcmp(bytes + 4, zero, 4) == 0 ? 30 : 18;
    memcpy(bytes, start, sizeof start);
    unsigned crc = kermit(bytes, header - 2);
    bytes[header - 2] = (uint8_t)(crc >> 8);
    bytes[header - 1] = (uint8_t)crc;
}
