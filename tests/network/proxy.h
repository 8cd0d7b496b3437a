// A TCP proxy on the loopback that can be made as bad as a network can be.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <thread>

#include "helpers/base/descriptor.h"

namespace passthrough {

// Serves any number of connections to 127.0.0.1:`target`, all on one thread. Any thread may call it.
class Proxy {
 public:
  struct Options {
    std::chrono::milliseconds latency{0};  // each way
    size_t bytes_per_second = 0;           // each way; 0: no limit
    // A lost segment, as TCP shows it to a program: after this many bytes nothing comes for `stall`. 0: never.
    size_t stall_every = 0;
    std::chrono::milliseconds stall{200};
    // Bytes that get to the client of each connection before it is cut; both sides are told.
    std::optional<size_t> cut_after;
    bool reset = false;  // the cut is a reset (RST), not an orderly end
    // Bytes that get to the client before nothing passes any more on any connection, and nobody is told.
    std::optional<size_t> freeze_after;
    std::chrono::milliseconds delay{0};  // from the client's connection to the one to the target: a slow server
  };

  explicit Proxy(uint16_t target) : Proxy(target, Options()) {}
  Proxy(uint16_t target, const Options& options);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  uint16_t port() const { return port_; }
  // Nothing passes any more, on new connections neither, and nobody is told.
  void Freeze() { frozen_ = true; }
  void Thaw() { frozen_ = false; }
  // Ends all connections that there are now; new ones are served.
  void CutAll() { cut_all_ = true; }
  size_t connections() const { return connections_; }            // so far
  size_t bytes_to_clients() const { return bytes_to_clients_; }  // so far

 private:
  struct Flow;
  struct Connection;

  void Run();
  void Accept();
  void CutIfTold();
  // False: the connection is over.
  bool Step(Connection& connection);
  bool Read(Flow& flow);
  bool Write(Flow& flow, bool to_client);

  const uint16_t target_;
  const Options options_;
  uint16_t port_ = 0;
  Descriptor listener_;
  std::list<std::unique_ptr<Connection>> open_;  // the thread's own
  std::atomic<bool> frozen_{false};
  std::atomic<bool> cut_all_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<size_t> connections_{0};
  std::atomic<size_t> bytes_to_clients_{0};
  std::thread thread_;
};

}  // namespace passthrough
