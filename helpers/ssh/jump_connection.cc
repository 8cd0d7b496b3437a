#include "helpers/ssh/jump_connection.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace passthrough {
namespace {

constexpr int kCheckKeepAlive = 1000;  // ms: for the keep-alive; all else wakes poll(2)
constexpr unsigned kFirstChannel = 43;

}  // namespace

JumpConnection::JumpConnection(Link link) : link_(std::move(link)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw SshError(fmt::format("cannot make an eventfd: {}", strerror(errno)));
  thread_ = std::thread([this] { Run(); });
}

JumpConnection::~JumpConnection() {
  stopping_ = true;
  Wake();
  thread_.join();
}

int JumpConnection::Open(const std::string& host, uint16_t port, const Deadline& deadline, const std::string& what) {
  const auto request = std::make_shared<TunnelRequest>();
  request->host = host;
  request->port = port;
  Post(request);
  std::unique_lock lock(request->mutex);
  while (!request->done) {
    try {
      deadline.Check(what);
    } catch (const Error&) {
      request->abandoned = true;
      throw;
    }
    request->answered.wait_for(lock, std::chrono::milliseconds(deadline.LeftMilliseconds(100)));
  }
  if (request->link_broke) throw JumpLinkError(fmt::format("{}: {}", what, request->problem));
  if (!request->stream) throw SshError(fmt::format("{}: {}", what, request->problem));
  return request->stream.Release();
}

void JumpConnection::Post(std::shared_ptr<TunnelRequest> request) {
  {
    const std::lock_guard lock(mutex_);
    if (!broken_.empty()) throw JumpLinkError(broken_);
    waiting_.push_back(std::move(request));
  }
  Wake();
}

void JumpConnection::Wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t count = write(wake_.get(), &one, sizeof one);
}

void JumpConnection::Run() {
  try {
    while (!stopping_) Turn();
    Break("it was closed");
  } catch (const Error& error) {
    Break(error.what());
  }
}

void JumpConnection::Turn() {
  std::vector<pollfd> sources = {{wake_.get(), POLLIN, 0}, {link_.descriptor(), link_.WantedEvents(), 0}};
  for (const auto& tunnel : tunnels_) sources.push_back(tunnel->Interest());
  poll(sources.data(), sources.size(), kCheckKeepAlive);
  if (sources[0].revents != 0) {
    uint64_t count;
    [[maybe_unused]] const ssize_t size = read(wake_.get(), &count, sizeof count);
  }
  if (sources[1].revents != 0) link_.Handle();
  if ((sources[1].revents & POLLIN) != 0) {
    link_.keep_alive().Heard(link_.session());
  } else {
    link_.keep_alive().Step(link_.session());
  }
  auto source = sources.begin() + 2;
  for (auto tunnel = tunnels_.begin(); tunnel != tunnels_.end(); ++source) {
    tunnel = (*tunnel)->Step(source->revents) ? std::next(tunnel) : tunnels_.erase(tunnel);
  }
  StartWaiting();
}

void JumpConnection::StartWaiting() {
  std::vector<std::shared_ptr<TunnelRequest>> requests;
  {
    const std::lock_guard lock(mutex_);
    requests.swap(waiting_);
  }
  for (auto& request : requests) {
    // libssh numbers its channels from 43 on (session.c, maxchannel).
    auto tunnel = std::make_unique<Tunnel>(link_, std::move(request), kFirstChannel + opened_++);
    if (tunnel->Step(0)) tunnels_.push_back(std::move(tunnel));
  }
}

void JumpConnection::Break(const std::string& reason) {
  std::vector<std::shared_ptr<TunnelRequest>> requests;
  {
    const std::lock_guard lock(mutex_);
    broken_ = fmt::format("no connection to the jump host any more: {}", reason);
    requests.swap(waiting_);
  }
  for (auto& request : requests) request->GiveUp(broken_);
  for (auto& tunnel : tunnels_) tunnel->GiveUp(broken_);
  tunnels_.clear();
}

}  // namespace passthrough
