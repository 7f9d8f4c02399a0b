#include "child.h"
#include "health_check.h"
#include "sandbox.h"

#include "address.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void put_filter_on(void)
{
    struct rd_error error = {.text = "none"};
    if (!rd_sandbox_filter(&error)) {
        (void)dprintf(2, "%s\n", error.text);
        _exit(1);
    }
}

static int status_of(void (*child_does)(const void *), const void *argument)
{
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        put_filter_on();
        child_does(argument);
        _exit(0);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}
#define HOLDS(child_does, argument) cr_expect_eq(status_of(child_does, argument), 0)

static void expect_killed(const char *what, int status)
{
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s: status %x, not SIGSYS", what,
              (unsigned)status);
}

/* With arguments that do nothing should the filter be broken. */
struct forbidden {
    const char *name;
    long number;
    long arguments[3];
};
#define FORBIDDEN(name, ...)                                                                       \
    {                                                                                              \
#name, SYS_##name,                                                                         \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const struct forbidden forbidden[] = {
    FORBIDDEN(execve, 0),
    FORBIDDEN(execveat, -1, 0, 0),
    FORBIDDEN(process_vm_writev, -1),
    FORBIDDEN(pidfd_open, -1),
    FORBIDDEN(setuid, -1),
    FORBIDDEN(setresuid, -1, -1, -1),
    FORBIDDEN(setgroups, -1),
    FORBIDDEN(capset, 0),
    FORBIDDEN(mount, 0),
    FORBIDDEN(umount2, 0),
    FORBIDDEN(pivot_root, 0),
    FORBIDDEN(chroot, 0),
    FORBIDDEN(setns, -1),
    FORBIDDEN(unshare, 0),
    FORBIDDEN(bpf, -1),
    FORBIDDEN(perf_event_open, 0),
    FORBIDDEN(userfaultfd, -1),
    FORBIDDEN(io_uring_setup, 0),
    FORBIDDEN(keyctl, -1),
    FORBIDDEN(kexec_load, -1, -1, -1),
    FORBIDDEN(init_module, 0),
    FORBIDDEN(finit_module, -1),
    FORBIDDEN(delete_module, 0),
    FORBIDDEN(reboot, 0),
    FORBIDDEN(settimeofday, 0),
    FORBIDDEN(clock_settime, -1),
    FORBIDDEN(memfd_create, 0),
    FORBIDDEN(open_by_handle_at, -1),
#ifndef __SANITIZE_ADDRESS__ /* the leak checker needs these */
    FORBIDDEN(ptrace, -1),
    FORBIDDEN(process_vm_readv, -1),
#endif
};

static void calls(const void *argument)
{
    const struct forbidden *call = argument;
    (void)syscall(call->number, call->arguments[0], call->arguments[1], call->arguments[2], 0, 0);
}

Test(sandbox_filter, what_only_an_intruder_would_call_kills)
{
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
        expect_killed(forbidden[i].name, status_of(calls, &forbidden[i]));
}

#if defined(__x86_64__)
static void calls_as_32_bits(const void *unused)
{
    (void)unused;
    long number = 20; /* getpid there */
    __asm__ volatile("int $0x80" : "+a"(number) : : "memory");
}

Test(sandbox_filter, the_32_bit_door_is_shut_too)
{
    expect_killed("int 0x80", status_of(calls_as_32_bits, NULL));
}
#endif

#ifndef __SANITIZE_ADDRESS__
static void forks(const void *unused)
{
    (void)unused;
    if (fork() == 0)
        _exit(0);
}

Test(sandbox_filter, another_process_kills)
{
    expect_killed("fork", status_of(forks, NULL));
}

static void signals_others(const void *unused)
{
    (void)unused;
    MUST(kill(getppid(), 0) != 0 && errno == ENOSYS);
    MUST(kill(getpid(), 0) == 0);
}

Test(sandbox_filter, signals_reach_nobody_else)
{
    HOLDS(signals_others, NULL);
}

static void maps_code(const void *unused)
{
    (void)unused;
    int both = PROT_READ | PROT_WRITE | PROT_EXEC;
    MUST(mmap(NULL, 4096, both, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(page != MAP_FAILED);
    MUST(mprotect(page, 4096, PROT_READ | PROT_EXEC) != 0);
    MUST(mprotect(page, 4096, PROT_READ) == 0);
    /* As the loader maps a library for a name lookup. */
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    MUST(file >= 0);
    MUST(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0) != MAP_FAILED);
}

Test(sandbox_filter, nothing_written_can_become_code)
{
    HOLDS(maps_code, NULL);
}
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>

Test(sandbox_filter, the_leak_checker_of_sanitized_builds_still_works)
{
    pid_t child = fork();
    if (child == 0) {
        MUST(rd_sandbox_drop("nobody", NULL));
        put_filter_on();
        MUST(__lsan_do_recoverable_leak_check() == 0);
        _exit(0);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
}
#endif

static void asks_for_news(const void *unused)
{
    (void)unused;
    errno = 0;
    MUST(syscall(1999) < 0 && errno == ENOSYS); /* a number no kernel has yet */
    errno = 0;
    MUST(syscall(SYS_mkdirat, -1, NULL, 0) < 0 && errno == ENOSYS); /* and one that all have */
}

Test(sandbox_filter, a_call_that_is_not_listed_seems_not_to_exist)
{
    HOLDS(asks_for_news, NULL);
}

#ifndef RD_SANDBOX_MAY_WRITE
static void opens_files(const void *argument)
{
    const char *path = argument;
    MUST(open(path, O_RDONLY | O_CLOEXEC) >= 0);
    const int writing[] = {O_WRONLY,
                           O_RDWR,
                           O_RDONLY | O_CREAT,
                           O_RDONLY | O_TRUNC,
                           O_WRONLY | O_APPEND,
                           O_RDWR | O_CREAT | O_EXCL};
    for (size_t i = 0; i < sizeof writing / sizeof writing[0]; i++) {
        errno = 0;
        MUST(open(path, writing[i] | O_CLOEXEC, 0600) < 0 && errno == EACCES);
    }
    char beside[80];
    (void)snprintf(beside, sizeof beside, "%s.new", path);
    MUST(open(beside, O_RDONLY | O_CREAT | O_CLOEXEC, 0600) < 0 && errno == EACCES);
    MUST(unlink(path) != 0);
}

Test(sandbox_filter, files_are_read_and_never_written)
{
    char path[] = "/tmp/wavry-filter-XXXXXX";
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    cr_assert_eq(write(file, "here", 4), 4);
    HOLDS(opens_files, path);
    struct stat after;
    cr_expect_eq(stat(path, &after), 0);
    cr_expect_eq(after.st_size, 4);
    cr_expect_eq(unlink(path), 0);
}
#endif

static bool socket_refused(int family, int type, int protocol)
{
    errno = 0;
    return socket(family, type, protocol) < 0 && errno == ENOSYS;
}

static void makes_sockets(const void *unused)
{
    (void)unused;
    int pair[2];
    MUST(socket(AF_INET, SOCK_DGRAM, 0) >= 0);
    MUST(socket(AF_INET, SOCK_STREAM, 0) >= 0);
    MUST(socket(AF_INET6, SOCK_DGRAM, 0) >= 0 || errno == EAFNOSUPPORT);
    MUST(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) >= 0);
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    MUST(socket_refused(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT));
    MUST(socket_refused(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
    MUST(socket_refused(AF_PACKET, SOCK_RAW, 0));
    MUST(socket_refused(AF_ALG, SOCK_SEQPACKET, 0));
    MUST(socket_refused(AF_VSOCK, SOCK_STREAM, 0));
    MUST(socket_refused(AF_BLUETOOTH, SOCK_RAW, 0));
}

Test(sandbox_filter, sockets_are_of_four_families)
{
    HOLDS(makes_sockets, NULL);
}

/* A thread that exists asks before and after. */
struct old_thread {
    int go[2];
    int error;
};

static void *asks_when_told(void *argument)
{
    struct old_thread *thread = argument;
    char byte;
    if (read(thread->go[0], &byte, 1) == 1 && socket(AF_ALG, SOCK_SEQPACKET, 0) < 0)
        thread->error = errno;
    return NULL;
}

static void threads_are_under_it(const void *unused)
{
    (void)unused;
    struct old_thread thread = {.error = 0};
    pthread_t id;
    MUST(pipe2(thread.go, O_CLOEXEC) == 0);
    MUST(pthread_create(&id, NULL, asks_when_told, &thread) == 0); /* under the filter already */
    MUST(write(thread.go[1], "", 1) == 1);
    MUST(pthread_join(id, NULL) == 0);
    MUST(thread.error == ENOSYS);
}

Test(sandbox_filter, new_threads_start_and_inherit_it)
{
    HOLDS(threads_are_under_it, NULL);
}

Test(sandbox_filter, threads_that_exist_come_under_it)
{
    pid_t child = fork();
    if (child == 0) {
        struct old_thread thread = {.error = 0};
        pthread_t id;
        MUST(pipe2(thread.go, O_CLOEXEC) == 0);
        MUST(pthread_create(&id, NULL, asks_when_told, &thread) == 0);
        put_filter_on();
        MUST(write(thread.go[1], "", 1) == 1);
        MUST(pthread_join(id, NULL) == 0);
        MUST(thread.error == ENOSYS);
        _exit(0);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
}

static void looks_up(const void *unused)
{
    (void)unused;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_flags = AI_ADDRCONFIG, .ai_socktype = SOCK_STREAM};
    MUST(getaddrinfo("localhost", "443", &hints, &found) == 0 || errno != ENOSYS);
    MUST(found != NULL || getaddrinfo("localhost", "443", NULL, &found) == 0);
    freeaddrinfo(found);
}

Test(sandbox_filter, names_are_looked_up)
{
    HOLDS(looks_up, NULL);
}

/* A web server with a certificate of its own, made by the openssl program. */
struct tls_server {
    char folder[40];
    char certificate[80];
    pid_t pid;
    FILE *output;
    unsigned port;
};

static void run_shell(const char *command)
{
    int status = system(command);
    cr_assert_eq(status, 0, "%s: status %d", command, status);
}

static void tls_server_start(struct tls_server *server)
{
    (void)snprintf(server->folder, sizeof server->folder, "/tmp/wavry-tls-XXXXXX");
    cr_assert_not_null(mkdtemp(server->folder));
    (void)snprintf(server->certificate, sizeof server->certificate, "%s/cert", server->folder);
    char command[512];
    (void)snprintf(command, sizeof command,
                   "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
                   "-keyout %s/key -out %s -days 2 -subj /CN=localhost "
                   "-addext subjectAltName=DNS:localhost 2>/dev/null",
                   server->folder, server->certificate);
    run_shell(command);
    int output[2];
    cr_assert_eq(pipe(output), 0);
    server->pid = fork();
    if (server->pid == 0) {
        (void)dup2(output[1], STDOUT_FILENO);
        char key[80];
        (void)snprintf(key, sizeof key, "%s/key", server->folder);
        (void)execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                     server->certificate, "-key", key, "-www", (char *)NULL);
        _exit(127);
    }
    (void)close(output[1]);
    server->output = fdopen(output[0], "r");
    char line[256];
    server->port = 0;
    while (server->port == 0 && fgets(line, sizeof line, server->output) != NULL)
        if (strncmp(line, "ACCEPT ", 7) == 0)
            server->port = (unsigned)strtoul(strrchr(line, ':') + 1, NULL, 10);
    cr_assert_neq(server->port, 0, "openssl s_server did not say where it listens");
}

static void tls_server_stop(struct tls_server *server)
{
    (void)kill(server->pid, SIGTERM);
    (void)waitpid(server->pid, NULL, 0);
    (void)fclose(server->output);
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", server->folder);
    run_shell(command);
}

static size_t swallow(char *bytes, size_t size, size_t count, void *total)
{
    (void)bytes;
    *(size_t *)total += size * count;
    return size * count;
}

/* As the master client does: a name, a certificate file, a thread for the lookup. */
static void fetches(const void *argument)
{
    const struct tls_server *server = argument;
    char url[64];
    size_t total = 0;
    (void)snprintf(url, sizeof url, "https://localhost:%u/", server->port);
    CURL *curl = curl_easy_init();
    MUST(curl != NULL);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CAINFO, server->certificate);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &total);
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        (void)dprintf(2, "curl: %s\n", curl_easy_strerror(code));
    MUST(code == CURLE_OK && total > 0);
    /* The certificate is really checked. */
    curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    MUST(curl_easy_perform(curl) == CURLE_PEER_FAILED_VERIFICATION);
    curl_easy_cleanup(curl);
}

Test(sandbox_filter, a_server_is_found_by_name_and_asked_over_tls)
{
    struct tls_server server;
    tls_server_start(&server);
    HOLDS(fetches, &server);
    tls_server_stop(&server);
}

static enum MHD_Result answer(void *status, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *data_bytes, void **request)
{
    (void)method, (void)version, (void)data, (void)data_bytes, (void)request;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(2, (void *)"{}", MHD_RESPMEM_PERSISTENT);
    unsigned code = strcmp(url, "/health") == 0 ? *(const unsigned *)status : MHD_HTTP_NOT_FOUND;
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

/* Serves until `stop` is closed; writes its port to `port`. */
static void serves(unsigned status, int port_fd, int stop_fd)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, &status,
                         MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&any, MHD_OPTION_END);
    MUST(daemon != NULL);
    put_filter_on();
    uint16_t port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    MUST(write(port_fd, &port, sizeof port) == sizeof port);
    char byte;
    MUST(read(stop_fd, &byte, 1) == 0);
    MHD_stop_daemon(daemon);
    _exit(0);
}

static int health_of_server_answering(unsigned status)
{
    int port_pipe[2], stop_pipe[2];
    cr_assert(pipe(port_pipe) == 0 && pipe(stop_pipe) == 0);
    pid_t child = fork();
    if (child == 0) {
        (void)close(stop_pipe[1]);
        serves(status, port_pipe[1], stop_pipe[0]);
    }
    (void)close(port_pipe[1]);
    uint16_t port = 0;
    cr_assert_eq(read(port_pipe[0], &port, sizeof port), (ssize_t)sizeof port);
    const uint8_t wildcard[4] = {0, 0, 0, 0};
    struct wr_address address = wr_address_v4(wildcard, port);
    int outcome = rd_health_check(&address);
    (void)close(stop_pipe[1]);
    int exit_status = -1;
    cr_assert_eq(waitpid(child, &exit_status, 0), child);
    cr_expect_eq(exit_status, 0);
    (void)close(port_pipe[0]);
    (void)close(stop_pipe[0]);
    return outcome;
}

Test(sandbox_filter, a_web_server_goes_on_and_the_health_check_hears_it)
{
    cr_expect_eq(health_of_server_answering(200), 0);
    cr_expect_eq(health_of_server_answering(503), 1);
    cr_expect_eq(health_of_server_answering(404), 1);
}

Test(sandbox_filter, the_health_check_fails_where_nobody_listens)
{
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* bound, never listening */
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof any;
    cr_assert_eq(bind(taken, (struct sockaddr *)&any, bytes), 0);
    cr_assert_eq(getsockname(taken, (struct sockaddr *)&any, &bytes), 0);
    const uint8_t loopback[4] = {127, 0, 0, 1};
    struct wr_address address = wr_address_v4(loopback, ntohs(any.sin_port));
    cr_expect_eq(rd_health_check(&address), 1);
    (void)close(taken);
}
