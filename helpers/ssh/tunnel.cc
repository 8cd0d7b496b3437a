#include "helpers/ssh/tunnel.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "helpers/base/text.h"

namespace passthrough {
namespace {

constexpr size_t kMostHeld = 256u << 10;
constexpr size_t kLargestPiece = 32u << 10;  // as libssh's largest packet (CHANNEL_MAX_PACKET)

// The server's words in libssh's "Channel opening failure: channel 43 error (2) Connection
// refused". Of several refusals that came at once libssh keeps the last: then this one's reason is
// not known.
std::string RefusalReason(const std::string& error, unsigned channel) {
  const std::string start = fmt::format("Channel opening failure: channel {} error (", channel);
  const size_t end = error.find(") ");
  if (error.starts_with(start) && end != std::string::npos) return error.substr(end + 2);
  if (error.starts_with("Channel opening failure")) return "refused";
  return error;
}

}  // namespace

bool TunnelRequest::Answer(Descriptor new_stream, std::string new_problem) {
  const std::lock_guard lock(mutex);
  if (abandoned) return false;
  done = true;
  stream = std::move(new_stream);
  problem = std::move(new_problem);
  answered.notify_one();
  return true;
}

void TunnelRequest::GiveUp(const std::string& reason) {
  {
    const std::lock_guard lock(mutex);
    link_broke = true;
  }
  Answer(Descriptor(), reason);
}

Tunnel::Tunnel(Link& link, std::shared_ptr<TunnelRequest> request, unsigned number)
    : link_(link), request_(std::move(request)), number_(number) {
  callbacks_.userdata = this;
  callbacks_.channel_data_function = OnData;
  callbacks_.channel_eof_function = OnEof;
  callbacks_.channel_close_function = OnClose;
  ssh_callbacks_init(&callbacks_);
  channel_.reset(ssh_channel_new(link.session()));
  if (channel_ != nullptr) ssh_add_channel_callbacks(channel_.get(), &callbacks_);
}

Tunnel::~Tunnel() {
  if (channel_ == nullptr) return;
  // The channel may outlive this object inside libssh, until the server closes it too.
  ssh_remove_channel_callbacks(channel_.get(), &callbacks_);
  if (request_ == nullptr) CloseChannel(channel_.get());
}

pollfd Tunnel::Interest() const {
  short events = 0;
  if (!to_socket_.empty()) events |= POLLOUT;
  const bool may_read = !local_eof_ && !remote_closed_ && to_channel_.empty() && !Clogged();
  if (may_read) events |= POLLIN;
  return {events != 0 ? socket_.get() : -1, events, 0};
}

bool Tunnel::Step(short events) {
  if (request_ != nullptr && !Open()) return false;
  if (request_ != nullptr) return true;
  if (!ToSocket() || !ToChannel(events)) return false;
  return !(remote_closed_ && to_socket_.empty());
}

void Tunnel::GiveUp(const std::string& problem) {
  if (request_ != nullptr) request_->GiveUp(problem);
}

// Goes on with opening. False: it failed, and the request is answered.
bool Tunnel::Open() {
  const int outcome = channel_ == nullptr ? SSH_ERROR
                                          : ssh_channel_open_forward(channel_.get(), request_->host.c_str(),
                                                                     request_->port, "127.0.0.1", 0);
  if (outcome == SSH_AGAIN) return true;
  if (outcome != SSH_OK) return Refuse();
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    std::exchange(request_, nullptr)->Answer(Descriptor(), strerror(errno));
    return false;
  }
  socket_.Reset(ends[0]);
  return std::exchange(request_, nullptr)->Answer(Descriptor(ends[1]), "");
}

bool Tunnel::Refuse() {
  const std::string error = Printable(ssh_get_error(link_.session()));
  if (!ssh_is_connected(link_.session())) {
    request_->GiveUp(error);
    return false;
  }
  request_->Answer(Descriptor(), RefusalReason(error, number_));
  return false;  // request_ stays: the channel was never open
}

int Tunnel::OnData(ssh_session, ssh_channel, void* data, uint32_t size, int, void* object) {
  auto& self = *static_cast<Tunnel*>(object);
  // What is not taken stays with libssh, and counts against the channel's window: no more than one
  // window (1.28 MB, libssh's WINDOWBASE) can come before the server has to stop.
  if (self.held_back_ > 0 || self.to_socket_.size() >= kMostHeld) {
    self.held_back_ = size;
    return 0;
  }
  self.to_socket_.append(static_cast<const char*>(data), size);
  return static_cast<int>(size);
}

void Tunnel::OnEof(ssh_session, ssh_channel, void* object) { static_cast<Tunnel*>(object)->remote_eof_ = true; }

void Tunnel::OnClose(ssh_session, ssh_channel, void* object) { static_cast<Tunnel*>(object)->remote_closed_ = true; }

// Takes all of what libssh kept, at once: each read opens the window anew, so that small ones would
// let more and more pile up.
void Tunnel::ReceiveHeldBack() {
  while (held_back_ > 0) {
    const size_t before = to_socket_.size();
    to_socket_.resize(before + held_back_);
    const int count =
        ssh_channel_read_nonblocking(channel_.get(), to_socket_.data() + before, static_cast<uint32_t>(held_back_), 0);
    to_socket_.resize(before + static_cast<size_t>(std::max(count, 0)));
    held_back_ = count > 0 ? held_back_ - std::min(held_back_, static_cast<size_t>(count)) : 0;
  }
}

// False: nobody reads from the socket any more.
bool Tunnel::ToSocket() {
  while (!to_socket_.empty()) {
    const ssize_t count =
        send(socket_.get(), to_socket_.data() + written_, to_socket_.size() - written_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    written_ += static_cast<size_t>(count);
    if (written_ < to_socket_.size()) continue;
    to_socket_.clear();
    written_ = 0;
    ReceiveHeldBack();
  }
  if (remote_eof_ && !remote_closed_) shutdown(socket_.get(), SHUT_WR);
  return true;
}

// False: the channel cannot be written to any more, or the socket's other end is gone.
bool Tunnel::ToChannel(short events) {
  bool gone = false;
  const size_t window = ssh_channel_window_size(channel_.get());
  const bool readable = (events & (POLLIN | POLLHUP | POLLERR)) != 0;
  if (readable && window > 0 && to_channel_.empty() && !local_eof_) {
    char piece[kLargestPiece];
    const ssize_t count = recv(socket_.get(), piece, std::min(sizeof piece, window), MSG_DONTWAIT);
    if (count > 0) to_channel_.assign(piece, static_cast<size_t>(count));
    local_eof_ = count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
    gone = local_eof_ && (events & (POLLHUP | POLLERR)) != 0;
  }
  if (!to_channel_.empty() && !remote_closed_) {
    const int count = ssh_channel_write(channel_.get(), to_channel_.data(), static_cast<uint32_t>(to_channel_.size()));
    if (count < 0) return false;
    to_channel_.erase(0, static_cast<size_t>(count));
  }
  if (gone) return false;
  if (local_eof_ && to_channel_.empty() && !remote_closed_) ssh_channel_send_eof(channel_.get());
  return true;
}

// The link or the channel takes nothing now. Poll(2) tells when the link does again, and the server
// says when its window opens.
bool Tunnel::Clogged() const {
  return (ssh_get_status(link_.session()) & SSH_WRITE_PENDING) != 0 || ssh_channel_window_size(channel_.get()) == 0;
}

}  // namespace passthrough
