/*
 * The commands of wavry-lease. Each takes its own arguments (argv[0] is the command's name) and
 * returns the exit code of the program. They share no state.
 */
#ifndef WR_LEASE_COMMANDS_H
#define WR_LEASE_COMMANDS_H

#define LEASE_EXIT_OK      0
#define LEASE_EXIT_REFUSED 1 /* a refused or unreadable token; something could not be done */
#define LEASE_EXIT_USAGE   2

int lease_keygen_command(int argc, char **argv);
int lease_mint_command(int argc, char **argv);
int lease_inspect_command(int argc, char **argv);
int lease_verify_command(int argc, char **argv);

#endif
