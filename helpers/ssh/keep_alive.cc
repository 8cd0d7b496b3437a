#include "helpers/ssh/keep_alive.h"

#include <fmt/format.h>

#include "helpers/base/error.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

constexpr int kMostUnanswered = 3;

}  // namespace

void KeepAlive::Heard(ssh_session session) {
  last_heard_ = Deadline::Clock::now();
  unanswered_ = 0;
  if (pending_) Ask(session);
}

void KeepAlive::Step(ssh_session session) {
  const auto silence = Deadline::Clock::now() - last_heard_;
  if (silence < interval_ * (unanswered_ + 1)) return;
  if (unanswered_ == kMostUnanswered) {
    throw SshError(
        fmt::format("the server was silent for {}", HumanSeconds(std::chrono::duration<double>(silence).count())));
  }
  ++unanswered_;
  Ask(session);
}

void KeepAlive::Restart() {
  last_heard_ = Deadline::Clock::now();
  unanswered_ = 0;
}

void KeepAlive::Ask(ssh_session session) {
  // libssh 0.10 has no call for keepalive@openssh.com. Any global request does, for the server has
  // to answer those it refuses too (RFC 4254, 4): here, to end a forwarding that was never begun.
  pending_ = ssh_channel_cancel_forward(session, "keep-alive", 0) == SSH_AGAIN;
  // A near server's answer is read within that call: nobody else sees it come.
  if (!pending_ && ssh_is_connected(session) != 0) Restart();
}

}  // namespace passthrough
