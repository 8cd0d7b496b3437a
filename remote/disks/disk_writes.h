/* A disk that may be overwritten: new data is written, flushed, and read back. */
#ifndef PASSTHROUGH_DISKS_DISK_WRITES_H_
#define PASSTHROUGH_DISKS_DISK_WRITES_H_

#include "remote/disks/disk_facts.h"
#include "remote/disks/disk_list.h"

/* Writes only where `may_be_overwritten` (NULL: none may) has the place on the PCI bus of each function that leads to
 * the disk, the disk begins with a mark (marked_data.h) and holds what that says, and neither a partition, a file
 * system nor another device is known to be on it. `may_be_overwritten`: places with commas between, each a root bus and
 * the slots on the way down, "00/02.1/00.0": bus numbers below are the firmware's, and who plans does not know them.
 * Afterwards the disk is marked again, with other data behind the mark. Prints what came of it, or why nothing was
 * written. */
void test_writes(const struct disk *disk, struct disk_size size, const char *may_be_overwritten);

/* Marks the disk at `path`, whose size has to be `bytes`, in decimal; all that is on it is lost. Refuses what is no
 * whole disk, is in use, or has partitions. Returns whether that was done, and says on stderr what is wrong. */
int mark_disk(const char *path, const char *bytes);

#endif
