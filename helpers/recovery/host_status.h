// Whether a host that a profile brings up and down is up.
#pragma once

#include <string>
#include <vector>

#include "helpers/config/profile.h"

namespace passthrough {

enum class HostState { kUp, kDown, kUnknown };

// What the profile's host.status says: up with exit status 0, down with 1. Everything else (another exit status such as
// ssh's 255, an end by a signal, no end within 30 s, no such command, no command at all) is no knowledge: what was on
// the host may be there still. Throws nothing; not interruptible.
HostState AskForHostState(const std::vector<std::string>& status_command);

inline bool HostIsKnownDown(const std::vector<std::string>& status_command) {
  return AskForHostState(status_command) == HostState::kDown;
}

// Throws Error where a program that the profile brings its host up or down with is named by its path and is not there.
void RequireHostPrograms(const Profile& profile);

}  // namespace passthrough
