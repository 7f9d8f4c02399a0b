/*
 * The memory that relays of the target `relay` are made in, in the place of core/memory.c. A relay
 * takes 13 MiB and uses a hundredth of that; thousands are made in a second. So the block stays,
 * and what is wiped between two relays is the pages that any of them ever touched: those that are
 * in memory. Under a sanitizer, which wants to watch the ends of the block, calloc serves.
 */
#include <arena.h>
#include <memory.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define WATCHED 1
#endif
#endif
#ifndef WATCHED
#define WATCHED 0
#endif

#define PAGE        4096u
#define BLOCK_BYTES (16u << 20)
#define PAGES       (BLOCK_BYTES / PAGE)

static uint8_t *reused;
static bool block_taken;
static long faults_then;        /* of this process when `touched` was found out */
static uint32_t touched[PAGES]; /* numbers of pages, once each */
static bool is_touched[PAGES];
static uint32_t touched_count;

static long faults_now(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_minflt + usage.ru_majflt : -1;
}

/* No page comes into memory without a fault: as long as there was none, the list is as it was. */
static void find_touched(void)
{
    static unsigned char there[PAGES];
    long faults = faults_now();
    if (faults == faults_then)
        return;
    if (mincore(reused, BLOCK_BYTES, there) != 0)
        abort();
    for (uint32_t i = 0; i < PAGES; i++) {
        if ((there[i] & 1) != 0 && !is_touched[i]) {
            is_touched[i] = true;
            touched[touched_count++] = i;
        }
    }
    faults_then = faults_now();
}

static void *take_block(void)
{
    if (reused == NULL) {
        void *mapped =
            mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED || sysconf(_SC_PAGESIZE) != PAGE)
            abort();
        (void)madvise(mapped, BLOCK_BYTES, MADV_NOHUGEPAGE);
        reused = mapped;
    }
    find_touched();
    for (uint32_t i = 0; i < touched_count; i++)
        memset(reused + (size_t)touched[i] * PAGE, 0, PAGE);
    block_taken = true;
    return reused;
}

void *wr_memory_take(size_t bytes)
{
    if (!WATCHED && !block_taken && bytes > 1u << 20 && bytes <= BLOCK_BYTES)
        return take_block();
    if (bytes > SIZE_MAX - 2 * WR_ARENA_ALIGN)
        return NULL;
    uint8_t *raw = calloc(1, bytes + 2 * WR_ARENA_ALIGN);
    if (raw == NULL)
        return NULL;
    uint8_t *taken = raw + (WR_ARENA_ALIGN - (size_t)((uintptr_t)raw % WR_ARENA_ALIGN));
    ((void **)(void *)taken)[-1] = raw;
    return taken;
}

void wr_memory_give_back(void *block)
{
    if (block != NULL && block == reused)
        block_taken = false;
    else if (block != NULL)
        free(((void **)block)[-1]);
}
