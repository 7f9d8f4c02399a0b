/*
 * How many leases one user got lately: at most so many within any span of time. Owns the users'
 * latest times; grows with the users that ask, and is never walked, so that its order shows
 * nowhere.
 */
#ifndef SIM_USER_QUOTA_H
#define SIM_USER_QUOTA_H

#include <wavry/types.h>

struct sim_user_quota;

/* At most `limit` within `span_ns`; a limit of 0 is none. NULL where memory is short. */
struct sim_user_quota *sim_user_quota_create(uint32_t limit, uint64_t span_ns);
void sim_user_quota_destroy(struct sim_user_quota *quota);

/* Counts one for `user` where the quota has room, false where it has not. Times never go back. A
 * user whose place cannot be allocated is let pass. */
bool sim_user_quota_take(struct sim_user_quota *quota, const char *user, wr_instant now);

/* Everybody begins anew. */
void sim_user_quota_clear(struct sim_user_quota *quota);

#endif
