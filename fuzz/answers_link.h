/*
 * What a master's answer does to the link that asked (core/master_link.h), told from section 8 of
 * docs/protocol.md: a part of the target `answers`.
 */
#ifndef FUZZ_ANSWERS_LINK_H
#define FUZZ_ANSWERS_LINK_H

#include <wavry/master.h>

/* Lives a small life of a link in which this answer comes to a request of this kind. `terms` says
 * what else: the status in the place of the answer's own (0: it stays), which keys are pinned, and
 * whether the relay drains (to a registration: whether it is one because something has changed). */
void answers_check_link(enum wr_master_request_kind kind, const struct wr_master_answer *answer,
                        uint8_t terms);

#endif
