#include "lab/host/lab_guest.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include "helpers/base/descriptor.h"
#include "helpers/base/shell_command.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"

namespace passthrough {
namespace {

// QEMU accepts connections before there is anybody in the guest to pass them on to, so only the
// server's first bytes count. One that was accepted too early stays silent for good. But on a busy
// machine the server itself takes long, and each connection that is given up costs it more time: so
// the patience doubles.
constexpr int kFirstSilenceMilliseconds = 1000;
constexpr int kLongestSilenceMilliseconds = 30'000;

bool ServerSpeaks(uint16_t port, int silence_milliseconds, std::string* last_cause) {
  const Descriptor connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    *last_cause = strerror(errno);
    return false;
  }
  pollfd ready{connection.get(), POLLIN, 0};
  if (poll(&ready, 1, silence_milliseconds) <= 0) {
    *last_cause = "no SSH server speaks yet";
    return false;
  }
  char first = 0;
  if (recv(connection.get(), &first, 1, 0) == 1) return true;
  *last_cause = "no SSH server listens yet";
  return false;
}

// A process is not stopped before each of its threads is, and a virtual processor's thread leaves its
// VM to be so. One that somebody else has stopped stays as it is. The list is a part of what is saved.
// One of a command that was killed in the middle is thawed first, lest it be taken for somebody else's.
constexpr char kFreeze[] = R"sh(set -u
list=/run/passthrough-lab-frozen
[ ! -e $list ] || kill -CONT $(cat $list) 2>/dev/null
: >$list
for pid in $(pgrep -x qemu-system-x86); do
  grep -q '^State:[[:space:]]*T' /proc/$pid/status || echo $pid >>$list
done
kill -STOP $(cat $list) 2>/dev/null
tries=0
for pid in $(cat $list); do
  while grep -qs '^State:[[:space:]]*[^TZX[:space:]]' /proc/$pid/task/*/status; do
    tries=$((tries + 1))
    if [ $tries -gt 200 ]; then
      echo "QEMU of process $pid does not stop" >&2
      exit 1
    fi
    sleep 0.05
  done
done
)sh";
constexpr char kThaw[] = R"sh(list=/run/passthrough-lab-frozen
[ -e $list ] || exit 0
kill -CONT $(cat $list) 2>/dev/null
rm -f $list
)sh";

std::string Result(const std::string& what, const ExecResult& result) {
  if (result.exit_status == 0) return result.output;
  throw Error(fmt::format("lab host: {} ended with exit status {}: {}", what, result.exit_status,
                          Printable(LastLines(result.output + result.error_output, 5))));
}

}  // namespace

LabGuest LabGuest::Connect(uint16_t port, const std::filesystem::path& key, const std::filesystem::path& known_hosts,
                           const std::function<void()>& still_alive, const Deadline& deadline) {
  int silence = kFirstSilenceMilliseconds;
  WaitFor(
      deadline, fmt::format("lab host: SSH on 127.0.0.1:{}", port),
      [&](std::string* last_cause) -> std::optional<bool> {
        still_alive();
        if (ServerSpeaks(port, silence, last_cause)) return true;
        silence = std::min(2 * silence, kLongestSilenceMilliseconds);
        return std::nullopt;
      },
      std::chrono::milliseconds(100));
  SshAccount account;
  account.host = "127.0.0.1";
  account.port = port;
  account.user = "root";
  account.key = key;
  auto host_keys = std::make_unique<HostKeys>(known_hosts, std::filesystem::path());
  SshSession session = ConnectWhenReady(account, nullptr, *host_keys, deadline);
  return LabGuest(std::move(host_keys), std::move(session));
}

std::string LabGuest::Run(const std::string& command, const Deadline& deadline) {
  return Result(command, session_.Exec(command, {}, deadline));
}

std::string LabGuest::RunScript(const std::string& script, const Deadline& deadline) {
  ExecOptions options;
  options.input = script;
  return Result("a script", session_.Exec("exec sh -s", options, deadline));
}

void LabGuest::SetClock(const Deadline& deadline) {
  using std::chrono::system_clock;
  const auto now = std::chrono::duration<double>(system_clock::now().time_since_epoch());
  Run(fmt::format("date -u -s @{:.3f} >/dev/null", now.count()), deadline);
}

bool LabGuest::Greets(const std::string& address, const Deadline& deadline) {
  const std::string command =
      fmt::format("nc -w 10 {} 22 </dev/null 2>/dev/null | grep -a -c '^SSH-' || :", ShellWord(address));
  return Trim(Run(command, deadline)) != "0";
}

void LabGuest::FreezeVms(const Deadline& deadline) { RunScript(kFreeze, deadline); }

void LabGuest::ThawVms(const Deadline& deadline) { RunScript(kThaw, deadline); }

}  // namespace passthrough
