#include "notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int notify_fd = -1;

/* "/path" or "@abstract"; the name must fit whole, a cut one would be another socket. */
static socklen_t manager_address(const char *name, struct sockaddr_un *out)
{
    size_t length = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof out->sun_path)
        return 0;
    memset(out, 0, sizeof *out);
    out->sun_family = AF_UNIX;
    memcpy(out->sun_path, name, length);
    if (name[0] == '@')
        out->sun_path[0] = '\0'; /* abstract: the length ends the name, no NUL belongs to it */
    else
        length++;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

void rd_notify_open(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un manager;
    socklen_t bytes = name != NULL ? manager_address(name, &manager) : 0;
    if (notify_fd >= 0)
        (void)close(notify_fd);
    notify_fd = -1;
    if (bytes == 0)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* Connected now: the path may be out of reach for the user that we become. */
    if (connect(fd, (const struct sockaddr *)&manager, bytes) != 0) {
        (void)close(fd);
        return;
    }
    notify_fd = fd;
}

void rd_notify(const char *state)
{
    /* A manager that does not listen costs us nothing, and a full queue makes nobody wait. */
    if (notify_fd >= 0)
        (void)send(notify_fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT);
}
