#include "steering.h"

#include <linux/filter.h>
#include <sys/socket.h>

/* Two words of the session id, far apart: the first is random in a random UUID, the last also in
 * those that count up or begin with the time. Folded, multiplied, and the top of the product scaled
 * to the number of workers, so that every bit of both counts. */
#define SIZE_MIN   20 /* the header of section 1 */
#define FIRST_WORD 4
#define LAST_WORD  16
#define MAGIC      0x5701u /* and the version */
#define MULTIPLIER 0x9e3779b1u
#define HALF       16 /* bits */

static uint32_t word_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

uint32_t rd_steering_worker(const uint8_t *bytes, size_t size, uint32_t workers)
{
    if (size < SIZE_MIN || bytes[0] != MAGIC >> 8 || bytes[1] != (MAGIC & 255))
        return 0;
    uint32_t id = word_at(bytes + FIRST_WORD) ^ word_at(bytes + LAST_WORD);
    uint32_t mixed = (id ^ id >> HALF) * MULTIPLIER;
    return (mixed >> HALF) * workers >> HALF;
}

bool rd_steering_attach(int fd, uint32_t workers)
{
    /* Offset 0 is the first byte of the payload, the length is the payload's. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SIZE_MIN, 0, 14),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MAGIC, 0, 12),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIRST_WORD),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LAST_WORD),
        BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, HALF),
        BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, MULTIPLIER),
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, HALF),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, workers),
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, HALF),
        BPF_STMT(BPF_RET | BPF_A, 0),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0;
}
