/* As much of HTTP/1.1 as a service on the same machine needs: GET, one request a connection, everything bounded. */
#ifndef HTTP_H
#define HTTP_H

#include "text.h"

enum { PARAMETERS_MAX = 8, VALUE_MAX = 256 };

typedef struct {
  char path[VALUE_MAX];
  char names[PARAMETERS_MAX][VALUE_MAX];
  char values[PARAMETERS_MAX][VALUE_MAX];
  int count;
} request;

/* The value of a parameter, "" where it is not there. */
const char *value_of(const request *asked, const char *name);

/* Writes JSON and returns 200, or a sentence and another status. */
typedef int (*answerer)(const request *asked, text *to);

/* Listens on a port of this machine until the process ends; returns where it cannot. */
void serve(int port, answerer answer);

#endif
