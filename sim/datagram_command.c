#include "datagram_command.h"

#include "address.h"
#include "wire.h"

#include <inttypes.h>
#include <string.h>

#define DATAGRAM_BYTES_MAX 65535 /* what UDP carries at most */

static const char help[] =
    "Usage: wavry-sim datagram HEX\n"
    "\n"
    "Reads one datagram of the relay's protocol, given as hex digits (\"-\": on standard\n"
    "input), and prints it as one JSON object with its \"result\".\n"
    "\n"
    "Exit code: 0 the datagram is ok, 1 it is not, 2 wrong usage.\n";

/* ---- Printing ---------------------------------------------------------------------------------
 */

static const char *failure_name(enum wr_outcome failure)
{
#define NAME(outcome, text) text,
    static const char *const names[] = {WR_OUTCOMES(NAME)};
#undef NAME
    return names[failure];
}

static void print_text(FILE *out, const uint8_t *text, size_t bytes)
{
    fputc('"', out);
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '"' || text[i] == '\\')
            fprintf(out, "\\%c", text[i]);
        else if (text[i] < 0x20 || text[i] >= 0x7f)
            fprintf(out, "\\u%04x", text[i]);
        else
            fputc(text[i], out);
    }
    fputc('"', out);
}

static void print_token(FILE *out, const struct wr_packet *packet)
{
    if (!packet->has_token)
        return;
    fprintf(out, ", \"role\": \"%s\", \"token\": ",
            packet->role == WR_ROLE_CLIENT ? "client" : "server");
    print_text(out, packet->token, packet->token_bytes);
}

static void print_cookie(FILE *out, const struct wr_packet *packet)
{
    if (!packet->has_cookie)
        return;
    fputs(", \"cookie\": \"", out);
    for (size_t i = 0; i < WR_COOKIE_BYTES; i++)
        fprintf(out, "%02x", packet->cookie[i]);
    fputc('"', out);
}

static void print_members(FILE *out, const struct wr_packet *packet)
{
    switch (packet->type) {
    case WR_PACKET_LEASE_PRESENT:
        print_token(out, packet);
        print_cookie(out, packet);
        return;
    case WR_PACKET_LEASE_RENEW:
        print_token(out, packet);
        print_cookie(out, packet);
        fputs(packet->release ? ", \"release\": true" : "", out);
        return;
    case WR_PACKET_LEASE_ACK:
        fprintf(out,
                ", \"expires_ms\": %" PRIu64 ", \"soft_limit_kbps\": %" PRIu32
                ", \"hard_limit_kbps\": %" PRIu32,
                packet->expires_unix_ms, packet->soft_limit_kbps, packet->hard_limit_kbps);
        print_cookie(out, packet);
        fputs(packet->draining ? ", \"draining\": true" : "", out);
        return;
    case WR_PACKET_LEASE_REJECT:
        fprintf(out, ", \"reason\": \"%s\"",
                wr_reject_reason_name((enum wr_reject_reason)packet->reason));
        print_cookie(out, packet);
        return;
    case WR_PACKET_FORWARD:
        fprintf(out, ", \"sequence\": \"%" PRIu64 "\"", packet->sequence);
        return;
    }
}

bool sim_datagram_print(FILE *out, const uint8_t *bytes, size_t size)
{
    struct wr_packet packet;
    enum wr_outcome failure;
    char session[WR_SESSION_TEXT_BYTES];
    if (!wr_wire_decode(bytes, size, &packet, &failure)) {
        fprintf(out, "{\"result\": \"%s\"}\n", failure_name(failure));
        return false;
    }
    fprintf(out, "{\"result\": \"ok\", \"session_id\": \"%s\", \"type\": \"%s\"",
            wr_session_id_format(&packet.session, session), wr_packet_type_name(packet.type));
    print_members(out, &packet);
    fputs("}\n", out);
    return true;
}

/* ---- The command ------------------------------------------------------------------------------
 */

static int complain(const char *what)
{
    fprintf(stderr, "wavry-sim datagram: %s\nTry 'wavry-sim datagram --help'.\n", what);
    return 2;
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *found = c == '\0' ? NULL : strchr(digits, c);
    return found == NULL ? -1 : (int)(found - digits) % 16;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Decodes hex digits between blanks. NULL, or what is wrong. */
static const char *parse_hex(const char *text, size_t length, uint8_t *out, size_t *bytes)
{
    while (length > 0 && is_blank(text[length - 1]))
        length--;
    while (length > 0 && is_blank(*text)) {
        text++;
        length--;
    }
    if (length % 2 != 0)
        return "an odd number of hex digits";
    if (length / 2 > DATAGRAM_BYTES_MAX)
        return "more than a UDP datagram can hold";
    *bytes = length / 2;
    for (size_t i = 0; i < length; i += 2) {
        int high = hex_value(text[i]), low = hex_value(text[i + 1]);
        if (high < 0 || low < 0)
            return "not hex digits";
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return NULL;
}

int sim_datagram_command(int argc, char **argv)
{
    static char input[2 * DATAGRAM_BYTES_MAX + 64];
    static uint8_t bytes[DATAGRAM_BYTES_MAX];
    const char *text = input;
    size_t length, size;
    if (argc != 2)
        return complain("one datagram is expected, in hex");
    if (strcmp(argv[1], "--help") == 0) {
        fputs(help, stdout);
        return 0;
    }
    if (strcmp(argv[1], "-") == 0) {
        length = fread(input, 1, sizeof input, stdin);
        if (ferror(stdin))
            return complain("standard input cannot be read");
    } else {
        text = argv[1];
        length = strlen(text);
    }
    const char *wrong = parse_hex(text, length, bytes, &size);
    if (wrong != NULL)
        return complain(wrong);
    return sim_datagram_print(stdout, bytes, size) ? 0 : 1;
}
