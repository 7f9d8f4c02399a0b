/*
 * Cursors over bytes (core/cursor.h) against plain index arithmetic. The first number of the input
 * says how long the buffer is; then come actions. A reader that ran out gives zeros and no bytes
 * for good; a writer that ran out writes nothing more; neither touches a byte outside its buffer.
 */
#include "actions.h"

#include <cursor.h>

#include <string.h>

#define BUFFER_MAX 256
#define GUARD      0xa5

enum tag {
    TAKE,
    TAKE_LAST,
    TAKE_U8,
    TAKE_U16,
    TAKE_U32,
    TAKE_U64,
    PUT,
    PUT_U8,
    PUT_U16,
    PUT_U32,
    PUT_U64,
    TAGS
};
static const char *const names[TAGS] = {"take",     "take last", "take u8", "take u16",
                                        "take u32", "take u64",  "put",     "put u8",
                                        "put u16",  "put u32",   "put u64"};

const struct fuzz_target fuzz_target = {
    .name = "cursor",
    .property = "readers and writers do what index arithmetic does, and stop for good at the end",
    .bytes_max = 512,
    .canaries = {{"cursor_goes_on", 5000}},
};

static uint8_t from[BUFFER_MAX]; /* the same bytes every time, no two neighbours alike */

struct model {
    uint8_t to[BUFFER_MAX + 1], expected[BUFFER_MAX + 1];
    size_t size;
    size_t begin, end; /* of what the reader has left */
    size_t used;
    bool read_out, write_out;
    struct wr_reader reader;
    struct wr_writer writer;
};

static uint64_t model_read(struct model *model, size_t bytes)
{
    uint64_t value = 0;
    if (bytes > model->end - model->begin) {
        model->read_out = true;
        model->end = model->begin;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        value = value * 256 + from[model->begin++];
    return value;
}

static void model_write(struct model *model, const uint8_t *bytes, size_t count)
{
    if (model->write_out || model->used + count > model->size) {
        model->write_out = true;
        return;
    }
    for (size_t i = 0; i < count; i++)
        model->expected[model->used++] = bytes[i];
}

static void model_write_number(struct model *model, uint64_t value, unsigned width)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < width; i++)
        bytes[i] = (uint8_t)(value >> 8 * (width - 1 - i));
    model_write(model, bytes, width);
}

static void take_bytes(struct model *model, size_t count, bool last)
{
    size_t left = model->end - model->begin, at = last ? model->end - count : model->begin;
    const uint8_t *view =
        last ? wr_take_last(&model->reader, count) : wr_take(&model->reader, count);
    if (count > left) {
        FUZZ_REQUIRE(view == NULL, "%zu bytes of %zu", count, left);
        model->read_out = true;
        model->end = model->begin;
        return;
    }
    FUZZ_REQUIRE(view == from + at, "%zu bytes at %zu", count, at);
    *(last ? &model->end : &model->begin) = last ? at : at + count;
}

static void step(struct model *model, struct fuzz_action *action)
{
    uint64_t value;
    uint8_t count;
    switch ((enum tag)(action->tag % TAGS)) {
    case TAKE:
    case TAKE_LAST:
        count = fuzz_take_u8(action);
        take_bytes(model, count, action->tag % TAGS == TAKE_LAST);
        break;
    case TAKE_U8:
        FUZZ_REQUIRE(wr_take_u8(&model->reader) == model_read(model, 1), "u8");
        break;
    case TAKE_U16:
        FUZZ_REQUIRE(wr_take_u16(&model->reader) == model_read(model, 2), "u16");
        break;
    case TAKE_U32:
        FUZZ_REQUIRE(wr_take_u32(&model->reader) == model_read(model, 4), "u32");
        break;
    case TAKE_U64:
        FUZZ_REQUIRE(wr_take_u64(&model->reader) == model_read(model, 8), "u64");
        break;
    case PUT:
        count = (uint8_t)(action->end - action->at);
        wr_put(&model->writer, action->at, count);
        model_write(model, action->at, count);
        break;
    case PUT_U8:
        value = fuzz_take(action, 1);
        wr_put_u8(&model->writer, (uint8_t)value);
        model_write_number(model, value, 1);
        break;
    case PUT_U16:
        value = fuzz_take(action, 2);
        wr_put_u16(&model->writer, (uint16_t)value);
        model_write_number(model, value, 2);
        break;
    case PUT_U32:
        value = fuzz_take(action, 4);
        wr_put_u32(&model->writer, (uint32_t)value);
        model_write_number(model, value, 4);
        break;
    case PUT_U64:
        value = fuzz_take(action, 8);
        wr_put_u64(&model->writer, value);
        model_write_number(model, value, 8);
        break;
    case TAGS:
        break;
    }
    FUZZ_REQUIRE(model->reader.ran_out == model->read_out, "the reader ran out");
    FUZZ_REQUIRE(model->reader.left == model->end - model->begin, "left to read");
    FUZZ_REQUIRE(model->writer.ran_out == model->write_out, "the writer ran out");
    FUZZ_REQUIRE(model->writer.used == model->used, "written");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct model model;
    struct fuzz_action action;
    if (size == 0 || size > fuzz_target.bytes_max)
        return 0;
    model.size = bytes[0];
    model.begin = model.used = 0;
    model.end = model.size;
    model.read_out = model.write_out = false;
    for (size_t i = 0; from[1] == 0 && i < BUFFER_MAX; i++)
        from[i] = (uint8_t)(i * 37 + 11);
    memset(model.to, GUARD, sizeof model.to);
    memset(model.expected, GUARD, sizeof model.expected);
    model.reader = wr_reader_over(from, model.size);
    model.writer = wr_writer_over(model.to, model.size);
    struct fuzz_actions list = fuzz_actions_over(bytes + 1, size - 1);
    while (fuzz_next_action(&list, &action))
        step(&model, &action);
    FUZZ_REQUIRE(memcmp(model.to, model.expected, sizeof model.to) == 0, "other bytes written");
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t size_max, unsigned int seed)
{
    if (size == 0 || seed % 8 == 0)
        return fuzz_mutate(bytes, size, size_max);
    return 1 + fuzz_mutate_actions(bytes + 1, size - 1, size_max - 1, seed, TAGS, 12);
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    return size == 0 ? "nothing" : fuzz_count_actions(bytes + 1, size - 1);
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    if (size == 0)
        return;
    fprintf(out, "  a buffer of %u bytes\n", bytes[0]);
    fuzz_explain_actions(bytes + 1, size - 1, names, TAGS, out);
}
