/*
 * Does what the core must never do, once each, so that the layering check can be seen to catch it.
 * Linked into nothing.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sodium.h>

uint64_t offender_now_ns(void);
void *offender_room(size_t bytes);
void offender_print(const char *text);
void offender_key(uint8_t key[32]);
uint32_t offender_count(void);

static uint32_t calls;

uint64_t offender_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void *offender_room(size_t bytes)
{
    return malloc(bytes);
}

void offender_print(const char *text)
{
    puts(text);
}

void offender_key(uint8_t key[32])
{
    randombytes_buf(key, 32);
    crypto_shorthash_keygen(key);
}

uint32_t offender_count(void)
{
    return ++calls;
}
