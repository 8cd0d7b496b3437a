/* What the kernel and the disk itself say of a disk, without reading from it. */
#ifndef PASSTHROUGH_DISKS_DISK_FACTS_H_
#define PASSTHROUGH_DISKS_DISK_FACTS_H_

#include "remote/disks/disk_list.h"

struct disk_size {
  unsigned long long bytes;
  unsigned long long sector; /* bytes; 0: not known */
};

/* Prints what sysfs has: size, sector size, read-only, model, state. */
struct disk_size show_disk(const struct disk *disk);

/* Of an NVMe disk, prints its SMART / health log (NVM Express Base Specification, log page 02h), or why there is none;
 * nothing of another. `file` is open on the disk. */
void show_health(const struct disk *disk, int file);

#endif
