/*
 * The list. Four answers to a system call:
 *
 *   allowed   what the relay, libcurl, OpenSSL, libmicrohttpd and glibc ask for at run time;
 *   EACCES    opening a file for writing;
 *   ENOSYS    everything else: a C library newer than this list then takes the older call that the
 *             list has (clone3 → clone), where EPERM would have it fail;
 *   killed    what only somebody who took the process over would try: its own end is the smaller
 *             harm, and the kernel's audit log names the call.
 *
 * Nothing is decided by what a pointer points at: the kernel could not look there.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41 /* glibc names its heaps with it where it can */
#endif

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* Coverage builds write their counts at exit (RD_SANDBOX_MAY_WRITE comes from CMake). */
#ifdef RD_SANDBOX_MAY_WRITE
#define MAY_WRITE 1
#else
#define MAY_WRITE 0
#endif

static const int allowed[] = {
    /* descriptors */
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev),
    SCMP_SYS(close), SCMP_SYS(lseek), SCMP_SYS(dup), SCMP_SYS(dup3), SCMP_SYS(fcntl),
    SCMP_SYS(pipe2), SCMP_SYS(eventfd2),
    /* looking at files */
    SCMP_SYS(fstat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
    SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(getcwd),
    /* waiting */
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),
    SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime),
    SCMP_SYS(signalfd4), SCMP_SYS(futex), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(restart_syscall),
    /* the network; making sockets is below */
    SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
    SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmmsg), SCMP_SYS(shutdown),
    /* memory; what could become code is below */
    SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(mlock),
    SCMP_SYS(mlock2), SCMP_SYS(munlock), SCMP_SYS(membarrier),
    /* signals and threads; making threads is below */
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait), SCMP_SYS(rt_sigsuspend), SCMP_SYS(rt_sigpending),
    SCMP_SYS(sigaltstack), SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list), SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_setaffinity), SCMP_SYS(getcpu), SCMP_SYS(exit), SCMP_SYS(exit_group),
    /* asking */
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time),
    SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid),
    SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getrusage),
    SCMP_SYS(getrlimit), SCMP_SYS(uname), SCMP_SYS(sysinfo)};

static const int killed[] = {
    /* another program, another process */
    SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise),
    SCMP_SYS(kcmp), SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_getfd), SCMP_SYS(pidfd_send_signal),
    /* another user */
    SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid), SCMP_SYS(setregid), SCMP_SYS(setresuid),
    SCMP_SYS(setresgid), SCMP_SYS(setgroups), SCMP_SYS(setfsuid), SCMP_SYS(setfsgid),
    SCMP_SYS(capset),
    /* another world */
    SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(setns),
    SCMP_SYS(unshare), SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(mount_setattr),
    SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at),
    /* the kernel and the machine */
    SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(keyctl), SCMP_SYS(add_key),
    SCMP_SYS(request_key), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(init_module),
    SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(reboot), SCMP_SYS(swapon),
    SCMP_SYS(swapoff), SCMP_SYS(acct), SCMP_SYS(syslog), SCMP_SYS(quotactl), SCMP_SYS(iopl),
    SCMP_SYS(ioperm), SCMP_SYS(modify_ldt), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime),
    SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex), SCMP_SYS(sethostname), SCMP_SYS(setdomainname),
    SCMP_SYS(memfd_create), SCMP_SYS(memfd_secret), SCMP_SYS(pkey_mprotect)};

/* What sanitizers need beside: the leak checker starts a process that stops all threads of this
 * one and reads their registers. Such builds are for tests and never shipped. */
static const int sanitizers_need[] = {
    SCMP_SYS(clone),       SCMP_SYS(ptrace), SCMP_SYS(wait4),    SCMP_SYS(prctl),
    SCMP_SYS(kill),        SCMP_SYS(tgkill), SCMP_SYS(mincore),  SCMP_SYS(prlimit64),
    SCMP_SYS(personality), SCMP_SYS(mmap),   SCMP_SYS(mprotect), SCMP_SYS(process_vm_readv),
    SCMP_SYS(getdents)};

/* Allowed with one value of one argument, after a mask. */
struct condition {
    int call;
    struct scmp_arg_cmp argument;
};
#define WITH(call, index, mask, value)                                                             \
    {                                                                                              \
        SCMP_SYS(call),                                                                            \
            SCMP_CMP(index, SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask), (scmp_datum_t)(value))       \
    }
/* The kernel reads 32 bits of an int, whatever stands above them. */
#define INT_IS(call, index, value) WITH(call, index, UINT32_MAX, value)

#define WRITING (O_ACCMODE | O_CREAT | O_TRUNC)
#define NEW_SPACE                                                                                  \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)

static const struct condition conditions[] = {
    INT_IS(socketpair, 0, AF_UNIX),
    INT_IS(ioctl, 1, FIONREAD),
    INT_IS(ioctl, 1, FIONBIO),
    INT_IS(ioctl, 1, TCGETS), /* isatty */
    INT_IS(ioctl, 1, SIOCGIFNAME),
    INT_IS(ioctl, 1, SIOCGIFINDEX),
    INT_IS(prctl, 0, PR_SET_NAME),
    INT_IS(prctl, 0, PR_GET_NAME),
    INT_IS(prctl, 0, PR_GET_DUMPABLE),
    INT_IS(prctl, 0, PR_SET_VMA),
    WITH(prlimit64, 2, UINT64_MAX, 0), /* reads, sets nothing */
    /* Nothing is ever both writable and code. Libraries that glibc loads for name lookups are
     * mapped as code from a file, at once. */
    WITH(mmap, 2, PROT_EXEC, 0),
    WITH(mmap, 2, PROT_WRITE, 0),
    WITH(mprotect, 2, PROT_EXEC, 0),
    /* A thread, and no process; clone3 hides its flags behind a pointer and is not there. */
    WITH(clone, 0, CLONE_THREAD | NEW_SPACE, CLONE_THREAD),
};

static bool add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int outcome = seccomp_rule_add(filter, action, calls[i], 0);
        if (outcome != 0) {
            errno = -outcome;
            return false;
        }
    }
    return true;
}
#define ADD_ALL(filter, action, calls)                                                             \
    add_all(filter, action, calls, sizeof(calls) / sizeof(calls)[0])

static bool add_one(scmp_filter_ctx filter, uint32_t action, int call, struct scmp_arg_cmp argument)
{
    int outcome = seccomp_rule_add_array(filter, action, call, 1, &argument);
    errno = -outcome;
    return outcome == 0;
}

static bool is_for_sanitizers(int call)
{
    for (size_t i = 0; SANITIZED && i < sizeof sanitizers_need / sizeof sanitizers_need[0]; i++)
        if (sanitizers_need[i] == call)
            return true;
    return false;
}

static bool add_conditions(scmp_filter_ctx filter)
{
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++)
        if (!is_for_sanitizers(conditions[i].call) &&
            !add_one(filter, SCMP_ACT_ALLOW, conditions[i].call, conditions[i].argument))
            return false;
    return true;
}

static bool add_killed(scmp_filter_ctx filter)
{
    for (size_t i = 0; i < sizeof killed / sizeof killed[0]; i++)
        if (!is_for_sanitizers(killed[i]) && !add_all(filter, SCMP_ACT_KILL_PROCESS, &killed[i], 1))
            return false;
    return is_for_sanitizers(SCMP_SYS(clone)) ||
           add_one(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone),
                   SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
}

/* Reading is allowed everywhere (the file system says who may); writing nowhere. */
static bool add_files(scmp_filter_ctx filter)
{
    const int calls[] = {SCMP_SYS(open), SCMP_SYS(openat)};
    for (unsigned i = 0; i < 2; i++) {
        struct scmp_arg_cmp reading = {i + 1, SCMP_CMP_MASKED_EQ, WRITING, O_RDONLY};
        if (MAY_WRITE ? !add_all(filter, SCMP_ACT_ALLOW, &calls[i], 1)
                      : !add_one(filter, SCMP_ACT_ALLOW, calls[i], reading))
            return false;
        const int bits[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC};
        for (unsigned k = 0; !MAY_WRITE && k < 4; k++) {
            scmp_datum_t bit = (scmp_datum_t)bits[k];
            struct scmp_arg_cmp writing = {i + 1, SCMP_CMP_MASKED_EQ, bit, bit};
            if (!add_one(filter, SCMP_ACT_ERRNO(EACCES), calls[i], writing))
                return false;
        }
    }
    const int at_exit[] = {SCMP_SYS(ftruncate), SCMP_SYS(mkdir), SCMP_SYS(umask)};
    return !MAY_WRITE || ADD_ALL(filter, SCMP_ACT_ALLOW, at_exit);
}

/* The internet, local services (name service, service manager), and asking the kernel about
 * addresses, as getaddrinfo does. */
static bool add_sockets(scmp_filter_ctx filter)
{
    const int families[] = {AF_UNIX, AF_INET, AF_INET6};
    for (unsigned i = 0; i < 3; i++)
        if (!add_one(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket),
                     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0)))
            return false;
    const struct scmp_arg_cmp route[] = {SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0),
                                         SCMP_A2(SCMP_CMP_EQ, NETLINK_ROUTE, 0)};
    int outcome = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, route);
    errno = -outcome;
    return outcome == 0;
}

/* Signals go to this process only: its number is part of the filter. */
static bool add_signals(scmp_filter_ctx filter)
{
    if (SANITIZED)
        return ADD_ALL(filter, SCMP_ACT_ALLOW, sanitizers_need);
    scmp_datum_t self = (scmp_datum_t)getpid();
    return add_one(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), SCMP_A0(SCMP_CMP_EQ, self, 0)) &&
           add_one(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, self, 0));
}

static bool build(scmp_filter_ctx filter)
{
    return ADD_ALL(filter, SCMP_ACT_ALLOW, allowed) && add_conditions(filter) &&
           add_killed(filter) && add_files(filter) && add_sockets(filter) && add_signals(filter);
}

bool rd_sandbox_filter(struct rd_error *error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL)
        return rd_fail(error, "no system call filter: out of memory");
    /* Calls of another architecture (32-bit ones on 64 bits) are a way around any list. Threads
     * that exist are covered too, and the list is searched as a tree: forwarding must not pay. */
    int outcome = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (outcome == 0)
        outcome = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (outcome == 0)
        outcome = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (outcome == 0)
        outcome = build(filter) ? seccomp_load(filter) : -errno;
    seccomp_release(filter);
    if (outcome != 0)
        return rd_fail(error,
                       "no system call filter: %s (a kernel without seccomp? --seccomp off runs "
                       "without it)",
                       strerror(-outcome));
    return true;
}
