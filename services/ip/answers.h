/* What is asked about addresses: each takes a request, writes JSON and returns 200, or a sentence and another status. */
#ifndef ANSWERS_H
#define ANSWERS_H

#include "http.h"

int answer_parse(const request *asked, text *to);
int answer_subnet(const request *asked, text *to);
int answer_contains(const request *asked, text *to);
int answer_split(const request *asked, text *to);
int answer_range(const request *asked, text *to);

#endif
