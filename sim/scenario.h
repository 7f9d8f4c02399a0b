/*
 * A scenario after parsing: who is there, how they are connected, what they do, what happens to
 * them (scenario_timeline.h) and what must come of it (scenario_expect.h). Plain data, checked in
 * full by sim_scenario_parse: every index is in range, every group is unfolded into its members.
 * It declines to know how any of it is simulated.
 *
 * Everything that JSON lets out has its default here already. All spans are nanoseconds, all
 * instants are nanoseconds of the run (0 is its start), rates are whole numbers, probabilities are
 * ratios. An index names a member of the array of the same name; SIM_NONE names none.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "ratio.h"

#include <wavry/relay.h>

#define SIM_NONE UINT32_MAX

/* Members first .. first + count - 1 of an array: a group such as "alice" with "count": 200, or
 * one member ("alice-7", or an entity without a count). A count of 0: nothing is meant. */
struct sim_range {
    uint32_t first;
    uint32_t count;
};

/* ---- Clocks and keys ------------------------------------------------------------------------- */

/* How a wall clock differs from the world's true time. Monotonic clocks are always true but for
 * the drift. */
struct sim_clock_spec {
    int64_t offset_ms; /* wall clock - true time, at the start */
    int32_t drift_ppb; /* parts per thousand million; positive runs fast */
};

/* A signing key of a master. Its bytes are derived from `name` alone, so that they are the same in
 * every run; two names with one kid are "the same kid with other bytes". */
struct sim_key_spec {
    const char *name;
    const char *kid; /* "" for a key without one */
};

/* ---- Masters --------------------------------------------------------------------------------- */

/* What a master does with a request. All but OK fail it. */
enum sim_master_mode {
    SIM_MASTER_OK,
    SIM_MASTER_REFUSE,       /* connection refused at once */
    SIM_MASTER_HANG,         /* no answer until the caller gives up */
    SIM_MASTER_ERROR,        /* 500 */
    SIM_MASTER_UNAUTHORIZED, /* 401 */
    SIM_MASTER_GARBAGE,      /* 200 with bytes that are no valid answer */
    SIM_MASTER_WRONG_KEY,    /* valid answers that announce `wrong_key` */
};

struct sim_master_spec {
    const char *name;
    uint32_t signs_with; /* keys[]: signs the leases */
    uint32_t publishes;  /* keys[]: in the register answer and in /.well-known/wavry-id */
    uint64_t answer_delay_ns;
    uint64_t answer_jitter_ns; /* each answer takes delay + 0 .. jitter */
    uint64_t heartbeat_interval_ns;
    uint32_t leases_per_minute; /* of one identity; 0: no limit */
    struct sim_clock_spec clock;
};

/* ---- Links ----------------------------------------------------------------------------------- */

/* Gilbert–Elliott: a state machine stepped once per datagram. */
struct sim_burst_loss_spec {
    struct sim_ratio enter;     /* good → bad */
    struct sim_ratio leave;     /* bad → good; {0, 1} with `enter` {0, 1}: no bursts at all */
    struct sim_ratio loss_good; /* loss in the good state */
    struct sim_ratio loss_bad;
};

/* One direction of a link. A user's up and down side are instances of their own: nothing is shared
 * between directions or between users of the same spec. */
struct sim_link_spec {
    const char *name;
    uint64_t latency_ns;
    uint64_t jitter_ns;    /* each datagram takes latency + 0 .. jitter, uniformly */
    bool jitter_reorders;  /* false: a datagram never overtakes an earlier one by jitter alone */
    struct sim_ratio loss; /* independent */
    struct sim_burst_loss_spec burst_loss;
    struct sim_ratio reorder; /* this share is late by another `reorder_delay_ns` */
    uint64_t reorder_delay_ns;
    struct sim_ratio duplicate; /* this share arrives twice */
    struct sim_ratio corrupt;   /* this share arrives with one bit flipped, checksum not caught */
    uint32_t bandwidth_kbps;    /* 0: unlimited */
    uint32_t queue_bytes;       /* in front of the bandwidth; what does not fit is dropped */
    uint32_t mtu_bytes;         /* IP bytes (UDP payload + 28); longer ones are dropped */
};

/* ---- NATs ------------------------------------------------------------------------------------ */

/* RFC 4787, sections 4.1 and 5. */
enum sim_nat_dependence {
    SIM_NAT_ENDPOINT_INDEPENDENT,
    SIM_NAT_ADDRESS_DEPENDENT,
    SIM_NAT_ADDRESS_AND_PORT_DEPENDENT,
};

enum sim_nat_ports { SIM_NAT_PORTS_PRESERVE, SIM_NAT_PORTS_CONTIGUOUS, SIM_NAT_PORTS_RANDOM };

enum sim_nat_refresh { SIM_NAT_REFRESH_OUTBOUND, SIM_NAT_REFRESH_BOTH };

#define SIM_NAT_PUBLIC_MAX 16

struct sim_nat_spec {
    const char *name;
    struct wr_address public_ips[SIM_NAT_PUBLIC_MAX]; /* port 0 */
    uint32_t public_ip_count;                         /* 1 .. */
    bool pooling_paired; /* one inside host always gets the same public address */
    enum sim_nat_dependence mapping;
    enum sim_nat_dependence filtering;
    enum sim_nat_ports ports;
    enum sim_nat_refresh refresh;
    uint64_t mapping_timeout_ns;
    uint16_t port_min; /* range of external ports, both inclusive */
    uint16_t port_max;
    uint16_t block_ports; /* ports set aside per inside host; 0: no blocks */
    bool hairpin;
    uint32_t link; /* links[] between the NAT and the public network; SIM_NONE: no delay, no loss */
};

/* ---- Relays ---------------------------------------------------------------------------------- */

/* A host's service times. One datagram costs `receive_ns`, and then by what became of it. */
struct sim_host_spec {
    uint64_t receive_ns; /* taking any datagram from the queue, parse and drop included */
    uint64_t forward_ns; /* on top, for one that is sent on */
    uint64_t answer_ns;  /* on top, for an ACK or a reject */
    uint64_t verify_ns;  /* one signature; a helper does one at a time, beside the datagrams */
    uint32_t receive_queue_datagrams; /* a full queue drops: backpressure */
};

#define SIM_PINNED_KEYS_MAX WR_KEYS_MAX

struct sim_relay_spec {
    const char *name;
    struct wr_address address;
    uint32_t master; /* masters[]; SIM_NONE: standalone */
    uint32_t issuer; /* masters[]: gives the leases for this relay; the same unless standalone */
    /* `relay_id` points into the scenario. `own_addresses` is empty (the world sets it). */
    struct wr_relay_config config;
    const char *region;                        /* "" for none */
    uint32_t max_bitrate_kbps;                 /* announced to the master */
    uint32_t pinned_keys[SIM_PINNED_KEYS_MAX]; /* keys[] */
    uint32_t pinned_key_count;
    struct sim_host_spec host;
    struct sim_clock_spec clock;
    uint32_t uplink; /* links[]; SIM_NONE: no delay, no loss */
    uint32_t downlink;
};

/* ---- Peers ----------------------------------------------------------------------------------- */

enum sim_behaviour { SIM_UPSTREAM, SIM_ROBUST }; /* protocol section 11 */

struct sim_peer_spec {
    const char *name;     /* "alice", or "alice-7" in a group */
    const char *identity; /* `sub` of its leases; its name where nothing else was said */
    enum sim_behaviour behaviour;
    struct wr_address address; /* where its socket is, behind the NAT */
    uint32_t nat;              /* nats[]; SIM_NONE: `address` is public */
    uint32_t uplink;           /* links[] to the NAT or the public network; SIM_NONE as above */
    uint32_t downlink;
    struct sim_clock_spec clock;
    /* Of a robust peer. */
    uint64_t sign_of_life_ns;  /* 0: gives none but its traffic */
    struct sim_ratio renew_at; /* share of the lease's life; {1, 1}: never renews */
    bool echoes_cookies;       /* false: behaves as if it never saw one */
    bool retransmits;          /* PRESENT and RENEW with backoff */
};

/* ---- Sessions -------------------------------------------------------------------------------- */

/* What differs from an honest lease of this session, role and relay. Offsets are added to the time
 * of issue by the master's clock. */
enum sim_lease_scope { SIM_LEASE_ALL, SIM_LEASE_FIRST };

struct sim_lease_spec {
    enum sim_lease_scope scope; /* what is said below holds for all leases, or the first one only */
    uint64_t ttl_ns;            /* expiry - issue; whole milliseconds */
    int64_t issued_offset_ms;   /* iat */
    int64_t not_before_offset_ms;
    bool has_issued; /* false: the claim is left out */
    bool has_not_before;
    uint32_t soft_kbps;
    uint32_t hard_kbps;
    uint32_t key;             /* keys[]; SIM_NONE: what the master signs with at that time */
    const char *kid;          /* NULL: the kid of the key; "" leaves the claim out */
    const char *relay_id;     /* NULL: the session's relay */
    const char *identity;     /* NULL: the peer's */
    const char *session_name; /* NULL: this one, else the id of that name (sim_session_id) */
    bool role_given;          /* false: the role the peer has in the session */
    enum wr_role role;
    bool signature_spoiled; /* one bit of the signature is flipped */
};

/* PING: a small datagram every 500 ms. AUDIO: 50 a second of 180 bytes. VIDEO: 60 frames a second,
 * each cut into datagrams of at most 1271 bytes, `kbps` in all. CONSTANT: `rate_pps` of `bytes`,
 * evenly spaced. `rate_pps` and `bytes` are filled in for all but VIDEO and SILENT. */
enum sim_profile {
    SIM_PROFILE_SILENT,
    SIM_PROFILE_PING,
    SIM_PROFILE_AUDIO,
    SIM_PROFILE_VIDEO,
    SIM_PROFILE_CONSTANT,
};

/* What FORWARD carries behind the relay's header. */
enum sim_payload { SIM_PAYLOAD_SEQUENCE, SIM_PAYLOAD_RIFT };

struct sim_pause_spec {
    uint64_t at_ns;
    uint64_t for_ns;
};
#define SIM_PAUSES_MAX 32

struct sim_traffic_spec {
    enum sim_profile profile;
    enum sim_payload payload;
    uint32_t rate_pps;
    uint32_t bytes; /* of the whole datagram with the relay's header, 28 .. 1500 */
    uint32_t kbps;  /* VIDEO */
    uint64_t from_ns;
    uint64_t until_ns; /* the end of the run where nothing was said */
    struct sim_pause_spec pauses[SIM_PAUSES_MAX];
    uint32_t pause_count;
};

struct sim_session_spec {
    const char *name;
    struct wr_session_id id;     /* sim_session_id(name) */
    uint32_t peers[WR_ROLES];    /* peers[], by role */
    uint64_t start_ns[WR_ROLES]; /* when the peer asks for its lease and begins */
    struct sim_lease_spec lease[WR_ROLES];
    struct sim_traffic_spec traffic[WR_ROLES]; /* what the peer in that role sends */
    uint32_t relay;
    bool handshake; /* the client begins with the bare RIFT handshake (protocol section 1) */
};

/* ---- Attackers ------------------------------------------------------------------------------- */

enum sim_attack {
    SIM_ATTACK_SPOOFED_FLOOD, /* `packet` from `sources` invented addresses */
    SIM_ATTACK_LEASE_FLOOD,   /* PRESENTs with `token` from `sources` addresses of its own */
    SIM_ATTACK_REPLAY,        /* copies of `packet` that it saw in `session`, sent again */
    SIM_ATTACK_WINDOW_POISON, /* FORWARDs of `session` with sequences `ahead` of what it saw */
    SIM_ATTACK_SESSION_GUESS, /* FORWARDs with invented session ids */
    SIM_ATTACK_REFLECTION,    /* `packet` with the address of `victim` as its source */
    SIM_ATTACK_THIEF,         /* presents a token that it saw, tries to take over and to keep it */
    SIM_ATTACK_ON_PATH,       /* only watches, and does what SIM_DO_COPY tells it */
};

/* Kinds of datagrams, for attackers and for actions that touch the next one. */
enum sim_packet {
    SIM_PACKET_ANY,
    SIM_PACKET_PRESENT,
    SIM_PACKET_ACK,
    SIM_PACKET_REJECT,
    SIM_PACKET_RENEW, /* bare or with a token */
    SIM_PACKET_FORWARD,
    SIM_PACKET_BARE, /* bare RIFT */
    SIM_PACKET_JUNK, /* random bytes of random length */
};

enum sim_token {
    SIM_TOKEN_GARBAGE,     /* not a token at all */
    SIM_TOKEN_MALFORMED,   /* token form, claims that are no JSON */
    SIM_TOKEN_FORGED,      /* well-formed, known kid, wrong signature: costs a verification each */
    SIM_TOKEN_UNKNOWN_KID, /* well-formed, a kid that nobody has */
    SIM_TOKEN_VALID,       /* signed by the master, each for a session of its own */
};

enum sim_source { SIM_SOURCE_OWN, SIM_SOURCE_VICTIM };

struct sim_attacker_spec {
    const char *name;
    enum sim_attack attack;
    struct wr_address address; /* its own; groups of sources count up from here */
    uint32_t link;             /* links[]; SIM_NONE: no delay, no loss */
    uint32_t relay;            /* relays[]: its target */
    uint32_t session;          /* sessions[]; SIM_NONE where the attack needs none */
    enum wr_role role;         /* whose packets it copies or forges */
    uint32_t victim;           /* peers[]; SIM_NONE where the attack needs none */
    enum sim_packet packet;
    enum sim_token token;
    enum sim_source source; /* from its own address, or spoofed from that of the copied peer */
    uint32_t sources;       /* how many addresses it uses */
    uint32_t rate_pps;
    uint32_t bytes;          /* of a datagram, where the attack makes it up */
    uint64_t ahead;          /* WINDOW_POISON: how far ahead of the last sequence it saw */
    bool names_live_session; /* LEASE_FLOOD: the header names `session` */
    bool echoes_cookies;     /* answers an ACK or a reject 6 that it receives with the cookie */
    uint64_t start_ns;       /* WR_NEVER: only by SIM_DO_ATTACK_START */
    uint64_t stop_ns;
};

/* ---- The whole ------------------------------------------------------------------------------- */

struct sim_action;      /* scenario_timeline.h */
struct sim_expectation; /* scenario_expect.h */

/* Names of groups and members, so that a report can speak of "alice-7" and "alice". */
struct sim_scenario {
    const char *name;   /* the file's stem */
    const char *family; /* the folder it lies in: nat, lease, …; "." for none */
    const char *path;   /* as given on the command line */
    const char *shows;  /* one sentence */
    const char *const *covers;
    uint32_t cover_count;

    uint64_t seed;
    uint64_t duration_ns;
    uint64_t start_unix_ms;    /* true wall time at instant 0 */
    uint64_t served_within_ns; /* liveness oracle: who holds a valid lease is served this soon
                                  after the last fault has healed */
    bool permute_ties;         /* events at one instant in a seeded order */

    struct sim_key_spec *keys;
    struct sim_master_spec *masters;
    struct sim_link_spec *links;
    struct sim_nat_spec *nats;
    struct sim_relay_spec *relays;
    struct sim_peer_spec *peers;
    struct sim_session_spec *sessions;
    struct sim_attacker_spec *attackers;
    struct sim_action *actions; /* in order of time; equal times keep the order of the file */
    struct sim_expectation *expectations;
    uint32_t key_count;
    uint32_t master_count;
    uint32_t link_count;
    uint32_t nat_count;
    uint32_t relay_count;
    uint32_t peer_count;
    uint32_t session_count;
    uint32_t attacker_count;
    uint32_t action_count;
    uint32_t expectation_count;

    struct sim_arena *arena; /* owns every string and array above */
};

/* The session id that goes with a name: a version-8 UUID derived from the name alone. */
struct wr_session_id sim_session_id(const char *name);

#endif
