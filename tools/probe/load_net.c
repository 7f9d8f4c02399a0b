#include "load_net.h"

#include "address.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- Set-up ---------------------------------------------------------------------------------- */

static void prepare(struct load_socket *self)
{
    uint32_t slots = self->trains ? LOAD_TRAINS : LOAD_BATCH;
    uint32_t bytes = self->trains ? LOAD_TRAIN_BYTES : LOAD_SLOT_BYTES;
    for (uint32_t i = 0; i < LOAD_BATCH; i++) {
        self->out[i].msg_hdr.msg_iov = &self->out_at[i];
        self->out[i].msg_hdr.msg_iovlen = 1;
    }
    for (uint32_t i = 0; i < slots; i++) {
        self->in_at[i] = (struct iovec){self->in_bytes + (size_t)i * bytes, bytes};
        self->in[i].msg_hdr.msg_iov = &self->in_at[i];
        self->in[i].msg_hdr.msg_iovlen = 1;
    }
}

static void set_buffers(int fd)
{
    int bytes = LOAD_BUFFER_BYTES;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

bool load_socket_open(struct load_socket *self, const struct wr_address *relay, uint16_t port,
                      bool trains, bool timestamps, struct probe_error *error)
{
    int yes = 1;
    memset(self, 0, sizeof *self);
    self->relay_bytes = probe_to_system(relay, &self->relay);
    self->trains = trains;
    self->arena = calloc(1, LOAD_ARENA_BYTES);
    self->in_bytes =
        calloc(trains ? LOAD_TRAINS : LOAD_BATCH, trains ? LOAD_TRAIN_BYTES : LOAD_SLOT_BYTES);
    self->fd = socket(self->relay.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (self->arena == NULL || self->in_bytes == NULL || self->fd < 0)
        return probe_fail(error, "no socket: %s", strerror(errno));
    prepare(self);
    set_buffers(self->fd);
    struct sockaddr_storage any = {.ss_family = self->relay.ss_family};
    if (any.ss_family == AF_INET)
        ((struct sockaddr_in *)&any)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)&any)->sin6_port = htons(port);
    if (bind(self->fd, (struct sockaddr *)&any, self->relay_bytes) != 0 ||
        (trains && setsockopt(self->fd, IPPROTO_UDP, UDP_GRO, &yes, sizeof yes) != 0) ||
        (timestamps && setsockopt(self->fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes) != 0))
        return probe_fail(error, "a socket could not be set up: %s", strerror(errno));
    return true;
}

void load_socket_close(struct load_socket *self)
{
    if (self->arena != NULL && self->fd >= 0)
        close(self->fd);
    free(self->arena);
    free(self->in_bytes);
    self->arena = self->in_bytes = NULL;
}

/* ---- Out ------------------------------------------------------------------------------------- */

void load_socket_flush(struct load_socket *self)
{
    uint32_t done = 0;
    while (done < self->pending) {
        int sent = sendmmsg(self->fd, self->out + done, self->pending - done, 0);
        if (sent < 0 && (errno == EINTR || errno == ECONNREFUSED))
            continue;
        if (sent <= 0) {
            self->failed += self->segments[done++];
            continue;
        }
        for (int i = 0; i < sent; i++)
            self->sent += self->segments[done++];
    }
    self->pending = self->used = 0;
}

static void add_control(struct msghdr *header, size_t *used, int level, int type, const void *value,
                        size_t bytes)
{
    struct cmsghdr *control = (struct cmsghdr *)((uint8_t *)header->msg_control + *used);
    control->cmsg_level = level;
    control->cmsg_type = type;
    control->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(control), value, bytes);
    *used += CMSG_SPACE(bytes);
}

uint8_t *load_socket_room(struct load_socket *self, uint32_t source, uint32_t size,
                          uint32_t segment)
{
    if (self->pending == LOAD_BATCH || self->used + size > LOAD_ARENA_BYTES)
        load_socket_flush(self);
    uint32_t at = self->pending++;
    uint8_t *bytes = self->arena + self->used;
    struct msghdr *header = &self->out[at].msg_hdr;
    size_t used = 0;
    self->used += (size + 63) / 64 * 64;
    self->out_at[at] = (struct iovec){bytes, size};
    self->segments[at] = segment > 0 ? (size + segment - 1) / segment : 1;
    header->msg_name = &self->relay;
    header->msg_namelen = self->relay_bytes;
    header->msg_control = self->out_control[at];
    if (source != 0) {
        struct in_pktinfo from = {.ipi_spec_dst.s_addr = htonl(source)};
        add_control(header, &used, IPPROTO_IP, IP_PKTINFO, &from, sizeof from);
    }
    if (segment > 0 && segment < size) {
        uint16_t bytes_each = (uint16_t)segment;
        add_control(header, &used, IPPROTO_UDP, UDP_SEGMENT, &bytes_each, sizeof bytes_each);
    }
    header->msg_controllen = used;
    return bytes;
}

/* ---- In -------------------------------------------------------------------------------------- */

static void read_control(struct msghdr *header, uint32_t *segment, uint64_t *unix_ns)
{
    for (struct cmsghdr *each = CMSG_FIRSTHDR(header); each != NULL;
         each = CMSG_NXTHDR(header, each)) {
        if (each->cmsg_level == IPPROTO_UDP && each->cmsg_type == UDP_GRO) {
            int bytes;
            memcpy(&bytes, CMSG_DATA(each), sizeof bytes);
            *segment = (uint32_t)bytes;
        } else if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec at;
            memcpy(&at, CMSG_DATA(each), sizeof at);
            *unix_ns = (uint64_t)at.tv_sec * WR_S + (uint64_t)at.tv_nsec;
        }
    }
}

uint32_t load_socket_take(struct load_socket *self,
                          void (*take)(void *context, const struct load_arrival *arrival),
                          void *context)
{
    uint32_t slots = self->trains ? LOAD_TRAINS : LOAD_BATCH, datagrams = 0;
    for (uint32_t i = 0; i < slots; i++) {
        self->in[i].msg_hdr.msg_control = self->in_control[i];
        self->in[i].msg_hdr.msg_controllen = sizeof self->in_control[i];
    }
    int count = recvmmsg(self->fd, self->in, slots, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        uint32_t left = self->in[i].msg_len, segment = left;
        struct load_arrival arrival = {.bytes = self->in_at[i].iov_base};
        read_control(&self->in[i].msg_hdr, &segment, &arrival.unix_ns);
        if (segment == 0)
            segment = left;
        do {
            arrival.size = left < segment ? left : segment;
            take(context, &arrival);
            arrival.bytes += arrival.size;
            left -= arrival.size;
            datagrams++;
        } while (left > 0);
    }
    return datagrams;
}
