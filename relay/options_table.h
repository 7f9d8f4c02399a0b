/*
 * The relay's options, one row each (section 10): names, variables, ranges, defaults, words for the
 * operator, and where the value lies in struct rd_options. Command line, environment, file, help,
 * comparison and the printed configuration all read this one table.
 */
#ifndef RD_OPTIONS_TABLE_H
#define RD_OPTIONS_TABLE_H

#include "options.h"

enum rd_option_kind {
    RD_KIND_NUMBER, /* uint32_t: min..max, or `word`, which stands for `word_value` */
    RD_KIND_FLAG,   /* bool; no value on the command line */
    RD_KIND_SWITCH, /* bool, written on or off */
    RD_KIND_CHOICE, /* enum: the index of one of `choices` */
    RD_KIND_ADDRESS,
    RD_KIND_TEXT, /* char[room], judged by `wrong` */
    RD_KIND_ADVERTISE,
    RD_KIND_KEY,        /* into keys.pinned */
    RD_KIND_PUBLIC_KEY, /* likewise, without a kid */
    RD_KIND_UNUSED,     /* a number as above, accepted without effect */
    RD_KIND_ACTION,     /* something to do, not a setting */
};

enum rd_option_group {
    RD_GROUP_NETWORK,
    RD_GROUP_MASTER,
    RD_GROUP_TRUST,
    RD_GROUP_LIMITS,
    RD_GROUP_TIMES,
    RD_GROUP_PROTOCOL,
    RD_GROUP_PROCESS,
    RD_GROUP_LOG,
    RD_GROUP_CONFIGURATION,
};

struct rd_option {
    const char *name;     /* without the dashes */
    const char *variable; /* of the environment, NULL for none */
    const char *argument; /* as help shows it, NULL for none */
    const char *initial;  /* the default as an operator would write it, NULL for none */
    const char *help;
    enum rd_option_kind kind;
    enum rd_option_group group;
    bool secret;     /* never shown, nor repeated in a message */
    bool repeatable; /* may be given several times by one source */
    bool live;       /* a running relay takes it over */
    size_t offset;   /* of the value in struct rd_options */
    size_t room;     /* RD_KIND_TEXT: with the terminating NUL */
    uint32_t min, max;
    const char *word;
    uint32_t word_value;
    const char *const *choices; /* NULL ends them */
    /* RD_KIND_TEXT: NULL, or what is allowed where this is not. */
    const char *(*wrong)(const char *text);
};

extern const struct rd_option rd_option_table[];
extern const size_t rd_option_count;

/* NULL where there is none of that name. */
const struct rd_option *rd_option_find(const char *name);
/* The nearest name, NULL where none is near; only those of `settings`, if so: no actions. */
const char *rd_option_nearest(const char *name, bool settings);
const char *rd_option_group_title(enum rd_option_group group);

/* May the option stand in a configuration file? */
bool rd_option_is_setting(const struct rd_option *option);

#endif
