/* micro-core-1 for C and C++: docs/reference/guest-abi.md explains every word. Include it in one file.
 *
 * A guest defines micro_on_describe and micro_on_call, and, where it says so with MICRO_STREAMS and MICRO_EVENTS before
 * the include, micro_on_serve and micro_on_event. */
#ifndef MICRO_H
#define MICRO_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MICRO_IMPORT(name) __attribute__((import_module("micro"), import_name(name)))
#define MICRO_EXPORT(name) __attribute__((export_name(name)))

MICRO_IMPORT("take") void micro_raw_take(void *place);
MICRO_IMPORT("waiting") int32_t micro_raw_waiting(void);
MICRO_IMPORT("answer") void micro_raw_answer(const void *body, size_t length);
MICRO_IMPORT("fail") void micro_raw_fail(int32_t code, const char *detail, size_t length);
MICRO_IMPORT("log") void micro_raw_log(int32_t level, const char *line, size_t length);
MICRO_IMPORT("call") int32_t micro_raw_call(const void *message, size_t length);
MICRO_IMPORT("publish") int32_t micro_raw_publish(const void *message, size_t length);
MICRO_IMPORT("config") int32_t micro_raw_config(const char *path, size_t length);
MICRO_IMPORT("store_read") int32_t micro_raw_store_read(const char *key, size_t length);
MICRO_IMPORT("store_write")
int32_t micro_raw_store_write(const char *key, size_t key_length, const void *value, size_t length, int32_t expiry_seconds);
MICRO_IMPORT("store_delete") int32_t micro_raw_store_delete(const char *key, size_t length);
MICRO_IMPORT("store_list") int32_t micro_raw_store_list(const char *prefix, size_t length, int32_t limit);
MICRO_IMPORT("stream_open") int32_t micro_raw_stream_open(const void *message, size_t length);
MICRO_IMPORT("stream_send") int32_t micro_raw_stream_send(int32_t number, const void *body, size_t length);
MICRO_IMPORT("stream_receive") int32_t micro_raw_stream_receive(int32_t number);
MICRO_IMPORT("stream_end") int32_t micro_raw_stream_end(int32_t number);
MICRO_IMPORT("stream_close") int32_t micro_raw_stream_close(int32_t number);

/* Bytes that the guest owns and frees; `code` is a fault's, 0 where there is none, or -1 for "there is nothing". Of a
 * fault the bytes are its JSON. They end with a zero that is not counted. */
typedef struct {
  char *data;
  size_t length;
  int32_t code;
} micro_bytes;

/* A request or an event. Everything points into `raw`. */
typedef struct {
  micro_bytes raw;
  const char *body;
  size_t length;
} micro_message;

static inline micro_bytes micro_taken(int32_t outcome) {
  micro_bytes found = {NULL, 0, outcome < 0 ? -outcome : 0};
  if (outcome == -1) {
    found.code = -1;
    return found;
  }
  int32_t length = micro_raw_waiting();
  if (length < 0) length = 0;
  found.data = (char *)malloc((size_t)length + 1);
  if (!found.data) abort();
  if (micro_raw_waiting() >= 0) micro_raw_take(found.data);
  found.data[length] = 0;
  found.length = (size_t)length;
  return found;
}

static inline uint32_t micro_varint(const uint8_t **at, const uint8_t *end) {
  uint32_t number = 0;
  for (int shift = 0; *at < end && shift < 35; shift += 7) {
    uint8_t byte = *(*at)++;
    number |= (uint32_t)(byte & 127) << shift;
    if (byte < 128) break;
  }
  return number;
}

static inline micro_message micro_request(int32_t length) {
  micro_message request = {micro_taken(length), "", 0};
  const uint8_t *at = (const uint8_t *)request.raw.data, *end = at + request.raw.length;
  while (at < end) {
    uint8_t tag = *at++;
    uint32_t size = micro_varint(&at, end);
    if (tag == 0x12) request.body = (const char *)at, request.length = size;
    at += size;
  }
  return request;
}

/* The value of a header, NULL where it is not there; it does not end with a zero. */
static inline const char *micro_header(const micro_message *request, const char *name, size_t *length) {
  const uint8_t *at = (const uint8_t *)request->raw.data, *end = at + request->raw.length;
  while (at < end) {
    uint8_t tag = *at++;
    uint32_t size = micro_varint(&at, end);
    const uint8_t *next = at + size;
    if (tag == 0x0a) {
      at++;
      uint32_t name_length = micro_varint(&at, next);
      if (name_length == strlen(name) && memcmp(at, name, name_length) == 0) {
        at += name_length + 1;
        *length = at < next ? micro_varint(&at, next) : 0;
        return (const char *)at;
      }
    }
    at = next;
  }
  *length = 0;
  return NULL;
}

static inline int micro_is(const micro_message *request, const char *endpoint) {
  size_t length;
  const char *found = micro_header(request, "Micro-Endpoint", &length);
  return found && length == strlen(endpoint) && memcmp(found, endpoint, length) == 0;
}

static inline uint8_t *micro_put(uint8_t *at, uint8_t tag, const void *data, size_t length) {
  *at++ = tag;
  size_t left = length;
  while (left > 127) *at++ = (uint8_t)(left | 128), left >>= 7;
  *at++ = (uint8_t)left;
  memcpy(at, data, length);
  return at + length;
}

/* Writes a message with one to three headers: pairs of texts, the last pair followed by NULL. */
static inline uint8_t *micro_write(const char *const *headers, const void *body, size_t length, size_t *written) {
  size_t room = length + 16;
  for (const char *const *h = headers; *h; h++) room += strlen(*h) + 16;
  uint8_t *message = (uint8_t *)malloc(room), *at = message;
  if (!message) abort();
  for (const char *const *h = headers; *h; h += 2) {
    uint8_t *entry = (uint8_t *)malloc(strlen(h[0]) + strlen(h[1]) + 16);
    if (!entry) abort();
    uint8_t *end = micro_put(micro_put(entry, 0x0a, h[0], strlen(h[0])), 0x12, h[1], strlen(h[1]));
    at = micro_put(at, 0x0a, entry, (size_t)(end - entry));
    free(entry);
  }
  at = micro_put(at, 0x12, body, length);
  *written = (size_t)(at - message);
  return message;
}

static inline micro_bytes micro_call_service(const char *service, const char *endpoint, const void *body, size_t length) {
  const char *headers[] = {"Micro-Service", service, "Micro-Endpoint", endpoint, NULL};
  size_t written;
  uint8_t *message = micro_write(headers, body, length, &written);
  int32_t outcome = micro_raw_call(message, written);
  free(message);
  return micro_taken(outcome);
}

static inline micro_bytes micro_publish_event(const char *topic, const void *body, size_t length) {
  const char *headers[] = {"Micro-Topic", topic, NULL};
  size_t written;
  uint8_t *message = micro_write(headers, body, length, &written);
  int32_t outcome = micro_raw_publish(message, written);
  free(message);
  return micro_taken(outcome);
}

static inline int32_t micro_open_stream(const char *service, const char *endpoint, const void *body, size_t length) {
  const char *headers[] = {"Micro-Service", service, "Micro-Endpoint", endpoint, NULL};
  size_t written;
  uint8_t *message = micro_write(headers, body, length, &written);
  int32_t number = micro_raw_stream_open(message, written);
  free(message);
  return number;
}

static inline micro_bytes micro_setting(const char *path) { return micro_taken(micro_raw_config(path, strlen(path))); }
static inline micro_bytes micro_read(const char *key) { return micro_taken(micro_raw_store_read(key, strlen(key))); }
static inline int32_t micro_keep(const char *key, const void *value, size_t length, int32_t expiry_seconds) {
  return micro_raw_store_write(key, strlen(key), value, length, expiry_seconds);
}
static inline micro_bytes micro_receive(int32_t number) { return micro_taken(micro_raw_stream_receive(number)); }
static inline int32_t micro_send(int32_t number, const void *body, size_t length) {
  return micro_raw_stream_send(number, body, length);
}
static inline void micro_answer(const void *body, size_t length) { micro_raw_answer(body, length); }
static inline void micro_fail(int32_t code, const char *detail) { micro_raw_fail(code, detail, strlen(detail)); }
static inline void micro_log(int32_t level, const char *line) { micro_raw_log(level, line, strlen(line)); }

const char *micro_on_describe(void);
void micro_on_call(const micro_message *request);

MICRO_EXPORT("micro_describe") void micro_export_describe(void) {
  const char *said = micro_on_describe();
  micro_raw_answer(said, strlen(said));
}

MICRO_EXPORT("micro_call") void micro_export_call(int32_t length) {
  micro_message request = micro_request(length);
  micro_on_call(&request);
  free(request.raw.data);
}

#ifdef MICRO_STREAMS
void micro_on_serve(const micro_message *request);
MICRO_EXPORT("micro_serve") void micro_export_serve(int32_t length) {
  micro_message request = micro_request(length);
  micro_on_serve(&request);
  free(request.raw.data);
}
#endif

#ifdef MICRO_EVENTS
void micro_on_event(const micro_message *event);
MICRO_EXPORT("micro_event") void micro_export_event(int32_t length) {
  micro_message event = micro_request(length);
  micro_on_event(&event);
  free(event.raw.data);
}
#endif

#ifdef __cplusplus
}
#endif
#endif
