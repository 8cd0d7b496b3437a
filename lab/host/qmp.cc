#include "lab/host/qmp.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "helpers/base/text.h"
#include "helpers/base/wait.h"

namespace passthrough {
namespace {

using nlohmann::json;

// QEMU's longest answers (query-qmp-schema) are below 1 MiB.
constexpr size_t kMostReceived = 16u << 20;

// Interruptions are noticed within this time.
constexpr int kPollMilliseconds = 100;

void WaitUntilReady(int descriptor, short events, std::string_view what, const Deadline& deadline) {
  while (true) {
    pollfd ready{descriptor, events, 0};
    const int count = poll(&ready, 1, deadline.LeftMilliseconds(kPollMilliseconds));
    if (count > 0) return;
    if (count < 0 && errno != EINTR) {
      throw QmpError(fmt::format("QEMU: {}: poll: {}", what, strerror(errno)));
    }
    deadline.Check(fmt::format("QEMU: {}", what));
  }
}

}  // namespace

int ConnectUnixSocket(const std::filesystem::path& path) {
  // sun_path holds 107 bytes; through /proc the directory's name takes a dozen whatever its length.
  const int directory = open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return -1;
  const std::string name = fmt::format("/proc/self/fd/{}/{}", directory, path.filename().string());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  int connected = -1;
  if (name.size() < sizeof address.sun_path) {
    name.copy(address.sun_path, name.size());
    connected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connected >= 0 && connect(connected, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      const int error = errno;
      close(std::exchange(connected, -1));
      errno = error;
    }
  } else {
    errno = ENAMETOOLONG;
  }
  const int error = errno;
  close(directory);
  errno = error;
  return connected;
}

QmpConnection QmpConnection::Open(const std::filesystem::path& socket, const Deadline& deadline) {
  const std::string what = fmt::format("connecting to {}", socket.string());
  const int connected = WaitFor(
      deadline, fmt::format("QEMU: {}", what),
      [&](std::string* last_cause) -> std::optional<int> {
        const int result = ConnectUnixSocket(socket);
        if (result >= 0) return result;
        *last_cause = strerror(errno);
        return std::nullopt;
      },
      std::chrono::milliseconds(100));
  QmpConnection connection(connected);
  const json greeting = connection.Receive(what, deadline);
  if (!greeting.contains("QMP")) {
    throw QmpError(fmt::format("QEMU: {}: it does not speak QMP", what));
  }
  connection.Execute("qmp_capabilities", deadline);
  return connection;
}

QmpConnection::~QmpConnection() {
  if (socket_ >= 0) close(socket_);
}

QmpConnection::QmpConnection(QmpConnection&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      last_id_(other.last_id_),
      received_(std::move(other.received_)),
      events_(std::move(other.events_)) {}

QmpConnection& QmpConnection::operator=(QmpConnection&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(last_id_, other.last_id_);
  std::swap(received_, other.received_);
  std::swap(events_, other.events_);
  return *this;
}

void QmpConnection::Send(std::string_view text, int descriptor, const Deadline& deadline) {
  while (!text.empty()) {
    iovec part{const_cast<char*>(text.data()), text.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    if (descriptor >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof descriptor);
      std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    const ssize_t sent = sendmsg(socket_, &message, MSG_NOSIGNAL);
    if (sent >= 0) {
      text.remove_prefix(static_cast<size_t>(sent));
      descriptor = -1;  // went with the first byte
    } else if (errno == EAGAIN) {
      WaitUntilReady(socket_, POLLOUT, "sending a command", deadline);
    } else if (errno != EINTR) {
      throw QmpError(fmt::format("QEMU: sending a command: {}", strerror(errno)));
    }
  }
}

json QmpConnection::Receive(std::string_view what, const Deadline& deadline) {
  while (true) {
    if (const size_t end = received_.find('\n'); end != std::string::npos) {
      const std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      json message = json::parse(line, nullptr, false);
      if (message.is_object()) return message;
      throw QmpError(fmt::format("QEMU: {}: unreadable answer: {}", what, Printable(line)));
    }
    if (received_.size() > kMostReceived) {
      throw QmpError(fmt::format("QEMU: {}: endless answer", what));
    }
    char buffer[65536];
    const ssize_t count = recv(socket_, buffer, sizeof buffer, 0);
    if (count > 0) {
      received_.append(buffer, static_cast<size_t>(count));
    } else if (count < 0 && errno == EAGAIN) {
      WaitUntilReady(socket_, POLLIN, what, deadline);
    } else if (count == 0 || errno != EINTR) {
      throw QmpError(fmt::format("QEMU: {}: {}", what, count == 0 ? "QEMU closed the connection" : strerror(errno)));
    }
  }
}

json QmpConnection::Reply(std::string_view command, const Deadline& deadline) {
  while (true) {
    json message = Receive(command, deadline);
    if (message.contains("event")) {
      events_.push_back(message.dump());
    } else if (message.contains("id") && message["id"] != last_id_) {
      continue;  // the answer to a command that was given up before it came
    } else if (message.contains("error")) {
      const json& error = message["error"];
      throw QmpError(fmt::format("QEMU refused {}: {}", command, Printable(error.value("desc", error.dump()))));
    } else if (message.contains("return")) {
      return message["return"];
    }
  }
}

json QmpConnection::Execute(std::string_view command, const json& arguments, const Deadline& deadline) {
  json request = {{"execute", command}, {"id", ++last_id_}};
  if (!arguments.is_null()) request["arguments"] = arguments;
  Send(request.dump() + "\n", -1, deadline);
  return Reply(command, deadline);
}

json QmpConnection::Execute(std::string_view command, const Deadline& deadline) {
  return Execute(command, json(), deadline);
}

std::string QmpConnection::ExecuteHuman(std::string_view command_line, const Deadline& deadline) {
  return Execute("human-monitor-command", {{"command-line", command_line}}, deadline).get<std::string>();
}

void QmpConnection::SendDescriptor(std::string_view name, int descriptor, const Deadline& deadline) {
  const json request = {{"execute", "getfd"}, {"arguments", {{"fdname", name}}}, {"id", ++last_id_}};
  Send(request.dump() + "\n", descriptor, deadline);
  Reply("getfd", deadline);
}

json QmpConnection::WaitForEvent(std::string_view name, const Deadline& deadline) {
  const std::string what = fmt::format("waiting for event {}", name);
  while (true) {
    while (!events_.empty()) {
      json event = json::parse(events_.front());
      events_.pop_front();
      if (event.value("event", "") == name) return event;
    }
    json message = Receive(what, deadline);
    if (message.contains("event")) events_.push_back(message.dump());
  }
}

}  // namespace passthrough
