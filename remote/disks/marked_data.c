#include "remote/disks/marked_data.h"

#include <stdio.h>
#include <string.h>

static const char first_line[] = "pcie-passthrough-suite disk 1\nseed: ";
static const char second_line[] = "\nbytes: ";
static const char whole[] = "\nstate: whole\n";
static const char writing[] = "\nstate: writing\n";

static int hex_digit(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int read_mark(const unsigned char *page, struct mark *mark) {
  const unsigned char *at = page + sizeof first_line - 1;
  int i;
  if (memcmp(page, first_line, sizeof first_line - 1) != 0) return 0;
  mark->seed = 0;
  for (i = 0; i < 16; ++i) {
    const int digit = hex_digit(*at++);
    if (digit < 0) return 0;
    mark->seed = mark->seed << 4 | (unsigned)digit;
  }
  if (memcmp(at, second_line, sizeof second_line - 1) != 0) return 0;
  at += sizeof second_line - 1;
  mark->bytes = 0;
  for (i = 0; i < 18 && *at >= '0' && *at <= '9'; ++i) mark->bytes = mark->bytes * 10 + (unsigned)(*at++ - '0');
  mark->writing = memcmp(at, writing, sizeof writing - 1) == 0;
  if (!mark->writing && memcmp(at, whole, sizeof whole - 1) != 0) return 0;
  at += (mark->writing ? sizeof writing : sizeof whole) - 1;
  /* A partition table, or whatever else came into the page since, makes it none. */
  while (at < page + MARK_BYTES && *at == 0) ++at;
  return at == page + MARK_BYTES && mark->bytes > MARK_BYTES;
}

void make_mark(unsigned char *page, const struct mark *mark) {
  memset(page, 0, MARK_BYTES);
  snprintf((char *)page, MARK_BYTES, "%s%016llx%s%llu%s", first_line, (unsigned long long)mark->seed, second_line,
           (unsigned long long)mark->bytes, mark->writing ? writing : whole);
}

/* SplitMix64 of the place (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): each word can be
 * checked without the others, and none is like another. */
uint64_t marked_word(uint64_t seed, uint64_t offset) {
  uint64_t z = seed + (offset / 8 + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}
