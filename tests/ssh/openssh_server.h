// A real OpenSSH server on the loopback, for tests and benchmarks. It runs as the current user,
// root or not, and lets only that user in, with a key made for the purpose. Shells there have an
// empty home directory, so that no start-up file of the user's slows them down.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "helpers/base/files.h"
#include "helpers/ssh/ssh_account.h"

namespace passthrough {

// Makes a key pair without a passphrase, `path` and `path`.pub. `type` as for ssh-keygen -t.
void MakeKeyPair(const std::filesystem::path& path, const std::string& type = "ed25519",
                 const std::string& passphrase = "");

// The key that a program's OpensshServers let in: made once, removed at the program's end.
const std::filesystem::path& TestUserKey();

// A TCP port of `address` that nobody listens on now.
uint16_t FreePort(const std::string& address = "127.0.0.1");

class OpensshServer {
 public:
  struct Options {
    std::string address = "127.0.0.1";     // or IPv6
    uint16_t port = 0;                     // 0: a free one
    std::vector<std::string> more_config;  // lines for sshd_config, ahead of the others: they win
    std::vector<std::string> host_key_types = {"ed25519"};
    bool start = true;
  };

  OpensshServer() : OpensshServer(Options()) {}
  // Listens when this returns, unless options.start is false. Throws Error with sshd's own words.
  explicit OpensshServer(const Options& options);
  ~OpensshServer();
  OpensshServer(const OpensshServer&) = delete;
  OpensshServer& operator=(const OpensshServer&) = delete;

  // How to get in.
  SshAccount account() const;
  // The first host key, as in known_hosts: "ssh-ed25519 AAAA…".
  std::string host_key() const;

  void Start();
  // Ends the server with all its sessions and what they run.
  void Stop();
  // Kills the processes that serve connections; the server goes on listening.
  void KillSessions();
  // Waits until no process serves a connection any more.
  void WaitUntilIdle() const;
  // Replaces the host keys; a running server goes on with the old ones.
  void ChangeHostKeys();

  // What the server wrote to its log so far.
  std::string log() const;

 private:
  void WaitUntilListening();

  TemporaryDirectory directory_;
  Options options_;
  std::string user_;
  pid_t process_ = -1;
};

}  // namespace passthrough
