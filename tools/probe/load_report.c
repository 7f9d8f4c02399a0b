#include "load.h"

#include <cjson/cJSON.h>
#include <stdio.h>

static double per_second(uint64_t count, uint64_t ns)
{
    return ns == 0 ? 0 : (double)count * 1e9 / (double)ns;
}

static double delivered_pct(const struct load_results *results)
{
    return results->sent == 0 ? 0 : 100.0 * (double)results->delivered / (double)results->sent;
}

static double cpu_each(const struct load_results *results)
{
    return results->delivered == 0 ? 0 : (double)results->cpu_ns / (double)results->delivered;
}

static void print_json(const struct load_options *options, const struct load_results *results,
                       const struct load_histogram *latency)
{
    cJSON *json = cJSON_CreateObject();
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {
        {"flows", results->flows_up},
        {"setup_ns", results->setup_ns},
        {"stream_ns", results->stream_ns},
        {"sent", results->sent},
        {"unsent", results->unsent},
        {"delivered", results->delivered},
        {"late", results->late},
        {"stray", results->stray},
        {"keepalives", results->keepalives},
        {"bogus_leases", results->bogus_sent},
        {"malformed", results->malformed_sent},
        {"churn_started", results->churn_started},
        {"churn_ended", results->churn_ended},
        {"churn_failed", results->churn_failed},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        cJSON_AddNumberToObject(json, counts[i].name, (double)counts[i].value);
    cJSON_AddNumberToObject(json, "delivered_pct", delivered_pct(results));
    cJSON_AddNumberToObject(json, "delivered_per_second",
                            per_second(results->delivered, results->stream_ns));
    cJSON *rejects = cJSON_AddArrayToObject(json, "rejects");
    for (int reason = 0; reason < LOAD_REASONS; reason++)
        cJSON_AddItemToArray(rejects, cJSON_CreateNumber((double)results->rejects[reason]));
    if (options->cpu_of != 0) {
        cJSON_AddNumberToObject(json, "cpu_ns", (double)results->cpu_ns);
        cJSON_AddNumberToObject(json, "cpu_ns_per_delivered", cpu_each(results));
    }
    if (options->latency) {
        cJSON *times = cJSON_AddObjectToObject(json, "latency_ns");
        cJSON_AddNumberToObject(times, "count", (double)latency->count);
        cJSON_AddNumberToObject(times, "min", (double)latency->min);
        cJSON_AddNumberToObject(times, "median", (double)load_histogram_at(latency, 500));
        cJSON_AddNumberToObject(times, "p99", (double)load_histogram_at(latency, 990));
        cJSON_AddNumberToObject(times, "p999", (double)load_histogram_at(latency, 999));
        cJSON_AddNumberToObject(times, "max", (double)latency->max);
    }
    char *text = cJSON_PrintUnformatted(json);
    if (text != NULL)
        puts(text);
    cJSON_free(text);
    cJSON_Delete(json);
}

static void print_floods(const struct load_results *results)
{
    uint64_t rejects = 0;
    for (int reason = 0; reason < LOAD_REASONS; reason++)
        rejects += results->rejects[reason];
    if (results->bogus_sent > 0)
        printf("  bogus leases  %llu sent\n", (unsigned long long)results->bogus_sent);
    if (results->malformed_sent > 0)
        printf("  malformed     %llu sent\n", (unsigned long long)results->malformed_sent);
    if (rejects > 0)
        printf("  rejects       %llu, of them %llu invalid, %llu limited\n",
               (unsigned long long)rejects, (unsigned long long)results->rejects[2],
               (unsigned long long)results->rejects[6]);
    if (results->churn_started > 0)
        printf("  churn         %llu sessions begun, %llu ended, %llu failed\n",
               (unsigned long long)results->churn_started, (unsigned long long)results->churn_ended,
               (unsigned long long)results->churn_failed);
}

static void print_text(const struct load_options *options, const struct load_results *results,
                       const struct load_histogram *latency)
{
    printf("  flows         %u, set up in %.3f s\n", results->flows_up,
           (double)results->setup_ns / 1e9);
    printf("  sent          %llu of %u bytes in %.3f s, %.0f per second",
           (unsigned long long)results->sent, options->size, (double)results->stream_ns / 1e9,
           per_second(results->sent, results->stream_ns));
    if (results->unsent > 0)
        printf(" (%llu fewer than asked for: too slow here)", (unsigned long long)results->unsent);
    printf("\n  delivered     %llu, %.3f %%, %.0f per second, %llu late\n",
           (unsigned long long)results->delivered, delivered_pct(results),
           per_second(results->delivered, results->stream_ns), (unsigned long long)results->late);
    if (options->latency)
        printf("  latency       min %.1f  median %.1f  p99 %.1f  p99.9 %.1f  max %.1f us\n",
               (double)latency->min / 1e3, (double)load_histogram_at(latency, 500) / 1e3,
               (double)load_histogram_at(latency, 990) / 1e3,
               (double)load_histogram_at(latency, 999) / 1e3, (double)latency->max / 1e3);
    if (options->cpu_of != 0)
        printf("  cpu           %.3f s of process %u, %.0f ns per delivered datagram\n",
               (double)results->cpu_ns / 1e9, options->cpu_of, cpu_each(results));
    print_floods(results);
}

void load_print(const struct load_options *options, const struct load_results *results,
                const struct load_histogram *latency)
{
    if (options->json)
        print_json(options, results, latency);
    else
        print_text(options, results, latency);
}
