#include "master_http.h"

#include "master_json.h"
#include "text_rules.h"

#include <assert.h>
#include <curl/curl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The header lines of an answer have the same bound as its body. */
#define HEADER_BYTES_MAX RD_MASTER_ANSWER_BYTES_MAX

/* Half of what a whole request may take, so that the log can tell the one from the other. */
#define CONNECT_TIMEOUT_MS ((long)(WR_MASTER_TIMEOUT_NS / WR_MS / 2))
#define TOTAL_TIMEOUT_MS   ((long)(WR_MASTER_TIMEOUT_NS / WR_MS))

struct channel {
    CURL *easy;
    uint64_t id; /* 0: idle */
    enum wr_master_request_kind kind;
    CURLcode refused; /* it could not even be started */
    bool too_long;
    size_t body_bytes;
    size_t header_bytes;
    char error[CURL_ERROR_SIZE];
    uint8_t body[RD_MASTER_ANSWER_BYTES_MAX];
};

struct rd_master_http {
    CURLM *multi;
    struct curl_slist *post_headers;
    struct curl_slist *get_headers;
    char *urls[3]; /* by enum wr_master_request_kind */
    struct channel channels[RD_MASTER_CHANNELS];
};

/* ---- Setting up ------------------------------------------------------------------------------ */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void start_curl(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool append_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer == NULL)
        return false;
    *list = longer;
    return true;
}

static bool append_token(struct rd_master_http *http, const char *token)
{
    char *line;
    if (token[0] == '\0')
        return true;
    if (asprintf(&line, "Authorization: Bearer %s", token) < 0)
        return false;
    bool appended =
        append_header(&http->post_headers, line) && append_header(&http->get_headers, line);
    free(line);
    return appended;
}

/* "Expect:" switches off a round trip that no master needs. */
static bool make_headers(struct rd_master_http *http, const char *token)
{
    return append_header(&http->post_headers, "Content-Type: application/json") &&
           append_header(&http->post_headers, "Accept: application/json") &&
           append_header(&http->post_headers, "Expect:") &&
           append_header(&http->get_headers, "Accept: application/json") &&
           append_token(http, token);
}

static bool make_urls(struct rd_master_http *http, const char *url)
{
    static const char *const paths[] = {
        [WR_MASTER_REGISTER] = "/v1/relays/register",
        [WR_MASTER_HEARTBEAT] = "/v1/relays/heartbeat",
        [WR_MASTER_KEY] = "/.well-known/wavry-id",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (asprintf(&http->urls[i], "%s%s", url, paths[i]) < 0) {
            http->urls[i] = NULL;
            return false;
        }
    }
    return true;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct channel *channel = context;
    size_t more = size * count;
    if (more > sizeof channel->body - channel->body_bytes) {
        channel->too_long = true;
        return 0;
    }
    memcpy(channel->body + channel->body_bytes, bytes, more);
    channel->body_bytes += more;
    return more;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    struct channel *channel = context;
    (void)bytes;
    channel->header_bytes += size * count;
    channel->too_long = channel->too_long || channel->header_bytes > HEADER_BYTES_MAX;
    return channel->too_long ? 0 : size * count;
}

/* The places where OpenSSL and the curl program look for certificates, too: libcurl itself reads
 * no environment. Without any of them the distribution's own certificates are trusted. */
static bool set_certificates(CURL *easy)
{
    const char *bundle = getenv("CURL_CA_BUNDLE");
    const char *file = bundle != NULL && bundle[0] != '\0' ? bundle : getenv("SSL_CERT_FILE");
    const char *folder = getenv("SSL_CERT_DIR");
    if (file != NULL && file[0] != '\0' && curl_easy_setopt(easy, CURLOPT_CAINFO, file) != CURLE_OK)
        return false;
    return folder == NULL || folder[0] == '\0' ||
           curl_easy_setopt(easy, CURLOPT_CAPATH, folder) == CURLE_OK;
}

/* Nothing but plain HTTP/1.1 to the host that the operator named: no redirects, no proxy that some
 * environment variable asks for, no cookies, no .netrc. */
static bool set_manners(CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "wavry-relay/" WAVRY_VERSION) == CURLE_OK;
}

/* NOSIGNAL: a thread among others. QUICK_EXIT: a name server that hangs holds up nobody. */
static bool set_limits(CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TOTAL_TIMEOUT_MS) == CURLE_OK;
}

static bool set_tls(CURL *easy)
{
    return curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           set_certificates(easy);
}

static bool open_channel(struct channel *channel, struct curl_slist *headers)
{
    CURL *easy = channel->easy = curl_easy_init();
    return easy != NULL && set_manners(easy) && set_limits(easy) && set_tls(easy) &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, channel->error) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, channel) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, channel) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, channel) == CURLE_OK;
}

struct rd_master_http *rd_master_http_create(const char *url, const char *token,
                                             struct rd_error *error)
{
    pthread_once(&curl_once, start_curl);
    if (curl_ready != CURLE_OK) {
        rd_fail(error, "libcurl could not be set up: %s", curl_easy_strerror(curl_ready));
        return NULL;
    }
    if (strpbrk(token, "\r\n") != NULL) {
        rd_fail(error, "--master-auth-token: has a line break in it");
        return NULL;
    }
    const char *wrong = rd_url_wrong(url);
    if (wrong != NULL) { /* which is not repeated: it may hold a password */
        rd_fail(error, "--master-url: expected %s", wrong);
        return NULL;
    }
    struct rd_master_http *http = calloc(1, sizeof *http);
    if (http == NULL || (http->multi = curl_multi_init()) == NULL || !make_headers(http, token) ||
        !make_urls(http, url) ||
        !open_channel(&http->channels[RD_MASTER_CONTACT], http->post_headers) ||
        !open_channel(&http->channels[RD_MASTER_KEYS], http->get_headers)) {
        rd_fail(error, "libcurl could not be set up for the master");
        rd_master_http_destroy(http);
        return NULL;
    }
    return http;
}

void rd_master_http_destroy(struct rd_master_http *http)
{
    if (http == NULL)
        return;
    for (size_t i = 0; i < RD_MASTER_CHANNELS; i++) {
        if (http->channels[i].id != 0)
            curl_multi_remove_handle(http->multi, http->channels[i].easy);
        curl_easy_cleanup(http->channels[i].easy);
    }
    curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->post_headers);
    curl_slist_free_all(http->get_headers);
    for (size_t i = 0; i < sizeof http->urls / sizeof *http->urls; i++)
        free(http->urls[i]);
    free(http);
}

/* ---- Exchanges ------------------------------------------------------------------------------- */

/* Only a key fetch has no body: where another one has none, there was no memory for it. */
static CURLcode prepare(struct channel *channel, const char *url, const char *body)
{
    CURLcode code = curl_easy_setopt(channel->easy, CURLOPT_URL, url);
    if (code != CURLE_OK || channel->kind == WR_MASTER_KEY)
        return code;
    if (body == NULL)
        return CURLE_OUT_OF_MEMORY;
    code = curl_easy_setopt(channel->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
    return code != CURLE_OK ? code : curl_easy_setopt(channel->easy, CURLOPT_COPYPOSTFIELDS, body);
}

void rd_master_http_send(struct rd_master_http *http, const struct wr_master_request *request,
                         const char *body)
{
    struct channel *channel = &http->channels[rd_master_channel_of(request->kind)];
    assert(channel->id == 0);
    channel->id = request->id;
    channel->kind = request->kind;
    channel->too_long = false;
    channel->body_bytes = 0;
    channel->header_bytes = 0;
    channel->error[0] = '\0';
    channel->refused = prepare(channel, http->urls[request->kind], body);
    if (channel->refused == CURLE_OK &&
        curl_multi_add_handle(http->multi, channel->easy) != CURLM_OK)
        channel->refused = CURLE_OUT_OF_MEMORY;
    if (channel->refused != CURLE_OK)
        rd_master_http_wake(http);
}

uint64_t rd_master_http_in_flight(const struct rd_master_http *http, enum rd_master_channel channel)
{
    return http->channels[channel].id;
}

static enum wr_master_status status_of(long http_status)
{
    switch (http_status) {
    case 200:
        return WR_MASTER_OK;
    case 400:
        return WR_MASTER_BAD_REQUEST;
    case 401:
        return WR_MASTER_UNAUTHORIZED;
    case 403:
        return WR_MASTER_FORBIDDEN;
    case 404:
        return WR_MASTER_NOT_FOUND;
    default:
        return WR_MASTER_OTHER;
    }
}

/* A status counts when the whole answer came, or we cut it because of its length; what broke on its
 * way is no answer. */
static enum wr_master_status judge(const struct channel *channel, CURLcode code, long http_status)
{
    if (channel->too_long)
        return http_status == 200 ? WR_MASTER_GARBAGE : status_of(http_status);
    if (code == CURLE_OK)
        return status_of(http_status);
    return code == CURLE_OPERATION_TIMEDOUT ? WR_MASTER_TIMED_OUT : WR_MASTER_UNREACHABLE;
}

static void describe(const struct channel *channel, CURLcode code, struct rd_master_outcome *out)
{
    const char *words = "";
    if (channel->too_long)
        words = "the answer is too long";
    else if (code != CURLE_OK)
        words = channel->error[0] != '\0' ? channel->error : curl_easy_strerror(code);
    (void)snprintf(out->error, sizeof out->error, "%s", words);
}

static void conclude(struct channel *channel, CURLcode code, struct rd_master_outcome *out)
{
    *out = (struct rd_master_outcome){.id = channel->id, .kind = channel->kind};
    curl_easy_getinfo(channel->easy, CURLINFO_RESPONSE_CODE, &out->http_status);
    out->answer.status = judge(channel, code, out->http_status);
    describe(channel, code, out);
    if (out->answer.status == WR_MASTER_OK)
        rd_master_read_answer(channel->kind, channel->body, channel->body_bytes, &out->answer);
    channel->id = 0;
}

void rd_master_http_give_up(struct rd_master_http *http, enum rd_master_channel which,
                            struct rd_master_outcome *out)
{
    struct channel *channel = &http->channels[which];
    if (channel->refused == CURLE_OK)
        curl_multi_remove_handle(http->multi, channel->easy);
    channel->too_long = false;
    conclude(channel, CURLE_OPERATION_TIMEDOUT, out);
}

/* An exchange that could not be started ends like one that found no master. */
static bool take_refused(struct rd_master_http *http, struct rd_master_outcome *out)
{
    for (size_t i = 0; i < RD_MASTER_CHANNELS; i++) {
        struct channel *channel = &http->channels[i];
        if (channel->id != 0 && channel->refused != CURLE_OK) {
            conclude(channel, channel->refused, out);
            return true;
        }
    }
    return false;
}

bool rd_master_http_next(struct rd_master_http *http, struct rd_master_outcome *out)
{
    int running, left;
    if (take_refused(http, out))
        return true;
    curl_multi_perform(http->multi, &running);
    for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        struct channel *channel = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &channel);
        curl_multi_remove_handle(http->multi, channel->easy); /* the message ends here */
        conclude(channel, code, out);
        return true;
    }
    return false;
}

void rd_master_http_wait(struct rd_master_http *http, uint64_t timeout_ns)
{
    uint64_t ms = timeout_ns / WR_MS + (timeout_ns % WR_MS != 0);
    curl_multi_poll(http->multi, NULL, 0, ms > INT_MAX ? INT_MAX : (int)ms, NULL);
}

void rd_master_http_wake(struct rd_master_http *http)
{
    curl_multi_wakeup(http->multi);
}
