#include "notify.h"
#include "sandbox.h"

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A service manager: a datagram socket at a path, or, with '@', an abstract name. */
static int manager_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    cr_assert_lt(length, sizeof address.sun_path);
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, bytes), 0);
    cr_assert_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
    return fd;
}

/* Datagrams of AF_UNIX are there when send returns: nothing to wait for. */
static const char *heard(int fd)
{
    static char text[256];
    ssize_t size = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    text[size > 0 ? size : 0] = '\0';
    return size >= 0 ? text : "(nothing)";
}

Test(notify, a_state_reaches_the_socket_at_a_path_whole)
{
    char folder[] = "/tmp/wavry-notify-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    char path[64];
    (void)snprintf(path, sizeof path, "%s/socket", folder);
    int manager = manager_at(path);
    rd_notify_open();
    /* Connected from then on, whoever we become. */
    cr_expect_eq(unlink(path), 0);
    cr_expect_eq(rmdir(folder), 0);
    rd_notify("READY=1\nSTATUS=serving");
    cr_expect_str_eq(heard(manager), "READY=1\nSTATUS=serving");
    rd_notify("STOPPING=1");
    cr_expect_str_eq(heard(manager), "STOPPING=1");
}

Test(notify, a_state_reaches_an_abstract_socket)
{
    char name[64];
    (void)snprintf(name, sizeof name, "@wavry-notify-%d", (int)getpid());
    int manager = manager_at(name);
    rd_notify_open();
    rd_notify("READY=1");
    cr_expect_str_eq(heard(manager), "READY=1");
}

Test(notify, it_works_behind_the_system_call_filter)
{
    char name[64];
    (void)snprintf(name, sizeof name, "@wavry-notify-f-%d", (int)getpid());
    int manager = manager_at(name);
    int ready[2];
    cr_assert_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        rd_notify_open();
        struct rd_error error;
        bool filtered = rd_sandbox_filter(&error);
        rd_notify("READY=1");
        (void)!write(ready[1], "", 1);
        _exit(filtered ? 0 : 1);
    }
    char byte;
    (void)close(ready[1]);
    cr_expect_eq(read(ready[0], &byte, 1), 1);
    cr_expect_str_eq(heard(manager), "READY=1");
}

Test(notify, without_a_manager_nothing_happens)
{
    (void)unsetenv("NOTIFY_SOCKET");
    rd_notify_open();
    rd_notify("READY=1");
    (void)setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
    rd_notify_open();
    rd_notify("READY=1");
    (void)setenv("NOTIFY_SOCKET", "relative", 1);
    rd_notify_open();
    rd_notify("READY=1");
}

Test(notify, a_name_is_never_cut_to_fit)
{
    /* sun_path holds 108 bytes: 107 of a path, or 107 behind the '@'. */
    char name[110];
    memset(name, 'n', sizeof name);
    (void)snprintf(name, sizeof name, "@wavry-%d", (int)getpid());
    name[strlen(name)] = 'n';
    name[107] = '\0';
    int manager = manager_at(name);
    rd_notify_open();
    rd_notify("READY=1");
    cr_expect_str_eq(heard(manager), "READY=1");
    name[107] = 'n';
    name[108] = '\0';
    (void)setenv("NOTIFY_SOCKET", name, 1);
    rd_notify_open();
    rd_notify("READY=1");
    cr_expect_str_eq(heard(manager), "(nothing)");
}

Test(notify, a_manager_that_does_not_read_stops_nobody)
{
    char name[64];
    (void)snprintf(name, sizeof name, "@wavry-notify-q-%d", (int)getpid());
    int manager = manager_at(name);
    rd_notify_open();
    for (int i = 0; i < 100000; i++)
        rd_notify("STATUS=again");
    int count = 0;
    while (strcmp(heard(manager), "STATUS=again") == 0)
        count++;
    cr_expect_gt(count, 0);
    cr_expect_lt(count, 100000, "the queue was never full: this shows nothing");
}
