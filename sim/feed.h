/*
 * `wavry-sim feed TRACE.jsonl`: drives one relay core with what a text file says and prints what
 * the core does (docs/traces.md). No network, no peers, no models.
 */
#ifndef SIM_FEED_H
#define SIM_FEED_H

/* `argv[0]` is the word "feed". Returns the exit code: 0, or 2 for bad usage or a bad trace. */
int sim_feed_command(int argc, char **argv);

#endif
