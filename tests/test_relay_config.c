#include "relay_harness.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(relay_config, .init = desk_reset, .fini = desk_close);

/* The objection to one changed member, "" for none. */
#define OBJECTION_TO(member, value)                                                                \
    __extension__({                                                                                \
        struct wr_relay_config changed = desk.config;                                              \
        changed.member = (value);                                                                  \
        const char *error = wr_relay_config_error(&changed);                                       \
        error != NULL ? error : "";                                                                \
    })

#define REFUSES(member, value)                                                                     \
    cr_expect_not_null(strstr(OBJECTION_TO(member, value), #member), "%s", #member)
#define TAKES(member, value) cr_expect_str_eq(OBJECTION_TO(member, value), "", "%s", #member)

Test(relay_config, the_defaults_lack_an_id_and_a_verify_rate_only)
{
    struct wr_relay_config config;
    wr_relay_config_default(&config);
    cr_expect_not_null(wr_relay_config_error(&config));
    config.relay_id = "r";
    cr_expect_not_null(wr_relay_config_error(&config));
    config.verify_rate = 1;
    cr_expect_null(wr_relay_config_error(&config));
}

Test(relay_config, every_member_has_its_range)
{
    char id[258];
    memset(id, 'r', sizeof id);
    id[257] = '\0';
    REFUSES(relay_id, id);
    REFUSES(relay_id, "");
    REFUSES(relay_id, NULL);
    id[256] = '\0';
    TAKES(relay_id, id);
    REFUSES(own_address_count, 17);
    REFUSES(max_sessions, 0);
    REFUSES(max_sessions, (1u << 24) + 1);
    TAKES(max_sessions, 1u << 24);
    REFUSES(load_shed_threshold_pct, 0);
    REFUSES(load_shed_threshold_pct, 101);
    TAKES(load_shed_threshold_pct, 100);
    REFUSES(idle_timeout_secs, 0);
    REFUSES(idle_timeout_secs, 31622401);
    TAKES(idle_timeout_secs, 31622400);
    REFUSES(peer_wait_secs, 0);
    REFUSES(peer_wait_secs, 31622401);
    REFUSES(lease_duration_secs, 31622401);
    TAKES(lease_duration_secs, 1);
    REFUSES(max_clock_skew_secs, 3601);
    TAKES(max_clock_skew_secs, 0);
    REFUSES(ip_rate_limit_pps, 0);
    REFUSES(ip_rate_limit_pps, 1000000001);
    REFUSES(identity_rate_limit_pps, 0);
    REFUSES(identity_rate_limit_pps, 1000000001);
    REFUSES(peer_rate_limit_pps, 1000000001);
    TAKES(peer_rate_limit_pps, 0);
    REFUSES(max_bandwidth_kbps, 47);
    TAKES(max_bandwidth_kbps, 48);
    REFUSES(verify_rate, 0);
    REFUSES(verify_rate, 1000000001);
    REFUSES(drain_timeout_secs, 31622401);
    TAKES(drain_timeout_secs, 0);
    REFUSES(max_bans, (1u << 24) + 1);
    TAKES(max_bans, 0);
}

Test(relay_config, a_relay_is_not_created_from_what_cannot_be_used)
{
    static const struct wr_environment nothing;
    desk.config.verify_rate = 0;
    cr_expect_null(wr_relay_create(&desk.config, &nothing));
}

Test(relay_config, a_million_sessions_take_less_than_1536_bytes_each)
{
    desk.config.max_sessions = 1000000;
    cr_expect_leq(wr_relay_memory_bytes(&desk.config) / 1000000, 1536);
}

Test(relay_config, what_a_relay_was_created_from_may_go)
{
    char id[] = DESK_RELAY_ID;
    desk.config.relay_id = id;
    desk_open();
    memset(id, 'x', sizeof id - 1);
    struct lease lease = desk_lease(1, WR_ROLE_CLIENT);
    cr_expect_eq(verdict_of(&lease, "203.0.113.5:5000"), WR_VERDICT_ACCEPTED);
}

Test(relay_config, words_have_their_bounds)
{
    cr_expect_str_eq(wr_outcome_name(WR_OUTCOME_RELAY_LIMITED), "relay_limited");
    cr_expect_str_eq(wr_outcome_name(WR_OUTCOME_COUNT), "none");
    cr_expect_str_eq(wr_verdict_name(WR_VERDICT_QUEUE_DROPPED), "queue_dropped");
    cr_expect_str_eq(wr_verdict_name(WR_VERDICT_COUNT), "none");
    cr_expect_str_eq(wr_why_name(WR_WHY_EXPIRED), "expired");
    cr_expect_str_eq(wr_why_name(WR_WHY_IDLE), "idle");
    cr_expect_str_eq(wr_why_name(WR_WHY_RELEASED), "released");
    cr_expect_str_eq(wr_why_name(WR_WHY_REVOKED), "revoked");
    cr_expect_str_eq(wr_why_name(WR_WHY_BANNED), "banned");
    cr_expect_str_eq(wr_why_name((enum wr_why)99), "none");
}
