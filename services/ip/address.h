/* Addresses and networks as numbers: an address of version 4 fills the last 32 of 128 bits. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

__extension__ typedef unsigned __int128 number;

enum { TEXT_MAX = 64, DIGITS_MAX = 64 };

typedef struct {
  int version; /* 4 or 6 */
  number value;
} address;

typedef struct {
  address base; /* the first address */
  int prefix;
} network;

int bits_of(int version);
number mask_of(int version, int prefix);

/* Reads an address as inet_pton(3) does; false where it is none. */
bool read_address(const char *text, address *found);

/* Reads "10.0.0.0/8", or an address alone as a network of one; `host` takes the address that was written. */
bool read_network(const char *text, network *found, address *host);

/* Writes an address as RFC 5952 asks for. */
void write_address(address one, char *to, size_t room);
void write_expanded(address one, char *to, size_t room);
void write_reverse(address one, char *to, size_t room);
void write_decimal(number value, char *to, size_t room);

number last_of(network one);
bool holds(network one, address other);

/* A block of an IANA registry of special addresses. */
typedef struct {
  const char *block;
  const char *kind;
  const char *source;
  bool global;
} special;

/* The narrowest block that all of a network is in; one of kind "mixed" where only a part is; NULL where it is global. */
const special *special_of(network one);

/* An address of version 4 that is inside one of version 6: mapped, translated (NAT64) or 6to4; false where there is none. */
bool embedded_in(address one, address *inner);

#endif
