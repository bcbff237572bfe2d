#include "answers.h"

#include <stdlib.h>
#include <string.h>

#include "address.h"

enum { LISTED_MAX = 1024, LISTED_USUAL = 64, SHOWN_MAX = 60, WIDE = 128 };

/* Refuses with what was expected; of what was written only plain characters are shown. */
static int refuse(text *to, const char *field, const char *said, const char *expected) {
  char shown[SHOWN_MAX + 1];
  size_t at = 0;
  for (; said[at] && at < SHOWN_MAX; at++)
    shown[at] = said[at] >= ' ' && said[at] < 127 ? said[at] : '?';
  shown[at] = 0;
  put(to, "%s: expected %s, and it is \"%s\"", field, expected, shown);
  return 400;
}

static const char *const AN_ADDRESS = "an address such as 192.0.2.7 or 2001:db8::7";
static const char *const A_NETWORK = "a network such as 10.0.0.0/8 or 2001:db8::/32";

static bool take_address(const request *asked, const char *field, address *found, text *to) {
  const char *said = value_of(asked, field);
  if (read_address(said, found)) return true;
  refuse(to, field, said, AN_ADDRESS);
  return false;
}

static bool take_network(const request *asked, const char *field, network *found, address *host, text *to) {
  const char *said = value_of(asked, field);
  if (read_network(said, found, host)) return true;
  refuse(to, field, said, A_NETWORK);
  return false;
}

static void put_address(text *to, const char *name, address one) {
  char written[WIDE];
  write_address(one, written, sizeof written);
  put_text(to, name, written);
}

static void put_kind(text *to, network one) {
  const special *block = special_of(one);
  put_text(to, "kind", block ? block->kind : "global");
  put_truth(to, "global", block ? block->global : true);
  if (!block || !*block->block) return;
  put_text(to, "block", block->block);
  put_text(to, "source", block->source);
}

static network alone(address one) { return (network){one, bits_of(one.version)}; }

static void put_network(text *to, network one) {
  char written[WIDE];
  write_address(one.base, written, sizeof written);
  put(to, "%s\"%s/%d\"", to->data[to->length - 1] == '[' ? "" : ",", written, one.prefix);
}

int answer_parse(const request *asked, text *to) {
  address one, inner;
  char written[WIDE];
  if (!take_address(asked, "address", &one, to)) return 400;
  put(to, "{");
  put_address(to, "address", one);
  put_count(to, "version", one.version);
  write_expanded(one, written, sizeof written);
  put_text(to, "expanded", written);
  write_decimal(one.value, written, sizeof written);
  put_text(to, "number", written);
  write_reverse(one, written, sizeof written);
  put_text(to, "reverse", written);
  put_kind(to, alone(one));
  if (embedded_in(one, &inner)) {
    put(to, ",\"embedded\":{");
    put_address(to, "address", inner);
    put_kind(to, alone(inner));
    put(to, "}");
  }
  put(to, "}");
  return 200;
}

int answer_subnet(const request *asked, text *to) {
  network one;
  address host;
  char written[WIDE];
  if (!take_network(asked, "network", &one, &host, to)) return 400;
  int version = one.base.version, bits = bits_of(version);
  address first = one.base, last = {version, last_of(one)}, mask = {version, mask_of(version, one.prefix)};
  put(to, "{");
  put_address(to, "network", one.base);
  put_count(to, "prefix", one.prefix);
  put_count(to, "version", version);
  put_address(to, "mask", mask);
  if (version == 4) {
    address wildcard = {4, ~mask.value & 0xffffffffu};
    put_address(to, "wildcard", wildcard);
  }
  /* Below two addresses for a link (RFC 3021) version 4 keeps the first for the network and the last for all. */
  bool kept = version == 4 && one.prefix < 31;
  put_address(to, "first", first);
  put_address(to, "last", last);
  address first_usable = {version, first.value + kept}, last_usable = {version, last.value - kept};
  put_address(to, "first_usable", first_usable);
  put_address(to, "last_usable", last_usable);
  number span = last.value - first.value; /* one less than there are, as 2 to the 128th has no room */
  if (one.prefix == 0 && bits == 128)
    put_text(to, "addresses", "340282366920938463463374607431768211456");
  else {
    write_decimal(span + 1, written, sizeof written);
    put_text(to, "addresses", written);
  }
  put_address(to, "written", host);
  put_kind(to, one);
  put(to, "}");
  return 200;
}

int answer_contains(const request *asked, text *to) {
  network one, other;
  address host, inner;
  if (!take_network(asked, "network", &one, &host, to)) return 400;
  if (!take_network(asked, "address", &other, &inner, to)) return 400;
  bool same = one.base.version == other.base.version;
  bool inside = holds(one, other.base) && other.prefix >= one.prefix;
  put(to, "{");
  put_truth(to, "contains", inside);
  put_truth(to, "overlaps", same && (holds(one, other.base) || holds(other, one.base)));
  put(to, "}");
  return 200;
}

/* Reads a whole number of at most four digits; false where it is none, or out of bounds. */
static bool take_count(const request *asked, const char *field, int least, int most, int usual, int *found) {
  const char *said = value_of(asked, field);
  size_t length = strlen(said);
  *found = usual;
  if (!length) return usual >= least;
  if (length > 4 || strspn(said, "0123456789") != length) return false;
  *found = atoi(said);
  return *found >= least && *found <= most;
}

int answer_split(const request *asked, text *to) {
  network one;
  address host;
  int prefix, limit;
  char written[WIDE];
  if (!take_network(asked, "network", &one, &host, to)) return 400;
  int bits = bits_of(one.base.version);
  if (!take_count(asked, "prefix", one.prefix, bits, -1, &prefix)) {
    put(to, "prefix: expected %d to %d, so that the parts are in the network", one.prefix, bits);
    return 400;
  }
  if (!take_count(asked, "limit", 1, LISTED_MAX, LISTED_USUAL, &limit)) {
    put(to, "limit: expected 1 to %d", LISTED_MAX);
    return 400;
  }
  int parts = prefix - one.prefix;
  put(to, "{\"subnets\":[");
  network part = {one.base, prefix};
  for (int count = 0; count < limit && (parts >= 31 || count < (1 << parts)); count++) {
    put_network(to, part);
    part.base.value = last_of(part) + 1;
  }
  put(to, "]");
  if (parts == 128)
    put_text(to, "count", "340282366920938463463374607431768211456");
  else {
    write_decimal((number)1 << parts, written, sizeof written);
    put_text(to, "count", written);
  }
  put(to, "}");
  return 200;
}

int answer_range(const request *asked, text *to) {
  address first, last;
  if (!take_address(asked, "first", &first, to) || !take_address(asked, "last", &last, to)) return 400;
  if (first.version != last.version || first.value > last.value) {
    put(to, "last: expected an address of the same version, and not before the first one");
    return 400;
  }
  put(to, "{\"networks\":[");
  for (bool more = true; more;) {
    network part = alone(first);
    while (part.prefix > 0) { /* as wide as it still begins and ends inside */
      network wider = {first, part.prefix - 1};
      if ((first.value & ~mask_of(first.version, wider.prefix) & last_of((network){{first.version, 0}, 0})) != 0) break;
      if (last_of(wider) > last.value) break;
      part = wider;
    }
    put_network(to, part);
    more = last_of(part) < last.value;
    first.value = last_of(part) + 1;
  }
  put(to, "]}");
  return 200;
}
