/*
 * `model_faulty_feed feed FAULT TRACE`: `wavry-sim feed` with a core that is broken in one way, to
 * prove that the reference model tells it from a sound one. `model_faulty_feed list` names the
 * faults.
 */
#include <fault.h>
#include <feed.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        for (int fault = WR_FAULT_NONE + 1; fault < WR_FAULT_COUNT; fault++)
            puts(wr_fault_name((enum wr_fault)fault));
        return 0;
    }
    if (argc != 4 || strcmp(argv[1], "feed") != 0)
        return 2;
    wr_fault_selected = wr_fault_by_name(argv[2]);
    if (wr_fault_selected == WR_FAULT_NONE)
        return 2;
    char *arguments[] = {argv[1], argv[3], NULL};
    return sim_feed_command(2, arguments);
}
