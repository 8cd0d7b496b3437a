/* The disks of this machine that a PCI function drives, and which. */
#ifndef PASSTHROUGH_DISKS_DISK_LIST_H_
#define PASSTHROUGH_DISKS_DISK_LIST_H_

#include "remote/programs/kernel_view.h"

enum { MOST_DISKS = 256, DISK_NAME = 32, MOST_PATHS = 8 };

struct disk {
  char name[DISK_NAME]; /* "nvme0n1": of /sys/block and /dev */
  char addresses[MOST_PATHS]
                [PCI_ADDRESS_TEXT]; /* of the PCI functions that lead to it: one, but of NVMe with multipath */
  int paths;
};

/* Those of functions whose base class is 01, mass storage, or that are Fibre Channel's, in the order of their names; no
 * drives for discs and diskettes. Returns how many. */
int list_disks(struct disk disks[MOST_DISKS]);

/* Calls `each` for the entries of $PROBE_ROOT/<path>, but for those that begin with a dot. */
void for_each_entry(const char *path, void (*each)(const char *name, void *data), void *data);

/* Whether the disk whose directory in sysfs is `path` has partitions. */
int has_partitions(const char *path);

/* Opens /dev/<name> with O_DIRECT, `flags` and O_CLOEXEC. Returns the file, or -1 with errno: ENODEV where it is
 * another device than the disk of that name. Below $PROBE_ROOT, a file takes the place of a disk, which is printed. */
int open_disk(const struct disk *disk, int flags);

/* Prints each such function: "function: 0000:05:00.0 nvme 1", with its driver ("none") and how many disks it has. */
void show_functions(const struct disk *disks, int count);

#endif
