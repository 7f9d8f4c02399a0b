/*
 * Deliberate faults, for proving that oracles and scenarios can fail. In a normal build every
 * WR_FAULT(name) is the constant 0 and vanishes; compiled with WAVRY_FAULTS (library
 * wavry_core_faulty, program wavry-sim-faulty) one fault at a time can be selected. No fault leads
 * out of the memory taken at creation: a broken core misbehaves, it does not crash.
 */
#ifndef WR_FAULT_H
#define WR_FAULT_H

/* A name and what the broken core does. */
#define WR_FAULTS(X)                                                                               \
    /* leases (section 2) */                                                                       \
    X(skip_signature, "accepts a lease whatever its signature")                                    \
    X(skip_wrong_relay, "accepts a lease that was made for another relay")                         \
    X(skip_expired, "accepts a lease that has expired")                                            \
    X(skip_horizon, "accepts a lease however far ahead it expires")                                \
    X(skip_not_yet_valid, "accepts a lease before its time")                                       \
    X(presented_role_counts, "believes the role in the header instead of the signed one")          \
    X(ban_ignored, "keeps and accepts the leases of banned identities")                            \
    X(revoke_ignored, "keeps a revoked key in the ring and its sessions alive")                    \
    X(key_never_joins, "does not take a key into the ring once it has one")                        \
    X(wait_for_key_floods_master, "asks for a key refresh at each lease with an unknown kid")      \
    X(verify_without_budget, "starts verifications without regard to their rate")                  \
    X(queue_ignores_cookie, "puts a lease with a cookie into the queue of strangers")              \
    X(held_forgotten, "forgets what it held behind a pending lease")                               \
    /* sessions (section 3) */                                                                     \
    X(no_identity_lock, "lets another identity take a role")                                       \
    X(same_address_allowed, "lets one address hold both roles of a session")                       \
    X(older_token_accepted, "lets an older token replace a newer one")                             \
    X(renew_outlives_signature, "lets a bare renew extend a lease beyond its signature")           \
    X(ignore_expiry, "never ends a lease")                                                         \
    X(expire_late, "ends leases a second after their time")                                        \
    X(idle_never, "removes no session for being idle")                                             \
    X(wait_forever, "removes no session for waiting for its peer")                                 \
    X(release_by_anyone, "vacates a role for a release without a valid cookie")                    \
    X(released_token_comes_back, "lets a released token take its role again")                      \
    X(no_drain, "opens new sessions while draining")                                               \
    X(no_shed, "opens new sessions above the shed threshold")                                      \
    /* moving a peer (section 3) */                                                                \
    X(promote_without_silence, "moves a peer by cookie while its bound address is alive")          \
    X(promote_by_forward_without_silence, "moves a peer by FORWARD while its address is alive")    \
    X(promote_behind_top, "moves a peer by a FORWARD behind the top of its window")                \
    X(cookie_ignores_address, "accepts a cookie from any address")                                 \
    X(cookie_lives_forever, "accepts cookies of every secret since the start")                     \
    X(candidate_takes_over, "moves a peer as soon as its token is presented elsewhere")            \
    X(forget_to_remember, "does not remember the address that a promotion displaced")              \
    X(no_reversion, "gives nothing back to a remembered address")                                  \
    X(rebind_off, "never takes the sender of a FORWARD for a moved peer")                          \
    X(no_path_cap, "sends a legacy peer on a new IP more than three times what it sent")           \
    /* forwarding (sections 1, 3, 4) */                                                            \
    X(forward_without_second_lease, "forwards to a role whose lease has ended")                    \
    X(forward_to_wrong_peer, "sends every 8th datagram back to its sender")                        \
    X(forward_to_candidate, "sends to the candidate instead of the bound address")                 \
    X(forward_twice, "sends each datagram twice")                                                  \
    X(flip_a_byte, "changes the last byte of what it forwards")                                    \
    X(cut_a_byte, "cuts the last byte of what it forwards")                                        \
    X(never_stale, "sends to a receiver that was silent for 30 s")                                 \
    X(no_replay_window, "forwards replayed sequences")                                             \
    X(rift_repeats_unlimited, "lets identical RIFT packets pass more than three times")            \
    X(exempt_unlimited, "lets any number of exempt packets pass")                                  \
    X(jump_at_once, "believes the first sequence far ahead")                                       \
    X(renew_empties_window, "empties the replay window at a newer token in a LEASE_RENEW")         \
    X(bare_transport_first, "passes bare transport packets before any handshake")                  \
    X(message_3_overtaken, "does not let FORWARDs wait for message 3")                             \
    X(message_3_waits_long, "lets FORWARDs wait 5 s for message 3")                                \
    /* limits, answers, counting (sections 5, 7) */                                                \
    X(unlimited_session, "does not apply the hard limit of the leases")                            \
    X(unlimited_peer, "does not apply the limit of packets per peer")                              \
    X(unlimited_unbound, "does not limit unbound sources")                                         \
    X(reject_longer_than_request, "adds a cookie to rejects whatever the size of the request")     \
    X(bare_renews_unlimited, "acknowledges any number of renews without a cookie")                 \
    X(rejects_uncapped, "sends reject 6 as often as there is cause")                               \
    X(answer_any_source, "answers port 0, multicast and its own address")                          \
    X(count_outcome_twice, "counts each 16th outcome twice")                                       \
    X(drops_uncounted, "does not count what it drops in dropped_packets")                          \
    X(verdict_uncounted, "counts no verdict for a refused lease")                                  \
    /* time */                                                                                     \
    X(sweep_instead_of_deadline, "removes sessions at the next multiple of 10 s")                  \
    X(deadline_stands_still, "names a deadline that has passed already")

/* Faults inside one parser or table, for proving that its fuzz target can fail (fuzz/README.md). No
 * oracle need see them: they break what only a second reading of the same bytes, or a naive model
 * of the same table, can tell. They stand behind WR_FAULT_COUNT, so who walks the list above is
 * spared them; names and texts know both. */
#define WR_PART_FAULTS(X)                                                                          \
    X(wire_any_role, "takes a lease packet whose role is neither 0 nor 1")                         \
    X(wire_token_into_cookie, "lets a token reach into the cookie behind it")                      \
    X(rift_bare_any_alias, "takes any alias for that of message 3")                                \
    X(rift_handshake_at_28, "reads the handshake form where 28 bytes of it are there")             \
    X(time_leap_centuries, "takes every fourth year for a leap year")                              \
    X(time_offset_of_a_day, "takes an offset of 24 hours")                                         \
    X(cursor_goes_on, "reads on behind a place where it ran out")                                  \
    X(json_leading_zeros, "takes numbers that begin with zeros")                                   \
    X(json_escaped_twins, "takes two members of one name where one is escaped")                    \
    X(claims_last_expiry, "takes the expiry that comes last instead of the earlier one")           \
    X(claims_hard_below_soft, "leaves a hard limit below the soft one")                            \
    X(token_loose_bits, "takes base64url whose last character carries bits of no byte")            \
    X(replay_window_of_1025, "judges one sequence too many behind the top")                        \
    X(replay_jump_of_twins, "takes a repeated sequence for the third of a jump")                   \
    X(table_ties_by_slot, "orders equal deadlines by slot instead of by age")                      \
    X(table_hole_sinks, "lets the entry that fills a hole in the heap only sink")                  \
    X(bucket_keeps_oldest, "forgets the bucket used last instead of the one used first")           \
    X(ring_oldest_first, "tries the oldest of several keys first")                                 \
    X(ring_lingers_anew, "lets a superseded key begin its time again at each change")              \
    X(queue_late_by_arrival, "counts the 2 s of a request from its arrival, not from its queue")   \
    X(queue_newest_holder, "holds a datagram with the newest of its source's requests")            \
    X(master_waits_interval, "waits for an answer as long as from heartbeat to heartbeat")         \
    /* the simulator's own reader of scenarios */                                                  \
    X(scenario_twins_apart, "sees a member that appears twice only where both are neighbours")     \
    X(scenario_name_beyond, "takes the name one behind the last of a group")                       \
    /* the relay's readers of texts and answers */                                                 \
    X(answer_key_of_31, "takes a master's key of 31 numbers")                                      \
    X(answer_kid_with_nul, "takes a kid with a NUL in it")                                         \
    X(key_first_colon, "ends a kid at its first colon")                                            \
    X(key_revoked_twice, "revokes a key as often as it is named")                                  \
    X(text_comment_anywhere, "takes any # for the beginning of a comment")

/* clang-format off */
#define WR_ENUM_FAULT(name, text) WR_FAULT_##name,
enum wr_fault {
    WR_FAULT_NONE, WR_FAULTS(WR_ENUM_FAULT) WR_FAULT_COUNT,
    WR_PART_FAULTS(WR_ENUM_FAULT) WR_FAULT_END
};
/* clang-format on */

#ifdef WAVRY_FAULTS

/* Not part of any relay: one for the whole program, set before relays are created. */
extern enum wr_fault wr_fault_selected;

#define WR_FAULT(name) (wr_fault_selected == WR_FAULT_##name)

const char *wr_fault_name(enum wr_fault fault);
const char *wr_fault_text(enum wr_fault fault);

/* WR_FAULT_NONE where no fault has that name. */
enum wr_fault wr_fault_by_name(const char *name);

#else
#define WR_FAULT(name) 0
#endif

#endif
