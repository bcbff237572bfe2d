/* Ip reads and classifies addresses, and reckons with networks. It listens on PORT, says in /openapi.json what it does,
 * and keeps nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answers.h"

enum { DESCRIPTION_MAX = 65536, PORT_USUAL = 8000 };

static char description[DESCRIPTION_MAX];

static int answer_description(const request *asked, text *to) {
  (void)asked;
  put(to, "%s", description);
  return 200;
}

static const struct {
  const char *path;
  answerer answer;
} ROUTES[] = {
    {"/openapi.json", answer_description}, {"/parse", answer_parse}, {"/subnet", answer_subnet},
    {"/contains", answer_contains},        {"/split", answer_split}, {"/range", answer_range},
};

static int route(const request *asked, text *to) {
  for (size_t at = 0; at < sizeof ROUTES / sizeof ROUTES[0]; at++)
    if (strcmp(asked->path, ROUTES[at].path) == 0) return ROUTES[at].answer(asked, to);
  put(to, "there is no such path: /openapi.json lists what there is");
  return 404;
}

int main(void) {
  FILE *file = fopen("openapi.json", "r");
  if (!file || fread(description, 1, sizeof description - 1, file) == 0) {
    perror("ip cannot read openapi.json");
    return 1;
  }
  fclose(file);
  const char *port = getenv("PORT");
  serve(port ? atoi(port) : PORT_USUAL, route);
  return 1;
}
