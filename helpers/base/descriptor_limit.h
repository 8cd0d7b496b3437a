// How many descriptors this process may have.
#pragma once

#include <sys/resource.h>

namespace passthrough {

// Raises the soft limit to the hard one, once, before threads start: a connection to a node takes several descriptors,
// and the usual soft limit of 1024 is there for programs that use select(2) (systemd, "File Descriptor Limits").
void RaiseDescriptorLimit() noexcept;

// What this process was started with, for the programs that it starts: they may use select(2). Async-signal-safe.
const rlimit& InheritedDescriptorLimit() noexcept;

}  // namespace passthrough
