/*
 * The relay's options by their long names (section 10), as far as they concern the core, read from
 * JSON into its configuration. Scenarios and traces share it; the relay's command line has more.
 */
#ifndef SIM_RELAY_OPTIONS_H
#define SIM_RELAY_OPTIONS_H

#include <wavry/relay.h>

#include <cjson/cJSON.h>

/* Sets one option. Returns NULL, or what was expected instead of `value` (static text); for a name
 * that is no option `*known` is false. */
const char *sim_relay_option_set(struct wr_relay_config *config, const char *name,
                                 const cJSON *value, bool *known);

/* The names, for help and for nearest-name hints; NULL behind the last. */
const char *sim_relay_option_name(size_t index);

#endif
