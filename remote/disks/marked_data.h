/* Data that says by itself whether it is right: what the lab's disks hold, and disks that a user marked. A page of
 * text, the mark, and behind it words of 64 bits, little-endian, each of which follows from the seed and its place. */
#ifndef PASSTHROUGH_DISKS_MARKED_DATA_H_
#define PASSTHROUGH_DISKS_MARKED_DATA_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { MARK_BYTES = 4096 };

struct mark {
  uint64_t seed;
  uint64_t bytes; /* of mark and data */
  int writing;    /* the data is being written: it may be that of any seed */
};

/* Whether the first MARK_BYTES of a disk are a mark:
 * "pcie-passthrough-suite disk 1\nseed: <16 hex digits>\nbytes: <decimal>\nstate: whole\n", or "state: writing",
 * zeros behind it. */
int read_mark(const unsigned char *page, struct mark *mark);

/* Makes `page`, MARK_BYTES, that mark. */
void make_mark(unsigned char *page, const struct mark *mark);

/* The word at `offset`, a multiple of 8 from MARK_BYTES on. */
uint64_t marked_word(uint64_t seed, uint64_t offset);

#ifdef __cplusplus
}
#endif

#endif
