/* wavry-probe: a relay checked, or loaded, from outside. This file only chooses what to do. */

#include "load.h"
#include "probe_check.h"
#include "probe_usage.h"

#include <curl/curl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define EXIT_FORWARDS 0
#define EXIT_FAILS    1
#define EXIT_USAGE    2

/* The key that signs leases, by the name it has or that it is given; nothing where there is none.
 */
static bool read_signer(const char *key_file, const char *kid, struct probe_signer *signer)
{
    struct probe_error error = {""};
    if (key_file != NULL && !probe_signer_read(key_file, signer, &error))
        return probe_usage("%s", error.text);
    if (kid != NULL)
        (void)snprintf(signer->kid, sizeof signer->kid, "%s", kid);
    return true;
}

static int check(int argc, char **argv)
{
    static struct probe_report report;
    struct probe_options options;
    struct probe_signer signer = {0};
    int read = probe_options_read(&options, argc, argv);
    if (read != 0)
        return read == 1 ? EXIT_FORWARDS : EXIT_USAGE;
    if (!read_signer(options.key_file, options.kid, &signer))
        return EXIT_USAGE;
    bool good = probe_check_run(&options, options.key_file != NULL ? &signer : NULL, &report);
    sodium_memzero(&signer, sizeof signer);
    probe_report_print(&report, options.json);
    return good ? EXIT_FORWARDS : EXIT_FAILS;
}

/* Delivered, and no more lost than allowed. */
static bool enough(const struct load_options *options, const struct load_results *results)
{
    uint64_t lost = results->sent > results->delivered ? results->sent - results->delivered : 0;
    return results->delivered > 0 && lost * 100 <= results->sent * options->max_loss_pct;
}

static int load(int argc, char **argv)
{
    static struct load_results results;
    static struct load_histogram latency;
    static struct probe_signer signer;
    struct load_options options;
    struct probe_error error = {""};
    int read = load_options_read(&options, argc, argv);
    if (read != 0)
        return read == 1 ? EXIT_FORWARDS : EXIT_USAGE;
    if (!read_signer(options.key_file, options.kid, &signer))
        return EXIT_USAGE;
    bool good = load_run(&options, options.bare ? NULL : &signer, &results, &latency, &error);
    sodium_memzero(&signer, sizeof signer);
    if (!good) {
        fprintf(stderr, "wavry-probe: %s\n", error.text);
        return EXIT_FAILS;
    }
    load_print(&options, &results, &latency);
    return enough(&options, &results) ? EXIT_FORWARDS : EXIT_FAILS;
}

/* What was printed must have arrived. */
static int finish(int code)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return code;
    perror("wavry-probe: standard output");
    return EXIT_FAILS;
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fprintf(stderr, "wavry-probe: libsodium or libcurl could not be set up\n");
        return EXIT_FAILS;
    }
    bool loads = argc >= 2 && strcmp(argv[1], "load") == 0;
    int code = loads ? load(argc - 1, argv + 1) : check(argc, argv);
    curl_global_cleanup();
    return finish(code);
}
