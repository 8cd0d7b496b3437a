// Starting, finding and ending the QEMU of a lab. It outlives the command that starts it, so it is
// found again by the name it was given, never by a process id from a file.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"

namespace passthrough {

// A running QEMU whose arguments contain "-name", `name`. One that ended and was not waited for yet
// does not count. Read from /proc.
std::optional<pid_t> FindQemu(const std::string& name);

// Starts `arguments` (the program, absolute, first) in a session of its own, with `directory` as
// its working directory and its output appended to directory/qemu.log. Throws ProcessError.
pid_t StartQemu(const std::vector<std::string>& arguments, const std::filesystem::path& directory);

// Ends the QEMU called `name`, if there is one: asks through `qmp_socket`, kills it if that does
// not help within `grace`, and returns when the process is gone. Throws Error where even that
// fails. Teardown: an interruption does not stop it.
void StopQemu(const std::string& name, const std::filesystem::path& qmp_socket,
              std::chrono::milliseconds grace = std::chrono::seconds(3));

// The version that `qemu --version` prints in its first line. Throws ProcessError.
std::string QemuVersion(const std::filesystem::path& qemu);

// Where qemu-system-x86_64 is. Throws Error that names the package to install.
std::filesystem::path QemuProgram();

}  // namespace passthrough
