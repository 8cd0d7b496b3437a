/* Printing facts as remote/README.md says, and telling the supervisor where the work is. */
#ifndef PASSTHROUGH_PROGRAMS_FACTS_H_
#define PASSTHROUGH_PROGRAMS_FACTS_H_

#include <stddef.h>

/* What the working process reports to the one that supervises it; in memory that both share. */
struct progress {
  char call[40];           /* the function that is being called; empty: none */
  volatile unsigned calls; /* grows with each begin_call and end_call */
  volatile int item;       /* the device whose block is being printed, by number; -1: none yet */
  volatile int count;      /* devices; 0: not known yet */
};

extern struct progress *progress;

void begin_call(const char *name);
void end_call(void);

/* Prints one line, at once. */
void fact(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Seconds on a clock that nobody sets. */
double now_seconds(void);

/* The first line of $PROBE_ROOT/<path> without its end, cut to size - 1 bytes; empty where it cannot be read. */
void read_line(const char *path, char *line, size_t size);

/* "$PROBE_ROOT/<path>" in a static buffer. */
const char *rooted(const char *path);

#endif
