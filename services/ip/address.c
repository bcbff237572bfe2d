#include "address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const number ALL = ~(number)0;

int bits_of(int version) { return version == 4 ? 32 : 128; }

number mask_of(int version, int prefix) {
  int bits = bits_of(version);
  if (prefix == 0) return 0;
  number whole = version == 4 ? (number)0xffffffffu : ALL;
  return (whole << (bits - prefix)) & whole;
}

bool read_address(const char *text, address *found) {
  unsigned char bytes[16];
  int count = 0;
  if (inet_pton(AF_INET, text, bytes) == 1) {
    found->version = 4;
    count = 4;
  } else if (inet_pton(AF_INET6, text, bytes) == 1) {
    found->version = 6;
    count = 16;
  } else {
    return false;
  }
  found->value = 0;
  for (int at = 0; at < count; at++) found->value = found->value << 8 | bytes[at];
  return true;
}

static bool read_prefix(const char *text, int bits, int *found) {
  size_t length = strlen(text);
  if (length == 0 || length > 3 || strspn(text, "0123456789") != length || (length > 1 && text[0] == '0')) return false;
  *found = 0;
  for (const char *at = text; *at; at++) *found = *found * 10 + (*at - '0');
  return *found <= bits;
}

/* A mask such as 255.255.240.0: ones, then zeros. */
static bool read_mask(const char *text, int *found) {
  address mask;
  if (!read_address(text, &mask) || mask.version != 4) return false;
  for (*found = 0; *found <= 32; ++*found)
    if (mask_of(4, *found) == mask.value) return true;
  return false;
}

bool read_network(const char *text, network *found, address *host) {
  char part[TEXT_MAX];
  const char *slash = strchr(text, '/');
  size_t length = slash ? (size_t)(slash - text) : strlen(text);
  if (length >= sizeof part) return false;
  memcpy(part, text, length);
  part[length] = 0;
  if (!read_address(part, host)) return false;
  found->prefix = bits_of(host->version);
  if (slash && !read_prefix(slash + 1, found->prefix, &found->prefix) &&
      !(host->version == 4 && read_mask(slash + 1, &found->prefix)))
    return false;
  found->base = *host;
  found->base.value &= mask_of(host->version, found->prefix);
  return true;
}

static void bytes_of(address one, unsigned char *to) {
  int count = bits_of(one.version) / 8;
  for (int at = count - 1; at >= 0; at--, one.value >>= 8) to[at] = (unsigned char)one.value;
}

/* The first of the longest runs of at least two zero groups, as RFC 5952, section 4.2, has it; `length` is 0 for none. */
static int longest_zeros(const unsigned *groups, int count, int *length) {
  int found = 0;
  *length = 0;
  for (int at = 0; at < count; at++) {
    int run = 0;
    while (at + run < count && groups[at + run] == 0) run++;
    if (run > *length && run > 1) {
      found = at;
      *length = run;
    }
    at += run;
  }
  return found;
}

/* inet_ntop(3) would write ::1:0 as ::0.1.0.0, so this is written here. */
void write_address(address one, char *to, size_t room) {
  unsigned char bytes[16];
  unsigned groups[8];
  bytes_of(one, bytes);
  if (one.version == 4) {
    snprintf(to, room, "%d.%d.%d.%d", bytes[0], bytes[1], bytes[2], bytes[3]);
    return;
  }
  if (one.value >> 32 == 0xffff) {
    snprintf(to, room, "::ffff:%d.%d.%d.%d", bytes[12], bytes[13], bytes[14], bytes[15]);
    return;
  }
  for (int group = 0; group < 8; group++) groups[group] = (unsigned)bytes[2 * group] << 8 | bytes[2 * group + 1];
  int length, zeros = longest_zeros(groups, 8, &length);
  size_t at = 0;
  to[0] = 0;
  for (int group = 0; group < 8; group++) {
    if (length && group == zeros) {
      at += (size_t)snprintf(to + at, room - at, "::");
      group += length - 1;
    } else {
      const char *before = group && !(length && group == zeros + length) ? ":" : "";
      at += (size_t)snprintf(to + at, room - at, "%s%x", before, groups[group]);
    }
  }
}

void write_expanded(address one, char *to, size_t room) {
  unsigned char bytes[16];
  bytes_of(one, bytes);
  if (one.version == 4) {
    snprintf(to, room, "%03d.%03d.%03d.%03d", bytes[0], bytes[1], bytes[2], bytes[3]);
    return;
  }
  size_t at = 0;
  for (int group = 0; group < 8; group++)
    at += (size_t)snprintf(to + at, room - at, "%s%02x%02x", group ? ":" : "", bytes[2 * group], bytes[2 * group + 1]);
}

void write_reverse(address one, char *to, size_t room) {
  unsigned char bytes[16];
  bytes_of(one, bytes);
  if (one.version == 4) {
    snprintf(to, room, "%d.%d.%d.%d.in-addr.arpa", bytes[3], bytes[2], bytes[1], bytes[0]);
    return;
  }
  size_t at = 0;
  for (int byte = 15; byte >= 0; byte--)
    at += (size_t)snprintf(to + at, room - at, "%x.%x.", bytes[byte] & 15, bytes[byte] >> 4);
  snprintf(to + at, room - at, "ip6.arpa");
}

void write_decimal(number value, char *to, size_t room) {
  char digits[DIGITS_MAX];
  size_t count = 0;
  do {
    digits[count++] = (char)('0' + (int)(value % 10));
    value /= 10;
  } while (value);
  size_t at = 0;
  while (count && at + 1 < room) to[at++] = digits[--count];
  to[at] = 0;
}

number last_of(network one) {
  number whole = one.base.version == 4 ? (number)0xffffffffu : ALL;
  return one.base.value | (whole & ~mask_of(one.base.version, one.prefix));
}

bool holds(network one, address other) {
  return one.base.version == other.version && (other.value & mask_of(other.version, one.prefix)) == one.base.value;
}

/* The IANA special-purpose address registries (RFC 6890), and multicast. */
static const special BLOCKS[] = {
    {"0.0.0.0/32", "unspecified", "RFC 1122", false},
    {"0.0.0.0/8", "this network", "RFC 791", false},
    {"10.0.0.0/8", "private", "RFC 1918", false},
    {"100.64.0.0/10", "shared by carriers", "RFC 6598", false},
    {"127.0.0.0/8", "loopback", "RFC 1122", false},
    {"169.254.0.0/16", "link-local", "RFC 3927", false},
    {"172.16.0.0/12", "private", "RFC 1918", false},
    {"192.0.0.0/24", "protocol assignments", "RFC 6890", false},
    {"192.0.2.0/24", "documentation", "RFC 5737", false},
    {"192.31.196.0/24", "AS112", "RFC 7535", true},
    {"192.52.193.0/24", "AMT", "RFC 7450", true},
    {"192.88.99.0/24", "6to4 relay, withdrawn", "RFC 7526", true},
    {"192.168.0.0/16", "private", "RFC 1918", false},
    {"192.175.48.0/24", "AS112", "RFC 7534", true},
    {"198.18.0.0/15", "benchmarks", "RFC 2544", false},
    {"198.51.100.0/24", "documentation", "RFC 5737", false},
    {"203.0.113.0/24", "documentation", "RFC 5737", false},
    {"224.0.0.0/4", "multicast", "RFC 5771", true},
    {"240.0.0.0/4", "reserved", "RFC 1112", false},
    {"255.255.255.255/32", "broadcast", "RFC 919", false},
    {"::/128", "unspecified", "RFC 4291", false},
    {"::1/128", "loopback", "RFC 4291", false},
    {"::ffff:0:0/96", "mapped from version 4", "RFC 4291", false},
    {"64:ff9b::/96", "translated to version 4", "RFC 6052", true},
    {"64:ff9b:1::/48", "translated locally", "RFC 8215", false},
    {"100::/64", "discarded", "RFC 6666", false},
    {"2001::/23", "protocol assignments", "RFC 2928", false},
    {"2001::/32", "Teredo", "RFC 4380", true},
    {"2001:2::/48", "benchmarks", "RFC 5180", false},
    {"2001:20::/28", "ORCHIDv2", "RFC 7343", true},
    {"2001:db8::/32", "documentation", "RFC 3849", false},
    {"2002::/16", "6to4", "RFC 3056", true},
    {"3fff::/20", "documentation", "RFC 9637", false},
    {"5f00::/16", "segment routing", "RFC 9602", false},
    {"fc00::/7", "private", "RFC 4193", false},
    {"fe80::/10", "link-local", "RFC 4291", false},
    {"ff00::/8", "multicast", "RFC 4291", true},
};

static const special MIXED = {"", "mixed", "", false};

const special *special_of(network one) {
  const special *found = NULL;
  int narrowest = -1;
  for (size_t at = 0; at < sizeof BLOCKS / sizeof BLOCKS[0]; at++) {
    network block;
    address host;
    if (!read_network(BLOCKS[at].block, &block, &host)) continue;
    if (block.prefix <= one.prefix && block.prefix > narrowest && holds(block, one.base)) {
      found = &BLOCKS[at];
      narrowest = block.prefix;
    } else if (!found && block.prefix > one.prefix && holds(one, block.base)) {
      found = &MIXED;
    }
  }
  return found;
}

bool embedded_in(address one, address *inner) {
  if (one.version != 6) return false;
  inner->version = 4;
  number high = one.value >> 32;
  if (high == 0xffff || high == (number)0x0064ff9b << 64) {
    inner->value = one.value & 0xffffffffu;
    return true;
  }
  if (one.value >> 112 == 0x2002) {
    inner->value = one.value >> 80 & 0xffffffffu;
    return true;
  }
  return false;
}
