#include "signatures.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ANSWERS_MAX 8
#define MESSAGE_MAX 2048 /* longer than what a token signs */

struct answer {
    uint8_t signature[crypto_sign_BYTES], key[crypto_sign_PUBLICKEYBYTES];
    uint8_t message[MESSAGE_MAX];
    size_t bytes;
    int verdict;
};

static struct answer answers[ANSWERS_MAX];
static unsigned count;

/* What the linker's --wrap makes of the two names. */
int __real_crypto_sign_detached(unsigned char *signature, unsigned long long *signature_bytes,
                                const unsigned char *message, unsigned long long bytes,
                                const unsigned char *secret);
int __wrap_crypto_sign_detached(unsigned char *signature, unsigned long long *signature_bytes,
                                const unsigned char *message, unsigned long long bytes,
                                const unsigned char *secret);
int __real_crypto_sign_verify_detached(const unsigned char *signature, const unsigned char *message,
                                       unsigned long long bytes, const unsigned char *key);
int __wrap_crypto_sign_verify_detached(const unsigned char *signature, const unsigned char *message,
                                       unsigned long long bytes, const unsigned char *key);

static void remember(const uint8_t *signature, const uint8_t *message, size_t bytes,
                     const uint8_t *key, int verdict)
{
    if (count == ANSWERS_MAX || bytes > MESSAGE_MAX)
        return;
    struct answer *answer = &answers[count++];
    memcpy(answer->signature, signature, sizeof answer->signature);
    memcpy(answer->key, key, sizeof answer->key);
    memcpy(answer->message, message, bytes);
    answer->bytes = bytes;
    answer->verdict = verdict;
}

int __wrap_crypto_sign_detached(unsigned char *signature, unsigned long long *signature_bytes,
                                const unsigned char *message, unsigned long long bytes,
                                const unsigned char *secret)
{
    int done = __real_crypto_sign_detached(signature, signature_bytes, message, bytes, secret);
    if (done == 0) /* the public key is the secret one's second half */
        remember(signature, message, (size_t)bytes,
                 secret + crypto_sign_SECRETKEYBYTES - crypto_sign_PUBLICKEYBYTES, 0);
    return done;
}

int __wrap_crypto_sign_verify_detached(const unsigned char *signature, const unsigned char *message,
                                       unsigned long long bytes, const unsigned char *key)
{
    for (unsigned i = 0; i < count; i++) {
        const struct answer *answer = &answers[i];
        if (answer->bytes == bytes && memcmp(answer->message, message, (size_t)bytes) == 0 &&
            memcmp(answer->signature, signature, sizeof answer->signature) == 0 &&
            memcmp(answer->key, key, sizeof answer->key) == 0)
            return answer->verdict;
    }
    int verdict = __real_crypto_sign_verify_detached(signature, message, bytes, key);
    remember(signature, message, (size_t)bytes, key, verdict);
    return verdict;
}

void fuzz_signatures_forget(void)
{
    count = 0;
}
