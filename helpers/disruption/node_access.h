// What a disruption asks of the node, and does to it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/ssh/ssh_session.h"

namespace passthrough {

// One connection to a machine.
class NodeSession {
 public:
  virtual ~NodeSession() = default;
  // Runs remote/actions/<action>.sh as root. A non-zero exit status is a value. Throws Error; TimeoutError,
  // InterruptedError as the deadline says.
  virtual ExecResult Run(const std::string& action, const std::vector<std::string>& arguments,
                         const Deadline& deadline) = 0;
};

// The ways to a node. One thread.
class NodeAccess {
 public:
  virtual ~NodeAccess() = default;
  // Waits until the node answers. Throws Error; TimeoutError, InterruptedError as the deadline says.
  virtual std::unique_ptr<NodeSession> Connect(const Deadline& deadline) = 0;
  // One attempt. Throws as Connect() does.
  virtual std::unique_ptr<NodeSession> TryConnect() = 0;
  // The address at which the node is looked for, and another one, where it has the same host key.
  virtual std::string Host() const = 0;
  virtual void MoveTo(const std::string& host) = 0;
  // Runs the probes and writes evidence/<node>/<snapshot>/; what fails is in there. Throws InterruptedError, and
  // EvidenceError where it cannot be written.
  virtual void TakeSnapshot(const std::string& snapshot) = 0;
};

}  // namespace passthrough
