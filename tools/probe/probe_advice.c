#include "probe_check.h"

#include "address.h"

#include <errno.h>
#include <string.h>

/* ---- Silence --------------------------------------------------------------------------------- */

static bool network_failed(const struct probe_check *check, const struct probe_end *end,
                           enum probe_stage stage)
{
    struct probe_report *report = check->report;
    int reported = end->network_errno != 0 ? end->network_errno : end->send_errno;
    if (reported == 0)
        return false;
    if (reported == ECONNREFUSED) {
        probe_report_fail(report, stage, "%s answers that this UDP port is closed", report->relay);
        probe_fail(&report->advice, "is the relay running, and is this the port of its --listen?");
        return true;
    }
    probe_report_fail(report, stage, "nothing gets to %s: %s", report->relay, strerror(reported));
    if (reported == EPERM || reported == EACCES)
        probe_fail(&report->advice, "a firewall, here or on the way, refuses it");
    else if (reported == EMSGSIZE)
        probe_fail(&report->advice, "the path takes no datagrams of this size");
    else
        probe_fail(&report->advice, "look at the routes from here to there");
    return true;
}

void probe_advise_silence(const struct probe_check *check, const struct probe_end *end,
                          enum probe_stage stage)
{
    struct probe_report *report = check->report;
    char text[WR_ADDRESS_TEXT_BYTES];
    if (end->received == 0 && network_failed(check, end, stage))
        return;
    if (end->from_elsewhere > 0) {
        probe_report_fail(report, stage, "answers come from %s, not from %s",
                          wr_address_format(&end->elsewhere, text), report->relay);
        probe_fail(&report->advice, "peers ignore those: something on the way, or the relay's own "
                                    "host, rewrites the source of its answers");
        return;
    }
    if (end->received > 0) {
        probe_report_fail(report, stage, "%llu datagrams came back, none of them an answer",
                          (unsigned long long)end->received);
        probe_fail(&report->advice, "is this a relay's port at all?");
        return;
    }
    probe_report_fail(report, stage, "no answer at all from %s, %llu times asked in %llu ms",
                      report->relay, (unsigned long long)end->sent,
                      (unsigned long long)check->options->timeout_ms);
    probe_fail(&report->advice, "%s",
               check->has_health
                   ? "its /health answers, so it runs: a firewall or security group drops UDP on "
                     "the way there or back, or the port is not that of its --listen"
                   : "a firewall or security group drops UDP on the way there or back, the port is "
                     "not that of its --listen, or the relay does not run; --health asks it");
}

/* ---- Rejects --------------------------------------------------------------------------------- */

static const char *why_invalid(const struct probe_check *check)
{
    if (check->has_health && !check->health.has_master_key)
        return "the relay has no key yet: is its master reachable, or --key given?";
    if (check->options->key_file == NULL)
        return "the token's key or kid is not in the relay's key ring, its clock is ahead of the "
               "relay's, it lasts for more than an hour, or its session is in use";
    return "the relay trusts other keys: compare this key file's public key and kid with its --key "
           "or its master's; or this clock and the relay's are more than its "
           "--max-clock-skew-secs apart";
}

static const char *why_full(const struct probe_check *check)
{
    if (check->has_health && !check->health.ready &&
        check->health.sessions < check->health.max_sessions / 2)
        return "it is not ready and not full: it drains; peers should ask for another relay";
    return "it is at --max-sessions or its shed threshold, or it drains: /health tells which";
}

void probe_advise_reject(const struct probe_check *check, const struct probe_end *end,
                         enum probe_stage stage)
{
    struct probe_report *report = check->report;
    enum wr_reject_reason reason =
        end->reject_reason >= 1 && end->reject_reason <= WR_REJECT_RATE_LIMITED
            ? (enum wr_reject_reason)end->reject_reason
            : WR_REJECT_NONE;
    probe_report_fail(report, stage, "the relay refuses the lease: reason %u, %s",
                      (unsigned)end->reject_reason, wr_reject_reason_name(reason));
    switch (reason) {
    case WR_REJECT_NONE:
        probe_fail(&report->advice, "no relay of this protocol says so");
        break;
    case WR_REJECT_EXPIRED:
        probe_fail(&report->advice, "%s",
                   check->options->key_file != NULL
                       ? "the lease was minted just now: the relay's clock is ahead, or this one "
                         "is behind; look at NTP on both"
                       : "the token is too old; or the relay's clock is ahead");
        break;
    case WR_REJECT_INVALID_SIGNATURE:
        probe_fail(&report->advice, "%s", why_invalid(check));
        break;
    case WR_REJECT_WRONG_RELAY:
        probe_fail(
            &report->advice,
            "the relay's id is not '%s': --health asks it for its own; it draws a new one at "
            "each start unless it has --relay-id or --state-dir",
            check->relay_id);
        break;
    case WR_REJECT_SESSION_FULL:
        probe_fail(&report->advice, "%s", why_full(check));
        break;
    case WR_REJECT_BANNED:
        probe_fail(&report->advice, "its ban list has the identity of this lease");
        break;
    case WR_REJECT_RATE_LIMITED:
        probe_fail(&report->advice,
                   "it limits this source (--ip-rate-limit-pps), this identity "
                   "(--identity-rate-limit-pps) or all signatures (--verify-rate): it is flooded, "
                   "or many share this address");
        break;
    }
}

/* ---- Forwarding ------------------------------------------------------------------------------ */

void probe_advise_forward(const struct probe_check *check, bool arrived)
{
    struct probe_report *report = check->report;
    probe_report_fail(report, PROBE_STAGE_FORWARD,
                      arrived
                          ? "the client's datagrams reach the server, the server's do not "
                            "reach the client"
                          : "both leases count, yet nothing of the client's reaches the server");
    probe_fail(&report->advice,
               "its counters say why (packets_forwarded, session_limited, stale_receiver, "
               "relay_limited); where they say forwarded, the loss is on the way back here");
}
