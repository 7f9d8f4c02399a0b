/*
 * What went wrong, in words for the operator: what, where, what was expected, what to do. Functions
 * that can fail for such a reason return false and fill one of these; it never holds a secret.
 */
#ifndef RD_ERROR_H
#define RD_ERROR_H

struct rd_error {
    char text[768];
};

/* Formats into `error` (which may be NULL) and returns false, for `return rd_fail(…)`. */
_Bool rd_fail(struct rd_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
