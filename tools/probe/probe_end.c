#include "probe_end.h"

#include "address.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- What the peer asks of the world --------------------------------------------------------- */

static void send_datagram(void *context, const struct wr_address *to, const uint8_t *bytes,
                          uint32_t size)
{
    struct probe_end *end = context;
    end->sent++;
    if (!probe_send(end->fd, to, bytes, size))
        end->send_errno = errno;
}

static void entropy(void *context, uint8_t *out, size_t bytes)
{
    (void)context;
    randombytes_buf(out, bytes);
}

/* One token is all there is: whoever wants another one has failed, and says so by an event. */
static void lease_wanted(void *context, enum wr_peer_want want, const struct wr_address *avoid)
{
    (void)context;
    (void)want;
    (void)avoid;
}

static void on_event(void *context, const struct wr_peer_event *event)
{
    struct probe_end *end = context;
    switch (event->kind) {
    case WR_PEER_EVENT_ACKED:
        end->acked = true;
        end->ack = *event;
        break;
    case WR_PEER_EVENT_REJECTED:
        end->rejected = true;
        end->reject_reason = event->reason;
        break;
    case WR_PEER_EVENT_ESTABLISHED:
        end->established = true;
        break;
    case WR_PEER_EVENT_GAVE_UP:
        end->gave_up = true;
        end->why_gave_up = event->end;
        break;
    case WR_PEER_EVENT_PRESENTED:
    case WR_PEER_EVENT_PROVEN:
    case WR_PEER_EVENT_SILENCE:
    case WR_PEER_EVENT_MOVED:
    case WR_PEER_EVENT_RELEASED:
        break;
    }
}

static void delivered(void *context, const struct wr_peer_delivery *delivery)
{
    struct probe_end *end = context;
    if (end->delivered != NULL)
        end->delivered(end->context, end, delivery);
}

static const struct wr_peer_environment environment = {
    .send = send_datagram,
    .entropy = entropy,
    .lease_wanted = lease_wanted,
    .delivered = delivered,
    .event = on_event,
};

/* ---- Life ------------------------------------------------------------------------------------ */

bool probe_end_open(struct probe_end *end, enum wr_role role, const struct wr_address *relay,
                    struct probe_error *error)
{
    memset(end, 0, sizeof *end);
    end->role = role;
    end->relay = *relay;
    end->fd = probe_socket(relay, error);
    return end->fd >= 0;
}

void probe_end_close(struct probe_end *end)
{
    wr_peer_destroy(end->peer);
    end->peer = NULL;
    if (end->fd >= 0)
        close(end->fd);
    end->fd = -1;
}

bool probe_end_start(struct probe_end *end, wr_instant now, enum wr_peer_behaviour behaviour,
                     enum wr_peer_form form, const struct wr_session_id *session,
                     const struct probe_token *token)
{
    struct wr_peer_config config;
    struct wr_peer_lease lease = {.relay = end->relay,
                                  .token = (const uint8_t *)token->text,
                                  .token_bytes = token->bytes,
                                  .lifetime_ns = token->lifetime_ms * WR_MS,
                                  .expires_unix_ms = token->expires_unix_ms};
    wr_peer_config_default(&config);
    config.behaviour = behaviour;
    config.form = form;
    config.role = end->role;
    config.session = *session;
    config.token_bytes_max = WR_PEER_TOKEN_BYTES_MAX;
    end->token = token;
    end->peer = wr_peer_create(&config, &environment, end);
    if (end->peer == NULL || !wr_peer_lease(end->peer, now, &lease))
        return false;
    wr_peer_start(end->peer, now);
    return true;
}

/* ---- Running --------------------------------------------------------------------------------- */

void probe_end_service(struct probe_end *end)
{
    uint8_t bytes[2048];
    struct wr_address from;
    ssize_t size;
    while ((size = probe_receive(end->fd, bytes, sizeof bytes, &from)) >= 0) {
        end->received++;
        if (!wr_address_equal(&from, &end->relay)) {
            end->from_elsewhere++;
            end->elsewhere = from;
        }
        if (end->peer != NULL)
            wr_peer_receive(end->peer, probe_monotonic_ns(), &from, bytes, (uint32_t)size);
        if (end->taken != NULL)
            end->taken(end->context, end);
    }
    int reported = probe_socket_errno(end->fd);
    if (reported != 0)
        end->network_errno = reported;
    if (end->peer != NULL)
        wr_peer_on_deadline(end->peer, probe_monotonic_ns());
}

bool probe_ends_run(struct probe_end *ends, size_t count, wr_instant until,
                    bool (*done)(void *context), void *context)
{
    struct pollfd polled[2];
    for (;;) {
        wr_instant due = until;
        for (size_t i = 0; i < count; i++) {
            probe_end_service(&ends[i]);
            wr_instant wakes = ends[i].peer != NULL ? wr_peer_next_deadline(ends[i].peer) : until;
            due = wakes < due ? wakes : due;
            polled[i] = (struct pollfd){.fd = ends[i].fd, .events = POLLIN};
        }
        wr_instant now = probe_monotonic_ns();
        if (done(context))
            return true;
        if (now >= until)
            return false;
        uint64_t wait_ns = wr_elapsed(now, due);
        struct timespec wait = {.tv_sec = (time_t)(wait_ns / WR_S),
                                .tv_nsec = (long)(wait_ns % WR_S)};
        ppoll(polled, count, &wait, NULL);
    }
}
