/*
 * Every deliberate fault of core/fault.h is caught, and by the oracle whose promise it breaks. The
 * same traces leave the oracles silent when the core is sound (test_oracle_traces.c).
 */
#include "fault.h"
#include "oracle_trace.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const struct {
    enum wr_fault fault;
    enum sim_oracle_name oracle;
    const char *trace;
} cases[] = {
    {WR_FAULT_skip_signature, SIM_ORACLE_MODEL, "a-ring-key-without-a-kid-serves-any-token"},
    {WR_FAULT_skip_wrong_relay, SIM_ORACLE_MODEL,
     "what-was-held-behind-a-refused-lease-is-dropped"},
    {WR_FAULT_skip_expired, SIM_ORACLE_MODEL,
     "a-lease-is-expired-at-expiry-plus-skew-and-not-a-nanosecond-before"},
    {WR_FAULT_skip_horizon, SIM_ORACLE_MODEL, "the-horizon-is-3600-s-plus-skew"},
    {WR_FAULT_skip_not_yet_valid, SIM_ORACLE_MODEL, "not-before-and-issued-at-may-lie-skew-ahead"},
    {WR_FAULT_presented_role_counts, SIM_ORACLE_MODEL,
     "the-signed-role-counts-and-strict-wants-both-alike"},
    {WR_FAULT_ban_ignored, SIM_ORACLE_MODEL,
     "a-ban-ends-the-live-session-and-an-unban-admits-again"},
    {WR_FAULT_revoke_ignored, SIM_ORACLE_MODEL, "a-revoked-key-ends-its-sessions-and-opens-none"},
    {WR_FAULT_key_never_joins, SIM_ORACLE_MODEL,
     "a-lease-with-an-unknown-kid-is-refused-after-2-s"},
    {WR_FAULT_wait_for_key_floods_master, SIM_ORACLE_REFLECTION,
     "a-key-refresh-is-wanted-at-most-every-10-s"},
    {WR_FAULT_verify_without_budget, SIM_ORACLE_LIMIT,
     "a-renewal-from-its-bound-address-is-verified-before-leases-of-strangers"},
    {WR_FAULT_queue_ignores_cookie, SIM_ORACLE_MODEL,
     "a-lease-dropped-from-the-queue-comes-back-first-by-its-cookie"},
    {WR_FAULT_held_forgotten, SIM_ORACLE_COUNTING,
     "two-datagrams-behind-a-pending-lease-are-held-a-third-is-not"},
    {WR_FAULT_no_identity_lock, SIM_ORACLE_MODEL, "an-identity-is-locked-to-its-role"},
    {WR_FAULT_same_address_allowed, SIM_ORACLE_MODEL, "one-address-cannot-hold-both-roles"},
    {WR_FAULT_older_token_accepted, SIM_ORACLE_MODEL,
     "the-bound-token-again-is-a-repeat-an-older-one-refused-a-newer-one-replaces"},
    {WR_FAULT_renew_outlives_signature, SIM_ORACLE_MODEL,
     "a-bare-renew-is-acknowledged-with-the-signed-expiry-and-moves-nothing"},
    {WR_FAULT_ignore_expiry, SIM_ORACLE_LEASES,
     "a-peer-is-served-until-expiry-plus-skew-and-not-a-nanosecond-longer"},
    {WR_FAULT_expire_late, SIM_ORACLE_LEASES,
     "a-peer-is-served-until-expiry-plus-skew-and-not-a-nanosecond-longer"},
    {WR_FAULT_idle_never, SIM_ORACLE_DEADLINES,
     "an-idle-session-is-removed-after-60-s-to-the-nanosecond"},
    {WR_FAULT_wait_forever, SIM_ORACLE_DEADLINES,
     "a-session-without-a-second-peer-is-removed-after-60-s"},
    {WR_FAULT_release_by_anyone, SIM_ORACLE_MODEL,
     "a-peer-that-releases-leaves-at-once-and-the-last-one-ends-the-session"},
    {WR_FAULT_released_token_comes_back, SIM_ORACLE_MODEL,
     "a-peer-that-releases-leaves-at-once-and-the-last-one-ends-the-session"},
    {WR_FAULT_no_drain, SIM_ORACLE_MODEL,
     "a-draining-relay-opens-no-session-and-says-so-in-every-ack"},
    {WR_FAULT_no_shed, SIM_ORACLE_MEMORY,
     "new-sessions-are-shed-before-any-signature-and-second-peers-are-not"},
    {WR_FAULT_promote_without_silence, SIM_ORACLE_MODEL,
     "a-cookie-moves-a-peer-after-1-s-of-silence-and-not-before"},
    {WR_FAULT_promote_by_forward_without_silence, SIM_ORACLE_MODEL,
     "after-2-s-of-silence-a-forward-ahead-moves-the-peer-and-not-before"},
    {WR_FAULT_promote_behind_top, SIM_ORACLE_MODEL, "only-a-forward-ahead-of-the-top-moves-a-peer"},
    {WR_FAULT_cookie_ignores_address, SIM_ORACLE_MODEL,
     "a-cookie-serves-its-address-its-session-and-its-role-only"},
    {WR_FAULT_cookie_lives_forever, SIM_ORACLE_MODEL,
     "an-old-cookie-of-the-right-address-is-refused-after-250-s"},
    {WR_FAULT_candidate_takes_over, SIM_ORACLE_MODEL,
     "a-stolen-present-gets-its-ack-and-nothing-else-while-the-flow-lives"},
    {WR_FAULT_forget_to_remember, SIM_ORACLE_MODEL,
     "a-thief-in-two-steps-does-not-outlast-its-owners-return"},
    {WR_FAULT_no_reversion, SIM_ORACLE_MODEL, "the-old-address-takes-its-peer-back-within-30-s"},
    {WR_FAULT_rebind_off, SIM_ORACLE_MODEL, "a-forward-that-is-candidate-and-promotion-in-one"},
    {WR_FAULT_no_path_cap, SIM_ORACLE_REFLECTION,
     "a-silent-peer-loses-its-flow-to-a-presenter-on-another-ip-under-the-cap"},
    {WR_FAULT_forward_without_second_lease, SIM_ORACLE_LEASES,
     "a-peer-that-releases-leaves-at-once-and-the-last-one-ends-the-session"},
    {WR_FAULT_forward_to_wrong_peer, SIM_ORACLE_RECIPIENT,
     "a-rift-packet-passes-three-times-in-all-and-others-once"},
    {WR_FAULT_forward_to_candidate, SIM_ORACLE_RECIPIENT,
     "a-flood-of-candidates-does-not-keep-an-owner-out"},
    {WR_FAULT_forward_twice, SIM_ORACLE_BYTES, "a-second-peer-just-in-time-saves-the-session"},
    {WR_FAULT_flip_a_byte, SIM_ORACLE_BYTES, "a-second-peer-just-in-time-saves-the-session"},
    {WR_FAULT_cut_a_byte, SIM_ORACLE_BYTES, "a-second-peer-just-in-time-saves-the-session"},
    {WR_FAULT_never_stale, SIM_ORACLE_LEASES,
     "a-receiver-silent-for-30-s-is-sent-nothing-until-it-speaks"},
    {WR_FAULT_no_replay_window, SIM_ORACLE_REPLAY,
     "the-bound-token-again-is-a-repeat-an-older-one-refused-a-newer-one-replaces"},
    {WR_FAULT_rift_repeats_unlimited, SIM_ORACLE_REPLAY,
     "a-rift-packet-passes-three-times-in-all-and-others-once"},
    {WR_FAULT_exempt_unlimited, SIM_ORACLE_REPLAY,
     "exempt-rift-packets-pass-20-at-once-and-then-20-a-second"},
    {WR_FAULT_jump_at_once, SIM_ORACLE_REPLAY, "a-forged-jump-does-not-mute-a-peer"},
    {WR_FAULT_renew_empties_window, SIM_ORACLE_REPLAY,
     "a-newer-token-empties-the-window-in-a-present-and-never-in-a-renew"},
    {WR_FAULT_bare_transport_first, SIM_ORACLE_ORDER, "a-bare-handshake-passes-in-its-order"},
    {WR_FAULT_message_3_overtaken, SIM_ORACLE_ORDER, "a-forward-overtaking-message-3-waits-for-it"},
    {WR_FAULT_message_3_waits_long, SIM_ORACLE_ORDER,
     "a-forward-waits-for-message-3-no-longer-than-50-ms"},
    {WR_FAULT_unlimited_session, SIM_ORACLE_LIMIT,
     "a-session-drops-what-is-over-its-hard-limit-in-both-directions-and-commits-nothing"},
    {WR_FAULT_unlimited_peer, SIM_ORACLE_LIMIT, "a-peer-is-limited-in-packets-per-second"},
    {WR_FAULT_unlimited_unbound, SIM_ORACLE_LIMIT,
     "unbound-sources-share-their-prefix-bucket-and-bound-flows-are-free"},
    {WR_FAULT_reject_longer_than_request, SIM_ORACLE_REFLECTION,
     "new-sessions-are-shed-before-any-signature-and-second-peers-are-not"},
    {WR_FAULT_bare_renews_unlimited, SIM_ORACLE_REFLECTION,
     "../traces-own/a-renew-without-a-cookie-is-acknowledged-four-times-a-second"},
    {WR_FAULT_rejects_uncapped, SIM_ORACLE_REFLECTION,
     "unbound-sources-share-their-prefix-bucket-and-bound-flows-are-free"},
    {WR_FAULT_answer_any_source, SIM_ORACLE_REFLECTION,
     "a-packet-from-a-source-that-cannot-be-answered-is-dropped"},
    {WR_FAULT_count_outcome_twice, SIM_ORACLE_COUNTING,
     "a-rift-packet-passes-three-times-in-all-and-others-once"},
    {WR_FAULT_drops_uncounted, SIM_ORACLE_COUNTING,
     "a-bare-renew-is-acknowledged-with-the-signed-expiry-and-moves-nothing"},
    {WR_FAULT_verdict_uncounted, SIM_ORACLE_COUNTING,
     "a-renewal-from-its-bound-address-is-verified-before-leases-of-strangers"},
    {WR_FAULT_sweep_instead_of_deadline, SIM_ORACLE_DEADLINES,
     "a-late-renewal-brings-a-session-back"},
    {WR_FAULT_deadline_stands_still, SIM_ORACLE_DEADLINES,
     "a-lease-with-an-unknown-kid-is-refused-after-2-s"},
};

Test(oracle_faults, each_is_caught_by_the_oracle_whose_promise_it_breaks)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t violations[SIM_ORACLE_COUNT];
        char path[1024];
        snprintf(path, sizeof path, "%s/traces/%s.jsonl", WAVRY_TEST_DATA, cases[i].trace);
        wr_fault_selected = cases[i].fault;
        oracle_trace_play(path, true, violations);
        cr_expect_gt(violations[cases[i].oracle], 0, "%s went unseen by \"%s\"",
                     wr_fault_name(cases[i].fault), sim_oracle_name(cases[i].oracle));
    }
}

Test(oracle_faults, no_fault_is_without_its_case_and_no_oracle_without_its_fault)
{
    bool has_case[WR_FAULT_COUNT] = {true}, has_fault[SIM_ORACLE_COUNT] = {false};
    has_fault[SIM_ORACLE_LIVENESS] = true; /* needs peers who want something: test_oracle.c */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        has_case[cases[i].fault] = true;
        has_fault[cases[i].oracle] = true;
    }
    for (unsigned i = 0; i < WR_FAULT_COUNT; i++)
        cr_expect(has_case[i], "%s", wr_fault_name((enum wr_fault)i));
    for (unsigned i = 0; i < SIM_ORACLE_COUNT; i++)
        cr_expect(has_fault[i], "%s", sim_oracle_name((enum sim_oracle_name)i));
}
