// Which process: numbers alone are used again.
#pragma once

#include <sys/types.h>

#include <string>

namespace passthrough {

// A process, beyond its end. A value; any thread.
struct ProcessIdentity {
  pid_t pid = 0;              // 0: no process
  std::string start_time;     // field 22 of /proc/PID/stat, in clock ticks since boot (proc(5))
  std::string boot_id;        // /proc/sys/kernel/random/boot_id
  std::string pid_namespace;  // see CurrentPidNamespace; process ids of another one mean nothing here
  bool operator==(const ProcessIdentity&) const = default;
};

// That of a process that runs now; pid 0 where there is none of this number.
ProcessIdentity IdentityOf(pid_t pid);

// This machine and its PID namespace (pid_namespaces(7)): the same after a reboot, another one in each
// container.
std::string CurrentPidNamespace();

// Whether it still runs here: a zombie does not, nor does one of another PID namespace.
bool IsAlive(const ProcessIdentity& process);

// Ends the process group that `leader` led, which led a session, too (setsid(2)): SIGTERM, and SIGKILL to what is left
// after 10 s. Does nothing where that group is gone, also where its number is used by others now, as by a pipeline of
// some shell, whose session is the shell's.
void EndGroupOf(const ProcessIdentity& leader);

}  // namespace passthrough
