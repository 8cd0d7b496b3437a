// SSH to nodes, directly or through a jump host, on libssh. This folder alone names libssh.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "helpers/base/deadline.h"
#include "helpers/base/error.h"
#include "helpers/ssh/host_keys.h"
#include "helpers/ssh/ssh_account.h"

namespace passthrough {

class JumpHost;

// What a remote command did.
struct ExecResult {
  int exit_status = -1;      // -1 where the command ended by a signal or the server did not say
  std::string exit_signal;   // "KILL" and the like; empty otherwise
  std::string output;        // stdout, where no sink was given
  std::string error_output;  // stderr, at most ExecOptions::most_error_output bytes
  bool output_truncated = false;
};

struct ExecOptions {
  std::string_view input;  // sent to the command's stdin, then end of file
  // Called with each piece of stdout as it comes, on the calling thread. Without one, output is
  // kept.
  std::function<void(std::string_view)> sink;
  size_t most_output = 16u << 20;         // bytes of stdout; beyond that the channel is closed
  size_t most_error_output = 256u << 10;  // bytes of stderr kept; the rest is dropped
  // The server is asked for a sign of life after this silence; after four times that the connection
  // counts as broken. A minute: longer than a busy node's hiccup, shorter than any time limit.
  std::chrono::milliseconds keep_alive = std::chrono::seconds(15);
};

// One authenticated SSH connection. Belongs to one thread at a time: no two threads may call into
// one session at once. Several sessions may share a JumpHost and a HostKeys.
class SshSession {
 public:
  // Connects to account.host:account.port, checks the host key against `host_keys`, and
  // authenticates with account.key, or with the agent where that is empty. Throws SshError with
  // what was tried and why it failed ("permission denied for admin@192.168.140.11: the key … was
  // refused"), TimeoutError or InterruptedError by `deadline`.
  static SshSession Connect(const SshAccount& account, JumpHost* jump, HostKeys& host_keys, const Deadline& deadline);
  // The same over a connected stream socket, which the session closes. account.host and .port say
  // whose host key to expect.
  static SshSession ConnectOn(int stream, const SshAccount& account, HostKeys& host_keys, const Deadline& deadline);
  ~SshSession();
  SshSession(SshSession&&) noexcept;
  SshSession& operator=(SshSession&&) noexcept;

  // Runs `command` with the remote user's shell. A non-zero exit status is a value. Throws SshError
  // if the connection breaks (what had come by then went to the sink), TimeoutError by `deadline`.
  ExecResult Exec(const std::string& command, const ExecOptions& options, const Deadline& deadline);

 private:
  struct Impl;
  explicit SshSession(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Connects again and again until the server answers and lets us in: noticed within a second of it
// being ready. Refused connections, no route, resets and servers that do not speak yet are waited
// out; a refused key and a changed host key are not (a server may need a moment for its accounts: a
// refused key is tried for 5 s more). Throws as Connect does; a TimeoutError carries the last
// cause. `on_wait` is told the cause meanwhile, on this thread, up to ten times a second.
SshSession ConnectWhenReady(const SshAccount& account, JumpHost* jump, HostKeys& host_keys, const Deadline& deadline,
                            const std::function<void(std::string_view cause)>& on_wait = {});

// An SSH connection to a machine that others are reached through (as OpenSSH's ProxyJump:
// direct-tcpip channels, RFC 4254, 7.2). A thread of its own owns the session; OpenTunnel may be
// called from any thread, by many at once. One connection serves them all; where it broke, all tunnels
// end, and the next one that is asked for has a new connection made, once.
class JumpHost {
 public:
  // `host_keys` outlives this. `keep_alive`: as ExecOptions'. Throws as SshSession::Connect does.
  JumpHost(const SshAccount& account, HostKeys& host_keys, const Deadline& deadline,
           std::chrono::milliseconds keep_alive = ExecOptions().keep_alive);
  ~JumpHost();  // ends the thread and every tunnel
  JumpHost(const JumpHost&) = delete;
  JumpHost& operator=(const JumpHost&) = delete;

  // A connected stream socket whose other end is host:port as the jump host sees it. The caller
  // owns it. Throws SshError with the jump host's reason ("Connection refused") or with that for which
  // it cannot be reached any more, TimeoutError.
  int OpenTunnel(const std::string& host, uint16_t port, const Deadline& deadline);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Why `key` cannot be used, in a sentence that says what to do ("… is readable by others (mode
// 0644); ssh refuses such keys: chmod 600 …"), or nullopt: missing, not a file, unreadable, too
// open, not a private key, has a passphrase.
std::optional<std::string> PrivateKeyProblem(const std::filesystem::path& key);

}  // namespace passthrough
