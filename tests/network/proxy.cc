#include "tests/network/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <string>
#include <vector>

#include "tests/ssh/relay.h"

namespace passthrough {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kPiece = 8192;
constexpr size_t kMostUnderWay = 4u << 20;  // bytes one way, as a long line holds them
constexpr int kCheckAgain = 5;              // ms: how late a piece may come

void Reset(const Descriptor& fd) {
  const linger at_once = {1, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

Descriptor ConnectTo(uint16_t port) {
  Descriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.Reset();
  const int on = 1;
  if (fd) setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace

// One way of one connection.
struct Proxy::Flow {
  struct Piece {
    Clock::time_point due;
    std::string bytes;
  };
  const Descriptor* from = nullptr;
  const Descriptor* to = nullptr;
  std::deque<Piece> under_way;
  size_t size = 0;     // of under_way
  size_t taken = 0;    // in all
  size_t given = 0;    // in all
  bool ended = false;  // no more comes
  bool told_end = false;
  Clock::time_point busy_until = Clock::now();
};

struct Proxy::Connection {
  Descriptor client;
  Descriptor server;  // after the delay
  Clock::time_point since = Clock::now();
  Flow up;
  Flow down;
};

Proxy::Proxy(uint16_t target, const Options& options) : target_(target), options_(options), listener_(Listen(&port_)) {
  thread_ = std::thread([this] { Run(); });
}

Proxy::~Proxy() {
  stopping_ = true;
  thread_.join();
}

void Proxy::Run() {
  while (!stopping_) {
    std::vector<pollfd> sources = {{listener_.get(), POLLIN, 0}};
    for (const auto& one : open_) {
      if (frozen_ || !one->server) continue;
      for (const Flow* flow : {&one->up, &one->down}) {
        if (!flow->ended && flow->size < kMostUnderWay) sources.push_back({flow->from->get(), POLLIN, 0});
      }
    }
    poll(sources.data(), sources.size(), kCheckAgain);
    if (sources[0].revents != 0) Accept();
    CutIfTold();
    if (frozen_) continue;
    for (auto one = open_.begin(); one != open_.end();) {
      one = Step(**one) ? std::next(one) : open_.erase(one);
    }
  }
}

void Proxy::Accept() {
  auto one = std::make_unique<Connection>();
  one->client.Reset(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!one->client) return;
  const int on = 1;
  setsockopt(one->client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  one->up.from = one->down.to = &one->client;
  one->up.to = one->down.from = &one->server;
  open_.push_back(std::move(one));
  ++connections_;
}

void Proxy::CutIfTold() {
  if (!cut_all_.exchange(false)) return;
  if (options_.reset) {
    for (const auto& one : open_) Reset(one->client);
  }
  open_.clear();
}

bool Proxy::Step(Connection& connection) {
  if (!connection.server) {
    if (Clock::now() < connection.since + options_.delay) return true;
    connection.server = ConnectTo(target_);
    if (!connection.server) return false;
  }
  if (!Read(connection.up) || !Read(connection.down)) return false;
  if (!Write(connection.up, false)) return false;
  if (!Write(connection.down, true)) {
    if (options_.reset) Reset(connection.client);
    return false;
  }
  return !(connection.up.told_end && connection.down.told_end);
}

// Takes what is there now, and says when it is due at the other end.
bool Proxy::Read(Flow& flow) {
  char piece[kPiece];
  while (!flow.ended && flow.size < kMostUnderWay) {
    const ssize_t count = recv(flow.from->get(), piece, sizeof piece, MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) {
      flow.ended = true;
      break;
    }
    const auto bytes = static_cast<size_t>(count);
    flow.busy_until = std::max(flow.busy_until, Clock::now());
    if (options_.bytes_per_second > 0) {
      flow.busy_until += std::chrono::microseconds(1'000'000 * bytes / options_.bytes_per_second);
    }
    if (options_.stall_every > 0 && flow.taken / options_.stall_every != (flow.taken + bytes) / options_.stall_every) {
      flow.busy_until += options_.stall;
    }
    flow.taken += bytes;
    flow.size += bytes;
    flow.under_way.push_back({flow.busy_until + options_.latency, std::string(piece, bytes)});
  }
  return true;
}

// False: the other side is gone, or this is where the connection is cut.
bool Proxy::Write(Flow& flow, bool to_client) {
  while (!flow.under_way.empty() && flow.under_way.front().due <= Clock::now()) {
    std::string& bytes = flow.under_way.front().bytes;
    size_t may = bytes.size();
    const auto stop = options_.cut_after ? options_.cut_after : options_.freeze_after;
    if (to_client && stop) may = std::min(may, *stop - std::min(*stop, flow.given));
    const ssize_t count = may == 0 ? 0 : send(flow.to->get(), bytes.data(), may, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    const auto sent = static_cast<size_t>(count);
    flow.given += sent;
    flow.size -= sent;
    bytes.erase(0, sent);
    if (to_client) bytes_to_clients_ += sent;
    if (to_client && stop && flow.given >= *stop) {
      if (options_.cut_after) return false;
      frozen_ = true;
      return true;
    }
    if (!bytes.empty()) return true;
    flow.under_way.pop_front();
  }
  if (flow.ended && flow.under_way.empty() && !flow.told_end) {
    shutdown(flow.to->get(), SHUT_WR);
    flow.told_end = true;
  }
  return true;
}

}  // namespace passthrough
