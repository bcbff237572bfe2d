#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 16384, ANSWER_MAX = 1 << 20, CONNECTIONS_MAX = 32, PATIENCE_SECONDS = 10, BACKLOG = 64, PAUSE_NANOSECONDS = 10000000 };

static atomic_int connections;

typedef struct {
  int socket;
  answerer answer;
} visit;

const char *value_of(const request *asked, const char *name) {
  for (int at = 0; at < asked->count; at++)
    if (strcmp(asked->names[at], name) == 0) return asked->values[at];
  return "";
}

static int digit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  letter |= 32;
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* Undoes percent-encoding of `length` bytes; false where they do not fit, or hold a zero. */
static bool decode(const char *from, size_t length, char *to) {
  size_t at = 0;
  for (size_t place = 0; place < length; place++) {
    int byte = from[place] == '+' ? ' ' : (unsigned char)from[place];
    if (byte == '%' && place + 2 < length && digit(from[place + 1]) >= 0 && digit(from[place + 2]) >= 0) {
      byte = digit(from[place + 1]) * 16 + digit(from[place + 2]);
      place += 2;
    }
    if (byte == 0 || at + 1 >= VALUE_MAX) return false;
    to[at++] = (char)byte;
  }
  to[at] = 0;
  return true;
}

static bool read_query(const char *query, const char *end, request *asked) {
  while (query < end) {
    const char *next = memchr(query, '&', (size_t)(end - query));
    const char *last = next ? next : end;
    const char *equals = memchr(query, '=', (size_t)(last - query));
    const char *name_end = equals ? equals : last;
    const char *value = equals ? equals + 1 : last;
    if (asked->count == PARAMETERS_MAX) return false;
    if (!decode(query, (size_t)(name_end - query), asked->names[asked->count])) return false;
    if (!decode(value, (size_t)(last - value), asked->values[asked->count])) return false;
    asked->count++;
    query = last + 1;
  }
  return true;
}

/* Reads "GET /path?query HTTP/1.1"; returns 0, or a status and why. */
static int read_request(char *head, request *asked, text *why) {
  char *target = strchr(head, ' ');
  char *end = target ? strpbrk(target + 1, " \r\n") : NULL;
  if (!target || !end || *end != ' ') {
    put(why, "this is no request of HTTP/1.1");
    return 400;
  }
  if (strncmp(head, "GET ", 4) != 0) {
    put(why, "ask with GET");
    return 405;
  }
  target++;
  char *query = memchr(target, '?', (size_t)(end - target));
  char *path_end = query ? query : end;
  if (!decode(target, (size_t)(path_end - target), asked->path) || (query && !read_query(query + 1, end, asked))) {
    put(why, "a value has more than %d bytes or a zero byte, or there are more than %d values", VALUE_MAX - 1, PARAMETERS_MAX);
    return 400;
  }
  return 0;
}

static bool send_all(int socket, const char *data, size_t length) {
  while (length) {
    ssize_t sent = send(socket, data, length, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    data += sent;
    length -= (size_t)sent;
  }
  return true;
}

static void reply(int socket, int status, const text *body) {
  char head[256];
  const char *kind = status == 200 ? "application/json" : "text/plain; charset=utf-8";
  int length = snprintf(head, sizeof head,
                        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status,
                        status == 200 ? "OK" : "Refused", kind, body->length);
  if (send_all(socket, head, (size_t)length)) send_all(socket, body->data, body->length);
}

/* Reads up to the blank line that ends a head; false where it does not come, or is too long. */
static bool read_head(int socket, char *head) {
  size_t length = 0;
  while (length + 1 < HEAD_MAX) {
    ssize_t got = recv(socket, head + length, HEAD_MAX - 1 - length, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    length += (size_t)got;
    head[length] = 0;
    if (memchr(head, 0, length)) return false;
    if (strstr(head, "\r\n\r\n") || strstr(head, "\n\n")) return true;
  }
  return false;
}

static void *receive(void *given) {
  visit *one = given;
  char *head = malloc(HEAD_MAX);
  request *asked = calloc(1, sizeof *asked);
  text body = {malloc(ANSWER_MAX), 0, ANSWER_MAX, false};
  if (head && asked && body.data) {
    body.data[0] = 0;
    int status = 400;
    if (!read_head(one->socket, head))
      put(&body, "the head of the request does not end, or is too long");
    else if ((status = read_request(head, asked, &body)) == 0)
      status = one->answer(asked, &body);
    if (body.overflowed) {
      body.length = 0;
      body.overflowed = false;
      put(&body, "the answer has more than %d bytes: ask for less", ANSWER_MAX);
      status = 413;
    }
    reply(one->socket, status, &body);
  }
  free(head);
  free(asked);
  free(body.data);
  close(one->socket);
  free(one);
  atomic_fetch_sub(&connections, 1);
  return NULL;
}

static void welcome(int socket, answerer answer) {
  struct timeval patience = {PATIENCE_SECONDS, 0};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  visit *one = malloc(sizeof *one);
  pthread_t thread;
  if (!one || atomic_fetch_add(&connections, 1) >= CONNECTIONS_MAX) {
    char sentence[] = "too many ask at once: try again";
    text body = {sentence, sizeof sentence - 1, sizeof sentence, false};
    reply(socket, 503, &body);
    if (one) atomic_fetch_sub(&connections, 1);
    free(one);
    close(socket);
    return;
  }
  *one = (visit){socket, answer};
  if (pthread_create(&thread, NULL, receive, one) == 0) {
    pthread_detach(thread);
    return;
  }
  atomic_fetch_sub(&connections, 1);
  free(one);
  close(socket);
}

void serve(int port, answerer answer) {
  signal(SIGPIPE, SIG_IGN);
  int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (listener < 0 || bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, BACKLOG)) {
    perror("ip cannot listen");
    return;
  }
  for (;;) {
    int socket = accept(listener, NULL, NULL);
    if (socket >= 0) welcome(socket, answer);
    else if (errno != EINTR && errno != ECONNABORTED) nanosleep(&(struct timespec){0, PAUSE_NANOSECONDS}, NULL);
  }
}
