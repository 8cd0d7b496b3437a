// Looking at and ending all processes of a group.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace passthrough {

// A process that still runs.
struct GroupMember {
  pid_t id = 0;
  std::string name;  // of the executable, at most 15 bytes (proc(5), comm)
};

// The members of `group` that are alive; one that ended and was not waited for yet is not. Read
// from /proc, so that it needs no permission over them.
std::vector<GroupMember> LiveMembers(pid_t group);

// Sends `signal` to all of `group`, and wakes those that are stopped. Does nothing where the group
// is gone already.
void SignalGroup(pid_t group, int signal);

}  // namespace passthrough
