/*
 * What the operator asked for (section 10): the command line, then the environment, then the
 * configuration file, then the defaults; the first that names an option wins. Owns names, ranges
 * and defaults; declines to know sockets and threads. Everything in struct rd_options is validated:
 * who reads it need not look again.
 */
#ifndef RD_OPTIONS_H
#define RD_OPTIONS_H

#include "error.h"

#include <wavry/relay.h>

#define RD_WORKERS_MAX   64
#define RD_ADVERTISE_MAX 8
#define RD_TEXT_MAX      1024
#define RD_OPTIONS_MAX   64 /* at least as many as there are options */
#define RD_NOTES_MAX     8

enum rd_log_level { RD_LOG_ERROR, RD_LOG_WARN, RD_LOG_INFO, RD_LOG_DEBUG, RD_LOG_TRACE };
enum rd_log_format { RD_LOG_TEXT, RD_LOG_JSON };

/* Keys the operator pins, and keys that the operator revoked. */
struct rd_key {
    char kid[WR_KID_BYTES_MAX + 1]; /* "" for a key without one */
    uint8_t bytes[WR_PUBLIC_KEY_BYTES];
};
struct rd_keys {
    struct rd_key pinned[WR_KEYS_MAX];
    uint32_t pinned_count;
    uint8_t (*revoked)[WR_PUBLIC_KEY_BYTES]; /* owned */
    uint32_t revoked_count;
};

/* Banned identities, sorted and each once, as the ban file has them. */
struct rd_bans {
    char **subs; /* owned */
    size_t count;
};

/* Where an option's value comes from; the higher wins. */
enum rd_source { RD_SOURCE_DEFAULT, RD_SOURCE_FILE, RD_SOURCE_VARIABLE, RD_SOURCE_COMMAND_LINE };

/* What the operator should know although nothing is wrong; without secrets, to be logged. */
struct rd_notes {
    uint32_t count;
    char texts[RD_NOTES_MAX][320];
};

struct rd_options {
    /* Limits, times and policies of the core, as asked for. relay_id and own_addresses are left
     * empty (identity.h and the sockets know them); verify_rate 0 means "measure at start". */
    struct wr_relay_config core;

    struct wr_address listen;
    struct wr_address health_listen;
    char relay_id[WR_RELAY_ID_BYTES_MAX + 1]; /* "": from the state directory, or a new one */
    char state_dir[RD_TEXT_MAX];              /* "": none */
    char master_url[RD_TEXT_MAX];             /* without a trailing slash */
    char master_auth_token[RD_TEXT_MAX];      /* a secret; "" for none */
    bool standalone;
    /* IPv4 first; none is a wildcard; port 0 stands for the port that the socket gets. Not empty
     * unless standalone. */
    struct wr_address advertise[RD_ADVERTISE_MAX];
    uint32_t advertise_count;
    char region[256];
    uint32_t asn; /* 0: none */
    uint32_t max_bitrate_kbps;

    struct rd_keys keys;
    struct rd_bans bans;
    char key_file[RD_TEXT_MAX]; /* "" for none; read again on SIGHUP */
    char ban_file[RD_TEXT_MAX];
    char config_file[RD_TEXT_MAX];

    uint32_t workers; /* 1..RD_WORKERS_MAX, "auto" resolved */
    uint32_t packet_queue_capacity;
    uint32_t stats_log_interval_secs; /* 0: never */
    int dscp;                         /* 0..63, -1: not set */
    bool gro;
    bool gso;
    bool seccomp;
    char user[256]; /* to become when started as root */
    enum rd_log_level log_level;
    enum rd_log_format log_format;

    uint32_t max_sessions_at_start;  /* a running relay cannot go beyond it */
    uint8_t sources[RD_OPTIONS_MAX]; /* enum rd_source, in the order of the option table */
    struct rd_notes notes;
};

enum rd_options_outcome {
    RD_OPTIONS_RUN,
    RD_OPTIONS_DONE,  /* --help or --version was printed: exit 0 */
    RD_OPTIONS_CHECK, /* --check-config: all is well so far */
    RD_OPTIONS_BAD,   /* `error` says which option, what was given and what is allowed: exit 2 */
};

/* Reads everything: command line, environment, files. `options` must be given back by
 * rd_options_free whatever the outcome. */
enum rd_options_outcome rd_options_read(struct rd_options *options, int argc, char **argv,
                                        struct rd_error *error);

/* As rd_options_read, for who only asks a running relay how it is: looks no names up and asks the
 * kernel for no route, which may take long or fail while that relay runs well. Where the addresses
 * to announce are the relay's own finding, `advertise` stays empty. */
enum rd_options_outcome rd_options_read_health(struct rd_options *options, int argc, char **argv,
                                               struct rd_error *error);

/* rd_options_read again, for SIGHUP: file contents may have changed, the command line has not. On
 * failure `options` holds nothing that must be freed and the running options stay as they are.
 * Prints nothing and looks no names up, with the same effect on `advertise`. */
bool rd_options_read_again(struct rd_options *options, int argc, char **argv,
                           struct rd_error *error);

void rd_options_free(struct rd_options *options);

/* What differs between two readings, one sentence each ("ip-rate-limit-pps: 1000 → 2000"), with
 * whether a running relay can take it over or needs a restart. Never shows a secret. */
struct rd_option_change {
    const char *name;
    char from[128];
    char to[128];
    bool live;
};
size_t rd_options_compare(const struct rd_options *before, const struct rd_options *after,
                          struct rd_option_change *changes, size_t room);

/* Takes over into the running options what rd_options_compare calls live, keys and bans with it
 * (what `after` then holds instead is the old ones), and leaves the rest as it was; a revoked key
 * stays revoked. */
void rd_options_take_live(struct rd_options *running, struct rd_options *after);

#endif
