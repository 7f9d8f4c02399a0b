/*
 * A whole relay core in a small world. The input is a list of actions (relay_actions.h): datagrams,
 * right and wrong, from a dozen addresses; time; what an operator and a master do; results of
 * verifications, in time or not. The oracles and the reference model of sim/ judge every step.
 */
#include "relay_actions.h"
#include "target.h"

#include <stdlib.h>

const struct fuzz_target fuzz_target = {
    .name = "relay",
    .property = "whatever arrives, whenever: the relay does what docs/protocol.md promises",
    .bytes_max = 4096,
    .canaries = {{"promote_without_silence", 5000},
                 {"no_path_cap", 10000},
                 {"wait_forever", 2000},
                 {"bare_transport_first", 2000}},
};

static struct relay_world world;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    relay_actions_live(&world, bytes, size, NULL, NULL);
    return 0;
}

/* The last thing that the relay said of a datagram or lease. */
const char *fuzz_outcome(const uint8_t *bytes, size_t size)
{
    relay_actions_live(&world, bytes, size, NULL, NULL);
    return world.last_word != NULL ? world.last_word : "silence";
}

/* With WAVRY_FUZZ_TRACE=FILE the input is written there as a trace for `wavry-sim feed`, as far as
 * one can say it. */
void fuzz_explain(const uint8_t *bytes, size_t size, FILE *out)
{
    const char *name = getenv("WAVRY_FUZZ_TRACE");
    FILE *trace = name != NULL ? fopen(name, "w") : NULL;
    if (name != NULL && trace == NULL)
        fprintf(stderr, "%s: cannot be written\n", name);
    if (trace != NULL)
        (void)setvbuf(trace, NULL, _IOLBF, 0); /* whole up to the line that ends the program */
    relay_actions_live(&world, bytes, size, out, trace);
    if (trace != NULL)
        fclose(trace);
}
