/* Worlds in which somebody is not served: when that is held against a relay, and when it is not. */
#include "world_stage.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(liveness, .fini = close_world);

#define TWO_RELAYS                                                                                 \
    "'relays': {'one': {'address': '198.51.100.1:4000'}, "                                         \
    "'two': {'address': '198.51.100.2:4000'}}, " TWO_PEERS                                         \
    "'sessions': {'call': {'client': 'alice', 'server': 'bob', 'relay': 'one', 'traffic': {"       \
    "'client': {'profile': 'audio'}, 'server': {'profile': 'audio'}}}},"

Test(liveness, who_is_not_healed_owes_no_service)
{
    play("{'at': '4s', 'do': 'partition', 'peer': 'alice'},"
         "{'at': '4s', 'do': 'partition', 'peer': 'bob'},"
         "{'at': '5s', 'do': 'heal', 'peer': 'bob'}");
    static const char *const other_relay[] = {
        "{'at': '4s', 'do': 'relay_crash', 'relay': 'one'},"
        "{'at': '4s', 'do': 'relay_crash', 'relay': 'two'},"
        "{'at': '5s', 'do': 'relay_restart', 'relay': 'two'}",
        "{'at': '4s', 'do': 'relay_pause', 'relay': 'one'},"
        "{'at': '4s', 'do': 'relay_pause', 'relay': 'two'},"
        "{'at': '5s', 'do': 'relay_resume', 'relay': 'two'}",
        "{'at': '4s', 'do': 'partition', 'relay': 'one'},"
        "{'at': '4s', 'do': 'partition', 'relay': 'two', 'for': '1s'}",
    };
    for (unsigned i = 0; i < 3; i++) {
        close_world();
        read_world(TWO_RELAYS, other_relay[i]);
        play_seed(1, true);
        cr_expect_lt(seen.last_ns[WR_ROLE_CLIENT], 4100 * WR_MS, "nobody is served any more");
    }
}

#define CUT_AT_8S "{'at': '8s', 'do': 'link_change', 'link': 'access', 'to_link': 'dead'}"

/* Alice's link is cut at 8 s without a word to the oracles: a fault of the service like any other,
 * which they must see where everything that the timeline did before is over. */
static void expect_judged_after(const char *troubles)
{
    char timeline[1024];
    snprintf(timeline, sizeof timeline, "%s, " CUT_AT_8S, troubles);
    read_world(TWO_PEERS A_CALL A_RELAY, timeline);
    judge_seed(1, true);
    cr_expect_gt(seen.result.violations, 0u, "%s", troubles);
    close_world();
}

Test(liveness, what_is_over_mutes_no_oracle)
{
    expect_judged_after("{'at': '4s', 'do': 'partition', 'peer': 'alice'},"
                        "{'at': '5s', 'do': 'heal', 'peer': 'alice'}");
    expect_judged_after("{'at': '4s', 'do': 'partition', 'peer': 'alice', 'for': '1m'},"
                        "{'at': '5s', 'do': 'heal', 'peer': 'alice'}");
    expect_judged_after("{'at': '4s', 'do': 'peer_pause', 'peer': 'alice'},"
                        "{'at': '5s', 'do': 'peer_resume', 'peer': 'alice'}");
    expect_judged_after("{'at': '4s', 'do': 'relay_crash'},"
                        "{'at': '5s', 'do': 'relay_restart'}");
    expect_judged_after("{'at': '4s', 'do': 'master_fail', 'how': 'refuse'},"
                        "{'at': '5s', 'do': 'master_recover'}");
    expect_judged_after("{'at': '4s', 'do': 'relay_pause'},"
                        "{'at': '5s', 'do': 'relay_restart', 'for': '100ms'}");
    expect_judged_after("{'at': '3s', 'do': 'relay_pause'}, {'at': '4s', 'do': 'relay_crash'},"
                        "{'at': '5s', 'do': 'relay_restart'}");
}

#define A_CALL_WITH(lease)                                                                         \
    "'sessions': {'call': {'client': 'alice', 'server': 'bob', 'lease': {" lease "}, 'traffic': {" \
    "'client': {'profile': 'audio'}, 'server': {'profile': 'audio'}}}},"

Test(liveness, a_lease_that_the_relay_must_refuse_promises_nothing)
{
    static const char *const refused[] = {
        TWO_PEERS A_RELAY A_CALL_WITH("'ttl': '2h'"),
        TWO_PEERS A_RELAY A_CALL_WITH("'ttl': '3631s'"),
        TWO_PEERS A_RELAY A_CALL_WITH("'ttl': '2h', 'applies_to': 'first'"),
        TWO_PEERS A_RELAY A_CALL_WITH("'soft_kbps': 999"),
        TWO_PEERS A_RELAY A_CALL_WITH("'soft_kbps': 2000, 'hard_kbps': 1999"),
        TWO_PEERS A_CALL_WITH("'ttl': '3601s'") "'relays': {'relay': {'address': "
                                                "'198.51.100.1:4000', 'options': "
                                                "{'max-clock-skew-secs': 0}}},",
        TWO_PEERS A_CALL
        "'masters': {'master': {'clock': {'offset': '-20s'}}}, 'relays': {'relay': "
        "{'address': '198.51.100.1:4000', 'clock': {'offset': '20s'}}}, ",
        TWO_PEERS A_CALL "'masters': {'master': {'clock': {'offset': '20s'}}}, 'relays': {'relay': "
                         "{'address': '198.51.100.1:4000', 'clock': {'offset': '-20s'}}}, ",
    };
    for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++) {
        read_world(refused[i], "");
        play_seed(1, true);
        close_world();
    }
}

Test(liveness, a_lease_as_long_as_a_relay_believes_in_promises_service)
{
    read_world(TWO_PEERS A_RELAY A_CALL_WITH("'ttl': '3630s'"), CUT_AT_8S);
    judge_seed(1, true);
    cr_expect_geq(seen.verdicts[WR_VERDICT_ACCEPTED], 2u);
    cr_expect_gt(seen.result.violations, 0u);
}

Test(liveness, a_clock_that_drifts_too_far_is_a_trouble_without_an_action)
{
    read_world(TWO_PEERS "'relays': {'relay': {'address': '198.51.100.1:4000', "
                         "'options': {'max-clock-skew-secs': 0}, "
                         "'clock': {'drift_ppb': -100000000}}}," A_CALL,
               "");
    play_seed(1, true);
    cr_expect_gt(seen.verdicts[WR_VERDICT_NOT_YET_VALID], 0u);
    cr_expect_eq(seen.verdicts[WR_VERDICT_ACCEPTED], 0u);
}

#define QUIET_PEERS                                                                                \
    "'peers': {'alice': {'behaviour': 'robust', 'address': '192.0.2.1:5000', 'link': 'access', "   \
    "'sign_of_life': '0s'}, 'bob': {'behaviour': 'robust', 'address': '192.0.2.2:6000', "          \
    "'sign_of_life': '0s'}},"

Test(liveness, nobody_waits_for_what_nobody_says)
{
    play("{'at': '3s', 'do': 'traffic_stop', 'session': 'call'}");
    close_world();
    play("{'at': '3s', 'do': 'traffic_stop', 'session': 'call', 'role': 'client'}");
    close_world();
    read_world(QUIET_PEERS A_CALL A_RELAY, "{'at': '3s', 'do': 'traffic_stop', 'session': 'call'}");
    play_seed(1, true);
}

Test(liveness, who_only_listens_is_owed_what_the_other_says)
{
    play("{'at': '3s', 'do': 'traffic_stop', 'session': 'call', 'role': 'server'}");
    close_world();
    read_world(
        TWO_PEERS A_CALL A_RELAY,
        "{'at': '3s', 'do': 'traffic_stop', 'session': 'call', 'role': 'server'}," CUT_AT_8S);
    judge_seed(1, true);
    cr_expect_eq(seen.result.violations, 1u, "bob's, who hears nothing: nobody talks to alice");
}
