/*
 * The master link's implementation is master_link.c, its interface the public header: register,
 * heartbeat, backoff, re-registration and key refresh (section 8), without HTTP, clock or cores.
 */
#ifndef WR_MASTER_LINK_H
#define WR_MASTER_LINK_H

#include <wavry/master.h>

#endif
