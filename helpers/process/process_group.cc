#include "helpers/process/process_group.h"

#include <dirent.h>

#include <charconv>
#include <csignal>
#include <fstream>
#include <memory>
#include <string_view>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

// Adds the process of /proc/<id>/stat to `members` if it is in `group` and alive (proc(5): "pid
// (comm) state ppid pgrp …", where comm may contain anything, parentheses too).
void AddIfMember(const char* id, pid_t group, std::vector<GroupMember>& members) {
  std::ifstream file(std::string("/proc/") + id + "/stat");
  std::string stat;
  std::getline(file, stat, '\0');
  const size_t open = stat.find('(');
  const size_t close = stat.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return;
  const auto fields = SplitWords(std::string_view(stat).substr(close + 1));
  if (fields.size() < 3 || fields[2] != std::to_string(group)) return;
  const char state = fields[0][0];
  if (state == 'Z' || state == 'X') return;
  members.push_back({std::atoi(id), stat.substr(open + 1, close - open - 1)});
}

}  // namespace

std::vector<GroupMember> LiveMembers(pid_t group) {
  std::vector<GroupMember> members;
  const std::unique_ptr<DIR, int (*)(DIR*)> processes(opendir("/proc"), closedir);
  if (processes == nullptr) return members;
  while (const dirent* entry = readdir(processes.get())) {
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') {
      AddIfMember(entry->d_name, group, members);
    }
  }
  return members;
}

void SignalGroup(pid_t group, int signal) {
  kill(-group, signal);
  kill(-group, SIGCONT);
}

}  // namespace passthrough
