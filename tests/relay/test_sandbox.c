#include "child.h"
#include "sandbox.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int status_of(void (*child_does)(void))
{
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        child_does();
        _exit(0);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}
#define HOLDS(child_does) cr_expect_eq(status_of(child_does), 0)

/* All of this needs power to give up. */
static void need_root(void)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");
}

/* The value of one line of /proc/self/status, as hexadecimal. */
static uint64_t status_line(const char *name)
{
    FILE *file = fopen("/proc/self/status", "re");
    MUST(file != NULL);
    char line[256];
    uint64_t value = UINT64_MAX;
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtoull(line + strlen(name), NULL, 16);
    (void)fclose(file);
    return value;
}

static void drop_to_nobody(void)
{
    struct rd_error error = {.text = "none"};
    if (!rd_sandbox_drop("nobody", &error)) {
        (void)dprintf(2, "%s\n", error.text);
        _exit(1);
    }
}

static void becomes_nobody(void)
{
    const struct passwd *nobody = getpwnam("nobody");
    MUST(nobody != NULL);
    uid_t uid = nobody->pw_uid;
    gid_t gid = nobody->pw_gid;
    const gid_t groups[] = {0, 4};
    MUST(setgroups(2, groups) == 0);
    drop_to_nobody();
    uid_t real, effective, saved;
    MUST(getresuid(&real, &effective, &saved) == 0);
    MUST(real == uid && effective == uid && saved == uid);
    gid_t real_gid, effective_gid, saved_gid;
    MUST(getresgid(&real_gid, &effective_gid, &saved_gid) == 0);
    MUST(real_gid == gid && effective_gid == gid && saved_gid == gid);
    gid_t now[16];
    int count = getgroups(16, now);
    for (int i = 0; i < count; i++)
        MUST(now[i] != 0 && now[i] != 4);
    MUST(setuid(0) != 0 && setgid(0) != 0 && setgroups(0, NULL) != 0);
}

static void is_without_power(void)
{
    drop_to_nobody();
    MUST(status_line("CapEff:") == 0);
    MUST(status_line("CapPrm:") == 0);
    MUST(status_line("CapInh:") == 0);
    MUST(status_line("CapAmb:") == 0);
    MUST(status_line("CapBnd:") == 0);
    MUST(status_line("NoNewPrivs:") == 1);
#ifndef __SANITIZE_ADDRESS__
    MUST(prctl(PR_GET_DUMPABLE) == 0);
#endif
    MUST(open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
}

Test(sandbox, root_becomes_another_user_for_good)
{
    need_root();
    HOLDS(becomes_nobody);
}

Test(sandbox, no_capability_is_left_anywhere)
{
    need_root();
    HOLDS(is_without_power);
}

/* A service manager may start us as an ordinary user who may bind low ports. */
static void ambient_is_dropped(void)
{
    const struct passwd *nobody = getpwnam("nobody");
    MUST(nobody != NULL && prctl(PR_SET_KEEPCAPS, 1) == 0);
    MUST(setresuid(nobody->pw_uid, nobody->pw_uid, nobody->pw_uid) == 0);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    uint32_t bit = 1U << CAP_NET_BIND_SERVICE;
    const struct __user_cap_data_struct words[2] = {{bit, bit, bit}, {0, 0, 0}};
    MUST(syscall(SYS_capset, &header, words) == 0);
    MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) == 0);
    MUST(status_line("CapAmb:") == bit && status_line("CapEff:") == bit);
    MUST(rd_sandbox_drop("", NULL));
    MUST(status_line("CapAmb:") == 0 && status_line("CapEff:") == 0);
    MUST(status_line("CapPrm:") == 0 && status_line("CapInh:") == 0);
    MUST(getuid() == nobody->pw_uid);
}

Test(sandbox, a_capability_given_to_an_ordinary_user_is_dropped)
{
    need_root();
    HOLDS(ambient_is_dropped);
}

static void drops_twice(void)
{
    drop_to_nobody();
    MUST(rd_sandbox_drop("", NULL)); /* an ordinary user needs no name */
    MUST(rd_sandbox_drop("root", NULL) && getuid() != 0);
}

Test(sandbox, an_ordinary_user_stays_who_he_is)
{
    need_root();
    HOLDS(drops_twice);
}

static bool refused(const char *user, const char *says)
{
    struct rd_error error = {.text = ""};
    return !rd_sandbox_drop(user, &error) && strstr(error.text, says) != NULL && getuid() == 0;
}

static void refuses_to_stay_root(void)
{
    MUST(refused("", "--user"));
    MUST(refused("root", "is root"));
    MUST(refused("no-such-user-here", "no such user"));
}

Test(sandbox, root_must_become_somebody_else)
{
    need_root();
    HOLDS(refuses_to_stay_root);
}

/* A container that runs as root with all capabilities dropped: there is no way to another user. */
static void is_stuck_as_root(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    MUST(syscall(SYS_capset, &header, none) == 0);
    MUST(refused("nobody", "cannot become user \"nobody\""));
}

Test(sandbox, root_that_cannot_change_is_an_error)
{
    need_root();
    HOLDS(is_stuck_as_root);
}
