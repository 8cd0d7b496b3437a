// Whether a host that a profile brings up and down is down.
#pragma once

#include <string>
#include <vector>

namespace passthrough {

// True where the profile's host.status says so: exit status 1. Everything else (another exit status such as ssh's 255,
// an end by a signal, no end within 30 s, no such command, no command at all) is no knowledge: what was on the host may
// be there still. Throws nothing; not interruptible.
bool HostIsKnownDown(const std::vector<std::string>& status_command);

}  // namespace passthrough
