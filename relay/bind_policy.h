/*
 * Whether the relay may be reachable from outside its machine (section 10): a deliberate step, said
 * by variables, so that nobody publishes a relay by accident. Owns the rule and its wording.
 */
#ifndef RD_BIND_POLICY_H
#define RD_BIND_POLICY_H

#include "error.h"

#include <wavry/types.h>

struct rd_bind_facts {
    bool public_allowed; /* WAVRY_RELAY_ALLOW_PUBLIC_BIND */
    bool host_allowed;   /* WAVRY_RELAY_ALLOW_HOST_PROD_BIND */
    bool in_container;
};

/* Reads the variables, and looks for a container as upstream does: /.dockerenv or
 * /run/.containerenv below `root` ("" for the real one), or the variable `container`. */
struct rd_bind_facts rd_bind_facts_gather(const char *root);

/* `option` names the option in the refusal, which says what to set and why. */
bool rd_bind_allowed(const struct rd_bind_facts *facts, const char *option,
                     const struct wr_address *address, struct rd_error *error);

/* A variable that is 1, true, yes or on; anything else, or none, is false. */
bool rd_variable_is_true(const char *name);

#endif
