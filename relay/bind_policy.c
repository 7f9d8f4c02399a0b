#include "bind_policy.h"

#include "address.h"
#include "address_kind.h"
#include "option_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool rd_variable_is_true(const char *name)
{
    const char *text = getenv(name);
    char word[8] = "";
    bool value = false;
    if (text == NULL)
        return false;
    text += strspn(text, " \t\r\n");
    size_t bytes = strcspn(text, " \t\r\n");
    if (bytes >= sizeof word || text[bytes + strspn(text + bytes, " \t\r\n")] != '\0')
        return false;
    memcpy(word, text, bytes);
    return rd_bool_parse(word, &value) && value;
}

static bool exists_below(const char *root, const char *path)
{
    char whole[4096];
    int bytes = snprintf(whole, sizeof whole, "%s%s", root, path);
    return bytes < (int)sizeof whole && access(whole, F_OK) == 0;
}

struct rd_bind_facts rd_bind_facts_gather(const char *root)
{
    return (struct rd_bind_facts){
        .public_allowed = rd_variable_is_true("WAVRY_RELAY_ALLOW_PUBLIC_BIND"),
        .host_allowed = rd_variable_is_true("WAVRY_RELAY_ALLOW_HOST_PROD_BIND"),
        .in_container = exists_below(root, "/.dockerenv") ||
                        exists_below(root, "/run/.containerenv") || getenv("container") != NULL,
    };
}

bool rd_bind_allowed(const struct rd_bind_facts *facts, const char *option,
                     const struct wr_address *address, struct rd_error *error)
{
    char text[WR_ADDRESS_TEXT_BYTES];
    if (rd_address_is_loopback(address))
        return true;
    (void)wr_address_format(address, text);
    if (!facts->public_allowed)
        return rd_fail(error,
                       "--%s: %s can be reached from other machines, and nobody said that it may: "
                       "set WAVRY_RELAY_ALLOW_PUBLIC_BIND=1%s, or listen on 127.0.0.1",
                       option, text,
                       facts->in_container || facts->host_allowed
                           ? ""
                           : " and, as this is no container, WAVRY_RELAY_ALLOW_HOST_PROD_BIND=1");
    if (!facts->in_container && !facts->host_allowed)
        return rd_fail(error,
                       "--%s: %s can be reached from other machines, and this is no container, "
                       "which would fence the relay in: set WAVRY_RELAY_ALLOW_HOST_PROD_BIND=1 to "
                       "run it on the host all the same, or listen on 127.0.0.1",
                       option, text);
    return true;
}
