// One authenticated libssh session, and waiting on it.
#pragma once

#include <string>
#include <string_view>

#include "helpers/base/deadline.h"
#include "helpers/ssh/keep_alive.h"
#include "helpers/ssh/libssh_handles.h"

namespace passthrough {

// Tells the server that an open channel is closed, where the connection is still there.
void CloseChannel(ssh_channel channel);

// Belongs to one thread at a time.
class Link {
 public:
  // `session` is authenticated and in non-blocking mode. `name`: "admin@192.168.140.11".
  Link(SessionHandle session, std::string name);

  ssh_session session() const { return session_.get(); }
  const std::string& name() const { return name_; }
  KeepAlive& keep_alive() { return keep_alive_; }

  // What poll(2) should look for on descriptor(). WantedEvents throws SshError where the connection
  // broke while something was sent.
  int descriptor() const { return ssh_get_fd(session_.get()); }
  short WantedEvents() const;
  // Handles what came and sends what waits to be sent, without waiting. Throws SshError if the
  // connection broke; callbacks for what came before were made by then.
  void Handle();
  // Waits until something comes, or 100 ms, and handles it. Throws as Handle and Deadline::Check
  // do.
  void Wait(const Deadline& deadline, std::string_view what);

  // "admin@192.168.140.11: <what>: <libssh's last error>"
  std::string Describe(std::string_view what) const;

 private:
  std::string name_;
  SessionHandle session_;
  EventHandle event_;  // freed before the session
  KeepAlive keep_alive_;
};

}  // namespace passthrough
