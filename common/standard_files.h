/*
 * Descriptors 0, 1 and 2 of a program whose starter closed some of them. Owns that no file or
 * socket which the program opens later takes their places.
 */
#ifndef WR_STANDARD_FILES_H
#define WR_STANDARD_FILES_H

#include <stdbool.h>

/* To be called before anything is opened. Puts /dev/null where a descriptor is closed; false where
 * that cannot be had. Standard output can then not be written, as before: who looks whether what he
 * printed has arrived is still told. */
bool wr_standard_files_hold(void);

#endif
