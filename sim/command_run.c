#include "commands.h"
#include "files.h"
#include "nearest.h"
#include "play.h"
#include "report_json.h"
#include "report_junit.h"
#include "report_text.h"

#include <fault.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: wavry-sim run [OPTION...] FILE|FOLDER...\n"
    "Plays scenarios in simulated time and says what came of each.\n"
    "  --seed N             in place of each scenario's own seed\n"
    "  --check-determinism  play each twice and compare the hashes\n"
    "  --hash               print each final hash, with checkpoints\n"
    "  --json FILE          results for programs\n"
    "  --junit FILE         results for CI systems\n"
    "  --pcap FILE          what crossed the public network; of several scenarios one file each,\n"
    "                       with the scenario's name put in front of the extension; two of one\n"
    "                       name, from different folders, need runs of their own\n"
    "  --events             print each run's events as sentences\n"
#ifdef WAVRY_FAULTS
    "  --fault NAME         break the core in one way; --fault list names them\n"
#endif
    "Exit code: 0 passed, 1 an expectation failed, 2 bad usage or input, 3 an oracle was\n"
    "violated, 4 not deterministic; of several, the highest.\n";

struct request {
    struct sim_arena *arena;
    struct sim_files files;
    struct sim_play_options play;
    const char *json;
    const char *junit;
    const char *pcap;
    bool hashes;
    bool events;
};

/* ---- Arguments ------------------------------------------------------------------------------- */

static bool parse_seed(const char *text, uint64_t *seed)
{
    char *end;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0';
}

#ifdef WAVRY_FAULTS
static bool select_fault(const char *name)
{
    wr_fault_selected = wr_fault_by_name(name);
    if (wr_fault_selected != WR_FAULT_NONE)
        return true;
    struct wr_nearest nearest = wr_nearest_to(name);
    for (int fault = WR_FAULT_NONE + 1; fault < WR_FAULT_COUNT; fault++)
        wr_nearest_offer(&nearest, wr_fault_name((enum wr_fault)fault));
    fprintf(stderr, "--fault: no fault \"%s\"%s%s%s; --fault list names them\n", name,
            nearest.best ? "; did you mean \"" : "", nearest.best ? nearest.best : "",
            nearest.best ? "\"?" : "");
    return false;
}

static void list_faults(void)
{
    for (int fault = WR_FAULT_NONE + 1; fault < WR_FAULT_COUNT; fault++)
        printf("%-36s %s\n", wr_fault_name((enum wr_fault)fault),
               wr_fault_text((enum wr_fault)fault));
}
#endif

static const char *const options_with_value[] = {
    "--seed",  "--json", "--junit", "--pcap",
#ifdef WAVRY_FAULTS
    "--fault",
#endif
};
static const char *const options_alone[] = {"--check-determinism", "--hash", "--events", "--help"};

static bool take_value(struct request *request, const char *option, const char *value)
{
    if (strcmp(option, "--json") == 0)
        request->json = value;
    else if (strcmp(option, "--junit") == 0)
        request->junit = value;
    else if (strcmp(option, "--pcap") == 0)
        request->pcap = value;
    else if (strcmp(option, "--seed") == 0) {
        request->play.seed_given = parse_seed(value, &request->play.seed);
        if (!request->play.seed_given)
            fprintf(stderr, "--seed: expected a whole number, found \"%s\"\n", value);
        return request->play.seed_given;
    }
#ifdef WAVRY_FAULTS
    else
        return select_fault(value);
#endif
    return true;
}

static bool complain_of_option(const char *option)
{
    struct wr_nearest nearest = wr_nearest_to(option);
    for (size_t i = 0; i < sizeof options_with_value / sizeof *options_with_value; i++)
        wr_nearest_offer(&nearest, options_with_value[i]);
    for (size_t i = 0; i < sizeof options_alone / sizeof *options_alone; i++)
        wr_nearest_offer(&nearest, options_alone[i]);
    fprintf(stderr, "no option \"%s\"%s%s%s\n", option, nearest.best ? "; did you mean \"" : "",
            nearest.best ? nearest.best : "", nearest.best ? "\"?" : "");
    return false;
}

static bool has_word(const char *const *list, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], word) == 0)
            return true;
    }
    return false;
}

static bool parse_arguments(struct request *request, int argc, char **argv)
{
    size_t valued = sizeof options_with_value / sizeof *options_with_value;
    for (int i = 1; i < argc; i++) {
        if (has_word(options_with_value, valued, argv[i])) {
            if (i + 1 == argc) {
                fprintf(stderr, "%s: expected a value\n", argv[i]);
                return false;
            }
            if (!take_value(request, argv[i], argv[i + 1]))
                return false;
            i++;
        } else if (strcmp(argv[i], "--check-determinism") == 0) {
            request->play.check_determinism = true;
        } else if (strcmp(argv[i], "--hash") == 0) {
            request->hashes = true;
        } else if (strcmp(argv[i], "--events") == 0) {
            request->events = true;
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            return complain_of_option(argv[i]);
        } else if (!sim_files_add(&request->files, request->arena, argv[i])) {
            return false;
        }
    }
    if (request->files.count == 0)
        fputs(usage, stderr);
    return request->files.count > 0;
}

/* ---- Running --------------------------------------------------------------------------------- */

/* Closes what was written; false, with a word to the user, where it did not arrive. */
static bool close_output(FILE *file, const char *path, bool written)
{
    written = ferror(file) == 0 && written;
    int error = errno;
    if (fclose(file) != 0) {
        error = errno;
        written = false;
    }
    if (!written)
        fprintf(stderr, "%s: %s\n", path, strerror(error));
    return written;
}

static FILE *open_output(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return file;
}

/* "out.pcap" for one scenario, "out-NAME.pcap" for each of several. */
static const char *capture_path(struct request *request, const char *scenario)
{
    if (request->files.count == 1)
        return request->pcap;
    const char *slash = strrchr(scenario, '/');
    const char *name = slash ? slash + 1 : scenario;
    const char *dot = strrchr(name, '.');
    int bytes = (int)(dot ? dot - name : (long)strlen(name));
    const char *extension = strrchr(request->pcap, '.');
    if (!extension || strchr(extension, '/'))
        extension = request->pcap + strlen(request->pcap);
    return sim_arena_print(request->arena, "%.*s-%.*s%s", (int)(extension - request->pcap),
                           request->pcap, bytes, name, extension);
}

/* No capture may be written over another: folders can hold scenarios of one name. */
static bool captures_differ(struct request *request)
{
    const struct sim_files *files = &request->files;
    const char **paths = SIM_ARENA_ARRAY(request->arena, const char *, files->count);
    for (uint32_t i = 0; i < files->count; i++) {
        paths[i] = capture_path(request, files->paths[i]);
        for (uint32_t earlier = 0; earlier < i; earlier++) {
            if (strcmp(paths[earlier], paths[i]) != 0)
                continue;
            fprintf(stderr, "--pcap: %s would be the capture of %s and of %s\n", paths[i],
                    files->paths[earlier], files->paths[i]);
            return false;
        }
    }
    return true;
}

static int worse(int one, int other)
{
    return one > other ? one : other;
}

static int run_all(struct request *request)
{
    if (request->pcap && !captures_differ(request))
        return SIM_EXIT_USAGE;
    FILE *json_file = request->json ? open_output(request->json) : NULL;
    FILE *junit_file = request->junit ? open_output(request->junit) : NULL;
    if ((request->json && !json_file) || (request->junit && !junit_file)) {
        if (json_file)
            fclose(json_file);
        if (junit_file)
            fclose(junit_file);
        return SIM_EXIT_USAGE;
    }
    int code = 0;
    struct sim_report_json *json = json_file ? sim_report_json_begin() : NULL;
    struct sim_report_junit *junit = junit_file ? sim_report_junit_begin() : NULL;
    struct sim_report_text text;
    sim_report_text_begin(&text, stdout, request->files.count);
    text.hashes = request->hashes;
    request->play.progress = text.progress ? sim_report_text_progress : NULL;
    request->play.progress_context = &text;
    for (uint32_t i = 0; i < request->files.count; i++) {
        const char *path = request->files.paths[i];
        const char *capture = request->pcap ? capture_path(request, path) : NULL;
        if (capture) {
            request->play.capture = open_output(capture);
            if (!request->play.capture) {
                code = worse(code, SIM_EXIT_USAGE);
                break;
            }
        }
        sim_report_text_start(&text, path);
        struct sim_outcome *outcome = sim_play(path, &request->play, stderr);
        sim_report_text_outcome(&text, outcome);
        if (request->events && outcome->chronicle)
            sim_chronicle_print(outcome->chronicle, stdout);
        if (json)
            sim_report_json_outcome(json, outcome);
        if (junit)
            sim_report_junit_outcome(junit, outcome);
        if (capture && !close_output(request->play.capture, capture, true))
            code = worse(code, SIM_EXIT_USAGE);
        request->play.capture = NULL;
        code = worse(code, sim_ending_exit_code(outcome->ending));
        sim_outcome_free(outcome);
    }
    sim_report_text_end(&text);
    request->play.progress_context = NULL; /* the report ends here */
    if (json && !close_output(json_file, request->json, sim_report_json_end(json, json_file)))
        code = worse(code, SIM_EXIT_USAGE);
    if (junit && !close_output(junit_file, request->junit, sim_report_junit_end(junit, junit_file)))
        code = worse(code, SIM_EXIT_USAGE);
    return code;
}

int sim_run_command(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
#ifdef WAVRY_FAULTS
        if (strcmp(argv[i], "--fault") == 0 && i + 1 < argc && strcmp(argv[i + 1], "list") == 0) {
            list_faults();
            return 0;
        }
#endif
    }
    struct request request = {.arena = sim_arena_create()};
    int code = parse_arguments(&request, argc, argv) ? run_all(&request) : SIM_EXIT_USAGE;
    sim_arena_destroy(request.arena);
    return code;
}
