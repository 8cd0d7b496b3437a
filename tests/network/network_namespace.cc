#include "tests/network/network_namespace.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/ipv6.h>  // after netinet/in.h, whose structures it then leaves alone
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <sstream>

#include "helpers/base/descriptor.h"
#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/wait.h"

namespace passthrough {
namespace {

constexpr char kLoopback[] = "lo";

std::string Because(const std::string& what) { return fmt::format("{}: {}", what, strerror(errno)); }

// As these files want it (user_namespaces(7)): in one write.
bool WriteAtOnce(const char* path, const std::string& text) {
  const Descriptor fd(open(path, O_WRONLY | O_CLOEXEC));
  return fd && write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string Unshare() {
  const uid_t user = getuid();
  const gid_t group = getgid();
  if (unshare(user == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) != 0) return Because("no namespace can be made");
  if (user == 0) return {};
  const bool mapped = WriteAtOnce("/proc/self/setgroups", "deny") &&
                      WriteAtOnce("/proc/self/uid_map", fmt::format("{0} {0} 1\n", user)) &&
                      WriteAtOnce("/proc/self/gid_map", fmt::format("{0} {0} 1\n", group));
  return mapped ? std::string() : Because("the user cannot be mapped into the user namespace");
}

std::string BringLoopbackUp(const Descriptor& fd) {
  ifreq request = {};
  memcpy(request.ifr_name, kLoopback, sizeof kLoopback);
  if (ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0) return Because("there is no loopback");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0) return Because("the loopback cannot be brought up");
  return {};
}

std::string AddToLoopback(const Descriptor& fd, const std::string& address) {
  in6_ifreq request = {};
  if (inet_pton(AF_INET6, address.c_str(), &request.ifr6_addr) != 1) throw Error(address + " is no IPv6 address");
  request.ifr6_prefixlen = 64;
  request.ifr6_ifindex = static_cast<int>(if_nametoindex(kLoopback));
  if (ioctl(fd.get(), SIOCSIFADDR, &request) != 0) return Because("the loopback cannot have " + address);
  return {};
}

// Linux takes a new address for tentative until its work queue came to it, on the loopback, too, and lets nobody bind
// to it before. Of this thread: the process itself may be in another network. Format: "address index length scope flags
// name", in hexadecimal (proc_pid_net(5), if_inet6).
bool AnyIsTentative() {
  std::istringstream lines(ReadFile("/proc/thread-self/net/if_inet6"));
  std::string address, index, length, scope, flags, name;
  while (lines >> address >> index >> length >> scope >> flags >> name) {
    if ((std::stoul(flags, nullptr, 16) & IFA_F_TENTATIVE) != 0) return true;
  }
  return false;
}

void WaitUntilUsable() {
  WaitFor(Deadline::After(std::chrono::seconds(60)), "the loopback's addresses are tentative",
          [](std::string*) { return AnyIsTentative() ? std::nullopt : std::optional(true); });
}

}  // namespace

std::string EnterOwnNetwork(const std::vector<std::string>& addresses) {
  if (std::string problem = Unshare(); !problem.empty()) return problem;
  const Descriptor fd(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return Because("this kernel has no IPv6");
  if (std::string problem = BringLoopbackUp(fd); !problem.empty()) return problem;
  for (const std::string& address : addresses) {
    if (std::string problem = AddToLoopback(fd, address); !problem.empty()) return problem;
  }
  WaitUntilUsable();
  return {};
}

}  // namespace passthrough
