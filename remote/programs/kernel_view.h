/* What the node's kernel says of a PCI function: its interrupts and its PCIe link. */
#ifndef PASSTHROUGH_PROGRAMS_KERNEL_VIEW_H_
#define PASSTHROUGH_PROGRAMS_KERNEL_VIEW_H_

enum { MOST_INTERRUPTS = 4096 };

struct interrupt_lines {
  int numbers[MOST_INTERRUPTS]; /* Linux' numbers */
  int count;
  const char *kind; /* "msi" (also MSI-X), "intx" or "none" */
};

/* "ffffffff:ff:1f.7" and its end. */
enum { PCI_ADDRESS_TEXT = 17 };
/* Writes CUDA's "0000:01:00.0" (also in upper case, also with up to eight digits of the domain) as sysfs names it: with
 * four digits of the domain, or as many as it needs. Returns 0 where it is no such address. */
int sysfs_address(const char *bus_id, char address[PCI_ADDRESS_TEXT]);

/* The lines that the function at `address` has now: they exist while a driver uses them. */
void find_interrupts(const char *address, struct interrupt_lines *lines);

/* The sum of /proc/interrupts over those lines and all processors. */
unsigned long long count_interrupts(const struct interrupt_lines *lines);

/* The negotiated link, in sysfs' words; empty where the function has none. */
enum { LINK_TEXT = 64 };
struct link_sample {
  char speed[LINK_TEXT]; /* "16.0 GT/s PCIe" */
  char width[LINK_TEXT];
};

/* Keeps in `best` the faster of it and the link as it is now; `best` is empty at first. */
void sample_link(const char *address, struct link_sample *best);
/* Whether the function can do more than `best`: 0 where sysfs does not say what it can. */
int link_is_slow(const char *address, const struct link_sample *best);
/* Prints it as facts; nothing where there is none. */
void show_link(const struct link_sample *best);

#endif
