#include "lease_commands.h"

#include "lease_text.h"
#include "mint.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
    "Usage: wavry-lease keygen [--kid KID] [--secret-file FILE] [--public-file FILE]\n"
    "\n"
    "Makes a new Ed25519 key pair for signing leases and prints its kid, its public key (for\n"
    "the relay: --key KID:PUBLIC) and its secret key (for 'wavry-lease mint').\n"
    "\n"
    "  --kid KID            name it so; else it is 'k' and the public key's first 16 digits\n"
    "  --secret-file FILE   write KID:SECRET there, readable by its owner only, and do not\n"
    "                       print the secret\n"
    "  --public-file FILE   write KID:PUBLIC there, as a relay's --key-file takes it\n"
    "  --help               this text\n"
    "\n"
    "A file that exists already is never overwritten.\n"
    "Exit code: 0 done, 1 a file could not be written, 2 wrong usage.\n";

struct keygen {
    const char *secret_file, *public_file;
    char kid[WR_KID_BYTES_MAX + 1];
    char public_hex[2 * WR_PUBLIC_KEY_BYTES + 1];
    char secret_hex[65];
};

/* Writes "KID:HEX\n" to a new file. */
static bool write_new(const char *path, mode_t mode, const char *kid, const char *hex)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file < 0)
        return false;
    bool written = dprintf(file, "%s:%s\n", kid, hex) > 0 && fsync(file) == 0;
    int error = errno;
    if (close(file) != 0 && written) {
        error = errno;
        written = false;
    }
    if (!written)
        unlink(path); /* ours: O_EXCL made it */
    errno = error;
    return written;
}

static void make_keys(struct keygen *keygen)
{
    uint8_t seed[32], public_key[WR_PUBLIC_KEY_BYTES], secret_key[WR_SECRET_KEY_BYTES];
    randombytes_buf(seed, sizeof seed);
    wr_mint_keypair(seed, public_key, secret_key);
    lease_print_hex(public_key, sizeof public_key, keygen->public_hex);
    lease_print_hex(seed, sizeof seed, keygen->secret_hex);
    if (keygen->kid[0] == '\0')
        snprintf(keygen->kid, sizeof keygen->kid, "k%.16s", keygen->public_hex);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(secret_key, sizeof secret_key);
}

static bool is_kid(const char *text)
{
    size_t bytes = strlen(text);
    if (bytes == 0 || bytes > WR_KID_BYTES_MAX)
        return false;
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= ' ' || *text == 0x7f || *text == '#')
            return false;
    }
    return true;
}

/* Files first, so that nothing is announced that was not kept. */
static int hand_out(const struct keygen *keygen)
{
    if (keygen->secret_file != NULL &&
        !write_new(keygen->secret_file, 0600, keygen->kid, keygen->secret_hex))
        return lease_failure("keygen", "%s: %s", keygen->secret_file, strerror(errno));
    if (keygen->public_file != NULL &&
        !write_new(keygen->public_file, 0644, keygen->kid, keygen->public_hex)) {
        int error = errno;
        if (keygen->secret_file != NULL)
            unlink(keygen->secret_file);
        return lease_failure("keygen", "%s: %s", keygen->public_file, strerror(error));
    }
    printf("kid     %s\npublic  %s\n", keygen->kid, keygen->public_hex);
    if (keygen->secret_file == NULL)
        printf("secret  %s\n", keygen->secret_hex);
    else
        printf("secret  in %s\n", keygen->secret_file);
    return LEASE_EXIT_OK;
}

int lease_keygen_command(int argc, char **argv)
{
    static const struct option options[] = {
        {"kid", required_argument, NULL, 'k'},
        {"secret-file", required_argument, NULL, 's'},
        {"public-file", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct keygen keygen = {0};
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'k':
            if (!is_kid(optarg))
                return lease_usage_error(
                    "keygen", "--kid is 1 to 255 bytes without blanks, controls and '#'");
            memcpy(keygen.kid, optarg, strlen(optarg) + 1);
            break;
        case 's':
            keygen.secret_file = optarg;
            break;
        case 'p':
            keygen.public_file = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            return LEASE_EXIT_OK;
        default:
            return lease_usage_error("keygen", "see above");
        }
    }
    if (optind < argc)
        return lease_usage_error("keygen", "'%s' is not expected", argv[optind]);
    make_keys(&keygen);
    int code = hand_out(&keygen);
    sodium_memzero(&keygen, sizeof keygen);
    return code;
}
