#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "helpers/base/text.h"
#include "helpers/ssh/handshake.h"
#include "helpers/ssh/ssh_session_impl.h"
#include "helpers/ssh/tcp.h"
#include "helpers/ssh/tunnel.h"

namespace passthrough {
namespace {

constexpr int kLookAgain = 1000;  // ms: for the keep-alive; all else wakes poll(2)

}  // namespace

// One thread owns the link and all tunnels; others hand it requests through `waiting_` and wake it.
struct JumpHost::Impl {
 public:
  Impl(Link link) : link_(std::move(link)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wake_) throw SshError(fmt::format("cannot make an eventfd: {}", strerror(errno)));
    thread_ = std::thread([this] { Run(); });
  }

  ~Impl() {
    stopping_ = true;
    Wake();
    thread_.join();
  }

  const std::string& name() const { return link_.name(); }

  // Throws SshError where the link is broken.
  void Post(std::shared_ptr<TunnelRequest> request) {
    {
      const std::lock_guard lock(mutex_);
      if (!broken_.empty()) throw SshError(broken_);
      waiting_.push_back(std::move(request));
    }
    Wake();
  }

 private:
  void Wake() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t count = write(wake_.get(), &one, sizeof one);
  }

  void Run() {
    try {
      while (!stopping_) Turn();
      Break("it was closed");
    } catch (const Error& error) {
      Break(error.what());
    }
  }

  // Waits until anything can be done, and does all of it.
  void Turn() {
    std::vector<pollfd> sources = {{wake_.get(), POLLIN, 0},
                                   {link_.descriptor(), link_.WantedEvents(), 0}};
    for (const auto& tunnel : tunnels_) sources.push_back(tunnel->Interest());
    poll(sources.data(), sources.size(), kLookAgain);
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

  void StartWaiting() {
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

  // Ends every tunnel, and tells why to those who wait for one.
  void Break(const std::string& reason) {
    std::vector<std::shared_ptr<TunnelRequest>> requests;
    {
      const std::lock_guard lock(mutex_);
      broken_ = fmt::format("no connection to the jump host any more: {}", reason);
      requests.swap(waiting_);
    }
    for (auto& request : requests) request->Answer(Descriptor(), broken_);
    for (auto& tunnel : tunnels_) tunnel->GiveUp(broken_);
    tunnels_.clear();
  }

  static constexpr unsigned kFirstChannel = 43;

  Link link_;
  Descriptor wake_;
  std::list<std::unique_ptr<Tunnel>> tunnels_;
  unsigned opened_ = 0;
  std::mutex mutex_;
  std::vector<std::shared_ptr<TunnelRequest>> waiting_;  // guarded by mutex_
  std::string broken_;                                   // why, guarded by mutex_
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

JumpHost::JumpHost(const SshAccount& account, HostKeys& host_keys, const Deadline& deadline) {
  Descriptor stream = ConnectTcp(account.host, account.port, deadline);
  SessionHandle session = Handshake(std::move(stream), account, host_keys, deadline);
  impl_ = std::make_unique<Impl>(Link(std::move(session), AccountName(account)));
}

JumpHost::~JumpHost() = default;

int JumpHost::OpenTunnel(const std::string& host, uint16_t port, const Deadline& deadline) {
  const std::string what =
      fmt::format("connecting to {} port {} through {}", host, port, impl_->name());
  const auto request = std::make_shared<TunnelRequest>();
  request->host = host;
  request->port = port;
  impl_->Post(request);
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
  if (!request->stream) throw SshError(fmt::format("{}: {}", what, request->problem));
  return request->stream.Release();
}

}  // namespace passthrough
