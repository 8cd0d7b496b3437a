// One connection to a jump host.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/base/descriptor.h"
#include "helpers/base/error.h"
#include "helpers/ssh/link.h"
#include "helpers/ssh/tunnel.h"

namespace passthrough {

// The connection to the jump host is gone; a new one may help.
class JumpLinkError : public SshError {
 public:
  using SshError::SshError;
};

// A thread of its own owns the link and all tunnels; others hand it requests through `waiting_` and wake
// it. Any thread may open tunnels.
class JumpConnection {
 public:
  explicit JumpConnection(Link link);
  ~JumpConnection();  // ends every tunnel
  JumpConnection(const JumpConnection&) = delete;
  JumpConnection& operator=(const JumpConnection&) = delete;

  // As JumpHost::OpenTunnel; `what` is being done, for messages. Throws JumpLinkError where the link is
  // broken, or breaks meanwhile.
  int Open(const std::string& host, uint16_t port, const Deadline& deadline, const std::string& what);

 private:
  void Post(std::shared_ptr<TunnelRequest> request);
  void Wake();

  // All below on thread_.
  void Run();
  // Waits until anything can be done, and does all of it.
  void Turn();
  void StartWaiting();
  // Ends every tunnel, and tells why to those who wait for one.
  void Break(const std::string& reason);

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

}  // namespace passthrough
