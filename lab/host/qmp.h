// A small client of QEMU's machine protocol (QMP, docs/interop/qmp-spec of QEMU) on a Unix socket.
#pragma once

#include <deque>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "helpers/base/deadline.h"
#include "helpers/base/error.h"

namespace passthrough {

// QEMU refused a command, broke the connection, or does not speak QMP.
class QmpError : public Error {
 public:
  using Error::Error;
};

// One connection; QEMU serves one at a time. Belongs to one thread.
class QmpConnection {
 public:
  // Connects and negotiates, waiting until `deadline` for the socket to be there and to answer. The
  // path may be longer than a socket address has room for. Throws QmpError, TimeoutError.
  static QmpConnection Open(const std::filesystem::path& socket, const Deadline& deadline);
  ~QmpConnection();
  QmpConnection(QmpConnection&& other) noexcept;
  QmpConnection& operator=(QmpConnection&& other) noexcept;

  // Runs one command and returns its "return" value. Events that come in between are kept for
  // WaitForEvent. Throws QmpError with QEMU's own words, TimeoutError.
  nlohmann::json Execute(std::string_view command, const nlohmann::json& arguments, const Deadline& deadline);
  nlohmann::json Execute(std::string_view command, const Deadline& deadline);

  // A command of the human monitor; returns what it prints.
  std::string ExecuteHuman(std::string_view command_line, const Deadline& deadline);

  // Gives QEMU an open file under `name`, for arguments such as "fd:NAME". The caller keeps its
  // own.
  void SendDescriptor(std::string_view name, int descriptor, const Deadline& deadline);

  // The next event called `name`, also one that came before; earlier events are dropped.
  nlohmann::json WaitForEvent(std::string_view name, const Deadline& deadline);

 private:
  explicit QmpConnection(int socket) : socket_(socket) {}

  void Send(std::string_view text, int descriptor, const Deadline& deadline);
  nlohmann::json Receive(std::string_view what, const Deadline& deadline);
  nlohmann::json Reply(std::string_view command, const Deadline& deadline);

  int socket_ = -1;
  int last_id_ = 0;                 // of the last command
  std::string received_;            // not yet a whole line
  std::deque<std::string> events_;  // as text, oldest first
};

// A connected Unix stream socket, or -1 with errno set. `path` may be of any length.
int ConnectUnixSocket(const std::filesystem::path& path);

}  // namespace passthrough
