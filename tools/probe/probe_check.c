#include "probe_check.h"

#include "address.h"

#include <stdio.h>
#include <string.h>

#define LEASE_SECS   300
#define LIMIT_KBPS   1000000 /* a probe is slow: the lease must not be what limits it */
#define SUBJECT_FORM "wavry-probe-%02x%02x%02x%02x-%s"

static bool resolve(struct probe_check *check)
{
    struct probe_error error = {""};
    unsigned count;
    char *text = check->report->relay;
    if (!probe_resolve(check->options->target, check->options->family, &check->relay, &count,
                       &error))
        return probe_report_fail(check->report, PROBE_STAGE_RESOLVE, "%s", error.text);
    wr_address_format(&check->relay, text);
    probe_report_pass(check->report, PROBE_STAGE_RESOLVE,
                      count > 1 ? "%s (the first of %u addresses; -4 and -6 choose)" : "%s", text,
                      count);
    return true;
}

static bool ask_health(struct probe_check *check)
{
    const struct probe_options *options = check->options;
    struct probe_health *health = &check->health;
    struct probe_error error = {""};
    if (options->health == NULL)
        return true;
    if (!probe_health_ask(options->health, options->timeout_ms, health, &error)) {
        probe_report_fail(check->report, PROBE_STAGE_HEALTH, "%s", error.text);
        probe_fail(&check->report->advice,
                   "--health is where the relay's --health-listen is (often only 127.0.0.1:9091); "
                   "--relay-id does without it");
        return false;
    }
    check->has_health = true;
    if (options->relay_id != NULL && strcmp(options->relay_id, health->relay_id) != 0)
        return probe_report_fail(check->report, PROBE_STAGE_HEALTH,
                                 "the relay there calls itself '%s', not '%s'", health->relay_id,
                                 options->relay_id);
    snprintf(check->relay_id, sizeof check->relay_id, "%s", health->relay_id);
    probe_report_pass(
        check->report, PROBE_STAGE_HEALTH, "relay id '%.100s', %s, %s a key, %llu of %llu sessions",
        health->relay_id, health->ready ? "ready" : "NOT ready",
        health->has_master_key ? "has" : "lacks", (unsigned long long)health->sessions,
        (unsigned long long)health->max_sessions);
    return true;
}

static bool open_sockets(struct probe_check *check)
{
    struct probe_error error = {""};
    for (int role = 0; role < WR_ROLES; role++) {
        if (!probe_end_open(&check->ends[role], (enum wr_role)role, &check->relay, &error))
            return probe_report_fail(check->report, PROBE_STAGE_SOCKET, "%s", error.text);
    }
    probe_report_pass(check->report, PROBE_STAGE_SOCKET, "two of them");
    return true;
}

/* ---- Leases ---------------------------------------------------------------------------------- */

static bool mint_leases(struct probe_check *check, const struct probe_signer *signer)
{
    check->session = probe_random_session();
    for (int role = 0; role < WR_ROLES; role++) {
        char sub[64];
        const uint8_t *id = check->session.bytes;
        snprintf(sub, sizeof sub, SUBJECT_FORM, id[0], id[1], id[2], id[3],
                 role == WR_ROLE_CLIENT ? "client" : "server");
        struct probe_lease_terms terms = {.sub = sub,
                                          .relay_id = check->relay_id,
                                          .ttl_secs = LEASE_SECS,
                                          .limit_kbps = LIMIT_KBPS};
        if (!probe_mint(signer, &terms, &check->session, (enum wr_role)role, &check->tokens[role]))
            return probe_report_fail(check->report, PROBE_STAGE_LEASE,
                                     "the token would not fit a datagram");
    }
    probe_report_pass(check->report, PROBE_STAGE_LEASE, "minted for relay '%.100s', %s%.100s",
                      check->relay_id, signer->kid[0] != '\0' ? "key " : "a key without a kid",
                      signer->kid);
    return true;
}

static bool read_leases(struct probe_check *check)
{
    const struct probe_options *options = check->options;
    struct wr_claims claims[WR_ROLES];
    struct probe_error error = {""};
    for (int role = 0; role < WR_ROLES; role++) {
        if (!probe_token_read(options->token_files[role], &check->tokens[role], &claims[role],
                              &error))
            return probe_report_fail(check->report, PROBE_STAGE_LEASE, "%s", error.text);
        if ((int)claims[role].role != role)
            return probe_report_fail(check->report, PROBE_STAGE_LEASE,
                                     "%s is a lease for the role %s", options->token_files[role],
                                     claims[role].role == WR_ROLE_CLIENT ? "client" : "server");
    }
    if (memcmp(&claims[0].session, &claims[1].session, sizeof claims[0].session) != 0)
        return probe_report_fail(check->report, PROBE_STAGE_LEASE,
                                 "the two tokens are for different sessions");
    check->session = claims[0].session;
    if (check->relay_id[0] == '\0')
        snprintf(check->relay_id, sizeof check->relay_id, "%.*s", (int)claims[0].rid_bytes,
                 claims[0].rid);
    probe_report_pass(check->report, PROBE_STAGE_LEASE,
                      "from files, for relay '%.*s', valid for %llu s", (int)claims[0].rid_bytes,
                      claims[0].rid, (unsigned long long)check->tokens[0].lifetime_ms / 1000);
    return true;
}

static bool get_leases(struct probe_check *check, const struct probe_signer *signer)
{
    if (!(signer != NULL ? mint_leases(check, signer) : read_leases(check)))
        return false;
    wr_session_id_format(&check->session, check->report->session);
    return true;
}

/* ---- Presenting ------------------------------------------------------------------------------ */

/* A limited peer comes back by itself; every other refusal stands. A port that is closed stays so.
 */
static bool is_answered(void *context)
{
    const struct probe_end *end = context;
    bool refused = end->rejected && end->reject_reason != WR_REJECT_RATE_LIMITED;
    return end->acked || refused || end->gave_up || (end->network_errno != 0 && end->received == 0);
}

static bool present(struct probe_check *check, enum wr_role role, enum probe_stage stage)
{
    struct probe_end *end = &check->ends[role];
    wr_instant start = probe_monotonic_ns();
    wr_instant until = wr_after(start, check->options->timeout_ms * WR_MS);
    if (!probe_end_start(end, start, check->options->behaviour, check->options->form,
                         &check->session, &check->tokens[role]))
        return probe_report_fail(check->report, stage, "no memory for a peer");
    /* The other end, where it is bound already, goes on giving signs of life. */
    probe_ends_run(check->ends, WR_ROLES, until, is_answered, end);
    if (end->acked) {
        probe_report_pass(check->report, stage, "accepted after %.1f ms, limits %u and %u kbps%s",
                          (double)wr_elapsed(start, probe_monotonic_ns()) / 1e6, end->ack.soft_kbps,
                          end->ack.hard_kbps, end->ack.draining ? ", the relay is DRAINING" : "");
        return true;
    }
    if (end->rejected)
        probe_advise_reject(check, end, stage);
    else
        probe_advise_silence(check, end, stage);
    return false;
}

static bool both_bound(void *context)
{
    struct probe_end *ends = context;
    return (wr_peer_state(ends[0].peer) == WR_PEER_BOUND &&
            wr_peer_state(ends[1].peer) == WR_PEER_BOUND) ||
           ends[0].gave_up || ends[1].gave_up;
}

/* Message 1, 2, 3, Hello and HelloAck, as real peers do it, once. */
static bool handshake(struct probe_check *check)
{
    wr_instant start = probe_monotonic_ns();
    wr_instant until = wr_after(start, check->options->timeout_ms * WR_MS);
    probe_ends_run(check->ends, WR_ROLES, until, both_bound, check->ends);
    if (wr_peer_state(check->ends[0].peer) == WR_PEER_BOUND &&
        wr_peer_state(check->ends[1].peer) == WR_PEER_BOUND) {
        probe_report_pass(check->report, PROBE_STAGE_HANDSHAKE, "done after %.1f ms",
                          (double)wr_elapsed(start, probe_monotonic_ns()) / 1e6);
        return true;
    }
    const struct wr_peer_counters *client = wr_peer_counters(check->ends[0].peer);
    const struct wr_peer_counters *server = wr_peer_counters(check->ends[1].peer);
    probe_report_fail(
        check->report, PROBE_STAGE_HANDSHAKE,
        "not done: bare packets sent and received are %llu and %llu at the client, "
        "%llu and %llu at the server",
        (unsigned long long)client->bare_sent, (unsigned long long)client->bare_received,
        (unsigned long long)server->bare_sent, (unsigned long long)server->bare_received);
    probe_fail(&check->report->advice, "%s",
               server->bare_received == 0
                   ? "the relay does not pass bare RIFT packets: is --bare-rift off?"
                   : "real peers repeat neither message 3 nor Hello: one lost datagram ends "
                     "it; try again, then look at loss on the way");
    return false;
}

static bool set_up(struct probe_check *check)
{
    if (check->options->behaviour == WR_PEER_ROBUST)
        return present(check, WR_ROLE_CLIENT, PROBE_STAGE_CLIENT) &&
               present(check, WR_ROLE_SERVER, PROBE_STAGE_SERVER);
    /* A real host waits for its client, who sends its handshake right behind its lease. */
    return present(check, WR_ROLE_SERVER, PROBE_STAGE_SERVER) &&
           present(check, WR_ROLE_CLIENT, PROBE_STAGE_CLIENT) && handshake(check);
}

static void release(struct probe_check *check)
{
    uint64_t released = 0;
    for (int role = 0; role < WR_ROLES; role++) {
        struct probe_end *end = &check->ends[role];
        if (end->peer == NULL)
            continue;
        wr_peer_leave(end->peer, probe_monotonic_ns());
        released += wr_peer_counters(end->peer)->releases_sent;
    }
    if (!check->report->failed && released == WR_ROLES)
        probe_report_pass(check->report, PROBE_STAGE_RELEASE, "both roles given back");
    else if (!check->report->failed)
        probe_report_pass(check->report, PROBE_STAGE_RELEASE,
                          "none: these peers just fall silent, the session ends by itself");
}

bool probe_check_run(const struct probe_options *options, const struct probe_signer *signer,
                     struct probe_report *report)
{
    static struct probe_check check;
    memset(&check, 0, sizeof check);
    memset(report, 0, sizeof *report);
    check.options = options;
    check.report = report;
    check.ends[0].fd = check.ends[1].fd = -1;
    report->target = options->target;
    if (options->relay_id != NULL)
        snprintf(check.relay_id, sizeof check.relay_id, "%s", options->relay_id);
    bool good = resolve(&check) && ask_health(&check) && open_sockets(&check) &&
                get_leases(&check, signer) && set_up(&check) && probe_measure_first(&check) &&
                probe_measure_all(&check);
    release(&check);
    for (int role = 0; role < WR_ROLES; role++)
        probe_end_close(&check.ends[role]);
    report->relay_id = check.relay_id[0] != '\0' ? check.relay_id : NULL;
    return good;
}
