#include "text.h"

#include <stdarg.h>
#include <stdio.h>

void put(text *to, const char *format, ...) {
  va_list given;
  va_start(given, format);
  int wanted = vsnprintf(to->data + to->length, to->room - to->length, format, given);
  va_end(given);
  if (wanted < 0 || (size_t)wanted >= to->room - to->length)
    to->overflowed = true;
  else
    to->length += (size_t)wanted;
}

static void put_name(text *to, const char *name) {
  bool first = to->length && (to->data[to->length - 1] == '{');
  put(to, "%s\"%s\":", first ? "" : ",", name);
}

/* Values are addresses, numbers and words of our own: nothing in them must be escaped. */
void put_text(text *to, const char *name, const char *value) {
  put_name(to, name);
  put(to, "\"%s\"", value);
}

void put_truth(text *to, const char *name, bool value) {
  put_name(to, name);
  put(to, value ? "true" : "false");
}

void put_count(text *to, const char *name, long value) {
  put_name(to, name);
  put(to, "%ld", value);
}
