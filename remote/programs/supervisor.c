#define _GNU_SOURCE
#include "remote/programs/supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "remote/programs/facts.h"

int share_progress(void) {
  progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return progress != MAP_FAILED;
}

int setting(const char *name, int otherwise) {
  const char *wanted = getenv(name);
  return wanted != NULL && atoi(wanted) > 0 ? atoi(wanted) : otherwise;
}

static const char *current_call(void) { return progress->call[0] != '\0' ? progress->call : "between_calls"; }

/* Waits for the child. Returns 1 where it ended by itself, 0 where it hung or crashed, which is printed. */
static int await(pid_t child, double begun, int (*limit_of_call)(void), int (*limit_of_all)(void)) {
  const struct timespec pause = {0, 20000000};
  unsigned seen = progress->calls;
  double since = now_seconds();
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    const double now = now_seconds();
    if (progress->calls != seen) {
      seen = progress->calls;
      since = now;
    }
    const int call_hangs = now - since > limit_of_call();
    if (call_hangs || now - begun > limit_of_all()) {
      /* It may hang in the kernel, where no signal ends it: it is not waited for. */
      kill(child, SIGKILL);
      if (call_hangs) {
        fact("hung: %s %.0f", current_call(), now - since);
      } else {
        /* Nothing hangs: there was more to do than time. */
        fact("time_ran_out: %s %.0f", current_call(), now - begun);
      }
      return 0;
    }
    nanosleep(&pause, NULL);
  }
  if (!WIFSIGNALED(status)) return 1;
  fact("crashed: %s %d", current_call(), WTERMSIG(status));
  return 0;
}

void supervise(void (*work)(int first), int (*limit_of_call)(void), int (*limit_of_all)(void)) {
  const double begun = now_seconds();
  int first = 0;
  while (1) {
    pid_t child;
    progress->item = -1;
    child = fork();
    if (child < 0) {
      fact("program_error: cannot start a process");
      return;
    }
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      work(first);
      fflush(stdout);
      _exit(0);
    }
    /* A device that hangs must not hide the others. */
    if (await(child, begun, limit_of_call, limit_of_all) || progress->item < 0 ||
        now_seconds() - begun > limit_of_all()) {
      return;
    }
    first = progress->item + 1;
  }
}
