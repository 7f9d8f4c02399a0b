#include "document.h"

#include "json_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- Places ---------------------------------------------------------------------------------- */

/* A walk over the text that stops at the value with a given number, counted in the order of the
 * text, which is the order of cJSON's tree. The text is known to be JSON. */
struct walk {
    const char *cursor;
    const char *end;
    uint64_t left; /* values before the one that is looked for */
    const char *name;
    const char *value;
};

static void skip_space(struct walk *walk)
{
    while (walk->cursor < walk->end && (unsigned char)*walk->cursor <= ' ')
        walk->cursor++;
}

static void skip_string(struct walk *walk)
{
    for (walk->cursor++; walk->cursor < walk->end && *walk->cursor != '"'; walk->cursor++) {
        if (*walk->cursor == '\\')
            walk->cursor++;
    }
    walk->cursor++;
}

static void skip_scalar(struct walk *walk)
{
    if (*walk->cursor == '"') {
        skip_string(walk);
        return;
    }
    while (walk->cursor < walk->end && !strchr(",]} \t\r\n", *walk->cursor))
        walk->cursor++;
}

static void walk_value(struct walk *walk, const char *name)
{
    skip_space(walk);
    if (walk->value || walk->cursor >= walk->end)
        return;
    if (walk->left-- == 0) {
        walk->name = name;
        walk->value = walk->cursor;
        return;
    }
    char open = *walk->cursor;
    if (open != '{' && open != '[') {
        skip_scalar(walk);
        return;
    }
    walk->cursor++;
    for (;;) {
        skip_space(walk);
        if (walk->cursor >= walk->end)
            return;
        if (*walk->cursor == '}' || *walk->cursor == ']') {
            walk->cursor++;
            return;
        }
        if (*walk->cursor == ',') {
            walk->cursor++;
            continue;
        }
        const char *member = NULL;
        if (open == '{') {
            member = walk->cursor;
            skip_string(walk);
            skip_space(walk);
            walk->cursor++; /* the colon */
        }
        walk_value(walk, member);
        if (walk->value)
            return;
    }
}

/* How many nodes come before `wanted` in the tree; true where it was found. */
static bool count_before(const cJSON *node, const cJSON *wanted, uint64_t *count)
{
    if (node == wanted)
        return true;
    ++*count;
    for (const cJSON *child = node->child; child; child = child->next) {
        if (count_before(child, wanted, count))
            return true;
    }
    return false;
}

static void place_of(const struct sim_document *document, const char *at, uint32_t *line,
                     uint32_t *column)
{
    *line = 1;
    *column = 1;
    for (const char *c = document->text; c < at; c++) {
        if (*c == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)*c & 0xc0) != 0x80) {
            ++*column; /* characters, not bytes */
        }
    }
}

static const char *find(const struct sim_document *document, const cJSON *node,
                        enum sim_place place)
{
    struct walk walk = {.cursor = document->text, .end = document->text + document->bytes};
    if (!count_before(document->root, node, &walk.left))
        return document->text;
    if (document->bytes >= 3 && memcmp(walk.cursor, "\xef\xbb\xbf", 3) == 0)
        walk.cursor += 3;
    walk_value(&walk, NULL);
    if (!walk.value)
        return document->text;
    return place == SIM_AT_NAME && walk.name ? walk.name : walk.value;
}

static bool path_of(struct sim_arena *arena, const cJSON *from, const cJSON *wanted,
                    const char *prefix, const char **path)
{
    if (from == wanted) {
        *path = prefix;
        return true;
    }
    uint32_t index = 0;
    for (const cJSON *child = from->child; child; child = child->next, index++) {
        const char *deeper = cJSON_IsArray(from)
                                 ? sim_arena_print(arena, "%s[%u]", prefix, index)
                                 : sim_arena_print(arena, "%s%s%s", prefix, *prefix ? "." : "",
                                                   child->string ? child->string : "");
        if (path_of(arena, child, wanted, deeper, path))
            return true;
    }
    return false;
}

/* ---- Problems -------------------------------------------------------------------------------- */

static void add_problem(struct sim_document *document, const char *at, const char *text)
{
    struct sim_problem problem = {.text = text};
    if (at)
        place_of(document, at, &problem.line, &problem.column);
    for (uint32_t i = 0; i < document->problem_count; i++) {
        const struct sim_problem *other = &document->problems[i];
        if (other->line == problem.line && other->column == problem.column &&
            strcmp(other->text, text) == 0)
            return;
    }
    if (document->problem_count == SIM_PROBLEMS_MAX)
        document->problems_left_out++;
    else
        document->problems[document->problem_count++] = problem;
}

void sim_complain(struct sim_document *document, const cJSON *node, enum sim_place place,
                  const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *path = "";
    path_of(document->arena, document->root, node, "", &path);
    add_problem(document, find(document, node, place),
                sim_arena_print(document->arena, "%s%s%s", path, *path ? ": " : "", text));
}

uint32_t sim_document_line(const struct sim_document *document, const cJSON *node)
{
    uint32_t line, column;
    place_of(document, find(document, node, SIM_AT_VALUE), &line, &column);
    return line;
}

static int by_place(const void *one, const void *other)
{
    const struct sim_problem *a = one, *b = other;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return strcmp(a->text, b->text);
}

void sim_document_print_problems(struct sim_document *document, FILE *out)
{
    qsort(document->problems, document->problem_count, sizeof *document->problems, by_place);
    for (uint32_t i = 0; i < document->problem_count; i++) {
        const struct sim_problem *problem = &document->problems[i];
        if (problem->line == 0)
            fprintf(out, "%s: %s\n", document->path, problem->text);
        else
            fprintf(out, "%s:%u:%u: %s\n", document->path, problem->line, problem->column,
                    problem->text);
    }
    if (document->problems_left_out > 0)
        fprintf(out, "%s: and %u more\n", document->path, document->problems_left_out);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* False, with a problem, where JSON's reader understood something else than what stands there. */
static bool is_read_as_written(struct sim_document *document)
{
    const char *expected;
    uint32_t bytes;
    const char *at = sim_json_flaw(document->text, &expected, &bytes);
    if (!at)
        return true;
    add_problem(document, at,
                sim_arena_print(document->arena, "expected %s, found \"%.*s\"", expected,
                                (int)(bytes < 80 ? bytes : 80), at));
    return false;
}

static void complain_of_twins(struct sim_document *document, const cJSON *node)
{
    for (const cJSON *child = node->child; child; child = child->next) {
        if (cJSON_IsObject(node) && sim_json_is_twin(node, child))
            sim_complain(document, child, SIM_AT_NAME,
                         "expected each member once, found \"%s\" again", child->string);
        complain_of_twins(document, child);
    }
}

bool sim_document_parse(struct sim_document *document, struct sim_arena *arena, const char *path,
                        const char *text, size_t bytes)
{
    memset(document, 0, sizeof *document);
    document->arena = arena;
    document->path = sim_arena_text(arena, path, strlen(path));
    document->text = sim_arena_text(arena, text, bytes);
    document->bytes = bytes;
    const char *stopped = NULL;
    if (strlen(document->text) == bytes)
        document->root = cJSON_ParseWithOpts(document->text, &stopped, true);
    else
        stopped = document->text + strlen(document->text); /* a NUL byte */
    if (!document->root) {
        if (!stopped || stopped < document->text || stopped > document->text + bytes)
            stopped = document->text;
        int shown = (int)strcspn(stopped, "\r\n");
        add_problem(document, stopped,
                    !*stopped    ? "expected JSON, found the end of the file"
                    : shown == 0 ? "expected JSON, found the end of the line"
                                 : sim_arena_print(arena, "expected JSON, found \"%.*s\"",
                                                   shown < 24 ? shown : 24, stopped));
        return false;
    }
    if (!is_read_as_written(document)) {
        sim_document_close(document);
        return false;
    }
    complain_of_twins(document, document->root);
    return true;
}

bool sim_document_read(struct sim_document *document, struct sim_arena *arena, const char *path)
{
    memset(document, 0, sizeof *document);
    document->arena = arena;
    document->path = sim_arena_text(arena, path, strlen(path));
    FILE *file = fopen(path, "rb");
    if (!file) {
        add_problem(document, NULL, sim_arena_print(arena, "cannot be read: %s", strerror(errno)));
        return false;
    }
    size_t bytes = 0, room = (size_t)64 * 1024;
    char *text = malloc(room);
    while (text) {
        bytes += fread(text + bytes, 1, room - bytes, file);
        if (bytes < room)
            break;
        char *larger = realloc(text, room * 2);
        if (!larger)
            free(text);
        text = larger;
        room *= 2;
    }
    bool failed = !text || ferror(file);
    fclose(file);
    bool parsed = false;
    if (failed)
        add_problem(document, NULL, "cannot be read");
    else
        parsed = sim_document_parse(document, arena, path, text, bytes);
    free(text);
    return parsed;
}

void sim_document_close(struct sim_document *document)
{
    cJSON_Delete(document->root);
    document->root = NULL;
}
