// Kinds of SshError that decide whether trying again makes sense. All others may pass by
// themselves.
#pragma once

#include "helpers/base/error.h"

namespace passthrough {

// Trying again gives the same: the key file, the agent, a host key that changed.
class SshSetupError : public SshError {
 public:
  using SshError::SshError;
};

// The server speaks, and does not let this key in.
class SshRefusedError : public SshError {
 public:
  using SshError::SshError;
};

}  // namespace passthrough
