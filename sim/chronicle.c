#include "chronicle.h"

#include "quantity.h"
#include "scenario_tables.h"

#include <address.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 65536

struct entry {
    uint64_t at_ns;
    enum sim_observation_kind kind;
    uint32_t relay;
    uint32_t peer;
    uint32_t attacker;
    uint32_t session;
    uint32_t role;
    uint32_t reason;
    enum wr_event_kind event;
    enum wr_verdict verdict;
    enum wr_why why;
    uint32_t rule;
    bool has_address;
    struct wr_address address;
    const struct sim_action *action;
    const char *text; /* of a note, a violation; the kid of a key */
};

struct sim_chronicle {
    struct sim_arena *arena;
    const struct sim_scenario *scenario;
    struct entry *entries;
    uint32_t count;
    uint32_t room;
    uint64_t left_out;
};

struct sim_chronicle *sim_chronicle_create(struct sim_arena *arena,
                                           const struct sim_scenario *scenario)
{
    struct sim_chronicle *chronicle = sim_arena_take(arena, sizeof *chronicle);
    chronicle->arena = arena;
    chronicle->scenario = scenario;
    return chronicle;
}

static struct entry *next_entry(struct sim_chronicle *chronicle)
{
    if (chronicle->count == chronicle->room) {
        uint32_t room = chronicle->room ? chronicle->room * 2 : 64;
        struct entry *entries = SIM_ARENA_ARRAY(chronicle->arena, struct entry, room);
        if (chronicle->count > 0)
            memcpy(entries, chronicle->entries, sizeof *entries * chronicle->count);
        chronicle->entries = entries;
        chronicle->room = room;
    }
    return &chronicle->entries[chronicle->count++];
}

static bool worth_telling(const struct sim_observation *o)
{
    switch (o->kind) {
    case SIM_OBSERVED_RELAY:
        return o->event->kind != WR_EVENT_OUTCOME;
    case SIM_OBSERVED_ANSWER:
        return o->packet == SIM_PACKET_REJECT;
    case SIM_OBSERVED_ACTION:
    case SIM_OBSERVED_VIOLATION:
    case SIM_OBSERVED_NOTE:
        return true;
    case SIM_OBSERVED_SENT:
    case SIM_OBSERVED_DELIVERED:
    case SIM_OBSERVED_STRAY:
    case SIM_OBSERVED_SAMPLE:
    case SIM_OBSERVED_REQUEST:
    case SIM_OBSERVED_DATAGRAM:
        break;
    }
    return false;
}

void sim_chronicle_observe(void *context, const struct sim_observation *o)
{
    struct sim_chronicle *chronicle = context;
    if (!worth_telling(o))
        return;
    if (chronicle->count == ENTRIES_MAX) {
        chronicle->left_out++;
        return;
    }
    const char *text = o->text;
    struct entry *entry = next_entry(chronicle);
    *entry = (struct entry){.at_ns = o->at_ns,
                            .kind = o->kind,
                            .relay = o->relay,
                            .peer = o->peer,
                            .attacker = o->attacker,
                            .session = o->session,
                            .role = (uint32_t)o->role,
                            .reason = o->reason,
                            .action = o->action};
    if (o->kind == SIM_OBSERVED_RELAY) {
        entry->event = o->event->kind;
        entry->verdict = o->event->verdict;
        entry->why = o->event->why;
        entry->rule = o->event->rule;
        entry->role = (uint32_t)o->event->role;
        entry->has_address = o->event->address != NULL;
        if (o->event->address)
            entry->address = *o->event->address;
        text = o->event->kid;
    }
    if (text)
        entry->text = sim_arena_text(chronicle->arena, text, strlen(text));
}

/* ---- Sentences ------------------------------------------------------------------------------- */

static const char *session_name(const struct sim_chronicle *chronicle, const struct entry *entry)
{
    return entry->session == SIM_NONE ? "a stranger's session"
                                      : chronicle->scenario->sessions[entry->session].name;
}

static const char *sender_name(const struct sim_chronicle *chronicle, const struct entry *entry)
{
    if (entry->peer != SIM_NONE)
        return chronicle->scenario->peers[entry->peer].name;
    if (entry->attacker != SIM_NONE)
        return chronicle->scenario->attackers[entry->attacker].name;
    return "somebody";
}

static void print_relay_event(const struct sim_chronicle *chronicle, const struct entry *entry,
                              FILE *out)
{
    char address[WR_ADDRESS_TEXT_BYTES] = "?";
    const char *session = session_name(chronicle, entry);
    const char *role = entry->role == WR_ROLE_CLIENT ? "client" : "server";
    if (entry->has_address)
        wr_address_format(&entry->address, address);
    switch (entry->event) {
    case WR_EVENT_OUTCOME:
        break;
    case WR_EVENT_VERDICT:
        fprintf(out, "%s: lease of %s from %s: %s", session, sender_name(chronicle, entry), address,
                wr_verdict_name(entry->verdict));
        break;
    case WR_EVENT_CREATED:
        fprintf(out, "%s: created", session);
        break;
    case WR_EVENT_ACTIVE:
        fprintf(out, "%s: active", session);
        break;
    case WR_EVENT_BOUND:
        fprintf(out, "%s: %s bound at %s", session, role, address);
        break;
    case WR_EVENT_CANDIDATE:
        fprintf(out, "%s: %s is candidate for %s", session, address, role);
        break;
    case WR_EVENT_PROMOTED:
        fprintf(out, "%s: %s promoted to %s by rule %u", session, role, address, entry->rule);
        break;
    case WR_EVENT_REVERTED:
        fprintf(out, "%s: %s reverted to %s by rule %u", session, role, address, entry->rule);
        break;
    case WR_EVENT_VACATED:
        fprintf(out, "%s: %s vacated, %s", session, role, wr_why_name(entry->why));
        break;
    case WR_EVENT_REMOVED:
        fprintf(out, "%s: removed, %s", session, wr_why_name(entry->why));
        break;
    case WR_EVENT_KEY_ADDED:
        fprintf(out, "key \"%s\" joins the ring", entry->text ? entry->text : "");
        break;
    case WR_EVENT_KEY_DROPPED:
        fprintf(out, "key \"%s\" leaves the ring", entry->text ? entry->text : "");
        break;
    case WR_EVENT_KEY_REFRESH_WANTED:
        fprintf(out, "key refresh wanted for kid \"%s\"", entry->text ? entry->text : "");
        break;
    case WR_EVENT_DRAINED:
        fputs("drained", out);
        break;
    }
}

static void print_entry(const struct sim_chronicle *chronicle, const struct entry *entry,
                        const char *indent, FILE *out)
{
    fprintf(out, "%s%" PRIu64 ".%06" PRIu64 "s  ", indent, entry->at_ns / WR_S,
            entry->at_ns % WR_S / 1000);
    switch (entry->kind) {
    case SIM_OBSERVED_ACTION:
        fprintf(out, "** %s (line %u)", sim_action_forms[entry->action->kind].name,
                entry->action->line);
        break;
    case SIM_OBSERVED_VIOLATION:
        fprintf(out, "!! %s", entry->text ? entry->text : "");
        break;
    case SIM_OBSERVED_NOTE:
        fputs(entry->text ? entry->text : "", out);
        break;
    case SIM_OBSERVED_ANSWER:
        fprintf(out, "%s: reject %s reached %s", session_name(chronicle, entry),
                entry->reason < sim_words_reason.count && sim_words_reason.words[entry->reason]
                    ? sim_words_reason.words[entry->reason]
                    : "?",
                sender_name(chronicle, entry));
        break;
    case SIM_OBSERVED_RELAY:
        if (chronicle->scenario->relay_count > 1 && entry->relay != SIM_NONE)
            fprintf(out, "%s: ", chronicle->scenario->relays[entry->relay].name);
        print_relay_event(chronicle, entry, out);
        break;
    case SIM_OBSERVED_SENT:
    case SIM_OBSERVED_DELIVERED:
    case SIM_OBSERVED_STRAY:
    case SIM_OBSERVED_SAMPLE:
    case SIM_OBSERVED_REQUEST:
    case SIM_OBSERVED_DATAGRAM:
        break;
    }
    fputc('\n', out);
}

static bool concerns(const struct entry *entry, uint32_t session)
{
    return session == SIM_NONE || entry->session == session || entry->session == SIM_NONE;
}

void sim_chronicle_around(const struct sim_chronicle *chronicle, uint64_t at_ns, uint32_t session,
                          uint32_t before, uint32_t after, const char *indent, FILE *out)
{
    uint32_t middle = 0;
    while (middle < chronicle->count && chronicle->entries[middle].at_ns <= at_ns)
        middle++;
    uint32_t first = middle, left = before;
    while (first > 0 && left > 0) {
        first--;
        left -= concerns(&chronicle->entries[first], session);
    }
    for (uint32_t i = first; i < middle; i++) {
        if (concerns(&chronicle->entries[i], session))
            print_entry(chronicle, &chronicle->entries[i], indent, out);
    }
    char when[SIM_DURATION_TEXT_BYTES];
    fprintf(out, "%s-------- %s\n", indent, sim_duration_format(at_ns, when));
    for (uint32_t i = middle; i < chronicle->count && after > 0; i++) {
        if (!concerns(&chronicle->entries[i], session))
            continue;
        print_entry(chronicle, &chronicle->entries[i], indent, out);
        after--;
    }
}

void sim_chronicle_print(const struct sim_chronicle *chronicle, FILE *out)
{
    for (uint32_t i = 0; i < chronicle->count; i++)
        print_entry(chronicle, &chronicle->entries[i], "", out);
    if (chronicle->left_out > 0)
        fprintf(out, "and %" PRIu64 " more entries\n", chronicle->left_out);
}
