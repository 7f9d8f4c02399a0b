/*
 * The robust peer: a state machine that uses all of sections 3 and 6. It owns presentation and
 * retransmission, renewal, cookies, signs of life, and the receipts by which two robust peers see
 * that what they forward arrives; it declines to know where leases come from.
 *
 * Its FORWARDs carry, behind the sequence or the RIFT header, 16 bytes of its own:
 *
 *   | mark 57 50 | flags u16 | epoch u16 | receipt epoch u16 | receipt u64 | body …
 *
 * The epoch is drawn anew with each start of the process, so that a receiver sees a restart; the
 * receipt names the latest sequence that came from the other side, with the epoch it was sent in
 * (0: none came yet). Flag bit 0: payload, as opposed to a mere sign of life or receipt. A FORWARD
 * without the mark comes from a peer of another make and is handed up whole.
 */
#ifndef WR_PEER_ROBUST_H
#define WR_PEER_ROBUST_H

#include <wavry/peer.h>

#define WR_ROBUST_FRAME_BYTES  16
#define WR_ROBUST_PAYLOAD      1 /* flag bit 0 */
#define WR_ROBUST_FRUITLESS_NS (2 * WR_S)
#define WR_ROBUST_WINDOW       1024 /* sequences in which a second copy is recognised */

struct wr_robust_window {
    uint64_t top;
    uint64_t seen[WR_ROBUST_WINDOW / 64];
    bool empty;
};

struct wr_robust {
    /* The lease: what is owed to the relay, and when more is asked of the environment. */
    bool token_owed;       /* the token at hand was not acknowledged by the relay it is good for */
    bool token_in_renew;   /* it goes in a RENEW, which leaves the replay window alone */
    bool present_next;     /* the lease that comes next goes in a PRESENT */
    bool wants_more;       /* false: the environment said no, for good */
    bool lease_asked;      /* a request is out */
    bool token_is_new;     /* it was never acknowledged, by any relay */
    bool token_is_refused; /* the relay has rejected it: no use to present it again */
    bool relay_answers;    /* it has said something about the token that is owed */
    bool cookie_returned;  /* a reject 6 was answered with its cookie since the last ACK */
    uint32_t attempts;     /* presentations since the last ACK */
    uint64_t backoff_ns;   /* of the next presentation */
    wr_instant next_present_ns;
    enum wr_peer_want want;
    wr_instant want_due_ns;
    wr_instant other_relay_after_ns; /* another relay is not asked for before */
    uint64_t reject_delay_ns;        /* before it is asked after the next refusal */
    uint64_t bound_expires_unix_ms;  /* of the token that was acknowledged last */
    uint64_t want_backoff_ns;
    wr_instant renewal_due_ns;

    /* What the relay said. */
    uint8_t cookie[WR_COOKIE_BYTES];
    bool has_cookie;
    wr_instant cookie_ns;
    wr_instant shortened_due_ns; /* a bare renew restarts a shortened lease */

    /* Signs of life and silence. */
    bool proving;                   /* presented from a path that a cookie echo has not proven */
    bool silent;                    /* the relay fell silent and has answered nothing since */
    uint32_t silences_unproven;     /* in a row, no cookie of ours was acknowledged between */
    bool heard_other;               /* a FORWARD of the other peer arrived in this life */
    wr_instant last_word_ns;        /* FORWARD, cookie or token: what counts as a sign of life */
    wr_instant last_renew_ns;       /* bare RENEW */
    wr_instant last_heard_ns;       /* anything from the relay */
    wr_instant unanswered_since_ns; /* first RENEW since then, WR_NEVER for none */
    wr_instant unheard_since_ns;    /* first payload since then, WR_NEVER for none */

    /* Sequences and receipts. */
    uint16_t epoch;
    uint64_t next_sequence;
    uint64_t last_payload; /* sequence of the latest payload sent */
    wr_instant unconfirmed_since_ns;
    uint64_t fruitless_span_ns;
    uint64_t confirmed; /* receipts above it are news; sequence + 1 */
    struct wr_robust_window window;
    uint16_t other_epoch; /* 0: none heard */
    uint64_t receipt;
    wr_instant receipt_owed_ns; /* when a receipt must go out by itself, WR_NEVER for never */
};

struct wr_peer;

void wr_robust_start(struct wr_peer *peer, wr_instant now, enum wr_peer_want reason);
void wr_robust_lease(struct wr_peer *peer, wr_instant now);
void wr_robust_lease_refused(struct wr_peer *peer, wr_instant now, bool final);
void wr_robust_receive(struct wr_peer *peer, wr_instant now, const struct wr_address *from,
                       const uint8_t *bytes, uint32_t size);
uint64_t wr_robust_send(struct wr_peer *peer, wr_instant now, const uint8_t *body,
                        uint32_t body_bytes);
wr_instant wr_robust_next_deadline(const struct wr_peer *peer);
void wr_robust_on_deadline(struct wr_peer *peer, wr_instant now);

/* ---- robust_words.c: what it says and how it reads a FORWARD, without the timers ---------------
 */

/* A sign of life has just gone out. */
void wr_robust_spoke(struct wr_peer *peer, wr_instant now);
/* PRESENT, or RENEW with the token, to the relay the lease is good for. */
void wr_robust_say_token(struct wr_peer *peer, wr_instant now);
/* A bare RENEW, with the cookie where there is one. */
void wr_robust_say_renew(struct wr_peer *peer, wr_instant now);
/* A FORWARD without payload: a sign of life and a receipt. */
void wr_robust_say_empty(struct wr_peer *peer, wr_instant now);
/* The release, to the relay in use; nothing where there is no cookie. */
void wr_robust_say_release(struct wr_peer *peer);
/* A FORWARD with `flags` of the frame. Returns its sequence. */
uint64_t wr_robust_say_forward(struct wr_peer *peer, wr_instant now, uint16_t flags,
                               const uint8_t *body, uint32_t body_bytes);

/* Marks the sequence seen; false where it was seen before or lies too far behind to tell. */
bool wr_robust_window_take(struct wr_robust_window *window, uint64_t sequence);

/* A FORWARD of the other peer, from bytes to what it means: delivery, receipts, progress. */
void wr_robust_hear_forward(struct wr_peer *peer, wr_instant now, uint64_t sequence,
                            const uint8_t *payload, uint32_t payload_bytes);

#endif
