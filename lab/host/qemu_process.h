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
// its working directory and its output appended to directory/qemu.log. `owner` stands in its environment, for
// StrayQemus. Throws ProcessError.
pid_t StartQemu(const std::vector<std::string>& arguments, const std::filesystem::path& directory,
                const std::string& owner = {});

// A QEMU of a lab that nothing in the lab's directory tells of.
struct StrayQemu {
  pid_t process = 0;
  std::string name;   // for StopQemu
  std::string owner;  // as StartQemu was given it
};

// Those that StartQemu started in `directory`, by a name that begins with `prefix`, where the directory was deleted
// since (another one may be in its place), or where `record`, which is there as long as a lab is, is missing. Processes
// of another mount namespace do not count: what they call `directory` is another one. Read from /proc.
std::vector<StrayQemu> StrayQemus(const std::filesystem::path& directory, const std::string& prefix,
                                  const std::filesystem::path& record);

// Ends the QEMU called `name`, if there is one: asks through `qmp_socket`, kills it if that does
// not help within `grace`, or at once where that is empty, and returns when the process is gone. Throws Error where
// even that fails. Teardown: an interruption does not stop it.
void StopQemu(const std::string& name, const std::filesystem::path& qmp_socket,
              std::chrono::milliseconds grace = std::chrono::seconds(3));

// The version that `qemu --version` prints in its first line. Throws ProcessError.
std::string QemuVersion(const std::filesystem::path& qemu);

// Where qemu-system-x86_64 is. Throws Error that names the package to install.
std::filesystem::path QemuProgram();

}  // namespace passthrough
