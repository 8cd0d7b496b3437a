// Noticing that the other end of an SSH connection is gone.
#pragma once

#include <chrono>

#include "helpers/base/deadline.h"
#include "helpers/ssh/libssh_handles.h"

namespace passthrough {

// Asks the server for any answer when it was silent for a while. TCP's own keep-alive does not see
// past a jump host. Belongs to the thread that owns the session.
class KeepAlive {
 public:
  // 15 s: a dead node is noticed after a minute of silence, as with OpenSSH's ServerAliveInterval
  // 15 and its default ServerAliveCountMax 3.
  static constexpr std::chrono::milliseconds kInterval = std::chrono::seconds(15);

  explicit KeepAlive(std::chrono::milliseconds interval = kInterval) : interval_(interval) {}

  void set_interval(std::chrono::milliseconds interval) { interval_ = interval; }

  // Something came from the server.
  void Heard(ssh_session session);
  // To be called now and then. Throws SshError after three questions without an answer.
  void Step(ssh_session session);
  // The link was not looked at for a while: silence until now means nothing.
  void Restart();

 private:
  void Ask(ssh_session session);

  std::chrono::milliseconds interval_;
  Deadline::Clock::time_point last_heard_ = Deadline::Clock::now();
  int unanswered_ = 0;
  bool pending_ = false;  // libssh waits for the answer to a question
};

}  // namespace passthrough
