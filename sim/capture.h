/*
 * A packet capture of a run, in the classic pcap format with nanoseconds: raw IP packets as they
 * enter the public network, each with the true wall time of the simulated moment. Any tool that
 * reads pcap opens it.
 */
#ifndef SIM_CAPTURE_H
#define SIM_CAPTURE_H

#include "observation.h"

#include <stdio.h>

/* The header of the file. */
void sim_capture_begin(FILE *out);

/* One datagram, of a SIM_OBSERVED_DATAGRAM. Both ends have the same address family (else it is
 * written as IPv6 with the mapped address). */
void sim_capture_datagram(FILE *out, const struct sim_scenario *scenario,
                          const struct sim_observation *observation);

#endif
