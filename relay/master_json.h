/*
 * What relay and master write to each other (section 8): bodies of requests as the real master's
 * deserialiser takes them, and answers read strictly. Owns names, order and types of members;
 * declines to know HTTP. A master's answer is hostile input: whatever is not exactly what was asked
 * for is garbage, never half an answer.
 */
#ifndef RD_MASTER_JSON_H
#define RD_MASTER_JSON_H

#include "options.h"

#include <wavry/master.h>

#define RD_MASTER_ANSWER_BYTES_MAX 65536

/* The body of a registration: relay id, addresses to announce (in the order of options->advertise,
 * IPv4 first: clients get only the first), region and asn (null where there is none), limits, and
 * the families that options->listen takes. `max_sessions` counts, not the one of the options, which
 * a reload may have overtaken. The caller frees it; NULL where memory is short. */
char *rd_master_register_body(const struct rd_options *options, uint32_t max_sessions,
                              const char *relay_id);

/* The body of a heartbeat; `load_pct` 0..100. The caller frees it; NULL where memory is short. */
char *rd_master_heartbeat_body(const char *relay_id, uint32_t load_pct);

/* Reads the body of a 200 to a request of this kind. `out` is WR_MASTER_OK and what it says, or
 * WR_MASTER_GARBAGE and nothing else. Any bytes may be given. */
void rd_master_read_answer(enum wr_master_request_kind kind, const uint8_t *bytes, size_t size,
                           struct wr_master_answer *out);

#endif
