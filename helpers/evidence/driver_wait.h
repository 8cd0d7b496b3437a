// Waiting on a node that has just booted until the driver took its GPUs: udev loads it beside sshd, so that a node may
// answer before its GPUs have one.
#pragma once

#include <string>

namespace passthrough {

// A command that ends as soon as each of NVIDIA's display functions has a driver, at once where the node is up for a
// minute or more, and after 30 s at the latest. Needs no privileges. Prints "waited" where it waited with success,
// "no driver" where it did not help. Exit status 0. `sys`, `proc`: for tests.
std::string DriverWaitCommand(const std::string& sys = "/sys", const std::string& proc = "/proc");

}  // namespace passthrough
