/* Work that may hang in the kernel, or crash: done by a child process, so that this is a fact as well. */
#ifndef PASSTHROUGH_PROGRAMS_SUPERVISOR_H_
#define PASSTHROUGH_PROGRAMS_SUPERVISOR_H_

/* Makes `progress` (facts.h), in memory that children share. Returns 0 where there is none. */
int share_progress(void);

/* Runs `work` in a child process, from device 0 on. Where it hangs or crashes at a device, which is printed ("hung",
 * "time_ran_out", "crashed"), another child goes on with the next. `limit_of_call`: seconds that what is being called
 * (progress->call) may take; `limit_of_all`: seconds for all of it. */
void supervise(void (*work)(int first), int (*limit_of_call)(void), int (*limit_of_all)(void));

/* The whole number in the environment, from 1 on; else `otherwise`. */
int setting(const char *name, int otherwise);

#endif
