#include "udp_send.h"

#include "address.h"
#include "gso_refusals.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

/*
 * Each datagram joins the newest train of its destination where it fits there, and starts another
 * one otherwise. Trains leave in the order in which they were started, so what one destination gets
 * keeps its order. A train of one datagram is an ordinary message.
 */
#define TRAINS_MAX   512 /* of one flush; the kernel takes up to 1024 messages at once */
#define PARTS_MAX    1024
#define LANES        2048 /* a power of two */
#define COPIES_BYTES 65536

/* What every kernel with GSO takes as one train, headers and all. */
#define SEGMENTS_MAX    64
#define TRAIN_BYTES_MAX 65487

/* The longest datagrams that an ordinary path of 1500 bytes carries whole. Trains of longer ones
 * would be refused there, and older kernels say EINVAL for it, as if they had no GSO at all. */
#define SEGMENT_BYTES_IPV4 1472
#define SEGMENT_BYTES_IPV6 1452

/* Kernels before 6.14 say EINVAL for one path that is too narrow for a segment, and anybody can
 * claim that his is (ICMP). So a kernel that has taken a train lacks GSO only when it refuses so
 * many in a row: different destinations, as each is tried once a minute. */
#define REFUSED_IN_A_ROW 64

#define SEGMENT_SPACE CMSG_SPACE(sizeof(uint16_t))
#define LOCAL_SPACE   CMSG_SPACE(sizeof(struct in6_pktinfo)) /* the larger of both families */

/* Bytes of one train that lie together. */
struct part {
    struct iovec bytes;
    uint32_t next; /* of the same train, if it is not the last */
};

struct train {
    struct wr_address to;
    uint32_t via;
    uint32_t bytes;
    uint32_t first_part, last_part, parts;
    uint16_t segment; /* size of its datagrams but the last, which may be shorter */
    uint16_t count;
    bool open; /* takes further datagrams */
};

union name {
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

/* Where a datagram leaves from, then the size of segments: templates, filled in where needed. */
struct control {
    _Alignas(struct cmsghdr) uint8_t local[LOCAL_SPACE];
    _Alignas(struct cmsghdr) uint8_t segment[SEGMENT_SPACE];
};
static_assert(sizeof(struct control) == LOCAL_SPACE + SEGMENT_SPACE, "one behind the other");

struct rd_sender {
    int fd;
    bool is_ipv6;
    bool gso;
    const struct rd_local_addresses *addresses;
    struct rd_net_counters *counters;
    uint64_t hash_key;
    size_t taken; /* since the last rd_send_flush that was asked for */
    uint32_t train_count;
    uint32_t last_train; /* the one that the last datagram joined, if it is below train_count */
    uint32_t part_count;
    uint32_t copied_bytes;
    uint16_t lanes[LANES];
    struct train trains[TRAINS_MAX];
    struct part parts[PARTS_MAX];
    struct mmsghdr messages[TRAINS_MAX];
    union name names[TRAINS_MAX];
    struct control controls[TRAINS_MAX];
    struct iovec gathered[PARTS_MAX];
    struct rd_gso_refusals refusals;
    uint32_t refused_in_a_row; /* trains, as if there were no GSO */
    uint8_t copies[COPIES_BYTES];
};

/* ---- Life ------------------------------------------------------------------------------------ */

static void put_header(uint8_t *control, int level, int type, size_t data_bytes)
{
    struct cmsghdr header = {
        .cmsg_len = CMSG_LEN(data_bytes), .cmsg_level = level, .cmsg_type = type};
    memcpy(control, &header, sizeof header);
}

/* The part of `struct control` that says where a datagram leaves from ends where the segment size
 * begins, whichever family it is of. */
static size_t local_space(const struct rd_sender *sender)
{
    return sender->is_ipv6 ? CMSG_SPACE(sizeof(struct in6_pktinfo))
                           : CMSG_SPACE(sizeof(struct in_pktinfo));
}

static uint8_t *local_control(struct rd_sender *sender, struct control *control)
{
    return control->local + sizeof control->local - local_space(sender);
}

static bool kernel_has_gso(int fd)
{
    int value;
    socklen_t size = sizeof value;
    return getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &value, &size) == 0;
}

struct rd_sender *rd_sender_create(int fd, bool is_ipv6, bool gso,
                                   const struct rd_local_addresses *addresses,
                                   struct rd_net_counters *counters)
{
    struct rd_sender *sender = calloc(1, sizeof *sender);
    if (sender == NULL)
        return NULL;
    sender->fd = fd;
    sender->is_ipv6 = is_ipv6;
    sender->gso = gso && kernel_has_gso(fd);
    sender->addresses = addresses;
    sender->counters = counters;
    /* So that no stranger can choose source ports that fall into one lane; without entropy the
     * trains would only be shorter. */
    (void)!getrandom(&sender->hash_key, sizeof sender->hash_key, GRND_NONBLOCK);
    for (uint32_t i = 0; i < TRAINS_MAX; i++) {
        struct msghdr *header = &sender->messages[i].msg_hdr;
        struct control *control = &sender->controls[i];
        header->msg_name = &sender->names[i];
        if (is_ipv6) {
            header->msg_namelen = sizeof sender->names[i].ipv6;
            sender->names[i].ipv6.sin6_family = AF_INET6;
            put_header(local_control(sender, control), IPPROTO_IPV6, IPV6_PKTINFO,
                       sizeof(struct in6_pktinfo));
        } else {
            header->msg_namelen = sizeof sender->names[i].ipv4;
            sender->names[i].ipv4.sin_family = AF_INET;
            put_header(local_control(sender, control), IPPROTO_IP, IP_PKTINFO,
                       sizeof(struct in_pktinfo));
        }
        put_header(control->segment, IPPROTO_UDP, UDP_SEGMENT, sizeof(uint16_t));
    }
    return sender;
}

void rd_sender_destroy(struct rd_sender *sender)
{
    free(sender);
}

/* ---- Small questions ------------------------------------------------------------------------- */

static inline bool is_v4(const struct wr_address *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address->ip, mapped, sizeof mapped) == 0;
}

static inline uint64_t hash(const struct rd_sender *sender, const struct wr_address *to)
{
    uint64_t words[3]; /* three loads */
    static_assert(sizeof words == sizeof *to, "an address is three words");
    memcpy(words, to, sizeof words);
    uint64_t mixed = (words[0] ^ sender->hash_key) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 32 ^ words[1]) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 32 ^ words[2]) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 32;
}

static wr_instant coarse_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * WR_S + (uint64_t)now.tv_nsec;
}

/* ---- Queueing -------------------------------------------------------------------------------- */

static uint32_t add_part(struct rd_sender *sender, const uint8_t *bytes, uint32_t size)
{
    sender->parts[sender->part_count].bytes =
        (struct iovec){.iov_base = (void *)bytes, .iov_len = size};
    return sender->part_count++;
}

/* False: it needs a train of its own, which takes the lane, so that nothing overtakes it. */
static inline bool append(struct rd_sender *sender, struct train *train,
                          const struct wr_output *output, const uint8_t *bytes)
{
    if (!train->open || train->via != output->via || output->size > train->segment ||
        train->count == SEGMENTS_MAX || train->bytes + output->size > TRAIN_BYTES_MAX)
        return false;
    struct iovec *last = &sender->parts[train->last_part].bytes;
    if ((const uint8_t *)last->iov_base + last->iov_len == bytes) {
        last->iov_len += output->size;
    } else if (sender->part_count == PARTS_MAX) {
        return false;
    } else {
        uint32_t added = add_part(sender, bytes, output->size);
        sender->parts[train->last_part].next = added;
        train->last_part = added;
        train->parts++;
    }
    train->bytes += output->size;
    train->count++;
    train->open = output->size == train->segment;
    return true;
}

static void put_name(const struct rd_sender *sender, const struct wr_address *to, union name *name)
{
    if (sender->is_ipv6) {
        memcpy(&name->ipv6.sin6_addr, to->ip, 16);
        name->ipv6.sin6_port = htons(to->port);
        name->ipv6.sin6_scope_id = to->zone;
    } else {
        memcpy(&name->ipv4.sin_addr, to->ip + 12, 4);
        name->ipv4.sin_port = htons(to->port);
    }
}

/* Field by field, like put_name, and not by a copy of what was just put together: the processor
 * would have to wait for the pieces. */
static void start_train(struct rd_sender *sender, const struct wr_output *output,
                        const uint8_t *bytes, uint64_t hashed)
{
    uint32_t at = sender->train_count++;
    struct train *train = &sender->trains[at];
    uint32_t segment_max = is_v4(&output->to) ? SEGMENT_BYTES_IPV4 : SEGMENT_BYTES_IPV6;
    train->to = output->to;
    train->via = output->via;
    train->bytes = output->size;
    train->first_part = train->last_part = add_part(sender, bytes, output->size);
    train->parts = 1;
    train->segment = (uint16_t)output->size;
    train->count = 1;
    train->open = sender->gso && output->size > 0 && output->size <= segment_max &&
                  (sender->refusals.count == 0 ||
                   !rd_gso_refusals_has(&sender->refusals, &output->to, hashed, coarse_now()));
    put_name(sender, &output->to, &sender->names[at]);
}

static void flush(struct rd_sender *sender);

static const uint8_t *copy_of(struct rd_sender *sender, const struct wr_output *output)
{
    uint8_t *copy = sender->copies + sender->copied_bytes;
    memcpy(copy, output->bytes, output->size);
    sender->copied_bytes += output->size;
    return copy;
}

/* Joins train `at`, which may be one of an earlier flush: its number and the address tell. */
static inline bool join(struct rd_sender *sender, uint32_t at, const struct wr_output *output,
                        const uint8_t *bytes)
{
    if (at >= sender->train_count || !wr_address_equal(&sender->trains[at].to, &output->to) ||
        !append(sender, &sender->trains[at], output, bytes))
        return false;
    sender->last_train = at;
    return true;
}

void rd_send(struct rd_sender *sender, const struct wr_output *output, bool stable)
{
    assert(output->size <= WR_DATAGRAM_BYTES_MAX);
    /* Most go where the one before them went: nothing has to be looked up. */
    if (stable && join(sender, sender->last_train, output, output->bytes))
        return;
    if (!sender->is_ipv6 && !is_v4(&output->to)) { /* nobody there to reach it */
        sender->counters->send_failed++;
        return;
    }
    if (sender->train_count == TRAINS_MAX || sender->part_count == PARTS_MAX ||
        (!stable && sender->copied_bytes + output->size > COPIES_BYTES))
        flush(sender);
    const uint8_t *bytes = stable ? output->bytes : copy_of(sender, output);
    uint64_t hashed = hash(sender, &output->to);
    uint16_t *lane = &sender->lanes[hashed & (LANES - 1)];
    if (join(sender, *lane, output, bytes))
        return;
    *lane = (uint16_t)sender->train_count;
    sender->last_train = sender->train_count;
    start_train(sender, output, bytes, hashed);
}

/* ---- Handing to the kernel ------------------------------------------------------------------- */

/* The other fields of the templates stay 0. */
static void put_local(struct rd_sender *sender, struct control *control,
                      const struct rd_local_address *local)
{
    uint8_t *data = local_control(sender, control) + CMSG_LEN(0);
    if (sender->is_ipv6) {
        memcpy(data + offsetof(struct in6_pktinfo, ipi6_addr), local->ip, 16);
        memcpy(data + offsetof(struct in6_pktinfo, ipi6_ifindex), &local->ifindex,
               sizeof local->ifindex);
    } else {
        memcpy(data + offsetof(struct in_pktinfo, ipi_spec_dst), local->ip + 12, 4);
    }
}

static void put_control(struct rd_sender *sender, uint32_t at)
{
    const struct train *train = &sender->trains[at];
    struct control *control = &sender->controls[at];
    struct msghdr *header = &sender->messages[at].msg_hdr;
    const struct rd_local_address *local = rd_local_addresses_get(sender->addresses, train->via);
    header->msg_control = control->segment;
    header->msg_controllen = 0;
    if (local != NULL) {
        put_local(sender, control, local);
        header->msg_control = local_control(sender, control);
        header->msg_controllen = local_space(sender);
    }
    if (train->count > 1) {
        memcpy(control->segment + CMSG_LEN(0), &train->segment, sizeof train->segment);
        header->msg_controllen += sizeof control->segment;
    }
}

/* Parts of one train are strewn among those of others: puts them in a row. */
static struct iovec *gather(struct rd_sender *sender, const struct train *train, uint32_t *gathered)
{
    struct iovec *row = &sender->gathered[*gathered];
    uint32_t part = train->first_part;
    for (uint32_t i = 0; i < train->parts; i++) {
        row[i] = sender->parts[part].bytes;
        part = sender->parts[part].next;
    }
    *gathered += train->parts;
    return row;
}

static void build_messages(struct rd_sender *sender)
{
    uint32_t gathered = 0;
    for (uint32_t at = 0; at < sender->train_count; at++) {
        const struct train *train = &sender->trains[at];
        struct msghdr *header = &sender->messages[at].msg_hdr;
        header->msg_iov = train->parts == 1 ? &sender->parts[train->first_part].bytes
                                            : gather(sender, train, &gathered);
        header->msg_iovlen = train->parts;
        put_control(sender, at);
    }
}

/* One call. Returns how many messages from the first on the kernel took; 0: `*why` is why it
 * refused the first. */
static uint32_t hand_over(struct rd_sender *sender, struct mmsghdr *messages, uint32_t count,
                          int *why)
{
    int taken;
    do {
        sender->counters->send_calls++;
        taken = sendmmsg(sender->fd, messages, count, MSG_DONTWAIT);
    } while (taken < 0 && errno == EINTR);
    *why = taken < 0 ? errno : 0;
    return taken < 0 ? 0 : (uint32_t)taken;
}

static void count_refused(struct rd_sender *sender, uint32_t datagrams, int why)
{
    sender->counters->send_failed += datagrams;
    if (why == EMSGSIZE)
        sender->counters->send_too_long += datagrams;
    if (why == EAGAIN || why == EWOULDBLOCK)
        sender->counters->send_would_block += datagrams;
}

/* A train one by one. Returns how many datagrams the kernel took. */
static uint32_t send_apart(struct rd_sender *sender, uint32_t at)
{
    const struct train *train = &sender->trains[at];
    const struct msghdr *whole = &sender->messages[at].msg_hdr;
    struct mmsghdr singles[SEGMENTS_MAX] = {0};
    struct iovec bytes[SEGMENTS_MAX];
    uint32_t count = 0, done = 0, taken = 0;
    for (size_t part = 0; part < whole->msg_iovlen; part++) {
        struct iovec left = whole->msg_iov[part];
        while (left.iov_len > 0) {
            size_t size = left.iov_len < train->segment ? left.iov_len : train->segment;
            bytes[count] = (struct iovec){.iov_base = left.iov_base, .iov_len = size};
            singles[count].msg_hdr = *whole;
            singles[count].msg_hdr.msg_iov = &bytes[count];
            singles[count].msg_hdr.msg_iovlen = 1;
            singles[count].msg_hdr.msg_controllen -= sizeof sender->controls[at].segment;
            left.iov_base = (uint8_t *)left.iov_base + size;
            left.iov_len -= size;
            count++;
        }
    }
    assert(count == train->count);
    while (done < count) {
        int why;
        uint32_t step = hand_over(sender, singles + done, count - done, &why);
        if (step == 0) {
            count_refused(sender, 1, why);
            done++;
        }
        taken += step;
        done += step;
    }
    return taken;
}

/* The kernel refused this message. Returns how many of its datagrams went all the same. */
static uint32_t refused(struct rd_sender *sender, uint32_t at, int why)
{
    const struct train *train = &sender->trains[at];
    bool lacks_gso = why == EIO || why == EINVAL || why == ENOPROTOOPT || why == EOPNOTSUPP;
    if (train->count == 1 || !(lacks_gso || why == EMSGSIZE)) {
        count_refused(sender, train->count, why);
        return 0;
    }
    sender->counters->gso_fallbacks++;
    uint32_t taken = send_apart(sender, at);
    /* Where it will not go one by one either, it was not GSO that was refused. */
    if (lacks_gso && taken > 0 &&
        (sender->counters->send_trains == 0 || ++sender->refused_in_a_row == REFUSED_IN_A_ROW))
        sender->gso = false;
    else
        rd_gso_refusals_remember(&sender->refusals, &train->to, hash(sender, &train->to),
                                 coarse_now());
    return taken;
}

static uint32_t count_taken(struct rd_sender *sender, uint32_t first, uint32_t messages)
{
    uint32_t datagrams = 0;
    for (uint32_t i = first; i < first + messages; i++) {
        datagrams += sender->trains[i].count;
        if (sender->trains[i].count > 1) {
            sender->counters->send_trains++;
            sender->refused_in_a_row = 0;
        }
    }
    return datagrams;
}

/* The end of the messages from `at` on that can go as they are: without GSO, no train can. */
static uint32_t end_of_run(const struct rd_sender *sender, uint32_t at)
{
    if (sender->gso)
        return sender->train_count;
    while (at < sender->train_count && sender->trains[at].count == 1)
        at++;
    return at;
}

static void flush(struct rd_sender *sender)
{
    uint32_t at = 0;
    build_messages(sender);
    while (at < sender->train_count) {
        uint32_t end = end_of_run(sender, at);
        if (end == at) {
            sender->counters->gso_fallbacks++;
            sender->taken += send_apart(sender, at++);
            continue;
        }
        int why;
        uint32_t step = hand_over(sender, sender->messages + at, end - at, &why);
        if (step == 0)
            sender->taken += refused(sender, at++, why);
        else
            sender->taken += count_taken(sender, at, step);
        at += step;
    }
    sender->train_count = 0;
    sender->part_count = 0;
    sender->copied_bytes = 0;
}

size_t rd_send_flush(struct rd_sender *sender)
{
    flush(sender);
    size_t taken = sender->taken;
    sender->taken = 0;
    return taken;
}
