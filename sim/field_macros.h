/* Shorthand for the tables of fields.h; only files that hold tables include it. */
#ifndef SIM_FIELD_MACROS_H
#define SIM_FIELD_MACROS_H

#include "fields.h"

#define WORDS(list)                                                                                \
    {                                                                                              \
        (list), SIM_COUNT(list)                                                                    \
    }

/* FIELD(name, KIND, struct, member, about, further initialisers) */
#define FIELD(name_, kind_, type_, member_, ...)                                                   \
    {                                                                                              \
        .name = (name_), .kind = SIM_FIELD_##kind_, .offset = offsetof(type_, member_),            \
        .about = __VA_ARGS__                                                                       \
    }

/* CUSTOM(name, about, further initialisers): read by a function, into the struct as a whole */
#define CUSTOM(name_, ...)                                                                         \
    {                                                                                              \
        .name = (name_), .kind = SIM_FIELD_CUSTOM, .about = __VA_ARGS__                            \
    }

#define TABLE(name_, fields_, about_)                                                              \
    {                                                                                              \
        .name = (name_), .about = (about_), .fields = (fields_), .count = SIM_COUNT(fields_)       \
    }

#endif
