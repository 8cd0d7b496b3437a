// The host keys seen in one run. A key is pinned at first contact and may not change after that.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace passthrough {

// Any thread.
class HostKeys {
 public:
  // `run_file`: where pinned keys are written in known_hosts form (may be empty: nowhere), so that
  // the run's ssh_config can use them. `user_file`: the user's known_hosts, read only; may be empty.
  HostKeys(std::filesystem::path run_file, std::filesystem::path user_file);

  // Pins `key` ("ssh-ed25519 AAAA…") for `name` ("192.168.140.11" or "[127.0.0.1]:2222"), or compares
  // it with what is pinned or stands in the user's file. Throws SshError on a mismatch, naming both
  // fingerprints and where the other one came from.
  void Accept(const std::string& name, const std::string& key);

  // Forgets the pin of `name`, for a node that was created anew on purpose.
  void Forget(const std::string& name);

 private:
  std::mutex mutex_;
  std::filesystem::path run_file_;
  std::filesystem::path user_file_;
  std::map<std::string, std::string> pinned_;
};

}  // namespace passthrough
