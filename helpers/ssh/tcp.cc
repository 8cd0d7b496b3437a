#include "helpers/ssh/tcp.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "helpers/base/error.h"
#include "helpers/base/wait.h"

namespace passthrough {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Addresses Ask(const std::string& host, uint16_t port, int flags, int* error) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* addresses = nullptr;
  *error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &addresses);
  return Addresses(*error == 0 ? addresses : nullptr);
}

Addresses AskForName(const std::string& host, uint16_t port) {
  int error = 0;
  Addresses addresses = Ask(host, port, 0, &error);
  if (addresses == nullptr) {
    throw SshError(fmt::format("cannot resolve {}: {}", host, gai_strerror(error)));
  }
  return addresses;
}

// What is written in numbers needs nobody's answer; a name may need DNS, which knows no deadline.
Addresses Resolve(const std::string& host, uint16_t port, const Deadline& deadline) {
  int error = 0;
  Addresses addresses = Ask(host, port, AI_NUMERICHOST, &error);
  if (addresses != nullptr) return addresses;
  return RunWithDeadline(deadline, "resolving " + host, [host, port] { return AskForName(host, port); });
}

// Small packets go out at once (an SSH handshake is a chain of them). A dead link is noticed after
// 15 s + 3 * 15 s of silence, or 60 s of unacknowledged data: longer than a hiccup of a busy host,
// much shorter than any phase's time limit.
void SetOptions(int fd) {
  const auto set = [fd](int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 15);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 60'000);
}

// 0, or the errno that says why not.
int ConnectTo(int fd, const addrinfo& address, const Deadline& deadline, const std::string& what) {
  if (connect(fd, address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd source = {fd, POLLOUT, 0};
  while (source.revents == 0) {
    deadline.Check(what);
    poll(&source, 1, deadline.LeftMilliseconds(Deadline::kPollAgain));
  }
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

}  // namespace

Descriptor ConnectTcp(const std::string& host, uint16_t port, const Deadline& deadline) {
  const std::string what = fmt::format("connecting to {} port {}", host, port);
  deadline.Check(what);
  const Addresses addresses = Resolve(host, port, deadline);
  int error = 0;
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    Descriptor fd(socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    error = fd ? ConnectTo(fd.get(), *address, deadline, what) : errno;
    if (error != 0) continue;
    SetOptions(fd.get());
    return fd;
  }
  throw SshError(fmt::format("{}: {}", what, strerror(error)));
}

}  // namespace passthrough
