#include "helpers/ssh/link.h"

#include <fmt/format.h>
#include <poll.h>

#include <utility>

#include "helpers/base/error.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

constexpr int kMostAtOnce = 64;  // reads of 4 KiB (libssh's MAX_BUF_SIZE) before others get a turn

}  // namespace

void CloseChannel(ssh_channel channel) {
  if (!ssh_is_connected(ssh_channel_get_session(channel))) return;
  // In non-blocking mode the first call may end once the end of file is queued, before the close.
  if (ssh_channel_close(channel) == SSH_AGAIN) ssh_channel_close(channel);
}

Link::Link(SessionHandle session, std::string name)
    : name_(std::move(name)), session_(std::move(session)), event_(ssh_event_new()) {
  if (event_ == nullptr || ssh_event_add_session(event_.get(), session_.get()) != SSH_OK) {
    throw SshError(Describe("cannot wait for packets"));
  }
}

short Link::WantedEvents() const {
  // libssh closes the descriptor of its own accord where a write fails: nothing would ever come.
  if (ssh_is_connected(session_.get()) == 0) throw SshError(Describe("the connection broke"));
  const bool write = (ssh_get_poll_flags(session_.get()) & SSH_WRITE_PENDING) != 0;
  return static_cast<short>(write ? POLLIN | POLLOUT : POLLIN);
}

void Link::Handle() {
  for (int i = 0; i < kMostAtOnce; ++i) {
    const int outcome = ssh_event_dopoll(event_.get(), 0);
    if (outcome == SSH_ERROR) throw SshError(Describe("the connection broke"));
    if (outcome == SSH_AGAIN) return;
  }
}

void Link::Wait(const Deadline& deadline, std::string_view what) {
  deadline.Check(what);
  pollfd source = {descriptor(), WantedEvents(), 0};
  poll(&source, 1, deadline.LeftMilliseconds(Deadline::kPollAgain));
  if (source.revents != 0) Handle();
  try {
    if ((source.revents & POLLIN) != 0) {
      keep_alive_.Heard(session_.get());
    } else {
      keep_alive_.Step(session_.get());
    }
  } catch (const SshError& error) {
    throw SshError(fmt::format("{}: the connection broke: {}", name_, error.what()));
  }
}

std::string Link::Describe(std::string_view what) const {
  return fmt::format("{}: {}: {}", name_, what, Printable(ssh_get_error(session_.get())));
}

}  // namespace passthrough
