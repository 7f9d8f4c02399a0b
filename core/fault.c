#include "fault.h"

#ifdef WAVRY_FAULTS

#include <string.h>

enum wr_fault wr_fault_selected;

static const struct {
    const char *name, *text;
} faults[WR_FAULT_END] = {{"none", "the sound core"},
#define ROW(name, text) {#name, text},
                          WR_FAULTS(ROW){"count", "no fault: where those that oracles see end"},
                          WR_PART_FAULTS(ROW)
#undef ROW
};

const char *wr_fault_name(enum wr_fault fault)
{
    return faults[fault].name;
}

const char *wr_fault_text(enum wr_fault fault)
{
    return faults[fault].text;
}

enum wr_fault wr_fault_by_name(const char *name)
{
    for (unsigned i = 1; i < WR_FAULT_END; i++) {
        if (i != WR_FAULT_COUNT && strcmp(faults[i].name, name) == 0)
            return (enum wr_fault)i;
    }
    return WR_FAULT_NONE;
}

#endif
