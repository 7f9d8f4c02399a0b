#include "error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

bool rd_fail(struct rd_error *error, const char *format, ...)
{
    if (error == NULL)
        return false;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}
