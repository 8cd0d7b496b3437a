// Plain TCP connections, made under a deadline.
#pragma once

#include <cstdint>
#include <string>

#include "helpers/base/deadline.h"
#include "helpers/base/descriptor.h"

namespace passthrough {

// A connected, non-blocking TCP socket; each address of `host` is tried in turn. It notices within
// a minute that the other end is gone. Throws SshError with the system's reason ("Connection
// refused"), TimeoutError, InterruptedError.
Descriptor ConnectTcp(const std::string& host, uint16_t port, const Deadline& deadline);

}  // namespace passthrough
