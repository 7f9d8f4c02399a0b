/*
 * What a master answers (section 8). The first byte says to which request (modulo 3) and what else
 * is the case (the rest of it, answers_link.h), what follows is the body.
 * The relay's reading and a second one, over a JSON reader of its own, agree on what is an answer
 * and on what it says; garbage leaves nothing of itself behind. The link that asked does with it
 * what section 8 says.
 */
#include "answers_link.h"
#include "support.h"

#include "second/json.h"
#include "second/lines.h"

#include <json.h>
#include <master_json.h>

#include <inttypes.h>
#include <string.h>

const struct fuzz_target fuzz_target = {
    .name = "answers",
    .property =
        "two readings of a master's answer agree, garbage says nothing at all, and the link "
        "goes on as section 8 says",
    .bytes_max = 2048,
    .canaries = {{"answer_key_of_31", 50000},
                 {"answer_kid_with_nul", 50000},
                 {"master_waits_interval", 50000}},
};

static struct second_json json;

static const enum wr_master_request_kind kinds[3] = {WR_MASTER_REGISTER, WR_MASTER_HEARTBEAT,
                                                     WR_MASTER_KEY};

/* ---- The second reading ---------------------------------------------------------------------- */

static bool number_of(const uint8_t *body, const struct second_value *value, uint64_t *out)
{
    __int128 sum = 0;
    if (value->kind != SECOND_NUMBER || !value->digits_only || value->to - value->from > 20)
        return false;
    for (uint32_t i = value->from; i < value->to; i++)
        sum = sum * 10 + (body[i] - '0');
    *out = (uint64_t)sum;
    return sum <= UINT64_MAX;
}

static bool key_of_numbers(const uint8_t *body, const struct second_value *array, uint8_t out[32])
{
    uint32_t self = (uint32_t)(array - json.values), count = 0;
    if (array->kind != SECOND_ARRAY)
        return false;
    for (uint32_t i = self + 1; i < json.count; i++) {
        uint64_t byte;
        if (json.values[i].parent != self)
            continue;
        if (count == 32 || !number_of(body, &json.values[i], &byte) || byte > 255)
            return false;
        out[count++] = (uint8_t)byte;
    }
    return count == 32;
}

static bool kid_of(const uint8_t *body, const struct second_value *value, char out[256])
{
    if (value->kind == SECOND_LITERAL)
        return body[value->from] == 'n';
    if (value->kind != SECOND_STRING || value->text_bytes > 255 ||
        memchr(json.texts + value->text_at, 0, value->text_bytes) != NULL)
        return false;
    memcpy(out, json.texts + value->text_at, value->text_bytes);
    return true;
}

static bool register_answer(const uint8_t *body, struct wr_master_answer *out)
{
    const struct second_value *interval = second_member(&json, 0, "heartbeat_interval_ms");
    const struct second_value *key = second_member(&json, 0, "master_public_key");
    const struct second_value *kid = second_member(&json, 0, "master_key_id");
    out->has_key = true;
    return interval != NULL && number_of(body, interval, &out->heartbeat_interval_ms) &&
           key != NULL && key_of_numbers(body, key, out->public_key) &&
           (kid == NULL || kid_of(body, kid, out->kid));
}

static bool key_answer(const uint8_t *body, struct wr_master_answer *out)
{
    const struct second_value *key = second_member(&json, 0, "public_key");
    const struct second_value *kid = second_member(&json, 0, "key_id");
    out->has_key = true;
    return key != NULL && key->kind == SECOND_STRING &&
           second_hex_key((const char *)json.texts + key->text_at, key->text_bytes,
                          out->public_key) &&
           (kid == NULL || kid_of(body, kid, out->kid));
}

static bool heartbeat_answer(const uint8_t *body)
{
    const struct second_value *ok = second_member(&json, 0, "ok");
    return ok != NULL && ok->kind == SECOND_LITERAL && body[ok->from] == 't';
}

static struct wr_master_answer second_answer(enum wr_master_request_kind kind, const uint8_t *body,
                                             size_t size)
{
    struct wr_master_answer out;
    memset(&out, 0, sizeof out);
    out.status = WR_MASTER_OK;
    bool good = second_json(&json, body, size) && json.values[0].kind == SECOND_OBJECT &&
                json.names_most <= WR_JSON_MEMBERS_MAX &&
                json.alike_names <= WR_JSON_COLLISIONS_MAX;
    if (good && kind == WR_MASTER_REGISTER)
        good = register_answer(body, &out);
    else if (good && kind == WR_MASTER_KEY)
        good = key_answer(body, &out);
    else if (good)
        good = heartbeat_answer(body);
    if (!good) {
        memset(&out, 0, sizeof out);
        out.status = WR_MASTER_GARBAGE;
    }
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct wr_master_answer answer;
    if (size == 0 || size > fuzz_target.bytes_max)
        return 0;
    enum wr_master_request_kind kind = kinds[bytes[0] % 3];
    FUZZ_STAIN(answer);
    rd_master_read_answer(kind, bytes + 1, size - 1, &answer);
    struct wr_master_answer expected = second_answer(kind, bytes + 1, size - 1);
    FUZZ_REQUIRE(answer.status == expected.status, "status %d, not %d", (int)answer.status,
                 (int)expected.status);
    FUZZ_REQUIRE(answer.heartbeat_interval_ms == expected.heartbeat_interval_ms, "%" PRIu64,
                 answer.heartbeat_interval_ms);
    FUZZ_REQUIRE(answer.has_key == expected.has_key, "a key");
    FUZZ_REQUIRE(memcmp(answer.public_key, expected.public_key, 32) == 0, "the key's bytes");
    FUZZ_REQUIRE(memcmp(answer.kid, expected.kid, sizeof answer.kid) == 0, "its kid");
    answers_check_link(kind, &answer, bytes[0] / 3);
    return 0;
}

const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    static const char *const good[3] = {"registered", "heartbeat", "key"};
    struct wr_master_answer answer;
    if (size == 0)
        return "nothing";
    rd_master_read_answer(kinds[bytes[0] % 3], bytes + 1, size - 1, &answer);
    return answer.status == WR_MASTER_OK ? good[bytes[0] % 3] : "garbage";
}

void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    static const char *const requests[3] = {"register", "heartbeat", "key"};
    if (size == 0)
        return;
    fprintf(out, "  to %s: %s: ", requests[bytes[0] % 3], fuzz_outcome(bytes, size));
    fuzz_print_text(out, bytes + 1, size - 1);
    fputc('\n', out);
}
