/*
 * A count of every malloc, calloc and realloc of a program, so that "none" is measured. Linking
 * wavry_test_allocations puts the counter in their place.
 */
#ifndef TEST_ALLOCATIONS_H
#define TEST_ALLOCATIONS_H

#include <stdint.h>

uint64_t allocations_so_far(void);

#endif
