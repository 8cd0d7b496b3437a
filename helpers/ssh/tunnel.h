// One connection through a jump host: a direct-tcpip channel on one side, a socket on the other.
#pragma once

#include <libssh/callbacks.h>
#include <poll.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "helpers/base/descriptor.h"
#include "helpers/ssh/link.h"

namespace passthrough {

// Somebody waits for a tunnel, in another thread than the one that opens it.
struct TunnelRequest {
  std::string host;
  uint16_t port = 0;

  std::mutex mutex;
  std::condition_variable answered;
  bool done = false;
  bool abandoned = false;  // nobody waits any more
  Descriptor stream;       // the answer, or
  std::string problem;
  bool link_broke = false;  // and this is the problem

  // Gives the answer. Returns false where nobody wants it.
  bool Answer(Descriptor stream, std::string problem);
  // Answers that the link broke, and why.
  void GiveUp(const std::string& reason);
};

// Belongs to the thread that owns the link. Bytes go both ways as fast as the slower side takes
// them: what is held here is bounded (see OnData), the rest waits in sockets and in the channel's
// window.
class Tunnel {
 public:
  // `number`: how many channels the session had with this one, which is libssh's number for it.
  Tunnel(Link& link, std::shared_ptr<TunnelRequest> request, unsigned number);
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // What to look for on the socket; descriptor -1 where there is nothing to look for.
  pollfd Interest() const;
  // Moves what can be moved now. `events`: what poll(2) found. False: the tunnel is at its end.
  bool Step(short events);
  // Tells whoever waits for this tunnel that it will not come.
  void GiveUp(const std::string& problem);

 private:
  static int OnData(ssh_session session, ssh_channel channel, void* data, uint32_t size, int is_error, void* object);
  static void OnEof(ssh_session session, ssh_channel channel, void* object);
  static void OnClose(ssh_session session, ssh_channel channel, void* object);

  bool Open();
  bool Refuse();
  void ReceiveHeldBack();
  bool ToSocket();
  bool ToChannel(short events);
  bool Clogged() const;

  Link& link_;
  std::shared_ptr<TunnelRequest> request_;  // until it is answered
  unsigned number_;
  Descriptor socket_;
  std::string to_socket_;   // came through the channel
  size_t written_ = 0;      // of to_socket_
  size_t held_back_ = 0;    // bytes that libssh keeps until to_socket_ is empty
  std::string to_channel_;  // came from the socket
  bool remote_eof_ = false;
  bool remote_closed_ = false;
  bool local_eof_ = false;
  ssh_channel_callbacks_struct callbacks_ = {};
  ChannelHandle channel_;
};

}  // namespace passthrough
