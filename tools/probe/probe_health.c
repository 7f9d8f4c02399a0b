#include "probe_health.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_BYTES_MAX 65536

struct answer {
    char text[ANSWER_BYTES_MAX + 1];
    size_t bytes;
};

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    size_t add = size * count;
    if (add > ANSWER_BYTES_MAX - answer->bytes)
        return 0;
    memcpy(answer->text + answer->bytes, bytes, add);
    answer->bytes += add;
    answer->text[answer->bytes] = '\0';
    return add;
}

static void form_url(const char *where, char *url, size_t capacity)
{
    const char *scheme = strstr(where, "://");
    const char *path = strchr(scheme != NULL ? scheme + 3 : where, '/');
    bool has_path = path != NULL && path[1] != '\0';
    size_t bytes = path != NULL && !has_path ? (size_t)(path - where) : strlen(where);
    snprintf(url, capacity, "%s%.*s%s", scheme == NULL ? "http://" : "", (int)bytes, where,
             has_path ? "" : "/health");
}

static bool fetch(const char *url, uint64_t timeout_ms, struct answer *answer,
                  struct probe_error *error)
{
    long status = 0;
    CURL *curl = curl_easy_init();
    if (curl == NULL)
        return probe_fail(error, "libcurl could not be set up");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK)
        return probe_fail(error, "%s: %s", url, curl_easy_strerror(code));
    if (status != 200)
        return probe_fail(error, "%s answers %ld, not 200", url, status);
    return true;
}

static uint64_t number(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 1e15
               ? (uint64_t)item->valuedouble
               : 0;
}

/* As every relay's is, so that it can be shown: whoever answers there may be anybody. */
static bool is_relay_id(const char *text)
{
    const char *at = text;
    while (*at > ' ' && *at < 0x7f)
        at++;
    return at > text && *at == '\0' &&
           (size_t)(at - text) < sizeof((struct probe_health *)NULL)->relay_id;
}

bool probe_health_ask(const char *where, uint64_t timeout_ms, struct probe_health *out,
                      struct probe_error *error)
{
    static struct answer answer;
    char url[1024];
    form_url(where, url, sizeof url);
    answer.bytes = 0;
    answer.text[0] = '\0';
    if (!fetch(url, timeout_ms, &answer, error))
        return false;
    cJSON *json = cJSON_Parse(answer.text);
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(json, "relay_id");
    bool usable = cJSON_IsString(id) && is_relay_id(id->valuestring);
    if (usable) {
        snprintf(out->relay_id, sizeof out->relay_id, "%s", id->valuestring);
        out->ready = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "ready"));
        out->has_master_key =
            cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "has_master_key"));
        out->sessions = number(json, "total_sessions");
        out->max_sessions = number(json, "max_sessions");
    } else {
        probe_fail(error, "%s does not answer as a relay does: no relay_id in it", url);
    }
    cJSON_Delete(json);
    return usable;
}
