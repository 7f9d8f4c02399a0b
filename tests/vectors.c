#include "vectors.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cJSON *vectors_load(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", WAVRY_TEST_DATA, name);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    cr_assert_gt(size, 0);
    char *text = malloc((size_t)size + 1);
    cr_assert_eq(fread(text, 1, (size_t)size, file), (size_t)size);
    text[size] = '\0';
    fclose(file);
    cJSON *parsed = cJSON_Parse(text);
    free(text);
    cr_assert_not_null(parsed, "%s is not JSON", path);
    return parsed;
}

const cJSON *vectors_cases(const cJSON *file, const char *member)
{
    const cJSON *cases = cJSON_GetObjectItemCaseSensitive(file, member);
    cr_assert(cJSON_IsArray(cases) && cJSON_GetArraySize(cases) > 0, "no %s", member);
    return cases;
}

const char *vectors_string(const cJSON *object, const char *member)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, member);
    cr_assert(cJSON_IsString(item), "no text %s", member);
    return item->valuestring;
}

uint64_t vectors_number(const cJSON *object, const char *member)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, member);
    cr_assert(cJSON_IsNumber(item), "no number %s", member);
    return (uint64_t)item->valuedouble;
}

size_t vectors_hex(const char *hex, uint8_t *out, size_t capacity)
{
    size_t bytes = strlen(hex) / 2;
    cr_assert(strlen(hex) % 2 == 0 && bytes <= capacity);
    for (size_t i = 0; i < bytes; i++) {
        unsigned value;
        cr_assert_eq(sscanf(hex + 2 * i, "%2x", &value), 1);
        out[i] = (uint8_t)value;
    }
    return bytes;
}
