/* A disk at work: reads past the page cache, each done twice and compared. Nothing is ever written. */
#ifndef PASSTHROUGH_DISKS_DISK_READS_H_
#define PASSTHROUGH_DISKS_DISK_READS_H_

#include <stddef.h>

#include "remote/disks/disk_list.h"

/* `file` is open on the disk with O_DIRECT, which has `bytes` in sectors of `sector`. Prints what came of it. */
void test_reads(const struct disk *disk, int file, unsigned long long bytes, size_t sector);

#endif
