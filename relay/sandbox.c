#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* The kernel's own calls: glibc has no wrapper, and two words of 32 bits are all there is to it. */
static bool read_capabilities(struct __user_cap_data_struct words[2])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capget, &header, words) == 0;
}

static bool write_no_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[2] = {{0}};
    return syscall(SYS_capset, &header, none) == 0;
}

static bool has_none(const struct __user_cap_data_struct words[2])
{
    uint32_t any = 0;
    for (int i = 0; i < 2; i++)
        any |= words[i].effective | words[i].permitted | words[i].inheritable;
    return any == 0;
}

/* What an exec could win back. Only who has CAP_SETPCAP may empty it; for everybody else
 * no_new_privs says the same. */
static bool empty_bounding_set(struct rd_error *error)
{
    struct __user_cap_data_struct words[2];
    if (!read_capabilities(words))
        return rd_fail(error, "cannot read the process's capabilities: %s", strerror(errno));
    if ((words[0].effective & (1U << CAP_SETPCAP)) == 0)
        return true;
    /* Ends at the first number that this kernel does not know. */
    for (unsigned long number = 0; prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++)
        if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0)
            return rd_fail(error, "cannot drop capability %lu from the bounding set: %s", number,
                           strerror(errno));
    return true;
}

static bool find_user(const char *name, uid_t *uid, gid_t *gid, struct rd_error *error)
{
    if (name == NULL || name[0] == '\0')
        return rd_fail(error, "started as root: name the user to become (--user), or start as "
                              "another user");
    errno = 0;
    const struct passwd *entry = getpwnam(name); /* no threads yet */
    if (entry == NULL)
        return rd_fail(error, "user \"%s\": %s", name,
                       errno != 0 ? strerror(errno) : "there is no such user on this system");
    if (entry->pw_uid == 0 || entry->pw_gid == 0)
        return rd_fail(error, "user \"%s\" is root or of its group: name one without power", name);
    *uid = entry->pw_uid;
    *gid = entry->pw_gid;
    return true;
}

static bool become(const char *name, uid_t uid, gid_t gid, struct rd_error *error)
{
    /* The user last: it is what allows the others. */
    if (initgroups(name, gid) != 0 || setresgid(gid, gid, gid) != 0 ||
        setresuid(uid, uid, uid) != 0)
        return rd_fail(error, "cannot become user \"%s\" (uid %u, gid %u): %s", name, (unsigned)uid,
                       (unsigned)gid, strerror(errno));
    return true;
}

static bool give_up_the_rest(struct rd_error *error)
{
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
        return rd_fail(error, "cannot clear the ambient capabilities: %s", strerror(errno));
    /* Not asked for where there is nothing to drop: a service manager's own filter may refuse it.
     */
    struct __user_cap_data_struct words[2];
    if (!(read_capabilities(words) && has_none(words)) && !write_no_capabilities())
        return rd_fail(error, "cannot drop the capabilities: %s", strerror(errno));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return rd_fail(error, "cannot set no_new_privs: %s", strerror(errno));
    /* The leak checker of sanitized builds attaches to its own process and needs it on; a change of
     * user has turned it off. */
    if (prctl(PR_SET_DUMPABLE, SANITIZED, 0, 0, 0) != 0)
        return rd_fail(error, "cannot turn core dumps off: %s", strerror(errno));
    return true;
}

/* Trust nothing that was only asked for. */
static bool is_powerless(bool was_root, struct rd_error *error)
{
    struct __user_cap_data_struct words[2];
    if (!read_capabilities(words) || !has_none(words))
        return rd_fail(error, "capabilities are still there after dropping them");
    if (geteuid() == 0 || getuid() == 0)
        return rd_fail(error, "still root after becoming another user");
    if (was_root && (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0))
        return rd_fail(error, "the way back to root is open after becoming another user");
    return true;
}

bool rd_sandbox_drop(const char *user, struct rd_error *error)
{
    bool was_root = geteuid() == 0 || getuid() == 0;
    uid_t uid = 0;
    gid_t gid = 0;
    if (was_root && !find_user(user, &uid, &gid, error))
        return false;
    return empty_bounding_set(error) && (!was_root || become(user, uid, gid, error)) &&
           give_up_the_rest(error) && is_powerless(was_root, error);
}
