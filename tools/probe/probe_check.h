/*
 * The check: one session through the relay, stage by stage, from its name to its release. Owns the
 * order of the stages; what each failure means to an operator is probe_advice.h's.
 */
#ifndef PROBE_CHECK_H
#define PROBE_CHECK_H

#include "probe_end.h"
#include "probe_health.h"
#include "probe_report.h"

#define PROBE_COUNT_MAX 1000000
#define PROBE_RATE_MAX  10000
#define PROBE_SIZE_MIN  80 /* the longest overhead and what a measured body says */

struct probe_options {
    const char *target;
    const char *health;   /* NULL: not asked */
    const char *key_file; /* NULL where there are tokens */
    const char *token_files[WR_ROLES];
    const char *kid;      /* NULL: the key file's */
    const char *relay_id; /* NULL: from /health or the tokens */
    enum wr_peer_behaviour behaviour;
    enum wr_peer_form form;
    uint32_t count, rate, size; /* datagrams, per second, UDP payload bytes */
    uint32_t max_loss_pct;
    uint32_t timeout_ms; /* of each stage that waits */
    int family;          /* AF_UNSPEC, AF_INET, AF_INET6 */
    bool json;
};

/* Reads the command line. 0: go on. 1: --help was printed. 2: wrong usage, said so. */
int probe_options_read(struct probe_options *options, int argc, char **argv);

struct probe_check {
    const struct probe_options *options;
    struct probe_report *report;
    struct wr_address relay;
    struct probe_health health;
    bool has_health;
    char relay_id[WR_RELAY_ID_BYTES_MAX + 1];
    struct wr_session_id session;
    struct probe_token tokens[WR_ROLES];
    struct probe_end ends[WR_ROLES];
};

/* Runs all stages. The key, where there is one, was read before (`signer` NULL: token files). */
bool probe_check_run(const struct probe_options *options, const struct probe_signer *signer,
                     struct probe_report *report);

/* ---- probe_measure.c: the stages that need both ends ------------------------------------------
 */

/* FORWARD: one small datagram there and its echo back. */
bool probe_measure_first(struct probe_check *check);
/* MEASURE: all of them. Fills the report's times and ways. */
bool probe_measure_all(struct probe_check *check);

/* ---- probe_advice.c: what a failure means -----------------------------------------------------
 */

/* Neither ACK nor reject came. */
void probe_advise_silence(const struct probe_check *check, const struct probe_end *end,
                          enum probe_stage stage);
/* A reject came. */
void probe_advise_reject(const struct probe_check *check, const struct probe_end *end,
                         enum probe_stage stage);
/* Both leases count, yet nothing passes. `arrived`: it reached the server. */
void probe_advise_forward(const struct probe_check *check, bool arrived);

#endif
