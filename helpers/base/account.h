// A user of this machine, as the name service knows it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

namespace passthrough {

struct Account {
  std::string name;
  std::filesystem::path home;
};

// The account of `uid`; nullopt where there is none. Any thread may call it.
std::optional<Account> AccountOf(uid_t uid);

}  // namespace passthrough
