#include "helpers/ssh/exec.h"

#include <fmt/format.h>
#include <libssh/callbacks.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "helpers/base/error.h"
#include "helpers/base/text.h"

namespace passthrough {
namespace {

constexpr size_t kLargestWrite = 32u << 10;  // as libssh's largest packet (CHANNEL_MAX_PACKET)
constexpr std::chrono::seconds kChannelRetry{2};

// A channel with one command, and what libssh's callbacks noted about it. C code calls those: they
// only store, and whatever may throw is done after it returned.
class RemoteCommand {
 public:
  RemoteCommand(Link& link, const std::string& command, const ExecOptions& options, const Deadline& deadline)
      : link_(link),
        options_(options),
        deadline_(deadline),
        what_(fmt::format("{}: {}", link.name(), Printable(command.substr(0, 60)))),
        input_(options.input) {
    callbacks_.userdata = this;
    callbacks_.channel_data_function = OnData;
    callbacks_.channel_eof_function = OnEof;
    callbacks_.channel_close_function = OnClose;
    callbacks_.channel_exit_status_function = OnExitStatus;
    callbacks_.channel_exit_signal_function = OnExitSignal;
    ssh_callbacks_init(&callbacks_);
  }

  ~RemoteCommand() {
    if (channel_ == nullptr) return;
    // The channel may outlive this object inside libssh, until the server closes it too.
    ssh_remove_channel_callbacks(channel_.get(), &callbacks_);
    if (opened_) CloseChannel(channel_.get());
  }

  RemoteCommand(const RemoteCommand&) = delete;
  RemoteCommand& operator=(const RemoteCommand&) = delete;

  // Whether the server gave us a channel; the reason is libssh's last error otherwise.
  bool Open() {
    channel_.reset(ssh_channel_new(link_.session()));
    if (channel_ == nullptr) throw SshError(link_.Describe("cannot make a channel"));
    ssh_add_channel_callbacks(channel_.get(), &callbacks_);
    int outcome;
    while ((outcome = ssh_channel_open_session(channel_.get())) == SSH_AGAIN) Wait();
    opened_ = outcome == SSH_OK;
    return opened_;
  }

  ExecResult Run(const std::string& command) {
    int outcome;
    while ((outcome = ssh_channel_request_exec(channel_.get(), command.c_str())) == SSH_AGAIN) {
      Wait();
    }
    if (outcome != SSH_OK) throw SshError(link_.Describe("the server does not run commands"));
    Deliver();
    while (!Ended() && !result_.output_truncated) {
      SendInput();
      Wait();
      Deliver();
    }
    return std::move(result_);
  }

 private:
  static RemoteCommand& Self(void* object) { return *static_cast<RemoteCommand*>(object); }

  static int OnData(ssh_session, ssh_channel, void* data, uint32_t size, int is_error, void* object) {
    auto& self = Self(object);
    const std::string_view piece(static_cast<const char*>(data), size);
    if (is_error == 0) {
      self.arrived_ += piece;
    } else {
      auto& kept = self.result_.error_output;
      const size_t room = self.options_.most_error_output - kept.size();
      kept += piece.substr(0, std::min(room, piece.size()));
    }
    return static_cast<int>(size);
  }
  static void OnEof(ssh_session, ssh_channel, void* object) { Self(object).end_of_file_ = true; }
  static void OnClose(ssh_session, ssh_channel, void* object) { Self(object).closed_ = true; }
  static void OnExitStatus(ssh_session, ssh_channel, int status, void* object) {
    Self(object).result_.exit_status = status;
    Self(object).told_end_ = true;
  }
  static void OnExitSignal(ssh_session, ssh_channel, const char* signal, int, const char*, const char*, void* object) {
    Self(object).result_.exit_signal = signal;
    Self(object).told_end_ = true;
  }

  // Some servers do not close the channel before we do.
  bool Ended() const { return closed_ || (end_of_file_ && told_end_); }

  void Wait() {
    try {
      link_.Wait(deadline_, what_);
    } catch (const SshError&) {
      Deliver();
      throw;
    }
  }

  // Hands on what arrived since the last time, up to the limit.
  void Deliver() {
    if (arrived_.empty()) return;
    std::string_view piece = arrived_;
    const size_t room = options_.most_output - delivered_;
    if (piece.size() > room) {
      piece = piece.substr(0, room);
      result_.output_truncated = true;
    }
    delivered_ += piece.size();
    if (options_.sink) {
      if (!piece.empty()) options_.sink(piece);
    } else {
      result_.output += piece;
    }
    arrived_.clear();
  }

  // Sends as much of the input as the server takes now, and end of file after the last of it.
  void SendInput() {
    while (!input_.empty()) {
      if (Ended() || !ssh_channel_is_open(channel_.get())) return;
      const bool clogged = (ssh_get_status(link_.session()) & SSH_WRITE_PENDING) != 0;
      const size_t window = ssh_channel_window_size(channel_.get());
      if (clogged || window == 0) return;
      const size_t size = std::min({input_.size(), window, kLargestWrite});
      const int written = ssh_channel_write(channel_.get(), input_.data(), static_cast<uint32_t>(size));
      if (written < 0) throw SshError(link_.Describe("cannot send input"));
      if (written == 0) return;  // a key exchange is under way
      input_.remove_prefix(static_cast<size_t>(written));
    }
    if (!sent_end_of_file_) ssh_channel_send_eof(channel_.get());
    sent_end_of_file_ = true;
  }

  Link& link_;
  const ExecOptions& options_;
  const Deadline& deadline_;
  const std::string what_;
  std::string_view input_;  // not sent yet
  bool opened_ = false;
  bool sent_end_of_file_ = false;
  std::string arrived_;  // stdout, not handed on yet
  size_t delivered_ = 0;
  bool end_of_file_ = false;
  bool closed_ = false;
  bool told_end_ = false;  // exit status or signal came
  ExecResult result_;
  ssh_channel_callbacks_struct callbacks_ = {};
  ChannelHandle channel_;
};

}  // namespace

ExecResult ExecOn(Link& link, bool had_channel, const std::string& command, const ExecOptions& options,
                  const Deadline& deadline) {
  link.keep_alive().Restart();
  link.keep_alive().set_interval(options.keep_alive);
  const Deadline retry_until = Deadline::After(had_channel ? kChannelRetry : kChannelRetry * 0);
  while (true) {
    RemoteCommand remote(link, command, options, deadline);
    if (remote.Open()) return remote.Run(command);
    // A server that allows one session at a time (MaxSessions 1) may count the last one for a
    // moment after it was closed.
    if (retry_until.Passed() || !ssh_is_connected(link.session())) {
      throw SshError(link.Describe("the server gives no channel"));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace passthrough
