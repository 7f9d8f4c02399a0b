/*
 * Cursors over bytes in network order. A reader that runs out goes on giving zeros and remembers
 * it, so that a decoder tests once, at its end; a writer that runs out writes nothing more and
 * remembers it in the same way. They own no memory and know no format.
 */
#ifndef WR_CURSOR_H
#define WR_CURSOR_H

#include "fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- Fixed places, for those who have checked the size ----------------------------------------
 */

static inline uint16_t wr_load_u16(const uint8_t *at)
{
    return (uint16_t)((unsigned)at[0] << 8 | at[1]);
}

static inline uint32_t wr_load_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline uint64_t wr_load_u64(const uint8_t *at)
{
    return (uint64_t)wr_load_u32(at) << 32 | wr_load_u32(at + 4);
}

static inline void wr_store_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void wr_store_u32(uint8_t *at, uint32_t value)
{
    wr_store_u16(at, (uint16_t)(value >> 16));
    wr_store_u16(at + 2, (uint16_t)value);
}

static inline void wr_store_u64(uint8_t *at, uint64_t value)
{
    wr_store_u32(at, (uint32_t)(value >> 32));
    wr_store_u32(at + 4, (uint32_t)value);
}

/* ---- Reading --------------------------------------------------------------------------------- */

struct wr_reader {
    const uint8_t *at;
    size_t left;
    bool ran_out;
};

static inline struct wr_reader wr_reader_over(const uint8_t *bytes, size_t size)
{
    return (struct wr_reader){.at = bytes, .left = size, .ran_out = false};
}

/* A view of the next `bytes` bytes, NULL (and ran_out) where fewer are left. */
static inline const uint8_t *wr_take(struct wr_reader *in, size_t bytes)
{
    const uint8_t *at = in->at;
    if (bytes > in->left) {
        in->ran_out = true;
        if (!WR_FAULT(cursor_goes_on))
            in->left = 0;
        return NULL;
    }
    in->at += bytes;
    in->left -= bytes;
    return at;
}

/* A view of the last `bytes` bytes, which leave the reader; NULL (and ran_out) where fewer are. */
static inline const uint8_t *wr_take_last(struct wr_reader *in, size_t bytes)
{
    if (bytes > in->left) {
        in->ran_out = true;
        in->left = 0;
        return NULL;
    }
    in->left -= bytes;
    return in->at + in->left;
}

static inline uint8_t wr_take_u8(struct wr_reader *in)
{
    const uint8_t *at = wr_take(in, 1);
    return at == NULL ? 0 : at[0];
}

static inline uint16_t wr_take_u16(struct wr_reader *in)
{
    const uint8_t *at = wr_take(in, 2);
    return at == NULL ? 0 : wr_load_u16(at);
}

static inline uint32_t wr_take_u32(struct wr_reader *in)
{
    const uint8_t *at = wr_take(in, 4);
    return at == NULL ? 0 : wr_load_u32(at);
}

static inline uint64_t wr_take_u64(struct wr_reader *in)
{
    const uint8_t *at = wr_take(in, 8);
    return at == NULL ? 0 : wr_load_u64(at);
}

/* ---- Writing --------------------------------------------------------------------------------- */

struct wr_writer {
    uint8_t *start;
    size_t capacity;
    size_t used;
    bool ran_out;
};

static inline struct wr_writer wr_writer_over(uint8_t *out, size_t capacity)
{
    return (struct wr_writer){.start = out, .capacity = capacity, .used = 0, .ran_out = false};
}

/* Room for `bytes` bytes, NULL (and ran_out, for good) where there is less. */
static inline uint8_t *wr_put_room(struct wr_writer *out, size_t bytes)
{
    uint8_t *at = out->start + out->used;
    if (out->ran_out || bytes > out->capacity - out->used) {
        out->ran_out = true;
        return NULL;
    }
    out->used += bytes;
    return at;
}

static inline void wr_put(struct wr_writer *out, const void *from, size_t bytes)
{
    uint8_t *at = wr_put_room(out, bytes);
    if (at != NULL && bytes > 0)
        memcpy(at, from, bytes);
}

static inline void wr_put_u8(struct wr_writer *out, uint8_t value)
{
    wr_put(out, &value, 1);
}

static inline void wr_put_u16(struct wr_writer *out, uint16_t value)
{
    uint8_t *at = wr_put_room(out, 2);
    if (at != NULL)
        wr_store_u16(at, value);
}

static inline void wr_put_u32(struct wr_writer *out, uint32_t value)
{
    uint8_t *at = wr_put_room(out, 4);
    if (at != NULL)
        wr_store_u32(at, value);
}

static inline void wr_put_u64(struct wr_writer *out, uint64_t value)
{
    uint8_t *at = wr_put_room(out, 8);
    if (at != NULL)
        wr_store_u64(at, value);
}

#endif
