#include "helpers/ssh/host_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "helpers/base/files.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/ssh/libssh_handles.h"
#include "helpers/ssh/ssh_errors.h"

namespace passthrough {
namespace {

using EntryHandle = std::unique_ptr<ssh_knownhosts_entry, FreeWith<ssh_knownhosts_entry_free>>;

std::string TypeOf(const std::string& key) { return key.substr(0, key.find(' ')); }

// "ssh-ed25519 SHA256:…".
std::string FingerprintOf(const std::string& key) {
  const std::string type = TypeOf(key);
  ssh_key parsed = nullptr;
  if (key.size() <= type.size() + 1 ||
      ssh_pki_import_pubkey_base64(key.c_str() + type.size() + 1, ssh_key_type_from_name(type.c_str()), &parsed) !=
          SSH_OK) {
    return "a key that cannot be read";
  }
  return fmt::format("{} {}", type, Fingerprint(KeyHandle(parsed).get()));
}

std::string KeyText(ssh_key key) {
  char* encoded = nullptr;
  if (ssh_pki_export_pubkey_base64(key, &encoded) != SSH_OK) return {};
  const TextHandle owner(encoded);
  return fmt::format("{} {}", ssh_key_type_to_char(ssh_key_type(key)), encoded);
}

[[noreturn]] void ThrowMismatch(const std::string& name, const std::string& expected, const std::string& source,
                                const std::string& found, const std::string& advice) {
  throw SshSetupError(fmt::format("host key of {} changed: expected {} ({}), found {}. {}", name,
                                  FingerprintOf(expected), source, FingerprintOf(found), advice));
}

}  // namespace

std::string KnownHostsName(const std::string& host, unsigned port) {
  return port == 22 ? host : fmt::format("[{}]:{}", host, port);
}

HostKeys::HostKeys(std::filesystem::path run_file, std::filesystem::path user_file)
    : run_file_(std::move(run_file)), user_file_(std::move(user_file)) {}

void HostKeys::Accept(const std::string& name, const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto pin = pinned_.find(name);
  if (pin != pinned_.end()) {
    if (pin->second == key) return;
    ThrowMismatch(name, pin->second, "seen at first contact in this run", key,
                  "Another machine answers there, or its keys were made anew during the run");
  }
  const auto of_user = KeysOfUser(name);
  if (!of_user.empty() && std::find(of_user.begin(), of_user.end(), key) == of_user.end()) {
    ThrowMismatch(
        name, of_user.front(), "from " + user_file_.string(), key,
        "If the machine was installed anew: " + ShellCommand({"ssh-keygen", "-f", user_file_.string(), "-R", name}));
  }
  pinned_[name] = key;
  WriteRunFile();
}

void HostKeys::Expect(const std::string& name, const std::string& earlier) {
  const std::lock_guard lock(mutex_);
  const auto pin = pinned_.find(earlier);
  if (pin == pinned_.end()) return;
  const std::string key = pin->second;
  pinned_[name] = key;
  WriteRunFile();
}

void HostKeys::Forget(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (pinned_.erase(name) != 0) WriteRunFile();
}

std::vector<std::string> HostKeys::KnownTypes(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (const auto pin = pinned_.find(name); pin != pinned_.end()) return {TypeOf(pin->second)};
  std::vector<std::string> types;
  for (const auto& key : KeysOfUser(name)) types.push_back(TypeOf(key));
  return types;
}

std::vector<std::string> HostKeys::KeysOfUser(const std::string& name) const {
  std::vector<std::string> keys;
  std::error_code ignored;  // a file that cannot be looked at fails in ReadFile, with the reason
  if (user_file_.empty() || !std::filesystem::exists(user_file_, ignored)) return keys;
  const std::string content = ReadFile(user_file_);
  for (const auto& line : SplitLines(content)) {
    std::string blanks(line);
    std::replace(blanks.begin(), blanks.end(), '\t', ' ');  // libssh splits at blanks only
    ssh_knownhosts_entry* parsed = nullptr;
    if (ssh_known_hosts_parse_line(name.c_str(), blanks.c_str(), &parsed) != SSH_OK) continue;
    const EntryHandle entry(parsed);
    keys.push_back(KeyText(entry->publickey));
  }
  return keys;
}

void HostKeys::WriteRunFile() const {
  if (run_file_.empty()) return;
  std::string content;
  for (const auto& [name, key] : pinned_) content += name + " " + key + "\n";
  WriteFile(run_file_, content, 0644);
}

}  // namespace passthrough
