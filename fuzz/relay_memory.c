/*
 * The memory that relays of the target `relay` are made in, in the place of core/memory.c. A relay
 * takes 13 MiB and uses a hundredth of that; thousands are made in a second. So the block stays,
 * and what is wiped between two relays is the pages that any of them ever touched: those that are
 * in memory. AddressSanitizer is told what of the block is a relay's and that nothing is between
 * two of them; MemorySanitizer, which wants to see the zeros written, gets calloc.
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
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#elif __has_feature(memory_sanitizer)
#define HAS_MSAN 1
#endif
#endif

#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#define FORBID(at, bytes) __asan_poison_memory_region(at, bytes)
#define ALLOW(at, bytes)  __asan_unpoison_memory_region(at, bytes)
#else
#define FORBID(at, bytes) ((void)(at), (void)(bytes))
#define ALLOW(at, bytes)  ((void)(at), (void)(bytes))
#endif

#ifdef HAS_MSAN
#define REUSES 0
#else
#define REUSES 1
#endif

#define PAGE        4096u
#define BLOCK_BYTES (16u << 20)
#define PAGES       (BLOCK_BYTES / PAGE)

static uint8_t *reused;
static bool block_taken;
static size_t relay_bytes; /* of the one that was made last: AddressSanitizer forbids the rest */
static long faults_then;   /* of this process when `touched` was found out */
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

/* Between two pages that nobody may touch. */
static void map_block(void)
{
    uint8_t *mapped =
        mmap(NULL, BLOCK_BYTES + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED || sysconf(_SC_PAGESIZE) != PAGE)
        abort();
    reused = mapped + PAGE;
    if (mprotect(reused, BLOCK_BYTES, PROT_READ | PROT_WRITE) != 0)
        abort();
    (void)madvise(reused, BLOCK_BYTES, MADV_NOHUGEPAGE);
}

/* Zeros below `end`; what lies above is zero since the last relay of another size. */
static void wipe(size_t end)
{
    for (uint32_t i = 0; i < touched_count; i++) {
        size_t at = (size_t)touched[i] * PAGE;
        if (at < end)
            memset(reused + at, 0, end - at < PAGE ? end - at : PAGE);
    }
}

static void *take_block(size_t bytes)
{
    if (reused == NULL)
        map_block();
    find_touched();
    if (bytes != relay_bytes) {
        ALLOW(reused, BLOCK_BYTES);
        wipe(BLOCK_BYTES);
        FORBID(reused + bytes, BLOCK_BYTES - bytes);
        relay_bytes = bytes;
    } else {
        wipe(bytes);
    }
    block_taken = true;
    return reused;
}

void *wr_memory_take(size_t bytes)
{
    if (REUSES && !block_taken && bytes > 1u << 20 && bytes <= BLOCK_BYTES)
        return take_block(bytes);
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
    if (block != NULL && block == reused) {
        block_taken = false;
    } else if (block != NULL) {
        free(((void **)block)[-1]);
    }
}
