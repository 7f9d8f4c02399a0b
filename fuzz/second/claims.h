/*
 * A second reading of claims (docs/protocol.md section 2, check 2), over the second JSON reader:
 * the whole document first, then member by member in the order of the specification's table.
 */
#ifndef FUZZ_SECOND_CLAIMS_H
#define FUZZ_SECOND_CLAIMS_H

#include "second/json.h"

struct second_text {
    bool there;
    uint32_t bytes;
    const uint8_t *at; /* in the document's texts */
};

struct second_claims {
    struct second_text sub, rid, kid;
    uint8_t session[16];
    bool server;
    bool has_not_before, has_issued;
    int64_t expires_ms, not_before_ms, issued_ms;
    uint64_t soft_kbps, hard_kbps;
};

/* `json` is only room to work in, and must outlive what `claims` points to. */
bool second_claims(struct second_json *json, const uint8_t *payload, size_t bytes,
                   struct second_claims *claims);

#endif
