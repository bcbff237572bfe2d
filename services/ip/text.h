/* Text that grows up to a bound, and JSON in it. What does not fit is noted, and the whole is refused then. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
  char *data;
  size_t length, room;
  bool overflowed;
} text;

void put(text *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes a member of an object with its comma: `first` is true for none before it. */
void put_text(text *to, const char *name, const char *value);
void put_truth(text *to, const char *name, bool value);
void put_count(text *to, const char *name, long value);

#endif
