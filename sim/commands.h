/*
 * The commands of wavry-sim that concern scenarios. Each takes the arguments from its own name on
 * and returns an exit code: 0 passed, 1 an expectation failed, 2 bad usage or input, 3 an oracle
 * was violated, 4 not deterministic.
 */
#ifndef SIM_COMMANDS_H
#define SIM_COMMANDS_H

int sim_run_command(int argc, char **argv);
int sim_validate_command(int argc, char **argv);
int sim_list_command(int argc, char **argv);
int sim_schema_command(int argc, char **argv);

#define SIM_EXIT_USAGE 2

#endif
