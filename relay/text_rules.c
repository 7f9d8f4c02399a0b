#include "text_rules.h"

#include "text_file.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

static bool is_graphic(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at <= ' ' || *at >= 0x7f)
            return false;
    }
    return true;
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return has;
}

/* A parsed URL that is http or https; NULL for anything else. */
static CURLU *parse_url(const char *text, bool *https)
{
    CURLU *url = curl_url();
    if (url == NULL)
        return NULL;
    *https = strncasecmp(text, "https://", 8) == 0;
    bool http = strncasecmp(text, "http://", 7) == 0;
    if ((*https || http) && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK)
        return url;
    curl_url_cleanup(url);
    return NULL;
}

const char *rd_url_wrong(const char *text)
{
    static const char form[] = "http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH], without "
                               "user, password, query or fragment";
    bool https;
    CURLU *url = is_graphic(text) ? parse_url(text, &https) : NULL;
    if (url == NULL)
        return form;
    bool more = has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD) ||
                has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT);
    curl_url_cleanup(url);
    return more ? form : NULL;
}

bool rd_url_host(const char *text, char *host, size_t room, bool *https)
{
    char *found = NULL;
    CURLU *url = parse_url(text, https);
    if (url == NULL)
        return false;
    bool ok = curl_url_get(url, CURLUPART_HOST, &found, 0) == CURLUE_OK && strlen(found) < room;
    if (ok) {
        size_t size = strlen(found);
        bool brackets = size >= 2 && found[0] == '[' && found[size - 1] == ']';
        memcpy(host, found + brackets, size - 2 * (size_t)brackets);
        host[size - 2 * (size_t)brackets] = '\0';
    }
    curl_free(found);
    curl_url_cleanup(url);
    return ok;
}

const char *rd_token_wrong(const char *text)
{
    return is_graphic(text) ? NULL : "printable ASCII characters without blanks";
}

const char *rd_relay_id_wrong(const char *text)
{
    return is_graphic(text) ? NULL : "1 to 256 printable ASCII characters without blanks";
}

const char *rd_words_wrong(const char *text)
{
    return rd_text_is_clean(text, strlen(text)) ? NULL : "UTF-8 without control characters";
}

const char *rd_user_wrong(const char *text)
{
    return text[0] != '\0' && is_graphic(text) ? NULL : "the name of a user";
}
