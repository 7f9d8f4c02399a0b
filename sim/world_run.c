/*
 * The run: events in their order until the scenario's duration is over.
 */
#include "world.h"

#define PROGRESS_EVENTS 65536u

/* ---- Timers ------------------------------------------------------------------------------------
 */

struct world_timer world_timer(struct world *world)
{
    return (struct world_timer){.armed_ns = WR_NEVER, .source = sim_queue_source(&world->queue)};
}

void world_arm(struct world *world, struct world_timer *timer, wr_instant due_ns,
               enum world_class class_, enum world_what what, uint32_t data)
{
    wr_instant now = sim_queue_now_ns(&world->queue);
    if (due_ns < now) {
        due_ns = now;
    }
    if (due_ns < timer->armed_ns) {
        timer->armed_ns = due_ns;
        sim_queue_push(&world->queue, due_ns, class_, timer->source, what, data);
    }
}

bool world_fired(struct world_timer *timer, const struct sim_event *event)
{
    if (timer->armed_ns != event->at_ns) {
        return false;
    }
    timer->armed_ns = WR_NEVER;
    return true;
}

/* ---- Events ------------------------------------------------------------------------------------
 */

/* Watchers look before anything else of an instant. That they look is no event: a run that is
 * watched and one that is not are the same run. */
static void take_samples(struct world *world, wr_instant until_ns, uint32_t *taken)
{
    const struct sim_observer *observer = world->observer;
    while (observer != NULL && *taken < observer->sample_count &&
           observer->sample_ns[*taken] <= until_ns) {
        world_observe_sample(world, observer->sample_ns[(*taken)++]);
    }
}

static void act(struct world *world, uint32_t index)
{
    const struct sim_scenario *scenario = world->scenario;
    const struct sim_action *action = &scenario->actions[index];
    world_act(world, action);
    world_observe_action(world, action);
    if (action->for_ns > 0) {
        sim_queue_push(&world->queue, wr_after(action->at_ns, action->for_ns), WORLD_CLASS_TIMELINE,
                       world->source, WORLD_ACTION_END, index);
    }
    if (index + 1 < scenario->action_count) {
        sim_queue_push(&world->queue, scenario->actions[index + 1].at_ns, WORLD_CLASS_TIMELINE,
                       world->source, WORLD_ACTION, index + 1);
    }
}

/* One relay's oracle asks the truth, for all. Clocks drift without an action: they are looked at
 * first. */
static void judge_liveness(struct world *world)
{
    world_judge_keys(world);
    world_judge_clocks(world);
    world_tell_demands(world);
    if (world->scenario->relay_count > 0) {
        sim_oracle_liveness(world->relays[0].oracle, sim_queue_now_ns(&world->queue));
    }
}

static void judge_snapshots(struct world *world)
{
    wr_instant now = sim_queue_now_ns(&world->queue);
    for (uint32_t i = 0; i < world->scenario->relay_count; i++) {
        struct wr_snapshot snapshot;
        if (world->relays[i].core != NULL) {
            wr_relay_snapshot(world->relays[i].core, &snapshot);
            sim_oracle_snapshot(world->relays[i].oracle, now, &snapshot);
        }
    }
}

static void judge(struct world *world)
{
    judge_snapshots(world);
    judge_liveness(world);
    sim_queue_push(&world->queue, sim_queue_now_ns(&world->queue) + WORLD_JUDGED_EVERY_NS,
                   WORLD_CLASS_LIVENESS, world->source, WORLD_LIVENESS, 0);
}

static void fault(struct world *world, bool begins)
{
    if (begins) {
        sim_truth_fault_begins(world->truth, sim_queue_now_ns(&world->queue));
    } else {
        sim_truth_fault_ends(world->truth, sim_queue_now_ns(&world->queue));
    }
}

static void on_relay(struct world_relay *relay, const struct sim_event *event)
{
    switch ((enum world_what)event->what) {
    case WORLD_HOST:
        if (world_fired(&relay->host_timer, event)) {
            world_relay_on_host(relay);
        }
        return;
    case WORLD_VERIFIED:
        if (world_fired(&relay->helper_timer, event)) {
            world_relay_on_verified(relay);
        }
        return;
    case WORLD_RELAY_DEADLINE:
        if (world_fired(&relay->core_timer, event)) {
            world_relay_on_deadline(relay);
        }
        return;
    default:
        if (world_fired(&relay->link_timer, event)) {
            world_relay_on_link(relay);
        }
        return;
    }
}

static void on_event(struct world *world, const struct sim_event *event)
{
    uint32_t data = event->data;
    switch ((enum world_what)event->what) {
    case WORLD_LINK: {
        uint32_t arrived = sim_net_on_event(world->net, event);
        world->events += arrived > 1 ? arrived - 1 : 0;
        return;
    }
    case WORLD_HOST:
    case WORLD_VERIFIED:
    case WORLD_RELAY_DEADLINE:
    case WORLD_RELAY_LINK:
        on_relay(&world->relays[data], event);
        return;
    case WORLD_END_DEADLINE:
        if (world_fired(&world->ends[data].core_timer, event)) {
            world_end_on_deadline(&world->ends[data]);
        }
        return;
    case WORLD_TRAFFIC:
        if (world_fired(&world->ends[data].traffic.timer, event)) {
            world_traffic_on_event(&world->ends[data]);
        }
        return;
    case WORLD_ATTACKER:
        if (world_fired(&world->attackers[data].timer, event)) {
            world_attacker_on_deadline(&world->attackers[data]);
        }
        return;
    case WORLD_ACTION:
        act(world, data);
        return;
    case WORLD_ACTION_END:
        world_act_end(world, &world->scenario->actions[data]);
        return;
    case WORLD_FAULT:
        fault(world, data == 1);
        return;
    case WORLD_MASTER_ANSWER:
        world_master_on_answer(world, data);
        return;
    case WORLD_END_START:
        world_end_start(&world->ends[data]);
        return;
    case WORLD_LATER:
        world_on_later(world, data);
        return;
    case WORLD_LIVENESS:
        judge(world);
        return;
    }
}

/* ---- The whole ---------------------------------------------------------------------------------
 */

static void take_checkpoint(struct world *world, wr_instant at_ns, struct sim_run_result *result)
{
    uint32_t index = result->checkpoint_count++;
    result->checkpoints[index].at_ns = at_ns;
    result->checkpoints[index].events = world->events;
    result->checkpoints[index].hash = sim_hash_value(&world->hash);
}

static wr_instant checkpoint_ns(const struct world *world, uint32_t index)
{
    uint64_t duration_ns = world->scenario->duration_ns;
    uint64_t part_ns = duration_ns / SIM_CHECKPOINTS_MAX;
    return index + 1 == SIM_CHECKPOINTS_MAX ? duration_ns : part_ns * (index + 1);
}

static void play(struct world *world, const struct sim_run_options *options,
                 struct sim_run_result *result)
{
    uint64_t duration_ns = world->scenario->duration_ns;
    uint64_t next_progress = PROGRESS_EVENTS;
    uint32_t samples = 0;
    wr_instant next_ns;
    while ((next_ns = sim_queue_next_ns(&world->queue)) < duration_ns) {
        struct sim_event event;
        while (checkpoint_ns(world, result->checkpoint_count) <= next_ns) {
            take_checkpoint(world, checkpoint_ns(world, result->checkpoint_count), result);
        }
        take_samples(world, next_ns, &samples);
        sim_queue_pop(&world->queue, &event);
        world->events++;
        sim_hash_event(&world->hash, event.at_ns, event.order,
                       (uint64_t)event.what << 32 | event.data);
        on_event(world, &event);
        if (world->events >= next_progress && options->progress != NULL) {
            next_progress = world->events + PROGRESS_EVENTS;
            options->progress(options->progress_context, event.at_ns, world->events);
        }
    }
    take_samples(world, duration_ns - 1, &samples);
}

/* The last instant of the run, for whoever looks at the end. */
static void close_run(struct world *world, struct sim_run_result *result)
{
    world->queue.now_ns = world->scenario->duration_ns;
    judge_snapshots(world);
    judge_liveness(world);
    world_observe_sample(world, world->scenario->duration_ns);
    sim_hash_word(&world->hash, world->violations);
    while (result->checkpoint_count < SIM_CHECKPOINTS_MAX) {
        take_checkpoint(world, checkpoint_ns(world, result->checkpoint_count), result);
    }
}

struct sim_run_result sim_run(const struct sim_scenario *scenario,
                              const struct sim_run_options *options)
{
    struct sim_run_result result = {0};
    struct world *world = world_create(scenario, options);
    if (world == NULL) {
        return result;
    }
    result.created = true;
    play(world, options, &result);
    close_run(world, &result);
    result.hash = sim_hash_value(&world->hash);
    result.events = world->events;
    result.datagrams_forwarded = world->forwarded;
    result.violations = world->violations;
    world_destroy(world);
    return result;
}
