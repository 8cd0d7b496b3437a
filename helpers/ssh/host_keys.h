// The host keys seen in one run. A key is pinned at first contact and may not change after that.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace passthrough {

// Any thread.
class HostKeys {
 public:
  // `run_file`: where pinned keys are written in known_hosts form (may be empty: nowhere), so that
  // the run's ssh_config can use them. `user_file`: the user's known_hosts, read only; may be
  // empty, need not exist.
  HostKeys(std::filesystem::path run_file, std::filesystem::path user_file);

  // Pins `key` ("ssh-ed25519 AAAA…") for `name` ("192.168.140.11" or "[127.0.0.1]:2222"), or
  // compares it with what is pinned or stands in the user's file. Throws SshError on a mismatch,
  // naming both fingerprints and where the other one came from.
  void Accept(const std::string& name, const std::string& key);

  // Pins for `name` the key that is pinned for `earlier`, where one is: the same server at a new address.
  void Expect(const std::string& name, const std::string& earlier);

  // Forgets the pin of `name`, for a node that was created anew on purpose.
  void Forget(const std::string& name);

  // The types of the keys that are pinned for `name` or stand in the user's file ("ssh-ed25519"): a
  // client asks for these first, for a server may have keys of other types too.
  std::vector<std::string> KnownTypes(const std::string& name);

 private:
  // Both with mutex_ held.
  std::vector<std::string> KeysOfUser(const std::string& name) const;
  void WriteRunFile() const;

  std::mutex mutex_;
  std::filesystem::path run_file_;
  std::filesystem::path user_file_;
  std::map<std::string, std::string> pinned_;
};

// The name of a server in known_hosts: "host", or "[host]:port" where the port is not 22.
std::string KnownHostsName(const std::string& host, unsigned port);

}  // namespace passthrough
