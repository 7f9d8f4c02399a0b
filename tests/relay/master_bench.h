/*
 * A master client with fake_master.py, as a child process, for its master. Tests order both about
 * and wait for what comes of it; nothing sleeps, and what never comes fails after a minute.
 */
#ifndef MASTER_BENCH_H
#define MASTER_BENCH_H

#include "captured_log.h"
#include "master_client.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <sys/types.h>

#define BENCH_TOKEN "a-token-nobody-may-read"
#define BENCH_KEY   "0707070707070707070707070707070707070707070707070707070707070707"

struct bench {
    pid_t child;
    int orders; /* its standard input */
    int events; /* its standard output */
    char text[1 << 17];
    size_t text_bytes;
    cJSON *early[64]; /* events that came while a command was on its way */
    size_t early_count;
    char certificate[256];

    struct rd_options options;
    struct rd_master_client *client;
    uint32_t load_pct;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t keys, registered, lost; /* calls of the hooks, under `lock` */
    char last_kid[WR_KID_BYTES_MAX + 1];
    uint8_t last_key[WR_PUBLIC_KEY_BYTES];
};

/* Starts a fake master with these further arguments (up to a NULL), and options that name it. */
void bench_set_up(struct bench *bench, const char *const *arguments);
void bench_start_client(struct bench *bench);
/* Stops the client, the master, and looks through the log for secrets. */
void bench_tear_down(struct bench *bench);

/* Sends a command (fake_master.py, Program) and waits until it is carried out. */
void bench_order(struct bench *bench, const char *command);

/* The next event of the master's, whatever it is; the caller deletes it. */
cJSON *bench_next(struct bench *bench);
/* Waits for the next event of this name (and, unless NULL, endpoint); others before it are gone. */
cJSON *bench_await(struct bench *bench, const char *event, const char *endpoint);
void bench_await_gone(struct bench *bench, const char *event, const char *endpoint);
/* Whether a request for this endpoint has come that nobody awaited yet; all of them are gone. */
bool bench_has_come(struct bench *bench, const char *endpoint);

/* Wait until a hook was called so often in all. */
void bench_await_registered(struct bench *bench, uint32_t count);
void bench_await_lost(struct bench *bench, uint32_t count);
void bench_await_keys(struct bench *bench, uint32_t count);

struct wr_master_counters bench_counters(const struct bench *bench);

/* Lets time pass for the client (for libcurl it does not), and lets it see. Only where keys are
 * pinned: it is woken by asking for one. */
void bench_pass(struct bench *bench, uint64_t ns);
void bench_pin(struct bench *bench, uint8_t key_of_all);

#endif
