#include "helpers/base/account.h"

#include <pwd.h>

#include <cerrno>
#include <vector>

namespace passthrough {

std::optional<Account> AccountOf(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(1024);
  while (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == ERANGE) buffer.resize(buffer.size() * 2);
  if (found == nullptr) return std::nullopt;
  return Account{found->pw_name, found->pw_dir};
}

}  // namespace passthrough
