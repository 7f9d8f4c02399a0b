#include "world_plan.h"

#include <stdarg.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof *(array)))

/* What `do` names, and what of a record's body it takes, a letter each (write_argument). */
static const struct action {
    const char *name, *arguments;
    bool gentle;
} actions[] = {
    {"nat_rebind", "n", true},
    {"nat_rebind", "q", true},
    {"nat_reboot", "n", true},
    {"nat_reboot", "nA", false},
    {"nat_move_mapping", "qM", true},
    {"nat_give_port", "G", false},
    {"nat_timeout", "nt", false},
    {"peer_move", "pa", true},
    {"peer_move", "pN", true},
    {"peer_pause", "pf", true},
    {"peer_pause", "p", false},
    {"peer_resume", "p", true},
    {"peer_crash", "p", false},
    {"peer_restart", "pvf", true},
    {"peer_present", "pw", true},
    {"peer_renew", "pu", true},
    {"peer_release", "p", false},
    {"peer_clock_step", "po", false},
    {"traffic_stop", "srf", true},
    {"traffic_stop", "s", true},
    {"traffic_start", "s", true},
    {"drop_next", "pgc", true},
    {"duplicate_next", "pgcd", true},
    {"delay_next", "pgd", true},
    {"corrupt_next", "pgc", true},
    {"link_change", "lLf", false},
    {"partition", "pf", true},
    {"partition", "Rf", true},
    {"heal", "p", true},
    {"relay_crash", "", false},
    {"relay_restart", "f", false},
    {"relay_restart", "fK", false},
    {"relay_pause", "f", false},
    {"relay_resume", "", true},
    {"relay_host", "hf", false},
    {"relay_drain", "", false},
    {"relay_key_add", "k", false},
    {"relay_key_revoke", "k", false},
    {"relay_ban", "p", false},
    {"relay_unban", "p", true},
    {"relay_clock_step", "o", false},
    {"relay_clock_drift", "D", false},
    {"master_sign", "k", false},
    {"master_publish", "k", false},
    {"master_rotate", "k", false},
    {"master_fail", "yf", false},
    {"master_fail", "Yf", false},
    {"master_recover", "", true},
    {"master_delay", "df", false},
    {"master_restart", "f", false},
    {"master_restart", "kf", false},
    {"master_forget", "", false},
    {"attack_start", "xf", false},
    {"attack_stop", "x", true},
    {"copy", "Xgz", false},
};

void world_read_doing(struct world_plan *plan, struct fuzz_action *record)
{
    if (plan->doing_count == WORLD_ACTIONS_MAX)
        return;
    struct world_doing *doing = &plan->doings[plan->doing_count++];
    doing->kind = (uint8_t)fuzz_take_below(record, COUNT(actions));
    doing->at_ms = (uint32_t)fuzz_take(record, 2) * 2;
    doing->peer = (uint8_t)fuzz_take_below(record, WORLD_PEERS);
    doing->other = (uint8_t)fuzz_take_below(record, WORLD_PEERS);
    doing->session = (uint8_t)fuzz_take_below(record, WORLD_SESSIONS);
    doing->role = (uint8_t)fuzz_take_below(record, 2);
    doing->nat = (uint8_t)fuzz_take_below(record, WORLD_NATS);
    doing->link = (uint8_t)fuzz_take_below(record, WORLD_LINKS);
    doing->key = (uint8_t)fuzz_take_below(record, 3);
    doing->span = fuzz_take_u8(record);
    doing->choice = fuzz_take_u8(record);
    doing->more = fuzz_take_u8(record);
    plan->harsh = plan->harsh || !actions[doing->kind].gentle;
}

static const char *const spans[] = {"1ms", "20ms",  "100ms",  "500ms", "1s",  "1500ms",
                                    "2s",  "3s",    "2500ms", "5s",    "10s", "31s",
                                    "61s", "200ms", "50ms",   "4s"};
static const char *const offsets[] = {"5s", "-5s", "29s", "-29s", "31s", "-31s", "1h", "-1h"};
static const char *const packets[] = {"any",   "present", "ack",  "reject",
                                      "renew", "forward", "bare", "junk"};
static const char *const modes[] = {"refuse", "hang", "error", "unauthorized", "garbage"};
static const char *const uses[] = {"current", "newer", "older", "none"};
static const char *const hosts[] = {"{ \"receive\": \"4ms\" }", "{ \"verify\": \"500ms\" }",
                                    "{ \"forward\": \"10ms\" }", "{ \"receive_queue\": 2 }"};
static const char *const copies[] = {"latest", "overtake", "follow"};
static const char *const cookies[] = {"keep", "none", "own"};
static const char *const sources[] = {"own", "victim"};

static const char *pick(const char *const *from, uint32_t count, uint8_t choice)
{
    return from[choice % count];
}
#define PICK(from, choice) pick(from, COUNT(from), choice)

static void put_text(struct world_writer *out, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void put_text(struct world_writer *out, const char *name, const char *format, ...)
{
    char text[64];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    world_put(out, ", \"%s\": \"%s\"", name, text);
}

/* Whether the things that an argument names are there. */
static bool fits(const struct world_plan *plan, const struct world_doing *doing, char argument)
{
    switch (argument) {
    case 'p':
        return world_has_peer(plan, doing->peer);
    case 'q': /* one behind a NAT */
        return world_has_peer(plan, doing->peer) && world_nat_of(plan, doing->peer) >= 0;
    case 'G': /* two behind the same one */
        return world_has_peer(plan, doing->peer) && world_has_peer(plan, doing->other) &&
               doing->peer != doing->other && world_nat_of(plan, doing->peer) >= 0 &&
               world_nat_of(plan, doing->peer) == world_nat_of(plan, doing->other);
    case 's':
        return plan->has_session[doing->session];
    case 'x':
    case 'X':
        return plan->has_attacker[doing->other % WORLD_ATTACKERS];
    default:
        return true;
    }
}

static void write_argument(struct world_writer *out, const struct world_plan *plan,
                           const struct world_doing *doing, char argument)
{
    uint32_t attacker = doing->other % WORLD_ATTACKERS;
    switch (argument) {
    case 'p':
    case 'q':
        put_text(out, "peer", "p%u", doing->peer);
        break;
    case 'G':
        put_text(out, "peer", "p%u", doing->peer);
        put_text(out, "to_peer", "p%u", doing->other);
        break;
    case 'n':
        put_text(out, "nat", "n%u", doing->nat);
        break;
    case 'A':
        put_text(out, "address", "203.0.113.%u:1024", 50 + doing->nat * 4 + doing->choice % 4);
        break;
    case 'M':
        put_text(out, "address", "203.0.113.%d:%u", 5 + world_nat_of(plan, doing->peer),
                 40000 + doing->choice % 8);
        break;
    case 'a':
        put_text(out, "address", "198.19.0.%u:7000", 10 + doing->peer * 4 + doing->choice % 4);
        break;
    case 'N':
        put_text(out, "nat", "n%u", doing->nat);
        put_text(out, "address", "192.168.%u.%u:5000", doing->nat, 100 + doing->peer);
        break;
    case 's':
        put_text(out, "session", "s%u", doing->session);
        break;
    case 'r':
        put_text(out, "role", "%s", doing->role == 0 ? "client" : "server");
        break;
    case 'R':
        put_text(out, "relay", "relay");
        break;
    case 'l':
        put_text(out, "link", "l%u", doing->link);
        break;
    case 'L':
        put_text(out, "to_link", "l%u", doing->choice % WORLD_LINKS);
        break;
    case 'k':
        put_text(out, "key", "k%u", doing->key + 1);
        break;
    case 'K':
        world_put(out, ", \"keys\": [\"k%u\"]", doing->key + 1);
        break;
    case 'f':
        put_text(out, "for", "%s", PICK(spans, doing->span));
        break;
    case 'd':
        put_text(out, "delay", "%s", PICK(spans, doing->more));
        break;
    case 't':
        put_text(out, "timeout", "%s", PICK(spans, doing->more));
        break;
    case 'o':
        put_text(out, "offset", "%s", PICK(offsets, doing->choice));
        break;
    case 'D':
        world_put(out, ", \"drift_ppb\": %d", (doing->choice - 128) * 700000);
        break;
    case 'c':
        world_put(out, ", \"count\": %u", 1 + doing->choice % 20);
        break;
    case 'h':
        world_put(out, ", \"host\": %s", PICK(hosts, doing->choice));
        break;
    case 'u':
        put_text(out, "lease", "%s", pick(uses, 4, doing->choice));
        break;
    case 'w':
        put_text(out, "lease", "%s", pick(uses, 3, doing->choice));
        break;
    case 'v':
        put_text(out, "lease", "%s", pick(uses, 2, doing->choice));
        break;
    case 'g':
        put_text(out, "packet", "%s", PICK(packets, doing->more));
        break;
    case 'y':
        put_text(out, "how", "%s", PICK(modes, doing->choice));
        break;
    case 'Y':
        put_text(out, "how", "wrong_key");
        put_text(out, "key", "k%u", doing->key + 1);
        break;
    case 'x':
        put_text(out, "attacker", "a%u", attacker);
        break;
    case 'X':
        put_text(out, "attacker", "a%u", attacker);
        put_text(out, "session", "s%u", world_watched_by(plan, attacker));
        put_text(out, "role", "%s", doing->role == 0 ? "client" : "server");
        break;
    default: /* 'z': how a copy is made */
        put_text(out, "when", "%s", PICK(copies, doing->choice));
        put_text(out, "cookie", "%s", PICK(cookies, (uint8_t)(doing->choice / 3)));
        put_text(out, "source", "%s", PICK(sources, (uint8_t)(doing->choice / 9)));
        put_text(out, "delay", "%s", PICK(spans, doing->span));
        break;
    }
}

static void put_doing(struct world_writer *out, const struct world_plan *plan,
                      const struct world_doing *doing)
{
    const struct action *action = &actions[doing->kind];
    if (doing->at_ms >= world_duration_ms(plan))
        return;
    for (const char *argument = action->arguments; *argument != '\0'; argument++) {
        if (!fits(plan, doing, *argument))
            return;
    }
    world_put(out, "%s\n    { \"at\": \"%ums\", \"do\": \"%s\"", out->first ? "" : ",",
              doing->at_ms, action->name);
    for (const char *argument = action->arguments; *argument != '\0'; argument++)
        write_argument(out, plan, doing, *argument);
    world_put(out, " }");
    out->first = false;
}

void world_put_doings(struct world_writer *out, const struct world_plan *plan)
{
    for (uint32_t i = 0; i < plan->doing_count; i++)
        put_doing(out, plan, &plan->doings[i]);
}
