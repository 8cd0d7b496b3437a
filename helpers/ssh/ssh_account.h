// Who logs in where.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace passthrough {

// A machine reached over SSH. `key` empty: the agent's keys are used.
struct SshAccount {
  std::string host;  // empty for the node itself: its address is discovered
  uint16_t port = 22;
  std::string user;
  std::filesystem::path key;
};

}  // namespace passthrough
