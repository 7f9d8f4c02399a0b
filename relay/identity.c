#include "identity.h"

#include "text_file.h"
#include "text_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME      "relay-id"
#define TEMPORARY_NAME ".relay-id.new"

/* A random UUID (RFC 9562 section 5.4). */
static void make_id(char out[WR_RELAY_ID_BYTES_MAX + 1])
{
    uint8_t bytes[16];
    randombytes_buf(bytes, sizeof bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    size_t used = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        used += (size_t)snprintf(out + used, 4, "%s%02x",
                                 i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
}

/* What is made here belongs to the user that the relay becomes. */
static bool give_away(int fd, const char *path, const struct rd_options *options,
                      struct rd_error *error)
{
    if (geteuid() != 0)
        return true;
    const struct passwd *user = getpwnam(options->user);
    if (user == NULL)
        return rd_fail(error, "--user: \"%s\" is no user of this machine", options->user);
    if (fchown(fd, user->pw_uid, user->pw_gid) != 0)
        return rd_fail(error, "%s: cannot be given to the user %s: %s", path, options->user,
                       strerror(errno));
    return true;
}

static int open_directory(const struct rd_options *options, struct rd_error *error)
{
    const char *path = options->state_dir;
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST) {
        (void)rd_fail(error, "--state-dir: %s cannot be made: %s", path, strerror(errno));
        return -1;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        (void)rd_fail(error, "--state-dir: %s cannot be opened: %s", path, strerror(errno));
        return -1;
    }
    /* One that was there already keeps its owner: it may be anybody's. */
    if (made && !give_away(fd, path, options, error)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* Everything or an error. */
static bool write_whole(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, bytes, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        bytes += put;
        size -= (size_t)put;
    }
    return true;
}

static bool write_temporary(int directory, const struct rd_options *options, const char *id,
                            struct rd_error *error)
{
    char line[WR_RELAY_ID_BYTES_MAX + 2];
    (void)snprintf(line, sizeof line, "%s\n", id);
    /* One that a crash left behind is ours to replace; O_EXCL follows no link. */
    (void)unlinkat(directory, TEMPORARY_NAME, 0);
    int fd = openat(directory, TEMPORARY_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return rd_fail(error, "--state-dir: nothing can be written in %s: %s", options->state_dir,
                       strerror(errno));
    bool ok = give_away(fd, TEMPORARY_NAME, options, error);
    if (ok && (!write_whole(fd, line, strlen(line)) || fsync(fd) != 0))
        ok = rd_fail(error, "--state-dir: writing in %s failed: %s", options->state_dir,
                     strerror(errno));
    (void)close(fd);
    return ok;
}

static bool write_id(int directory, const struct rd_options *options, const char *id,
                     struct rd_error *error)
{
    bool ok = write_temporary(directory, options, id, error);
    if (ok &&
        (renameat(directory, TEMPORARY_NAME, directory, FILE_NAME) != 0 || fsync(directory) != 0))
        ok = rd_fail(error, "--state-dir: writing in %s failed: %s", options->state_dir,
                     strerror(errno));
    if (!ok)
        (void)unlinkat(directory, TEMPORARY_NAME, 0);
    return ok;
}

/* The id in the file; an empty `out` where there is no file. */
static bool read_id(int directory, const char *path, char out[WR_RELAY_ID_BYTES_MAX + 1],
                    struct rd_error *error)
{
    char *bytes;
    size_t size;
    out[0] = '\0';
    if (faccessat(directory, FILE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        return true;
    if (!rd_file_read(path, 4096, &bytes, &size, NULL, error))
        return false;
    while (size > 0 && (bytes[size - 1] == '\n' || bytes[size - 1] == '\r'))
        size--;
    bool ok = size > 0 && size <= WR_RELAY_ID_BYTES_MAX && memchr(bytes, '\0', size) == NULL;
    if (ok) {
        memcpy(out, bytes, size);
        out[size] = '\0';
    }
    if (!ok || rd_relay_id_wrong(out) != NULL)
        ok = rd_fail(error,
                     "%s: holds no relay id (1 to 256 printable characters without blanks). Put "
                     "the old one back, or remove the file for a new one, which ends the leases "
                     "made out to the old one",
                     path);
    free(bytes);
    return ok;
}

/* The id in the file of this directory, which may be missing: see read_id. */
static bool read_kept_id(int directory, const struct rd_options *options,
                         char out[WR_RELAY_ID_BYTES_MAX + 1], struct rd_error *error)
{
    char path[RD_TEXT_MAX + sizeof "/" FILE_NAME];
    (void)snprintf(path, sizeof path, "%s/" FILE_NAME, options->state_dir);
    return read_id(directory, path, out, error);
}

bool rd_identity_load(const struct rd_options *options, char out[WR_RELAY_ID_BYTES_MAX + 1],
                      struct rd_error *error)
{
    if (options->relay_id[0] != '\0') {
        memcpy(out, options->relay_id, sizeof options->relay_id);
        return true;
    }
    if (options->state_dir[0] == '\0') {
        make_id(out);
        return true;
    }
    int directory = open_directory(options, error);
    if (directory < 0)
        return false;
    bool ok = read_kept_id(directory, options, out, error);
    if (ok && out[0] == '\0') {
        make_id(out);
        ok = write_id(directory, options, out, error);
    }
    (void)close(directory);
    return ok;
}

/* ---- Looking, and changing nothing -------------------------------------------------------------
 */

/* Why nothing can be made in this directory; 0 where it can. */
static int obstacle_in(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return errno;
    if (!S_ISDIR(status.st_mode))
        return ENOTDIR;
    return faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

/* mkdir makes the last directory of a path and no other. */
static bool can_be_made(const char *path, struct rd_error *error)
{
    char copy[RD_TEXT_MAX];
    (void)snprintf(copy, sizeof copy, "%s", path);
    const char *parent = dirname(copy);
    int failure = obstacle_in(parent);
    return failure == 0 ||
           rd_fail(error,
                   "--state-dir: %s is not there and cannot be made in %s: %s; expected a "
                   "directory, or a place where the user %u may make it",
                   path, parent, strerror(failure), (unsigned)geteuid());
}

static bool can_be_written_in(int directory, const char *path, struct rd_error *error)
{
    return faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) == 0 ||
           rd_fail(error,
                   "--state-dir: nothing can be written in %s: %s; expected a relay id there, or a "
                   "directory that the user %u may write to",
                   path, strerror(errno), (unsigned)geteuid());
}

bool rd_identity_check(const struct rd_options *options, char out[WR_RELAY_ID_BYTES_MAX + 1],
                       struct rd_error *error)
{
    const char *path = options->state_dir;
    struct stat status;
    memcpy(out, options->relay_id, sizeof options->relay_id);
    if (out[0] != '\0' || path[0] == '\0')
        return true;
    /* Of a link that leads nowhere, lstat says that there is something, as mkdir would. */
    if (lstat(path, &status) != 0 && errno == ENOENT)
        return can_be_made(path, error);
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return rd_fail(error, "--state-dir: %s cannot be opened: %s; expected a directory", path,
                       strerror(errno));
    bool ok = read_kept_id(directory, options, out, error) &&
              (out[0] != '\0' || can_be_written_in(directory, path, error));
    (void)close(directory);
    return ok;
}
