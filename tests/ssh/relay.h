// A TCP relay on the loopback that can be told to pass nothing on: a link that was cut.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "helpers/base/descriptor.h"

namespace passthrough {

// Serves one connection to 127.0.0.1:`target`.
class Relay {
 public:
  explicit Relay(uint16_t target);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  uint16_t port() const { return port_; }
  // Nothing passes any more, and neither side is told.
  void Freeze() { frozen_ = true; }

 private:
  void Run();

  uint16_t target_;
  uint16_t port_ = 0;
  Descriptor listener_;
  std::atomic<bool> frozen_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// Passes bytes between `client` and 127.0.0.1:`target` until either ends.
void Pass(int client, uint16_t target);

// A socket of 127.0.0.1 that listens and does nothing else; its port in *port.
Descriptor Listen(uint16_t* port);

}  // namespace passthrough
