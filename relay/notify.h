/*
 * Telling a service manager how we are (sd_notify(3)'s protocol): a datagram to the socket that
 * NOTIFY_SOCKET names. Without one, nothing happens.
 */
#ifndef RD_NOTIFY_H
#define RD_NOTIFY_H

/* Opens the socket; before the system call filter is in place. */
void rd_notify_open(void);
/* For example "READY=1", "STOPPING=1", "RELOADING=1", "STATUS=…" (several lines allowed). */
void rd_notify(const char *state);

#endif
