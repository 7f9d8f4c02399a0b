/*
 * An engine without a fuzzer, for every compiler: replays files, explains them, looks for the
 * target's canaries by blind mutations of the seeds, and measures speed. What it does is the same
 * each time it is asked.
 */
#include "driver.h"

#include <fault.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "Usage: %s [COMMAND] [FILE|FOLDER...]\n"
    "\n"
    "Runs every file (of every folder) through the target \"%s\":\n"
    "%s.\n"
    "\n"
    "  --explain           says what the files mean instead of judging them\n"
    "  --outcome           says in a word what becomes of each\n"
    "  --mutate RUNS       judges that many blind mutations of the files\n"
    "  --keep FILE         writes the one that violates the property there\n"
    "  --seed N            of the mutations (1)\n"
    "  --dict FILE         words for them, in libFuzzer's form\n"
    "  --canaries          finds each of the target's faults within its runs (only in canary_%s)\n"
    "  --speed SECONDS     runs the files round and round; prints executions per CPU second\n"
    "  --about             what the target is, as JSON\n"
    "\n"
    "Exit code: 0 all held, 1 a canary was not found, 2 bad usage; a violation aborts.\n";

/* ---- Commands -------------------------------------------------------------------------------- */

static void replay_all(const struct fuzz_files *files)
{
    for (uint32_t i = 0; i < files->count; i++)
        fuzz_run_one(&files->items[i]);
    printf("%s: %u files, the property held\n", fuzz_target.name, files->count);
}

static void explain_all(const struct fuzz_files *files)
{
    /* What is said before the input ends the program must be out by then. */
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    for (uint32_t i = 0; i < files->count; i++) {
        const struct fuzz_file *file = &files->items[i];
        printf("%s: %zu bytes\n", file->path, file->size);
        fuzz_explain(file->bytes, file->size, stdout);
    }
}

static const struct fuzz_file *judged;
static uint32_t judged_run;
static const char *keep_in;

static void keep_judged(void)
{
    FILE *out = fopen(keep_in, "wb");
    if (out != NULL && fwrite(judged->bytes, 1, judged->size, out) == judged->size)
        fprintf(stderr, "%s: run %u, the input is in %s\n", fuzz_target.name, judged_run, keep_in);
    if (out != NULL)
        fclose(out);
}

static void mutate(const struct fuzz_files *files, const struct fuzz_dict *dict, uint64_t seed,
                   uint32_t runs)
{
    struct fuzz_mutations mutations;
    fuzz_mutations_begin(&mutations, files, dict, seed);
    judged = &mutations.input;
    fuzz_on_violation = keep_in != NULL ? keep_judged : NULL;
    for (judged_run = 1; judged_run <= runs; judged_run++) {
        fuzz_mutations_next(&mutations);
        fuzz_run_one(&mutations.input);
    }
    fuzz_mutations_end(&mutations);
}

#ifdef WAVRY_FAULTS

static const char *canary_fault;

/* How far the process that runs the inputs has come: which seed, or which mutation. */
static volatile uint32_t *canary_at;

static void canary_found(void)
{
    fflush(stdout);
    _exit(0);
}

/* Runs `body` in a process of its own, because a violation leaves a target in the middle of
 * something. True where it ended in one; `ended`: it came to its own end. */
static bool ends_in_violation(void (*body)(void *context), void *context, bool *ended)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        fuzz_on_violation = canary_found;
        body(context);
        _exit(1);
    }
    *ended = true;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    if (WIFSIGNALED(status))
        fprintf(stderr, "%s: %s ended by signal %d\n", fuzz_target.name, canary_fault,
                WTERMSIG(status));
    *ended = WIFEXITED(status) && WEXITSTATUS(status) == 1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct search {
    struct fuzz_files files;
    const struct fuzz_dict *dict;
    uint64_t seed;
    uint32_t runs;
};

/* The seeds from *canary_at on. */
static void run_seeds(void *context)
{
    const struct fuzz_files *seeds = context;
    for (; *canary_at < seeds->count; ++*canary_at)
        fuzz_run_one(&seeds->items[*canary_at]);
}

static void run_mutations(void *context)
{
    const struct search *search = context;
    struct fuzz_mutations mutations;
    fuzz_mutations_begin(&mutations, &search->files, search->dict, search->seed);
    for (*canary_at = 1; *canary_at <= search->runs; ++*canary_at) {
        fuzz_mutations_next(&mutations);
        fuzz_run_one(&mutations.input);
    }
    fuzz_mutations_end(&mutations);
}

static bool is_named(const struct fuzz_file *file)
{
    const char *slash = strrchr(file->path, '/');
    return strncmp(slash != NULL ? slash + 1 : file->path, "found-", 6) != 0;
}

/* A seed that shows the fault as it is proves nothing about the search, so those are left out; so
 * is what campaigns found, else the search would be another after each. Returns how many show it.
 */
static uint32_t choose_seeds(const struct fuzz_files *files, struct fuzz_files *chosen)
{
    struct fuzz_files named = {.items = calloc(files->count, sizeof *files->items)};
    uint32_t given_away = 0;
    bool ended = false;
    chosen->items = calloc(files->count, sizeof *files->items);
    if (named.items == NULL || chosen->items == NULL)
        abort();
    for (uint32_t i = 0; i < files->count; i++) {
        if (is_named(&files->items[i]))
            named.items[named.count++] = files->items[i];
    }
    for (uint32_t next = 0; !ended; next = *canary_at + 1) {
        *canary_at = next;
        bool shown = ends_in_violation(run_seeds, &named, &ended);
        for (; next < *canary_at; next++)
            chosen->items[chosen->count++] = named.items[next];
        given_away += shown;
        if (!shown && !ended) /* it crashed: that is for the search to find again */
            chosen->items[chosen->count++] = named.items[next];
    }
    free(named.items);
    return given_away;
}

/* The sound core must survive what found the broken one: else it was not the fault that was found.
 */
static bool find_canary(const struct fuzz_files *files, const struct fuzz_dict *dict, uint64_t seed,
                        const struct fuzz_canary *canary)
{
    struct search search = {.dict = dict, .seed = seed, .runs = canary->runs};
    bool ended;
    canary_fault = canary->fault;
    wr_fault_selected = wr_fault_by_name(canary->fault);
    if (wr_fault_selected == WR_FAULT_NONE)
        abort();
    uint32_t given_away = choose_seeds(files, &search.files);
    bool found = search.files.count > 0 && ends_in_violation(run_mutations, &search, &ended);
    wr_fault_selected = WR_FAULT_NONE;
    if (found) {
        search.runs = *canary_at;
        printf("%s: %s found in run %u, %u seeds left out\n", fuzz_target.name, canary->fault,
               search.runs, given_away);
        run_mutations(&search);
        printf("%s: no fault, nothing found in these %u runs\n", fuzz_target.name, search.runs);
    } else {
        fprintf(stderr, "%s: %s not found within %u runs, %u seeds left out\n", fuzz_target.name,
                canary->fault, canary->runs, given_away);
    }
    free(search.files.items);
    return found;
}

static int find_canaries(const struct fuzz_files *files, const struct fuzz_dict *dict,
                         uint64_t seed)
{
    bool all = fuzz_target.canaries[0].fault != NULL;
    canary_at =
        mmap(NULL, sizeof *canary_at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (canary_at == MAP_FAILED)
        abort();
    for (int i = 0; i < FUZZ_CANARIES_MAX && fuzz_target.canaries[i].fault != NULL; i++)
        all = find_canary(files, dict, seed, &fuzz_target.canaries[i]) && all;
    replay_all(files);
    return all ? 0 : 1;
}

#else

static int find_canaries(const struct fuzz_files *files, const struct fuzz_dict *dict,
                         uint64_t seed)
{
    (void)files;
    (void)dict;
    (void)seed;
    fprintf(stderr, "this build has no faults: run canary_%s\n", fuzz_target.name);
    return 2;
}

#endif

/* Of this process alone, so that others on the machine do not count. */
static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void measure(const struct fuzz_files *files, unsigned long seconds)
{
    uint64_t began_ns = now_ns(), spent_ns = 0, runs = 0;
    while (files->count > 0 && spent_ns < seconds * UINT64_C(1000000000)) {
        for (uint32_t i = 0; i < files->count; i++)
            LLVMFuzzerTestOneInput(files->items[i].bytes, files->items[i].size);
        runs += files->count;
        spent_ns = now_ns() - began_ns;
    }
    printf("%s: %llu executions/s over %u files\n", fuzz_target.name,
           (unsigned long long)(spent_ns > 0 ? runs * UINT64_C(1000000000) / spent_ns : 0),
           files->count);
}

static void print_about(void)
{
    printf("{\"name\": \"%s\", \"bytes_max\": %zu, \"property\": \"%s\", \"canaries\": {",
           fuzz_target.name, fuzz_target.bytes_max, fuzz_target.property);
    for (int i = 0; i < FUZZ_CANARIES_MAX && fuzz_target.canaries[i].fault != NULL; i++)
        printf("%s\"%s\": %u", i > 0 ? ", " : "", fuzz_target.canaries[i].fault,
               fuzz_target.canaries[i].runs);
    printf("}}\n");
}

/* ---- Command line ---------------------------------------------------------------------------- */

enum command { REPLAY, EXPLAIN, OUTCOME, MUTATE, CANARIES, SPEED };

struct asked {
    enum command command;
    unsigned long number; /* runs, or seconds */
    uint64_t seed;
    struct fuzz_files files;
    struct fuzz_dict dict;
};

static bool read_number(const char *text, unsigned long *number)
{
    char *end;
    if (text == NULL || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *number = strtoul(text, &end, 10);
    return errno == 0 && *end == '\0' && *number <= UINT32_MAX;
}

static bool bad(const char *what, const char *value)
{
    fprintf(stderr, "%s: %s (see --help)\n", what, value == NULL ? "nothing given" : value);
    return false;
}

static bool read_arguments(struct asked *asked, int argc, char **argv)
{
    unsigned long number;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(word, "--explain") == 0) {
            asked->command = EXPLAIN;
        } else if (strcmp(word, "--outcome") == 0) {
            asked->command = OUTCOME;
        } else if (strcmp(word, "--canaries") == 0) {
            asked->command = CANARIES;
        } else if (strcmp(word, "--mutate") == 0 || strcmp(word, "--speed") == 0) {
            asked->command = word[2] == 'm' ? MUTATE : SPEED;
            if (!read_number(value, &asked->number))
                return bad(word, value);
            i++;
        } else if (strcmp(word, "--seed") == 0) {
            if (!read_number(value, &number))
                return bad(word, value);
            asked->seed = number;
            i++;
        } else if (strcmp(word, "--keep") == 0) {
            if (value == NULL)
                return bad(word, value);
            keep_in = value;
            i++;
        } else if (strcmp(word, "--dict") == 0) {
            if (value == NULL || !fuzz_dict_read(&asked->dict, value))
                return bad("no dictionary", value);
            i++;
        } else if (*word == '-') {
            return bad("unknown option", word);
        } else if (!fuzz_files_add(&asked->files, word)) {
            return bad("cannot be read", word);
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct asked asked = {.command = REPLAY, .seed = 1};
    int code = 0;
    if (argc == 2 && strcmp(argv[1], "--about") == 0) {
        print_about();
        return 0;
    }
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        fprintf(argc < 2 ? stderr : stdout, help, argv[0], fuzz_target.name, fuzz_target.property,
                fuzz_target.name);
        return argc < 2 ? 2 : 0;
    }
    if (!read_arguments(&asked, argc, argv))
        return 2;
    if (asked.files.count == 0) {
        fprintf(stderr, "%s: no files\n", fuzz_target.name);
        return 2;
    }
    LLVMFuzzerInitialize(&argc, &argv);
    switch (asked.command) {
    case REPLAY:
        replay_all(&asked.files);
        break;
    case EXPLAIN:
        explain_all(&asked.files);
        break;
    case OUTCOME:
        for (uint32_t i = 0; i < asked.files.count; i++)
            puts(fuzz_outcome(asked.files.items[i].bytes, asked.files.items[i].size));
        break;
    case MUTATE:
        mutate(&asked.files, &asked.dict, asked.seed, (uint32_t)asked.number);
        printf("%s: %lu mutations, the property held\n", fuzz_target.name, asked.number);
        break;
    case CANARIES:
        code = find_canaries(&asked.files, &asked.dict, asked.seed);
        break;
    case SPEED:
        measure(&asked.files, asked.number);
        break;
    }
    fuzz_files_free(&asked.files);
    fuzz_dict_free(&asked.dict);
    return code;
}
